-- Behaviour profiles: history that Feast serves, one row per key and knowledge cut-off.
-- Windows are half-open and end at the cut-off: _30d, _90d and _365d count what occurred in
-- [cut-off - n * 24 h, cut-off); _total counts everything before the cut-off.
-- The file may run again: the step does so when somebody dropped one of its tables.

create table if not exists feature.customer_profile (
    customer_id text not null,
    event_timestamp timestamptz not null,
    created_timestamp timestamptz not null,
    tenure_days int not null,
    interactions_30d int not null,
    days_since_last_order int,
    orders_30d int not null,
    orders_90d int not null,
    orders_365d int not null,
    orders_total int not null,
    spend_30d double precision,
    spend_90d double precision,
    spend_365d double precision,
    spend_total double precision,
    units_90d double precision,
    units_365d double precision,
    products_90d int not null,
    products_365d int not null,
    basket_spend_mean_365d double precision,
    basket_products_mean_365d double precision,
    days_between_orders_mean double precision,
    days_between_orders_median double precision,
    returns_90d int not null,
    returns_365d int not null,
    return_rate_365d double precision,
    country text,
    favourite_colour text,
    favourite_material text,
    favourite_object text,
    favourite_theme text,
    favourite_attributes text[] not null,
    primary key (customer_id, event_timestamp, created_timestamp)
);
create index if not exists customer_profile_time_idx on feature.customer_profile (event_timestamp);

comment on table feature.customer_profile is
'How each customer behaved up to a cut-off. One row per customer and month start (UTC) after its first interaction, and one at the end of the data.';
comment on column feature.customer_profile.customer_id is 'The shop''s key of the customer.';
comment on column feature.customer_profile.event_timestamp is 'The cut-off: only what occurred before it is counted.';
comment on column feature.customer_profile.created_timestamp is 'When the row could be known: the cut-off itself.';
comment on column feature.customer_profile.tenure_days is 'Whole days since the first interaction of any kind.';
comment on column feature.customer_profile.interactions_30d is 'Interactions of any kind (order lines, returns, views …), last 30 days.';
comment on column feature.customer_profile.days_since_last_order is 'Whole days since the latest order; null = never ordered.';
comment on column feature.customer_profile.orders_30d is 'Number of orders (baskets bought), last 30 days.';
comment on column feature.customer_profile.orders_90d is 'Number of orders (baskets bought), last 90 days.';
comment on column feature.customer_profile.orders_365d is 'Number of orders (baskets bought), last 365 days.';
comment on column feature.customer_profile.orders_total is 'Number of orders (baskets bought), all time.';
comment on column feature.customer_profile.spend_30d is 'Amount of the purchases in the shop''s currency, returns not subtracted, last 30 days; null = bought, but no amounts are known.';
comment on column feature.customer_profile.spend_90d is 'Amount of the purchases in the shop''s currency, returns not subtracted, last 90 days; null = bought, but no amounts are known.';
comment on column feature.customer_profile.spend_365d is 'Amount of the purchases in the shop''s currency, returns not subtracted, last 365 days; null = bought, but no amounts are known.';
comment on column feature.customer_profile.spend_total is 'Amount of the purchases in the shop''s currency, returns not subtracted, all time; null = bought, but no amounts are known.';
comment on column feature.customer_profile.units_90d is 'Pieces bought, last 90 days; a line without a quantity counts as one.';
comment on column feature.customer_profile.units_365d is 'Pieces bought, last 365 days; a line without a quantity counts as one.';
comment on column feature.customer_profile.products_90d is 'Number of different products bought, last 90 days.';
comment on column feature.customer_profile.products_365d is 'Number of different products bought, last 365 days.';
comment on column feature.customer_profile.basket_spend_mean_365d is 'Mean amount of an order in the shop''s currency, last 365 days; null = no order.';
comment on column feature.customer_profile.basket_products_mean_365d is 'Mean number of different products in an order, last 365 days; null = no order.';
comment on column feature.customer_profile.days_between_orders_mean is 'Mean number of days from one day with an order to the next, all time; null = fewer than two such days.';
comment on column feature.customer_profile.days_between_orders_median is 'Median number of days from one day with an order to the next, all time; null = fewer than two such days.';
comment on column feature.customer_profile.returns_90d is 'Number of returns (credit notes), last 90 days.';
comment on column feature.customer_profile.returns_365d is 'Number of returns (credit notes), last 365 days.';
comment on column feature.customer_profile.return_rate_365d is 'Pieces returned / pieces bought, last 365 days; above 1 when older purchases came back; null = nothing bought.';
comment on column feature.customer_profile.country is 'Where the customer lives: the tail of lives_in; the first by name if there are several.';
comment on column feature.customer_profile.favourite_colour is 'The colour bought more than expected: highest n * ln(n / expected n), all time; see feature.taste.';
comment on column feature.customer_profile.favourite_material is 'The material bought more than expected: highest n * ln(n / expected n), all time; see feature.taste.';
comment on column feature.customer_profile.favourite_object is 'The kind of object bought more than expected: highest n * ln(n / expected n), all time; see feature.taste.';
comment on column feature.customer_profile.favourite_theme is 'The theme bought more than expected: highest n * ln(n / expected n), all time; see feature.taste.';
comment on column feature.customer_profile.favourite_attributes is 'Up to five product attributes of any relation, as relation=value, best first by n * ln(n / expected n), all time.';

create table if not exists feature.product_profile (
    product_id text not null,
    event_timestamp timestamptz not null,
    created_timestamp timestamptz not null,
    tenure_days int not null,
    interactions_30d int not null,
    days_since_last_order int,
    orders_30d int not null,
    orders_90d int not null,
    orders_365d int not null,
    orders_total int not null,
    buyers_30d int not null,
    buyers_90d int not null,
    buyers_365d int not null,
    repeat_buyer_share_365d double precision,
    units_30d double precision,
    units_90d double precision,
    units_365d double precision,
    revenue_30d double precision,
    revenue_90d double precision,
    revenue_365d double precision,
    unit_price_mean_90d double precision,
    unit_price_mean_365d double precision,
    returns_90d int not null,
    returns_365d int not null,
    return_rate_365d double precision,
    attributes int not null,
    colour text,
    material text,
    object text,
    theme text,
    primary key (product_id, event_timestamp, created_timestamp)
);
create index if not exists product_profile_time_idx on feature.product_profile (event_timestamp);

comment on table feature.product_profile is
'How each product sold up to a cut-off, to customers that the shop can name. One row per product and month start (UTC) after its first interaction, and one at the end of the data.';
comment on column feature.product_profile.product_id is 'The shop''s key of the product.';
comment on column feature.product_profile.event_timestamp is 'The cut-off: only what occurred before it is counted.';
comment on column feature.product_profile.created_timestamp is 'When the row could be known: the cut-off itself.';
comment on column feature.product_profile.tenure_days is 'Whole days since the first interaction of any kind.';
comment on column feature.product_profile.interactions_30d is 'Interactions of any kind (order lines, returns, views …), last 30 days.';
comment on column feature.product_profile.days_since_last_order is 'Whole days since the latest order with it; null = never ordered.';
comment on column feature.product_profile.orders_30d is 'Number of orders with it, last 30 days.';
comment on column feature.product_profile.orders_90d is 'Number of orders with it, last 90 days.';
comment on column feature.product_profile.orders_365d is 'Number of orders with it, last 365 days.';
comment on column feature.product_profile.orders_total is 'Number of orders with it, all time.';
comment on column feature.product_profile.buyers_30d is 'Number of different customers who bought it, last 30 days.';
comment on column feature.product_profile.buyers_90d is 'Number of different customers who bought it, last 90 days.';
comment on column feature.product_profile.buyers_365d is 'Number of different customers who bought it, last 365 days.';
comment on column feature.product_profile.repeat_buyer_share_365d is 'Share of its buyers who ordered it at least twice, in [0, 1], last 365 days; null = no buyer.';
comment on column feature.product_profile.units_30d is 'Pieces sold, last 30 days; a line without a quantity counts as one.';
comment on column feature.product_profile.units_90d is 'Pieces sold, last 90 days; a line without a quantity counts as one.';
comment on column feature.product_profile.units_365d is 'Pieces sold, last 365 days; a line without a quantity counts as one.';
comment on column feature.product_profile.revenue_30d is 'Amount of its sales in the shop''s currency, returns not subtracted, last 30 days; null = sold, but no amounts are known.';
comment on column feature.product_profile.revenue_90d is 'Amount of its sales in the shop''s currency, returns not subtracted, last 90 days; null = sold, but no amounts are known.';
comment on column feature.product_profile.revenue_365d is 'Amount of its sales in the shop''s currency, returns not subtracted, last 365 days; null = sold, but no amounts are known.';
comment on column feature.product_profile.unit_price_mean_90d is 'Amount / pieces of its sales in the shop''s currency, last 90 days; null = not sold.';
comment on column feature.product_profile.unit_price_mean_365d is 'Amount / pieces of its sales in the shop''s currency, last 365 days; null = not sold.';
comment on column feature.product_profile.returns_90d is 'Number of returns (credit notes) with it, last 90 days.';
comment on column feature.product_profile.returns_365d is 'Number of returns (credit notes) with it, last 365 days.';
comment on column feature.product_profile.return_rate_365d is 'Pieces returned / pieces sold, last 365 days; above 1 when older sales came back; null = nothing sold.';
comment on column feature.product_profile.attributes is 'Number of attributes known of it: triples whose tail is neither a product nor a customer.';
comment on column feature.product_profile.colour is 'Its colour: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_profile.material is 'Its material: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_profile.object is 'What kind of object it is: the most certain one, then the first by name; null = unknown.';
comment on column feature.product_profile.theme is 'Its theme: the most certain one, then the first by name; null = unknown.';

-- Personal data -----------------------------------------------------------------------------

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('raw', 'interaction', 'customer_id', 'the customer''s key'),
('raw', 'customer', 'customer_id', 'the customer''s key'),
('raw', 'customer', 'body', 'what the shop wrote about the customer'),
('raw', 'document', 'customer_id', 'the customer''s key'),
('raw', 'document', 'body', 'the customer''s words'),
('raw', 'document', 'tokens', 'the customer''s words'),
('raw', 'attribute', 'key', 'the customer''s key where entity_type is customer'),
('raw', 'rejected', 'value', 'any value of a row that was not loaded'),
('kg', 'entity', 'key', 'the customer''s key where entity_type is customer'),
('kg', 'entity', 'label', 'the customer''s name where entity_type is customer'),
('kg', 'triple', 'head_id', 'a hash of the customer''s key'),
('kg', 'triple', 'tail_id', 'a hash of the customer''s key'),
('kg', 'evidence', 'span', 'the customer''s words where the source is a document'),
('feature', 'customer_profile', 'customer_id', 'the customer''s key')
on conflict do nothing;
