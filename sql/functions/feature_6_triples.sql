-- What the graph says of each product or customer, at every moment at which that changed.

create or replace function feature.since_ever() returns timestamptz
language sql immutable
set search_path = pg_catalog
return timestamptz '1970-01-01 00:00:00+00';
comment on function feature.since_ever() is
'The moment that stands for "always" in feature tables, where -infinity would be no time for Feast.';

create or replace function feature.triples_of(entity_type text, until timestamptz)
returns table (
    key text,
    event_timestamp timestamptz,
    created_timestamp timestamptz,
    triples text[],
    chosen jsonb
)
language sql stable
set search_path = pg_catalog
set work_mem = '64MB'
set jit = off
-- The planner cannot know how many rows the steps give and would join all of them by nested loops.
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with stated as (
        select
            head.key,
            relation.name as relation,
            coalesce(tail.label, tail.key) as value,
            triple.confidence,
            greatest(triple.valid_from, feature.since_ever()) as valid_from,
            triple.valid_to,
            greatest(triple.observed_at, feature.since_ever()) as observed_at,
            triple.retracted_at
        from kg.triple
        inner join kg.relation on triple.relation_id = relation.relation_id
        inner join kg.entity as head on triple.head_id = head.entity_id
        inner join kg.entity as tail on triple.tail_id = tail.entity_id
        where
            head.entity_type = triples_of.entity_type
            and tail.entity_type <> 'customer'
            and least(triple.valid_to, triple.retracted_at) > feature.since_ever()
            and greatest(triple.valid_from, triple.observed_at) <= triples_of.until
    ),

    -- What is said again while it stands changes nothing: without this, a shop that loads its whole
    -- catalogue every day would have a moment per day and product.
    compared as (
        select
            stated.*,
            min(stated.observed_at)
                filter (where stated.valid_to = 'infinity' and stated.retracted_at = 'infinity')
                over (
                    partition by stated.key, stated.relation, stated.value, stated.confidence
                    order by
                        stated.valid_from asc,
                        stated.observed_at asc,
                        stated.valid_to desc,
                        stated.retracted_at desc
                    rows between unbounded preceding and 1 preceding
                ) as told_at
        from stated
    ),

    statement as (
        select *
        from compared
        where told_at is null or told_at > observed_at
    ),

    -- first_at: when a change at that moment was first known of; until then it changes nothing.
    moment as (
        select
            statement.key,
            boundary.true_at,
            min(statement.observed_at) as first_at
        from statement
        cross join lateral (
            values (statement.valid_from), (statement.valid_to)
        ) as boundary (true_at)
        where boundary.true_at <= triples_of.until and boundary.true_at < 'infinity'
        group by statement.key, boundary.true_at
    ),

    -- Knowledge counts at a moment where it is of something true there, or that began or ended there.
    -- Before first_at there is no row, and a point-in-time join finds that of the moment before.
    cell as (
        select distinct
            moment.key,
            moment.true_at,
            boundary.known_at
        from moment
        inner join statement
            on
                moment.key = statement.key
                and statement.valid_from <= moment.true_at
                and statement.valid_to >= moment.true_at
        cross join lateral (
            values (statement.observed_at), (statement.retracted_at)
        ) as boundary (known_at)
        where
            boundary.known_at >= moment.first_at
            and boundary.known_at <= triples_of.until
            and boundary.known_at < 'infinity'
    ),

    held as (
        select
            cell.key,
            cell.true_at,
            cell.known_at,
            statement.relation,
            statement.value,
            row_number() over (
                partition by cell.key, cell.true_at, cell.known_at, statement.relation
                order by max(statement.confidence) desc, statement.value collate "C"
            ) as place
        from cell
        inner join statement
            on
                cell.key = statement.key
                and statement.valid_from <= cell.true_at
                and statement.valid_to > cell.true_at
                and statement.observed_at <= cell.known_at
                and statement.retracted_at > cell.known_at
        group by cell.key, cell.true_at, cell.known_at, statement.relation, statement.value
    ),

    listed as (
        select
            held.key,
            held.true_at,
            held.known_at,
            array_agg(
                held.relation || ':' || held.value
                order by held.relation collate "C", held.value collate "C"
            ) as triples,
            jsonb_object_agg(held.relation, held.value) filter (where held.place = 1) as chosen
        from held
        group by held.key, held.true_at, held.known_at
    ),

    state as (
        select
            cell.key,
            cell.true_at,
            cell.known_at,
            coalesce(listed.triples, '{}') as triples,
            coalesce(listed.chosen, '{}') as chosen
        from cell
        left join listed using (key, true_at, known_at)
    ),

    changing as (
        select
            state.*,
            lag(state.triples) over earlier is distinct from state.triples
            or lag(state.chosen) over earlier is distinct from state.chosen as is_changed
        from state
        window earlier as (partition by state.key, state.true_at order by state.known_at)
    )

    select
        key,
        true_at,
        known_at,
        triples,
        chosen
    from changing
    where is_changed
$$;
comment on function feature.triples_of(text, timestamptz) is
'The triples whose head is a product or customer, at every moment until a given one at which they changed (event_timestamp) and that change became known (created_timestamp). One row per key and both moments. What held at true_at as known at known_at: of the rows with event_timestamp <= true_at and created_timestamp <= known_at, the one with the latest event_timestamp, and of these the latest created_timestamp. triples = relation:tail, sorted; chosen = per relation the most certain tail, then the first by name. Tails that are customers are left out.';
