-- The nearest vectors: exactly while they are few, by index above.

-- Loads the extension's library: its settings below are refused to the owner until it is there.
select vector_dims('[0]'::vector) as loaded;

create or replace function emb.candidates(model_id int, entity_type text, allowed bigint[])
returns bigint
language sql stable
set search_path = pg_catalog
as $$
    select coalesce(
        cardinality(candidates.allowed),
        (
            select sum(counted.value::bigint)
            from emb.model
            cross join lateral jsonb_each_text(model.metrics -> 'entities') as counted
            where
                model.model_id = candidates.model_id
                and (candidates.entity_type is null or counted.key = candidates.entity_type)
        ),
        0
    )
$$;
comment on function emb.candidates(int, text, bigint[]) is
'Among how many vectors emb.nearest has to choose: those allowed, else those of the type, by the model''s card.';

-- Without `projected` these would stay beside those that have it.
drop function if exists emb.nearest_exact(int, vector, int, text, bigint[], bigint[]);
drop function if exists emb.nearest_indexed(int, vector, int, text, bigint[], bigint[], boolean);
drop function if exists emb.nearest(int, vector, int, text, bigint[], bigint[], bigint);
drop function if exists emb.nearest(int, vector, int, text, bigint[], bigint[], bigint, boolean);
drop function if exists emb.candidate_condition(text, bigint[]);

create or replace function emb.comparison(model_id int, projected boolean) returns text
language sql stable
set search_path = pg_catalog
as $$
    select case
        when comparison.projected then 'm.projected <#> $1'
        else format('m.v %s $1', model.operator)
    end
    from emb.model
    where model.model_id = comparison.model_id
$$;
comment on function emb.comparison(int, boolean) is
'How the statements of emb.nearest_exact and emb.nearest_indexed compare entities m with a query $1: by the model''s operator, or by what TransR''s relations project.';

create or replace function emb.candidate_filter(
    entity_type text, allowed bigint[], by_index boolean
)
returns text
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select case
        when allowed is not null then 'm.entity_id = any($4)'
        -- Of each row that the index gives: a join would make the planner leave it.
        when by_index then
            '(select $3 is null or e.entity_type = $3 from kg.entity as e '
            'where e.entity_id = m.entity_id)'
        -- Of all rows at once, from few entities of a type to their vectors.
        when entity_type is not null then
            'm.entity_id in (select e.entity_id from kg.entity as e where e.entity_type = $3)'
        else 'exists (select from kg.entity as e where e.entity_id = m.entity_id)'
    end
$$;
comment on function emb.candidate_filter(text, bigint[], boolean) is
'The condition on candidates m in the statements of emb.nearest_exact and emb.nearest_indexed: those allowed, else the entities there are, of the type or of any.';

create or replace function emb.nearest_exact(
    model_id int,
    query vector,
    k int,
    entity_type text default null,
    allowed bigint[] default null,
    excluded bigint[] default '{}',
    projected boolean default false
)
returns table (entity_id bigint, distance double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    -- "+ 0" keeps the index out: a filtered index scan returns too few rows.
    return query execute format(
        'select m.entity_id, (%s) + 0 as distance
        from emb.%I as m
        where %s and m.entity_id <> all($5)
        order by distance, m.entity_id
        limit $2',
        emb.comparison(model_id, projected),
        'm_' || model_id, emb.candidate_filter(entity_type, allowed, by_index => false)
    ) using query, k, entity_type, allowed, excluded;
end
$$;
comment on function emb.nearest_exact(int, vector, int, text, bigint[], bigint[], boolean) is
'The k entities whose vectors are nearest to a query by the model''s operator, nearest first, ties by id: all candidates are compared. projected: by emb.m_<id>.projected, of TransR.';

create or replace function emb.search_width(model_id int) returns int
language sql stable
set search_path = pg_catalog
as $$
    select
        case
            when model.scorer in ('transe_l2', 'distmult', 'complex') then 100
            when model.scorer = 'rotate_l2' then 300
            when model.scorer = 'transe_l1' then 400
            else 200
        end
    from emb.model
    where model.model_id = search_width.model_id
$$;
comment on function emb.search_width(int) is
'The hnsw.ef_search at which the index of a version finds at least 98 of 100 of the ten nearest: measured by benchmarks/serving.py.';

create or replace function emb.nearest_indexed(
    model_id int,
    query vector,
    k int,
    entity_type text default null,
    allowed bigint[] default null,
    excluded bigint[] default '{}'
)
returns table (entity_id bigint, distance double precision)
language plpgsql stable
set search_path = pg_catalog, public
set "hnsw.ef_search" = 200
set "hnsw.iterative_scan" = 'relaxed_order'
set "hnsw.max_scan_tuples" = 200000
set "hnsw.scan_mem_multiplier" = 4
as $$
begin
    -- Until the end of this function, because it names the setting above.
    perform set_config('hnsw.ef_search', emb.search_width(model_id)::text, true);
    -- "relaxed" means nearly in order: sorted again outside.
    return query execute format(
        'select near.entity_id, near.distance
        from (
            select m.entity_id, %1$s as distance
            from emb.%2$I as m
            where %3$s and m.entity_id <> all($5)
            order by %1$s
            limit $2
        ) as near
        order by near.distance + 0, near.entity_id',
        emb.comparison(model_id, projected => false),
        'm_' || model_id, emb.candidate_filter(entity_type, allowed, by_index => true)
    ) using query, k, entity_type, allowed, excluded;
end
$$;
comment on function emb.nearest_indexed(int, vector, int, text, bigint[], bigint[]) is
'As emb.nearest_exact through the HNSW index: faster among many candidates, may miss some, may return fewer than k.';

create or replace function emb.nearest(
    model_id int,
    query vector,
    k int,
    entity_type text default null,
    allowed bigint[] default null,
    excluded bigint[] default '{}',
    exact_up_to bigint default 20000,
    projected boolean default false,
    around vector default null
)
returns table (entity_id bigint, distance double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    -- Of many rows an index would have to visit nearly all: one scan is cheaper.
    few bigint := greatest(exact_up_to, 20::bigint * k);
    looked_for vector := case when projected then around else query end;
    found_ids bigint[];
    distances double precision[];
begin
    -- Wider vectors have no index; asking for the width also loads the library with its settings.
    if vector_dims(looked_for) <= 2000 and emb.candidates(model_id, entity_type, allowed) > few then
        select array_agg(near.entity_id), array_agg(near.distance) into found_ids, distances
        from emb.nearest_indexed(
            model_id, looked_for, case when projected then greatest(200, 20 * k) else k end,
            entity_type, allowed, excluded
        ) as near;
        if projected then
            select array_agg(near.entity_id), array_agg(near.distance) into found_ids, distances
            from emb.nearest_exact(
                model_id, query, k, allowed => coalesce(found_ids, '{}'), projected => true
            ) as near;
        end if;
    end if;
    if cardinality(found_ids) = k then
        return query select * from unnest(found_ids, distances);
    else
        return query
        select near.entity_id, near.distance
        from emb.nearest_exact(
            model_id, query, k, entity_type, allowed, excluded, projected
        ) as near;
    end if;
end
$$;
comment on function emb.nearest(
    int, vector, int, text, bigint[], bigint[], bigint, boolean, vector
) is
'The k nearest entities, nearest first: exactly while the candidates are few, else through the index; never fewer than there are. projected: by emb.m_<id>.projected, of TransR; then the index gives many around a vector, which are compared exactly, and without that vector all are.';
