"""Statements: fetched when the gateway has made them, or uploaded; the file is kept, its fees are booked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from io import BytesIO
from itertools import islice
from typing import IO

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F, Max
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.bulk import fast_insert
from kernel.clock import SHANGHAI, business_day, day_bounds
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.failpoints import failpoint
from kernel.models import User

from ..gateways import (
    Availability,
    ConfigError,
    Gateway,
    Movement,
    StatementFile,
    StatementRequest,
    UnreadableStatement,
    Unsupported,
    guard_no_transaction,
)
from ..gateways import (
    StatementLine as Told,
)
from ..models import GatewayAccount, Payment, Refund, Statement, StatementLine, UnappliedMoney
from . import ledger
from .accounts import gateway_of
from .troubles import NO_STATEMENT_ALERT, tell_config_error, tell_no_statement

READY_AT = time(10, 30)  # of the next Shanghai day, when all gateways have made theirs
RETRY = timedelta(minutes=30)
GIVE_UP = timedelta(days=7)
BACK = 3  # days that a new account's statements are asked for
CATCH_UP = 31  # days, after nobody asked for a while
LEASE = timedelta(minutes=10)
CHUNK = 2_000
LARGEST = 64 * 1024 * 1024
WHOLE_PPM = 1_000_000
State = Statement.State


class NoStatements(DomainError):
    text = _("%(gateway)s gives no statements that can be fetched. Upload the file instead.")


class StatementUnreadable(DomainError):
    text = _("This is no statement of %(gateway)s that can be read (line %(line)d): %(why)s")


class OtherDay(DomainError):
    text = _("This statement is about %(theirs)s, not about %(asked)s. Choose that day, or another file.")


class FileTooLarge(DomainError):
    text = _("A statement has at most 64 MB.")


class DayNotOver(DomainError):
    text = _("%(day)s is not over yet. A statement is made on the day after.")


class FetchFailed(DomainError):
    text = _("The gateway gave no statement of %(day)s: %(why)s")


def plan_statements(*, at: datetime) -> int:
    """
    Have the statements of the past days fetched, for every account whose gateway gives any: of each day on which it
    was switched on, or money moved though it was not. Days that nobody planned while workers were down come too.

    :return: how many are new
    """
    yesterday, planned = business_day(at) - timedelta(days=1), 0
    for account in GatewayAccount.objects.all():
        if not _gives_statements(account):
            continue
        first = _first_to_plan(account, yesterday=yesterday)
        for offset in range((yesterday - first).days + 1):
            day = first + timedelta(days=offset)
            if account.is_enabled or _has_moved(account, day):
                planned += int(statement_for(account=account, day=day)[1])
    return planned


def _first_to_plan(account: GatewayAccount, *, yesterday: date) -> date:
    newest = Statement.objects.filter(account=account).aggregate(day=Max("day"))["day"]
    first = yesterday - timedelta(days=BACK - 1)
    if newest is not None and newest < first:
        first = max(newest, yesterday - timedelta(days=CATCH_UP - 1))
    return max(first, business_day(account.created_at))


def _has_moved(account: GatewayAccount, day: date) -> bool:
    start, end = day_bounds(day)
    paid = Payment.objects.filter(account=account, paid_at__gte=start, paid_at__lt=end)
    kept = UnappliedMoney.objects.filter(account=account, received_at__gte=start, received_at__lt=end)
    through = Refund.objects.filter(payment__account=account, way=Refund.Way.GATEWAY)
    back = through.filter(settled_at__gte=start, settled_at__lt=end)
    return paid.exists() or kept.exists() or back.exists()


def statement_for(*, account: GatewayAccount, day: date) -> tuple[Statement, bool]:
    """The row of an account and day, and whether it is new; a new one is fetched when the gateway is ready."""
    ready_at = datetime.combine(day + timedelta(days=1), READY_AT, tzinfo=SHANGHAI)
    return Statement.objects.get_or_create(account=account, day=day, defaults={"due_at": ready_at})


def fetch_due(*, at: datetime, limit: int) -> list[Statement]:
    """
    Fetch what is due. Called twice, or by two workers, each is fetched once.

    :return: those that are here now
    """
    guard_no_transaction()
    due = Statement.objects.due(at=at).select_related("account").order_by("due_at", "pk")[:limit]
    return [row for row in list(due) if _claim(row, at=at) and _fetch_patiently(row, at=at)]


def fetch_statement(*, account: GatewayAccount, day: date, at: datetime) -> Statement:
    """
    Fetch a day's statement now, again if it is here already.

    :raises DayNotOver: if the gateway cannot have made it
    :raises NoStatements: if this gateway gives none
    :raises FetchFailed: if it gave none, with its words
    :raises ConfigError: if the account is set up wrongly
    :raises StatementUnreadable: if the file is not what it should be
    """
    guard_no_transaction()
    if day >= business_day(at):
        raise DayNotOver(day=day)
    if not _gives_statements(account):
        raise NoStatements(gateway=gateway_of(account).label)
    row, _is_new = statement_for(account=account, day=day)
    told = gateway_of(account).statement(request=StatementRequest(day=day))
    if told.availability not in (Availability.READY, Availability.EMPTY):
        raise FetchFailed(day=day, why=told.message or told.code)
    keep_statement(row=row, told=told, by=None, at=at)
    return row


def upload_statement(
    *, account: GatewayAccount, day: date, name: str, content: bytes, by: User | None, at: datetime
) -> Statement:
    """
    Take a statement that staff downloaded from the gateway's console.

    :raises DayNotOver: if that day is not over
    :raises FileTooLarge: above 64 MB
    :raises StatementUnreadable: if it is no such file
    :raises OtherDay: if it is about another day
    """
    if day >= business_day(at):
        raise DayNotOver(day=day)
    if len(content) > LARGEST:
        raise FileTooLarge
    row, _is_new = statement_for(account=account, day=day)
    told = StatementFile(availability=Availability.READY, content=content, name=name)
    keep_statement(row=row, told=told, by=by, at=at)
    return row


@transaction.atomic
def keep_statement(*, row: Statement, told: StatementFile, by: User | None, at: datetime) -> None:
    """
    Keep the file and its lines, in the place of an earlier one, and book the fees. The same file again changes nothing.

    :raises StatementUnreadable: if it is no such file
    :raises OtherDay: if it is about another day
    """
    locked = Statement.objects.select_for_update().get(pk=row.pk)
    digest = sha256(told.content).hexdigest()
    if locked.sha256 != digest or told.availability is Availability.EMPTY:
        _replace_lines(locked, told)
        locked.sha256, locked.revision = digest, locked.revision + 1
        if told.content:
            locked.file.save(f"{locked.account.code}-{locked.day}", ContentFile(told.content), save=False)
        _book_fees(locked, at=at)
    locked.state = State.EMPTY if told.availability is Availability.EMPTY else State.FETCHED
    locked.is_uploaded, locked.fetched_at, locked.due_at = by is not None, at, None
    locked.last_message = told.message[:300]
    locked.save()
    after = {"sha256": digest, "lines": locked.payments + locked.refunds, "fees_fen": locked.fees_fen}
    audit.record(action="payments.keep_statement", subject=locked, by=by, at=at, after=after)
    alerts.resolve(kind=NO_STATEMENT_ALERT, subject=f"{row.account.code} {row.day}", by=by, at=at)
    row.refresh_from_db()


def _gives_statements(account: GatewayAccount) -> bool:
    try:
        return gateway_of(account).capabilities.has_statements
    except ConfigError:
        return False


@retry_on_conflict
def _claim(row: Statement, *, at: datetime) -> bool:
    mine = Statement.objects.filter(pk=row.pk, attempt=row.attempt, due_at__lte=at)
    return mine.update(attempt=F("attempt") + 1, due_at=at + LEASE) == 1


def _fetch_patiently(row: Statement, *, at: datetime) -> bool:
    """Whether it is here. What is not made yet is asked for again, for a week."""
    failpoint("statement.before_call")
    try:
        told = gateway_of(row.account).statement(request=StatementRequest(day=row.day))
        if told.availability in (Availability.READY, Availability.EMPTY):
            keep_statement(row=row, told=told, by=None, at=at)
            return True
        words = told.message or told.code
    except ConfigError as error:
        tell_config_error(account=row.account, error=error, at=at)
        words = str(error)
    except (StatementUnreadable, OtherDay) as error:
        Statement.objects.filter(pk=row.pk).update(state=State.UNREADABLE)
        words = str(error)
    over = at - datetime.combine(row.day, READY_AT, tzinfo=SHANGHAI) > GIVE_UP
    if over or Statement.objects.filter(pk=row.pk, state=State.UNREADABLE).exists():
        tell_no_statement(account=row.account, day=row.day, words=words, at=at)
    Statement.objects.filter(pk=row.pk).update(due_at=None if over else at + RETRY, last_message=words[:300])
    return False


def _replace_lines(row: Statement, told: StatementFile) -> None:
    StatementLine.objects.filter(statement=row).delete()
    row.payments = row.payments_fen = row.refunds = row.refunds_fen = row.fees_fen = 0
    if told.availability is Availability.EMPTY:
        return
    gateway, days = gateway_of(row.account), _Days(row.day)
    try:
        for chunk in _chunks(gateway, BytesIO(told.content)):
            fast_insert([_line(row, line) for line in chunk])
            for line in chunk:
                _add(row, line)
                days.see(line.occurred_at)
    except UnreadableStatement as error:
        raise StatementUnreadable(gateway=gateway.label, line=error.line_no, why=str(error)) from error
    except Unsupported as error:
        raise NoStatements(gateway=gateway.label) from error
    days.check()


def _chunks(gateway: Gateway, file: IO[bytes]) -> Iterator[list[Told]]:
    lines = gateway.read_statement(file=file)
    while chunk := list(islice(lines, CHUNK)):
        yield chunk


class _Days:
    """Which day a statement is about: gateways that close their books earlier tell some of the day before."""

    def __init__(self, asked: date) -> None:
        self.asked, self.seen, self.near = asked, 0, 0
        self.other: date | None = None

    def see(self, moment: datetime | None) -> None:
        if moment is None:
            return
        self.seen += 1
        if abs((business_day(moment) - self.asked).days) <= 1:
            self.near += 1
        else:
            self.other = business_day(moment)

    def check(self) -> None:
        """:raises OtherDay: if most of it is of another day"""
        if self.other is not None and self.near * 2 < self.seen:
            raise OtherDay(theirs=self.other, asked=self.asked)


def _line(row: Statement, line: Told) -> StatementLine:
    return StatementLine(
        statement=row,
        line_no=line.line_no,
        movement=line.movement.value,
        payment_no=line.payment_no[:64],
        gateway_trade_no=line.gateway_trade_no[:64],
        refund_no=line.refund_no[:64],
        gateway_refund_no=line.gateway_refund_no[:64],
        amount_fen=line.amount_fen,
        fee_fen=line.fee_fen,
        native_state=line.native_state[:32],
        occurred_at=line.occurred_at,
    )


def _add(row: Statement, line: Told) -> None:
    row.fees_fen += line.fee_fen
    if line.movement is Movement.PAYMENT:
        row.payments += 1
        row.payments_fen += line.amount_fen
    else:
        row.refunds += 1
        row.refunds_fen += line.amount_fen


def _book_fees(row: Statement, *, at: datetime) -> None:
    """What a new file says beyond what is booked already: entries are never changed."""
    change_fen = row.fees_fen - row.fees_booked_fen
    if change_fen:
        ledger.book_fees(statement=row, amount_fen=change_fen, at=at)
        row.fees_booked_fen = row.fees_fen


class NoSuchFee(DomainError):
    text = _("A fee is between 0 and 100 percent.")


@transaction.atomic
def agree_fee(*, account_id: int, fee_ppm: int | None, by: User, at: datetime) -> GatewayAccount:
    """
    Note the fee that the merchant has agreed with a gateway; statements are compared with it.

    :param fee_ppm: in millionths of the amount; None compares no fees
    :raises NoSuchFee: if it is none
    """
    if fee_ppm is not None and not 0 <= fee_ppm <= WHOLE_PPM:
        raise NoSuchFee
    account = GatewayAccount.objects.select_for_update().get(pk=account_id)
    before, account.fee_ppm = {"fee_ppm": account.fee_ppm}, fee_ppm
    account.save(update_fields=["fee_ppm"])
    audit.record(action="payments.agree_fee", subject=account, by=by, at=at, before=before, after={"fee_ppm": fee_ppm})
    return account
