"""What reached us and what we gave out on paper: messages, statements and their differences, approvals, invoices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from django.db.models import Count, F, Q

from kernel.models import Approval

from ...gateways import EventKind, Movement, Outcome
from ...models import (
    Discrepancy,
    InvoiceRequest,
    LedgerLine,
    Notification,
    Payment,
    Refund,
    Statement,
    StatementLine,
)
from ..four_eyes import REFUND
from ..ledger import COLLECT, FEES
from ..tellers import facts_of, in_chunks, is_nameless, tellers
from .looking import Account, Offender, Span, fen, named, sums

INBOX_SECONDS = 60
DONE = (Notification.State.APPLIED, Notification.State.DUPLICATE)
BY_A_PERSON = (Discrepancy.Resolution.CONFIRMED, Discrepancy.Resolution.REPAIRED)
State = Approval.State
Status = Refund.Status
DECIDED = {
    Status.PENDING_APPROVAL: (State.PENDING,),
    Status.REJECTED: (State.REJECTED, State.EXPIRED, State.WITHDRAWN),
}


def inbox_late(span: Span) -> Iterator[Offender]:
    """No acknowledged message waits for longer than a minute."""
    long_ago = span.at - timedelta(seconds=INBOX_SECONDS)
    late = Notification.objects.filter(span.rows, state=Notification.State.RECEIVED, received_at__lt=long_ago)
    for row in late.order_by("pk").values("event_key", "received_at"):
        yield named("inbox_late", row, "event_key")


def inbox_booked(span: Span) -> Iterator[Offender]:
    """Money that a message told of, and that was applied, is in the ledger."""
    told = Notification.objects.filter(span.rows, kind=EventKind.PAYMENT, state__in=DONE).order_by("pk")
    numbers = dict(told.values_list("pk", "payment_no"))
    paid = Payment.objects.filter(payment_no__in=set(numbers.values()), status=Payment.Status.SUCCEEDED)
    settled = set(paid.values_list("payment_no", flat=True))
    rows = told.filter(pk__in=[pk for pk, payment_no in numbers.items() if payment_no not in settled])
    news = [
        (account_id, event_key, facts.get("gateway_trade_no", ""))
        for account_id, event_key, facts in rows.values_list("account_id", "event_key", "facts")
        if facts.get("outcome") == Outcome.SUCCEEDED
    ]
    lines = LedgerLine.objects.filter(entry__kind=COLLECT, entry__reference__in={it for _pk, _key, it in news})
    booked = set(lines.filter(account=Account.CLEARING).values_list("gateway_account_id", "entry__reference"))
    for account_id, event_key, trade_no in news:
        if (account_id, trade_no) not in booked:
            yield Offender(check="inbox_booked", reference=event_key, facts={"gateway_trade_no": trade_no})


def inbox_set_aside(span: Span) -> Iterator[Offender]:
    """No message is set aside without a moment, nor by a person without a reason."""
    rows = Notification.objects.filter(span.rows, state=Notification.State.SET_ASIDE)
    broken = rows.filter(Q(set_aside_at=None) | Q(set_aside_by__isnull=False, set_aside_reason=""))
    for row in broken.order_by("pk").values("event_key", "set_aside_at", "set_aside_by"):
        yield named("inbox_set_aside", row, "event_key")


def statement_sums(span: Span) -> Iterator[Offender]:
    """A statement's sums are those of its lines."""
    paid, back = Q(lines__movement=Movement.PAYMENT), Q(lines__movement=Movement.REFUND)
    added = Statement.objects.filter(span.rows).annotate(
        paid=Count("lines", filter=paid),
        paid_fen=fen("lines__amount_fen", only=paid),
        back=Count("lines", filter=back),
        back_fen=fen("lines__amount_fen", only=back),
        kept_fen=fen("lines__fee_fen"),
    )
    broken = added.exclude(
        payments=F("paid"),
        payments_fen=F("paid_fen"),
        refunds=F("back"),
        refunds_fen=F("back_fen"),
        fees_fen=F("kept_fen"),
    )
    for row in broken.order_by("pk").values("account__code", "day", "paid_fen", "back_fen", "kept_fen"):
        facts = {name: row[name] for name in ("paid_fen", "back_fen", "kept_fen")}
        yield Offender(check="statement_sums", reference=f"{row['account__code']} {row['day']}", facts=facts)


def statement_fees(span: Span) -> Iterator[Offender]:
    """A statement's fees are booked, all of them and nothing else."""
    lines = LedgerLine.objects.filter(
        span.by("entry__source_id"),
        entry__source_type="statement",
        entry__kind__startswith=FEES,
        account=Account.FEES,
    )
    booked = sums(lines, "entry__source_id")
    rows = Statement.objects.filter(span.rows).order_by("pk")
    names = ("pk", "account__code", "day", "fees_fen", "fees_booked_fen")
    for pk, code, day, fees_fen, noted_fen in rows.values_list(*names):
        ledger_fen = booked.get(pk, 0)
        if not fees_fen == noted_fen == ledger_fen:
            facts = {"fees_fen": fees_fen, "fees_booked_fen": noted_fen, "ledger_fen": ledger_fen}
            yield Offender(check="statement_fees", reference=f"{code} {day}", facts=facts)


def lines_once(span: Span) -> Iterator[Offender]:
    """No movement is told by the statements of two days, unless it is somebody's work as told twice."""
    compared = Statement.objects.filter(compared_at__isnull=False)
    days = {pk: (account_id, day) for pk, account_id, day in compared.values_list("pk", "account_id", "day")}
    work = Discrepancy.objects.filter(span.by("statement_id"), kind=Discrepancy.Kind.DUPLICATE)
    known = set(work.values_list("statement_id", "movement", "gateway_trade_no"))
    lines = StatementLine.objects.filter(span.by("statement_id"), statement__compared_at__isnull=False)
    for chunk in in_chunks(lines.order_by("pk")):
        told = tellers(chunk)
        for line in chunk:
            others = (days[pk] for pk in told[facts_of(line)] if pk in days)
            is_later = any(_is_before(other, days[line.statement_id]) for other in others)
            is_known = (line.statement_id, line.movement, line.gateway_trade_no) in known
            if is_later and not is_known and not is_nameless(line):
                facts = {"movement": line.movement, "refund_no": line.refund_no, "day": str(days[line.statement_id][1])}
                yield Offender(check="statement_line_twice", reference=line.gateway_trade_no, facts=facts)


def _is_before(one: tuple[int, date], other: tuple[int, date]) -> bool:
    """:param one: account and day of a statement"""
    return one[0] == other[0] and one[1] < other[1]


def differences(span: Span) -> Iterator[Offender]:
    """No difference is closed without saying how, nor by a person without a reason."""
    rows = Discrepancy.objects.filter(span.rows)
    is_open, says_how = Q(resolved_at=None), ~Q(resolution="")
    broken = rows.filter(
        (is_open & says_how) | (~is_open & ~says_how) | Q(resolution__in=BY_A_PERSON, resolution_note="")
    )
    for row in broken.order_by("pk").values("key", "kind", "resolution", "resolved_at"):
        yield named("difference_resolved", row, "key")


def approvals(span: Span) -> Iterator[Offender]:
    """A word is given by another person than asked for it, and stands for what was done: once."""
    rows = Approval.objects.filter(span.rows)
    used = Q(state=State.USED)
    broken = rows.filter(
        (used & (Q(used_at=None) | Q(decided_by=None) | Q(decided_by=F("requested_by"))))
        | (~used & Q(used_at__isnull=False))
        | Q(state=State.PENDING, open_key=None)
        | (~Q(state=State.PENDING) & Q(open_key__isnull=False))
    )
    for row in broken.order_by("pk").values("kind", "subject_id", "state", "requested_by", "decided_by"):
        facts = {name: row[name] for name in ("state", "requested_by", "decided_by")}
        yield Offender(check="approval", reference=f"{row['kind']}:{row['subject_id']}", facts=facts)


def refund_approvals(span: Span) -> Iterator[Offender]:
    """A refund that needs a second person's word goes nowhere without it, and no word is used for it twice."""
    keys = [str(pk) for pk in Refund.objects.filter(span.rows).values_list("pk", flat=True)]
    words: dict[str, list[str]] = {}
    asked = Approval.objects.filter(kind=REFUND.name, subject_id__in=keys).order_by("pk")
    for subject_id, state in asked.values_list("subject_id", "state"):
        words.setdefault(subject_id, []).append(state)
    concerned = Refund.objects.filter(span.rows).filter(Q(pk__in=words) | Q(status=Status.PENDING_APPROVAL))
    for pk, refund_no, status in concerned.order_by("pk").values_list("pk", "refund_no", "status"):
        said = words.get(str(pk), [])
        fitting = DECIDED.get(Status(status), (State.USED,))
        if not said or said[-1] not in fitting or said.count(State.USED) > 1:
            facts = {"status": status, "approvals": ", ".join(said)}
            yield Offender(check="refund_approval", reference=refund_no, facts=facts)


def invoice_lines(span: Span) -> Iterator[Offender]:
    """The lines of an invoice are its sum."""
    added = InvoiceRequest.objects.filter(span.rows).annotate(lines_fen=fen("lines__amount_fen"))
    for row in added.exclude(amount_fen=F("lines_fen")).order_by("pk").values("request_no", "amount_fen", "lines_fen"):
        yield named("invoice_lines", row, "request_no")


def red_letters(span: Span) -> Iterator[Offender]:
    """Red letters take back no more than their invoice named."""
    alive = Q(reds__status__in=set(InvoiceRequest.Status) - {InvoiceRequest.Status.CANCELED})
    added = InvoiceRequest.objects.filter(span.rows, kind=InvoiceRequest.Kind.BLUE).annotate(
        back_fen=fen("reds__amount_fen", only=alive)
    )
    broken = added.exclude(amount_fen__gte=-F("back_fen"))
    for row in broken.order_by("pk").values("request_no", "amount_fen", "back_fen"):
        yield named("red_letters", row, "request_no")


NOTIFICATIONS = (inbox_late, inbox_booked, inbox_set_aside)
STATEMENTS = (statement_sums, statement_fees, lines_once)
DISCREPANCIES = (differences,)
APPROVALS = (approvals,)
INVOICES = (invoice_lines, red_letters)
