-- Which version came from which, which can be compared, and how long replaced ones stay.

create or replace function emb.comparable_id(model_id int) returns int
language sql stable
set search_path = pg_catalog
as $$
    select coalesce(model.comparable_id, model.model_id)
    from emb.model
    where model.model_id = comparable_id.model_id
$$;
comment on function emb.comparable_id(int) is
'The first of the versions that a version can be compared with; null = there is no such version.';

create or replace function emb.comparable(model_id int, other_id int) returns boolean
language sql stable
set search_path = pg_catalog
as $$
    select coalesce(emb.comparable_id(comparable.model_id) = emb.comparable_id(other_id), false)
$$;
comment on function emb.comparable(int, int) is
'Whether the vectors of two versions may stand in one column: each was trained from, and aligned to, the one before it.';

create or replace function emb.version_vectors(model_id int)
returns table (entity_id bigint, v vector)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    -- Whose data was erased has no place in a later version either.
    return query execute format(
        'select m.entity_id, m.v
        from emb.%I as m
        inner join kg.entity on m.entity_id = entity.entity_id
        order by m.entity_id',
        'm_' || version_vectors.model_id
    );
end
$$;
comment on function emb.version_vectors(int) is
'All vectors of a version whose entities the graph still knows. One row per entity, ordered.';

create or replace function emb.version_relations(model_id int, direction text)
returns table (relation_id bigint, v vector)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    return query execute format(
        'select m.relation_id, m.v from emb.%I as m where m.direction = $1 order by m.relation_id',
        'm_' || version_relations.model_id || '_relation'
    ) using version_relations.direction;
end
$$;
comment on function emb.version_relations(int, text) is
'The relation vectors of a version, read from head to tail (out) or back (in). One row per relation, ordered.';

create or replace function emb.feature_rows(model_id int, entity_type text)
returns table (
    key text, event_timestamp timestamptz, created_timestamp timestamptz, version int, v vector
)
language plpgsql stable
set search_path = pg_catalog, public
as $$
begin
    if to_regclass(format('emb.%I', 'm_' || feature_rows.model_id)) is null then
        raise exception 'version % has no vectors', feature_rows.model_id using
            errcode = '22023',
            hint = 'It never was, or it was retired and removed: see retired_at in emb.model.';
    end if;
    return query execute format(
        'select entity.key, model.known_at, model.known_at, model.model_id, m.v
        from emb.%I as m
        inner join kg.entity on m.entity_id = entity.entity_id
        inner join emb.model on model.model_id = $1
        where entity.entity_type = $2',
        'm_' || feature_rows.model_id
    ) using feature_rows.model_id, feature_rows.entity_type;
end
$$;
comment on function emb.feature_rows(int, text) is
'One version as a feature, whether it is in use or retired: a source that a feature service can pin. One row per entity of the type; both times are the version''s cut-off.';

create or replace function emb.history(alias text, entity_type text, versions int[] default null)
returns table (
    key text, event_timestamp timestamptz, created_timestamp timestamptz, version int, v vector
)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    used int := emb.model_in_use(alias);
    wanted int;
begin
    foreach wanted in array coalesce(versions, '{}') loop
        if not emb.comparable(wanted, used) then
            raise exception 'version % cannot be compared with version %, which is in use', wanted, used
            using
                errcode = '22023',
                hint = 'Only versions that were trained from, and aligned to, each other may stand in one column: see emb.lineage.';
        end if;
    end loop;
    for wanted in
        select model.model_id from emb.model
        where
            model.alias = history.alias
            and emb.comparable(model.model_id, used)
            and (versions is null or model.model_id = any(versions))
            and to_regclass(format('emb.%I', 'm_' || model.model_id)) is not null
        order by model.known_at, model.model_id
    loop
        return query select * from emb.feature_rows(wanted, history.entity_type);
    end loop;
end
$$;
comment on function emb.history(text, text, int[]) is
'The vectors of all versions that can be compared with the one in use, or of those named, as one feature: what was known when. One row per entity and version; versions that cannot be compared are an error.';

create or replace function emb.lineage(alias text)
returns table (
    model_id int,
    known_at timestamptz,
    predecessor_id int,
    comparable_id int,
    alignment_residual real,
    retired_at timestamptz,
    in_use boolean,
    readable boolean
)
language sql stable
set search_path = pg_catalog
as $$
    select
        model.model_id,
        model.known_at,
        model.predecessor_id,
        emb.comparable_id(model.model_id),
        model.alignment_residual,
        model.retired_at,
        used.model_id is not null,
        to_regclass(format('emb.%I', 'm_' || model.model_id)) is not null
    from emb.model
    left join emb.alias as used on model.alias = used.alias and model.model_id = used.model_id
    where model.alias = lineage.alias
    order by model.known_at, model.model_id
$$;
comment on function emb.lineage(text) is
'The versions of an alias, oldest knowledge first: which came from which, which can be compared (the same comparable_id), which is in use, since when the others are not, and whose vectors are still there.';

create or replace function emb.note_retirement() returns trigger
language plpgsql
set search_path = pg_catalog
as $$
begin
    if to_regclass(format('emb.%I', 'm_' || new.model_id)) is null then
        raise exception 'the vectors of version % were removed', new.model_id using
            errcode = '22023', hint = 'Train it again, or activate one that is readable: see emb.lineage.';
    end if;
    update emb.model set retired_at = null where model_id = new.model_id and retired_at is not null;
    if tg_op = 'UPDATE' and old.model_id <> new.model_id then
        update emb.model set retired_at = now() where model_id = old.model_id;
    end if;
    return new;
end
$$;
comment on function emb.note_retirement() is
'The trigger that writes down when an alias left a version, and refuses versions whose vectors were removed.';

create or replace trigger note_retirement before insert or update on emb.alias
for each row execute function emb.note_retirement();

create or replace function emb.expire(alias text, kept interval default '90 days')
returns setof int
language plpgsql
set search_path = pg_catalog
as $$
declare
    expired int;
begin
    perform emb.model_in_use(alias);
    if kept is null or kept < interval '0' then
        raise exception 'versions are to be kept for %; it must be at least 0 days', coalesce(kept::text, 'null')
            using errcode = '22023', hint = 'How long after it was replaced a version stays readable.';
    end if;
    for expired in
        select version.model_id from emb.lineage(expire.alias) as version
        where not version.in_use and version.readable and version.retired_at < now() - kept
        order by version.model_id
    loop
        perform emb.drop_tables(expired);
        return next expired;
    end loop;
end
$$;
comment on function emb.expire(text, interval) is
'Removes the vectors of versions that were retired longer ago than they are kept, and returns their numbers; the cards stay in emb.model. An unknown alias is an error that names the nearest.';
