-- What the step profile reads and writes; the rows themselves come from sql/functions/feature_*.

-- name: has_interactions
-- True when there is anything to look back on. One row.
select exists(select from raw.interaction) as found;

-- name: has_tables
-- False when somebody dropped a table that the step writes. One row.
select
    to_regclass('feature.customer_profile') is not null
    and to_regclass('feature.product_profile') is not null as found;

-- name: cutoffs
-- The moments to look back from. One row per moment, ordered.
select cutoff
from unnest(feature.cutoffs()) as cutoff
order by cutoff;

-- name: customers
-- Everybody with an interaction. One row per customer, ordered.
select
    customer_id,
    count(*) as n_lines
from raw.interaction
group by customer_id
order by customer_id;

-- name: products
-- Everything with an interaction. One row per product, ordered.
select
    product_id,
    count(*) as n_lines
from raw.interaction
group by product_id
order by product_id;

-- name: scan_once
-- Reading all lines in the order of an index costs twice what reading and hashing them does; the
-- planner thinks otherwise where nothing was vacuumed yet. Until the transaction ends. One row.
select set_config('enable_mergejoin', 'off', true) as setting;

-- What changed since the last time ----------------------------------------------------------

-- name: forget_later_customers
-- Params: since timestamptz.
delete from feature.customer_profile
where event_timestamp > %(since)s;

-- name: forget_later_products
-- Params: since timestamptz.
delete from feature.product_profile
where event_timestamp > %(since)s;

-- name: counts
-- How many rows the tables hold. One row.
select
    (select count(*) from feature.customer_profile) as customers,
    (select count(*) from feature.product_profile) as products;

-- name: forget_customers
-- The rows of the customers given after their since.
-- Params: keys text[], since timestamptz[].
delete from feature.customer_profile as profile
using unnest(%(keys)s::text[], %(since)s::timestamptz[]) as stale (key, since)
where profile.customer_id = stale.key and profile.event_timestamp > stale.since;

-- name: forget_products
-- The rows of the products given after their since.
-- Params: keys text[], since timestamptz[].
delete from feature.product_profile as profile
using unnest(%(keys)s::text[], %(since)s::timestamptz[]) as stale (key, since)
where profile.product_id = stale.key and profile.event_timestamp > stale.since;

-- name: forget_moments
-- The rows at moments that are no cut-offs any more.
-- Params: cutoffs timestamptz[].
with customers as (
    delete from feature.customer_profile
    where event_timestamp <> all(%(cutoffs)s::timestamptz[])
)

delete from feature.product_profile
where event_timestamp <> all(%(cutoffs)s::timestamptz[]);

-- name: customer_rows
-- What feature.customer_profile holds at a moment, of all customers. One row per customer.
-- Params: cutoff timestamptz.
select *  -- noqa: AM04
from feature.customer_profile
where event_timestamp = %(cutoff)s
order by customer_id;

-- name: product_rows
-- What feature.product_profile holds at a moment, of all products. One row per product.
-- Params: cutoff timestamptz.
select *  -- noqa: AM04
from feature.product_profile
where event_timestamp = %(cutoff)s
order by product_id;

-- name: customer_behaviour
-- One row per customer given and cut-off after its first interaction and its since.
-- Params: cutoffs timestamptz[], keys text[], since timestamptz[].
select *  -- noqa: AM04
from feature.customer_behaviour_at(%(cutoffs)s, %(keys)s, %(since)s)
order by customer_id, event_timestamp;

-- name: product_behaviour
-- One row per product given and cut-off after its first interaction and its since.
-- Params: cutoffs timestamptz[], keys text[], since timestamptz[].
select *  -- noqa: AM04
from feature.product_profile_at(%(cutoffs)s, %(keys)s, %(since)s)
order by product_id, event_timestamp;

-- name: analyze
-- Statistics for the point-in-time joins that follow, and for whoever asks the tables.
analyze feature.customer_profile, feature.product_profile;

-- name: analyze_keys
-- The same where most rows stand: of what joins need. All columns cost 1 s of CPU for 80,000 rows.
analyze
feature.customer_profile (customer_id, event_timestamp),
feature.product_profile (product_id, event_timestamp);

-- Favourites -------------------------------------------------------------------------------
