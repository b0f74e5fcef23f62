"""How a message leaves the house. A transport says TransportError, and the message is tried again later."""

from __future__ import annotations

import smtplib
import sys
from typing import ClassVar, Protocol, TextIO

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.module_loading import import_string

from .letters import render
from .models import Message
from .phones import mask_phone

CONSOLE_SMS = "kernel.transports.ConsoleSms"


class TransportError(Exception):
    """It did not leave, or nobody knows. The text names no recipient."""


class SmsBackend(Protocol):
    """Settings name one in SMS_BACKEND. `key` lets a provider recognise a message that it is given twice."""

    def send(self, *, recipient: str, text: str, key: str) -> None:
        """:raises TransportError: if it was not taken"""


class ConsoleSms:
    """Prints instead of sending, for a shop without a provider; a production's console must not know the text."""

    stream: ClassVar[TextIO | None] = None

    def send(self, *, recipient: str, text: str, key: str) -> None:
        shown = f"({len(text)} characters)" if getattr(settings, "PRODUCTION", False) else text
        print(f"SMS {mask_phone(recipient)}: {shown}", file=self.stream or sys.stdout, flush=True)


class MemorySms:
    """Keeps what it is given, for tests."""

    sent: ClassVar[list[tuple[str, str, str]]] = []

    def send(self, *, recipient: str, text: str, key: str) -> None:
        self.sent.append((recipient, text, key))


def send(message: Message) -> None:
    """
    Hand a message to its provider, in no transaction.

    :raises TransportError: if it was not taken; then it may be sent again with the same key
    """
    if message.channel == Message.Channel.SMS:
        _sms_backend().send(recipient=message.recipient, text=render(message)[1], key=message.effect_key)
    else:
        _send_email(message)


def _send_email(message: Message) -> None:
    subject, text = render(message)
    email = EmailMessage(subject, text, to=[message.recipient], headers={"X-Effect-Key": message.effect_key})
    try:
        email.send()
    except smtplib.SMTPResponseException as error:
        raise TransportError(f"{type(error).__name__} {error.smtp_code}") from error
    except OSError as error:  # SMTPException is one
        raise TransportError(type(error).__name__) from error


def _sms_backend() -> SmsBackend:
    backend: SmsBackend = import_string(getattr(settings, "SMS_BACKEND", CONSOLE_SMS))()
    return backend
