-- Functions that everything else stands on: content-addressed ids, the cut-off.

-- No `set search_path` on these two: it would keep them from being inlined (5x dearer in kg.fact),
-- and a body parsed at creation does not depend on it. The casts to bytea are immutable where
-- convert_to() is only stable; they give UTF-8 because the database's encoding is UTF8.
create or replace function kg.entity_id(entity_type text, key text) returns bigint
language sql immutable strict parallel safe
return (
    'x' || encode(
        substring(
            sha256(
                replace(entity_type, '\', '\\')::bytea
                || '\x1f'::bytea
                || replace(key, '\', '\\')::bytea
            )
            from 1 for 8
        ),
        'hex'
    )
)::bit(64)::bigint & 9223372036854775807;
comment on function kg.entity_id(text, text) is
'The id of an entity: the first 8 bytes of sha256(type, 0x1f, key) with the sign bit cleared.';

create or replace function kg.relation_id(name text) returns bigint
language sql immutable strict parallel safe
return kg.entity_id('relation', name);
comment on function kg.relation_id(text) is 'The id of a relation: kg.entity_id of type relation.';

create or replace function ops.data_cutoff() returns timestamptz
language sql stable
set search_path = pg_catalog
return (
    select date_trunc('day', max(occurred_at), 'UTC') + interval '1 day'
    from raw.interaction
);
comment on function ops.data_cutoff() is
'Midnight (UTC) after the last interaction: the moment at which everything loaded is known. Null without interactions.';
