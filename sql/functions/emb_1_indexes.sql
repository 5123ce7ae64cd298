-- What the loaded tables of a model version get: keys, content hashes, an index where they are
-- many.

drop function if exists emb.index_tables(int);

create or replace function emb.graph_width(scorer text) returns int
language sql immutable parallel safe
set search_path = pg_catalog
return case scorer when 'rotate_l2' then 24 else 16 end;
comment on function emb.graph_width(text) is
'How many neighbours the HNSW index of a model''s vectors links each with. What RotatE asks lies far from all vectors: a search along fewer links ends in the wrong place.';

create or replace function emb.count_types(model_id int)
returns table (entity_type text, entities bigint)
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    return query execute format(
        'select entity.entity_type, count(*)
        from emb.m_%1$s as m
        left join kg.entity on m.entity_id = entity.entity_id
        group by entity.entity_type
        order by entity.entity_type', model_id
    );
end
$$;
comment on function emb.count_types(int) is
'How many entities of each type a model version has vectors of; type null = vectors of no known entity.';

create or replace function emb.hash_vectors(target regclass) returns void
language plpgsql
set search_path = pg_catalog
as $$
begin
    -- By a statement that deletes nothing: the triggers' first one reads the whole table.
    perform ops.watch_hash(target);
    execute format('delete from %s where false', target);
end
$$;
comment on function emb.hash_vectors(regclass) is
'Makes the content hash of a table of vectors, to be kept. Reading all vectors as text takes seconds, in which emb.activate would keep everybody waiting for the tables that it swaps.';

create or replace function emb.index_tables(model_id int, exact_up_to bigint default 20000)
returns void
language plpgsql
set search_path = pg_catalog, public
as $$
declare
    card emb.model;
    operator_class text;
    many boolean;
    width int;
begin
    select known.* into strict card from emb.model as known where known.model_id = index_tables.model_id;
    operator_class := case card.operator
        when '<->' then 'vector_l2_ops' when '<+>' then 'vector_l1_ops'
        when '<#>' then 'vector_ip_ops' else 'vector_cosine_ops'
    end;
    execute format('alter table emb.m_%1$s add primary key (entity_id)', model_id);
    execute format('alter table emb.m_%1$s_relation add primary key (relation_id, direction)', model_id);
    -- Among few vectors of a type emb.nearest compares all: an index would never be read. And
    -- pgvector indexes at most 2000 dimensions; wider vectors are always scanned exactly.
    many := exists (
        select from emb.count_types(index_tables.model_id) as counted
        where counted.entities > exact_up_to
    );
    if many and card.dim <= 2000 then
        width := emb.graph_width(card.scorer);
        execute format(
            'create index on emb.m_%s using hnsw (v %s) with (m = %s, ef_construction = %s)',
            model_id, operator_class, width, 4 * width
        );
    end if;
    -- Nothing is planned by what the vectors are.
    execute format('analyze emb.m_%1$s (entity_id)', model_id);
    perform emb.hash_vectors(format('emb.m_%s', model_id)::regclass);
    perform emb.hash_vectors(format('emb.m_%s_relation', model_id)::regclass);
end
$$;
comment on function emb.index_tables(int, bigint) is
'Adds the keys, the content hash and, for more than exact_up_to vectors of one entity type, the HNSW index to the loaded tables of a model version; emb.nearest compares all of fewer.';
