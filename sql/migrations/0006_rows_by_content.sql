-- Rows are known by their content (docs/adr/0005): what a source says is compared with what it said
-- before, and only the difference is written. What was loaded by line number stays readable; the
-- first ingest of this version loads everything again.

alter table raw.interaction rename column source_row to row_id;
comment on column raw.interaction.row_id is
'A hash of what the source says on the row, and of its number among equal rows: lines may move in the file.';

alter table raw.document drop column source_row;
create index document_source_idx on raw.document (source_id);
comment on column raw.document.document_id is
'A hash of the source, of the document''s content, and of its number among equal ones.';

alter table raw.attribute add column source_id int, add column row_id bigint;
create unique index attribute_row_idx on raw.attribute (source_id, row_id);
comment on column raw.attribute.source_id is 'The source, see raw.source.';
comment on column raw.attribute.row_id is 'A hash of the row''s content.';

alter table raw.source
add column place int not null default 0,
add column settings text not null default '',
add column events text[] not null default '{}',
add column watermark timestamptz;
comment on table raw.source is
'The files and tables of the manifest, a row each; a pattern of files gives one row per file. rows_dropped counts, by reason, rows that were left out on purpose.';
comment on column raw.source.source_id is 'A hash of kind and name: the order of the manifest does not matter.';
comment on column raw.source.place is 'The place in the manifest, from 1; files of one pattern share it.';
comment on column raw.source.sha256 is 'Of the file; of a table the content hash.';
comment on column raw.source.settings is 'A hash of what the manifest says about reading it.';
comment on column raw.source.events is 'The events of its interactions.';
comment on column raw.source.watermark is 'The newest time among its interactions.';

create table raw.description (
    source_id int not null references raw.source,
    row_id bigint not null,
    entity_type text not null,
    key text not null,
    role text not null check (role in ('key', 'text', 'relation')),
    column_name text not null,
    value text,
    n bigint not null,
    primary key (source_id, row_id)
);
create index description_key_idx on raw.description (entity_type, key);
comment on table raw.description is
'What each source of products, customers and the like says of them: from it follow raw.product, raw.customer and their relations. One row per source, thing, column and value.';
comment on column raw.description.source_id is 'The source, see raw.source.';
comment on column raw.description.row_id is 'A hash of the row''s content.';
comment on column raw.description.entity_type is 'product, customer …';
comment on column raw.description.key is 'The shop''s key of it.';
comment on column raw.description.role is 'text, relation, or key: it stands there, without any value.';
comment on column raw.description.column_name is 'The column of the source.';
comment on column raw.description.value is 'What the column says, cleaned.';
comment on column raw.description.n is 'On how many rows.';

-- What a load changed, for those who compute from it ----------------------------------------

create table ops.change_set (
    change_id bigint generated always as identity primary key,
    table_name text not null,
    before_hash text,
    after_hash text not null,
    run_id bigint
);
comment on table ops.change_set is
'What ingest changed. One row per run and table that it changed: the content hash before (null = loaded from nothing) and after.';

create table ops.changed_key (
    change_id bigint not null references ops.change_set on delete cascade,
    kind text not null check (kind in ('customer', 'product')),
    key text not null,
    since timestamptz,
    primary key (change_id, kind, key)
);
comment on table ops.changed_key is
'Whose rows a change touched. One row per change and customer or product of a row that was added, corrected or removed; since = the earliest time on those rows, old and new.';

create table ops.source_row (
    source_id int not null,
    fate text not null,
    row_ids bytea not null,
    primary key (source_id, fate)
);
alter table ops.source_row alter column row_ids set storage external;
comment on table ops.source_row is
'The ids of all rows that a source had when it was read last, 8 bytes each, sorted. fate: loaded, rejected, or why they were left out. Made again when it is lost.';

create table ops.table_state (
    target oid primary key,
    signature text not null,
    n bigint not null,
    hash_sum numeric not null
);
comment on table ops.table_state is
'Content hashes that triggers keep up to date, see ops.keep_hash. One row per table; one that does not fit the table any more is ignored.';

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('raw', 'description', 'key', 'the customer''s key, where entity_type is customer'),
('raw', 'description', 'value', 'what a source says of the customer'),
('ops', 'changed_key', 'key', 'the customer''s key, where kind is customer');
