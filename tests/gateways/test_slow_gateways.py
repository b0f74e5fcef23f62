"""Over real sockets: a gateway that takes a call and says nothing, or next to nothing."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic

import httpx
import pytest

from payments.gateways import transport
from payments.gateways.breaker import ENOUGH, Breaker
from payments.gateways.transport import HttpTransport, TransportError

QUICK, TOTAL = 0.3, 1.0  # seconds, in place of 10 and 20
SLACK = 5.0  # two cores may be busy with other tests


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(QUICK))
    monkeypatch.setattr(transport, "TOTAL_SECONDS", TOTAL)
    monkeypatch.setattr(transport, "_clients", {})
    monkeypatch.setattr(transport, "_breakers", defaultdict(Breaker))


@contextmanager
def gateway(answer: Callable[[socket.socket, Event], None]) -> Iterator[tuple[str, list[socket.socket]]]:
    """Its address, and the calls that it took."""
    over, calls = Event(), list[socket.socket]()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                call, _address = listener.accept()
                calls.append(call)
                Thread(target=answer, args=(call, over), daemon=True).start()

    Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", calls
    finally:
        over.set()
        listener.close()
        for call in calls:
            call.close()


def say_nothing(_call: socket.socket, over: Event) -> None:
    over.wait()


def drip(call: socket.socket, over: Event) -> None:
    """A byte at a time, each well within every single time-out."""
    with suppress(OSError):
        call.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not over.wait(QUICK / 3):
            call.sendall(b"x")


def ask(address: str) -> tuple[str, float]:
    started = monotonic()
    with pytest.raises(TransportError) as told:
        HttpTransport(address=address).send(method="POST", url=address, headers={}, content=b"asked")
    return told.value.code, monotonic() - started


@pytest.mark.parametrize(("answer", "seconds"), [(say_nothing, QUICK), (drip, TOTAL)])
def test_is_not_waited_for_longer_than_promised(answer: Callable[[socket.socket, Event], None], seconds: float) -> None:
    with gateway(answer) as (address, _calls):
        code, waited = ask(address)

    assert code == "transport.timeout"
    assert seconds * 0.9 <= waited < seconds + SLACK


@pytest.mark.parametrize("answer", [say_nothing, drip])
def test_is_left_alone_after_three_calls(answer: Callable[[socket.socket, Event], None]) -> None:
    with gateway(answer) as (address, calls):
        codes = [ask(address)[0] for _call in range(ENOUGH + 3)]

        assert codes == ["transport.timeout"] * ENOUGH + ["transport.resting"] * 3
        assert len(calls) == ENOUGH
