from __future__ import annotations

import pytest
from django.db.models import Sum

from orders.models import Order
from payments.models import LedgerEntry, LedgerLine
from payments.services import book_imported
from tests.factories import OrderFactory, a_job
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


def an_imported_order(*, paid_fen: int = 9_900, refunded_fen: int = 0) -> Order:
    return OrderFactory.create(
        category="completed", total_fen=9_900, paid_fen=paid_fen, refunded_fen=refunded_fen, import_job=a_job()
    )


def balances(order: Order) -> dict[str, int]:
    lines = LedgerLine.objects.filter(order_id=order.pk).order_by()
    return dict(lines.values_list("account").annotate(fen=Sum("amount_fen")))


class TestBookImported:
    def test_books_what_was_paid_and_what_was_refunded(self) -> None:
        order = an_imported_order(refunded_fen=4_000)

        assert book_imported(order_ids=[order.pk], at=NOON) == 2

        assert balances(order) == {"elsewhere": 5_900, "receivable": -5_900}

    def test_books_each_order_once_however_often_it_is_told(self) -> None:
        order = an_imported_order(refunded_fen=4_000)

        told = [book_imported(order_ids=[order.pk], at=NOON) for _ in range(3)]

        assert (told, LedgerEntry.objects.count()) == ([2, 0, 0], 2)

    def test_books_no_order_that_it_was_not_told_of(self) -> None:
        first, between, last = an_imported_order(), an_imported_order(), an_imported_order()

        book_imported(order_ids=[first.pk, last.pk], at=NOON)

        assert (balances(between), set(balances(first)), set(balances(last))) == (
            {},
            {"elsewhere", "receivable"},
            {"elsewhere", "receivable"},
        )

    def test_books_nothing_for_an_order_that_was_never_paid_or_was_made_here(self) -> None:
        unpaid, made_here = an_imported_order(paid_fen=0), OrderFactory.create(category="completed")

        assert book_imported(order_ids=[unpaid.pk, made_here.pk], at=NOON) == 0
