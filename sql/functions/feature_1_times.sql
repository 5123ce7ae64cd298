-- The moments at which feature tables look back.

create or replace function feature.cutoffs() returns timestamptz[]
language sql stable
set search_path = pg_catalog
set timezone = 'UTC'
return (
    with span as (
        select
            min(occurred_at) as first_at,
            ops.data_cutoff() as last_at
        from raw.interaction
    ),

    month as (
        select generate_series(date_trunc('month', first_at), last_at, interval '1 month') as cutoff
        from span
    ),

    moment as (
        select month.cutoff
        from month
        inner join span on month.cutoff > span.first_at
        union distinct
        select last_at
        from span
        where last_at is not null
    )

    select array_agg(cutoff order by cutoff) from moment
);
comment on function feature.cutoffs() is
'The knowledge cut-offs of monthly history: the first of each month (UTC) after the first interaction, and the end of the data. Null without interactions.';
