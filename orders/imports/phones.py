"""Phone numbers as marketplaces write them: real, masked, or the cipher of one."""

from __future__ import annotations

import re
from typing import NamedTuple

from .cells import BadCell, BeyondExcel, is_damaged, plain, unwrap

COUNTRY = re.compile(r"^(?:\+|00)86[-\s]*|^86(?:[-\s]+|(?=1[3-9]\d{9}(?!\d)))", re.ASCII)
MOBILE = re.compile(r"(1[3-9]\d{9})(?:(?:-|,|#|转|ext\.?)+(\d{1,8}))?", re.ASCII)  # the extension of a privacy number
LANDLINE = re.compile(r"(0\d{2,3})-?(\d{7,8})(?:(?:-|转)(\d{1,6}))?", re.ASCII)
SERVICE = re.compile(r"[48]00-?\d{3}-?\d{4}", re.ASCII)
ABROAD = re.compile(r"\+?\d{6,15}", re.ASCII)
CIPHER_STARTS = ("##", "$$", "~")
NOTHING = frozenset({"", "-", "--", "——", "无", "null", "none"})
LONGEST_MASK = 40


class Phone(NamedTuple):
    """Exactly one is set: the number, what stands in its place, or that nobody can read it. Or none: no phone."""

    number: str = ""
    masked: str = ""
    unreadable: bool = False


NO_PHONE = Phone()


def read_phone(text: str) -> Phone:
    """
    A phone without its country code and decoration.

    :raises BadCell: damaged_number, if Excel has made an approximation of it
    """
    bare = unwrap(plain(text))
    if bare.lower() in NOTHING:
        return NO_PHONE
    if isinstance(text, BeyondExcel) or is_damaged(bare):
        raise BadCell("damaged_number")
    local = COUNTRY.sub("", bare)
    if "*" in local or bare.startswith(CIPHER_STARTS):
        return Phone(masked=local[:LONGEST_MASK])
    return _number(local) if local else NO_PHONE


def _number(local: str) -> Phone:
    packed = re.sub(r"[\s()]", "", local)
    if match := MOBILE.fullmatch(packed) or MOBILE.fullmatch(packed.replace("-", "")):
        return Phone("-".join(part for part in match.groups() if part))
    if match := LANDLINE.fullmatch(packed):
        return Phone("-".join(part for part in match.groups() if part))
    digits = packed.replace("-", "")
    if SERVICE.fullmatch(packed) or ABROAD.fullmatch(digits):
        return Phone(digits)
    return Phone(unreadable=True)
