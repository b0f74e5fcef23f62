"""An import dies half-way, as if the power had gone; the next one finishes it, and nothing is there twice."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.processes import Processes, processes

__all__ = ["processes"]

pytestmark = [pytest.mark.race, pytest.mark.slow]

ROWS = 2_500  # three chunks
LEASE_SECONDS = 120
PREPARE = """
from kernel.clock import now
from customers.services import ensure_customer_types
from orders.services import ensure_carriers, ensure_default_workflows
ensure_customer_types(); ensure_carriers(); ensure_default_workflows(at=now())
"""
IMPORT = """
from django.core.management import call_command
call_command("orders_import", {file!r}, no_progress=True)
"""
COUNTS = """
import json
from django.db.models import Count, Sum
from kernel.clock import now
from kernel.models import Job
from orders.models import Order, OrderEvent, OrderLine
from payments.models import LedgerEntry, LedgerLine
from payments.services import check_books
print(json.dumps({
    "orders": Order.objects.count(), "lines": OrderLine.objects.count(), "events": OrderEvent.objects.count(),
    "entries": LedgerEntry.objects.count(), "paid_fen": Order.objects.aggregate(fen=Sum("paid_fen"))["fen"],
    "booked_fen": LedgerLine.objects.filter(account="elsewhere").aggregate(fen=Sum("amount_fen"))["fen"],
    "jobs": list(Job.objects.values_list("state", "cursor", "done", "skipped", "failed")),
    "offenders": sum(len(stretch) for stretch in check_books(at=now())),
}))
"""


def write(file: Path) -> Path:
    rows = (f"{number},100.0,100.0,上海,2020-02-20 10:00:00,2020-02-20 10:00:02,0.0" for number in range(1, ROWS + 1))
    header = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额"
    file.write_text("\n".join((header, *rows)), encoding="utf-8")
    return file


def counted(processes: Processes, program: str = "") -> dict[str, Any]:
    """What is there after the program."""
    told: dict[str, Any] = json.loads(processes.run(program + COUNTS).splitlines()[-1])
    return told


class TestAKilledImport:
    def test_is_finished_at_once_by_the_next_and_nothing_is_there_twice(
        self, processes: Processes, tmp_path: Path
    ) -> None:
        program = IMPORT.format(file=str(write(tmp_path / "orders.csv")))

        processes.kill_at("import.after_chunk", PREPARE + program, tmp_path / "mark")
        half = counted(processes)
        assert (half["orders"], half["jobs"]) == (1_000, [["running", 1_000, 1_000, 0, 0]])

        started = monotonic()
        whole = counted(processes, program)
        assert monotonic() - started < LEASE_SECONDS  # it is known that the first one is dead
        assert whole == {
            "orders": ROWS,
            "lines": ROWS,
            "events": ROWS,
            "entries": ROWS,
            "paid_fen": ROWS * 10_000,
            "booked_fen": ROWS * 10_000,
            "jobs": [["done", ROWS, ROWS, 0, 0]],
            "offenders": 0,
        }

        assert counted(processes, program) == whole | {"jobs": [*whole["jobs"], ["done", ROWS, 0, ROWS, 0]]}
