from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.test import Client

from backoffice.staff.matrix import Role
from kernel import alerts
from kernel.clock import now
from tests.factories import AccountFactory, PaymentFactory

from .staff import address, signed_in, text_of

LIVE = {"HX-Request": "true"}


def test_shows_each_account_with_its_rates_and_the_newest_attempts_first(finance: Client) -> None:
    account = AccountFactory.create(name="Wallet")
    at = now()
    older = PaymentFactory.create(account=account, status="succeeded", created_at=at - timedelta(minutes=2))
    newer = PaymentFactory.create(account=account, status="failed", last_message="No funds", created_at=at)
    cache.clear()

    shown = text_of(finance.get(address("payments_monitor")))

    assert "Wallet" in shown
    assert "50% 1/2" in shown
    assert "No funds ×1" in shown
    assert shown.index(newer.payment_no) < shown.index(older.payment_no)


def test_what_moves_is_asked_for_alone_with_the_same_filter(finance: Client) -> None:
    wallet, other = AccountFactory.create(code="wallet"), AccountFactory.create(code="other")
    mine, theirs = PaymentFactory.create(account=wallet), PaymentFactory.create(account=other)

    page = finance.get(f"{address('payments_monitor')}?account=wallet", headers=LIVE).content.decode()

    assert page.lstrip().startswith('<div id="monitor"')
    assert 'hx-get="/admin/payments/payment/monitor/?account=wallet"' in page
    assert mine.payment_no in page
    assert theirs.payment_no not in page


def test_filters_by_state_and_amount_and_takes_nonsense_for_no_filter(finance: Client) -> None:
    small = PaymentFactory.create(order__total_fen=1_000)
    big = PaymentFactory.create(order__total_fen=50_000, status="failed")
    monitor = address("payments_monitor")

    assert small.payment_no not in text_of(finance.get(f"{monitor}?least=100"))
    assert small.payment_no not in text_of(finance.get(f"{monitor}?status=failed"))
    assert big.payment_no not in text_of(finance.get(f"{monitor}?status=pending"))
    for nonsense in ("least=x", "status=x", "account=x"):
        shown = finance.get(f"{monitor}?{nonsense}")
        assert shown.status_code == 200
        assert small.payment_no in text_of(shown)


def test_a_paused_monitor_asks_no_more(finance: Client) -> None:
    assert b"hx-trigger" in finance.get(address("payments_monitor"), headers=LIVE).content
    assert b"hx-trigger" not in finance.get(f"{address('payments_monitor')}?paused=1", headers=LIVE).content


def test_the_wall_screen_has_no_sidebar(finance: Client) -> None:
    ledger = address("payments_ledgerentry_changelist").encode()

    assert ledger in finance.get(address("payments_monitor")).content
    assert ledger not in finance.get(f"{address('payments_monitor')}?kiosk=1").content


def test_open_alerts_about_payments_stand_beside_for_those_who_may_see_them(finance: Client) -> None:
    alerts.raise_alert(kind="payments.account", subject="a", severity="critical", text="Key gone", at=now())
    alerts.raise_alert(kind="kernel.timer", subject="b", severity="critical", text="Clock gone", at=now())

    shown = text_of(finance.get(address("payments_monitor"), headers=LIVE))

    assert "Key gone" in shown
    assert "Clock gone" not in shown
    assert "Key gone" not in text_of(signed_in(Role.SUPPORT).get(address("payments_monitor"), headers=LIVE))


def test_costs_no_more_queries_with_more_attempts_and_accounts(finance: Client) -> None:
    from .staff import queries_of

    PaymentFactory.create()
    few = queries_of(finance, address("payments_monitor"))
    PaymentFactory.create_batch(12)

    assert queries_of(finance, address("payments_monitor")) <= few
