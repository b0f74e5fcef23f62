"""Staff change price, lines or address of an order that nobody has paid anything for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError, VersionConflict
from kernel.models import User
from kernel.money import yuan

from ..events import OrderEdited
from ..models import Order, OrderEvent, OrderLine
from . import timeline
from .announcing import announce
from .drafting import PostalDraft, set_postal, set_sums
from .guards import check_edit_guards
from .lines import CompleteLine, DraftLine, complete_lines, goods_of, new_lines
from .locks import lock_order
from .money import take_payment
from .pricing import quote

SUMS = ("subtotal_fen", "discount_fen", "adjustment_fen", "shipping_fen", "total_fen")
POSTAL = (
    "recipient_name",
    "recipient_phone_sealed",
    "recipient_phone_hash",
    "recipient_phone_tail_hash",
    "province",
    "city",
    "district",
    "detail_sealed",
)


class OrderNotEditable(DomainError):
    text = _("Order %(order_no)s can be changed only while it is unpaid. Refund it, or make a new order.")


class EditConflict(VersionConflict):
    """Two people edited at once; `current` is what the order says now, `given` what this edit wanted to say."""

    text = _(
        "%(who)s changed order %(order_no)s while you were editing. It now says: %(current)s. "
        "You wrote: %(given)s. Reload the page and make your change again."
    )

    def __init__(self, *, current: dict[str, str], given: dict[str, str], **facts: object) -> None:
        self.current, self.given = current, given
        super().__init__(current=_listed(current), given=_listed(given), **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """What is to be different; None stays as it is. Amounts in fen."""

    lines: Sequence[DraftLine] | None = None
    discount_fen: int | None = None
    adjustment_fen: int | None = None
    shipping_fen: int | None = None
    postal: PostalDraft | None = None
    customer_note: str | None = None


@retry_on_conflict
@transaction.atomic
def edit_order(*, order_id: int, change: OrderChange, expected_version: int, by: User, at: datetime) -> Order:
    """
    Change an unpaid order, if nobody else has since the page was opened.

    :param expected_version: of the order, as the page showed it
    :raises OrderNotEditable: if any money came, or it does not wait for payment
    :raises EditConflict: if somebody else was faster
    :raises DomainError: of a guard, such as an open payment attempt; or if the prices do not work out
    """
    order = lock_order(order_id=order_id)
    if not order.is_unpaid:
        raise OrderNotEditable(order_no=order.order_no)
    if order.version != expected_version:
        raise _conflict(order, change)
    check_edit_guards(order)
    before = _said(order)
    _apply(order, change)
    order.version += 1
    order.save(update_fields=[*SUMS, *POSTAL, "customer_note", "version"])
    _tell(order, before=before, change=change, by=by, at=at)
    if order.total_fen == 0:
        take_payment(order, facts={"amount_fen": 0, "paid_fen": 0}, at=at)
    return order


def _apply(order: Order, change: OrderChange) -> None:
    if change.postal is not None:
        set_postal(order, change.postal)
    if change.customer_note is not None:
        order.customer_note = change.customer_note.strip()
    _reprice(order, change)


def _reprice(order: Order, change: OrderChange) -> None:
    lines = complete_lines(change.lines) if change.lines is not None else _present_lines(order)
    priced = quote(
        goods_of(lines),
        discount_fen=order.discount_fen if change.discount_fen is None else change.discount_fen,
        adjustment_fen=order.adjustment_fen if change.adjustment_fen is None else change.adjustment_fen,
        shipping_fen=order.shipping_fen if change.shipping_fen is None else change.shipping_fen,
    )
    order.lines.all().delete()  # an unpaid order has no parcel and no refund that could point at a line
    set_sums(order, priced)
    new_lines(order, lines, priced)


def _present_lines(order: Order) -> list[CompleteLine]:
    lines = OrderLine.objects.filter(order=order).order_by("line_no")
    return [
        CompleteLine(
            quantity=line.quantity,
            unit_price_fen=line.unit_price_fen,
            title=line.title,
            sku=line.sku,
            product_id=line.product_id,
        )
        for line in lines
    ]


def _said(order: Order) -> dict[str, str]:
    """What an edit is compared by: sums and region, and nothing that is sealed."""
    sums = {name: yuan(getattr(order, name)) for name in SUMS}
    return {**sums, "region": order.region, "customer_note": order.customer_note}


def _tell(order: Order, *, before: dict[str, str], change: OrderChange, by: User, at: datetime) -> None:
    after = _said(order)
    differing = [name for name in after if before[name] != after[name]]
    what = [*differing, *(["lines"] if change.lines is not None else []), *(["address"] if change.postal else [])]
    facts = {"changed": what, "from": before["total_fen"], "to": after["total_fen"]}
    timeline.append(order=order, kind=OrderEvent.Kind.STAFF, code="order_edited", facts=facts, by=by, at=at)
    audit.record(action="orders.edit", subject=order, by=by, at=at, before=before, after={**after, "changed": what})
    announce([order], OrderEdited)


def _conflict(order: Order, change: OrderChange) -> EditConflict:
    fields = {
        str(_("discount")): (order.discount_fen, change.discount_fen),
        str(_("price adjustment")): (order.adjustment_fen, change.adjustment_fen),
        str(_("shipping fee")): (order.shipping_fen, change.shipping_fen),
    }
    given = {label: yuan(wanted) for label, (_now, wanted) in fields.items() if wanted is not None}
    current = {label: yuan(now) for label, (now, wanted) in fields.items() if wanted is not None}
    if change.lines is not None:
        given[str(_("lines"))] = str(len(change.lines))
        current[str(_("lines"))] = str(order.lines.count())
    if change.postal is not None:
        given[str(_("region"))] = f"{change.postal.province} {change.postal.city} {change.postal.district}".strip()
        current[str(_("region"))] = order.region
    current[str(_("total payable"))] = yuan(order.total_fen)
    return EditConflict(current=current, given=given, who=_last_editor(order), order_no=order.order_no)


def _last_editor(order: Order) -> str:
    edits = OrderEvent.objects.filter(order=order, code="order_edited").select_related("by")
    last = edits.order_by("-seq").first()
    return str(last.by) if last and last.by else str(_("Somebody else"))


def _listed(values: dict[str, str]) -> str:
    return ", ".join(f"{label} {value}" for label, value in values.items()) or "-"
