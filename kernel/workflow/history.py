"""Writes history entries for a set of rows with one statement per kind of entry, however many rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, cast

from django.db import connection, models

from kernel.bulk import fast_insert
from kernel.models import User
from kernel.trace import current_trace_id

from .subject import Row, WorkflowSubject

Column: TypeAlias = "models.Field[Any, Any]"


def write_history(
    subject: WorkflowSubject, ids: Sequence[int], entry: Mapping[str, object], *, by: User | None, at: datetime
) -> None:
    """
    Insert one entry for each row, numbered by the row's `history_seq`, which the caller has just raised.

    The number is copied inside the database, so that a thousand rows with numbers of their own cost one statement.
    """
    columns = {**entry, "by": by.pk if by else None, "at": at, "trace_id": current_trace_id()}
    fields = [_field(subject, name) for name in columns]
    values: list[Any] = [_prepared(field, value) for field, value in zip(fields, columns.values(), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_statement(subject, fields, len(ids)), [*values, *ids])


def write_varied_history(
    subject: WorkflowSubject,
    rows: Sequence[Row],
    entry: Mapping[str, object],
    facts_of: Mapping[int, Mapping[str, object]],
    *,
    by: User | None,
    at: datetime,
) -> None:
    """As `write_history`, where each row has facts of its own. The rows are locked, so their number is the next."""
    common = {**entry, "by": by, "at": at, "trace_id": current_trace_id()}
    shared = cast("Mapping[str, object]", entry["facts"])
    fast_insert(
        [
            subject.history(
                **{subject.history_key: row},
                seq=row.history_seq + 1,
                **{**common, "facts": {**shared, **facts_of.get(row.pk, {})}},
            )
            for row in rows
        ]
    )


def _field(subject: WorkflowSubject, name: str) -> Column:
    return cast("Column", subject.history._meta.get_field(name))


def _prepared(field: Column, value: object) -> object:
    if isinstance(field, models.JSONField):
        return json.dumps(value, ensure_ascii=False)
    return field.get_db_prep_save(value, connection)


def _statement(subject: WorkflowSubject, fields: Sequence[Column], count: int) -> str:
    quote = connection.ops.quote_name
    key = _field(subject, subject.history_key)
    names = ", ".join(quote(str(name)) for name in (key.column, "seq", *(field.column for field in fields)))
    selected = ", ".join((quote("id"), quote("history_seq"), *("%s" for _field in fields)))
    table, history = quote(subject.model._meta.db_table), quote(subject.history._meta.db_table)
    places = ", ".join(["%s"] * count)
    return f"INSERT INTO {history} ({names}) SELECT {selected} FROM {table} WHERE {quote('id')} IN ({places})"  # noqa: S608
