"""A lock for a whole run of a command. The system lets go of it when the process dies, however it dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.db import connection


@contextmanager
def run_lock(name: str) -> Iterator[bool]:
    """Whether this run has the lock `name` to itself, on every machine that shares the database."""
    take = {"postgresql": _postgresql, "mysql": _mysql}.get(connection.vendor, _file)
    with take(name) as is_mine:
        yield is_mine


@contextmanager
def _postgresql(name: str) -> Iterator[bool]:
    key = int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
    is_mine = bool(_ask("SELECT pg_try_advisory_lock(%s)", key))
    try:
        yield is_mine
    finally:
        if is_mine:
            _ask("SELECT pg_advisory_unlock(%s)", key)


@contextmanager
def _mysql(name: str) -> Iterator[bool]:
    # such locks are the whole server's, which may hold the databases of other shops
    database = str(connection.settings_dict["NAME"])
    key = f"backoffice.{sha256(f'{database}.{name}'.encode()).hexdigest()[:32]}"
    is_mine = _ask("SELECT GET_LOCK(%s, 0)", key) == 1
    try:
        yield is_mine
    finally:
        if is_mine:
            _ask("SELECT RELEASE_LOCK(%s)", key)


@contextmanager
def _file(name: str) -> Iterator[bool]:
    folder = Path(settings.DATA_DIR) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _ask(query: str, key: int | str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query, [key])
        row: tuple[object, ...] = cursor.fetchone()
    return row[0]
