-- Filters of kg.similar and rec.recommend: which entities does a jsonb let through?
--     {"has_colour": "red"}                      a triple with this tail
--     {"has_colour": ["red", "pink"]}            with one of these
--     {"has_colour": {"not": "red"}}             with none of these
--     {"price": {"min": 1, "max": 5}}            a dated attribute's latest value, bounds included
--     {"in_stock": true}                         its latest value, exactly
-- Every key has to let an entity through. Tails are named by key or by label.

create or replace function ops.nearest_names(wanted text, known text[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    -- Dice's coefficient over the pairs of letters: pg_trgm is not everywhere.
    with pair as (
        select distinct
            word.name,
            substr(' ' || lower(word.name) || ' ', place, 2) as letters
        from unnest(known || wanted) as word (name)
        cross join lateral generate_series(1, length(word.name) + 1) as place
    ),

    size as (
        select pair.name, count(*) as pairs
        from pair
        group by pair.name
    ),

    likeness as (
        select size.name, 2.0 * count(shared.letters) / (size.pairs + own.pairs) as likeness
        from size
        inner join size as own on own.name = wanted
        inner join pair on size.name = pair.name
        left join pair as shared on shared.name = wanted and pair.letters = shared.letters
        where size.name = any(known)
        group by size.name, size.pairs, own.pairs
    ),

    ranked as (
        select
            likeness.name,
            likeness.likeness,
            row_number() over (order by likeness.likeness desc, likeness.name) as place
        from likeness
    )

    select
        coalesce(
            (
                select format('Did you mean %s? ', ranked.name)
                from ranked
                where ranked.place = 1 and ranked.likeness >= 0.4
            ), ''
        )
        || 'Known: '
        || coalesce(
            (
                select string_agg(ranked.name, ', ' order by ranked.place)
                from ranked
                where ranked.place <= 10
            ), 'none yet'
        )
$$;
comment on function ops.nearest_names(text, text[]) is
'The hint of an error about an unknown name: the most similar known one, and the ten nearest.';

create or replace function kg.filter_values(term text, value jsonb) returns text[]
language plpgsql immutable parallel safe
set search_path = pg_catalog
as $$
begin
    if jsonb_typeof(value) in ('string', 'number', 'boolean') then
        return array[value #>> '{}'];
    end if;
    if jsonb_typeof(value) = 'array' and jsonb_array_length(value) > 0 and not exists (
        select from jsonb_array_elements(value) as element
        where jsonb_typeof(element) not in ('string', 'number', 'boolean')
    ) then
        return array(select jsonb_array_elements_text(value));
    end if;
    raise exception 'filter "%" is %', term, value using
        errcode = '22023',
        hint = 'Write a value, [values], {"not": value}, {"not": [values]} or {"min": x, "max": y}.';
end
$$;
comment on function kg.filter_values(text, jsonb) is
'The values that one term of a filter names: one, or those of a list; anything else is an error.';

create or replace function kg.filter_bound(term text, bound jsonb) returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog
as $$
begin
    if jsonb_typeof(bound) <> 'number' then
        raise exception 'filter "%" has the bound %', term, bound using
            errcode = '22023', hint = 'min and max are numbers; leave one out for no bound.';
    end if;
    return bound::double precision;
end
$$;
comment on function kg.filter_bound(text, jsonb) is
'A bound of a filter''s range as a number, null when it was left out; anything else is an error.';

create or replace function kg.filter_names(entity_type text) returns text[]
language sql stable
set search_path = pg_catalog
as $$
    select array_agg(known.name)
    from (
        select relation.name
        from kg.relation
        where coalesce(relation.domain, filter_names.entity_type) = filter_names.entity_type
        union
        select attribute.name
        from raw.attribute
        where attribute.entity_type = filter_names.entity_type
    ) as known;
$$;
comment on function kg.filter_names(text) is
'What entities of a type can be filtered by: their relations and their dated attributes.';

create or replace function kg.filter_terms(filters jsonb, entity_type text)
returns table (
    term int,
    relation_id bigint,
    attribute text,
    negated boolean,
    wanted text[],
    low double precision,
    high double precision
)
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    named text;
    given jsonb;
    relation kg.relation;
begin
    if jsonb_typeof(filters) <> 'object' then
        raise exception 'filters are %', filters using
            errcode = '22023', hint = 'Write an object, for example {"has_colour": "red"}.';
    end if;
    term := 0;
    for named, given in select each.key, each.value from jsonb_each(filters) as each loop
        term := term + 1;
        negated := jsonb_typeof(given) = 'object' and given ? 'not' and given - 'not' = '{}';
        low := null;
        high := null;
        wanted := null;
        select known.* into relation from kg.relation as known where known.name = named;
        if jsonb_typeof(given) = 'object'
            and given ?| array['min', 'max'] and given - 'min' - 'max' = '{}'
        then
            if relation.name is not null then
                raise exception 'filter "%" is a relation and has no min and max', named using
                    errcode = '22023', hint = 'Write a value, [values] or {"not": value}.';
            end if;
            low := coalesce(kg.filter_bound(named, given -> 'min'), '-infinity');
            high := coalesce(kg.filter_bound(named, given -> 'max'), 'infinity');
        else
            wanted := kg.filter_values(named, case when negated then given -> 'not' else given end);
        end if;
        relation_id := relation.relation_id;
        attribute := case when relation_id is null then named end;
        if relation.domain <> filter_terms.entity_type then
            raise exception 'filter "%" is about a %, not a %', named, relation.domain, filter_terms.entity_type
                using errcode = '22023', hint = ops.nearest_names(named, kg.filter_names(filter_terms.entity_type));
        end if;
        if attribute is not null and not exists (
            select from raw.attribute as known
            where known.entity_type = filter_terms.entity_type and known.name = named
        ) then
            raise exception 'a % has no relation or attribute "%"', filter_terms.entity_type, named
                using errcode = '22023', hint = ops.nearest_names(named, kg.filter_names(filter_terms.entity_type));
        end if;
        return next;
    end loop;
end
$$;
comment on function kg.filter_terms(jsonb, text) is
'A filter taken apart and checked: one row per key. An unknown name is an error that names the nearest.';

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
