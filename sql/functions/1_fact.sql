-- kg.fact: triples and interactions as one graph. Interactions are not copied into kg.triple.

create or replace view kg.fact
with (security_invoker = true) as
select
    head_id,
    relation_id,
    tail_id,
    confidence,
    valid_from,
    valid_to,
    observed_at,
    retracted_at
from kg.triple
union all
select
    kg.entity_id('customer', interaction.customer_id) as head_id,
    kg.relation_id(raw.relation_of(interaction.event)) as relation_id,
    kg.entity_id('product', interaction.product_id) as tail_id,
    1::real as confidence,
    interaction.occurred_at as valid_from,
    'infinity'::timestamptz as valid_to,
    interaction.occurred_at as observed_at,
    'infinity'::timestamptz as retracted_at
from raw.interaction;
comment on view kg.fact is
'The whole graph: kg.triple plus one row per interaction (customer, bought|returned|event, product), known when it occurred.';
