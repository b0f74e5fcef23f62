"""The receipt: a page to look at and to print, and a PDF where that is installed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from kernel.clock import now
from orders.models import Order

from .. import services


def receipt_page(request: HttpRequest, order: Order) -> HttpResponse:
    """
    The page, or the PDF if that is asked for; where none can be made, the page says what to do instead.

    :raises NothingReceived: if nothing was paid
    """
    context = {"receipt": services.receipt_of(order=order), "at": now(), "can_make_pdf": services.can_make_pdf()}
    if "pdf" in request.GET:
        try:
            return _as_file(order, render_to_string("invoice/receipt.html", {**context, "is_pdf": True}))
        except services.NoPdfHere:
            context["can_make_pdf"] = False
    return render(request, "invoice/receipt.html", context)


def _as_file(order: Order, page: str) -> HttpResponse:
    return HttpResponse(
        services.pdf_of(page=page),
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="receipt-{order.order_no}.pdf"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
