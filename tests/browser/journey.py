"""The way of one order through the shop, step by step, as people click it. No step relies on the language."""

from __future__ import annotations

import re
from typing import Any

import segno
from playwright.sync_api import Page, expect

from .demo import Demo
from .visitor import Visitor

CARD_YUAN = "128.80"
TOTAL = "435.80"  # three cups at 99.00, the card, and 10.00 for shipping
SOON_MS = 60_000  # a worker has five seconds between two looks, and the machine may be busy
ADDRESS = {"province": "浙江省", "city": "杭州市", "district": "西湖区", "detail": "文三路 90 号 3 幢"}


def open_menu(page: Page) -> None:
    page.locator(".bo-head [popovertarget]").click()


def open_dialog(page: Page, action: str) -> None:
    """An action of the order: by its own button, or from the menu beside it."""
    links = page.locator(f".bo-head a[href*='/{action}/']").locator("visible=true")
    if not links.count():
        open_menu(page)
    links.first.click()
    expect(page.locator("#modal-content #dialog")).to_be_visible()


def submit(page: Page) -> None:
    with page.expect_navigation():
        page.locator("#dialog [type=submit]").click()


def fill_order(page: Page, *, phone: str) -> None:
    """A customer nobody knew, three cups from the book, and a line of its own."""
    page.fill("[name=name]", "沈思远")
    page.fill("[name=phone]", phone)
    page.locator("[name=lines-0-product]").select_option(label="保温杯 500ml 白 · CUP-500-W")
    expect(page.locator("[name=lines-0-unit_price]")).to_have_value("99.00")
    page.fill("[name=lines-0-quantity]", "3")
    page.fill("[name=lines-1-title]", "手写贺卡定制")
    page.fill("[name=lines-1-unit_price]", CARD_YUAN)
    page.fill("[name=lines-1-quantity]", "1")
    page.fill("[name=shipping]", "10")
    for name, text in {"recipient_name": "沈思远", "recipient_phone": phone, **ADDRESS}.items():
        page.fill(f"[name={name}]", text)
    page.fill("[name=customer_note]", "周末送货")


def create(page: Page) -> str:
    """:return: the new order's number"""
    with page.expect_navigation():
        page.locator("form.bo-form button[type=submit]").click()
    return page.locator(".bo-head h2").inner_text().split()[0]


def sell(page: Page) -> tuple[str, str]:
    """:return: the number of a new order, and the link to pay it"""
    fill_order(page, phone="13905712288")
    order_no = create(page)
    open_dialog(page, "pay-link")
    submit(page)
    link = page.locator("input[readonly]").input_value()
    page.locator(".bo-buttons a[href$='/change/']").click()
    expect(page.locator("#order-money")).to_be_visible()
    return order_no, link


def code_of(demo: Demo, order_no: str, *, gateway: str) -> str:
    """What the gateway's newest code for an order says: the address that a scanning phone opens."""
    cashier = _trades(demo, order_no, gateway)[-1]["cashier_url"]
    return f"weixin://wxpay/bizpayurl?pr={cashier.rpartition('/')[2]}" if gateway == "wechatpay" else str(cashier)


def drawn(text: str) -> str:
    """The dark modules of a code, as the pay page draws them."""
    svg = segno.make(text, error="m", micro=False).svg_inline(border=2, dark="#000", light="#fff")
    return str(re.findall(r' d="([^"]+)"', svg)[-1])


def trade_of(demo: Demo, order_no: str, *, gateway: str) -> dict[str, Any]:
    """The trade of an order that the gateway's books know, with its numbers in fen."""
    found = [it for it in _trades(demo, order_no, gateway) if it["paid_fen"]]
    assert len(found) == 1, found
    return found[0]


def _trades(demo: Demo, order_no: str, gateway: str) -> list[dict[str, Any]]:
    """With a code UnionPay is told of no order: there the newest one is meant."""
    known: list[dict[str, Any]] = demo.gateway.ledger(gateway)["trades"]
    return [it for it in known if order_no in it["subject"]] or known[-1:]


def choose(customer: Visitor, way: str) -> None:
    customer.page.locator(f"form:has([name=by][value='{way}']) button").click()


def pay(customer: Visitor, way: str) -> None:
    """From the pay page through the cashier, and back by itself."""
    choose(customer, way)
    customer.page.wait_for_selector("#pay")
    customer.looked("08-cashier")
    customer.page.locator("#pay").click()
    customer.page.wait_for_url("**/pay/**")


def ship(page: Page, tracking_no: str, *quantities: int) -> None:
    """:param quantities: of each line; without them, all that is left"""
    open_dialog(page, "ship")
    page.fill("#dialog [name=tracking_no]", tracking_no)
    for place, quantity in enumerate(quantities):
        page.locator("#dialog input[name^=line_]").nth(place).fill(str(quantity))
    submit(page)


def refund(page: Page, yuan: str, reason: str) -> None:
    page.fill("#dialog [name=amount]", yuan)
    page.fill("#dialog [name=reason]", reason)
    submit(page)
