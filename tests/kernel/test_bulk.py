"""Many rows at once: the fast way and the plain way leave the same rows behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, models, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel import bulk
from kernel.bulk import ByKey, among, fast_insert, insert_values
from kernel.models import Job, JobItem
from orders.models import Order, OrderLine
from tests.factories import CustomerFactory, default_workflow
from tests.helpers import NOON, rolled_back

pytestmark = pytest.mark.django_db

# What a database can hold: no NUL, no half of a surrogate pair.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
JOBS = st.fixed_dictionaries(
    {
        "kind": TEXTS,
        "title": TEXTS,
        "params": st.dictionaries(TEXTS, JSON, max_size=3),
        "total": st.integers(-(2**63), 2**63 - 1),
        "due_at": MOMENTS,
        "created_at": MOMENTS,
        "finished_at": st.none() | MOMENTS,
    }
)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def copying(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(bulk, "WORTH_COPYING", 1)
    return monkeypatch


def stored(model: type[models.Model], keys: list[int]) -> list[dict[str, Any]]:
    rows = {row.pop("id"): row for row in model._default_manager.filter(pk__in=keys).values()}
    return [rows[key] for key in keys]


def both_ways(model: type[models.Model], rows: list[dict[str, Any]], patch: pytest.MonkeyPatch) -> list[Any]:
    told = []
    for threshold in (1, 1_000_000):
        patch.setattr(bulk, "WORTH_COPYING", threshold)
        with rolled_back():
            told.append(stored(model, insert_values(model, rows)))
    return told


class TestInsertValues:
    @FEW
    @given(rows=st.lists(JOBS, min_size=1, max_size=5))
    def test_leaves_what_plain_inserts_leave(self, copying: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> None:
        fast, plain = both_ways(Job, rows, copying)

        assert fast == plain
        assert [{name: row[name] for name in rows[0]} for row in fast] == rows

    def test_gives_what_is_left_out_its_default(self, copying: pytest.MonkeyPatch) -> None:
        (fast,), (plain,) = both_ways(Job, [{"kind": "k", "title": "t", "due_at": NOON, "created_at": NOON}], copying)

        assert fast == plain
        assert (fast["state"], fast["params"], fast["by_id"], fast["total"]) == ("queued", {}, None, 0)

    def test_knows_the_keys_in_the_order_of_the_rows(self, copying: pytest.MonkeyPatch) -> None:
        rows = [{"kind": "k", "title": str(n), "due_at": NOON, "created_at": NOON} for n in range(200)]

        keys = insert_values(Job, rows)

        assert [Job.objects.get(pk=key).title for key in (keys[0], keys[57], keys[-1])] == ["0", "57", "199"]
        assert Job.objects.create(kind="k", title="next", due_at=NOON, created_at=NOON).pk not in keys

    def test_inserts_no_row_without_rows(self, copying: pytest.MonkeyPatch) -> None:
        assert insert_values(Job, []) == []

    def test_lets_every_constraint_hold(self, copying: pytest.MonkeyPatch) -> None:
        job = Job.objects.create(kind="k", title="t", due_at=NOON, created_at=NOON)
        rows = [{"job_id": job.pk, "key": "the same"} for _ in range(2)]

        with pytest.raises(IntegrityError), transaction.atomic():
            insert_values(JobItem, rows)

        assert not JobItem.objects.exists()

    @pytest.mark.only_on("postgresql")
    @pytest.mark.parametrize("row", [{"line_number": 1}, {"state": "new"}])
    def test_takes_no_column_for_granted(self, copying: pytest.MonkeyPatch, row: dict[str, Any]) -> None:
        with pytest.raises(TypeError, match=r"line_number|seal_id"):
            insert_values(OrderLine if "line_number" in row else Order, [row])

    def test_is_worth_it_for_sets_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        copied: list[object] = []
        monkeypatch.setattr(bulk, "_copy", lambda *args: copied.append(args))

        insert_values(Job, [{"kind": "k", "title": "t", "due_at": NOON, "created_at": NOON}])

        assert (copied, Job.objects.count()) == ([], 1)


class TestFastInsert:
    def test_leaves_what_plain_inserts_leave(self, copying: pytest.MonkeyPatch) -> None:
        customer, version = CustomerFactory.create(), default_workflow()
        told = []
        for threshold in (1, 1_000_000):
            copying.setattr(bulk, "WORTH_COPYING", threshold)
            with rolled_back():
                orders = [
                    Order(
                        seal_id=UUID(int=number),
                        order_no=f"N{number}",
                        customer=customer,
                        workflow_version=version,
                        state="shipped",
                        category="in_transit",
                        state_since=NOON,
                        placed_at=NOON + timedelta(minutes=number),
                        staff_note="a\tb\\n\n“x”",
                        raw={"列": "a\tb\\N"},
                    )
                    for number in range(3)
                ]
                fast_insert(orders)
                assert not any(order._state.adding for order in orders)
                told.append(stored(Order, [order.pk for order in orders]))

        assert told[0] == told[1]

    @pytest.mark.only_on("postgresql")
    def test_copies_on_postgresql(self, copying: pytest.MonkeyPatch) -> None:
        with connection.execute_wrapper(
            lambda run, sql, *rest: pytest.fail(sql) if "INSERT" in sql else run(sql, *rest)
        ):
            fast_insert([Job(kind="k", title="t", due_at=NOON, created_at=NOON)])

        assert Job.objects.count() == 1


class TestAmong:
    def test_finds_keys_that_lie_together_by_their_range(self) -> None:
        keys = insert_values(Job, [{"kind": "k", "title": "t", "due_at": NOON, "created_at": NOON} for _ in range(9)])

        assert set(Job.objects.filter(among("pk", keys)).values_list("pk", flat=True)) == set(keys)
        assert "__in" not in str(among("pk", keys))

    def test_finds_scattered_keys_and_no_others(self) -> None:
        keys = insert_values(Job, [{"kind": "k", "title": "t", "due_at": NOON, "created_at": NOON} for _ in range(9)])

        assert set(Job.objects.filter(among("pk", [keys[0], keys[8]])).values_list("pk", flat=True)) == {
            keys[0],
            keys[8],
        }

    def test_finds_nothing_among_no_keys(self) -> None:
        Job.objects.create(kind="k", title="t", due_at=NOON, created_at=NOON)

        assert not Job.objects.filter(among("pk", [])).exists()


class TestByKey:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(made=st.lists(JOBS, min_size=1, max_size=5), told=st.data())
    def test_gives_each_row_its_own_value(self, made: list[dict[str, Any]], told: st.DataObject) -> None:
        with rolled_back():
            rows = [Job.objects.create(**values) for values in made]
            left_alone = Job.objects.create(**made[0])
            wanted = {row.pk: told.draw(JOBS) for row in rows}
            names = ("title", "params", "total", "due_at", "finished_at")
            columns = {
                name: ByKey(
                    column=cast("bulk.Column", Job._meta.get_field(name)),
                    values={pk: values[name] for pk, values in wanted.items()},
                )
                for name in names
            }

            assert Job.objects.filter(pk__in=wanted).update(**columns) == len(rows)

            for row in Job.objects.filter(pk__in=wanted):
                assert {name: getattr(row, name) for name in names} == {name: wanted[row.pk][name] for name in names}
            left_alone.refresh_from_db()
            assert left_alone.title == made[0]["title"]
