-- Segments: the tables feature.segment_<name>.

create or replace function seg.table_name(name text) returns text
language plpgsql immutable
set search_path = pg_catalog
as $$
begin
    if name is null or name !~ '^[a-z][a-z0-9_]{0,47}$' then
        raise exception 'the segmentation is called "%"', coalesce(name, 'null') using
            errcode = '22023',
            hint = 'Write a lower-case letter, then letters, digits or _, 48 in all: it names a table.';
    end if;
    return 'segment_' || name;
end
$$;
comment on function seg.table_name(text) is
'The table in schema feature that holds a segmentation; raises unless the name can be part of a table''s.';

create or replace function seg.known_table(name text) returns text
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    found text := seg.table_name(name);
begin
    if to_regclass(format('feature.%I', found)) is null
        or not exists (select from seg.run where run.name = known_table.name)
    then
        raise exception 'no segmentation is called "%"', known_table.name using
            errcode = 'P0002',
            hint = ops.nearest_names(known_table.name, array(select run.name from seg.run));
    end if;
    return found;
end
$$;
comment on function seg.known_table(text) is
'seg.table_name of a segmentation that exists; an unknown one is an error that names the nearest.';

create or replace function seg.create_table(name text) returns void
language plpgsql
set search_path = pg_catalog
as $$
declare
    made text := seg.table_name(name);
begin
    if to_regclass(format('feature.%I', made)) is not null then
        return;
    end if;
    execute format(
        'create table feature.%I (
            customer_id text not null,
            event_timestamp timestamptz not null,
            created_timestamp timestamptz not null,
            segment_id int not null,
            segment_name text not null,
            distance real,
            primary key (customer_id, event_timestamp, created_timestamp)
        )', made
    );
    execute format(
        'comment on table feature.%I is %L', made,
        format('Customers by segment (%s). One row per customer and cut-off.', name)
    );
    execute format('comment on column feature.%I.customer_id is ''The shop''''s key of the customer.''', made);
    execute format(
        'comment on column feature.%I.event_timestamp is ''The cut-off: what was known before it was used.''', made
    );
    execute format(
        'comment on column feature.%I.created_timestamp is ''When the row could be known: the cut-off itself.''', made
    );
    execute format(
        'comment on column feature.%I.segment_id is ''Number of the segment, 0 = the biggest when it was made.''', made
    );
    execute format('comment on column feature.%I.segment_name is ''What is special about the segment.''', made);
    execute format(
        'comment on column feature.%I.distance is ''Euclidean, to the middle of the segment; lower is more typical; null = a written list.''',
        made
    );
    insert into ops.personal_data as listed (schema_name, table_name, column_name, holds)
    values ('feature', made, 'customer_id', 'the customer''s key')
    on conflict do nothing;
end
$$;
comment on function seg.create_table(text) is
'Makes feature.segment_<name> unless it is there. Needs the right to create tables in schema feature.';

create or replace function seg.clear_table(name text) returns void
language plpgsql
set search_path = pg_catalog
as $$
begin
    execute format('delete from feature.%I', seg.table_name(name));
end
$$;
comment on function seg.clear_table(text) is 'Empties feature.segment_<name>.';
