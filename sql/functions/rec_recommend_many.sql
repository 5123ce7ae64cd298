-- The best products for many customers at once.

create or replace function rec.recommend_many(customer_ids text[], k int default 10)
returns table (
    customer_id text,
    rank int,
    product_id text,
    title text,
    score real,
    reason text,
    basis text
)
language plpgsql stable
set search_path = pg_catalog
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    asked text[] := array(
        select distinct each.customer_id collate "C"
        from unnest(recommend_many.customer_ids) as each (customer_id)
        where each.customer_id is not null
        order by 1
    );
    holding text[];
    signals constant text[] := '{bought_together,shared_triples,text,factors,graph_vector,popular}';
begin
    perform rec.require(k);
    holding := rec.holding(asked, k);
    -- Many lists share products: what these are called is looked up for all at once.
    return query
    with entry as (
        select
            list.customer_id,
            unnest(list.products[:k]) as product_no,
            unnest(list.scores[:k]) as score,
            unnest(list.reasons[:k]) as reason,
            generate_series(1, k) as rank
        from unnest(holding) as held (customer_id)
        inner join rec.customer_list as list on held.customer_id = list.customer_id
    )

    select
        entry.customer_id,
        entry.rank,
        popular.product_id,
        product.title,
        entry.score,
        signals[entry.reason],
        'history'
    from entry
    inner join rec.popular on entry.product_no = popular.product_no
    left join raw.product on popular.product_id = product.product_id
    order by entry.customer_id collate "C", entry.rank;
    if cardinality(holding) < cardinality(asked) then
        return query
        select each.customer_id, list.*
        from unnest(asked) as each (customer_id)
        cross join lateral rec.recommend(each.customer_id, k) as list
        where each.customer_id not in (select unnest(holding));
    end if;
end
$$;
comment on function rec.recommend_many(text[], int) is
'rec.recommend for many customers at once, cheaper than one call each. The same lists; the rows of a customer stand together, by rank; a customer named twice is answered once, null not at all.';
