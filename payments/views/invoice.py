"""The invoice page: a customer says who an invoice is made out to, and downloads it. The token is the right to."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from kernel.clock import now
from kernel.errors import DomainError
from kernel.shop import shop

from .. import services
from ..models import InvoiceFile, InvoiceLink, InvoiceRequest
from .pay import CLEAR_LANGUAGES, PAGES_PER_MINUTE, STARTS_PER_MINUTE, language_kept, pay_view
from .receipt import receipt_page

TYPED = ("name", "tax_no", "company_address", "company_phone", "bank_name", "bank_account", "email", "phone")
MEDIA = {"pdf": "application/pdf", "ofd": "application/ofd", "xml": "application/xml"}


@pay_view(what="invoice", per_minute=PAGES_PER_MINUTE)
@require_safe
def page(request: HttpRequest, token: str) -> HttpResponse:
    """What is invoiced, what is on its way, and a form for what is not."""
    link = services.open_invoice_link(token=token, at=now())
    if request.GET.get("lang") in CLEAR_LANGUAGES:
        return language_kept(request, HttpResponseRedirect(services.invoice_path(token)))
    return _shown(request, link, token)


@pay_view(what="invoice_ask", per_minute=STARTS_PER_MINUTE)
@require_POST
def ask(request: HttpRequest, token: str) -> HttpResponse:
    """The title that the customer typed; refused with what was typed, if it cannot stand on an invoice."""
    at = now()
    link = services.open_invoice_link(token=token, at=at)
    try:
        _requested(request, link, at=at)
    except services.InvoiceUnderWay:
        return HttpResponseRedirect(services.invoice_path(token))  # a second click
    except DomainError as refused:
        return _shown(request, link, token, trouble=str(refused))
    return HttpResponseRedirect(services.invoice_path(token))


@pay_view(what="invoice_file", per_minute=PAGES_PER_MINUTE)
@require_safe
def file(request: HttpRequest, token: str, file_id: int) -> HttpResponse:
    link = services.open_invoice_link(token=token, at=now())
    return served(services.file_of_link(link=link, file_id=file_id))


@pay_view(what="invoice_receipt", per_minute=PAGES_PER_MINUTE)
@require_safe
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """The receipt, to look at, to print and to keep."""
    return receipt_page(request, services.open_invoice_link(token=token, at=now()).order)


def served(row: InvoiceFile) -> HttpResponse:
    """Always to be saved: nothing that was uploaded is ever shown inside the shop's own pages."""
    with row.file.open("rb") as stream:
        response = HttpResponse(stream.read(), content_type=MEDIA[row.format])
    response.headers["Content-Disposition"] = f'attachment; filename="{row.name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "no-store"
    return response


def _requested(request: HttpRequest, link: InvoiceLink, *, at: datetime) -> InvoiceRequest:
    typed = {name: request.POST.get(name, "") for name in TYPED}
    special = request.POST.get("type") == InvoiceRequest.Type.SPECIAL
    return services.request_invoice(
        order_id=link.order_id,
        title=services.Title(kind=request.POST.get("kind", ""), **typed),
        invoice_type=InvoiceRequest.Type.SPECIAL if special else InvoiceRequest.Type.GENERAL,
        origin=InvoiceRequest.Origin.CUSTOMER,
        by=None,
        at=at,
    )


def _shown(request: HttpRequest, link: InvoiceLink, token: str, *, trouble: str = "") -> HttpResponse:
    rows = InvoiceRequest.objects.filter(order=link.order_id).exclude(status=InvoiceRequest.Status.CANCELED)
    found = list(rows.order_by("pk").prefetch_related("files"))
    is_open = any(row.status in InvoiceRequest.OPEN for row in found)
    left_fen = 0 if is_open else sum(it.amount_fen for it in services.left_to_invoice(link.order))
    context = {
        "shop": shop(),
        "order_no": link.order.order_no,
        "requests": found,
        "left_fen": left_fen,
        "has_receipt": link.order.paid_fen > 0,
        "typed": request.POST,
        "is_company": request.POST.get("kind") == InvoiceRequest.TitleKind.COMPANY,
        "trouble": trouble,
        "path": services.invoice_path(token),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK
    return render(request, "invoice/page.html", context, status=status)
