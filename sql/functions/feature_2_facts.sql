-- What profiles read of the graph: a product's attributes, where a customer lives.

create or replace function feature.known_facts()
returns table (entity_id bigint, facts numeric)
language sql stable
set search_path = pg_catalog
set timezone = 'UTC'
as $$
    select
        triple.head_id,
        sum(
            hashtextextended(
                row(
                    relation.name,
                    coalesce(tail.label, tail.key),
                    triple.confidence,
                    triple.valid_from,
                    triple.valid_to,
                    triple.observed_at,
                    triple.retracted_at
                )::text,
                0
            )::numeric
        )
    from kg.triple
    inner join kg.relation on triple.relation_id = relation.relation_id
    inner join kg.entity as head on triple.head_id = head.entity_id
    inner join kg.entity as tail on triple.tail_id = tail.entity_id
    where
        (head.entity_type = 'product' and tail.entity_type not in ('product', 'customer'))
        or (head.entity_type = 'customer' and relation.name = 'lives_in')
    group by triple.head_id
$$;
comment on function feature.known_facts() is
'What profiles read of each product and customer in the graph, as one number: another number means other facts. One row per entity with any.';

create or replace function feature.changing_facts(old_end timestamptz, new_end timestamptz)
returns table (entity_type text, key text)
language sql stable
set search_path = pg_catalog
as $$
    select distinct
        head.entity_type,
        head.key
    from kg.triple
    inner join kg.entity as head on triple.head_id = head.entity_id
    cross join lateral (
        values
        (triple.valid_from), (triple.valid_to), (triple.observed_at), (triple.retracted_at)
    ) as boundary (changes_at)
    where
        head.entity_type in ('product', 'customer')
        and boundary.changes_at > old_end
        and boundary.changes_at <= new_end
$$;
comment on function feature.changing_facts(timestamptz, timestamptz) is
'Products and customers of which something begins or ceases to be known or true between two moments. One row per entity.';
