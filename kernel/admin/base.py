"""The one class that every admin page stands on; the theme is known to this package alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, Field, Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode
from unfold.admin import ModelAdmin as UnfoldAdmin
from unfold.admin import TabularInline as UnfoldInline
from unfold.views import ChangeList as UnfoldChangeList

from kernel import audit
from kernel.clock import now

from .actions import ObjectAction
from .contributions import Column, Panel, contributed
from .fields import YuanField
from .paging import CappedPaginator
from .people import actor
from .tabs import Tab

M = TypeVar("M", bound=Model)
HIDDEN = "***"

if TYPE_CHECKING:
    ThemedAdmin = admin.ModelAdmin
    ThemedInline = admin.TabularInline
else:

    class ThemedAdmin(UnfoldAdmin):
        def __class_getitem__(cls, _model: object) -> type:
            return cls

    class ThemedInline(UnfoldInline):
        def __class_getitem__(cls, _models: object) -> type:
            return cls


class PageOfRows(UnfoldChangeList):  # type: ignore[misc]  # the theme is untyped
    """Lets contributed columns fetch what they show for all rows of the page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        self.result_list: list[Any] = rows
        self.model_admin.prepare_rows(request, rows)


class BackofficeAdmin(ThemedAdmin[M]):
    """
    A model's pages in the back office.

    Nothing is deleted unless a subclass says so, every save leaves an audit entry, lists show 50 rows and count no
    further than 10,000. `object_actions` are done at addresses of their own, outside the admin's transaction.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 50
    list_fullwidth = True
    list_filter_submit = True
    compressed_fields = True
    warn_unsaved_form = True
    change_form_template = "backoffice/change_form.html"
    change_list_template = "backoffice/change_list.html"
    object_actions: ClassVar[Sequence[ObjectAction[Any]]] = ()
    panels: ClassVar[Sequence[Panel]] = ()
    private_fields: ClassVar[Sequence[str]] = ()  # the audit log hears that they changed, and not to what

    # ------------------------------------------------------------------ who may

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False  # what was sold, paid or said stays; close or switch off instead

    # ------------------------------------------------------------------ lists

    def get_changelist(self, request: HttpRequest, **_options: Any) -> Any:
        return PageOfRows

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = [*super().get_list_display(request)]
        for column in self._columns(request):
            at = shown.index(column.before) if column.before in shown else len(shown)
            shown.insert(at, _as_display(column))
        return shown

    def prepare_rows(self, request: HttpRequest, rows: list[M]) -> None:
        for column in self._columns(request):
            if column.load is not None:
                column.load(rows)

    def tabs(self, request: HttpRequest) -> Sequence[Tab]:
        """Above the list: where the work is."""
        return ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"bo_tabs": self.tabs(request), "bo_list_buttons": self.list_buttons(request)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def list_buttons(self, request: HttpRequest) -> Sequence[tuple[object, str]]:
        """(label, address) of what can be done from the list besides adding."""
        return ()

    # ------------------------------------------------------------------ one object

    @cached_property
    def every_action(self) -> list[ObjectAction[Any]]:
        found = [*self.object_actions, *contributed(type(self)).actions]
        return sorted(found, key=lambda action: action.position)

    def actions_for(self, request: HttpRequest, row: M) -> list[ObjectAction[Any]]:
        return [a for a in self.every_action if a.listed and a.applies(row) and a.allowed(request)]

    def panels_for(self, request: HttpRequest, row: M) -> list[dict[str, object]]:
        """Each panel with its contents, in the order they stand."""
        found = sorted([*self.panels, *contributed(type(self)).panels], key=lambda panel: panel.position)
        shown: list[dict[str, object]] = []
        for panel in found:
            if panel.permission and not actor(request).has_perm(panel.permission):
                continue
            context = panel.context(request, row)
            if context is not None:
                shown.append({"panel": panel, "object": row, **context})
        return shown

    def get_urls(self) -> list[URLPattern]:
        return [self._action_path(action) for action in self.every_action] + super().get_urls()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        context = self.page_context(request, row) if row is not None else {}
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: M) -> dict[str, Any]:
        return {
            "bo_buttons": [(a, a.refusal(row), self.action_url(a, row)) for a in self.actions_for(request, row)],
            "bo_panels": self.panels_for(request, row),
        }

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit log knows more than the admin's own history."""
        if not actor(request).has_perm("kernel.view_auditentry"):
            raise PermissionDenied
        query = urlencode({"subject_type__exact": self.opts.label_lower, "subject_id__exact": object_id})
        return HttpResponseRedirect(f"{reverse('admin:kernel_auditentry_changelist')}?{query}")

    def action_url(self, action: ObjectAction[Any], row: M) -> str:
        return reverse(self._url_name(action, site="admin:"), args=(row.pk,))

    def address_of(self, row: M) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=(quote(row.pk),))

    def not_there(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]

    # ------------------------------------------------------------------ forms

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **options: Any) -> Any:
        if isinstance(db_field, BigIntegerField) and db_field.name.endswith("_fen"):
            return YuanField(label=db_field.verbose_name, help_text=db_field.help_text, required=not db_field.blank)
        return super().formfield_for_dbfield(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: M, form: forms.ModelForm[M], change: bool) -> None:
        super().save_model(request, obj, form, change)
        audit.record(
            action="changed" if change else "added",
            subject=obj,
            by=actor(request),
            at=now(),
            before=self._told(form.initial, form.changed_data) if change else {},
            after=self._told(form.cleaned_data, form.changed_data),
        )

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> Any:
        return None  # the audit entry says it

    log_change = log_addition

    # ------------------------------------------------------------------ inside

    def _told(self, values: Mapping[str, Any], names: Sequence[str]) -> dict[str, object]:
        """What the audit log may know: of personal data, passwords and keys only that they changed."""
        public = {field.name for field in self.opts.fields} - {*self.private_fields, "password"}
        return {name: _plain(values.get(name)) if name in public else HIDDEN for name in names}

    def _columns(self, request: HttpRequest) -> list[Column]:
        return [
            column
            for column in contributed(type(self)).columns
            if not column.permission or actor(request).has_perm(column.permission)
        ]

    def _action_path(self, action: ObjectAction[Any]) -> URLPattern:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return action.view(self, request, object_id)

        address = f"<path:object_id>/{action.name.replace('_', '-')}/"
        return path(address, self.admin_site.admin_view(view), name=self._url_name(action))

    def _url_name(self, action: ObjectAction[Any], *, site: str = "") -> str:
        return f"{site}{self.opts.app_label}_{self.opts.model_name}_{action.name}"


class ReadOnlyAdmin(BackofficeAdmin[M]):
    """For what the product writes and people only look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class BackofficeInline(ThemedInline[Any, Any]):
    """Rows of a child model on its parent's form."""

    extra = 0
    can_delete = False


def _as_display(column: Column) -> Callable[[Any], object]:
    def cell(row: Any) -> object:
        return column.cell(row)

    cell.__name__ = column.name
    return admin.display(description=column.title)(cell)


def _plain(value: object) -> object:
    """As JSON takes it: rows by their key, files by their name."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, (str, int, bool, type(None), dict, list)):
        return value
    return str(value)
