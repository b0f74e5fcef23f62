"""The pay page: what a customer sees who was sent a link. There is no sign-in; the token is the right to pay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlencode

import segno
from csp.constants import NONE, SELF
from csp.decorators import csp
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kernel.clock import now
from kernel.errors import DomainError
from kernel.http import client_address
from kernel.money import yuan
from kernel.shop import shop

from .. import services
from ..models import PayLink, Payment
from ..services.paypage import FINAL, PayPage, PayState, key_of, pay_page
from . import hops
from .limits import address_of, is_allowed
from .ways import Device, device_of, name_of, ways_to_pay

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, str, P], HttpResponse]

POLLS_PER_MINUTE, PAGES_PER_MINUTE, STARTS_PER_MINUTE, GUESSES_PER_MINUTE = 120, 60, 12, 20
CLEAR_LANGUAGES = dict(settings.LANGUAGES)

POLICY = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}


def pay_view(*, what: str, per_minute: int) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """A door of the pay page: strict headers, a limit, and a page of its own for a link that leads nowhere."""

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            response = _turned_away(request, what, token, per_minute) or _answer(view, request, token, *args, **kwargs)
            response.headers.setdefault("Referrer-Policy", "no-referrer")
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
            return response

        # Whoever knows the token may pay, and there is no session to ride on; without a referrer browsers send
        # the origin “null”, which Django's check refuses.
        strict: Callable[..., HttpResponseBase] = cast(Any, csp(POLICY))(guarded)
        return csrf_exempt(strict)

    return decorate


def _turned_away(request: HttpRequest, what: str, token: str, per_minute: int) -> HttpResponse | None:
    if is_allowed(what=f"pay.{what}", who=token, per_minute=per_minute):
        return None
    return _message(request, _("Too many requests. Wait a minute, then load the page again."), status=429)


def _answer(view: View[P], request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
    try:
        return view(request, token, *args, **kwargs)
    except services.LinkNotFound as error:
        if not is_allowed(what="pay.guess", who=address_of(request), per_minute=GUESSES_PER_MINUTE):
            return _message(request, _("Too many requests. Wait a minute, then load the page again."), status=429)
        return _message(request, str(error), status=HTTPStatus.NOT_FOUND)
    except services.LinkExpired as error:
        return _message(request, str(error), status=HTTPStatus.GONE)


@pay_view(what="page", per_minute=PAGES_PER_MINUTE)
@require_safe
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The page itself. On a computer it opens with a code to scan; on a phone, with a button."""
    at = now()
    link = services.open_link(token=token, at=at)
    if request.GET.get("lang") in CLEAR_LANGUAGES:
        return language_kept(request, HttpResponseRedirect(services.pay_path(token)))
    shown, trouble = pay_page(order=link.order, wanted=_wanted(request), at=at), ""
    if shown.state is PayState.READY and device_of(request) is Device.COMPUTER:
        first = next((it for it in shown.choices if it.method == "qr"), None)
        if first is not None:
            trouble = _start(request, link, token, ask=_ask(request, token, first.key), at=at)[1]
            shown = pay_page(order=link.order, at=at)
    return render(request, "pay/page.html", _context(request, token, shown, trouble=trouble, at=at))


@pay_view(what="status", per_minute=POLLS_PER_MINUTE)
@require_safe
def status(request: HttpRequest, token: str) -> HttpResponse:
    """Where the payment stands, for the page's own script; with the words for it when they have changed."""
    at = now()
    link = services.open_link(token=token, at=at)
    shown = pay_page(order=link.order, wanted=_wanted(request), at=at)
    told: dict[str, object] = {"key": shown.key, "final": shown.state in FINAL}
    if request.GET.get("key") != shown.key:
        context = _context(request, token, shown, at=at)
        told["html"] = render_to_string("pay/state.html", context, request=request)
    return JsonResponse(told)


@pay_view(what="start", per_minute=STARTS_PER_MINUTE)
@require_POST
def start(request: HttpRequest, token: str) -> HttpResponse:
    """Open an attempt, and hand the customer on to the gateway if that is where they pay."""
    at = now()
    link = services.open_link(token=token, at=at)
    ask = _ask(request, token, request.POST.get("by", ""))
    chosen = next((it for it in services.choices_for(link.order) if it.key == request.POST.get("by")), None)
    if chosen is not None and chosen.asks_payer:
        return _ask_payer(request, link, token, chosen.key, at=at)
    return _begun(request, link, token, ask=ask, at=at)


@pay_view(what="payer", per_minute=STARTS_PER_MINUTE)
@require_safe
def payer(request: HttpRequest, token: str, key: str) -> HttpResponse:
    """The wallet has told who pays: that is used for this one attempt, and kept nowhere."""
    at = now()
    link = services.open_link(token=token, at=at)
    ask = _ask(request, token, key)
    try:
        code, state = request.GET.get("code", ""), request.GET.get("state", "")
        told = services.payer_ref(link=link, ask=ask, code=code, state=state, at=at)
    except DomainError as refusal:
        return _refused(request, link, token, str(refusal), at=at)
    return _begun(request, link, token, ask=replace(ask, payer_ref=told), at=at)


@pay_view(what="return", per_minute=PAGES_PER_MINUTE)
@require_http_methods(["GET", "HEAD", "POST"])
def come_back(request: HttpRequest, token: str) -> HttpResponse:
    """Where the gateway sends the browser. It proves nothing; it is a reason to ask the gateway."""
    at = now()
    link = services.open_link(token=token, at=at)
    if request.method == "POST":  # what UnionPay has the browser post here is not even read
        return HttpResponseRedirect(f"{services.pay_path(token)}return", status=HTTPStatus.SEE_OTHER)
    _ask_soon(link, at=at)
    shown = pay_page(order=link.order, at=at)
    return render(request, "pay/page.html", _context(request, token, shown, came_back=True, at=at))


@pay_view(what="check", per_minute=STARTS_PER_MINUTE)
@require_POST
def check(request: HttpRequest, token: str) -> HttpResponse:
    """“I have paid”: the gateway is asked, and the page is shown again."""
    at = now()
    _ask_soon(services.open_link(token=token, at=at), at=at)
    return HttpResponseRedirect(services.pay_path(token))


def _wanted(request: HttpRequest) -> str:
    return request.GET.get("by", "")


def _ask(request: HttpRequest, token: str, key: str) -> services.Ask:
    gateway, _dot, method = key.rpartition(".")
    return services.Ask(
        gateway=gateway,
        method=method,
        client_ip=client_address(request) or "",
        return_path=f"{services.pay_path(token)}return",
    )


def _start(
    request: HttpRequest, link: PayLink, token: str, *, ask: services.Ask, at: datetime
) -> tuple[Payment | None, str]:
    """The attempt, or the words to say why there is none."""
    try:
        return services.start_attempt(order_id=link.order_id, ask=ask, at=at), ""
    except DomainError as refusal:
        return None, str(refusal)


def _begun(request: HttpRequest, link: PayLink, token: str, *, ask: services.Ask, at: datetime) -> HttpResponse:
    payment, trouble = _start(request, link, token, ask=ask, at=at)
    if payment is None:
        return _refused(request, link, token, trouble, at=at)
    if payment.next_action["kind"] in hops.KINDS:
        return hops.hop(request, payment, path=services.pay_path(token))
    return HttpResponseRedirect(f"{services.pay_path(token)}?{urlencode({'by': key_of(payment)})}")


def _ask_payer(request: HttpRequest, link: PayLink, token: str, key: str, *, at: datetime) -> HttpResponse:
    back = replace(_ask(request, token, key), return_path=f"{services.pay_path(token)}payer/{key}")
    try:
        url = services.login_address(link=link, ask=back, at=at)
    except DomainError as refusal:
        return _refused(request, link, token, str(refusal), at=at)
    return hops.to_address(request, url, name=name_of(back.gateway), path=services.pay_path(token))


def _refused(request: HttpRequest, link: PayLink, token: str, trouble: str, *, at: datetime) -> HttpResponse:
    shown = pay_page(order=link.order, at=at)
    return render(request, "pay/page.html", _context(request, token, shown, trouble=trouble, at=at))


def _ask_soon(link: PayLink, *, at: datetime) -> None:
    for payment in Payment.objects.filter(order_id=link.order_id).open().only("pk"):
        services.ask_soon(payment_id=payment.pk, at=at)


def language_kept(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The language asked for in the address, remembered by the browser."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        request.GET["lang"],
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


def _message(request: HttpRequest, text: str, *, status: int) -> HttpResponse:
    return render(request, "pay/message.html", {"text": text, "shop": shop()}, status=status)


def _context(
    request: HttpRequest,
    token: str,
    shown: PayPage,
    *,
    trouble: str = "",
    came_back: bool = False,
    at: datetime,
) -> dict[str, object]:
    ends_at = shown.expires_at
    is_asking = came_back and shown.state is PayState.WAITING  # who may just have paid is offered no second way
    current = key_of(shown.payment) if shown.payment else ""
    ways = [] if is_asking else ways_to_pay(shown, device=device_of(request))
    tabs = [it for it in ways if it.is_main] if any(it.is_shown for it in ways) else []  # above the code they change
    return {
        "shop": shop(),
        "order_no": shown.order.order_no,
        "amount": yuan(shown.amount_fen),
        "state": str(shown.state),
        "key": shown.key,
        "is_final": shown.state in FINAL,
        "ends_at": ends_at,
        "seconds_left": max(int((ends_at - at).total_seconds()), 0) if ends_at and not is_asking else None,
        "qr": _qr(shown.payment),
        "name": name_of(current.partition(".")[0]),
        "tabs": tabs if len(tabs) > 1 else [],
        "ways": [it for it in ways if it not in tabs and not it.is_shown],
        "in_wechat": device_of(request) is Device.WECHAT,
        "trouble": trouble,
        "is_asking": is_asking,
        "path": services.pay_path(token),
        "poll": f"{services.pay_path(token)}status?{urlencode({'by': current})}",
    }


def _qr(payment: Payment | None) -> SafeString | None:
    """The code as inline SVG: no script, no image request, no third party sees it."""
    if payment is None or payment.next_action.get("kind") != "qr":
        return None
    code = segno.make(payment.next_action["data"]["content"], error="m", micro=False)
    drawn = code.svg_inline(omitsize=True, border=2, dark="#000", light="#fff", svgclass="code", lineclass=None)
    return mark_safe(drawn)  # noqa: S308 - drawn from modules; the text itself is not in it
