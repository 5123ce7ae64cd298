-- What the steps remember in order not to compute again what did not change (docs/adr/0006).

create table emb.encoded_text (
    model_id int not null references emb.model on delete cascade,
    entity_id bigint not null,
    text_hash text not null,
    primary key (model_id, entity_id)
);
comment on table emb.encoded_text is
'Which text each vector of a text model is of. One row per model and product; what a product''s text is now: emb.text_hash(coalesce(body, title)) of raw.product.';
comment on column emb.encoded_text.model_id is 'The version of the vectors, see emb.model.';
comment on column emb.encoded_text.entity_id is 'The product, see kg.entity.';
comment on column emb.encoded_text.text_hash is 'The SHA-256 of the text in UTF-8, in hexadecimal.';

create table ops.profiled_fact (
    entity_id bigint primary key,
    facts numeric not null
);
comment on table ops.profiled_fact is
'What the graph said when profiles were computed last. One row per product or customer with an attribute; facts = the sum of the hashes of its triples.';
comment on column ops.profiled_fact.entity_id is 'The product or customer, see kg.entity.';
comment on column ops.profiled_fact.facts is 'Another number means that the graph says something else now.';

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('ops', 'profiled_fact', 'entity_id', 'a hash of the customer''s key where it is one');
