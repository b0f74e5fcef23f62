"""The demo's shop as it is loaded: orders, a week's statements with differences on purpose, and all of it taken out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from kernel.clock import now
from kernel.models import Alert
from orders.models import Order
from payments.models import Discrepancy, LedgerEntry, Payment, Statement, UnappliedMoney
from payments.services import check_books
from tests.helpers import frozen

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.only_on("sqlite")]

Kind = Discrepancy.Kind


@pytest.fixture
def shop(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    with frozen():
        load()
        yield


def load() -> None:
    call_command("demo", "load", "--orders", "160", "--days", "9")


def test_a_week_is_compared_with_its_statements_and_what_differs_is_work(shop: None) -> None:
    statements = Statement.objects.order_by("day")

    assert [it.state for it in statements] == ["fetched"] * 7
    assert all(it.compared_at and it.payments for it in statements)
    found = Discrepancy.objects.filter(resolved_at=None).order_by("statement__day").values_list("kind", flat=True)
    assert list(found) == [Kind.MISSING_GATEWAY, Kind.MISSING_LOCAL, Kind.AMOUNT]


def test_somebody_paid_too_late(shop: None) -> None:
    waiting = UnappliedMoney.objects.filter(resolved_at=None)

    assert {(it.reason, it.proposed_action) for it in waiting} == {("order_closed", "revive")}


def test_loaded_again_it_is_the_same_shop_and_its_books_agree(shop: None) -> None:
    before = (Order.objects.count(), Statement.objects.count(), Discrepancy.objects.count())

    load()

    assert (Order.objects.count(), Statement.objects.count(), Discrepancy.objects.count()) == before
    assert [offender for stretch in check_books(at=now()) for offender in stretch] == []


def test_taken_out_nothing_of_it_is_left(shop: None) -> None:
    files = [Path(it.file.path) for it in Statement.objects.all()]
    assert all(file.exists() for file in files)

    call_command("demo", "purge")

    assert not any(file.exists() for file in files)

    left = [model.__name__ for model in (Order, Payment, Statement, Discrepancy, UnappliedMoney, LedgerEntry)
            if model._default_manager.exists()]  # fmt: skip
    assert left == []
    assert not Alert.objects.filter(resolved_at=None, kind__startswith="payments.").exists()
    assert [offender for stretch in check_books(at=now()) for offender in stretch] == []
