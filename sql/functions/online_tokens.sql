-- The tokens by which the online store finds texts; the twin of kgfeatures.extraction's tokens()
-- for spaced scripts without combining marks, and for Chinese and Japanese.

create schema if not exists online;

create or replace function online.tokens(body text) returns text[]
language sql immutable parallel safe
set search_path = pg_catalog
as $$
    with parts as (
        select
            found.place,
            found.part[1] as unspaced,
            coalesce(found.part[2], replace(found.part[3], '''', '')) as word
        from regexp_matches(
            lower(normalize(translate(body, U&'\2019\2018\00B4`', ''''''''''), nfkc)),
            '([\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)'
            '|(\d+(?:\.\d+)?)'
            '|((?:(?![\d_\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])\w)(?:(?![_\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])\w)*(?:''[^\W_]+)*)',
            'g'
        ) with ordinality as found (part, place)
    ),

    pairs as (
        select
            parts.place,
            pair.begins,
            substr(parts.unspaced, pair.begins, 2) as token
        from parts
        cross join generate_series(1, greatest(length(parts.unspaced) - 1, 1)) as pair (begins)
        where parts.unspaced is not null
        union all
        select
            parts.place,
            1 as begins,
            parts.word as token
        from parts
        where parts.unspaced is null
    )

    select coalesce(array_agg(pairs.token order by pairs.place, pairs.begins), '{}')
    from pairs
$$;
comment on function online.tokens(text) is
'The search tokens of a text, in order: words in small letters, numbers, and for Chinese and Japanese the pairs of neighbouring characters.';
