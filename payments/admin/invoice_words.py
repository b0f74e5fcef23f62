"""What a refund does to the invoices of an order, told before anybody refunds."""

from __future__ import annotations

from django.utils.translation import gettext as _

from orders.models import Order

from ..models import InvoiceRequest

Status = InvoiceRequest.Status
ENDS = 5, 3  # of a number, the rest of which nobody reads here


def after_refund(order: Order) -> list[str]:
    """A sentence for each invoice that stands; the refund itself waits for none of them."""
    rows = InvoiceRequest.objects.filter(order=order, kind=InvoiceRequest.Kind.BLUE).exclude(status=Status.CANCELED)
    return [_sentence(row) for row in rows.order_by("pk")]


def _sentence(row: InvoiceRequest) -> str:
    if row.status in InvoiceRequest.IN_HAND:
        told = _("Invoice %(number)s is issued: after the refund succeeds, a red letter is asked for automatically.")
    elif row.status == Status.ISSUING:
        told = _("Invoice %(number)s is being issued: once it is, a red letter is asked for automatically.")
    else:
        told = _(
            "Invoice %(number)s is not issued yet: after the refund succeeds, it is lowered, or canceled if nothing "
            "is left of it."
        )
    return told % {"number": _short(str(row))}


def _short(number: str) -> str:
    first, last = ENDS
    return f"{number[:first]}…{number[-last:]}"
