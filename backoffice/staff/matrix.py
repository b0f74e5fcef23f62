"""Reads roles.toml, the one place that says who may do what."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.db import models
from django.utils.translation import gettext_lazy as _

FILE = Path(__file__).with_name("roles.toml")
STAFF = "staff"


class Role(models.TextChoices):
    """A role's code is the name of its group."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    SUPPORT = "support", _("Customer service")
    WAREHOUSE = "warehouse", _("Warehouse")
    FINANCE = "finance", _("Finance")
    OPS = "ops", _("Operations")
    AUDITOR = "auditor", _("Read-only auditor")


@dataclass(frozen=True, slots=True)
class Matrix:
    """
    Who may do what.

    :param permissions: app.codename to the roles that hold it
    :param models: app.model to those of the admin's four rights that lead anywhere
    :param pages: name of any other admin page to the permission it asks for
    :param list_actions: app.model.action to the permission it asks for
    """

    permissions: Mapping[str, frozenset[Role]]
    models: Mapping[str, Sequence[str]]
    pages: Mapping[str, str]
    list_actions: Mapping[str, str]
    refund_caps_fen: Mapping[str, int]
    refunds_a_day: Mapping[str, int]

    def of(self, role: Role) -> list[str]:
        return sorted(permission for permission, roles in self.permissions.items() if role in roles)

    def holders(self, permission: str) -> frozenset[Role]:
        """:param permission: app.codename, or "staff", or "nobody" """
        if permission == STAFF:
            return frozenset(Role)
        return self.permissions.get(permission, frozenset())


@lru_cache(maxsize=1)
def matrix() -> Matrix:
    written = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Matrix(
        permissions={name: _roles(codes) for name, codes in written["permissions"].items()},
        models=written["models"],
        pages=written["pages"],
        list_actions=written["list_actions"],
        refund_caps_fen=written["refund_caps_fen"],
        refunds_a_day=written["refunds_a_day"],
    )


def _roles(codes: Sequence[str]) -> frozenset[Role]:
    return frozenset(Role(code) for code in codes)
