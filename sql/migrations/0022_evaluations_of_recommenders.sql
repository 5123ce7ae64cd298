-- What `kgfeatures evaluate recommend` measured on the loaded shop: the last evaluation by each
-- protocol, as numbers that SQL can compare.

create table rec.evaluation_run (
    protocol text primary key,
    run_id bigint not null unique check (run_id > 0),
    words text not null,
    customers int not null check (customers > 0),
    products int not null check (products > 0),
    purchases int not null check (purchases > 0),
    settings jsonb not null,
    made_of jsonb not null
);
comment on table rec.evaluation_run is
'How recommenders were compared on this shop. One row per protocol, its last evaluation: what was held out in words, customers asked, products ranked, purchases learned from, settings (seed among them); made_of: the settings of each algorithm and the weights of each blend, as chosen on validation.';

create table rec.evaluation (
    run_id bigint not null,
    protocol text not null references rec.evaluation_run on delete cascade,
    algorithm text not null,
    customers text not null,
    measure text not null,
    value double precision not null,
    lower double precision not null,
    upper double precision not null check (upper >= lower),
    primary key (protocol, algorithm, customers, measure)
);
comment on table rec.evaluation is
'How good each recommender was on purchases held out. One row per protocol, algorithm, customers ("all", or those with so many products before, as "3 to 5 products") and measure: its mean over the customers, lower and upper end of a 95 % bootstrap interval. graph_gain_hr@10 is a fraction; cold_hr@20 asks for products without purchases. docs/evaluation.md says what the measures are.';
