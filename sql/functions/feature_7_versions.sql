-- Which versions of vectors a feature table holds.

create or replace function feature.vector_versions(table_name text)
returns table (model_id int, kind text, known_at timestamptz)
language plpgsql stable
set search_path = pg_catalog
as $$
begin
    if not exists (
        select
        from pg_attribute
        where
            attrelid = to_regclass(format('feature.%I', table_name))
            and attname = 'model_id'
            and not attisdropped
    ) then
        return;
    end if;
    return query execute format(
        'select held.model_id, model.kind, held.known_at
        from (
            select model_id, min(created_timestamp) as known_at
            from feature.%I
            group by model_id
        ) as held
        left join emb.model on held.model_id = model.model_id
        order by held.model_id',
        table_name
    );
end
$$;
comment on function feature.vector_versions(text) is
'The versions whose vectors a feature table holds and from when on they were known: one row per version, so one; none for a table without vectors. kind: graph or text, null for a version that is not in emb.model.';
