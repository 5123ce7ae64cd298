-- What a customer likes: attributes bought more often than everybody's purchases would have it.

create or replace function feature.taste(cutoffs timestamptz[])
returns table (
    customer_id text,
    cutoff timestamptz,
    relation text,
    value text,
    purchases bigint,
    expected double precision,
    score double precision
)
language sql stable
set search_path = pg_catalog
as $$
    with moment as (
        select ordinal, cutoff
        from (
            select row_number() over (order by given.cutoff) as ordinal, given.cutoff
            from (select distinct unnest(cutoffs) as cutoff) as given
        ) as numbered
    ),

    sorted as (
        select array_agg(moment.cutoff order by moment.cutoff) as cutoffs from moment
    ),

    -- first_ordinal: the first cut-off that the purchase counts for (it lies strictly before).
    purchase as (
        select
            interaction.customer_id,
            interaction.product_id,
            width_bucket(interaction.occurred_at, sorted.cutoffs) + 1 as first_ordinal,
            count(*) as purchases
        from raw.interaction
        cross join sorted
        where interaction.event = 'purchase'
        group by interaction.customer_id, interaction.product_id, first_ordinal
    ),

    attribute as (
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
        where
            product.entity_type = 'product'
            and tail.entity_type not in ('product', 'customer')
    ),

    step as (
        select
            purchase.customer_id,
            attribute.relation,
            attribute.value,
            attribute.known_from,
            attribute.known_until,
            purchase.first_ordinal,
            sum(purchase.purchases) as purchases
        from purchase
        inner join attribute on purchase.product_id = attribute.product_id
        group by
            purchase.customer_id,
            attribute.relation,
            attribute.value,
            attribute.known_from,
            attribute.known_until,
            purchase.first_ordinal
    ),

    bought as (
        select
            step.customer_id,
            moment.cutoff,
            step.relation,
            step.value,
            sum(step.purchases) as purchases
        from step
        inner join moment
            on
                step.first_ordinal <= moment.ordinal
                and step.known_from <= moment.cutoff
                and step.known_until > moment.cutoff
        group by step.customer_id, moment.cutoff, step.relation, step.value
    ),

    total as (
        select
            bought.*,
            sum(bought.purchases) over (partition by bought.cutoff, bought.relation, bought.customer_id)
                as by_customer,
            sum(bought.purchases) over (partition by bought.cutoff, bought.relation, bought.value)
                as of_value,
            sum(bought.purchases) over (partition by bought.cutoff, bought.relation) as of_all
        from bought
    )

    select
        total.customer_id,
        total.cutoff,
        total.relation,
        total.value,
        total.purchases::bigint as purchases,
        (total.by_customer * total.of_value)::float8 / total.of_all::float8 as expected,
        -- Rounded, so that what is equal on paper is equal here and ties go by name.
        round(
            (
                total.purchases::float8
                * ln(
                    (total.purchases * total.of_all)::float8
                    / (total.by_customer * total.of_value)::float8
                )
            )::numeric,
            6
        )::float8 as score
    from total
$$;
comment on function feature.taste(timestamptz[]) is
'How much more than expected each customer bought of each product attribute before each cut-off. expected = its purchases x the attribute''s share of all purchases; score = n * ln(n / expected), higher is a stronger taste. One row per customer, cut-off, relation and value bought.';
