"""Every layout there is: the TOML files of profiles/, and our own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .cells import plain
from .headers import normalize_header
from .native import NATIVE
from .profile import Columns, Profile, RowMode, StateRule, Terms

FOLDER = Path(__file__).parent / "profiles"
TEXTS = frozenset(
    "external_order_no customer_account customer_name recipient_name phone address_raw province city district "
    "carrier tracking_no customer_note staff_note invoice_title state close_reason title sku quantity".split()
)
AMOUNTS = frozenset({"total_fen", "paid_fen", "refunded_fen", "shipping_fen", "goods_fen", "coupons_fen"})
TIMES = frozenset({"placed_at", "paid_at", "shipped_at", "delivered_at", "completed_at"})


@cache
def profiles() -> Mapping[str, Profile]:
    """By code. Our own comes first."""
    read = [read_profile(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))]
    return {profile.code: profile for profile in (NATIVE, *read)}


def read_profile(text: str) -> Profile:
    """
    A layout from its file.

    :raises ValueError: if it names a field we do not have
    """
    data = tomllib.loads(text)
    columns: dict[str, Any] = data["columns"]
    unknown = columns.keys() - TEXTS - AMOUNTS - TIMES
    if unknown:
        raise ValueError(f"{data['code']}: no such field: {', '.join(sorted(unknown))}")
    return Profile(
        code=data["code"],
        labels=data["label"],
        source=data["source"],
        encodings=tuple(data.get("encodings", ("utf-8", "gb18030"))),
        row_mode=RowMode(data.get("row_mode", "order")),
        texts={name: _columns(spec) for name, spec in columns.items() if name in TEXTS},
        amounts={name: _terms(spec) for name, spec in columns.items() if name in AMOUNTS},
        times={name: _columns(spec) for name, spec in columns.items() if name in TIMES},
        **_detection(data["detect"]),
        **_cleaning(data.get("cleaning", {})),
        **_meaning(data),
    )


def _detection(data: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "known": _names(data["known"]),
        "needs_all": _names(data["all"]),
        "needs_any": _names(data.get("any", [])),
        "refuses": _names(data.get("none", [])),
    }


def _cleaning(data: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "nothing": frozenset(data.get("nothing", ())),
        "number_prefixes": tuple(data.get("number_prefixes", ())),
        "private": _names(data.get("private", [])),
        "time_formats": tuple(data.get("time_formats", ("ymd", "excel_serial"))),
    }


def _meaning(data: Mapping[str, Any]) -> dict[str, Any]:
    rules = data.get("rules", {})
    return {
        "state_rule": StateRule(rules.get("state", "column")),
        "states": {plain(said): state for said, state in data.get("states", {}).items()},
        "close_reasons": tuple((piece, reason) for piece, reason in data.get("close_reasons", {}).items()),
        "paid_is_total": rules.get("paid_is_total", False),
        "total_from_paid": rules.get("total_from_paid", False),
        "assumed_title": rules.get("assumed_title", ""),
    }


def _names(headers: list[str]) -> frozenset[str]:
    return frozenset(normalize_header(header) for header in headers)


def _columns(spec: str | list[str]) -> Columns:
    return tuple(normalize_header(header) for header in ([spec] if isinstance(spec, str) else spec))


def _terms(spec: str | list[str] | dict[str, list[str | list[str]]]) -> Terms:
    return tuple(_columns(term) for term in spec["sum"]) if isinstance(spec, dict) else (_columns(spec),)
