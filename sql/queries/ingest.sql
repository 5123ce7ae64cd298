-- What ingest does to the tables of raw beside COPY. A load replaces everything: rows follow from
-- the files, so the result is that of a clean build. Deleted, not truncated: whoever reads
-- meanwhile sees the old rows until the new ones are committed.

-- name: clear_rejected
delete from raw.rejected;

-- name: clear_interaction
delete from raw.interaction;

-- name: clear_document
delete from raw.document;

-- name: clear_attribute
delete from raw.attribute;

-- name: clear_product
delete from raw.product;

-- name: clear_customer
delete from raw.customer;

-- name: clear_source
delete from raw.source;

-- name: count_rows
-- What later steps plan by.
analyze raw.source, raw.rejected, raw.interaction, raw.document, raw.attribute, raw.product,
raw.customer;

-- name: summary
-- What became of each file and table of the manifest, in its order. One row per source.
select
    source_id,
    kind,
    name,
    rows_read,
    rows_loaded,
    rows_rejected,
    rows_dropped
from raw.source
order by source_id;

-- name: first_rejected
-- The first rejected rows, with their file. One row per value.
-- Params: k int.
select
    source.name,
    rejected.source_row,
    rejected.column_name,
    rejected.value,
    rejected.reason
from raw.rejected as rejected
inner join raw.source as source on rejected.source_id = source.source_id
order by rejected.source_id, rejected.source_row, rejected.column_name
limit %(k)s;

-- name: tables_of
-- The tables and views of a schema. One row per table, as "schema.table".
-- Params: schema text.
select table_schema || '.' || table_name as name
from information_schema.tables
where table_schema = %(schema)s
order by table_name;
