-- Memory to build an index with, as much as the table needs, while the transaction lasts.

create or replace function ops.reserve_build_memory(target regclass) returns text
language sql volatile strict
set search_path = pg_catalog
as $$
    -- A graph that outgrows maintenance_work_mem is built on disk, several times slower. pgvector
    -- keeps the vectors and some 500 bytes of links each; a quarter of effective_cache_size, which
    -- the embedded server sets to half of the machine's memory, is what a build may take at most.
    select set_config(
        'maintenance_work_mem',
        greatest(
            pg_size_bytes(current_setting('maintenance_work_mem')),
            least(
                2 * pg_table_size(target),
                pg_size_bytes(current_setting('effective_cache_size')) / 4
            )
        ) / 1024 || 'kB',
        true
    )
$$;
comment on function ops.reserve_build_memory(regclass) is
'Raises maintenance_work_mem, until the transaction ends, to what the HNSW index of a loaded table needs; returns the setting.';
