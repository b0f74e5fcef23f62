from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from kernel import counters
from kernel.models import Counter
from tests.helpers import NOON, rolled_back

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows() -> Iterator[dict[str, int]]:
    """What the registered recount finds in “the rows”."""
    known = dict(counters._recounts)
    rows = {"to_ship": 3, "unpaid": 5}
    counters.counts("tests.tabs")(lambda: rows)
    yield rows
    counters._recounts.clear()
    counters._recounts.update(known)


class TestCounters:
    def test_are_counted_the_first_time_and_kept(self, rows: dict[str, int]) -> None:
        assert counters.get("tests.tabs") == {"to_ship": 3, "unpaid": 5}

        rows["to_ship"] = 99
        assert counters.get("tests.tabs")["to_ship"] == 3

    def test_are_moved_once_the_transaction_is_committed(self, rows: dict[str, int]) -> None:
        counters.get("tests.tabs")
        with transaction.atomic():
            counters.bump("tests.tabs", {"unpaid": -1, "to_ship": 1})
            counters.bump("tests.tabs", {"unpaid": -1, "to_ship": 1})
            assert counters.get("tests.tabs")["unpaid"] == 5

        assert counters.get("tests.tabs") == {"to_ship": 5, "unpaid": 3}

    def test_stay_when_it_is_rolled_back(self, rows: dict[str, int]) -> None:
        counters.get("tests.tabs")
        with transaction.atomic():
            counters.bump("tests.tabs", {"unpaid": 1})
            with rolled_back():
                counters.bump("tests.tabs", {"unpaid": 10})

        assert counters.get("tests.tabs")["unpaid"] == 6

    def test_of_a_batch_of_transactions_are_moved_once_at_its_end(self, rows: dict[str, int]) -> None:
        counters.get("tests.tabs")
        with CaptureQueriesContext(connection) as asked, counters.gathered():
            for _row in range(3):
                with transaction.atomic():
                    counters.bump("tests.tabs", {"unpaid": -1})
        assert [query["sql"].split()[0] for query in asked if "kernel_counter" in query["sql"]] == ["UPDATE"]
        assert counters.get("tests.tabs")["unpaid"] == 2

    def test_of_a_batch_that_ends_badly_are_moved_as_far_as_it_came(self, rows: dict[str, int]) -> None:
        counters.get("tests.tabs")
        with suppress(RuntimeError), counters.gathered():
            with transaction.atomic():
                counters.bump("tests.tabs", {"unpaid": -1})
            raise RuntimeError
        assert counters.get("tests.tabs")["unpaid"] == 4

    def test_are_put_right_by_counting_again(self, rows: dict[str, int]) -> None:
        counters.get("tests.tabs")
        Counter.objects.update(value=-4)
        assert counters.get("tests.tabs")["unpaid"] == 0  # never shown below zero

        counters.recount_all(at=NOON)

        assert counters.get("tests.tabs") == {"to_ship": 3, "unpaid": 5}

    def test_that_cannot_be_moved_do_not_reach_the_caller(
        self, rows: dict[str, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(**_names: object) -> None:
            raise DatabaseError("gone")

        monkeypatch.setattr(Counter.objects, "filter", fail)
        with transaction.atomic():
            counters.bump("tests.tabs", {"unpaid": 1})

    @pytest.mark.parametrize(("value", "shown"), [(0, "0"), (999, "999"), (1000, "999+")])
    def test_are_shown_up_to_999(self, value: int, shown: str) -> None:
        assert counters.display(value) == shown
