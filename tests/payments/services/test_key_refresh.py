from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from kernel.models import Alert
from payments.gateways import AccountField, ConfigError, FetchedKey, FieldKind, Outcome, guard_no_transaction
from payments.models import AccountState, Credential, GatewayAccount
from payments.services import Share, query_payment, refresh_keys, request_refund, send_refund
from tests.factories import AccountFactory, PaymentFactory, paid_payment
from tests.helpers import HOUR, NOON, drain, frozen
from tests.payments.fakes import FakeBank, FakeGateway
from tests.payments.services.test_accounts import ALIPAYS, public
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

PLATFORM = AccountField(code="platform_key", label="Platform key", help="", kind=FieldKind.PUBLIC_KEY, required=False)
SECOND = timedelta(seconds=1)


class KeyDesk:
    """What the gateway answers when it is asked for its keys, and when it was asked for which."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys: list[FetchedKey] = []
        self.error: Exception | None = None

    def fetch(self, *, serial: str = "") -> list[FetchedKey]:
        guard_no_transaction()
        self.asked.append(serial)
        if self.error:
            raise self.error
        return self.keys


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch) -> KeyDesk:
    desk = KeyDesk()
    monkeypatch.setattr(FakeGateway, "CREDENTIAL_FIELDS", (PLATFORM,))
    monkeypatch.setattr(FakeGateway, "fetch_keys", lambda _self, *, serial="": desk.fetch(serial=serial))
    return desk


@pytest.fixture
def account() -> GatewayAccount:
    """Asked for its keys just now, so that only a missed one asks again."""
    account = AccountFactory.create()
    AccountState.objects.create(account=account, keys_fetched_at=NOON)
    return account


def knock(account: GatewayAccount, *, at: datetime = NOON) -> int:
    with frozen(at):
        return post(account, b"unknown key")[0]


class TestAMissedKey:
    def test_is_fetched_by_its_serial_and_kept(self, account: GatewayAccount, desk: KeyDesk) -> None:
        desk.keys = [FetchedKey(kind="platform_key", value=public(ALIPAYS), serial="K2")]

        assert knock(account) == 503  # so that the gateway sends again
        assert desk.asked == []
        refresh_keys(at=NOON, limit=10)

        assert desk.asked == ["K2"]
        kept = Credential.objects.get(account=account)
        assert (kept.kind, kept.serial, kept.value) == ("platform_key", "K2", public(ALIPAYS))

    def test_is_asked_for_once_a_minute_however_often_it_is_missed(
        self, account: GatewayAccount, desk: KeyDesk
    ) -> None:
        for seconds in (0, 1, 30, 59, 60, 61):
            at = NOON + seconds * SECOND
            knock(account, at=at)
            refresh_keys(at=at, limit=10)

        assert desk.asked == ["K2", "K2"]

    def test_is_found_by_the_timer_if_the_bell_was_not_heard(self, account: GatewayAccount, desk: KeyDesk) -> None:
        knock(account)
        drain(NOON + SECOND)

        assert desk.asked == ["K2"]

    def test_that_is_there_already_is_not_kept_twice(self, account: GatewayAccount, desk: KeyDesk) -> None:
        desk.keys = [FetchedKey(kind="platform_key", value=public(ALIPAYS), serial="K2")]
        for minutes in (0, 2):
            knock(account, at=NOON + minutes * 60 * SECOND)
            refresh_keys(at=NOON, limit=10)

        assert Credential.objects.count() == 1

    def test_that_is_useless_is_told_and_the_others_are_kept(self, account: GatewayAccount, desk: KeyDesk) -> None:
        desk.keys = [
            FetchedKey(kind="platform_key", value="rubbish", serial="K2"),
            FetchedKey(kind="platform_key", value=public(ALIPAYS), serial="K3"),
        ]
        knock(account)
        refresh_keys(at=NOON, limit=10)

        assert Credential.objects.get().serial == "K3"
        assert Alert.objects.get(kind="payments.useless_key").subject == account.code

    def test_of_an_account_set_up_wrongly_is_told(self, account: GatewayAccount, desk: KeyDesk) -> None:
        desk.error = ConfigError(field="private_key", label="Key")
        knock(account)
        refresh_keys(at=NOON, limit=10)

        assert Alert.objects.filter(kind="payments.account", subject=account.code).exists()

    def test_of_a_gateway_that_gives_none_is_not_asked_for(
        self, account: GatewayAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(FakeGateway, "fetch_keys")

        assert knock(account) == 503
        assert AccountState.objects.get().keys_wanted == ""


class TestEveryHalfDay:
    @pytest.mark.parametrize(("age", "asked"), [(11.9 * HOUR, []), (12 * HOUR, [""]), (None, [""])])
    def test_the_keys_of_each_enabled_account_are_fetched(
        self, desk: KeyDesk, age: timedelta | None, asked: list[str]
    ) -> None:
        AccountState.objects.create(account=AccountFactory.create(), keys_fetched_at=NOON - age if age else None)
        refresh_keys(at=NOON, limit=10)

        assert desk.asked == asked

    def test_and_not_again_before_the_next(self, desk: KeyDesk) -> None:
        AccountFactory.create()
        for _ in range(2):
            refresh_keys(at=NOON, limit=10)

        assert desk.asked == [""]

    def test_but_not_those_of_one_that_is_switched_off(self, desk: KeyDesk) -> None:
        AccountFactory.create(is_enabled=False)
        refresh_keys(at=NOON, limit=10)

        assert desk.asked == []


def test_two_workers_do_not_ask_twice(desk: KeyDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = AccountFactory.create()
    stale: Any = AccountState.objects.create(account=account)
    refresh_keys(at=NOON, limit=10)
    monkeypatch.setattr("payments.services.key_refresh.state_of", lambda _account: stale)
    monkeypatch.setattr("payments.services.key_refresh._due", lambda **_at: [account])

    assert refresh_keys(at=NOON, limit=10) == 0
    assert desk.asked == [""]


class TestAnAnswerWithAKeyWeDoNotHold:
    @pytest.fixture(autouse=True)
    def unchecked(self, bank: FakeBank) -> None:
        for call in ("query", "refund", "query_refund"):
            bank.say(call, Outcome.UNKNOWN, code="answer.unknown_key", message="K9")

    def test_to_a_question_has_the_key_fetched(self, account: GatewayAccount, desk: KeyDesk) -> None:
        with frozen():
            payment = PaymentFactory.create(account=account)

            query_payment(payment_id=payment.pk, at=NOON)
            refresh_keys(at=NOON, limit=10)

        assert desk.asked == ["K9"]

    def test_to_a_refund_has_the_key_fetched(self, account: GatewayAccount, desk: KeyDesk) -> None:
        with frozen():
            payment = paid_payment(account=account)
            refund = request_refund(
                payment_id=payment.pk, share=Share(amount_fen=100), reason="退", key="k", by=None, at=NOON
            )

            send_refund(refund_id=refund.pk, at=NOON)
            refresh_keys(at=NOON, limit=10)

        assert desk.asked == ["K9"]
