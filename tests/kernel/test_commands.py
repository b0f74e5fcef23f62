from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from django.utils.translation import gettext_noop

from kernel.commands import LOCKED, OK, PARTLY_DONE, OpsCommand, business_day
from kernel.errors import DomainError
from kernel.locks import run_lock
from kernel.progress import show
from kernel.trace import current_actor
from tests.helpers import NOON


class Refused(DomainError):
    text = "No account “%(code)s”."


class Sample(OpsCommand):
    help = gettext_noop("Done")
    requires_system_checks: list[str] = []
    act: Callable[[OpsCommand], int]

    def run(self, **_options: object) -> int:
        return type(self).act(self)


def run(act: Callable[[OpsCommand], int], *arguments: str, **attributes: Any) -> tuple[int, str, str]:
    """The exit code and what was written to stdout and stderr."""
    command = type("Command", (Sample,), {"act": act, **attributes})()
    out, errors = StringIO(), StringIO()
    try:
        call_command(command, *arguments, stdout=out, stderr=errors)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue(), errors.getvalue()
    return OK, out.getvalue(), errors.getvalue()


def two_rows(command: OpsCommand) -> int:
    for number in command.progress([1, 2], total=2):
        command.report(number, "amount", booked=number * 100, at=NOON)
    command.summary("%(compared)d compared", compared=2)
    return PARTLY_DONE


class TestOutput:
    def test_is_a_line_for_each_row_and_a_summary(self) -> None:
        code, out, _errors = run(two_rows)

        assert code == PARTLY_DONE
        assert out.splitlines() == [
            "1  amount  booked=100  at=2026-11-22T12:00:00+08:00",
            "2  amount  booked=200  at=2026-11-22T12:00:00+08:00",
            "2 compared",
        ]

    def test_in_json_is_one_object(self) -> None:
        code, out, errors = run(two_rows, "--format", "json")
        whole = json.loads(out)

        assert (code, whole["exit_code"], errors) == (PARTLY_DONE, PARTLY_DONE, "")
        assert whole["rows"][0] == {
            "reference": "1",
            "kind": "amount",
            "booked": 100,
            "at": "2026-11-22T12:00:00+08:00",
        }
        assert whole["summary"] == {"text": "2 compared", "compared": 2}

    def test_quiet_writes_nothing(self) -> None:
        assert run(two_rows, "--quiet") == (PARTLY_DONE, "", "")

    def test_help_is_translated_when_it_is_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("kernel.commands._", lambda text: f"«{text}»")

        assert Sample().create_parser("manage.py", "sample").description == "«Done»"

    def test_says_in_the_audit_log_which_command_acts(self) -> None:
        actors: list[str] = []

        def note(_command: OpsCommand) -> int:
            actors.append(current_actor())
            return OK

        run(note)

        assert actors == [Sample.__module__.rpartition(".")[2]]


class TestExit:
    def test_is_0_without_a_system_exit(self) -> None:
        assert run(lambda _command: OK) == (OK, "", "")

    def test_of_a_refusal_is_1_with_its_sentence(self) -> None:
        def refuse(_command: OpsCommand) -> int:
            raise Refused(code="alipay")

        with pytest.raises(CommandError, match="No account “alipay”") as refusal:
            run(refuse)
        assert refusal.value.returncode == 1

    def test_of_a_database_that_does_not_answer_is_1_with_a_sentence(self) -> None:
        def fail(_command: OpsCommand) -> int:
            raise OperationalError("connection refused")

        with pytest.raises(CommandError, match="connection refused"):
            run(fail)

    def test_of_an_interruption_is_130(self) -> None:
        def interrupt(_command: OpsCommand) -> int:
            raise KeyboardInterrupt

        code, out, errors = run(interrupt)
        assert (code, out, bool(errors)) == (130, "", True)

    @pytest.mark.django_db
    def test_of_a_second_run_is_5_and_it_does_nothing(self) -> None:
        def run_second() -> tuple[int, str, str]:
            try:
                return run(_must_not_run, lock="tests")
            finally:
                connection.close()  # a thread has one of its own, as another process

        with run_lock("tests") as is_mine, ThreadPoolExecutor(1) as pool:
            code, out, errors = pool.submit(run_second).result()

        assert (is_mine, code, out, bool(errors)) == (True, LOCKED, "", True)

    @pytest.mark.django_db
    def test_the_lock_is_free_afterwards(self) -> None:
        assert [run(lambda _command: OK, lock="tests")[0] for _ in range(2)] == [OK, OK]


class TestProgress:
    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    def test_on_a_terminal_is_a_bar_that_is_wiped_at_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("kernel.progress.REDRAW_SECONDS", 0.0)
        screen = self.Screen()

        assert list(show(["a", "b"], total=2, on=screen)) == ["a", "b"]
        assert "██████████░░░░░░░░░░ 1/2" in screen.getvalue()
        assert screen.getvalue().endswith("\x1b[K")

    def test_elsewhere_is_a_line_now_and_then(self, monkeypatch: pytest.MonkeyPatch) -> None:
        file = StringIO()
        list(show(range(1000), total=1000, on=file))
        assert file.getvalue() == ""

        monkeypatch.setattr("kernel.progress.LINE_SECONDS", 0.0)
        list(show(range(2), total=None, on=file))
        assert len(file.getvalue().splitlines()) == 2
        assert "\x1b" not in file.getvalue()


class TestBusinessDay:
    def test_is_read_as_a_date(self) -> None:
        assert business_day("2026-11-22") == date(2026, 11, 22)

    def test_or_refused_with_the_form_to_write(self) -> None:
        with pytest.raises(ArgumentTypeError, match="YYYY-MM-DD"):
            business_day("22.11.2026")


def _must_not_run(_command: OpsCommand) -> int:
    raise AssertionError("it ran beside the other one")
