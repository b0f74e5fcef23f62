"""
What an app above puts on the pages of an app below, without that app knowing:

    contribute(OrderAdmin, panels=[Panel(...)], actions=[RefundAction()], columns=[Column(...)])

Call it while the admin modules load (in `payments/admin/__init__.py`, say): addresses are fixed afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from .actions import ObjectAction

Text = Any  # str, or a translation that is looked up when it is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """
    A card on an object's page.

    :param context: what the template is given besides `object`, `request` and `panel`; None leaves the panel out
    :param permission: who may see it; "" for whoever may see the object
    :param side: in the narrow column on the right
    :param position: lower stands higher
    """

    name: str
    title: Text
    template: str
    context: Callable[[HttpRequest, Any], Mapping[str, object] | None] = lambda _request, _object: {}
    permission: str = ""
    side: bool = False
    position: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    A column of a list.

    :param cell: HTML for one row
    :param load: is given all rows of the page at once, to fetch what `cell` needs in one query
    :param before: the column it stands in front of; at the end if there is none
    """

    name: str
    title: Text
    cell: Callable[[Any], object]
    load: Callable[[Sequence[Any]], None] | None = None
    before: str = ""
    permission: str = ""


@dataclass(slots=True)
class Contributions:
    panels: list[Panel] = field(default_factory=list)
    actions: list[ObjectAction[Any]] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)


_contributed: defaultdict[str, Contributions] = defaultdict(Contributions)


def contribute(
    admin_class: type,
    *,
    panels: Iterable[Panel] = (),
    actions: Iterable[ObjectAction[Any]] = (),
    columns: Iterable[Column] = (),
) -> None:
    """Add to the pages of another app's admin. Names must be new there."""
    there = _contributed[_key(admin_class)]
    there.panels.extend(panels)
    there.actions.extend(actions)
    there.columns.extend(columns)


def contributed(admin_class: type) -> Contributions:
    return _contributed[_key(admin_class)]


def _key(admin_class: type) -> str:
    return f"{admin_class.__module__}.{admin_class.__qualname__}"
