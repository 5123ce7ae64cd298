-- Rows of raw that go because their source no longer has them. Each query returns whose rows went,
-- one row per kind and key, with the times.

-- name: remove_interaction
-- Params: source_id int, ids bigint[]. Events too, with the latest time.
with gone as (
    delete from raw.interaction
    where source_id = %(source_id)s and row_id = any(%(ids)s::bigint[])
    returning customer_id, product_id, event, occurred_at
),

said as (
    select
        'customer' as kind,
        customer_id as key,
        occurred_at as happened
    from gone
    union all
    select
        'product' as kind,
        product_id as key,
        occurred_at as happened
    from gone
    union all
    select
        'event' as kind,
        event as key,
        occurred_at as happened
    from gone
)

select
    kind,
    key,
    min(happened) as since,
    max(happened) as latest
from said
group by kind, key;

-- name: remove_document
-- Params: source_id int, ids bigint[].
with gone as (
    delete from raw.document
    where source_id = %(source_id)s and document_id = any(%(ids)s::bigint[])
    returning customer_id, product_id, occurred_at
),

said as (
    select
        'customer' as kind,
        customer_id as key,
        occurred_at as happened
    from gone
    union all
    select
        'product' as kind,
        product_id as key,
        occurred_at as happened
    from gone
)

select
    kind,
    key,
    min(happened) as since
from said
where key is not null
group by kind, key;

-- name: remove_attribute
-- Params: source_id int, ids bigint[].
with gone as (
    delete from raw.attribute
    where source_id = %(source_id)s and row_id = any(%(ids)s::bigint[])
    returning entity_type, key, valid_from
)

select
    entity_type as kind,
    key,
    min(valid_from) as since
from gone
group by entity_type, key;

-- name: remove_description
-- Params: source_id int, ids bigint[].
with gone as (
    delete from raw.description
    where source_id = %(source_id)s and row_id = any(%(ids)s::bigint[])
    returning entity_type, key
)

select distinct
    entity_type as kind,
    key,
    null::timestamptz as since
from gone;

-- name: remove_contact
-- Params: source_id int, ids bigint[].
with gone as (
    delete from raw.contact
    where source_id = %(source_id)s and row_id = any(%(ids)s::bigint[])
    returning customer_id, contacted_at
)

select
    'customer' as kind,
    customer_id as key,
    min(contacted_at) as since
from gone
group by customer_id;

-- name: remove_coupon_event
-- Params: source_id int, ids bigint[].
with gone as (
    delete from raw.coupon_event
    where source_id = %(source_id)s and row_id = any(%(ids)s::bigint[])
    returning customer_id, product_id, occurred_at
),

said as (
    select
        'customer' as kind,
        customer_id as key,
        occurred_at as happened
    from gone
    union all
    select
        'product' as kind,
        product_id as key,
        occurred_at as happened
    from gone
)

select
    kind,
    key,
    min(happened) as since
from said
where key is not null
group by kind, key;
