"""Redis set and dead: staff sign in and work all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from tests.desk import Desk

pytestmark = pytest.mark.django_db

DEAD = {
    "default": {
        "BACKEND": "backoffice.caching.PatientRedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}


@pytest.fixture(autouse=True)
def dead_redis() -> Iterator[None]:
    with override_settings(CACHES=DEAD, SESSION_ENGINE="django.contrib.sessions.backends.cached_db"):
        yield


def test_the_sign_in_page_is_there() -> None:
    assert Client().get("/accounts/login/").status_code == 200


def test_staff_work_on() -> None:
    desk = Desk("owner")

    answers = [desk.get(url).status_code for url in ("/admin/", "/admin/orders/order/", "/admin/payments/payment/")]

    assert answers == [200, 200, 200]


def test_nothing_is_remembered_and_nothing_fails() -> None:
    cache.set("a", 1)

    assert cache.get("a", "nothing") == "nothing"
    assert cache.get_or_set("a", lambda: 2, 60) == 2
    assert (cache.add("a", 1), cache.delete("a"), cache.get_many(["a"])) == (True, False, {})


def test_the_log_says_where_to_look(caplog: pytest.LogCaptureFixture) -> None:
    cache.get("a")

    assert "REDIS_URL" in caplog.text
