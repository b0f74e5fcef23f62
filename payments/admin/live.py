"""The money of an order, again and again while something can still happen to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from kernel.admin import actor
from orders.models import Order

from .looks import order_address
from .panel import SEEN, money_of

NEEDED = ("orders.view_order", "payments.view_payment")


def live_view(request: HttpRequest, order_id: int) -> HttpResponse:
    """
    The card alone. Once the order's history has gone on, the card brings the rest of the page with it: its badges,
    its buttons and its timeline have changed, too.
    """
    if not actor(request).has_perms(NEEDED):
        raise PermissionDenied
    order = get_object_or_404(Order, pk=order_id)
    here = _page(request, order)
    has_moved = request.GET.get(SEEN) != str(order.history_seq)
    context = {"shown": money_of(request, order, here=here), "reload": here if has_moved else ""}
    return TemplateResponse(request, "admin/payments/money.html", context, headers={"Cache-Control": "no-store"})


def _page(request: HttpRequest, order: Order) -> str:
    """The order's page as the browser shows it, with the list that it was reached from in its query."""
    query = urlsplit(request.headers.get("HX-Current-URL", "")).query
    address = order_address(order.pk)
    return f"{address}?{query}" if query else address
