-- What the segment step reads and writes.

-- name: profiles
-- The latest behaviour profile of every customer. One row per customer.
with latest as (
    select max(event_timestamp) as event_timestamp
    from feature.customer_profile
)

select
    profile.customer_id,
    profile.event_timestamp,
    profile.days_since_last_order,
    profile.orders_365d,
    profile.spend_365d,
    profile.basket_spend_mean_365d,
    profile.basket_products_mean_365d,
    profile.products_365d,
    profile.days_between_orders_mean,
    profile.return_rate_365d,
    profile.tenure_days
from feature.customer_profile as profile
inner join latest on profile.event_timestamp = latest.event_timestamp
order by profile.customer_id collate "C";

-- name: vectors
-- The graph vector in use of every customer. One row per customer.
select
    key,
    v
from rec.graph_vectors('customer');

-- name: known
-- The last run of a segmentation. At most one row. Params: name text.
select
    run_id,
    method
from seg.run
where name = %(name)s;

-- name: create_table
-- Params: name text.
select seg.create_table(%(name)s);

-- name: forget
-- Takes the last run of a segmentation away. Params: name text.
delete from seg.run
where name = %(name)s;

-- name: add_run
-- Params: name text, run_id bigint, known_at timestamptz, silhouette real, settings jsonb.
insert into seg.run (name, run_id, method, known_at, silhouette, settings)
values (%(name)s, %(run_id)s, 'kmeans', %(known_at)s, %(silhouette)s, %(settings)s::jsonb);

-- name: describe
-- Computes medians and attributes of the rows of seg.profile. Params: name text.
select seg.describe(%(name)s);

-- name: clear
-- Empties the table of a segmentation. Params: name text.
select seg.clear_table(%(name)s);

-- name: described
-- What each segment is like. One row per segment. Params: name text.
select
    segment_id,
    segment_name,
    segment_name_zh,
    size,
    share,
    medians,
    attributes
from seg.profile(%(name)s);
