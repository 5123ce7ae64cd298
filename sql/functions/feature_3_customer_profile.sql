-- Behaviour and favourites of customers as known at given moments.

create or replace function feature.customer_profile_at(cutoffs timestamptz[])
returns setof feature.customer_profile
language sql stable
set search_path = pg_catalog
as $$
    with favourite as (
        select
            customer_id,
            cutoff,
            max(value) filter (where place_in_relation = 1 and relation = 'has_colour') as colour,
            max(value) filter (where place_in_relation = 1 and relation = 'made_of') as material,
            max(value) filter (where place_in_relation = 1 and relation = 'is_a') as object,
            max(value) filter (where place_in_relation = 1 and relation = 'has_theme') as theme,
            array_agg(relation || '=' || value order by place) filter (where place <= 5)
                as attributes
        from feature.taste(cutoffs, best => 5)
        group by customer_id, cutoff
    )

    select
        behaviour.customer_id,
        behaviour.event_timestamp,
        behaviour.created_timestamp,
        behaviour.tenure_days,
        behaviour.interactions_30d,
        behaviour.days_since_last_order,
        behaviour.orders_30d,
        behaviour.orders_90d,
        behaviour.orders_365d,
        behaviour.orders_total,
        behaviour.spend_30d,
        behaviour.spend_90d,
        behaviour.spend_365d,
        behaviour.spend_total,
        behaviour.units_90d,
        behaviour.units_365d,
        behaviour.products_90d,
        behaviour.products_365d,
        behaviour.basket_spend_mean_365d,
        behaviour.basket_products_mean_365d,
        behaviour.days_between_orders_mean,
        behaviour.days_between_orders_median,
        behaviour.returns_90d,
        behaviour.returns_365d,
        behaviour.return_rate_365d,
        behaviour.country,
        favourite.colour,
        favourite.material,
        favourite.object,
        favourite.theme,
        coalesce(favourite.attributes, '{}')
    from feature.customer_behaviour_at(cutoffs) as behaviour
    left join favourite
        on
            behaviour.customer_id = favourite.customer_id
            and behaviour.event_timestamp = favourite.cutoff
$$;
comment on function feature.customer_profile_at(timestamptz[]) is
'The rows that feature.customer_profile has, or would have, at given moments: each computed from what occurred strictly before. Needs read access to raw.interaction.';

-- Rows that stand are not hashed again.
select ops.watch_hash('feature.customer_profile');
