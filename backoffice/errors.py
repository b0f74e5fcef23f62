"""What people see when something is refused or goes wrong: a sentence, and the trace id that finds it in the log."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError, VersionConflict
from kernel.trace import current_trace_id

TITLES: dict[HTTPStatus, tuple[Any, Any]] = {
    HTTPStatus.BAD_REQUEST: (_("That request cannot be read"), _("Go back, load the page again and repeat it.")),
    HTTPStatus.FORBIDDEN: (
        _("Your role may not do this"),
        _("Ask an owner if you need it, or sign in as somebody else."),
    ),
    HTTPStatus.NOT_FOUND: (_("There is nothing here"), _("The address is wrong, or what was here is gone.")),
    HTTPStatus.CONFLICT: (_("Somebody else was faster"), ""),
    HTTPStatus.UNPROCESSABLE_ENTITY: (_("This cannot be done"), ""),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        _("Something went wrong on our side"),
        _("Nothing was half done. Try again; if it stays, tell whoever runs the shop the trace id."),
    ),
}


class Refusals:
    """A refusal that no page has caught becomes a page of its own, not an error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        is_conflict = isinstance(exception, VersionConflict)
        status = HTTPStatus.CONFLICT if is_conflict else HTTPStatus.UNPROCESSABLE_ENTITY
        return page(request, status, text=str(exception))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, HTTPStatus.BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    return page(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def page(request: HttpRequest, status: HTTPStatus, *, text: str = "") -> HttpResponse:
    """Stands on nothing that may have failed: no database, no session, no theme."""
    title, advice = TITLES[status]
    context = {"status": int(status), "title": title, "text": text or advice, "trace_id": current_trace_id()}
    return render(request, "backoffice/error.html", context, status=status)
