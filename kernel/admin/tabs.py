from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from kernel.counters import display


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """
    A part of a list, with how much is in it.

    :param query: of the address, without the question mark; "" is the whole list
    :param link: to another page, instead
    :param count: None shows no number
    :param urgent: somebody has to act on what is in it; only such counts are red
    """

    title: Any
    query: str = ""
    count: int | None = None
    urgent: bool = False
    active: bool = False
    link: str = ""

    @property
    def shown_count(self) -> str:
        return display(self.count) if self.count else ""


def is_active(request: HttpRequest, names: tuple[str, ...], wanted: dict[str, str]) -> bool:
    """Whether the list shows what a tab with the filters `wanted` shows; `names` are all filters that tabs use."""
    return {name: request.GET[name] for name in names if name in request.GET} == wanted
