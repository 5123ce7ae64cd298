-- Recommendations (rec) and segments (seg); what both publish stands in feature.*.
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
