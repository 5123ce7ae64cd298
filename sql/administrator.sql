-- What an administrator runs once, connected to the database that the shop will live in:
--     psql --dbname=<database> --file=administrator.sql
-- Everything else of sql/ runs as the database's owner, who is no superuser.
-- Running it again changes nothing.

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'kgf_owner') then
        create role kgf_owner login;
    end if;
    if not exists (select from pg_catalog.pg_roles where rolname = 'kgf_reader') then
        create role kgf_reader login;
    end if;
    -- the name of the database is known only where this runs
    execute format('grant connect, create, temporary on database %I to kgf_owner', current_database());
    execute format('grant connect on database %I to kgf_reader', current_database());
    execute format('revoke temporary on database %I from public', current_database());
end
$$;

create extension if not exists vector with schema public;

-- Every login may write large objects unless this is taken away: a reader must not write at all.
revoke execute on function
lo_creat(integer),
lo_create(oid),
lo_from_bytea(oid, bytea),
lo_put(oid, bigint, bytea),
lo_unlink(oid),
lowrite(integer, bytea),
lo_truncate(integer, integer),
lo_truncate64(integer, bigint)
from public;
alter role kgf_reader set default_transaction_read_only = on;
