-- What a recommendation is made of: live history, what the last run left in rec, and their sum.
-- The same arithmetic as kgfeatures/recommend; tests/sql/test_rec.py holds them together.

create or replace function rec.highest(
    customer_id text, known_at timestamptz default now()
)
returns double precision[]
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    found_before double precision[] := (
        select list.highest
        from rec.run
        inner join rec.customer_list as list on run.run_id = list.run_id
        where
            list.customer_id = highest.customer_id
            and list.history_hash = rec.history_hash(highest.customer_id, highest.known_at)
            and not row_security_active('rec.neighbor_list')
    );
begin
    if found_before is not null then
        return found_before;
    end if;
    return (
        with entry as (
            select
                history.weight as of_history,
                unnest(list.neighbors) as neighbor,
                unnest(list.weights) as weight
            from rec.history(highest.customer_id, highest.known_at) as history
            inner join rec.neighbor_list as list
                on history.product_id = list.product_id and list.weighed
        ),

        score as (
            select
                entry.neighbor & 7 as signal_no,
                sum(entry.of_history * entry.weight) as score
            from entry
            group by entry.neighbor
        ),

        best as (
            select score.signal_no, max(score.score) as score
            from score
            group by score.signal_no
        )

        select array_agg(nullif(best.score, 0) order by signal.signal_no)
        from generate_series(1, 4) as signal (signal_no)
        left join best on signal.signal_no = best.signal_no
    );
end
$$;
comment on function rec.highest(text, timestamptz) is
'What scores are scaled by: for bought_together, shared_triples, text and factors the highest score that a customer''s purchases until known_at give to any product, bought or not; null without one.';

create or replace function rec.parts(
    customer_id text,
    known_at timestamptz default now(),
    ignored text[] default '{}',
    best int default null,
    exclude_bought boolean default false,
    among int[] default null
)
returns table (
    product_no int,
    bought_together double precision,
    shared_triples double precision,
    text double precision,
    factors double precision,
    graph_vector double precision
)
language plpgsql stable
set search_path = pg_catalog
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    by_history double precision[];
    by_graph double precision;
    by_popular double precision;
    scales double precision[];
begin
    select weights.by_history, weights.by_graph, weights.by_popular
    into by_history, by_graph, by_popular
    from rec.blend_weights() as weights;
    -- The best of all products, bought or not, scales to 1, whatever is ignored.
    if parts.ignored <> '{}' then
        scales := rec.highest(parts.customer_id, parts.known_at);
    end if;
    return query
    with purchase as materialized (
        select history.product_id, history.weight, history.ignored
        from rec.history(parts.customer_id, parts.known_at, parts.ignored) as history
    ),

    -- Unnested side by side where they are selected: a third quicker than in the from clause.
    entry as (
        select
            purchase.weight as of_history,
            unnest(list.neighbors) as neighbor,
            unnest(list.weights) as weight
        from purchase
        inner join rec.neighbor_list as list
            on purchase.product_id = list.product_id and list.weighed
        where not purchase.ignored
    ),

    hit as materialized (
        select
            entry.neighbor >> 3 as product_no,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 1) as together,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 2) as triples,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 3) as text,
            sum(entry.of_history * entry.weight) filter (where entry.neighbor & 7 = 4) as factors
        from entry
        group by entry.neighbor >> 3
    ),

    scale as (
        select
            by_history[1] / coalesce(scales[1], nullif(max(hit.together), 0)) as together,
            by_history[2] / coalesce(scales[2], nullif(max(hit.triples), 0)) as triples,
            by_history[3] / coalesce(scales[3], nullif(max(hit.text), 0)) as text,
            by_history[4] / coalesce(scales[4], nullif(max(hit.factors), 0)) as factors
        from hit
    ),

    said as not materialized (
        select
            hit.product_no,
            coalesce(hit.together * (select scale.together from scale), 0) as together,
            coalesce(hit.triples * (select scale.triples from scale), 0) as triples,
            coalesce(hit.text * (select scale.text from scale), 0) as text,
            coalesce(hit.factors * (select scale.factors from scale), 0) as factors
        from hit
    ),

    part as (
        select said.*, 0::double precision as graph
        from said
        where by_graph = 0
        union all
        select
            coalesce(said.product_no, near.product_no),
            coalesce(said.together, 0),
            coalesce(said.triples, 0),
            coalesce(said.text, 0),
            coalesce(said.factors, 0),
            coalesce(near.graph_vector, 0)
        from said
        full join
            rec.graph_parts(parts.customer_id, by_graph, parts.known_at) as near
            on said.product_no = near.product_no
        where by_graph > 0
    ),

    candidate as materialized (
        select
            part.*,
            part.together + part.triples + part.text + part.factors + part.graph as score
        from part
        where
            (parts.among is null or part.product_no in (select unnest(parts.among)))
            and (
                not parts.exclude_bought
                or part.product_no not in (
                    select popular.product_no
                    from purchase
                    inner join rec.popular on purchase.product_id = popular.product_id
                )
            )
    ),

    -- Popularity adds by_popular at most: who is further behind cannot be among the best.
    least as (
        select candidate.score - by_popular - 1e-6 as score
        from candidate
        where parts.best is not null
        order by candidate.score desc
        limit 1 offset parts.best - 1
    )

    select
        candidate.product_no,
        candidate.together,
        candidate.triples,
        candidate.text,
        candidate.factors,
        candidate.graph
    from candidate
    where candidate.score >= coalesce((select least.score from least), 0);
end
$$;
comment on function rec.parts(text, timestamptz, text[], int, boolean, int[]) is
'What each signal but popularity adds to the score of products for a customer; with rec.blend''s weight of popular times rec.popular.score their sum is the score, in [0, 1]. One row per product (rec.popular.product_no) of which a signal says something, bought ones too. Scales stay those of the whole history, whatever is ignored. best: only products that may be among so many best ones; exclude_bought, among: of those not bought, of these.';
