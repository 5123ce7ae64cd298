-- The store of vectors: one table per model version, an alias that names the version in use.

-- Loads the extension's library: its settings below are refused to the owner until it is there.
select vector_dims('[0]'::vector) as loaded;

create or replace function emb.model_in_use(alias text) returns int
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    found_id int;
begin
    select known.model_id into found_id from emb.alias as known where known.alias = model_in_use.alias;
    if found_id is null then
        raise exception 'no vectors are called "%"', model_in_use.alias using
            errcode = '22023',
            hint = ops.nearest_names(model_in_use.alias, array(select known.alias from emb.alias as known));
    end if;
    return found_id;
end
$$;
comment on function emb.model_in_use(text) is
'The version that an alias points to. An unknown alias is an error that names the nearest.';

create or replace function emb.create_tables(model_id int, dim int) returns void
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    perform emb.drop_tables(model_id);
    insert into ops.personal_data (schema_name, table_name, column_name, holds)
    values ('emb', 'm_' || model_id, 'entity_id', 'a hash of the customer''s key where it is one');
    execute format(
        'create table emb.m_%1$s (entity_id bigint not null, v vector(%2$s) not null)', model_id, dim
    );
    execute format(
        'create table emb.m_%1$s_relation (
            relation_id bigint not null,
            direction text not null check (direction in (''out'', ''in'')),
            v vector(%2$s) not null
        )', model_id, dim
    );
    execute format(
        'comment on table emb.m_%1$s is ''Vectors of model %1$s, see emb.model. One row per entity.''', model_id
    );
    execute format(
        'comment on table emb.m_%1$s_relation is ''Relation vectors of model %1$s: out = from head to tail, in = from tail to head. One row per relation and direction.''',
        model_id
    );
end
$$;
comment on function emb.create_tables(int, int) is
'Makes the empty tables of a model version, emb.m_<id> and emb.m_<id>_relation; what had these names is dropped.';

create or replace function emb.drop_tables(model_id int) returns void
language plpgsql
set search_path = pg_catalog
as $$
declare
    name text;
begin
    execute format('drop table if exists emb.m_%1$s, emb.m_%1$s_relation', model_id);
    delete from ops.personal_data as listed
    where listed.schema_name = 'emb' and listed.table_name = 'm_' || model_id;
    for name in
        select pg_class.relname from pg_class
        where pg_class.relnamespace = 'feature'::regnamespace and pg_class.relkind = 'r'
            and pg_class.relname like '%\_v' || drop_tables.model_id
    loop
        execute format('drop table feature.%I', name);
        delete from ops.personal_data as listed
        where listed.schema_name = 'feature' and listed.table_name = name;
    end loop;
end
$$;
comment on function emb.drop_tables(int) is
'Drops the tables of a model version: its vectors and its feature tables that are not in use.';

create or replace function emb.index_tables(model_id int) returns void
language plpgsql
set search_path = pg_catalog, public
as $$
declare
    card emb.model;
    operator_class text;
begin
    select known.* into strict card from emb.model as known where known.model_id = index_tables.model_id;
    operator_class := case card.operator
        when '<->' then 'vector_l2_ops' when '<+>' then 'vector_l1_ops'
        when '<#>' then 'vector_ip_ops' else 'vector_cosine_ops'
    end;
    execute format('alter table emb.m_%1$s add primary key (entity_id)', model_id);
    execute format('alter table emb.m_%1$s_relation add primary key (relation_id, direction)', model_id);
    -- pgvector indexes at most 2000 dimensions; wider vectors are always scanned exactly.
    if card.dim <= 2000 then
        execute format('create index on emb.m_%1$s using hnsw (v %2$s)', model_id, operator_class);
    end if;
    execute format('analyze emb.m_%1$s', model_id);
end
$$;
comment on function emb.index_tables(int) is
'Adds the keys and the HNSW index to the loaded tables of a model version.';

create or replace function emb.count_types(model_id int)
returns table (entity_type text, entities bigint)
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    return query execute format(
        'select entity.entity_type, count(*)
        from emb.m_%1$s as m
        left join kg.entity on m.entity_id = entity.entity_id
        group by entity.entity_type
        order by entity.entity_type', model_id
    );
end
$$;
comment on function emb.count_types(int) is
'How many entities of each type a model version has vectors of; type null = vectors of no known entity.';

create or replace function emb.create_feature_table(model_id int, entity_type text, table_name text)
returns bigint
language plpgsql
set search_path = pg_catalog, public
as $$
declare
    made text := format('%s_v%s', table_name, model_id);
    key_name text := entity_type || '_id';
    -- product_graph_vector holds the column graph_vector
    vector_name text := regexp_replace(table_name, '^' || entity_type || '_', '');
    rows bigint;
begin
    execute format(
        'create table feature.%1$I as
        select
            entity.key as %2$I,
            model.known_at as event_timestamp,
            model.known_at as created_timestamp,
            model.model_id,
            m.v as %3$I
        from emb.%4$I as m
        inner join kg.entity on m.entity_id = entity.entity_id
        inner join emb.model on model.model_id = $1
        where entity.entity_type = $2
        order by entity.key',
        made, key_name, vector_name, 'm_' || model_id
    ) using model_id, entity_type;
    get diagnostics rows = row_count;
    execute format(
        'alter table feature.%1$I
        alter column %2$I set not null,
        alter column event_timestamp set not null,
        alter column created_timestamp set not null,
        alter column model_id set not null,
        alter column %3$I set not null,
        add primary key (%2$I, event_timestamp, created_timestamp)',
        made, key_name, vector_name
    );
    execute format(
        'comment on table feature.%1$I is %4$L;
        comment on column feature.%1$I.%2$I is %5$L;
        comment on column feature.%1$I.event_timestamp is %6$L;
        comment on column feature.%1$I.created_timestamp is %7$L;
        comment on column feature.%1$I.model_id is %8$L;
        comment on column feature.%1$I.%3$I is %9$L',
        made, key_name, vector_name,
        format('Vectors of model %s, see emb.model. One row per %s.', model_id, entity_type),
        format('The shop''s key of the %s.', entity_type),
        'The cut-off: only what was known then is in the vectors.',
        'When the row could be known: the cut-off itself.',
        'The version that the vectors are of: all rows of this table have the same.',
        'The vector; comparable with those of the same version only.'
    );
    execute format('analyze feature.%I', made);
    if entity_type = 'customer' then
        insert into ops.personal_data (schema_name, table_name, column_name, holds)
        select 'feature', named.name, key_name, 'the customer''s key'
        from unnest(array[made, table_name]) as named (name)
        on conflict do nothing;
    end if;
    return rows;
end
$$;
comment on function emb.create_feature_table(int, text, text) is
'Makes feature.<table>_v<model_id> of a version''s vectors of one entity type; emb.activate gives it its plain name.';

create or replace function emb.activate(alias text, model_id int) returns void
language plpgsql
set search_path = pg_catalog
as $$
declare
    card emb.model;
    table_name text;
    replaced int;
begin
    select known.* into card from emb.model as known where known.model_id = activate.model_id;
    if card.model_id is null or card.alias <> activate.alias then
        raise exception 'model % is no version of "%"', activate.model_id, activate.alias using
            errcode = '22023',
            hint = 'Its versions: ' || array(
                select known.model_id from emb.model as known where known.alias = activate.alias
            )::text;
    end if;
    for table_name in
        select feeds.value from jsonb_each_text(card.parameters -> 'feature_tables') as feeds
    loop
        continue when to_regclass(format('feature.%I', table_name || '_v' || activate.model_id)) is null;
        if to_regclass(format('feature.%I', table_name)) is not null then
            execute format('select model_id from feature.%I limit 1', table_name) into replaced;
            -- A version that is published again replaces itself.
            execute case
                when replaced is null or replaced = activate.model_id
                then format('drop table feature.%I', table_name)
                else format('alter table feature.%I rename to %I', table_name, table_name || '_v' || replaced)
            end;
        end if;
        execute format(
            'alter table feature.%I rename to %I', table_name || '_v' || activate.model_id, table_name
        );
    end loop;
    insert into emb.alias (alias, model_id) values (activate.alias, activate.model_id)
    on conflict on constraint alias_pkey do update set model_id = excluded.model_id;
end
$$;
comment on function emb.activate(text, int) is
'Points an alias to another of its versions and swaps the feature tables with it; the replaced ones stay as <table>_v<model_id>.';

create or replace function emb.drop_model(model_id int) returns void
language plpgsql
set search_path = pg_catalog
as $$
begin
    if exists (select from emb.alias as known where known.model_id = drop_model.model_id) then
        raise exception 'model % is in use', model_id using
            errcode = '22023', hint = 'Let its alias point to another version first: emb.activate.';
    end if;
    perform emb.drop_tables(model_id);
    delete from emb.projection as map where map.model_id = drop_model.model_id;
    delete from emb.model as known where known.model_id = drop_model.model_id;
end
$$;
comment on function emb.drop_model(int) is
'Removes a version that no alias points to: its card, its vectors and its feature tables.';

create or replace function emb.vectors(alias text, entity_type text)
returns table (key text, v vector)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    return query execute format(
        'select entity.key, m.v
        from emb.%I as m
        inner join kg.entity on m.entity_id = entity.entity_id
        where entity.entity_type = $1',
        'm_' || emb.model_in_use(alias)
    ) using entity_type;
end
$$;
comment on function emb.vectors(text, text) is
'All vectors of one entity type in the version in use. One row per entity.';

create or replace function emb.vector_of(model_id int, entity_id bigint) returns vector
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    answer vector;
begin
    execute format('select m.v from emb.%I as m where m.entity_id = $1', 'm_' || model_id)
    into answer using entity_id;
    return answer;
end
$$;
comment on function emb.vector_of(int, bigint) is 'The vector of an entity in a model version; null = it has none.';

create or replace function emb.relation_vector(model_id int, relation_id bigint, direction text)
returns vector
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    answer vector;
begin
    execute format(
        'select m.v from emb.%I as m where m.relation_id = $1 and m.direction = $2',
        'm_' || model_id || '_relation'
    )
    into answer using relation_id, direction;
    return answer;
end
$$;
comment on function emb.relation_vector(int, bigint, text) is
'The vector of a relation in a model version, read from head to tail (out) or back (in); null = it has none.';

create or replace function emb.query_vector(scorer text, head vector, relation vector)
returns vector
language plpgsql immutable parallel safe
set search_path = pg_catalog, public
as $$
declare
    half int := vector_dims(head) / 2;
    head_re vector;
    head_im vector;
    relation_re vector;
    relation_im vector;
begin
    if scorer in ('transe_l2', 'transe_l1') then
        return head + relation;
    elsif scorer = 'distmult' then
        return head * relation;
    elsif scorer in ('complex', 'rotate_l2') then
        head_re := subvector(head, 1, half);
        head_im := subvector(head, half + 1, half);
        relation_re := subvector(relation, 1, half);
        relation_im := subvector(relation, half + 1, half);
        return (head_re * relation_re - head_im * relation_im)
            || (head_re * relation_im + head_im * relation_re);
    end if;
    raise exception 'vectors of scorer "%" cannot be moved by a relation in SQL', scorer using
        errcode = '22023',
        hint = 'Use an alias of graph vectors: transe, distmult, complex or rotate.';
end
$$;
comment on function emb.query_vector(text, vector, vector) is
'What the vectors of tails are compared with for a head and a relation: h + r for TransE, the product for DistMult, the complex product for ComplEx and RotatE.';

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

create or replace function emb.nearest_exact(
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
as $$
begin
    -- "+ 0" keeps the index out: a filtered index scan returns too few rows.
    return query execute format(
        'select m.entity_id, (m.v %s $1) + 0 as distance
        from emb.%I as m
        where %s and m.entity_id <> all($5)
        order by distance, m.entity_id
        limit $2',
        (select model.operator from emb.model where model.model_id = nearest_exact.model_id),
        'm_' || model_id, emb.candidate_condition(entity_type, allowed)
    ) using query, k, entity_type, allowed, excluded;
end
$$;
comment on function emb.nearest_exact(int, vector, int, text, bigint[], bigint[]) is
'The k entities whose vectors are nearest to a query by the model''s operator, nearest first, ties by id: all candidates are compared.';

create or replace function emb.candidate_condition(entity_type text, allowed bigint[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    select case
        when allowed is not null then 'm.entity_id = any($4)'
        when entity_type is null then 'true'
        -- a scalar sub-select stays a filter; a join would make the planner leave the vector index
        else '(select e.entity_type from kg.entity as e where e.entity_id = m.entity_id) = $3'
    end
$$;
comment on function emb.candidate_condition(text, bigint[]) is
'The condition on candidates m in the statements of emb.nearest_exact and emb.nearest_indexed.';

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
    -- "relaxed" means nearly in order: sorted again outside.
    return query execute format(
        'select near.entity_id, near.distance
        from (
            select m.entity_id, m.v %1$s $1 as distance
            from emb.%2$I as m
            where %3$s and m.entity_id <> all($5)
            order by m.v %1$s $1
            limit $2
        ) as near
        order by near.distance + 0, near.entity_id',
        (select model.operator from emb.model where model.model_id = nearest_indexed.model_id),
        'm_' || model_id, emb.candidate_condition(entity_type, allowed)
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
    exact_up_to bigint default 20000
)
returns table (entity_id bigint, distance double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    found_ids bigint[];
    distances double precision[];
begin
    -- Wider vectors have no index; asking for the width also loads the library with its settings.
    if vector_dims(query) <= 2000
        and emb.candidates(model_id, entity_type, allowed) > exact_up_to
    then
        select array_agg(near.entity_id), array_agg(near.distance) into found_ids, distances
        from emb.nearest_indexed(model_id, query, k, entity_type, allowed, excluded) as near;
    end if;
    if cardinality(found_ids) = k then
        return query select * from unnest(found_ids, distances);
    else
        return query
        select near.entity_id, near.distance
        from emb.nearest_exact(model_id, query, k, entity_type, allowed, excluded) as near;
    end if;
end
$$;
comment on function emb.nearest(int, vector, int, text, bigint[], bigint[], bigint) is
'The k nearest entities, nearest first: exactly while the candidates are few, else through the index; never fewer than there are.';

create or replace function emb.recall(alias text, n int default 100, k int default 10)
returns double precision
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    model_id int := emb.model_in_use(alias);
    answer double precision;
begin
    execute format(
        'with asked as (
            select m.v from emb.%I as m order by hashint8(m.entity_id) limit $1
        ),

        right_answer as (
            select asked.v, exact.rows, exact.farthest
            from asked
            cross join lateral (
                select count(*) as rows, max(near.distance) as farthest
                from emb.nearest_exact($2, asked.v, $3) as near
            ) as exact
        )

        select avg(share.found / right_answer.rows::double precision)
        from right_answer
        cross join lateral (
            select count(*) as found
            from emb.nearest_indexed($2, right_answer.v, $3) as near
            where near.distance <= right_answer.farthest
        ) as share', 'm_' || model_id
    ) into answer using n, model_id, k;
    return answer;
end
$$;
comment on function emb.recall(text, int, int) is
'How much of the k nearest the index finds, in [0, 1]: the mean over n entities of the version in use, always the same ones; whoever is as near as the k-th counts.';
