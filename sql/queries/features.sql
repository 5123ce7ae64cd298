-- name: snapshot
-- What a feature table holds. One row, none when there is no such table.
-- Params: table_name text.
select
    keys,
    first_at,
    last_at
from feature.snapshot(%(table_name)s);

-- name: vector_versions
-- The versions of vectors that some feature tables hold, first known first. One row per table and
-- version.
-- Params: names text[].
select
    view,
    model_id,
    kind,
    known_at
from unnest(%(names)s::text[]) as view
cross join feature.vector_versions(view)
order by view, known_at, model_id;

-- name: knows_versions
-- Whether this database can say which versions of vectors can be compared. One row.
select to_regprocedure('emb.comparable_id(integer)') is not null as found;

-- name: lines_of_versions
-- How many lines some versions of vectors belong to; those of one line can be compared. One row.
-- Params: versions int[].
select count(distinct coalesce(emb.comparable_id(version), version)) as lines
from unnest(%(versions)s::int[]) as version;

-- name: online_keys
-- Number of keys in a view's online table, null when there is none. One row. Params: view text.
select feature.online_keys(%(view)s) as keys;

-- name: empty_online
-- Empties an online table. Params: table_name text.
select feature.empty_online(%(table_name)s);

-- name: missing_tables
-- Those of some feature tables that do not exist. One row per table. Params: names text[].
select name
from unnest(%(names)s::text[]) as name
where to_regclass(format('feature.%%I', name)) is null
order by name;

-- name: is_registered
-- Whether the catalogue knows all these feature views and Feast's registry exists. One row.
-- Params: names text[].
select
    to_regclass('feast_registry.feature_views') is not null
    and not exists (
        select name
        from unnest(%(names)s::text[]) as name
        except
        select name
        from ops.catalogue
        where kind = 'feature_view'
    ) as found;

-- name: registry_tables
-- The tables of Feast's registry, as they are. One row per table.
select
    class.relname as name,
    array_agg(attribute.attname::text order by attribute.attnum) as columns
from pg_class as class
inner join pg_attribute as attribute on class.oid = attribute.attrelid
where
    class.relnamespace = to_regnamespace('feast_registry')
    and class.relkind = 'r'
    and attribute.attnum > 0
    and not attribute.attisdropped
group by class.relname
order by class.relname;

-- name: clear_catalogue
-- Forgets what Feast's registry held when it was last read.
delete from ops.catalogue
where kind in ('entity', 'feature_view', 'feature_service');

-- name: add_to_catalogue
-- Params: kind text, name text, description text, details jsonb.
insert into ops.catalogue (kind, name, description, details)
values (%(kind)s, %(name)s, %(description)s, %(details)s::jsonb);

-- name: put_into_catalogue
-- Params: kind text, name text, description text, details jsonb (with the project).
insert into ops.catalogue as card (kind, name, description, details)
values (%(kind)s, %(name)s, %(description)s, %(details)s::jsonb)
on conflict (
    kind, name) do update set description = excluded.description, details = excluded.details
where card.details ->> 'project' = excluded.details ->> 'project';

-- name: remove_from_catalogue
-- Forgets feature views of a project. Params: project text, names text[].
delete from ops.catalogue
where
    kind = 'feature_view'
    and name = any(%(names)s::text[])
    and details ->> 'project' = %(project)s;

-- name: catalogue_size
-- How many entities, feature views and feature services there are. One row.
select count(*) as things
from ops.catalogue
where kind in ('entity', 'feature_view', 'feature_service');

-- name: list_personal_data
-- Lists columns that hold a customer's key and whose tables came up at run time.
insert into ops.personal_data (schema_name, table_name, column_name, holds)
select
    schema_name,
    table_name,
    column_name,
    'the customer''s key' as holds
from ops.unlisted_personal_data();

-- name: list_online_keys
-- Lists an online table of Feast's own store as holding customers' keys. Params: table_name text.
insert into ops.personal_data (schema_name, table_name, column_name, holds)
select
    'online' as schema_name,
    %(table_name)s::text as table_name,
    'entity_key' as column_name,
    'the customer''s key, serialised by Feast' as holds
where to_regclass(format('online.%%I', %(table_name)s::text)) is not null
on conflict do nothing;

-- name: forget_personal_data
-- Forgets columns of online tables that are no more.
delete from ops.personal_data
where
    schema_name = 'online'
    and (table_name, column_name) not in (
        select
            class.relname,
            attribute.attname
        from pg_class as class
        inner join pg_attribute as attribute on class.oid = attribute.attrelid
        where class.relnamespace = 'online'::regnamespace and not attribute.attisdropped
    );

-- name: refresh_plain_views
-- Views without the type vector, for tables that came up at run time.
select ops.refresh_plain_views();
