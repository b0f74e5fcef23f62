"""Chinese that may stand on an English page: what people typed in, and the name of a language in its own words."""

from __future__ import annotations

from backoffice.console.demo.catalog import GOODS

GLYPHS = ("个", "企", "团")  # of the customer types; the merchant chooses them
SIGNS = ("支", "微", "云")  # in place of the wallets' icons, on the pay page
ACCOUNTS = ("支付宝 (仿真)", "微信支付 (仿真)", "银联 (仿真)")
DATA = ("云栖生活馆", *ACCOUNTS, "手写贺卡定制", "简体中文", *(good.title for good in GOODS), *GLYPHS, *SIGNS)


def without_data(text: str) -> str:
    for it in DATA:
        text = text.replace(it, "")
    return text
