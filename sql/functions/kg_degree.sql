-- How many facts there are of each entity and relation.

create or replace function kg.refresh_degree() returns bigint
language sql volatile
set search_path = pg_catalog
-- Millions of pairs are told apart below: in memory, not in files.
set work_mem = '256MB'
as $$
    delete from kg.degree;

    -- Each key is hashed once, not once per interaction as kg.fact would.
    with customer as materialized (
        select
            key.customer_id,
            kg.entity_id('customer', key.customer_id) as entity_id
        from (
            select interaction.customer_id from raw.interaction
            union
            select outreach.customer_id from kg.outreach
        ) as key
    ),

    product as materialized (
        select
            key.product_id,
            kg.entity_id('product', key.product_id) as entity_id
        from (select distinct interaction.product_id from raw.interaction) as key
    ),

    event as materialized (
        select
            name.event,
            kg.relation_id(raw.relation_of(name.event)) as relation_id
        from (select distinct interaction.event from raw.interaction) as name
    ),

    reached as (
        select distinct
            outreach.customer_id,
            outreach.relation,
            outreach.tail_type,
            outreach.tail_key
        from kg.outreach
    ),

    pair as (
        select
            triple.head_id,
            triple.relation_id,
            triple.tail_id
        from kg.triple
        union
        select
            customer.entity_id as head_id,
            event.relation_id,
            product.entity_id as tail_id
        from raw.interaction as done
        inner join event on done.event = event.event
        inner join customer on done.customer_id = customer.customer_id
        inner join product on done.product_id = product.product_id
        union
        select
            customer.entity_id as head_id,
            kg.relation_id(reached.relation) as relation_id,
            kg.entity_id(reached.tail_type, reached.tail_key) as tail_id
        from reached
        inner join customer on reached.customer_id = customer.customer_id
    )

    insert into kg.degree (entity_id, relation_id, direction, degree)
    select
        pair.head_id,
        pair.relation_id,
        'out' as direction,
        count(*) as degree
    from pair
    group by pair.head_id, pair.relation_id
    union all
    select
        pair.tail_id,
        pair.relation_id,
        'in' as direction,
        count(*) as degree
    from pair
    group by pair.tail_id, pair.relation_id;

    select count(*) from kg.degree;
$$;
comment on function kg.refresh_degree() is
'Counts the distinct neighbours of every entity over kg.fact into kg.degree and returns its number of rows.';
