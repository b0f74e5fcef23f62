"""A client library that other people wrote, in an environment of its own, against the running sandbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from sandbox.testing import RunningSandbox

from .environments import CLIENTS, NOWHERE, install
from .merchant import read_form

pytestmark = [pytest.mark.clients, pytest.mark.slow]


@pytest.fixture(scope="module")
def python() -> Path:
    return install("python-alipay-sdk")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


def start(python: Path, sandbox: RunningSandbox, **more: Any) -> subprocess.CompletedProcess[str]:
    told = {**sandbox.credentials, "url": sandbox.url, "notify_url": NOWHERE, **more}
    return subprocess.run(
        [python, CLIENTS / "alipay_sdk.py"],
        input=json.dumps(told),
        env={"TZ": "Asia/Shanghai"},  # the library takes the machine's time for Beijing's
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(python: Path, sandbox: RunningSandbox, **more: Any) -> Any:
    done = start(python, sandbox, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sent_form(sandbox: RunningSandbox, out_trade_no: str) -> dict[str, str]:
    return read_form(sandbox.notifications(out_trade_no)[-1]["attempts"][0]["body"].encode())


class TestPythonAlipaySdk:
    def test_is_served_from_order_to_refund(self, python: Path, sandbox: RunningSandbox) -> None:
        steps = run(python, sandbox)

        assert steps["precreate"]["qr_code"].startswith(sandbox.url)
        assert steps["early"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"
        assert (steps["query"]["trade_status"], steps["query"]["total_amount"]) == ("TRADE_SUCCESS", "88.80")
        assert (steps["refund"]["fund_change"], steps["refund"]["refund_fee"]) == ("Y", "8.80")
        assert steps["refund_query"]["refund_status"] == "REFUND_SUCCESS"
        assert steps["close"]["code"] == "10000"
        with urlopen(f"{sandbox.credentials['gateway_url']}?{steps['page']}", timeout=10) as page:
            assert "/alipay/cashier/" in page.url
        assert sandbox.ledger()["totals"]["net_fen"] == 8_000

    def test_is_refused_with_another_key(self, python: Path, sandbox: RunningSandbox) -> None:
        other = sandbox.post("/sandbox/accounts")["alipay"]["app_private_key"]
        done = start(python, sandbox, app_private_key=other)

        assert done.returncode != 0
        assert sandbox.get("/sandbox/requests.json")[-1]["sub_code"] == "isv.invalid-signature"

    def test_trusts_the_notifications_and_no_tampered_one(self, python: Path, sandbox: RunningSandbox) -> None:
        order = {"out_trade_no": "C9", "total_amount": "1.00", "subject": '茶 "+" } &=%'}
        sandbox.post("/sandbox/trades/bulk_create", orders=[order], notify_url=NOWHERE)
        sandbox.pay("C9")
        sandbox.settle()
        paid = sent_form(sandbox, "C9")
        sandbox.act("C9", "refund", amount_fen=30)
        sandbox.settle()
        refunded = sent_form(sandbox, "C9")
        sandbox.act("C9", "notify", faults={"forge_notify": "keep_sign_type"})
        sandbox.settle()
        forged = sent_form(sandbox, "C9")

        forms = [paid, refunded, paid | {"total_amount": "100.00"}, paid | {"out_trade_no": "C8"}, forged]

        assert run(python, sandbox, forms=forms) == [True, True, False, False, False]
