"""What is served, one view per feature table. No view expires: a shop's data may end years ago.

Three columns of a source are no features: the join key, event_timestamp and created_timestamp.
"""

from datetime import timedelta

from columns import CUSTOMER_PROFILE, CUSTOMER_TRIPLES, PRODUCT_PROFILE, PRODUCT_TRIPLES
from entities import customer, product
from feast import FeatureView, Field
from feast.types import Array, Float32, Int32, String
from sources import (
    customer_graph_vector_source,
    customer_profile_source,
    customer_recommendation_source,
    customer_text_vector_source,
    customer_triples_source,
    product_graph_vector_source,
    product_profile_source,
    product_text_vector_source,
    product_triples_source,
    segment_behaviour_source,
)

NEVER_EXPIRES = timedelta(0)

customer_key = Field(name="customer_id", dtype=String, description="The shop's key.")
product_key = Field(name="product_id", dtype=String, description="The shop's key.")

customer_profile = FeatureView(
    name="customer_profile",
    entities=[customer],
    schema=[
        customer_key,
        *(
            Field(name=name, dtype=dtype, description=description)
            for name, (dtype, description) in CUSTOMER_PROFILE.items()
        ),
    ],
    source=customer_profile_source,
    ttl=NEVER_EXPIRES,
    description="How each customer behaved up to a cut-off: orders, spend, rhythm, returns, taste.",
    tags={
        "description_zh": "顾客画像：截止时刻之前的订单、消费额、购买节奏、退货和偏好。",
        "made_by": "kgfeatures profile",
    },
)

product_profile = FeatureView(
    name="product_profile",
    entities=[product],
    schema=[
        product_key,
        *(
            Field(name=name, dtype=dtype, description=description)
            for name, (dtype, description) in PRODUCT_PROFILE.items()
        ),
    ],
    source=product_profile_source,
    ttl=NEVER_EXPIRES,
    description="How each product sold up to a cut-off: buyers, orders, revenue, price, returns.",
    tags={
        "description_zh": "商品画像：截止时刻之前的购买人数、订单、销售额、价格和退货。",
        "made_by": "kgfeatures profile",
    },
)

product_triples = FeatureView(
    name="product_triples",
    entities=[product],
    schema=[
        product_key,
        *(
            Field(name=name, dtype=dtype, description=description)
            for name, (dtype, description) in PRODUCT_TRIPLES.items()
        ),
    ],
    source=product_triples_source,
    ttl=NEVER_EXPIRES,
    description="What the graph says of each product, as true and known then: triples, brand …",
    tags={
        "description_zh": "商品的知识图谱三元组：当时为真且已知的关系与尾实体。",
        "made_by": "kgfeatures profile",
    },
)

customer_triples = FeatureView(
    name="customer_triples",
    entities=[customer],
    schema=[
        customer_key,
        *(
            Field(name=name, dtype=dtype, description=description)
            for name, (dtype, description) in CUSTOMER_TRIPLES.items()
        ),
    ],
    source=customer_triples_source,
    ttl=NEVER_EXPIRES,
    description="What the graph says of each customer, as true and known then, but for purchases.",
    tags={
        "description_zh": "顾客的知识图谱三元组：当时为真且已知的关系与尾实体，不含购买记录。",
        "made_by": "kgfeatures profile",
    },
)

customer_graph_vector = FeatureView(
    name="customer_graph_vector",
    entities=[customer],
    schema=[
        customer_key,
        Field(
            name="graph_vector",
            dtype=Array(Float32),
            vector_index=True,
            vector_search_metric="cosine",
            description="Place in the knowledge graph; all vectors are of one model version.",
        ),
    ],
    source=customer_graph_vector_source,
    ttl=NEVER_EXPIRES,
    description="Customers as vectors learned from the knowledge graph: near = alike.",
    tags={
        "description_zh": "顾客的知识图谱向量：距离近表示相似。",
        "made_by": "kgfeatures embed",
    },
)

product_graph_vector = FeatureView(
    name="product_graph_vector",
    entities=[product],
    schema=[
        product_key,
        Field(
            name="graph_vector",
            dtype=Array(Float32),
            vector_index=True,
            vector_search_metric="cosine",
            description="Place in the knowledge graph; all vectors are of one model version.",
        ),
    ],
    source=product_graph_vector_source,
    ttl=NEVER_EXPIRES,
    description="Products as vectors learned from the knowledge graph: near = alike.",
    tags={
        "description_zh": "商品的知识图谱向量：距离近表示相似。",
        "made_by": "kgfeatures embed",
    },
)

customer_text_vector = FeatureView(
    name="customer_text_vector",
    entities=[customer],
    schema=[
        customer_key,
        Field(
            name="text_vector",
            dtype=Array(Float32),
            vector_index=True,
            vector_search_metric="cosine",
            description="Mean of the text vectors of what the customer bought.",
        ),
    ],
    source=customer_text_vector_source,
    ttl=NEVER_EXPIRES,
    description="Customers as the mean text vector of what they bought: near = alike.",
    tags={
        "description_zh": "顾客的文本向量：所购商品文本向量的平均值。",
        "made_by": "kgfeatures embed",
    },
)

product_text_vector = FeatureView(
    name="product_text_vector",
    entities=[product],
    schema=[
        product_key,
        Field(
            name="text_vector",
            dtype=Array(Float32),
            vector_index=True,
            vector_search_metric="cosine",
            description="What an encoder gives for the title and description.",
        ),
    ],
    source=product_text_vector_source,
    ttl=NEVER_EXPIRES,
    description="Products as vectors of their texts: near = alike in meaning.",
    tags={
        "description_zh": "商品的文本向量：由标题和描述编码得到。",
        "made_by": "kgfeatures embed",
    },
)

customer_recommendation = FeatureView(
    name="customer_recommendation",
    entities=[customer],
    schema=[
        customer_key,
        Field(
            name="product_ids",
            dtype=Array(String),
            description="The shop's keys of the products, best first.",
        ),
        Field(
            name="scores",
            dtype=Array(Float32),
            description="One per product, in [0, 1], higher is better; comparable within a "
            "customer only.",
        ),
    ],
    source=customer_recommendation_source,
    ttl=NEVER_EXPIRES,
    description="Products recommended to each customer, best first, none of them bought before.",
    tags={
        "description_zh": "给顾客的商品推荐：按得分排序，不含已购商品。",
        "made_by": "kgfeatures recommend",
    },
)

segment_behaviour = FeatureView(
    name="segment_behaviour",
    entities=[customer],
    schema=[
        customer_key,
        Field(
            name="segment_id",
            dtype=Int32,
            description="Number of the segment, 0 = the biggest when it was made.",
        ),
        Field(name="segment_name", dtype=String, description="What is special about the segment."),
        Field(
            name="distance",
            dtype=Float32,
            description="Euclidean, to the middle of the segment; lower is more typical.",
        ),
    ],
    source=segment_behaviour_source,
    ttl=NEVER_EXPIRES,
    description="The segment of customers that behave alike to which each one belongs.",
    tags={
        "description_zh": "顾客分群：按行为相似划分。",
        "made_by": "kgfeatures segment",
    },
)
