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
def official_python() -> Path:
    return install("alipay-sdk-python")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


def start(
    python: Path, sandbox: RunningSandbox, *, script: str = "alipay_sdk.py", **more: Any
) -> subprocess.CompletedProcess[str]:
    told = {**sandbox.credentials, "url": sandbox.url, "notify_url": NOWHERE, **more}
    return subprocess.run(
        [python, CLIENTS / script],
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


def forms_of(sandbox: RunningSandbox, number: str) -> list[dict[str, str]]:
    """What is told of a payment and its refund; then two forms that were changed, and one signed wrongly."""
    order = {"out_trade_no": number, "total_amount": "1.00", "subject": '茶 "+" } &=%'}
    sandbox.post("/sandbox/trades/bulk_create", orders=[order], notify_url=NOWHERE)
    sandbox.pay(number)
    sandbox.settle()
    paid = sent_form(sandbox, number)
    sandbox.act(number, "refund", amount_fen=30)
    sandbox.settle()
    refunded = sent_form(sandbox, number)
    sandbox.act(number, "notify", faults={"forge_notify": "keep_sign_type"})
    sandbox.settle()
    forged = sent_form(sandbox, number)
    return [paid, refunded, paid | {"total_amount": "100.00"}, paid | {"out_trade_no": "C8"}, forged]


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
        assert run(python, sandbox, forms=forms_of(sandbox, "C9")) == [True, True, False, False, False]


class TestPythonAlipaySdkWithCertificates:
    def test_is_served_from_order_to_refund(self, python: Path) -> None:
        with RunningSandbox() as sandbox:
            certificates = sandbox.get("/sandbox/alipay/certificates.json")
            steps = run(python, sandbox, **certificates)

            assert (steps["query"]["trade_status"], steps["query"]["total_amount"]) == ("TRADE_SUCCESS", "88.80")
            assert (steps["refund"]["fund_change"], steps["close"]["code"]) == ("Y", "10000")
            with urlopen(f"{sandbox.credentials['gateway_url']}?{steps['page']}", timeout=10) as page:
                assert "/alipay/cashier/" in page.url
                assert f"app_cert_sn={certificates['app_cert_sn']}" in steps["page"]
            assert run(python, sandbox, forms=forms_of(sandbox, "C9"), **certificates) == [True, True] + [False] * 3

    def test_is_refused_with_a_certificate_that_was_never_issued(self, python: Path, sandbox: RunningSandbox) -> None:
        certificates = sandbox.get("/sandbox/alipay/certificates.json")
        strangers = sandbox.post("/sandbox/accounts")["alipay"]["app_id"]
        other = sandbox.get(f"/sandbox/alipay/certificates.json?app_id={strangers}")["app_cert"]

        done = start(python, sandbox, **certificates | {"app_cert": other})

        assert done.returncode != 0
        assert sandbox.get("/sandbox/requests.json")[-1]["sub_code"] == "isv.invalid-app-cert-sn"


class TestOfficialSdk:
    def official(self, python: Path, sandbox: RunningSandbox, **more: Any) -> Any:
        pkcs1 = sandbox.get("/sandbox/credentials/broken.json?set=pkcs1_private_key")["alipay"]["app_private_key"]
        return run(python, sandbox, script="alipay_official.py", app_private_key=pkcs1, **more)  # it knows no PKCS#8

    def test_is_served_from_order_to_refund(self, official_python: Path, sandbox: RunningSandbox) -> None:
        steps = self.official(official_python, sandbox)

        assert steps["precreate"]["qr_code"].startswith(sandbox.url)
        assert steps["early"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"
        assert (steps["query"]["trade_status"], steps["query"]["total_amount"]) == ("TRADE_SUCCESS", "88.80")
        assert (steps["refund"]["fund_change"], steps["refund"]["refund_fee"]) == ("Y", "8.80")
        assert steps["refund_query"]["refund_status"] == "REFUND_SUCCESS"
        assert steps["close"]["code"] == "10000"
        with urlopen(steps["page"], timeout=10) as page:
            assert "/alipay/cashier/" in page.url

    def test_trusts_the_notifications_and_no_tampered_one(self, official_python: Path, sandbox: RunningSandbox) -> None:
        forms = forms_of(sandbox, "O9")

        assert self.official(official_python, sandbox, forms=forms) == [True, True, False, False, False]
