-- What a customer likes: attributes bought more often than everybody's purchases would have it.
-- The planner cannot know how many rows its steps give and would join millions of them by nested
-- loops or on the cut-off alone: only hash joins are allowed (8 s instead of minutes).

create or replace function feature.taste(cutoffs timestamptz[], best int default null)
returns table (
    customer_id text,
    cutoff timestamptz,
    relation text,
    value text,
    purchases bigint,
    expected double precision,
    score double precision,
    place_in_relation bigint,
    place bigint
)
language sql stable
set search_path = pg_catalog
set work_mem = '64MB'
set jit = off
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with moment as (
        select
            (row_number() over (order by given.cutoff))::int as ordinal,
            given.cutoff
        from (select distinct unnest(cutoffs) as cutoff) as given
    ),

    sorted as (
        select array_agg(moment.cutoff order by moment.cutoff) as cutoffs from moment
    ),

    -- Millions of rows are counted below: by numbers, which go in the order of the names.
    known as (
        select
            triple.head_id,
            triple.relation_id,
            (dense_rank() over (
                order by relation.name collate "C", coalesce(tail.label, tail.key) collate "C"
            ))::int as attribute,
            (dense_rank() over (order by relation.name collate "C"))::int as relation_number,
            relation.name as relation,
            coalesce(tail.label, tail.key) as value,
            greatest(triple.valid_from, triple.observed_at) as known_from,
            least(triple.valid_to, triple.retracted_at) as known_until
        from kg.triple
        inner join kg.relation on triple.relation_id = relation.relation_id
        inner join kg.entity as tail on triple.tail_id = tail.entity_id
        where tail.entity_type not in ('product', 'customer')
    ),

    name as (
        select distinct attribute, relation, value from known
    ),

    has as (
        select
            product.key as product_id,
            known.attribute,
            known.relation_number,
            known.known_from,
            known.known_until
        from known
        inner join kg.entity as product on known.head_id = product.entity_id
        where product.entity_type = 'product'
    ),

    buyer as (
        select
            found.customer_id,
            (row_number() over (order by found.customer_id collate "C"))::int as customer
        from (select distinct interaction.customer_id from raw.interaction) as found
    ),

    -- first_ordinal: the first cut-off that the purchase counts for (it lies strictly before).
    purchase as (
        select
            buyer.customer,
            interaction.product_id,
            width_bucket(interaction.occurred_at, sorted.cutoffs) + 1 as first_ordinal,
            count(*) as purchases
        from raw.interaction
        inner join buyer on interaction.customer_id = buyer.customer_id
        cross join sorted
        where interaction.event = 'purchase'
        group by buyer.customer, interaction.product_id, first_ordinal
    ),

    step as (
        select
            purchase.customer,
            has.attribute,
            has.relation_number,
            has.known_from,
            has.known_until,
            purchase.first_ordinal,
            sum(purchase.purchases)::int as purchases
        from purchase
        inner join has on purchase.product_id = has.product_id
        group by
            purchase.customer,
            has.attribute,
            has.relation_number,
            has.known_from,
            has.known_until,
            purchase.first_ordinal
    ),

    bought as materialized (
        select
            step.customer,
            moment.ordinal,
            step.relation_number,
            step.attribute,
            sum(step.purchases)::int as purchases
        from step
        inner join moment
            on
                step.first_ordinal <= moment.ordinal
                and step.known_from <= moment.cutoff
                and step.known_until > moment.cutoff
        group by step.customer, moment.ordinal, step.relation_number, step.attribute
    ),

    of_customer as (
        select customer, ordinal, relation_number, sum(purchases)::float8 as purchases
        from bought
        group by customer, ordinal, relation_number
    ),

    of_attribute as (
        select
            ordinal,
            attribute,
            sum(purchases)::float8
            / sum(sum(purchases)) over (partition by ordinal, relation_number)::float8 as share
        from bought
        group by ordinal, relation_number, attribute
    ),

    -- Rounded, so that what is equal on paper is equal here and ties go by name.
    scored as (
        select
            bought.customer,
            bought.ordinal,
            bought.relation_number,
            bought.attribute,
            bought.purchases,
            of_customer.purchases * of_attribute.share as expected,
            round(
                bought.purchases
                * ln(bought.purchases / (of_customer.purchases * of_attribute.share))
                * 1e6
            ) / 1e6 as score
        from bought
        inner join of_customer using (customer, ordinal, relation_number)
        inner join of_attribute using (ordinal, attribute)
    ),

    placed_in_relation as (
        select
            scored.*,
            row_number() over (
                partition by customer, ordinal, relation_number
                order by score desc, purchases desc, attribute
            ) as place_in_relation
        from scored
        where best is null or score > 0
    ),

    placed as (
        select
            placed_in_relation.*,
            row_number() over (
                partition by customer, ordinal
                order by score desc, purchases desc, attribute
            ) as place
        from placed_in_relation
        where best is null or place_in_relation <= greatest(best, 1)
    )

    select
        buyer.customer_id,
        moment.cutoff,
        name.relation,
        name.value,
        placed.purchases::bigint,
        placed.expected,
        placed.score,
        placed.place_in_relation,
        placed.place
    from placed
    inner join buyer using (customer)
    inner join moment using (ordinal)
    inner join name using (attribute)
    where best is null or placed.place <= best or placed.place_in_relation = 1
$$;
comment on function feature.taste(timestamptz[], int) is
'How much more than expected each customer bought of each product attribute before each cut-off. expected = its purchases x the attribute''s share of all purchases; score = n * ln(n / expected), higher is a stronger taste. One row per customer, cut-off, relation and value bought; with best, only what is above expectation and the first of its relation or among so many best.';
