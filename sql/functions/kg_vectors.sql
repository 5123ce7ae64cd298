-- Questions to vectors: what is similar, which tail is likely.

create or replace function kg.require_entity(entity_type text, key text) returns bigint
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    wanted bigint := kg.entity_id(entity_type, key);
begin
    if exists (select from kg.entity as known where known.entity_id = wanted) then
        return wanted;
    end if;
    if exists (select from kg.entity as known where known.entity_type = require_entity.entity_type) then
        raise exception 'there is no % "%"', entity_type, key using
            errcode = '22023', hint = 'Keys are the shop''s own, as text: see kg.entity.';
    end if;
    raise exception 'there are no entities of type "%"', entity_type using
        errcode = '22023',
        hint = ops.nearest_names(
            entity_type, array(select distinct known.entity_type from kg.entity as known)
        );
end
$$;
comment on function kg.require_entity(text, text) is
'The id of an entity that exists; otherwise an error that says what does.';

create or replace function kg.require_vector(alias text, entity_type text, key text) returns vector
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    answer vector := emb.vector_of(emb.model_in_use(alias), kg.require_entity(entity_type, key));
begin
    if answer is null then
        raise exception '% "%" has no vector in "%"', entity_type, key, alias using
            errcode = '22023', hint = 'It came after the vectors were made, or there was nothing to make them from.';
    end if;
    return answer;
end
$$;
comment on function kg.require_vector(text, text, text) is
'The vector of an entity in the version in use; otherwise an error that says why there is none.';

create or replace function kg.require_count(k int) returns void
language plpgsql immutable
set search_path = pg_catalog
as $$
begin
    if k is null or k < 1 then
        raise exception 'k is %; it must be at least 1', coalesce(k::text, 'null') using
            errcode = '22023', hint = 'k is the number of rows wanted.';
    end if;
end
$$;
comment on function kg.require_count(int) is 'Raises a clear error unless k is at least 1.';

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

drop function if exists kg.resolve_relation(text, text);

create or replace function kg.resolve_relation(
    entity_type text,
    relation text,
    backwards boolean default false,
    out relation_id bigint,
    out direction text,
    out target_type text
)
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    forwards boolean;
    origin text;
begin
    select known.relation_id, known.name = resolve_relation.relation, known.domain, known.range
    into relation_id, forwards, origin, target_type
    from kg.relation as known
    where known.name = resolve_relation.relation or known.inverse = resolve_relation.relation
    order by known.name <> resolve_relation.relation, known.relation_id
    limit 1;
    if relation_id is null then
        raise exception 'there is no relation "%"', relation using
            errcode = '22023',
            hint = ops.nearest_names(
                relation,
                array(
                    select known.name from kg.relation as known
                    union
                    select known.inverse from kg.relation as known where known.inverse is not null
                )
            );
    end if;
    direction := case when forwards = backwards then 'in' else 'out' end;
    if direction = 'in' then
        select target_type, origin into origin, target_type;
    end if;
    if origin <> entity_type then
        raise exception 'relation "%" % a %, not %', relation,
            case when backwards then 'leads to' else 'starts at' end, origin,
            case when backwards then 'to a ' else 'at a ' end || entity_type using
            errcode = '22023',
            hint = 'See domain, range and inverse in kg.relation; '
            'kg.predict_tail asks where a relation leads to, kg.predict_head where it starts.';
    end if;
end
$$;
comment on function kg.resolve_relation(text, text, boolean) is
'A relation by its name or by its inverse''s, asked from where it starts or, backwards, from where it leads to: its id, the direction to read it in, the type of entities that answer (null = any).';

create or replace function kg.known_tails(
    entity_type text,
    key text,
    relation_id bigint,
    direction text,
    known_at timestamptz default now()
)
returns bigint[]
language sql stable
set search_path = pg_catalog
as $$
    with relation as (
        select relation.name
        from kg.relation
        where relation.relation_id = known_tails.relation_id
    )

    select coalesce(array_agg(distinct known.entity_id), '{}')
    from (
        select triple.tail_id as entity_id
        from kg.triple
        where
            known_tails.direction = 'out'
            and triple.relation_id = known_tails.relation_id
            and triple.head_id = kg.entity_id(known_tails.entity_type, known_tails.key)
            and known_tails.known_at >= triple.valid_from
            and known_tails.known_at < triple.valid_to
            and known_tails.known_at >= triple.observed_at
            and known_tails.known_at < triple.retracted_at
        union all
        select triple.head_id as entity_id
        from kg.triple
        where
            known_tails.direction = 'in'
            and triple.relation_id = known_tails.relation_id
            and triple.tail_id = kg.entity_id(known_tails.entity_type, known_tails.key)
            and known_tails.known_at >= triple.valid_from
            and known_tails.known_at < triple.valid_to
            and known_tails.known_at >= triple.observed_at
            and known_tails.known_at < triple.retracted_at
        union all
        -- What customers did to products is not in kg.triple.
        select kg.entity_id('product', bought.product_id) as entity_id
        from (
            select distinct interaction.product_id
            from raw.interaction
            inner join relation on raw.relation_of(interaction.event) = relation.name
            where
                known_tails.entity_type = 'customer'
                and known_tails.direction = 'out'
                and interaction.customer_id = known_tails.key
                and interaction.occurred_at <= known_tails.known_at
        ) as bought
        union all
        select kg.entity_id('customer', buyer.customer_id) as entity_id
        from (
            select distinct interaction.customer_id
            from raw.interaction
            inner join relation on raw.relation_of(interaction.event) = relation.name
            where
                known_tails.entity_type = 'product'
                and known_tails.direction = 'in'
                and interaction.product_id = known_tails.key
                and interaction.occurred_at <= known_tails.known_at
        ) as buyer
    ) as known
$$;
comment on function kg.known_tails(text, text, bigint, text, timestamptz) is
'The ids of the entities that one is known to be related to, or from which (direction in), as known at a time.';

drop function if exists kg.require_question(text, text, text, text, boolean);

create or replace function kg.require_question(
    alias text,
    entity_type text,
    key text,
    relation text,
    backwards boolean,
    out model_id int,
    out relation_id bigint,
    out direction text,
    out target_type text,
    out query vector,
    out projected boolean,
    out square double precision,
    out around vector
)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    entity_id bigint;
begin
    model_id := emb.model_in_use(alias);
    entity_id := kg.require_entity(entity_type, key);
    select resolved.relation_id, resolved.direction, resolved.target_type
    into relation_id, direction, target_type
    from kg.resolve_relation(entity_type, relation, backwards) as resolved;
    select asked.query, asked.projected, asked.square, asked.around
    into query, projected, square, around
    from emb.question(model_id, entity_id, relation_id, direction) as asked;
    if query is null then
        perform kg.require_vector(alias, entity_type, key);
        raise exception 'relation "%" has no vector in "%"', relation, alias using
            errcode = '22023', hint = 'No triple had it when the vectors were made, or these are no graph vectors.';
    end if;
end
$$;
comment on function kg.require_question(text, text, text, text, boolean) is
'A question to the version in use, as emb.question puts it: (entity, relation, ?), or backwards (?, relation, entity). What cannot be asked is an error that says why.';

create or replace function kg.predict(
    alias text,
    entity_type text,
    key text,
    relation text,
    backwards boolean,
    k int,
    exclude_known boolean,
    filters jsonb,
    known_at timestamptz
)
returns table (answer_type text, answer_key text, answer_label text, score double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    asked record := kg.require_question(alias, entity_type, key, relation, backwards);
    known bigint[] := '{}';
    allowed bigint[];
begin
    perform kg.require_count(k);
    if exclude_known then
        known := kg.known_tails(entity_type, key, asked.relation_id, asked.direction, known_at);
    end if;
    if filters <> '{}' then
        if asked.target_type is null then
            raise exception 'answers to "%" are of any type: they cannot be filtered', relation using
                errcode = '22023', hint = 'Leave the filters out.';
        end if;
        allowed := array(
            select passed.entity_id
            from kg.filter_entities(filters, asked.target_type, known_at) as passed
        );
    end if;
    return query
    select
        entity.entity_type,
        entity.key,
        entity.label,
        emb.score_of(model.operator, near.distance, asked.square)
    from emb.nearest(
        asked.model_id, asked.query, k, asked.target_type, allowed, known,
        projected => asked.projected, around => asked.around
    ) as near
    inner join kg.entity on near.entity_id = entity.entity_id
    inner join emb.model on model.model_id = asked.model_id
    order by near.distance, near.entity_id;
end
$$;
comment on function kg.predict(text, text, text, text, boolean, int, boolean, jsonb, timestamptz) is
'What kg.predict_tail and kg.predict_head have in common: the most plausible answers to (entity, relation, ?), or backwards to (?, relation, entity).';

drop function if exists kg.predict_tail(text, text, text, text, int, boolean);

create or replace function kg.predict_tail(
    alias text,
    entity_type text,
    key text,
    relation text,
    k int default 10,
    exclude_known boolean default true,
    filters jsonb default '{}',
    known_at timestamptz default now()
)
returns table (tail_type text, tail_key text, tail_label text, score double precision)
language sql stable
set search_path = pg_catalog
as $$
    select *
    from kg.predict(alias, entity_type, key, relation, false, k, exclude_known, filters, known_at);
$$;
comment on function kg.predict_tail(text, text, text, text, int, boolean, jsonb, timestamptz) is
'The k most plausible tails of (entity, relation, ?) by graph vectors, best first, of the relation''s range only; with a relation''s inverse name, the most plausible heads. What is known at known_at already is left out unless asked for; fewer than k rows only when fewer entities are left. score: higher is more plausible, comparable within one answer only.';

create or replace function kg.predict_head(
    alias text,
    entity_type text,
    key text,
    relation text,
    k int default 10,
    exclude_known boolean default true,
    filters jsonb default '{}',
    known_at timestamptz default now()
)
returns table (head_type text, head_key text, head_label text, score double precision)
language sql stable
set search_path = pg_catalog
as $$
    select *
    from kg.predict(alias, entity_type, key, relation, true, k, exclude_known, filters, known_at);
$$;
comment on function kg.predict_head(text, text, text, text, int, boolean, jsonb, timestamptz) is
'The k most plausible heads of (?, relation, entity) by graph vectors, best first, of the relation''s domain only; otherwise as kg.predict_tail. They are ranked by the vector that the relation has for being read backwards, so that a score differs from the one of kg.score.';

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
