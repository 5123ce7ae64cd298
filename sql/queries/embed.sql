-- What the step embed reads and writes: triples and texts in, model versions out.

-- name: cutoff
-- The moment at which everything loaded is known; null without interactions. One row.
select ops.data_cutoff() as known_at;

-- name: facts
-- The distinct triples of kg.fact known and true at a time. One row per triple, ordered.
-- Each key is hashed once, which the view cannot do.
-- Params: known_at timestamptz.
with customer as materialized (
    select
        customer_id,
        kg.entity_id('customer', customer_id) as entity_id
    from (select distinct customer_id from raw.interaction) as key
),

product as materialized (
    select
        product_id,
        kg.entity_id('product', product_id) as entity_id
    from (select distinct product_id from raw.interaction) as key
),

event as materialized (
    select
        event,
        kg.relation_id(raw.relation_of(event)) as relation_id
    from (select distinct event from raw.interaction) as name
),

fact as (
    select
        customer.entity_id as head_id,
        event.relation_id,
        product.entity_id as tail_id
    from raw.interaction as done
    inner join event on done.event = event.event
    inner join customer on done.customer_id = customer.customer_id
    inner join product on done.product_id = product.product_id
    where done.occurred_at <= %(known_at)s
    union
    select
        head_id,
        relation_id,
        tail_id
    from kg.triple
    where
        valid_from <= %(known_at)s
        and valid_to > %(known_at)s
        and observed_at <= %(known_at)s
        and retracted_at > %(known_at)s
)

select
    head_id,
    relation_id,
    tail_id
from fact
order by head_id, relation_id, tail_id;

-- name: first_known
-- When the first triple or interaction was known and true; null when there is none. One row.
with moment as (
    select min(occurred_at) as known_at
    from raw.interaction
    union all
    select min(greatest(valid_from, observed_at)) as known_at
    from kg.triple
    where valid_to > valid_from and retracted_at > observed_at
)

select min(known_at) as known_at
from moment
where known_at > '-infinity';

-- name: relations
-- All relations that triples or interactions have. One row per relation.
select
    relation_id,
    name
from kg.relation
union
select
    kg.relation_id(raw.relation_of(event)) as relation_id,
    raw.relation_of(event) as name
from (select distinct event from raw.interaction) as done
order by name;

-- name: baskets
-- The places in a list of products of those that a customer bought until a time, in any order. One
-- row per customer who bought any of them, ordered.
-- Params: products text[], known_at timestamptz.
with product as materialized (
    select
        product_id,
        (place - 1)::int as place
    from unnest(%(products)s::text[]) with ordinality as listed (product_id, place)
),

bought as materialized (
    select distinct
        customer_id,
        product_id
    from raw.interaction
    where event = 'purchase' and occurred_at <= %(known_at)s
)

select
    bought.customer_id,
    array_agg(product.place) as places
from bought
inner join product on bought.product_id = product.product_id
group by bought.customer_id
order by bought.customer_id;

-- name: create_tables
-- Params: model_id, dim int.
select emb.create_tables(%(model_id)s, %(dim)s);

-- name: register
-- The card of a version, replaced if there is one of the same content.
-- Params: the columns of emb.model; parameters and metrics as JSON.
insert into emb.model (
    model_id, alias, kind, scorer, operator, dim, entity_types, parameters, metrics,
    data_hash, code_version, known_at
)
values (
    %(model_id)s, %(alias)s, %(kind)s, %(scorer)s, %(operator)s, %(dim)s, %(entity_types)s,
    %(parameters)s::jsonb, %(metrics)s::jsonb, %(data_hash)s, %(code_version)s, %(known_at)s
)
on conflict (model_id) do update set
    entity_types = excluded.entity_types,
    metrics = excluded.metrics,
    known_at = excluded.known_at;

-- name: index_tables
-- Params: model_id int.
select emb.index_tables(%(model_id)s);

-- name: count_types
-- How many entities of each type a version has vectors of. One row per type.
-- Params: model_id int.
select
    entity_type,
    entities
from emb.count_types(%(model_id)s);

-- name: create_feature_table
-- Makes a feature table of a version's vectors of one type. One row: how many.
-- Params: model_id int, entity_type, table_name text.
select emb.create_feature_table(%(model_id)s, %(entity_type)s, %(table_name)s) as rows;

-- name: activate
-- Params: alias text, model_id int.
select emb.activate(%(alias)s, %(model_id)s);

-- name: vectors
-- The vectors of one entity type in the version in use. One row per entity, ordered by key.
-- Params: alias, entity_type text.
select
    key,
    v
from emb.vectors(%(alias)s, %(entity_type)s)
order by key;
