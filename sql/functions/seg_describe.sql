-- What a segment is like: medians of its customers' features, what it buys more than others.

create or replace function seg.medians(name text, true_at timestamptz default now())
returns table (segment_id int, medians jsonb)
language sql stable
set search_path = pg_catalog
as $$
    with member as (
        select
            members.customer_id,
            members.segment_id,
            members.event_timestamp
        from seg.members(name, true_at) as members
    ),

    profile as (
        select
            member.segment_id,
            to_jsonb(behaviour) as columns
        from member
        inner join feature.customer_profile as behaviour
            on
                member.customer_id = behaviour.customer_id
                and behaviour.event_timestamp = (
                    select max(latest.event_timestamp)
                    from feature.customer_profile as latest
                    where latest.event_timestamp <= member.event_timestamp
                )
    ),

    median as (
        select
            profile.segment_id,
            entry.key as feature,
            percentile_cont(0.5) within group (order by (entry.value)::float8) as median
        from profile
        cross join lateral jsonb_each(profile.columns) as entry
        where jsonb_typeof(entry.value) = 'number'
        group by profile.segment_id, entry.key
    )

    select
        median.segment_id,
        jsonb_object_agg(median.feature, median.median order by median.feature) as medians
    from median
    group by median.segment_id
$$;
comment on function seg.medians(text, timestamptz) is
'The median of every number in feature.customer_profile, customers without it left out. One row per segment.';

create or replace function seg.attributes(
    name text, true_at timestamptz default now(), k int default 5
)
returns table (segment_id int, attributes jsonb)
language sql stable
set search_path = pg_catalog
as $$
    with member as (
        select
            members.customer_id,
            members.segment_id,
            members.event_timestamp
        from seg.members(name, true_at) as members
    ),

    -- Everybody's purchases, so that a written list compares with all who are not on it too.
    purchase as (
        select
            member.segment_id,
            interaction.product_id,
            count(distinct interaction.customer_id) as purchases
        from raw.interaction
        left join member using (customer_id)
        where
            interaction.event = 'purchase'
            and interaction.occurred_at < (select max(member.event_timestamp) from member)
        group by member.segment_id, interaction.product_id
    ),

    attribute as (
        select distinct
            product.key as product_id,
            relation.name as relation,
            coalesce(tail.label, tail.key) as value
        from kg.triple
        inner join kg.relation using (relation_id)
        inner join kg.entity as product on triple.head_id = product.entity_id
        inner join kg.entity as tail on triple.tail_id = tail.entity_id
        where
            product.entity_type = 'product'
            and tail.entity_type not in ('product', 'customer')
            and triple.observed_at <= (select max(member.event_timestamp) from member)
            and triple.retracted_at > (select max(member.event_timestamp) from member)
    ),

    counted as (
        select
            purchase.segment_id,
            attribute.relation,
            attribute.value,
            sum(purchase.purchases) as purchases
        from purchase
        inner join attribute using (product_id)
        group by purchase.segment_id, attribute.relation, attribute.value
    ),

    total as (
        select
            purchase.segment_id,
            sum(purchase.purchases) as of_segment,
            sum(sum(purchase.purchases)) over () as of_all
        from purchase
        group by purchase.segment_id
    ),

    everywhere as (
        select
            counted.*,
            sum(counted.purchases) over (partition by counted.relation, counted.value) as of_value
        from counted
    ),

    lifted as (
        select
            everywhere.segment_id,
            everywhere.relation,
            everywhere.value,
            everywhere.purchases / total.of_segment as share,
            (everywhere.purchases / total.of_segment) / (everywhere.of_value / total.of_all) as lift
        from everywhere
        inner join total using (segment_id)
        -- What was bought a handful of times says nothing about a segment.
        where everywhere.purchases >= 20 and everywhere.purchases >= 0.01 * total.of_segment
    ),

    ranked as (
        select
            lifted.*,
            row_number() over (
                partition by lifted.segment_id
                order by lifted.lift desc, lifted.relation collate "C", lifted.value collate "C"
            ) as place
        from lifted
        where lifted.lift > 1
    )

    select
        ranked.segment_id,
        jsonb_agg(
            jsonb_build_object(
                'relation', ranked.relation,
                'value', ranked.value,
                'lift', round(ranked.lift, 3),
                'share', round(ranked.share, 4)
            )
            order by ranked.place
        ) as attributes
    from ranked
    where ranked.place <= k
    group by ranked.segment_id
$$;
comment on function seg.attributes(text, timestamptz, int) is
'The k product attributes that a segment buys more than all customers do: share of its purchases, lift = that share / everybody''s. Attributes of under 20 purchases or 1 % are left out. One row per segment.';

create or replace function seg.describe(name text) returns void
language sql
set search_path = pg_catalog
as $$
    with found as (
        select
            described.segment_id,
            medians.medians,
            attributes.attributes
        from seg.profile as described
        left join seg.medians(describe.name, 'infinity') as medians using (segment_id)
        left join seg.attributes(describe.name, 'infinity') as attributes using (segment_id)
        where described.name = describe.name
    )

    update seg.profile as described set
        medians = coalesce(found.medians, '{}'),
        attributes = coalesce(found.attributes, '[]')
    from found
    where described.name = describe.name and described.segment_id = found.segment_id
$$;
comment on function seg.describe(text) is
'Computes medians and attributes of the segments that stand in seg.profile.';
