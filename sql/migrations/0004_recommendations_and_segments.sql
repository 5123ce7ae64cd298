-- Recommendations (rec), segments (seg) and what both publish as feature tables.
-- rec and seg hold the latest run of each only: what was recommended stands in feature.*.

create table rec.run (
    run_id bigint primary key,
    known_at timestamptz not null,
    memory_half_life_days double precision check (memory_half_life_days > 0),
    settings jsonb not null default '{}'
);
comment on table rec.run is
'The run whose neighbours, weights and popularity stand in rec: one row. A customer''s purchase counts half after memory_half_life_days (null = never).';

create table rec.product_neighbor (
    run_id bigint not null,
    signal text not null,
    product_id text not null,
    neighbor_id text not null,
    weight real not null check (weight > 0),
    primary key (signal, product_id, neighbor_id),
    check (product_id <> neighbor_id)
);
comment on table rec.product_neighbor is
'Which products go with a product. One row per signal and ordered pair: weight is what a purchase of product_id adds to the score of neighbor_id, unbounded, higher is better.';

create table rec.popular (
    run_id bigint not null,
    product_id text primary key,
    customers int not null,
    weight real not null check (weight >= 0)
);
comment on table rec.popular is
'Every product that can be recommended. One row each: how many customers bought it, and the same with recent purchases counting more (weight).';

create table rec.blend (
    run_id bigint not null,
    signal text primary key check (signal in ('bought_together', 'graph_vector', 'popular')),
    weight double precision not null check (weight between 0 and 1)
);
comment on table rec.blend is
'How much each signal says in a recommendation: weights of scores scaled to [0, 1]; they sum to 1.';

create table feature.customer_recommendation (
    customer_id text not null,
    event_timestamp timestamptz not null,
    created_timestamp timestamptz not null,
    product_ids text[] not null,
    scores real[] not null,
    primary key (customer_id, event_timestamp, created_timestamp),
    check (cardinality(product_ids) = cardinality(scores))
);
comment on table feature.customer_recommendation is
'Products recommended to each customer, best first, none of them bought before. One row per customer and cut-off.';
comment on column feature.customer_recommendation.customer_id is 'The shop''s key of the customer.';
comment on column feature.customer_recommendation.event_timestamp is 'The cut-off: what was known before it was used.';
comment on column feature.customer_recommendation.created_timestamp is 'When the row could be known: the cut-off itself.';
comment on column feature.customer_recommendation.product_ids is 'The shop''s keys of the products, best first.';
comment on column feature.customer_recommendation.scores is 'One per product, in [0, 1], higher is better; comparable within a customer only.';

-- Segments ----------------------------------------------------------------------------------

create table seg.run (
    name text primary key,
    run_id bigint not null,
    method text not null check (method in ('kmeans', 'published')),
    known_at timestamptz not null,
    silhouette real check (silhouette between -1 and 1),
    settings jsonb not null default '{}'
);
comment on table seg.run is
'One row per segmentation: its members stand in feature.segment_<name>. published = a list of customers that somebody wrote.';

create table seg.centroid (
    name text not null references seg.run on delete cascade,
    segment_id int not null check (segment_id >= 0),
    feature text not null,
    center double precision not null,
    primary key (name, segment_id, feature)
);
comment on table seg.centroid is
'The middle of each segment in standardised features: 0 = the mean of all customers, 1 = one standard deviation above. One row per segment and feature.';

create table seg.profile (
    name text not null references seg.run on delete cascade,
    segment_id int not null check (segment_id >= 0),
    segment_name text not null,
    segment_name_zh text,
    size int not null check (size > 0),
    share real not null check (share > 0 and share <= 1),
    medians jsonb not null default '{}',
    attributes jsonb not null default '[]',
    primary key (name, segment_id)
);
comment on table seg.profile is
'What a segment is like, as of its run. One row per segment; read it through the function seg.profile(name).';

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('feature', 'customer_recommendation', 'customer_id', 'the customer''s key');
