-- Triples, written through temporary tables of the transaction (evidence.sql). A triple follows
-- from its evidence: it stands while at least one piece of it does, with the confidence of the
-- best one.

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
