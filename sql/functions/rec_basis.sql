-- What recommendations for a customer rest on, in a word and in a sentence.

create or replace function rec.segment_of(customer_id text, known_at timestamptz default now())
returns table (segmentation text, segment_id int, segment_name text)
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    named text;
    place record;
    fewest int;
begin
    for named in
        select favourite.segmentation
        from rec.segment_favourite as favourite
        group by favourite.segmentation
        having to_regclass(format('feature.%I', 'segment_' || favourite.segmentation)) is not null
        order by favourite.segmentation collate "C"
    loop
        execute format(
            'select profile.size, member.segment_id, member.segment_name
            from feature.%I as member
            inner join seg.profile on profile.name = $4 and member.segment_id = profile.segment_id
            where
                member.customer_id = $1
                and member.event_timestamp = (
                    select max(latest.event_timestamp) from feature.%1$I as latest
                    where latest.event_timestamp <= $2
                )
                and ($3 is null or profile.size < $3)
                and exists (
                    select from rec.segment_favourite as favourite
                    where favourite.segmentation = $4 and favourite.segment_id = member.segment_id
                )',
            'segment_' || named
        ) into place using segment_of.customer_id, segment_of.known_at, fewest, named;
        if place.size is not null then
            fewest := place.size;
            segmentation := named;
            segment_id := place.segment_id;
            segment_name := place.segment_name;
        end if;
    end loop;
    if fewest is not null then
        return next;
    end if;
end
$$;
comment on function rec.segment_of(text, timestamptz) is
'The segment whose favourites a customer without purchases is shown: of all segments that hold the customer the smallest, of equals that of the first segmentation by name. At most one row.';

create or replace function rec.basis(
    customer_id text, known_at timestamptz default now(), ignored text[] default '{}'
)
returns table (basis text, segmentation text, segment_id int, segment_name text)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    if basis.known_at is null then
        raise exception 'known_at is null' using
            errcode = '22004', hint = 'It is the moment until which purchases count; leave it out for now().';
    end if;
    if exists (
        select from raw.interaction
        where
            interaction.customer_id = basis.customer_id
            and interaction.event = 'purchase'
            and interaction.occurred_at <= basis.known_at
            and interaction.product_id <> all(basis.ignored)
    ) then
        return query select 'history', null::text, null::int, null::text;
        return;
    end if;
    return query
    select 'segment', found.segmentation, found.segment_id, found.segment_name
    from rec.segment_of(basis.customer_id, basis.known_at) as found;
    if not found then
        return query select 'popular', null::text, null::int, null::text;
    end if;
end
$$;
comment on function rec.basis(text, timestamptz, text[]) is
'What recommendations for a customer rest on: history = purchases; without any, segment = what the customer''s segment buys most, else popular. One row.';

create or replace function rec.why(
    customer_id text,
    filters jsonb default null,
    exclude_bought boolean default true,
    ignore jsonb default null,
    known_at timestamptz default now()
)
returns text
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    ignored text[] := rec.ignored_products(ignore);
    base record;
    answer text;
    bought int;
    passing int;
    left_over int;
    among int[] := rec.visible();
begin
    perform rec.require(1);
    select * into base from rec.basis(why.customer_id, why.known_at, ignored);
    select count(*), min(history.last_at)::text into bought
    from rec.history(why.customer_id, why.known_at, ignored) as history;
    if base.basis = 'history' then
        answer := format('customer "%s" bought %s products before %s', why.customer_id, bought, why.known_at);
    else
        answer := format(
            'customer "%s" has no purchase before %s%s; %s', why.customer_id, why.known_at,
            case
                when bought > 0 then ' that is not ignored'
                when not exists (
                    select from kg.entity
                    where entity.entity_type = 'customer' and entity.key = why.customer_id
                ) then ' and is not known'
                else ''
            end,
            case base.basis
                when 'segment' then format(
                    'favourites of segment "%s" (%s) shown, then what is popular',
                    base.segment_name, base.segmentation
                )
                else 'what is popular shown'
            end
        );
    end if;
    select
        count(*),
        count(*) filter (
            where not why.exclude_bought or not exists (
                select from raw.interaction
                where
                    interaction.customer_id = why.customer_id
                    and interaction.product_id = popular.product_id
                    and interaction.event = 'purchase'
                    and interaction.occurred_at <= why.known_at
            )
        )
    into passing, left_over
    from rec.popular
    where
        (among is null or popular.product_no in (select unnest(among)))
        and (
            why.filters is null
            or popular.product_id in (
                select kept.product_id from kg.filter_products(why.filters, why.known_at) as kept
            )
        );
    return answer || case
        when passing = 0 then format('; no product passes the filters %s', why.filters)
        when left_over = 0 then format('; all %s products that pass were bought already', passing)
        when why.filters is not null then format('; %s products pass the filters', left_over)
        else ''
    end;
end
$$;
comment on function rec.why(text, jsonb, boolean, jsonb, timestamptz) is
'Why rec.recommend with the same arguments answers as it does, in a sentence: what it rests on, and what filters leave.';
