from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model
from django.http import HttpRequest

from kernel.admin import ReadOnlyAdmin

M = TypeVar("M", bound=Model)


class FactsAdmin(ReadOnlyAdmin[M]):
    """A page to look at: each of its `fields` is a column of the row or a method of the class."""

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> list[str]:
        return list(_flat(self.fields or ()))


def _flat(names: Any) -> Iterator[str]:
    for name in names:
        if isinstance(name, str):
            yield name
        else:
            yield from name
