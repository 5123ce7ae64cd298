-- What a question has to name: entities, relations, vectors that there are. Else an error that
-- says what there is.

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

create or replace function kg.require_relation(relation text) returns void
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    if relation is not null and not exists (
        select from kg.relation as known where known.name = require_relation.relation
    ) then
        raise exception 'there is no relation "%"', relation using
            errcode = '22023',
            hint = ops.nearest_names(relation, array(select known.name from kg.relation as known));
    end if;
end
$$;
comment on function kg.require_relation(text) is
'Raises a clear error unless a relation of this name exists; null asks for none.';

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

select ops.drop_before('kg.require_question(text, text, text, text, boolean)', 'around');

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
