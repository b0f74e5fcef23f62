"""What is in the card of an order's invoices: fetched behind the page, so that the page does not wait for it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import SafeString

from kernel.admin import actor, badge
from kernel.cells import Tone
from orders.models import Order

from ..models import InvoiceRequest

Status = InvoiceRequest.Status
NEEDED = ("orders.view_order", "payments.view_invoicerequest")
LOOKS: dict[str, tuple[str, Tone]] = {
    Status.REQUESTED: ("○", "warning"),
    Status.ISSUING: ("◔", "info"),
    Status.ISSUED: ("●", "good"),
    Status.SENT: ("✓", "good"),
    Status.FAILED: ("✕", "bad"),
    Status.RED_PENDING: ("!", "bad"),
    Status.RED_ISSUED: ("↩", "neutral"),
    Status.CANCELED: ("–", "neutral"),
}


def invoice_badge(row: InvoiceRequest) -> SafeString:
    glyph, tone = LOOKS[row.status]
    return badge(row.get_status_display(), glyph=glyph, tone=tone, title=row.reason)


def of_order_view(request: HttpRequest, order_id: int) -> HttpResponse:
    """The card alone; also a page of its own, where scripts do not run."""
    person = actor(request)
    if not person.has_perms(NEEDED):
        raise PermissionDenied
    order = get_object_or_404(Order, pk=order_id)
    rows = InvoiceRequest.objects.filter(order=order).order_by("-pk")
    shown = {
        "object": order,
        "rows": [(row, invoice_badge(row)) for row in rows],
        "may_see_receipt": person.has_perm("payments.view_payment"),
    }
    return render(request, "admin/payments/invoice_rows.html", {"shown": shown})
