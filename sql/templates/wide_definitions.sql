-- How wide tables are made, changed and indexed. kgfeatures/db/wide_tables fills in the parts.

-- name: add_key
-- The primary key.
alter table {table} add primary key ({keys});

-- name: add_column
-- A new column, null everywhere.
alter table {table} add column {name} {kind};

-- name: drop_column
-- A column that is there.
alter table {table} drop column {name};

-- name: retype
-- Another type, and what each value becomes.
alter table {table} alter column {name} type {kind} using {value};

-- name: drop
-- A table that is there.
drop table {table};

-- name: rename
-- Another name in the same schema.
alter table {table} rename to {name};

-- name: nearest_index
-- Finds the nearest vectors.
create index {name} on {table} using hnsw ({vector} {operators});

-- name: words_index
-- Finds texts that hold all the words.
create index {name} on {table} using gin ((online.tokens({words})));

-- name: drop_index
-- An index that is there.
drop index {index};

-- name: rename_index
-- Another name in the same schema.
alter index {index} rename to {name};

-- name: stock_rows
-- What a table of Feast's own online store holds, the rows of one key together.
select
    entity_key,
    feature_name,
    value,
    event_ts,
    created_ts
from {table}
order by entity_key;
