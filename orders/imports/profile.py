"""A layout: which columns a marketplace's file has and what they mean to us. Each is one TOML file in profiles/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.translation import get_language

Columns = tuple[str, ...]  # in order of preference: the first that says something counts
Terms = tuple[Columns, ...]  # amounts to be added up


class RowMode(StrEnum):
    ORDER = "order"  # a row is an order
    LINE = "line"  # a row is a line or parcel of an order; rows of an order follow each other


class StateRule(StrEnum):
    COLUMN = "column"
    BY_MONEY = "by_money"  # paid and kept or partly refunded: completed; paid and refunded, or never paid: closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """
    Headers are in the spelling of `normalize_headers`.

    :param known: every header that files of this kind have had
    :param labels: by language
    :param encodings: tried in this order
    :param private: columns with personal data that nobody needs; they are not kept
    :param paid_is_total: a paid order's payment, refunds included, must be the total, else the row is refused
    :param total_from_paid: if the file has no total, what was paid is it
    :param coupons: what the marketplace paid in the buyer's place may explain why less than the total was paid
    :param close_reasons: pieces of text with the reason each stands for; the first found counts
    :param assumed_title: of the one line, where the file names no goods
    """

    code: str
    labels: Mapping[str, str]
    source: str
    known: frozenset[str]
    needs_all: frozenset[str]
    needs_any: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    encodings: tuple[str, ...] = ("utf-8", "gb18030")
    row_mode: RowMode = RowMode.ORDER
    nothing: frozenset[str] = frozenset()
    number_prefixes: tuple[str, ...] = ()
    private: frozenset[str] = frozenset()
    texts: Mapping[str, Columns] = field(default_factory=dict)
    amounts: Mapping[str, Terms] = field(default_factory=dict)
    times: Mapping[str, Columns] = field(default_factory=dict)
    time_formats: tuple[str, ...] = ("ymd", "excel_serial")
    state_rule: StateRule = StateRule.COLUMN
    states: Mapping[str, str] = field(default_factory=dict)
    close_reasons: tuple[tuple[str, str], ...] = ()
    paid_is_total: bool = False
    total_from_paid: bool = False
    assumed_title: str = ""

    @property
    def label(self) -> str:
        language = (get_language() or "zh-hans").lower()
        return self.labels["zh-hans" if language.startswith("zh") else "en"]

    def fits(self, headers: Sequence[str]) -> bool:
        return not self.missing(headers) and self.refuses.isdisjoint(headers)

    def missing(self, headers: Sequence[str]) -> list[str]:
        """What the file would need to be of this layout."""
        lacking = sorted(self.needs_all.difference(headers))
        if self.needs_any and self.needs_any.isdisjoint(headers):
            lacking.append(" / ".join(sorted(self.needs_any)))
        return lacking

    def matched(self, headers: Sequence[str]) -> list[str]:
        return [header for header in headers if header in self.known]
