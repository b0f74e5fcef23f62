"""The looks themselves: each fault they are to find, on a page made for it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from .looks import faults

pytestmark = pytest.mark.browser

FAULTS = {
    "sideways scrolling": "<p style='width: 3000px'>太宽</p>",
    "cut off at the right": "<div style='overflow: hidden'><p style='width: 3000px'>太宽</p></div>",
    "cramped cell": "<table class=bo-table><td style='height: 20px'><p style='margin-top: -40px'>太高</p></table>",
    "missing glyph": "<p>\u0378</p>",
    "icon without its font": "<span class=material-symbols-outlined>content_copy</span>",
    "English": "<button>Save</button>",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(browser: Browser, fault: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(f"<html lang=zh-hans><body>{FAULTS[fault]}</body></html>")

    assert any(it.startswith(fault) for it in faults(page, language="zh-hans")), faults(page, language="zh-hans")


def test_a_chinese_label_is_found_on_an_english_page(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><body><button>保存</button></body></html>")

    assert faults(page, language="en") == ["Chinese label: '保存'"]


def test_a_page_as_it_should_be_has_no_fault(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        "<html lang=zh-hans><title>订单</title><body><h1>订单 㐂 𠮷</h1><p>￥178.00 ● ▲ ✓ — ⚑</p></body></html>"
    )

    assert faults(page, language="zh-hans") == []
