from __future__ import annotations

import signal
import time
from argparse import ArgumentParser
from datetime import datetime
from threading import Event, Thread

from django.db import OperationalError, close_old_connections, connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel import timers, upkeep
from kernel.clock import now
from kernel.commands import OK, PROBLEMS_FOUND, OpsCommand

PAUSE_SECONDS = 1.0


class Command(OpsCommand):
    """Does all that the scheduler and the workers would do by the clock, without Celery and Redis."""

    help = gettext_noop("Do what is due: timers, deliveries, messages, jobs. Runs until it is stopped, or --once.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help=_("take the turns that are due now, then end"))
        parser.add_argument("--only", nargs="+", metavar="TIMER", help=_("names of timers; all, if not given"))

    def run(self, *, once: bool, only: list[str] | None, **_options: object) -> int:
        if once:
            return self._take_turns(only=only, at=now())
        stop = Event()
        signal.signal(signal.SIGTERM, lambda *_signal: stop.set())
        names = set(only or timers.timers)
        jobs = Thread(target=self._keep_going, args=(names & {upkeep.JOBS_TIMER}, stop), daemon=True)
        jobs.start()  # of its own: a long job must not hold up what others wait for
        try:
            self._keep_going(names - {upkeep.JOBS_TIMER}, stop)
        finally:
            stop.set()
        return OK

    def _keep_going(self, names: set[str], stop: Event) -> None:
        while not stop.is_set():
            try:
                self._take_turns(only=sorted(names), at=now())
                close_old_connections()
            except OperationalError as error:  # a database that restarts is back soon
                self.stderr.write(_("The database does not answer: %(error)s") % {"error": str(error).strip()})
                connection.close()
            stop.wait(PAUSE_SECONDS)

    def _take_turns(self, *, only: list[str] | None, at: datetime) -> int:
        started, results = time.monotonic(), timers.run_due_timers(at=at, only=only)
        for result in results:
            if result.handled or result.error:
                self.report(result.timer, result.error or "ok", handled=result.handled, at=at)
        if not results:
            return OK
        failed = sum(bool(result.error) for result in results)
        if failed or any(result.handled for result in results):
            self.summary(
                _("%(turns)d turns taken, %(failed)d failed, %(seconds).1f s"),
                turns=len(results),
                failed=failed,
                seconds=time.monotonic() - started,
            )
        return PROBLEMS_FOUND if failed else OK
