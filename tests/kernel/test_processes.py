"""The same promises, kept between processes that race or are killed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.processes import Processes, slim_processes

__all__ = ["slim_processes"]

pytestmark = [pytest.mark.race, pytest.mark.slow]

EVENTS = """
import sys
from dataclasses import dataclass
from datetime import timedelta
from django.db import transaction
from kernel import audit, events
from kernel.clock import now
from kernel.events import Event, handles, publish_many
from kernel.models import AuditEntry, Delivery, Sequence

@dataclass(frozen=True, slots=True, kw_only=True)
class Race(Event):
    race: str
    number: int

def count(event, *, at):
    subject = Sequence(pk=event.number, name=event.race)
    audit.record(action=event.race, subject=subject, by=None, at=at)

handles(Race, name="races.inside")(count)
"""
OUTSIDE = 'handles(Race, name="races.outside", atomic=False)(count)\n'
PUBLISH = "publish_many(Race(race={race!r}, number=number) for number in range({count}))\n"
DELIVER = "while events.deliver_due(at=now() + timedelta(minutes={minutes})): pass\n"
EFFECTS = "print(*AuditEntry.objects.filter(action={race!r}).values_list('subject_id', flat=True))\n"
WAITING = "print(Delivery.objects.exclude(state='done').count())\n"


@pytest.fixture
def processes(slim_processes: Processes) -> Processes:
    return slim_processes


def effects(processes: Processes, race: str) -> Counter[str]:
    return Counter(processes.run(EVENTS + EFFECTS.format(race=race)).split())


class TestEvents:
    def test_four_workers_at_once_do_each_delivery_once(self, processes: Processes) -> None:
        processes.run(EVENTS + PUBLISH.format(race="four", count=200))

        processes.run(EVENTS + DELIVER.format(minutes=0), times=4)

        done = effects(processes, "four")
        assert (len(done), set(done.values())) == (200, {1})

    def test_without_the_claim_and_the_fence_the_same_four_would_double(self, processes: Processes) -> None:
        """The control: it shows that the test above can fail."""
        unguarded = """
from kernel.events import delivering
look = lambda due, *, size, at: list(due.order_by("pk")[:size]) if not done else []
done = []
delivering._claim = look
delivering._update = lambda delivery, **changes: True
for batch in delivering._claims(at=now(), limit=50):
    done.append(batch)
    for delivery in batch:
        delivering._deliver(delivery, delivery.event, at=now())
"""
        processes.run(EVENTS + PUBLISH.format(race="unguarded", count=20))

        processes.run(EVENTS + unguarded, times=2)
        processes.run(EVENTS + DELIVER.format(minutes=0))

        assert max(effects(processes, "unguarded").values()) > 1

    @pytest.mark.parametrize("failpoint", ["events.before_handler:3", "events.before_commit:3"])
    def test_a_worker_killed_at_work_loses_and_doubles_nothing(
        self, processes: Processes, failpoint: str, tmp_path: Path
    ) -> None:
        race = failpoint.partition(":")[0]
        processes.run(EVENTS + PUBLISH.format(race=race, count=10))

        processes.kill_at(failpoint, EVENTS + DELIVER.format(minutes=0), tmp_path / "mark")
        assert processes.run(EVENTS + DELIVER.format(minutes=0) + WAITING).strip() != "0"  # its lease lasts
        assert processes.run(EVENTS + DELIVER.format(minutes=3) + WAITING).strip() == "0"

        done = effects(processes, race)
        assert (len(done), set(done.values())) == (10, {1})

    def test_what_calls_the_outside_is_done_again_after_a_kill_and_never_lost(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        publish = PUBLISH.format(race="outside", count=5)
        processes.run((EVENTS + OUTSIDE).replace('handles(Race, name="races.inside")(count)', "") + publish)

        processes.kill_at("events.before_done:2", EVENTS + OUTSIDE + DELIVER.format(minutes=0), tmp_path / "mark")
        processes.run(EVENTS + OUTSIDE + DELIVER.format(minutes=3))

        done = effects(processes, "outside")
        assert (len(done), sorted(done.values())) == (5, [1, 1, 1, 1, 2])  # the one that was killed before it said so


class TestNumbers:
    def test_four_processes_never_hand_out_the_same_number(self, processes: Processes) -> None:
        """Every third transaction is rolled back; what the others print is committed."""
        printed = processes.run(
            """
from datetime import UTC, datetime
from django.db import transaction
from kernel.db import retry_on_conflict
from kernel.sequences import next_number

@retry_on_conflict
@transaction.atomic
def draft(turn):
    number = next_number("race", at=datetime(2026, 11, 22, tzinfo=UTC))
    transaction.set_rollback(turn % 3 == 0)
    return number

for turn in range(90):
    number = draft(turn)
    if turn % 3:
        print(number)
""",
            times=4,
        ).split()

        assert len(set(printed)) == len(printed) == 240


class TestTimers:
    def test_four_schedulers_take_a_turn_once(self, processes: Processes) -> None:
        printed = processes.run(
            """
from datetime import UTC, datetime, timedelta
from kernel.timers import run_due_timers, timer
ran = []
timer(name="tests.race", every=timedelta(seconds=30))(lambda *, at, limit: ran.append(at) or 0)
for turn in range(20):
    run_due_timers(at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=30 * turn), only=["tests.race"])
print(*(f"{at:%H:%M:%S}" for at in ran))
""",
            times=4,
        ).split()

        assert len(printed) == len(set(printed)) == 20


class TestJobs:
    JOB = """
from datetime import timedelta
from django.db import transaction
from kernel import jobs
from kernel.clock import now
from kernel.failpoints import failpoint
from kernel.models import Job, Sequence

def run(job, *, at):
    for row in range(job.cursor, 12):
        with transaction.atomic():
            Sequence.objects.create(name=f"job {job.pk} row {row}")  # unique: a row done twice would fail
            jobs.progress(job, cursor=row + 1, counts=jobs.Counts(done=1))
            failpoint("tests.in_chunk")
        failpoint("tests.after_chunk")

jobs.register_job("tests.race", "Race", run)
"""
    START = "jobs.start_job(kind='tests.race', title='Race', by=None, at=now())\n"
    RUN = "jobs.run_due_jobs(at=now() + timedelta(minutes={minutes}))\n"
    SHOW = """
job = Job.objects.latest("pk")
print(job.state, job.done, Sequence.objects.filter(name__startswith=f"job {job.pk} ").count())
"""

    def test_killed_twice_a_job_still_does_every_row_once(self, processes: Processes, tmp_path: Path) -> None:
        processes.run(self.JOB + self.START)

        processes.kill_at("tests.in_chunk:4", self.JOB + self.RUN.format(minutes=0), tmp_path / "first")
        processes.kill_at("tests.after_chunk:4", self.JOB + self.RUN.format(minutes=3), tmp_path / "second")
        assert processes.run(self.JOB + self.SHOW).split() == ["running", "7", "7"]

        processes.run(self.JOB + self.RUN.format(minutes=9))
        assert processes.run(self.JOB + self.SHOW).split() == ["done", "12", "12"]

    def test_four_workers_run_a_job_once(self, processes: Processes) -> None:
        processes.run(self.JOB + self.START)

        processes.run(self.JOB + self.RUN.format(minutes=0), times=4)

        assert processes.run(self.JOB + self.SHOW).split() == ["done", "12", "12"]
