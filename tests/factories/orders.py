from __future__ import annotations

import collections.abc
from datetime import timedelta
from typing import Any

from factory.django import DjangoModelFactory

from kernel.clock import now
from kernel.models import Category, Job, WorkflowVersion
from kernel.phones import normalise, phone_columns
from kernel.workflow import Graph, graph_of
from orders.models import Carrier, Order, OrderEvent, OrderLine, Product, Shipment
from orders.services import DraftLine, Goods, ensure_carriers, ensure_default_workflows, quote

from .base import LazyFunction, Sequence, SubFactory
from .people import CustomerFactory

PAID = (Category.AWAITING_FULFILLMENT, Category.IN_TRANSIT, Category.DELIVERED, Category.COMPLETED)
SHIPPED = (Category.IN_TRANSIT, Category.DELIVERED, Category.COMPLETED)


def default_workflow() -> WorkflowVersion:
    """The newest published workflow of orders; the built-in one, unless a test published another."""
    return ensure_default_workflows(at=now())


def carrier(code: str = "SF") -> Carrier:
    ensure_carriers()
    return Carrier.objects.get(code=code)


class ProductFactory(DjangoModelFactory[Product]):
    class Meta:
        model = Product

    sku = Sequence(lambda n: f"SKU-{n}")
    title = "保温杯 500ml"
    price_fen = 9_900


class OrderFactory(DjangoModelFactory[Order]):
    """
    An order on the default workflow, unpaid unless `category` or `state` says otherwise.

    `total_fen` makes one line of that price; `lines=[DraftLine(…)]` makes these instead, with `shipping_fen`,
    `discount_fen`, `adjustment_fen`. Later categories bring the money and parcels they need; `paid_fen` overrides.
    """

    class Meta:
        model = Order

    order_no = Sequence(lambda n: f"20251122{n:04d}")  # of another day than tests take orders on
    customer = SubFactory(CustomerFactory)
    workflow_version = LazyFunction(default_workflow)
    placed_at = LazyFunction(now)
    history_seq = 1

    @classmethod
    def _create(cls, model_class: type[Order], *args: Any, **kwargs: Any) -> Order:
        lines = _lines(kwargs)
        sums = {name: kwargs.pop(name, 0) for name in ("discount_fen", "adjustment_fen", "shipping_fen")}
        priced = quote([Goods(unit_price_fen=it.unit_price_fen or 0, quantity=it.quantity) for it in lines], **sums)
        postal = _postal(kwargs)
        facts = _facts(kwargs, graph_of(kwargs["workflow_version"].pk), total_fen=priced.total_fen)
        order = Order(**facts, **kwargs, **sums, subtotal_fen=priced.subtotal_fen, total_fen=priced.total_fen)
        for name, value in postal.items():
            setattr(order, name, value)
        order.save(force_insert=True)
        is_shipped = order.fulfillment_status == Order.FulfillmentStatus.FULFILLED
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order,
                line_no=number,
                product_id=line.product_id,
                sku=line.sku,
                title=line.title or "保温杯 500ml",
                quantity=line.quantity,
                unit_price_fen=line.unit_price_fen or 0,
                discount_fen=share.discount_fen,
                adjustment_fen=share.adjustment_fen,
                total_fen=share.total_fen,
                shipped_quantity=line.quantity if is_shipped else 0,
            )
            for number, (line, share) in enumerate(zip(lines, priced.lines, strict=True), start=1)
        )
        OrderEvent.objects.create(
            order=order, seq=1, kind="system", code="order_created", to_state=order.state, at=order.placed_at
        )
        return order


def _lines(kwargs: dict[str, Any]) -> collections.abc.Sequence[DraftLine]:
    total_fen, lines = kwargs.pop("total_fen", None), kwargs.pop("lines", None)
    goods_fen = (9_900 if total_fen is None else total_fen) - kwargs.get("shipping_fen", 0)
    return lines or [DraftLine(title="保温杯 500ml", unit_price_fen=goods_fen)]


def _postal(kwargs: dict[str, Any]) -> dict[str, str]:
    phone = normalise(kwargs.pop("recipient_phone", "13900139000"))
    return {
        "recipient_name": kwargs.pop("recipient_name", "李四"),
        "recipient_phone": phone,
        **phone_columns(phone, prefix="recipient_phone_"),
        "province": kwargs.pop("province", "上海市"),
        "city": kwargs.pop("city", "上海市"),
        "district": kwargs.pop("district", "浦东新区"),
        "detail": kwargs.pop("detail", "世纪大道 8 号"),
    }


def _facts(kwargs: dict[str, Any], graph: Graph, *, total_fen: int) -> dict[str, Any]:
    """What state and category an order is in, and what follows from it unless the test says otherwise."""
    state, category = kwargs.pop("state", ""), kwargs.pop("category", "")
    found = graph.states[state] if state else graph.first_of(Category(category)) if category else graph.initial
    assert found is not None, f"no state of category {category}"
    at = kwargs["placed_at"]
    facts: dict[str, Any] = {"state": found.code, "category": found.category, "state_since": at}
    if found.category in PAID or found.code in ("on_hold", "problem"):
        facts |= {"paid_fen": total_fen, "payment_status": "paid", "paid_at": at, "ship_by": at + timedelta(hours=48)}
    if found.category in SHIPPED:
        facts |= {"fulfillment_status": "fulfilled", "shipped_at": at}
    if found.category == Category.PENDING_PAYMENT:
        due_at = at + timedelta(minutes=30)
        facts |= {"payment_due_at": due_at, "closing_due_at": due_at, "remind_due_at": at + timedelta(minutes=15)}
    if found.category == Category.CLOSED:
        facts |= {"close_reason": "payment_timeout", "closed_at": at}
    return {name: value for name, value in facts.items() if name not in kwargs}


class ShipmentFactory(DjangoModelFactory[Shipment]):
    class Meta:
        model = Shipment

    order = SubFactory(OrderFactory, category="in_transit")
    parcel_no = 1
    carrier = LazyFunction(carrier)
    carrier_name = "顺丰速运"
    tracking_no = Sequence(lambda n: f"SF{1_000_000_000 + n}")
    shipped_at = LazyFunction(now)


def a_job(kind: str = "orders_import") -> Job:
    """What an imported order was imported by."""
    return Job.objects.create(kind=kind, title="导入", created_at=now(), due_at=now())
