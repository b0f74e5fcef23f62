from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

import httpx
import pytest
import respx
from django.db import transaction

from payments.gateways import NetworkInTransaction, guard_no_transaction, transport
from payments.gateways.breaker import ENOUGH, Breaker
from payments.gateways.transport import (
    FileTransport,
    HostNotAllowed,
    HttpTransport,
    Response,
    TransportError,
    tolerate_blocks,
)

ADDRESS = "https://pay.example/gateway.do"


@pytest.fixture(autouse=True)
def _no_clients_from_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_clients", {})
    monkeypatch.setattr(transport, "_breakers", defaultdict(Breaker))


@pytest.fixture
def network() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def send(url: str = ADDRESS) -> Response:
    return HttpTransport(address=ADDRESS).send(
        method="POST", url=url, headers={"content-type": "text/plain"}, content=b"asked"
    )


def code_of_failure() -> str:
    with pytest.raises(TransportError) as told:
        send()
    return told.value.code


class TestHttpTransport:
    def test_sends_the_bytes_and_brings_the_bytes(self, network: respx.MockRouter) -> None:
        route = network.post(ADDRESS).respond(502, content=b"\xff", headers={"X-It": "1"})

        answer = send()

        assert (answer.status, answer.body, answer.headers["x-it"]) == (502, b"\xff", "1")
        assert route.calls.last.request.content == b"asked"

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (httpx.ReadTimeout("slow"), "transport.timeout"),
            (httpx.ConnectTimeout("slow"), "transport.timeout"),
            (httpx.ConnectError("refused"), "transport.unreachable"),
            (httpx.RemoteProtocolError("hung up"), "transport.broken"),
            (httpx.ReadError("reset"), "transport.broken"),
        ],
    )
    def test_names_what_went_wrong(self, network: respx.MockRouter, error: Exception, code: str) -> None:
        network.post(ADDRESS).mock(side_effect=error)

        with pytest.raises(TransportError) as told:
            send()

        assert told.value.code == code

    def test_sends_once_only(self, network: respx.MockRouter) -> None:
        route = network.post(ADDRESS).mock(side_effect=httpx.ConnectError("refused"))

        with pytest.raises(TransportError):
            send()

        assert route.call_count == 1

    def test_stops_reading_an_endless_answer(self, network: respx.MockRouter, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 10)
        network.post(ADDRESS).respond(content=b"x" * 11)

        with pytest.raises(TransportError) as told:
            send()

        assert told.value.code == "transport.too_large"

    def test_gives_up_on_an_answer_that_drips(self, network: respx.MockRouter, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "TOTAL_SECONDS", -1)
        network.post(ADDRESS).respond(content=b"x")

        with pytest.raises(TransportError) as told:
            send()

        assert told.value.code == "transport.timeout"

    def test_follows_no_redirect(self, network: respx.MockRouter) -> None:
        network.post(ADDRESS).respond(302, headers={"Location": "http://169.254.169.254/"})

        assert send().status == 302

    @pytest.mark.parametrize(
        "url",
        [
            "http://pay.example/gateway.do",
            "https://pay.example:444/",
            "https://169.254.169.254/",
            "https://pay.example@evil/",
        ],
    )
    def test_goes_to_the_gateway_of_the_account_alone(self, network: respx.MockRouter, url: str) -> None:
        with pytest.raises(HostNotAllowed):
            send(url)

        assert not network.calls

    def test_keeps_one_client_for_a_host_and_makes_a_new_one_after_a_fork(
        self, network: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        network.post(ADDRESS).respond(200)
        send()
        send()
        assert len(transport._clients) == 1

        monkeypatch.setattr(os, "getpid", lambda: -1)
        send()
        assert len(transport._clients) == 2

    def test_leaves_a_gateway_alone_that_does_not_answer(self, network: respx.MockRouter) -> None:
        route = network.post(ADDRESS).mock(side_effect=httpx.ReadTimeout("slow"))

        codes = [code_of_failure() for _call in range(ENOUGH + 2)]

        assert codes == ["transport.timeout"] * ENOUGH + ["transport.resting"] * 2
        assert route.call_count == ENOUGH

    def test_leaves_no_other_gateway_alone_for_that(self, network: respx.MockRouter) -> None:
        network.post(ADDRESS).mock(side_effect=httpx.ReadTimeout("slow"))
        other = network.post("https://other.example/").respond(200)
        [code_of_failure() for _call in range(ENOUGH)]

        HttpTransport(address="https://other.example/").send(
            method="POST", url="https://other.example/", headers={}, content=b""
        )

        assert other.call_count == 1

    @pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.RemoteProtocolError("hung up")])
    def test_goes_on_asking_where_nobody_has_to_wait(self, network: respx.MockRouter, error: Exception) -> None:
        route = network.post(ADDRESS).mock(side_effect=error)

        [code_of_failure() for _call in range(ENOUGH + 2)]

        assert route.call_count == ENOUGH + 2

    def test_waits_no_longer_than_promised(self, network: respx.MockRouter) -> None:
        route = network.post(ADDRESS).respond(200)

        send()

        timeouts = route.calls.last.request.extensions["timeout"]
        assert timeouts == {"connect": 3, "read": 10, "write": 10, "pool": 3}


@pytest.mark.django_db
class TestGuardNoTransaction:
    def test_lets_calls_through_in_a_test_that_django_wraps(self) -> None:
        guard_no_transaction()

    def test_stops_a_call_inside_a_transaction(self, network: respx.MockRouter) -> None:
        route = network.post(ADDRESS).respond(200)

        with transaction.atomic(), pytest.raises(NetworkInTransaction):
            send()

        assert route.call_count == 0

    def test_stops_a_call_inside_a_transaction_without_savepoint(self) -> None:
        with transaction.atomic(savepoint=False), pytest.raises(NetworkInTransaction):
            guard_no_transaction()

    def test_tolerates_as_many_blocks_as_a_test_asks_for(self) -> None:
        with transaction.atomic(), tolerate_blocks(1):
            guard_no_transaction()
            with transaction.atomic(), pytest.raises(NetworkInTransaction):
                guard_no_transaction()


@pytest.mark.django_db(transaction=True)
class TestGuardNoTransactionUnwrapped:
    def test_stops_a_call_inside_a_transaction(self) -> None:
        guard_no_transaction()
        with transaction.atomic(), pytest.raises(NetworkInTransaction):
            guard_no_transaction()


class TestFileTransport:
    def fetch(self, url: str = "https://files.example/a.zip") -> Response:
        return FileTransport(is_allowed=lambda it: it.startswith("https://files.example/")).fetch(url=url)

    def test_brings_the_file_and_sends_nothing_of_ours_along(self, network: respx.MockRouter) -> None:
        route = network.get("https://files.example/a.zip").respond(content=b"PK")

        assert self.fetch().body == b"PK"
        assert not {"authorization", "cookie"} & {name.lower() for name in route.calls.last.request.headers}

    @pytest.mark.parametrize("url", ["http://files.example/a.zip", "https://elsewhere.example/"])
    def test_goes_nowhere_else(self, network: respx.MockRouter, url: str) -> None:
        with pytest.raises(HostNotAllowed):
            self.fetch(url)

    def test_follows_no_redirect(self, network: respx.MockRouter) -> None:
        network.get("https://files.example/a.zip").respond(302, headers={"location": "https://elsewhere.example/"})

        assert self.fetch().status == 302

    def test_takes_no_more_than_the_limit(self, network: respx.MockRouter, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "MAX_FILE_BYTES", 10)
        network.get("https://files.example/a.zip").respond(content=b"x" * 11)

        with pytest.raises(TransportError) as told:
            self.fetch()

        assert told.value.code == "transport.too_large"
