-- Which text a vector is of, so that unchanged texts are not encoded again.

create or replace function emb.text_hash(body text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog
return encode(sha256(convert_to(body, 'UTF8')), 'hex');
comment on function emb.text_hash(text) is
'The SHA-256 of a text in UTF-8, in hexadecimal: what emb.encoded_text holds of the texts encoded.';

create or replace function emb.encoded(model_id int)
returns table (text_hash text, v vector)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    return query execute format(
        'select distinct on (encoded_text.text_hash)
            encoded_text.text_hash, m.v
        from emb.encoded_text
        inner join emb.%I as m on encoded_text.entity_id = m.entity_id
        where encoded_text.model_id = $1
        order by encoded_text.text_hash, m.entity_id',
        'm_' || encoded.model_id
    ) using encoded.model_id;
end
$$;
comment on function emb.encoded(int) is
'The texts that a version holds vectors of. One row per distinct text, by its hash.';

create or replace function emb.stale_texts(alias text) returns setof text
language sql stable
set search_path = pg_catalog
as $$
    select product.product_id
    from raw.product
    left join emb.encoded_text
        on
            encoded_text.model_id = emb.model_in_use(alias)
            and encoded_text.entity_id = kg.entity_id('product', product.product_id)
    where
        emb.text_hash(coalesce(product.body, product.title))
        is distinct from encoded_text.text_hash
    order by product.product_id
$$;
comment on function emb.stale_texts(text) is
'The products whose text is another one now than the one that the version in use has a vector of. One row per product.';
