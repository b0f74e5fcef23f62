"""Somebody with a browser: staff or a customer, on a computer or a phone, reading one language."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Response

from .looks import faults

SHOTS = Path(__file__).resolve().parents[2] / "test-results" / "screenshots"
PATIENCE_MS = 60_000
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.0 Mobile/15E148 Safari/604.1"
)


WECHAT = f"{IPHONE} MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/zh_CN"


def phone(width: int, *, agent: str = IPHONE) -> dict[str, Any]:
    size = {"width": width, "height": 844}
    return {"viewport": size, "screen": size, "is_mobile": True, "has_touch": True, "user_agent": agent}


LOCALES = {"zh-hans": "zh-CN", "en": "en-US"}
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": phone(390),
    "small phone": phone(360),
    "wechat": phone(390, agent=WECHAT),
}


class Visitor:
    """One browser context. What its pages complain about is kept, and `assert_content` tells of it."""

    def __init__(self, browser: Browser, *, url: str, language: str, device: str, asks_for: str = "") -> None:
        """:param asks_for: what the browser is set to; otherwise the language that is read"""
        self.url, self.language, self.device = url, language, device
        self.complaints: list[str] = []
        self.context = browser.new_context(
            **DEVICES[device], locale=asks_for or LOCALES[language], timezone_id="Asia/Shanghai"
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.grant_permissions(["clipboard-write", "clipboard-read"])
        self.page = self._watched(self.context.new_page())

    def go(self, path: str) -> Page:
        self.page.goto(path if "://" in path else f"{self.url}{path}")
        return self.page

    def tab(self) -> Page:
        """One more, of the same person."""
        return self._watched(self.context.new_page())

    def speak(self) -> None:
        """Choose the language, by the switch that stands on the page."""
        switch = self.page.locator(f"[name=language][value={self.language}], a[hreflang={self.language}]").first
        with self.page.expect_navigation():
            switch.click()

    def looked(self, name: str, *, whole: bool = True) -> None:
        """Take a picture, and note what is wrong with how the page looks."""
        folder = SHOTS / f"{self.language}-{self.device.replace(' ', '-')}"
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png", full_page=whole, animations="disabled")
        self.complaints += [f"{name}: {fault}" for fault in faults(self.page, language=self.language)]

    def assert_content(self) -> None:
        assert not self.complaints, "\n".join(dict.fromkeys(self.complaints))

    def close(self) -> None:
        self.context.close()

    def _watched(self, page: Page) -> Page:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("response", self._answered)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        """A policy that is broken is told here, too. Answers with an error are judged by `_answered`."""
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status != 422:  # 422 is a form that comes back with messages
            self.complaints.append(f"{response.status} at {urlsplit(response.url).path}")
