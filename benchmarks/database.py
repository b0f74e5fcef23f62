"""A migrated PostgreSQL database that nobody else uses, beside the one of DATABASE_URL, and gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[1]
WRITE = "DATABASE_URL=postgres://USER:PASSWORD@127.0.0.1:5432/NAME make bench"


class NotPostgresql(Exception):
    def __init__(self) -> None:
        super().__init__(f"The benchmarks measure PostgreSQL, with a user who may create databases: {WRITE}")


@contextmanager
def own_database() -> Iterator[dict[str, str]]:
    """The environment of a process that works on it."""
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    if url.scheme not in ("postgres", "postgresql"):
        raise NotPostgresql
    name = f"bench_{os.getpid()}"
    server = urlunsplit(url._replace(scheme="postgresql"))
    with psycopg.connect(server, autocommit=True) as connection, TemporaryDirectory(prefix="bench-") as folder:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield _migrated(
                {
                    **os.environ,
                    "BACKOFFICE_MODE": "demo",
                    "REDIS_URL": "",
                    "DATA_DIR": folder,
                    "DATABASE_URL": urlunsplit(url._replace(path=f"/{name}")),
                    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
                }
            )
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _migrated(environment: dict[str, str]) -> dict[str, str]:
    for arguments in (("migrate", "-v0"), ("setup", "--quiet")):
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)
    return environment
