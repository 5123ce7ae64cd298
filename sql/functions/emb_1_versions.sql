-- The store of vectors: one table per model version, an alias that names the version in use.

create or replace function emb.model_in_use(alias text) returns int
language plpgsql stable
set search_path = pg_catalog
as $$
declare
    found_id int;
begin
    select known.model_id into found_id from emb.alias as known where known.alias = model_in_use.alias;
    if found_id is null then
        raise exception 'no vectors are called "%"', model_in_use.alias using
            errcode = '22023',
            hint = ops.nearest_names(model_in_use.alias, array(select known.alias from emb.alias as known));
    end if;
    return found_id;
end
$$;
comment on function emb.model_in_use(text) is
'The version that an alias points to. An unknown alias is an error that names the nearest.';

create or replace function emb.create_tables(model_id int, dim int) returns void
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    perform emb.drop_tables(model_id);
    insert into ops.personal_data (schema_name, table_name, column_name, holds)
    values ('emb', 'm_' || model_id, 'entity_id', 'a hash of the customer''s key where it is one');
    execute format(
        'create table emb.m_%1$s (entity_id bigint not null, v vector(%2$s) not null)', model_id, dim
    );
    execute format(
        'create table emb.m_%1$s_relation (
            relation_id bigint not null,
            direction text not null check (direction in (''out'', ''in'')),
            v vector(%2$s) not null
        )', model_id, dim
    );
    execute format(
        'comment on table emb.m_%1$s is ''Vectors of model %1$s, see emb.model. One row per entity.''', model_id
    );
    execute format(
        'comment on table emb.m_%1$s_relation is ''Relation vectors of model %1$s: out = from head to tail, in = from tail to head. One row per relation and direction.''',
        model_id
    );
end
$$;
comment on function emb.create_tables(int, int) is
'Makes the empty tables of a model version, emb.m_<id> and emb.m_<id>_relation; what had these names is dropped.';

create or replace function emb.add_projections(model_id int, dim int) returns void
language plpgsql
set search_path = pg_catalog, public
as $$
begin
    execute format(
        'alter table emb.m_%1$s add column projected vector(%2$s) not null;
        alter table emb.m_%1$s_relation
        add column matrix real[] not null,
        add column slot int not null,
        add column shift vector not null,
        add column stretch real not null', model_id, dim
    );
    execute format(
        'comment on column emb.m_%1$s.projected is %2$L;
        comment on column emb.m_%1$s_relation.matrix is %3$L;
        comment on column emb.m_%1$s_relation.slot is %4$L;
        comment on column emb.m_%1$s_relation.shift is %5$L;
        comment on column emb.m_%1$s_relation.stretch is %6$L',
        model_id,
        'v, then for each relation and direction the squared length of its projection.',
        'The projection M of a relation and direction, dim x dim numbers row by row.',
        'Which of the squared lengths in emb.m_<id>.projected are this relation''s and direction''s, from 1.',
        'v projected back, M^-1 v: h + shift is where tails lie before they are projected.',
        'How much more M stretches one direction than another (its condition), at least 1.'
    );
end
$$;
comment on function emb.add_projections(int, int) is
'Gives the empty tables of a TransR version what its relations project: emb.m_<id>.projected of dim numbers, and each relation''s matrix.';

drop function if exists emb.index_projections(int);
drop function if exists emb.index_projections(int, bigint);

create or replace function emb.projected_width(model_id int) returns int
language sql stable
set search_path = pg_catalog
as $$
    -- The numbers of a vector are its type's modifier.
    select pg_attribute.atttypmod
    from pg_attribute
    where
        pg_attribute.attrelid = to_regclass(format('emb.m_%s', projected_width.model_id))
        and pg_attribute.attname = 'projected'
$$;
comment on function emb.projected_width(int) is
'How many numbers a vector of emb.m_<id>.projected has; null but for TransR.';

create or replace function emb.drop_tables(model_id int) returns void
language plpgsql
set search_path = pg_catalog
as $$
declare
    name text;
begin
    perform ops.drop_plain_views(to_regclass(format('emb.m_%s', model_id)));
    perform ops.drop_plain_views(to_regclass(format('emb.m_%s_relation', model_id)));
    execute format('drop table if exists emb.m_%1$s, emb.m_%1$s_relation', model_id);
    delete from ops.personal_data as listed
    where listed.schema_name = 'emb' and listed.table_name = 'm_' || model_id;
    for name in
        select pg_class.relname from pg_class
        where pg_class.relnamespace = 'feature'::regnamespace and pg_class.relkind = 'r'
            and pg_class.relname like '%\_v' || drop_tables.model_id
    loop
        perform ops.drop_plain_views(format('feature.%I', name)::regclass);
        execute format('drop table feature.%I', name);
        delete from ops.personal_data as listed
        where listed.schema_name = 'feature' and listed.table_name = name;
    end loop;
end
$$;
comment on function emb.drop_tables(int) is
'Drops the tables of a model version: its vectors and its feature tables that are not in use.';

drop function if exists emb.index_tables(int);

create or replace function emb.graph_width(scorer text) returns int
language sql immutable parallel safe
set search_path = pg_catalog
return case scorer when 'rotate_l2' then 24 else 16 end;
comment on function emb.graph_width(text) is
'How many neighbours the HNSW index of a model''s vectors links each with. What RotatE asks lies far from all vectors: a search along fewer links ends in the wrong place.';

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

create or replace function emb.create_feature_table(model_id int, entity_type text, table_name text)
returns bigint
language plpgsql
set search_path = pg_catalog, public
as $$
declare
    made text := format('%s_v%s', table_name, model_id);
    key_name text := entity_type || '_id';
    -- product_graph_vector holds the column graph_vector
    vector_name text := regexp_replace(table_name, '^' || entity_type || '_', '');
    rows bigint;
begin
    execute format(
        'create table feature.%1$I as
        select
            entity.key as %2$I,
            model.known_at as event_timestamp,
            model.known_at as created_timestamp,
            model.model_id,
            m.v as %3$I
        from emb.%4$I as m
        inner join kg.entity on m.entity_id = entity.entity_id
        inner join emb.model on model.model_id = $1
        where entity.entity_type = $2
        order by entity.key',
        made, key_name, vector_name, 'm_' || model_id
    ) using model_id, entity_type;
    get diagnostics rows = row_count;
    execute format(
        'alter table feature.%1$I
        alter column %2$I set not null,
        alter column event_timestamp set not null,
        alter column created_timestamp set not null,
        alter column model_id set not null,
        alter column %3$I set not null,
        add primary key (%2$I, event_timestamp, created_timestamp)',
        made, key_name, vector_name
    );
    execute format(
        'comment on table feature.%1$I is %4$L;
        comment on column feature.%1$I.%2$I is %5$L;
        comment on column feature.%1$I.event_timestamp is %6$L;
        comment on column feature.%1$I.created_timestamp is %7$L;
        comment on column feature.%1$I.model_id is %8$L;
        comment on column feature.%1$I.%3$I is %9$L',
        made, key_name, vector_name,
        format('Vectors of model %s, see emb.model. One row per %s.', model_id, entity_type),
        format('The shop''s key of the %s.', entity_type),
        'The cut-off: only what was known then is in the vectors.',
        'When the row could be known: the cut-off itself.',
        'The version that the vectors are of: all rows of this table have the same.',
        'The vector; comparable with those of the same version only.'
    );
    execute format('analyze feature.%I', made);
    perform emb.hash_vectors(format('feature.%I', made)::regclass);
    if entity_type = 'customer' then
        insert into ops.personal_data (schema_name, table_name, column_name, holds)
        select 'feature', named.name, key_name, 'the customer''s key'
        from unnest(array[made, table_name]) as named (name)
        on conflict do nothing;
    end if;
    return rows;
end
$$;
comment on function emb.create_feature_table(int, text, text) is
'Makes feature.<table>_v<model_id> of a version''s vectors of one entity type; emb.activate gives it its plain name.';

create or replace function emb.activate(alias text, model_id int) returns void
language plpgsql
set search_path = pg_catalog
as $$
declare
    card emb.model;
    table_name text;
    replaced int;
begin
    select known.* into card from emb.model as known where known.model_id = activate.model_id;
    if card.model_id is null or card.alias <> activate.alias then
        raise exception 'model % is no version of "%"', activate.model_id, activate.alias using
            errcode = '22023',
            hint = 'Its versions: ' || array(
                select known.model_id from emb.model as known where known.alias = activate.alias
            )::text;
    end if;
    for table_name in
        select feeds.value from jsonb_each_text(card.parameters -> 'feature_tables') as feeds
    loop
        continue when to_regclass(format('feature.%I', table_name || '_v' || activate.model_id)) is null;
        if to_regclass(format('feature.%I', table_name)) is not null then
            execute format('select model_id from feature.%I limit 1', table_name) into replaced;
            -- A version that is published again replaces itself.
            perform ops.drop_plain_views(format('feature.%I', table_name)::regclass);
            execute case
                when replaced is null or replaced = activate.model_id
                then format('drop table feature.%I', table_name)
                else format('alter table feature.%I rename to %I', table_name, table_name || '_v' || replaced)
            end;
        end if;
        execute format(
            'alter table feature.%I rename to %I', table_name || '_v' || activate.model_id, table_name
        );
    end loop;
    insert into emb.alias (alias, model_id) values (activate.alias, activate.model_id)
    on conflict on constraint alias_pkey do update set model_id = excluded.model_id;
    perform ops.refresh_plain_views();
end
$$;
comment on function emb.activate(text, int) is
'Points an alias to another of its versions and swaps the feature tables with it; the replaced ones stay as <table>_v<model_id>.';

create or replace function emb.drop_model(model_id int) returns void
language plpgsql
set search_path = pg_catalog
as $$
begin
    if exists (select from emb.alias as known where known.model_id = drop_model.model_id) then
        raise exception 'model % is in use', model_id using
            errcode = '22023', hint = 'Let its alias point to another version first: emb.activate.';
    end if;
    perform emb.drop_tables(model_id);
    delete from emb.projection as map where map.model_id = drop_model.model_id;
    delete from emb.model as known where known.model_id = drop_model.model_id;
end
$$;
comment on function emb.drop_model(int) is
'Removes a version that no alias points to: its card, its vectors and its feature tables.';
