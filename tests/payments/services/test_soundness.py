"""What the doctor finds wrong is not offered to customers, and whoever began to pay by it is not stranded."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.models import Alert
from orders.models import Order
from payments.gateways import CheckResult, CheckStatus
from payments.models import AccountState, GatewayAccount
from payments.services import Ask, MethodNotAvailable, choices_for, examine, start_attempt
from payments.services.paypage import PayState, pay_page
from payments.services.soundness import judge_accounts
from tests.factories import AccountFactory, OrderFactory
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeGateway

pytestmark = pytest.mark.django_db

QR = Ask(method="qr")


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create(methods=["qr"])


@pytest.fixture
def order() -> Order:
    return OrderFactory.create()


def finds(monkeypatch: pytest.MonkeyPatch, *checks: CheckResult) -> None:
    monkeypatch.setattr(FakeGateway, "self_check", lambda *_self, **_how: list(checks))


def wrong(code: str = "private_key") -> CheckResult:
    return CheckResult(code=code, label="Private key", status=CheckStatus.ERROR, meaning="It cannot be read.")


def keys(order: Order) -> list[str]:
    return [it.key for it in choices_for(order)]


def test_an_account_in_order_is_offered(account: GatewayAccount, order: Order) -> None:
    assert judge_accounts(at=NOON, limit=10) == 0
    assert keys(order) == ["fake.qr"]
    assert not Alert.objects.exists()


def test_one_with_a_fault_is_not_offered_and_staff_hear_of_it(
    account: GatewayAccount, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(monkeypatch, wrong())

    assert judge_accounts(at=NOON, limit=10) == 1
    assert keys(order) == []
    assert "It cannot be read." in Alert.objects.get(kind="payments.account_hidden").text
    with pytest.raises(MethodNotAvailable):
        start_attempt(order_id=order.pk, ask=QR, at=NOON)


def test_it_is_offered_again_and_the_alert_closed_once_it_is_mended(
    account: GatewayAccount, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        finds(broken, wrong())
        judge_accounts(at=NOON, limit=10)

    judge_accounts(at=NOON, limit=10)

    assert keys(order) == ["fake.qr"]
    assert Alert.objects.get().resolved_at == NOON


@pytest.mark.parametrize(
    "check",
    [
        CheckResult(code="private_key", label="Key", status=CheckStatus.WARNING, meaning="It ends soon."),
        wrong("notify_url"),  # payments are found by asking, too
    ],
    ids=["a warning", "the address of notifications"],
)
def test_what_hinders_no_payment_hides_nothing(
    account: GatewayAccount, order: Order, monkeypatch: pytest.MonkeyPatch, check: CheckResult
) -> None:
    finds(monkeypatch, check)
    judge_accounts(at=NOON, limit=10)

    assert keys(order) == ["fake.qr"]


def test_an_attempt_that_is_open_is_shown_on(
    account: GatewayAccount, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    with frozen():
        payment = start_attempt(order_id=order.pk, ask=QR, at=NOON)
    finds(monkeypatch, wrong())
    judge_accounts(at=NOON, limit=10)

    page = pay_page(order=order, at=NOON)

    assert (page.state, page.payment) == (PayState.WAITING, payment)
    assert keys(OrderFactory.create()) == []


def test_the_pay_page_asks_no_doctor(account: GatewayAccount, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    judge_accounts(at=NOON, limit=10)
    monkeypatch.setattr(FakeGateway, "self_check", None)

    with CaptureQueriesContext(connection) as made:
        assert keys(order) == ["fake.qr"]
    assert len(made) == 1


def test_the_doctor_says_that_it_is_hidden(account: GatewayAccount) -> None:
    AccountState.objects.create(account=account, fault="x")

    methods = {it.code: it for it in examine(account=account, at=NOON)}["methods"]

    assert (methods.status, "not offered" in methods.meaning) == (CheckStatus.WARNING, True)
