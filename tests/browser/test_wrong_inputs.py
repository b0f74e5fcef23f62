"""Whoever types something wrong is told so on the spot, in their own language, and loses nothing they typed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from . import journey
from .visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LANGUAGES = ["zh-hans", "en"]
COMPLAINTS = "ul.errorlist li, .bo-alert.bo-tone-bad"


def told(staff: Visitor, page: Page) -> list[str]:
    """What the page complains of: all of it in the reader's language."""
    expect(page.locator(COMPLAINTS).first).to_be_visible()
    texts = [text for text in page.locator(COMPLAINTS).all_inner_texts() if text.strip()]
    chinese = [bool(re.search("[一-鿿]", text)) for text in texts]
    assert all(chinese) if staff.language == "zh-hans" else not any(chinese), texts
    return texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_phone_and_a_wrong_price_are_told_beside_their_fields(
    owner: Callable[..., Visitor], language: str
) -> None:
    staff = owner(language=language)
    page = staff.go("/admin/orders/order/add/")
    journey.fill_order(page, phone="13905712288")
    page.fill("[name=phone]", "139-ABC")
    page.fill("[name=lines-1-unit_price]", "12,3x")
    page.locator("form.bo-form button[type=submit]").click()

    for name in ("phone", "lines-1-unit_price"):
        expect(page.locator(f".bo-field:has([name={name}]) .errorlist")).to_be_visible()
    assert told(staff, page)
    expect(page.locator("[name=lines-1-title]")).to_have_value("手写贺卡定制")
    staff.looked("30-wrong-order")
    staff.assert_content()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refund_above_what_is_left_is_refused_with_the_limit(owner: Callable[..., Visitor], language: str) -> None:
    staff = owner(language=language)
    page = staff.go("/admin/orders/order/?payment_status__exact=paid")
    page.locator("#result_list a[href*='/change/']").first.click()
    journey.open_dialog(page, "refund")
    limit = page.locator("#dialog .bo-total").inner_text().split()[-1]
    page.fill("#dialog [name=amount]", "99999")
    page.fill("#dialog [name=reason]", "x")
    if page.locator("#dialog [name=again]").count():
        page.fill("#dialog [name=again]", "99999")
    journey.submit(page)
    if page.locator("[name=again]").count():
        page.fill("[name=again]", "99999")
        journey.submit(page)

    assert any(limit in text for text in told(staff, page)), (limit, told(staff, page))
    staff.looked("31-wrong-refund")
    staff.assert_content()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_key_of_a_payment_account_is_told_beside_its_field(
    owner: Callable[..., Visitor], language: str
) -> None:
    staff = owner(language=language)
    page = staff.go("/admin/payments/gatewayaccount/")
    page.locator("#result_list a[href*='/change/']").first.click()
    key = page.locator("textarea").first
    name = key.get_attribute("name")
    key.fill("MIIEvQIBADANBg this is no key")
    page.locator("#content form button[type=submit]").last.click()

    expect(page.locator(f".bo-field:has([name={name}]) .errorlist")).to_be_visible()
    assert told(staff, page)
    expect(page.locator(f"[name={name}]")).to_have_value("")  # not even a wrong key goes back to the browser
    staff.looked("32-wrong-key")
    staff.assert_content()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_password_and_a_wrong_address_are_told(visitor: Callable[..., Visitor], language: str) -> None:
    stranger = visitor(language=language, asks_for="zh-CN")
    page = stranger.go("/")
    stranger.speak()
    page.fill("[name=login]", "owner")
    page.fill("[name=password]", "wrong")
    page.locator("[name=password]").press("Enter")
    assert told(stranger, page)
    stranger.looked("33-wrong-password")
    stranger.assert_content()

    answer = page.goto(f"{stranger.url}/pay/nobody-knows-this-link-at-all-12/")
    assert answer is not None
    assert answer.status == 404
    stranger.complaints.clear()  # of the 404, which is meant
    stranger.looked("34-unknown-link")
    stranger.assert_content()
