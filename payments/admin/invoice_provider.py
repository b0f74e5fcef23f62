"""What staff do about invoices that a provider issues, or that wait for their time."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction, moment
from kernel.clock import now

from .. import services
from ..models import InvoiceLink, InvoiceRequest
from .counts import GROUP
from .invoice_actions import CHANGE

Status = InvoiceRequest.Status


class Release(ObjectAction[InvoiceRequest]):
    name = "release"
    label = gettext_lazy("Issue it early")
    permission = CHANGE
    description = gettext_lazy(
        "Its order has not come as far as the invoice settings say. A refund later takes a red letter."
    )
    position = 12

    def applies(self, row: InvoiceRequest) -> bool:
        return row.status == Status.REQUESTED and not services.is_ready(row, at=now())

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        services.release_invoice(request_id=deed.object.pk, by=deed.by, at=deed.at)
        return None


class AskProvider(ObjectAction[InvoiceRequest]):
    name = "ask_provider"
    label = gettext_lazy("Ask the provider now")
    permission = CHANGE
    description = gettext_lazy("Its next step is taken at once: sent, asked about, or its files fetched.")
    atomic = False
    position = 14

    def applies(self, row: InvoiceRequest) -> bool:
        return row.due_at is not None and services.is_online(row)

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        row = services.step_now(request_id=deed.object.pk, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        facts = {"status": row.get_status_display(), "words": row.reason or row.last_message}
        return (_("%(status)s. %(words)s") % facts).strip()


class Retry(ObjectAction[InvoiceRequest]):
    name = "retry"
    label = gettext_lazy("Send it again")
    permission = CHANGE
    description = gettext_lazy(
        "Under a new number: the provider refused the last one, so that nothing is issued twice."
    )
    done = gettext_lazy("It goes out within seconds.")
    position = 16

    def applies(self, row: InvoiceRequest) -> bool:
        waits = row.status == Status.FAILED or (row.status == Status.RED_PENDING and row.due_at is None)
        return waits and row.called_at is None and services.is_online(row)

    def is_next(self, row: InvoiceRequest) -> bool:
        return True

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        services.retry_invoice(request_id=deed.object.pk, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None


def provider_panel(request: HttpRequest, row: InvoiceRequest) -> dict[str, object] | None:
    """Nothing for what staff issue by hand."""
    if not services.is_online(row):
        return None
    return {"row": row, "next_step": moment(row.due_at, long=True), "called": moment(row.called_at, long=True)}


def checks_panel(request: HttpRequest, row: InvoiceRequest) -> dict[str, object] | None:
    """What stands against issuing it; nothing once it is issued."""
    if row.is_red or row.status not in (Status.REQUESTED, Status.FAILED):
        return None
    at = now()
    return {"refusal": services.refusal_of(row, at=at), "is_ready": services.is_ready(row, at=at)}


def delivery_panel(request: HttpRequest, row: InvoiceRequest) -> dict[str, object] | None:
    """The links of its order, and whether the customer opened them."""
    links = InvoiceLink.objects.filter(order=row.order_id).order_by("-pk")[:10]
    return {"row": row, "links": links} if links else None
