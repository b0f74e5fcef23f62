from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

BODY_LIMIT = 8_000_000
FORM = "application/x-www-form-urlencoded"
HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class NotFound(Exception):
    """Nothing is at this address."""


class BadRequest(Exception):
    """The sandbox's own interface was used wrongly; the text says how."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    languages: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # by lower-case name
    sent_target: str = ""  # path and query exactly as they came over the wire
    address: str = ""  # of who asks

    @property
    def target(self) -> str:
        return self.sent_target or self.path + (f"?{self.query}" if self.query else "")

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> Request:
        length = min(int(environ.get("CONTENT_LENGTH") or 0), BODY_LIMIT)
        return cls(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace"),
            query=environ.get("QUERY_STRING", ""),
            body=environ["wsgi.input"].read(length) if length else b"",
            content_type=environ.get("CONTENT_TYPE", ""),
            languages=environ.get("HTTP_ACCEPT_LANGUAGE", ""),
            headers=_headers(environ),
            sent_target=environ.get("sandbox.target", ""),
            address=environ.get("REMOTE_ADDR", ""),
        )

    def pairs(self, *, charset: str = "utf-8") -> list[tuple[str, str]]:
        """
        The parameters of the query string and of a form body, in order.

        :raises UnicodeDecodeError: if they are not in this charset
        """
        sent = [self.query]
        if self.content_type.startswith(FORM):
            sent.append(self.body.decode("latin-1"))
        return [
            pair for text in sent for pair in parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict")
        ]

    @cached_property
    def params(self) -> dict[str, str]:
        """:raises BadRequest: if they are not UTF-8"""
        try:
            return dict(self.pairs())
        except UnicodeDecodeError as error:
            raise BadRequest(f"The parameters are not UTF-8: {error}") from error

    def number(self, name: str) -> int:
        """
        A parameter that is a whole number; 0 if it was not given.

        :raises BadRequest: if it is something else
        """
        given = self.params.get(name) or "0"
        if not (given.isascii() and given.isdecimal()):
            raise BadRequest(f"{name} must be a whole number, not {given!r}.")
        return int(given)

    def json(self) -> dict[str, Any]:
        """
        The JSON object in the body; an empty body is an empty object.

        :raises BadRequest: if it is something else
        """
        try:
            content = json.loads(self.body or b"{}")
        except ValueError as error:
            raise BadRequest(f"The body is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise BadRequest("The body must be a JSON object.")
        return content

    @property
    def language(self) -> str:
        """`zh` or `en`; `?lang=` wins, and who asks for neither gets Chinese."""
        asked = self.params.get("lang") or self.languages
        wishes = [wish.strip().lower() for wish in asked.split(",")]
        return next((wish[:2] for wish in wishes if wish.startswith(("zh", "en"))), "zh")


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    named = {
        name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))
    }
    return {name.lower().replace("_", "-"): value for name, value in named.items()}


@dataclass(frozen=True)
class Response:
    body: bytes = b""
    status: int = 200
    content_type: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False  # close the connection and say nothing


def text(content: str, *, status: int = 200, content_type: str = HTML, charset: str = "utf-8") -> Response:
    return Response(content.encode(charset, "xmlcharrefreplace"), status, content_type)


def reply(content: object, *, status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n", status, JSON)


def redirect(url: str, *, status: int = 302) -> Response:
    return Response(status=status, headers={"Location": url})


def send(response: Response, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    if response.hang_up:
        hang_up: Callable[[], None] = environ["sandbox.hang_up"]
        hang_up()
    phrase = HTTPStatus(response.status).phrase
    headers = SAFE_HEADERS | {"Content-Type": response.content_type, "Content-Length": str(len(response.body))}
    start_response(f"{response.status} {phrase}", list((headers | dict(response.headers)).items()))
    return [response.body]
