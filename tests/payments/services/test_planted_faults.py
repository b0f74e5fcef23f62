"""
A day of payments beside its statement, with faults of seven kinds: each planted one is found, and nothing else.

`python -m benchmarks reconcile --size 20000` measures the same on a day of 20,000.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

from benchmarks.reconcile import DAY, PLANTED, Day, Kind, morning, seeded
from payments.gateways import GATEWAYS
from payments.models import Discrepancy
from payments.services import reconcile, upload_statement

from .test_reconciling import Bookkeeper

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAYMENTS = 600


# The benchmark plants them one kind after the other, in the order of the payments.
PLACES = {
    Kind.MISSING_GATEWAY: 0,
    Kind.CUTOFF: 1,
    Kind.AMOUNT: 2,
    Kind.FEE: 3,
    Kind.STATUS: 4,
    Kind.DUPLICATE: 5,
}


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Day:
    monkeypatch.setitem(GATEWAYS, Bookkeeper.code, Bookkeeper)
    return seeded(PAYMENTS)


def test_every_planted_fault_is_found_and_nothing_else(day: Day) -> None:
    statement = upload_statement(account=day.account, day=DAY, name="day.csv", content=day.file, by=None, at=morning())
    for _again in range(2):  # comparing twice finds nothing twice
        reconcile(statement_id=statement.pk, at=morning())

    numbers: dict[str, list[str]] = defaultdict(list)
    for it in Discrepancy.objects.filter(statement=statement).order_by("payment_no"):
        numbers[it.kind].append(it.payment_no)
    planted = {kind: numbers_of(day, place * PLANTED) for kind, place in PLACES.items()}
    strangers = [f"X{number}" for number in numbers_of(day, 6 * PLANTED)]
    assert dict(numbers) == {**planted, Kind.MISSING_LOCAL: strangers}


def numbers_of(day: Day, first: int) -> list[str]:
    return sorted(payment.payment_no for payment in day.payments[first : first + PLANTED])
