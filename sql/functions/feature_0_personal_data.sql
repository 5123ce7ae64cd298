-- Which columns hold customers' keys although ops.personal_data does not know them.

create or replace function ops.unlisted_personal_data()
returns table (schema_name text, table_name text, column_name text)
language sql stable
set search_path = pg_catalog
as $$
    select
        schema.nspname::text,
        class.relname::text,
        attribute.attname::text
    from pg_class as class
    inner join pg_namespace as schema on class.relnamespace = schema.oid
    inner join pg_attribute as attribute on class.oid = attribute.attrelid
    left join ops.personal_data as listed
        on
            schema.nspname = listed.schema_name
            and class.relname = listed.table_name
            and attribute.attname = listed.column_name
    where
        class.relkind in ('r', 'p', 'm', 'f')
        and schema.nspname in ('ops', 'raw', 'kg', 'emb', 'feature', 'online', 'rec', 'seg')
        and attribute.attname ~ '^customer_(id|key)s?$'
        and attribute.attnum > 0
        and not attribute.attisdropped
        and listed.column_name is null
    order by 1, 2, 3
$$;
comment on function ops.unlisted_personal_data() is
'Columns named like a customer''s key that ops.personal_data does not list: must be empty. One row per column.';

comment on column ops.personal_file.place is
'home: path is relative to $KGFEATURES_HOME; elsewhere: path is absolute.';
