"""The pay page: what a customer sees who was sent a link. There is no sign-in; the token is the right to pay."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast

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
from django.views.decorators.http import require_POST, require_safe

from kernel.clock import now
from kernel.errors import DomainError
from kernel.http import client_address
from kernel.money import yuan
from kernel.shop import shop

from .. import services
from ..models import PayLink, Payment
from ..services.paypage import FINAL, PayPage, PayState, pay_page
from .limits import address_of, is_allowed

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, str, P], HttpResponse]

POLLS_PER_MINUTE, PAGES_PER_MINUTE, STARTS_PER_MINUTE, GUESSES_PER_MINUTE = 120, 60, 12, 20
PHONE = re.compile(r"Mobile|Android|iPhone|iPad|iPod|HarmonyOS", re.IGNORECASE)
WECHAT = "MicroMessenger"
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
            response.headers["Referrer-Policy"] = "no-referrer"
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
        return _switch_language(request, token)
    shown, trouble = pay_page(order=link.order, at=at), ""
    if shown.state is PayState.READY and "qr" in shown.methods and not is_phone(request):
        trouble = _start(request, link, token, method="qr", at=at)[1]
        shown = pay_page(order=link.order, at=at)
    return render(request, "pay/page.html", _context(request, token, shown, trouble=trouble, at=at))


@pay_view(what="status", per_minute=POLLS_PER_MINUTE)
@require_safe
def status(request: HttpRequest, token: str) -> HttpResponse:
    """Where the payment stands, for the page's own script; with the words for it when they have changed."""
    at = now()
    link = services.open_link(token=token, at=at)
    shown = pay_page(order=link.order, at=at)
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
    payment, trouble = _start(request, link, token, method=request.POST.get("method", ""), at=at)
    if payment is not None and payment.next_action.get("kind") == "redirect":
        url = payment.next_action["data"]["url"]
        return render(request, "pay/go.html", {"url": url, "shop": shop(), "back": services.pay_path(token)})
    if trouble:
        shown = pay_page(order=link.order, at=at)
        return render(request, "pay/page.html", _context(request, token, shown, trouble=trouble, at=at))
    return HttpResponseRedirect(services.pay_path(token))


@pay_view(what="return", per_minute=PAGES_PER_MINUTE)
@require_safe
def come_back(request: HttpRequest, token: str) -> HttpResponse:
    """Where the gateway sends the browser. It proves nothing; it is a reason to ask the gateway."""
    at = now()
    link = services.open_link(token=token, at=at)
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


def is_phone(request: HttpRequest) -> bool:
    return PHONE.search(request.headers.get("user-agent", "")) is not None


def _start(request: HttpRequest, link: PayLink, token: str, *, method: str, at: datetime) -> tuple[Payment | None, str]:
    """The attempt, or the words to say why there is none."""
    ask = services.Ask(
        method=method,
        client_ip=client_address(request) or "",
        return_path=f"{services.pay_path(token)}return",
    )
    try:
        return services.start_attempt(order_id=link.order_id, ask=ask, at=at), ""
    except DomainError as refusal:
        return None, str(refusal)


def _ask_soon(link: PayLink, *, at: datetime) -> None:
    for payment in Payment.objects.filter(order_id=link.order_id).open().only("pk"):
        services.ask_soon(payment_id=payment.pk, at=at)


def _switch_language(request: HttpRequest, token: str) -> HttpResponse:
    response = HttpResponseRedirect(services.pay_path(token))
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
    phone = is_phone(request)
    ends_at = shown.expires_at
    is_asking = came_back and shown.state is PayState.WAITING  # who may just have paid is offered no second way
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
        "offers": [] if is_asking else _offers(shown, phone=phone),
        "is_phone": phone,
        "in_wechat": WECHAT in request.headers.get("user-agent", ""),
        "trouble": trouble,
        "is_asking": is_asking,
        "path": services.pay_path(token),
    }


def _offers(shown: PayPage, *, phone: bool) -> list[tuple[str, str]]:
    """Buttons, the likeliest first: (method, what is on it)."""
    words = {
        "wap": _("Pay with Alipay"),
        "qr": _("Show the QR code") if shown.state in (PayState.READY, PayState.WAITING) else _("Get a new QR code"),
        "page": _("Pay on this computer instead"),
    }
    current = shown.payment.method if shown.payment else ""
    wanted = ("wap", "qr") if phone else ("qr", "page")
    return [
        (method, words[method]) for method in wanted if method in shown.methods and (method, current) != ("qr", "qr")
    ]


def _qr(payment: Payment | None) -> SafeString | None:
    """The code as inline SVG: no script, no image request, no third party sees it."""
    if payment is None or payment.next_action.get("kind") != "qr":
        return None
    code = segno.make(payment.next_action["data"]["content"], error="m", micro=False)
    drawn = code.svg_inline(omitsize=True, border=2, dark="#000", light="#fff", svgclass="code", lineclass=None)
    return mark_safe(drawn)  # noqa: S308 - drawn from modules; the text itself is not in it
