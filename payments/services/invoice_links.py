"""The customer's way to invoices and receipt: a link that cannot be guessed, sent by SMS or e-mail."""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_urlsafe

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from kernel import letters
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import Message, User
from kernel.money import yuan
from kernel.secrets import lookup_hash
from kernel.shop import shop
from orders import services as orders
from orders.models import Order

from ..models import InvoiceFile, InvoiceLink, InvoiceRequest
from .contacts import is_reachable, write_to_customer
from .invoicing import lock_invoice
from .journal import note
from .links import TOKEN_BYTES, LinkExpired, LinkNotFound, NoContact

letters.name_letters(invoice_link=_("Invoice link"), invoice_ready=_("Invoice sent"), receipt_ready=_("Receipt sent"))
LASTS = timedelta(days=60)
Status = InvoiceRequest.Status
SENDABLE = (Status.ISSUED, Status.SENT, Status.RED_ISSUED)


class InvoiceLinkNotFound(LinkNotFound):
    text = _("This invoice link is not valid.")


class InvoiceLinkExpired(LinkExpired):
    text = _("This invoice link is too old. Ask the shop for a new one.")


class NoSuchFile(LinkNotFound):
    text = _("There is no such file.")


class NotIssuedYet(DomainError):
    text = _("This invoice has no file to send yet.")


class NothingReceived(DomainError):
    text = _("Nothing was received for this order, so there is no receipt.")


@retry_on_conflict
@transaction.atomic
def create_invoice_link(*, order_id: int, by: User | None, at: datetime) -> tuple[InvoiceLink, str]:
    """
    A link to the invoices and the receipt of an order, where the customer can also ask for one.

    :return: the row, and the full address, which cannot be read again later
    :raises NothingReceived: if nothing was paid
    """
    return _make(_paid(order_id), by=by, at=at)


@retry_on_conflict
@transaction.atomic
def send_invoice_link(*, order_id: int, key: str, by: User | None, at: datetime) -> None:
    """
    Ask the customer who the invoice is to be made out to.

    :param key: the same key, the same message
    :raises NothingReceived: if nothing was paid
    :raises NoContact: if the customer cannot be reached
    """
    _send(_paid(order_id), template="invoice_link", code="invoice_link_sent", key=key, by=by, at=at)


@retry_on_conflict
@transaction.atomic
def send_receipt(*, order_id: int, key: str, by: User | None, at: datetime) -> None:
    """
    Send the customer the receipt, as a link.

    :raises NothingReceived: if nothing was paid
    :raises NoContact: if the customer cannot be reached
    """
    _send(_paid(order_id), template="receipt_ready", code="receipt_sent", key=key, by=by, at=at)


@retry_on_conflict
@transaction.atomic
def send_invoice(*, request_id: int, by: User | None, at: datetime) -> InvoiceRequest:
    """
    Send the customer an issued invoice, as a link; again, if it was sent before.

    :raises NotIssuedYet: if there is no file
    :raises NoContact: if the customer cannot be reached
    """
    row = lock_invoice(request_id=request_id)
    if row.status not in SENDABLE or not row.files.exists():
        raise NotIssuedYet
    if not may_send(row):
        raise NoContact
    _link, url = _make(row.order, by=by, at=at)
    row.times_sent, row.sent_at = row.times_sent + 1, at
    _write(row, {**_words(row.order, url), "invoice_no": row.invoice_no or ""}, at=at)
    if row.status == Status.ISSUED:
        row.status, row.status_since = Status.SENT, at
    row.save()
    note(order=row.order, code="invoice_sent", facts={"invoice_no": row.invoice_no or ""}, by=by, kind="message", at=at)
    return row


def may_send(row: InvoiceRequest) -> bool:
    return bool(row.email or row.phone) or is_reachable(row.order)


def open_invoice_link(*, token: str, at: datetime) -> InvoiceLink:
    """
    :raises InvoiceLinkNotFound: if there is none
    :raises InvoiceLinkExpired: if it is too old
    """
    link = InvoiceLink.objects.select_related("order__customer").filter(token_hash=_hash(token)).first()
    if link is None:
        raise InvoiceLinkNotFound
    if link.expires_at <= at:
        raise InvoiceLinkExpired
    _log_opening(link, at=at)
    return link


def file_of_link(*, link: InvoiceLink, file_id: int) -> InvoiceFile:
    """:raises NoSuchFile: if it is not of the link's order"""
    file = InvoiceFile.objects.select_related("request").filter(pk=file_id, request__order=link.order_id).first()
    if file is None:
        raise NoSuchFile
    return file


def invoice_path(token: str) -> str:
    return f"/invoice/{token}/"


def _log_opening(link: InvoiceLink, *, at: datetime) -> None:
    """Counted on the link; the first time is told in the order's timeline."""
    row = InvoiceLink.objects.filter(pk=link.pk)
    row.update(times_opened=F("times_opened") + 1, last_opened_at=at)
    if link.opened_at is None and row.filter(opened_at=None).update(opened_at=at) == 1:
        with transaction.atomic():
            note(order=orders.lock_order(order_id=link.order_id), code="invoice_link_opened", facts={}, at=at)


def _paid(order_id: int) -> Order:
    order = orders.lock_order(order_id=order_id)
    if order.paid_fen <= 0:
        raise NothingReceived
    return order


def _send(order: Order, *, template: str, code: str, key: str, by: User | None, at: datetime) -> None:
    if not is_reachable(order):
        raise NoContact
    if Message.objects.filter(effect_key=key).exists():
        return
    _link, url = _make(order, by=by, at=at)
    write_to_customer(order=order, template=template, context=_words(order, url), effect_key=key, at=at)
    note(order=order, code=code, facts={}, by=by, kind="message", at=at)


def _make(order: Order, *, by: User | None, at: datetime) -> tuple[InvoiceLink, str]:
    token = token_urlsafe(TOKEN_BYTES)
    link = InvoiceLink.objects.create(
        order=order, token_hash=_hash(token), created_at=at, created_by=by, expires_at=at + LASTS
    )
    return link, f"{settings.PUBLIC_URL}{invoice_path(token)}"


def _write(row: InvoiceRequest, context: dict[str, str], *, at: datetime) -> None:
    """To the address that stands on the request, else to where the order's customer is reached."""
    key = f"invoice_sent:{row.pk}:{row.times_sent}"
    if not (row.email or row.phone):
        write_to_customer(order=row.order, template="invoice_ready", context=context, effect_key=key, at=at)
        return
    letters.write(
        template="invoice_ready",
        channel=Message.Channel.EMAIL if row.email else Message.Channel.SMS,
        recipient=row.email or row.phone,
        context=context,
        effect_key=key,
        subject=row.order,
        at=at,
    )


def _hash(token: str) -> str:
    return lookup_hash(token, kind="invoice_link")


def _words(order: Order, url: str) -> dict[str, str]:
    settled = shop()
    return {
        "shop_name": settled.name,
        "service_phone": settled.service_phone,
        "order_no": order.order_no,
        "amount": yuan(order.paid_fen - order.refunded_fen),
        "url": url,
    }
