-- The relations that contacts and coupons are in the graph (kg.outreach).

-- name: relations
-- Those that occur. One row per relation.
select distinct relation
from kg.outreach
order by relation;

-- name: measure
-- Domain, range and cardinality of these relations, as store.measure_events does for interactions.
with pairs as (
    select distinct
        relation as name,
        customer_id,
        tail_type,
        tail_key
    from kg.outreach
),

tails_of_customer as (
    select
        name,
        customer_id,
        count(*) as n
    from pairs
    group by name, customer_id
),

customers_of_tail as (
    select
        name,
        tail_type,
        tail_key,
        count(*) as n
    from pairs
    group by name, tail_type, tail_key
),

heads as (
    select
        name,
        max(n) as tails
    from tails_of_customer
    group by name
),

tails as (
    select
        name,
        min(tail_type) as range,
        max(n) as heads
    from customers_of_tail
    group by name
)

update kg.relation as relation set
    domain = 'customer',
    range = tails.range,
    cardinality = case when tails.heads > 1 then 'N' else '1' end
    || '-' || case when heads.tails > 1 then 'N' else '1' end,
    functional = heads.tails = 1
from heads
inner join tails on heads.name = tails.name
where relation.name = heads.name;
