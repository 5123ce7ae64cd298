-- What ingest does to the tables of raw beside COPY. Rows are deleted, not truncated: whoever reads
-- meanwhile sees the old ones until the new ones are committed. What is written by difference
-- stands in differences.sql; the queries called clear_… make room for a load from nothing.

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

-- name: clear_description
delete from raw.description;

-- name: clear_contact
delete from raw.contact;

-- name: clear_coupon_event
delete from raw.coupon_event;

-- name: clear_campaign
delete from raw.campaign;

-- name: clear_source
delete from raw.source;

-- name: clear_source_row
delete from ops.source_row;

-- name: count_rows
-- What later steps plan by.
analyze raw.source, raw.rejected, raw.interaction, raw.document, raw.attribute, raw.product,
raw.customer, raw.description, raw.campaign, raw.contact, raw.coupon_event;

-- name: last_run
-- The last finished run and what it left. At most one row.
-- Params: code_version text.
select
    outputs,
    row_counts
from ops.run
where step = 'ingest' and status = 'finished' and code_version = %(code_version)s
order by run_id desc
limit 1;

-- name: window_hash
-- Params: target, stamp text, watermark timestamptz, span interval, ahead timestamptz. One row.
select
    ops.window_hash(
        to_regclass(wanted), %(stamp)s, %(watermark)s::timestamptz - late, late,
        %(ahead)s::timestamptz
    ) as content_hash
from (values (%(target)s::text, %(span)s::interval)) as called (wanted, late);

-- name: totals
-- How many rows there are, by table. One row.
select
    coalesce(sum(rows_loaded) filter (where kind = 'interactions'), 0) as interactions,
    coalesce(sum(rows_rejected), 0) as rejected,
    (select count(*) from raw.product) as products,
    (select count(*) from raw.customer) as customers,
    (select count(*) from raw.attribute) as attributes,
    coalesce(sum(rows_loaded) filter (where kind = 'documents'), 0) as documents,
    (select count(*) from raw.campaign) as campaigns,
    (select count(*) from raw.contact) as contacts,
    (select count(*) from raw.coupon_event) as coupon_events
from raw.source;

-- name: count_triples
-- How many triples the shop's own columns and files state. One row.
with stated as (
    select distinct
        head_id,
        relation_id,
        tail_id
    from kg.evidence
    where starts_with(source, 'ingest:')
)

select count(*) as n
from stated;

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
order by place, name, source_id;

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
order by source.place, source.name, source.source_id, rejected.source_row, rejected.column_name
limit %(k)s;

-- name: tables_of
-- The tables and views of a schema. One row per table, as "schema.table".
-- Params: schema text.
select table_schema || '.' || table_name as name
from information_schema.tables
where table_schema = %(schema)s
order by table_name;
