from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from pytest_django import Settings

from kernel import jobs
from kernel.errors import DomainError
from kernel.jobs import Counts, JobTaken, UnknownJob, progress, run_due_jobs, run_now, start_job
from kernel.models import Alert, AuditEntry, Job, JobItem, Sequence, User
from tests.helpers import NOON, frozen

pytestmark = pytest.mark.django_db

Body = Callable[[Job], None]


class Refused(DomainError):
    text = "The file is empty."


class Killed(BaseException):
    """What a dying worker looks like: nothing is written behind it."""


@pytest.fixture(autouse=True)
def clock() -> Iterator[object]:
    with frozen() as clock:
        yield clock


@pytest.fixture
def lin() -> User:
    return User.objects.create(username="lin")


def queued(body: Body, *, by: User | None = None) -> Job:
    def run(job: Job, *, at: datetime) -> None:
        body(job)

    jobs.register_job("tests.job", "Test", run)
    return start_job(kind="tests.job", title="Ten rows", params={"rows": 10}, by=by, at=NOON)


def do_rows(job: Job, *, dies_at: int | None = None) -> None:
    """Rows of a file, one to a chunk, each with an effect in the chunk's transaction."""
    for row in range(job.cursor, 10):
        with transaction.atomic():
            Sequence.objects.create(name=f"row {row}")
            progress(job, cursor=row + 1, counts=Counts(done=1), total=10)
        if row == dies_at:
            raise Killed


class TestFiles:
    def a_job_with_a_file(self, state: str, *, finished_at: datetime) -> Job:
        jobs.register_job("tests.job", "Test", lambda _job, *, at: None)
        job = start_job(kind="tests.job", title="A", file=ContentFile(b"13800138000", "a.csv"), by=None, at=NOON)
        job.report.save("rejects.csv", ContentFile(b"1"))
        Job.objects.filter(pk=job.pk).update(state=state, finished_at=finished_at)
        return job

    def test_are_for_the_service_s_user_alone(self) -> None:
        job = self.a_job_with_a_file("done", finished_at=NOON)

        assert Path(job.file.path).stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(("state", "days", "left"), [("done", 31, 0), ("done", 29, 2), ("queued", 31, 2)])
    def test_of_jobs_that_ended_are_thrown_away(self, state: str, days: int, left: int) -> None:
        job = self.a_job_with_a_file(state, finished_at=NOON)
        paths = [Path(job.file.path), Path(job.report.path)]

        jobs.prune_files(at=NOON + timedelta(days=days), limit=10)

        assert sum(path.exists() for path in paths) == left

    def test_that_are_gone_leave_nothing_to_go_on_with(self, lin: User) -> None:
        job = self.a_job_with_a_file("failed", finished_at=NOON)
        jobs.prune_files(at=NOON + timedelta(days=31), limit=10)

        assert not jobs.run_again(job_id=job.pk, by=lin, at=NOON)


class TestRunning:
    def test_a_job_ends_with_its_counts(self) -> None:
        job = queued(do_rows)

        assert run_due_jobs(at=NOON) == 1

        job.refresh_from_db()
        assert (job.state, job.done, job.total, job.cursor, job.finished_at) == ("done", 10, 10, 10, NOON)

    def test_runs_once(self) -> None:
        queued(do_rows)

        assert [run_due_jobs(at=NOON) for _ in range(3)] == [1, 0, 0]
        assert Sequence.objects.count() == 10

    def test_two_workers_that_see_it_at_once_run_it_once(self) -> None:
        first = queued(do_rows)
        second = Job.objects.get()

        assert [jobs._claim(first, at=NOON), jobs._claim(second, at=NOON)] == [True, False]

    def test_a_command_runs_it_here(self) -> None:
        assert run_now(queued(do_rows), at=NOON).state == "done"

    def test_a_command_does_not_take_what_a_worker_is_at(self) -> None:
        job = queued(do_rows)
        Job.objects.update(state="running", attempt=1, due_at=NOON + jobs.LEASE)
        job.refresh_from_db()

        with pytest.raises(JobTaken):
            run_now(job, at=NOON)

    def test_starting_is_on_record(self, lin: User) -> None:
        job = queued(do_rows, by=lin)

        assert AuditEntry.objects.get(action="jobs.start").subject_id == str(job.pk)

    def test_a_kind_that_nobody_knows_is_refused(self) -> None:
        with pytest.raises(UnknownJob, match=r"no\.such"):
            start_job(kind="no.such", title="x", by=None, at=NOON)

    def test_a_file_is_kept_with_its_hash(self, settings: Settings, tmp_path: object) -> None:
        settings.MEDIA_ROOT = tmp_path
        jobs.register_job("tests.job", "Test", lambda job, *, at: None)
        job = start_job(kind="tests.job", title="x", file=ContentFile(b"abc", name="orders.csv"), by=None, at=NOON)

        assert job.file.read() == b"abc"
        assert job.file_hash == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    def test_a_report_is_kept_for_whoever_started_it(self, settings: Settings, tmp_path: object) -> None:
        settings.MEDIA_ROOT = tmp_path
        job = queued(lambda job: jobs.keep_report(job, "rejects.csv", b"row,reason\n"))

        run_due_jobs(at=NOON)

        job.refresh_from_db()
        assert job.report.read() == b"row,reason\n"


class TestDeath:
    def test_the_next_worker_goes_on_behind_the_last_chunk(self, clock: object) -> None:
        job = queued(lambda job: do_rows(job, dies_at=3 if job.attempt == 1 else None))
        with pytest.raises(Killed):
            run_due_jobs(at=NOON)
        assert run_due_jobs(at=NOON + jobs.LEASE - timedelta(seconds=1)) == 0  # it may still be alive

        assert run_due_jobs(at=NOON + jobs.LEASE) == 1

        job.refresh_from_db()
        assert (job.state, job.done, Sequence.objects.count()) == ("done", 10, 10)

    def test_a_worker_that_comes_back_after_its_lease_writes_nothing(self) -> None:
        def loses(job: Job) -> None:
            Job.objects.update(attempt=2)  # another worker takes it over
            do_rows(job)

        queued(loses)
        run_due_jobs(at=NOON)

        assert not Sequence.objects.exists()
        assert Job.objects.get().state == "running"  # the other worker's

    def test_twenty_kills_are_no_failure(self) -> None:
        at = NOON
        job = queued(
            lambda job: do_rows(job, dies_at=None if job.attempt > 20 else job.cursor if job.attempt < 9 else -1)
        )
        for _ in range(25):
            try:
                run_due_jobs(at=at)
            except Killed:
                pass
            at += jobs.LEASE

        job.refresh_from_db()
        assert (job.state, Sequence.objects.count()) == ("done", 10)


class TestFailing:
    def test_a_refusal_fails_it_at_once_with_its_text(self) -> None:
        def refuse(job: Job) -> None:
            raise Refused

        job = queued(refuse)
        run_due_jobs(at=NOON)

        job.refresh_from_db()
        assert (job.state, job.last_error) == ("failed", "The file is empty.")
        assert Alert.objects.get().evidence == {"job": job.pk, "error": "The file is empty."}

    def test_what_may_pass_is_tried_again_and_given_up_after_five_attempts(self) -> None:
        def stumble(job: Job) -> None:
            raise OSError("disk full")

        job, at = queued(stumble), NOON
        for _ in range(8):
            run_due_jobs(at=at)
            at += timedelta(minutes=10)

        job.refresh_from_db()
        assert (job.state, job.attempt, job.last_error) == ("failed", 5, "OSError: disk full")

    def test_a_failed_one_can_go_on_from_where_it_stopped(self, lin: User) -> None:
        def stumble_once(job: Job) -> None:
            do_rows(job)
            if job.attempt == 1:
                raise Refused

        job = queued(stumble_once)
        run_due_jobs(at=NOON)

        assert jobs.run_again(job_id=job.pk, by=lin, at=NOON)
        run_due_jobs(at=NOON)

        job.refresh_from_db()
        assert (job.state, Sequence.objects.count()) == ("done", 10)
        assert not jobs.run_again(job_id=job.pk, by=lin, at=NOON)

    def test_a_canceled_one_stops_behind_its_chunk(self, lin: User) -> None:
        def cancels(job: Job) -> None:
            with transaction.atomic():
                progress(job, cursor=1)
                Sequence.objects.create(name="row 0")
            jobs.cancel(job_id=job.pk, by=lin, at=NOON)
            do_rows(job)

        job = queued(cancels)
        run_due_jobs(at=NOON)

        job.refresh_from_db()
        assert (job.state, job.cursor, Sequence.objects.count()) == ("canceled", 1, 1)
        assert not jobs.cancel(job_id=job.pk, by=lin, at=NOON)


class TestItems:
    def act(self, item: JobItem) -> None:
        Sequence.objects.create(name=item.key)
        if item.key == "b":
            raise Refused

    def test_each_has_one_outcome_and_a_refusal_stops_none(self) -> None:
        job = queued(lambda job: jobs.each_item(job, self.act, at=NOON))
        jobs.add_items(job, [("a", {}), ("b", {}), ("c", {})])

        run_due_jobs(at=NOON)

        job.refresh_from_db()
        outcomes = list(job.items.order_by("pk").values_list("key", "state", "reason"))
        assert outcomes == [("a", "done", ""), ("b", "failed", "The file is empty."), ("c", "done", "")]
        assert (job.done, job.failed) == (2, 1)
        assert sorted(Sequence.objects.values_list("name", flat=True)) == ["a", "c"]

    def test_are_there_once_however_often_they_are_added(self) -> None:
        job = queued(do_rows)
        for _ in range(2):
            jobs.add_items(job, [("a", {"n": 1}), ("b", {})])

        assert [(item.key, item.payload) for item in jobs.claim_items(job)] == [("a", {"n": 1}), ("b", {})]

    def test_one_that_is_finished_is_not_finished_again(self) -> None:
        job = queued(do_rows)
        jobs.add_items(job, [("a", {})])
        [item] = jobs.claim_items(job)
        jobs.finish_item(item, JobItem.State.DONE)

        with pytest.raises(JobTaken):
            jobs.finish_item(item, JobItem.State.FAILED, "late")
        assert jobs.claim_items(job) == []
