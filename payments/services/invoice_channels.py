"""Who issues invoices. Without a contract, staff do it on the platform."""

from __future__ import annotations

from ..models import InvoiceRequest, InvoiceSettings
from .invoice_answers import Answer, Channel, OnlyByHand
from .invoice_nuonuo import Nuonuo
from .invoice_settings import invoice_settings

Status, Code = InvoiceRequest.Status, InvoiceSettings.Channel


class Manual:
    """Exported as a list, issued by staff on the tax bureau's platform, and uploaded."""

    code = Code.MANUAL.value
    label = Code.MANUAL.label
    is_online = False

    def issue(self, *, request: InvoiceRequest) -> Answer:
        return Answer(status=Status.ISSUING)

    def query(self, *, request: InvoiceRequest) -> Answer:
        return Answer(status=request.status, invoice_no=request.invoice_no or "")

    def red_apply(self, *, request: InvoiceRequest) -> Answer:
        return Answer(status=Status.RED_PENDING)

    def red_issue(self, *, request: InvoiceRequest) -> Answer:
        return Answer(status=Status.RED_PENDING)

    def download(self, *, request: InvoiceRequest) -> list[tuple[str, bytes]]:
        raise OnlyByHand


CHANNELS: dict[str, Channel] = {it.code: it for it in (Manual(), Nuonuo())}


def channel(code: str) -> Channel:
    return CHANNELS[code]


def chosen_channel() -> Channel:
    """The one that the shop's settings name."""
    return CHANNELS[invoice_settings().channel]


def is_online(row: InvoiceRequest) -> bool:
    """Whether a provider issues it, and not staff."""
    return CHANNELS[row.channel].is_online
