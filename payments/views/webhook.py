"""Where gateways send their notifications."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from kernel.clock import now

from .. import services
from ..gateways import InboundRequest

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024


@csrf_exempt  # the gateway's signature stands in for the CSRF token
@require_POST
def notify(request: HttpRequest, webhook_key: str) -> HttpResponse:
    """Hand a gateway its answer. Whether our books agree with the message is not the gateway's concern."""
    body = _read(request)
    if body is None:
        return HttpResponse(status=413)
    inbound = InboundRequest(headers=request.headers, body=body, received_at=now())
    try:
        ack = services.receive_notification(webhook_key=webhook_key, request=inbound)
    except services.WebhookNotFound:
        return HttpResponse(status=404)
    except (DatabaseError, InterfaceError):
        logger.exception("payments.notification.not_stored")
        return HttpResponse(status=503)  # not stored, so not acknowledged: the gateway sends again
    return HttpResponse(ack.body, status=ack.status, content_type=ack.content_type)


def _read(request: HttpRequest) -> bytes | None:
    """The raw bytes, and never the form: Django refuses one that is not UTF-8. None if there are too many."""
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except (UnreadablePostError, RawPostDataException):
        return b""  # the sender hung up: what is left proves nothing, and is refused as such
    return body if len(body) <= MAX_BODY_BYTES else None
