-- Content hashes of tables: what says whether anything changed.
--
-- A hash is the count and the sum of row hashes, so it can be kept up to date: triggers add what
-- comes and subtract what goes (ops.table_state). A state counts only while its signature fits: the
-- table's file (new after TRUNCATE and whatever rewrites a table), its columns, and the triggers
-- with the transactions that wrote them and their place, which disabling one changes for good.
-- Otherwise the hash is computed from all rows, as it is for tables without triggers.

create or replace function ops.hashed_columns(target regclass) returns text
language sql stable strict
set search_path = pg_catalog
as $$
    -- Ids of runs and models name a computation, not its content.
    select string_agg(format('t.%I', attname), ', ' order by attname)
    from pg_attribute
    where
        attrelid = target
        and attnum > 0
        and not attisdropped
        and attname not in ('run_id', 'model_id')
$$;
comment on function ops.hashed_columns(regclass) is
'The columns that a content hash is of, as SQL.';

create or replace function ops.hash_rows(
    rows_of text, columns text, out n bigint, out hash_sum numeric
)
language plpgsql stable
set search_path = pg_catalog
-- What a row looks like as text must not depend on the session.
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
set bytea_output = 'hex'
as $$
begin
    execute format(
        'select count(*), coalesce(sum(hashtextextended(row(%s)::text, 0)::numeric), 0) from %s as t',
        columns, rows_of
    ) into n, hash_sum;
end
$$;
comment on function ops.hash_rows(text, text) is
'Count and sum of row hashes of a relation that is named as SQL.';

create or replace function ops.hash_signature(target regclass) returns text
language sql stable strict
set search_path = pg_catalog
as $$
    with triggers as (
        select
            count(*) filter (where tgenabled = 'A') as n,
            string_agg(format('%s:%s:%s:%s', oid, xmin, ctid, tgenabled), ',' order by oid) as marks
        from pg_trigger
        where tgrelid = target and tgfoid = to_regproc('ops.keep_hash')
    ),

    columns as (
        select string_agg(format('%s:%s:%s', attname, atttypid, atttypmod), ',' order by attnum) as marks
        from pg_attribute
        where attrelid = target and attnum > 0 and not attisdropped
    )

    select md5(concat_ws('|', 'v1', pg_relation_filenode(target), columns.marks, triggers.marks))
    from triggers
    cross join columns
    inner join pg_class as class on class.oid = target
    where triggers.n = 4 and not class.relhassubclass
$$;
comment on function ops.hash_signature(regclass) is
'What must not have changed for a kept content hash to count; null for a table that no triggers watch.';

create or replace function ops.table_hash(target regclass) returns text
language plpgsql stable strict
set search_path = pg_catalog
as $$
declare
    kept record;
begin
    select state.n, state.hash_sum into kept
    from ops.table_state as state
    where state.target = table_hash.target and state.signature = ops.hash_signature(table_hash.target);
    if not found then
        select hashed.n, hashed.hash_sum into kept
        from ops.hash_rows(target::text, ops.hashed_columns(target)) as hashed;
    end if;
    return kept.n || ':' || kept.hash_sum;
end
$$;
comment on function ops.table_hash(regclass) is
'A fingerprint of a table''s content, independent of row order: count and sum of row hashes; run_id and model_id left out.';

create or replace function ops.keep_hash() returns trigger
language plpgsql
set search_path = pg_catalog
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
set bytea_output = 'hex'
as $$
declare
    now_signature text := ops.hash_signature(tg_relid);
    columns text := ops.hashed_columns(tg_relid);
    -- As in ops.hash_rows, which does not see the rows of a trigger's statement.
    counted text := 'select count(*), '
        'coalesce(sum(hashtextextended(row(%s)::text, 0)::numeric), 0) from %s as t';
    n_added bigint := 0;
    n_removed bigint := 0;
    added numeric := 0;
    removed numeric := 0;
    empty boolean;
begin
    if tg_op = 'TRUNCATE' or now_signature is null then
        delete from ops.table_state where target = tg_relid;
        return null;
    end if;
    if tg_op = 'DELETE' then
        execute format('select not exists (select from %s)', tg_relid::regclass) into empty;
    end if;
    perform from ops.table_state where target = tg_relid and signature = now_signature;
    if not found or empty then
        -- All rows as they are now, this statement's with them.
        insert into ops.table_state as state (target, signature, n, hash_sum)
        select tg_relid, now_signature, hashed.n, hashed.hash_sum
        from ops.hash_rows(tg_relid::regclass::text, columns) as hashed
        on conflict (target) do update set
            signature = excluded.signature,
            n = excluded.n,
            hash_sum = excluded.hash_sum;
        return null;
    end if;
    if tg_op <> 'DELETE' then
        execute format(counted, columns, 'new_rows') into n_added, added;
    end if;
    if tg_op <> 'INSERT' then
        execute format(counted, columns, 'old_rows') into n_removed, removed;
    end if;
    update ops.table_state set
        n = n + n_added - n_removed,
        hash_sum = hash_sum + added - removed
    where target = tg_relid and (n_added > 0 or n_removed > 0);
    return null;
end
$$;
comment on function ops.keep_hash() is
'The trigger that keeps a table''s content hash up to date in ops.table_state.';

create or replace function ops.watch_hash(target regclass) returns void
language plpgsql
set search_path = pg_catalog
as $$
begin
    execute format(
        'create or replace trigger keep_hash_insert after insert on %s '
        'referencing new table as new_rows for each statement execute function ops.keep_hash()', target
    );
    execute format(
        'create or replace trigger keep_hash_update after update on %s '
        'referencing old table as old_rows new table as new_rows '
        'for each statement execute function ops.keep_hash()', target
    );
    execute format(
        'create or replace trigger keep_hash_delete after delete on %s '
        'referencing old table as old_rows for each statement execute function ops.keep_hash()', target
    );
    execute format(
        'create or replace trigger keep_hash_truncate after truncate on %s '
        'for each statement execute function ops.keep_hash()', target
    );
    -- Also where a session replays what another server wrote.
    execute format(
        'alter table %s enable always trigger keep_hash_insert, '
        'enable always trigger keep_hash_update, enable always trigger keep_hash_delete, '
        'enable always trigger keep_hash_truncate', target
    );
end
$$;
comment on function ops.watch_hash(regclass) is
'Let triggers keep a table''s content hash up to date. The first statement that writes there computes it once.';

create or replace function ops.window_hash(
    target regclass, stamp text, since timestamptz, span interval, until timestamptz
) returns text
language plpgsql stable
set search_path = pg_catalog
set timezone = 'UTC'
as $$
declare
    newest timestamptz;
    hashed record;
begin
    perform from pg_attribute
    where
        attrelid = target
        and attname = stamp
        and atttypid in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype);
    if not found then
        return null;
    end if;
    execute format(
        'select max(%1$I)::timestamptz from %2$s where %1$I >= $1 and %1$I <= $2', stamp, target
    ) into newest using coalesce(since, '-infinity'), until;
    select rows.n, rows.hash_sum into hashed
    from ops.hash_rows(
        format('(select * from %s where %I >= %L)', target, stamp, coalesce(newest - span, '-infinity')),
        ops.hashed_columns(target)
    ) as rows;
    return hashed.n || ':' || hashed.hash_sum;
end
$$;
comment on function ops.window_hash(regclass, text, timestamptz, interval, timestamptz) is
'A fingerprint of the rows of a table since `span` before its newest one: newest in the column `stamp`, between `since` and `until`. Null where there is no such table, or no such column of times.';

select ops.watch_hash('raw.interaction');
select ops.watch_hash('raw.product');
select ops.watch_hash('raw.customer');
select ops.watch_hash('raw.attribute');
select ops.watch_hash('raw.document');
select ops.watch_hash('raw.description');
select ops.watch_hash('raw.contact');
select ops.watch_hash('raw.coupon_event');
