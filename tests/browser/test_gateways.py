"""Every gateway, by code and by page: an order is paid at its cashier, refunded in part, and then in whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from . import journey
from .cashiers import WAYS, Visit, Way
from .conftest import sign_in
from .demo import Demo
from .visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOTAL_FEN, PART_FEN = 43_580, 3_580
LABELS = {"zh-hans": ("已退金额", "可退"), "en": ("Refunded", "Refundable")}  # on the page of a payment
BOTH = re.compile(r"￥435\.80.*￥435\.80.*￥435\.80", re.DOTALL)  # to be paid, paid, refunded


@pytest.fixture(scope="module")
def staff(demo: Demo, browser: Browser) -> Iterator[Callable[[str], Visitor]]:
    """Signed in once for each language."""
    known: dict[str, Visitor] = {}

    def speaking(language: str) -> Visitor:
        if language not in known:
            known[language] = Visitor(browser, url=demo.url, language=language, device="desktop", asks_for="zh-CN")
            sign_in(known[language], password=demo.password)
        return known[language]

    yield speaking
    for person in known.values():
        person.close()


def fact(page: Page, label: str) -> Locator:
    return page.locator(".field-line").filter(has=page.get_by_text(label, exact=True))


def refunds_at(demo: Demo, order_no: str, way: Way) -> tuple[int, int, list[int]]:
    """Paid, refunded, and each refund, as the gateway's own books have them."""
    trade = journey.trade_of(demo, order_no, gateway=way.gateway)
    return trade["paid_fen"], trade["refunded_fen"], [it["amount_fen"] for it in trade["refunds"]]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.key)
def test_an_order_is_paid_and_given_back_at_every_gateway(
    demo: Demo, staff: Callable[[str], Visitor], visitor: Callable[..., Visitor], way: Way
) -> None:
    person = staff(way.language)
    page = person.go("/admin/orders/order/add/")
    order_no, link = journey.sell(page)

    customer = visitor(language=way.language, device=way.device)
    customer.go(link)
    customer.speak()
    customer.looked(f"ways-{way.key}")
    way.pays(Visit(demo, order_no, customer, scanner=lambda: visitor(language=way.language, device="phone")), way.key)
    expect(customer.page.locator(".sign.good")).to_be_visible(timeout=journey.SOON_MS)
    customer.looked(f"paid-{way.key}")
    customer.assert_content()

    sums = page.locator("#order-money .bo-sum").first.locator("b")  # paid, paid back, on its way back
    expect(page.locator(".bo-head a[href*='/ship/'].bo-primary")).to_be_visible(timeout=journey.SOON_MS)
    expect(sums).to_have_text([f"￥{journey.TOTAL}", "￥0.00", "￥0.00"])
    assert refunds_at(demo, order_no, way) == (TOTAL_FEN, 0, [])

    journey.open_dialog(page, "refund")
    journey.refund(page, "35.80", "少发一件")
    expect(sums).to_have_text([f"￥{journey.TOTAL}", "￥35.80", "￥0.00"], timeout=journey.SOON_MS)
    assert refunds_at(demo, order_no, way) == (TOTAL_FEN, PART_FEN, [PART_FEN])

    journey.open_dialog(page, "refund")
    journey.refund(page, "400", "整单退回")
    expect(sums).to_have_text([f"￥{journey.TOTAL}", f"￥{journey.TOTAL}", "￥0.00"], timeout=journey.SOON_MS)
    expect(page.locator("#panel-goods")).to_contain_text(BOTH, timeout=journey.SOON_MS)  # the rest of the page follows
    person.looked(f"refunded-{way.key}")
    assert refunds_at(demo, order_no, way) == (TOTAL_FEN, TOTAL_FEN, [PART_FEN, TOTAL_FEN - PART_FEN])

    payment_no = journey.trade_of(demo, order_no, gateway=way.gateway)["out_trade_no"]
    page.locator("#order-money a", has_text=payment_no).click()
    refunded, refundable = LABELS[way.language]
    expect(fact(page, refunded)).to_contain_text(f"￥{journey.TOTAL}")
    expect(fact(page, refundable)).to_contain_text("￥0.00")
    person.looked(f"payment-{way.key}")
    person.assert_content()
