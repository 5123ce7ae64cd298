-- kg.fact: triples and what happened to customers as one graph. Interactions, contacts and coupons
-- are not copied into kg.triple.

create or replace view kg.outreach
with (security_invoker = true) as
select
    contact.customer_id,
    'received' as relation,
    'campaign' as tail_type,
    contact.campaign_id as tail_key,
    contact.contacted_at as occurred_at,
    'raw.contact' as source
from raw.contact
where contact.treatment = 1
union all
select
    coupon_event.customer_id,
    case coupon_event.event when 'issued' then 'was_issued' else coupon_event.event end as relation,
    'coupon' as tail_type,
    coupon_event.coupon_id as tail_key,
    coupon_event.occurred_at,
    'raw.coupon_event' as source
from raw.coupon_event;
comment on view kg.outreach is
'What the shop did to its customers, as the graph says it: (customer, received, campaign) for the treated, (customer, was_issued|redeemed, coupon). One row per event; source names the table.';

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
from raw.interaction
union all
select
    kg.entity_id('customer', outreach.customer_id) as head_id,
    kg.relation_id(outreach.relation) as relation_id,
    kg.entity_id(outreach.tail_type, outreach.tail_key) as tail_id,
    1::real as confidence,
    outreach.occurred_at as valid_from,
    'infinity'::timestamptz as valid_to,
    outreach.occurred_at as observed_at,
    'infinity'::timestamptz as retracted_at
from kg.outreach;
comment on view kg.fact is
'The whole graph: kg.triple plus one row per interaction (customer, bought|returned|event, product) and per contact and coupon (kg.outreach), known when it occurred.';
