"""Staff and their roles. What other packages register is left out: sign-in pages and our own logs do that."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django import forms
from django.contrib import admin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from kernel.admin import BackofficeAdmin, Deed, ObjectAction, ReadOnlyAdmin
from kernel.models import User

from .matrix import Role
from .roles import assign_role, refuse_last_owner, role_of

THEIRS = ("django.contrib.auth", "allauth.account", "allauth.mfa", "auditlog", "django_celery_beat")
for app in THEIRS:
    import_module(f"{app}.admin")  # or they would register again what is unregistered here

CLOCKS = (PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule)  # ours stand in the code
for model in (EmailAddress, Authenticator, LogEntry, Group, *CLOCKS):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


USUAL = {"view": _("see"), "add": _("add"), "change": _("change"), "delete": _("remove")}


class RoleForm(forms.Form):
    role = forms.ChoiceField(
        label=_("Role"), choices=[("", _("No role")), *Role.choices], required=False, widget=forms.RadioSelect
    )


class AssignRole(ObjectAction[User]):
    name = "role"
    label = _("Change role")
    permission = "kernel.change_user"
    description = _("A person has one role. It counts from the next page they open.")
    form_class = RoleForm

    def initial(self, row: User) -> dict[str, object]:
        return {"role": role_of(row) or ""}

    def run(self, deed: Deed[User]) -> object:
        chosen = deed.form.cleaned_data["role"]
        assign_role(user_id=deed.object.pk, role=Role(chosen) if chosen else None, by=deed.by, at=deed.at)
        return None


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=_("New password"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class SetPassword(ObjectAction[User]):
    name = "set_password"
    label = _("Set password")
    permission = "kernel.change_user"
    description = _("They are signed out everywhere. Tell them the new password in person.")
    form_class = PasswordForm

    def run(self, deed: Deed[User]) -> object:
        deed.object.set_password(deed.form.cleaned_data["password"])
        deed.object.save(update_fields=["password"])
        return None


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("username", "display_name", "email")


class RoleFilter(admin.SimpleListFilter):
    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Role.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        return queryset.filter(groups__name=self.value()) if self.value() in Role.values else queryset


@admin.register(User)
class UserAdmin(BackofficeAdmin[User]):
    """Who may sign in. Rights come from the role; the superuser flag is for `manage.py` alone."""

    list_display = ("username", "display_name", "email", "role", "is_active", "last_login")
    list_filter = (RoleFilter, "is_active")
    search_fields = ("username", "display_name", "email")
    ordering = ("username",)
    fields = ("username", "display_name", "email", "is_active", "role", "last_login", "date_joined")
    add_fieldsets = ((None, {"fields": ("username", "display_name", "email", "password1", "password2")}),)
    readonly_fields = ("role", "last_login", "date_joined")
    object_actions = (AssignRole(), SetPassword())

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("role"))
    def role(self, row: User) -> str:
        names = {group.name for group in row.groups.all()}
        return ", ".join(str(role.label) for role in Role if role in names) or "—"

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewUserForm
        return super().get_form(request, obj, change, **options)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Everybody on this list may enter; what they see there is their role's business."""
        if change and not obj.is_active:
            refuse_last_owner(obj)
        obj.is_staff = True
        super().save_model(request, obj, form, change)


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin[Group]):
    """The roles as the matrix file has them; they are read here, not edited."""

    list_display = ("role", "people")
    fields = ("role", "rights")
    readonly_fields = ("role", "rights")
    ordering = ("pk",)

    @admin.display(description=_("role"))
    def role(self, row: Group) -> str:
        return str(Role(row.name).label) if row.name in Role.values else row.name

    @admin.display(description=_("rights"))
    def rights(self, row: Group) -> SafeString:
        """Kind by kind, in the reader's language; the database has their names in English."""
        rights: dict[str, list[str]] = {}
        for it in row.permissions.select_related("content_type").order_by("content_type__app_label", "pk"):
            rights.setdefault(it.content_type.name, []).append(_right(it))
        lines = ((kind, " · ".join(names)) for kind, names in rights.items())
        return format_html_join("", "<p><b>{}</b> {}</p>", lines)

    @admin.display(description=_("staff"))
    def people(self, row: Group) -> int:
        return User.objects.filter(groups=row, is_active=True).count()


def _right(permission: Permission) -> str:
    act, _mark, rest = permission.codename.partition("_")
    return str(USUAL[act]) if act in USUAL and rest == permission.content_type.model else gettext(permission.name)
