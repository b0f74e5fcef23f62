"""`payments_simulate` with a sandbox in a process of its own, and a shop that answers over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from threading import Lock
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from backoffice.console.demo.stage import ALIPAY, UNIONPAY, WECHATPAY, Play, open_account
from kernel.clock import now
from orders.models import Order
from payments import services
from payments.gateways import Ack
from payments.models import GatewayAccount, Notification, Payment
from sandbox.testing import RunningSandbox
from tests.factories import AccountFactory, OrderFactory

pytestmark = pytest.mark.django_db(transaction=True)
TOTAL_FEN = 9_900


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def order(settings: Settings, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Order:
    """In memory, all threads of the shop share one connection, which takes one transaction at a time."""
    receive, turn = services.receive_notification, Lock()

    def receive_in_turn(**asked: Any) -> Ack:
        with turn:
            return receive(**asked)

    monkeypatch.setattr(services, "receive_notification", receive_in_turn)
    settings.PUBLIC_URL = live_server.url
    return OrderFactory.create(total_fen=TOTAL_FEN, payment_due_at=now() + timedelta(minutes=30))


def run(order_no: str, account: GatewayAccount, *more: str) -> tuple[int, str]:
    out = StringIO()
    arguments = ["--account", account.code, "--order", order_no, *more]
    try:
        call_command("payments_simulate", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.parametrize("play", [ALIPAY, WECHATPAY, UNIONPAY], ids=lambda it: it.gateway)
def test_pays_an_order_by_notifications_that_come_three_times(
    play: Play, sandbox: RunningSandbox, order: Order
) -> None:
    account = open_account(play, sandbox.credentials_of(play.gateway), position=0, at=now())

    code, said = run(order.order_no, account, "--duplicate", "3")

    order.refresh_from_db()
    assert (code, order.paid_fen, order.payment_status) == (0, TOTAL_FEN, "paid"), said
    assert said.count("answer=200") == 3
    assert sum(Notification.objects.values_list("copies", flat=True)) == 3


def test_leaves_an_order_unpaid_whose_customer_fails(sandbox: RunningSandbox, order: Order) -> None:
    account = open_account(UNIONPAY, sandbox.credentials_of("unionpay"), position=0, at=now())

    code, said = run(order.order_no, account, "--result", "fail")

    order.refresh_from_db()
    assert (code, order.payment_status) == (0, "unpaid"), said


def test_refuses_an_account_at_a_real_gateway(order: Order) -> None:
    account = AccountFactory.create(gateway="alipay", environment="live")

    with pytest.raises(CommandError, match="not at the sandbox"):
        run(order.order_no, account)
    assert not Payment.objects.exists()


def test_says_what_to_start_when_the_sandbox_is_not_there(sandbox: RunningSandbox, order: Order) -> None:
    account = open_account(ALIPAY, sandbox.credentials_of("alipay"), position=0, at=now())
    run(order.order_no, account, "--result", "fail")  # its attempt is open now
    account.settings["gateway_url"] = "http://127.0.0.1:9/gateway.do"  # nobody listens there
    account.save()

    with pytest.raises(CommandError, match="Start it"):
        run(order.order_no, account)


def test_knows_when_there_is_no_such_order(sandbox: RunningSandbox, order: Order) -> None:
    account = open_account(ALIPAY, sandbox.credentials_of("alipay"), position=0, at=now())

    with pytest.raises(CommandError, match="order"):
        run("404", account)


@pytest.mark.parametrize("given", ["0", "-1", "many", "1001"])
def test_wants_a_sensible_number_of_copies(given: str, order: Order) -> None:
    with pytest.raises(CommandError, match="1 to 1000"):
        run(order.order_no, AccountFactory.create(), "--duplicate", given)
