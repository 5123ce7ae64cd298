-- What the recommend step reads and writes.

-- name: purchases
-- Every purchase, in days since 1970 (UTC). One row per order line, in no order.
select
    customer_id,
    product_id,
    extract(epoch from occurred_at)::float8 / 86400 as day
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

-- name: cutoff
-- Midnight after the last interaction, null without any. One row.
select ops.data_cutoff() as known_at;

-- name: clear
-- Takes away what the last run left; the step fills the tables again in the same transaction.
with neighbors as (
    delete from rec.product_neighbor
),

popular as (
    delete from rec.popular
),

blend as (
    delete from rec.blend
)

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
analyze rec.product_neighbor, rec.popular, feature.customer_recommendation;

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
