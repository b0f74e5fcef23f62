"""Staff take an order: for a known or a new customer, from the product book or in free lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from customers import services as customers
from customers.models import Customer
from kernel import counters
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User, WorkflowVersion
from kernel.phones import normalise, phone_columns
from kernel.sequences import next_number
from kernel.shop import shop
from kernel.trace import current_trace_id
from kernel.workflow import graph_of

from ..events import OrderCreated
from ..models import Order, OrderEvent
from ..queries.flow import ORDERS
from .announcing import announce
from .lines import DraftLine, complete_lines, goods_of, new_lines
from .money import take_payment
from .pricing import Quote, quote
from .workflows import current_version

SERIES = "order"


class ExternalNumberTaken(DomainError):
    text = _("Order %(external_order_no)s of “%(source)s” is here already.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalDraft:
    """Where an order goes."""

    recipient_name: str = ""
    recipient_phone: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDraft:
    """
    An order to be made.

    :param customer_id: of a known customer; otherwise `customer` says who is new
    :param adjustment_fen: by staff, up or down; spread over the lines like the discount
    """

    lines: Sequence[DraftLine]
    customer_id: int | None = None
    customer: customers.CustomerDraft | None = None
    postal: PostalDraft = field(default_factory=PostalDraft)
    shipping_fen: int = 0
    discount_fen: int = 0
    adjustment_fen: int = 0
    customer_note: str = ""
    staff_note: str = ""
    source: str = "backoffice"
    external_order_no: str = ""


@retry_on_conflict
@transaction.atomic
def create_order(*, draft: OrderDraft, by: User | None, at: datetime) -> Order:
    """
    Make an order that waits for payment; one that costs nothing is paid at once.

    :raises ExternalNumberTaken: if the source's order is here already
    :raises DomainError: if the draft names no customer or goods, or its prices do not work out
    """
    _check_external(draft)
    lines = complete_lines(draft.lines)
    priced = quote(
        goods_of(lines),
        discount_fen=draft.discount_fen,
        adjustment_fen=draft.adjustment_fen,
        shipping_fen=draft.shipping_fen,
    )
    order = _new_order(draft, _customer_of(draft, at=at), current_version(), at=at)
    set_sums(order, priced)
    set_postal(order, draft.postal)
    order.save(force_insert=True)
    new_lines(order, lines, priced)
    _begin_history(order, by=by, at=at)
    counters.bump(ORDERS.code, {str(order.category): 1})
    announce([order], OrderCreated)
    if order.total_fen == 0:
        take_payment(order, facts={"amount_fen": 0, "paid_fen": 0}, at=at)
    return order


def set_sums(order: Order, priced: Quote) -> None:
    order.subtotal_fen = priced.subtotal_fen
    order.discount_fen = priced.discount_fen
    order.adjustment_fen = priced.adjustment_fen
    order.shipping_fen = priced.shipping_fen
    order.total_fen = priced.total_fen


def set_postal(order: Order, postal: PostalDraft) -> None:
    phone = normalise(postal.recipient_phone)
    order.recipient_name, order.recipient_phone = postal.recipient_name.strip(), phone
    columns = phone_columns(phone, prefix="recipient_phone_")
    order.recipient_phone_hash = columns["recipient_phone_hash"]
    order.recipient_phone_tail_hash = columns["recipient_phone_tail_hash"]
    order.province, order.city, order.district = postal.province.strip(), postal.city.strip(), postal.district.strip()
    order.detail = postal.detail.strip()


def _check_external(draft: OrderDraft) -> None:
    number, source = draft.external_order_no, draft.source
    if number and Order.objects.filter(source=source, external_order_no=number).exists():
        raise ExternalNumberTaken(external_order_no=number, source=source)


def _customer_of(draft: OrderDraft, *, at: datetime) -> Customer:
    if draft.customer_id is not None:
        return customers.get_customer(customer_id=draft.customer_id)
    if draft.customer is None:
        raise customers.NoCustomerName
    new = draft.customer
    found = customers.find_or_create(name=new.name, phone=new.phone, email=new.email, type_code=new.type_code, at=at)
    return customers.check_not_blocked(found)


def _new_order(draft: OrderDraft, customer: Customer, version: WorkflowVersion, *, at: datetime) -> Order:
    initial, settings = graph_of(version.pk).initial, shop()
    pay_by = at + timedelta(minutes=settings.payment_minutes)
    is_reminded = 0 < settings.reminder_minutes < settings.payment_minutes
    return Order(
        order_no=_free_number(at=at),
        source=draft.source,
        external_order_no=draft.external_order_no or None,
        customer=customer,
        workflow_version=version,
        state=initial.code,
        category=initial.category,
        state_since=at,
        placed_at=at,
        payment_due_at=pay_by,
        closing_due_at=pay_by,
        remind_due_at=at + timedelta(minutes=settings.reminder_minutes) if is_reminded else None,
        customer_note=draft.customer_note.strip(),
        staff_note=draft.staff_note.strip(),
        history_seq=1,
    )


def _free_number(*, at: datetime) -> str:
    """An imported order may hold the next number of the series already."""
    while Order.objects.filter(order_no=(number := next_number(SERIES, at=at))).exists():
        pass
    return number


def _begin_history(order: Order, *, by: User | None, at: datetime) -> None:
    OrderEvent.objects.create(
        order=order,
        seq=1,
        kind=OrderEvent.Kind.STAFF if by else OrderEvent.Kind.SYSTEM,
        code="order_created",
        facts={"total_fen": order.total_fen},
        to_state=order.state,
        at=at,
        by=by,
        trace_id=current_trace_id(),
    )
