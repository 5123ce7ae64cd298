-- The behaviour of customers as known at given moments. Sums are numeric: exact, whatever the row
-- order, so that rows computed alone equal those computed with all others, bit for bit.

create or replace function feature.customer_behaviour_at(
    cutoffs timestamptz[],
    customer_ids text[] default null,
    since timestamptz[] default null
)
returns setof feature.customer_profile
language sql stable
set search_path = pg_catalog
set timezone = 'UTC'
set work_mem = '64MB'
set jit = off
-- A plan for any number of keys expects ten and joins thousands by nested loops.
set plan_cache_mode = force_custom_plan
as $$
    with moment as (
        select distinct unnest(cutoffs) as cutoff
    ),

    scope as (
        select
            everybody.customer_id,
            '-infinity'::timestamptz as since
        from (select distinct customer_id from raw.interaction) as everybody
        where customer_ids is null
        union all
        select
            given.customer_id,
            given.since
        from unnest(customer_ids, customer_behaviour_at.since) as given (customer_id, since)
    ),

    -- One row per customer, basket, event and moment. An order is a basket; without basket ids,
    -- what a customer bought at one moment.
    line as (
        select
            interaction.customer_id,
            scope.since,
            coalesce(interaction.basket_id, interaction.occurred_at::text) as basket,
            interaction.event,
            interaction.occurred_at,
            count(*) as interactions,
            count(distinct interaction.product_id) as products,
            sum(abs(coalesce(interaction.quantity, 1))::numeric) as units,
            sum(interaction.amount::numeric) as amount
        from raw.interaction
        inner join scope on interaction.customer_id = scope.customer_id
        group by
            interaction.customer_id,
            scope.since,
            basket,
            interaction.event,
            interaction.occurred_at
    ),

    -- One row per customer and cut-off after its first interaction: everything but counts of orders.
    volume as (
        select
            line.customer_id,
            moment.cutoff,
            extract(day from moment.cutoff - min(line.occurred_at))::int as tenure_days,
            coalesce(sum(line.interactions) filter (where recent_30d), 0) as interactions_30d,
            sum(amount) filter (where event = 'purchase' and recent_30d) as spend_30d,
            sum(amount) filter (where event = 'purchase' and recent_90d) as spend_90d,
            sum(amount) filter (where event = 'purchase' and recent_365d) as spend_365d,
            sum(amount) filter (where event = 'purchase') as spend_total,
            sum(units) filter (where event = 'purchase' and recent_30d) as units_30d,
            sum(units) filter (where event = 'purchase' and recent_90d) as units_90d,
            sum(units) filter (where event = 'purchase' and recent_365d) as units_365d,
            sum(units) filter (where event = 'purchase') as units_total,
            sum(products) filter (where event = 'purchase' and recent_365d) as basket_products_365d,
            sum(units) filter (where event = 'return' and recent_365d) as returned_units_365d
        from line
        inner join moment on line.occurred_at < moment.cutoff and line.since < moment.cutoff
        cross join lateral (
            select
                line.occurred_at >= moment.cutoff - interval '30 days' as recent_30d,
                line.occurred_at >= moment.cutoff - interval '90 days' as recent_90d,
                line.occurred_at >= moment.cutoff - interval '365 days' as recent_365d
        ) as windows
        group by line.customer_id, moment.cutoff
    ),

    -- One row per basket bought or brought back; when it began is known from its first line on.
    basket as (
        select
            customer_id,
            since,
            event,
            min(occurred_at) as ordered_at
        from line
        where event in ('purchase', 'return')
        group by customer_id, since, event, basket
    ),

    orders as (
        select
            basket.customer_id,
            moment.cutoff,
            extract(day from cutoff - max(ordered_at) filter (where event = 'purchase'))::int
                as days_since_last_order,
            count(*) filter (where event = 'purchase' and ordered_at >= cutoff - interval '30 days')
                as orders_30d,
            count(*) filter (where event = 'purchase' and ordered_at >= cutoff - interval '90 days')
                as orders_90d,
            count(*) filter (where event = 'purchase' and ordered_at >= cutoff - interval '365 days')
                as orders_365d,
            count(*) filter (where event = 'purchase') as orders_total,
            count(*) filter (where event = 'return' and ordered_at >= cutoff - interval '90 days')
                as returns_90d,
            count(*) filter (where event = 'return' and ordered_at >= cutoff - interval '365 days')
                as returns_365d
        from basket
        inner join moment on basket.ordered_at < moment.cutoff and basket.since < moment.cutoff
        group by basket.customer_id, moment.cutoff
    ),

    order_day as (
        select
            customer_id,
            since,
            ordered_at::date as ordered_on,
            min(ordered_at) as known_at
        from basket
        where event = 'purchase'
        group by customer_id, since, ordered_at::date
    ),

    gap as (
        select
            customer_id,
            since,
            known_at,
            ordered_on - lag(ordered_on) over (partition by customer_id order by ordered_on) as days
        from order_day
    ),

    rhythm as (
        select
            gap.customer_id,
            moment.cutoff,
            avg(gap.days)::float8 as days_mean,
            percentile_cont(0.5) within group (order by gap.days) as days_median
        from gap
        inner join moment on gap.known_at < moment.cutoff and gap.since < moment.cutoff
        where gap.days is not null
        group by gap.customer_id, moment.cutoff
    ),

    -- Every moment at which a window of breadth begins or ends: between two of them the exact time
    -- does not matter.
    bounds as (
        select array_agg(distinct bound order by bound) as bounds
        from moment
        cross join lateral (
            values (cutoff), (cutoff - interval '90 days'), (cutoff - interval '365 days')
        ) as windows (bound)
    ),

    bought as (
        select
            interaction.customer_id,
            interaction.product_id,
            scope.since,
            width_bucket(interaction.occurred_at, bounds) as slot
        from raw.interaction
        inner join scope on interaction.customer_id = scope.customer_id
        cross join bounds
        where interaction.event = 'purchase'
    ),

    -- Each purchase of a product holds until the customer's next purchase of it, so that exactly
    -- one row per product is valid at a cut-off: the latest.
    latest as (
        select
            customer_id,
            since,
            slot,
            lead(slot) over (partition by customer_id, product_id order by slot) as next_slot
        from bought
    ),

    latest_slot as (
        select
            latest.customer_id,
            latest.since,
            coalesce(bounds[latest.slot], '-infinity') as slot_at,
            coalesce(bounds[latest.next_slot], 'infinity') as next_at,
            count(*) as products
        from latest
        cross join bounds
        where latest.next_slot > latest.slot or latest.next_slot is null
        group by latest.customer_id, latest.since, slot_at, next_at
    ),

    breadth as (
        select
            latest_slot.customer_id,
            moment.cutoff,
            sum(products) filter (where slot_at >= cutoff - interval '90 days') as products_90d,
            sum(products) as products_365d
        from latest_slot
        inner join moment
            on
                latest_slot.slot_at < moment.cutoff
                and latest_slot.since < moment.cutoff
                and latest_slot.next_at >= moment.cutoff
                and latest_slot.slot_at >= moment.cutoff - interval '365 days'
        group by latest_slot.customer_id, moment.cutoff
    ),

    home as (
        select
            customer.key as customer_id,
            moment.cutoff,
            min(coalesce(tail.label, tail.key) collate "C") as country
        from kg.triple
        inner join kg.entity as customer on triple.head_id = customer.entity_id
        inner join scope on customer.key = scope.customer_id
        inner join kg.entity as tail on triple.tail_id = tail.entity_id
        inner join moment
            on
                greatest(triple.valid_from, triple.observed_at) <= moment.cutoff
                and least(triple.valid_to, triple.retracted_at) > moment.cutoff
        where
            triple.relation_id = kg.relation_id('lives_in')
            and customer.entity_type = 'customer'
        group by customer.key, moment.cutoff
    )

    select
        customer_id,
        cutoff as event_timestamp,
        cutoff as created_timestamp,
        volume.tenure_days,
        volume.interactions_30d::int,
        orders.days_since_last_order,
        coalesce(orders.orders_30d, 0)::int,
        coalesce(orders.orders_90d, 0)::int,
        coalesce(orders.orders_365d, 0)::int,
        coalesce(orders.orders_total, 0)::int,
        case when volume.units_30d is null then 0 else volume.spend_30d end::float8,
        case when volume.units_90d is null then 0 else volume.spend_90d end::float8,
        case when volume.units_365d is null then 0 else volume.spend_365d end::float8,
        case when volume.units_total is null then 0 else volume.spend_total end::float8,
        coalesce(volume.units_90d, 0)::float8,
        coalesce(volume.units_365d, 0)::float8,
        coalesce(breadth.products_90d, 0)::int,
        coalesce(breadth.products_365d, 0)::int,
        (volume.spend_365d / nullif(orders.orders_365d, 0))::float8 as basket_spend_mean_365d,
        (volume.basket_products_365d / nullif(orders.orders_365d, 0))::float8,
        rhythm.days_mean,
        rhythm.days_median,
        coalesce(orders.returns_90d, 0)::int,
        coalesce(orders.returns_365d, 0)::int,
        (coalesce(volume.returned_units_365d, 0) / nullif(volume.units_365d, 0))::float8,
        home.country,
        null,
        null,
        null,
        null,
        '{}'::text[]
    from volume
    left join orders using (customer_id, cutoff)
    left join rhythm using (customer_id, cutoff)
    left join breadth using (customer_id, cutoff)
    left join home using (customer_id, cutoff)
$$;
comment on function feature.customer_behaviour_at(timestamptz[], text[], timestamptz[]) is
'feature.customer_profile_at without favourites, of all customers or of those given; of each of these only at cut-offs after its since.';
