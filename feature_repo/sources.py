"""Where features come from: the tables of schema feature, which hold the whole history.

Feast knows no pgvector type, so vectors are read as real[]. model_id is no feature: by it, our
offline store refuses a training set whose vectors would be of several versions.
"""

from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
)

TIMES = {
    "timestamp_field": "event_timestamp",
    "created_timestamp_column": "created_timestamp",
}

customer_profile_source = PostgreSQLSource(
    name="customer_profile_source",
    table="feature.customer_profile",
    description="How each customer behaved, one row per customer and month start.",
    **TIMES,
)

product_profile_source = PostgreSQLSource(
    name="product_profile_source",
    table="feature.product_profile",
    description="How each product sold, one row per product and month start.",
    **TIMES,
)

product_triples_source = PostgreSQLSource(
    name="product_triples_source",
    table="feature.product_triples",
    description="What the graph says of each product, one row per product and change.",
    **TIMES,
)

customer_triples_source = PostgreSQLSource(
    name="customer_triples_source",
    table="feature.customer_triples",
    description="What the graph says of each customer, one row per customer and change.",
    **TIMES,
)

customer_graph_vector_source = PostgreSQLSource(
    name="customer_graph_vector_source",
    query="""
        select
            customer_id,
            event_timestamp,
            created_timestamp,
            model_id,
            graph_vector::real[] as graph_vector
        from feature.customer_graph_vector
    """,
    description="Customers' vectors learned from the knowledge graph.",
    **TIMES,
)

product_graph_vector_source = PostgreSQLSource(
    name="product_graph_vector_source",
    query="""
        select
            product_id,
            event_timestamp,
            created_timestamp,
            model_id,
            graph_vector::real[] as graph_vector
        from feature.product_graph_vector
    """,
    description="Products' vectors learned from the knowledge graph.",
    **TIMES,
)

customer_text_vector_source = PostgreSQLSource(
    name="customer_text_vector_source",
    query="""
        select
            customer_id,
            event_timestamp,
            created_timestamp,
            model_id,
            text_vector::real[] as text_vector
        from feature.customer_text_vector
    """,
    description="Mean text vectors of what customers bought.",
    **TIMES,
)

product_text_vector_source = PostgreSQLSource(
    name="product_text_vector_source",
    query="""
        select
            product_id,
            event_timestamp,
            created_timestamp,
            model_id,
            text_vector::real[] as text_vector
        from feature.product_text_vector
    """,
    description="Text vectors of products' titles and descriptions.",
    **TIMES,
)

customer_recommendation_source = PostgreSQLSource(
    name="customer_recommendation_source",
    table="feature.customer_recommendation",
    description="The products recommended to each customer, best first.",
    **TIMES,
)

segment_behaviour_source = PostgreSQLSource(
    name="segment_behaviour_source",
    table="feature.segment_behaviour",
    description="The segment of each customer by behaviour.",
    **TIMES,
)
