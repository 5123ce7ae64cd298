-- Segments: their members, their profiles, an analyst's own lists.

create or replace function seg.members(name text, true_at timestamptz default now())
returns table (
    customer_id text,
    segment_id int,
    segment_name text,
    distance real,
    event_timestamp timestamptz
)
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    return query execute format(
        'select customer_id, segment_id, segment_name, distance, event_timestamp
        from feature.%1$I
        where event_timestamp = (
            select max(event_timestamp) from feature.%1$I where event_timestamp <= $1
        )
        order by segment_id, distance, customer_id collate "C"',
        seg.known_table(name)
    ) using true_at;
end
$$;
comment on function seg.members(text, timestamptz) is
'Who is in which segment, by the latest cut-off not after true_at; the most typical customers of each segment first. One row per customer.';

create or replace function seg.profile(name text)
returns table (
    segment_id int,
    segment_name text,
    segment_name_zh text,
    size int,
    share real,
    medians jsonb,
    attributes jsonb
)
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    perform seg.known_table(name);
    return query
    select
        described.segment_id,
        described.segment_name,
        described.segment_name_zh,
        described.size,
        described.share,
        described.medians,
        described.attributes
    from seg.profile as described
    where described.name = profile.name
    order by described.segment_id;
end
$$;
comment on function seg.profile(text) is
'What each segment is like, as of the latest cut-off: size, share of all customers in [0, 1], medians of the profile features, product attributes bought more than elsewhere (share of its purchases, lift = that share / everybody''s). One row per segment.';

create or replace function seg.require_customers(customer_ids text[]) returns void
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    unknown text[];
begin
    if coalesce(cardinality(customer_ids), 0) = 0 or array_position(customer_ids, null) is not null then
        raise exception 'the list of customers is empty or holds null' using
            errcode = '22023', hint = 'Pass customer ids: array[''13085'', ''13078''].';
    end if;
    unknown := array(
        select distinct given.customer_id
        from unnest(customer_ids) as given (customer_id)
        where not exists (
            select from raw.customer where customer.customer_id = given.customer_id
        ) and not exists (
            select from raw.interaction where interaction.customer_id = given.customer_id
        )
        order by given.customer_id
    );
    if cardinality(unknown) > 0 then
        raise exception '% of % customers are unknown: %',
            cardinality(unknown), cardinality(customer_ids), array_to_string(unknown[1:5], ', ')
            using errcode = 'P0002',
            hint = 'Nothing was published. Customer ids are the shop''s own, as in raw.interaction.';
    end if;
end
$$;
comment on function seg.require_customers(text[]) is
'Raises unless the list holds customers, all of them known; names the first five that are not.';

create or replace function seg.publish(name text, customer_ids text[]) returns bigint
language plpgsql
set search_path = pg_catalog
as $$
declare
    target text := seg.table_name(name);
    moment timestamptz := ops.data_cutoff();
    listed bigint;
begin
    if not has_schema_privilege('feature', 'create') then
        raise exception 'login % may only read; publishing a segment writes feature.%', session_user, target
            using errcode = '42501', hint = 'Connect as the owner of the database: kgfeatures db url';
    end if;
    perform seg.require_customers(customer_ids);
    if exists (select from seg.run where run.name = publish.name and run.method <> 'published') then
        raise exception 'the segmentation "%" is made by kgfeatures segment', publish.name using
            errcode = '22023', hint = 'Publish your list under another name.';
    end if;
    perform seg.create_table(name);
    insert into seg.run as known (name, run_id, method, known_at)
    values (publish.name, 1, 'published', moment)
    on conflict on constraint run_pkey do update set
        run_id = known.run_id + 1,
        known_at = excluded.known_at;
    execute format('delete from feature.%I where event_timestamp = $1', target) using moment;
    execute format(
        'insert into feature.%I (customer_id, event_timestamp, created_timestamp, segment_id, segment_name)
        select distinct on (given) given, $1, $1, 0, $2 from unnest($3) as given order by given',
        target
    ) using moment, name, customer_ids;
    get diagnostics listed = row_count;
    delete from seg.profile as described where described.name = publish.name;
    insert into seg.profile (name, segment_id, segment_name, size, share)
    select publish.name, 0, publish.name, listed, listed::real / count(*)
    from (
        select customer.customer_id from raw.customer
        union
        select interaction.customer_id from raw.interaction
    ) as known;
    perform seg.describe(name);
    return listed;
end
$$;
comment on function seg.publish(text, text[]) is
'Makes a list of customers the segmentation feature.segment_<name>, known at the end of the data; published again at the same cut-off it replaces itself. Returns the number of members. Needs a login that may write.';
