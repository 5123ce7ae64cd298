-- Questions to the graph: what connects two things.

create or replace function kg.shared_tails(
    product_a text, product_b text, known_at timestamptz default now()
)
returns table (
    relation text,
    tail_type text,
    tail_key text,
    tail_label text,
    confidence real,
    products int
)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    a bigint := kg.require_entity('product', product_a);
    b bigint := kg.require_entity('product', product_b);
begin
    return query
    with said as (
        select
            triple.relation_id,
            triple.tail_id,
            triple.head_id,
            max(triple.confidence) as confidence
        from kg.triple
        where
            triple.head_id in (a, b)
            and triple.valid_from <= known_at and known_at < triple.valid_to
            and triple.observed_at <= known_at and known_at < triple.retracted_at
        group by triple.relation_id, triple.tail_id, triple.head_id
    )

    select
        relation.name,
        tail.entity_type,
        tail.key,
        coalesce(tail.label, tail.key),
        of_a.confidence * of_b.confidence,
        degree.degree
    from said as of_a
    inner join said as of_b
        on of_a.relation_id = of_b.relation_id and of_a.tail_id = of_b.tail_id
    inner join kg.relation on of_a.relation_id = relation.relation_id
    inner join kg.entity as tail on of_a.tail_id = tail.entity_id
    left join kg.degree
        on
            of_a.tail_id = degree.entity_id
            and of_a.relation_id = degree.relation_id
            and degree.direction = 'in'
    where of_a.head_id = a and of_b.head_id = b
    order by degree.degree nulls last, relation.name collate "C", tail.key collate "C";
end
$$;
comment on function kg.shared_tails(text, text, timestamptz) is
'What two products have in common, the rarest first: one row per relation and tail that both have. confidence: that both do, as a product; products: how many heads have it (kg.degree).';

create or replace function kg.paths(
    customer_id text,
    product_id text,
    k int default 10,
    known_at timestamptz default now()
)
returns table (
    via_product_id text,
    via_title text,
    bought_at timestamptz,
    relation text,
    tail_type text,
    tail_key text,
    tail_label text,
    products int
)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    target bigint := kg.require_entity('product', paths.product_id);
begin
    perform kg.require_entity('customer', paths.customer_id);
    if k is null or k < 1 then
        raise exception 'k is %; it must be at least 1', coalesce(k::text, 'null') using
            errcode = '22023', hint = 'k is the number of rows wanted.';
    end if;
    return query
    -- Meet in the middle: the few tails of the product, and the tails of what was bought.
    with own as materialized (
        select distinct
            triple.relation_id,
            triple.tail_id
        from kg.triple
        where
            triple.head_id = target
            and triple.valid_from <= known_at and known_at < triple.valid_to
            and triple.observed_at <= known_at and known_at < triple.retracted_at
    ),

    bought as materialized (
        select
            interaction.product_id,
            kg.entity_id('product', interaction.product_id) as entity_id,
            max(interaction.occurred_at) as bought_at
        from raw.interaction
        where
            interaction.customer_id = paths.customer_id
            and interaction.event = 'purchase'
            and interaction.occurred_at <= known_at
            and interaction.product_id <> paths.product_id
        group by interaction.product_id
    ),

    path as (
        select distinct
            bought.product_id,
            bought.bought_at,
            own.relation_id,
            own.tail_id
        from bought
        inner join kg.triple on bought.entity_id = triple.head_id
        inner join own
            on triple.relation_id = own.relation_id and triple.tail_id = own.tail_id
        where
            triple.valid_from <= known_at and known_at < triple.valid_to
            and triple.observed_at <= known_at and known_at < triple.retracted_at
    )

    select
        path.product_id,
        product.title,
        path.bought_at,
        relation.name,
        tail.entity_type,
        tail.key,
        coalesce(tail.label, tail.key),
        degree.degree
    from path
    inner join kg.relation on path.relation_id = relation.relation_id
    inner join kg.entity as tail on path.tail_id = tail.entity_id
    left join kg.degree
        on
            path.tail_id = degree.entity_id
            and path.relation_id = degree.relation_id
            and degree.direction = 'in'
    left join raw.product on path.product_id = product.product_id
    order by
        degree.degree nulls last,
        path.bought_at desc,
        relation.name collate "C",
        tail.key collate "C",
        path.product_id collate "C"
    limit k;
end
$$;
comment on function kg.paths(text, text, int, timestamptz) is
'How a product hangs together with a customer: the customer bought via_product_id, which shares a relation and tail with it. One row per path, rarest tail first (products: how many have it), then the newest purchase.';
