-- What the step evaluate reads.

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
