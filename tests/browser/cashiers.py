"""How a customer pays at each gateway's cashier, as the sandbox plays it: led there, by a code, or inside WeChat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.sync_api import expect

from . import journey
from .demo import Demo
from .visitor import Visitor

BRIDGE = """
window.WeixinJSBridge = { invoke: (what, asked, told) => { window.asked = { what, ...asked }; window.told = told; } };
"""


@dataclass(frozen=True)
class Visit:
    """
    A customer on the pay page of an order.

    :param scanner: makes the phone that scans what is on the screen
    """

    demo: Demo
    order_no: str
    customer: Visitor
    scanner: Callable[[], Visitor]


@dataclass(frozen=True, kw_only=True)
class Way:
    """:param key: the gateway and its method, as the pay page names them"""

    key: str
    device: str
    language: str
    pays: Callable[[Visit, str], None]

    @property
    def gateway(self) -> str:
        return self.key.partition(".")[0]


def by_page(visit: Visit, key: str) -> None:
    journey.pay(visit.customer, key)
    expect(visit.customer.page.locator(".frame")).to_have_count(0)  # never a code to who has just paid


def by_code(visit: Visit, key: str) -> None:
    """The screen shows the gateway's own code; a phone scans that, and the screen is left alone."""
    page = visit.customer.page
    shown = page.locator(f"form:has([name=by][value='{key}']) [aria-current]")
    if not shown.count():
        journey.choose(visit.customer, key)
    expect(shown).to_be_visible()
    visit.customer.looked(f"code-{key}")
    code = journey.code_of(visit.demo, visit.order_no, gateway=key.partition(".")[0])
    assert page.locator(".frame path").last.get_attribute("d") == journey.drawn(code)
    phone = visit.scanner()
    _scan(visit.demo, phone, code)
    phone.looked(f"cashier-{key}")
    phone.page.locator("#pay").click()
    expect(phone.page.locator("#result.good")).to_be_visible()
    phone.looked(f"result-{key}")
    phone.assert_content()


def inside_wechat(visit: Visit, key: str) -> None:
    """WeChat tells the shop who pays, and opens its cashier over the page; what it says afterwards proves nothing."""
    customer, page = visit.customer, visit.customer.page
    customer.context.add_init_script(BRIDGE)
    journey.choose(customer, key)
    page.wait_for_function("window.asked")
    customer.looked(f"wallet-{key}")
    asked = page.evaluate("window.asked")
    assert asked.pop("what") == "getBrandWCPayRequest"
    cashier = customer.tab()
    cashier.goto(f"{visit.demo.gateway.url}/wechatpay/jsapi?{urlencode(asked)}")
    page.evaluate("window.told({err_msg: 'get_brand_wcpay_request:cancel'})")
    expect(page.locator("#again")).to_be_visible()
    customer.looked(f"turned-away-{key}")
    cashier.locator("#pay").click()
    expect(cashier.locator("#result.good")).to_be_visible()
    with page.expect_navigation(url="**/return"):
        page.evaluate("window.told({err_msg: 'get_brand_wcpay_request:ok'})")


def _scan(demo: Demo, phone: Visitor, code: str) -> None:
    """Codes are addresses, but for WeChat's own, which the sandbox reads on its first page."""
    if not code.startswith("weixin:"):
        phone.go(code)
        return
    page = phone.go(f"{demo.gateway.url}/")
    page.fill("#code_url", code)
    page.locator("#scan").click()
    page.wait_for_selector("#pay")


WAYS = [
    Way(key="alipay.qr", device="desktop", language="zh-hans", pays=by_code),
    Way(key="alipay.page", device="desktop", language="en", pays=by_page),
    Way(key="wechatpay.qr", device="desktop", language="en", pays=by_code),
    Way(key="wechatpay.h5", device="phone", language="zh-hans", pays=by_page),
    Way(key="wechatpay.jsapi", device="wechat", language="zh-hans", pays=inside_wechat),
    Way(key="unionpay.qr", device="desktop", language="zh-hans", pays=by_code),
    Way(key="unionpay.page", device="desktop", language="en", pays=by_page),
]
