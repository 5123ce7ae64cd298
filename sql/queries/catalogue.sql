-- What JupyterLab's catalogue shows; all of it readable by kgf_reader, and quick at any size: sizes
-- and profiles are the planner's, nothing is counted.

-- name: registered
-- What Feast's registry holds: entities, feature views, feature services. One row each.
select
    kind,
    name,
    description,
    details
from ops.catalogue
where kind in ('entity', 'feature_view', 'feature_service')
order by kind, name;

-- name: vectors
-- The vectors in use: one row per alias.
select
    alias.alias as name,
    model.model_id,
    model.kind,
    model.scorer,
    model.dim,
    model.entity_types,
    model.known_at,
    model.metrics,
    format('m_%%s', model.model_id) as table_name
from emb.alias
inner join emb.model on alias.model_id = model.model_id
order by alias.alias;

-- name: relations
-- The ontology with its sizes: one row per relation.
select
    relation.name,
    relation.description,
    relation.domain,
    relation.range,
    relation.cardinality,
    coalesce(sum(degree.degree), 0)::bigint as triples
from kg.relation
left join kg.degree
    on relation.relation_id = degree.relation_id and degree.direction = 'out'
group by relation.relation_id
order by relation.name;

-- name: entity_types
-- Kinds of nodes: one row each.
select
    entity_type as name,
    count(*) as entities
from kg.entity
group by entity_type
order by entity_type;

-- name: tables
-- Tables and views of the shop that this login may read, one row each. "rows" is the planner's
-- estimate, null before the first analyze; "readable" is null where all columns may be read.
select
    schema.nspname as schema_name,
    class.relname as table_name,
    class.relkind::text as kind,
    obj_description(class.oid, 'pg_class') as description,
    nullif(class.reltuples, -1)::bigint as rows,
    (
        select count(*)
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = class.oid
            and attribute.attnum > 0
            and not attribute.attisdropped
            and has_column_privilege(class.oid, attribute.attnum, 'select')
    ) as columns,
    case
        when not has_table_privilege(class.oid, 'select')
            then array(
                select attribute.attname::text
                from pg_catalog.pg_attribute as attribute
                where
                    attribute.attrelid = class.oid
                    and attribute.attnum > 0
                    and not attribute.attisdropped
                    and has_column_privilege(class.oid, attribute.attnum, 'select')
                order by attribute.attnum
            )
    end as readable
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as schema on class.relnamespace = schema.oid
where
    schema.nspname in ('raw', 'kg', 'emb', 'feature', 'online', 'rec', 'seg', 'ops', 'plain')
    and class.relkind in ('r', 'p', 'v', 'm', 'f')
    and has_schema_privilege(schema.oid, 'usage')
    and has_any_column_privilege(class.oid, 'select')
order by schema.nspname, class.relname;

-- name: columns
-- Columns of a table that this login may read, with what the planner knows: one row each.
-- Params: schema_name text, table_name text.
select
    attribute.attname as name,
    stats.null_frac::float8 as null_rate,
    stats.histogram_bounds::text::text[] as bounds,
    stats.most_common_vals::text::text[] as common,
    stats.most_common_freqs::float8[] as shares,
    format_type(attribute.atttypid, attribute.atttypmod) as type,
    col_description(class.oid, attribute.attnum) as description,
    coalesce(attribute.attnum = any(key.indkey), false) as is_key,
    case
        when stats.n_distinct >= 0 then stats.n_distinct::float8
        else -stats.n_distinct::float8 * class.reltuples
    end as distinct_values
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as schema on class.relnamespace = schema.oid
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
left join pg_catalog.pg_index as key on class.oid = key.indrelid and key.indisprimary
left join pg_catalog.pg_stats as stats
    on
        schema.nspname = stats.schemaname
        and class.relname = stats.tablename
        and attribute.attname = stats.attname
where
    schema.nspname = %(schema_name)s
    and class.relname = %(table_name)s
    and attribute.attnum > 0
    and not attribute.attisdropped
    and has_column_privilege(class.oid, attribute.attnum, 'select')
order by attribute.attnum;

-- name: indexes
-- Indexes of a table: one row each. method: btree, hnsw …
-- Params: schema_name text, table_name text.
select
    index_class.relname as name,
    method.amname as method,
    index.indisvalid as valid,
    array(
        select pg_get_indexdef(index.indexrelid, place, true)
        from generate_series(1, index.indnkeyatts) as place
        order by place
    ) as columns
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as index_class on index.indexrelid = index_class.oid
inner join pg_catalog.pg_am as method on index_class.relam = method.oid
inner join pg_catalog.pg_class as class on index.indrelid = class.oid
inner join pg_catalog.pg_namespace as schema on class.relnamespace = schema.oid
where schema.nspname = %(schema_name)s and class.relname = %(table_name)s
order by not index.indisprimary, index_class.relname;

-- name: standing_runs
-- The run that made what stands: the latest finished one of each step. One row per step.
select distinct on (step)
    step,
    run_id,
    started_at,
    finished_at,
    row_counts,
    params,
    array(select jsonb_object_keys(inputs)) as inputs,
    array(select jsonb_object_keys(outputs)) as outputs
from ops.run
where status = 'finished'
order by step asc, run_id desc;

-- name: runs
-- The latest runs, the newest first. A run whose process is gone stays "running" until the next of
-- its step. One row per run.
-- Params: k int.
select
    run_id,
    step,
    status as state,
    started_at,
    finished_at,
    row_counts,
    progress,
    error,
    coalesce(seconds, extract(epoch from now() - started_at)::float8) as seconds
from ops.run
order by run_id desc
limit %(k)s;

-- name: vector_tables
-- Tables with more than `least` vectors: one row each, "vectors" by the planner's estimate.
-- Params: least int.
select distinct
    schema.nspname as schema_name,
    class.relname as table_name,
    class.reltuples::bigint as vectors
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as schema on class.relnamespace = schema.oid
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
inner join pg_catalog.pg_type as type on attribute.atttypid = type.oid
where
    class.relkind in ('r', 'p')
    and class.reltuples > %(least)s
    and type.typname in ('vector', 'halfvec')
    and not attribute.attisdropped;

-- name: known_columns
-- Everything that a statement can name: one row per column of a readable table or view.
select
    schema.nspname as schema_name,
    class.relname as table_name,
    attribute.attname as name,
    case when class.relkind in ('r', 'p', 'f') then 'table' else 'view' end as kind,
    obj_description(class.oid, 'pg_class') as description,
    format_type(attribute.atttypid, attribute.atttypmod) as type
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as schema on class.relnamespace = schema.oid
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
where
    schema.nspname in ('raw', 'kg', 'emb', 'feature', 'online', 'rec', 'seg', 'ops', 'plain')
    and class.relkind in ('r', 'p', 'v', 'm', 'f')
    and attribute.attnum > 0
    and not attribute.attisdropped
    and has_schema_privilege(schema.oid, 'usage')
    and has_column_privilege(class.oid, attribute.attnum, 'select')
order by schema.nspname, class.relname, attribute.attnum;

-- name: known_functions
-- Functions that a statement can call: one row each.
select
    schema.nspname as schema_name,
    function.proname as name,
    pg_get_function_arguments(function.oid) as arguments,
    pg_get_function_result(function.oid) as returns,
    obj_description(function.oid, 'pg_proc') as description
from pg_catalog.pg_proc as function
inner join pg_catalog.pg_namespace as schema on function.pronamespace = schema.oid
where
    schema.nspname in ('raw', 'kg', 'emb', 'feature', 'online', 'rec', 'seg', 'ops')
    and function.prokind = 'f'
    and function.prorettype <> 'trigger'::regtype
    and has_schema_privilege(schema.oid, 'usage')
    and has_function_privilege(function.oid, 'execute')
order by schema.nspname, function.proname, arguments;
