"""What rules may do about invoices; done twice with the same key, it is done once."""

from __future__ import annotations

from datetime import datetime

from orders.models import Order

from ..models import InvoiceRequest
from .contacts import is_reachable
from .invoice_lines import left_to_invoice
from .invoice_links import send_invoice_link, send_receipt
from .invoice_titles import known_title
from .invoicing import NothingToInvoice, request_invoice

Origin = InvoiceRequest.Origin


def invoice_or_ask(*, order_id: int, key: str, at: datetime) -> InvoiceRequest | None:
    """
    Request an invoice if the customer's title is known from before; else ask the customer for it.

    :return: the request, or None if the customer was asked
    :raises NothingToInvoice: if nothing is left to invoice
    :raises InvoiceUnderWay: if one is asked for already
    :raises NoContact: if the title is not known and the customer cannot be reached
    """
    order = Order.objects.select_related("customer").get(pk=order_id)
    title = known_title(order)
    if title is not None:
        return request_invoice(order_id=order.pk, title=title, origin=Origin.RULE, by=None, at=at)
    if not left_to_invoice(order):
        raise NothingToInvoice
    send_invoice_link(order_id=order.pk, key=key, by=None, at=at)
    return None


def receipt_once(*, order_id: int, key: str, at: datetime) -> bool:
    """Send the receipt; whether there was a way to."""
    order = Order.objects.select_related("customer").get(pk=order_id)
    if not is_reachable(order):
        return False
    send_receipt(order_id=order_id, key=key, by=None, at=at)
    return True
