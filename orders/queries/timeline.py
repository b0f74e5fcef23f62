"""Makes sentences of an order's history, in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from kernel.money import yuan
from kernel.workflow import graph_of

from ..models import Order, OrderEvent

_sentences: dict[str, str | Promise] = {
    "order_created": _("Order created, %(total)s to be paid"),
    "order_imported": _("Order imported"),
    "order_edited": _("Order changed: %(changed)s; total %(from)s → %(to)s"),
    "payment_recorded": _("Payment of %(amount)s received"),
    "refund_recorded": _("Refund of %(amount)s paid out"),
    "payment_reminder_due": _("Customer to be reminded of the payment"),
    "closing_requested": _("Closing asked for: %(reason)s"),
    "order_closed": _("Order closed: %(reason)s"),
    "order_revived": _("Order revived"),
    "shipped": _("Shipped by %(carrier)s, %(tracking_no)s"),
    "part_shipped": _("%(pieces)s shipped by %(carrier)s, %(tracking_no)s"),
    "tracking_corrected": _("Tracking number %(earlier)s corrected to %(carrier)s %(tracking_no)s: %(reason)s"),
    "state_moved": _("Moved by hand"),
    "timed_out": _("Moved because its time had come"),
    "note": _("Note: %(text)s"),
    "staff_note_set": _("Merchant note: %(text)s"),
    "flag_set": _("Flag: %(flag)s"),
    "tags_set": _("Tags added: %(added)s; removed: %(removed)s"),
}

COUNTED = {"pieces": ngettext_lazy("%(count)d piece", "%(count)d pieces", "count")}

WORDS: Mapping[str, Mapping[str, str | Promise]] = {
    "reason": dict(Order.CloseReason.choices),
    "flag": dict(Order.Flag.choices),
    "changed": {
        "subtotal_fen": _("subtotal"),
        "discount_fen": _("discount"),
        "adjustment_fen": _("price adjustment"),
        "shipping_fen": _("shipping fee"),
        "total_fen": _("total payable"),
        "region": _("region"),
        "customer_note": _("customer note"),
        "lines": _("lines"),
        "address": _("address"),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """
    :param move: “To ship → Shipped”; empty if the order stayed where it was
    :param refused: it should have moved the order and did not
    """

    at: datetime
    kind: str
    code: str
    text: str
    by: str
    move: str = ""
    refused: bool = False
    trace_id: str = ""


class _Facts(dict[str, str]):
    """What a sentence is filled from; a fact that an old entry lacks leaves a gap and breaks no page."""

    def __missing__(self, key: str) -> str:
        return "…"


def register_sentence(code: str, text: str | Promise) -> None:
    """Teach the timeline a sentence; its placeholders are facts of the entry (`x_fen` also as `x`, in yuan)."""
    _sentences[code] = text


def timeline_sentences(events: Iterable[OrderEvent], *, language: str | None = None) -> list[TimelineEntry]:
    """
    :param events: with `by` selected; of orders with `workflow_version_id` known through `order`
    :param language: of the reader; the active one if not given
    """
    with translation.override(language or translation.get_language()):
        return [_entry(event) for event in events]


def _entry(event: OrderEvent) -> TimelineEntry:
    return TimelineEntry(
        at=event.at,
        kind=event.kind,
        code=event.code,
        text=_text(event),
        by=str(event.by) if event.by else "",
        move=_move(event),
        refused=bool(event.trigger) and not event.to_state,
        trace_id=event.trace_id,
    )


def _text(event: OrderEvent) -> str:
    sentence = _sentences.get(event.code)
    return str(sentence) % _facts(event.facts) if sentence else event.code


def _facts(facts: Mapping[str, object]) -> _Facts:
    shown = _Facts()
    for name, value in facts.items():
        shown[name] = _shown(name, value)
        if name.endswith("_fen") and isinstance(value, int):
            shown[name.removesuffix("_fen")] = yuan(value)
    return shown


def _shown(name: str, value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(name, part) for part in value) or "–"
    if name in COUNTED and isinstance(value, int):
        return str(COUNTED[name] % {"count": value})
    return str(WORDS.get(name, {}).get(str(value), value))


def _move(event: OrderEvent) -> str:
    if not event.to_state or not event.from_state or event.from_state == event.to_state:
        return ""
    states = graph_of(event.order.workflow_version_id).states
    names = [states[code].label if code in states else code for code in (event.from_state, event.to_state)]
    return " → ".join(names)
