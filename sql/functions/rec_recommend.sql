-- The best products for one customer: read from a list that still holds, or computed.

create or replace function rec.recommend(
    customer_id text,
    k int default 10,
    filters jsonb default null,
    exclude_bought boolean default true,
    ignore jsonb default null,
    known_at timestamptz default now()
)
returns table (rank int, product_id text, title text, score real, reason text, basis text)
language plpgsql stable
set search_path = pg_catalog
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    ignored text[];
    base record;
    by_popular double precision;
    among int[];
    signals constant text[] := '{bought_together,shared_triples,text,factors,graph_vector,popular}';
begin
    if
        k > 0 and recommend.filters is null and recommend.exclude_bought and recommend.ignore is null
        and rec.holding(array[recommend.customer_id], k, recommend.known_at) <> '{}'
    then
        return query
        select
            entry.rank::int,
            popular.product_id,
            product.title,
            entry.score,
            signals[entry.reason],
            'history'
        from rec.customer_list as list
        cross join lateral unnest(
            list.products[:k], list.scores[:k], list.reasons[:k]
        ) with ordinality as entry (product_no, score, reason, rank)
        inner join rec.popular on entry.product_no = popular.product_no
        left join raw.product on popular.product_id = product.product_id
        where list.customer_id = recommend.customer_id
        order by entry.rank;
        return;
    end if;
    perform rec.require(k);
    ignored := rec.ignored_products(ignore);
    select * into base from rec.basis(recommend.customer_id, recommend.known_at, ignored);
    by_popular := (select weights.by_popular from rec.blend_weights() as weights);
    among := rec.visible();
    if recommend.filters is not null then
        among := array(
            select popular.product_no
            from kg.filter_products(recommend.filters, recommend.known_at) as kept
            inner join rec.popular on kept.product_id = popular.product_id
            where among is null or popular.product_no in (select unnest(among))
        );
    end if;
    return query
    with part as (
        select
            parts.product_no,
            parts.bought_together + parts.shared_triples + parts.text + parts.factors
            + parts.graph_vector as score,
            greatest(
                parts.bought_together, parts.shared_triples, parts.text, parts.factors,
                parts.graph_vector
            ) as most,
            case greatest(
                parts.bought_together, parts.shared_triples, parts.text, parts.factors,
                parts.graph_vector
            )
                when parts.bought_together then 'bought_together'
                when parts.shared_triples then 'shared_triples'
                when parts.text then 'text'
                when parts.factors then 'factors'
                else 'graph_vector'
            end as reason
        from rec.parts(
            recommend.customer_id, recommend.known_at, ignored, k, recommend.exclude_bought, among
        ) as parts
        where base.basis = 'history'
        union all
        select
            favourite.product_no,
            (1 - by_popular) * favourite.score,
            (1 - by_popular) * favourite.score,
            'segment'
        from rec.segment_favourite as favourite
        where
            base.basis = 'segment'
            and favourite.segmentation = base.segmentation
            and favourite.segment_id = base.segment_id
    ),

    bought as materialized (
        select distinct popular.product_no
        from raw.interaction
        inner join rec.popular on interaction.product_id = popular.product_id
        where
            recommend.exclude_bought
            and interaction.customer_id = recommend.customer_id
            and interaction.event = 'purchase'
            and interaction.occurred_at <= recommend.known_at
    ),

    spoken_for as (
        select
            popular.product_no,
            popular.product_id,
            (part.score + by_popular * popular.score)::real as score,
            case
                when part.most = 0 or by_popular * popular.score > part.most then 'popular'
                else part.reason
            end as reason
        from part
        inner join rec.popular on part.product_no = popular.product_no
        where
            part.product_no not in (select bought.product_no from bought)
            and (among is null or part.product_no in (select unnest(among)))
    ),

    -- For all others only popularity speaks, or parts left them out: the first in its order.
    other as (
        select
            popular.product_no,
            popular.product_id,
            (by_popular * popular.score)::real as score,
            'popular' as reason
        from rec.popular
        where
            popular.product_no not in (select part.product_no from part)
            and popular.product_no not in (select bought.product_no from bought)
            and (among is null or popular.product_no in (select unnest(among)))
        order by popular.score desc, popular.product_no
        -- Some more: in single precision neighbours may be equal and change places.
        limit k::bigint + 10
    ),

    best as (
        select * from spoken_for
        union all
        select * from other
        order by score desc, product_no
        limit k
    )

    select
        row_number() over (order by best.score desc, best.product_no)::int,
        best.product_id,
        product.title,
        best.score,
        best.reason,
        base.basis
    from best
    left join raw.product on best.product_id = product.product_id
    order by best.score desc, best.product_no;
    if not found then
        raise notice '%', rec.why(
            recommend.customer_id, recommend.filters, recommend.exclude_bought, recommend.ignore,
            recommend.known_at
        );
    end if;
end
$$;
comment on function rec.recommend(text, int, jsonb, boolean, jsonb, timestamptz) is
'The k products that a customer is most likely to want, best first; ties go by product id. score in [0, 1]. reason: the signal that says most. basis: history = the customer''s purchases; a customer without any gets what the segment buys most (segment), then what everybody buys (popular); rec.why says it in a sentence, and an empty answer raises it as a notice. Fewer than k rows only when fewer products pass. known_at limits what is known of this customer; neighbours and popularity are those of the last run. ignore: {"products": […]} leaves purchases out of the history (what if?), on the same scale; they are still not recommended. A list that was published and still holds is read (rec.holding), any other computed: the answer is the same.';
