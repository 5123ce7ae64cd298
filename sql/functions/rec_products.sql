-- What goes with a product: like it, or beside it in a basket. And the published lists row by row.

create or replace view rec.product_neighbor
with (security_invoker = true) as
select
    list.run_id,
    signal.signal,
    list.product_id,
    popular.product_id as neighbor_id,
    entry.weight
from rec.neighbor_list as list
cross join
    lateral unnest(list.neighbors, list.weights) as entry (neighbor, weight)
inner join rec.signal on signal.signal_no = entry.neighbor & 7
inner join rec.popular on popular.product_no = entry.neighbor >> 3;
comment on view rec.product_neighbor is
'Which products go with a product. One row per signal and ordered pair: weight is what a purchase of product_id adds to the signal''s score of neighbor_id, unbounded, higher is better. Packed in rec.neighbor_list.';

create or replace function rec.similar_products(product_id text, k int default 10)
returns table (rank int, neighbor_id text, title text, score real, reason text)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    among int[] := rec.visible();
begin
    perform rec.require(k, product_id);
    return query
    -- What the blend says of a customer who bought just this product.
    with said as (
        select
            blend.signal,
            entry.neighbor >> 3 as product_no,
            blend.weight,
            entry.weight / max(entry.weight) over (partition by blend.signal) as scaled
        from rec.neighbor_list as list
        cross join lateral unnest(list.neighbors, list.weights) as entry (neighbor, weight)
        inner join rec.signal on signal.signal_no = entry.neighbor & 7
        inner join rec.blend on signal.signal = blend.signal
        where list.product_id = similar_products.product_id and list.weighed
    ),

    total as (
        select sum(blend.weight) as weight
        from rec.blend
        where blend.signal in ('bought_together', 'shared_triples', 'text', 'factors')
    ),

    neighbor as (
        select
            said.product_no,
            sum(said.weight * said.scaled) / min(total.weight) as score,
            (array_agg(said.signal order by said.weight * said.scaled desc, said.signal))[1] as reason
        from said
        cross join total
        where among is null or said.product_no in (select unnest(among))
        group by said.product_no
    ),

    near as (
        select
            popular.product_no,
            exp(min(graph.distance) over () - graph.distance) as score,
            'graph_vector' as reason
        from rec.graph_distance('product', similar_products.product_id) as graph
        inner join rec.popular on graph.product_id = popular.product_id
        where
            graph.product_id <> similar_products.product_id
            and popular.product_no not in (select neighbor.product_no from neighbor)
            and (select count(*) from neighbor) < similar_products.k
            and (among is null or popular.product_no in (select unnest(among)))
    ),

    candidate as (
        select neighbor.*, 1 as part from neighbor
        union all
        select near.*, 2 from near
    ),

    best as (
        select candidate.*
        from candidate
        order by candidate.part, candidate.score::real desc, candidate.product_no
        limit k
    )

    select
        row_number() over (order by best.part, best.score::real desc, best.product_no)::int,
        popular.product_id,
        product.title,
        best.score::real,
        best.reason
    from best
    inner join rec.popular on best.product_no = popular.product_no
    left join raw.product on popular.product_id = product.product_id
    order by best.part, best.score::real desc, best.product_no;
end
$$;
comment on function rec.similar_products(text, int) is
'The k products that go with a product, best first: what the blend''s neighbours say of somebody who bought just this one (score in [0, 1], reason = the signal that says most), then, where these are fewer than k, the nearest by graph vectors (graph_vector; 1 = the nearest).';

create or replace function rec.complements(product_id text, k int default 10)
returns table (
    rank int,
    complement_id text,
    title text,
    score real,
    baskets int,
    lift real,
    similarity real
)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    among int[] := rec.visible();
begin
    perform rec.require(k, product_id);
    return query
    select
        row_number() over (
            order by complement.score desc, complement.complement_id collate "C"
        )::int,
        complement.complement_id,
        product.title,
        complement.score,
        complement.baskets,
        complement.lift,
        complement.similarity
    from rec.complement
    left join raw.product on complement.complement_id = product.product_id
    where
        complement.product_id = complements.product_id
        and (
            among is null
            or complement.complement_id in (
                select popular.product_id
                from rec.popular
                where popular.product_no in (select unnest(among))
            )
        )
    order by complement.score desc, complement.complement_id collate "C"
    limit k;
end
$$;
comment on function rec.complements(text, int) is
'What is bought in the same basket as a product and is no substitute for it, best first, at most 20. score = npmi · n / (n + 5) − similarity, in (0, 1]: npmi = ln(lift) / −ln(share of baskets that hold both), n = those baskets, similarity = the cosine of what triples say of the two products.';

create or replace view rec.customer_recommendation_long
with (security_invoker = true) as
select
    recommended.customer_id,
    recommended.event_timestamp,
    recommended.created_timestamp,
    entry.rank::int as rank,
    entry.product_id,
    product.title,
    entry.score
from feature.customer_recommendation as recommended
cross join
    lateral unnest(recommended.product_ids, recommended.scores)
    with ordinality as entry (product_id, score, rank)
left join raw.product on entry.product_id = product.product_id;
comment on view rec.customer_recommendation_long is
'feature.customer_recommendation with one row per customer, cut-off and recommended product, rank 1 best.';
