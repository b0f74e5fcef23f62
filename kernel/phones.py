"""Phone numbers, names and addresses: brought into one form, found by hash, masked for screens."""

from __future__ import annotations

import re
import unicodedata

from .secrets import lookup_hash

MOBILE = re.compile(r"(?:0086|86)?(1[3-9]\d{9})")
MASKS = ("*", "##", "$$")  # what platforms hide a number behind
TAIL_DIGITS = 4
IN_TEXT = re.compile(r"(?<!\d)(?:(?:\+?86|0086)[- ]?)?(?:1[3-9]\d(?:[- ]?\d){8}|0\d{2,3}[- ]?\d{7,8})(?!\d)")
HOUSE = re.compile(r"(?P<road>.*?(?:路|街|大道|巷|弄|道|村|镇|乡|小区|园))(?P<rest>.*)")


def normalise(text: str) -> str:
    """
    A phone number as digits; a Chinese mobile without its country code: 13800138000.

    A number that a platform has masked stays masked: it is not a number.
    """
    text = unicodedata.normalize("NFKC", text).strip().strip("'`\"")
    if is_masked(text):
        return text
    digits = re.sub(r"\D", "", text)
    mobile = MOBILE.fullmatch(digits)
    return mobile[1] if mobile else digits


def is_masked(phone: str) -> bool:
    """Whether a platform has hidden digits: such a value never overwrites a real one."""
    return any(mask in phone for mask in MASKS)


def phone_columns(phone: str, *, prefix: str = "") -> dict[str, str]:
    """The columns that find a normalised phone, whole (`hash`) and by its last four digits (`tail_hash`)."""
    tail = phone[-TAIL_DIGITS:]
    return {
        f"{prefix}hash": lookup_hash(phone, kind="phone") if phone and not is_masked(phone) else "",
        f"{prefix}tail_hash": lookup_hash(tail, kind="phone_tail") if re.fullmatch(r"\d{4}", tail) else "",
    }


def mask_phone(phone: str) -> str:
    """138****8000; of a short number the last two digits."""
    if is_masked(phone):
        return phone
    if len(phone) >= 11:
        return f"{phone[:3]}{'*' * (len(phone) - 7)}{phone[-4:]}"
    return "*" * max(len(phone) - 2, 0) + phone[-2:] if len(phone) > 4 else "*" * len(phone)


def mask_phones_in(text: str) -> str:
    """Free text with every mobile and landline number in it masked."""
    return IN_TEXT.sub(lambda found: mask_phone(normalise(found[0])), text)


def mask_name(name: str) -> str:
    """张*: the first character, and a star for what follows."""
    return f"{name[0]}*" if name else ""


def mask_address(detail: str) -> str:
    """***路***: which kind of place it is, and nothing that leads there."""
    if not detail:
        return ""
    found = HOUSE.fullmatch(detail)
    return f"***{found['road'][-1]}***" if found else "***"
