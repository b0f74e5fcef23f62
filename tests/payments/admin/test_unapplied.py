from __future__ import annotations

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from kernel.models import AuditEntry
from kernel.once import new_once_key
from payments.models import Refund, UnappliedMoney
from tests.factories import OrderFactory, paid_payment

from .staff import address, signed_in, somebody, submit, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def money() -> UnappliedMoney:
    """It came after its order was closed for want of it."""
    paid_payment(order__category="closed", order__total_fen=9_900)
    return UnappliedMoney.objects.get()


def act(name: str, money: UnappliedMoney) -> str:
    return address(f"payments_unappliedmoney_{name}", money.pk)


class TestTheWorkList:
    def test_opens_with_what_nobody_has_dealt_with(self, finance: Client, money: UnappliedMoney) -> None:
        done = UnappliedMoney.objects.create(
            account=money.account, gateway_trade_no="T-done", amount_fen=1, reason="other_amount",
            proposed_action="refund", received_at=money.received_at, resolved_at=money.received_at,
        )  # fmt: skip

        text = text_of(finance.get(address("payments_unappliedmoney_changelist")))

        assert money.gateway_trade_no in text
        assert done.gateway_trade_no not in text

    def test_tells_age_reason_proposal_and_owner(self, finance: Client, money: UnappliedMoney) -> None:
        text = text_of(finance.get(address("payments_unappliedmoney_changelist")))

        assert "0 min ￥99.00 ! The order is closed" in text
        assert "Revive the order" in text
        assert "nobody" in text

    def test_offers_auditors_nothing_to_do(self, money: UnappliedMoney) -> None:
        html = signed_in(Role.AUDITOR).get(address("payments_unappliedmoney_changelist")).content.decode()

        assert money.gateway_trade_no in html
        assert act("resolve", money) not in html


class TestTakingIt:
    def test_makes_it_mine(self, finance: Client, money: UnappliedMoney) -> None:
        submit(finance, act("take", money))

        money.refresh_from_db()
        assert money.owner == somebody(Role.FINANCE)
        mine = finance.get(address("payments_unappliedmoney_changelist") + "?part=mine")
        assert money.gateway_trade_no in text_of(mine)

    def test_from_somebody_else_is_refused_with_their_name(self, finance: Client, money: UnappliedMoney) -> None:
        submit(signed_in(Role.OWNER), act("take", money))

        page = submit(finance, act("take", money))

        money.refresh_from_db()
        assert money.owner == somebody(Role.OWNER)
        assert "Somebody was faster" in text_of(page)
        assert "the_owner looks after it." in text_of(finance.get(act("take", money)))


class TestDealingWithIt:
    def test_revives_the_order_when_told(self, finance: Client, money: UnappliedMoney) -> None:
        submit(finance, act("resolve", money), action="revive", reason="客户还要")

        assert money.order is not None
        money.order.refresh_from_db()
        assert money.order.payment_status == "paid"
        assert AuditEntry.objects.filter(action="payments.resolve_unapplied", reason="客户还要").exists()

    def test_refunds_it_when_told(self, finance: Client, money: UnappliedMoney) -> None:
        submit(finance, act("resolve", money), action="refund", reason="重复付款")

        assert Refund.objects.get().unapplied == money

    def test_twice_with_one_form_refunds_once(self, finance: Client, money: UnappliedMoney) -> None:
        key = new_once_key()
        for _click in range(2):
            page = submit(finance, act("resolve", money), key, action="refund", reason="重复付款")

        assert Refund.objects.count() == 1
        assert "nothing was done twice" in text_of(page)

    def test_needs_a_reason(self, finance: Client, money: UnappliedMoney) -> None:
        assert submit(finance, act("resolve", money), action="refund").status_code == 422
        assert not Refund.objects.exists()

    def test_for_an_order_that_it_does_not_fit_is_refused(self, finance: Client, money: UnappliedMoney) -> None:
        other = OrderFactory.create(total_fen=5_000)

        page = submit(finance, act("resolve", money), action="apply", order_no=other.order_no, reason="换单")

        money.refresh_from_db()
        assert page.status_code == 422
        assert money.resolved_at is None

    def test_for_an_order_that_is_not_there_says_so(self, finance: Client, money: UnappliedMoney) -> None:
        page = submit(finance, act("resolve", money), action="apply", order_no="NOWHERE", reason="换单")

        assert "There is no order NOWHERE." in text_of(page)

    def test_offers_to_revive_only_a_closed_order(self, finance: Client, money: UnappliedMoney) -> None:
        UnappliedMoney.objects.update(order=OrderFactory.create())

        assert 'value="revive"' not in finance.get(act("resolve", money)).content.decode()

    def test_is_forbidden_to_managers(self, money: UnappliedMoney) -> None:
        page = submit(signed_in(Role.MANAGER), act("resolve", money), action="refund", reason="x")

        assert page.status_code == 403

    def test_shows_how_it_was_resolved(self, finance: Client, money: UnappliedMoney) -> None:
        submit(finance, act("resolve", money), action="refund", reason="重复付款")

        text = text_of(finance.get(address("payments_unappliedmoney_change", money.pk)))

        assert "重复付款" in text
        assert Refund.objects.get().refund_no in text


class TestPayingItBackOutside:
    def test_books_it_without_the_gateway(self, finance: Client, money: UnappliedMoney) -> None:
        page = submit(finance, act("outside", money), way="cash", reason="收据 12")

        money.refresh_from_db()
        paid_back = Refund.objects.get()
        assert (money.resolution, paid_back.way, paid_back.requested_by) == ("outside", "cash", somebody(Role.FINANCE))
        assert "The audit log keeps the reason" in text_of(page)

    def test_twice_with_one_form_or_two_records_once(self, finance: Client, money: UnappliedMoney) -> None:
        key = new_once_key()
        pages = [submit(finance, act("outside", money), it, way="bank", reason="转账") for it in (key, key, "")]

        assert Refund.objects.count() == 1
        assert "nothing was done twice" in text_of(pages[1])
        assert (pages[2].status_code, "dealt with already" in text_of(pages[2])) == (422, True)

    def test_is_the_next_step_once_the_gateway_has_denied_it(self, finance: Client, money: UnappliedMoney) -> None:
        submit(finance, act("resolve", money), action="refund", reason="退")
        Refund.objects.update(status="failed")
        UnappliedMoney.objects.update(resolved_at=None, resolution="")

        html = finance.get(address("payments_unappliedmoney_changelist")).content.decode()

        assert (act("outside", money) in html, act("resolve", money) in html) == (True, False)

    def test_offers_to_write_only_where_there_is_an_order(self, finance: Client, money: UnappliedMoney) -> None:
        assert 'name="tells_customer"' in finance.get(act("outside", money)).content.decode()
        UnappliedMoney.objects.update(order=None)

        assert 'name="tells_customer"' not in finance.get(act("outside", money)).content.decode()


class TestKeepingIt:
    def test_books_it_as_other_income_and_takes_it_up_again(self, finance: Client, money: UnappliedMoney) -> None:
        page = submit(finance, act("keep", money), reason="无法联系付款人")
        money.refresh_from_db()
        assert (money.resolution, "￥99.00 is booked as other income." in text_of(page)) == ("income", True)

        submit(finance, act("take_up", money), reason="付款人来电")

        money.refresh_from_db()
        assert (money.resolution, money.resolved_at) == ("", None)
        assert AuditEntry.objects.filter(action="payments.take_up_kept", reason="付款人来电").exists()

    def test_needs_a_reason(self, finance: Client, money: UnappliedMoney) -> None:
        assert submit(finance, act("keep", money)).status_code == 422

        money.refresh_from_db()
        assert money.resolved_at is None

    @pytest.mark.parametrize("deed", ["keep", "take_up", "outside"])
    def test_is_forbidden_to_managers(self, money: UnappliedMoney, deed: str) -> None:
        page = submit(signed_in(Role.MANAGER), act(deed, money), way="bank", reason="x")

        money.refresh_from_db()
        assert (page.status_code, money.resolved_at) == (403, None)
