"""The one door to a gateway: bounded in time and size, to known hosts alone, and never inside a transaction."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from threading import Lock
from time import monotonic
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from django.db import connections

from .breaker import Breaker

TIMEOUT = httpx.Timeout(connect=3, read=10, write=10, pool=3)
TOTAL_SECONDS = 20  # a gateway that sends a byte a second keeps within every single time-out
MAX_ANSWER_BYTES = 1024 * 1024
FILE_SECONDS = 300
MAX_FILE_BYTES = 64 * 1024 * 1024
SPOOLED_BYTES = 1024 * 1024  # what of a file is held in memory while it comes


class TransportError(Exception):
    """
    No usable answer. Whether the request was carried out, only a query can tell.

    :param code: `transport.timeout`, `.unreachable`, `.too_large` or `.broken`; `.resting` if nothing was sent, for
        the gateway does not answer others
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NetworkInTransaction(RuntimeError):
    """A slow gateway would hold our locks, and a rollback would not take the call back."""


class HostNotAllowed(RuntimeError):
    """The address is not the gateway of this account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    def send(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        """
        :raises TransportError: if no usable answer came
        :raises NetworkInTransaction: if called inside a transaction
        """


_tolerated_blocks: ContextVar[int] = ContextVar("tolerated_blocks", default=0)


@contextmanager
def tolerate_blocks(count: int) -> Iterator[None]:
    """For tests that wrap themselves in transactions of their own making. Django's own wrappers need no leave."""
    token = _tolerated_blocks.set(count)
    try:
        yield
    finally:
        _tolerated_blocks.reset(token)


def guard_no_transaction() -> None:
    """
    Make sure that no transaction is open. The wrapper that Django's test case puts around a test does not count.

    :raises NetworkInTransaction: if one is
    """
    for connection in connections.all(initialized_only=True):
        blocks = [block for block in connection.atomic_blocks if not getattr(block, "_from_testcase", False)]
        if len(blocks) > _tolerated_blocks.get():
            raise NetworkInTransaction(f"a transaction is open on “{connection.alias}”")


class HttpTransport:
    """
    :param address: the gateway's; requests go to its scheme, host and port alone
    :param max_bytes: of an answer, beyond which it is not taken
    """

    def __init__(self, *, address: str, max_bytes: int | None = None) -> None:
        self.origin = _origin(address)
        self.max_bytes = max_bytes or MAX_ANSWER_BYTES

    def send(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        guard_no_transaction()
        if _origin(url) != self.origin:
            raise HostNotAllowed(_origin(url))
        with _patiently(self.origin), _named_errors():
            return self._exchange(method=method, url=url, headers=headers, content=content)

    def _exchange(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        with _client(self.origin).stream(method, url, headers=dict(headers), content=content) as answer:
            body = bytearray()
            for chunk in _bounded(answer, limit=self.max_bytes, seconds=TOTAL_SECONDS):
                body += chunk
            return Response(status=answer.status_code, headers=dict(answer.headers), body=bytes(body))


class FileSource(Protocol):
    def fetch(self, *, url: str) -> Response:
        """
        :raises TransportError: if no whole file came
        :raises HostNotAllowed: if it is not there that this gateway keeps files
        :raises NetworkInTransaction: if called inside a transaction
        """


class FileTransport:
    """
    Fetches a file from where a gateway says it is. Nothing that is ours goes along: the address itself is the right.

    :param is_allowed: whether an address may be fetched from; it is not chosen by us
    """

    def __init__(self, *, is_allowed: Callable[[str], bool]) -> None:
        self._is_allowed = is_allowed

    def fetch(self, *, url: str) -> Response:
        guard_no_transaction()
        if not self._is_allowed(url):
            raise HostNotAllowed(_origin(url))
        with (
            _named_errors(),
            _new_client() as client,  # seldom used, and for a host of its own: not kept
            client.stream("GET", url) as answer,
            SpooledTemporaryFile(max_size=SPOOLED_BYTES) as kept,
        ):
            for chunk in _bounded(answer, limit=MAX_FILE_BYTES, seconds=FILE_SECONDS):
                kept.write(chunk)
            kept.seek(0)
            return Response(status=answer.status_code, headers=dict(answer.headers), body=kept.read())


@contextmanager
def _named_errors() -> Iterator[None]:
    """:raises TransportError: for whatever went wrong on the way"""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TransportError("transport.timeout", type(error).__name__) from error
    except httpx.ConnectError as error:
        raise TransportError("transport.unreachable", str(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise TransportError("transport.broken", type(error).__name__) from error


def _bounded(answer: httpx.Response, *, limit: int, seconds: float) -> Iterator[bytes]:
    deadline, size = monotonic() + seconds, 0
    for chunk in answer.iter_bytes():
        size += len(chunk)
        if size > limit:
            raise TransportError("transport.too_large", f"more than {limit} bytes")
        if monotonic() > deadline:
            raise TransportError("transport.timeout", f"unfinished after {seconds} s")
        yield chunk


_breakers: defaultdict[str, Breaker] = defaultdict(Breaker)


@contextmanager
def _patiently(origin: str) -> Iterator[None]:
    """:raises TransportError: if the gateway rests, or too many wait for it already"""
    breaker = _breakers[origin]
    if not breaker.enter():
        raise TransportError("transport.resting", "it does not answer others, and is asked again within half a minute")
    try:
        yield
    except TransportError as error:
        if error.code == "transport.timeout":
            breaker.timed_out()
        raise
    else:
        breaker.answered()
    finally:
        breaker.leave()


_clients: dict[tuple[int, str], httpx.Client] = {}
_clients_lock = Lock()


def _client(origin: str) -> httpx.Client:
    """One per process and gateway: a client inherited through a fork would share its sockets."""
    key = (os.getpid(), origin)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = _new_client()
        return _clients[key]


def _new_client() -> httpx.Client:
    return httpx.Client(
        timeout=TIMEOUT,
        transport=httpx.HTTPTransport(retries=0, http1=True, http2=False, trust_env=False),
        trust_env=False,
        follow_redirects=False,
        headers={"accept-encoding": "identity", "user-agent": "merchant-backoffice"},
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
