"""A second person on the page of a refund, with the password typed again."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from backoffice.staff.matrix import Role
from kernel.clock import now
from payments.admin.counts import count_work
from payments.models import Payment, Refund
from payments.services import Share, request_refund
from tests.factories import paid_payment
from tests.payments.fakes import FakeBank

from .staff import address, queries_of, signed_in, somebody, submit, text_of

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"


def waiting(role: Role = Role.SUPPORT, *, amount_fen: int = 60_000) -> Refund:
    signed_in(role)
    payment: Payment = paid_payment(order__total_fen=amount_fen)
    share = Share(amount_fen=amount_fen)
    return request_refund(payment_id=payment.pk, share=share, reason="破损", key="k", by=somebody(role), at=now())


def approver(role: Role) -> Client:
    client = signed_in(role)
    person = somebody(role)
    person.set_password(PASSWORD)
    person.save()
    client.force_login(person)
    return client


class TestApproving:
    def test_shows_who_asks_for_what_and_why(self) -> None:
        refund = waiting()

        page = text_of(approver(Role.MANAGER).get(address("payments_refund_approve", refund.pk)))

        assert "￥600.00" in page
        assert "破损" in page
        assert "the_support" in page

    def test_sends_the_money_back_and_says_so(self, bank: FakeBank) -> None:
        refund = waiting()

        page = submit(approver(Role.MANAGER), address("payments_refund_approve", refund.pk), password=PASSWORD)

        refund.refresh_from_db()
        assert (refund.status, len(bank.asked("refund"))) == ("succeeded", 1)
        assert "￥600.00 went back to the customer" in text_of(page)
        assert "the_manager" in text_of(page)

    def test_with_a_wrong_password_does_nothing(self, bank: FakeBank) -> None:
        refund = waiting()

        page = submit(approver(Role.MANAGER), address("payments_refund_approve", refund.pk), password="guessed")

        refund.refresh_from_db()
        assert (page.status_code, refund.status) == (422, "pending_approval")
        assert "That did not work." in text_of(page)
        assert "guessed" not in page.content.decode()
        assert not bank.asked("refund")

    def test_is_not_offered_to_whoever_asked(self) -> None:
        refund = waiting(Role.MANAGER, amount_fen=600_000)
        client = Client(headers={"accept-language": "en"})
        client.cookies["django_language"] = "en"
        client.force_login(somebody(Role.MANAGER))

        assert "You asked for this yourself." in text_of(client.get(address("payments_refund_approve", refund.pk)))

    def test_is_not_offered_above_ones_own_cap(self) -> None:
        refund = waiting(amount_fen=600_000)

        page = text_of(approver(Role.MANAGER).get(address("payments_refund_approve", refund.pk)))

        assert "You may approve refunds up to ￥5,000.00" in page

    @pytest.mark.parametrize("role", [Role.OPS, Role.AUDITOR])
    def test_is_forbidden_without_the_right(self, role: Role) -> None:
        refund = waiting()

        assert signed_in(role).get(address("payments_refund_approve", refund.pk)).status_code == 403


class TestRejecting:
    def test_keeps_the_reason_on_the_refund_and_on_the_order(self, bank: FakeBank) -> None:
        refund = waiting()
        client = approver(Role.FINANCE)

        submit(client, address("payments_refund_reject", refund.pk), reason="先退货")

        refund.refresh_from_db()
        assert refund.status == "rejected"
        assert "先退货" in text_of(client.get(address("payments_refund_change", refund.pk)))
        assert "先退货" in text_of(client.get(address("orders_order_change", refund.order_id)))
        assert not bank.asked("refund")


class TestWithdrawing:
    def test_is_a_button_of_whoever_asked(self, bank: FakeBank) -> None:
        refund = waiting()
        client = Client(headers={"accept-language": "en"})
        client.cookies["django_language"] = "en"
        client.force_login(somebody(Role.SUPPORT))

        page = submit(client, address("payments_refund_withdraw", refund.pk))

        refund.refresh_from_db()
        assert refund.status == "rejected"
        assert "Withdrawn. The amount can be refunded again." in text_of(page)
        assert not bank.asked("refund")

    def test_is_refused_to_everybody_else(self) -> None:
        refund = waiting()

        page = text_of(approver(Role.MANAGER).get(address("payments_refund_withdraw", refund.pk)))

        assert "Somebody else asked for this." in page


class TestTheList:
    def test_names_who_asked_who_allowed_it_and_how_it_goes_back(self, bank: FakeBank) -> None:
        refund = waiting()
        client = approver(Role.MANAGER)
        submit(client, address("payments_refund_approve", refund.pk), password=PASSWORD)

        page = text_of(client.get(address("payments_refund_changelist")))

        assert page.index("the_support") < page.rindex("the_manager")
        assert "The way it was paid" in page

    def test_asks_once_for_all_approvals(self, bank: FakeBank) -> None:
        waiting()
        client = approver(Role.MANAGER)
        one = queries_of(client, address("payments_refund_changelist"))
        payment: Payment = paid_payment(order__total_fen=60_000)
        share = Share(amount_fen=60_000)
        request_refund(payment_id=payment.pk, share=share, reason="x", key="2", by=somebody(Role.SUPPORT), at=now())

        assert queries_of(client, address("payments_refund_changelist")) == one


class TestTheQueue:
    def test_is_a_part_of_the_list_with_a_count(self) -> None:
        refund = waiting()
        client = approver(Role.FINANCE)

        page = text_of(client.get(address("payments_refund_changelist") + "?part=approval"))

        assert refund.refund_no in page
        assert "Awaiting approval 1" in page

    def test_is_a_number_in_the_sidebar(self) -> None:
        waiting()

        assert count_work()["refund_work"] == 1

    def test_is_on_the_start_page_of_those_who_decide(self) -> None:
        waiting()

        assert "Refunds awaiting approval" in text_of(approver(Role.MANAGER).get(reverse("admin:index")))
        assert "Refunds awaiting approval" not in text_of(signed_in(Role.OPS).get(reverse("admin:index")))

    def test_leaves_the_gateway_out_of_it(self) -> None:
        refund = waiting()

        page = text_of(signed_in(Role.OPS).get(address("payments_refund_ask", refund.pk)))

        assert "the gateway has not heard of it" in page
