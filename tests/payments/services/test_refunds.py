from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db.models import Sum

from kernel.models import Alert, AuditEntry, Message, User
from kernel.shop import shop
from orders.services import DraftLine
from payments.events import RefundSettled
from payments.gateways import NetworkInTransaction, Outcome
from payments.models import LedgerLine, Payment, Refund
from payments.services import (
    KeyUsedOtherwise,
    MoneyStillUnapplied,
    NothingCollected,
    ReasonMissing,
    RefundAboveCap,
    RefundAboveRest,
    Share,
    request_refund,
    resolve_refunds,
    send_refund,
    settle,
)
from payments.services.refunding import RefundTooLate
from tests.factories import PaymentFactory, UserFactory, paid_payment, report_on
from tests.helpers import NOON, count_published, drain, frozen
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db

Status = Refund.Status


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def ask(payment: Payment, amount_fen: int, *, key: str = "k1", by: User | None = None, **share: Any) -> Refund:
    wanted = Share(amount_fen=amount_fen, **share)
    return request_refund(payment_id=payment.pk, share=wanted, reason="破损", key=key, by=by, at=NOON)


def send(refund: Refund, *, after: int = 0) -> Refund:
    return send_refund(refund_id=refund.pk, at=NOON + timedelta(seconds=after))


def fen_of(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def two_lines(**kwargs: Any) -> Payment:
    lines = [DraftLine(title="A", unit_price_fen=6_000), DraftLine(title="B", unit_price_fen=3_000)]
    return paid_payment(order__lines=lines, order__shipping_fen=900, **kwargs)


class TestRequesting:
    def test_reserves_the_amount_before_any_gateway_hears_of_it(self, bank: FakeBank) -> None:
        payment = paid_payment()

        refund = ask(payment, 4_000)

        payment.refresh_from_db()
        assert (refund.status, payment.refunding_fen, payment.refundable_fen) == (Status.PENDING, 4_000, 5_900)
        assert (fen_of("refunds_payable"), fen_of("receivable")) == (-4_000, -5_900)
        assert not bank.asked("refund")

    def test_keeps_what_of_each_line_goes_back(self) -> None:
        payment = two_lines()

        refund = ask(payment, 3_300, shipping_fen=300)

        shares = dict(refund.lines.values_list("line__title", "amount_fen"))
        assert (refund.shipping_fen, shares) == (300, {"A": 2_000, "B": 1_000})

    def test_counts_refunds_on_their_way_against_each_line(self) -> None:
        payment = two_lines()
        ask(payment, 6_000, key="k1")

        refund = ask(payment, 3_000, key="k2")

        assert dict(refund.lines.values_list("line__title", "amount_fen")) == {"A": 2_000, "B": 1_000}

    def test_is_the_same_refund_for_the_same_key(self) -> None:
        payment = paid_payment()

        refunds = {ask(payment, 4_000).pk for _ in range(3)}

        payment.refresh_from_db()
        assert (len(refunds), payment.refunding_fen) == (1, 4_000)

    def test_refuses_a_key_that_stands_for_another_refund(self) -> None:
        payment = paid_payment()
        ask(payment, 4_000)

        with pytest.raises(KeyUsedOtherwise):
            ask(payment, 4_001)

    def test_never_gives_back_more_than_came_refunds_in_flight_included(self) -> None:
        payment = paid_payment()
        ask(payment, 9_000, key="k1")

        with pytest.raises(RefundAboveRest, match=r"9\.00"):
            ask(payment, 901, key="k2")
        assert ask(payment, 900, key="k3").amount_fen == 900

    def test_wants_a_reason(self) -> None:
        share = Share(amount_fen=1)
        with pytest.raises(ReasonMissing):
            request_refund(payment_id=paid_payment().pk, share=share, reason="  ", key="k", by=None, at=NOON)

    @pytest.mark.parametrize("status", ["created", "pending", "failed", "canceled", "expired", "unknown"])
    def test_gives_back_nothing_that_never_came(self, status: str) -> None:
        with pytest.raises(NothingCollected):
            ask(PaymentFactory.create(status=status), 1)

    def test_gives_back_no_money_that_is_in_suspense(self) -> None:
        payment = PaymentFactory.create(order__category="closed")
        settle(report=report_on(payment), account_id=payment.account_id, at=NOON)

        with pytest.raises(MoneyStillUnapplied):
            ask(payment, 1)

    def test_respects_the_cap_of_a_role_that_may_not_request_more(self) -> None:
        settings = shop()
        settings.refund_caps_fen = {"support": 5_000}
        settings.save()
        support = UserFactory.create()
        support.groups.add(Group.objects.get_or_create(name="support")[0])
        payment = paid_payment()

        with pytest.raises(RefundAboveCap, match=r"50\.00"):
            ask(payment, 5_001, by=support)
        assert ask(payment, 5_000, by=support).requested_by == support

    def test_knows_when_the_gateway_takes_no_refund_any_more(self) -> None:
        payment = paid_payment()
        Payment.objects.update(paid_at=NOON - timedelta(days=366))

        with pytest.raises(RefundTooLate, match="365"):
            ask(payment, 1)

    def test_is_written_into_the_audit_log(self) -> None:
        refund = ask(paid_payment(), 100, by=UserFactory.create())

        entry = AuditEntry.objects.get(action="payments.request_refund")
        assert (entry.subject_label, entry.reason, entry.after["amount_fen"]) == (refund.refund_no, "破损", 100)


class TestSending:
    def test_gives_the_money_back_and_books_it_once(self, bank: FakeBank) -> None:
        payment = two_lines()
        refund = ask(payment, 3_900, shipping_fen=900)

        assert [send(refund).status for _ in range(3)] == [Status.SUCCEEDED] * 3

        payment.refresh_from_db()
        order = payment.order
        order.refresh_from_db()
        assert (order.refunded_fen, order.shipping_refunded_fen, order.payment_status) == (
            3_900,
            900,
            "partially_refunded",
        )
        assert dict(order.lines.values_list("title", "refunded_fen")) == {"A": 2_000, "B": 1_000}
        assert (payment.refunded_fen, payment.refunding_fen) == (3_900, 0)
        assert (fen_of("clearing"), fen_of("refunds_payable")) == (6_000, 0)
        assert (len(bank.asked("refund")), count_published(RefundSettled)) == (1, 1)

    def test_closes_an_order_that_was_refunded_whole_before_anything_was_shipped(self, bank: FakeBank) -> None:
        payment = two_lines()

        send(ask(payment, 9_900, shipping_fen=900))

        payment.order.refresh_from_db()
        assert (payment.order.category, payment.order.close_reason) == ("closed", "fully_refunded")

    def test_tells_the_customer_once(self, bank: FakeBank) -> None:
        refund = ask(paid_payment(), 100)
        send(refund)
        send(refund)

        assert Message.objects.filter(template="refund_succeeded").count() == 1

    def test_sends_what_was_agreed_and_never_another_number(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.UNKNOWN, Outcome.SUCCEEDED)
        payment = paid_payment()
        refund = ask(payment, 100)

        assert send(refund).status == Status.UNKNOWN
        assert send(refund, after=10).status == Status.SUCCEEDED

        requests = bank.asked("refund")
        assert {(it.refund_no, it.amount_fen, it.total_fen) for it in requests} == {(refund.refund_no, 100, 9_900)}

    def test_asks_what_became_of_it_before_it_sends_again(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.UNKNOWN)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=100)
        refund = ask(paid_payment(), 100)

        send(refund)
        assert send(refund, after=10).status == Status.SUCCEEDED

        assert [name for name, _request in bank.calls] == ["refund", "query_refund"]

    def test_asks_no_sooner_than_ten_seconds_after(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.UNKNOWN)
        refund = ask(paid_payment(), 100)

        send(refund)
        send(refund, after=9)

        assert [name for name, _request in bank.calls] == ["refund"]

    @pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.UNKNOWN, Outcome.NOT_FOUND])
    def test_keeps_the_reserve_while_nobody_knows(self, bank: FakeBank, outcome: Outcome) -> None:
        bank.say("refund", outcome)
        payment = paid_payment()

        refund = send(ask(payment, 100))

        payment.refresh_from_db()
        assert (refund.status in Refund.IN_FLIGHT, payment.refunding_fen) == (True, 100)
        assert refund.due_at == NOON + timedelta(seconds=10)

    @pytest.mark.parametrize(("outcome", "status"), [(Outcome.FAILED, "failed"), (Outcome.CLOSED, "canceled")])
    def test_releases_the_reserve_of_a_refund_that_failed_for_certain(
        self, bank: FakeBank, outcome: Outcome, status: str
    ) -> None:
        bank.say("refund", outcome, message="not enough balance")
        payment = paid_payment()

        refund = send(ask(payment, 100))

        payment.refresh_from_db()
        payment.order.refresh_from_db()
        assert (refund.status, payment.refundable_fen, payment.order.refunded_fen) == (status, 9_900, 0)
        assert (fen_of("refunds_payable"), fen_of("receivable")) == (0, -9_900)
        assert "not enough balance" in Alert.objects.get(kind="payments.refund").text

    def test_books_a_success_that_comes_to_light_after_a_failure(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.FAILED)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=100)
        payment = paid_payment()
        refund = send(ask(payment, 100))

        Refund.objects.filter(pk=refund.pk).update(due_at=NOON)
        resolve_refunds(at=NOON, limit=10)

        payment.refresh_from_db()
        refund.refresh_from_db()
        assert (refund.status, payment.refunded_fen, payment.refunding_fen) == (Status.SUCCEEDED, 100, 0)
        assert (fen_of("clearing"), fen_of("receivable")) == (9_800, -9_800)

    def test_books_no_other_sum_than_was_asked_for(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.SUCCEEDED, amount_fen=99)
        payment = paid_payment()

        refund = send(ask(payment, 100))

        payment.order.refresh_from_db()
        assert (refund.status, refund.due_at, payment.order.refunded_fen) == (Status.REQUIRES_ACTION, None, 0)
        assert Alert.objects.get(kind="payments.refund").severity == "critical"

    def test_is_sent_by_the_sweeper_when_the_bell_was_not_heard(self, bank: FakeBank) -> None:
        refund = ask(paid_payment(), 100)

        drain(NOON)

        refund.refresh_from_db()
        assert refund.status == Status.SUCCEEDED

    def test_is_sent_once_though_two_workers_saw_it(self, bank: FakeBank) -> None:
        from payments.services import refund_calls

        refund = ask(paid_payment(), 100)
        seen_by_both = [Refund.objects.get(pk=refund.pk) for _ in range(2)]

        assert [refund_calls._claim(seen, at=NOON) for seen in seen_by_both] == [True, False]

    def test_never_calls_the_gateway_inside_a_transaction(self, bank: FakeBank) -> None:
        from django.db import transaction

        refund = ask(paid_payment(), 100)

        with pytest.raises(NetworkInTransaction), transaction.atomic():
            send(refund)

    def test_is_not_held_up_by_a_refund_that_fails(self, bank: FakeBank) -> None:
        bank.say("refund", RuntimeError("a bug"), Outcome.SUCCEEDED)
        broken, sound = ask(paid_payment(), 100, key="k1"), ask(paid_payment(), 100, key="k2")

        resolve_refunds(at=NOON, limit=10)

        broken.refresh_from_db()
        sound.refresh_from_db()
        assert (broken.status, sound.status) == (Status.PENDING, Status.SUCCEEDED)

    def test_tells_somebody_of_a_refund_whose_fate_is_unknown_for_a_day(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        bank.say("refund", Outcome.UNKNOWN)
        bank.say("query_refund", Outcome.UNKNOWN)
        send(ask(paid_payment(), 100))
        assert not Alert.objects.exists()

        clock.shift(timedelta(days=1, minutes=1))
        resolve_refunds(at=NOON + timedelta(days=1, minutes=1), limit=10)

        assert Alert.objects.get().kind == "payments.refund"
