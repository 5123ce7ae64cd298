-- Questions to graph vectors: what the entities are compared with for (entity, relation, ?).
-- Each model is one vector and one operator (docs/adr/0012); tests/sql/test_kg_models.py holds
-- them against torch.

create or replace function emb.query_vector(scorer text, head vector, relation vector)
returns vector
language plpgsql immutable parallel safe
set search_path = pg_catalog, public
as $$
declare
    half int := vector_dims(head) / 2;
    head_re vector;
    head_im vector;
    relation_re vector;
    relation_im vector;
begin
    if scorer in ('transe_l2', 'transe_l1') then
        return head + relation;
    elsif scorer = 'distmult' then
        return head * relation;
    elsif scorer in ('complex', 'rotate_l2') then
        head_re := subvector(head, 1, half);
        head_im := subvector(head, half + 1, half);
        relation_re := subvector(relation, 1, half);
        relation_im := subvector(relation, half + 1, half);
        return (head_re * relation_re - head_im * relation_im)
            || (head_re * relation_im + head_im * relation_re);
    end if;
    raise exception 'vectors of scorer "%" cannot be moved by a relation''s vector alone', scorer using
        errcode = '22023',
        hint = 'Use an alias of graph vectors: transe, distmult, complex or rotate; '
        'transr is asked by emb.question.';
end
$$;
comment on function emb.query_vector(text, vector, vector) is
'What the vectors of tails are compared with for a head and a relation: h + r for TransE, the product for DistMult, the complex product for ComplEx and RotatE.';

create or replace function emb.project(matrix real[], v vector) returns vector
language sql immutable parallel safe
set search_path = pg_catalog, public
as $$
    select array_agg(
        -(matrix[(place - 1) * vector_dims(v) + 1 : place * vector_dims(v)]::vector <#> v)
        order by place
    )::real[]::vector
    from generate_series(1, vector_dims(v)) as place
$$;
comment on function emb.project(real[], vector) is
'The product of a square matrix, given row by row, with a vector.';

create or replace function emb.project_back(matrix real[], v vector) returns vector
language sql immutable parallel safe
set search_path = pg_catalog, public
as $$
    select sum(
        matrix[(part.place - 1) * vector_dims(v) + 1 : part.place * vector_dims(v)]::vector
        * array_fill(part.value, array[vector_dims(v)])::vector
    )
    from unnest(v::real[]) with ordinality as part (value, place)
$$;
comment on function emb.project_back(real[], vector) is
'The product of a square matrix''s transpose with a vector.';

create or replace function emb.projected_query(query vector, matrix real[], slot int, width int)
returns vector
language sql immutable parallel safe
set search_path = pg_catalog, public
as $$
    select emb.project_back(matrix, query) || (
        array_fill(0::real, array[slot - 1])
        || (-0.5)::real
        || array_fill(0::real, array[width - vector_dims(query) - slot])
    )::vector
$$;
comment on function emb.projected_query(vector, real[], int, int) is
'What emb.m_<id>.projected, of so many numbers, is compared with for TransR''s M h + r: the inner product is q·Me − ½‖Me‖², largest where −‖q − Me‖² is.';

select ops.drop_before('emb.question(int, bigint, bigint, text)', 'around');

create or replace function emb.question(
    model_id int,
    entity_id bigint,
    relation_id bigint,
    direction text default 'out',
    out query vector,
    out projected boolean,
    out square double precision,
    out around vector
)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    scorer text := (
        select known.scorer from emb.model as known where known.model_id = question.model_id
    );
    head vector;
    relation vector;
    matrix real[];
    slot int;
begin
    projected := scorer = 'transr';
    -- One statement each: a dynamic one is planned every time.
    if not projected then
        execute format(
            'select emb.query_vector($4, anchor.v, relation.v)
            from emb.%I as anchor cross join emb.%I as relation
            where anchor.entity_id = $1 and relation.relation_id = $2 and relation.direction = $3',
            'm_' || model_id, 'm_' || model_id || '_relation'
        )
        into query using entity_id, relation_id, direction, scorer;
        return;
    end if;
    -- Where M stretches all directions nearly alike, who is near before it is near after it.
    execute format(
        'select
            anchor.v, relation.v, relation.matrix, relation.slot,
            case when relation.stretch <= 3 then anchor.v + relation.shift end
        from emb.%I as anchor cross join emb.%I as relation
        where anchor.entity_id = $1 and relation.relation_id = $2 and relation.direction = $3',
        'm_' || model_id, 'm_' || model_id || '_relation'
    )
    into head, relation, matrix, slot, around using entity_id, relation_id, direction;
    if head is not null then
        query := emb.project(matrix, head) + relation;
        square := -(query <#> query);
        query := emb.projected_query(query, matrix, slot, emb.projected_width(model_id));
    end if;
end
$$;
comment on function emb.question(int, bigint, bigint, text) is
'What entities are compared with for (entity, relation, ?), or with direction in for (?, relation, entity): the query, and whether it is compared with v or, for TransR, with emb.m_<id>.projected; for the latter ‖M h + r‖², for emb.score_of, and around which v the answers lie, null = anywhere. Null without vectors.';

create or replace function emb.score_of(
    operator text, distance double precision, square double precision default null
)
returns double precision
language sql immutable parallel safe
set search_path = pg_catalog
return case
    when square is not null then -sqrt(greatest(0, square + 2 * distance))
    when operator = '<=>' then 1 - distance
    else -distance
end;
comment on function emb.score_of(text, double precision, double precision) is
'What pgvector''s operators give as a score, higher is nearer: cosine in [-1, 1], inner product, or the negative distance; with the square of emb.question TransR''s −‖M h + r − M t‖.';

create or replace function emb.scores(
    model_id int, entity_id bigint, relation_id bigint, direction text, entity_type text
)
returns table (answer_id bigint, score double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    asked record := emb.question(model_id, entity_id, relation_id, direction);
begin
    if asked.query is null then
        return;
    end if;
    return query execute format(
        'select m.entity_id, emb.score_of($2, %s, $4)
        from emb.%I as m
        where %s',
        emb.comparison(model_id, asked.projected),
        'm_' || model_id, emb.candidate_filter(entity_type, null, by_index => false)
    ) using
        asked.query,
        (select known.operator from emb.model as known where known.model_id = scores.model_id),
        entity_type,
        asked.square;
end
$$;
comment on function emb.scores(int, bigint, bigint, text, text) is
'The plausibility of every entity of a type as the answer to (entity, relation, ?), or with direction in to (?, relation, entity), by any graph model; higher is more plausible. Exact scan, in no order; no rows without vectors. One row per entity.';
