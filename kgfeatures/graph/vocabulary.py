"""What shops call their columns, in English, German, French, Spanish and Chinese."""

from __future__ import annotations

import re

ROLES: dict[str, str] = {
    "customer": """customer customerid user userid client buyer member household householdid visitor
        shopper consumer account cust uid kunde kunden kundennummer kundennr cliente acheteur guest
        reviewer reviewerid 客户 顾客 用户 会员 买家 消费者""",
    "product": """product productid sku item itemid article asin stockcode goods upc ean gtin pid
        artikel artikelnummer artikelnr produkt produit producto prod merchandise
        商品 产品 货品 货号 宝贝 款号""",
    "timestamp": """timestamp time date datetime at day when datum zeit fecha created ordered
        purchased ts since valid from 时间 日期 日""",
    "basket": """order orderid invoice basket transaction receipt bestellung bestellnummer ticket
        cart session auftrag rechnung commande pedido bon 订单 单号 小票 订单号 交易""",
    "quantity": """quantity qty pieces units menge anzahl stück stueck quantité cantidad pcs
        数量 件数 个数""",
    "price": """price unitprice preis einzelpreis prix precio 单价 价格 售价""",
    "amount": """amount total linetotal salesvalue revenue sales betrag summe umsatz montant value
        金额 总价 小计 总额 实付 实付款""",
    "split": "split part fold subset 划分",
    "event": "event eventtype action behavior behaviour behaviortype activity 事件 行为",
    "rating": "rating stars score overall bewertung 评分 星级 打分",
    "title": """title name productname itemname titel bezeichnung nom nombre 名称 标题 品名 商品名
        产品名""",
    "text": """description text body review reviewtext comment comments notes note summary content
        beschreibung message question answer 描述 评论 评价 内容 备注 简介 详情 留言""",
    "language": "language lang 语言",
    "campaign": """campaign campaignid campaignname campaignkey mailing mailingid newsletter
        kampagne kampagnennr campagne campaña 活动 营销活动 促销活动""",
    "coupon": """coupon couponid couponcode couponupc couponno voucher vouchercode voucherid
        gutschein gutscheincode promocode vale cupón 优惠券 代金券 券 优惠码""",
    "treatment": """treatment treated istreated treat group testgroup arm assignment gruppe 实验组
        分组 组别 实验分组""",
    "variant": "variant version variante 版本",
    "propensity": "propensity propensityscore ps 倾向",
    "channel": "channel medium kanal canal 渠道",
    "start": "start starts startsat startdate begin begins begindate from von debut 开始 开始时间",
    "end": "end ends endsat enddate until stop stopdate to bis fin 结束 结束时间",
    "issued": """issued issuedat issuedate issue given sent granted received 发放 领取 发放时间
        领取时间""",
    "redeemed": """redeemed redeemedat redemption redemptiondate redeem used usedat eingelöst 使用
        核销 使用时间 核销时间""",
    "discount": "discount percent percentage off rabatt remise descuento 折扣 面额",
    "head": "head subject source",
    "relation": "relation predicate property 关系",
    "tail": "tail object target",
}
RELATIONS = {
    "brand": "has_brand",
    "marke": "has_brand",
    "品牌": "has_brand",
    "category": "in_category",
    "kategorie": "in_category",
    "类别": "in_category",
    "类目": "in_category",
    "分类": "in_category",
    "department": "in_department",
    "manufacturer": "made_by",
    "maker": "made_by",
    "vendor": "sold_by",
    "supplier": "supplied_by",
    "供应商": "supplied_by",
    "type": "has_type",
    "colour": "has_colour",
    "color": "has_colour",
    "颜色": "has_colour",
    "size": "has_size",
    "country": "lives_in",
    "land": "lives_in",
    "city": "lives_in",
    "region": "lives_in",
    "state": "lives_in",
    "城市": "lives_in",
    "省份": "lives_in",
    "地区": "lives_in",
    "国家": "lives_in",
    "store": "in_store",
}
EVENTS = {
    "view": "view views browse browsing impressions visits pageviews 浏览",
    "click": "click clicks 点击",
    "cart": "cart carts baskets 加购 购物车",
    "wish": "wish wishes wishlist favourites favorites 收藏",
    "purchase": "order orders purchase purchases sales transactions invoices buy 订单 购买",
}
EVENT_WORDS = {
    *("view", "click", "pv", "cart", "buy", "purchase", "return", "fav", "order", "wish"),
    *("浏览", "点击", "加购", "购买", "收藏", "下单", "退货"),
}
SUFFIXES = {"id", "ids", "no", "nr", "code", "number", "num", "key", "ref", "nummer", "index"}
CHINESE_SUFFIXES = ("编号", "号码", "代码", "编码", "id", "号")
WORDS = {role: frozenset(words.split()) for role, words in ROLES.items()}
_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BREAK = re.compile(r"[\W_]+")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def parts(name: str) -> list[str]:
    """Return the words of a column's name, in lower case.

    >>> parts("customerID"), parts("Unit-Price (€)"), parts("ORDER_DATE")
    (['customer', 'id'], ['unit', 'price'], ['order', 'date'])
    """
    return [part for part in _BREAK.split(_CASE.sub(" ", name).lower()) if part]


def likeness(role: str, name: str) -> float:
    """Return how much a column's name sounds like a role, in [0, 1].

    The last word counts most: a product's name is a name, an order's date a date.

    >>> likeness("customer", "Customer ID"), likeness("timestamp", "order_date")
    (0.95, 0.85)
    >>> likeness("product", "商品编号"), likeness("product", "商品名称")
    (0.95, 0.35)
    """
    words, given = WORDS[role], parts(name)
    if not given:
        return 0.0
    if _CHINESE.search(name):
        return chinese_likeness(words, "".join(given))
    stem = [part for part in given if part not in SUFFIXES] or given
    if "".join(given) in words or "".join(stem) in words:
        return 0.95
    if stem[-1] in words:
        return 0.85
    return 0.35 if any(part in words for part in stem) else 0.0


def chinese_likeness(words: frozenset[str], name: str) -> float:
    """Return how much a Chinese name sounds like one of some words, in [0, 1]."""
    stems = {name}
    for suffix in CHINESE_SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            stems.add(name.removesuffix(suffix))
    if stems & words:
        return 0.95
    chinese = [word for word in words if _CHINESE.search(word)]
    if any(stem.endswith(word) for stem in stems for word in chinese):
        return 0.85
    return 0.35 if any(word in name for word in chinese) else 0.0


def relation_name(column: str, owner: str = "product") -> tuple[str, float]:
    """Return what to call the relation to a column's values, and how sure that is.

    Parameters
    ----------
    owner : "product" or "customer": whose property it is; only customers live somewhere, only
        products have a brand.

    >>> relation_name("product_category"), relation_name("Material")
    (('in_category', 0.85), ('has_material', 0.55))
    >>> relation_name("household_size", "customer"), relation_name("City", "customer")
    (('has_household_size', 0.55), ('lives_in', 0.95))
    """
    given = parts(column)
    stem = [part for part in given if part not in SUFFIXES] or given
    for word, relation in RELATIONS.items():
        fits = (relation == "lives_in") == (owner == "customer")
        named = stem[-1:] == [word] or (_CHINESE.search(word) and column.strip().endswith(word))
        if fits and named:
            return relation, 0.95 if len(stem) == 1 else 0.85
    return "has_" + ("_".join(stem) or "value"), 0.55


def event_of(file_name: str) -> tuple[str, float]:
    """Return the event that a file's name speaks of, and how sure that is."""
    given = set(parts(file_name))
    for event, words in EVENTS.items():
        known = words.split()
        if given & set(known) or any(_CHINESE.search(w) and w in file_name for w in known):
            return event, 0.85
    return "purchase", 0.6
