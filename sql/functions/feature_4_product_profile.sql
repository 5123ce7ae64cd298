-- The behaviour of products as known at given moments.

drop function if exists feature.product_profile_at(timestamptz[]);

create or replace function feature.product_profile_at(
    cutoffs timestamptz[],
    product_ids text[] default null,
    since timestamptz[] default null
)
returns setof feature.product_profile
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
            everything.product_id,
            '-infinity'::timestamptz as since
        from (select distinct product_id from raw.interaction) as everything
        where product_ids is null
        union all
        select
            given.product_id,
            given.since
        from unnest(product_ids, product_profile_at.since) as given (product_id, since)
    ),

    -- Every moment at which some window begins or ends. Between two of them the exact time does
    -- not matter, so sums are made once per slot and then added up per window.
    bounds as (
        select array_agg(distinct bound order by bound) as bounds
        from moment
        cross join lateral (
            values
            (cutoff),
            (cutoff - interval '30 days'),
            (cutoff - interval '90 days'),
            (cutoff - interval '365 days')
        ) as windows (bound)
    ),

    line as (
        select
            interaction.product_id,
            scope.since,
            interaction.customer_id,
            coalesce(interaction.basket_id, interaction.occurred_at::text) as basket,
            interaction.event,
            interaction.occurred_at,
            coalesce(bounds[width_bucket(interaction.occurred_at, bounds)], '-infinity') as slot_at,
            abs(coalesce(interaction.quantity, 1))::numeric as units,
            interaction.amount::numeric as amount
        from raw.interaction
        inner join scope on interaction.product_id = scope.product_id
        cross join bounds
    ),

    -- numeric: exact, whatever the order of the rows.
    slot as (
        select
            product_id,
            since,
            slot_at,
            min(occurred_at) as first_at,
            count(*) as interactions,
            sum(units) filter (where event = 'purchase') as units,
            sum(amount) filter (where event = 'purchase') as revenue,
            sum(units) filter (where event = 'return') as returned_units
        from line
        group by product_id, since, slot_at
    ),

    volume as (
        select
            slot.product_id,
            moment.cutoff,
            extract(day from moment.cutoff - min(slot.first_at))::int as tenure_days,
            coalesce(sum(interactions) filter (where slot_at >= cutoff - interval '30 days'), 0)
                as interactions_30d,
            sum(revenue) filter (where slot_at >= cutoff - interval '30 days') as revenue_30d,
            sum(revenue) filter (where slot_at >= cutoff - interval '90 days') as revenue_90d,
            sum(revenue) filter (where slot_at >= cutoff - interval '365 days') as revenue_365d,
            sum(units) filter (where slot_at >= cutoff - interval '30 days') as units_30d,
            sum(units) filter (where slot_at >= cutoff - interval '90 days') as units_90d,
            sum(units) filter (where slot_at >= cutoff - interval '365 days') as units_365d,
            sum(returned_units) filter (where slot_at >= cutoff - interval '365 days')
                as returned_units_365d
        from slot
        inner join moment on slot.slot_at < moment.cutoff and slot.since < moment.cutoff
        group by slot.product_id, moment.cutoff
    ),

    -- One row per product and basket bought or brought back; when it began is known at once.
    basket as (
        select
            product_id,
            since,
            customer_id,
            event,
            min(occurred_at) as ordered_at,
            min(slot_at) as slot_at
        from line
        where event in ('purchase', 'return')
        group by product_id, since, customer_id, event, basket
    ),

    order_slot as (
        select
            product_id,
            since,
            slot_at,
            max(ordered_at) filter (where event = 'purchase') as last_at,
            count(*) filter (where event = 'purchase') as orders,
            count(*) filter (where event = 'return') as returns
        from basket
        group by product_id, since, slot_at
    ),

    orders as (
        select
            order_slot.product_id,
            moment.cutoff,
            extract(day from cutoff - max(last_at))::int as days_since_last_order,
            sum(orders) filter (where slot_at >= cutoff - interval '30 days') as orders_30d,
            sum(orders) filter (where slot_at >= cutoff - interval '90 days') as orders_90d,
            sum(orders) filter (where slot_at >= cutoff - interval '365 days') as orders_365d,
            sum(orders) as orders_total,
            sum(returns) filter (where slot_at >= cutoff - interval '90 days') as returns_90d,
            sum(returns) filter (where slot_at >= cutoff - interval '365 days') as returns_365d
        from order_slot
        inner join moment
            on order_slot.slot_at < moment.cutoff and order_slot.since < moment.cutoff
        group by order_slot.product_id, moment.cutoff
    ),

    -- Each order of a buyer holds until that buyer's next order of the product, so that exactly
    -- one row per buyer is valid at a cut-off: the latest.
    latest as (
        select
            product_id,
            since,
            slot_at,
            lead(slot_at, 1, 'infinity') over buyer as next_at,
            lag(slot_at) over buyer as previous_at
        from basket
        where event = 'purchase'
        window buyer as (partition by product_id, customer_id order by ordered_at)
    ),

    latest_slot as (
        select
            product_id,
            since,
            slot_at,
            next_at,
            previous_at,
            count(*) as buyers
        from latest
        where
            next_at > slot_at
            -- Of use at a cut-off after its since.
            and next_at > since
            and slot_at > since - interval '365 days'
        group by product_id, since, slot_at, next_at, previous_at
    ),

    reach as (
        select
            latest_slot.product_id,
            moment.cutoff,
            sum(buyers) filter (where slot_at >= cutoff - interval '30 days') as buyers_30d,
            sum(buyers) filter (where slot_at >= cutoff - interval '90 days') as buyers_90d,
            sum(buyers) as buyers_365d,
            sum(buyers) filter (where previous_at >= cutoff - interval '365 days') as repeat_buyers_365d
        from latest_slot
        inner join moment
            on
                latest_slot.slot_at < moment.cutoff
                and latest_slot.since < moment.cutoff
                and latest_slot.next_at >= moment.cutoff
                and latest_slot.slot_at >= moment.cutoff - interval '365 days'
        group by latest_slot.product_id, moment.cutoff
    ),

    attribute as (
        select
            product.key as product_id,
            moment.cutoff,
            relation.name as relation,
            coalesce(tail.label, tail.key) as value,
            row_number() over (
                partition by product.key, moment.cutoff, relation.name
                order by triple.confidence desc, coalesce(tail.label, tail.key) collate "C"
            ) as place
        from kg.triple
        inner join kg.relation on triple.relation_id = relation.relation_id
        inner join kg.entity as product on triple.head_id = product.entity_id
        inner join scope on product.key = scope.product_id
        inner join kg.entity as tail on triple.tail_id = tail.entity_id
        inner join moment
            on
                greatest(triple.valid_from, triple.observed_at) <= moment.cutoff
                and least(triple.valid_to, triple.retracted_at) > moment.cutoff
        where
            product.entity_type = 'product'
            and tail.entity_type not in ('product', 'customer')
    ),

    description as (
        select
            product_id,
            cutoff,
            count(*) as attributes,
            max(value) filter (where place = 1 and relation = 'has_colour') as colour,
            max(value) filter (where place = 1 and relation = 'made_of') as material,
            max(value) filter (where place = 1 and relation = 'is_a') as object,
            max(value) filter (where place = 1 and relation = 'has_theme') as theme
        from attribute
        group by product_id, cutoff
    )

    select
        product_id,
        cutoff as event_timestamp,
        cutoff as created_timestamp,
        volume.tenure_days,
        volume.interactions_30d::int,
        orders.days_since_last_order,
        coalesce(orders.orders_30d, 0)::int,
        coalesce(orders.orders_90d, 0)::int,
        coalesce(orders.orders_365d, 0)::int,
        coalesce(orders.orders_total, 0)::int,
        coalesce(reach.buyers_30d, 0)::int,
        coalesce(reach.buyers_90d, 0)::int,
        coalesce(reach.buyers_365d, 0)::int,
        (coalesce(reach.repeat_buyers_365d, 0) / nullif(reach.buyers_365d, 0))::float8,
        coalesce(volume.units_30d, 0)::float8,
        coalesce(volume.units_90d, 0)::float8,
        coalesce(volume.units_365d, 0)::float8,
        case when volume.units_30d is null then 0 else volume.revenue_30d end::float8,
        case when volume.units_90d is null then 0 else volume.revenue_90d end::float8,
        case when volume.units_365d is null then 0 else volume.revenue_365d end::float8,
        (volume.revenue_90d / nullif(volume.units_90d, 0))::float8,
        (volume.revenue_365d / nullif(volume.units_365d, 0))::float8,
        coalesce(orders.returns_90d, 0)::int,
        coalesce(orders.returns_365d, 0)::int,
        (coalesce(volume.returned_units_365d, 0) / nullif(volume.units_365d, 0))::float8,
        coalesce(description.attributes, 0)::int,
        description.colour,
        description.material,
        description.object,
        description.theme
    from volume
    left join orders using (product_id, cutoff)
    left join reach using (product_id, cutoff)
    left join description using (product_id, cutoff)
$$;
comment on function feature.product_profile_at(timestamptz[], text[], timestamptz[]) is
'The rows that feature.product_profile has, or would have, at given moments: each computed from what occurred strictly before; of all products or of those given, of each of these only at cut-offs after its since. Needs read access to raw.interaction.';

-- Rows that stand are not hashed again.
select ops.watch_hash('feature.product_profile');
