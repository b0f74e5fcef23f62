"""Bring every sealed column under the newest key of the ring, while the shop goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db.models import QuerySet

from .secrets import CannotDecrypt, SealedRow, key_id_of, newest_key_id, rewrap, seal_context, sealed_columns

CHUNK = 500


@dataclass(frozen=True, slots=True)
class RowRotated:
    """What became of one row: columns brought under the newest key, and columns that no key opens."""

    model: type[SealedRow]
    pk: int
    rewrapped: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def sealed_models() -> list[type[SealedRow]]:
    found = [model for model in apps.get_models() if issubclass(model, SealedRow) and sealed_columns(model)]
    return sorted(found, key=lambda model: model._meta.label_lower)


def count_rows() -> int:
    return sum(model._base_manager.count() for model in sealed_models())


def rotate() -> Iterator[RowRotated]:
    """
    Re-wrap all sealed columns, row by row; stopped at any place, it goes on from there when it is run again.

    A column that somebody writes meanwhile is under the newest key already, and left alone.
    """
    for model in sealed_models():
        columns, last = sealed_columns(model), 0
        while chunk := list(_after(model, last).values_list("pk", "seal_id", *columns)[:CHUNK]):
            for pk, seal_id, *blobs in chunk:
                contexts = [seal_context(model, seal_id=seal_id, column=column) for column in columns]
                yield _rotate_row(model, pk, dict(zip(columns, zip(blobs, contexts, strict=True), strict=True)))
            last = chunk[-1][0]


def _after(model: type[SealedRow], pk: int) -> QuerySet[SealedRow]:
    return model._base_manager.filter(pk__gt=pk).order_by("pk")


def _rotate_row(model: type[SealedRow], pk: int, sealed: dict[str, tuple[str, str]]) -> RowRotated:
    row = RowRotated(model, pk)
    for column, (blob, context) in sealed.items():
        if not blob or key_id_of(blob) == newest_key_id():
            continue
        try:
            fresh = rewrap(blob, context=context)
        except CannotDecrypt:
            row.unreadable.append(column)
            continue
        if model._base_manager.filter(pk=pk, **{column: blob}).update(**{column: fresh}) == 1:
            row.rewrapped.append(column)
    return row
