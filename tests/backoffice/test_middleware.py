from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import translation

from backoffice.middleware import ChosenLanguage, RealClient


def seen(**meta: Any) -> dict[str, Any]:
    """What stands in the request once RealClient has looked at it."""
    request = RequestFactory().get("/", **meta)
    RealClient(lambda _request: HttpResponse())(request)
    return request.META


class TestRealClient:
    @pytest.fixture(autouse=True)
    def _proxies(self, settings: Any) -> None:
        settings.TRUSTED_PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1"))

    def test_takes_the_address_that_a_trusted_proxy_forwards(self) -> None:
        meta = seen(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9", HTTP_X_FORWARDED_PROTO="https")

        assert (meta["REMOTE_ADDR"], meta["HTTP_X_FORWARDED_PROTO"]) == ("203.0.113.9", "https")

    def test_believes_the_last_stranger_and_nothing_before_it(self) -> None:
        meta = seen(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.1.1.1, 203.0.113.9, 10.0.0.2")

        assert meta["REMOTE_ADDR"] == "203.0.113.9"

    def test_removes_what_a_stranger_claims(self) -> None:
        meta = seen(
            REMOTE_ADDR="203.0.113.9",
            HTTP_X_FORWARDED_FOR="1.1.1.1",
            HTTP_X_FORWARDED_PROTO="https",
            HTTP_X_FORWARDED_HOST="evil.example",
            HTTP_FORWARDED="for=1.1.1.1",
        )

        assert meta["REMOTE_ADDR"] == "203.0.113.9"
        assert not [name for name in meta if "FORWARDED" in name]

    @pytest.mark.parametrize("chain", ["", "unknown", "203.0.113.9, garbage", "10.0.0.3"])
    def test_stays_with_the_proxy_when_the_chain_names_nobody(self, chain: str) -> None:
        assert seen(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=chain)["REMOTE_ADDR"] == "10.0.0.1"

    def test_knows_version_six_addresses(self) -> None:
        assert seen(REMOTE_ADDR="::1", HTTP_X_FORWARDED_FOR="2001:db8::7")["REMOTE_ADDR"] == "2001:db8::7"


def language_for(*, cookie: str = "", browser: str = "en-US,en;q=0.9") -> tuple[str, HttpResponse]:
    request = RequestFactory().get("/", HTTP_ACCEPT_LANGUAGE=browser)
    if cookie:
        request.COOKIES["django_language"] = cookie
    active: list[str] = []

    def view(_request: HttpRequest) -> HttpResponse:
        active.append(translation.get_language() or "")
        return HttpResponse()

    response = ChosenLanguage(view)(request)
    return active[0], response


class TestChosenLanguage:
    def test_is_chinese_whatever_the_browser_says(self) -> None:
        assert language_for(browser="en-US")[0] == "zh-hans"

    def test_is_what_the_person_chose(self) -> None:
        language, response = language_for(cookie="en", browser="zh-CN")

        assert (language, response["Content-Language"], response["Vary"]) == ("en", "en", "Cookie")

    @pytest.mark.parametrize("cookie", ["fr", "../../etc", "x" * 600])
    def test_ignores_a_choice_it_does_not_speak(self, cookie: str) -> None:
        assert language_for(cookie=cookie)[0] == "zh-hans"

    def test_leaves_no_language_behind(self) -> None:
        with translation.override("en"):
            language_for(cookie="zh-hans")
            assert translation.get_language() == "en"
