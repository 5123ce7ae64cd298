-- name: clear
-- Empties both profile tables; the step fills them again in the same transaction.
with customers as (
    delete from feature.customer_profile
)

delete from feature.product_profile;

-- name: customers
-- One row per customer and cut-off after its first interaction.
insert into feature.customer_profile
select *  -- noqa: AM04
from feature.customer_profile_at(feature.cutoffs())
order by customer_id, event_timestamp;

-- name: products
-- One row per product and cut-off after its first interaction.
insert into feature.product_profile
select *  -- noqa: AM04
from feature.product_profile_at(feature.cutoffs())
order by product_id, event_timestamp;

-- name: has_interactions
-- True when there is anything to look back on. One row.
select exists(select from raw.interaction) as found;

-- name: analyze
-- Statistics for the point-in-time joins that follow.
analyze feature.customer_profile, feature.product_profile;

-- name: has_tables
-- False when somebody dropped a profile table. One row.
select
    to_regclass('feature.customer_profile') is not null
    and to_regclass('feature.product_profile') is not null as found;
