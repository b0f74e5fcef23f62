"""Reconciliation: the differences of a day are somebody's work, found again as the same, closed with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy, ngettext

from kernel import alerts, audit
from kernel.bulk import fast_insert
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import Alert, User

from ..gateways import Movement, Outcome, PaymentRef, RefundRef, guard_no_transaction
from ..models import Discrepancy, Statement
from .accounts import gateway_of
from .comparing import Finding, Ours, compare
from .external_refunds import take_refund_news
from .querying import query_payment
from .refund_calls import ask_refund
from .settle import settle
from .tellers import facts_of, in_chunks, tellers
from .words import shop_language

ALERT = "payments.differences"
Kind = Discrepancy.Kind
Resolution = Discrepancy.Resolution
REPAIRABLE = (Kind.STATUS, Kind.MISSING_LOCAL)
BY_ITSELF = (Resolution.VANISHED, Resolution.CUTOFF)


class StatementNotHere(DomainError):
    text = gettext_lazy("The statement of %(day)s is not here yet. Fetch or upload it first.")


class ResolutionReasonMissing(DomainError):
    text = gettext_lazy("Write why this difference needs nothing more.")


class DifferenceResolved(DomainError):
    text = gettext_lazy("This difference was dealt with already. Load the page again.")


class NotRepairable(DomainError):
    text = gettext_lazy("Nothing can be put right by itself here. Look into it, then close it with a reason.")


class RepairDidNotHelp(DomainError):
    text = gettext_lazy("The gateway was asked and said: %(told)s. The difference stays; nothing was booked.")


@dataclass(frozen=True, slots=True)
class Compared:
    found: int
    open: int


@retry_on_conflict
@transaction.atomic
def reconcile(*, statement_id: int, at: datetime) -> Compared:
    """
    Compare a day three ways, and keep what differs: what is still there stays the same row with its owner.

    :raises StatementNotHere: if there is nothing to compare with
    """
    statement = Statement.objects.select_for_update().select_related("account").get(pk=statement_id)
    if statement.state not in (Statement.State.FETCHED, Statement.State.EMPTY):
        raise StatementNotHere(day=statement.day)
    ours = Ours()
    found = _keep(statement, compare(statement, ours), at=at)
    _vanish(statement, found, at=at)
    statement.our_payments, statement.our_payments_fen = ours.payments, ours.payments_fen
    statement.our_refunds, statement.our_refunds_fen = ours.refunds, ours.refunds_fen
    statement.compared_at = at
    statement.save()
    return Compared(found=len(found), open=_tell(statement, at=at))


def reconcile_with_neighbours(*, statement_id: int, at: datetime) -> Compared:
    """A day, those beside it that wait for what its statement says, and later ones that tell the same."""
    compared = reconcile(statement_id=statement_id, at=at)
    statement = Statement.objects.get(pk=statement_id)
    for other in sorted(_waiting(statement) | _telling_the_same(statement)):
        reconcile(statement_id=other, at=at)
    return compared


def _waiting(statement: Statement) -> set[int]:
    days = (statement.day - timedelta(days=1), statement.day + timedelta(days=1))
    waiting = Discrepancy.objects.filter(
        statement__account=statement.account_id,
        statement__day__in=days,
        kind__in=(Kind.CUTOFF, Kind.MISSING_GATEWAY),
        resolved_at=None,
    )
    return set(waiting.order_by().values_list("statement", flat=True))


def _telling_the_same(statement: Statement) -> set[int]:
    """A day that arrives late, or anew, changes what a later one has told as the first, and what it has told twice."""
    later = Statement.objects.filter(account=statement.account_id, day__gt=statement.day, compared_at__isnull=False)
    ids = set(later.values_list("pk", flat=True))
    if not ids:
        return ids
    open_ones = Discrepancy.objects.filter(statement__in=ids, kind=Kind.DUPLICATE, resolved_at=None)
    found = set(open_ones.values_list("statement", flat=True))
    for chunk in in_chunks(statement.lines.order_by("line_no")):
        told = tellers(chunk)
        found.update(*(told[facts_of(line)] for line in chunk))
    return found & ids


@transaction.atomic
def take_difference(*, discrepancy_id: int, by: User, at: datetime) -> bool:
    """Make a difference one's own work; whether nobody else was faster."""
    free = Discrepancy.objects.filter(pk=discrepancy_id, resolved_at=None, owner=None)
    if free.update(owner=by) != 1:
        return False
    subject = Discrepancy.objects.get(pk=discrepancy_id)
    audit.record(action="payments.own_difference", subject=subject, by=by, at=at)
    return True


@transaction.atomic
def resolve_difference(*, discrepancy_id: int, reason: str, by: User, at: datetime) -> Discrepancy:
    """
    Close a difference that needs nothing more.

    :raises ResolutionReasonMissing: if nobody says why
    :raises DifferenceResolved: if it is closed
    """
    if not reason.strip():
        raise ResolutionReasonMissing
    row = Discrepancy.objects.select_for_update().select_related("statement__account").get(pk=discrepancy_id)
    if row.resolved_at is not None:
        raise DifferenceResolved
    _close(row, Resolution.CONFIRMED, note=reason.strip(), by=by, at=at)
    _tell(row.statement, at=at)
    return row


def repair_difference(*, discrepancy_id: int, by: User | None, at: datetime) -> Discrepancy:
    """
    Ask the gateway about money that only its statement knows, book what it says, and compare again.

    :raises NotRepairable: if it is of another kind
    :raises DifferenceResolved: if it is closed
    :raises RepairDidNotHelp: if it is still there afterwards
    :raises ConfigError: if the account is set up wrongly
    """
    guard_no_transaction()
    row = Discrepancy.objects.select_related("statement__account").get(pk=discrepancy_id)
    if row.resolved_at is not None:
        raise DifferenceResolved
    if row.kind not in REPAIRABLE:
        raise NotRepairable
    told = _ask(row, at=at)
    reconcile(statement_id=row.statement_id, at=at)
    return _note_repair(discrepancy_id, told=told, by=by, at=at)


def repair_all(*, statement_id: int, at: datetime) -> tuple[int, int]:
    """
    Repair what can be repaired safely; compared once, when the gateway was asked about all of it.

    :return: how many were put right, and how many are still there
    """
    guard_no_transaction()
    rows = Discrepancy.objects.filter(statement=statement_id, resolved_at=None, kind__in=REPAIRABLE)
    told: dict[int, str] = {}
    repaired = 0
    found = list(rows.select_related("statement__account").order_by("pk"))
    for row in found:
        with suppress(DomainError):
            told[row.pk] = _ask(row, at=at)
    if told:
        reconcile(statement_id=statement_id, at=at)
    for pk, words in told.items():
        with suppress(RepairDidNotHelp):
            _note_repair(pk, told=words, by=None, at=at)
            repaired += 1
    return repaired, len(found) - repaired


@transaction.atomic
def _note_repair(discrepancy_id: int, *, told: str, by: User | None, at: datetime) -> Discrepancy:
    row = Discrepancy.objects.select_related("statement__account").get(pk=discrepancy_id)
    if row.resolved_at is None:
        raise RepairDidNotHelp(told=told)
    _close(row, Resolution.REPAIRED, note=told, by=by, at=at)
    return row


def _ask(row: Discrepancy, *, at: datetime) -> str:
    return _ask_payment(row, at=at) if row.movement == Movement.PAYMENT else _ask_refund(row, at=at)


def _ask_payment(row: Discrepancy, *, at: datetime) -> str:
    if row.payment_id is not None:
        payment = query_payment(payment_id=row.payment_id, at=at)
        return payment.last_message or payment.status
    account = row.statement.account
    ref = PaymentRef(payment_no=row.payment_no, created_at=row.occurred_at or at, gateway_trade_no=row.gateway_trade_no)
    report = gateway_of(account).query(ref=ref)
    if report.outcome is Outcome.SUCCEEDED:
        settle(report=report, account_id=account.pk, at=at)
    return report.message or report.native_state or report.outcome.value


def _ask_refund(row: Discrepancy, *, at: datetime) -> str:
    if row.refund_id is not None:
        refund = ask_refund(refund_id=row.refund_id, at=at)
        return refund.last_message or refund.status
    account = row.statement.account
    ref = RefundRef(
        refund_no=row.refund_no,
        payment_no=row.payment_no,
        created_at=row.occurred_at or at,
        requested_at=row.occurred_at,
        gateway_trade_no=row.gateway_trade_no,
    )
    report = gateway_of(account).query_refund(ref=ref)
    if report.outcome is Outcome.SUCCEEDED:
        take_refund_news(report=report, account_id=account.pk, done=lambda _verdict: None, at=at)
    return report.message or report.native_state or report.outcome.value


def _keep(statement: Statement, findings: Iterable[Finding], *, at: datetime) -> set[str]:
    """:return: the keys of all that differs"""
    known = {row.key: row for row in Discrepancy.objects.filter(statement=statement)}
    fresh: dict[str, Discrepancy] = {}
    found: set[str] = set()
    for finding in findings:
        found.add(finding.key)
        row = known.get(finding.key) or Discrepancy(statement=statement, key=finding.key, opened_at=at)
        if row.pk and row.resolved_at is not None and row.resolution not in BY_ITSELF:
            continue  # a person has looked at it
        _fill(row, finding, at=at)
        if row.pk:
            row.save()
        else:
            fresh[finding.key] = row
    fast_insert(list(fresh.values()))
    return found


def _fill(row: Discrepancy, finding: Finding, *, at: datetime) -> None:
    for name in (
        "kind",
        "payment_no",
        "refund_no",
        "gateway_trade_no",
        "payment_id",
        "refund_id",
        "ours_fen",
        "theirs_fen",
        "our_state",
        "their_state",
        "occurred_at",
    ):
        setattr(row, name, getattr(finding, name))
    row.movement = finding.movement.value
    row.resolution, row.resolved_at = "", None
    if finding.is_settled:
        row.resolution, row.resolved_at = Resolution.CUTOFF, at


def _vanish(statement: Statement, found: set[str], *, at: datetime) -> None:
    still_open = Discrepancy.objects.filter(statement=statement, resolved_at=None).exclude(key__in=found)
    still_open.update(resolved_at=at, resolution=Resolution.VANISHED)


def _close(row: Discrepancy, resolution: Discrepancy.Resolution, *, note: str, by: User | None, at: datetime) -> None:
    row.resolution, row.resolution_note, row.resolved_at = resolution, note[:300], at
    row.owner = row.owner or by
    row.save()
    after = {"resolution": resolution.value, "kind": row.kind}
    audit.record(action="payments.resolve_difference", subject=row, by=by, at=at, after=after, reason=note)


def _tell(statement: Statement, *, at: datetime) -> int:
    """:return: how many differences are open"""
    count = Discrepancy.objects.filter(statement=statement, resolved_at=None).exclude(kind=Kind.CUTOFF).count()
    subject = f"{statement.account.code} {statement.day}"
    if not count:
        alerts.resolve(kind=ALERT, subject=subject, at=at)
        return 0
    with shop_language():
        text = ngettext(
            "%(count)d difference between the statement of %(account)s of %(day)s and our books.",
            "%(count)d differences between the statement of %(account)s of %(day)s and our books.",
            count,
        ) % {
            "count": count,
            "account": statement.account.name,
            "day": statement.day,
        }
    alerts.raise_alert(kind=ALERT, subject=subject, severity=Alert.Severity.WARNING, text=text, at=at)
    return count
