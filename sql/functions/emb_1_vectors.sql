-- Reading vectors one by one, or all of one type.

create or replace function emb.vectors(alias text, entity_type text)
returns table (key text, v vector)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    return query execute format(
        'select entity.key, m.v
        from emb.%I as m
        inner join kg.entity on m.entity_id = entity.entity_id
        where entity.entity_type = $1',
        'm_' || emb.model_in_use(alias)
    ) using entity_type;
end
$$;
comment on function emb.vectors(text, text) is
'All vectors of one entity type in the version in use. One row per entity.';

create or replace function emb.vector_of(model_id int, entity_id bigint) returns vector
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    answer vector;
begin
    execute format('select m.v from emb.%I as m where m.entity_id = $1', 'm_' || model_id)
    into answer using entity_id;
    return answer;
end
$$;
comment on function emb.vector_of(int, bigint) is 'The vector of an entity in a model version; null = it has none.';

create or replace function emb.relation_vector(model_id int, relation_id bigint, direction text)
returns vector
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    answer vector;
begin
    execute format(
        'select m.v from emb.%I as m where m.relation_id = $1 and m.direction = $2',
        'm_' || model_id || '_relation'
    )
    into answer using relation_id, direction;
    return answer;
end
$$;
comment on function emb.relation_vector(int, bigint, text) is
'The vector of a relation in a model version, read from head to tail (out) or back (in); null = it has none.';
