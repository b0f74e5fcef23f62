"""
What staff do with the orders they ticked in the list: one page asks how, one service call does it, each order answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kernel.admin import BackofficeAdmin, actor
from kernel.admin.actions import BACK, ONCE
from kernel.clock import now
from kernel.errors import DomainError
from kernel.models import User
from kernel.once import new_once_key, use_once

from .. import services
from ..models import Order
from ..queries import split_terms
from ..services import Outcome, Result
from . import forms as order_forms

MOST = 500  # orders at a time: one transaction holds them all
IDS = "ids"
Admin = BackofficeAdmin[Order]
Opener = Callable[[Any, HttpRequest, QuerySet[Order]], HttpResponse | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAction:
    """A line of the menu under the list."""

    opener: Opener
    name: str
    label: Any
    permission: str


class FlagForm(forms.Form):
    flag = forms.ChoiceField(
        label=gettext_lazy("Flag"),
        choices=Order.Flag.choices,
        required=False,
        widget=forms.RadioSelect,
        initial=Order.Flag.RED,
    )


class AddTagForm(forms.Form):
    tags = forms.CharField(
        label=gettext_lazy("Tags"), max_length=300, help_text=gettext_lazy("Separate them with commas or spaces.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDeed:
    ids: Sequence[int]
    given: dict[str, Any]
    by: User
    at: datetime


class BulkAction:
    """One thing to do with many orders. Subclasses set the names; `run` makes one service call."""

    name: ClassVar[str]
    label: ClassVar[Any]
    permission: ClassVar[str]
    form_class: ClassVar[type[forms.Form]]
    description: ClassVar[Any] = ""
    dangerous: ClassVar[bool] = False

    def run(self, deed: BulkDeed) -> list[Outcome]:
        raise NotImplementedError


class FlagSelected(BulkAction):
    name = "flag_selected"
    label = gettext_lazy("Flag")
    permission = "orders.note_order"
    form_class = FlagForm

    def run(self, deed: BulkDeed) -> list[Outcome]:
        return services.set_flags(order_ids=deed.ids, flag=deed.given["flag"], by=deed.by, at=deed.at)


class TagSelected(BulkAction):
    name = "tag_selected"
    label = gettext_lazy("Add a tag")
    permission = "orders.note_order"
    form_class = AddTagForm

    def run(self, deed: BulkDeed) -> list[Outcome]:
        wanted = split_terms(deed.given["tags"])
        return services.tag_many(order_ids=deed.ids, add=wanted, by=deed.by, at=deed.at)


class CloseSelected(BulkAction):
    name = "close_selected"
    label = gettext_lazy("Close unpaid orders")
    permission = "orders.close_order"
    form_class = order_forms.CloseForm
    description = gettext_lazy("The gateway is asked first, so that nobody can pay them any more; then they close.")
    dangerous = True

    def run(self, deed: BulkDeed) -> list[Outcome]:
        return services.request_closings(order_ids=deed.ids, reason=deed.given["reason"], by=deed.by, at=deed.at)


BULK = (FlagSelected(), TagSelected(), CloseSelected())


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The orders that were ticked, and the list to return to."""

    ids: tuple[int, ...]
    back: str

    @classmethod
    def sent(cls, request: HttpRequest) -> Selection:
        """As the form of the page before hands it on."""
        parts = request.POST.get(IDS, "").split(",")
        ids = tuple(int(part) for part in parts if part.isdecimal() and len(part) < 19)[:MOST]
        wanted = request.POST.get(BACK, "")
        is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
        return cls(ids=ids, back=wanted if is_ours else list_address())

    @classmethod
    def ticked(cls, request: HttpRequest, queryset: QuerySet[Order]) -> Selection | None:
        """None, and a word to the person, if it is more than can be done at a time."""
        ids = tuple(queryset.order_by("-placed_at", "-pk").values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            told = _("More than %(most)d orders are selected, which is the most at a time. Filter the list further.")
            messages.error(request, told % {"most": MOST})
            return None
        return cls(ids=ids, back=request.get_full_path())

    @property
    def joined(self) -> str:
        return ",".join(str(pk) for pk in self.ids)


def list_address() -> str:
    return reverse("admin:orders_order_changelist")


def listed(*, name: str, label: Any, permission: str) -> Callable[[Opener], ListAction]:
    """Makes a function an action of the list, offered to those who have the right."""

    def made(opener: Opener) -> ListAction:
        return ListAction(opener=opener, name=name, label=label, permission=permission)

    return made


def offered(request: HttpRequest, actions: Sequence[ListAction]) -> dict[str, tuple[Opener, str, str]]:
    """As the admin takes them: function, name, words."""
    person = actor(request)
    return {it.name: (it.opener, it.name, str(it.label)) for it in actions if person.has_perm(it.permission)}


def _opener(action: BulkAction) -> ListAction:
    @listed(name=action.name, label=action.label, permission=action.permission)
    def opened(admin: Admin, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        selection = Selection.ticked(request, queryset)
        return asked(admin, request, action, selection) if selection else None

    return opened


LIST = tuple(_opener(action) for action in BULK)


def urls(admin: Admin) -> list[URLPattern]:
    return [_path(admin, action) for action in BULK]


def _path(admin: Admin, action: BulkAction) -> URLPattern:
    def view(request: HttpRequest) -> HttpResponse:
        return _submitted(admin, request, action)

    address = f"selected/{action.name.removesuffix('_selected')}/"
    return path(address, admin.admin_site.admin_view(view), name=_url_name(action))


def _url_name(action: BulkAction) -> str:
    return f"orders_{action.name}"


def asked(
    admin: Admin,
    request: HttpRequest,
    action: BulkAction,
    selection: Selection,
    form: forms.Form | None = None,
) -> HttpResponse:
    """The page between the list and the deed."""
    count = len(selection.ids)
    context = {
        **admin.admin_site.each_context(request),
        "title": action.label,
        "crumb": action.label,
        "opts": admin.opts,
        "action": action,
        "form": form or action.form_class(),
        "selection": selection,
        "heading": ngettext("%(count)d order is selected", "%(count)d orders are selected", count) % {"count": count},
        "target": reverse(f"admin:{_url_name(action)}"),
        "once_key": new_once_key(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form else HTTPStatus.OK
    return TemplateResponse(request, "backoffice/orders/bulk.html", context, status=status)


def _submitted(admin: Admin, request: HttpRequest, action: BulkAction) -> HttpResponse:
    person = actor(request)
    if not person.has_perm(action.permission):
        raise PermissionDenied
    selection = Selection.sent(request)
    if not selection.ids:
        return HttpResponseRedirect(selection.back)
    form = action.form_class(request.POST)
    if not form.is_valid():
        return asked(admin, request, action, selection, form)
    deed = BulkDeed(ids=selection.ids, given=form.cleaned_data, by=person, at=now())
    try:
        outcomes = _done(action, deed, key=request.POST.get(ONCE, ""))
    except DomainError as refused:
        form.add_error(None, str(refused))
        return asked(admin, request, action, selection, form)
    return _told(admin, request, action, selection, outcomes)


def _done(action: BulkAction, deed: BulkDeed, *, key: str) -> list[Outcome] | None:
    """None if the same form was sent before."""
    with transaction.atomic():
        if use_once(key=key, purpose=action.name, by=deed.by, at=deed.at) is None:
            return None
        return action.run(deed)


def _told(
    admin: Admin, request: HttpRequest, action: BulkAction, selection: Selection, outcomes: list[Outcome] | None
) -> HttpResponse:
    if outcomes is None:
        messages.info(request, _("This was done already; nothing was done twice."))
        return HttpResponseRedirect(selection.back)
    counts = {result: sum(it.result == result for it in outcomes) for result in Result}
    summary = _("%(action)s: %(done)d done, %(skipped)d skipped, %(failed)d failed.") % {
        "action": action.label,
        **{str(result): count for result, count in counts.items()},
    }
    rest = [it for it in outcomes if it.result != Result.DONE]
    if not rest:
        messages.success(request, summary)
        return HttpResponseRedirect(selection.back)
    context = {
        **admin.admin_site.each_context(request),
        "title": action.label,
        "crumb": action.label,
        "opts": admin.opts,
        "summary": summary,
        "has_failed": counts[Result.FAILED] > 0,
        "rest": sorted(rest, key=lambda it: it.result == Result.SKIPPED),
        "selection": selection,
    }
    return TemplateResponse(request, "backoffice/orders/bulk_result.html", context)
