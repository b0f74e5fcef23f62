"""Every payment, refund and unapplied money: booked to the fen, and given back no more than came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from kernel.bulk import among

from ...models import LedgerEntry, LedgerLine, Payment, Refund, RefundLine, UnappliedMoney
from ..ledger import APPLY, COLLECT, SETTLES
from .looking import Account, Offender, Span, named, sums

Action = UnappliedMoney.Action
TO_ORDERS = (Action.APPLY, Action.REVIVE)
BACK = (Action.REFUND, Action.OUTSIDE)


def payment_refunds(span: Span) -> Iterator[Offender]:
    """Refunded + in flight ≤ captured, and both are the sums of the payment's refunds."""
    done: Counter[int] = Counter()
    coming: Counter[int] = Counter()
    own = Q(unapplied=None) | Q(unapplied__gateway_trade_no=F("payment__gateway_trade_no"))
    refunds = Refund.objects.filter(span.by("payment_id")).filter(own)
    for payment_id, status, amount_fen in refunds.values_list("payment_id", "status", "amount_fen"):
        if status in Refund.IN_FLIGHT:
            coming[payment_id or 0] += amount_fen
        elif status == Refund.Status.SUCCEEDED:
            done[payment_id or 0] += amount_fen
    rows = Payment.objects.filter(span.rows).order_by("pk")
    names = ("pk", "payment_no", "amount_fen", "refunded_fen", "refunding_fen")
    for pk, payment_no, amount_fen, refunded_fen, refunding_fen in rows.values_list(*names):
        sums_fen = (done[pk], coming[pk]) if pk in done or pk in coming else (0, 0)
        if (refunded_fen, refunding_fen) != sums_fen or sum(sums_fen) > amount_fen:
            facts = {"amount_fen": amount_fen, "refunded_fen": refunded_fen, "refunding_fen": refunding_fen}
            facts |= {"done_fen": sums_fen[0], "coming_fen": sums_fen[1]}
            yield Offender(check="payment_refunds", reference=payment_no, facts=facts)


def payment_booked(span: Span) -> Iterator[Offender]:
    """What a payment collected is in the ledger to the fen: with its order, or in suspense."""
    booked = _collected(span)
    paid = Payment.objects.filter(span.rows, status=Payment.Status.SUCCEEDED).order_by("pk")
    rows = paid.values_list("pk", "payment_no", "account_id", "gateway_trade_no", "amount_fen")
    others = {payment_no: tuple(told) for pk, payment_no, *told in rows if booked.get(pk) != told}
    lines = LedgerLine.objects.filter(entry__kind=COLLECT, account=Account.CLEARING)
    of_others = lines.filter(entry__reference__in={trade_no for _account_id, trade_no, _fen in others.values()})
    kept = set(of_others.values_list("gateway_account_id", "entry__reference", "amount_fen"))
    for payment_no, told in others.items():
        if told not in kept:
            facts = {"gateway_trade_no": told[1], "amount_fen": told[2]}
            yield Offender(check="payment_booked", reference=payment_no, facts=facts)


def _collected(span: Span) -> dict[int, list[Any]]:
    """Account, trade and fen of what was booked as a payment's own, by payment."""
    entries = LedgerEntry.objects.filter(span.by("source_id"), source_type="payment", kind=COLLECT)
    of_entry = {
        pk: (source_id, trade_no) for pk, source_id, trade_no in entries.values_list("pk", "source_id", "reference")
    }
    lines = LedgerLine.objects.filter(among("entry_id", list(of_entry)), account=Account.CLEARING)
    return {
        of_entry[entry_id][0]: [account_id, of_entry[entry_id][1], amount_fen]
        for entry_id, account_id, amount_fen in lines.values_list("entry_id", "gateway_account_id", "amount_fen")
        if entry_id in of_entry
    }


def refund_booked(span: Span) -> Iterator[Offender]:
    """What went back left the account's clearing, or the money elsewhere, to the fen."""
    lines = LedgerLine.objects.filter(
        span.by("entry__source_id"), entry__source_type="refund", entry__kind__in=SETTLES, amount_fen__lt=0
    )
    booked = set(lines.values_list("entry__source_id", "account", "gateway_account_id", "amount_fen"))
    done = Refund.objects.filter(span.rows, status=Refund.Status.SUCCEEDED).order_by("pk")
    names = ("pk", "refund_no", "way", "amount_fen", "payment__account_id", "unapplied__account_id")
    for pk, refund_no, way, amount_fen, paid_to, kept_by in done.values_list(*names):
        is_through = way == Refund.Way.GATEWAY
        place = (Account.CLEARING, paid_to or kept_by) if is_through else (Account.ELSEWHERE, None)
        if (pk, *place, -amount_fen) not in booked:
            yield Offender(check="refund_booked", reference=refund_no, facts={"way": way, "amount_fen": amount_fen})


def refund_lines(span: Span) -> Iterator[Offender]:
    """Lines and shipping fee of a refund are its amount."""
    of_lines = sums(RefundLine.objects.filter(span.by("refund_id")), "refund_id")
    rows = Refund.objects.filter(span.rows, unapplied=None).order_by("pk")
    for pk, refund_no, amount_fen, shipping_fen in rows.values_list("pk", "refund_no", "amount_fen", "shipping_fen"):
        lines_fen = of_lines.get(pk, 0)
        if amount_fen != lines_fen + shipping_fen:
            facts = {"amount_fen": amount_fen, "lines_fen": lines_fen, "shipping_fen": shipping_fen}
            yield Offender(check="refund_lines", reference=refund_no, facts=facts)


def refund_reserved(span: Span) -> Iterator[Offender]:
    """What is on its way back is reserved as payable, and nothing else is."""
    lines = LedgerLine.objects.filter(
        span.by("entry__source_id"), entry__source_type="refund", account=Account.REFUNDS_PAYABLE
    )
    reserved = sums(lines, "entry__source_id")
    rows = Refund.objects.filter(span.rows).order_by("pk")
    for pk, refund_no, status, amount_fen in rows.values_list("pk", "refund_no", "status", "amount_fen"):
        wanted_fen = amount_fen if status in Refund.IN_FLIGHT else 0
        if -reserved.get(pk, 0) != wanted_fen:
            facts = {"status": status, "in_flight_fen": wanted_fen, "reserved_fen": -reserved.get(pk, 0)}
            yield Offender(check="refund_reserved", reference=refund_no, facts=facts)


def unapplied_booked(span: Span) -> Iterator[Offender]:
    """Money in suspense is in the ledger."""
    lines = LedgerLine.objects.filter(
        entry__source_type="unapplied",
        entry__source_id=OuterRef("pk"),
        entry__kind=COLLECT,
        account=Account.CLEARING,
        gateway_account_id=OuterRef("account_id"),
        amount_fen=OuterRef("amount_fen"),
    )
    kept = UnappliedMoney.objects.filter(span.rows).exclude(Exists(lines))
    for row in kept.order_by("pk").values("gateway_trade_no", "amount_fen"):
        yield named("unapplied_booked", row, "gateway_trade_no")


def unapplied_resolved(span: Span) -> Iterator[Offender]:
    """No money leaves the work queue but for a reason, and to where its row says."""
    entries = LedgerEntry.objects.filter(span.by("source_id"), source_type="unapplied", kind=APPLY)
    applied = set(entries.values_list("source_id", flat=True))
    back = Refund.objects.filter(span.by("unapplied_id"), status__in=(*Refund.IN_FLIGHT, Refund.Status.SUCCEEDED))
    returned = sums(back, "unapplied_id")
    outside = set(back.exclude(way=Refund.Way.GATEWAY).values_list("unapplied_id", flat=True))
    lines = LedgerLine.objects.filter(span.by("entry__source_id"), entry__source_type="unapplied")
    kept = sums(lines.filter(account=Account.OTHER_INCOME), "entry__source_id")
    for money in UnappliedMoney.objects.filter(span.rows).order_by("pk"):
        left_fen = money.amount_fen - returned.get(money.pk, 0)
        fault = _fault_of(money, left_fen=left_fen, is_applied=money.pk in applied)
        fault = fault or _fault_of_ending(
            money, left_fen=left_fen, kept_fen=-kept.get(money.pk, 0), is_outside=money.pk in outside
        )
        if fault:
            facts = {"fault": fault, "resolution": money.resolution}
            yield Offender(check="unapplied_resolved", reference=money.gateway_trade_no, facts=facts)


def _fault_of(money: UnappliedMoney, *, left_fen: int, is_applied: bool) -> str:
    resolution, is_resolved = money.resolution, money.resolved_at is not None
    if is_resolved != bool(resolution):
        return "resolved without saying how" if is_resolved else "open, yet it says how it was resolved"
    if is_resolved and not money.resolution_note.strip():
        return "resolved without a reason"
    if is_applied != (resolution in TO_ORDERS):
        return "in the ledger as applied" if is_applied else "not in the ledger as applied"
    is_some_back = left_fen != money.amount_fen
    if left_fen < 0 or (resolution in BACK and left_fen) or (resolution in TO_ORDERS and is_some_back):
        return "not as much goes back as came"
    return ""


def _fault_of_ending(money: UnappliedMoney, *, left_fen: int, kept_fen: int, is_outside: bool) -> str:
    """Of money that its gateway does not give back, the books say where it is."""
    if kept_fen != (left_fen if money.resolution == Action.INCOME else 0):
        return "in the ledger, another sum is kept"
    if money.resolution == Action.OUTSIDE and not is_outside:
        return "nothing is recorded as paid back outside the gateway"
    return ""


PAYMENTS = (payment_refunds, payment_booked)
REFUNDS = (refund_booked, refund_lines, refund_reserved)
UNAPPLIED = (unapplied_booked, unapplied_resolved)
