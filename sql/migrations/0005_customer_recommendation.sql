-- What `kgfeatures recommend` publishes. May run again: the step does so when somebody dropped it.

create table if not exists feature.customer_recommendation (
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

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('feature', 'customer_recommendation', 'customer_id', 'the customer''s key')
on conflict do nothing;
