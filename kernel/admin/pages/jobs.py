from __future__ import annotations

from pathlib import Path

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.cells import NOTHING, Tone, badge
from kernel.jobs import OPEN, cancel, run_again
from kernel.models import Job

from ..actions import Deed, ObjectAction
from ..base import ReadOnlyAdmin
from ..people import actor

LOOKS: dict[str, tuple[str, Tone]] = {
    Job.State.QUEUED: ("◔", "neutral"),
    Job.State.RUNNING: ("◑", "info"),
    Job.State.DONE: ("●", "good"),
    Job.State.FAILED: ("✕", "bad"),
    Job.State.CANCELED: ("○", "neutral"),
}


class RunAgain(ObjectAction[Job]):
    name = "run_again"
    label = _("Run again")
    permission = "kernel.change_job"
    description = _("It goes on behind the last part that was finished; nothing is done twice.")
    done = _("It waits for its turn.")

    def applies(self, row: Job) -> bool:
        return row.state in {Job.State.FAILED, Job.State.CANCELED}

    def run(self, deed: Deed[Job]) -> object:
        run_again(job_id=deed.object.pk, by=deed.by, at=deed.at)
        return None


class Cancel(ObjectAction[Job]):
    name = "cancel"
    label = _("Cancel the job")
    permission = "kernel.change_job"
    description = _("What is done stays done.")
    dangerous = True

    def applies(self, row: Job) -> bool:
        return row.state in OPEN

    def run(self, deed: Deed[Job]) -> object:
        cancel(job_id=deed.object.pk, by=deed.by, at=deed.at)
        return None


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin[Job]):
    """Batches, with their progress and the file of what was refused."""

    list_display = ("title", "state_badge", "progress", "by", "created_at", "finished_at", "report_link")
    list_filter = ("state",)
    list_select_related = ("by",)
    ordering = ("-pk",)
    fields = (
        ("title", "state_badge"),
        ("progress", "report_link"),
        ("total", "done", "skipped", "failed"),
        ("by", "created_at", "finished_at"),
        "summary",
        "last_error",
    )
    readonly_fields = ("state_badge", "progress", "report_link")
    object_actions = (RunAgain(), Cancel())

    def get_urls(self) -> list[URLPattern]:
        report = self.admin_site.admin_view(self.report_view)
        return [path("<int:job_id>/report/", report, name="kernel_job_report"), *super().get_urls()]

    def report_view(self, request: HttpRequest, job_id: int) -> HttpResponse | FileResponse:
        """The rejects file holds what people uploaded, so it goes to whoever may see jobs and to nobody else."""
        if not actor(request).has_perm("kernel.view_job"):
            raise PermissionDenied
        job = Job.objects.filter(pk=job_id).first()
        if job is None or not job.report:
            raise Http404
        return FileResponse(job.report.open("rb"), as_attachment=True, filename=Path(job.report.name or "").name)

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, row: Job) -> SafeString:
        glyph, tone = LOOKS[row.state]
        return badge(row.get_state_display(), glyph=glyph, tone=tone)

    @admin.display(description=_("progress"))
    def progress(self, row: Job) -> SafeString:
        finished = row.done + row.skipped + row.failed
        share = 100 * finished // row.total if row.total else 0
        bar = format_html('<progress max="100" value="{}"></progress>', share)
        return format_html('<span class="bo-nowrap">{} {}/{}</span>', bar, f"{finished:,}", f"{row.total:,}")

    @admin.display(description=_("report"))
    def report_link(self, row: Job) -> SafeString:
        if not row.report:
            return SafeString(NOTHING)
        return format_html('<a href="{}">{}</a>', reverse("admin:kernel_job_report", args=(row.pk,)), _("Download"))
