-- Tables with vectors once more as plain views, for SQL tools that choke on the type vector.

create schema if not exists plain;
comment on schema plain is
'Views of the tables with vectors, for SQL tools that do not know the type: vectors as real[], with dimension and norm.';
grant usage on schema plain to kgf_reader;
alter default privileges in schema plain grant select on tables to kgf_reader;

create or replace function ops.plain_views()
returns table (view_name text, target regclass, columns text[], expressions text[])
language sql stable
set search_path = pg_catalog, public
as $$
    select
        schema.nspname || '_' || class.relname as view_name,
        class.oid::regclass as target,
        array_agg(shown.name order by attribute.attnum, shown.place) as columns,
        array_agg(shown.expression order by attribute.attnum, shown.place) as expressions
    from pg_class as class
    inner join pg_namespace as schema on class.relnamespace = schema.oid
    inner join pg_attribute as attribute on class.oid = attribute.attrelid
    cross join lateral (
        values
        (
            1,
            attribute.attname::text,
            format(
                case when attribute.atttypid = 'vector'::regtype then '%I::real[]' else '%I' end,
                attribute.attname
            )
        ),
        (2, attribute.attname || '_dim', format('vector_dims(%I)', attribute.attname)),
        (3, attribute.attname || '_norm', format('vector_norm(%I)', attribute.attname))
    ) as shown (place, name, expression)
    where
        schema.nspname in ('emb', 'feature', 'online')
        and class.relkind in ('r', 'p')
        and attribute.attnum > 0
        and not attribute.attisdropped
        and (shown.place = 1 or attribute.atttypid = 'vector'::regtype)
    group by schema.nspname, class.relname, class.oid
    having bool_or(attribute.atttypid = 'vector'::regtype)
$$;
comment on function ops.plain_views() is
'The views that schema plain should have, one row per table with a column of type vector in emb, feature and online: its columns, and what gives them.';

create or replace function ops.present_plain_views()
returns table (view_name text, target regclass, columns text[])
language sql stable
set search_path = pg_catalog
as $$
    select
        class.relname::text as view_name,
        (
            select min(depends.refobjid)::regclass
            from pg_rewrite as rule
            inner join pg_depend as depends on rule.oid = depends.objid
            where
                rule.ev_class = class.oid
                and depends.classid = 'pg_rewrite'::regclass
                and depends.refclassid = 'pg_class'::regclass
                and depends.refobjid <> class.oid
        ) as target,
        array(
            select attribute.attname::text
            from pg_attribute as attribute
            where attribute.attrelid = class.oid and attribute.attnum > 0
            order by attribute.attnum
        ) as columns
    from pg_class as class
    where class.relnamespace = 'plain'::regnamespace and class.relkind = 'v'
$$;
comment on function ops.present_plain_views() is
'The views that schema plain has: one row each, the table that it reads and its columns.';

create or replace function ops.drop_plain_views(target regclass) returns void
language plpgsql
set search_path = pg_catalog
as $$
declare
    name text;
begin
    for name in
        select present.view_name
        from ops.present_plain_views() as present
        where present.target = drop_plain_views.target
    loop
        execute format('drop view plain.%I', name);
    end loop;
end
$$;
comment on function ops.drop_plain_views(regclass) is
'Drops the plain views of a table: to be run before the table is dropped. Views that others made are not touched; those keep a table from being dropped.';

create or replace function ops.refresh_plain_views() returns int
language plpgsql
set search_path = pg_catalog, public
as $$
declare
    wanted record;
    changed int := 0;
begin
    -- A view that stays is not touched: whoever reads it would have to wait.
    for wanted in
        select
            coalesce(needed.view_name, present.view_name) as view_name,
            present.view_name is not null as is_there,
            needed.target,
            needed.columns,
            needed.expressions
        from ops.plain_views() as needed
        full join ops.present_plain_views() as present on needed.view_name = present.view_name
        where
            needed.target is distinct from present.target
            or needed.columns is distinct from present.columns
        order by 1
    loop
        changed := changed + 1;
        if wanted.is_there then
            execute format('drop view plain.%I', wanted.view_name);
        end if;
        continue when wanted.target is null;
        execute format(
            'create view plain.%I (%s) with (security_invoker = true) as select %s from %s',
            wanted.view_name,
            (select string_agg(quote_ident(name), ', ' order by place)
            from unnest(wanted.columns) with ordinality as listed (name, place)),
            array_to_string(wanted.expressions, ', '),
            wanted.target
        );
        execute format(
            'comment on view plain.%I is %L',
            wanted.view_name,
            format(
                'As %s, with vectors as real[], their dimension and their norm. One row per row of it.',
                wanted.target
            )
        );
    end loop;
    return changed;
end
$$;
comment on function ops.refresh_plain_views() is
'Makes schema plain have one view per table with vectors, and returns how many views it made, replaced or dropped; run after such tables come, go or change names.';

select ops.refresh_plain_views();
