-- The book of migrations: one row per SQL file that ran in this database.

create schema if not exists ops;

create table ops.migration (
    name text primary key,
    sha256 text not null,
    kind text not null check (kind in ('once', 'repeatable')),
    applied_at timestamptz not null default now()
);
comment on table ops.migration is
'One row per SQL file that ran here. once: numbered, frozen from then on; repeatable: functions, run again when the file changes.';
