-- Questions to the graph: what held at a time, and why it is believed.

create or replace view kg.triple_now
with (security_invoker = true) as
select  -- noqa: ST06
    head.entity_type as head_type,
    head.key as head_key,
    relation.name as relation,
    tail.entity_type as tail_type,
    tail.key as tail_key,
    coalesce(tail.label, tail.key) as tail_label,
    triple.confidence,
    nullif(triple.valid_from, '-infinity') as valid_from,
    nullif(triple.observed_at, '-infinity') as observed_at
from kg.triple
inner join kg.entity as head on triple.head_id = head.entity_id
inner join kg.relation on triple.relation_id = relation.relation_id
inner join kg.entity as tail on triple.tail_id = tail.entity_id
where
    triple.valid_from <= now() and now() < triple.valid_to
    and triple.observed_at <= now() and now() < triple.retracted_at;
comment on view kg.triple_now is
'Every triple that holds now as known now, with names instead of ids. One row per triple; times are null where the source gives none. Purchases are in raw.interaction, both together in kg.fact.';

create or replace function kg.triples_at(
    true_at timestamptz default now(), known_at timestamptz default now()
)
returns table (
    head_type text,
    head_key text,
    relation text,
    tail_type text,
    tail_key text,
    tail_label text,
    confidence real,
    valid_from timestamptz,
    valid_to timestamptz,
    observed_at timestamptz
)
language sql stable
set search_path = pg_catalog
as $$
    select
        head.entity_type,
        head.key,
        relation.name,
        tail.entity_type,
        tail.key,
        coalesce(tail.label, tail.key) as tail_label,
        triple.confidence,
        nullif(triple.valid_from, '-infinity') as valid_from,
        nullif(triple.valid_to, 'infinity') as valid_to,
        nullif(triple.observed_at, '-infinity') as observed_at
    from kg.triple
    inner join kg.entity as head on triple.head_id = head.entity_id
    inner join kg.relation on triple.relation_id = relation.relation_id
    inner join kg.entity as tail on triple.tail_id = tail.entity_id
    where
        triple.valid_from <= true_at and true_at < triple.valid_to
        and triple.observed_at <= known_at and known_at < triple.retracted_at
$$;
comment on function kg.triples_at(timestamptz, timestamptz) is
'Every triple that held at true_at, as it was known at known_at. One row per triple, no order; a time is null where the source gives none.';

create or replace function kg.evidence_of(
    head_type text,
    head_key text,
    inout relation text default null,
    inout tail_key text default null,
    known_at timestamptz default now(),
    out tail_type text,
    out tail_label text,
    out source text,
    out method text,
    out span text,
    out confidence real,
    out observed_at timestamptz
)
returns setof record
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    head bigint := kg.require_entity(head_type, head_key);
begin
    perform kg.require_relation(evidence_of.relation);
    return query
    select
        relation.name,
        tail.key,
        tail.entity_type,
        coalesce(tail.label, tail.key),
        evidence.source,
        evidence.method,
        evidence.span,
        evidence.confidence,
        nullif(evidence.observed_at, '-infinity')
    from kg.evidence
    inner join kg.relation on evidence.relation_id = relation.relation_id
    inner join kg.entity as tail on evidence.tail_id = tail.entity_id
    where
        evidence.head_id = head
        and evidence.observed_at <= evidence_of.known_at
        and (evidence_of.relation is null or relation.name = evidence_of.relation)
        and (evidence_of.tail_key is null or tail.key = evidence_of.tail_key)
    order by
        relation.name collate "C",
        tail.key collate "C",
        evidence.confidence desc,
        evidence.source collate "C",
        evidence.method collate "C",
        evidence.span collate "C",
        evidence.observed_at;
end
$$;
comment on function kg.evidence_of(text, text, text, text, timestamptz) is
'Why the triples of a head are believed: source, method and the words that say so (span). One row per piece of evidence; relation and tail_key narrow it.';
