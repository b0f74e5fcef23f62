"""
Many rows at once. PostgreSQL takes them by COPY, with keys fetched ahead; elsewhere they go in as plain inserts.

Both ways write the same rows: values pass through the fields' own conversion, and every constraint holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import NOT_PROVIDED, JSONField, Q
from django.db.models.sql.compiler import SQLCompiler
from psycopg.types.json import Jsonb

from .db import bulk_insert

M = TypeVar("M", bound=models.Model)
Column: TypeAlias = "models.Field[Any, Any]"
WORTH_COPYING = 50  # below that, the two extra round trips cost more than they save
DENSE = 3  # a range of keys with at most so many for each that is wanted
SAME_EACH_TIME = (dict, list)  # defaults that are called, and may be called once for all rows


def fast_insert(rows: Sequence[M]) -> Sequence[M]:
    """Insert new rows and know their keys afterwards."""
    if not _copies(rows):
        return bulk_insert(rows)
    model = type(rows[0])
    for row, key in zip(rows, _next_keys(model, len(rows)), strict=True):
        row.pk = key
    fields = model._meta.concrete_fields
    readers = [_reader(field) for field in fields]
    _copy(model, fields, ([read(row) for read in readers] for row in rows))
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
    return rows


def insert_values(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """
    Insert rows that were never made objects, which costs a third of what objects cost.

    :param rows: column to value, the same columns in each; what is left out takes its default
    :return: their keys, in the order of the rows
    """
    if not _copies(rows):
        return [row.pk for row in bulk_insert([model(**row) for row in rows])]
    keys = _next_keys(model, len(rows))
    given, defaults = _split(model, rows[0])
    key_field = model._meta.pk
    assert key_field is not None  # noqa: S101 - every model has one; this tells the type checker
    fields = [key_field, *given, *defaults]
    _copy(model, fields, _tuples(keys, rows, given, list(defaults.values())))
    return keys


def among(column: str, keys: Sequence[int]) -> Q:
    """
    Rows whose key is one of many. Keys that were given out together are named by the ends of their range, since a
    thousand values cost more to write down than to find; then other rows may lie between them, and come along.
    """
    if not keys:
        return Q(pk__in=())
    first, last = min(keys), max(keys)
    if last - first < DENSE * len(keys):
        return Q(**{f"{column}__gte": first, f"{column}__lte": last})
    return Q(**{f"{column}__in": keys})


class ByKey(models.Expression):
    """
    In an update, the value that each row gets, told by its key: `CASE id WHEN 1 THEN 'a' … END`.

    The same as a `Case` of a `When` for each row, which costs ten times as much to build. For rows that are not named
    it is NULL: name each row of the update.
    """

    def __init__(self, *, column: Column, values: Mapping[int, Any]) -> None:
        super().__init__(output_field=column)
        self._values = values

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, model = self.output_field, compiler.query.model
        assert model is not None and model._meta.pk is not None  # noqa: S101, PT018 - an update has a table with a key
        key = connection.ops.quote_name(str(model._meta.pk.column))
        cases = " ".join(["WHEN %s THEN %s"] * len(self._values))
        prepared = ((pk, column.get_db_prep_save(value, connection)) for pk, value in self._values.items())
        chosen = f"CASE {key} {cases} END"
        if connection.vendor == "postgresql":  # to which NULLs alone are text
            chosen = f"({chosen})::{column.db_type(connection)}"
        return chosen, tuple(chain.from_iterable(prepared))


def _copies(rows: Sequence[object]) -> bool:
    return connection.vendor == "postgresql" and len(rows) >= WORTH_COPYING


def _split(model: type[models.Model], row: Mapping[str, Any]) -> tuple[list[Column], dict[Column, Any]]:
    """The fields that rows bring, and the defaults of the others. A default that differs each time must be brought."""
    others = [field for field in model._meta.concrete_fields if not field.primary_key and field.attname not in row]
    unknown = row.keys() - {field.attname for field in model._meta.concrete_fields}
    varying = [
        it.attname for it in others if callable(it.default) and it.default not in (*SAME_EACH_TIME, NOT_PROVIDED)
    ]
    if unknown or varying:
        raise TypeError(f"{model.__name__}: no such columns {sorted(unknown)}, or no value for {varying}")
    given = [field for field in model._meta.concrete_fields if field.attname in row]
    return given, {field: _prepared(field, field.get_default()) for field in others}


def _tuples(
    keys: Iterable[int], rows: Sequence[Mapping[str, Any]], given: Sequence[Column], rest: Sequence[Any]
) -> Iterator[list[Any]]:
    names = [field.attname for field in given]
    unfit = [(place, field) for place, field in enumerate(given, start=1) if not _is_fit(field)]
    for key, row in zip(keys, rows, strict=True):
        values = [key, *[row[name] for name in names], *rest]
        for place, field in unfit:
            values[place] = _prepared(field, values[place])
        yield values


def _next_keys(model: type[models.Model], count: int) -> list[int]:
    """From the table's own sequence, so that nobody else is given one of them."""
    meta = model._meta
    assert meta.pk is not None  # noqa: S101 - every model has one; this tells the type checker
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [connection.ops.quote_name(meta.db_table), meta.pk.column, count],
        )
        return [key for (key,) in cursor.fetchall()]


def _copy(model: type[models.Model], fields: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    statement = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
    # Django turns the driver's errors into its own, but not those of COPY.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _reader(field: Column) -> Callable[[models.Model], Any]:
    name = field.attname
    return (lambda row: getattr(row, name)) if _is_fit(field) else (lambda row: _prepared(field, getattr(row, name)))


def _is_fit(field: Column) -> bool:
    """Whether COPY takes its values as they are; asking each field costs a third."""
    return isinstance(field, models.CharField | models.IntegerField | models.ForeignKey | models.DateTimeField) or (
        type(field) in {models.TextField, models.UUIDField}
    )


def _prepared(field: Column, value: Any) -> Any:
    return Jsonb(value) if isinstance(field, JSONField) else field.get_db_prep_save(value, connection)
