-- Wide tables: written, read and searched. kgfeatures/db/wide_tables fills in the parts.

-- name: upsert
-- Rows of a query over those there, unless they are older or the same.
insert into {table} as stored ({names})
select {values}
from ({source}) as given
on conflict (
    {keys}) do update set {changes}
where {conditions};

-- name: newest
-- The newest row of each key of a history. One row per key.
select distinct on ({keys}) {values}
from {source} as given
where {conditions}
order by {order_by};

-- name: insert
-- Rows of a query into a table that is empty.
insert into {table} ({names}) {query};

-- name: changed
-- How many rows a query gives, and how many of them are not there so. One row.
select
    count(*) as given,
    count(*) filter (where {conditions}) as changed
from ({source}) as excluded
left join {table} as stored using ({keys});

-- name: delete_missing
-- Removes keys that a history does not have.
delete from {table} as stored
where not exists (
    select
    from {source} as given
    where {conditions}
);

-- name: keep_newer
-- Rows of the old table that are newer than those of the new one.
update {table} as fresh set {changes}
from {source} as stored
where {conditions};

-- name: count_gone
-- How many keys the old table has and the new one has not. One row.
select count(*) as gone
from {source} as gone
left join {table} as fresh using ({keys})
where {conditions};

-- name: by_keys
-- Place i: what each table has for its i-th key.
select {columns}
from unnest({rows}) with ordinality as wanted ({names}, place)
{joins};

-- name: nearest
-- The nearest rows under a condition; taken first, then sorted again. One row per row found.
with near as materialized (
    select
        {keys},
        {measure} as distance
    from {table}
    where {vector} is not null and {conditions}
    order by {order_by}
    limit {k}
)

select
    {columns},
    near.distance,
    null as rank
from near
inner join {table} as found using ({keys})
order by near.distance asc, {order_keys};

-- name: with_words
-- Rows that hold all the words, by the share of their tokens that were asked for.
with found as (
    select
        {columns},
        {measure} as distance,
        (
            select avg((token = any({wanted}))::int)::double precision
            from unnest({tokens}) as token
        ) as rank
    from {table}
    where {words} and {conditions}
)

select *
from found
order by rank desc, distance asc, {order_keys}
limit {k};

-- name: replace_view
-- A view that shows only what its reader may read.
create or replace view {view} with (security_invoker = true) as
select {columns}
from {source};
