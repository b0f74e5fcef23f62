"""
Proving the books of many orders, with faults planted at their end: each is named, and nothing else.

There is no floor: what counts is that a night is long enough, however large the shop.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db.models import F, Model, QuerySet

from orders.models import Order, OrderEvent, OrderLine
from payments.models import LedgerEntry, LedgerLine, Payment, Refund, RefundLine

from .measuring import tell
from .seeding import seed

ROOT = Path(__file__).resolve().parents[1]


def _last(model: type[Model], **facts: object) -> QuerySet[Any]:
    rows = model._default_manager.filter(**facts)
    return rows.filter(pk=rows.order_by("-pk").values_list("pk", flat=True)[0])


FAULTS: dict[str, Callable[[], object]] = {
    "refund_shares": lambda: _last(OrderLine).update(refunded_fen=F("refunded_fen") + 1),
    "payment_status": lambda: _last(Order).update(payment_status="refunded"),
    "history": lambda: _last(OrderEvent).delete(),
    "payment_refunds": lambda: _last(Payment).update(refunding_fen=F("refunding_fen") + 1),
    "payment_booked": lambda: _last(LedgerEntry, source_type="payment").update(reference="lost"),
    "refund_lines": lambda: _last(RefundLine).update(amount_fen=1),
    "refund_reserved": lambda: _last(LedgerLine, account="refunds_payable", amount_fen__lt=0).update(account="fees"),
    "clearing": lambda: _last(Refund, status="succeeded", unapplied=None).update(way="bank"),
}
NAMED = {**dict.fromkeys(FAULTS, 1), "refund_booked": 1, "elsewhere": 1}  # a refund's way is three of these


def main(size: str, _rounds: str) -> None:
    started = time.perf_counter()
    seed(int(size))
    seeded_s = time.perf_counter() - started
    sound, seconds = _proved()
    for plant in FAULTS.values():
        plant()
    broken, again_s = _proved()
    if sound or broken != NAMED:
        raise SystemExit(f"named {sound} in sound books, and {broken} after planting {NAMED}")
    tell(
        {
            "benchmark": "check_books",
            "orders": Order.objects.count(),
            "seconds": round(seconds, 1),
            "seconds_with_faults": round(again_s, 1),
            "planted": len(FAULTS),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
            "seeded_in_s": round(seeded_s, 1),
        }
    )


def _proved() -> tuple[dict[str, int], float]:
    """How many offenders of each kind the command names, and how long it takes."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "manage.py", "check_books", "--format", "json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    kinds = [row["kind"] for row in json.loads(done.stdout)["rows"]]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}, time.perf_counter() - started
