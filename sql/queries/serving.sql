-- Serving graph vectors: what TransR needs beside its vectors, and questions from Python.

-- name: add_projections
-- Params: model_id, dim int: numbers of emb.m_<id>.projected.
select emb.add_projections(%(model_id)s, %(dim)s);

-- name: predict
-- The most plausible answers about each entity: its tails, or backwards its heads. Rows by entity
-- as asked for, best first.
-- Params: alias, entity_type text, keys text[], relation text, backwards boolean, k int,
-- exclude_known boolean, filters jsonb as text, known_at timestamptz, null is now.
with asked as (
    select
        key,
        place
    from unnest(%(keys)s::text[]) with ordinality as listed (key, place)
)

select
    asked.key,
    answer.answer_type,
    answer.answer_key,
    answer.answer_label,
    answer.score
from asked
cross join
    lateral kg.predict(
        %(alias)s, %(entity_type)s, asked.key, %(relation)s, %(backwards)s, %(k)s,
        %(exclude_known)s, %(filters)s::jsonb, coalesce(%(known_at)s::timestamptz, now())
    ) with ordinality as answer (answer_type, answer_key, answer_label, score, place)
order by asked.place, answer.place;

-- name: similar
-- The entities nearest to each. Rows by entity as asked for, nearest first.
-- Params: alias, entity_type text, keys text[], k int, filters jsonb as text.
with asked as (
    select
        key,
        place
    from unnest(%(keys)s::text[]) with ordinality as listed (key, place)
)

select
    asked.key,
    answer.similar_key,
    answer.similar_label,
    answer.score
from asked
cross join
    lateral kg.similar(
        %(alias)s, %(entity_type)s, asked.key, %(k)s, %(filters)s::jsonb
    ) with ordinality as answer (similar_key, similar_label, score, place)
order by asked.place, answer.place;

-- name: score
-- The plausibility of each triple. One row per triple, in their order.
-- Params: alias, head_type text, head_keys text[], relation, tail_type text, tail_keys text[].
with asked as (
    select
        place,
        head_key,
        tail_key
    from
        unnest(%(head_keys)s::text[], %(tail_keys)s::text[])
        with ordinality as listed (head_key, tail_key, place)
)

select
    kg.score(
        %(alias)s, %(head_type)s, head_key, %(relation)s, %(tail_type)s, tail_key
    ) as score
from asked
order by place;
