"""The customer's steps, over HTTP as a browser takes them."""

from __future__ import annotations

from typing import Any

import httpx

from tests.live.programs import wait_until
from tests.live.shop import LiveShop


def open_pay_page(shop: LiveShop, *, yuan: int = 99) -> dict[str, Any]:
    """Staff take an order and send its link; the customer opens it, and sees a code. With the payment's number."""
    known: dict[str, Any] = shop.hand.do("new_order", yuan=yuan)
    page = shop.get(known["pay_path"])
    assert page.status_code == httpx.codes.OK, page.text[:1_000]
    assert "<svg" in page.text, "no code to scan"
    attempts = shop.hand.do("order", order_id=known["order_id"])["payments"]
    return {**known, "payment_no": attempts[-1]["payment_no"]}


def status_key(shop: LiveShop, known: dict[str, Any]) -> str:
    """What the page hears when it asks how things are: paid, waiting, …; nothing while the shop is down."""
    answer = shop.get(f"{known['pay_path']}status")
    if answer.status_code != httpx.codes.OK:
        return ""
    key: str = answer.json()["key"]
    return key.partition("-")[0]


def wait_for_status(shop: LiveShop, known: dict[str, Any], wanted: str) -> None:
    wait_until(lambda: status_key(shop, known) == wanted, what=f"the page says {wanted}", pause=0.5)
