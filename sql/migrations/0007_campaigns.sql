-- What a shop did to its customers: campaigns, who was contacted or kept as control, coupons.

alter table raw.source drop constraint source_kind_check;
alter table raw.source add constraint source_kind_check check (
    kind in (
        'interactions', 'products', 'customers', 'attributes', 'documents', 'triples',
        'campaigns', 'contacts', 'coupons'
    )
);

create table raw.campaign (
    campaign_id text primary key,
    title text,
    body text,
    starts_at timestamptz,
    ends_at timestamptz,
    check (starts_at < ends_at)
);
comment on table raw.campaign is
'One row per campaign, also those that only a contact or a coupon names. It runs from starts_at until ends_at; null = no source says.';
comment on column raw.campaign.campaign_id is 'The shop''s key of the campaign.';
comment on column raw.campaign.title is 'What the campaign is called.';
comment on column raw.campaign.body is 'All columns of text, a line each.';
comment on column raw.campaign.starts_at is 'The first moment at which it runs.';
comment on column raw.campaign.ends_at is 'The first moment at which it runs no more.';

create table raw.contact (
    source_id int not null references raw.source,
    row_id bigint not null,
    campaign_id text not null,
    customer_id text not null,
    contacted_at timestamptz not null,
    treatment smallint not null check (treatment in (0, 1)),
    variant text,
    channel text,
    propensity double precision check (propensity between 0 and 1),
    cost double precision,
    exposed_at timestamptz,
    outcomes jsonb not null default '{}',
    primary key (source_id, row_id)
);
create index contact_customer_idx on raw.contact (customer_id, contacted_at);
create index contact_campaign_idx on raw.contact (campaign_id, customer_id);
comment on table raw.contact is
'Who was treated by a campaign and who was kept as control. One row per customer and assignment.';
comment on column raw.contact.source_id is 'The source, see raw.source.';
comment on column raw.contact.row_id is 'A hash of the row''s content, and of its number among equal rows.';
comment on column raw.contact.campaign_id is 'The campaign, see raw.campaign.';
comment on column raw.contact.customer_id is 'The shop''s key of the customer.';
comment on column raw.contact.contacted_at is 'When it was decided and sent; the campaign''s start where the source gives no time.';
comment on column raw.contact.treatment is '1 = treated: was sent it; 0 = control: could have been and was not.';
comment on column raw.contact.variant is 'Which version of the campaign, where there are several.';
comment on column raw.contact.channel is 'How: email, sms, banner, as the source calls it.';
comment on column raw.contact.propensity is 'The probability, in [0, 1], with which this customer was to be treated, as it was when decided; null = not recorded.';
comment on column raw.contact.cost is 'What the contact cost, in the shop''s currency.';
comment on column raw.contact.exposed_at is 'When the customer saw it (exposure); null = did not, or not recorded.';
comment on column raw.contact.outcomes is 'What the source itself measured afterwards, by its column''s name; numbers.';

create table raw.coupon_event (
    source_id int not null references raw.source,
    row_id bigint not null,
    coupon_id text not null,
    customer_id text not null,
    event text not null check (event in ('issued', 'redeemed')),
    occurred_at timestamptz not null,
    campaign_id text,
    product_id text,
    basket_id text,
    discount double precision,
    primary key (source_id, row_id)
);
create index coupon_event_customer_idx on raw.coupon_event (customer_id, occurred_at);
create index coupon_event_coupon_idx on raw.coupon_event (coupon_id, occurred_at);
comment on table raw.coupon_event is
'Who got which coupon (issued) and used it (redemption). One row per event; what a coupon is good for stands in the graph: valid_for, offered by a campaign.';
comment on column raw.coupon_event.source_id is 'The source, see raw.source.';
comment on column raw.coupon_event.row_id is 'A hash of the row''s content, and of its number among equal rows.';
comment on column raw.coupon_event.coupon_id is 'The shop''s key of the coupon: one for everybody, or one for each.';
comment on column raw.coupon_event.customer_id is 'The shop''s key of the customer.';
comment on column raw.coupon_event.event is 'issued = the customer got it; redeemed = used it.';
comment on column raw.coupon_event.occurred_at is 'When.';
comment on column raw.coupon_event.campaign_id is 'The campaign that offered it, where the row says so.';
comment on column raw.coupon_event.product_id is 'The product it was used for, where the row says so.';
comment on column raw.coupon_event.basket_id is 'The order it was used in: basket_id of raw.interaction.';
comment on column raw.coupon_event.discount is 'As the source counts it: per cent, or money.';

-- Files that hold personal data -----------------------------------------------------------------

create table ops.personal_file (
    place text not null check (place in ('source', 'home', 'elsewhere')),
    path text not null,
    kind text not null
    check (kind in ('source', 'truth', 'export', 'backup', 'checkpoint', 'database')),
    holds text not null,
    run_id bigint references ops.run on delete set null,
    primary key (place, path)
);
comment on table ops.personal_file is
'Every file and folder outside the tables that holds a customer''s key or words, as a step that read or wrote it noted. One row per file or folder.';
comment on column ops.personal_file.place is 'source: relative to the folder of the manifest; home: relative to $KGFEATURES_HOME; elsewhere: as given, without a password.';
comment on column ops.personal_file.path is 'The file, or a folder whose content is meant.';
comment on column ops.personal_file.kind is 'source = read by ingest; truth = planted truth beside a generated shop; export, backup, checkpoint = written by a step; database = the server''s own files.';
comment on column ops.personal_file.holds is 'What it holds.';
comment on column ops.personal_file.run_id is 'The run that noted it last, see ops.run.';

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('raw', 'contact', 'customer_id', 'the customer''s key'),
('raw', 'contact', 'outcomes', 'what the customer did after a contact'),
('raw', 'coupon_event', 'customer_id', 'the customer''s key')
on conflict do nothing;
