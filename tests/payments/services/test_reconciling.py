"""A seeded day beside a statement with planted faults: every one is found once, and nothing else."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import IO, Any

import pytest
from django.core.management import call_command
from django.db.models import Sum

from kernel.clock import day_bounds
from kernel.models import Alert, AuditEntry
from payments.gateways import (
    GATEWAYS,
    Availability,
    Movement,
    Outcome,
    StatementFile,
    StatementLine,
    StatementRequest,
    UnreadableStatement,
)
from payments.models import (
    Discrepancy,
    GatewayAccount,
    LedgerLine,
    Payment,
    Refund,
    Statement,
    UnappliedMoney,
)
from payments.services import (
    DayNotOver,
    DifferenceResolved,
    FetchFailed,
    NoStatements,
    NotRepairable,
    OtherDay,
    RepairDidNotHelp,
    ResolutionReasonMissing,
    Share,
    StatementNotHere,
    StatementUnreadable,
    check_books,
    fetch_due,
    fetch_statement,
    plan_statements,
    reconcile,
    reconcile_with_neighbours,
    reconciling,
    repair_all,
    repair_difference,
    request_refund,
    resolve_difference,
    send_refund,
    settle,
    statement_for,
    take_difference,
    upload_statement,
)
from payments.services.endings import keep_as_income, pay_back_outside
from tests.factories import AccountFactory, PaymentFactory, UserFactory, paid_payment, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, FakeGateway

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 21)
START, END = day_bounds(DAY)
MORNING = END + timedelta(hours=11)
Kind = Discrepancy.Kind
FIELDS = ("movement", "payment_no", "gateway_trade_no", "refund_no", "amount_fen", "fee_fen", "occurred_at")


@dataclass
class Box:
    """The files that the fake gateway has made, by day."""

    files: dict[date, StatementFile]
    asked: int = 0


BOX = Box({})


class Bookkeeper(FakeGateway):
    """The fake gateway, with statements in a CSV of its own."""

    code = "bookkeeper"
    capabilities = replace(FakeGateway.capabilities, has_statements=True)

    def statement(self, *, request: StatementRequest) -> StatementFile:
        BOX.asked += 1
        return BOX.files.get(request.day, StatementFile(availability=Availability.NOT_YET, message="账单未生成"))

    def read_statement(self, *, file: IO[bytes]) -> Iterator[StatementLine]:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8"), FIELDS)
        for number, row in enumerate(rows, start=1):
            try:
                yield _read(number, row)
            except (KeyError, TypeError, ValueError) as error:
                raise UnreadableStatement("a broken row", line_no=number) from error


def _read(number: int, row: dict[str, Any]) -> StatementLine:
    return StatementLine(
        line_no=number,
        movement=Movement(row["movement"]),
        payment_no=row["payment_no"],
        gateway_trade_no=row["gateway_trade_no"],
        refund_no=row["refund_no"],
        amount_fen=int(row["amount_fen"]),
        fee_fen=int(row["fee_fen"]),
        occurred_at=datetime.fromisoformat(row["occurred_at"]),
        native_state="SUCCESS",
    )


@pytest.fixture(autouse=True)
def bookkeeper() -> Iterator[None]:
    BOX.files, BOX.asked = {}, 0
    GATEWAYS[Bookkeeper.code] = Bookkeeper
    try:
        yield
    finally:
        del GATEWAYS[Bookkeeper.code]


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create(gateway="bookkeeper", code="books", fee_ppm=6_000)


def paid(account: GatewayAccount, *, at: datetime, fen: int = 10_000) -> Payment:
    payment = PaymentFactory.create(account=account, order__total_fen=fen)
    settle(report=report_on(payment, occurred_at=at), account_id=account.pk, at=at)
    payment.refresh_from_db()
    return payment


def refunded(payment: Payment, *, at: datetime, fen: int) -> Refund:
    refund = request_refund(
        payment_id=payment.pk, share=Share(amount_fen=fen), reason="退", key=f"k{payment.pk}", by=None, at=at
    )
    with frozen(at):
        return send_refund(refund_id=refund.pk, at=at)


def line(payment: Payment, **changes: Any) -> dict[str, Any]:
    told = {
        "movement": "payment",
        "payment_no": payment.payment_no,
        "gateway_trade_no": payment.gateway_trade_no or f"T{payment.pk}",
        "refund_no": "",
        "amount_fen": payment.amount_fen,
        "fee_fen": (payment.amount_fen * 6_000 + 500_000) // 1_000_000,
        "occurred_at": (payment.paid_at or START + timedelta(hours=5)).isoformat(),
    }
    return told | changes


def refund_line(refund: Refund, **changes: Any) -> dict[str, Any]:
    assert refund.payment is not None
    facts = {"movement": "refund", "refund_no": refund.refund_no, "amount_fen": refund.amount_fen, "fee_fen": 0}
    return line(refund.payment, **{**facts, "occurred_at": refund.created_at.isoformat()}) | changes


def file_of(*lines: dict[str, Any]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, FIELDS).writerows(lines)
    return text.getvalue().encode()


def arrived(account: GatewayAccount, *lines: dict[str, Any], day: date = DAY) -> Statement:
    BOX.files[day] = StatementFile(availability=Availability.READY, content=file_of(*lines), name="s.csv")
    at = day_bounds(day)[1] + timedelta(hours=11)
    with frozen(at):
        row = fetch_statement(account=account, day=day, at=at)
        reconcile_with_neighbours(statement_id=row.pk, at=at)
    row.refresh_from_db()
    return row


def found() -> dict[str, int]:
    return dict(Counter(Discrepancy.objects.filter(resolved_at=None).values_list("kind", flat=True)))


class TestFetching:
    def test_is_planned_for_every_day_since_the_account_was_made(self, account: GatewayAccount) -> None:
        GatewayAccount.objects.update(created_at=START)

        assert plan_statements(at=MORNING) == 1
        assert plan_statements(at=MORNING) == 0
        assert Statement.objects.get().day == DAY

    def test_is_planned_where_money_moved_though_the_account_is_switched_off(self, account: GatewayAccount) -> None:
        paid(account, at=START + timedelta(hours=5))
        GatewayAccount.objects.update(created_at=START - timedelta(days=9), is_enabled=False)

        plan_statements(at=MORNING)

        assert list(Statement.objects.values_list("day", flat=True)) == [DAY]

    def test_days_that_nobody_planned_are_caught_up_with(self, account: GatewayAccount) -> None:
        GatewayAccount.objects.update(created_at=START - timedelta(days=90))
        statement_for(account=account, day=DAY - timedelta(days=9))

        assert plan_statements(at=MORNING) == 9
        assert Statement.objects.count() == 10

    def test_of_which_none_comes_for_a_week_calls_somebody_until_it_is_uploaded(self, account: GatewayAccount) -> None:
        row, _is_new = statement_for(account=account, day=DAY)
        at = MORNING + timedelta(days=8)

        fetch_due(at=at, limit=10)

        row.refresh_from_db()
        missing = Alert.objects.filter(kind="payments.no_statement", resolved_at=None)
        assert (row.due_at, missing.get().subject) == (None, f"books {DAY}")
        content = file_of(line(paid(account, at=START + timedelta(hours=5))))
        upload_statement(account=account, day=DAY, name="s.csv", content=content, by=UserFactory.create(), at=at)
        assert not missing.exists()

    def test_waits_until_gateways_are_ready_and_asks_again_when_they_are_not(self, account: GatewayAccount) -> None:
        GatewayAccount.objects.update(created_at=START)
        plan_statements(at=END + timedelta(hours=1))

        early = fetch_due(at=END + timedelta(hours=1), limit=10)
        not_yet = fetch_due(at=MORNING, limit=10)

        row = Statement.objects.get()
        assert (early, not_yet, BOX.asked) == ([], [], 1)
        assert row.due_at == MORNING + timedelta(minutes=30)
        assert row.last_message == "账单未生成"

    def test_keeps_the_file_as_it_came_and_books_the_fees(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))

        row = arrived(account, line(payment))

        with row.file.open() as file:
            assert file.read() == BOX.files[DAY].content
        assert (row.payments, row.payments_fen, row.fees_fen, row.net_fen) == (1, 10_000, 60, 9_940)
        assert _fees() == 60

    def test_the_same_file_again_books_nothing_twice(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))

        arrived(account, line(payment))
        row = arrived(account, line(payment))

        assert (_fees(), row.revision, row.lines.count()) == (60, 1, 1)

    def test_a_corrected_file_books_the_difference(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))

        arrived(account, line(payment))
        arrived(account, line(payment, fee_fen=55))

        assert _fees() == 55

    def test_nothing_on_a_day_is_an_answer_too(self, account: GatewayAccount) -> None:
        BOX.files[DAY] = StatementFile(availability=Availability.EMPTY)

        row = fetch_statement(account=account, day=DAY, at=MORNING)
        reconcile(statement_id=row.pk, at=MORNING)

        assert (row.state, found()) == ("empty", {})

    def test_refuses_what_is_no_statement_and_keeps_nothing_of_it(self, account: GatewayAccount) -> None:
        with pytest.raises(StatementUnreadable, match="line 1"):
            upload_statement(account=account, day=DAY, name="x", content=b"payment,P1", by=None, at=MORNING)

        assert not Statement.objects.filter(state="fetched").exists()

    def test_refuses_the_statement_of_another_day(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START - timedelta(days=9))

        with pytest.raises(OtherDay, match="2026-11-12"):
            upload_statement(account=account, day=DAY, name="x", content=file_of(line(payment)), by=None, at=MORNING)

    def test_refuses_a_day_that_is_not_over(self, account: GatewayAccount) -> None:
        with pytest.raises(DayNotOver):
            fetch_statement(account=account, day=DAY, at=END - timedelta(hours=1))

    def test_says_what_the_gateway_said_when_there_is_none(self, account: GatewayAccount) -> None:
        with pytest.raises(FetchFailed, match="账单未生成"):
            fetch_statement(account=account, day=DAY, at=MORNING)

    def test_says_when_a_gateway_gives_none(self) -> None:
        with pytest.raises(NoStatements):
            fetch_statement(account=AccountFactory.create(), day=DAY, at=MORNING)


class TestComparing:
    def test_a_day_that_agrees_has_no_difference(self, account: GatewayAccount) -> None:
        payments = [paid(account, at=START + timedelta(hours=hour)) for hour in range(3, 9)]
        refund = refunded(payments[0], at=START + timedelta(hours=10), fen=4_000)

        row = arrived(account, *(line(it) for it in payments), refund_line(refund))

        assert found() == {}
        assert row.difference_fen == 0
        assert (row.our_payments, row.our_refunds_fen) == (6, 4_000)

    def test_finds_every_planted_fault_once_and_nothing_else(self, account: GatewayAccount) -> None:
        good = [paid(account, at=START + timedelta(hours=3, minutes=minute)) for minute in range(20)]
        only_ours = paid(account, at=START + timedelta(hours=9))
        amount = paid(account, at=START + timedelta(hours=10))
        fee = paid(account, at=START + timedelta(hours=11))
        waiting = PaymentFactory.create(account=account, order__total_fen=10_000)
        twice = paid(account, at=START + timedelta(hours=12))
        stranger = line(good[0], payment_no="X1", gateway_trade_no="TX1")
        cut = paid(account, at=END - timedelta(minutes=3))
        lost_refund = refunded(good[0], at=START + timedelta(hours=13), fen=100)
        console = refund_line(lost_refund, refund_no="CONSOLE1", gateway_trade_no="T-console")

        arrived(
            account,
            *(line(it) for it in good),
            line(amount, amount_fen=9_999, fee_fen=60),
            line(fee, fee_fen=100),
            line(waiting),
            line(twice),
            line(twice),
            stranger,
            console,
        )

        assert found() == {
            Kind.MISSING_GATEWAY: 2,  # the payment, and the refund
            Kind.AMOUNT: 1,
            Kind.FEE: 1,
            Kind.STATUS: 1,
            Kind.DUPLICATE: 1,
            Kind.MISSING_LOCAL: 2,
            Kind.CUTOFF: 1,
        }
        named = set(Discrepancy.objects.values_list("kind", "payment_no"))
        assert (Kind.MISSING_GATEWAY, only_ours.payment_no) in named
        assert (Kind.AMOUNT, amount.payment_no) in named
        assert (Kind.STATUS, waiting.payment_no) in named
        assert (Kind.CUTOFF, cut.payment_no) in named

    def test_a_pair_across_midnight_is_recognised_when_the_other_day_comes(self, account: GatewayAccount) -> None:
        early, late = paid(account, at=START + timedelta(hours=5)), paid(account, at=END - timedelta(minutes=3))

        arrived(account, line(early))
        waiting = found()
        arrived(account, line(late), day=DAY + timedelta(days=1))

        assert waiting == {Kind.CUTOFF: 1}
        assert found() == {}
        row = Discrepancy.objects.get()
        assert (row.kind, row.resolution) == (Kind.CUTOFF, "cutoff")

    def test_what_two_days_tell_is_told_twice_and_named_on_the_second(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        refund = refunded(payment, at=START + timedelta(hours=6), fen=100)
        arrived(account, line(payment), refund_line(refund))

        later = {"occurred_at": (END + timedelta(hours=5)).isoformat()}
        again = arrived(account, line(payment, **later), refund_line(refund, **later), day=DAY + timedelta(days=1))

        assert found() == {Kind.DUPLICATE: 2}
        assert set(Discrepancy.objects.values_list("statement", flat=True)) == {again.pk}
        assert list(chain.from_iterable(check_books(at=MORNING + timedelta(days=1)))) == []  # it is somebody's work

    def test_of_two_days_that_tell_the_same_the_later_is_compared_again_when_the_earlier_comes(
        self, account: GatewayAccount
    ) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        later = line(payment, occurred_at=(END + timedelta(hours=50)).isoformat())
        second = arrived(account, later, day=DAY + timedelta(days=2))
        before = found()

        arrived(account, line(payment))
        named = list(Discrepancy.objects.filter(kind=Kind.DUPLICATE).values_list("statement", flat=True))
        corrected = line(paid(account, at=START + timedelta(hours=6)))
        arrived(account, corrected)

        assert (before, named) == ({}, [second.pk])
        assert found() == {Kind.MISSING_GATEWAY: 1}  # on its own day; the later one tells it for the first time
        assert not Discrepancy.objects.filter(kind=Kind.DUPLICATE, resolved_at=None).exists()

    def test_refunds_without_a_number_on_two_days_may_well_be_two(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        nameless = line(payment, movement="refund", amount_fen=100, fee_fen=0)
        arrived(account, line(payment), nameless)

        arrived(account, nameless, day=DAY + timedelta(days=1))

        assert Kind.DUPLICATE not in found()

    def test_close_to_midnight_and_on_no_day_it_is_missing(self, account: GatewayAccount) -> None:
        early, _late = paid(account, at=START + timedelta(hours=5)), paid(account, at=END - timedelta(minutes=3))

        arrived(account, line(early))
        arrived(account, line(early, gateway_trade_no="T0", payment_no="other"), day=DAY + timedelta(days=1))

        assert found()[Kind.MISSING_GATEWAY] == 1

    def test_money_in_suspense_agrees_with_the_gateway(self, account: GatewayAccount) -> None:
        payment = PaymentFactory.create(account=account, order__category="closed")
        with frozen(START + timedelta(hours=5)):
            settle(report=report_on(payment), account_id=account.pk, at=START + timedelta(hours=5))
        payment.refresh_from_db()

        row = arrived(account, line(payment))

        assert found() == {}
        assert row.our_payments_fen == row.payments_fen

    @pytest.mark.parametrize("ending", ["outside", "keep"])
    def test_money_that_did_not_go_back_through_the_gateway_is_no_difference(
        self, account: GatewayAccount, ending: str
    ) -> None:
        payment, morning = PaymentFactory.create(account=account, order__category="closed"), START + timedelta(hours=5)
        boss = UserFactory.create(is_superuser=True)
        with frozen(morning):
            money = settle(report=report_on(payment), account_id=account.pk, at=morning)
            if ending == "outside":
                pay_back_outside(unapplied_id=money.pk, way="bank", reason="转账", by=boss, at=morning)
            else:
                keep_as_income(unapplied_id=money.pk, reason="无主", by=boss, at=morning)
        payment.refresh_from_db()

        row = arrived(account, line(payment))

        assert found() == {}
        assert (row.our_payments_fen, row.our_refunds_fen) == (row.payments_fen, 0)

    def test_money_paid_back_outside_asks_no_statement_of_a_resting_account(self, account: GatewayAccount) -> None:
        money = settle(
            report=report_on(PaymentFactory.create(account=account, order__category="closed")),
            account_id=account.pk,
            at=START - timedelta(days=1),
        )
        GatewayAccount.objects.update(is_enabled=False, created_at=START - timedelta(days=9))
        boss = UserFactory.create(is_superuser=True)
        pay_back_outside(unapplied_id=money.pk, way="bank", reason="转账", by=boss, at=START + timedelta(hours=5))

        plan_statements(at=MORNING)

        assert not Statement.objects.filter(day=DAY).exists()

    def test_compared_again_it_is_the_same_difference_with_its_owner(self, account: GatewayAccount) -> None:
        payment = PaymentFactory.create(account=account)
        row = arrived(account, line(payment))
        difference = Discrepancy.objects.get()
        take_difference(discrepancy_id=difference.pk, by=UserFactory.create(), at=MORNING)

        reconcile(statement_id=row.pk, at=MORNING)

        again = Discrepancy.objects.get()
        assert (again.pk, again.owner_id is None) == (difference.pk, False)

    def test_what_is_gone_is_closed(self, account: GatewayAccount) -> None:
        payment = PaymentFactory.create(account=account)
        row = arrived(account, line(payment))
        settle(report=report_on(payment, occurred_at=START + timedelta(hours=5)), account_id=account.pk, at=MORNING)

        reconcile(statement_id=row.pk, at=MORNING)

        assert Discrepancy.objects.get().resolution == "vanished"
        assert not Alert.objects.filter(kind="payments.differences", resolved_at=None).exists()

    def test_is_refused_before_the_statement_is_here(self, account: GatewayAccount) -> None:
        row, _is_new = statement_for(account=account, day=DAY)

        with pytest.raises(StatementNotHere):
            reconcile(statement_id=row.pk, at=MORNING)

    def test_takes_as_many_queries_for_many_lines_as_for_few(
        self, account: GatewayAccount, django_assert_max_num_queries: Any
    ) -> None:
        payments = [paid(account, at=START + timedelta(hours=3, minutes=minute)) for minute in range(30)]
        row = arrived(account, *(line(it) for it in payments))

        with django_assert_max_num_queries(30):
            reconcile(statement_id=row.pk, at=MORNING)


class TestResolving:
    def test_needs_a_reason(self, account: GatewayAccount) -> None:
        arrived(account, line(PaymentFactory.create(account=account)))
        by = UserFactory.create()

        with pytest.raises(ResolutionReasonMissing):
            resolve_difference(discrepancy_id=Discrepancy.objects.get().pk, reason=" ", by=by, at=MORNING)

    def test_keeps_the_reason_and_stays_closed(self, account: GatewayAccount) -> None:
        row = arrived(account, line(PaymentFactory.create(account=account)))
        pk, by = Discrepancy.objects.get().pk, UserFactory.create()

        resolve_difference(discrepancy_id=pk, reason="渠道已更正", by=by, at=MORNING)
        reconcile(statement_id=row.pk, at=MORNING)

        assert Discrepancy.objects.get().resolution_note == "渠道已更正"
        assert AuditEntry.objects.filter(action="payments.resolve_difference", reason="渠道已更正").exists()
        with pytest.raises(DifferenceResolved):
            resolve_difference(discrepancy_id=pk, reason="again", by=by, at=MORNING)


class TestRepairing:
    def test_books_a_payment_whose_notification_was_lost(self, account: GatewayAccount, bank: FakeBank) -> None:
        payment = PaymentFactory.create(account=account)
        bank.say("query", Outcome.SUCCEEDED, gateway_trade_no=f"T{payment.pk}", amount_fen=payment.amount_fen)
        arrived(account, line(payment))

        repair_difference(discrepancy_id=Discrepancy.objects.get().pk, by=UserFactory.create(), at=MORNING)

        payment.refresh_from_db()
        assert payment.status == "succeeded"
        assert Discrepancy.objects.get().resolution == "repaired"

    def test_makes_a_strange_payment_unapplied_money(self, account: GatewayAccount, bank: FakeBank) -> None:
        known = paid(account, at=START + timedelta(hours=5))
        bank.say("query", Outcome.SUCCEEDED, gateway_trade_no="TX", amount_fen=500)
        arrived(account, line(known), line(known, payment_no="X", gateway_trade_no="TX", amount_fen=500, fee_fen=3))

        repair_difference(discrepancy_id=Discrepancy.objects.get().pk, by=None, at=MORNING)

        assert UnappliedMoney.objects.get().amount_fen == 500
        assert found() == {}

    def test_books_a_refund_that_was_made_at_the_console(self, account: GatewayAccount, bank: FakeBank) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=300, gateway_trade_no=payment.gateway_trade_no)
        told = line(payment, movement="refund", refund_no="C1", amount_fen=300, fee_fen=0)
        arrived(account, line(payment), told)

        repair_difference(discrepancy_id=Discrepancy.objects.get().pk, by=None, at=MORNING)

        assert Refund.objects.get().amount_fen == 300
        assert Discrepancy.objects.get(movement="refund").resolution == "repaired"

    def test_books_two_refunds_of_one_number_each_on_its_own_payment(
        self, account: GatewayAccount, bank: FakeBank
    ) -> None:
        """At a console the number of a refund is one of a kind within its payment only."""
        payments = [paid(account, at=START + timedelta(hours=5)) for _ in range(2)]
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=300)
        told = [line(it, movement="refund", refund_no="C1", amount_fen=300, fee_fen=0) for it in payments]
        arrived(account, *(line(it) for it in payments), *told)

        for row in Discrepancy.objects.order_by("pk"):
            repair_difference(discrepancy_id=row.pk, by=None, at=MORNING)

        assert sorted(Refund.objects.values_list("payment_id", flat=True)) == [it.pk for it in payments]
        assert found() == {}

    def test_books_nothing_that_the_gateway_does_not_confirm(self, account: GatewayAccount, bank: FakeBank) -> None:
        payment = PaymentFactory.create(account=account)
        bank.say("query", Outcome.PENDING, message="等待付款")
        arrived(account, line(payment))

        with pytest.raises(RepairDidNotHelp):
            repair_difference(discrepancy_id=Discrepancy.objects.get().pk, by=None, at=MORNING)

        assert LedgerLine.objects.exclude(entry__source_type="statement").count() == 0

    def test_is_refused_where_no_repair_is_safe(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        arrived(account, line(payment, amount_fen=1, fee_fen=0))

        with pytest.raises(NotRepairable):
            repair_difference(discrepancy_id=Discrepancy.objects.get().pk, by=None, at=MORNING)

    def test_of_all_tells_how_many_helped(self, account: GatewayAccount, bank: FakeBank) -> None:
        lost, pending = (PaymentFactory.create(account=account) for _ in range(2))
        bank.say("query", Outcome.SUCCEEDED, gateway_trade_no=f"T{lost.pk}", amount_fen=lost.amount_fen)
        bank.say("query", Outcome.PENDING)
        row = arrived(account, line(lost), line(pending))

        assert repair_all(statement_id=row.pk, at=MORNING) == (1, 1)

    def test_of_all_compares_the_day_once(
        self, account: GatewayAccount, bank: FakeBank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = arrived(account, *(line(PaymentFactory.create(account=account)) for _ in range(6)))
        bank.say("query", *[Outcome.PENDING] * 6)
        compared: list[int] = []
        monkeypatch.setattr(reconciling, "reconcile", lambda *, statement_id, at: compared.append(statement_id))

        assert repair_all(statement_id=row.pk, at=MORNING) == (0, 6)

        assert compared == [row.pk]


class TestCommands:
    def test_a_file_is_read_and_compared(self, account: GatewayAccount, tmp_path: Any) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        file = tmp_path / "s.csv"
        file.write_bytes(file_of(line(payment)))

        with frozen(MORNING):
            call_command("statement_fetch", "--account", "books", "--file", str(file))
            call_command("reconcile")

        assert Statement.objects.get().compared_at is not None

    def test_differences_end_with_three(self, account: GatewayAccount, capsys: Any) -> None:
        payment = PaymentFactory.create(account=account)
        arrived(account, line(payment))

        with frozen(MORNING), pytest.raises(SystemExit) as ended:
            call_command("reconcile", "--account", "books", "--format", "json")

        assert ended.value.code == 3
        assert payment.payment_no in capsys.readouterr().out

    def test_no_statement_ends_with_three(self, account: GatewayAccount) -> None:
        with frozen(NOON), pytest.raises(SystemExit) as ended:
            call_command("reconcile")

        assert ended.value.code == 3

    def test_safe_repairs_are_made_when_asked_for(self, account: GatewayAccount, bank: FakeBank) -> None:
        payment = PaymentFactory.create(account=account)
        bank.say("query", Outcome.SUCCEEDED, gateway_trade_no=f"T{payment.pk}", amount_fen=payment.amount_fen)
        arrived(account, line(payment))

        with frozen(MORNING):
            call_command("reconcile", "--auto-fix", "safe")

        assert found() == {}


def _fees() -> int:
    return LedgerLine.objects.filter(account="fees").aggregate(fen=Sum("amount_fen"))["fen"] or 0


def test_what_is_paid_here_is_not_paid_anywhere_else(account: GatewayAccount) -> None:
    """The other account's money is no matter of this one's statement."""
    paid_payment(at=START + timedelta(hours=5))
    BOX.files[DAY] = StatementFile(availability=Availability.EMPTY)

    row = fetch_statement(account=account, day=DAY, at=MORNING)
    reconcile(statement_id=row.pk, at=MORNING)

    assert found() == {}
