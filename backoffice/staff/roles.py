"""Roles as groups: written from the matrix, given and taken by owners."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.errors import DomainError
from kernel.models import ShopSettings, User
from kernel.shop import shop

from .matrix import Matrix, Role, matrix


class LastOwner(DomainError):
    text = _("%(name)s is the only owner who can sign in. Make somebody else an owner first.")


class NotAnOwner(DomainError):
    text = _("Only an owner gives or takes roles.")


class NoSuchPermission(DomainError):
    text = _("roles.toml names permissions that do not exist: %(names)s.")


@transaction.atomic
def ensure_roles() -> int:
    """
    Make the seven groups hold exactly what the matrix says. Harmless to repeat.

    :return: how many groups were changed
    :raises NoSuchPermission: if the matrix names a permission that no model has
    """
    known = _permissions(matrix())
    changed = sum(_set(role, {known[name] for name in matrix().of(role)}) for role in Role)
    settings = shop()
    if not settings.refund_caps_fen:
        ShopSettings.objects.filter(pk=settings.pk).update(
            refund_caps_fen=dict(matrix().refund_caps_fen), refunds_a_day=dict(matrix().refunds_a_day)
        )
    return changed


def role_of(user: User) -> Role | None:
    codes = user.groups.values_list("name", flat=True)
    return next((role for role in Role if role in codes), None)


@transaction.atomic
def assign_role(*, user_id: int, role: Role | None, by: User, at: datetime) -> None:
    """
    Give somebody the one role they have from now on, or none.

    :raises NotAnOwner: if `by` may not
    :raises LastOwner: if nobody would be left who may
    """
    if not by.has_perm("kernel.change_user"):
        raise NotAnOwner
    user = User.objects.select_for_update().get(pk=user_id)
    before = role_of(user)
    if before == Role.OWNER != role:
        refuse_last_owner(user)
    user.groups.set(Group.objects.filter(name=role) if role else ())
    audit.record(action="staff.assign_role", subject=user, by=by, at=at, before={"role": before}, after={"role": role})


def refuse_last_owner(user: User) -> None:
    """:raises LastOwner: if `user` is an owner, and no other active one is left"""
    others = User.objects.filter(is_active=True, is_staff=True).exclude(pk=user.pk)
    if role_of(user) == Role.OWNER and not others.filter(groups__name=Role.OWNER).exists():
        raise LastOwner(name=str(user))


def _permissions(wanted: Matrix) -> dict[str, int]:
    rows = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    known = {f"{app}.{codename}": pk for app, codename, pk in rows}
    missing = sorted(wanted.permissions.keys() - known.keys())
    if missing:
        raise NoSuchPermission(names=", ".join(missing))
    return known


def _set(role: Role, wanted: set[int]) -> bool:
    group, _is_new = Group.objects.get_or_create(name=role.value)
    held = set(group.permissions.values_list("pk", flat=True))
    if held == wanted:
        return False
    group.permissions.set(wanted)
    return True
