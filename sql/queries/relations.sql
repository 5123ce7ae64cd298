-- Relations: declared, named by triples, and what their triples say of them.

-- name: declare_relations
-- Params: names, descriptions text[] of one length.
insert into kg.relation as present (relation_id, name, description)
select
    kg.relation_id(given.name) as relation_id,
    given.name,
    given.description
from unnest(%(names)s::text[], %(descriptions)s::text[]) as given (name, description)
on conflict (
    relation_id) do update set description = excluded.description
where present.description is distinct from excluded.description;

-- name: name_relations
-- Relations that are used without having been declared. Params: names text[].
insert into kg.relation (relation_id, name)
select
    kg.relation_id(given.name) as relation_id,
    given.name
from unnest(%(names)s::text[]) as given (name)
on conflict (relation_id) do nothing;

-- name: prune_relations
-- Relations that no triple and no interaction uses.
with used as (
    select relation_id
    from kg.triple
    union
    select kg.relation_id(raw.relation_of(event)) as relation_id
    from (select distinct event from raw.interaction) as happened
    union
    select kg.relation_id(relation) as relation_id
    from (select distinct relation from kg.outreach) as reached
),

orphan as (
    select relation.relation_id
    from kg.relation as relation
    left join used on relation.relation_id = used.relation_id
    where used.relation_id is null
)

delete from kg.relation as relation
using orphan
where relation.relation_id = orphan.relation_id;

-- name: measure_relations
-- Domain, range (null where they are of several types) and cardinality as the triples have them.
-- Params: ids bigint[] (null = of all relations).
with pairs as (
    select distinct
        relation_id,
        head_id,
        tail_id
    from kg.triple
    where
        relation_id = any(%(ids)s::bigint[])
        or %(ids)s::bigint[] is null
),

tails_of_head as (
    select
        relation_id,
        head_id,
        count(*) as n
    from pairs
    group by relation_id, head_id
),

heads_of_tail as (
    select
        relation_id,
        tail_id,
        count(*) as n
    from pairs
    group by relation_id, tail_id
),

heads as (
    select
        counted.relation_id,
        min(entity.entity_type) as first_type,
        max(entity.entity_type) as last_type,
        max(counted.n) as tails
    from tails_of_head as counted
    inner join kg.entity as entity on counted.head_id = entity.entity_id
    group by counted.relation_id
),

tails as (
    select
        counted.relation_id,
        min(entity.entity_type) as first_type,
        max(entity.entity_type) as last_type,
        max(counted.n) as heads
    from heads_of_tail as counted
    inner join kg.entity as entity on counted.tail_id = entity.entity_id
    group by counted.relation_id
),

measured as (
    select
        heads.relation_id,
        case when heads.first_type = heads.last_type then heads.first_type end as domain,
        case when tails.first_type = tails.last_type then tails.first_type end as range,
        case when tails.heads > 1 then 'N' else '1' end
        || '-' || case when heads.tails > 1 then 'N' else '1' end as cardinality,
        heads.tails = 1 as functional
    from heads
    inner join tails on heads.relation_id = tails.relation_id
)

update kg.relation as relation set
    domain = measured.domain,
    range = measured.range,
    cardinality = measured.cardinality,
    functional = measured.functional
from measured
where
    relation.relation_id = measured.relation_id
    and row(relation.domain, relation.range, relation.cardinality, relation.functional)
    is distinct from
    row(measured.domain, measured.range, measured.cardinality, measured.functional);

-- name: measure_events
-- The same for the relations that interactions are, of customers to products.
with pairs as (
    select distinct
        customer_id,
        product_id,
        raw.relation_of(event) as name
    from raw.interaction
),

products_of_customer as (
    select
        name,
        customer_id,
        count(*) as n
    from pairs
    group by name, customer_id
),

customers_of_product as (
    select
        name,
        product_id,
        count(*) as n
    from pairs
    group by name, product_id
),

heads as (
    select
        name,
        max(n) as tails
    from products_of_customer
    group by name
),

tails as (
    select
        name,
        max(n) as heads
    from customers_of_product
    group by name
)

update kg.relation as relation set
    domain = 'customer',
    range = 'product',
    cardinality = case when tails.heads > 1 then 'N' else '1' end
    || '-' || case when heads.tails > 1 then 'N' else '1' end,
    functional = heads.tails = 1
from heads
inner join tails on heads.name = tails.name
where relation.name = heads.name;
