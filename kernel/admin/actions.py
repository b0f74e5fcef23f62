"""
Things staff do with one object, each at an address of its own: `/admin/orders/order/7/ship/`.

The admin runs its own POSTs in a transaction; here none is open, so that an action may speak to a gateway. The same
page is a dialog where scripts run and a page where they do not. A double click does a thing once (rule R8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from urllib.parse import quote

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import now
from kernel.errors import DomainError, VersionConflict
from kernel.models import User
from kernel.once import keep_result, new_once_key, result_of, use_once
from kernel.trace import current_trace_id

from .people import actor

M = TypeVar("M", bound=Model)
BACK = "_back"  # where to go when it is done: the list with its filters, or the object's page
ONCE = "_once"


class Pages(Protocol[M]):
    """What an action needs of the admin that it stands on."""

    opts: Any
    admin_site: Any

    def get_object(self, request: HttpRequest, object_id: str, from_field: None = None) -> M | None: ...
    def not_there(self, request: HttpRequest, object_id: str) -> HttpResponse: ...
    def address_of(self, row: M) -> str: ...


@dataclass(frozen=True, slots=True)
class Deed(Generic[M]):
    """One use of an action: on what, with which valid form, by whom, when. `key` is the form's one-time key."""

    object: M
    form: Any
    by: User
    at: datetime
    key: str
    request: HttpRequest


class ObjectAction(Generic[M]):
    """
    One thing to do with an object. Subclasses set the names, and `run` makes one service call.

    `run` may return a sentence for the person, a response of its own, or nothing. It raises DomainError to refuse.
    """

    name: ClassVar[str]  # in the address; unique on the admin
    label: ClassVar[Any]  # on the button
    permission: ClassVar[str]
    description: ClassVar[Any] = ""  # above the form
    submit: ClassVar[Any] = ""  # on the form's button; the label if empty
    done: ClassVar[Any] = gettext_lazy("Done.")
    form_class: ClassVar[type[forms.Form]] = forms.Form
    template: ClassVar[str] = "backoffice/action.html"
    dangerous: ClassVar[bool] = False
    wide: ClassVar[bool] = False  # opens as a page, not as a dialog
    listed: ClassVar[bool] = True  # among the object's buttons; otherwise something links to it
    # In one transaction with its one-time key. Whatever calls a gateway says False and hands on `deed.key`.
    atomic: ClassVar[bool] = True
    position: ClassVar[int] = 50
    beside: ClassVar[bool] = False  # on a wide screen a button of its own on the object's page, not in the menu

    def applies(self, row: M) -> bool:
        """Whether the button is there at all."""
        return True

    def is_next(self, row: M) -> bool:
        """Whether this is what should happen to the object next."""
        return False

    def refusal(self, row: M) -> object:
        """Why it cannot be done now; "" if it can."""
        return ""

    def initial(self, row: M) -> dict[str, object]:
        return {}

    def form(self, row: M, request: HttpRequest, **given: Any) -> forms.Form:
        return self.form_class(initial=self.initial(row), **given)

    def context(self, row: M, request: HttpRequest) -> dict[str, object]:
        return {}

    def run(self, deed: Deed[M]) -> object:
        raise NotImplementedError

    # ------------------------------------------------------------------ what follows is the same for every action

    def allowed(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)

    def view(self, admin: Pages[M], request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.allowed(request):
            raise PermissionDenied
        row = admin.get_object(request, unquote(object_id))
        if row is None:
            return admin.not_there(request, object_id)
        visit = _Visit(action=self, admin=admin, request=request, row=row)
        return visit.submitted() if request.method == "POST" else visit.shown()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit(Generic[M]):
    action: ObjectAction[M]
    admin: Pages[M]
    request: HttpRequest
    row: M
    problem: str = ""
    status: HTTPStatus = HTTPStatus.OK

    def shown(self, form: forms.Form | None = None) -> HttpResponse:
        refusal = str(self.action.refusal(self.row))
        context = {
            **self.admin.admin_site.each_context(self.request),
            "title": self.action.label,
            "action": self.action,
            "object": self.row,
            "opts": self.admin.opts,
            "form": form or self.action.form(self.row, self.request),
            "refusal": refusal,
            "problem": self.problem,
            "trace_id": current_trace_id() if self.problem else "",
            "back": self.back(),
            "once_key": self.request.POST.get(ONCE) or new_once_key(),
            **self.action.context(self.row, self.request),
        }
        return TemplateResponse(self.request, self.action.template, context, status=self.status)

    def submitted(self) -> HttpResponse:
        form = self.action.form(self.row, self.request, data=self.request.POST, files=self.request.FILES)
        if not form.is_valid():
            return replace(self, status=HTTPStatus.UNPROCESSABLE_ENTITY).shown(form)
        try:
            outcome = self._done(form)
        except DomainError as refused:
            return self._refused(refused).shown(form)
        return self._told(outcome)

    def back(self) -> str:
        wanted = self.request.POST.get(BACK) or self.request.GET.get(BACK) or ""
        if url_has_allowed_host_and_scheme(wanted, allowed_hosts={self.request.get_host()}):
            return wanted
        return self.admin.address_of(self.row)

    def _done(self, form: forms.Form) -> object:
        deed = Deed(
            object=self.row,
            form=form,
            by=actor(self.request),
            at=now(),
            key=self.request.POST.get(ONCE, ""),
            request=self.request,
        )
        if not self.action.atomic:
            return self.action.run(deed)
        with transaction.atomic():
            once = use_once(key=deed.key, purpose=self.action.name, by=deed.by, at=deed.at)
            if once is None:
                return self._done_before(deed)
            outcome = self.action.run(deed)
            keep_result(once, outcome.url if isinstance(outcome, HttpResponseRedirect) else "")
            return outcome

    def _done_before(self, deed: Deed[M]) -> object:
        """The second click of a double click sees what the first one did."""
        led_to = result_of(key=deed.key, purpose=self.action.name, by=deed.by)
        return HttpResponseRedirect(led_to) if led_to else _("This was done already; nothing was done twice.")

    def _refused(self, refused: DomainError) -> _Visit[M]:
        status = HTTPStatus.CONFLICT if isinstance(refused, VersionConflict) else HTTPStatus.UNPROCESSABLE_ENTITY
        return replace(self, problem=str(refused), status=status)

    def _told(self, outcome: object) -> HttpResponse:
        if isinstance(outcome, HttpResponse):
            return outcome
        messages.success(self.request, str(outcome or self.action.done))
        return HttpResponseRedirect(self.back())


def action_address(row: Model, name: str, *, back: str = "") -> str:
    """Where to do `name` with this object, and where to return to afterwards."""
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=(row.pk,))
    return f"{url}?{BACK}={quote(back, safe='')}" if back else url
