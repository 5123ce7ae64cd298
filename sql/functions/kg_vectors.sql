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

create or replace function kg.score_of(operator text, distance double precision)
returns double precision
language sql immutable parallel safe
set search_path = pg_catalog
return case operator when '<=>' then 1 - distance else -distance end;
comment on function kg.score_of(text, double precision) is
'What pgvector''s operators give as a score, higher is nearer: cosine in [-1, 1], inner product, or the negative distance.';

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
    if filters <> '{}' then
        allowed := array(
            select passed.entity_id from kg.filter_entities(filters, wanted_type) as passed
        );
    end if;
    return query
    select entity.key, entity.label, kg.score_of(model.operator, near.distance)
    from emb.nearest(
        version, anchor, k, wanted_type, allowed, array[anchor_id]
    ) as near
    inner join kg.entity on near.entity_id = entity.entity_id
    inner join emb.model on model.model_id = version
    order by near.distance, near.entity_id;
end
$$;
comment on function kg.similar(text, text, text, int, jsonb) is
'The k entities of the same type whose vectors are nearest to one''s, nearest first, itself left out. score: cosine similarity for text vectors, negative distance for TransE; higher is nearer. Fewer than k rows only when fewer pass the filters.';

create or replace function kg.resolve_relation(
    entity_type text,
    relation text,
    out relation_id bigint,
    out direction text,
    out target_type text
)
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    origin text;
begin
    select known.relation_id, 'out', known.domain, known.range
    into relation_id, direction, origin, target_type
    from kg.relation as known where known.name = relation;
    if relation_id is null then
        select known.relation_id, 'in', known.range, known.domain
        into relation_id, direction, origin, target_type
        from kg.relation as known where known.inverse = relation
        order by known.relation_id limit 1;
    end if;
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
    if origin <> entity_type then
        raise exception 'relation "%" starts at a %, not at a %', relation, origin, entity_type using
            errcode = '22023', hint = 'See domain, range and inverse in kg.relation.';
    end if;
end
$$;
comment on function kg.resolve_relation(text, text) is
'A relation by its name or by its inverse''s: its id, the direction to read it in, the type of entities it leads to (null = any).';

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
    select coalesce(array_agg(distinct known.entity_id), '{}')
    from (
        select
            case known_tails.direction when 'out' then triple.tail_id else triple.head_id end
            as entity_id
        from kg.triple
        where
            triple.relation_id = known_tails.relation_id
            and case known_tails.direction when 'out' then triple.head_id else triple.tail_id end
            = kg.entity_id(known_tails.entity_type, known_tails.key)
            and known_tails.known_at >= triple.valid_from
            and known_tails.known_at < triple.valid_to
            and known_tails.known_at >= triple.observed_at
            and known_tails.known_at < triple.retracted_at
        union all
        -- What customers did to products is not in kg.triple.
        select kg.entity_id('product', interaction.product_id) as entity_id
        from raw.interaction
        where
            known_tails.entity_type = 'customer'
            and known_tails.direction = 'out'
            and interaction.customer_id = known_tails.key
            and kg.relation_id(raw.relation_of(interaction.event)) = known_tails.relation_id
            and interaction.occurred_at <= known_tails.known_at
        union all
        select kg.entity_id('customer', interaction.customer_id) as entity_id
        from raw.interaction
        where
            known_tails.entity_type = 'product'
            and known_tails.direction = 'in'
            and interaction.product_id = known_tails.key
            and kg.relation_id(raw.relation_of(interaction.event)) = known_tails.relation_id
            and interaction.occurred_at <= known_tails.known_at
    ) as known
$$;
comment on function kg.known_tails(text, text, bigint, text, timestamptz) is
'The ids of the entities that one is known to be related to, or from which (direction in), as known at a time.';

create or replace function kg.predict_tail(
    alias text,
    entity_type text,
    key text,
    relation text,
    k int default 10,
    exclude_known boolean default true
)
returns table (tail_type text, tail_key text, tail_label text, score double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    version int := emb.model_in_use(alias);
    head vector := kg.require_vector(alias, entity_type, key);
    resolved record := kg.resolve_relation(entity_type, relation);
    translation vector := emb.relation_vector(version, resolved.relation_id, resolved.direction);
    card emb.model;
    known bigint[] := '{}';
begin
    if translation is null then
        raise exception 'relation "%" has no vector in "%"', relation, alias using
            errcode = '22023', hint = 'No triple had it when the vectors were made, or these are no graph vectors.';
    end if;
    if exclude_known then
        known := kg.known_tails(entity_type, key, resolved.relation_id, resolved.direction);
    end if;
    select model.* into card from emb.model where model.model_id = version;
    return query
    select
        entity.entity_type,
        entity.key,
        entity.label,
        kg.score_of(card.operator, near.distance)
    from emb.nearest(
        version, emb.query_vector(card.scorer, head, translation), k, resolved.target_type, null, known
    ) as near
    inner join kg.entity on near.entity_id = entity.entity_id
    order by near.distance, near.entity_id;
end
$$;
comment on function kg.predict_tail(text, text, text, text, int, boolean) is
'The k most plausible tails of (entity, relation, ?) by graph vectors, best first, of the relation''s range only; with a relation''s inverse name, the most plausible heads. What is known already is left out unless asked for. score: higher is more plausible, comparable within one answer only.';
