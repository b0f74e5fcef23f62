"""A new gateway is a folder and one line of the registry: the shop collects and refunds by it without another word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from kernel.clock import now
from orders.models import Order
from payments.gateways import GATEWAYS
from payments.models import GatewayAccount, Payment
from payments.services import (
    AccountDraft,
    Share,
    check_books,
    create_link,
    request_refund,
    save_account,
    send_refund,
    set_credential,
)
from tests.desk import Desk, text
from tests.factories import OrderFactory
from tests.gateways.bank.desk import BANKS, OURS, Bank
from tests.gateways.bank.gateway import BankGateway
from tests.helpers import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank() -> Iterator[Bank]:
    bank = Bank()

    class OfThisBank(BankGateway):
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "transport": bank})

    GATEWAYS[BankGateway.code] = OfThisBank  # the line in the registry
    try:
        yield bank
    finally:
        del GATEWAYS[BankGateway.code]


def an_account() -> GatewayAccount:
    draft = AccountDraft(
        code="bank",
        name="Transfer",
        gateway="bank",
        environment="sandbox",
        settings={"merchant": "shop"},
        methods=["qr"],
    )
    account = save_account(draft=draft, by=None, at=now())
    for kind, value in (("private_key", OURS), ("bank_key", BANKS)):
        set_credential(account_id=account.pk, kind=kind, value=value, by=None, at=now())
    return account


def test_it_collects_and_refunds(bank: Bank) -> None:
    account, order = an_account(), OrderFactory.create(total_fen=9_900)
    payment = paid_by_link(bank, account, order)

    refund = request_refund(
        payment_id=payment.pk, share=Share(amount_fen=4_000), reason="退", key="k", by=None, at=now()
    )
    send_refund(refund_id=refund.pk, at=now())

    order.refresh_from_db()
    assert (order.paid_fen, order.refunded_fen) == (9_900, 4_000)
    assert bank.trades[payment.payment_no].refunded_fen == 4_000
    assert [found for stretch in check_books(at=now()) for found in stretch] == []


def test_its_account_has_a_page_and_a_doctor(bank: Bank) -> None:
    account = an_account()

    page = text(Desk("owner").get(f"/admin/payments/gatewayaccount/{account.pk}/change/"))

    assert "Bank transfer" in page
    assert OURS not in page


def paid_by_link(bank: Bank, account: GatewayAccount, order: Order) -> Payment:
    """The customer opens the link, transfers, and the bank tells."""
    _link, url = create_link(order_id=order.pk, by=None, at=now())
    page = Client().get(urlsplit(url).path)
    assert "<svg" in page.content.decode()
    payment = Payment.objects.get(order=order)
    bank.pay(payment.payment_no)
    (told,) = bank.sent[payment.payment_no]
    answer = Client().post(
        f"/webhooks/{account.webhook_key}/", data=told.body, content_type="application/json", headers=dict(told.headers)
    )
    assert answer.content == b"ok"
    drain()
    payment.refresh_from_db()
    return payment
