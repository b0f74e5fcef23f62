from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from django.core.files import File
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel import jobs
from kernel.clock import now
from kernel.commands import OK, PARTLY_DONE, OpsCommand
from kernel.errors import DomainError
from kernel.events import deliver_due
from kernel.models import Job
from orders.imports import AUTO, ImportFile, profiles, read_orders
from orders.imports.job import (
    assumption_counts,
    free_from_the_dead,
    refusal_counts,
    refusals,
    rejects_of,
    start_import,
    watched,
)
from orders.imports.preview import Tally, tallied
from orders.imports.rejects import headers_of, refused_rows, rejects_csv
from orders.reasons import label_of
from orders.records import Reason

WATCH_SECONDS = 1
SHOWN_REFUSALS = 20


class NoSuchFile(DomainError):
    text = _("There is no file %(path)s.")


class CannotWriteReport(DomainError):
    text = _("The report cannot be written to %(path)s: %(why)s. Choose another file with --report.")


class ImportFailed(DomainError):
    text = _("The import stopped: %(error)s What was imported stays; start it again to go on.")


class Command(OpsCommand):
    help = gettext_noop(
        "Import orders from a file. Exits 0 if all rows were taken or were there already, 4 if some were rejected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help=_("CSV or XLSX"))
        parser.add_argument(
            "--profile", default=AUTO, help=_("layout of the file: auto, %(known)s") % {"known": ", ".join(profiles())}
        )
        parser.add_argument("--encoding", default="", help=_("of a CSV file; found out if left out"))
        parser.add_argument("--dry-run", action="store_true", help=_("read and check everything, write nothing"))
        parser.add_argument("--report", type=Path, help=_("where to write the rejected rows with their reasons"))

    def run(self, *, file: Path, profile: str, encoding: str, dry_run: bool, report: Path | None, **_o: object) -> int:
        if not file.is_file():
            raise NoSuchFile(path=file)
        if report is not None:
            _check_writable(report, file)
        if dry_run:
            return self._check(file, profile=profile, encoding=encoding, report=report)
        job = self._import(file, profile=profile, encoding=encoding)
        if job.state != Job.State.DONE:
            raise ImportFailed(error=job.last_error)
        return self._tell(job, report)

    # ------------------------------------------------------------------ a look

    def _check(self, file: Path, *, profile: str, encoding: str, report: Path | None) -> int:
        tally, rejects = Tally(), list[tuple[int, Reason]]()
        with read_orders(file, profile=profile, encoding=encoding or None) as opened:
            self._tell_layout(opened)
            for refused in tallied(self.progress(opened.rows, total=opened.expected_rows), tally):
                rejects.extend(refused)
        self._tell_refusals(rejects)
        self._tell_counts(new=tally.new, unchanged=tally.unchanged, rejected=tally.rejected)
        self._tell_reasons(_("rejected"), [(label_of(code), times) for code, times in tally.refused.most_common()])
        self._tell_reasons(_("assumed"), [(label_of(code), times) for code, times in tally.assumed.most_common()])
        if rejects and report is not None:
            again = refused_rows(file, profile=profile, encoding=encoding, wanted=iter(rejects))
            headers = headers_of(file, profile=profile, encoding=encoding)
            self._write(report, rejects_csv(again, headers))
        self.say(_("Dry run: no order was written."))
        return PARTLY_DONE if tally.rejected else OK

    def _tell_layout(self, opened: ImportFile) -> None:
        self.say(
            _("layout: %(layout)s (%(matched)d of %(headers)d columns, %(encoding)s)")
            % {
                "layout": opened.profile.label,
                "matched": len(opened.matched_headers),
                "headers": len(opened.headers),
                "encoding": " ".join(filter(None, (opened.encoding, repr(opened.separator)))),
            }
        )

    # ------------------------------------------------------------------ the import

    def _import(self, file: Path, *, profile: str, encoding: str) -> Job:
        with read_orders(file, profile=profile, encoding=encoding or None) as opened:  # or it is refused at once
            self._tell_layout(opened)
        with file.open("rb") as stream:
            job = start_import(
                file=File(stream, name=file.name), name=file.name, profile=profile, encoding=encoding, by=None, at=now()
            )
        try:
            with watched(lambda rows, expected: self.progress(rows, total=expected)):
                job = self._run_or_wait(job)
        except KeyboardInterrupt:
            jobs.cancel(job_id=job.pk, by=None, at=now())  # or a worker would go on with it
            raise
        while deliver_due(at=now()):  # the money they bring is in the books before this ends
            pass
        return job

    def _run_or_wait(self, job: Job) -> Job:
        """Run it here, unless a worker heard the bell first."""
        told = False
        while job.state in jobs.OPEN:
            try:
                return jobs.run_now(job, at=now())
            except jobs.JobTaken:
                job.refresh_from_db()
            if free_from_the_dead(job, at=now()):
                continue
            if not told:
                self.say(_("A worker is importing this file already. Waiting for it …"))
            told = True
            time.sleep(WATCH_SECONDS)
            job.refresh_from_db()
        return job

    # ------------------------------------------------------------------ what came of it

    def _tell(self, job: Job, report: Path | None) -> int:
        self._tell_refusals((order.row_no, order.reason) for order in refusals(job))
        self._tell_counts(new=job.done, unchanged=job.skipped, rejected=job.failed)
        self._tell_reasons(_("rejected"), refusal_counts(job))
        self._tell_reasons(_("assumed"), assumption_counts(job))
        if job.failed and report is not None:
            self._write(report, rejects_of(job))
        elif job.failed:
            self.say(
                _("With --report FILE the rejected rows are written to a file that can be put right and imported.")
            )
        return PARTLY_DONE if job.failed else OK

    def _tell_refusals(self, refused: Iterable[tuple[int, Reason]]) -> None:
        for told, (row_no, reason) in enumerate(refused):
            if told == SHOWN_REFUSALS and not self.is_json:
                self.say("…")
                break
            self.report(_("row %(row)d") % {"row": row_no}, reason.code, reason=reason.message)

    def _write(self, report: Path, content: Iterable[bytes]) -> None:
        with report.open("wb") as out:
            out.writelines(content)
        self.say(_("The rejected rows are in %(path)s.") % {"path": report})

    def _tell_counts(self, *, new: int, unchanged: int, rejected: int) -> None:
        self.summary(
            _("%(created)d new, %(unchanged)d already there, %(rejected)d rejected"),
            created=new,
            unchanged=unchanged,
            rejected=rejected,
        )

    def _tell_reasons(self, title: str, counted: Iterable[tuple[str, int]]) -> None:
        reasons = [f"{times} × {label}" for label, times in counted]
        if reasons:
            self.say(f"{title}: {', '.join(reasons)}")


def _check_writable(report: Path, file: Path) -> None:
    folder = report.parent
    if report.exists() and report.samefile(file):
        raise CannotWriteReport(path=report, why=_("it is the file to be imported"))
    if report.is_dir() or not folder.is_dir() or not os.access(report if report.exists() else folder, os.W_OK):
        raise CannotWriteReport(path=report, why=_("there is no such folder, or this user may not write there"))
