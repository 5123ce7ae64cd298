r"""The columns of feature tables: type and meaning, word for word as in `\d+ feature.<table>`."""

from feast.types import Array, Float64, Int32, String

CUSTOMER_PROFILE = {
    "tenure_days": (Int32, "Whole days since the first interaction of any kind."),
    "interactions_30d": (
        Int32,
        ("Interactions of any kind (order lines, returns, views …), last 30 days."),
    ),
    "days_since_last_order": (Int32, "Whole days since the latest order; null = never ordered."),
    "orders_30d": (Int32, "Number of orders (baskets bought), last 30 days."),
    "orders_90d": (Int32, "Number of orders (baskets bought), last 90 days."),
    "orders_365d": (Int32, "Number of orders (baskets bought), last 365 days."),
    "orders_total": (Int32, "Number of orders (baskets bought), all time."),
    "spend_30d": (
        Float64,
        (
            "Amount of the purchases in the shop's currency, returns not subtracted, last 30 "
            "days; null = bought, but no amounts are known."
        ),
    ),
    "spend_90d": (
        Float64,
        (
            "Amount of the purchases in the shop's currency, returns not subtracted, last 90 "
            "days; null = bought, but no amounts are known."
        ),
    ),
    "spend_365d": (
        Float64,
        (
            "Amount of the purchases in the shop's currency, returns not subtracted, last 365"
            " days; null = bought, but no amounts are known."
        ),
    ),
    "spend_total": (
        Float64,
        (
            "Amount of the purchases in the shop's currency, returns not subtracted, all "
            "time; null = bought, but no amounts are known."
        ),
    ),
    "units_90d": (Float64, "Pieces bought, last 90 days; a line without a quantity counts as one."),
    "units_365d": (
        Float64,
        ("Pieces bought, last 365 days; a line without a quantity counts as one."),
    ),
    "products_90d": (Int32, "Number of different products bought, last 90 days."),
    "products_365d": (Int32, "Number of different products bought, last 365 days."),
    "basket_spend_mean_365d": (
        Float64,
        ("Mean amount of an order in the shop's currency, last 365 days; null = no order."),
    ),
    "basket_products_mean_365d": (
        Float64,
        ("Mean number of different products in an order, last 365 days; null = no order."),
    ),
    "days_between_orders_mean": (
        Float64,
        (
            "Mean number of days from one day with an order to the next, all time; null = "
            "fewer than two such days."
        ),
    ),
    "days_between_orders_median": (
        Float64,
        (
            "Median number of days from one day with an order to the next, all time; null = "
            "fewer than two such days."
        ),
    ),
    "returns_90d": (Int32, "Number of returns (credit notes), last 90 days."),
    "returns_365d": (Int32, "Number of returns (credit notes), last 365 days."),
    "return_rate_365d": (
        Float64,
        (
            "Pieces returned / pieces bought, last 365 days; above 1 when older purchases "
            "came back; null = nothing bought."
        ),
    ),
    "country": (
        String,
        ("Where the customer lives: the tail of lives_in; the first by name if there are several."),
    ),
    "favourite_colour": (
        String,
        (
            "The colour bought more than expected: highest n * ln(n / expected n), all time; "
            "see feature.taste."
        ),
    ),
    "favourite_material": (
        String,
        (
            "The material bought more than expected: highest n * ln(n / expected n), all "
            "time; see feature.taste."
        ),
    ),
    "favourite_object": (
        String,
        (
            "The kind of object bought more than expected: highest n * ln(n / expected n), "
            "all time; see feature.taste."
        ),
    ),
    "favourite_theme": (
        String,
        (
            "The theme bought more than expected: highest n * ln(n / expected n), all time; "
            "see feature.taste."
        ),
    ),
    "favourite_attributes": (
        Array(String),
        (
            "Up to five product attributes of any relation, as relation=value, best first by "
            "n * ln(n / expected n), all time."
        ),
    ),
}


PRODUCT_PROFILE = {
    "tenure_days": (Int32, "Whole days since the first interaction of any kind."),
    "interactions_30d": (
        Int32,
        ("Interactions of any kind (order lines, returns, views …), last 30 days."),
    ),
    "days_since_last_order": (
        Int32,
        ("Whole days since the latest order with it; null = never ordered."),
    ),
    "orders_30d": (Int32, "Number of orders with it, last 30 days."),
    "orders_90d": (Int32, "Number of orders with it, last 90 days."),
    "orders_365d": (Int32, "Number of orders with it, last 365 days."),
    "orders_total": (Int32, "Number of orders with it, all time."),
    "buyers_30d": (Int32, "Number of different customers who bought it, last 30 days."),
    "buyers_90d": (Int32, "Number of different customers who bought it, last 90 days."),
    "buyers_365d": (Int32, "Number of different customers who bought it, last 365 days."),
    "repeat_buyer_share_365d": (
        Float64,
        (
            "Share of its buyers who ordered it at least twice, in [0, 1], last 365 days; "
            "null = no buyer."
        ),
    ),
    "units_30d": (Float64, "Pieces sold, last 30 days; a line without a quantity counts as one."),
    "units_90d": (Float64, "Pieces sold, last 90 days; a line without a quantity counts as one."),
    "units_365d": (Float64, "Pieces sold, last 365 days; a line without a quantity counts as one."),
    "revenue_30d": (
        Float64,
        (
            "Amount of its sales in the shop's currency, returns not subtracted, last 30 "
            "days; null = sold, but no amounts are known."
        ),
    ),
    "revenue_90d": (
        Float64,
        (
            "Amount of its sales in the shop's currency, returns not subtracted, last 90 "
            "days; null = sold, but no amounts are known."
        ),
    ),
    "revenue_365d": (
        Float64,
        (
            "Amount of its sales in the shop's currency, returns not subtracted, last 365 "
            "days; null = sold, but no amounts are known."
        ),
    ),
    "unit_price_mean_90d": (
        Float64,
        ("Amount / pieces of its sales in the shop's currency, last 90 days; null = not sold."),
    ),
    "unit_price_mean_365d": (
        Float64,
        ("Amount / pieces of its sales in the shop's currency, last 365 days; null = not sold."),
    ),
    "returns_90d": (Int32, "Number of returns (credit notes) with it, last 90 days."),
    "returns_365d": (Int32, "Number of returns (credit notes) with it, last 365 days."),
    "return_rate_365d": (
        Float64,
        (
            "Pieces returned / pieces sold, last 365 days; above 1 when older sales came "
            "back; null = nothing sold."
        ),
    ),
    "attributes": (
        Int32,
        (
            "Number of attributes known of it: triples whose tail is neither a product nor a "
            "customer."
        ),
    ),
    "colour": (String, "Its colour: the most certain one, then the first by name; null = unknown."),
    "material": (
        String,
        ("Its material: the most certain one, then the first by name; null = unknown."),
    ),
    "object": (
        String,
        (
            "What kind of object it is: the most certain one, then the first by name; null = "
            "unknown."
        ),
    ),
    "theme": (String, "Its theme: the most certain one, then the first by name; null = unknown."),
}


PRODUCT_TRIPLES = {
    "triples": (
        Array(String),
        (
            "Its triples as relation:tail, sorted; what customers bought and tails that are "
            "customers are not among them. Empty = what was said of it holds no more."
        ),
    ),
    "degree": (Int32, "Number of its triples listed."),
    "brand": (
        String,
        ("The tail of has_brand: the most certain one, then the first by name; null = unknown."),
    ),
    "category": (
        String,
        ("The tail of in_category: the most certain one, then the first by name; null = unknown."),
    ),
    "department": (
        String,
        (
            "The tail of in_department: the most certain one, then the first by name; null = "
            "unknown."
        ),
    ),
    "colour": (
        String,
        ("The tail of has_colour: the most certain one, then the first by name; null = unknown."),
    ),
    "material": (
        String,
        ("The tail of made_of: the most certain one, then the first by name; null = unknown."),
    ),
    "object": (
        String,
        ("The tail of is_a: the most certain one, then the first by name; null = unknown."),
    ),
    "theme": (
        String,
        ("The tail of has_theme: the most certain one, then the first by name; null = unknown."),
    ),
}


CUSTOMER_TRIPLES = {
    "triples": (
        Array(String),
        (
            "Their triples as relation:tail, sorted; what they bought and tails that are "
            "customers are not among them. Empty = what was said of them holds no more."
        ),
    ),
    "degree": (Int32, "Number of their triples listed."),
    "country": (
        String,
        ("The tail of lives_in: the most certain one, then the first by name; null = unknown."),
    ),
}
