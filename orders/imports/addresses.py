"""An address written into one cell, taken apart where that is certain."""

from __future__ import annotations

import re
from typing import NamedTuple

from .cells import INVISIBLE

MUNICIPALITIES = ("北京市", "天津市", "上海市", "重庆市")
REGIONS = {
    "内蒙古": "内蒙古自治区",
    "广西": "广西壮族自治区",
    "西藏": "西藏自治区",
    "宁夏": "宁夏回族自治区",
    "新疆": "新疆维吾尔自治区",
    "香港": "香港特别行政区",
    "澳门": "澳门特别行政区",
}
SHORT_PROVINCES = (
    "河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 "
    "湖北 湖南 广东 海南 四川 贵州 云南 陕西 甘肃 青海 台湾"
).split()
FULL_NAMES = (
    {f"{name}省": f"{name}省" for name in SHORT_PROVINCES}
    | {name: f"{name}省" for name in SHORT_PROVINCES}
    | {name[:-1]: name for name in MUNICIPALITIES}
    | {name: name for name in MUNICIPALITIES}
    | REGIONS
    | {full: full for full in REGIONS.values()}
)
PROVINCE = re.compile("|".join(sorted(FULL_NAMES, key=len, reverse=True)))
CITY = re.compile(r"[^\s\d]{2,11}?(?:自治州|地区|盟|市(?![区场])|行政区划|行政单位)")
DISTRICT = re.compile(
    r"[^\s\d街号][^\s\d镇街号]{0,10}?(?:自治县|自治旗|(?<![社小园校景厂库])区|县|市(?![区场])|旗)"
)  # a town or a street before it: then it is no district but a 社区 further down
POSTAL_CODE = re.compile(r"[\s,，]*[(（](\d{6})[)）]$")
RECIPIENT_FIRST = re.compile(r"([^，,]{1,60})[，,]\s*([\d*+\-\s]{6,30})[，,]\s*(.+)", re.DOTALL)
EDGES = INVISIBLE + "，,。;；"


class PlainAddress(NamedTuple):
    """:param is_split: False where not even the province is certain, and all of it is detail"""

    province: str = ""
    city: str = ""
    district: str = ""
    detail: str = ""
    recipient: str = ""
    phone: str = ""
    postal_code: str = ""
    is_split: bool = True


def split_address(raw: str) -> PlainAddress:
    """Recipient, phone and postal code where they are part of it, then province, city, district and the rest."""
    if raw in FULL_NAMES:
        return PlainAddress(province=FULL_NAMES[raw])
    text, recipient, phone = raw.strip(EDGES), "", ""
    if match := RECIPIENT_FIRST.fullmatch(text):
        recipient, phone, text = match[1].strip(), match[2].strip(), match[3].strip(EDGES)
    text, postal_code = _without_postal_code(text)
    place = _split_place(text)
    return place._replace(recipient=recipient, phone=phone, postal_code=postal_code)


def _without_postal_code(text: str) -> tuple[str, str]:
    match = POSTAL_CODE.search(text)
    if match is None:
        return text, ""
    return text[: match.start()].rstrip(EDGES), "" if match[1] == "000000" else match[1]


def _split_place(text: str) -> PlainAddress:
    match = PROVINCE.match(text)
    if match is None:
        return PlainAddress(detail=text, is_split=not text)
    province, rest = FULL_NAMES[match[0]], text[match.end() :].lstrip(EDGES)
    city, rest = _city(province, rest)
    district, rest = _take(DISTRICT, rest) if city else ("", rest)
    return PlainAddress(province, city, district, rest)


def _city(province: str, rest: str) -> tuple[str, str]:
    if province not in MUNICIPALITIES:
        return _take(CITY, rest)
    for name in (province, province[:-1], "市辖区", "县"):
        if rest.startswith(name) and not rest[len(name) :].startswith(("区", "路")):
            return province, rest[len(name) :].lstrip(EDGES)
    return province, rest


def _take(part: re.Pattern[str], text: str) -> tuple[str, str]:
    """The part that the text begins with; a blank ends it, whatever it is called."""
    match = part.match(text)
    if match is None:
        return "", text
    return match[0], text[match.end() :].lstrip(EDGES)
