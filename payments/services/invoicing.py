"""Asking for invoices: no more than was paid and not refunded, and never twice for the same money."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User
from kernel.money import yuan
from kernel.numbers import gateway_number
from kernel.queue import after_commit
from orders import services as orders
from orders.models import Order

from ..models import InvoiceRequest
from .invoice_channels import channel, chosen_channel
from .invoice_lines import left_to_invoice, pieces_of, write_lines
from .invoice_titles import Title, checked
from .journal import note

Status, Kind, Origin = InvoiceRequest.Status, InvoiceRequest.Kind, InvoiceRequest.Origin
LARGEST_PERMILLE = 200
TASK = "payments.issue_invoices"


class InvoiceNotFound(DomainError):
    text = _("There is no such invoice.")


class NothingToInvoice(DomainError):
    text = _("Nothing is left to invoice: all that was paid and not refunded is invoiced already.")


class InvoiceUnderWay(DomainError):
    text = _("Invoice %(request_no)s of this order is still to be issued. Change it, or cancel it first.")


class InvoiceNotOpen(DomainError):
    text = _("Invoice %(request_no)s is “%(status)s”; this can only be done before it is issued.")


class AtTheProvider(DomainError):
    text = _("Invoice %(request_no)s is with the provider. Wait for its answer; it is asked by itself.")


class CancelReasonMissing(DomainError):
    text = _("Write the reason.")


class NoSuchRate(DomainError):
    text = _("A VAT rate is between 0 and 20 percent, and a tax classification code has 19 digits.")


@retry_on_conflict
@transaction.atomic
def request_invoice(
    *,
    order_id: int,
    title: Title,
    invoice_type: str = InvoiceRequest.Type.GENERAL,
    origin: str = Origin.STAFF,
    by: User | None,
    at: datetime,
) -> InvoiceRequest:
    """
    Ask for an invoice over all of an order that was paid, not refunded and not invoiced.

    :raises DomainError: as `invoice_titles.checked`, if the title cannot stand on an invoice
    :raises InvoiceUnderWay: if one is asked for already
    :raises NothingToInvoice: if nothing is left
    """
    tidy = checked(title, invoice_type=invoice_type)
    order = orders.lock_order(order_id=order_id)
    under_way = InvoiceRequest.objects.filter(order=order, kind=Kind.BLUE, status__in=InvoiceRequest.OPEN).first()
    if under_way is not None:
        raise InvoiceUnderWay(request_no=under_way.request_no)
    pieces = left_to_invoice(order)
    if not pieces:
        raise NothingToInvoice
    row = new_row(order, title=tidy, key=f"invoice:order:{order.pk}", by=by, at=at)
    row.type, row.origin = invoice_type, origin
    write_lines(row, pieces)
    _tell(row, "invoice_requested", by=by, at=at)
    return row


@retry_on_conflict
@transaction.atomic
def cancel_invoice(*, request_id: int, reason: str, by: User | None, at: datetime) -> InvoiceRequest:
    """
    Give up an invoice that was not issued; a red letter for it is given up with it.

    :raises CancelReasonMissing: if nobody says why
    :raises InvoiceNotOpen: if it is issued; only a red letter takes it back then
    :raises AtTheProvider: if it may be issued any moment
    """
    if not reason.strip():
        raise CancelReasonMissing
    row = lock_invoice(request_id=request_id)
    if row.status not in (*InvoiceRequest.OPEN, Status.RED_PENDING):
        raise InvoiceNotOpen(request_no=row.request_no, status=row.get_status_display())
    _refuse_sent(row)
    give_up_reds(row, reason=reason, by=by, at=at)
    give_up(row, reason=reason, by=by, at=at)
    return row


@retry_on_conflict
@transaction.atomic
def change_title(*, request_id: int, title: Title, invoice_type: str, by: User | None, at: datetime) -> InvoiceRequest:
    """
    Make an invoice out to somebody else, before it is issued. Without an e-mail or phone, those stay.

    :raises DomainError: as `request_invoice`
    :raises InvoiceNotOpen: if it is issued
    """
    tidy = checked(title, invoice_type=invoice_type)
    row = lock_open(request_id=request_id)
    put_title(row, replace(tidy, email=tidy.email or row.email, phone=tidy.phone or row.phone))
    row.type = invoice_type
    row.save()
    audit.record(action="payments.change_invoice_title", subject=row, by=by, at=at, after={"type": invoice_type})
    return row


@retry_on_conflict
@transaction.atomic
def set_tax(*, request_id: int, rate_permille: int, tax_code: str, by: User | None, at: datetime) -> InvoiceRequest:
    """
    Set rate and code of the lines that have none, and split them anew.

    :raises NoSuchRate: if there is no such rate or code
    :raises InvoiceNotOpen: if it is issued
    """
    if not 0 <= rate_permille <= LARGEST_PERMILLE or (tax_code and not (len(tax_code) == 19 and tax_code.isdigit())):
        raise NoSuchRate
    row = lock_open(request_id=request_id)
    for line in row.lines.filter(tax_rate_permille=None):
        line.tax_rate_permille, line.tax_code = rate_permille, tax_code or line.tax_code
        line.save()
    write_lines(row, pieces_of(row))
    after = {"rate_permille": rate_permille, "tax_code": tax_code}
    audit.record(action="payments.set_invoice_tax", subject=row, by=by, at=at, after=after)
    return row


def lock_invoice(*, request_id: int) -> InvoiceRequest:
    """
    An invoice with its order, the order locked first.

    :raises InvoiceNotFound: if there is none
    """
    order_id = InvoiceRequest.objects.filter(pk=request_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise InvoiceNotFound
    order = orders.lock_order(order_id=order_id)
    row = InvoiceRequest.objects.select_for_update().get(pk=request_id)
    row.order = order
    return row


def lock_open(*, request_id: int) -> InvoiceRequest:
    """
    :raises InvoiceNotOpen: if it is issued or canceled
    :raises AtTheProvider: if it may be issued any moment
    """
    row = lock_invoice(request_id=request_id)
    if row.status not in InvoiceRequest.OPEN:
        raise InvoiceNotOpen(request_no=row.request_no, status=row.get_status_display())
    _refuse_sent(row)
    return row


def new_row(order: Order, *, title: Title, key: str, by: User | None, at: datetime) -> InvoiceRequest:
    """Not saved yet. The key counts what was asked for before: two who ask at once cannot both have it."""
    earlier = InvoiceRequest.objects.filter(effect_key__startswith=f"{key}:v").count()
    way = chosen_channel()
    row = InvoiceRequest(
        request_no=gateway_number("I", at=at),
        effect_key=f"{key}:v{earlier + 1}",
        order=order,
        channel=way.code,
        due_at=at if way.is_online else None,
        status_since=at,
        created_at=at,
        created_by=by,
    )
    put_title(row, title)
    if way.is_online:
        after_commit(TASK)
    return row


def put_title(row: InvoiceRequest, title: Title) -> None:
    for name, value in title.columns().items():
        setattr(row, name, value)


def move(row: InvoiceRequest, status: str, *, at: datetime) -> None:
    row.status, row.status_since = status, at
    row.save()


def give_up_reds(blue: InvoiceRequest, *, reason: str, by: User | None, at: datetime) -> None:
    """Nothing is to be taken back of what was never issued."""
    for red in blue.reds.filter(status=Status.RED_PENDING).select_related("order"):
        give_up(red, reason=reason, by=by, at=at)


def give_up(row: InvoiceRequest, *, reason: str, by: User | None, at: datetime) -> None:
    row.reason, row.due_at = reason.strip()[:200], None
    move(row, Status.CANCELED, at=at)
    _tell(row, "invoice_canceled", by=by, at=at)


def _refuse_sent(row: InvoiceRequest) -> None:
    if row.called_at is not None and channel(row.channel).is_online:
        raise AtTheProvider(request_no=row.request_no)


def _tell(row: InvoiceRequest, code: str, *, by: User | None, at: datetime) -> None:
    facts = {"request_no": row.request_no, "amount": yuan(row.amount_fen), "reason": row.reason}
    note(order=row.order, code=code, facts=facts, by=by, at=at)
    after = {"status": row.status, "amount_fen": row.amount_fen}
    audit.record(action=f"payments.{code}", subject=row, by=by, at=at, after=after, reason=row.reason)
