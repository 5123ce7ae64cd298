-- Questions to vectors about what is named: what is similar, how plausible is a triple.

drop function if exists kg.score_of(text, double precision);

create or replace function kg.similar(
    alias text,
    entity_type text,
    key text,
    k int default 10,
    filters jsonb default '{}'
)
returns table (similar_key text, similar_label text, score double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    version int := emb.model_in_use(alias);
    anchor vector := kg.require_vector(alias, entity_type, key);
    anchor_id bigint := kg.entity_id(entity_type, key);
    wanted_type text := entity_type;
    allowed bigint[];
begin
    perform kg.require_count(k);
    if filters <> '{}' then
        allowed := array(
            select passed.entity_id from kg.filter_entities(filters, wanted_type) as passed
        );
    end if;
    return query
    select entity.key, entity.label, emb.score_of(model.operator, near.distance)
    from emb.nearest(
        version, anchor, k, wanted_type, allowed, array[anchor_id]
    ) as near
    inner join kg.entity on near.entity_id = entity.entity_id
    inner join emb.model on model.model_id = version
    order by near.distance, near.entity_id;
end
$$;
comment on function kg.similar(text, text, text, int, jsonb) is
'The k entities of the same type whose vectors are nearest to one''s, nearest first, itself left out. score: cosine similarity for text vectors, negative distance for TransE, RotatE and TransR, inner product for DistMult and ComplEx; higher is nearer. Fewer than k rows only when fewer pass the filters.';

create or replace function kg.score(
    alias text,
    head_type text,
    head_key text,
    relation text,
    tail_type text,
    tail_key text
)
returns double precision
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    asked record := kg.require_question(alias, head_type, head_key, relation, false);
    tail bigint := kg.require_entity(tail_type, tail_key);
    answer double precision;
begin
    if asked.target_type <> tail_type then
        raise exception 'relation "%" leads to a %, not to a %', relation, asked.target_type, tail_type
            using errcode = '22023', hint = 'See domain, range and inverse in kg.relation.';
    end if;
    perform kg.require_vector(alias, tail_type, tail_key);
    execute format(
        'select emb.score_of($2, %s, $3) from emb.%I as m where m.entity_id = $4',
        emb.comparison(asked.model_id, asked.projected), 'm_' || asked.model_id
    ) into answer using
        asked.query,
        (select known.operator from emb.model as known where known.model_id = asked.model_id),
        asked.square,
        tail;
    return answer;
end
$$;
comment on function kg.score(text, text, text, text, text, text) is
'How plausible one triple is by graph vectors: the score that kg.predict_tail gives this tail, whether it is known or not. Higher is more plausible. It is no probability and has no scale of its own: minus a distance for TransE, RotatE and TransR (0 would be a tail exactly where the head, moved by the relation, arrives), an inner product for DistMult and ComplEx. Compare tails of one head and relation; across relations, heads or versions a score says nothing.';
