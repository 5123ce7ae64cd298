-- What the graph's and the texts' vectors in use say of products.

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
