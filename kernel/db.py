"""What the three databases do differently, in one place."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import cache, cached_property, wraps
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.db.models.sql import InsertQuery

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=models.Model)

TRIES = 4  # the first and three more
ROWS_PER_INSERT = 1_000
CONFLICTS = {"40001", "40P01", "55P03"}  # PostgreSQL: serialisation failure, deadlock, lock not available
MYSQL_CONFLICTS = {1020, 1205, 1213}  # changed since last read, lock wait time-out, deadlock


def in_transaction() -> bool:
    """Whether a transaction is open. The one that a test wraps itself in does not count."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def retry_on_conflict(act: Callable[P, R]) -> Callable[P, R]:
    """
    Run a function that opens its own transaction again, up to three times, when the database had to stop it.

    Inside a transaction that is already open it runs once: only whoever opened that one can run it again.
    """

    @wraps(act)
    def patiently(*args: P.args, **kwargs: P.kwargs) -> R:
        for failed in range(1, TRIES):
            try:
                return act(*args, **kwargs)
            except OperationalError as error:
                if in_transaction() or not is_conflict(error):
                    raise
            time.sleep(random.uniform(0.5, 1) * 0.05 * 2**failed)  # noqa: S311 - apart, so that they do not meet again
        return act(*args, **kwargs)

    return patiently


def is_conflict(error: OperationalError) -> bool:
    """Whether the database stopped this transaction for another one's sake; then doing it again may work."""
    if getattr(error.__cause__, "sqlstate", None) in CONFLICTS:
        return True
    first = error.args[0] if error.args else ""
    return first in MYSQL_CONFLICTS or (connection.vendor == "sqlite" and "locked" in str(first))


def insert_new(row: models.Model) -> bool:
    """
    Insert a row, unless one with its unique values is there already. Its key is not known afterwards.

    :return: whether it is new
    """
    if connection.vendor == "mysql":  # it can only pass over whatever is wrong with a row
        return _inserted_or_rolled_back(row)
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_insertion(type(row)), values)
        return bool(cursor.rowcount)


@cache  # to word it takes as long as to run it
def _insertion(model: type[models.Model]) -> str:
    query = InsertQuery(model)
    query.insert_values([field for field in model._meta.concrete_fields if not field.primary_key], [model()])
    ((statement, _values),) = query.get_compiler(connection=connection).as_sql()
    return f"{statement} ON CONFLICT DO NOTHING"


def _inserted_or_rolled_back(row: models.Model) -> bool:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


class Question:
    """
    A query that is asked so often that it is worded once only; to word it takes longer than to have it answered.

    :param ask: makes the queryset, of `values_list`, with a placeholder in the place of each value
    """

    def __init__(self, ask: Callable[[], models.QuerySet[Any, tuple[Any, ...]]]) -> None:
        self._ask = ask

    @cached_property
    def _worded(self) -> tuple[str, list[tuple[int, Any]]]:
        compiler = self._ask().query.get_compiler(connection=connection)
        statement, _placeholders = compiler.as_sql()
        return statement, list(compiler.get_converters([column for column, *_rest in compiler.select]).items())

    def answers(self, *values: str | int) -> list[tuple[Any, ...]]:
        """:param values: in the order of their placeholders"""
        statement, converters = self._worded
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows = [list(row) for row in cursor.fetchall()]
        for position, (convert, column) in converters:
            for row in rows:
                for step in convert:
                    row[position] = step(row[position], column, connection)
        return [tuple(row) for row in rows]


def bulk_insert(rows: Sequence[M]) -> Sequence[M]:
    """Insert rows and know their keys; in one statement where the database tells them."""
    if not rows:
        return rows
    if connection.features.can_return_rows_from_bulk_insert:
        return type(rows[0])._default_manager.bulk_create(rows, batch_size=ROWS_PER_INSERT)
    for row in rows:  # MySQL tells one key at a time
        row.save(force_insert=True)
    return rows


def bulk_upsert(rows: Sequence[M], *, unique_fields: Sequence[str], update_fields: Sequence[str]) -> None:
    """Insert rows; where one with the same `unique_fields` is there already, set its `update_fields`."""
    if not rows:
        return
    named = unique_fields if connection.features.supports_update_conflicts_with_target else None  # MariaDB refuses them
    type(rows[0])._default_manager.bulk_create(
        rows,
        batch_size=ROWS_PER_INSERT,
        update_conflicts=True,
        unique_fields=named,
        update_fields=update_fields,
    )


def waiting_for_commit() -> list[tuple[set[str], object]]:
    """What runs once this transaction is committed, each with the savepoints whose rollback would drop it."""
    return [(set(entry[0]), entry[1]) for entry in connection.run_on_commit]


def open_savepoints() -> set[str]:
    return set(connection.savepoint_ids)


def skips_locked() -> bool:
    """Whether workers can pass over rows that another one is claiming; where not, they wait their turn."""
    return connection.features.has_select_for_update_skip_locked
