-- Filters of kg.similar and rec.recommend: which entities does a jsonb let through?
--     {"has_colour": "red"}                      a triple with this tail
--     {"has_colour": ["red", "pink"]}            with one of these
--     {"has_colour": {"not": "red"}}             with none of these
--     {"price": {"min": 1, "max": 5}}            a dated attribute's latest value, bounds included
--     {"in_stock": true}                         its latest value, exactly
-- Every key has to let an entity through. Tails are named by key or by label.

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
