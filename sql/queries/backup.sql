-- What a backup is restored over.

-- name: schemas
-- The schemas that people made, with how many tables, views and functions each holds.
-- One row per schema. Extensions' objects do not count.
with object as (
    select
        relation.relnamespace as schema_id,
        relation.oid as object_id,
        'pg_class'::regclass as catalogue
    from pg_catalog.pg_class as relation
    where relation.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select
        routine.pronamespace,
        routine.oid,
        'pg_proc'::regclass
    from pg_catalog.pg_proc as routine
),

own as (
    select object.schema_id
    from object
    left join pg_catalog.pg_depend as extension
        on
            object.object_id = extension.objid
            and object.catalogue = extension.classid
            and extension.deptype = 'e'
    where extension.objid is null
)

select
    schema.nspname as name,
    count(own.schema_id) as objects,
    pg_has_role(schema.nspowner, 'usage') as droppable
from pg_catalog.pg_namespace as schema
left join own on schema.oid = own.schema_id
where schema.nspname not like 'pg\_%%' and schema.nspname <> 'information_schema'
group by schema.nspname, schema.nspowner
order by name;
