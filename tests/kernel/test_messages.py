from __future__ import annotations

import smtplib
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from pytest_django import Settings

from kernel import messages, transports
from kernel.messages import deliver_messages, render, write
from kernel.models import Alert, AuditEntry, Message, ShopSettings, User
from kernel.transports import ConsoleSms, MemorySms, TransportError
from tests.helpers import NOON, frozen

pytestmark = pytest.mark.django_db

MAIL = "{% load i18n %}Subject: {{ shop.name }}: {{ order_no }}\n\n{% translate 'Shipped' %} & <b>{{ note }}</b>\n"
SMS = "{{ shop.name }} {{ url }}\n"


@pytest.fixture(autouse=True)
def _templates(settings: Settings) -> None:
    loader = (
        "django.template.loaders.locmem.Loader",
        {"mail/test.txt": MAIL, "sms/test.txt": SMS, "mail/alert.txt": MAIL},
    )
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [loader]}}
    ]
    settings.SMS_BACKEND = "kernel.transports.MemorySms"
    MemorySms.sent.clear()


def letter(**changed: Any) -> Message:
    facts: dict[str, Any] = {
        "template": "test",
        "channel": "email",
        "recipient": "li@example.com",
        "context": {"order_no": "202611220001", "note": "张三 & 'co'", "url": "https://x/pay/t"},
        "effect_key": "order_shipped:1",
        "subject": None,
        **changed,
    }
    return write(at=NOON, **facts)


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def send(message: Message) -> None:
        raise error

    monkeypatch.setattr(transports, "send", send)


class TestWriting:
    def test_the_same_effect_is_one_message(self) -> None:
        assert letter() == letter(recipient="other@example.com")
        assert Message.objects.get().recipient == "li@example.com"

    def test_keeps_recipient_and_contents_sealed(self) -> None:
        letter()

        row = Message.objects.values().get()
        assert "example.com" not in str(row)
        assert "202611220001" not in str(row)

    def test_knows_what_it_is_about(self) -> None:
        about = User.objects.create(username="lin")
        letter(subject=about)

        message = Message.objects.get()
        assert (message.subject_type, message.subject_id) == ("kernel.user", str(about.pk))

    def test_without_an_address_it_is_kept_as_failed_and_stops_nobody(self) -> None:
        message = letter(recipient="")
        deliver_messages(at=NOON)

        assert (message.state, bool(message.last_error)) == ("failed", True)
        assert mail.outbox == []


class TestRendering:
    def test_speaks_the_language_of_the_message(self) -> None:
        assert render(letter(language="en"))[1].startswith("Shipped")

    def test_is_plain_text(self) -> None:
        assert render(letter())[1].endswith("& <b>张三 & 'co'</b>")

    def test_a_subject_line_cannot_grow_a_header(self) -> None:
        ShopSettings.objects.create(pk=1, name="Shop\nBcc: a@b")

        assert "\n" not in render(letter())[0]


class TestSending:
    def test_an_email_goes_out_once(self) -> None:
        letter()

        assert [deliver_messages(at=NOON) for _ in range(3)] == [1, 0, 0]
        [sent] = mail.outbox
        assert (sent.to, sent.subject) == (["li@example.com"], f"{ShopSettings().name}: 202611220001")
        assert (Message.objects.get().state, Message.objects.get().sent_at) == ("sent", NOON)

    def test_an_sms_carries_the_key_that_tells_a_repetition(self) -> None:
        letter(channel="sms", recipient="13800138000")
        deliver_messages(at=NOON)

        [(recipient, text, key)] = MemorySms.sent
        assert (recipient, text.endswith("https://x/pay/t"), key) == ("13800138000", True, "order_shipped:1")

    def test_a_message_whose_worker_died_is_due_again_when_the_lease_is_over(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        letter()
        with monkeypatch.context() as patch, frozen():
            patch.setattr(transports, "send", _dies)
            with pytest.raises(KeyboardInterrupt):
                deliver_messages(at=NOON)
            assert deliver_messages(at=NOON + timedelta(seconds=119)) == 0
        deliver_messages(at=NOON + timedelta(seconds=120))

        assert len(mail.outbox) == 1

    def test_two_workers_that_see_it_at_once_send_it_once(self) -> None:
        first = letter()
        second = Message.objects.get()

        assert [messages._deliver(first, at=NOON), messages._deliver(second, at=NOON)] == [True, False]
        assert len(mail.outbox) == 1

    def test_a_worker_whose_lease_is_over_writes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        letter()
        monkeypatch.setattr(transports, "send", lambda _message: Message.objects.update(attempt=2))
        deliver_messages(at=NOON)

        assert Message.objects.get().state == "queued"

    def test_is_tried_again_with_growing_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        letter()
        fail_with(monkeypatch, TransportError("SMTPServerDisconnected"))
        with frozen():
            deliver_messages(at=NOON)

        message = Message.objects.get()
        assert (message.due_at - NOON, message.last_error) == (timedelta(minutes=2), "SMTPServerDisconnected")

    def test_is_given_up_after_eight_attempts_and_somebody_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        letter()
        fail_with(monkeypatch, TransportError("no"))
        with frozen():
            for hours in range(10):
                deliver_messages(at=NOON + timedelta(hours=hours))

        assert (Message.objects.get().state, Message.objects.get().attempt) == ("failed", 8)
        assert Alert.objects.get().kind == "message_failed"

    def test_given_up_it_can_be_sent_again_and_that_is_on_record(self) -> None:
        lin = User.objects.create(username="lin")
        message = letter()
        Message.objects.update(state="failed", attempt=8)

        assert messages.send_again(message_ids=[message.pk], by=lin, at=NOON) == 1
        deliver_messages(at=NOON)

        assert (len(mail.outbox), AuditEntry.objects.get().by) == (1, lin)

    def test_an_alert_that_cannot_be_mailed_raises_no_alert(self, monkeypatch: pytest.MonkeyPatch) -> None:
        letter(template="alert")
        Message.objects.update(attempt=7)
        fail_with(monkeypatch, TransportError("no"))
        with frozen():
            deliver_messages(at=NOON)

        assert Message.objects.get().state == "failed"
        assert not Alert.objects.exists()

    def test_errors_name_no_recipient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        letter()
        monkeypatch.setattr(mail.EmailMessage, "send", _refuses)
        deliver_messages(at=NOON)
        letter(effect_key="b")
        fail_with(monkeypatch, ValueError("bad address li@example.com"))
        deliver_messages(at=NOON)

        errors = list(Message.objects.order_by("pk").values_list("last_error", flat=True))
        assert errors == ["SMTPRecipientsRefused", "ValueError: bad address ***"]

    def test_a_template_that_is_missing_stops_no_other_message(self) -> None:
        letter(template="no_such", effect_key="a")
        letter(effect_key="b")
        deliver_messages(at=NOON)

        assert len(mail.outbox) == 1
        assert "TemplateDoesNotExist" in Message.objects.get(effect_key="a").last_error


class TestConsoleSms:
    def printed(self, monkeypatch: pytest.MonkeyPatch) -> str:
        stream = StringIO()
        monkeypatch.setattr(ConsoleSms, "stream", stream)
        ConsoleSms().send(recipient="13800138000", text="Pay: https://x/pay/t", key="k")
        return stream.getvalue()

    def test_shows_the_text_and_no_whole_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.printed(monkeypatch) == "SMS 138****8000: Pay: https://x/pay/t\n"

    def test_shows_no_text_in_production(self, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        settings.PRODUCTION = True

        assert "pay" not in self.printed(monkeypatch)


def _dies(_message: Message) -> None:
    raise KeyboardInterrupt


def _refuses(_email: object) -> None:
    raise smtplib.SMTPRecipientsRefused({"li@example.com": (550, b"no such user li@example.com")})
