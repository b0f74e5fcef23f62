from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from wsgiref.types import StartResponse, WSGIEnvironment

from sandbox import api, gateways
from sandbox.box import Box, Options
from sandbox.clock import Clock
from sandbox.courier import Answer, Courier, Letter, post
from sandbox.faults import WrongFault
from sandbox.gateway import NUMBER, Route
from sandbox.pages import page
from sandbox.web import BadRequest, NotFound, Request, Response, reply, send, text

log = logging.getLogger("sandbox")
OWN_ROUTES: tuple[Route, ...] = (
    ("GET", r"/", api.home),
    ("POST", r"/control", api.press),
    ("GET", r"/healthz", lambda box, request: text("ok")),
    ("GET", r"/sandbox/credentials\.json", api.credentials),
    ("GET", r"/sandbox/credentials/broken\.json", api.broken_sets),
    ("GET", r"/sandbox/accounts", api.accounts),
    ("POST", r"/sandbox/accounts", api.new_account),
    ("GET", r"/sandbox/faults\.json", api.catalogue),
    ("GET", r"/sandbox/controls", api.controls),
    ("POST", r"/sandbox/controls", api.switch_on),
    ("DELETE", r"/sandbox/controls", api.switch_off),
    ("DELETE", r"/sandbox/controls/(?P<control_id>[0-9]+)", api.switch_off),
    ("GET", r"/sandbox/clock", api.clock),
    ("POST", r"/sandbox/clock", api.put_clock),
    ("GET", r"/sandbox/status\.json", api.status),
    ("GET", r"/sandbox/ledger\.json", api.ledger),
    ("GET", r"/sandbox/notifications\.json", api.notifications),
    ("POST", r"/sandbox/notifications/(?P<notification_id>[0-9]+)/resend", api.resend),
    ("GET", r"/sandbox/requests\.json", api.requests),
    ("POST", r"/sandbox/trades/bulk_create", api.bulk_create),
    ("POST", r"/sandbox/trades/bulk_pay", api.bulk_pay),
    ("GET", rf"/sandbox/trades/{NUMBER}", api.trade),
    ("POST", rf"/sandbox/trades/{NUMBER}/(?P<action>[a-z]+)", api.act),
)
ROUTES = (*(route for gateway in gateways.KNOWN.values() for route in gateway.routes), *OWN_ROUTES)
COMPILED = tuple((methods.split("|"), re.compile(path), serve) for methods, path, serve in ROUTES)
SENDERS = {gateway.code: gateway.sender for gateway in gateways.KNOWN.values()}


@dataclass(frozen=True)
class Sandbox:
    """The whole of it: one WSGI application and the courier that notifies."""

    box: Box
    courier: Courier

    @classmethod
    def open(cls, options: Options, *, clock: Clock | None = None, post: Callable[[Letter], Answer] = post) -> Sandbox:
        box = Box.open(options, clock=clock)
        return cls(box=box, courier=Courier(box=box, senders=SENDERS, post=post))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        return send(self.respond(Request.of(environ)), environ, start_response)

    def respond(self, request: Request) -> Response:
        try:
            return self._serve(request)
        except NotFound as error:
            if request.path.startswith("/sandbox/"):
                return reply({"error": f"Nothing is known as {error}."}, status=404)
            return replace(page("missing", language=request.language), status=404)
        except (BadRequest, WrongFault) as error:
            return reply({"error": str(error)}, status=400)

    def _serve(self, request: Request) -> Response:
        for methods, path, serve in COMPILED:
            match = path.fullmatch(request.path)
            if match and request.method in methods:
                return serve(self.box, request, **match.groupdict())
        raise NotFound(request.path)

    def close(self) -> None:
        self.courier.stop()
        self.box.store.close()
