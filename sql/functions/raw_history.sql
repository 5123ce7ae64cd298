-- Dated attributes at a moment: a value holds from valid_from until the next one of its name.

create or replace function raw.attribute_at(
    entity_type text, name text, true_at timestamptz default now()
)
returns table (
    key text,
    value_number double precision,
    value_text text,
    value_flag boolean,
    valid_from timestamptz
)
language sql stable
set search_path = pg_catalog
as $$
    with latest as (
        select distinct on (attribute.key)
            attribute.key,
            attribute.value_number,
            attribute.value_text,
            attribute.value_flag,
            attribute.valid_from
        from raw.attribute
        where
            attribute.entity_type = attribute_at.entity_type
            and attribute.name = attribute_at.name
            and attribute.valid_from <= true_at
        order by attribute.key, attribute.valid_from desc
    )

    select
        latest.key,
        latest.value_number,
        latest.value_text,
        latest.value_flag,
        nullif(latest.valid_from, '-infinity') as valid_from
    from latest
    where num_nonnulls(latest.value_number, latest.value_text, latest.value_flag) = 1
    order by latest.key collate "C"
$$;
comment on function raw.attribute_at(text, text, timestamptz) is
'What every product or customer had for an attribute at true_at: one row per key whose value was known. valid_from: since when it held; null = since ever.';

create or replace function raw.attributes_of(
    entity_type text, key text, true_at timestamptz default now()
)
returns table (
    name text,
    value_number double precision,
    value_text text,
    value_flag boolean,
    valid_from timestamptz
)
language sql stable
set search_path = pg_catalog
as $$
    with latest as (
        select distinct on (attribute.name)
            attribute.name,
            attribute.value_number,
            attribute.value_text,
            attribute.value_flag,
            attribute.valid_from
        from raw.attribute
        where
            attribute.entity_type = attributes_of.entity_type
            and attribute.key = attributes_of.key
            and attribute.valid_from <= true_at
        order by attribute.name, attribute.valid_from desc
    )

    select
        latest.name,
        latest.value_number,
        latest.value_text,
        latest.value_flag,
        nullif(latest.valid_from, '-infinity') as valid_from
    from latest
    where num_nonnulls(latest.value_number, latest.value_text, latest.value_flag) = 1
    order by latest.name collate "C"
$$;
comment on function raw.attributes_of(text, text, timestamptz) is
'Every attribute that one product or customer had at true_at: one row per name whose value was known. valid_from: since when it held; null = since ever.';

create or replace function raw.attribute_history(entity_type text, key text, name text)
returns table (
    valid_from timestamptz,
    valid_to timestamptz,
    value_number double precision,
    value_text text,
    value_flag boolean
)
language sql stable
set search_path = pg_catalog
as $$
    select
        nullif(attribute.valid_from, '-infinity') as valid_from,
        lead(attribute.valid_from) over (order by attribute.valid_from) as valid_to,
        attribute.value_number,
        attribute.value_text,
        attribute.value_flag
    from raw.attribute
    where
        attribute.entity_type = attribute_history.entity_type
        and attribute.key = attribute_history.key
        and attribute.name = attribute_history.name
    order by attribute.valid_from
$$;
comment on function raw.attribute_history(text, text, text) is
'Every value that an attribute of one product or customer had: one row per time it was stated, oldest first; it held from valid_from (null = since ever) until valid_to (null = still does). All values null: unknown from then.';

create or replace function raw.find_documents(
    tokens text[],
    k int default 20,
    kind text default null,
    product_id text default null,
    known_at timestamptz default now()
)
returns table (
    document_id bigint,
    document_kind text,
    document_product_id text,
    customer_id text,
    body text,
    occurred_at timestamptz,
    rating real
)
language sql stable
set search_path = pg_catalog
as $$
    select
        document.document_id,
        document.kind,
        document.product_id,
        document.customer_id,
        document.body,
        document.occurred_at,
        document.rating
    from raw.document
    where
        cardinality(find_documents.tokens) > 0
        and document.tokens @> find_documents.tokens
        and (find_documents.kind is null or document.kind = find_documents.kind)
        and (
            find_documents.product_id is null
            or document.product_id = find_documents.product_id
        )
        and (document.occurred_at is null or document.occurred_at <= known_at)
    order by
        cardinality(document.tokens),
        document.occurred_at desc nulls last,
        document.document_id
    limit k
$$;
comment on function raw.find_documents(text[], int, text, text, timestamptz) is
'Reviews, questions, answers and notes that hold all of some tokens, as kgfeatures.graph.searching makes them of words or of Chinese: one row per document, the shortest first. A text without a time is known since ever.';
