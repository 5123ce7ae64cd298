-- Point-in-time joins. kgfeatures/features/offline/statements.py fills in the parts.

-- name: history
-- The rows of a source that labels can see. One row per row of the source.
select {columns}
from {source} as source
where {conditions};

-- name: latest
-- For few labels: the time of the latest row, by one look-up each. One row per label that has one.
select
    label.label_row,
    latest.event_at,
    latest.created_at
from {labels} as label
cross join lateral ({lookup}) as latest;

-- name: lookup
-- The latest row for one label.
select
    {event} as event_at,
    {created} as created_at
from {source} as source
where {conditions}
order by {order_by}
limit 1;

-- name: merged
-- For many labels: both histories in one sort by key and time, with the latest row so far as a
-- running maximum. No key is too frequent for it. One row per label that has one.
with moment as (
    select {source_columns}
    from {source} as source
    where {conditions}
    union all
    select {label_columns}
    from {labels} as label
    where {label_conditions}
),

followed as (
    select
        label_row,
        at_moment,
        max(versions) over (partition by {partition} order by at_moment) as latest
    from moment
)

select
    label_row,
    latest[1] as event_at,
    latest[2] as created_at
from followed
where {found};

-- name: wanted
-- The rows of a source that were found, in any order. One row per row wanted; more where rows of
-- the source are equal in key and both times.
select
    wanted.__wanted_row,
    {columns}
from {wanted} as wanted
inner join {source} as source on {conditions};

-- name: whole
-- All of it in one statement: the labels with a column per feature, in their order.
with label as (
    {label_rows}
)

select {columns}
from label
{joins}
order by label.label_row;

-- name: features_of_label
-- The features of one view for one label.
select {columns}
from {source} as source
where {conditions}
order by {order_by}
limit 1;

-- name: queried_labels
-- Labels that a query gives, in its order.
select
    *,
    row_number() over () as label_row
from (
    {query}
) as given;

-- name: listed_labels
-- Labels that are written out.
select {columns}
from (values {rows}) as given ({names});

-- name: keys_and_times
-- Keys and times of the rows of a source in a range of time. One row per key and time.
select distinct {columns}
from {source} as source
where {conditions};

-- name: in_order
-- The rows of a query, in the order of some of its columns.
select *
from (
    {query}
) as given
order by {order_by};

-- name: all_rows
-- Rows of a source in a range of time, with all that is asked for.
select {columns}
from {source} as source
where {conditions};

-- name: ordered_rows
-- Rows of a source in a range of time, oldest first.
select {columns}
from {source} as source
where {conditions}
order by {order_by};

-- name: latest_rows
-- The latest row of each key. One row per key.
select distinct on ({keys}) {columns}
from {source} as source
where {conditions}
order by {order_by};
