"""A refund that did not reach the customer goes elsewhere, once, under its own number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kernel.clock import now
from kernel.models import AuditEntry
from payments.gateways import ConfigError, Outcome
from payments.models import Refund
from payments.services import Share, request_refund, send_refund
from payments.services.refund_detours import CannotRedirect, Card, NoDetour, redirect_refund
from tests.factories import UserFactory, paid_payment
from tests.payments.fakes import FakeBank, FakeGateway

pytestmark = pytest.mark.django_db
CARD = Card(bank="ICBC_DEBIT", number="6222021234567890123", holder="张三")


@pytest.fixture
def halted(bank: FakeBank) -> Refund:
    bank.say("refund", Outcome.REQUIRES_ACTION)
    payment = paid_payment(order__total_fen=9_900)
    share = Share(amount_fen=4_000)
    refund = request_refund(payment_id=payment.pk, share=share, reason="破损", key="k", by=None, at=now())
    return send_refund(refund_id=refund.pk, at=now())


def redirect(refund: Refund, card: Card | None = CARD) -> Refund:
    return redirect_refund(refund_id=refund.pk, card=card, by=UserFactory.create(), at=now())


class TestRedirecting:
    def test_sends_it_to_the_card_and_asks_on(self, bank: FakeBank, halted: Refund) -> None:
        refund = redirect(halted)

        (detour,) = bank.detours
        assert (detour.ref.refund_no, detour.bank, detour.bank_account, detour.holder) == (
            *(halted.refund_no, "ICBC_DEBIT", CARD.number, "张三"),
        )
        assert refund.status == "processing"
        assert refund.due_at is not None
        assert refund.due_at <= now()

    def test_sends_it_to_the_shop_without_a_card(self, bank: FakeBank, halted: Refund) -> None:
        redirect(halted, None)

        assert [(it.bank, it.bank_account, it.holder) for it in bank.detours] == [("", "", "")]

    def test_is_booked_when_the_gateway_says_that_it_is_done(self, bank: FakeBank, halted: Refund) -> None:
        redirect(halted)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=4_000)

        refund = send_refund(refund_id=halted.pk, at=now())

        assert refund.status == "succeeded"
        assert refund.payment is not None
        assert refund.payment.refunded_fen == 4_000
        assert len(bank.asked("refund")) == 1

    def test_happens_once_though_two_press_the_button(self, bank: FakeBank, halted: Refund) -> None:
        redirect(halted)

        with pytest.raises(CannotRedirect):
            redirect(halted)
        assert len(bank.detours) == 1

    def test_stays_with_a_person_where_the_gateway_refuses_the_card(self, bank: FakeBank, halted: Refund) -> None:
        bank.say("redirect_refund", Outcome.REQUIRES_ACTION, message="银行卡号有误")

        refund = redirect(halted)

        assert (refund.status, refund.last_message) == ("requires_action", "银行卡号有误")

    def test_stays_with_a_person_where_the_account_is_set_up_wrongly(self, bank: FakeBank, halted: Refund) -> None:
        bank.say("redirect_refund", ConfigError(field="private_key", label="key"))

        with pytest.raises(ConfigError):
            redirect(halted)
        halted.refresh_from_db()
        assert halted.status == "requires_action"

    def test_is_asked_about_when_nobody_knows(self, bank: FakeBank, halted: Refund) -> None:
        bank.say("redirect_refund", Outcome.UNKNOWN)

        refund = redirect(halted)

        assert (refund.status, refund.due_at is not None) == ("unknown", True)

    def test_keeps_no_more_of_the_card_than_its_last_digits(self, bank: FakeBank, halted: Refund) -> None:
        redirect(halted)

        entry = AuditEntry.objects.get(action="payments.redirect_refund")
        assert entry.after == {"to": "ICBC_DEBIT …0123"}
        assert CARD.number not in repr(CARD)

    def test_is_not_for_a_gateway_without_such_a_way(
        self, bank: FakeBank, halted: Refund, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain: Any = replace(FakeGateway.capabilities, redirects_refunds=False)
        monkeypatch.setattr(FakeGateway, "capabilities", plain)

        with pytest.raises(NoDetour, match="settle refund"):
            redirect(halted)
