"""Who really asks, and in which language they are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import get_supported_language_variant

from .env import Network

Handler = Callable[[HttpRequest], HttpResponse]
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED")


class RealClient:
    """
    Puts the client's own address into REMOTE_ADDR when a trusted proxy forwards it.

    What anybody else says about forwarding is removed before something believes it.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        trusted: Sequence[Network] = settings.TRUSTED_PROXIES
        if _is_in(request.META.get("REMOTE_ADDR", ""), trusted):
            chain = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
            request.META["REMOTE_ADDR"] = _client(chain, trusted) or request.META["REMOTE_ADDR"]
        else:
            for name in FORWARDED:
                request.META.pop(name, None)
        return self.get_response(request)


class ChosenLanguage:
    """Chinese unless the person chose otherwise; what the browser was installed in says little about staff here."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = _chosen_language(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        patch_vary_headers(response, ("Cookie",))
        response.headers.setdefault("Content-Language", language)
        return response


def _chosen_language(request: HttpRequest) -> str:
    cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    try:
        return get_supported_language_variant(cookie)
    except LookupError:
        return settings.LANGUAGE_CODE


def _client(chain: list[str], trusted: Sequence[Network]) -> str | None:
    """The last address that is not one of our proxies: whatever stands before it may be made up."""
    for text in reversed([part.strip() for part in chain]):
        if _address(text) is None:
            return None
        if not _is_in(text, trusted):
            return text
    return None


def _is_in(text: str, networks: Sequence[Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
