-- Some of what ingest states said anew: only evidence that differs is written, and only the
-- triples, entities and relations that it touches are looked at. Temporary tables: see store.sql.

-- name: stage_scope
-- The evidence that is stated anew.
create temporary table if not exists scoped_evidence (
    head_id bigint not null,
    relation_id bigint not null,
    tail_id bigint not null,
    source text not null,
    method text not null,
    span text not null,
    valid_from timestamptz not null,
    observed_at timestamptz not null,
    valid_to timestamptz not null
) on commit drop;

-- name: scope_heads
-- What is said of some heads. Params: heads bigint[], kept text[] (sources that stay as they are).
insert into pg_temp.scoped_evidence (
    head_id, relation_id, tail_id, source, method, span, valid_from, observed_at, valid_to
)
select
    head_id,
    relation_id,
    tail_id,
    source,
    method,
    span,
    valid_from,
    observed_at,
    valid_to
from kg.evidence
where
    head_id = any(%(heads)s::bigint[])
    and starts_with(source, 'ingest:')
    and source <> all(%(kept)s::text[]);

-- name: scope_sources
-- What some sources say. Params: sources text[], head_types text[] (null = of everything).
insert into pg_temp.scoped_evidence (
    head_id, relation_id, tail_id, source, method, span, valid_from, observed_at, valid_to
)
select
    said.head_id,
    said.relation_id,
    said.tail_id,
    said.source,
    said.method,
    said.span,
    said.valid_from,
    said.observed_at,
    said.valid_to
from kg.evidence as said
inner join kg.entity as head on said.head_id = head.entity_id
where
    said.source = any(%(sources)s::text[])
    and (
        head.entity_type = any(%(head_types)s::text[])
        or %(head_types)s::text[] is null
    );

-- name: remove_absent
-- Evidence that is not stated any more.
with absent as (
    select scoped.*
    from pg_temp.scoped_evidence as scoped
    left join pg_temp.staged_evidence as staged
        on
            scoped.head_id = staged.head_id
            and scoped.relation_id = staged.relation_id
            and scoped.tail_id = staged.tail_id
            and scoped.source = staged.source
            and scoped.method = staged.method
            and scoped.span = staged.span
            and scoped.valid_from = staged.valid_from
            and scoped.observed_at = staged.observed_at
            and scoped.valid_to = staged.valid_to
    where staged.head_id is null
),

gone as (
    delete from kg.evidence as said
    using absent
    where
        said.head_id = absent.head_id
        and said.relation_id = absent.relation_id
        and said.tail_id = absent.tail_id
        and said.source = absent.source
        and said.method = absent.method
        and said.span = absent.span
        and said.valid_from = absent.valid_from
        and said.observed_at = absent.observed_at
    returning said.head_id, said.relation_id, said.tail_id, said.valid_from, said.observed_at
)

insert into pg_temp.touched_triple (head_id, relation_id, tail_id, valid_from, observed_at)
select
    head_id,
    relation_id,
    tail_id,
    valid_from,
    observed_at
from gone;

-- name: unstage_present
-- What stands there already need not be written.
delete from pg_temp.staged_evidence as staged
using kg.evidence as said
where
    staged.head_id = said.head_id
    and staged.relation_id = said.relation_id
    and staged.tail_id = said.tail_id
    and staged.source = said.source
    and staged.method = said.method
    and staged.span = said.span
    and staged.valid_from = said.valid_from
    and staged.observed_at = said.observed_at;

-- name: count_touched
analyze pg_temp.touched_triple;

-- name: touched
-- What the difference touches. One row.
select
    count(*) as n,
    coalesce(array_agg(distinct relation_id), '{}') as relations
from pg_temp.touched_triple;

-- name: prune_entities
-- Entities that nothing speaks of, among those of touched triples and some more.
-- Params: ids bigint[], entity_types text[] (all of these types).
with doubtful as (
    select head_id as entity_id
    from pg_temp.touched_triple
    union
    select tail_id as entity_id
    from pg_temp.touched_triple
    union
    select entity_id
    from unnest(%(ids)s::bigint[]) as given (entity_id)
    union
    select entity_id
    from kg.entity
    where entity_type = any(%(entity_types)s::text[])
),

candidate as (
    select
        entity.entity_id as candidate_id,
        entity.entity_type as candidate_type,
        entity.key as candidate_key
    from doubtful
    inner join kg.entity as entity on doubtful.entity_id = entity.entity_id
),

orphan as (
    select candidate_id
    from candidate
    where
        not exists (
            select from kg.triple
            where head_id = candidate_id
        )
        and not exists (
            select from kg.triple
            where tail_id = candidate_id
        )
        and not exists (
            select from kg.same_as
            where entity_id = candidate_id or canonical_id = candidate_id
        )
        and not exists (
            select from raw.product
            where candidate_type = 'product' and product_id = candidate_key
        )
        and not exists (
            select from raw.customer
            where candidate_type = 'customer' and customer_id = candidate_key
        )
        and not exists (
            select from raw.campaign
            where candidate_type = 'campaign' and campaign_id = candidate_key
        )
        and not exists (
            select from raw.coupon_event
            where candidate_type = 'coupon' and coupon_id = candidate_key
        )
)

delete from kg.entity as entity
using orphan
where entity.entity_id = orphan.candidate_id;

-- name: prune_relations
-- Relations that no triple, no interaction, no contact and no coupon uses.
with used as (
    select raw.relation_of(event) as name
    from (select distinct unnest(events) as event from raw.source) as happened
    union
    select relation as name
    from (select distinct relation from kg.outreach) as reached
),

candidate as (
    select relation.relation_id as candidate_id
    from kg.relation as relation
    left join used on relation.name = used.name
    where used.name is null
),

orphan as (
    select candidate_id
    from candidate
    where not exists (
        select from kg.triple
        where relation_id = candidate_id
    )
)

delete from kg.relation as relation
using orphan
where relation.relation_id = orphan.candidate_id;

-- name: has_several_products
-- A customer who has an event with more than one product. At most one row. Params: events text[].
select customer_id
from raw.interaction
where event = any(%(events)s::text[])
group by customer_id
having min(product_id) <> max(product_id)
order by customer_id
limit 1;

-- name: has_several_customers
-- A product that has an event with more than one customer. At most one row. Params: events text[].
select product_id
from raw.interaction
where event = any(%(events)s::text[])
group by product_id
having min(customer_id) <> max(customer_id)
order by product_id
limit 1;

-- name: measure_event
-- Params: name, cardinality text, functional boolean.
update kg.relation as relation set
    domain = 'customer',
    range = 'product',
    cardinality = %(cardinality)s,
    functional = %(functional)s
where
    relation.name = %(name)s
    and row(relation.domain, relation.range, relation.cardinality, relation.functional)
    is distinct from row('customer', 'product', %(cardinality)s::text, %(functional)s::boolean);

-- name: stated
-- Which source states which relation. One row per source and relation.
select distinct
    said.source,
    relation.name
from kg.evidence as said
inner join kg.relation as relation on said.relation_id = relation.relation_id
where starts_with(said.source, 'ingest:');
