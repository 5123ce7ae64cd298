-- The shop's own data as it came (raw) and the book of what was done with it (ops).
-- Runs as the database's owner, no superuser needed: the extension `vector` and the role
-- `kgf_reader` must exist. The migration runner creates ops.migration beforehand.

create schema if not exists ops;
create schema if not exists raw;
create schema if not exists kg;
create schema if not exists emb;
create schema if not exists feature;
create schema if not exists online;
create schema if not exists rec;
create schema if not exists seg;
create schema if not exists feast_registry;

comment on schema ops is 'Runs, checks and the catalogue: what was computed, when, from what.';
comment on schema raw is 'The shop''s own rows after ingest: interactions, products, customers, attributes, documents.';
comment on schema kg is 'The knowledge graph: entities, relations, bitemporal triples and their evidence.';
comment on schema emb is 'Vectors: one table per model version, named by aliases.';
comment on schema feature is 'History: feature tables, the offline sources of Feast.';
comment on schema online is 'Now: the online tables of Feast.';
comment on schema rec is 'Recommendations: model tables and functions.';
comment on schema seg is 'Segments: model tables and functions.';
comment on schema feast_registry is 'Feast''s own registry; never written by kgfeatures.';

-- ops ---------------------------------------------------------------------------------------

create table ops.run (
    run_id bigint generated always as identity primary key,
    step text not null,
    params jsonb not null default '{}',
    code_version text not null,
    inputs jsonb not null default '{}',
    outputs jsonb not null default '{}',
    row_counts jsonb not null default '{}',
    status text not null check (status in ('running', 'finished', 'failed', 'cancelled')),
    progress jsonb,
    error text,
    process_id int,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    seconds double precision,
    cpu_seconds double precision
);
create index run_step_idx on ops.run (step, run_id desc);
comment on table ops.run is 'One row per computation of a step. inputs and outputs map table names to content hashes.';

create table ops.personal_data (
    schema_name text not null,
    table_name text not null,
    column_name text not null,
    holds text not null,
    primary key (schema_name, table_name, column_name)
);
comment on table ops.personal_data is 'Every column that holds a customer''s key or words. One row per column.';

create table ops.catalogue (
    kind text not null
    check (kind in ('entity', 'feature_view', 'feature_service', 'vectors', 'relation')),
    name text not null,
    description text not null default '',
    details jsonb not null default '{}',
    primary key (kind, name)
);
comment on table ops.catalogue is 'What there is to use, one row per named thing; mirrors Feast''s registry for readers without Feast.';

create table ops.feature_stats (
    table_name text not null,
    column_name text not null,
    run_id bigint references ops.run,
    stats jsonb not null,
    primary key (table_name, column_name)
);
comment on table ops.feature_stats is 'Latest statistics of each feature column: count, nulls, range, vector norms.';

-- raw ---------------------------------------------------------------------------------------

create table raw.source (
    source_id int primary key,
    kind text not null
    check (kind in ('interactions', 'products', 'customers', 'attributes', 'documents', 'triples')),
    name text not null,
    sha256 text not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    rows_rejected bigint not null,
    rows_dropped jsonb not null default '{}'
);
comment on table raw.source is 'The files and tables of the manifest. rows_dropped counts, by reason, rows that were left out on purpose.';

create table raw.interaction (
    source_id int not null references raw.source,
    source_row bigint not null,
    customer_id text not null,
    product_id text not null,
    event text not null,
    occurred_at timestamptz not null,
    basket_id text,
    quantity double precision,
    amount double precision,
    split text check (split in ('train', 'valid', 'test')),
    primary key (source_id, source_row)
);
create index interaction_customer_idx on raw.interaction (customer_id, occurred_at)
include (product_id, event);
create index interaction_product_idx on raw.interaction (product_id, occurred_at)
include (customer_id, event);
comment on table raw.interaction is
'One row per line of an order, a return, a view. event: purchase, return or the source''s own word; amount is the line''s, in the shop''s currency, negative for returns.';

create table raw.product (
    product_id text primary key,
    title text,
    body text,
    other_titles text[] not null default '{}'
);
comment on table raw.product is 'One row per product: the chosen title, all text columns joined, the titles that lost.';

create table raw.customer (
    customer_id text primary key,
    body text
);
comment on table raw.customer is 'One row per customer known to the shop.';

create table raw.attribute (
    entity_type text not null,
    key text not null,
    name text not null,
    valid_from timestamptz not null,
    value_number double precision,
    value_text text,
    value_flag boolean,
    primary key (entity_type, key, name, valid_from),
    check (num_nonnulls(value_number, value_text, value_flag) <= 1)
);
comment on table raw.attribute is 'Dated attributes: a value holds from valid_from until the next one of the same name; all null = unknown from then.';

create table raw.document (
    document_id bigint primary key,
    source_id int not null references raw.source,
    source_row bigint not null,
    kind text not null,
    product_id text,
    customer_id text,
    body text not null,
    tokens text[] not null,
    language text,
    occurred_at timestamptz,
    rating real
);
create index document_tokens_idx on raw.document using gin (tokens);
create index document_product_idx on raw.document (product_id);
create index document_customer_idx on raw.document (customer_id);
comment on table raw.document is 'Reviews, questions, notes. tokens: words for spaced scripts, bigrams for Chinese.';

create table raw.rejected (
    source_id int not null,
    source_row bigint not null,
    column_name text not null,
    value text,
    reason text not null,
    primary key (source_id, source_row, column_name)
);
comment on table raw.rejected is 'Rows that could not be loaded: file (source_id), line (source_row), the value and why.';
