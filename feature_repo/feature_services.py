"""Bundles that other teams ask for by name. A changed bundle gets a new version, old ones stay."""

from feast import FeatureService
from feature_views import (
    customer_graph_vector,
    customer_profile,
    customer_recommendation,
    customer_text_vector,
    customer_triples,
    product_graph_vector,
    product_profile,
    product_text_vector,
    product_triples,
    segment_behaviour,
)

customer_features_v1 = FeatureService(
    name="customer_features_v1",
    features=[customer_profile, segment_behaviour, customer_graph_vector, customer_text_vector],
    description="All about a customer, for models of churn, value or response. Join: customer_id.",
    tags={"description_zh": "顾客的全部特征，用于流失、价值或响应模型。"},
)

product_features_v1 = FeatureService(
    name="product_features_v1",
    features=[product_profile, product_graph_vector, product_text_vector],
    description="All about a product, for models of demand or ranking. Join: product_id.",
    tags={"description_zh": "商品的全部特征，用于需求或排序模型。"},
)

recommendation_v1 = FeatureService(
    name="recommendation_v1",
    features=[customer_recommendation],
    description="Ready-made product recommendations per customer. Join: customer_id.",
    tags={"description_zh": "现成的顾客商品推荐。"},
)

customer_profile_v1 = FeatureService(
    name="customer_profile_v1",
    features=[customer_profile],
    description="Customer behaviour alone: no vectors, small and quick. Join: customer_id.",
    tags={"description_zh": "仅顾客行为特征，不含向量。"},
)

product_triples_v1 = FeatureService(
    name="product_triples_v1",
    features=[product_triples],
    description="What the graph says of a product: triples, brand, colour … Join: product_id.",
    tags={"description_zh": "商品的知识图谱三元组。"},
)

customer_triples_v1 = FeatureService(
    name="customer_triples_v1",
    features=[customer_triples],
    description="What the graph says of a customer, but for what they bought. Join: customer_id.",
    tags={"description_zh": "顾客的知识图谱三元组，不含购买记录。"},
)
