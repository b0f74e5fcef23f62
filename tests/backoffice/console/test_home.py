from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel import counters
from kernel.alerts import raise_alert
from kernel.clock import business_day, now
from kernel.models import Category
from kernel.shop import shop
from payments.models import Discrepancy, Statement
from tests.desk import Desk, text
from tests.factories import OrderFactory, paid_payment
from tests.helpers import NOON, frozen
from tests.payments.invoices import asked, paid_order

pytestmark = pytest.mark.django_db
FEW = 6 + 2  # for the numbers, and to know who asks


class TestTheStartPage:
    def test_leads_to_the_orders_that_wait(self) -> None:
        OrderFactory.create_batch(2, category=Category.AWAITING_FULFILLMENT, ship_by=now() - timedelta(hours=1))
        counters.recount_all(at=now())

        page = text(Desk("owner").get("/admin/"))

        assert 'href="/admin/orders/order/?category__exact=awaiting_fulfillment"' in page
        assert "<b>2</b>" in page
        assert "2 late" in page

    def test_counts_as_problems_what_the_list_behind_it_shows(self) -> None:
        OrderFactory.create(category=Category.PROBLEM)
        OrderFactory.create(total_fen=100, paid_fen=100, category=Category.PENDING_PAYMENT)
        counters.recount_all(at=now())
        desk = Desk("owner")

        assert 'href="/admin/orders/order/?attention=yes"' in text(desk.get("/admin/"))
        assert "<b>2</b>" in text(desk.get("/admin/"))
        assert "2 rows" in text(desk.get("/admin/orders/order/?attention=yes"))

    def test_leads_to_what_went_wrong(self) -> None:
        raise_alert(kind="timer", subject="x", severity="warning", text="It failed.", at=now())

        assert 'href="/admin/kernel/alert/?open=yes"' in text(Desk("owner").get("/admin/"))

    def test_leads_to_invoices_and_differences_that_wait(self) -> None:
        asked(paid_order())
        payment = paid_payment()
        statement = Statement.objects.create(account=payment.account, day=business_day(now()))
        for kind in ("amount", "cutoff"):
            Discrepancy.objects.create(statement=statement, kind=kind, key=kind, movement="payment", opened_at=now())

        page = text(Desk("owner").get("/admin/"))

        assert re.search(r'href="/admin/payments/discrepancy/".*?<b>1</b>', page, re.DOTALL)
        assert re.search(r'href="/admin/payments/invoicerequest/".*?<b>1</b>', page, re.DOTALL)

    def test_shows_a_role_what_is_its_own(self) -> None:
        raise_alert(kind="timer", subject="x", severity="warning", text="It failed.", at=now())

        assert "/admin/kernel/alert/" not in text(Desk("support").get("/admin/"))

    def test_compares_today_with_yesterday_until_now(self) -> None:
        with frozen(NOON):
            OrderFactory.create(total_fen=10_000, placed_at=NOON - timedelta(hours=1))
            OrderFactory.create(total_fen=20_000, placed_at=NOON - timedelta(hours=25))
            OrderFactory.create(total_fen=40_000, placed_at=NOON - timedelta(hours=23))  # later yesterday

            page = text(Desk("owner").get("/admin/"))

        assert "￥100.00" in page
        assert "￥200.00" in page
        assert "￥400.00" not in page

    def test_costs_few_queries(self) -> None:
        desk = Desk("owner")
        OrderFactory.create_batch(20)
        desk.get("/admin/")

        with CaptureQueriesContext(connection) as asked:
            desk.get("/admin/")

        assert len(asked) <= FEW


class TestTheFrame:
    def test_carries_the_shops_name_at_once_when_it_changes(self) -> None:
        desk, settings = Desk("owner"), shop()
        desk.get("/admin/")
        form = {"name": "张记茶行", "payment_minutes": 30, "reminder_minutes": 15, "ship_hours": 48}

        desk.post(
            f"/admin/kernel/shopsettings/{settings.pk}/change/",
            {**form, "complete_days": 10, "retype_above_fen": "1000", "cap_support": "20.00"},
        )

        assert "张记茶行" in text(desk.get("/admin/"))
        assert shop().refund_caps_fen == {"support": 2_000}

    def test_says_that_the_shop_is_not_live(self) -> None:
        assert "Test mode" in text(Desk("owner").get("/admin/"))

    @pytest.mark.parametrize(("role", "shown"), [("owner", True), ("warehouse", False)])
    def test_lists_only_pages_that_the_role_may_open(self, role: str, shown: bool) -> None:
        assert ("/admin/kernel/auditentry/" in text(Desk(role).get("/admin/"))) is shown

    def test_finds_orders_from_the_palette(self) -> None:
        page = text(Desk("owner").get("/admin/search/?s=2026112&extended=1"))

        assert "/admin/orders/order/?q=2026112" in page
