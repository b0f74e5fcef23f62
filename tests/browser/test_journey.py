"""One order from the back office to the customer, to the gateway and back, as people see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from . import journey
from .demo import Demo
from .visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READERS = [("zh-hans", "desktop"), ("zh-hans", "phone"), ("en", "desktop"), ("en", "phone")]
WAYS = {"desktop": "alipay.page", "phone": "alipay.wap"}
STAY = "window.stayed = true"


@pytest.mark.parametrize(("language", "device"), READERS)
def test_an_order_is_taken_paid_shipped_and_refunded_in_part(
    demo: Demo, owner: Callable[..., Visitor], visitor: Callable[..., Visitor], language: str, device: str
) -> None:
    staff = owner(language=language, device=device)
    page = staff.page
    staff.looked("02-home")
    expect(page.locator(".bo-tile.bo-urgent")).not_to_have_count(0)  # the work that waits

    staff.go("/admin/orders/order/")
    staff.looked("03-orders")
    page.locator("a[href$='/orders/order/add/']").first.click()
    journey.fill_order(page, phone="13905712288")
    staff.looked("04-new-order")
    order_no = journey.create(page)
    staff.looked("05-order")
    journey.open_menu(page)
    staff.looked("05-menu", whole=False)
    page.keyboard.press("Escape")

    journey.open_dialog(page, "pay-link")
    staff.looked("06-link-form", whole=False)
    journey.submit(page)
    staff.looked("06-link")
    link = page.locator("input[readonly]").input_value()
    page.locator(".bo-buttons a[href$='/change/']").click()
    expect(page.locator("#order-money")).to_be_visible()
    page.evaluate(STAY)

    customer = visitor(language=language, device=device)
    customer.go(link)
    customer.speak()
    expect(customer.page.locator(".amount")).to_contain_text(journey.TOTAL)
    customer.looked("07-pay")
    journey.pay(customer, WAYS[device])
    expect(customer.page.locator(".frame")).to_have_count(0)  # never a second code to who has just paid
    customer.looked("09-back")
    expect(customer.page.locator(".sign.good")).to_be_visible(timeout=journey.SOON_MS)
    customer.looked("10-paid")
    assert journey.trade_of(demo, order_no, gateway="alipay")["paid_fen"] == 43_580

    expect(page.locator(".bo-head a[href*='/ship/'].bo-primary")).to_be_visible(timeout=journey.SOON_MS)
    assert page.evaluate("window.stayed"), "the page was loaded anew"
    staff.looked("11-order-paid")

    journey.open_dialog(page, "ship")
    staff.looked("12-ship", whole=False)
    page.locator("[data-close-dialog]").first.click()
    journey.ship(page, "SF7300000001234", 1, 0)
    staff.looked("13-partly-shipped")
    expect(page.locator("#panel-goods")).to_contain_text("1/3")
    journey.ship(page, "SF7300000005678")
    staff.looked("14-shipped")
    expect(page.locator("#panel-goods")).to_contain_text("3/3")

    journey.open_dialog(page, "refund")
    staff.looked("15-refund", whole=False)
    expect(page.locator("#dialog")).to_contain_text(f"￥{journey.TOTAL}")  # the limit
    journey.refund(page, "50", "少发一件")
    expect(page.locator("#order-money")).to_contain_text("￥385.80")  # what is left to refund
    staff.looked("16-refunded")
    assert journey.trade_of(demo, order_no, gateway="alipay")["refunded_fen"] == 5_000

    told = page.locator("#panel-timeline").inner_text()
    for fact in ("￥435.80", "SF7300000001234", "SF7300000005678", "￥50.00", "少发一件"):
        assert fact in told
    staff.go(f"/admin/orders/order/?q={order_no}")
    expect(page.locator(".bo-head h2")).to_contain_text(order_no)  # the one search box opens it

    customer.page.reload()
    expect(customer.page.locator(".sign.good")).to_be_visible()
    customer.assert_content()
    staff.assert_content()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_code_on_the_screen_is_scanned_and_the_page_turns_paid_by_itself(
    demo: Demo, owner: Callable[..., Visitor], visitor: Callable[..., Visitor], language: str
) -> None:
    page = owner(language=language).go("/admin/orders/order/add/")
    journey.fill_order(page, phone="13905712288")
    order_no = journey.create(page)
    journey.open_dialog(page, "pay-link")
    journey.submit(page)
    link = page.locator("input[readonly]").input_value()

    screen = visitor(language=language, device="small phone")
    screen.go(link)
    screen.speak()
    screen.looked("20-pay-small")
    journey.choose(screen, "alipay.qr")
    expect(screen.page.locator(".frame svg")).to_be_visible()
    screen.looked("21-code-small")
    screen.page.evaluate(STAY)
    cashier = journey.code_of(demo, order_no, gateway="alipay")
    assert screen.page.locator(".frame path").last.get_attribute("d") == journey.drawn(cashier)

    scanner = visitor(language=language, device="phone")
    scanner.go(cashier).locator("#pay").click()
    expect(screen.page.locator(".sign.good")).to_be_visible(timeout=journey.SOON_MS)
    assert screen.page.evaluate("window.stayed"), "the page was loaded anew"
    screen.looked("22-paid-small")
    screen.assert_content()
