from __future__ import annotations

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from kernel.clock import now
from payments import services
from payments.gateways import InboundRequest
from payments.models import GatewayAccount, Notification, NotificationRefusal
from tests.factories import PaymentFactory
from tests.payments.fakes import message

from .staff import address, signed_in, submit, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ops() -> Client:
    return signed_in(Role.OPS)


def receive(account: GatewayAccount, body: bytes, **headers: str) -> None:
    request = InboundRequest(headers=headers, body=body, received_at=now())
    services.receive_notification(webhook_key=account.webhook_key, request=request)


@pytest.fixture
def told() -> Notification:
    """A payment that was notified and booked."""
    payment = PaymentFactory.create(order__total_fen=9_900)
    receive(payment.account, message(payment.payment_no), **{"User-Agent": "Gateway/1"})
    services.apply_notifications(at=now(), limit=10)
    return Notification.objects.get()


class TestTheLog:
    def test_says_of_each_check_what_was_found(self, ops: Client, told: Notification) -> None:
        text = text_of(ops.get(address("payments_notification_change", told.pk)))

        assert "Signature ✓ as it should be Time · not checked Account ✓ as it should be" in text
        assert "The payment is booked." in text

    def test_says_which_check_failed(self, ops: Client) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900)
        receive(payment.account, message(payment.payment_no, amount_fen=100))
        services.apply_notifications(at=now(), limit=10)

        text = text_of(ops.get(address("payments_notification_change", Notification.objects.get().pk)))

        assert "Amount ✗ Another amount" in text
        assert "The money fits no open order" in text

    def test_shows_body_and_headers(self, ops: Client, told: Notification) -> None:
        text = text_of(ops.get(address("payments_notification_change", told.pk)))

        assert "gateway_trade_no" in text
        assert "User-Agent Gateway/1" in text

    def test_leaves_out_signatures_and_people(self, ops: Client, told: Notification) -> None:
        body = b"trade_no=2026&sign=SECRETSIGNATURE&buyer_logon_id=alice%40example.com&buyer_id=2088102122524333"
        Notification.objects.update(body=body, headers={"Wechatpay-Signature": "S" * 80})

        html = ops.get(address("payments_notification_change", told.pk)).content.decode()

        assert "trade_no" in html
        assert not [secret for secret in ("SECRETSIGNATURE", "alice", "2088102122524333", "S" * 60) if secret in html]

    def test_says_that_a_body_was_pruned(self, ops: Client, told: Notification) -> None:
        Notification.objects.update(body=b"")

        text = text_of(ops.get(address("payments_notification_change", told.pk)))

        assert "The body was removed after the retention time." in text

    def test_is_found_by_the_number_of_the_payment(self, ops: Client, told: Notification) -> None:
        page = ops.get(address("payments_notification_changelist"), {"q": told.payment_no})

        assert list(page.context["cl"].result_list) == [told]


class TestReplay:
    def test_applies_it_again_and_books_nothing_twice(self, ops: Client, told: Notification) -> None:
        page = submit(ops, address("payments_notification_replay", told.pk))
        services.apply_notifications(at=now(), limit=10)

        told.refresh_from_db()
        assert told.state == "duplicate"
        assert "It is applied again within seconds." in text_of(page)
        assert PaymentFactory._meta.model.objects.get().order.paid_fen == 9_900

    def test_is_done_with_many_at_once(self, ops: Client, told: Notification) -> None:
        data = {"action": "replay_selected", "_selected_action": [told.pk]}

        page = ops.post(address("payments_notification_changelist"), data, follow=True)

        told.refresh_from_db()
        assert told.state == "received"
        assert "1 messages are applied again" in text_of(page)

    def test_is_not_for_finance(self, finance: Client, told: Notification) -> None:
        assert submit(finance, address("payments_notification_replay", told.pk)).status_code == 403


class TestTheRefused:
    def test_are_counted_with_a_sample_and_a_remedy(self, ops: Client, told: Notification) -> None:
        for _time in range(3):
            receive(told.account, b"forged")
        refusal = NotificationRefusal.objects.get()

        page = text_of(ops.get(address("payments_notificationrefusal_change", refusal.pk)))

        assert "The signature is wrong" in page
        assert "Times 3" in page
        assert "Somebody may be trying forgeries" in page
        assert "forged" in page

    def test_have_a_tab_in_the_log(self, ops: Client, told: Notification) -> None:
        html = ops.get(address("payments_notification_changelist")).content.decode()

        assert address("payments_notificationrefusal_changelist") in html

    def test_have_no_tab_for_whoever_may_not_see_them(self, finance: Client, told: Notification) -> None:
        html = finance.get(address("payments_notification_changelist")).content.decode()

        assert address("payments_notificationrefusal_changelist") not in html


class TestWhatIsNotOurs:
    @pytest.fixture
    def parked(self) -> Notification:
        receive(PaymentFactory.create().account, message("P404", outcome="closed", kind="close"))
        services.apply_notifications(at=now(), limit=10)
        return Notification.objects.get()

    def test_is_set_aside_with_whose_it_is(self, ops: Client, parked: Notification) -> None:
        submit(ops, address("payments_notification_not_ours", parked.pk), reason="门店收银系统的单")

        parked.refresh_from_db()
        text = text_of(ops.get(address("payments_notification_change", parked.pk)))
        assert parked.state == "set_aside"
        assert "Somebody knows that it is not ours." in text
        assert "the_ops 门店收银系统的单" in text

    def test_leaves_the_parked_ones_for_a_list_of_its_own(self, ops: Client, parked: Notification) -> None:
        submit(ops, address("payments_notification_not_ours", parked.pk), reason="x")

        shown = {
            part: list(ops.get(address("payments_notification_changelist"), {"part": part}).context["cl"].result_list)
            for part in ("parked", "set_aside")
        }

        assert shown == {"parked": [], "set_aside": [parked]}

    def test_needs_a_reason(self, ops: Client, parked: Notification) -> None:
        assert submit(ops, address("payments_notification_not_ours", parked.pk)).status_code == 422

    def test_is_not_offered_of_what_is_ours(self, ops: Client, parked: Notification) -> None:
        PaymentFactory.create(payment_no="P404", account=parked.account)

        text = text_of(ops.get(address("payments_notification_not_ours", parked.pk)))
        page = submit(ops, address("payments_notification_not_ours", parked.pk), reason="x")

        parked.refresh_from_db()
        assert "Its trade is ours" in text
        assert (page.status_code, parked.state) == (422, "parked")

    def test_is_forbidden_to_auditors(self, parked: Notification) -> None:
        page = submit(signed_in(Role.AUDITOR), address("payments_notification_not_ours", parked.pk), reason="x")

        parked.refresh_from_db()
        assert (page.status_code, parked.state) == (403, "parked")
