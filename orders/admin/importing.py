"""Orders from a file: upload, look, confirm, watch, and the rows that were refused."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files import File
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import BackofficeAdmin, actor
from kernel.admin.actions import ONCE
from kernel.clock import now
from kernel.errors import DomainError
from kernel.jobs import OPEN
from kernel.models import Job
from kernel.once import keep_result, new_once_key, result_of, use_once
from kernel.trace import current_trace_id

from ..imports import AUTO, profiles
from ..imports.job import KIND, assumption_counts, refusal_counts, start_import
from ..imports.preview import preview
from ..imports.uploads import drop_upload, find_upload, keep_upload
from ..models import Order
from ..reasons import label_of

PERMISSION = "orders.import_order"
PURPOSE = "import_orders"
LARGEST_BYTES = 200 * 2**20
SHOWN_JOBS = 10
ENCODINGS = ("utf-8", "gb18030", "utf-16", "big5")

View = Callable[..., HttpResponseBase]


def _layouts() -> list[tuple[str, object]]:
    return [(AUTO, _("Find out")), *((code, found.label) for code, found in profiles().items())]


def _encodings() -> list[tuple[str, object]]:
    return [("", _("Find out")), *((name, name.upper()) for name in ENCODINGS)]


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("CSV or XLSX"),
        help_text=gettext_lazy("As the marketplace exported it: not opened and saved in Excel, which damages numbers."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.xlsx"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_BYTES:
            raise ValidationError(_("At most %(limit)d MB. Split the file.") % {"limit": LARGEST_BYTES // 2**20})
        return file


class LayoutForm(forms.Form):
    """How a file is read, if it was not found out rightly."""

    profile = forms.ChoiceField(label=gettext_lazy("Layout"), choices=_layouts, required=False)
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=_encodings, required=False)

    def chosen(self) -> dict[str, str]:
        """What the address says; nonsense counts as nothing said."""
        self.is_valid()
        return {
            "profile": self.cleaned_data.get("profile") or AUTO,
            "encoding": self.cleaned_data.get("encoding") or "",
        }


def urls(admin: BackofficeAdmin[Order]) -> list[URLPattern]:
    """Before the admin's own, which take any word for an order's key."""

    def served(view: View) -> View:
        def checked(request: HttpRequest, **found: int) -> HttpResponseBase:
            if not actor(request).has_perm(PERMISSION):
                raise PermissionDenied
            return view(admin, request, **found)

        answer: View = admin.admin_site.admin_view(checked)
        return answer

    return [
        path("import/", served(upload_view), name="orders_import"),
        path("import/look/", served(look_view), name="orders_import_look"),
        path("import/<int:job_id>/", served(job_view), name="orders_import_job"),
        path("import/<int:job_id>/rejects/", served(rejects_view), name="orders_import_rejects"),
    ]


def upload_view(admin: BackofficeAdmin[Order], request: HttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        token = keep_upload(file, name=file.name, by=actor(request))
        return HttpResponseRedirect(f"{reverse('admin:orders_import_look')}?{urlencode({'upload': token})}")
    jobs = Job.objects.filter(kind=KIND).select_related("by").order_by("-pk")[:SHOWN_JOBS]
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    context = {"title": _("Import orders"), "form": form, "jobs": jobs, "layouts": profiles().values()}
    return _page(admin, request, "import.html", context, status=status)


def look_view(admin: BackofficeAdmin[Order], request: HttpRequest) -> HttpResponseBase:
    """What the file would bring; posted, it is imported."""
    token = request.POST.get("upload") or request.GET.get("upload") or ""
    form = LayoutForm(request.POST if request.method == "POST" else request.GET)
    upload, problem = None, ""
    try:
        if request.method == "POST":
            return HttpResponseRedirect(_started(request, token, **form.chosen()))
        upload = find_upload(token, by=actor(request))
        found = preview(upload.path, **form.chosen())
    except DomainError as refused:
        found, problem = None, str(refused)
    context = {
        "title": _("Import orders"),
        "upload": token,
        "name": upload.name if upload else "",
        "found": found,
        "reasons": _counted(found.tally.refused) if found else [],
        "assumptions": _counted(found.tally.assumed) if found else [],
        "form": form,
        "chosen": form.chosen(),
        "problem": problem,
        "trace_id": current_trace_id() if problem else "",
        "once_key": new_once_key(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return _page(admin, request, "import_look.html", context, status=status)


def job_view(admin: BackofficeAdmin[Order], request: HttpRequest, job_id: int) -> HttpResponseBase:
    job = _job(job_id)
    finished = job.done + job.skipped + job.failed
    context = {
        "title": job.title,
        "job": job,
        "is_open": job.state in OPEN,
        "finished": finished,
        "share": min(100 * finished // job.total, 100) if job.total else 0,
        "layout": profiles().get(job.summary.get("profile", "")),
        "reasons": refusal_counts(job),
        "assumptions": assumption_counts(job),
    }
    return _page(admin, request, "import_job.html", context)


def rejects_view(admin: BackofficeAdmin[Order], request: HttpRequest, job_id: int) -> HttpResponseBase:
    job = _job(job_id)
    if not job.report:
        raise Http404
    return FileResponse(job.report.open("rb"), as_attachment=True, filename=f"rejects-{job.pk}.csv")


def _started(request: HttpRequest, token: str, *, profile: str, encoding: str) -> str:
    """The page of the job; of a double click both see the same one."""
    key, by, at = request.POST.get(ONCE, ""), actor(request), now()
    with transaction.atomic():
        once = use_once(key=key, purpose=PURPOSE, by=by, at=at)
        if once is None:
            return result_of(key=key, purpose=PURPOSE, by=by) or reverse("admin:orders_import")
        upload = find_upload(token, by=by)
        with upload.path.open("rb") as stream:
            file = File(stream, name=upload.name)
            job = start_import(file=file, name=upload.name, profile=profile, encoding=encoding, by=by, at=at)
        address = reverse("admin:orders_import_job", args=(job.pk,))
        keep_result(once, address)
        transaction.on_commit(lambda: drop_upload(upload))
    return address


def _job(job_id: int) -> Job:
    job = Job.objects.filter(pk=job_id, kind=KIND).select_related("by").first()
    if job is None:
        raise Http404
    return job


def _counted(codes: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(((label_of(code), times) for code, times in codes.items()), key=lambda it: -it[1])


def _page(
    admin: BackofficeAdmin[Order],
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    whole = {**admin.admin_site.each_context(request), "opts": admin.opts, **context}
    whole["back"] = reverse("admin:orders_order_changelist")
    whole["crumb"] = whole["title"]
    return TemplateResponse(request, f"admin/orders/{template}", whole, status=status)
