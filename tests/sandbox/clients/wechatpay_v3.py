"""Runs in an environment of its own, with wechatpayv3 and nothing of ours: speaks to a sandbox, prints JSON."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

import requests  # type: ignore[import-untyped,unused-ignore]
from wechatpayv3 import WeChatPay, WeChatPayType, core  # type: ignore[import-not-found]

HOST = "https://api.mch.weixin.qq.com"


def lead_astray(sandbox_url: str) -> None:
    """The library knows one host, and asks it for certificates while it is made: send it to the sandbox instead."""

    def to_sandbox(send: Any) -> Any:
        return lambda url, **more: send(f"{sandbox_url}{url.removeprefix(HOST)}", **more)

    core.requests = SimpleNamespace(get=to_sandbox(requests.get), post=to_sandbox(requests.post))


def client(told: dict[str, str]) -> Any:
    by_key = {"public_key": told["public_key"], "public_key_id": told["public_key_id"]} if told["public_key"] else {}
    return WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=told["mchid"],
        private_key=told["merchant_private_key"],
        cert_serial_no=told["merchant_serial"],
        appid=told["appid"],
        apiv3_key=told["api_v3_key"],
        notify_url=told["notify_url"],
        timeout=(5, 15),
        **by_key,
    )


def act(told: dict[str, str], number: str, action: str) -> None:
    url = f"{told['url']}/sandbox/trades/{number}/{action}"
    urlopen(Request(url, data=b"{}", method="POST"), timeout=15).close()


def journey(told: dict[str, str]) -> dict[str, Any]:
    """Each step's status and answer; the library raises where it does not trust one."""
    pay, mark = client(told), told["mark"]
    steps = {
        "create": pay.pay(description="茶叶 100g", out_trade_no=f"{mark}ORDER1", amount={"total": 8880}),
        "early": pay.query(out_trade_no=f"{mark}ORDER1"),
    }
    act(told, f"{mark}ORDER1", "pay")
    steps["query"] = pay.query(out_trade_no=f"{mark}ORDER1")
    amount = {"refund": 880, "total": 8880, "currency": "CNY"}
    steps["refund"] = pay.refund(out_refund_no=f"{mark}REFUND1", out_trade_no=f"{mark}ORDER1", amount=amount)
    act(told, f"{mark}ORDER1", "settle")
    steps["refund_query"] = pay.query_refund(f"{mark}REFUND1")
    pay.pay(description="Tea", out_trade_no=f"{mark}ORDER2", amount={"total": 1})
    act(told, f"{mark}ORDER2", "scan")
    steps["close"] = pay.close(out_trade_no=f"{mark}ORDER2")
    steps["unknown"] = pay.query(out_trade_no=f"{mark}ORDER9")
    return steps


def verdicts(told: dict[str, str], letters: list[dict[str, Any]]) -> list[str]:
    """The order's number in each notification that the library trusts."""
    pay = client(told)
    read = [pay.callback(letter["headers"], letter["body"]) for letter in letters]
    return [it["resource"]["out_trade_no"] if it else "" for it in read]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    lead_astray(asked["url"])
    done = journey(asked) if "letters" not in asked else verdicts(asked, asked["letters"])
    json.dump(done, sys.stdout)
