-- rec.recommend, what it falls back to for customers without purchases, and why.

create or replace function rec.segment_of(customer_id text, known_at timestamptz default now())
returns table (segmentation text, segment_id int, segment_name text)
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    named text;
    place record;
    fewest int;
begin
    for named in
        select favourite.segmentation
        from rec.segment_favourite as favourite
        group by favourite.segmentation
        having to_regclass(format('feature.%I', 'segment_' || favourite.segmentation)) is not null
        order by favourite.segmentation collate "C"
    loop
        execute format(
            'select profile.size, member.segment_id, member.segment_name
            from feature.%I as member
            inner join seg.profile on profile.name = $4 and member.segment_id = profile.segment_id
            where
                member.customer_id = $1
                and member.event_timestamp = (
                    select max(latest.event_timestamp) from feature.%1$I as latest
                    where latest.event_timestamp <= $2
                )
                and ($3 is null or profile.size < $3)
                and exists (
                    select from rec.segment_favourite as favourite
                    where favourite.segmentation = $4 and favourite.segment_id = member.segment_id
                )',
            'segment_' || named
        ) into place using segment_of.customer_id, segment_of.known_at, fewest, named;
        if place.size is not null then
            fewest := place.size;
            segmentation := named;
            segment_id := place.segment_id;
            segment_name := place.segment_name;
        end if;
    end loop;
    if fewest is not null then
        return next;
    end if;
end
$$;
comment on function rec.segment_of(text, timestamptz) is
'The segment whose favourites a customer without purchases is shown: of all segments that hold the customer the smallest, of equals that of the first segmentation by name. At most one row.';

create or replace function rec.basis(
    customer_id text, known_at timestamptz default now(), ignored text[] default '{}'
)
returns table (basis text, segmentation text, segment_id int, segment_name text)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    if exists (
        select from raw.interaction
        where
            interaction.customer_id = basis.customer_id
            and interaction.event = 'purchase'
            and interaction.occurred_at <= basis.known_at
            and interaction.product_id <> all(basis.ignored)
    ) then
        return query select 'history', null::text, null::int, null::text;
        return;
    end if;
    return query
    select 'segment', found.segmentation, found.segment_id, found.segment_name
    from rec.segment_of(basis.customer_id, basis.known_at) as found;
    if not found then
        return query select 'popular', null::text, null::int, null::text;
    end if;
end
$$;
comment on function rec.basis(text, timestamptz, text[]) is
'What recommendations for a customer rest on: history = purchases; without any, segment = what the customer''s segment buys most, else popular. One row.';

create or replace function rec.holding(
    customer_ids text[], k int, known_at timestamptz default now()
)
returns text[]
language plpgsql stable
set search_path = pg_catalog
set plan_cache_mode = force_generic_plan
as $$
begin
    -- Who may not see all rows gets what the rows allow, computed.
    if row_security_active('rec.popular') or row_security_active('rec.neighbor_list') then
        return '{}';
    end if;
    return array(
        select list.customer_id
        from unnest(holding.customer_ids) as asked (customer_id)
        inner join rec.customer_list as list on asked.customer_id = list.customer_id
        where
            cardinality(list.products) >= holding.k
            and list.run_id = (select run.run_id from rec.run)
            -- rec.history_hash, written out: a call costs as much as the rest.
            and list.history_hash = (
                select
                    coalesce(
                        sum(
                            hash_record_extended(
                                row(interaction.product_id, interaction.occurred_at), 0
                            ) >> 20
                        ),
                        0
                    )
                from raw.interaction
                where
                    interaction.customer_id = asked.customer_id
                    and interaction.event = 'purchase'
                    and interaction.occurred_at <= holding.known_at
            )
    );
end
$$;
comment on function rec.holding(text[], int, timestamptz) is
'Those customers whose purchases until known_at are still the ones that their published list was made from, and whose list has k products: rec.customer_list tells what would be computed for them.';

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
    by_popular := coalesce((select weight from rec.blend where signal = 'popular'), 0);
    if recommend.filters is not null then
        among := array(
            select popular.product_no
            from kg.filter_products(recommend.filters, recommend.known_at) as kept
            inner join rec.popular on kept.product_id = popular.product_id
        );
    elsif row_security_active('rec.popular') then
        among := array(select popular.product_no from rec.popular);
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

create or replace function rec.why(
    customer_id text,
    filters jsonb default null,
    exclude_bought boolean default true,
    ignore jsonb default null,
    known_at timestamptz default now()
)
returns text
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    ignored text[] := rec.ignored_products(ignore);
    base record;
    answer text;
    bought int;
    passing int;
    left_over int;
begin
    perform rec.require(1);
    select * into base from rec.basis(why.customer_id, why.known_at, ignored);
    select count(*), min(history.last_at)::text into bought
    from rec.history(why.customer_id, why.known_at, ignored) as history;
    if base.basis = 'history' then
        answer := format('customer "%s" bought %s products before %s', why.customer_id, bought, why.known_at);
    else
        answer := format(
            'customer "%s" has no purchase before %s%s; %s', why.customer_id, why.known_at,
            case
                when bought > 0 then ' that is not ignored'
                when not exists (
                    select from kg.entity
                    where entity.entity_type = 'customer' and entity.key = why.customer_id
                ) then ' and is not known'
                else ''
            end,
            case base.basis
                when 'segment' then format(
                    'favourites of segment "%s" (%s) shown, then what is popular',
                    base.segment_name, base.segmentation
                )
                else 'what is popular shown'
            end
        );
    end if;
    select
        count(*),
        count(*) filter (
            where not why.exclude_bought or not exists (
                select from raw.interaction
                where
                    interaction.customer_id = why.customer_id
                    and interaction.product_id = popular.product_id
                    and interaction.event = 'purchase'
                    and interaction.occurred_at <= why.known_at
            )
        )
    into passing, left_over
    from rec.popular
    where
        why.filters is null
        or popular.product_id in (
            select kept.product_id from kg.filter_products(why.filters, why.known_at) as kept
        );
    return answer || case
        when passing = 0 then format('; no product passes the filters %s', why.filters)
        when left_over = 0 then format('; all %s products that pass were bought already', passing)
        when why.filters is not null then format('; %s products pass the filters', left_over)
        else ''
    end;
end
$$;
comment on function rec.why(text, jsonb, boolean, jsonb, timestamptz) is
'Why rec.recommend with the same arguments answers as it does, in a sentence: what it rests on, and what filters leave.';

create or replace function rec.report(run bigint default null)
returns table (
    run_id bigint,
    blend text,
    weights jsonb,
    ndcg_at_20 double precision,
    customers int
)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    perform rec.require(1);
    if report.run is not null and not exists (
        select from rec.run as known where known.run_id = report.run
    ) then
        raise exception 'there is no run % of recommendations', report.run using
            errcode = 'P0002',
            hint = format('rec holds the latest run only, %s; ops.run lists all.', (select latest.run_id from rec.run as latest));
    end if;
    return query
    select
        latest.run_id,
        told.blend,
        (
            select jsonb_object_agg(
                blend.signal,
                case told.blend when 'with the graph' then blend.weight else blend.weight_without_graph end
            )
            from rec.blend
        ),
        (latest.settings -> 'validation' ->> told.measured)::double precision,
        (latest.settings -> 'validation' ->> 'customers')::int
    from rec.run as latest
    cross join (
        values
        ('with the graph', 'ndcg@20'),
        ('without the graph', 'ndcg@20 without graph')
    ) as told (blend, measured);
end
$$;
comment on function rec.report(bigint) is
'How good the blend is with and without the graph, measured on the shop''s own last weeks when its weights were fitted; null where there were too few customers to tell. Two rows. A run that is not the one in rec is an error.';
