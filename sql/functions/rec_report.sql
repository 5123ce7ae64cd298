-- How good the blend was found to be.

create or replace function rec.report(run bigint default null)
returns table (
    run_id bigint,
    blend text,
    weights jsonb,
    ndcg_at_20 double precision,
    customers int
)
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    perform rec.require(1);
    if report.run is not null and not exists (
        select from rec.run as known where known.run_id = report.run
    ) then
        raise exception 'there is no run % of recommendations', report.run using
            errcode = 'P0002',
            hint = format('rec holds the latest run only, %s; ops.run lists all.', (select latest.run_id from rec.run as latest));
    end if;
    return query
    select
        latest.run_id,
        told.blend,
        (
            select jsonb_object_agg(
                blend.signal,
                case told.blend when 'with the graph' then blend.weight else blend.weight_without_graph end
            )
            from rec.blend
        ),
        (latest.settings -> 'validation' ->> told.measured)::double precision,
        (latest.settings -> 'validation' ->> 'customers')::int
    from rec.run as latest
    cross join (
        values
        ('with the graph', 'ndcg@20'),
        ('without the graph', 'ndcg@20 without graph')
    ) as told (blend, measured);
end
$$;
comment on function rec.report(bigint) is
'How good the blend is with and without the graph, measured on the shop''s own last weeks when its weights were fitted; null where there were too few customers to tell. Two rows. A run that is not the one in rec is an error.';
