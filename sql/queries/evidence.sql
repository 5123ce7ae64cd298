-- Evidence, written through temporary tables of the transaction; triples follow from it.

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
