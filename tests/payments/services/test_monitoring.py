from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from kernel.models import Alert
from payments.models import GatewayAccount, Notification, NotificationRefusal, Payment
from payments.services import Lengths, Pulse, Rate, pulses, watch_success
from tests.factories import AccountFactory, OrderFactory, PaymentFactory
from tests.helpers import NOON

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create(code="alipay")


def attempts(account: GatewayAccount, count: int, *, status: str, begun_at: datetime, words: str = "") -> list[Payment]:
    order = OrderFactory.create()
    return [
        PaymentFactory.create(
            account=account, order=order, status=status, created_at=begun_at, last_message=words, query_due_at=None
        )
        for _ in range(count)
    ]


def pulse_of(account: GatewayAccount) -> Pulse:
    return next(it for it in pulses(at=NOON) if it.account == account)


class TestPulses:
    def test_counts_what_has_ended_within_five_minutes_an_hour_and_a_day(self, account: GatewayAccount) -> None:
        attempts(account, 3, status="succeeded", begun_at=NOON - MINUTE)
        attempts(account, 1, status="failed", begun_at=NOON - 30 * MINUTE)
        attempts(account, 2, status="expired", begun_at=NOON - 3 * HOUR)
        attempts(account, 9, status="succeeded", begun_at=NOON - 25 * HOUR)

        pulse = pulse_of(account)

        assert (pulse.last_minutes, pulse.last_hour, pulse.last_day) == (Rate(3, 3), Rate(3, 4), Rate(3, 6))

    def test_an_attempt_that_was_closed_or_waits_is_nobodys_failure(self, account: GatewayAccount) -> None:
        attempts(account, 4, status="canceled", begun_at=NOON - MINUTE)
        attempts(account, 2, status="pending", begun_at=NOON - MINUTE)
        attempts(account, 1, status="unknown", begun_at=NOON - MINUTE)

        pulse = pulse_of(account)

        assert pulse.last_hour.share is None
        assert pulse.open == 3

    def test_tells_how_long_paying_and_telling_take(self, account: GatewayAccount) -> None:
        for seconds, payment in enumerate(attempts(account, 21, status="succeeded", begun_at=NOON - MINUTE)):
            paid_at = payment.created_at + timedelta(seconds=seconds)
            Payment.objects.filter(pk=payment.pk).update(paid_at=paid_at)
            told(account, payment, at=paid_at + timedelta(seconds=2))

        pulse = pulse_of(account)

        assert pulse.takes == Lengths(p50=10.0, p95=19.0)
        assert pulse.delay == Lengths(p50=2.0, p95=2.0)
        assert pulse.notified_at == NOON - MINUTE + timedelta(seconds=22)

    def test_names_the_three_most_frequent_reasons_and_counts_refused_messages(self, account: GatewayAccount) -> None:
        for count, words in ((1, "D"), (3, "B"), (5, "A"), (2, "C")):
            attempts(account, count, status="failed", begun_at=NOON - HOUR, words=words)
        NotificationRefusal.objects.create(account=account, reason="forged", hour=NOON - HOUR, times=7, last_at=NOON)

        pulse = pulse_of(account)

        assert pulse.reasons == (("A", 5), ("B", 3), ("C", 2))
        assert pulse.refused == 7

    def test_an_account_that_is_switched_off_is_shown_while_it_had_attempts(self, account: GatewayAccount) -> None:
        idle = AccountFactory.create(is_enabled=False)
        GatewayAccount.objects.filter(pk=account.pk).update(is_enabled=False)
        attempts(account, 1, status="pending", begun_at=NOON - HOUR)

        shown = [it.account for it in pulses(at=NOON)]

        assert account in shown
        assert idle not in shown


class TestWatchSuccess:
    def test_an_hour_far_below_the_week_before_raises_an_alert(self, account: GatewayAccount) -> None:
        attempts(account, 90, status="succeeded", begun_at=NOON - DAY)
        attempts(account, 10, status="failed", begun_at=NOON - DAY)
        attempts(account, 10, status="succeeded", begun_at=NOON - 30 * MINUTE)  # 67 %, and ¾ of 90 % is 67.5
        attempts(account, 5, status="failed", begun_at=NOON - 30 * MINUTE)

        assert watch_success(at=NOON) == 1

        alert = Alert.objects.get(kind="payments.success_rate", resolved_at=None)
        assert alert.subject == "alipay"
        assert alert.evidence["threshold_percent"] == 68
        assert pulse_of(account).alarm

    @pytest.mark.parametrize(
        ("paid", "failed"), [pytest.param(2, 12, id="too-few"), pytest.param(11, 4, id="above-the-threshold")]
    )
    def test_few_attempts_or_a_usual_share_raise_none(self, account: GatewayAccount, paid: int, failed: int) -> None:
        attempts(account, 90, status="succeeded", begun_at=NOON - DAY)
        attempts(account, 10, status="failed", begun_at=NOON - DAY)
        attempts(account, paid, status="succeeded", begun_at=NOON - 30 * MINUTE)
        attempts(account, failed, status="failed", begun_at=NOON - 30 * MINUTE)

        assert watch_success(at=NOON) == 0
        assert not Alert.objects.exists()

    def test_without_a_week_to_compare_with_a_fixed_share_is_usual(self, account: GatewayAccount) -> None:
        attempts(account, 6, status="succeeded", begun_at=NOON - 30 * MINUTE)
        attempts(account, 9, status="failed", begun_at=NOON - 30 * MINUTE)

        assert watch_success(at=NOON) == 1

    def test_the_alert_is_resolved_once_customers_succeed_again(self, account: GatewayAccount) -> None:
        attempts(account, 20, status="failed", begun_at=NOON - 30 * MINUTE)
        watch_success(at=NOON)
        attempts(account, 20, status="succeeded", begun_at=NOON + HOUR)

        assert watch_success(at=NOON + HOUR + MINUTE) == 0
        assert not Alert.objects.filter(resolved_at=None).exists()

    def test_an_hour_with_hardly_an_attempt_leaves_it_open(self, account: GatewayAccount) -> None:
        attempts(account, 20, status="failed", begun_at=NOON - 30 * MINUTE)
        watch_success(at=NOON)
        attempts(account, 2, status="failed", begun_at=NOON + HOUR)

        watch_success(at=NOON + HOUR + MINUTE)

        assert Alert.objects.filter(resolved_at=None).count() == 1


def told(account: GatewayAccount, payment: Payment, *, at: datetime) -> Notification:
    return Notification.objects.create(
        account=account,
        event_key=f"{payment.payment_no}:paid",
        kind="payment",
        payment_no=payment.payment_no,
        facts={},
        body=b"",
        received_at=at,
        last_received_at=at,
        due_at=at,
    )
