from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx
from django.db import transaction

from payments.gateways import CheckResult, CheckStatus, NetworkInTransaction, PaymentRef
from payments.gateways.alipay.signature import sign
from payments.models import AccountState, Credential, GatewayAccount, NotificationRefusal
from payments.services import answer_questions, examine, gateway_of, notify_url
from payments.services.clock_use import hear_clock
from tests.factories import AccountFactory, paid_payment
from tests.helpers import HOUR, NOON, frozen
from tests.payments.fakes import message
from tests.payments.services.test_accounts import ALIPAYS, OURS, give, private, public, save
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
OK, WARNING, ERROR = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.ERROR


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create()


@pytest.fixture
def web() -> Iterator[respx.MockRouter]:
    with respx.mock() as web:
        yield web


def check(account: GatewayAccount, code: str, **how: Any) -> CheckResult | None:
    return {it.code: it for it in examine(account=account, at=NOON, **how)}.get(code)


def status(account: GatewayAccount, code: str, **how: Any) -> CheckStatus | None:
    found = check(account, code, **how)
    return found.status if found else None


def signed_answer(_request: httpx.Request) -> httpx.Response:
    """Alipay's “there is no such payment”, 61 seconds before our clock's eleven o'clock."""
    content = '{"code":"40004","msg":"Business Failed","sub_code":"ACQ.TRADE_NOT_EXIST","sub_msg":"-"}'
    signature = sign(signed=content.encode(), key=ALIPAYS)
    body = f'{{"alipay_trade_query_response":{content},"sign":"{signature}"}}'
    return httpx.Response(200, content=body.encode(), headers={"date": "Sun, 22 Nov 2026 02:58:59 GMT"})


class TestOurOwnAddress:
    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (httpx.Response(405, headers={"X-Trace-Id": "t"}), OK),
            (httpx.Response(405), WARNING),  # some other server's refusal
            (httpx.Response(301, headers={"location": "https://elsewhere.example"}), WARNING),
            (httpx.Response(200, headers={"X-Trace-Id": "t"}), WARNING),
            (httpx.ConnectError("refused"), WARNING),
        ],
    )
    def test_is_asked_for_online(
        self, account: GatewayAccount, web: respx.MockRouter, answer: httpx.Response | Exception, expected: CheckStatus
    ) -> None:
        web.get(notify_url(account)).mock(side_effect=[answer])

        assert status(account, "notify_reachable", online=True) is expected

    def test_is_not_asked_for_offline(self, account: GatewayAccount) -> None:
        assert check(account, "notify_reachable") is None

    def test_is_never_asked_for_inside_a_transaction(self, account: GatewayAccount) -> None:
        with pytest.raises(NetworkInTransaction), transaction.atomic():
            examine(account=account, online=True, at=NOON)

    def test_answers_as_the_check_expects(self, account: GatewayAccount, client: Any) -> None:
        answer = client.get(f"/webhooks/{account.webhook_key}/")

        assert (answer.status_code, "X-Trace-Id" in answer.headers) == (405, True)


class TestTheClock:
    def test_is_remembered_from_any_answer_whose_signature_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        account = save()
        give(account, "private_key", private(OURS))
        give(account, "alipay_public_key", public(ALIPAYS))
        with frozen(NOON - HOUR), respx.mock() as web:
            web.post(url__startswith="http://127.0.0.1:8001/gateway.do").mock(side_effect=signed_answer)
            gateway_of(account).query(ref=PaymentRef(payment_no="P1", created_at=NOON))

        monkeypatch.setattr("payments.services.accounts._gateways", {})  # another process heard it

        found = check(account, "clock")
        assert found is not None
        assert (found.status, found.value) == (WARNING, "61 s · 2026-11-22 11:00")

    def test_is_kept_once_a_minute_at_most(self, account: GatewayAccount) -> None:
        minute = timedelta(minutes=1)
        for seconds, at in ((5, NOON), (7, NOON + minute / 2), (9, NOON + minute)):
            hear_clock(account_id=account.pk, told=at - timedelta(seconds=seconds), at=at)
            if at < NOON + minute:
                assert AccountState.objects.get().clock_seconds == 5

        assert AccountState.objects.get().clock_seconds == 9

    def test_is_not_kept_inside_a_transaction(self, account: GatewayAccount) -> None:
        with transaction.atomic():
            hear_clock(account_id=account.pk, told=NOON, at=NOON)

        assert not AccountState.objects.exists()

    def test_is_not_invented(self, account: GatewayAccount) -> None:
        assert check(account, "clock") is None


class TestNotifications:
    def test_that_never_come_though_customers_pay_are_missed(self, account: GatewayAccount) -> None:
        assert status(account, "last_notification") is OK

        with frozen(NOON - HOUR):
            paid_payment(account=account)

        assert status(account, "last_notification") is WARNING

    def test_that_come_are_told_with_their_time(self, account: GatewayAccount) -> None:
        with frozen(NOON - HOUR):
            payment = paid_payment(account=account)
            post(account, message(payment.payment_no))

        found = check(account, "last_notification")
        assert found is not None
        assert (found.status, found.value) == (OK, "2026-11-22 11:00 · 1\xa0hour")

    @pytest.mark.parametrize(("genuine", "expected"), [(True, WARNING), (False, ERROR)])
    def test_that_are_refused_are_worse_if_no_genuine_one_comes(
        self, account: GatewayAccount, genuine: bool, expected: CheckStatus
    ) -> None:
        with frozen():
            post(account, b"forged")
            if genuine:
                post(account, message("P1"))

        assert examine(account=account, at=NOON)[-1].status is expected

    def test_that_were_refused_two_days_ago_are_forgotten(self, account: GatewayAccount) -> None:
        NotificationRefusal.objects.create(
            account=account, reason="forged", hour=NOON - 2 * DAY, last_at=NOON - 2 * DAY, sample_body=b""
        )

        assert status(account, "refusals") is OK


class TestCertificates:
    @pytest.mark.parametrize(
        ("begins", "ends", "expected"),
        [(-9, 61, OK), (-9, 60, WARNING), (-9, 1, WARNING), (-9, -1, ERROR), (1, 400, ERROR)],
    )
    def test_are_judged_by_their_days(
        self, account: GatewayAccount, begins: int, ends: int, expected: CheckStatus
    ) -> None:
        Credential.objects.create(
            account=account,
            kind="cert",
            fingerprint="f",
            created_at=NOON,
            valid_from=NOON + begins * DAY,
            valid_to=NOON + ends * DAY,
            value_sealed="",
        )

        assert status(account, "expiry:cert") is expected

    def test_that_were_renewed_count_by_the_new_one(self, account: GatewayAccount) -> None:
        for days in (1, 400):
            Credential.objects.create(
                account=account, kind="cert", fingerprint=f"{days}", created_at=NOON, valid_to=NOON + days * DAY
            )

        assert status(account, "expiry:cert") is OK


class TestTheQuestions:
    def test_are_answered_without_asking_anybody(self) -> None:
        account = save()
        give(account, "private_key", private(OURS))
        row = give(account, "alipay_public_key", public(ALIPAYS))
        Credential.objects.filter(pk=row.pk).update(tail="AB12", valid_to=NOON + 30 * DAY)

        keys, validity, mode = answer_questions(account=account, checks=examine(account=account, at=NOON), at=NOON)

        assert [line[0] for line in keys.lines] == ["✓", "✓"]
        assert row.fingerprint in keys.lines[1]
        assert "30 days left" in validity.lines[0]
        assert "Application private key" in mode.lines[1]

    def test_name_the_key_that_is_wrong(self) -> None:
        account = save()
        give(account, "alipay_public_key", public(ALIPAYS))

        keys = answer_questions(account=account, checks=examine(account=account, at=NOON), at=NOON)[0]

        assert keys.lines[0].startswith("✗ Application private key")
