"""Fill a shop with planned orders, through the same services that staff and gateways use, at the times planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from customers.services import CustomerDraft
from kernel.models import Job, User
from kernel.numbers import gateway_number
from orders import services as orders
from orders.models import Order, Product
from orders.services import DraftLine, OrderDraft, PostalDraft
from payments import services as payments
from payments.gateways import EventKind, GatewayEvent, Outcome
from payments.models import GatewayAccount, Payment
from payments.services import Share
from payments.services.refund_outcomes import settle_refund
from sandbox.seeding import Past

from . import catalog
from .plan import Fate, PlannedOrder, planned_orders

KIND = "demo.load"
SOURCE = "demo"
CARRIERS = ("SF", "ZTO", "YTO", "STO", "YD", "JTSD")
MOVES = {Fate.DELIVERED: "deliver", Fate.ON_HOLD: "hold", Fate.PROBLEM: "problem_awaiting_shipment"}
LATE = timedelta(days=5)  # so long ago somebody may have paid too late and still wait for an answer
PAID = frozenset(Fate) - {Fate.UNPAID, Fate.TIMED_OUT, Fate.CANCELED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Who and what the demo's orders are played with."""

    past: Past
    account: GatewayAccount
    staff: User
    products: dict[str, int]  # sku -> id


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The same recipe gives the same shop, so that a load that was cut off goes on where it stopped."""

    seed: int
    orders: int
    days: int
    at: datetime


def ensure_products() -> dict[str, int]:
    Product.objects.bulk_create(
        Product(sku=good.sku, title=good.title, category=good.category, price_fen=good.price_fen)
        for good in catalog.GOODS
        if not Product.objects.filter(sku=good.sku).exists()
    )
    return dict(Product.objects.values_list("sku", "pk"))


def load(*, recipe: Recipe, account: GatewayAccount, staff: User, sandbox_dir: Path) -> Iterator[int]:
    """
    Load what is missing of a recipe, oldest order first; an order and all that became of it in one transaction.

    :return: an iterator of how many orders are there after each step
    """
    stage = Stage(past=Past(sandbox_dir), account=account, staff=staff, products=ensure_products())
    there = Order.objects.filter(source=SOURCE).count()
    plan = planned_orders(seed=recipe.seed, orders=recipe.orders, days=recipe.days, at=recipe.at)
    try:
        for number, planned in enumerate(plan, start=1):
            if number > there:
                _play(stage, planned, number=number, until=recipe.at)
            yield number
    finally:
        stage.past.close()


def open_recipe(*, seed: int, count: int, days: int, at: datetime) -> tuple[Job, Recipe]:
    """The recipe of the load that was begun here before, or a new one."""
    job = Job.objects.filter(kind=KIND).first()
    if job is None:
        params = {"seed": seed, "orders": count, "days": days, "at": at.isoformat()}
        job = Job.objects.create(
            kind=KIND,
            title=_("Demo shop"),
            params=params,
            total=count,
            created_at=at,
            due_at=at + timedelta(days=36_500),
        )
    told = job.params
    return job, Recipe(
        seed=told["seed"], orders=told["orders"], days=told["days"], at=datetime.fromisoformat(told["at"])
    )


def finish(job: Job, *, at: datetime) -> None:
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, done=job.total, finished_at=at)


@transaction.atomic
def _play(stage: Stage, planned: PlannedOrder, *, number: int, until: datetime) -> None:
    order = orders.create_order(draft=_draft(stage, planned, number), by=stage.staff, at=planned.placed_at)
    if planned.flag:
        orders.set_flag(order_id=order.pk, flag=planned.flag, by=stage.staff, at=planned.placed_at)
    if planned.fate is Fate.TIMED_OUT:
        over_at = planned.placed_at + timedelta(minutes=32)
        _close(order, reason=Order.CloseReason.PAYMENT_TIMEOUT, at=over_at)
        if until - LATE < over_at < until - timedelta(hours=1) and number % 3 == 0:
            _pay(stage, order, at=over_at + timedelta(minutes=1))  # too late: unapplied money, and somebody's work
    elif planned.fate is Fate.CANCELED:
        _close(order, reason=Order.CloseReason.CANCELED_BY_CUSTOMER, at=planned.placed_at + timedelta(minutes=1))
    elif planned.fate in PAID:
        _play_paid(stage, planned, order, number=number, until=until)


def _draft(stage: Stage, planned: PlannedOrder, number: int) -> OrderDraft:
    buyer = planned.buyer
    return OrderDraft(
        customer=CustomerDraft(name=buyer.name, phone=buyer.phone, type_code=buyer.type_code),
        lines=[DraftLine(product_id=stage.products[good.sku], quantity=amount) for good, amount in planned.goods],
        postal=PostalDraft(
            recipient_name=buyer.name,
            recipient_phone=buyer.phone,
            province=buyer.place.province,
            city=buyer.place.city,
            district=buyer.place.district,
            detail=buyer.detail,
        ),
        shipping_fen=planned.shipping_fen,
        discount_fen=planned.discount_fen,
        customer_note=planned.customer_note,
        staff_note=planned.staff_note,
        source=SOURCE,
        external_order_no=f"DEMO-{number:06d}",
    )


def _close(order: Order, *, reason: str, at: datetime) -> None:
    orders.close(order_id=order.pk, reason=reason, at=at)


def _play_paid(stage: Stage, planned: PlannedOrder, order: Order, *, number: int, until: datetime) -> None:
    paid_at = planned.placed_at + timedelta(seconds=40 + number % 80)
    payment = _pay(stage, order, at=paid_at)
    if planned.fate in (Fate.REFUNDED, Fate.PARTLY_REFUNDED):
        if planned.fate is Fate.PARTLY_REFUNDED:
            _ship(stage, order, number=number, at=min(paid_at + timedelta(hours=9), until))
        _refund(stage, planned, payment, at=min(paid_at + timedelta(hours=20), until))
    elif planned.fate is Fate.PARTLY_SHIPPED:
        _ship_one(stage, order, number=number, at=min(paid_at + timedelta(hours=5), until))
    elif planned.fate in (Fate.SHIPPED, Fate.DELIVERED, Fate.COMPLETED):
        _ship(stage, order, number=number, at=min(paid_at + timedelta(hours=4 + number % 30), until))
    if (move := MOVES.get(planned.fate)) is not None:
        _move(stage, order, move, at=min(paid_at + timedelta(days=2), until))
    if planned.fate is Fate.COMPLETED:
        orders.complete(order_id=order.pk, by=stage.staff, at=min(paid_at + timedelta(days=6), until))


def _move(stage: Stage, order: Order, transition: str, *, at: datetime) -> None:
    orders.move(order_id=order.pk, transition_code=transition, expected_version=None, by=stage.staff, at=at)


def _pay(stage: Stage, order: Order, *, at: datetime) -> Payment:
    payment = Payment.objects.create(
        payment_no=gateway_number("P", at=at),
        order=order,
        account=stage.account,
        method="qr",
        amount_fen=order.total_fen,
        created_at=at,
        expires_at=at + timedelta(minutes=30),
    )
    trade = stage.past.pay(
        out_trade_no=payment.payment_no,
        subject=f"{order.order_no}",
        total_fen=payment.amount_fen,
        at=at.timestamp(),
        notify_url=payments.notify_url(stage.account),
    )
    report = GatewayEvent(
        kind=EventKind.PAYMENT,
        payment_no=payment.payment_no,
        gateway_trade_no=trade.trade_no,
        amount_fen=trade.total_fen,
        outcome=Outcome.SUCCEEDED,
        occurred_at=datetime.fromtimestamp(trade.paid_at, UTC),
    )
    payments.settle(report=report, account_id=stage.account.pk, at=at)
    return Payment.objects.get(pk=payment.pk)


def _refund(stage: Stage, planned: PlannedOrder, payment: Payment, *, at: datetime) -> None:
    whole = planned.fate is Fate.REFUNDED
    amount_fen = payment.amount_fen if whole else max((payment.amount_fen - planned.shipping_fen) // 3, 1)
    refund = payments.request_refund(
        payment_id=payment.pk,
        share=Share(amount_fen=amount_fen, shipping_fen=planned.shipping_fen if whole else 0),
        reason="买家不想要了" if whole else "商品有轻微破损, 协商退差价",
        key=f"demo:{payment.payment_no}",
        by=None,
        at=at,
    )
    stage.past.refund(
        out_trade_no=payment.payment_no,
        out_request_no=refund.refund_no,
        amount_fen=amount_fen,
        at=at.timestamp(),
    )
    report = GatewayEvent(
        kind=EventKind.REFUND,
        payment_no=payment.payment_no,
        refund_no=refund.refund_no,
        gateway_trade_no=payment.gateway_trade_no,
        amount_fen=amount_fen,
        outcome=Outcome.SUCCEEDED,
        occurred_at=at,
    )
    settle_refund(refund_id=refund.pk, report=report, at=at)


def _ship(stage: Stage, order: Order, *, number: int, at: datetime) -> None:
    _send(stage, order, None, number=number, at=at)


def _ship_one(stage: Stage, order: Order, *, number: int, at: datetime) -> None:
    """One piece of the first line; the rest follows, if there is any."""
    first = order.lines.order_by("line_no")[0]
    _send(stage, order, {first.pk: 1}, number=number, at=at)


def _send(stage: Stage, order: Order, quantities: dict[int, int] | None, *, number: int, at: datetime) -> None:
    carrier = CARRIERS[number % len(CARRIERS)]
    orders.ship(
        order_id=order.pk,
        carrier_code=carrier,
        tracking_no=f"{carrier}{7_300_000_000_000 + number * 7_919:013d}",
        quantities=quantities,
        by=stage.staff,
        at=at,
    )
