-- Which entities pass a filter (kg_filter_1_terms.sql says how one is written).

create or replace function kg.filter_entities(
    filters jsonb,
    entity_type text default 'product',
    known_at timestamptz default now()
)
returns table (entity_id bigint, key text)
language sql stable
set search_path = pg_catalog
as $$
    with term as materialized (
        select *
        from kg.filter_terms(filter_entities.filters, filter_entities.entity_type)
    ),

    -- Of the relation's range, which are few of all entities; of any type where it has none.
    tail as (
        select
            term.term,
            term.relation_id,
            entity.entity_id,
            entity.key
        from term
        inner join kg.relation on term.relation_id = relation.relation_id
        inner join kg.entity on relation.range = entity.entity_type
        where entity.key = any(term.wanted) or entity.label = any(term.wanted)
        union all
        select
            term.term,
            term.relation_id,
            entity.entity_id,
            entity.key
        from term
        inner join kg.relation on term.relation_id = relation.relation_id
        inner join kg.entity on entity.key = any(term.wanted) or entity.label = any(term.wanted)
        where relation.range is null
    ),

    latest as (
        select distinct on (attribute.name, attribute.key)
            attribute.name,
            attribute.key,
            attribute.value_number,
            coalesce(attribute.value_text, attribute.value_flag::text) as value_text
        from raw.attribute
        where
            attribute.entity_type = filter_entities.entity_type
            and attribute.name in (select term.attribute from term)
            and attribute.valid_from <= filter_entities.known_at
        order by attribute.name, attribute.key, attribute.valid_from desc
    ),

    hit as (
        select tail.term, triple.head_id as entity_id
        from tail
        inner join kg.triple
            on tail.entity_id = triple.tail_id and tail.relation_id = triple.relation_id
        where
            filter_entities.known_at >= triple.valid_from
            and filter_entities.known_at < triple.valid_to
            and filter_entities.known_at >= triple.observed_at
            and filter_entities.known_at < triple.retracted_at
        union
        -- What customers did to products is not in kg.triple.
        select tail.term, kg.entity_id('customer', interaction.customer_id) as entity_id
        from tail
        inner join raw.interaction
            on
                tail.key = interaction.product_id
                and tail.relation_id = kg.relation_id(raw.relation_of(interaction.event))
        where
            filter_entities.entity_type = 'customer'
            and interaction.occurred_at <= filter_entities.known_at
        union
        select term.term, kg.entity_id(filter_entities.entity_type, latest.key) as entity_id
        from term
        inner join latest on term.attribute = latest.name
        where
            latest.value_number between term.low and term.high
            or latest.value_text = any(term.wanted)
            or latest.value_number::text = any(term.wanted)
    ),

    met as (
        select
            hit.entity_id,
            count(*) filter (where not term.negated) as wanted,
            count(*) filter (where term.negated) as unwanted
        from hit
        inner join term on hit.term = term.term
        group by hit.entity_id
    )

    -- Whoever met all terms; without terms to be met, everybody who met no unwanted one.
    select entity.entity_id, entity.key
    from met
    inner join kg.entity on met.entity_id = entity.entity_id
    where
        entity.entity_type = filter_entities.entity_type
        and met.wanted > 0
        and met.wanted = (select count(*) from term where not term.negated)
        and met.unwanted = 0
    union all
    select entity.entity_id, entity.key
    from kg.entity
    where
        entity.entity_type = filter_entities.entity_type
        and not exists (select from term where not term.negated)
        and entity.entity_id not in (select met.entity_id from met where met.unwanted > 0);
$$;
comment on function kg.filter_entities(jsonb, text, timestamptz) is
'The entities of a type that a filter lets through, as known at a time. One row per entity; all of them for {}.';

create or replace function kg.filter_products(filters jsonb, known_at timestamptz default now())
returns table (product_id text, entity_id bigint)
language sql stable
set search_path = pg_catalog
as $$
    select allowed.key as product_id, allowed.entity_id
    from kg.filter_entities(filter_products.filters, 'product', filter_products.known_at) as allowed;
$$;
comment on function kg.filter_products(jsonb, timestamptz) is
'The products that a filter lets through, as known at a time. One row per product; all of them for {}.';
