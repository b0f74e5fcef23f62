"""What every channel of invoices speaks: one interface, whatever stands behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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

    :param status: where it stands now; FAILED is final for the number it was sent under
    :param invoice_no: once it is issued
    :param message: the channel's own words
    :param confirmation_no: of a red-letter confirmation that lets a red letter be issued
    :param is_known: whether the channel was ever sent it
    """

    status: str
    invoice_no: str = ""
    issued_at: datetime | None = None
    message: str = ""
    confirmation_no: str = ""
    is_known: bool = True


class Channel(Protocol):
    """
    What may take minutes answers with a status, and is asked again; the request's number makes it once.

    One that is online speaks to a network: it is called with no transaction open, and may raise ProviderTrouble.
    """

    @property
    def code(self) -> str: ...

    @property
    def label(self) -> object: ...

    @property
    def is_online(self) -> bool: ...

    def issue(self, *, request: InvoiceRequest) -> Answer: ...

    def query(self, *, request: InvoiceRequest) -> Answer: ...

    def red_apply(self, *, request: InvoiceRequest) -> Answer: ...

    def red_issue(self, *, request: InvoiceRequest) -> Answer: ...

    def download(self, *, request: InvoiceRequest) -> list[tuple[str, bytes]]:
        """:raises OnlyByHand: if this channel has no files to give"""
        ...
