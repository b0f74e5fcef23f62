"""Runs in an environment of its own, with Alipay's own SDK and nothing of ours: speaks to a sandbox, prints JSON."""

from __future__ import annotations

import http.client
import json
import sys
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import rsa  # type: ignore[import-not-found]
from alipay.aop.api.AlipayClientConfig import AlipayClientConfig  # type: ignore[import-not-found]
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient  # type: ignore[import-not-found]
from alipay.aop.api.domain.AlipayTradeCloseModel import AlipayTradeCloseModel  # type: ignore[import-not-found]
from alipay.aop.api.domain.AlipayTradeFastpayRefundQueryModel import (  # type: ignore[import-not-found]
    AlipayTradeFastpayRefundQueryModel,
)
from alipay.aop.api.domain.AlipayTradePagePayModel import AlipayTradePagePayModel  # type: ignore[import-not-found]
from alipay.aop.api.domain.AlipayTradePrecreateModel import AlipayTradePrecreateModel  # type: ignore[import-not-found]
from alipay.aop.api.domain.AlipayTradeQueryModel import AlipayTradeQueryModel  # type: ignore[import-not-found]
from alipay.aop.api.domain.AlipayTradeRefundModel import AlipayTradeRefundModel  # type: ignore[import-not-found]
from alipay.aop.api.request.AlipayTradeCloseRequest import AlipayTradeCloseRequest  # type: ignore[import-not-found]
from alipay.aop.api.request.AlipayTradeFastpayRefundQueryRequest import (  # type: ignore[import-not-found]
    AlipayTradeFastpayRefundQueryRequest,
)
from alipay.aop.api.request.AlipayTradePagePayRequest import AlipayTradePagePayRequest  # type: ignore[import-not-found]
from alipay.aop.api.request.AlipayTradePrecreateRequest import (  # type: ignore[import-not-found]
    AlipayTradePrecreateRequest,
)
from alipay.aop.api.request.AlipayTradeQueryRequest import AlipayTradeQueryRequest  # type: ignore[import-not-found]
from alipay.aop.api.request.AlipayTradeRefundRequest import AlipayTradeRefundRequest  # type: ignore[import-not-found]
from alipay.aop.api.util import WebUtils  # type: ignore[import-not-found]
from alipay.aop.api.util.SignatureUtils import verify_with_rsa  # type: ignore[import-not-found]


def connect(url: str, query: str, timeout: float) -> tuple[str, http.client.HTTPConnection]:
    """The SDK's own cannot: it adds the port, a number, to the host's name."""
    parts = urlsplit(url)
    return f"{parts.path}?{query}", http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def client(told: dict[str, str]) -> Any:
    WebUtils.get_http_connection = connect
    config = AlipayClientConfig()
    config.server_url = told["gateway_url"]
    config.app_id = told["app_id"]
    config.app_private_key = bare(told["app_private_key"])
    config.alipay_public_key = bare(told["alipay_public_key"])
    return DefaultAlipayClient(alipay_client_config=config)


def filled(kind: Any, content: dict[str, Any]) -> Any:
    model = kind()
    for name, value in content.items():
        setattr(model, name, value)
    return model


def ask(alipay: Any, request: Any, model: Any, **content: Any) -> dict[str, Any]:
    """The SDK raises where it does not trust an answer."""
    answered: dict[str, Any] = json.loads(alipay.execute(request(biz_model=filled(model, content))))
    return answered


def act(told: dict[str, str], number: str, action: str) -> None:
    url = f"{told['url']}/sandbox/trades/{number}/{action}"
    urlopen(Request(url, data=b"{}", method="POST"), timeout=15).close()


def journey(told: dict[str, str]) -> dict[str, Any]:
    alipay = client(told)
    order = {"out_trade_no": "O1", "total_amount": "88.80", "subject": '茶叶 "100g" } &=%'}
    steps = {
        "precreate": ask(alipay, AlipayTradePrecreateRequest, AlipayTradePrecreateModel, **order),
        "early": ask(alipay, AlipayTradeQueryRequest, AlipayTradeQueryModel, out_trade_no="O1"),
    }
    act(told, "O1", "pay")
    back = {"out_trade_no": "O1", "out_request_no": "R1"}
    steps["query"] = ask(alipay, AlipayTradeQueryRequest, AlipayTradeQueryModel, out_trade_no="O1")
    steps["refund"] = ask(alipay, AlipayTradeRefundRequest, AlipayTradeRefundModel, refund_amount="8.80", **back)
    steps["refund_query"] = ask(
        alipay, AlipayTradeFastpayRefundQueryRequest, AlipayTradeFastpayRefundQueryModel, **back
    )
    ask(alipay, AlipayTradePrecreateRequest, AlipayTradePrecreateModel, **{**order, "out_trade_no": "O2"})
    act(told, "O2", "scan")
    steps["close"] = ask(alipay, AlipayTradeCloseRequest, AlipayTradeCloseModel, out_trade_no="O2")
    page = {**order, "out_trade_no": "O3", "product_code": "FAST_INSTANT_TRADE_PAY"}
    request = AlipayTradePagePayRequest(biz_model=filled(AlipayTradePagePayModel, page))
    steps["page"] = alipay.page_execute(request, http_method="GET")
    return steps


def verdict(told: dict[str, str], form: dict[str, str]) -> bool:
    """By the SDK's verifier, over the string that Alipay's documentation names for notifications."""
    signed = {name: value for name, value in form.items() if value and name not in ("sign", "sign_type")}
    content = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
    try:
        return bool(verify_with_rsa(bare(told["alipay_public_key"]), content.encode(), form["sign"]))
    except rsa.VerificationError:
        return False


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    done = journey(asked) if "forms" not in asked else [verdict(asked, form) for form in asked["forms"]]
    json.dump(done, sys.stdout)
