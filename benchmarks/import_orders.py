"""
Import a marketplace's file, beside COPY of the very rows it becomes into the very same tables.

The project reads, checks, matches, writes orders, lines and history and books the money; the floor moves finished rows.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from django.core.files import File
from django.db import connection, transaction

from kernel import jobs
from kernel.clock import now
from kernel.events import deliver_due
from orders.imports.job import start_import
from orders.models import Order, OrderEvent, OrderLine
from payments.models import LedgerEntry, LedgerLine

from .measuring import measured, tell

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared")) / "data" / "tmall_orders_2020-02.csv"
HEADER = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额"
MODELS = (Order, OrderLine, OrderEvent, LedgerEntry, LedgerLine)
TABLES = tuple(model._meta.db_table for model in MODELS)
FLOOR = (*TABLES, "kernel_job", "kernel_jobitem", "kernel_outboxevent", "kernel_delivery")


def main(size: str, rounds: str = "") -> None:
    """Without rounds, `size` is a file to be imported once."""
    if not rounds:
        print(json.dumps(once(Path(size))))
        return
    for file in (write(Path(os.environ["DATA_DIR"]) / "generated.csv", int(size)), REAL):
        if file.is_file():
            tell(measure(file, int(rounds)))


def measure(file: Path, rounds: int) -> dict[str, Any]:
    """Project and floor in turn; the first run of the project gives the rows of the floor, and is not counted."""
    imported(file)
    rows = {table: copy_out(table) for table in ("kernel_job", *TABLES)}
    pairs = [(imported(file), copied_in(rows)) for _round in range(rounds)]
    empty()
    orders = pairs[0][0]["orders"]
    project_s, floor_s = median(own["seconds"] for own, _floor in pairs), median(floor for _own, floor in pairs)
    return {
        "benchmark": "import_orders",
        "file": file.name,
        "orders": orders,
        "rows": pairs[0][0]["rows"],
        "rounds": rounds,
        "project_per_s": round(orders / project_s),
        "floor_per_s": round(orders / floor_s),
        "ratio": round(median(floor / own["seconds"] for own, floor in pairs), 3),
        "cpu_ms_per_order": round(1000 * median(own["cpu"] for own, _floor in pairs) / orders, 3),
        "memory_mb": round(max(own["memory_mb"] for own, _floor in pairs)),
        "queries_per_1000": round(1000 * pairs[0][0]["queries"] / orders, 1),
    }


def imported(file: Path) -> dict[str, Any]:
    """In a process of its own, whose memory is that of an import and of nothing else."""
    empty()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "import_orders", str(file)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def once(file: Path) -> dict[str, Any]:
    with measured() as run, file.open("rb") as stream:
        job = start_import(file=File(stream, name=file.name), name=file.name, by=None, at=now())
        job = jobs.run_now(job, at=now())
        while deliver_due(at=now()):
            pass
    return {
        **asdict(run),
        "orders": job.done,
        "rows": {model.__name__: model._default_manager.count() for model in MODELS},
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def copy_out(table: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(block) for block in copy)


def copied_in(rows: dict[str, bytes]) -> float:
    empty()
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, content in rows.items():
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(content)
    return time.perf_counter() - started


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(FLOOR)} CASCADE")


def write(file: Path, size: int) -> Path:
    """Orders like those of the real file: nine in ten paid, a fifth of these refunded."""
    dice, start = random.Random(7), datetime(2026, 1, 1)  # noqa: DTZ001 - as marketplaces write it
    with file.open("w", encoding="utf-8") as out:
        out.write(f"{HEADER}\n")
        for number in range(1, size + 1):
            placed, total = start + timedelta(seconds=number), dice.randrange(100, 50_000) / 100
            paid = dice.random() < 0.86
            back = (total if dice.random() < 0.9 else 1.0) if paid and dice.random() < 0.2 else 0.0
            kept = round(total - back, 2) if paid else 0.0
            out.write(f"{number},{total},{kept},浙江省,{placed},{placed if paid else ''},{back}\n")
    return file
