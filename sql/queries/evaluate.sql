-- What the step evaluate reads and writes.

-- name: purchases
-- Every purchase. One row per order line, in the order of its key.
select
    customer_id,
    product_id,
    occurred_at,
    split
from raw.interaction
where event = 'purchase'
order by source_id, row_id;

-- name: triples
-- The triples of products and customers that hold today. One row per triple.
select distinct
    head.entity_type as head_type,
    head.key as head,
    relation.name as relation,
    tail.entity_type as tail_type,
    tail.key as tail
from kg.triple
inner join kg.entity as head on triple.head_id = head.entity_id
inner join kg.entity as tail on triple.tail_id = tail.entity_id
inner join kg.relation on triple.relation_id = relation.relation_id
where
    head.entity_type in ('product', 'customer')
    and triple.valid_to > now()
    and triple.retracted_at > now()
order by head_type, head, relation, tail_type, tail;

-- name: titles
-- Every product's title. One row per product that has one.
select
    product_id,
    title
from raw.product
where title is not null
order by product_id collate "C";

-- name: standing_run
-- The last evaluation by a protocol. At most one row.
-- Params: protocol text.
select
    words,
    customers,
    products,
    purchases,
    settings,
    made_of
from rec.evaluation_run
where protocol = %(protocol)s;

-- name: standing
-- What the last evaluation by a protocol measured. One row per algorithm, customers and measure.
-- Params: protocol text.
select
    algorithm,
    customers,
    measure,
    value,
    lower,
    upper
from rec.evaluation
where protocol = %(protocol)s
order by algorithm collate "C", customers collate "C", measure collate "C";

-- name: next_run
-- The number of the next evaluation. One row.
select coalesce(max(run_id), 0) + 1 as run_id
from rec.evaluation_run;

-- name: forget
-- Takes away a protocol's last evaluation, and what it measured.
-- Params: protocol text.
delete from rec.evaluation_run
where protocol = %(protocol)s;

-- name: add_run
-- The row of an evaluation.
-- Params: run_id bigint, protocol text, words text, customers int, products int, purchases int,
-- settings jsonb, made_of jsonb.
insert into rec.evaluation_run (
    run_id, protocol, words, customers, products, purchases, settings, made_of
)
values (
    %(run_id)s, %(protocol)s, %(words)s, %(customers)s, %(products)s, %(purchases)s,
    %(settings)s::jsonb, %(made_of)s::jsonb
);
