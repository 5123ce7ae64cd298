-- What `kgfeatures check db` looks at.

-- name: server
-- Versions, size, connections and damage of this database. One row.
select
    current_setting('server_version') as version,
    current_setting('server_version_num')::int / 10000 as major,
    current_database() as database,
    pg_database_size(current_database()) as bytes,
    current_setting('max_connections')::int as connections_allowed,
    coalesce(checksum_failures, 0) as checksum_failures,
    (
        select extension.extversion
        from pg_catalog.pg_extension as extension
        where extension.extname = 'vector'
    ) as vector_version,
    (
        select sum(other.numbackends)
        from pg_catalog.pg_stat_database as other
    )::int as connections
from pg_catalog.pg_stat_database
where datname = current_database();

-- name: role
-- What a login may do beyond reading. At most one row.
-- Params: role text.
select
    rolcanlogin as can_log_in,
    rolsuper or rolcreaterole or rolcreatedb
    or rolreplication or rolbypassrls as has_powers,
    array(
        select granted.rolname::text
        from pg_catalog.pg_auth_members as membership
        inner join pg_catalog.pg_roles as granted on membership.roleid = granted.oid
        where membership.member = pg_roles.oid
        order by granted.rolname
    ) as member_of,
    array(
        select relation.oid::regclass::text
        from pg_catalog.pg_class as relation
        inner join pg_catalog.pg_namespace as schema on relation.relnamespace = schema.oid
        where
            relation.relkind in ('r', 'p', 'v', 'f')
            and schema.nspname not like 'pg\_%%'
            and schema.nspname <> 'information_schema'
            and has_table_privilege(pg_roles.oid, relation.oid, 'insert, update, delete, truncate')
        order by relation.oid::regclass::text
    ) as may_write
from pg_catalog.pg_roles
where rolname = %(role)s;

-- name: login
-- Who asks. One row.
select
    rolname as name,
    rolsuper as is_superuser
from pg_catalog.pg_roles
where rolname = current_user;

-- name: broken_indexes
-- Indexes that a failed or running build left unusable. One row per index.
select indexrelid::regclass::text as name
from pg_catalog.pg_index
where not (indisvalid and indisready)
order by name;

-- name: index_count
-- Indexes of people's tables, and how many of them are HNSW. One row.
select
    count(*) as indexes,
    count(*) filter (where method.amname = 'hnsw') as hnsw
from pg_catalog.pg_class as relation
inner join pg_catalog.pg_am as method on relation.relam = method.oid
inner join pg_catalog.pg_namespace as schema on relation.relnamespace = schema.oid
where
    relation.relkind = 'i'
    and schema.nspname not like 'pg\_%%';
