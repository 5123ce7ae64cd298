-- Whose published list of recommendations is still what would be computed.

create or replace function rec.holding(
    customer_ids text[], k int, known_at timestamptz default now()
)
returns text[]
language plpgsql stable
set search_path = pg_catalog
set plan_cache_mode = force_generic_plan
as $$
begin
    -- Who may not see all rows gets what the rows allow, computed.
    if
        row_security_active('rec.popular') or row_security_active('rec.neighbor_list')
        or row_security_active('raw.product') or row_security_active('kg.entity')
    then
        return '{}';
    end if;
    return array(
        select list.customer_id
        from unnest(holding.customer_ids) as asked (customer_id)
        inner join rec.customer_list as list on asked.customer_id = list.customer_id
        where
            cardinality(list.products) >= holding.k
            and list.run_id = (select run.run_id from rec.run)
            -- rec.history_hash, written out: a call costs as much as the rest.
            and list.history_hash = (
                select
                    coalesce(
                        sum(
                            hash_record_extended(
                                row(interaction.product_id, interaction.occurred_at), 0
                            ) >> 20
                        ),
                        0
                    )
                from raw.interaction
                where
                    interaction.customer_id = asked.customer_id
                    and interaction.event = 'purchase'
                    and interaction.occurred_at <= holding.known_at
            )
    );
end
$$;
comment on function rec.holding(text[], int, timestamptz) is
'Those customers whose purchases until known_at are still the ones that their published list was made from, and whose list has k products: rec.customer_list tells what would be computed for them.';
