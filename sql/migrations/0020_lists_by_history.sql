-- Neighbours of all signals in one row per product, and the list that each customer would get,
-- served as long as the customer's purchases are those it was made from.

drop view if exists rec.product_neighbor;
drop function if exists rec.neighbor_parts(text, double precision[], timestamptz, text[]);
drop function if exists rec.parts(text, timestamptz, text[]);

alter table rec.neighbor_list rename to neighbor_list_by_signal;
alter index rec.neighbor_list_pkey rename to neighbor_list_by_signal_pkey;

-- Up to a page a row stays whole: what is kept outside costs a search of its own for each array.
create table rec.neighbor_list (
    run_id bigint not null,
    product_id text not null,
    weighed boolean not null,
    neighbors int[] not null,
    weights real[] not null,
    primary key (product_id, weighed),
    check (cardinality(neighbors) = cardinality(weights))
) with (toast_tuple_target = 8160);
alter table rec.neighbor_list
alter column neighbors set storage main,
alter column weights set storage main;
comment on table rec.neighbor_list is
'Which products go with a product, packed: one row per product for the signals that rec.blend weighs, and one for those it does not (weighed). A neighbour is 8 times its rec.popular.product_no plus the signal (1 bought_together, 2 shared_triples, 3 text, 4 factors); the strongest of a signal first. The view rec.product_neighbor shows one row per pair.';

insert into rec.neighbor_list (run_id, product_id, weighed, neighbors, weights)
select
    list.run_id,
    list.product_id,
    blend.weight > 0 as weighed,
    array_agg(
        8 * entry.product_no + signal.signal_no order by signal.signal_no, entry.place
    ) as neighbors,
    array_agg(entry.weight order by signal.signal_no, entry.place) as weights
from rec.neighbor_list_by_signal as list
inner join (
    values ('bought_together', 1), ('shared_triples', 2), ('text', 3), ('factors', 4)
) as signal (name, signal_no) on list.signal = signal.name
inner join rec.blend on list.signal = blend.signal
cross join
    lateral unnest(list.neighbors, list.weights)
    with ordinality as entry (product_no, weight, place)
group by list.run_id, list.product_id, blend.weight > 0;

drop table rec.neighbor_list_by_signal;

create table rec.customer_list (
    run_id bigint not null,
    customer_id text primary key,
    history_hash bigint not null,
    highest double precision[] not null,
    products int[] not null,
    scores real[] not null,
    reasons smallint[] not null,
    check (cardinality(products) = cardinality(scores)),
    check (cardinality(products) = cardinality(reasons))
);
comment on table rec.customer_list is
'What rec.recommend answers while a customer''s purchases are those of the last run, which history_hash (rec.history_hash) tells. One row per customer with purchases: products by rec.popular.product_no, best first; reasons 1 bought_together, 2 shared_triples, 3 text, 4 factors, 6 popular; highest: of signals 1 to 4 the highest score of any product before scaling, null without one. Empty when the blend has graph vectors.';

insert into ops.personal_data (schema_name, table_name, column_name, holds) values
('rec', 'customer_list', 'customer_id', 'the customer''s key')
on conflict do nothing;
