"""Lists in parts: a tab each, the first of them shown when nothing else is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.admin import Tab, counts_of

from .counts import GROUP

PARAMETER = "part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    :param code: in the address; "" is the one that opens
    :param counter: of the group `payments`; "" shows no number
    """

    code: str
    title: Any
    narrow: Callable[[QuerySet[Any], HttpRequest], QuerySet[Any]]
    counter: str = ""
    urgent: bool = False


def everything(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    return rows


def with_status(*statuses: str, field: str = "status") -> Callable[[QuerySet[Any], HttpRequest], QuerySet[Any]]:
    def narrow(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
        return rows.filter(**{f"{field}__in": statuses})

    return narrow


class PartFilter(admin.SimpleListFilter):
    """The tab as a filter of the list; without one the first part is shown."""

    title = _("part")
    parameter_name = PARAMETER

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.part: Part = model_admin.part_of(request)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(part.code, part.title) for part in model_admin.parts if part.code]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return self.part.narrow(queryset, request)


class InParts:
    """For a BackofficeAdmin, before it in the bases: its `parts` as tabs. `PartFilter` is to be in its filters."""

    parts: ClassVar[Sequence[Part]] = ()

    def part_of(self, request: HttpRequest) -> Part:
        wanted = request.GET.get(PARAMETER, "")
        return next((part for part in self.parts if part.code == wanted), self.parts[0])

    def tabs(self, request: HttpRequest) -> Sequence[Tab]:
        counts, here = counts_of(request), self.part_of(request)
        return [
            Tab(
                title=part.title,
                query=f"{PARAMETER}={part.code}" if part.code else "",
                count=counts.get(f"{GROUP}:{part.counter}") if part.counter else None,
                urgent=part.urgent,
                active=part is here,
            )
            for part in self.parts
        ]
