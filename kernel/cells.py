"""Small pieces of HTML for lists and pages. What colour says, a glyph and a word say too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kernel.clock import local
from kernel.money import yuan

Tone = Literal["neutral", "good", "warning", "bad", "info"]

NOTHING = "—"
COPY_ICON = SafeString('<span class="material-symbols-outlined" aria-hidden="true">content_copy</span>')
AMBER_SHARE = 0.25  # of the whole time: less left than this is pressing


def money(amount_fen: int, *, faint: bool = False) -> SafeString:
    return format_html('<span class="bo-money{}">{}</span>', " bo-faint" if faint else "", yuan(amount_fen))


def badge(text: object, *, glyph: str, tone: Tone = "neutral", title: object = "") -> SafeString:
    """
    A state in a word.

    :param glyph: says the same to whoever cannot tell the colours apart
    """
    return format_html(
        '<span class="bo-badge bo-tone-{}" title="{}"><span class="bo-glyph" aria-hidden="true">{}</span>{}</span>',
        tone,
        title,
        glyph,
        text,
    )


def copyable(text: str, *, shown: object = None, href: str = "") -> SafeString:
    """A number with an icon that copies it, itself a link if it leads somewhere."""
    if not text:
        return format_html('<span class="bo-faint">{}</span>', NOTHING)
    face = text if shown is None else shown
    link = format_html('<a href="{}">{}</a>', href, face) if href else format_html("<span>{}</span>", face)
    return format_html(
        '<span class="bo-copyable">{}<button type="button" class="bo-copy" data-copy="{}" title="{}" '
        'aria-label="{}">{}</button></span>',
        link,
        text,
        _("Copy"),
        _("Copy"),
        COPY_ICON,
    )


def moment(at: datetime | None, *, long: bool = False) -> SafeString:
    """A Shanghai wall clock's time; the full one is in the tooltip."""
    if at is None:
        return format_html('<span class="bo-faint">{}</span>', NOTHING)
    there = local(at)
    text = f"{there:%Y-%m-%d %H:%M:%S}" if long else f"{there:%m-%d %H:%M}"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), f"{there:%Y-%m-%d %H:%M:%S}", text)


def countdown(until: datetime | None, *, at: datetime, since: datetime | None = None, what: object = "") -> SafeString:
    """
    How long is left, or how late it is. The page's script counts on.

    :param since: when the time began to run; with less than a quarter of it left the countdown is amber
    """
    if until is None:
        return SafeString()
    left = until - at
    late = left < timedelta()
    pressing = since is not None and left < (until - since) * AMBER_SHARE
    tone = "bad" if late else "warning" if pressing else "neutral"
    template = _("%(time)s late") if late else _("%(time)s left")
    return format_html(
        '<span class="bo-countdown bo-tone-{}" data-until="{}" data-left="{}" data-late="{}" title="{}">{}{}</span>',
        tone,
        until.isoformat(),
        _("%(time)s left"),
        _("%(time)s late"),
        f"{what} {local(until):%Y-%m-%d %H:%M:%S}".strip(),
        "▲ " if late else "◔ " if pressing else "",
        template % {"time": duration(abs(left))},
    )


def duration(length: timedelta) -> str:
    """5:12:08, or with days in front when there are any."""
    hours, rest = divmod(int(length.total_seconds()), 3600)
    clock = f"{hours % 24}:{rest // 60:02d}:{rest % 60:02d}"
    return _("%(days)s d %(clock)s") % {"days": hours // 24, "clock": clock} if hours >= 24 else clock


def masked(text: str, *, reveal_url: str = "") -> SafeString:
    """Something personal with stars in it; whoever may see it whole has an eye to press, and that is logged."""
    if not text:
        return format_html('<span class="bo-faint">{}</span>', NOTHING)
    if not reveal_url:
        return format_html('<span class="bo-masked">{}</span>', text)
    return format_html(
        '<span class="bo-masked">{}<a class="bo-reveal" href="{}" data-dialog title="{}" aria-label="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">visibility</span></a></span>',
        text,
        reveal_url,
        _("Show it whole (this is logged)"),
        _("Show it whole (this is logged)"),
    )


def button(label: object, *, href: str, primary: bool = False, dialog: bool = True) -> SafeString:
    return format_html(
        '<a class="bo-button{}" href="{}"{}>{}</a>',
        " bo-primary" if primary else "",
        href,
        SafeString(" data-dialog") if dialog else "",
        label,
    )


def disabled(label: object, *, reason: object) -> SafeString:
    """A move that is not open now, with the reason for everybody: as text for screen readers, on hover for the rest."""
    return format_html(
        '<span class="bo-button bo-disabled" aria-disabled="true" title="{}" tabindex="0">{}'
        '<span class="bo-sr">{}</span></span>',
        reason,
        label,
        reason,
    )


def fen(field: str, description: Any) -> Callable[[Any, Any], SafeString]:
    """A list column or read-only field that shows `field`, which holds fen, as yuan."""

    @admin.display(description=description, ordering=field)
    def cell(_admin: Any, row: Any) -> SafeString:
        amount_fen: int | None = getattr(row, field)
        return SafeString(NOTHING) if amount_fen is None else money(amount_fen)

    return cell
