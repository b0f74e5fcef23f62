"""What every page must be: within its width, readable in one language, and without a broken letter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from .allowed_chinese import without_data
from .allowed_english import CELLS, leftover

CHINESE = re.compile("[一-鿿]")
SCRIPT = (Path(__file__).parent / "looks.js").read_text(encoding="utf-8")


def look(page: Page) -> dict[str, Any]:
    """Widths, texts and letters of the page as it stands."""
    page.evaluate("document.fonts.ready")
    seen: dict[str, Any] = page.evaluate(SCRIPT, ", ".join(CELLS))
    return seen


def faults(page: Page, *, language: str) -> list[str]:
    """What is wrong with how the page looks, in words."""
    seen = look(page)
    found = [f"sideways scrolling: {seen['scrollWidth']} px in {seen['clientWidth']}"] if seen["isWide"] else []
    found += [f"cut off at the right: {it}" for it in seen["cutOff"]]
    found += [f"cramped cell: {it!r}" for it in seen["cramped"]]
    found += [f"missing glyph: {it}" for it in seen["tofu"]]
    found += [f"icon without its font: {it}" for it in seen["brokenIcons"]]
    if seen["lang"].partition("-")[0] != language.partition("-")[0]:
        found.append(f"lang is {seen['lang']!r}, not {language!r}")
    if language == "zh-hans":
        found += [f"English: {words!r} in {text!r}" for text in seen["texts"] if (words := leftover(text))]
    else:
        found += [f"Chinese label: {text!r}" for text in seen["labels"] if CHINESE.search(without_data(text))]
    return found
