"""What is to be said to whom, as rows; `messages` sends them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Required, TypedDict, Unpack

from django.conf import settings
from django.db.models import Model
from django.template import Context, Engine, engines
from django.utils import translation
from django.utils.translation import gettext as _

from .audit import subject_type
from .models import Message
from .queue import after_commit
from .shop import shop

FOLDERS = {Message.Channel.EMAIL: "mail", Message.Channel.SMS: "sms"}
SUBJECT = "Subject:"
NAMES: dict[str, Any] = {}  # template: what staff call it


class Letter(TypedDict, total=False):
    """A message to somebody outside."""

    template: Required[str]  # templates/mail/<template>.txt or templates/sms/<template>.txt
    channel: Required[str]
    recipient: Required[str]
    context: Required[dict[str, Any]]  # what the template shows; JSON
    effect_key: Required[str]  # the same key is the same message, however often it is written
    subject: Model | None  # the object it is about
    language: str


def write(*, at: datetime, **letter: Unpack[Letter]) -> Message:
    """
    Write a message in this transaction; it is sent once that is committed. The same effect key is the same message.

    Without a recipient it is kept as failed, because the act that causes it must not fail for that.
    """
    reachable = bool(letter["recipient"])
    message, is_new = Message.objects.get_or_create(
        effect_key=letter["effect_key"], defaults=_columns(letter, at=at, reachable=reachable)
    )
    if is_new and reachable:
        after_commit("kernel.deliver_messages")
    return message


def name_letters(**names: Any) -> None:
    """Whoever writes letters says what staff call them; the lists show it."""
    NAMES.update(names)


def name_of(template: str) -> str:
    return str(NAMES.get(template, template))


def render(message: Message) -> tuple[str, str]:
    """The subject line (empty for an SMS) and the text of a message, in its own language."""
    with translation.override(message.language):
        text = _engine().get_template(f"{FOLDERS[Message.Channel(message.channel)]}/{message.template}.txt")
        facts = {**json.loads(message.context_json or "{}"), "shop": shop()}
        written = text.render(Context(facts, autoescape=False)).strip()
    if not written.startswith(SUBJECT):
        return "", written
    first, _newline, rest = written.partition("\n")
    return " ".join(first.removeprefix(SUBJECT).split()), rest.strip()


def _columns(letter: Letter, *, at: datetime, reachable: bool) -> dict[str, Any]:
    subject = letter.get("subject")
    return {
        "channel": letter["channel"],
        "template": letter["template"],
        "language": letter.get("language") or settings.LANGUAGE_CODE,
        "recipient": letter["recipient"],
        "context_json": json.dumps(letter["context"], ensure_ascii=False),
        "subject_type": subject_type(subject) if subject else "",
        "subject_id": str(subject.pk) if subject else "",
        "state": Message.State.QUEUED if reachable else Message.State.FAILED,
        "last_error": "" if reachable else _("There is no address to send it to."),
        "due_at": at,
        "created_at": at,
    }


def _engine() -> Engine:
    engine: Engine = engines["django"].engine  # type: ignore[attr-defined]
    return engine
