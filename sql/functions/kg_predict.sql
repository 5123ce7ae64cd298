-- Questions to vectors about what is missing: which tail, or which head, is likely.

create or replace function kg.known_tails(
    entity_type text,
    key text,
    relation_id bigint,
    direction text,
    known_at timestamptz default now()
)
returns bigint[]
language sql stable
set search_path = pg_catalog
as $$
    with relation as (
        select relation.name
        from kg.relation
        where relation.relation_id = known_tails.relation_id
    )

    select coalesce(array_agg(distinct known.entity_id), '{}')
    from (
        select triple.tail_id as entity_id
        from kg.triple
        where
            known_tails.direction = 'out'
            and triple.relation_id = known_tails.relation_id
            and triple.head_id = kg.entity_id(known_tails.entity_type, known_tails.key)
            and known_tails.known_at >= triple.valid_from
            and known_tails.known_at < triple.valid_to
            and known_tails.known_at >= triple.observed_at
            and known_tails.known_at < triple.retracted_at
        union all
        select triple.head_id as entity_id
        from kg.triple
        where
            known_tails.direction = 'in'
            and triple.relation_id = known_tails.relation_id
            and triple.tail_id = kg.entity_id(known_tails.entity_type, known_tails.key)
            and known_tails.known_at >= triple.valid_from
            and known_tails.known_at < triple.valid_to
            and known_tails.known_at >= triple.observed_at
            and known_tails.known_at < triple.retracted_at
        union all
        -- What customers did to products is not in kg.triple.
        select kg.entity_id('product', bought.product_id) as entity_id
        from (
            select distinct interaction.product_id
            from raw.interaction
            inner join relation on raw.relation_of(interaction.event) = relation.name
            where
                known_tails.entity_type = 'customer'
                and known_tails.direction = 'out'
                and interaction.customer_id = known_tails.key
                and interaction.occurred_at <= known_tails.known_at
        ) as bought
        union all
        select kg.entity_id('customer', buyer.customer_id) as entity_id
        from (
            select distinct interaction.customer_id
            from raw.interaction
            inner join relation on raw.relation_of(interaction.event) = relation.name
            where
                known_tails.entity_type = 'product'
                and known_tails.direction = 'in'
                and interaction.product_id = known_tails.key
                and interaction.occurred_at <= known_tails.known_at
        ) as buyer
    ) as known
$$;
comment on function kg.known_tails(text, text, bigint, text, timestamptz) is
'The ids of the entities that one is known to be related to, or from which (direction in), as known at a time.';

create or replace function kg.predict(
    alias text,
    entity_type text,
    key text,
    relation text,
    backwards boolean,
    k int,
    exclude_known boolean,
    filters jsonb,
    known_at timestamptz
)
returns table (answer_type text, answer_key text, answer_label text, score double precision)
language plpgsql stable
set search_path = pg_catalog, public
as $$
declare
    asked record := kg.require_question(alias, entity_type, key, relation, backwards);
    known bigint[] := '{}';
    allowed bigint[];
begin
    perform kg.require_count(k);
    if exclude_known then
        known := kg.known_tails(entity_type, key, asked.relation_id, asked.direction, known_at);
    end if;
    if filters <> '{}' then
        if asked.target_type is null then
            raise exception 'answers to "%" are of any type: they cannot be filtered', relation using
                errcode = '22023', hint = 'Leave the filters out.';
        end if;
        allowed := array(
            select passed.entity_id
            from kg.filter_entities(filters, asked.target_type, known_at) as passed
        );
    end if;
    return query
    select
        entity.entity_type,
        entity.key,
        entity.label,
        emb.score_of(model.operator, near.distance, asked.square)
    from emb.nearest(
        asked.model_id, asked.query, k, asked.target_type, allowed, known,
        projected => asked.projected, around => asked.around
    ) as near
    inner join kg.entity on near.entity_id = entity.entity_id
    inner join emb.model on model.model_id = asked.model_id
    order by near.distance, near.entity_id;
end
$$;
comment on function kg.predict(text, text, text, text, boolean, int, boolean, jsonb, timestamptz) is
'What kg.predict_tail and kg.predict_head have in common: the most plausible answers to (entity, relation, ?), or backwards to (?, relation, entity).';

drop function if exists kg.predict_tail(text, text, text, text, int, boolean);

create or replace function kg.predict_tail(
    alias text,
    entity_type text,
    key text,
    relation text,
    k int default 10,
    exclude_known boolean default true,
    filters jsonb default '{}',
    known_at timestamptz default now()
)
returns table (tail_type text, tail_key text, tail_label text, score double precision)
language sql stable
set search_path = pg_catalog
as $$
    select *
    from kg.predict(alias, entity_type, key, relation, false, k, exclude_known, filters, known_at);
$$;
comment on function kg.predict_tail(text, text, text, text, int, boolean, jsonb, timestamptz) is
'The k most plausible tails of (entity, relation, ?) by graph vectors, best first, of the relation''s range only; with a relation''s inverse name, the most plausible heads. What is known at known_at already is left out unless asked for; fewer than k rows only when fewer entities are left. score: higher is more plausible, comparable within one answer only.';

create or replace function kg.predict_head(
    alias text,
    entity_type text,
    key text,
    relation text,
    k int default 10,
    exclude_known boolean default true,
    filters jsonb default '{}',
    known_at timestamptz default now()
)
returns table (head_type text, head_key text, head_label text, score double precision)
language sql stable
set search_path = pg_catalog
as $$
    select *
    from kg.predict(alias, entity_type, key, relation, true, k, exclude_known, filters, known_at);
$$;
comment on function kg.predict_head(text, text, text, text, int, boolean, jsonb, timestamptz) is
'The k most plausible heads of (?, relation, entity) by graph vectors, best first, of the relation''s domain only; otherwise as kg.predict_tail. They are ranked by the vector that the relation has for being read backwards, so that a score differs from the one of kg.score.';
