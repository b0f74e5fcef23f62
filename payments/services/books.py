"""Proving the books: every invariant that a fault of ours could break, or a hand in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, Model, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from kernel.models import Message
from orders.models import Order

from ..models import LedgerEntry, LedgerLine, Notification, Payment, Refund, UnappliedMoney
from .history import check_histories

INBOX_SECONDS = 60
CHUNK = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Offender:
    """
    Something that must never be.

    :param check: which invariant
    :param reference: the number of the order, payment, refund, entry or message that breaks it
    """

    check: str
    reference: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a table by primary key, both ends included."""

    first: int
    last: int

    @property
    def rows(self) -> Q:
        return Q(pk__gte=self.first, pk__lte=self.last)

    def by(self, column: str) -> Q:
        return Q(**{f"{column}__gte": self.first, f"{column}__lte": self.last})


Look = Callable[[Span], Iterator[Offender]]


def check_books(*, at: datetime) -> Iterator[list[Offender]]:
    """
    Look at every invariant, a stretch of rows at a time: memory stays flat however many orders there are.

    :return: what was found in each stretch; most are empty
    """
    for model, looks in BY_TABLE:
        for span in _spans(model):
            yield [offender for look in looks for offender in look(span)]
    yield list(inbox(at=at))
    for code, rows, columns in ONCE:
        yield list(_twice(code, rows, columns))


def count_stretches() -> int:
    """How many steps `check_books` takes, about."""
    return sum(model._default_manager.count() // CHUNK + 1 for model, _looks in BY_TABLE) + 1 + len(ONCE)


def _spans(model: type[Model]) -> Iterator[Span]:
    last = 0
    while True:
        keys = list(model._default_manager.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        if not keys:
            return
        yield Span(keys[0], keys[-1])
        last = keys[-1]


def _fen(path: str, *, only: Q | None = None) -> Coalesce:
    return Coalesce(Sum(path, filter=only), Value(0))


def _named(check: str, row: Mapping[str, Any], number: str) -> Offender:
    return Offender(check=check, reference=row[number], facts={name: row[name] for name in row if name != number})


def order_totals(span: Span) -> Iterator[Offender]:
    """Goods − discount + adjustment + shipping = total, as the row says."""
    right = F("subtotal_fen") - F("discount_fen") + F("adjustment_fen") + F("shipping_fen")
    broken = Order.objects.filter(span.rows).exclude(total_fen=right)
    names = ("order_no", "subtotal_fen", "discount_fen", "adjustment_fen", "shipping_fen", "total_fen")
    for row in broken.order_by("pk").values(*names):
        yield _named("order_total", row, "order_no")


def line_shares(span: Span) -> Iterator[Offender]:
    """The lines add up to the order, and so do their shares of its discount and adjustment."""
    sums = Order.objects.filter(span.rows).annotate(
        lines_fen=_fen("lines__total_fen"),
        goods_fen=Coalesce(Sum(F("lines__unit_price_fen") * F("lines__quantity")), Value(0)),
        shares_fen=_fen("lines__discount_fen"),
        adjusted_fen=_fen("lines__adjustment_fen"),
    )
    broken = sums.exclude(
        lines_fen=F("total_fen") - F("shipping_fen"),
        goods_fen=F("subtotal_fen"),
        shares_fen=F("discount_fen"),
        adjusted_fen=F("adjustment_fen"),
    )
    names = ("order_no", "total_fen", "shipping_fen", "lines_fen", "goods_fen", "shares_fen", "adjusted_fen")
    for row in broken.order_by("pk").values(*names):
        yield _named("line_shares", row, "order_no")


def refund_shares(span: Span) -> Iterator[Offender]:
    """What lines and shipping fee gave back is what the order gave back; files of other shops do not tell."""
    rows = Order.objects.filter(span.rows, import_job=None).annotate(given_fen=_fen("lines__refunded_fen"))
    broken = rows.exclude(refunded_fen=F("given_fen") + F("shipping_refunded_fen"))
    for row in broken.order_by("pk").values("order_no", "refunded_fen", "given_fen", "shipping_refunded_fen"):
        yield _named("refund_shares", row, "order_no")


def order_ledger(span: Span) -> Iterator[Offender]:
    """Paid − refunded = ledger. Refunds on their way are reserved in the ledger, and not yet off the order."""
    booked = _sums(LedgerLine.objects.filter(span.by("order_id"), account=LedgerLine.Account.RECEIVABLE))
    reserved = _sums(Refund.objects.filter(span.by("order_id"), unapplied=None, status__in=Refund.IN_FLIGHT))
    rows = Order.objects.filter(span.rows).order_by("pk")
    for order_id, order_no, paid_fen, refunded_fen in rows.values_list("pk", "order_no", "paid_fen", "refunded_fen"):
        ledger_fen, in_flight_fen = -booked.get(order_id, 0), reserved.get(order_id, 0)
        if paid_fen - refunded_fen - in_flight_fen != ledger_fen:
            facts = {"paid_fen": paid_fen, "refunded_fen": refunded_fen, "ledger_fen": ledger_fen}
            yield Offender(check="order_ledger", reference=order_no, facts={**facts, "in_flight_fen": in_flight_fen})


def _sums(rows: QuerySet[Any]) -> dict[int, int]:
    return dict(rows.order_by().values_list("order_id").annotate(fen=Sum("amount_fen")))


def histories(span: Span) -> Iterator[Offender]:
    """Every order's history is gapless, and a path of its workflow version."""
    for order_no, fault in check_histories(first=span.first, last=span.last):
        yield Offender(check="history", reference=order_no, facts={"fault": fault})


def entries(span: Span) -> Iterator[Offender]:
    """Every ledger entry has lines, and they add up to nothing."""
    rows = LedgerEntry.objects.filter(span.rows)
    sums = rows.annotate(sum_fen=_fen("lines__amount_fen"), count=Count("lines"))
    for row in sums.exclude(sum_fen=0, count__gte=2).order_by("pk").values("pk", "kind", "reference", "sum_fen"):
        yield Offender(
            check="entry_balance",
            reference=f"#{row['pk']} {row['kind']} {row['reference']}",
            facts={"sum_fen": row["sum_fen"]},
        )


def payment_refunds(span: Span) -> Iterator[Offender]:
    """Refunded + in flight ≤ captured, and both are the sums of the payment's refunds."""
    own = Q(refunds__unapplied=None) | Q(refunds__unapplied__gateway_trade_no=F("gateway_trade_no"))
    sums = Payment.objects.filter(span.rows).annotate(
        done_fen=_fen("refunds__amount_fen", only=own & Q(refunds__status=Refund.Status.SUCCEEDED)),
        coming_fen=_fen("refunds__amount_fen", only=own & Q(refunds__status__in=Refund.IN_FLIGHT)),
    )
    broken = sums.exclude(
        refunded_fen=F("done_fen"), refunding_fen=F("coming_fen"), amount_fen__gte=F("done_fen") + F("coming_fen")
    )
    names = ("payment_no", "amount_fen", "refunded_fen", "refunding_fen", "done_fen", "coming_fen")
    for row in broken.order_by("pk").values(*names):
        yield _named("payment_refunds", row, "payment_no")


def payment_booked(span: Span) -> Iterator[Offender]:
    """What a payment collected is in the ledger to the fen: with its order, or in suspense."""
    paid = Payment.objects.filter(span.rows, status=Payment.Status.SUCCEEDED)
    lines = LedgerLine.objects.filter(
        entry__reference=OuterRef("gateway_trade_no"),
        entry__kind="collect",
        account=LedgerLine.Account.CLEARING,
        gateway_account_id=OuterRef("account_id"),
        amount_fen=OuterRef("amount_fen"),
    )
    for row in paid.exclude(Exists(lines)).order_by("pk").values("payment_no", "amount_fen", "gateway_trade_no"):
        yield _named("payment_booked", row, "payment_no")


def refund_booked(span: Span) -> Iterator[Offender]:
    """What went back left clearing, or the money elsewhere, to the fen; lines and shipping fee are the amount."""
    done = Refund.objects.filter(span.rows, status=Refund.Status.SUCCEEDED)
    lines = LedgerLine.objects.filter(
        entry__source_type="refund",
        entry__source_id=OuterRef("pk"),
        entry__kind="refund_settle",
        account__in=(LedgerLine.Account.CLEARING, LedgerLine.Account.ELSEWHERE),
        amount_fen=Value(0) - OuterRef("amount_fen"),
    )
    for row in done.exclude(Exists(lines)).order_by("pk").values("refund_no", "amount_fen"):
        yield _named("refund_booked", row, "refund_no")
    shares = Refund.objects.filter(span.rows, unapplied=None).annotate(lines_fen=_fen("lines__amount_fen"))
    broken = shares.exclude(amount_fen=F("lines_fen") + F("shipping_fen"))
    for row in broken.order_by("pk").values("refund_no", "amount_fen", "lines_fen", "shipping_fen"):
        yield _named("refund_lines", row, "refund_no")


def unapplied_booked(span: Span) -> Iterator[Offender]:
    """Money in suspense is in the ledger."""
    lines = LedgerLine.objects.filter(
        entry__source_type="unapplied",
        entry__source_id=OuterRef("pk"),
        entry__kind="collect",
        account=LedgerLine.Account.CLEARING,
        amount_fen=OuterRef("amount_fen"),
    )
    kept = UnappliedMoney.objects.filter(span.rows).exclude(Exists(lines))
    for row in kept.order_by("pk").values("gateway_trade_no", "amount_fen"):
        yield _named("unapplied_booked", row, "gateway_trade_no")


def inbox(*, at: datetime) -> Iterator[Offender]:
    """No acknowledged message waits for longer than a minute."""
    long_ago = at - timedelta(seconds=INBOX_SECONDS)
    late = Notification.objects.filter(state=Notification.State.RECEIVED, received_at__lt=long_ago)
    for row in late.order_by("pk").values("event_key", "received_at"):
        yield _named("inbox_late", row, "event_key")


def _twice(code: str, rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[Offender]:
    """No effect key has two effects, whether or not its unique index is there."""
    twice = rows.order_by().values(*columns).annotate(times=Count("pk")).filter(times__gt=1)
    for row in twice.order_by(*columns).iterator(chunk_size=CHUNK):
        reference = ":".join(str(row[column]) for column in columns)
        yield Offender(check=code, reference=reference, facts={"times": row["times"]})


BY_TABLE: tuple[tuple[type[Model], tuple[Look, ...]], ...] = (
    (Order, (order_totals, line_shares, refund_shares, order_ledger, histories)),
    (LedgerEntry, (entries,)),
    (Payment, (payment_refunds, payment_booked)),
    (Refund, (refund_booked,)),
    (UnappliedMoney, (unapplied_booked,)),
)
ONCE: tuple[tuple[str, QuerySet[Any], tuple[str, ...]], ...] = (
    ("notification_twice", Notification.objects.all(), ("account_id", "event_key")),
    ("message_twice", Message.objects.all(), ("effect_key",)),
    ("entry_twice", LedgerEntry.objects.all(), ("source_type", "source_id", "kind")),
    ("refund_twice", Refund.objects.all(), ("request_key",)),
    ("refund_number_twice", Refund.objects.all(), ("refund_no",)),
    ("payment_number_twice", Payment.objects.all(), ("payment_no",)),
    ("unapplied_twice", UnappliedMoney.objects.all(), ("account_id", "gateway_trade_no")),
)
