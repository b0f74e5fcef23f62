"""What the benchmarks share."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(slots=True)
class Run:
    """One run of the project: how long, how much of this process, how many queries."""

    seconds: float = 0.0
    cpu: float = 0.0
    queries: int = 0


@contextmanager
def measured() -> Iterator[Run]:
    run = Run()

    def count(execute: Any, *args: Any) -> Any:
        run.queries += 1
        return execute(*args)

    started, cpu = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(count):
        yield run
    run.seconds, run.cpu = time.perf_counter() - started, time.process_time() - cpu


def tell(result: Mapping[str, Any]) -> None:
    """One line of JSON, with what the figures were taken on."""
    print(json.dumps({**result, "database": f"PostgreSQL {_setting('server_version').split()[0]}"}), flush=True)


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])
