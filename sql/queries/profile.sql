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

-- name: unbroken
-- Whether the changes written down lead from one content of raw.interaction to another. One row.
-- Params: before, after text.
with recursive chain as (
    select
        0::bigint as change_id,
        %(before)s::text as content_hash
    union
    select
        change_set.change_id,
        change_set.after_hash
    from chain
    inner join ops.change_set on chain.content_hash = change_set.before_hash
    where
        change_set.table_name = 'raw.interaction'
        and change_set.change_id > chain.change_id
)

select count(*) > 0 as found
from chain
where content_hash = %(after)s::text;

-- name: changed_keys
-- Whose interactions changed since a content of raw.interaction. One row per kind and key; since =
-- the earliest time on a row that came, went or was corrected.
-- Params: before text.
with recursive chain as (
    select
        0::bigint as change_id,
        %(before)s::text as content_hash
    union
    select
        change_set.change_id,
        change_set.after_hash
    from chain
    inner join ops.change_set on chain.content_hash = change_set.before_hash
    where
        change_set.table_name = 'raw.interaction'
        and change_set.change_id > chain.change_id
)

select
    kind,
    key,
    min(greatest(since, '0001-01-01'::timestamptz)) as since
from ops.changed_key
where change_id in (select change_id from chain)
group by kind, key;

-- name: changed_facts
-- The products and customers of which the graph says something else than last time, and when the
-- first interaction with them was. One row per kind and key.
with now_known as (
    select
        entity_id,
        facts
    from feature.known_facts()
),

changed as (
    select coalesce(now_known.entity_id, profiled_fact.entity_id) as entity_id
    from now_known
    full outer join ops.profiled_fact on now_known.entity_id = profiled_fact.entity_id
    where now_known.facts is distinct from profiled_fact.facts
),

entity as (
    select
        entity.entity_type,
        entity.key
    from kg.entity
    inner join changed on entity.entity_id = changed.entity_id
)

select
    entity_type as kind,
    key,
    coalesce(
        case entity_type
            when 'product'
                then (
                    select min(interaction.occurred_at)
                    from raw.interaction
                    where interaction.product_id = entity.key
                )
            else (
                select min(interaction.occurred_at)
                from raw.interaction
                where interaction.customer_id = entity.key
            )
        end,
        '9999-01-01'::timestamptz
    ) as since
from entity;

-- name: touched
-- Customers or products whose rows at two ends of the data differ in more than the days gone by: a
-- line comes or leaves a window, a fact begins or ends. One row per key.
-- Params: entity_type text (customer or product), old_end, new_end timestamptz.
with line as (
    select
        case when %(entity_type)s::text = 'customer' then customer_id else product_id end as key,
        occurred_at - %(old_end)s::timestamptz as late
    from raw.interaction
),

gone as (
    select %(new_end)s::timestamptz - %(old_end)s::timestamptz as days
)

select line.key
from line
cross join gone
where
    line.late >= interval '0 days'
    or line.late >= interval '-30 days' and line.late < interval '-30 days' + gone.days
    or line.late >= interval '-90 days' and line.late < interval '-90 days' + gone.days
    or line.late >= interval '-365 days' and line.late < interval '-365 days' + gone.days
union distinct
select changing.key
from feature.changing_facts(%(old_end)s, %(new_end)s) as changing
where changing.entity_type = %(entity_type)s;

-- name: moments
-- The cut-offs at which profiles stand, the last one being the end of the data then. One row each.
select distinct event_timestamp as cutoff
from feature.customer_profile
order by cutoff;

-- name: forget_facts
-- What the graph says no more.
delete from ops.profiled_fact
where entity_id not in (select entity_id from feature.known_facts());

-- name: remember_facts
-- Writes down what the graph says, for changed_facts.
insert into ops.profiled_fact (entity_id, facts)
select
    entity_id,
    facts
from feature.known_facts()
on conflict (
    entity_id) do update set facts = excluded.facts
where profiled_fact.facts <> excluded.facts;

-- Rows -------------------------------------------------------------------------------------

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
