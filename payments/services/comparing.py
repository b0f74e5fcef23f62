"""What a statement, our payments and refunds, and the ledger say of the same money, side by side. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import chain, islice
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from kernel.clock import business_day, day_bounds

from ..gateways import Movement
from ..models import Discrepancy, LedgerLine, Payment, Refund, Statement, StatementLine, UnappliedMoney
from . import ledger
from .external_refunds import MADE_ELSEWHERE
from .tellers import COLUMNS, facts_of, in_chunks, is_nameless, tellers

CHUNK = 1_000
NEAR_MIDNIGHT = timedelta(hours=2)  # gateways close their books at 23:00 at the earliest
PPM = 1_000_000
WITHIN = "/"
KEY_LENGTH = Discrepancy._meta.get_field("key").max_length or 0
Kind = Discrepancy.Kind
Waits = Callable[[datetime], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    A difference, before anybody has looked at it.

    :param number: the gateway's transaction number, of a refund with its own: what makes it the same one tomorrow
    :param is_settled: known to be no trouble: the other half is in the statement of the day beside
    """

    kind: Kind
    movement: Movement
    number: str
    payment_no: str = ""
    refund_no: str = ""
    gateway_trade_no: str = ""
    payment_id: int | None = None
    refund_id: int | None = None
    ours_fen: int | None = None
    theirs_fen: int | None = None
    our_state: str = ""
    their_state: str = ""
    occurred_at: datetime | None = None
    is_settled: bool = False

    @property
    def key(self) -> str:
        group = self.kind if self.kind in (Kind.FEE, Kind.DUPLICATE) else "money"
        key = f"{group}:{self.movement}:{self.number}"
        return key if len(key) <= KEY_LENGTH else f"{group}:{self.movement}:{sha256(key.encode()).hexdigest()}"


@dataclass(slots=True)
class Ours:
    """The sums of our side of a day, counted while it is compared."""

    payments: int = 0
    payments_fen: int = 0
    refunds: int = 0
    refunds_fen: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """One movement in our books."""

    number: str
    aliases: tuple[str, ...]
    amount_fen: int
    at: datetime
    payment_no: str = ""
    refund_no: str = ""
    payment_id: int | None = None
    refund_id: int | None = None


def compare(statement: Statement, ours: Ours) -> Iterator[Finding]:
    """Every difference of a day, once; memory stays flat however long the statement is."""
    repeated, earlier = _repeated(statement), _days_before(statement)
    for chunk in in_chunks(statement.lines.order_by("line_no")):
        again = _told_before(chunk, earlier) | repeated
        first = [line for line in chunk if line.line_no not in again]
        yield from (_twice(line, again[line.line_no]) for line in chunk if line.line_no in again)
        yield from _payments_of_chunk(statement, [line for line in first if line.movement == Movement.PAYMENT])
        yield from _refunds_of_chunk(statement, [line for line in first if line.movement == Movement.REFUND])
    yield from _only_ours(statement, ours)


def _repeated(statement: Statement) -> dict[int, int]:
    """Lines that say what an earlier line of the day has said: the how many-th telling it is, by line number."""
    groups = statement.lines.order_by().values(*COLUMNS).annotate(n=Count("pk")).filter(n__gt=1)
    trades = {group["gateway_trade_no"] for group in groups}
    told: Counter[tuple[str, ...]] = Counter()
    found: dict[int, int] = {}
    if not trades:
        return found
    lines = statement.lines.filter(gateway_trade_no__in=trades).order_by("line_no")
    for line_no, *facts in lines.values_list("line_no", *COLUMNS):
        told[tuple(facts)] += 1
        if told[tuple(facts)] > 1:
            found[line_no] = told[tuple(facts)]
    return found


def _days_before(statement: Statement) -> set[int]:
    days = Statement.objects.filter(account=statement.account_id, day__lt=statement.day)
    return set(days.values_list("pk", flat=True))


def _told_before(lines: Sequence[StatementLine], earlier: set[int]) -> dict[int, int]:
    """Lines whose movement the statement of an earlier day has told: 1, by line number."""
    known = tellers(lines) if earlier else {}
    return {line.line_no: 1 for line in lines if not is_nameless(line) and known.get(facts_of(line), set()) & earlier}


def _twice(line: StatementLine, telling: int) -> Finding:
    return _finding(Kind.DUPLICATE, line, number=f"{_number(line)}#{telling}")


def _number(line: StatementLine) -> str:
    if line.movement == Movement.PAYMENT:
        return line.gateway_trade_no
    return _within(line.gateway_trade_no, line.refund_no or line.gateway_refund_no)


def _within(trade_no: str, refund_no: str) -> str:
    """A refund's number is one of a kind within its trade alone: at a console people give what numbers they like."""
    return f"{trade_no}{WITHIN}{refund_no}"


def _finding(kind: Kind, line: StatementLine, *, number: str = "", **facts: Any) -> Finding:
    told: dict[str, Any] = {
        "payment_no": line.payment_no,
        "refund_no": line.refund_no or line.gateway_refund_no,
        "gateway_trade_no": line.gateway_trade_no,
        "theirs_fen": line.amount_fen,
        "their_state": line.native_state,
        "occurred_at": line.occurred_at,
    }
    return Finding(kind=kind, movement=Movement(line.movement), number=number or _number(line), **(told | facts))


# ------------------------------------------------------------------------------- what the gateway says


def _payments_of_chunk(statement: Statement, lines: list[StatementLine]) -> Iterator[Finding]:
    if not lines:
        return
    booked = _booked(statement.account_id, (ledger.COLLECT,), [line.gateway_trade_no for line in lines])
    named = Payment.objects.filter(
        account=statement.account_id, payment_no__in=[line.payment_no for line in lines if line.payment_no]
    )
    payments = {it.payment_no: it for it in named.only("pk", "payment_no", "status", "amount_fen")}
    for line in lines:
        payment = payments.get(line.payment_no)
        ours_fen = booked.get(line.gateway_trade_no)
        known: dict[str, Any] = {"payment_id": payment.pk, "our_state": payment.status} if payment else {}
        if ours_fen is None:
            yield _finding(Kind.STATUS if payment else Kind.MISSING_LOCAL, line, **known)
        elif ours_fen != line.amount_fen:
            yield _finding(Kind.AMOUNT, line, ours_fen=ours_fen, **known)
        else:
            yield from _fee(statement, line, known)


def _fee(statement: Statement, line: StatementLine, known: Mapping[str, Any]) -> Iterator[Finding]:
    """A fee off by a fen is a matter of rounding."""
    if statement.account.fee_ppm is None:
        return
    agreed_fen = (line.amount_fen * statement.account.fee_ppm + PPM // 2) // PPM
    if abs(agreed_fen - line.fee_fen) > 1:
        yield _finding(Kind.FEE, line, ours_fen=agreed_fen, theirs_fen=line.fee_fen, **known)


def _booked(account_id: int, kinds: Sequence[str], references: Iterable[str]) -> dict[str, int]:
    """What the ledger says moved through the account's clearing, by reference."""
    lines = LedgerLine.objects.filter(
        account=LedgerLine.Account.CLEARING,
        gateway_account=account_id,
        entry__kind__in=kinds,
        entry__reference__in=list(references),
    )
    sums = lines.order_by().values_list("entry__reference").annotate(fen=Sum("amount_fen"))
    return dict(sums)


def _refunds_of_chunk(statement: Statement, lines: list[StatementLine]) -> Iterator[Finding]:
    if not lines:
        return
    numbers = [number for line in lines for number in (line.refund_no, line.gateway_refund_no) if number]
    rows = _refunds_of(statement.account_id).filter(Q(refund_no__in=numbers) | Q(gateway_refund_no__in=numbers))
    refunds = {name: it for it in rows.select_related("payment", "unapplied") for name in _names(it)}
    booked = _booked(statement.account_id, ledger.GIVEN_BACK, {it.refund_no for it in refunds.values()})
    for line in lines:
        names = (
            line.refund_no,
            *(_within(line.gateway_trade_no, it) for it in (line.refund_no, line.gateway_refund_no)),
        )
        refund = next((refunds[name] for name in names if name in refunds), None)
        if refund is None:
            yield _finding(Kind.MISSING_LOCAL, line)
            continue
        known: dict[str, Any] = {"refund_id": refund.pk, "payment_id": refund.payment_id, "our_state": refund.status}
        ours_fen = -booked.get(refund.refund_no, 0)
        if refund.status != Refund.Status.SUCCEEDED or not ours_fen:
            yield _finding(Kind.STATUS, line, ours_fen=refund.amount_fen, **known)
        elif ours_fen != line.amount_fen:
            yield _finding(Kind.AMOUNT, line, ours_fen=ours_fen, **known)


def _names(refund: Refund) -> tuple[str, ...]:
    """What a statement may call a refund: our number is the only one of its kind everywhere."""
    source = refund.unapplied or refund.payment
    trade_no = source.gateway_trade_no if source is not None else ""
    return (refund.refund_no, _within(trade_no, refund.gateway_refund_no))


def _refunds_of(account_id: int) -> QuerySet[Refund]:
    return Refund.objects.filter(
        Q(unapplied__account=account_id) | Q(unapplied__isnull=True, payment__account=account_id)
    )


# ------------------------------------------------------------------------------- what only we say


def _only_ours(statement: Statement, ours: Ours) -> Iterator[Finding]:
    paid, refunded = chain(_paid(statement), _suspended(statement)), _refunded(statement)
    waits = _waits(statement)
    while chunk := list(islice(paid, CHUNK)):
        ours.payments += len(chunk)
        ours.payments_fen += sum(it.amount_fen for it in chunk)
        yield from _unmatched(statement, Movement.PAYMENT, chunk, waits)
    while chunk := list(islice(refunded, CHUNK)):
        ours.refunds += len(chunk)
        ours.refunds_fen += sum(it.amount_fen for it in chunk)
        yield from _unmatched(statement, Movement.REFUND, chunk, waits)


def _paid(statement: Statement) -> Iterator[Moved]:
    start, end = day_bounds(statement.day)
    paid = Payment.objects.filter(
        account=statement.account_id, status=Payment.Status.SUCCEEDED, paid_at__gte=start, paid_at__lt=end
    ).exclude(gateway_trade_no="")
    columns = ("pk", "payment_no", "gateway_trade_no", "amount_fen", "paid_at")
    for pk, payment_no, trade_no, amount_fen, at in paid.values_list(*columns).iterator(chunk_size=CHUNK):
        yield Moved(trade_no, (trade_no,), amount_fen, at, payment_no=payment_no, payment_id=pk)


def _suspended(statement: Statement) -> Iterator[Moved]:
    """Money that no payment of ours collected as it was asked for."""
    start, end = day_bounds(statement.day)
    kept = UnappliedMoney.objects.filter(account=statement.account_id, received_at__gte=start, received_at__lt=end)
    others = kept.exclude(
        payment__status=Payment.Status.SUCCEEDED,
        payment__gateway_trade_no=F("gateway_trade_no"),
    )
    columns = ("payment_id", "payment_no", "gateway_trade_no", "amount_fen", "received_at")
    for payment_id, payment_no, trade_no, amount_fen, at in others.values_list(*columns).iterator(chunk_size=CHUNK):
        yield Moved(trade_no, (trade_no,), amount_fen, at, payment_no=payment_no, payment_id=payment_id)


def _refunded(statement: Statement) -> Iterator[Moved]:
    """What left the clearing account: money given back by other ways is no matter of the gateway's."""
    start, end = day_bounds(statement.day)
    lines = LedgerLine.objects.filter(
        account=LedgerLine.Account.CLEARING, gateway_account=statement.account_id, entry__kind__in=ledger.SETTLES
    )
    done = _refunds_of(statement.account_id).filter(
        status=Refund.Status.SUCCEEDED, settled_at__gte=start, settled_at__lt=end
    )
    through = done.filter(refund_no__in=lines.values("entry__reference"))
    for it in through.select_related("payment", "unapplied").iterator(chunk_size=CHUNK):
        source = it.unapplied or it.payment
        is_ours = not it.request_key.startswith(MADE_ELSEWHERE)
        yield Moved(
            _within(source.gateway_trade_no if source else "", it.refund_no if is_ours else it.gateway_refund_no),
            _names(it),
            it.amount_fen,
            it.settled_at or it.created_at,
            payment_no=source.payment_no if source else "",
            refund_no=it.refund_no,
            payment_id=it.payment_id,
            refund_id=it.pk,
        )


def _unmatched(statement: Statement, movement: Movement, chunk: list[Moved], waits: Waits) -> Iterator[Finding]:
    told = _told(statement, movement, [alias for it in chunk for alias in it.aliases])
    for it in chunk:
        days = {day for alias in it.aliases for day in told.get(alias, ())}
        if statement.day in days:
            continue
        yield Finding(
            kind=Kind.CUTOFF if days or waits(it.at) else Kind.MISSING_GATEWAY,
            movement=movement,
            number=it.number,
            payment_no=it.payment_no,
            refund_no=it.refund_no,
            gateway_trade_no=it.number if movement is Movement.PAYMENT else "",
            payment_id=it.payment_id,
            refund_id=it.refund_id,
            ours_fen=it.amount_fen,
            our_state="succeeded",
            occurred_at=it.at,
            is_settled=bool(days),
        )


def _told(statement: Statement, movement: Movement, numbers: list[str]) -> dict[str, set[date]]:
    """The days, this one and those beside it, whose statements name these numbers."""
    beside = (statement.day - timedelta(days=1), statement.day + timedelta(days=1))
    lines = StatementLine.objects.filter(
        statement__account=statement.account_id, statement__day__range=beside, movement=movement.value
    )
    columns = ("gateway_trade_no",) if movement is Movement.PAYMENT else ("refund_no", "gateway_refund_no")
    plain = {number.rpartition(WITHIN)[2] for number in numbers} - {""}
    days: dict[str, set[date]] = {}
    for column in columns:
        found = lines.filter(**{f"{column}__in": plain}).values_list(column, "gateway_trade_no", "statement__day")
        for number, trade_no, day in found:
            for name in (number, _within(trade_no, number)):
                days.setdefault(name, set()).add(day)
    return days


def _waits(statement: Statement) -> Waits:
    """Whether a moment is so close to midnight that the statement of the day beside may tell, which is not here yet."""
    start, end = day_bounds(statement.day)
    before, after = statement.day - timedelta(days=1), business_day(end)
    here = set(
        Statement.objects.filter(
            account=statement.account_id,
            day__in=(before, after),
            state__in=(Statement.State.FETCHED, Statement.State.EMPTY),
        ).values_list("day", flat=True)
    )
    early, late = before not in here, after not in here
    return lambda at: (late and end - at <= NEAR_MIDNIGHT) or (early and at - start <= NEAR_MIDNIGHT)
