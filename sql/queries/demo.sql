-- name: example
-- A customer to show things on, and a product: the first customer with at least 20 products,
-- and the product that most customers bought. One row.
select
    (
        select customer_id
        from raw.interaction
        where event = 'purchase'
        group by customer_id
        having count(distinct product_id) >= 20
        order by min(occurred_at), customer_id
        limit 1
    ) as customer_id,
    (
        select product_id
        from raw.interaction
        where event = 'purchase'
        group by product_id
        order by count(distinct customer_id) desc, product_id
        limit 1
    ) as product_id;
