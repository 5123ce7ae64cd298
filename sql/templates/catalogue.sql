-- Statements that JupyterLab's panel shows and runs: what is shown is what was run.
-- Any rows of a table will do, so that a big one is not sorted.
-- noqa: disable=AM09

-- name: table
-- Some rows of a table.
select {columns}
from {table}
limit {k};

-- name: relation
-- Some triples of a relation. One row per triple.
select
    head.key as head_key,
    tail.key as tail_key,
    fact.observed_at,
    coalesce(tail.label, tail.key) as tail_label
from kg.fact as fact
inner join kg.entity as head on fact.head_id = head.entity_id
inner join kg.entity as tail on fact.tail_id = tail.entity_id
where fact.relation_id = kg.relation_id({relation})
limit {k};

-- name: entity_type
-- Some entities of a type. One row per entity.
select
    key,
    label
from kg.entity
where entity_type = {entity_type}
order by key
limit {k};

-- name: entities
-- Entities by key or label, the exact key first, then what begins so. One row per entity.
select
    entity_type as type,
    key,
    coalesce(label, key) as label,
    (
        select coalesce(sum(degree.degree), 0)::bigint
        from kg.degree
        where degree.entity_id = entity.entity_id
    ) as degree
from kg.entity
where
    ({entity_type}::text is null or entity_type = {entity_type})
    and (key ilike {within} or label ilike {within})
order by
    key <> {text},
    not coalesce(key ilike {start} or label ilike {start}, false),
    entity_type,
    key
limit {k};

-- name: entity
-- One entity; no row when there is none.
select
    entity_type as type,
    key,
    coalesce(label, key) as label
from kg.entity
where entity_type = {entity_type} and key = {key};

-- name: relations_of
-- How many neighbours an entity has: one row per relation and direction.
select
    relation.name as relation,
    degree.direction,
    degree.degree as count
from kg.degree
inner join kg.relation on degree.relation_id = relation.relation_id
where degree.entity_id = kg.entity_id({entity_type}, {key})
order by relation.name, degree.direction;

-- name: neighbors
-- What an entity is connected to. One row per relation, direction and neighbour.
select
    relation,
    direction,
    neighbor_type as type,
    neighbor_key as key,
    neighbor_label as label,
    confidence,
    observed_at as since,
    interactions,
    source
from kg.neighbors({entity_type}, {key}, {relation}, {direction}, {k}, {known_at}) as neighbor;

-- name: evidence
-- Why a triple is believed. One row per piece of evidence.
select
    relation,
    tail_key,
    source,
    method,
    confidence,
    observed_at,
    span as text
from kg.evidence_of({head_type}, {head_key}, {relation}, {tail_key}) as evidence;

-- name: norms
-- Euclidean norms of a vector column's first rows. One row.
select
    min(vector_norm(vector)) as minimum,
    avg(vector_norm(vector)) as mean,
    max(vector_norm(vector)) as maximum
from (
    select {vectors} as vector
    from {table}
    limit {k}
) as sampled;
