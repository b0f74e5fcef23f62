"""Real processes against one database that nobody else uses: for races, and for deaths that no cleaning up follows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300  # seconds: to migrate takes a while where two cores are busy with other tests
SET_UP = "import django; django.setup()\n"


@dataclass(frozen=True)
class Processes:
    """Python programs, run at the root of the repository with Django set up, on a database of their own."""

    environment: dict[str, str]

    def migrated(self) -> Self:
        self.run("from django.core.management import call_command; call_command('migrate', verbosity=0)")
        return self

    def start(self, program: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", SET_UP + program],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str, *, times: int = 1, **environment: str) -> str:
        """What `times` copies, started together, print; they must all end well."""
        started = [self.start(program, **environment) for _ in range(times)]
        ended = [process.communicate(timeout=PATIENCE) for process in started]
        for process, (_out, errors) in zip(started, ended, strict=True):
            assert process.returncode == 0, errors
        return "".join(out for out, _errors in ended)

    def kill_at(self, failpoint: str, program: str, mark: Path) -> None:
        """Run a program that dies at a failpoint; one that never gets there is a failure of the test."""
        process = self.start(program, FAIL_AT=failpoint, FAIL_MARK=str(mark))
        _out, errors = process.communicate(timeout=PATIENCE)
        assert mark.exists(), f"{failpoint} was not reached\n{errors}"
        assert process.returncode == -9, errors


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Processes]:
    """With every app, on a migrated database: a file for SQLite, another one on the same server otherwise."""
    with django_db_blocker.unblock(), own_database(tmp_path_factory.mktemp("processes")) as environment:
        yield Processes({**environment, "DJANGO_SETTINGS_MODULE": "backoffice.settings"}).migrated()


@pytest.fixture(scope="session")
def slim_processes(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Processes]:
    """As `processes`, with the kernel alone, which starts and migrates in a fraction of the time."""
    with django_db_blocker.unblock(), own_database(tmp_path_factory.mktemp("slim")) as environment:
        yield Processes({**environment, "DJANGO_SETTINGS_MODULE": "tests.slim_settings"}).migrated()


@contextmanager
def own_database(folder: Path) -> Iterator[dict[str, str]]:
    name = f"{folder.name}_{os.getpid()}"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    own = {"BACKOFFICE_MODE": "test", "DATA_DIR": str(folder), "DATABASE_URL": _url(folder, name)}
    _server(f"CREATE DATABASE {name}")
    try:
        yield {**inherited, **own}
    finally:
        _server(f"DROP DATABASE {name}")


def _url(folder: Path, name: str) -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{folder / 'processes.sqlite3'}"
    return urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}"))


def _server(statement: str) -> None:
    if connection.vendor == "sqlite":
        return
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
