-- Entities, triples and their evidence, written through temporary tables of the transaction.
-- A triple follows from its evidence: it stands while at least one piece of evidence does, with
-- the confidence of the best one.

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

-- name: stage_evidence
create temporary table if not exists staged_evidence (
    head_id bigint not null,
    relation_id bigint not null,
    tail_id bigint not null,
    source text not null,
    method text not null,
    span text not null,
    confidence real not null,
    document_id bigint,
    valid_from timestamptz not null default '-infinity',
    valid_to timestamptz not null default 'infinity',
    observed_at timestamptz not null default '-infinity'
) on commit drop;

-- name: stage_touched
-- The triples whose evidence changes; one may stand here twice.
create temporary table if not exists touched_triple (
    head_id bigint not null,
    relation_id bigint not null,
    tail_id bigint not null,
    valid_from timestamptz not null,
    observed_at timestamptz not null
) on commit drop;

-- name: clear_evidence
truncate pg_temp.staged_evidence, pg_temp.touched_triple;

-- name: count_staged
analyze pg_temp.staged_evidence;

-- name: remove_evidence
-- What the source said before and does not say now.
-- Params: source text; its parts are called source:part.
with unsaid as (
    select known.*
    from kg.evidence as known
    left join pg_temp.staged_evidence as staged
        on
            known.head_id = staged.head_id
            and known.relation_id = staged.relation_id
            and known.tail_id = staged.tail_id
            and known.source = staged.source
            and known.method = staged.method
            and known.span = staged.span
            and known.valid_from = staged.valid_from
            and known.observed_at = staged.observed_at
    where
        (known.source = %(source)s or starts_with(known.source, %(source)s || ':'))
        and staged.head_id is null
),

gone as (
    delete from kg.evidence as evidence
    using unsaid
    where
        evidence.head_id = unsaid.head_id
        and evidence.relation_id = unsaid.relation_id
        and evidence.tail_id = unsaid.tail_id
        and evidence.source = unsaid.source
        and evidence.method = unsaid.method
        and evidence.span = unsaid.span
        and evidence.valid_from = unsaid.valid_from
        and evidence.observed_at = unsaid.observed_at
    returning
        evidence.head_id,
        evidence.relation_id,
        evidence.tail_id,
        evidence.valid_from,
        evidence.observed_at
)

insert into pg_temp.touched_triple (head_id, relation_id, tail_id, valid_from, observed_at)
select distinct
    head_id,
    relation_id,
    tail_id,
    valid_from,
    observed_at
from gone;

-- name: add_evidence
-- What the source says now; what it said before as well is not written again. Evidence that is
-- staged twice counts once, with the higher confidence. No join with what is there: while the
-- table grows, the planner takes it for empty and would read it once per row.
insert into kg.evidence as present (
    head_id, relation_id, tail_id, source, method, span, confidence, document_id,
    valid_from, valid_to, observed_at
)
select distinct on (head_id, relation_id, tail_id, source, method, span, valid_from, observed_at)
    head_id,
    relation_id,
    tail_id,
    source,
    method,
    span,
    confidence,
    document_id,
    valid_from,
    valid_to,
    observed_at
from pg_temp.staged_evidence
order by
    head_id asc,
    relation_id asc,
    tail_id asc,
    source asc,
    method asc,
    span asc,
    valid_from asc,
    observed_at asc,
    confidence desc, document_id asc, valid_to asc
on conflict (
    head_id, relation_id, tail_id, source, method, span, valid_from, observed_at
) do update set
    confidence = excluded.confidence,
    document_id = excluded.document_id,
    valid_to = excluded.valid_to
where
row(present.confidence, present.document_id, present.valid_to)
is distinct from row(excluded.confidence, excluded.document_id, excluded.valid_to);

-- name: touch_staged
-- All that the source says, so that a triple that somebody took away comes back.
insert into pg_temp.touched_triple (head_id, relation_id, tail_id, valid_from, observed_at)
select
    head_id,
    relation_id,
    tail_id,
    valid_from,
    observed_at
from pg_temp.staged_evidence;

-- name: count_evidence
-- Within a transaction nothing is counted by itself, and the planner would loop over many rows.
analyze pg_temp.touched_triple, kg.evidence;

-- name: count_graph
analyze kg.entity, kg.triple, raw.product, raw.customer;

-- name: remove_triples
-- Touched triples that nothing speaks for any more.
with believed as (
    select
        head_id,
        relation_id,
        tail_id,
        valid_from,
        observed_at
    from kg.evidence
),

unfounded as (
    select touched.*
    from pg_temp.touched_triple as touched
    left join believed
        on
            touched.head_id = believed.head_id
            and touched.relation_id = believed.relation_id
            and touched.tail_id = believed.tail_id
            and touched.valid_from = believed.valid_from
            and touched.observed_at = believed.observed_at
    where believed.head_id is null
)

delete from kg.triple as triple
using unfounded
where
    triple.head_id = unfounded.head_id
    and triple.relation_id = unfounded.relation_id
    and triple.tail_id = unfounded.tail_id
    and triple.valid_from = unfounded.valid_from
    and triple.observed_at = unfounded.observed_at;

-- name: upsert_triples
-- One triple per touched statement that evidence speaks for; only what differs is written. In the
-- order of the primary key: its index grows three times as fast.
with touched as (
    select distinct
        head_id,
        relation_id,
        tail_id,
        valid_from,
        observed_at
    from pg_temp.touched_triple
),

believed as (
    select
        evidence.head_id,
        evidence.relation_id,
        evidence.tail_id,
        evidence.valid_from,
        evidence.observed_at,
        max(evidence.confidence) as confidence,
        min(evidence.valid_to) as valid_to
    from kg.evidence as evidence
    inner join touched
        on
            evidence.head_id = touched.head_id
            and evidence.relation_id = touched.relation_id
            and evidence.tail_id = touched.tail_id
            and evidence.valid_from = touched.valid_from
            and evidence.observed_at = touched.observed_at
    group by
        evidence.head_id, evidence.relation_id, evidence.tail_id, evidence.valid_from,
        evidence.observed_at
)

insert into kg.triple as present (
    head_id, relation_id, tail_id, valid_from, observed_at, confidence, valid_to
)
select
    head_id,
    relation_id,
    tail_id,
    valid_from,
    observed_at,
    confidence,
    valid_to
from believed
order by head_id, relation_id, tail_id
on conflict (head_id, relation_id, tail_id, valid_from, observed_at) do update set
    confidence = excluded.confidence,
    valid_to = excluded.valid_to
where
present.confidence is distinct from excluded.confidence
or present.valid_to is distinct from excluded.valid_to;

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

-- name: declare_relations
-- Params: names, descriptions text[] of one length.
insert into kg.relation as present (relation_id, name, description)
select
    kg.relation_id(given.name) as relation_id,
    given.name,
    given.description
from unnest(%(names)s::text[], %(descriptions)s::text[]) as given (name, description)
on conflict (
    relation_id) do update set description = excluded.description
where present.description is distinct from excluded.description;

-- name: name_relations
-- Relations that are used without having been declared. Params: names text[].
insert into kg.relation (relation_id, name)
select
    kg.relation_id(given.name) as relation_id,
    given.name
from unnest(%(names)s::text[]) as given (name)
on conflict (relation_id) do nothing;

-- name: prune_relations
-- Relations that no triple and no interaction uses.
with used as (
    select relation_id
    from kg.triple
    union
    select kg.relation_id(raw.relation_of(event)) as relation_id
    from (select distinct event from raw.interaction) as happened
    union
    select kg.relation_id(relation) as relation_id
    from (select distinct relation from kg.outreach) as reached
),

orphan as (
    select relation.relation_id
    from kg.relation as relation
    left join used on relation.relation_id = used.relation_id
    where used.relation_id is null
)

delete from kg.relation as relation
using orphan
where relation.relation_id = orphan.relation_id;

-- name: measure_relations
-- Domain, range (null where they are of several types) and cardinality as the triples have them.
-- Params: ids bigint[] (null = of all relations).
with pairs as (
    select distinct
        relation_id,
        head_id,
        tail_id
    from kg.triple
    where
        relation_id = any(%(ids)s::bigint[])
        or %(ids)s::bigint[] is null
),

tails_of_head as (
    select
        relation_id,
        head_id,
        count(*) as n
    from pairs
    group by relation_id, head_id
),

heads_of_tail as (
    select
        relation_id,
        tail_id,
        count(*) as n
    from pairs
    group by relation_id, tail_id
),

heads as (
    select
        counted.relation_id,
        min(entity.entity_type) as first_type,
        max(entity.entity_type) as last_type,
        max(counted.n) as tails
    from tails_of_head as counted
    inner join kg.entity as entity on counted.head_id = entity.entity_id
    group by counted.relation_id
),

tails as (
    select
        counted.relation_id,
        min(entity.entity_type) as first_type,
        max(entity.entity_type) as last_type,
        max(counted.n) as heads
    from heads_of_tail as counted
    inner join kg.entity as entity on counted.tail_id = entity.entity_id
    group by counted.relation_id
),

measured as (
    select
        heads.relation_id,
        case when heads.first_type = heads.last_type then heads.first_type end as domain,
        case when tails.first_type = tails.last_type then tails.first_type end as range,
        case when tails.heads > 1 then 'N' else '1' end
        || '-' || case when heads.tails > 1 then 'N' else '1' end as cardinality,
        heads.tails = 1 as functional
    from heads
    inner join tails on heads.relation_id = tails.relation_id
)

update kg.relation as relation set
    domain = measured.domain,
    range = measured.range,
    cardinality = measured.cardinality,
    functional = measured.functional
from measured
where
    relation.relation_id = measured.relation_id
    and row(relation.domain, relation.range, relation.cardinality, relation.functional)
    is distinct from
    row(measured.domain, measured.range, measured.cardinality, measured.functional);

-- name: measure_events
-- The same for the relations that interactions are, of customers to products.
with pairs as (
    select distinct
        customer_id,
        product_id,
        raw.relation_of(event) as name
    from raw.interaction
),

products_of_customer as (
    select
        name,
        customer_id,
        count(*) as n
    from pairs
    group by name, customer_id
),

customers_of_product as (
    select
        name,
        product_id,
        count(*) as n
    from pairs
    group by name, product_id
),

heads as (
    select
        name,
        max(n) as tails
    from products_of_customer
    group by name
),

tails as (
    select
        name,
        max(n) as heads
    from customers_of_product
    group by name
)

update kg.relation as relation set
    domain = 'customer',
    range = 'product',
    cardinality = case when tails.heads > 1 then 'N' else '1' end
    || '-' || case when heads.tails > 1 then 'N' else '1' end,
    functional = heads.tails = 1
from heads
inner join tails on heads.name = tails.name
where relation.name = heads.name;
