-- What errors say to who mistyped a name.

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
