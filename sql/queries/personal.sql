-- Files outside the tables that hold personal data.

-- name: is_writable
-- Whether there is a list and this login may write it: other teams read only.
select coalesce(has_table_privilege(to_regclass('ops.personal_file'), 'insert'), false) as writable;

-- name: note
-- Lists a file or folder. Params: place, path, kind, holds text.
insert into ops.personal_file as known (place, path, kind, holds, run_id)
values (
    %(place)s, %(path)s, %(kind)s, %(holds)s,
    (
        select max(run_id)
        from ops.run
        where status = 'running'
    )
)
on conflict (place, path) do update set
    kind = excluded.kind,
    holds = excluded.holds,
    run_id = coalesce(excluded.run_id, known.run_id);

-- name: forget
-- A file that is gone. Params: place, path text.
delete from ops.personal_file
where place = %(place)s and path = %(path)s;

-- name: files
-- One row per listed file or folder.
select
    place,
    path,
    kind,
    holds
from ops.personal_file
order by place, path;
