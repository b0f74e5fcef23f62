from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import GatewayAccount, LedgerEntry
from ..services.external_refunds import MADE_ELSEWHERE
from ..services.words import METHODS

ACCOUNTS_KEY, ACCOUNTS_SECONDS = "payments:accounts", 60


class AccountFilter(admin.SimpleListFilter):
    """By payment account; the accounts are remembered for a minute, which saves every list a query."""

    title = _("payment account")
    parameter_name = "account"
    field = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        accounts: list[tuple[str, str]] = cache.get_or_set(ACCOUNTS_KEY, _accounts, ACCOUNTS_SECONDS) or []
        return list(accounts)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(**{f"{self.field}__code": chosen})


class RefundAccountFilter(AccountFilter):
    field = "payment__account"


class MethodFilter(admin.SimpleListFilter):
    title = _("method")
    parameter_name = "method"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(METHODS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(method=self.value()) if self.value() else queryset


class OriginFilter(admin.SimpleListFilter):
    """Where a refund comes from: asked for here, given back from suspense, or made in the gateway's own console."""

    title = _("origin")
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("staff", _("Requested here")),
            ("suspense", _("Unapplied money")),
            ("rule", _("A rule")),
            ("console", _("The gateway's console")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "staff": Q(unapplied=None, requested_by__isnull=False),
            "suspense": Q(unapplied__isnull=False),
            "rule": Q(unapplied=None, request_key__startswith="rule:"),
            "console": Q(unapplied=None, request_key__startswith=MADE_ELSEWHERE),
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(model_admin.kinds.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
        kind = self.value()
        return queryset.filter(kind__startswith=kind) if kind else queryset


def _accounts() -> list[tuple[str, str]]:
    return list(GatewayAccount.objects.order_by("position", "pk").values_list("code", "name"))
