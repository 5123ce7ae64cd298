-- What a refresh of all steps asks and writes.

-- name: history
-- What each step last did: its last finished run. One row per step, those run last at the end.
select
    step,
    params,
    row_counts,
    finished_at
from ops.run as run
where
    status = 'finished'
    and not exists (
        select
        from ops.run as later
        where later.step = run.step and later.status = 'finished' and later.run_id > run.run_id
    )
order by run_id;

-- name: shop
-- The shop in this database and the folder it came from. At most one row.
select
    name,
    folder
from ops.shop;

-- name: remember_shop
-- Params: name, folder text.
insert into ops.shop (name, folder)
values (%(name)s, %(folder)s)
on conflict (only_one) do update set
    name = excluded.name,
    folder = excluded.folder
where (shop.name, shop.folder) is distinct from (excluded.name, excluded.folder);

-- name: state
-- What stages depend on beside their inputs: the version that each alias points to, how each
-- segmentation was made, whether any product has a title or a text, whether anything was bought.
-- One row.
select
    coalesce((select jsonb_object_agg(alias, model_id) from emb.alias), '{}') as aliases,
    coalesce((select jsonb_object_agg(name, method) from seg.run), '{}') as segmentations,
    exists(
        select
        from raw.product
        where title is not null
    ) as has_titles,
    exists(
        select
        from raw.product
        where coalesce(body, title) is not null
    ) as has_texts,
    exists(
        select
        from raw.interaction
        where event = 'purchase'
    ) as has_purchases;
