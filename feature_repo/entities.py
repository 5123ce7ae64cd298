"""What features are about; the join key is the shop's own key, as text."""

from feast import Entity, Project, ValueType

shop = Project(
    name="shop",
    description="Features of a shop's customers and products, from its knowledge graph and orders.",
    tags={"description_zh": "商店的顾客特征与商品特征，来自知识图谱和订单。"},
)

customer = Entity(
    name="customer",
    join_keys=["customer_id"],
    value_type=ValueType.STRING,
    description="Who buys: the shop's key of a customer, as text.",
    tags={"description_zh": "顾客：商店的顾客编号（文本）。"},
)

product = Entity(
    name="product",
    join_keys=["product_id"],
    value_type=ValueType.STRING,
    description="What is bought: the shop's key of a product, as text.",
    tags={"description_zh": "商品：商店的商品编号（文本）。"},
)
