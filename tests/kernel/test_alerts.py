from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.utils import translation
from django.utils.translation import gettext_lazy

from kernel.alerts import acknowledge, raise_alert, resolve
from kernel.messages import deliver_messages
from kernel.models import Alert, AuditEntry, Message, ShopSettings, User
from tests.helpers import NOON, rolled_back

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


def alarm(**changed: Any) -> Alert:
    facts: dict[str, Any] = {
        "kind": "timer_failed",
        "subject": "orders.close",
        "severity": "critical",
        "text": "It failed.",
    }
    return raise_alert(**{**facts, "at": NOON, **changed})


class TestRaising:
    def test_the_same_thing_again_is_counted_and_not_told_again(self) -> None:
        ShopSettings.objects.create(pk=1, alert_email="owner@example.com")
        alarm()
        alarm(at=LATER, text="It failed again.", evidence={"error": "disk full"})

        alert = Alert.objects.get()
        assert (alert.times, alert.opened_at, alert.last_seen_at) == (2, NOON, LATER)
        assert (alert.text, alert.evidence) == ("It failed again.", {"error": "disk full"})
        assert Message.objects.count() == 1

    def test_another_subject_is_another_alert(self) -> None:
        alarm()
        alarm(subject="orders.remind")

        assert Alert.objects.count() == 2

    def test_after_it_was_resolved_it_opens_anew(self) -> None:
        alarm()
        resolve(kind="timer_failed", subject="orders.close", at=NOON)
        alarm(at=LATER)

        assert Alert.objects.filter(resolved_at=None).get().opened_at == LATER

    def test_is_worded_in_the_shops_language_whoever_raises_it(self) -> None:
        with translation.override("en"):
            alert = alarm(text=gettext_lazy("Yes"))
        with translation.override("zh-hans"):
            assert alert.text == str(gettext_lazy("Yes"))

    def test_leaves_no_message_when_its_transaction_is_rolled_back(self) -> None:
        ShopSettings.objects.create(pk=1, alert_email="owner@example.com")
        with rolled_back():
            alarm()

        assert (Alert.objects.count(), Message.objects.count()) == (0, 0)


class TestTelling:
    def recipients(self) -> list[str]:
        return sorted(message.recipient for message in Message.objects.all())

    def test_goes_to_the_address_in_the_shop_settings(self) -> None:
        ShopSettings.objects.create(pk=1, alert_email="duty@example.com")
        User.objects.create(username="lin", email="lin@example.com", is_superuser=True)
        alarm()

        assert self.recipients() == ["duty@example.com"]

    def test_or_else_to_the_owners_who_are_still_there(self) -> None:
        owner = User.objects.create(username="lin", email="lin@example.com")
        owner.groups.add(Group.objects.create(name="owner"))
        User.objects.create(username="root", email="root@example.com", is_superuser=True)
        User.objects.create(username="gone", email="gone@example.com", is_superuser=True, is_active=False)
        User.objects.create(username="staff", email="staff@example.com")
        alarm()

        assert self.recipients() == ["lin@example.com", "root@example.com"]

    def test_the_mail_says_what_happened_and_to_what(self) -> None:
        ShopSettings.objects.create(pk=1, alert_email="duty@example.com", name="小店")
        alarm(text="It failed & it's <new>.")
        deliver_messages(at=NOON)

        [sent] = mail.outbox
        assert sent.subject.startswith("小店")
        assert "It failed & it's <new>." in sent.body
        assert "orders.close" in sent.body

    def test_a_notice_is_not_mailed(self) -> None:
        ShopSettings.objects.create(pk=1, alert_email="duty@example.com")
        alarm(severity="info")

        assert self.recipients() == []


class TestLookingAfter:
    def test_the_first_to_acknowledge_it_has_it(self) -> None:
        lin, wang = User.objects.create(username="lin"), User.objects.create(username="wang")
        alert = alarm()

        assert [acknowledge(alert_id=alert.pk, by=person, at=LATER) for person in (lin, wang)] == [True, False]
        alert.refresh_from_db()
        assert (alert.acknowledged_by, alert.resolved_at) == (lin, None)
        assert AuditEntry.objects.get().action == "alerts.acknowledge"

    def test_resolving_by_a_person_is_on_record(self) -> None:
        lin = User.objects.create(username="lin")
        alarm()

        assert resolve(kind="timer_failed", subject="orders.close", at=LATER, by=lin)
        assert not resolve(kind="timer_failed", subject="orders.close", at=LATER, by=lin)
        assert AuditEntry.objects.get().by == lin
