-- Entities, written through a temporary table of the transaction.

-- name: stage_entities
create temporary table if not exists staged_entity (
    entity_id bigint not null,
    entity_type text not null,
    key text not null,
    label text
) on commit drop;

-- name: clear_entities
truncate pg_temp.staged_entity;

-- name: upsert_entities
-- New entities, and new labels of known ones; a null label takes the old one away.
insert into kg.entity as present (entity_id, entity_type, key, label)
select distinct on (entity_id)
    entity_id,
    entity_type,
    key,
    label
from pg_temp.staged_entity
order by entity_id, label
on conflict (entity_id) do update set
    label = excluded.label
where present.label is distinct from excluded.label;

-- name: insert_entities
-- New entities; what is known of the others stays.
insert into kg.entity (entity_id, entity_type, key, label)
select distinct on (entity_id)
    entity_id,
    entity_type,
    key,
    label
from pg_temp.staged_entity
order by entity_id, label
on conflict (entity_id) do nothing;

-- name: prune_entities
-- Entities that nothing speaks of: no triple, no row of raw, no identity.
with spoken_of as (
    select head_id as entity_id
    from kg.triple
    union
    select tail_id as entity_id
    from kg.triple
    union
    select entity_id
    from kg.same_as
    union
    select canonical_id as entity_id
    from kg.same_as
    union
    select kg.entity_id('product', product_id) as entity_id
    from raw.product
    union
    select kg.entity_id('customer', customer_id) as entity_id
    from raw.customer
    union
    select kg.entity_id('campaign', campaign_id) as entity_id
    from raw.campaign
    union
    select kg.entity_id('coupon', coupon_id) as entity_id
    from (select distinct coupon_id from raw.coupon_event) as held
),

orphan as (
    select entity.entity_id
    from kg.entity as entity
    left join spoken_of
        on entity.entity_id = spoken_of.entity_id
    where spoken_of.entity_id is null
)

delete from kg.entity as entity
using orphan
where entity.entity_id = orphan.entity_id;
