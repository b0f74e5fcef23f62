"""Chinese that may stand on an English page: what people typed in, and the name of a language in its own words."""

from __future__ import annotations

from backoffice.console.demo.catalog import GOODS

GLYPHS = ("个", "企", "团")  # of the customer types; the merchant chooses them
DATA = ("云栖生活馆", "支付宝 (仿真)", "手写贺卡定制", "简体中文", *(good.title for good in GOODS), *GLYPHS)


def without_data(text: str) -> str:
    for it in DATA:
        text = text.replace(it, "")
    return text
