"""wechatpayv3, which other people wrote, in an environment of its own, against the running sandbox."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.testing import RunningSandbox

from ..environments import CLIENTS, NOWHERE, install

pytestmark = [pytest.mark.clients, pytest.mark.slow]
MODES = ["public_key", "certificate", "switching"]


@pytest.fixture(scope="module")
def python() -> Path:
    return install("wechatpayv3")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


def told(sandbox: RunningSandbox, mode: str) -> dict[str, str]:
    """The first merchant's credentials, once the merchant is in this mode."""
    mchid = sandbox.credentials_of("wechatpay")["mchid"]
    found: dict[str, str] = sandbox.post(f"/sandbox/wechatpay/accounts/{mchid}/mode", mode=mode)["wechatpay"]
    return found | {"url": sandbox.url, "notify_url": NOWHERE, "mark": mode[:6]}


def start(python: Path, asked: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, CLIENTS / "wechatpay_v3.py"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(python: Path, asked: dict[str, Any]) -> Any:
    done = start(python, asked)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sent(sandbox: RunningSandbox, number: str) -> dict[str, Any]:
    attempt: dict[str, Any] = sandbox.notifications(number)[-1]["attempts"][0]
    return {"headers": attempt["headers"], "body": attempt["body"]}


class TestWechatpayv3:
    @pytest.mark.parametrize("mode", MODES)
    def test_is_served_from_order_to_refund(self, python: Path, sandbox: RunningSandbox, mode: str) -> None:
        steps = run(python, told(sandbox, mode))
        status = {name: step[0] for name, step in steps.items()}
        content = {name: json.loads(step[1]) for name, step in steps.items() if step[1]}

        assert status == {
            "create": 200,
            "early": 200,
            "query": 200,
            "refund": 200,
            "refund_query": 200,
            "close": 204,
            "unknown": 404,
        }
        assert content["create"]["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
        assert (content["early"]["trade_state"], content["query"]["trade_state"]) == ("NOTPAY", "SUCCESS")
        assert (content["refund"]["status"], content["refund_query"]["status"]) == ("PROCESSING", "SUCCESS")
        assert content["unknown"]["code"] == "ORDER_NOT_EXIST"

    @pytest.mark.parametrize("mode", MODES)
    def test_trusts_the_notifications_and_no_tampered_one(
        self, python: Path, sandbox: RunningSandbox, mode: str
    ) -> None:
        asked = told(sandbox, mode)
        number = f"{mode[:6]}NOTICE"
        order = {"out_trade_no": number, "total_fen": 100, "subject": '茶 "+" } &=%'}
        sandbox.post("/sandbox/trades/bulk_create", gateway="wechatpay", orders=[order], notify_url=NOWHERE)
        sandbox.pay(number)
        sandbox.settle()
        paid = sent(sandbox, number)
        sandbox.act(number, "refund", amount_fen=30)
        sandbox.settle()
        refunded = sent(sandbox, number)
        sandbox.act(number, "notify", faults={"forge_notify": "corrupt"})
        sandbox.settle()
        tampered = paid | {"body": paid["body"].replace("encrypt-resource", "encrypt-resourcf")}

        letters = [paid, refunded, tampered, sent(sandbox, number)]

        assert run(python, asked | {"letters": letters}) == [number, number, "", ""]

    def test_is_refused_with_another_key(self, python: Path, sandbox: RunningSandbox) -> None:
        asked = told(sandbox, "public_key")
        other = sandbox.post("/sandbox/accounts", gateway="wechatpay")["wechatpay"]["merchant_private_key"]
        done = start(python, asked | {"merchant_private_key": other, "mark": "other0"})

        assert done.returncode != 0
        assert sandbox.get("/sandbox/requests.json")[-1]["sub_code"] == "SIGN_ERROR"
