-- Products and customers: which of them rows name, and which no row names any more.

-- name: named_product
-- Which of some products a row of raw still names. One row per key. Params: keys text[].
select wanted_key as key
from unnest(%(keys)s::text[]) as wanted (wanted_key)
where
    exists (
        select from raw.description
        where entity_type = 'product' and key = wanted_key
    )
    or exists (
        select from raw.attribute
        where entity_type = 'product' and key = wanted_key
    )
    or exists (
        select from raw.interaction
        where product_id = wanted_key
    )
    or exists (
        select from raw.document
        where product_id = wanted_key
    )
    or exists (
        select from raw.coupon_event
        where product_id = wanted_key
    );

-- name: named_customer
-- Which of some customers a row of raw still names. One row per key. Params: keys text[].
select wanted_key as key
from unnest(%(keys)s::text[]) as wanted (wanted_key)
where
    exists (
        select from raw.description
        where entity_type = 'customer' and key = wanted_key
    )
    or exists (
        select from raw.attribute
        where entity_type = 'customer' and key = wanted_key
    )
    or exists (
        select from raw.interaction
        where customer_id = wanted_key
    )
    or exists (
        select from raw.document
        where customer_id = wanted_key
    )
    or exists (
        select from raw.contact
        where customer_id = wanted_key
    )
    or exists (
        select from raw.coupon_event
        where customer_id = wanted_key
    );

-- name: known_product
-- Params: keys text[]. One row per product that there is.
select
    product_id as key,
    title,
    body,
    other_titles
from raw.product
where product_id = any(%(keys)s::text[]);

-- name: known_customer
-- Params: keys text[]. One row per customer that there is.
select
    customer_id as key,
    body
from raw.customer
where customer_id = any(%(keys)s::text[]);

-- name: remove_product
-- Params: keys text[].
delete from raw.product
where product_id = any(%(keys)s::text[]);

-- name: remove_customer
-- Params: keys text[].
delete from raw.customer
where customer_id = any(%(keys)s::text[]);

-- name: described
-- Everybody or everything that a source describes. One row per key. Params: kind text.
select distinct key
from raw.description
where entity_type = %(kind)s and role <> 'key';

-- name: said_of
-- What sections say of some things. One row per section (its place), thing, column and value.
-- Params: kind text, keys text[].
select
    source.place,
    said.key,
    said.role,
    said.column_name,
    said.value,
    sum(said.n)::bigint as n
from raw.description as said
inner join raw.source as source on said.source_id = source.source_id
where said.entity_type = %(kind)s and said.key = any(%(keys)s::text[]) and said.role <> 'key'
group by source.place, said.key, said.role, said.column_name, said.value;
