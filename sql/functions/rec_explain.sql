-- Why a product is recommended, what goes with a product, and the published lists row by row.

create or replace function rec.explain(customer_id text, product_id text)
returns table (
    kind text,
    via_product_id text,
    via_title text,
    relation text,
    tail text,
    share real,
    detail text
)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    perform rec.require(1, product_id);
    return query
    with everything as (
        select
            parts.*,
            parts.bought_together + parts.graph_vector + parts.popular as score,
            rank() over (order by parts.graph_vector desc) as place,
            count(*) over () as products
        from rec.parts(explain.customer_id) as parts
    ),

    part as (
        select * from everything where everything.product_id = explain.product_id
    ),

    history as (
        select * from rec.history(explain.customer_id)
    ),

    via as (
        select
            history.product_id,
            history.last_at,
            history.weight * neighbor.weight as weight
        from history
        inner join rec.product_neighbor as neighbor
            on history.product_id = neighbor.product_id
        where neighbor.signal = 'bought_together' and neighbor.neighbor_id = explain.product_id
    ),

    both_bought as (
        select
            other.product_id,
            count(distinct other.customer_id) as customers
        from raw.interaction as this
        inner join raw.interaction as other on this.customer_id = other.customer_id
        where
            this.product_id = explain.product_id
            and this.event = 'purchase'
            and other.event = 'purchase'
            and this.occurred_at <= now()
            and other.occurred_at <= now()
            and other.product_id in (select via.product_id from via)
        group by other.product_id
    ),

    together as (
        select
            'bought_together' as kind,
            via.product_id as via_product_id,
            part.bought_together * via.weight / sum(via.weight) over () / part.score as share,
            format(
                'bought on %s; %s customers bought both',
                to_char(via.last_at at time zone 'UTC', 'YYYY-MM-DD'),
                coalesce(both_bought.customers, 0)
            ) as detail
        from via
        cross join part
        left join both_bought on via.product_id = both_bought.product_id
        where part.bought_together > 0
    ),

    known_triple as (
        select
            triple.head_id,
            triple.relation_id,
            triple.tail_id
        from kg.triple
        where
            triple.valid_from <= now() and now() < triple.valid_to
            and triple.observed_at <= now() and now() < triple.retracted_at
    ),

    -- The purchase that counts most for each attribute of the product.
    shared as (
        select distinct on (own.relation_id, own.tail_id)
            own.relation_id,
            own.tail_id,
            history.product_id as via_product_id,
            count(*) over (partition by own.relation_id, own.tail_id) as sharing
        from known_triple as own
        inner join known_triple as other
            on own.relation_id = other.relation_id and own.tail_id = other.tail_id
        inner join kg.entity as bought
            on other.head_id = bought.entity_id and bought.entity_type = 'product'
        inner join history on bought.key = history.product_id
        where
            own.head_id = kg.entity_id('product', explain.product_id)
            and history.product_id <> explain.product_id
        order by
            own.relation_id, own.tail_id, history.weight desc, history.product_id collate "C"
    ),

    reason as (
        select
            together.kind,
            together.via_product_id,
            null as relation,
            null as tail,
            together.share,
            together.detail
        from together
        union all
        select
            'graph_vector',
            null,
            null,
            null,
            part.graph_vector / part.score,
            format('place %s of %s products by graph vectors', part.place, part.products)
        from part
        where part.graph_vector > 0
        union all
        select
            'shared_triple',
            shared.via_product_id,
            relation.name,
            coalesce(tail.label, tail.key),
            0,
            format(
                '%s of %s products bought have it too',
                shared.sharing, (select count(*) from history)
            )
        from shared
        inner join kg.relation on shared.relation_id = relation.relation_id
        inner join kg.entity as tail on shared.tail_id = tail.entity_id
        union all
        select
            'popular',
            null,
            null,
            null,
            part.popular / part.score,
            format('bought by %s customers', popular.customers)
        from part
        inner join rec.popular on part.product_id = popular.product_id
        where part.popular > 0
    )

    select
        reason.kind,
        reason.via_product_id,
        product.title,
        reason.relation,
        reason.tail,
        reason.share::real,
        reason.detail
    from reason
    left join raw.product on reason.via_product_id = product.product_id
    order by
        reason.share desc,
        reason.kind,
        reason.relation collate "C",
        reason.tail collate "C",
        reason.via_product_id collate "C";
end
$$;
comment on function rec.explain(text, text) is
'Why rec.recommend scores a product for a customer as it does, strongest reason first. share: part of the score; the shares sum to 1. bought_together names a purchase; graph_vector and popular are what those signals add; shared_triple is a true fact that the product and a purchase have in common, its share is 0 because the graph vectors learned from all facts at once.';

create or replace function rec.similar_products(product_id text, k int default 10)
returns table (rank int, neighbor_id text, title text, score real, reason text)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    perform rec.require(k, product_id);
    return query
    with together as (
        select
            neighbor.neighbor_id,
            neighbor.weight / max(neighbor.weight) over () as score,
            'bought_together' as reason
        from rec.product_neighbor as neighbor
        where
            neighbor.signal = 'bought_together'
            and neighbor.product_id = similar_products.product_id
    ),

    near as (
        select
            graph.product_id as neighbor_id,
            exp(min(graph.distance) over () - graph.distance)::real as score,
            'graph_vector' as reason
        from rec.graph_distance('product', similar_products.product_id) as graph
        inner join rec.popular on graph.product_id = popular.product_id
        where
            graph.product_id <> similar_products.product_id
            and graph.product_id not in (select together.neighbor_id from together)
            and (select count(*) from together) < similar_products.k
    ),

    candidate as (
        select * from together
        union all
        select * from near
    )

    select
        row_number() over (
            order by candidate.reason, candidate.score desc, candidate.neighbor_id collate "C"
        )::int,
        candidate.neighbor_id,
        product.title,
        candidate.score,
        candidate.reason
    from candidate
    left join raw.product on candidate.neighbor_id = product.product_id
    order by candidate.reason, candidate.score desc, candidate.neighbor_id collate "C"
    limit k;
end
$$;
comment on function rec.similar_products(text, int) is
'The k products that go with a product, best first: first those bought by the same customers (reason bought_together), then, where these are fewer than k, the nearest by graph vectors (graph_vector). score in [0, 1], 1 = the best of its reason.';

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
