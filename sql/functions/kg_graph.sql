-- Questions to the graph: what held at a time, why it is believed, what connects two things.

create or replace view kg.triple_now
with (security_invoker = true) as
select  -- noqa: ST06
    head.entity_type as head_type,
    head.key as head_key,
    relation.name as relation,
    tail.entity_type as tail_type,
    tail.key as tail_key,
    coalesce(tail.label, tail.key) as tail_label,
    triple.confidence,
    nullif(triple.valid_from, '-infinity') as valid_from,
    nullif(triple.observed_at, '-infinity') as observed_at
from kg.triple
inner join kg.entity as head on triple.head_id = head.entity_id
inner join kg.relation on triple.relation_id = relation.relation_id
inner join kg.entity as tail on triple.tail_id = tail.entity_id
where
    triple.valid_from <= now() and now() < triple.valid_to
    and triple.observed_at <= now() and now() < triple.retracted_at;
comment on view kg.triple_now is
'Every triple that holds now as known now, with names instead of ids. One row per triple; times are null where the source gives none. Purchases are in raw.interaction, both together in kg.fact.';

create or replace function kg.triples_at(
    true_at timestamptz default now(), known_at timestamptz default now()
)
returns table (
    head_type text,
    head_key text,
    relation text,
    tail_type text,
    tail_key text,
    tail_label text,
    confidence real,
    valid_from timestamptz,
    valid_to timestamptz,
    observed_at timestamptz
)
language sql stable
set search_path = pg_catalog
as $$
    select
        head.entity_type,
        head.key,
        relation.name,
        tail.entity_type,
        tail.key,
        coalesce(tail.label, tail.key) as tail_label,
        triple.confidence,
        nullif(triple.valid_from, '-infinity') as valid_from,
        nullif(triple.valid_to, 'infinity') as valid_to,
        nullif(triple.observed_at, '-infinity') as observed_at
    from kg.triple
    inner join kg.entity as head on triple.head_id = head.entity_id
    inner join kg.relation on triple.relation_id = relation.relation_id
    inner join kg.entity as tail on triple.tail_id = tail.entity_id
    where
        triple.valid_from <= true_at and true_at < triple.valid_to
        and triple.observed_at <= known_at and known_at < triple.retracted_at
$$;
comment on function kg.triples_at(timestamptz, timestamptz) is
'Every triple that held at true_at, as it was known at known_at. One row per triple, no order; a time is null where the source gives none.';

create or replace function kg.evidence_of(
    head_type text,
    head_key text,
    inout relation text default null,
    inout tail_key text default null,
    known_at timestamptz default now(),
    out tail_type text,
    out tail_label text,
    out source text,
    out method text,
    out span text,
    out confidence real,
    out observed_at timestamptz
)
returns setof record
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    head bigint := kg.require_entity(head_type, head_key);
begin
    perform kg.require_relation(evidence_of.relation);
    return query
    select
        relation.name,
        tail.key,
        tail.entity_type,
        coalesce(tail.label, tail.key),
        evidence.source,
        evidence.method,
        evidence.span,
        evidence.confidence,
        nullif(evidence.observed_at, '-infinity')
    from kg.evidence
    inner join kg.relation on evidence.relation_id = relation.relation_id
    inner join kg.entity as tail on evidence.tail_id = tail.entity_id
    where
        evidence.head_id = head
        and evidence.observed_at <= evidence_of.known_at
        and (evidence_of.relation is null or relation.name = evidence_of.relation)
        and (evidence_of.tail_key is null or tail.key = evidence_of.tail_key)
    order by
        relation.name collate "C",
        tail.key collate "C",
        evidence.confidence desc,
        evidence.source collate "C",
        evidence.method collate "C",
        evidence.span collate "C",
        evidence.observed_at;
end
$$;
comment on function kg.evidence_of(text, text, text, text, timestamptz) is
'Why the triples of a head are believed: source, method and the words that say so (span). One row per piece of evidence; relation and tail_key narrow it.';

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
