"""Invoices that a provider issues: sent, asked about and fetched. No transaction is open while it is spoken to."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import alerts, audit
from kernel.clock import now
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.failpoints import failpoint
from kernel.models import Alert, User
from kernel.numbers import gateway_number

from ..gateways import guard_no_transaction
from ..models import InvoiceRequest
from ..providers.nuonuo import ProviderTrouble
from .invoice_answers import Answer, Channel
from .invoice_channels import channel
from .invoice_checks import refusal_of
from .invoice_files import Upload, number_invoice, take_files_for
from .invoice_refunds import note_failure
from .invoice_settings import is_ready, ready
from .invoicing import lock_invoice, move
from .schedule import DAILY, INVOICE_STEPS, step_after
from .words import shop_language

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)  # longer than signing in, issuing and fetching can take
NUMBER_LENGTH = 20  # the most that a provider takes
TROUBLE, FAILURE = "payments.invoice_provider", "payments.invoice"  # kinds of alerts
Status = InvoiceRequest.Status


class NotWithProvider(DomainError):
    text = gettext_lazy("Invoice %(request_no)s waits for nothing that the provider could do.")


class NotReady(DomainError):
    text = gettext_lazy("Its order has not come as far as the invoice settings say. Release it first.")


def issue_due(*, at: datetime, limit: int) -> int:
    """
    Take the next step of every invoice that is due. A provider in trouble is left alone for the rest of the run.

    :return: how many were looked at
    """
    due = ready(InvoiceRequest.objects.filter(due_at__lte=at), at=at).select_related("order", "blue")
    troubled: set[str] = set()
    looked_at = 0
    for row in due.order_by("due_at", "pk")[:limit]:
        if row.channel not in troubled and _claim(row, at=at):
            looked_at += 1
            if not _step_patiently(row, at=max(at, now())):
                troubled.add(row.channel)
    return looked_at


def step_now(*, request_id: int, at: datetime) -> InvoiceRequest:
    """
    Take an invoice's next step at once, whenever it would be due.

    :raises NotWithProvider: if no provider is to do anything about it
    :raises NotReady: if its time has not come
    """
    guard_no_transaction()
    InvoiceRequest.objects.filter(pk=request_id, due_at__gt=at).update(due_at=at)
    row = _load(request_id)
    if row.due_at is None or not channel(row.channel).is_online:
        raise NotWithProvider(request_no=row.request_no)
    if not is_ready(row, at=at):
        raise NotReady
    if _claim(row, at=at):
        _step_patiently(row, at=max(at, now()))
    return _load(request_id)


@retry_on_conflict
@transaction.atomic
def retry_invoice(*, request_id: int, by: User | None, at: datetime) -> InvoiceRequest:
    """
    Send what the provider refused once more, under a new number: the old one is used up.

    :raises NotWithProvider: if the provider did not refuse it
    """
    row = lock_invoice(request_id=request_id)
    refused = row.status == Status.FAILED or (row.status == Status.RED_PENDING and row.called_at is None)
    if not refused or not channel(row.channel).is_online:
        raise NotWithProvider(request_no=row.request_no)
    row.reason, row.last_message, row.attempt, row.due_at = "", "", 0, at
    row.channel_no, row.confirmation_no = None, ""
    move(row, Status.RED_PENDING if row.is_red else Status.REQUESTED, at=at)
    audit.record(action="payments.retry_invoice", subject=row, by=by, at=at)
    return row


@retry_on_conflict
@transaction.atomic
def release_invoice(*, request_id: int, by: User | None, at: datetime) -> InvoiceRequest:
    """Have an invoice issued before its order has come as far as the settings say."""
    row = lock_invoice(request_id=request_id)
    if row.released_at is None:
        row.released_at = at
        row.save(update_fields=["released_at"])
        audit.record(action="payments.release_invoice", subject=row, by=by, at=at)
    return row


def _load(request_id: int) -> InvoiceRequest:
    return InvoiceRequest.objects.select_related("order", "blue").get(pk=request_id)


def _claim(row: InvoiceRequest, *, at: datetime) -> bool:
    """The count of steps fences: one worker takes the step, and whoever died leaves it due again."""
    mine = InvoiceRequest.objects.filter(pk=row.pk, attempt=row.attempt, due_at__lte=at)
    claimed = mine.update(attempt=F("attempt") + 1, due_at=max(at, now()) + LEASE) == 1
    row.attempt += int(claimed)
    return claimed


def _step_patiently(row: InvoiceRequest, *, at: datetime) -> bool:
    """Whether the provider could be spoken to at all."""
    try:
        _step(row, at=at)
    except ProviderTrouble as trouble:
        _tell_trouble(row, trouble, at=at)
        _postpone(row, words=str(trouble), at=at)
        return False
    except DomainError as refusal:
        _postpone(row, words=str(refusal), at=at)
        _tell(row, words=str(refusal), at=at)
    except Exception:
        logger.exception("payments.invoice.failed request_no=%s", row.request_no)
    return True


def _step(row: InvoiceRequest, *, at: datetime) -> None:
    way = channel(row.channel)
    if row.invoice_no is not None:
        _fetch_files(row, way, at=at)
        return
    if row.is_red and (row.blue is None or row.blue.invoice_no is None):
        _postpone(row, words=_("Its invoice is not issued yet."), at=at)
        return
    was_sent = row.called_at is not None
    if not was_sent and not _begin(row, at=at):
        return
    failpoint("invoice.before_call")
    answer = _red_answer(row, way, was_sent=was_sent) if row.is_red else _blue_answer(row, way, was_sent=was_sent)
    failpoint("invoice.after_call")
    alerts.resolve(kind=TROUBLE, subject=row.channel, at=at)
    _settle(row.pk, answer, at=at)
    if answer.invoice_no:
        _fetch_files(_load(row.pk), way, at=at)


@retry_on_conflict
@transaction.atomic
def _begin(claimed: InvoiceRequest, *, at: datetime) -> bool:
    """Give it the number it goes out under, which stays until the provider refuses it. Whether it may go out."""
    row = lock_invoice(request_id=claimed.pk)
    if row.status not in (Status.REQUESTED, Status.RED_PENDING):
        InvoiceRequest.objects.filter(pk=row.pk).update(due_at=None)
        return False
    refusal = None if row.is_red else refusal_of(row, at=at)
    if refusal is not None:
        note_failure(row, reason=str(refusal), by=None, at=at)
        return False
    row.channel_no = row.channel_no or gateway_number("", at=at)[:NUMBER_LENGTH]
    row.called_at = at
    if row.is_red:
        row.save()  # its age counts from the refund
    else:
        move(row, Status.ISSUING, at=at)
    claimed.channel_no, claimed.called_at, claimed.status = row.channel_no, at, row.status
    return True


def _blue_answer(row: InvoiceRequest, way: Channel, *, was_sent: bool) -> Answer:
    """What was sent before is asked about first; only what the provider never had is sent again, as it was."""
    told = way.query(request=row) if was_sent else None
    return told if told is not None and told.is_known else way.issue(request=row)


def _red_answer(row: InvoiceRequest, way: Channel, *, was_sent: bool) -> Answer:
    """First the confirmation, then the red letter; an electronic one may come with its confirmation."""
    told = way.query(request=row) if was_sent else None
    if told is None or not told.is_known:
        return way.red_apply(request=row)
    if not told.confirmation_no:
        return told
    InvoiceRequest.objects.filter(pk=row.pk).update(confirmation_no=told.confirmation_no)
    row.confirmation_no = told.confirmation_no
    return way.red_issue(request=row)


@retry_on_conflict
@transaction.atomic
def _settle(request_id: int, answer: Answer, *, at: datetime) -> None:
    row = lock_invoice(request_id=request_id)
    row.last_message = answer.message[:300]
    if answer.invoice_no:
        row.due_at = at
        number_invoice(row, answer.invoice_no, issued_at=answer.issued_at, by=None, at=at)
    elif answer.status == Status.FAILED:
        _refused(row, answer.message, at=at)
    else:
        row.due_at = step_after(INVOICE_STEPS, attempt=row.attempt, at=at)
        row.save()
        if row.called_at is not None and at - row.called_at >= DAILY:
            _tell(row, words=row.last_message or _("It gives no clear answer."), at=at)


def _refused(row: InvoiceRequest, words: str, *, at: datetime) -> None:
    if row.is_red:
        row.reason, row.called_at, row.channel_no, row.due_at = words[:200], None, None, None
        row.save()
    else:
        note_failure(row, reason=words, by=None, at=at)
    _tell(row, words=words, at=at)


def _fetch_files(row: InvoiceRequest, way: Channel, *, at: datetime) -> None:
    """The files may come later than the number; the customer is told once there is one."""
    found = way.download(request=row)
    if not found:
        _postpone(row, words=_("Issued; the provider has no file of it yet."), at=at)
        return
    uploads = [Upload(name=name, content=content) for name, content in found]
    take_files_for(request_id=row.pk, uploads=uploads, invoice_no=row.invoice_no or "", by=None, at=at)
    InvoiceRequest.objects.filter(pk=row.pk).update(due_at=None, last_message="")
    alerts.resolve(kind=FAILURE, subject=row.request_no, at=at)


def _postpone(row: InvoiceRequest, *, words: str, at: datetime) -> None:
    mine = InvoiceRequest.objects.filter(pk=row.pk, attempt=row.attempt, due_at__isnull=False)
    mine.update(due_at=step_after(INVOICE_STEPS, attempt=row.attempt, at=at), last_message=words[:300])


def _tell_trouble(row: InvoiceRequest, trouble: ProviderTrouble, *, at: datetime) -> None:
    with shop_language():
        text = _("Invoices wait: %(trouble)s") % {"trouble": trouble}
    alerts.raise_alert(
        kind=TROUBLE,
        subject=row.channel,
        severity=Alert.Severity.CRITICAL,
        text=text[:500],
        evidence={"trouble": type(trouble).__name__},
        at=at,
    )


def _tell(row: InvoiceRequest, *, words: str, at: datetime) -> None:
    with shop_language():
        text = _("Invoice %(request_no)s is not issued: %(words)s") % {"request_no": row.request_no, "words": words}
    alerts.raise_alert(
        kind=FAILURE,
        subject=row.request_no,
        severity=Alert.Severity.WARNING,
        text=text[:500],
        evidence={"order_no": row.order.order_no},
        at=at,
    )
