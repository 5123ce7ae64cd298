-- Whose profiles have to be computed again: what changed since the last run, and from when on.

-- name: unbroken
-- Whether the changes written down lead from one content of raw.interaction to another. One row.
-- Params: before, after text.
with recursive chain as (
    select
        0::bigint as change_id,
        %(before)s::text as content_hash
    union
    select
        change_set.change_id,
        change_set.after_hash
    from chain
    inner join ops.change_set on chain.content_hash = change_set.before_hash
    where
        change_set.table_name = 'raw.interaction'
        and change_set.change_id > chain.change_id
)

select count(*) > 0 as found
from chain
where content_hash = %(after)s::text;

-- name: changed_keys
-- Whose interactions changed since a content of raw.interaction. One row per kind and key; since =
-- the earliest time on a row that came, went or was corrected.
-- Params: before text.
with recursive chain as (
    select
        0::bigint as change_id,
        %(before)s::text as content_hash
    union
    select
        change_set.change_id,
        change_set.after_hash
    from chain
    inner join ops.change_set on chain.content_hash = change_set.before_hash
    where
        change_set.table_name = 'raw.interaction'
        and change_set.change_id > chain.change_id
)

select
    kind,
    key,
    min(greatest(since, '0001-01-01'::timestamptz)) as since
from ops.changed_key
where change_id in (select change_id from chain)
group by kind, key;

-- name: changed_facts
-- The products and customers of which the graph says something else than last time, and when the
-- first interaction with them was. One row per kind and key.
with now_known as (
    select
        entity_id,
        facts
    from feature.known_facts()
),

changed as (
    select coalesce(now_known.entity_id, profiled_fact.entity_id) as entity_id
    from now_known
    full outer join ops.profiled_fact on now_known.entity_id = profiled_fact.entity_id
    where now_known.facts is distinct from profiled_fact.facts
),

entity as (
    select
        entity.entity_type,
        entity.key
    from kg.entity
    inner join changed on entity.entity_id = changed.entity_id
)

select
    entity_type as kind,
    key,
    coalesce(
        case entity_type
            when 'product'
                then (
                    select min(interaction.occurred_at)
                    from raw.interaction
                    where interaction.product_id = entity.key
                )
            else (
                select min(interaction.occurred_at)
                from raw.interaction
                where interaction.customer_id = entity.key
            )
        end,
        '9999-01-01'::timestamptz
    ) as since
from entity;

-- name: touched
-- Customers or products whose rows at two ends of the data differ in more than the days gone by: a
-- line comes or leaves a window, a fact begins or ends. One row per key.
-- Params: entity_type text (customer or product), old_end, new_end timestamptz.
with line as (
    select
        case when %(entity_type)s::text = 'customer' then customer_id else product_id end as key,
        occurred_at - %(old_end)s::timestamptz as late
    from raw.interaction
),

gone as (
    select %(new_end)s::timestamptz - %(old_end)s::timestamptz as days
)

select line.key
from line
cross join gone
where
    line.late >= interval '0 days'
    or line.late >= interval '-30 days' and line.late < interval '-30 days' + gone.days
    or line.late >= interval '-90 days' and line.late < interval '-90 days' + gone.days
    or line.late >= interval '-365 days' and line.late < interval '-365 days' + gone.days
union distinct
select changing.key
from feature.changing_facts(%(old_end)s, %(new_end)s) as changing
where changing.entity_type = %(entity_type)s;

-- name: moments
-- The cut-offs at which profiles stand, the last one being the end of the data then. One row each.
select distinct event_timestamp as cutoff
from feature.customer_profile
order by cutoff;

-- name: forget_facts
-- What the graph says no more.
delete from ops.profiled_fact
where entity_id not in (select entity_id from feature.known_facts());

-- name: remember_facts
-- Writes down what the graph says, for changed_facts.
insert into ops.profiled_fact (entity_id, facts)
select
    entity_id,
    facts
from feature.known_facts()
on conflict (
    entity_id) do update set facts = excluded.facts
where profiled_fact.facts <> excluded.facts;

-- Rows -------------------------------------------------------------------------------------
