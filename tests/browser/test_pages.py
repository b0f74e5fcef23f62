"""Every page that the owner can reach, looked at: lists, pages of their first rows, forms, and dialogs."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from .visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST_ROW = "#result_list tbody tr a[href*='/change/']"
DIALOGS = "#content a[data-dialog], [popover] a[data-dialog]"


def paths(page: Page, selector: str) -> list[str]:
    found = page.locator(selector).evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return list(dict.fromkeys(str(href) for href in found if href and not href.startswith(("#", "http"))))


def name_of(path: str) -> str:
    return urlsplit(path).path.strip("/").replace("/", "-") or "home"


@pytest.mark.parametrize(("language", "device"), [("zh-hans", "desktop"), ("en", "phone")])
def test_every_page_of_the_owner_is_in_one_language_and_within_its_width(
    owner: Callable[..., Visitor], language: str, device: str
) -> None:
    staff = owner(language=language, device=device)
    page = staff.page
    lists = paths(page, "#nav-sidebar-apps a, nav a[href^='/admin/']")
    assert len(lists) > 15, lists
    seen: set[str] = set()

    def look(path: str) -> None:
        seen.add(urlsplit(path).path)
        staff.go(path)
        staff.looked(f"page-{name_of(page.url)}")

    for path in lists:
        look(path)
        further = [*paths(page, "a[href$='/add/']")[:1], *paths(page, FIRST_ROW)[:1]]
        for it in further:
            if urlsplit(it).path not in seen:
                look(it)
                for act in paths(page, DIALOGS):
                    if urlsplit(act).path not in seen:
                        look(act)

    staff.assert_content()
