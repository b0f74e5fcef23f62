from __future__ import annotations

import pytest
from django.test.utils import CaptureQueriesContext

from kernel.admin import CappedPaginator, paging
from kernel.models import Sequence

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> None:
    Sequence.objects.bulk_create(Sequence(name=f"s{number}") for number in range(12))


@pytest.mark.usefixtures("rows")
class TestCount:
    def test_is_exact_where_there_are_few(self) -> None:
        pages = CappedPaginator(Sequence.objects.order_by("name"), 5)

        assert (pages.count, pages.num_pages, pages.shown_count) == (12, 3, "12")

    def test_stops_where_nobody_reads_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paging, "COUNTED_AT_MOST", 10)
        pages = CappedPaginator(Sequence.objects.order_by("name"), 5)

        assert (pages.count, pages.num_pages, pages.shown_count) == (10, 2, "10+")

    def test_asks_the_database_for_no_more_rows_than_it_counts(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: type[CaptureQueriesContext]
    ) -> None:
        monkeypatch.setattr(paging, "COUNTED_AT_MOST", 10)
        pages = CappedPaginator(Sequence.objects.order_by("name"), 5)

        with django_assert_num_queries(1) as asked:  # type: ignore[arg-type]
            assert pages.count == 10
        assert "LIMIT 11" in asked.captured_queries[0]["sql"]
