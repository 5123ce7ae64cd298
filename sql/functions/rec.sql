-- What a recommendation is made of: live history, what the last run left in rec, and their sum.
-- The same arithmetic as kgfeatures/recommend; tests/sql/test_rec.py holds them together.

create or replace view rec.product_neighbor
with (security_invoker = true) as
select
    list.run_id,
    signal.signal,
    list.product_id,
    popular.product_id as neighbor_id,
    entry.weight
from rec.neighbor_list as list
cross join
    lateral unnest(list.neighbors, list.weights) as entry (neighbor, weight)
inner join (
    values ('bought_together', 1), ('shared_triples', 2), ('text', 3), ('factors', 4)
) as signal (signal, signal_no) on signal.signal_no = entry.neighbor & 7
inner join rec.popular on popular.product_no = entry.neighbor >> 3;
comment on view rec.product_neighbor is
'Which products go with a product. One row per signal and ordered pair: weight is what a purchase of product_id adds to the signal''s score of neighbor_id, unbounded, higher is better. Packed in rec.neighbor_list.';

create or replace function rec.history_hash(customer_id text, known_at timestamptz default now())
returns bigint
language sql stable
set search_path = pg_catalog
as $$
    -- Half of each hash, so that a million equal lines add up to no more than a bigint.
    select
        coalesce(
            sum(
                hash_record_extended(row(interaction.product_id, interaction.occurred_at), 0) >> 20
            ),
            0
        )::bigint
    from raw.interaction
    where
        interaction.customer_id = history_hash.customer_id
        and interaction.event = 'purchase'
        and interaction.occurred_at <= history_hash.known_at
$$;
comment on function rec.history_hash(text, timestamptz) is
'Tells whether a customer''s purchases until known_at are those of another time: a sum over products and moments, the same in any order. 0 without purchases.';

create or replace function rec.history(
    customer_id text, known_at timestamptz default now(), ignored text[] default '{}'
)
returns table (
    product_id text, last_at timestamptz, weight double precision, ignored boolean
)
language sql stable rows 20
set search_path = pg_catalog
as $$
    with bought as (
        select
            interaction.product_id,
            max(interaction.occurred_at) as last_at
        from raw.interaction
        where
            interaction.customer_id = history.customer_id
            and interaction.event = 'purchase'
            and interaction.occurred_at <= known_at
        group by interaction.product_id
    )

    select
        bought.product_id,
        bought.last_at,
        coalesce(
            power(
                0.5::float8,
                extract(epoch from max(bought.last_at) over () - bought.last_at)::float8
                / 86400 / run.memory_half_life_days
            ),
            1
        ) as weight,
        bought.product_id = any(history.ignored) as ignored
    from bought
    left join rec.run on true
$$;
comment on function rec.history(text, timestamptz, text[]) is
'What a customer bought until known_at. One row per product; weight in (0, 1] halves with every half-life before the customer''s last purchase; ignored: it is one of the products to leave out.';

create or replace function rec.graph_model() returns int
language sql stable
set search_path = pg_catalog
return (
    select alias.model_id
    from emb.alias
    inner join emb.model on alias.model_id = model.model_id
    where alias.alias = 'graph' and model.scorer = 'transe_l2'
);
comment on function rec.graph_model() is
'The graph vectors in use, null without any, or when their score is no Euclidean distance from head + relation to tail.';

create or replace function rec.graph_distance(
    entity_type text, key text, relation text default null
)
returns table (product_id text, distance double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    model int := rec.graph_model();
    origin vector;
    offset_vector vector;
begin
    if model is null then
        return;
    end if;
    execute format('select m.v from emb.%I as m where m.entity_id = $1', 'm_' || model)
    into origin using kg.entity_id(entity_type, key);
    if relation is not null then
        execute format(
            'select m.v from emb.%I as m where m.relation_id = $1 and m.direction = ''out''',
            'm_' || model || '_relation'
        ) into offset_vector using kg.relation_id(relation);
        origin := origin + offset_vector;
    end if;
    if origin is null then
        return;
    end if;
    -- The feature table holds the same vectors of the products alone, by their own keys.
    if (
        select count(*) = 3 from pg_attribute
        where
            attrelid = to_regclass('feature.product_graph_vector')
            and attname in ('product_id', 'graph_vector', 'model_id')
    ) then
        return query execute
            'select t.product_id, t.graph_vector <-> $1 from feature.product_graph_vector as t '
            'where t.model_id = $2'
        using origin, model;
        if found then
            return;
        end if;
    end if;
    return query execute format(
        'select product.key, m.v <-> $1 from emb.%I as m '
        'inner join kg.entity as product on m.entity_id = product.entity_id '
        'where product.entity_type = ''product''',
        'm_' || model
    ) using origin;
end
$$;
comment on function rec.graph_distance(text, text, text) is
'How far every product is from an entity''s graph vector moved by a relation (TransE), Euclidean, lower is nearer. Exact scan; no rows without a vector. One row per product.';

create or replace function rec.graph_vectors(entity_type text)
returns table (key text, v vector)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    model int := rec.graph_model();
begin
    if model is null then
        return;
    end if;
    if entity_type = 'relation' then
        return query execute format(
            'select relation.name, m.v from emb.%I as m inner join kg.relation using (relation_id) '
            'where m.direction = ''out'' order by relation.name collate "C"',
            'm_' || model || '_relation'
        );
        return;
    end if;
    return query execute format(
        'select entity.key, m.v from emb.%I as m inner join kg.entity using (entity_id) '
        'where entity.entity_type = $1 order by entity.key collate "C"',
        'm_' || model
    ) using entity_type;
end
$$;
comment on function rec.graph_vectors(text) is
'The graph vectors in use of one entity type, by the shop''s key; relation gives relations by name, from head to tail. None before vectors were trained. One row per entity.';

create or replace function rec.text_vectors()
returns table (product_id text, v vector)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    if to_regclass('feature.product_text_vector') is not null then
        return query execute
            'select t.product_id, t.text_vector from feature.product_text_vector as t '
            'order by t.product_id collate "C"';
    end if;
end
$$;
comment on function rec.text_vectors() is
'The text vectors in use of products, by the shop''s key; none before texts were encoded. One row per product.';

create or replace function rec.highest(
    customer_id text, known_at timestamptz default now()
)
returns double precision[]
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    found_before double precision[] := (
        select list.highest
        from rec.run
        inner join rec.customer_list as list on run.run_id = list.run_id
        where
            list.customer_id = highest.customer_id
            and list.history_hash = rec.history_hash(highest.customer_id, highest.known_at)
            and not row_security_active('rec.neighbor_list')
    );
begin
    if found_before is not null then
        return found_before;
    end if;
    return (
        with entry as (
            select
                history.weight as of_history,
                unnest(list.neighbors) as neighbor,
                unnest(list.weights) as weight
            from rec.history(highest.customer_id, highest.known_at) as history
            inner join rec.neighbor_list as list
                on history.product_id = list.product_id and list.weighed
        ),

        score as (
            select
                entry.neighbor & 7 as signal_no,
                sum(entry.of_history * entry.weight) as score
            from entry
            group by entry.neighbor
        ),

        best as (
            select score.signal_no, max(score.score) as score
            from score
            group by score.signal_no
        )

        select array_agg(nullif(best.score, 0) order by signal.signal_no)
        from generate_series(1, 4) as signal (signal_no)
        left join best on signal.signal_no = best.signal_no
    );
end
$$;
comment on function rec.highest(text, timestamptz) is
'What scores are scaled by: for bought_together, shared_triples, text and factors the highest score that a customer''s purchases until known_at give to any product, bought or not; null without one.';

create or replace function rec.graph_parts(
    customer_id text, by_graph double precision, known_at timestamptz default now()
)
returns table (product_no int, graph_vector double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
#variable_conflict use_column
begin
    -- Vectors that were trained on what happened after known_at say nothing.
    if not exists (
        select from emb.model
        where model.model_id = rec.graph_model() and model.known_at <= graph_parts.known_at
    ) then
        return;
    end if;
    return query
    select
        popular.product_no,
        by_graph * exp(min(near.distance) over () - near.distance)
    from rec.graph_distance('customer', graph_parts.customer_id, 'bought') as near
    inner join rec.popular on near.product_id = popular.product_id;
end
$$;
comment on function rec.graph_parts(text, double precision, timestamptz) is
'What a customer''s graph vector adds to the scores of products, given the weight of graph_vector; nothing when it was learned after known_at. One row per product (rec.popular.product_no).';

create or replace function rec.parts(
    customer_id text,
    known_at timestamptz default now(),
    ignored text[] default '{}',
    best int default null,
    exclude_bought boolean default false,
    among int[] default null
)
returns table (
    product_no int,
    bought_together double precision,
    shared_triples double precision,
    text double precision,
    factors double precision,
    graph_vector double precision
)
language plpgsql stable
set search_path = pg_catalog
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    by_history double precision[];
    by_graph double precision;
    by_popular double precision;
    scales double precision[];
begin
    select
        array[
            max(blend.weight) filter (where signal = 'bought_together'),
            max(blend.weight) filter (where signal = 'shared_triples'),
            max(blend.weight) filter (where signal = 'text'),
            max(blend.weight) filter (where signal = 'factors')
        ],
        coalesce(max(blend.weight) filter (where signal = 'graph_vector'), 0),
        coalesce(max(blend.weight) filter (where signal = 'popular'), 0)
    into by_history, by_graph, by_popular
    from rec.blend;
    -- The best of all products, bought or not, scales to 1, whatever is ignored.
    if parts.ignored <> '{}' then
        scales := rec.highest(parts.customer_id, parts.known_at);
    end if;
    return query
    with purchase as materialized (
        select history.product_id, history.weight, history.ignored
        from rec.history(parts.customer_id, parts.known_at, parts.ignored) as history
    ),

    -- Unnested side by side where they are selected: a third quicker than in the from clause.
    entry as (
        select
            purchase.weight as of_history,
            unnest(list.neighbors) as neighbor,
            unnest(list.weights) as weight
        from purchase
        inner join rec.neighbor_list as list
            on purchase.product_id = list.product_id and list.weighed
        where not purchase.ignored
    ),

    hit as materialized (
        select
            entry.neighbor >> 3 as product_no,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 1) as together,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 2) as triples,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 3) as text,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 4) as factors
        from entry
        group by entry.neighbor >> 3
    ),

    scale as (
        select
            by_history[1] / coalesce(scales[1], nullif(max(hit.together), 0)) as together,
            by_history[2] / coalesce(scales[2], nullif(max(hit.triples), 0)) as triples,
            by_history[3] / coalesce(scales[3], nullif(max(hit.text), 0)) as text,
            by_history[4] / coalesce(scales[4], nullif(max(hit.factors), 0)) as factors
        from hit
    ),

    said as not materialized (
        select
            hit.product_no,
            coalesce(hit.together * (select scale.together from scale), 0) as together,
            coalesce(hit.triples * (select scale.triples from scale), 0) as triples,
            coalesce(hit.text * (select scale.text from scale), 0) as text,
            coalesce(hit.factors * (select scale.factors from scale), 0) as factors
        from hit
    ),

    part as (
        select said.*, 0::double precision as graph
        from said
        where by_graph = 0
        union all
        select
            coalesce(said.product_no, near.product_no),
            coalesce(said.together, 0),
            coalesce(said.triples, 0),
            coalesce(said.text, 0),
            coalesce(said.factors, 0),
            coalesce(near.graph_vector, 0)
        from said
        full join
            rec.graph_parts(parts.customer_id, by_graph, parts.known_at) as near
            on said.product_no = near.product_no
        where by_graph > 0
    ),

    candidate as materialized (
        select
            part.*,
            part.together + part.triples + part.text + part.factors + part.graph as score
        from part
        where
            (parts.among is null or part.product_no in (select unnest(parts.among)))
            and (
                not parts.exclude_bought
                or part.product_no not in (
                    select popular.product_no
                    from purchase
                    inner join rec.popular on purchase.product_id = popular.product_id
                )
            )
    ),

    -- Popularity adds by_popular at most: who is further behind cannot be among the best.
    least as (
        select candidate.score - by_popular - 1e-6 as score
        from candidate
        where parts.best is not null
        order by candidate.score desc
        limit 1 offset parts.best - 1
    )

    select
        candidate.product_no,
        candidate.together,
        candidate.triples,
        candidate.text,
        candidate.factors,
        candidate.graph
    from candidate
    where candidate.score >= coalesce((select least.score from least), 0);
end
$$;
comment on function rec.parts(text, timestamptz, text[], int, boolean, int[]) is
'What each signal but popularity adds to the score of products for a customer; with rec.blend''s weight of popular times rec.popular.score their sum is the score, in [0, 1]. One row per product (rec.popular.product_no) of which a signal says something, bought ones too. Scales stay those of the whole history, whatever is ignored. best: only products that may be among so many best ones; exclude_bought, among: of those not bought, of these.';

create or replace function rec.ignored_products(ignore jsonb) returns text[]
language plpgsql immutable
set search_path = pg_catalog
as $$
declare
    products jsonb := ignore -> 'products';
begin
    if ignore is null then
        return '{}';
    end if;
    if jsonb_typeof(ignore) <> 'object' or ignore - 'products' <> '{}' then
        raise exception 'ignore is %; the only key allowed is "products"', ignore using
            errcode = '22023',
            hint = 'Write {"products": ["<product id>"]}. Triples cannot be ignored one by one: '
            'vectors learned from all of them at once.';
    end if;
    if jsonb_typeof(products) <> 'array' then
        raise exception 'ignore.products is %; it must be an array of product ids', products using
            errcode = '22023', hint = 'Write {"products": ["<product id>"]}.';
    end if;
    return array(select jsonb_array_elements_text(products));
end
$$;
comment on function rec.ignored_products(jsonb) is
'The product ids of {"products": […]}; none for null. Raises on anything else.';

create or replace function rec.require(k int, product_id text default null) returns void
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    if k is null or k < 1 then
        raise exception 'k is %; it must be at least 1', coalesce(k::text, 'null') using
            errcode = '22023', hint = 'k is the number of rows wanted.';
    end if;
    if not exists (select from rec.run) then
        raise exception 'nothing can be recommended yet' using
            errcode = '55000', hint = 'Run: kgfeatures recommend';
    end if;
    if product_id is not null and not exists (
        select from rec.popular where popular.product_id = require.product_id
    ) then
        raise exception 'no product "%" was known when recommendations were computed', product_id using
            errcode = 'P0002', hint = 'rec.popular lists the products; kgfeatures recommend renews it.';
    end if;
end
$$;
comment on function rec.require(int, text) is
'Raises a clear error unless k is at least 1, recommendations were computed, and the product is known (null asks for none).';
