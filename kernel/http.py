"""What every request carries: a trace id, and the address that it really came from."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse

from .trace import tracing

TRACE_HEADER = "X-Trace-Id"


class TraceMiddleware:
    """Work on the request under a new trace id, and tell it in the answer. Stands behind the real-client middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tracing(address=client_address(request)) as trace_id:
            response = self.get_response(request)
        response.headers[TRACE_HEADER] = trace_id
        return response


def client_address(request: HttpRequest) -> str | None:
    """The client's address as the trusted proxies tell it; None if it came over no network (a socket file)."""
    given = request.META.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(given))
    except ValueError:
        return None
