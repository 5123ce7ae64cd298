-- What the recommend step reads and writes.

-- name: purchases
-- Every purchase, in days since 1970 (UTC), with a number of its basket: what a customer bought on
-- one day where the shop names none, and its part of rec.history_hash. One row per order line, in
-- no order.
select
    customer_id,
    product_id,
    extract(epoch from occurred_at)::float8 / 86400 as day,
    hashtextextended(
        coalesce('b' || basket_id, customer_id || date(occurred_at at time zone 'UTC')), 0
    ) as basket,
    hash_record_extended(row(product_id, occurred_at), 0) >> 20 as line_hash
from raw.interaction
where event = 'purchase';

-- name: customers
-- Every customer that the shop or an interaction names. One row each.
select customer_id
from (
    select customer_id from raw.customer
    union
    select customer_id from raw.interaction
) as known
order by customer_id collate "C";

-- name: products
-- Every product that the shop or an interaction names. One row each.
select product_id
from (
    select product_id from raw.product
    union
    select product_id from raw.interaction
) as known
order by product_id collate "C";

-- name: graph_vectors
-- The graph vectors in use. One row per entity.
-- Params: entity_type text; 'relation' gives relations by name.
select
    key,
    v
from rec.graph_vectors(%(entity_type)s::text);

-- name: triples
-- What is said of products, as known and true at a time. One row per product, relation and tail.
-- Params: known_at timestamptz.
select distinct
    product.key as product_id,
    triple.relation_id,
    triple.tail_id
from kg.triple
inner join kg.entity as product on triple.head_id = product.entity_id
where
    product.entity_type = 'product'
    and triple.valid_from <= %(known_at)s
    and triple.valid_to > %(known_at)s
    and triple.observed_at <= %(known_at)s
    and triple.retracted_at > %(known_at)s;

-- name: text_vectors
-- The text vectors in use of products. One row per product.
select
    product_id,
    v
from rec.text_vectors();

-- name: segmentations
-- The segmentations whose tables stand. One row each.
select name
from seg.run
where to_regclass(format('feature.%%I', 'segment_' || name)) is not null
order by name collate "C";

-- name: members
-- Who was in which segment at a time. One row per customer.
-- Params: name text, known_at timestamptz.
select
    customer_id,
    segment_id
from seg.members(%(name)s::text, %(known_at)s::timestamptz);

-- name: cutoff
-- Midnight after the last interaction, null without any. One row.
select ops.data_cutoff() as known_at;

-- name: clear
-- Takes away what the last run left; the step fills the tables again in the same transaction.
with neighbors as (
    delete from rec.neighbor_list
),

list as (
    delete from rec.customer_list
),

popular as (
    delete from rec.popular
),

blend as (
    delete from rec.blend
),

attribute as (
    delete from rec.attribute_weight
),

favourite as (
    delete from rec.segment_favourite
)

delete from rec.complement;

-- name: clear_lists
-- Takes away the lists of the last run.
delete from feature.customer_recommendation;

-- name: add_run
-- The one row of rec.run, in place of the last one, numbered after it. Gives its run_id.
-- Params: known_at timestamptz, memory_half_life_days double precision, settings jsonb.
with last as (
    delete from rec.run
    returning run_id
)

insert into rec.run (run_id, known_at, memory_half_life_days, settings)
select
    coalesce(max(run_id), 0) + 1 as run_id,
    %(known_at)s::timestamptz as known_at,
    %(memory_half_life_days)s::double precision as memory_half_life_days,
    %(settings)s::jsonb as settings
from last
returning run_id;

-- name: analyze
-- Statistics for rec.recommend.
analyze
rec.neighbor_list, rec.popular, rec.blend, rec.run, rec.attribute_weight,
rec.segment_favourite, rec.complement, rec.customer_list, feature.customer_recommendation;

-- name: has_table
-- False when somebody dropped the table of recommendations. One row.
select to_regclass('feature.customer_recommendation') is not null as found;

-- name: run
-- The run that recommendations come from: what it is made of, how its choice was measured.
-- At most one row.
select
    run_id,
    known_at,
    memory_half_life_days,
    settings
from rec.run;
