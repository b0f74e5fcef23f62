"""What refunds do to invoices: lowered or canceled before they are issued, taken back by red letter afterwards."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.models import User
from kernel.money import yuan
from orders import services as orders
from orders.models import Order

from ..models import InvoiceRequest
from .invoice_lines import cut, invoiced_fen, left_of, pieces_of, too_much, write_lines
from .invoice_titles import title_of
from .invoicing import CancelReasonMissing, give_up, give_up_reds, lock_open, move, new_row
from .journal import note

Status, Kind, Origin = InvoiceRequest.Status, InvoiceRequest.Kind, InvoiceRequest.Origin
REFUNDED = _("All of it was refunded.")
NEVER_ISSUED = _("The invoice was never issued.")
NOT_REFUNDED = _("The refund did not go back after all.")


@retry_on_conflict
@transaction.atomic
def follow_refunds(*, order_id: int, at: datetime) -> None:
    """Bring the invoices of an order in line with what it keeps. Done twice, it is done once."""
    order = orders.lock_order(order_id=order_id)
    rows = InvoiceRequest.objects.filter(order=order).exclude(status=Status.CANCELED)
    if not rows.exists():
        return
    _forget_needless(order, at=at)
    over_fen = _over(order)
    blues = list(rows.filter(kind=Kind.BLUE).order_by("-pk"))
    for blue in sorted(blues, key=lambda it: it.status not in (Status.REQUESTED, Status.FAILED)):
        blue.order = order
        if over_fen <= 0:
            return
        if blue.status in (Status.REQUESTED, Status.FAILED):
            _lower(blue, over_fen=over_fen, at=at)
        else:
            _take_back(blue, over_fen=over_fen, at=at)
        over_fen = _over(order)


@retry_on_conflict
@transaction.atomic
def fail_invoice(*, request_id: int, reason: str, by: User | None, at: datetime) -> InvoiceRequest:
    """
    Note that the tax platform refused it; the next list has it again.

    :raises CancelReasonMissing: if nobody says why
    :raises InvoiceNotOpen: if it is issued
    :raises AtTheProvider: if the provider has not answered yet
    """
    if not reason.strip():
        raise CancelReasonMissing
    row = lock_open(request_id=request_id)
    note_failure(row, reason=reason, by=by, at=at)
    return row


def note_failure(row: InvoiceRequest, *, reason: str, by: User | None, at: datetime) -> None:
    """Of a row that the caller has locked. What was refunded meanwhile needs no red letter then: it is lowered."""
    row.reason, row.due_at, row.called_at, row.channel_no = reason.strip()[:200], None, None, None
    move(row, Status.FAILED, at=at)
    audit.record(action="payments.fail_invoice", subject=row, by=by, at=at, reason=row.reason)
    give_up_reds(row, reason=str(NEVER_ISSUED), by=by, at=at)
    follow_refunds(order_id=row.order_id, at=at)


def _over(order: Order) -> int:
    return invoiced_fen(order) - (order.paid_fen - order.refunded_fen)


def _forget_needless(order: Order, *, at: datetime) -> None:
    """A refund may turn out not to have gone back; red letters that nobody issued are then asked for anew."""
    if _over(order) >= 0:
        return
    for red in InvoiceRequest.objects.filter(order=order, status=Status.RED_PENDING, called_at=None):
        red.order = order
        give_up(red, reason=str(NOT_REFUNDED), by=None, at=at)


def _lower(blue: InvoiceRequest, *, over_fen: int, at: datetime) -> None:
    """Written anew for what is left; canceled if that is nothing."""
    if over_fen >= blue.amount_fen:
        give_up(blue, reason=str(REFUNDED), by=None, at=at)
        return
    over = {it.order_line_id: it.amount_fen for it in too_much(blue, total_fen=over_fen)}
    kept = [cut(it, it.amount_fen - over.get(it.order_line_id, 0)) for it in pieces_of(blue)]
    write_lines(blue, [it for it in kept if it.amount_fen])
    facts = {"request_no": blue.request_no, "amount": yuan(blue.amount_fen)}
    note(order=blue.order, code="invoice_lowered", facts=facts, at=at)


def _take_back(blue: InvoiceRequest, *, over_fen: int, at: datetime) -> None:
    left_fen = sum(it.amount_fen for it in left_of(blue))
    total_fen = min(over_fen, left_fen)
    if total_fen <= 0:
        return
    pieces = too_much(blue, total_fen=total_fen)
    red = new_row(blue.order, title=title_of(blue), key=f"invoice:red:{blue.pk}", by=None, at=at)
    red.kind, red.blue, red.type, red.origin = Kind.RED, blue, blue.type, Origin.REFUND
    red.status = Status.RED_PENDING
    write_lines(red, pieces)
    note(order=blue.order, code="invoice_red_pending", facts={"amount": yuan(-red.amount_fen)}, at=at)
