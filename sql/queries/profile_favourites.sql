-- What customers' favourites are made of, and the rows that they are written into.

-- name: attributes
-- What is known of products. One row per triple, ordered by product; attributes and relations are
-- numbered from 0 in the order of their names.
with known as (
    select
        product.key as product_id,
        relation.name as relation,
        coalesce(tail.label, tail.key) as value,
        greatest(triple.valid_from, triple.observed_at) as known_from,
        least(triple.valid_to, triple.retracted_at) as known_until
    from kg.triple
    inner join kg.relation on triple.relation_id = relation.relation_id
    inner join kg.entity as product on triple.head_id = product.entity_id
    inner join kg.entity as tail on triple.tail_id = tail.entity_id
    where product.entity_type = 'product' and tail.entity_type not in ('product', 'customer')
)

select
    product_id,
    relation,
    value,
    known_from,
    known_until,
    (dense_rank() over (order by relation collate "C", value collate "C") - 1)::int as attribute,
    (dense_rank() over (order by relation collate "C") - 1)::int as relation_number
from known
order by product_id, attribute;

-- name: sold
-- How often each product was bought between two cut-offs. One row per product and number of
-- cut-offs that had passed.
-- Params: cutoffs timestamptz[].
select
    product_id,
    width_bucket(occurred_at, %(cutoffs)s::timestamptz[]) as first,
    count(*) as purchases
from raw.interaction
where event = 'purchase'
group by product_id, first
order by product_id, first;

-- name: bought
-- What a stretch of customers bought, of the products given. One row per customer; code = the
-- product's place in the list (from 0) x (number of cut-offs + 1) + the cut-offs that had passed.
-- Few long rows: reading a row costs more than a hundred numbers in it.
-- Params: cutoffs timestamptz[], products text[], first_id, last_id text.
with product as (
    select
        listed.product_id,
        ((listed.place - 1) * (cardinality(%(cutoffs)s::timestamptz[]) + 1))::int as code
    from unnest(%(products)s::text[]) with ordinality as listed (product_id, place)
)

select
    interaction.customer_id,
    array_agg(
        product.code + width_bucket(interaction.occurred_at, %(cutoffs)s::timestamptz[])
    ) as codes
from raw.interaction
inner join product on interaction.product_id = product.product_id
where
    interaction.event = 'purchase'
    and interaction.customer_id between %(first_id)s and %(last_id)s
group by interaction.customer_id
order by interaction.customer_id;

-- name: favourites
-- What feature.customer_profile says of favourites. One row per customer and cut-off.
-- Params: cutoffs timestamptz[], first_id, last_id text.
select
    customer_id,
    event_timestamp,
    favourite_colour,
    favourite_material,
    favourite_object,
    favourite_theme,
    favourite_attributes
from feature.customer_profile
where
    event_timestamp = any(%(cutoffs)s::timestamptz[])
    and customer_id between %(first_id)s and %(last_id)s
order by customer_id, event_timestamp;

-- name: some_customer_rows
-- Rows of feature.customer_profile. One row per key and moment given.
-- Params: keys text[], moments timestamptz[].
select *  -- noqa: AM04
from feature.customer_profile
where (customer_id, event_timestamp) in (
    select
        key,
        moment
    from unnest(%(keys)s::text[], %(moments)s::timestamptz[]) as wanted (key, moment)
)
order by customer_id, event_timestamp;

-- name: drop_customer_rows
-- Params: keys text[], moments timestamptz[].
delete from feature.customer_profile as profile
using unnest(%(keys)s::text[], %(moments)s::timestamptz[]) as wanted (customer_id, event_timestamp)
where
    profile.customer_id = wanted.customer_id
    and profile.event_timestamp = wanted.event_timestamp;
