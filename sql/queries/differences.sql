-- Sources compared with what they said before, and what became of their rows.

-- name: sources
-- What is loaded. One row per source.
select
    source_id,
    kind,
    name,
    sha256,
    settings,
    place,
    rows_read,
    rows_loaded,
    rows_rejected,
    rows_dropped,
    events,
    watermark
from raw.source
order by source_id;

-- name: fates
-- The ids of the rows of some sources. One row per source and fate.
-- Params: source_ids int[].
select
    source_id,
    fate,
    row_ids
from ops.source_row
where source_id = any(%(source_ids)s::int[]);

-- name: remembered
-- Sources whose rows' ids are known. One row per source.
select distinct source_id
from ops.source_row;

-- name: forget
-- Params: source_ids int[].
delete from ops.source_row
where source_id = any(%(source_ids)s::int[]);

-- name: remove_sources
-- Params: source_ids int[].
delete from raw.source
where source_id = any(%(source_ids)s::int[]);

-- name: stage_sources
create temporary table if not exists staged_source (
    source_id int not null,
    kind text not null,
    name text not null,
    sha256 text not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    rows_rejected bigint not null,
    rows_dropped jsonb not null,
    place int not null,
    settings text not null,
    events text[] not null,
    watermark timestamptz
) on commit drop;

-- name: write_sources
insert into raw.source as present (
    source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected, rows_dropped, place,
    settings, events, watermark
)
select
    source_id,
    kind,
    name,
    sha256,
    rows_read,
    rows_loaded,
    rows_rejected,
    rows_dropped,
    place,
    settings,
    events,
    watermark
from pg_temp.staged_source
on conflict (source_id) do update set
    sha256 = excluded.sha256,
    rows_read = excluded.rows_read,
    rows_loaded = excluded.rows_loaded,
    rows_rejected = excluded.rows_rejected,
    rows_dropped = excluded.rows_dropped,
    place = excluded.place,
    settings = excluded.settings,
    events = excluded.events,
    watermark = excluded.watermark
where row(
    present.sha256, present.rows_read, present.rows_loaded, present.rows_rejected,
    present.rows_dropped, present.place, present.settings, present.events, present.watermark
) is distinct from row(
    excluded.sha256, excluded.rows_read, excluded.rows_loaded, excluded.rows_rejected,
    excluded.rows_dropped, excluded.place, excluded.settings, excluded.events, excluded.watermark
);

-- name: unstage_sources
delete from pg_temp.staged_source;

-- name: rejected
-- Params: source_ids int[]. One row per value.
select
    source_id,
    source_row,
    column_name,
    value,
    reason
from raw.rejected
where source_id = any(%(source_ids)s::int[]);

-- name: remove_rejected
-- Params: source_ids int[].
delete from raw.rejected
where source_id = any(%(source_ids)s::int[]);

-- name: campaigns
select
    campaign_id,
    title,
    body,
    starts_at,
    ends_at
from raw.campaign;

-- name: remove_campaigns
-- Params: keys text[].
delete from raw.campaign
where campaign_id = any(%(keys)s::text[]);

-- name: events_left
-- Which of some events a source still has. One row per event. Params: source_id int, events text[].
select wanted_event as event
from unnest(%(events)s::text[]) as wanted (wanted_event)
where exists (
    select from raw.interaction
    where source_id = %(source_id)s and event = wanted_event
);

-- name: newest
-- The newest time of a source. One row. Params: source_id int.
select max(occurred_at) as occurred_at
from raw.interaction
where source_id = %(source_id)s;

-- name: window
-- Ids of a source's interactions from a time on, 8 bytes each. One row.
-- Params: source_id int, since timestamptz (null = all of them).
select coalesce(string_agg(int8send(row_id), ''::bytea), ''::bytea) as row_ids
from raw.interaction
where source_id = %(source_id)s and occurred_at >= coalesce(%(since)s::timestamptz, '-infinity');

-- name: attribute_kind
-- What values an attribute has in some sources: texts, numbers or flags. At most one row.
-- Params: source_ids int[], name text.
select
    case
        when value_number is not null then 'numbers'
        when value_flag is not null then 'flags'
        else 'texts'
    end as kind
from raw.attribute
where
    source_id = any(%(source_ids)s::int[])
    and name = %(name)s
    and num_nonnulls(value_number, value_text, value_flag) = 1
order by source_id, row_id
limit 1;

-- name: note_change
-- Params: table_name, before_hash, after_hash text. One row.
insert into ops.change_set (table_name, before_hash, after_hash, run_id)
values (
    %(table_name)s,
    %(before_hash)s,
    %(after_hash)s,
    nullif(current_setting('kgfeatures.run_id', true), '')::bigint
)
returning change_id;

-- name: forget_changes
-- What nobody can build on any more: all before a load from nothing, and all but the latest.
-- Params: table_name text, k int.
with latest as (
    select
        change_id,
        row_number() over (order by change_id desc) as place,
        sum((before_hash is null)::int) over (order by change_id desc) as loads
    from ops.change_set
    where table_name = %(table_name)s
),

stale as (
    select latest.change_id
    from latest
    inner join ops.change_set as change on latest.change_id = change.change_id
    where
        latest.place > %(k)s
        or latest.loads > 1
        or (latest.loads = 1 and change.before_hash is not null)
)

delete from ops.change_set as change
using stale
where change.change_id = stale.change_id;
