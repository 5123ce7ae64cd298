-- Triples as features: what the graph said of each product and customer, and when that was known.
-- Filled by the step `triples` from feature.triples_of.

create table feature.product_triples (
    product_id text not null,
    event_timestamp timestamptz not null,
    created_timestamp timestamptz not null,
    triples text[] not null,
    degree int not null,
    brand text,
    category text,
    department text,
    colour text,
    material text,
    object text,
    theme text,
    primary key (product_id, event_timestamp, created_timestamp)
);

comment on table feature.product_triples is
'What the knowledge graph says of each product. One row per product and moment at which its triples changed, as known from created_timestamp on. What held at true_at as known at known_at: the latest event_timestamp <= true_at among the rows with created_timestamp <= known_at, then the latest created_timestamp.';
comment on column feature.product_triples.product_id is 'The shop''s key of the product.';
comment on column feature.product_triples.event_timestamp is 'From when on it is true: a valid_from or valid_to of kg.triple; 1970-01-01 = always, the source gives no time.';
comment on column feature.product_triples.created_timestamp is 'From when on it is known: an observed_at or retracted_at of kg.triple; 1970-01-01 = always, the source gives no time.';
comment on column feature.product_triples.triples is 'Its triples as relation:tail, sorted; what customers bought and tails that are customers are not among them. Empty = what was said of it holds no more.';
comment on column feature.product_triples.degree is 'Number of its triples listed.';
comment on column feature.product_triples.brand is 'The tail of has_brand: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_triples.category is 'The tail of in_category: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_triples.department is 'The tail of in_department: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_triples.colour is 'The tail of has_colour: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_triples.material is 'The tail of made_of: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_triples.object is 'The tail of is_a: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_triples.theme is 'The tail of has_theme: the most certain one, then the first by name; null = unknown.';

create table feature.customer_triples (
    customer_id text not null,
    event_timestamp timestamptz not null,
    created_timestamp timestamptz not null,
    triples text[] not null,
    degree int not null,
    country text,
    primary key (customer_id, event_timestamp, created_timestamp)
);

comment on table feature.customer_triples is
'What the knowledge graph says of each customer, but for what they bought, received and redeemed. One row per customer and moment at which their triples changed; read it as feature.product_triples.';
comment on column feature.customer_triples.customer_id is 'The shop''s key of the customer.';
comment on column feature.customer_triples.event_timestamp is 'From when on it is true: a valid_from or valid_to of kg.triple; 1970-01-01 = always, the source gives no time.';
comment on column feature.customer_triples.created_timestamp is 'From when on it is known: an observed_at or retracted_at of kg.triple; 1970-01-01 = always, the source gives no time.';
comment on column feature.customer_triples.triples is 'Their triples as relation:tail, sorted; what they bought and tails that are customers are not among them. Empty = what was said of them holds no more.';
comment on column feature.customer_triples.degree is 'Number of their triples listed.';
comment on column feature.customer_triples.country is 'The tail of lives_in: the most certain one, then the first by name; null = unknown.';

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('feature', 'customer_triples', 'customer_id', 'the customer''s key'),
('feature', 'customer_triples', 'triples', 'what the graph says of the customer');
