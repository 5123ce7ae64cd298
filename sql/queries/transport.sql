-- What bulk transport asks the catalogue.

-- name: columns
-- One row per column of a table. dim is the width of vector(dim), null where there is none.
-- Params: target text ("schema.table").
select
    attribute.attname as name,
    type.typname as type,
    attribute.attnotnull as not_null,
    nullif(attribute.atttypmod, -1) as dim
from pg_attribute as attribute
inner join pg_type as type on attribute.atttypid = type.oid
where
    attribute.attrelid = to_regclass(%(target)s)
    and attribute.attnum > 0
    and not attribute.attisdropped
order by attribute.attnum;
