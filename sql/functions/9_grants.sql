-- What the reader may see: everything but the shop's raw rows, of which only the columns that
-- rec.recommend and the filters read; nothing may be written.

grant usage on schema ops, raw, kg, emb, feature, online, rec, seg to kgf_reader;
grant select on all tables in schema ops, kg, emb, feature, online, rec, seg to kgf_reader;
alter default privileges in schema ops, kg, emb, feature, online, rec, seg
grant select on tables to kgf_reader;
grant select (customer_id, product_id, event, occurred_at) on raw.interaction to kgf_reader;
grant select on raw.product, raw.attribute, raw.campaign to kgf_reader;
-- What kg.fact says of campaigns and coupons; how contacts went is the shop's own.
grant select (customer_id, campaign_id, contacted_at, treatment) on raw.contact to kgf_reader;
grant select (customer_id, coupon_id, event, occurred_at) on raw.coupon_event to kgf_reader;
