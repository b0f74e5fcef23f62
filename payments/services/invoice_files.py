"""Files of the tax platform find their invoice: by order number in the remark and total, or by invoice number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User
from kernel.money import yuan

from ..models import InvoiceFile, InvoiceRequest
from .einvoice import NUMBER, Document, Told, read_invoice, unpack
from .invoice_links import may_send, send_invoice
from .invoicing import lock_invoice
from .journal import note

Status, Format = InvoiceRequest.Status, InvoiceFile.Format
AWAITED = (*InvoiceRequest.OPEN, Status.RED_PENDING)
TAKEN = (*InvoiceRequest.IN_HAND, Status.RED_ISSUED)
WORD = re.compile(r"[0-9A-Za-z_\-]{4,64}")
WORDS = 200
IN_NAME = re.compile(r"(?<!\d)\d{20}(?!\d)")


class NobodyAsked(DomainError):
    text = _(
        "No invoice of %(total)s waits for it. The remark must hold the order number or the request number, and the "
        "total must be the one asked for."
    )


class SeveralAsked(DomainError):
    text = _("Several invoices of this total fit its remark. Upload it on the page of the right one.")


class OtherBuyer(DomainError):
    text = _("It is made out to tax number %(theirs)s, and %(ours)s was asked for.")


class OtherTotal(DomainError):
    text = _("It comes to %(theirs)s, and %(ours)s was asked for.")


class NumberMissing(DomainError):
    text = _("Write the invoice number: 20 digits, as they stand on the file.")


class NumberTaken(DomainError):
    text = _("Invoice number %(invoice_no)s belongs to another invoice already.")


class OtherNumber(DomainError):
    text = _("This invoice has the number %(ours)s already, not %(theirs)s.")


class NoXmlBeside(DomainError):
    text = _("A PDF or OFD finds its invoice by the XML beside it, or by the invoice number in its name.")


class NotAwaited(DomainError):
    text = _("This invoice is canceled.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of one file: the invoice it belongs to, or why it belongs to none."""

    name: str
    request: InvoiceRequest | None = None
    why: str = ""


def take_files(*, uploads: Sequence[Upload], by: User | None, at: datetime) -> list[Placed]:
    """
    Give each file to the invoice it is, and send the customers what is issued with it. One bad file stops no other.
    """
    documents, placed = _unpacked(uploads)
    placed += [_tried(it, by=by, at=at) for it in sorted(documents, key=lambda it: it.format != Format.XML)]
    for pk in {it.request.pk for it in placed if it.request is not None}:
        _send_if_new(pk, at=at)
    return placed


def match_files(*, uploads: Sequence[Upload]) -> list[Placed]:
    """Which invoice each file would go to, without taking any."""
    documents, placed = _unpacked(uploads)
    return placed + [_matched(it) for it in documents]


def take_files_for(
    *, request_id: int, uploads: Sequence[Upload], invoice_no: str, by: User | None, at: datetime
) -> InvoiceRequest:
    """
    Take the files of one invoice, chosen by a person; an XML among them must agree with it.

    :raises DomainError: FileTooBig, NotAnInvoiceFile, OtherTotal, OtherBuyer, NumberMissing, NumberTaken, OtherNumber,
        NotAwaited
    """
    documents = [it for upload in uploads for it in unpack(name=upload.name, content=upload.content)]
    with transaction.atomic():
        row = lock_invoice(request_id=request_id)
        told = [read_invoice(it.content) for it in documents if it.format == Format.XML]
        for said in told:
            _check_told(row, said)
        number = next((said.invoice_no for said in told), invoice_no.strip())
        issued_at = next((said.issued_at for said in told if said.issued_at), None)
        for it in documents:
            _keep(row, it, number=number, issued_at=issued_at, by=by, at=at)
    _send_if_new(row.pk, at=at)
    row.refresh_from_db()
    return row


def _unpacked(uploads: Iterable[Upload]) -> tuple[list[Document], list[Placed]]:
    documents: list[Document] = []
    refused: list[Placed] = []
    for upload in uploads:
        try:
            documents += unpack(name=upload.name, content=upload.content)
        except DomainError as error:
            refused.append(Placed(name=upload.name, why=str(error)))
    return documents, refused


def _tried(it: Document, *, by: User | None, at: datetime) -> Placed:
    try:
        return Placed(name=it.name, request=_place(it, by=by, at=at))
    except DomainError as error:
        return Placed(name=it.name, why=str(error))


def _matched(it: Document) -> Placed:
    try:
        told = read_invoice(it.content) if it.format == Format.XML else None
        row = InvoiceRequest.objects.get(pk=_find(told) if told else _find_by_name(it.name))
        if told is not None:
            _check_told(row, told)
    except DomainError as error:
        return Placed(name=it.name, why=str(error))
    return Placed(name=it.name, request=row)


@retry_on_conflict
@transaction.atomic
def _place(it: Document, *, by: User | None, at: datetime) -> InvoiceRequest:
    told = read_invoice(it.content) if it.format == Format.XML else None
    row = lock_invoice(request_id=_find(told) if told else _find_by_name(it.name))
    if told is not None:
        _check_told(row, told)
    number = told.invoice_no if told else row.invoice_no or ""
    _keep(row, it, number=number, issued_at=told.issued_at if told else None, by=by, at=at)
    return row


def _find(told: Told) -> int:
    known = InvoiceRequest.objects.filter(invoice_no=told.invoice_no).first()
    if known is not None:
        return known.pk
    words = set(WORD.findall(told.remark)[:WORDS])
    named = Q(order__order_no__in=words) | Q(request_no__in=words)
    found = list(InvoiceRequest.objects.filter(named, amount_fen=told.total_fen, status__in=AWAITED)[:2])
    if not found:
        raise NobodyAsked(total=yuan(told.total_fen))
    if len(found) > 1:
        raise SeveralAsked
    return found[0].pk


def _find_by_name(name: str) -> int:
    match = IN_NAME.search(name)
    row = InvoiceRequest.objects.filter(invoice_no=match[0]).first() if match else None
    if row is None:
        raise NoXmlBeside
    return row.pk


def _check_told(row: InvoiceRequest, told: Told) -> None:
    if told.total_fen != row.amount_fen:
        raise OtherTotal(theirs=yuan(told.total_fen), ours=yuan(row.amount_fen))
    if row.tax_no and told.buyer_tax_no and told.buyer_tax_no != row.tax_no:
        raise OtherBuyer(theirs=told.buyer_tax_no[:20], ours=row.tax_no)


def _keep(
    row: InvoiceRequest, it: Document, *, number: str, issued_at: datetime | None, by: User | None, at: datetime
) -> None:
    number_invoice(row, number, issued_at=issued_at, by=by, at=at)
    digest = sha256(it.content).hexdigest()
    if row.files.filter(sha256=digest).exists():
        return
    kept = InvoiceFile(request=row, format=it.format, sha256=digest, size=len(it.content), created_at=at, created_by=by)
    kept.file.save(f"{row.request_no}.{it.format}", ContentFile(it.content), save=False)
    kept.save()


def number_invoice(
    row: InvoiceRequest, number: str, *, issued_at: datetime | None, by: User | None, at: datetime
) -> None:
    """
    Issued once, with one number, which no other invoice has. The caller has locked the row.

    :raises DomainError: NotAwaited, NumberMissing, OtherNumber, NumberTaken
    """
    if row.status == Status.CANCELED:
        raise NotAwaited
    if NUMBER.fullmatch(number) is None:
        raise NumberMissing
    if row.invoice_no is not None:
        if row.invoice_no != number:
            raise OtherNumber(ours=row.invoice_no, theirs=number)
        return
    if InvoiceRequest.objects.filter(invoice_no=number).exists():
        raise NumberTaken(invoice_no=number)
    row.invoice_no, row.issued_at = number, issued_at or at
    row.status, row.status_since = (Status.RED_ISSUED if row.is_red else Status.ISSUED), at
    row.save()
    facts = {"invoice_no": number, "amount": yuan(row.amount_fen)}
    note(order=row.order, code="invoice_issued", facts=facts, by=by, at=at)
    audit.record(action="payments.invoice_issued", subject=row, by=by, at=at, after={"invoice_no": number})


def _send_if_new(request_id: int, *, at: datetime) -> None:
    row = InvoiceRequest.objects.select_related("order__customer").get(pk=request_id)
    if row.status in TAKEN and not row.times_sent and row.files.exists() and may_send(row):
        send_invoice(request_id=row.pk, by=None, at=at)
