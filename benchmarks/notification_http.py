"""
Signed notifications of all three gateways over HTTP: two web workers, the database on the same machine.

Messages are signed beforehand, and sent by a process of its own over connections that stay open. The floor is the same
server and the same load on an address that does `SELECT 1`. Then the inbox is drained, by one process. UnionPay's
messages count once a query says the same, so the drain that is measured is that of the other two.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from django.db.models import F

from kernel.clock import now
from payments.models import GatewayAccount, Notification, Payment
from payments.services import apply_notifications, settle
from tests.factories import report_on
from tests.gateways.alipay import desk as alipay
from tests.gateways.unionpay import desk as unionpay
from tests.gateways.wechatpay import desk as wechatpay
from tests.payments.services.test_broken_setups import DESKS, stored

from .measuring import tell
from .waiting import waiting_payments

FEWEST, LARGEST = 30, 6_000  # in a round
WORKERS, THREADS, CONNECTIONS = 2, 4, 8
PATIENCE = 30  # seconds
HOUR = timedelta(hours=1)
FLOOR = b"GET /floor HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def main(size: str, rounds: str) -> None:
    each = max(min(int(size), LARGEST) // len(DESKS), FEWEST // len(DESKS))
    accounts = {gateway: stored(desk.config(), gateway) for gateway, desk in DESKS.items()}
    with served() as port:
        sent(port, [FLOOR] * CONNECTIONS * 10)  # warm
        told = [a_round(port, accounts, each) for _number in range(int(rounds))]
    tell(
        {
            "benchmark": "notification_http",
            "notifications": each * len(DESKS) * len(told),
            "rounds": len(told),
            "workers": WORKERS,
            "connections": CONNECTIONS,
            **{name: round(median(it[name] for it in told), 2) for name in told[0]},
            "load_average": os.getloadavg()[0],
        }
    )


def a_round(port: int, accounts: Mapping[str, GatewayAccount], each: int) -> dict[str, float]:
    payments = {gateway: waiting_payments(account, each) for gateway, account in accounts.items()}
    requests = [
        raw(accounts[gateway], *SIGNED[gateway](payment.payment_no))
        for row in zip(*payments.values(), strict=True)
        for gateway, payment in zip(payments, row, strict=True)
    ]
    own, floor = sent(port, requests), sent(port, [FLOOR] * len(requests))
    stored_now = Notification.objects.filter(state=Notification.State.RECEIVED)
    check("acknowledged", own["statuses"].get("200", 0), wanted=len(requests))
    check("stored", stored_now.count(), wanted=len(requests))
    drained = drain(accounts, payments)
    return {
        "acknowledged_per_s": len(requests) / own["seconds"],
        "floor_per_s": len(requests) / floor["seconds"],
        "ratio": floor["seconds"] / own["seconds"],
        "p50_ms": own["p50_ms"],
        "p99_ms": own["p99_ms"],
        "drained_per_s": drained,
    }


# ------------------------------------------------------------------------------------------- what is sent


def of_alipay(number: str) -> tuple[bytes, dict[str, str]]:
    return alipay.form(alipay.news(out_trade_no=number, trade_no=f"T{number}")), {}


def of_wechatpay(number: str) -> tuple[bytes, dict[str, str]]:
    body = wechatpay.notice(wechatpay.trade(out_trade_no=number, transaction_id=f"T{number}"), id=f"EV-{number}")
    return body, wechatpay.Pen(at=now()).headers(body)


def of_unionpay(number: str) -> tuple[bytes, dict[str, str]]:
    return urlencode(unionpay.seal(unionpay.news(orderId=number, queryId=f"T{number}"))).encode(), {}


SIGNED = {"alipay": of_alipay, "wechatpay": of_wechatpay, "unionpay": of_unionpay}


def raw(account: GatewayAccount, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The request as it goes over the wire."""
    kind = "application/json" if headers else "application/x-www-form-urlencoded"
    told = {"Host": "127.0.0.1", "Content-Type": kind, "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST /webhooks/{account.webhook_key}/ HTTP/1.1\r\n{head}\r\n".encode() + body


@contextmanager
def served() -> Iterator[int]:
    """Our web server on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = ["-m", "gunicorn", "benchmarks.server", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    sizes = ["--workers", str(WORKERS), "--threads", str(THREADS), "--keep-alive", "30", "--log-level", "warning"]
    environment = os.environ | {"LOG_LEVEL": "WARNING"}
    process = subprocess.Popen([sys.executable, *command, *sizes], env=environment)
    try:
        await_server(port)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def await_server(port: int) -> None:
    for _try in range(PATIENCE * 10):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the web server did not start")


def sent(port: int, requests: Sequence[bytes]) -> dict[str, Any]:
    """By a process of its own, as fast as they are answered."""
    file = Path(os.environ["DATA_DIR"]) / "requests"
    file.write_bytes(pickle.dumps(requests))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port), str(file), str(CONNECTIONS)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


# ------------------------------------------------------------------------------------------- what becomes of it


def drain(accounts: Mapping[str, GatewayAccount], payments: Mapping[str, Sequence[Payment]]) -> float:
    """How many a second are applied, of gateways that are believed at once; then the rest, until all are."""
    later = Notification.objects.filter(account=accounts["unionpay"], state=Notification.State.RECEIVED)
    waiting = later.update(due_at=F("due_at") + HOUR)
    believed = sum(len(rows) for rows in payments.values()) - waiting
    started = time.perf_counter()
    apply_notifications(at=now(), limit=believed + 1)
    seconds = time.perf_counter() - started
    for payment in payments["unionpay"]:
        report = report_on(payment, gateway_trade_no=f"T{payment.payment_no}")
        settle(report=report, account_id=payment.account_id, at=now())  # as the query does
    apply_notifications(at=now() + 2 * HOUR, limit=waiting + 1)
    numbers = [payment.payment_no for rows in payments.values() for payment in rows]
    applied = Notification.objects.filter(state=Notification.State.APPLIED, payment_no__in=numbers)
    check("applied", applied.count(), wanted=len(numbers))
    succeeded = Payment.objects.filter(payment_no__in=numbers, status=Payment.Status.SUCCEEDED)
    check("paid", succeeded.count(), wanted=len(numbers))
    return believed / seconds


def check(what: str, found: int, *, wanted: int) -> None:
    if found != wanted:
        raise SystemExit(f"{found} of {wanted} notifications were {what}")
