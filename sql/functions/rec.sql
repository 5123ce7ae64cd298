-- Recommendations: live history, neighbours, graph vectors and popularity, blended by weight.
-- The same arithmetic as kgfeatures/recommend; tests/sql/test_rec.py holds them together.

create or replace function rec.history(
    customer_id text, known_at timestamptz default now(), ignored text[] default '{}'
)
returns table (product_id text, last_at timestamptz, weight double precision)
language sql stable
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
            and interaction.product_id <> all(ignored)
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
        ) as weight
    from bought
    left join rec.run on true
$$;
comment on function rec.history(text, timestamptz, text[]) is
'What a customer bought until known_at, without the products ignored. One row per product; weight in (0, 1] halves with every half-life before the customer''s last purchase.';

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

create or replace function rec.parts(
    customer_id text, known_at timestamptz default now(), ignored text[] default '{}'
)
returns table (
    product_id text,
    bought_together double precision,
    graph_vector double precision,
    popular double precision
)
language sql stable
set search_path = pg_catalog
as $$
    with weight as (
        select
            max(blend.weight) filter (where signal = 'bought_together') as bought_together,
            max(blend.weight) filter (where signal = 'graph_vector') as graph_vector,
            max(blend.weight) filter (where signal = 'popular') as popular
        from rec.blend
    ),

    together as (
        select
            neighbor.neighbor_id as product_id,
            sum(history.weight * neighbor.weight) as score
        from rec.history(customer_id, known_at, ignored) as history
        inner join rec.product_neighbor as neighbor
            on
                neighbor.signal = 'bought_together'
                and history.product_id = neighbor.product_id
        group by neighbor.neighbor_id
    ),

    -- A vector that was trained on what happened after known_at says nothing.
    near as (
        select
            graph.product_id,
            graph.distance
        from rec.graph_distance('customer', customer_id, 'bought') as graph
        where exists (
            select from emb.model
            where model.model_id = rec.graph_model() and model.known_at <= parts.known_at
        )
    ),

    -- The best of all products, recommendable or not, bought or not, scales to 1.
    best as (
        select
            (select max(together.score) from together) as together,
            (select min(near.distance) from near) as near,
            (select nullif(max(popular.weight), 0) from rec.popular) as popular
    )

    select
        popular.product_id,
        coalesce(weight.bought_together * together.score / best.together, 0) as bought_together,
        coalesce(weight.graph_vector * exp(best.near - near.distance), 0) as graph_vector,
        coalesce(weight.popular * popular.weight / best.popular, 0) as popular
    from rec.popular
    cross join weight
    cross join best
    left join together on popular.product_id = together.product_id
    left join near on popular.product_id = near.product_id
$$;
comment on function rec.parts(text, timestamptz, text[]) is
'What each signal adds to the score of every product for a customer; the score is their sum, in [0, 1]. One row per product that can be recommended, bought ones too.';

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
            'the graph vectors learned from all of them at once.';
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

create or replace function rec.recommend(
    customer_id text,
    k int default 10,
    filters jsonb default null,
    exclude_bought boolean default true,
    ignore jsonb default null,
    known_at timestamptz default now()
)
returns table (rank int, product_id text, title text, score real, reason text)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    ignored text[] := rec.ignored_products(ignore);
begin
    perform rec.require(k);
    return query
    with bought as (
        select distinct interaction.product_id
        from raw.interaction
        where
            recommend.exclude_bought
            and interaction.customer_id = recommend.customer_id
            and interaction.event = 'purchase'
            and interaction.occurred_at <= recommend.known_at
    ),

    candidate as (
        select
            parts.product_id,
            (parts.bought_together + parts.graph_vector + parts.popular)::real as score,
            case
                when greatest(parts.bought_together, parts.graph_vector) = 0 then 'popular'
                when parts.popular > greatest(parts.bought_together, parts.graph_vector) then 'popular'
                when parts.graph_vector > parts.bought_together then 'graph_vector'
                else 'bought_together'
            end as reason
        from rec.parts(recommend.customer_id, recommend.known_at, ignored) as parts
        left join bought on parts.product_id = bought.product_id
        where
            bought.product_id is null
            and (
                recommend.filters is null
                or parts.product_id in (
                    select kept.product_id from kg.filter_products(recommend.filters, recommend.known_at) as kept
                )
            )
    ),

    -- First the k best, then their places: only these are sorted.
    best as (
        select candidate.*
        from candidate
        order by candidate.score desc, candidate.product_id collate "C"
        limit k
    )

    select
        row_number() over (order by best.score desc, best.product_id collate "C")::int,
        best.product_id,
        product.title,
        best.score,
        best.reason
    from best
    left join raw.product on best.product_id = product.product_id
    order by best.score desc, best.product_id collate "C";
end
$$;
comment on function rec.recommend(text, int, jsonb, boolean, jsonb, timestamptz) is
'The k products that a customer is most likely to want, best first; ties go by product id. score in [0, 1]. reason: the signal that says most (bought_together, graph_vector); popular = nothing else speaks for it, as for a customer without purchases. Fewer than k rows only when fewer products pass. known_at limits what is known of this customer; neighbours and popularity are those of the last run. ignore: {"products": […]} leaves purchases out of the history (what if?), they are still not recommended.';
