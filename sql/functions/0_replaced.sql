-- What `create or replace` cannot do: name arguments and results anew.

create or replace function ops.drop_before(signature text, newer text) returns void
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    if exists (
        select from pg_proc
        where oid = to_regprocedure(signature) and newer <> all(coalesce(proargnames, '{}'))
    ) then
        execute format('drop function %s', to_regprocedure(signature));
    end if;
end
$$;
comment on function ops.drop_before(text, text) is
'Drops a function of before an argument or a result of it got a newer name; one that has the name stays, with what is granted on it.';
