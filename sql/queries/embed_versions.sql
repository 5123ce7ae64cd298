-- Versions of vectors: their cards, what they hold, where they come from.

-- name: card_in_use
-- The card of the version that an alias points to. At most one row.
-- Params: alias text.
select
    model.model_id,
    model.dim,
    model.parameters,
    model.data_hash,
    model.code_version,
    model.known_at,
    model.predecessor_id,
    emb.comparable_id(model.model_id) as comparable_id
from emb.alias
inner join emb.model on alias.model_id = model.model_id
where alias.alias = %(alias)s;

-- name: card
-- The card of a version whose vectors are there. At most one row.
-- Params: model_id int.
select
    model_id,
    dim,
    parameters,
    data_hash,
    code_version,
    known_at,
    predecessor_id,
    emb.comparable_id(model_id) as comparable_id
from emb.model
where model_id = %(model_id)s and to_regclass(format('emb.%%I', 'm_' || model_id)) is not null;

-- name: version_vectors
-- A version's vectors of entities that the graph knows. One row per entity, ordered.
-- Params: model_id int.
select
    entity_id,
    v
from emb.version_vectors(%(model_id)s)
order by entity_id;

-- name: version_relations
-- A version's relation vectors. One row per relation, ordered.
-- Params: model_id int, direction text.
select
    relation_id,
    v
from emb.version_relations(%(model_id)s, %(direction)s)
order by relation_id;

-- name: link
-- Which version another came from. comparable_id null = it begins a line of its own.
-- Params: model_id, predecessor_id, comparable_id int, residual real.
update emb.model set
    predecessor_id = %(predecessor_id)s,
    alignment_residual = %(residual)s,
    comparable_id = %(comparable_id)s
where model_id = %(model_id)s;

-- name: versions
-- The cards of all versions. One row per version, ordered by alias, the one in use first.
select
    model.alias,
    model.model_id,
    model.scorer,
    model.dim,
    model.known_at,
    alias.model_id is not null as in_use,
    emb.comparable_id(model.model_id) as comparable_id,
    emb.comparable_id(model.model_id) <> model.model_id as follows,
    to_regclass(format('emb.%%I', 'm_' || model.model_id)) is not null as readable,
    emb.candidates(model.model_id, null, null) as entities
from emb.model
left join emb.alias on model.model_id = alias.model_id and model.alias = alias.alias
order by model.alias asc, in_use desc, model.known_at desc, model.model_id asc;

-- name: expire
-- Removes the vectors of versions that were replaced too long ago. One row per version removed.
-- Params: alias text, keep_days int.
select expired as model_id
from emb.expire(%(alias)s, make_interval(days => %(keep_days)s)) as expired;
