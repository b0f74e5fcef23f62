from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from kernel.events import publish
from orders.events import OrdersImported
from orders.models import Order, OrderEvent, OrderLine
from payments.models import LedgerEntry, LedgerLine, Notification, Payment, Refund
from payments.services import (
    Share,
    book_imported,
    check_books,
    request_refund,
    resolve_refunds,
    resolve_unapplied,
    settle,
)
from tests.factories import OrderFactory, PaymentFactory, a_job, paid_payment, report_on
from tests.helpers import NOON, drain, frozen
from tests.payments.fakes import message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def found() -> list[tuple[str, str]]:
    return [(it.check, it.reference) for stretch in check_books(at=NOON) for it in stretch]


def refund(payment: Payment, amount_fen: int, key: str) -> Refund:
    share = Share(amount_fen=amount_fen)
    return request_refund(payment_id=payment.pk, share=share, reason="x", key=key, by=None, at=NOON)


@pytest.fixture
def busy_shop() -> Payment:
    """Paid, refunded in part, in flight, in suspense, imported: everything that can be in the books."""
    payment = paid_payment(order__shipping_fen=900)
    refund(payment, 1_000, "done")
    resolve_refunds(at=NOON, limit=10)
    refund(payment, 500, "in flight")
    late = PaymentFactory.create(order__category="closed")
    settle(report=report_on(late), account_id=late.account_id, at=NOON)
    wrong = PaymentFactory.create()
    money = settle(report=report_on(wrong, amount_fen=5), account_id=wrong.account_id, at=NOON)
    resolve_unapplied(unapplied_id=money.pk, action="refund", reason="x", by=None, at=NOON)
    resolve_refunds(at=NOON, limit=10)
    refund(payment, 300, "in flight too")
    job = a_job()
    OrderFactory.create_batch(
        2, category="completed", import_job=job, refunded_fen=100, payment_status="partially_refunded"
    )
    book_imported(order_ids=Order.objects.filter(import_job=job).values_list("pk", flat=True), at=NOON)
    return payment


class TestSoundBooks:
    def test_agree(self, busy_shop: Payment) -> None:
        assert found() == []

    def test_agree_in_an_empty_shop(self) -> None:
        assert found() == []


FAULTS: dict[str, Callable[[Payment], object]] = {
    "order_ledger": lambda it: LedgerLine.objects.filter(
        account="receivable", order=it.order, amount_fen=-9_900
    ).update(amount_fen=-9_899),
    "entry_balance": lambda it: LedgerLine.objects.filter(account="clearing", amount_fen=9_900).update(
        amount_fen=F("amount_fen") + 1
    ),
    "payment_refunds": lambda it: Payment.objects.filter(pk=it.pk).update(refunded_fen=F("refunded_fen") + 1),
    "payment_booked": lambda it: LedgerEntry.objects.filter(source_type="payment").update(reference="lost"),
    "refund_booked": lambda it: LedgerEntry.objects.filter(kind="refund_settle").update(kind="lost"),
    "refund_lines": lambda it: it.refunds.get(request_key="done").lines.update(amount_fen=1),
    "unapplied_booked": lambda it: LedgerEntry.objects.filter(source_type="unapplied", kind="collect").update(kind="x"),
    "refund_shares": lambda it: OrderLine.objects.filter(order=it.order).update(refunded_fen=F("refunded_fen") + 1),
    "line_shares": lambda it: OrderLine.objects.filter(order=it.order).update(
        unit_price_fen=F("unit_price_fen") + 1, total_fen=F("total_fen") + 1
    ),
    "history": lambda it: OrderEvent.objects.filter(order=it.order, seq=2).delete(),
}


class TestPlantedFaults:
    @pytest.mark.parametrize("check", FAULTS)
    def test_are_found_and_named(self, busy_shop: Payment, check: str) -> None:
        FAULTS[check](busy_shop)

        assert check in {code for code, _reference in found()}

    def test_name_the_order_that_is_off_by_one_fen(self, busy_shop: Payment) -> None:
        FAULTS["order_ledger"](busy_shop)

        assert ("order_ledger", busy_shop.order.order_no) in found()

    @pytest.mark.only_on("sqlite")  # the one that lets its constraints be switched off
    def test_of_an_order_total_are_found_where_the_database_let_them_in(self) -> None:
        order = OrderFactory.create()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            Order.objects.filter(pk=order.pk).update(total_fen=F("total_fen") + 1)
            cursor.execute("PRAGMA ignore_check_constraints = OFF")

        assert ("order_total", order.order_no) in found()

    def test_find_a_history_that_jumped_where_no_arrow_leads(self) -> None:
        order = OrderFactory.create(history_seq=2, state="completed", category="completed", paid_fen=0)
        OrderEvent.objects.update(to_state="pending_payment")
        OrderEvent.objects.create(
            order=order, seq=2, kind="staff", code="state_moved", transition="leap",
            from_state="pending_payment", to_state="completed", at=NOON,
        )  # fmt: skip

        assert ("history", order.order_no) in found()

    def test_find_a_state_that_no_history_leads_to(self) -> None:
        order = OrderFactory.create()
        Order.objects.filter(pk=order.pk).update(state="completed")

        assert ("history", order.order_no) in found()

    @pytest.mark.parametrize(("seconds", "is_late"), [(60, False), (61, True)])
    def test_find_a_message_that_waits_for_longer_than_a_minute(self, seconds: int, is_late: bool) -> None:
        payment = PaymentFactory.create()
        post(payment.account, message(payment.payment_no))
        Notification.objects.update(received_at=NOON - timedelta(seconds=seconds))

        assert ("inbox_late" in {code for code, _reference in found()}) == is_late


class TestTheCommand:
    def run(self, *arguments: str) -> tuple[int, str]:
        out = StringIO()
        try:
            call_command("check_books", *arguments, stdout=out, stderr=StringIO())
        except SystemExit as end:
            return int(str(end.code)), out.getvalue()
        return 0, out.getvalue()

    def test_says_that_the_books_agree(self, busy_shop: Payment) -> None:
        assert self.run()[0] == 0

    def test_exits_3_and_names_the_first_offender_on_one_fen(self, busy_shop: Payment) -> None:
        FAULTS["order_ledger"](busy_shop)

        code, said = self.run()

        assert (code, busy_shop.order.order_no in said) == (3, True)

    def test_speaks_json(self, busy_shop: Payment) -> None:
        FAULTS["order_ledger"](busy_shop)

        code, said = self.run("--format", "json")

        rows = json.loads(said)["rows"]
        assert (code, busy_shop.order.order_no in {row["reference"] for row in rows}) == (3, True)


class TestImportedMoney:
    def test_is_booked_as_collected_elsewhere_once(self) -> None:
        order = OrderFactory.create(category="completed", import_job=a_job(), refunded_fen=100)

        assert [book_imported(order_ids=[order.pk], at=NOON) for _ in range(2)] == [2, 0]

        sums = {line.account: 0 for line in LedgerLine.objects.all()}
        for line in LedgerLine.objects.all():
            sums[line.account] += line.amount_fen
        assert sums == {"elsewhere": 9_800, "receivable": -9_800}

    def test_is_booked_when_orders_tells_of_it(self) -> None:
        order = OrderFactory.create(category="completed", import_job=a_job())

        publish(OrdersImported(job_id=1, order_ids=[order.pk]))
        drain(NOON)

        assert LedgerEntry.objects.get().reference == order.order_no

    def test_brings_nothing_where_nothing_was_paid(self) -> None:
        order = OrderFactory.create(category="closed", import_job=a_job())

        assert book_imported(order_ids=[order.pk], at=NOON) == 0

    def test_leaves_orders_alone_that_were_paid_here(self) -> None:
        assert book_imported(order_ids=[paid_payment().order_id], at=NOON) == 0

    def test_costs_the_same_few_queries_for_a_hundred_orders(self, django_assert_max_num_queries: object) -> None:
        orders = OrderFactory.create_batch(100, category="completed", import_job=a_job())

        with django_assert_max_num_queries(8):  # type: ignore[operator]
            assert book_imported(order_ids=[it.pk for it in orders], at=NOON) == 100
