-- Versions of vectors: an alias names the one in use.

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
        if not exists (select from emb.model as known where known.alias = activate.alias) then
            -- Says which aliases there are.
            perform emb.model_in_use(activate.alias);
        end if;
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
