-- Why a product is recommended: which purchases, which triples, how much of the score each.

create or replace function rec.explain(customer_id text, product_id text)
returns table (
    kind text,
    via_product_id text,
    via_title text,
    relation text,
    tail text,
    share double precision,
    detail text
)
language plpgsql stable
set search_path = pg_catalog
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    base record;
    target record;
    highest double precision[];
    by_graph double precision;
    by_popular double precision;
begin
    perform rec.require(1, product_id);
    select * into target from rec.popular where popular.product_id = explain.product_id;
    select * into base from rec.basis(explain.customer_id);
    highest := rec.highest(explain.customer_id);
    select weights.by_graph, weights.by_popular into by_graph, by_popular
    from rec.blend_weights() as weights;
    return query
    -- What each purchase adds to the score by each signal.
    with purchase as materialized (
        select
            blend.signal as kind,
            history.product_id,
            history.last_at,
            blend.weight * history.weight * list.weights[entry.place] / highest[signal.signal_no] as score
        from rec.history(explain.customer_id) as history
        inner join rec.neighbor_list as list
            on history.product_id = list.product_id and list.weighed
        cross join rec.signal
        inner join rec.blend on signal.signal = blend.signal and blend.weight > 0
        -- Whether it is there is told ten times sooner than where.
        cross join lateral (
            select array_position(list.neighbors, 8 * target.product_no + signal.signal_no) as place
            where 8 * target.product_no + signal.signal_no = any(list.neighbors)
            offset 0
        ) as entry
        where base.basis = 'history'
    ),

    said as (
        select purchase.kind, sum(purchase.score) as score
        from purchase
        group by purchase.kind
        union all
        select 'graph_vector', near.graph_vector
        from rec.graph_parts(explain.customer_id, by_graph) as near
        where by_graph > 0 and base.basis = 'history' and near.product_no = target.product_no
        union all
        select
            'segment',
            (1 - by_popular) * favourite.score
        from rec.segment_favourite as favourite
        where
            base.basis = 'segment'
            and favourite.segmentation = base.segmentation
            and favourite.segment_id = base.segment_id
            and favourite.product_no = target.product_no
        union all
        select
            'popular',
            by_popular * target.score
        where target.score > 0 and by_popular > 0
    ),

    total as (
        select sum(said.score) as score
        from said
    ),

    via as materialized (
        select
            purchase.kind,
            purchase.product_id,
            purchase.last_at,
            purchase.score / total.score as share
        from purchase
        cross join total
        where purchase.score > 0
    ),

    own as materialized (
        select distinct
            triple.relation_id,
            triple.tail_id,
            known.weight
        from kg.triple
        inner join rec.attribute_weight as known
            on triple.relation_id = known.relation_id and triple.tail_id = known.tail_id
        where
            triple.head_id = kg.entity_id('product', explain.product_id)
            and triple.valid_from <= now() and now() < triple.valid_to
            and triple.observed_at <= now() and now() < triple.retracted_at
    ),

    like_it as (
        select
            via.product_id,
            product.entity_id
        from via
        inner join kg.entity as product
            on product.entity_type = 'product' and via.product_id = product.key
        where via.kind = 'shared_triples'
    ),

    shared as (
        select distinct
            like_it.product_id,
            own.relation_id,
            own.tail_id,
            own.weight
        from like_it
        inner join kg.triple as other on like_it.entity_id = other.head_id
        inner join own on other.relation_id = own.relation_id and other.tail_id = own.tail_id
        where
            other.valid_from <= now() and now() < other.valid_to
            and other.observed_at <= now() and now() < other.retracted_at
    ),

    -- A cosine is a sum over what is shared: idf² each, but for both lengths.
    by_triple as (
        select
            shared.product_id,
            shared.relation_id,
            shared.tail_id,
            shared.weight / nullif(sum(shared.weight) over (partition by shared.product_id), 0) as share
        from shared
    ),

    reason as (
        select
            via.kind,
            via.product_id as via_product_id,
            relation.name as relation,
            coalesce(tail.label, tail.key) as tail,
            via.share * coalesce(by_triple.share, 1) as share,
            format('bought on %s', to_char(via.last_at at time zone 'UTC', 'YYYY-MM-DD')) as detail
        from via
        left join by_triple on via.kind = 'shared_triples' and via.product_id = by_triple.product_id
        left join kg.relation on by_triple.relation_id = relation.relation_id
        left join kg.entity as tail on by_triple.tail_id = tail.entity_id
        union all
        select
            said.kind,
            null,
            null,
            null,
            said.score / total.score,
            case said.kind
                when 'graph_vector' then 'near the customer''s place in the graph, by its vectors'
                when 'segment' then format('bought by segment "%s" (%s)', base.segment_name, base.segmentation)
                else format('bought by %s customers', target.customers)
            end
        from said
        cross join total
        where said.score > 0 and said.kind not in (select via.kind from via)
    )

    select
        reason.kind,
        reason.via_product_id,
        product.title,
        reason.relation,
        reason.tail,
        reason.share,
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
'Why rec.recommend scores a product for a customer as it does, strongest reason first. share: part of the score; the shares sum to 1, no rows when nothing speaks for the product. bought_together, text and factors name a purchase; shared_triples a purchase and a true fact that both products have (relation, tail); graph_vector is what the customer''s vector says, learned from everything at once; segment and popular what others buy. More ways from the customer to the product: kg.paths.';
