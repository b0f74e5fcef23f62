"""From the pay page to where the customer pays: another address, a form to be posted there, a call inside WeChat."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from kernel.money import yuan
from kernel.shop import shop

from ..models import Payment
from ..services.paypage import key_of
from .ways import name_of

KINDS = ("redirect", "form", "jsapi")
ASKS_FROM_WHERE = ("h5",)  # WeChat opens a link only for those that come from the merchant's own domain


def hop(request: HttpRequest, payment: Payment, *, path: str) -> HttpResponse:
    """What leads on to the gateway, by the attempt's next action; every kind works without a script, or says so."""
    data: dict[str, str] = payment.next_action["data"]
    name = name_of(payment.account.gateway)
    match payment.next_action["kind"]:
        case "form":
            return _to_form(request, data, name=name, path=path)
        case "jsapi":
            facts = {"order_no": payment.order.order_no, "amount": yuan(payment.amount_fen)}
            context = {"call": data, "name": name, "shop": shop(), "back": path, "key": key_of(payment), **facts}
            return render(request, "pay/wallet.html", context)
        case _ if payment.method in ASKS_FROM_WHERE:
            return _to_watchful(request, data["url"], name=name, path=path)
        case _:
            return to_address(request, data["url"], name=name, path=path)


def to_address(request: HttpRequest, url: str, *, name: str, path: str) -> HttpResponse:
    """No redirect: a browser counts that as the form's doing, and the page lets forms go nowhere else."""
    return render(request, "pay/go.html", {"url": url, "name": name, "shop": shop(), "back": path})


def _to_watchful(request: HttpRequest, url: str, *, name: str, path: str) -> HttpResponse:
    """Tells where it comes from, but the origin alone: the rest of the address is the right to pay."""
    context = {"url": url, "name": name, "shop": shop(), "back": path, "tells_origin": True}
    response = render(request, "pay/go.html", context)
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def _to_form(request: HttpRequest, data: dict[str, str], *, name: str, path: str) -> HttpResponse:
    url, fields = data["url"], [(field, value) for field, value in data.items() if field != "url"]
    context = {"url": url, "fields": fields, "name": name, "shop": shop(), "back": path}
    response = render(request, "pay/form.html", context)
    cast(Any, response)._csp_update = {"form-action": _reach(url)}
    return response


def _reach(url: str) -> list[str]:
    """The gateway, and its neighbours: it may lead the form on to another of its hosts, and browsers ask about that."""
    parts = urlsplit(url)
    _first, _dot, rest = (parts.hostname or "").partition(".")
    here = f"{parts.scheme}://{parts.netloc}"
    has_neighbours = parts.scheme == "https" and "." in rest
    return [here, f"https://*.{rest}"] if has_neighbours else [here]
