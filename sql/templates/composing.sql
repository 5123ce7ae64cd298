-- What composing itself asks the server. kgfeatures/db/composing.py fills in the parts.

-- name: described
-- No rows: the columns of a source.
select *
from {source} as source
where false;

-- name: everything
-- All rows of a source.
select *
from {source};

-- name: types
-- One row: the types of a source's columns, as PostgreSQL writes them.
with source as (
    select *
    from {source} as source
    where false
)

select {kinds}
from (select 1 as one) as lone
left join source on true;

-- name: explained
-- One row: the plan of a statement.
explain (format json) {statement};

-- name: create_table
-- A new table.
create table {table} ({definitions});

-- name: create_temporary
-- A table that nobody else sees, gone with the transaction.
create temporary table {table} ({definitions}) on commit drop;

-- name: analyze
-- The planner guesses wrongly about a table that was never analyzed.
analyze {table};

-- name: drop_table
-- Removes a table where there is one.
drop table if exists {table};

-- name: append_cast
-- Appends rows whose columns are cast to the table's types.
insert into {table} ({names})
select {cast_columns}
from {rows_table} as given;
