-- What the migration runner asks; ops.migration itself comes from migrations/0000.

-- name: has_book
-- Whether anything was ever migrated here. One row.
select to_regclass('ops.migration') is not null as has_book;

-- name: applied
-- One row per file that ran, in the order of their names.
select
    name,
    sha256
from ops.migration
order by name;

-- name: record
-- Params: name, sha256, kind text ('once' or 'repeatable').
insert into ops.migration as written (name, sha256, kind)
values (%(name)s, %(sha256)s, %(kind)s)
on conflict (name) do update set
    sha256 = excluded.sha256,
    applied_at = now();

-- name: forget
-- Function files that this version no longer has, so that a version which has them runs them again.
-- Params: names text[] (of those it has).
delete from ops.migration
where kind = 'repeatable' and name <> all(%(names)s);

-- name: lock
-- Waits for another migration of this database, at most a minute, as for each table that readers
-- hold; held until the transaction ends.
select
    set_config('lock_timeout', '60s', true) as lock_timeout,
    pg_advisory_xact_lock(hashtextextended('kgfeatures.migrate', 0)) as locked;

-- name: prerequisites
-- What only an administrator can make. One row; vector_version is null without the extension.
select
    login.rolname as login,
    login.rolsuper as is_superuser,
    extension.extversion as vector_version,
    reader.rolname is not null as has_reader,
    current_database() as database,
    has_database_privilege(current_database(), 'create') as may_create
from pg_roles as login
left join pg_roles as reader on reader.rolname = 'kgf_reader'
left join pg_extension as extension on extension.extname = 'vector'
where login.rolname = session_user;
