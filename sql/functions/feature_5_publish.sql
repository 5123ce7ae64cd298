-- What publishing asks of tables whose names it only learns at run time.

create or replace function feature.snapshot(table_name text)
returns table (keys bigint, first_at timestamptz, last_at timestamptz)
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    target regclass := to_regclass(format('feature.%I', table_name));
    join_keys text;
begin
    if target is null then
        return;
    end if;
    select string_agg(quote_ident(attname), ', ' order by attnum) into join_keys
    from pg_index
    inner join pg_attribute on attrelid = indrelid and attnum = any (indkey)
    where indrelid = target and indisprimary
        and attname not in ('event_timestamp', 'created_timestamp');
    return query execute format(
        'select count(distinct (%s)), min(event_timestamp), max(event_timestamp) from %s',
        join_keys, target
    );
end
$$;
comment on function feature.snapshot(text) is
'How many keys a feature table holds and which times it spans: one row, none when there is no such table. Its keys are its primary key without the two timestamps.';

-- Its argument was called table_name once.
select ops.drop_before('feature.online_keys(text)', 'view_name');

create or replace function feature.online_keys(view_name text) returns bigint
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    served regclass;
    keys bigint;
begin
    select to_regclass(card.details ->> 'online_table') into served
    from ops.catalogue as card
    where card.kind = 'feature_view' and card.name = online_keys.view_name;
    if served is null then
        return null;
    end if;
    -- Feast's own store has a row per key and feature, ours one per key.
    if exists (
        select
        from pg_attribute
        where attrelid = served and attname = 'entity_key' and not attisdropped
    ) then
        execute format('select count(distinct entity_key) from %s', served) into keys;
    else
        execute format('select count(*) from %s', served) into keys;
    end if;
    return keys;
end
$$;
comment on function feature.online_keys(text) is
'How many keys the online table of a feature view holds; null when there is no such table. ops.catalogue says which table that is.';

create or replace function feature.empty_online(table_name text) returns void
language plpgsql
set search_path = pg_catalog
as $$
begin
    execute format('truncate online.%I', table_name);
end
$$;
comment on function feature.empty_online(text) is
'Empties one of Feast''s online tables: Feast itself never removes a key that left the shop.';
