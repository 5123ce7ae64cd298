-- Reading titles and counting neighbours, for steps/extract.py.

-- name: titles
-- One row per product that has a title.
select
    product_id,
    title
from raw.product
where title is not null
order by product_id collate "C";

-- name: refresh_degree
select kg.refresh_degree() as degrees;
