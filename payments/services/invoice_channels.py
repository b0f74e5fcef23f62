"""Who issues invoices: one interface, whatever stands behind it. Without a contract, staff do it on the platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError

from ..models import InvoiceRequest

Status = InvoiceRequest.Status


class OnlyByHand(DomainError):
    text = _("Download it on the tax bureau's platform, and upload it here.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a channel says about an invoice.

    :param status: where it stands now
    :param invoice_no: once it is issued
    """

    status: str
    invoice_no: str = ""
    message: str = ""


class Channel(Protocol):
    """What may take minutes answers with a status, and is asked again; the request number makes it once."""

    @property
    def code(self) -> str: ...

    @property
    def label(self) -> object: ...

    def issue(self, *, request: InvoiceRequest) -> Answer: ...

    def query(self, *, request: InvoiceRequest) -> Answer: ...

    def red_apply(self, *, request: InvoiceRequest) -> Answer: ...

    def red_issue(self, *, request: InvoiceRequest) -> Answer: ...

    def download(self, *, request: InvoiceRequest) -> list[tuple[str, bytes]]:
        """:raises OnlyByHand: if this channel has no files to give"""
        ...


class Manual:
    """Exported as a list, issued by staff on the tax bureau's platform, and uploaded."""

    code = "manual"
    label = _("By hand on the tax bureau's platform")

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


CHANNELS: dict[str, Channel] = {Manual.code: Manual()}


def channel(code: str = Manual.code) -> Channel:
    return CHANNELS[code]
