"""The small parts: trace, HTTP, database helpers, failpoints, shop settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from kernel.db import TRIES, bulk_insert, bulk_upsert, in_transaction, is_conflict, retry_on_conflict
from kernel.http import TraceMiddleware, client_address
from kernel.models import Sequence, ShopSettings, User
from kernel.shop import refund_cap_fen, shop
from kernel.trace import acting_as, current_actor, current_address, current_trace_id, new_trace, tracing

ROOT = Path(__file__).resolve().parents[2]


class TestTrace:
    def test_lasts_as_long_as_the_work(self) -> None:
        with tracing() as trace_id:
            assert current_trace_id() == trace_id
            with tracing("00000000deadbeef", address="192.0.2.7"):
                assert (current_trace_id(), current_address()) == ("00000000deadbeef", "192.0.2.7")
            assert (current_trace_id(), current_address()) == (trace_id, None)
        assert (len(trace_id), int(trace_id, 16) >= 0) == (16, True)

    def test_can_be_given_anew(self) -> None:
        with tracing() as trace_id:
            assert new_trace() == current_trace_id() != trace_id

    def test_the_actor_lasts_as_long_as_the_work(self) -> None:
        with acting_as("orders_import"):
            assert current_actor() == "orders_import"
        assert current_actor() == ""


class TestHttp:
    def test_every_answer_tells_its_trace_id(self) -> None:
        seen: list[tuple[str, str | None]] = []

        def answer(request: HttpRequest) -> HttpResponse:
            seen.append((current_trace_id(), current_address()))
            return HttpResponse()

        response = TraceMiddleware(answer)(RequestFactory().get("/", REMOTE_ADDR="192.0.2.7"))

        assert seen == [(response.headers["X-Trace-Id"], "192.0.2.7")]
        assert current_trace_id() == ""

    def test_what_the_client_says_of_its_trace_is_not_believed(self) -> None:
        request = RequestFactory().get("/", headers={"X-Trace-Id": "00000000deadbeef"})

        assert TraceMiddleware(lambda _request: HttpResponse())(request).headers["X-Trace-Id"] != "00000000deadbeef"

    @pytest.mark.parametrize(("given", "address"), [("2001:db8::1", "2001:db8::1"), ("", None), ("unix:", None)])
    def test_a_client_has_an_address_or_none(self, given: str, address: str | None) -> None:
        assert client_address(RequestFactory().get("/", REMOTE_ADDR=given)) == address


class Conflict(OperationalError):
    """A deadlock in MariaDB's words, which every database's classifier knows."""

    def __init__(self) -> None:
        super().__init__(1213, "Deadlock found when trying to get lock")


class TestRetry:
    def attempts(self, errors: list[Exception]) -> int:
        tried = 0

        @retry_on_conflict
        def act() -> int:
            nonlocal tried
            tried += 1
            if errors:
                raise errors.pop(0)
            return tried

        return act()

    def test_does_it_again_after_a_conflict_three_times_at_most(self) -> None:
        assert self.attempts([Conflict()] * (TRIES - 1)) == TRIES
        with pytest.raises(Conflict):
            self.attempts([Conflict()] * TRIES)

    def test_leaves_other_errors_alone(self) -> None:
        with pytest.raises(OperationalError, match="no such table"):
            self.attempts([OperationalError("no such table")])

    @pytest.mark.django_db
    def test_does_nothing_again_inside_a_transaction_of_somebody_else(self) -> None:
        with pytest.raises(Conflict), transaction.atomic():
            self.attempts([Conflict()])

    @pytest.mark.parametrize(
        ("sqlstate", "expected"), [("40001", True), ("40P01", True), ("55P03", True), ("23505", False)]
    )
    def test_knows_postgresqls_conflicts_by_their_code(self, sqlstate: str, *, expected: bool) -> None:
        error = OperationalError("as the server words it")
        error.__cause__ = Exception()
        error.__cause__.sqlstate = sqlstate  # type: ignore[attr-defined]

        assert is_conflict(error) is expected

    @pytest.mark.only_on("sqlite")
    def test_knows_sqlites_conflict_by_its_text(self) -> None:
        assert is_conflict(OperationalError("database is locked"))


@pytest.mark.django_db
class TestRows:
    def test_a_tests_own_transaction_does_not_count(self) -> None:
        assert not in_transaction()
        with transaction.atomic():
            assert in_transaction()

    def test_upserting_sets_what_is_there_and_adds_what_is_not(self) -> None:
        Sequence.objects.create(name="a", next_value=1)
        rows = [Sequence(name="a", next_value=7), Sequence(name="b", next_value=8)]
        bulk_upsert(rows, unique_fields=("name",), update_fields=("next_value",))

        assert dict(Sequence.objects.values_list("name", "next_value")) == {"a": 7, "b": 8}

    def test_inserting_many_tells_their_keys(self) -> None:
        rows = bulk_insert([Sequence(name="a"), Sequence(name="b")])

        assert sorted(row.pk for row in rows) == sorted(Sequence.objects.values_list("pk", flat=True))
        assert bulk_insert([]) == []


class TestFailpoints:
    def passing(self, fail_at: str, mark: Path, *, times: int = 2) -> int:
        program = f"from kernel.failpoints import failpoint\nfor _ in range({times}): failpoint('refund.sent')"
        environment = {**os.environ, "FAIL_AT": fail_at, "FAIL_MARK": str(mark)}
        return subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False).returncode

    @pytest.mark.parametrize("fail_at", ["refund.sent", "refund.sent:2"])
    def test_kill_where_they_are_told_to_and_leave_a_mark(self, fail_at: str, tmp_path: Path) -> None:
        assert self.passing(fail_at, tmp_path / "mark") == -signal.SIGKILL
        assert (tmp_path / "mark").read_text() == "refund.sent"

    @pytest.mark.parametrize("fail_at", ["", "another", "refund.sent:3"])
    def test_kill_nobody_elsewhere(self, fail_at: str, tmp_path: Path) -> None:
        assert self.passing(fail_at, tmp_path / "mark") == 0
        assert not (tmp_path / "mark").exists()


@pytest.mark.django_db
class TestShop:
    def test_has_settings_before_anybody_set_them(self) -> None:
        assert shop() == shop() == ShopSettings.objects.get()

    @pytest.mark.parametrize(
        ("roles", "cap_fen"),
        [
            (["support"], 50_000),
            (["support", "lead"], 200_000),  # the larger of several
            (["support", "finance"], None),  # a role without a cap has none
            ([], None),
        ],
    )
    def test_caps_refunds_by_role(self, roles: list[str], cap_fen: int | None) -> None:
        ShopSettings.objects.create(pk=1, refund_caps_fen={"support": 50_000, "lead": 200_000})
        lin = User.objects.create(username="lin")
        lin.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])

        assert refund_cap_fen(lin) == cap_fen
