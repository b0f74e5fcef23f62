"""What every test may rely on: fast passwords, an empty cache, and a header that names the database."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator, Iterator

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.utils import translation
from pytest_django.plugin import blocking_manager_key

REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"
LONGEST_ID = 100


def pytest_configure() -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests sign in by the hundred


def pytest_unconfigure() -> None:
    if "DATA_DIR" not in os.environ:
        shutil.rmtree(settings.DATA_DIR, ignore_errors=True)  # settings made it for this run


def pytest_report_header(config: pytest.Config) -> str:
    with config.stash[blocking_manager_key].unblock():
        return f"database: {vendor_and_version()}"


def vendor_and_version() -> str:
    """The server's own words, so that nobody takes one database's run for another's."""
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    try:
        with connection._nodb_cursor() as cursor:  # the one to test on is made later
            cursor.execute("SELECT version()")
            version = str(cursor.fetchone()[0])
    except DatabaseError as error:
        return f"{connection.vendor}, which does not answer: {error}"
    if connection.vendor == "postgresql":
        return version
    return f"{'MariaDB' if 'MariaDB' in version else 'MySQL'} {version}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test marked `only_on` is not for the other databases: left out there, not skipped."""
    elsewhere = [
        item for item in items if any(connection.vendor not in mark.args for mark in item.iter_markers("only_on"))
    ]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keys and messages are made anew in every process: they are called by their argument's name, and numbered."""
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_ID else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if REQUIRE_ALL and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"REQUIRE_ALL=1 forbids skipping: {reason}"


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """Tests read texts as they stand in the source; pages are in Chinese still, as people get them."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _forgetful_process() -> None:
    from tests.helpers import forget_process_state  # once Django is set up

    forget_process_state()
