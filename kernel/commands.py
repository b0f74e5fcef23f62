"""The base of every command an operator types: exit codes that cron can tell apart, JSON, progress, plain refusals."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, ClassVar, Final, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils.translation import gettext as _

from .clock import local
from .errors import DomainError
from .locks import run_lock
from .progress import Terminal, show
from .trace import acting_as, tracing

OK: Final = 0
FAILED: Final = 1
PROBLEMS_FOUND: Final = 3  # it ran, and something is wrong: doctor, reconcile, audit
PARTLY_DONE: Final = 4  # some rows were rejected
LOCKED: Final = 5  # another run is at it
INTERRUPTED: Final = 130

T = TypeVar("T")


class OpsCommand(BaseCommand):
    """
    Subclasses write `run(**options) -> int`, which returns the exit code, and call `progress`, `report`, `summary`.

    `help` is a `gettext_noop` text; it is translated when it is shown. `lock` names what only one run may do at a time.
    """

    lock: ClassVar[str] = ""
    requires_migrations_checks = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        self.help = _(self.help) if self.help else ""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--format", choices=("text", "json"), default="text", help=_("how the result is written"))
        parser.add_argument("--quiet", action="store_true", help=_("write nothing but errors"))
        parser.add_argument("--no-progress", action="store_true", help=_("show no progress"))
        return parser

    def run(self, *args: Any, **options: Any) -> int:
        """Do it. :return: the exit code"""
        raise NotImplementedError

    def handle(self, *_args: str, **options: Any) -> None:
        """:raises SystemExit: with the exit code, unless it is 0"""
        self.name = type(self).__module__.rpartition(".")[2]
        self.is_json = options.pop("format") == "json"
        self.is_quiet = options.pop("quiet")
        self.terminal: Terminal = options.get("stderr") or sys.stderr
        self.shows_progress = not (options.pop("no_progress") or self.is_quiet or self.is_json)
        self.rows: list[dict[str, Any]] = []
        self.said: dict[str, Any] = {}
        code = self._guarded_run(options)
        if self.is_json:
            self._write_json(code)
        if code != OK:
            sys.exit(code)

    def progress(self, items: Iterable[T], *, total: int | None = None) -> Iterator[T]:
        """Hand the items on, and show on stderr how far they are."""
        return show(items, total=total, on=self.terminal) if self.shows_progress else iter(items)

    def report(self, reference: object, kind: object, **facts: Any) -> None:
        """One line of the result: what it is about, what about it, and the facts."""
        row = {"reference": str(reference), "kind": str(kind), **{name: _plain(fact) for name, fact in facts.items()}}
        if self.is_json:
            self.rows.append(row)
        else:
            self.say(
                "  ".join((row["reference"], row["kind"], *(f"{name}={_plain(fact)}" for name, fact in facts.items())))
            )

    def summary(self, text: str, **facts: Any) -> None:
        """The last line, and in JSON its facts; `text` is translated already, with %-placeholders for them."""
        plain = {name: _plain(fact) for name, fact in facts.items()}
        self.said = {"text": text % plain if plain else text, **plain}
        self.say(self.said["text"])

    def say(self, line: str) -> None:
        """A line for people; JSON and --quiet leave it out."""
        if not (self.is_json or self.is_quiet):
            self.stdout.write(line)

    def _guarded_run(self, options: dict[str, Any]) -> int:
        try:
            with tracing(), acting_as(self.name):
                return self._locked_run(options)
        except KeyboardInterrupt:
            self.stderr.write(_("Interrupted. What is done stays done; run it again to go on."))
            return INTERRUPTED
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=FAILED) from refusal
        except OperationalError as error:
            sentence = _("The database does not answer: %(error)s") % {"error": str(error).strip()}
            raise CommandError(sentence, returncode=FAILED) from error

    def _locked_run(self, options: dict[str, Any]) -> int:
        if not self.lock:
            return self.run(**options)
        with run_lock(self.lock) as is_mine:
            if is_mine:
                return self.run(**options)
        self.stderr.write(_("Another run of %(command)s is at it. Wait for it to end.") % {"command": self.name})
        return LOCKED

    def _write_json(self, code: int) -> None:
        whole = {"command": self.name, "exit_code": code, "rows": self.rows, "summary": self.said}
        self.stdout.write(json.dumps(whole, ensure_ascii=False, default=str))


def business_day(text: str) -> date:
    """The argparse type of a Shanghai day."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(_("“%(given)s” is not a day. Write YYYY-MM-DD.") % {"given": text}) from error


def _plain(fact: Any) -> Any:
    """Moments on a Shanghai clock with their offset; the rest as it is."""
    return local(fact).isoformat(timespec="seconds") if isinstance(fact, datetime) else fact
