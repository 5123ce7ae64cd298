-- The knowledge graph (kg) and the registry of vectors (emb).
-- Keys are content-addressed (docs/adr/0002): the same entity has the same id in every build.

create table kg.entity (
    entity_id bigint primary key,
    entity_type text not null,
    key text not null,
    label text,
    unique (entity_type, key)
);
comment on table kg.entity is 'One row per node: (entity_type, key) is what the shop calls it, entity_id its hash.';

create table kg.relation (
    relation_id bigint primary key,
    name text not null unique,
    domain text,
    range text,
    cardinality text check (cardinality in ('1-1', '1-N', 'N-1', 'N-N')),
    inverse text,
    functional boolean not null default false,
    description text not null default ''
);
comment on table kg.relation is
'The ontology: domain and range are entity types (null = any); functional = at most one tail at a time.';

create table kg.triple (
    head_id bigint not null references kg.entity,
    relation_id bigint not null references kg.relation,
    tail_id bigint not null references kg.entity,
    confidence real not null default 1 check (confidence > 0 and confidence <= 1),
    valid_from timestamptz not null default '-infinity',
    valid_to timestamptz not null default 'infinity',
    observed_at timestamptz not null default '-infinity',
    retracted_at timestamptz not null default 'infinity',
    primary key (head_id, relation_id, tail_id, valid_from, observed_at),
    check (valid_from < valid_to and observed_at < retracted_at)
);
create index triple_tail_idx on kg.triple (tail_id, relation_id);
create index triple_relation_idx on kg.triple (relation_id);
comment on table kg.triple is
'One row per statement: true from valid_from until valid_to, known from observed_at until retracted_at. What customers bought is not here but in raw.interaction; kg.fact shows both.';

create table kg.evidence (
    head_id bigint not null,
    relation_id bigint not null,
    tail_id bigint not null,
    source text not null,
    method text not null,
    span text not null default '',
    confidence real not null,
    document_id bigint,
    valid_from timestamptz not null default '-infinity',
    valid_to timestamptz not null default 'infinity',
    observed_at timestamptz not null default '-infinity',
    primary key (head_id, relation_id, tail_id, source, method, span, valid_from, observed_at)
);
comment on table kg.evidence is
'Why a triple is believed: which source, by which method (column, gazetteer, rule, model), which words. One row per piece.';

create table kg.same_as (
    entity_id bigint primary key references kg.entity,
    canonical_id bigint not null references kg.entity,
    probability real not null check (probability between 0 and 1),
    method text not null,
    observed_at timestamptz not null default '-infinity',
    check (entity_id <> canonical_id)
);
comment on table kg.same_as is 'Entities found to be another one: entity_id is to be read as canonical_id.';

create table kg.degree (
    entity_id bigint not null,
    relation_id bigint not null,
    direction text not null check (direction in ('out', 'in')),
    degree int not null,
    primary key (entity_id, relation_id, direction)
);
comment on table kg.degree is 'Number of distinct neighbours per entity, relation and direction over kg.fact; made by extract.';

-- emb ---------------------------------------------------------------------------------------

create table emb.model (
    model_id int primary key,
    alias text not null,
    kind text not null,
    scorer text not null
    check (scorer in (
        'transe_l2', 'transe_l1', 'rotate_l2', 'distmult', 'complex', 'transr', 'cosine'
    )),
    operator text not null check (operator in ('<->', '<+>', '<#>', '<=>')),
    dim int not null check (dim between 1 and 16000),
    entity_types text[] not null,
    parameters jsonb not null,
    metrics jsonb not null default '{}',
    data_hash text not null,
    code_version text not null,
    known_at timestamptz not null,
    predecessor_id int references emb.model,
    alignment_residual real,
    retired_at timestamptz
);
comment on table emb.model is
'One trained instance of a kind of vectors: its card. The vectors stand in emb.m_<model_id> (entity_id, v), relation vectors in emb.m_<model_id>_relation (relation_id, direction, v).';

create table emb.alias (
    alias text primary key,
    model_id int not null references emb.model
);
comment on table emb.alias is 'The version in use: alias -> model. Changed by emb.activate in one transaction.';

create table emb.projection (
    model_id int not null references emb.model,
    entity_id bigint not null,
    x real not null,
    y real not null,
    primary key (model_id, entity_id)
);
comment on table emb.projection is '2-d maps of a model''s vectors.';
