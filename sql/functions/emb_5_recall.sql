-- How many of the nearest vectors the index finds.

create or replace function emb.recall(alias text, n int default 100, k int default 10)
returns double precision
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    model_id int := emb.model_in_use(alias);
    answer double precision;
begin
    execute format(
        'with asked as (
            select m.v from emb.%I as m order by hashint8(m.entity_id) limit $1
        ),

        right_answer as (
            select asked.v, exact.rows, exact.farthest
            from asked
            cross join lateral (
                select count(*) as rows, max(near.distance) as farthest
                from emb.nearest_exact($2, asked.v, $3) as near
            ) as exact
        )

        select avg(share.found / right_answer.rows::double precision)
        from right_answer
        cross join lateral (
            select count(*) as found
            from emb.nearest_indexed($2, right_answer.v, $3) as near
            where near.distance <= right_answer.farthest
        ) as share', 'm_' || model_id
    ) into answer using n, model_id, k;
    return answer;
end
$$;
comment on function emb.recall(text, int, int) is
'How much of the k nearest the index finds, in [0, 1]: the mean over n entities of the version in use, always the same ones; whoever is as near as the k-th counts.';
