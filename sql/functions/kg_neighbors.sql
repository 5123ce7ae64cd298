-- What stands around an entity. Reads kg.triple and raw.interaction by their own indexes; kg.fact,
-- whose ids are hashed on the way, would be read in full.

create or replace function kg.neighbors(
    entity_type text,
    key text,
    inout relation text default null,
    inout direction text default 'both',
    k int default 50,
    known_at timestamptz default now(),
    out neighbor_type text,
    out neighbor_key text,
    out neighbor_label text,
    out confidence real,
    out observed_at timestamptz,
    out interactions bigint,
    out source text
)
returns setof record
language plpgsql stable
set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    entity bigint;
    wanted bigint := kg.relation_id(neighbors.relation);
begin
    if neighbors.direction is null or neighbors.direction not in ('out', 'in', 'both') then
        raise exception 'direction is %', coalesce(quote_literal(neighbors.direction), 'null') using
            errcode = '22023',
            hint = 'out: the entity is the head; in: it is the tail; both.';
    end if;
    if neighbors.k is null or neighbors.k < 1 then
        raise exception 'k is %; it must be at least 1', coalesce(neighbors.k::text, 'null') using
            errcode = '22023', hint = 'k is the number of rows wanted.';
    end if;
    if neighbors.known_at is null then
        raise exception 'known_at is null' using
            errcode = '22023', hint = 'Give a time, or leave it out for now.';
    end if;
    entity := kg.require_entity(entity_type, neighbors.key);
    perform kg.require_relation(neighbors.relation);
    return query
    with stated as (
        select
            triple.relation_id,
            'out' as direction,
            triple.tail_id as neighbor_id,
            max(triple.confidence) as confidence,
            max(triple.observed_at) as observed_at
        from kg.triple
        where
            triple.head_id = entity
            and neighbors.direction in ('out', 'both')
            and (wanted is null or triple.relation_id = wanted)
            and triple.valid_from <= neighbors.known_at and neighbors.known_at < triple.valid_to
            and triple.observed_at <= neighbors.known_at and neighbors.known_at < triple.retracted_at
        group by triple.relation_id, triple.tail_id
        union all
        select
            triple.relation_id,
            'in' as direction,
            triple.head_id as neighbor_id,
            max(triple.confidence) as confidence,
            max(triple.observed_at) as observed_at
        from kg.triple
        where
            triple.tail_id = entity
            and neighbors.direction in ('in', 'both')
            and (wanted is null or triple.relation_id = wanted)
            and triple.valid_from <= neighbors.known_at and neighbors.known_at < triple.valid_to
            and triple.observed_at <= neighbors.known_at and neighbors.known_at < triple.retracted_at
        group by triple.relation_id, triple.head_id
    ),

    best_stated as (
        select *
        from stated
        order by observed_at desc, confidence desc, relation_id, neighbor_id, direction
        limit k
    ),

    happened as (
        select
            raw.relation_of(interaction.event) as relation,
            'out' as direction,
            'product' as neighbor_type,
            interaction.product_id as neighbor_key,
            max(interaction.occurred_at) as observed_at,
            count(*) as interactions,
            'raw.interaction' as place
        from raw.interaction
        where
            neighbors.entity_type = 'customer'
            and neighbors.direction in ('out', 'both')
            and interaction.customer_id = neighbors.key
            and interaction.occurred_at <= neighbors.known_at
            and (
                neighbors.relation is null
                or raw.relation_of(interaction.event) = neighbors.relation
            )
        group by raw.relation_of(interaction.event), interaction.product_id
        union all
        select
            raw.relation_of(interaction.event) as relation,
            'in' as direction,
            'customer' as neighbor_type,
            interaction.customer_id as neighbor_key,
            max(interaction.occurred_at) as observed_at,
            count(*) as interactions,
            'raw.interaction' as place
        from raw.interaction
        where
            neighbors.entity_type = 'product'
            and neighbors.direction in ('in', 'both')
            and interaction.product_id = neighbors.key
            and interaction.occurred_at <= neighbors.known_at
            and (
                neighbors.relation is null
                or raw.relation_of(interaction.event) = neighbors.relation
            )
        group by raw.relation_of(interaction.event), interaction.customer_id
        union all
        select
            outreach.relation,
            'out' as direction,
            outreach.tail_type as neighbor_type,
            outreach.tail_key as neighbor_key,
            max(outreach.occurred_at) as observed_at,
            count(*) as interactions,
            outreach.source as place
        from kg.outreach
        where
            neighbors.entity_type = 'customer'
            and neighbors.direction in ('out', 'both')
            and outreach.customer_id = neighbors.key
            and outreach.occurred_at <= neighbors.known_at
            and (neighbors.relation is null or outreach.relation = neighbors.relation)
        group by outreach.relation, outreach.tail_type, outreach.tail_key, outreach.source
        union all
        select
            outreach.relation,
            'in' as direction,
            'customer' as neighbor_type,
            outreach.customer_id as neighbor_key,
            max(outreach.occurred_at) as observed_at,
            count(*) as interactions,
            outreach.source as place
        from kg.outreach
        where
            outreach.tail_type = neighbors.entity_type
            and neighbors.direction in ('in', 'both')
            and outreach.tail_key = neighbors.key
            and outreach.occurred_at <= neighbors.known_at
            and (neighbors.relation is null or outreach.relation = neighbors.relation)
        group by outreach.relation, outreach.customer_id, outreach.source
    ),

    last_happened as (
        select *
        from happened
        order by observed_at desc, relation collate "C", neighbor_key collate "C"
        limit k
    ),

    -- The same may be stated and have happened: one row then, that of the statement.
    named as (
        select
            relation.name as relation,
            stated.direction,
            neighbor.entity_type as neighbor_type,
            neighbor.key as neighbor_key,
            neighbor.label as neighbor_label,
            stated.confidence,
            stated.observed_at,
            0::bigint as interactions,
            (
                select
                    string_agg(
                        distinct evidence.source collate "C", ', '
                        order by evidence.source collate "C"
                    )
                from kg.evidence
                where
                    evidence.relation_id = stated.relation_id
                    and evidence.head_id
                    = case stated.direction when 'out' then entity else stated.neighbor_id end
                    and evidence.tail_id
                    = case stated.direction when 'out' then stated.neighbor_id else entity end
            ) as source,
            null as place
        from best_stated as stated
        inner join kg.relation on stated.relation_id = relation.relation_id
        inner join kg.entity as neighbor on stated.neighbor_id = neighbor.entity_id
        union all
        select
            happened.relation,
            happened.direction,
            happened.neighbor_type,
            happened.neighbor_key,
            (
                select entity.label
                from kg.entity
                where entity.entity_id = kg.entity_id(happened.neighbor_type, happened.neighbor_key)
            ) as neighbor_label,
            1::real as confidence,
            happened.observed_at,
            happened.interactions,
            null as source,
            happened.place
        from last_happened as happened
    ),

    distinct_neighbor as (
        select
            named.relation,
            named.direction,
            named.neighbor_type,
            named.neighbor_key,
            max(named.neighbor_label) as neighbor_label,
            max(named.confidence) as confidence,
            max(named.observed_at) as observed_at,
            sum(named.interactions)::bigint as interactions,
            max(named.source) as source,
            max(named.place) as place
        from named
        group by named.relation, named.direction, named.neighbor_type, named.neighbor_key
    )

    select
        found.relation,
        found.direction,
        found.neighbor_type,
        found.neighbor_key,
        coalesce(found.neighbor_label, product.title, found.neighbor_key),
        found.confidence,
        nullif(found.observed_at, '-infinity'),
        found.interactions,
        coalesce(found.source, found.place)
    from distinct_neighbor as found
    left join raw.product on found.neighbor_type = 'product' and found.neighbor_key = product.product_id
    order by
        found.source is null,
        found.observed_at desc,
        found.confidence desc,
        found.relation collate "C",
        found.neighbor_type collate "C",
        found.neighbor_key collate "C",
        found.direction
    limit k;
end
$$;
comment on function kg.neighbors(text, text, text, text, int, timestamptz) is
'What an entity is connected to, as known and true at known_at. One row per relation, direction and neighbour: first what is stated (newest, then most confident), then what customers did (newest first; interactions counts the lines). observed_at is null where the source gives no time. direction out: the entity is the head. An unknown entity, relation or direction is an error.';
