-- What the step triples reads and writes; the rows themselves come from feature.triples_of.

-- name: last_change
-- The last moment until the end of the data at which a triple begins or ceases to be true or known;
-- that of always where no triple has a time. One row.
select coalesce(max(boundary.changes_at), feature.since_ever()) as changes_at
from kg.triple
cross join
    lateral (
        values
        (triple.valid_from), (triple.valid_to), (triple.observed_at), (triple.retracted_at)
    ) as boundary (changes_at)
where
    boundary.changes_at > feature.since_ever()
    and boundary.changes_at < 'infinity'
    and boundary.changes_at <= coalesce(ops.data_cutoff(), 'infinity');

-- name: update_products
-- Brings feature.product_triples up to date; rows that stand as they are stay untouched.
-- Params: until timestamptz.
with found as materialized (
    select
        key as product_id,
        event_timestamp,
        created_timestamp,
        triples,
        cardinality(triples) as degree,
        chosen ->> 'has_brand' as brand,
        chosen ->> 'in_category' as category,
        chosen ->> 'in_department' as department,
        chosen ->> 'has_colour' as colour,
        chosen ->> 'made_of' as material,
        chosen ->> 'is_a' as object,
        chosen ->> 'has_theme' as theme
    from feature.triples_of('product', %(until)s)
),

gone as (
    delete from feature.product_triples as standing
    using (
        select
            product_id,
            event_timestamp,
            created_timestamp
        from feature.product_triples
        except
        select
            product_id,
            event_timestamp,
            created_timestamp
        from found
    ) as unsaid
    where
        standing.product_id = unsaid.product_id
        and standing.event_timestamp = unsaid.event_timestamp
        and standing.created_timestamp = unsaid.created_timestamp
)

insert into feature.product_triples as standing (
    product_id,
    event_timestamp,
    created_timestamp,
    triples,
    degree,
    brand,
    category,
    department,
    colour,
    material,
    object,
    theme
)
select
    product_id,
    event_timestamp,
    created_timestamp,
    triples,
    degree,
    brand,
    category,
    department,
    colour,
    material,
    object,
    theme
from found
order by product_id, event_timestamp, created_timestamp
on conflict (product_id, event_timestamp, created_timestamp) do update set
    triples = excluded.triples,
    degree = excluded.degree,
    brand = excluded.brand,
    category = excluded.category,
    department = excluded.department,
    colour = excluded.colour,
    material = excluded.material,
    object = excluded.object,
    theme = excluded.theme
where standing is distinct from excluded;

-- name: update_customers
-- Brings feature.customer_triples up to date; rows that stand as they are stay untouched.
-- Params: until timestamptz.
with found as materialized (
    select
        key as customer_id,
        event_timestamp,
        created_timestamp,
        triples,
        cardinality(triples) as degree,
        chosen ->> 'lives_in' as country
    from feature.triples_of('customer', %(until)s)
),

gone as (
    delete from feature.customer_triples as standing
    using (
        select
            customer_id,
            event_timestamp,
            created_timestamp
        from feature.customer_triples
        except
        select
            customer_id,
            event_timestamp,
            created_timestamp
        from found
    ) as unsaid
    where
        standing.customer_id = unsaid.customer_id
        and standing.event_timestamp = unsaid.event_timestamp
        and standing.created_timestamp = unsaid.created_timestamp
)

insert into feature.customer_triples as standing (
    customer_id,
    event_timestamp,
    created_timestamp,
    triples,
    degree,
    country
)
select
    customer_id,
    event_timestamp,
    created_timestamp,
    triples,
    degree,
    country
from found
order by customer_id, event_timestamp, created_timestamp
on conflict (customer_id, event_timestamp, created_timestamp) do update set
    triples = excluded.triples,
    degree = excluded.degree,
    country = excluded.country
where standing is distinct from excluded;

-- name: analyze
-- Statistics for the point-in-time joins that follow.
analyze feature.product_triples, feature.customer_triples;

-- name: counts
-- How many rows the tables hold. One row.
select
    (select count(*) from feature.product_triples) as products,
    (select count(*) from feature.customer_triples) as customers;
