"""Runs in an environment of its own, with python-alipay-sdk and nothing of ours: speaks to a sandbox, prints JSON."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.request import Request, urlopen

from alipay import AliPay, AliPayConfig, DCAliPay  # type: ignore[import-not-found]

END = "-----END CERTIFICATE-----\n"


def client(told: dict[str, str]) -> Any:
    """In certificate mode where it is told certificates."""
    account = {
        "appid": told["app_id"],
        "app_notify_url": told["notify_url"],
        "app_private_key_string": told["app_private_key"],
        "sign_type": "RSA2",
        "debug": False,
        "verbose": False,
    }
    if "app_cert" in told:
        made = DCAliPay(
            **account,
            app_public_key_cert_string=told["app_cert"],
            alipay_public_key_cert_string=told["alipay_cert"],
            alipay_root_cert_string=told["root_cert"].replace(END, f"{END}\n"),  # taken apart at empty lines
        )
    else:
        made = AliPay(**account, config=AliPayConfig(timeout=15), alipay_public_key_string=told["alipay_public_key"])
    made._gateway = told["gateway_url"]
    return made


def act(told: dict[str, str], number: str, action: str) -> None:
    url = f"{told['url']}/sandbox/trades/{number}/{action}"
    urlopen(Request(url, data=b"{}", method="POST"), timeout=15).close()


def journey(told: dict[str, str]) -> dict[str, Any]:
    """Each step's answer; the library raises where it does not trust one."""
    alipay = client(told)
    steps = {
        "precreate": alipay.api_alipay_trade_precreate(subject="茶叶 100g", out_trade_no="C1", total_amount="88.80"),
        "early": alipay.api_alipay_trade_query(out_trade_no="C1"),
    }
    act(told, "C1", "pay")
    steps["query"] = alipay.api_alipay_trade_query(out_trade_no="C1")
    steps["refund"] = alipay.api_alipay_trade_refund(refund_amount="8.80", out_trade_no="C1", out_request_no="R1")
    steps["refund_query"] = alipay.api_alipay_trade_fastpay_refund_query(out_request_no="R1", out_trade_no="C1")
    alipay.api_alipay_trade_precreate(subject="Tea", out_trade_no="C2", total_amount="0.01")
    act(told, "C2", "scan")
    steps["close"] = alipay.api_alipay_trade_close(out_trade_no="C2")
    steps["page"] = alipay.api_alipay_trade_page_pay(subject="Tea", out_trade_no="C3", total_amount="0.01")
    return steps


def verdicts(told: dict[str, str], forms: list[dict[str, str]]) -> list[bool]:
    alipay = client(told)
    return [bool(alipay.verify(form, form.pop("sign"))) for form in forms]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    done = journey(asked) if "forms" not in asked else verdicts(asked, asked["forms"])
    json.dump(done, sys.stdout)
