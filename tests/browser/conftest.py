from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.requirements import chromium

from .demo import Demo
from .visitor import Visitor


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A shop with orders, shared by the tests that only add to it."""
    chromium()  # nothing is started where nobody can look at it
    shop = Demo(tmp_path_factory.mktemp("demo"))
    shop.start()
    yield shop
    assert shop.stop() == 0, shop.printed


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module only: while it is open, an event loop is, and Django's database refuses to work beside it."""
    path = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visitor(demo: Demo, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Make one: `visitor(language="en", device="phone")`."""
    made: list[Visitor] = []

    def make(*, language: str = "zh-hans", device: str = "desktop", asks_for: str = "") -> Visitor:
        made.append(Visitor(browser, url=demo.url, language=language, device=device, asks_for=asks_for))
        return made[-1]

    yield make
    for one in made:
        one.close()


def sign_in(person: Visitor, *, password: str) -> None:
    page = person.go("/")
    person.speak()
    person.looked("01-sign-in")
    page.fill("[name=login]", "owner")
    page.fill("[name=password]", password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/admin/")


@pytest.fixture
def owner(demo: Demo, visitor: Callable[..., Visitor]) -> Callable[..., Visitor]:
    """The same, signed in; their browsers ask for Chinese, and who reads English chooses it."""

    def make(*, language: str = "zh-hans", device: str = "desktop") -> Visitor:
        person = visitor(language=language, device=device, asks_for="zh-CN")
        sign_in(person, password=demo.password)
        return person

    return make
