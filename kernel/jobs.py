"""
Batches that people start and watch. A job belongs to the worker that claimed it until its lease is over; whoever takes
it over goes on behind the last chunk that was committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models import F, Model, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from . import alerts, audit
from .clock import now
from .errors import DomainError
from .models import Alert, Job, JobItem, User
from .queue import after_commit
from .trace import acting_as, tracing

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # longer than any chunk takes
ATTEMPTS = 5  # of a job that fails for a reason that may pass
DEADLY_ATTEMPTS = 200  # more than anybody kills workers: the job itself does
OPEN = (Job.State.QUEUED, Job.State.RUNNING)
TITLE_LENGTH = Job._meta.get_field("title").max_length or 0
REASON_LENGTH = JobItem._meta.get_field("reason").max_length or 0


class JobTaken(DomainError):
    """Raised out of `progress` too: then this worker's chunk is rolled back, for another one does it."""

    text = _("Somebody else is working on this, or it was canceled.")


class UnknownJob(DomainError):
    text = _("No part of this installation runs jobs of the kind “%(kind)s”.")


class KillsWorkers(DomainError):
    text = _("Every worker that took this job died. Look for the reason, then run it again.")


class Runner(Protocol):
    def __call__(self, job: Job, /, *, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    label: str | Promise
    run: Runner


class Counts(NamedTuple):
    """How many items a chunk adds to each outcome."""

    done: int = 0
    skipped: int = 0
    failed: int = 0


NOTHING = Counts()
kinds: dict[str, Kind] = {}


def register_job(kind: str, label: str | Promise, runner: Runner) -> None:
    """
    Say how jobs of a kind are run. `runner(job, at=…)` does what follows `job.cursor`, chunk by chunk, and calls
    `progress` in each chunk's transaction; when it returns, the job is done.
    """
    kinds[kind] = Kind(kind, label, runner)


@transaction.atomic
def start_job(
    *,
    kind: str,
    title: str,
    params: Mapping[str, Any] | None = None,
    file: File[Any] | None = None,
    by: User | None,
    at: datetime,
) -> Job:
    """
    Queue a job; a worker takes it once this transaction is committed.

    :raises UnknownJob: if nobody registered the kind
    """
    if kind not in kinds:
        raise UnknownJob(kind=kind)
    job = Job(kind=kind, title=title[:TITLE_LENGTH], params=dict(params or {}), by=by, due_at=at, created_at=at)
    if file is not None:
        job.file_hash = file_hash(file)
        job.file.save(file.name or kind, file, save=False)
    job.save()
    audit.record(action="jobs.start", subject=job, by=by, at=at, after={"kind": kind})
    after_commit("kernel.run_jobs")
    return job


def run_due_jobs(*, at: datetime, limit: int = 5) -> int:
    """
    Run queued jobs, and go on with those whose worker died.

    :return: how many were claimed, whatever became of them
    """
    due = Job.objects.filter(state__in=OPEN, due_at__lte=at).order_by("due_at", "pk")[:limit]
    return sum(_claim(job, at=at) and _run(job, at=at) for job in due)


def run_now(job: Job, *, at: datetime) -> Job:
    """
    Run a job here, as commands do.

    :raises JobTaken: if a worker is at it already
    """
    if not (job.state == Job.State.QUEUED or job.due_at <= at) or not _claim(job, at=at):
        raise JobTaken
    _run(job, at=at)
    job.refresh_from_db()
    return job


def progress(
    job: Job,
    *,
    cursor: int | None = None,
    counts: Counts = NOTHING,
    total: int | None = None,
    summary: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    """
    Note how far a job is, in the transaction of the chunk that got it there, and keep it for another two minutes.

    :param cursor: what is done; a worker that takes over goes on behind it
    :param counts: what this chunk adds
    :param summary: entries to add to `job.summary` or to replace there
    :raises JobTaken: if the job was canceled or taken over; the chunk is to be rolled back
    """
    changes: dict[str, Any] = {name: F(name) + count for name, count in counts._asdict().items() if count}
    changes |= {"cursor": job.cursor if cursor is None else cursor, "total": job.total if total is None else total}
    if summary:
        changes["summary"] = {**job.summary, **summary}
    _update(job, due_at=max(at or now(), now()) + LEASE, **changes)
    job.refresh_from_db(fields=("cursor", "total", "done", "skipped", "failed", "summary", "due_at"))


def keep_report(job: Job, name: str, content: bytes | File[Any]) -> None:
    """Store a file for whoever started the job, such as the rejected rows with their reasons; a new one replaces it."""
    job.report.save(name, ContentFile(content) if isinstance(content, bytes) else content, save=False)
    _update(job, report=job.report.name)


def take_over(job: Job, *, at: datetime) -> bool:
    """
    End the lease of a worker that is known to be dead, so that `run_now` need not wait for it.

    :return: False if another worker has claimed the job meanwhile
    """
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt, due_at=job.due_at)
    taken = mine.update(due_at=at) == 1
    job.refresh_from_db()
    return taken


@transaction.atomic
def cancel(*, job_id: int, by: User | None, at: datetime) -> bool:
    """Stop a job behind the chunk it is at; what it did stays."""
    job = Job.objects.get(pk=job_id)
    canceled = Job.objects.filter(pk=job_id, state__in=OPEN).update(state=Job.State.CANCELED, finished_at=at) == 1
    if canceled:
        audit.record(action="jobs.cancel", subject=job, by=by, at=at)
    return canceled


@transaction.atomic
def run_again(*, job_id: int, by: User, at: datetime) -> bool:
    """Let a failed or canceled job go on behind the last chunk that was committed."""
    job = Job.objects.get(pk=job_id)
    stopped = Job.objects.filter(pk=job_id, state__in=(Job.State.FAILED, Job.State.CANCELED))
    stopped = stopped.exclude(~Q(file_hash=""), file="")  # its file was thrown away: nothing to go on with
    if stopped.update(state=Job.State.QUEUED, due_at=at, finished_at=None) != 1:
        return False
    audit.record(action="jobs.run_again", subject=job, by=by, at=at)
    after_commit("kernel.run_jobs")
    return True


def add_items(job: Job, items: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """What a job is to do: (key, details). A key that is there already is left alone."""
    known = set(job.items.values_list("key", flat=True))
    fresh = {key: details for key, details in items if key not in known}
    rows = [JobItem(job=job, key=key, payload=dict(details)) for key, details in fresh.items()]
    JobItem.objects.bulk_create(rows, batch_size=500)


def claim_items(job: Job, size: int = 100) -> list[JobItem]:
    """The next items that have no outcome yet. The job's claim covers them: nobody else is at them."""
    return list(job.items.filter(state=JobItem.State.WAITING).order_by("pk")[:size])


def finish_item(item: JobItem, state: str, reason: str = "") -> None:
    """
    Give an item its outcome, in the transaction of what was done to it.

    :raises JobTaken: if it has one: another worker did it
    """
    waiting = JobItem.objects.filter(pk=item.pk, state=JobItem.State.WAITING)
    if waiting.update(state=state, reason=reason[:REASON_LENGTH]) != 1:
        raise JobTaken


def each_item(job: Job, act: Callable[[JobItem], Model | None], *, at: datetime) -> None:
    """Do `act` to each item in a transaction of its own; a refusal is that item's outcome, and the next one follows."""
    while items := claim_items(job):
        for item in items:
            try:
                with transaction.atomic():
                    act(item)
                    finish_item(item, JobItem.State.DONE)
                    progress(job, counts=Counts(done=1), at=at)
            except JobTaken:
                raise
            except DomainError as refusal:
                with transaction.atomic():
                    finish_item(item, JobItem.State.FAILED, str(refusal))
                    progress(job, counts=Counts(failed=1), at=at)


def prune_files(*, at: datetime, limit: int) -> int:
    """
    Throw away what people uploaded for jobs that ended long ago, and what they were handed; the counts stay.

    :return: how many jobs lost their files
    """
    kept = timedelta(days=settings.JOB_FILE_DAYS)
    ended = Job.objects.exclude(state__in=OPEN).filter(finished_at__lt=at - kept)
    old = list(ended.exclude(file="", report="").order_by("finished_at")[:limit])
    for job in old:
        for stored in (job.file, job.report):
            if stored:
                stored.delete(save=False)  # one that is gone already is no trouble
        Job.objects.filter(pk=job.pk).update(file="", report="")
    return len(old)


def file_hash(file: File[Any]) -> str:
    """SHA-256 of a file's bytes; it is rewound before and after."""
    digest = sha256()
    file.seek(0)
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _claim(job: Job, *, at: datetime) -> bool:
    seen = Job.objects.filter(Q(state__in=OPEN), pk=job.pk, attempt=job.attempt, due_at=job.due_at)
    lease = max(at, now()) + LEASE
    if seen.update(state=Job.State.RUNNING, attempt=F("attempt") + 1, due_at=lease) != 1:
        return False  # another worker was faster
    job.refresh_from_db()
    return True


def _run(job: Job, *, at: datetime) -> bool:
    with tracing(), acting_as(f"job {job.pk}"):
        try:
            _run_kind(job, at=at)
            _update(job, state=Job.State.DONE, finished_at=max(at, now()), last_error="")
        except JobTaken:
            log.info("Job %s was canceled or taken over by another worker", job.pk)
        except DomainError as refusal:  # trying again would not change it
            _fail(job, error=str(refusal), at=at)
        except Exception as error:  # noqa: BLE001 - one job that fails must not stop the next
            log.warning("Job %s: %s", job.pk, type(error).__name__)
            _postpone(job, error=f"{type(error).__name__}: {error}", at=at)
    return True


def _run_kind(job: Job, *, at: datetime) -> None:
    if job.kind not in kinds:
        raise UnknownJob(kind=job.kind)
    if job.attempt > DEADLY_ATTEMPTS:
        raise KillsWorkers
    kinds[job.kind].run(job, at=at)


def _postpone(job: Job, *, error: str, at: datetime) -> None:
    if job.attempt % ATTEMPTS:
        pause = timedelta(seconds=10 * 2 ** (job.attempt % ATTEMPTS))
        _update_quietly(job, state=Job.State.QUEUED, due_at=at + pause, last_error=error)
    else:
        _fail(job, error=error, at=at)


def _fail(job: Job, *, error: str, at: datetime) -> None:
    if _update_quietly(job, state=Job.State.FAILED, finished_at=max(at, now()), last_error=error):
        alerts.raise_alert(
            kind="job_failed",
            subject=f"{job.kind} {job.pk}",
            severity=Alert.Severity.WARNING,
            text=_("A job failed. Its page says why; it can go on from where it stopped."),
            evidence={"job": job.pk, "error": error[:500]},
            at=at,
        )


def _update(job: Job, **changes: Any) -> None:
    if not _update_quietly(job, **changes):
        raise JobTaken


def _update_quietly(job: Job, **changes: Any) -> bool:
    """The attempt number fences: a worker that wakes after its lease finds it changed, and writes nothing."""
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt)
    return mine.update(**changes) == 1
