"""Runs the import of a file as a job: chunk by chunk, resumed behind the last chunk that was committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Count
from django.utils.translation import get_language, gettext_lazy, override
from django.utils.translation import gettext as _

from kernel import jobs
from kernel.failpoints import failpoint
from kernel.jobs import Counts
from kernel.locks import run_lock
from kernel.models import Job, JobItem, User
from orders.reasons import label_of
from orders.records import ImportedOrder, Reason, Rejected
from orders.services.importing import import_orders

from .reading import AUTO, read_orders
from .rejects import Refused, headers_of, refused_rows, rejects_csv

KIND = "orders.import"
CHUNK = 1_000
REJECTS_NAME = "rejects.csv"
LOCKS = 64
Row = ImportedOrder | Rejected
Watch = Callable[[Iterator[Row], int | None], Iterator[Row]]

_watch: ContextVar[Watch] = ContextVar("import_watch", default=lambda rows, _expected: rows)


def start_import(
    *, file: File[Any], name: str, profile: str = AUTO, encoding: str = "", by: User | None, at: datetime
) -> Job:
    """Queue a file. A file that is being imported already is not queued twice: that job is handed out, and goes on."""
    wanted = {"profile": profile, "encoding": encoding}
    unfinished = Job.objects.filter(kind=KIND, file_hash=jobs.file_hash(file), state__in=jobs.OPEN).order_by("-pk")
    for job in unfinished:
        if wanted.items() <= job.params.items():
            return job
    return jobs.start_job(
        kind=KIND,
        title=_("Import of %(file)s") % {"file": name},
        params={**wanted, "name": name, "language": get_language() or settings.LANGUAGE_CODE},
        file=file,
        by=by,
        at=at,
    )


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """
    Let somebody see the rows of an import pass that runs in the block.

    :param watch: gets the rows and how many there may be, and hands the rows on
    """
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def run_import(job: Job, /, *, at: datetime) -> None:
    """The runner of the job; each chunk is one transaction with its counts and its rejects."""
    source = _source(job)
    with run_lock(_lock_of(job)), read_orders(source["path"], source["profile"], source["encoding"] or None) as file:
        rows = islice(_watch.get()(file.rows, file.expected_rows), job.cursor, None)
        layout = {"profile": file.profile.code, "encoding": file.encoding, "separator": file.separator}
        jobs.progress(job, total=max(file.expected_rows or 0, job.total), summary=layout, at=at)
        while chunk := list(islice(rows, CHUNK)):
            _import_chunk(job, chunk, expected_rows=file.expected_rows or 0, at=at)
            failpoint("import.after_chunk")
        jobs.progress(job, total=job.cursor, at=at)
        _keep_rejects(job)


def free_from_the_dead(job: Job, *, at: datetime) -> bool:
    """Take a job from a process that died: whoever works on one holds its lock, and the system frees it at death."""
    with run_lock(_lock_of(job)) as nobody_has_it:
        return nobody_has_it and job.state == Job.State.RUNNING and jobs.take_over(job, at=at)


def refusals(job: Job) -> Iterator[Refused]:
    """
    The refused rows with their reasons, in the order of the file.

    They hold what customers wrote, so the database keeps their numbers alone; the rest is read from the file again.
    """
    items = job.items.filter(state=JobItem.State.FAILED).order_by("pk").iterator(chunk_size=1_000)
    wanted = ((int(item.key), Reason(item.reason, item.payload)) for item in items)
    return refused_rows(**_source(job), wanted=wanted)


def rejects_of(job: Job) -> Iterator[bytes]:
    """The file of rejects, piece by piece."""
    return rejects_csv(refusals(job), headers_of(**_source(job)))


def refusal_counts(job: Job) -> list[tuple[str, int]]:
    """How many rows were refused for which reason, most frequent first."""
    failed = job.items.filter(state=JobItem.State.FAILED).order_by()
    counted = failed.values_list("reason").annotate(times=Count("pk"))
    return sorted(((label_of(code), times) for code, times in counted), key=lambda it: -it[1])


def assumption_counts(job: Job) -> list[tuple[str, int]]:
    """How many orders something was assumed about, most frequent first."""
    counted: dict[str, int] = job.summary.get("assumed", {})
    return sorted(((label_of(code), times) for code, times in counted.items()), key=lambda it: -it[1])


def _source(job: Job) -> dict[str, Any]:
    return {"path": Path(job.file.path), "profile": job.params["profile"], "encoding": job.params["encoding"]}


def _lock_of(job: Job) -> str:
    """Of a few names, because on SQLite each is a file; two jobs that share one wait for a lease at worst."""
    return f"{KIND}.{job.pk % LOCKS}"


@transaction.atomic
def _import_chunk(job: Job, chunk: Sequence[Row], *, expected_rows: int, at: datetime) -> None:
    orders = [row for row in chunk if isinstance(row, ImportedOrder)]
    result = import_orders(rows=orders, job=job, at=at)
    refused: list[tuple[int, str, dict[str, str]]] = [
        (row.row_no, row.reason_code, {}) for row in chunk if isinstance(row, Rejected)
    ]
    refused += [(row.row_no, reason.code, dict(reason.facts)) for row, reason in result.refused]
    _keep_refusals(job, sorted(refused, key=lambda it: it[0]))
    cursor = job.cursor + len(chunk)
    jobs.progress(
        job,
        cursor=cursor,
        counts=Counts(done=result.created, skipped=result.unchanged, failed=len(refused)),
        total=max(cursor, expected_rows * cursor // chunk[-1].row_no),  # an order may take several rows
        summary={"assumed": _assumed(job, orders)},
        at=at,
    )


def _assumed(job: Job, orders: Sequence[ImportedOrder]) -> dict[str, int]:
    counted = Counter(code for order in orders for code in {warning.code for warning in order.warnings})
    return dict(counted + Counter(job.summary.get("assumed", {})))


def _keep_refusals(job: Job, refused: Sequence[tuple[int, str, dict[str, str]]]) -> None:
    """:param refused: row number, reason, and facts that tell nothing about a person"""
    JobItem.objects.bulk_create(
        (
            JobItem(job=job, key=str(row_no), state=JobItem.State.FAILED, reason=code, payload=facts)
            for row_no, code, facts in refused
        ),
        batch_size=500,
    )


def _keep_rejects(job: Job) -> None:
    """The refused rows as a file, in the language of whoever started the job; none, if none was refused."""
    if not job.failed:
        return
    with override(job.params.get("language") or settings.LANGUAGE_CODE), TemporaryFile() as report:
        report.writelines(rejects_of(job))
        report.seek(0)
        jobs.keep_report(job, REJECTS_NAME, File(report))


jobs.register_job(KIND, gettext_lazy("Import of orders"), run_import)
