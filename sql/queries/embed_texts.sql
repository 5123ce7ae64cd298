-- Texts that are encoded, and those whose vectors can be taken over.

-- name: product_texts
-- What the shop says of each product. One row per product with any text.
select
    product_id,
    coalesce(body, title) as body,
    emb.text_hash(coalesce(body, title)) as text_hash
from raw.product
where coalesce(body, title) is not null
order by product_id;

-- name: reusable
-- The version in use, where it was made by the same encoder and code and its vectors are still
-- those that a run left there. At most one row.
-- Params: alias, code_version text, parameters jsonb, step text.
with used as (
    select
        model.model_id,
        'emb.m_' || model.model_id as table_name
    from emb.alias
    inner join emb.model on alias.model_id = model.model_id
    where
        alias.alias = %(alias)s
        and model.code_version = %(code_version)s
        and model.parameters @> %(parameters)s::jsonb
)

select distinct used.model_id
from used
inner join ops.run on ops.table_hash(to_regclass(used.table_name)) = run.outputs ->> used.table_name
where run.step = %(step)s and run.status = 'finished';

-- name: encoded
-- The vectors of a version by the hash of their text. One row per distinct text.
-- Params: model_id int.
select
    text_hash,
    v
from emb.encoded(%(model_id)s);

-- name: forget_texts
-- Params: model_id int.
delete from emb.encoded_text
where model_id = %(model_id)s;
