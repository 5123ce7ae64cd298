-- What the score of a recommendation adds up, and how much each of it weighs.

create or replace view rec.signal
with (security_invoker = true) as
select
    signal,
    signal_no
from (
    values ('bought_together', 1), ('shared_triples', 2), ('text', 3), ('factors', 4)
) as numbered (signal, signal_no);
comment on view rec.signal is
'The signals that products'' neighbours carry, and the numbers that rec.neighbor_list packs them by. One row per signal.';

create or replace function rec.blend_weights(
    out by_history double precision[],
    out by_graph double precision,
    out by_popular double precision
)
language sql stable
set search_path = pg_catalog
as $$
    select
        array[
            max(blend.weight) filter (where signal = 'bought_together'),
            max(blend.weight) filter (where signal = 'shared_triples'),
            max(blend.weight) filter (where signal = 'text'),
            max(blend.weight) filter (where signal = 'factors')
        ],
        coalesce(max(blend.weight) filter (where signal = 'graph_vector'), 0),
        coalesce(max(blend.weight) filter (where signal = 'popular'), 0)
    from rec.blend
$$;
comment on function rec.blend_weights() is
'The weights of rec.blend side by side: those of rec.signal by their numbers (null = not weighed), of graph_vector, of popular. One row.';
