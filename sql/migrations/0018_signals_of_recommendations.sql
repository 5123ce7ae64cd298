-- Recommendations of six signals: neighbours packed into one row per product and signal, favourites
-- of segments, products that complete each other.
-- rec holds the latest run only: `kgfeatures recommend` fills it again after this file.

drop function if exists rec.recommend(text, int, jsonb, boolean, jsonb, timestamptz);
drop function if exists rec.parts(text, timestamptz, text[]);
drop function if exists rec.history(text, timestamptz, text[]);
drop function if exists rec.explain(text, text);
drop function if exists rec.similar_products(text, int);
drop function if exists rec.require(int, text);
drop table rec.product_neighbor;

delete from rec.run;
delete from rec.blend;
delete from rec.popular;

create table rec.neighbor_list (
    run_id bigint not null,
    product_id text not null,
    signal text not null check (signal in ('bought_together', 'shared_triples', 'text', 'factors')),
    neighbors int[] not null,
    weights real[] not null,
    primary key (product_id, signal),
    check (cardinality(neighbors) = cardinality(weights))
);
comment on table rec.neighbor_list is
'Which products go with a product, packed: one row per product and signal, the strongest neighbour first, by rec.popular.product_no. The view rec.product_neighbor shows one row per pair.';

alter table rec.popular
add column product_no int not null unique,
add column score double precision not null check (score between 0 and 1);
comment on table rec.popular is
'Every product that can be recommended. One row each: how many customers bought it, the same with recent purchases counting more (weight), and that divided by the highest (score). product_no counts the keys in the order of their bytes.';
create index popular_score_idx on rec.popular (score desc, product_no);

alter table rec.blend drop constraint blend_signal_check;
alter table rec.blend
add column weight_without_graph double precision not null default 0
check (weight_without_graph between 0 and 1),
add constraint blend_signal_check check (
    signal in ('bought_together', 'shared_triples', 'text', 'factors', 'graph_vector', 'popular')
);
comment on table rec.blend is
'How much each signal says in a recommendation: weights of scores scaled to [0, 1]; they sum to 1. weight_without_graph: the same for the best blend that knows no triple, for comparison. How good both are says rec.report().';

create table rec.attribute_weight (
    run_id bigint not null,
    relation_id bigint not null,
    tail_id bigint not null,
    weight double precision not null check (weight >= 0),
    primary key (relation_id, tail_id)
);
comment on table rec.attribute_weight is
'What a triple of products says: idf² = ln(products / products that have it)²; the cosine of two products is the sum over what they share, divided by both lengths. One row per relation and tail.';

create table rec.segment_favourite (
    run_id bigint not null,
    segmentation text not null,
    segment_id int not null,
    product_no int not null,
    score double precision not null check (score > 0 and score <= 1),
    primary key (segmentation, segment_id, product_no)
);
comment on table rec.segment_favourite is
'What the customers of a segment buy most, recent purchases counting more; the first is 1. One row per segment and product; shown to customers of the segment without purchases.';

create table rec.complement (
    run_id bigint not null,
    product_id text not null,
    complement_id text not null,
    score real not null,
    baskets int not null check (baskets > 0),
    lift real not null check (lift > 1),
    similarity real not null,
    primary key (product_id, complement_id),
    check (product_id <> complement_id)
);
comment on table rec.complement is
'What is bought in the same basket and is no substitute. One row per ordered pair: score in (0, 1]; baskets that hold both; lift over what chance would give; similarity of what is said of them, taken off the score.';
