"""Latin letters that may stand on a Chinese page, each with the reason."""

from __future__ import annotations

import re

WORD = re.compile(r"[A-Za-z]{2,}")

# Names that are written alike in both languages.
NAMES = {
    "owner": "user name of the demo's owner",
    "Owner": "user name of the demo's owner, at the head of their page",
    "English": "the language switch names each language in its own words",
    "zh": "code of a language, in the theme's language switch",
    "hans": "code of a language, in the theme's language switch",
    "en": "code of a language, in the theme's language switch",
    "esc": "a key's name",
    "Ctrl": "a key's name",
    "SKU": "the trade's own word",
    "EMS": "a carrier's name",
    "ID": "the trade's own word, in Alipay's names of settings",
    "APPID": "Alipay's name of a setting",
    "JSAPI": "WeChat Pay's name of paying inside its own app",
    "PID": "Alipay's name of a setting",
    "RSA": "an algorithm's name",
    "CSV": "a file format's name",
    "XLSX": "a file format's name",
    "UTF": "an encoding's name",
    "GB": "an encoding's name: GB18030",
    "Excel": "a program's name",
    "USB": "in the title of a product",
    "DIY": "in the title of a product",
    "ml": "a unit of measure",
    "kg": "a unit of measure",
    "Success": "what the gateway itself said to a refund",
    "SUCCESS": "the name that WeChat Pay itself gives a state, in the notification log",
    "demo": "the demo signs so in the audit log",
    "individual": "code of a customer type, for import files",
    "company": "code of a customer type, for import files",
    "group": "code of a customer type, for import files",
    "Individual": "English name of a customer type, for customers who read English",
    "Company": "English name of a customer type, for customers who read English",
    "Group": "English name of a customer type, for customers who read English",
}

# Columns and fields whose contents are data by nature.
CELLS = {
    ".field-name_en": "English names of types, carriers and states, for people who read English",
    ".field-code": "codes, by which files and commands name a row",
    ".field-prefixes": "how the numbers of a carrier begin",
    ".field-owner": "the part of the program a workflow belongs to",
}

# Whole shapes that are data, not words.
SHAPES = (
    (re.compile(r"^scrollable content$"), "the theme's scroll bar says this to screen readers, from its own script"),
    (re.compile(r"^(?:Payment order|payment_order|orders)$"), "a workflow's English name, code and owner, on its page"),
    (re.compile(r"(?<=例如 )payment_order\b"), "code of an order type, as it is to be typed"),
    (re.compile(r"\b(?:payment|refund):\S+"), "a notification's own key, by which it is known again"),
    (re.compile(r"\b[0-9A-Fa-f]{16,64}\b"), "trace ids and fingerprints"),
    (re.compile(r"…\S{4}(?!\S)"), "the last four characters of a key"),
    (re.compile(r"\bTRADE_[A-Z]+\b"), "Alipay's name of a state, as its documentation has it"),
    (re.compile(r"\b(?:alipay|wechatpay|unionpay)-[a-z]+\b"), "code of a payment account"),
    (re.compile(r"\b[A-Z]{1,6}\d[\dA-Z]{5,}\b"), "order, payment, refund, customer and tracking numbers"),
    (re.compile(r"\b[A-Z0-9]+(?:-[A-Z0-9]+)+\b"), "SKU"),
    (re.compile(r"https?://\S+"), "addresses of pages"),
    (re.compile(r"\S+@\S+"), "e-mail addresses"),
    (re.compile(r"\b[A-Za-z_]+(?:\.[A-Za-z_]+)+"), "timers, events, handlers and acts by their names in the program"),
)


def leftover(text: str) -> list[str]:
    """The words in Latin letters that nothing allows."""
    for shape, _reason in SHAPES:
        text = shape.sub(" ", text)
    return [word for word in WORD.findall(text) if word not in NAMES]
