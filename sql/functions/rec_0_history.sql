-- A customer's purchases as recommendations read them, and what a question has to name.

create or replace function rec.history_hash(customer_id text, known_at timestamptz default now())
returns bigint
language sql stable
set search_path = pg_catalog
as $$
    -- Half of each hash, so that a million equal lines add up to no more than a bigint.
    select
        coalesce(
            sum(
                hash_record_extended(row(interaction.product_id, interaction.occurred_at), 0) >> 20
            ),
            0
        )::bigint
    from raw.interaction
    where
        interaction.customer_id = history_hash.customer_id
        and interaction.event = 'purchase'
        and interaction.occurred_at <= history_hash.known_at
$$;
comment on function rec.history_hash(text, timestamptz) is
'Tells whether a customer''s purchases until known_at are those of another time: a sum over products and moments, the same in any order. 0 without purchases.';

create or replace function rec.history(
    customer_id text, known_at timestamptz default now(), ignored text[] default '{}'
)
returns table (
    product_id text, last_at timestamptz, weight double precision, ignored boolean
)
language sql stable rows 20
set search_path = pg_catalog
as $$
    with bought as (
        select
            interaction.product_id,
            max(interaction.occurred_at) as last_at
        from raw.interaction
        where
            interaction.customer_id = history.customer_id
            and interaction.event = 'purchase'
            and interaction.occurred_at <= known_at
        group by interaction.product_id
    )

    select
        bought.product_id,
        bought.last_at,
        coalesce(
            power(
                0.5::float8,
                extract(epoch from max(bought.last_at) over () - bought.last_at)::float8
                / 86400 / run.memory_half_life_days
            ),
            1
        ) as weight,
        bought.product_id = any(history.ignored) as ignored
    from bought
    left join rec.run on true
$$;
comment on function rec.history(text, timestamptz, text[]) is
'What a customer bought until known_at. One row per product; weight in (0, 1] halves with every half-life before the customer''s last purchase; ignored: it is one of the products to leave out.';

create or replace function rec.ignored_products(ignore jsonb) returns text[]
language plpgsql immutable
set search_path = pg_catalog
as $$
declare
    products jsonb := ignore -> 'products';
begin
    if ignore is null then
        return '{}';
    end if;
    if jsonb_typeof(ignore) <> 'object' or ignore - 'products' <> '{}' then
        raise exception 'ignore is %; the only key allowed is "products"', ignore using
            errcode = '22023',
            hint = 'Write {"products": ["<product id>"]}. Triples cannot be ignored one by one: '
            'vectors learned from all of them at once.';
    end if;
    if jsonb_typeof(products) <> 'array' then
        raise exception 'ignore.products is %; it must be an array of product ids', products using
            errcode = '22023', hint = 'Write {"products": ["<product id>"]}.';
    end if;
    if exists (
        select from jsonb_array_elements(products) as product
        where jsonb_typeof(product) not in ('string', 'number')
    ) then
        raise exception 'ignore.products is %; it must be an array of product ids', products using
            errcode = '22023', hint = 'Write {"products": ["<product id>"]}.';
    end if;
    return array(select jsonb_array_elements_text(products));
end
$$;
comment on function rec.ignored_products(jsonb) is
'The product ids of {"products": […]}; none for null. Raises on anything else.';

create or replace function rec.visible() returns int[]
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    if not (
        row_security_active('rec.popular')
        or row_security_active('raw.product')
        or row_security_active('kg.entity')
    ) then
        return null;
    end if;
    return array(
        select popular.product_no
        from rec.popular
        where
            (
                not row_security_active('raw.product')
                or popular.product_id in (select product.product_id from raw.product)
            )
            and (
                not row_security_active('kg.entity')
                or popular.product_id in (
                    select entity.key from kg.entity where entity.entity_type = 'product'
                )
            )
    );
end
$$;
comment on function rec.visible() is
'The products (rec.popular.product_no) that row-level security of rec.popular, raw.product and kg.entity lets the caller see; null when none of them hides anything.';

create or replace function rec.require(k int, product_id text default null) returns void
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    among int[];
begin
    if k is null or k < 1 then
        raise exception 'k is %; it must be at least 1', coalesce(k::text, 'null') using
            errcode = '22023', hint = 'k is the number of rows wanted.';
    end if;
    if not exists (select from rec.run) then
        raise exception 'nothing can be recommended yet' using
            errcode = '55000', hint = 'Run: kgfeatures recommend';
    end if;
    if product_id is null then
        return;
    end if;
    among := rec.visible();
    if not exists (
        select from rec.popular
        where
            popular.product_id = require.product_id
            and (among is null or popular.product_no = any(among))
    ) then
        raise exception 'no product "%" was known when recommendations were computed', product_id using
            errcode = 'P0002', hint = 'rec.popular lists the products; kgfeatures recommend renews it.';
    end if;
end
$$;
comment on function rec.require(int, text) is
'Raises a clear error unless k is at least 1, recommendations were computed, and the product is known (null asks for none).';
