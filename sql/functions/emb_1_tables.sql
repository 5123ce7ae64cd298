-- The store of vectors: tables of one model version, and the feature tables made of them.

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
