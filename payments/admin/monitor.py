"""The live monitor: how paying goes this minute, readable across the room, refreshing itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import YuanField, actor
from kernel.clock import now
from kernel.models import Alert

from .. import services
from ..models import GatewayAccount, Payment
from . import looks

NEEDED = "payments.view_payment"
ALERTS = "kernel.view_alert"
PULSES_KEY, PULSES_SECONDS = "payments:pulses", 5  # however many look on
ROWS, ALARMS = 40, 20
EVERY_SECONDS = 2
PAUSED, KIOSK = "paused", "kiosk"
EMPTY = [("", gettext_lazy("All"))]


class FeedForm(forms.Form):
    account = forms.ModelChoiceField(
        GatewayAccount.objects.order_by("position", "pk"),
        label=gettext_lazy("payment account"),
        required=False,
        empty_label=gettext_lazy("All"),
        to_field_name="code",
    )
    status = forms.ChoiceField(choices=[*EMPTY, *Payment.Status.choices], label=gettext_lazy("status"), required=False)
    least = YuanField(label=gettext_lazy("amount from"), required=False)


def monitor_view(request: HttpRequest) -> HttpResponse:
    """The whole page; asked by the page itself, what moves on it alone."""
    if not actor(request).has_perm(NEEDED):
        raise PermissionDenied
    form, at = FeedForm(request.GET), now()
    context = {
        "pulses": [_shown(it, at=at) for it in _pulses(at=at)],
        "rows": _feed(form),
        "alarms": _alarms() if actor(request).has_perm(ALERTS) else None,
        "at": at,
        "every": EVERY_SECONDS,
        "paused": PAUSED in request.GET,
        "kiosk": KIOSK in request.GET,
        "here": _address(request),
        "pause_link": _address(request, **{PAUSED: "" if PAUSED in request.GET else "1"}),
        "kiosk_link": _address(request, **{KIOSK: "" if KIOSK in request.GET else "1"}),
    }
    headers = {"Cache-Control": "no-store", "Vary": "HX-Request"}
    if "HX-Request" in request.headers:
        return TemplateResponse(request, "admin/payments/monitor_live.html", context, headers=headers)
    whole = {
        **admin.site.each_context(request),
        **context,
        "title": _("Live monitor"),
        "opts": Payment._meta,
        "form": form,
        "is_popup": context["kiosk"],  # no sidebar on a screen on the wall
    }
    return TemplateResponse(request, "admin/payments/monitor.html", whole, headers=headers)


def _pulses(*, at: datetime) -> list[services.Pulse]:
    return cache.get_or_set(PULSES_KEY, lambda: services.pulses(at=at), PULSES_SECONDS) or []


def _shown(pulse: services.Pulse, *, at: datetime) -> dict[str, Any]:
    rates = ((_("5 min"), pulse.last_minutes), (_("1 h"), pulse.last_hour), (_("24 h"), pulse.last_day))
    return {
        "account": pulse.account,
        "alarm": pulse.alarm,
        "rates": [(title, _percent(rate), rate) for title, rate in rates],
        "open": pulse.open,
        "takes": _lengths(pulse.takes),
        "delay": _lengths(pulse.delay),
        "told": _("%(age)s ago") % {"age": looks.took(pulse.notified_at, at)} if pulse.notified_at else "—",
        "refused": pulse.refused,
        "reasons": [(words or _("no reason given"), times) for words, times in pulse.reasons],
    }


def _percent(rate: services.Rate) -> str:
    return "—" if rate.share is None else f"{100 * rate.share:.0f}%"


def _lengths(found: services.Lengths | None) -> str:
    if found is None:
        return "—"
    return _("%(p50).1f s, 95%%: %(p95).1f s") % {"p50": found.p50, "p95": found.p95}


def _feed(form: FeedForm) -> list[dict[str, Any]]:
    """The newest attempts that the form lets through; a field that makes no sense holds nothing back."""
    form.is_valid()
    asked = form.cleaned_data
    attempts = Payment.objects.select_related("order", "account").order_by("-created_at", "-pk")
    if asked.get("account"):
        attempts = attempts.filter(account=asked["account"])
    if asked.get("status"):
        attempts = attempts.filter(status=asked["status"])
    if asked.get("least"):
        attempts = attempts.filter(amount_fen__gte=asked["least"])
    return [
        {
            "payment": it,
            "method": looks.method(it),
            "badge": looks.payment_badge(it),
            "took": looks.took(it.created_at, it.over_at),
        }
        for it in attempts[:ROWS]
    ]


def _alarms() -> list[Alert]:
    """What is open about payments, the newest first."""
    return list(Alert.objects.filter(kind__startswith="payments.", resolved_at=None).order_by("-opened_at")[:ALARMS])


def _address(request: HttpRequest, **changes: str) -> str:
    """This page as it is filtered, with some of its switches turned."""
    query = {name: value for name, value in {**request.GET.dict(), **changes}.items() if value}
    return f"{request.path}?{urlencode(query)}" if query else request.path
