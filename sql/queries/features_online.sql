-- What the online store asks the catalogue about its tables.

-- name: tables
-- Those of some tables that exist, with their comments. One row per table, in the order asked for.
-- Params: schema text, names text[].
select
    class.relname as name,
    obj_description(class.oid, 'pg_class') as comment
from pg_class as class
inner join pg_namespace as schema on class.relnamespace = schema.oid
where
    schema.nspname = %(schema)s
    and class.relname = any(%(names)s::text[])
    and class.relkind = 'r'
order by array_position(%(names)s::text[], class.relname::text);

-- name: relations
-- Those of some names that a table, view or index goes by. One row per name.
-- Params: schema text, names text[].
select
    class.relname as name,
    class.relkind as kind
from pg_class as class
inner join pg_namespace as schema on class.relnamespace = schema.oid
where
    schema.nspname = %(schema)s
    and class.relname = any(%(names)s::text[]);

-- name: marked_tables
-- Tables whose comment ends with one of some marks. One row per table.
-- Params: schema text, marks text (a regular expression).
select
    class.relname as name,
    obj_description(class.oid, 'pg_class') as comment
from pg_class as class
inner join pg_namespace as schema on class.relnamespace = schema.oid
where
    schema.nspname = %(schema)s
    and class.relkind = 'r'
    and obj_description(class.oid, 'pg_class') ~ %(marks)s
order by class.relname;

-- name: columns
-- One row per column; place is its place in the primary key, null outside.
-- Params: schema text, name text.
select
    attribute.attname as name,
    format_type(attribute.atttypid, attribute.atttypmod) as type,
    col_description(class.oid, attribute.attnum) as comment,
    array_position(key.indkey::int2[], attribute.attnum) + 1 as place
from pg_class as class
inner join pg_namespace as schema on class.relnamespace = schema.oid
inner join pg_attribute as attribute on class.oid = attribute.attrelid
left join pg_index as key on class.oid = key.indrelid and key.indisprimary
where
    schema.nspname = %(schema)s
    and class.relname = %(name)s
    and attribute.attnum > 0
    and not attribute.attisdropped
order by attribute.attnum;

-- name: indexes
-- One row per index of a table that is no constraint. Params: schema text, name text.
select
    indexname as name,
    indexdef as definition
from pg_indexes
where
    schemaname = %(schema)s
    and tablename = %(name)s
    and indexname not like '%%pkey';

-- name: dependents
-- Views that read a table, with what it takes to make them again; ours are feature services.
-- One row per view. Params: target text ("schema.table", quoted).
select distinct
    schema.nspname as schema,
    class.relname as name,
    pg_get_viewdef(class.oid) as definition,
    class.relkind = 'v'
    and (
        schema.nspname = 'plain'
        or coalesce(obj_description(class.oid, 'pg_class'), '') like '%%Feast: project %%'
    ) as ours,
    obj_description(class.oid, 'pg_class') as comment
from pg_depend as dependency
inner join pg_rewrite as rule on dependency.objid = rule.oid
inner join pg_class as class on rule.ev_class = class.oid
inner join pg_namespace as schema on class.relnamespace = schema.oid
where
    dependency.refclassid = 'pg_class'::regclass
    and dependency.classid = 'pg_rewrite'::regclass
    and dependency.refobjid = to_regclass(%(target)s)
order by schema.nspname, class.relname;

-- name: service_views
-- Views over feature services of a project. One row per view. Params: schema text, mark text.
select
    class.relname as name,
    obj_description(class.oid, 'pg_class') as comment,
    array(
        select attribute.attname::text
        from pg_attribute as attribute
        where attribute.attrelid = class.oid and attribute.attnum > 0
        order by attribute.attnum
    ) as columns
from pg_class as class
inner join pg_namespace as schema on class.relnamespace = schema.oid
where
    schema.nspname = %(schema)s
    and class.relkind = 'v'
    and strpos(obj_description(class.oid, 'pg_class'), %(mark)s) > 0;

-- name: reader
-- The role that may read online tables, null where there is none. One row.
select to_regrole('kgf_reader')::text as role;

-- name: schema_exists
-- One row. Params: schema text.
select to_regnamespace(quote_ident(%(schema)s)) is not null as found;

-- name: tokens_exist
-- Whether the function that makes tokens is there. One row.
select to_regprocedure('online.tokens(text)') is not null as found;

-- name: has_vectors
-- Whether this database knows the type vector. One row.
select to_regtype('vector') is not null as found;

-- name: has_catalogue
-- Whether this database has kgfeatures' own tables and this login may write them. One row.
select
    coalesce(
        has_table_privilege(to_regclass('ops.catalogue'), 'insert')
        and has_table_privilege(to_regclass('ops.personal_data'), 'insert'),
        false
    ) as found;

-- name: lock_changes
-- Lets one transaction at a time change online tables.
select pg_advisory_xact_lock(hashtextextended('kgfeatures.online', 0));

-- name: has_plain_views
-- Whether this database shows vectors as plain numbers too, and this login may do that. One row.
select
    coalesce(
        has_function_privilege(to_regprocedure('ops.refresh_plain_views()'), 'execute')
        and has_schema_privilege(to_regnamespace('plain'), 'create'),
        false
    ) as found;

-- name: drop_plain_views
-- Params: target text ("schema.table", quoted).
select ops.drop_plain_views(to_regclass(%(target)s));

-- name: refresh_plain_views
select ops.refresh_plain_views();
