-- The book of runs: what run_step asks and writes. Only the holder of a step's lock writes there.

-- name: try_lock
-- Whether this session now holds the lock of a step, until it ends or unlocks. One row.
-- Params: step text.
select pg_try_advisory_lock(hashtextextended('kgfeatures.step:' || %(step)s::text, 0)) as locked;

-- name: unlock
-- Params: step text.
select pg_advisory_unlock(hashtextextended('kgfeatures.step:' || %(step)s::text, 0)) as unlocked;

-- name: running
-- The run of a step that is going on. At most one row.
-- Params: step text.
select
    run_id,
    process_id,
    started_at
from ops.run
where step = %(step)s and status = 'running'
order by run_id desc
limit 1;

-- name: bury_crashed
-- Runs that say 'running' although their step's lock is free: their process is gone.
-- Params: step text.
update ops.run set
    status = 'failed',
    error = 'the process ended before the run did',
    finished_at = now()
where step = %(step)s and status = 'running';

-- name: begin
-- Params: step, code_version text, params, inputs jsonb, process_id int. One row.
insert into ops.run (step, params, code_version, inputs, status, process_id, started_at)
values (
    %(step)s, %(params)s, %(code_version)s, %(inputs)s, 'running', %(process_id)s, clock_timestamp()
)
returning run_id;

-- name: name
-- Tell the run's number to what is written in this transaction. Params: run_id bigint.
select set_config('kgfeatures.run_id', %(run_id)s::bigint::text, true) as run_id;

-- name: progress
-- Params: run_id bigint, progress jsonb.
update ops.run set progress = %(progress)s
where run_id = %(run_id)s;

-- name: end
-- Params: run_id bigint, status, error text, outputs, row_counts jsonb,
--     seconds, cpu_seconds double precision, peak_memory_bytes bigint, written text[].
update ops.run set
    status = %(status)s,
    error = %(error)s,
    outputs = %(outputs)s,
    row_counts = %(row_counts)s,
    seconds = %(seconds)s,
    cpu_seconds = %(cpu_seconds)s,
    peak_memory_bytes = %(peak_memory_bytes)s,
    output_bytes = (
        select sum(pg_total_relation_size(to_regclass(written.name)))
        from unnest(%(written)s::text[]) as written (name)
    ),
    finished_at = clock_timestamp()
where run_id = %(run_id)s;

-- name: last_finished
-- The last finished run of a step with these params and this code. At most one row.
-- Params: step, code_version text, params jsonb.
select
    run_id,
    inputs,
    outputs,
    row_counts
from ops.run
where
    step = %(step)s
    and code_version = %(code_version)s
    and params = %(params)s
    and status = 'finished'
order by run_id desc
limit 1;

-- name: last
-- The last finished run of a step, whatever its params. At most one row.
-- Params: step text.
select
    params,
    code_version,
    inputs,
    outputs,
    row_counts,
    finished_at,
    seconds,
    cpu_seconds,
    peak_memory_bytes,
    output_bytes
from ops.run
where step = %(step)s and status = 'finished'
order by run_id desc
limit 1;

-- name: hashes
-- The content hash of each table, null where there is no such table. One row per name.
-- Params: names text[].
select
    wanted.name,
    ops.table_hash(to_regclass(wanted.name)) as content_hash
from unnest(%(names)s::text[]) as wanted (name);
