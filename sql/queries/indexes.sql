-- Building indexes, on any database that PostgreSQL serves.

-- name: reserve_memory
-- Raises maintenance_work_mem, until the transaction ends, to what the HNSW index of a loaded
-- table needs: pgvector keeps the vectors and some 500 bytes of links each, and a graph that
-- outgrows the setting is built on disk, several times slower. A build takes a quarter of
-- effective_cache_size at most, which the embedded server sets to half of the machine's memory.
-- One row. Params: schema text, name text.
select
    set_config(
        'maintenance_work_mem',
        greatest(
            pg_size_bytes(current_setting('maintenance_work_mem')),
            least(
                2 * pg_table_size(format('%%I.%%I', %(schema)s::text, %(name)s::text)::regclass),
                pg_size_bytes(current_setting('effective_cache_size')) / 4
            )
        ) / 1024 || 'kB',
        true
    ) as setting;
