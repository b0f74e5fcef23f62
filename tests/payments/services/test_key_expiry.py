from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kernel.models import Alert, Message
from payments.models import Credential
from payments.services import retire_credential, warn_of_expiry
from tests.factories import AccountFactory, UserFactory
from tests.helpers import HOUR, NOON

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def certificate(*, days: int = 100, **facts: Any) -> Credential:
    known = {"kind": "app_cert", "fingerprint": "f", "tail": "0A1B", "created_at": NOON, "valid_to": NOON + days * DAY}
    account = facts.pop("account", None) or AccountFactory.create()
    return Credential.objects.create(account=account, **known | facts)


@pytest.fixture(autouse=True)
def _owner() -> None:
    UserFactory.create(is_superuser=True, email="owner@shop.example")


class TestACertificateThatEnds:
    def test_is_told_once_at_each_step(self) -> None:
        certificate(days=61)
        hours = range(0, 65 * 24, 9)
        told_at = [hour for hour in hours if warn_of_expiry(at=NOON + hour * HOUR, limit=10)]

        assert [61 - hour // 24 for hour in told_at] == [60, 30, 7, 1]
        assert Message.objects.filter(template="alert").count() == 4

    def test_is_told_with_the_day_and_what_to_do(self) -> None:
        certificate(days=7)
        warn_of_expiry(at=NOON, limit=10)

        alert = Alert.objects.get()
        assert (alert.severity, alert.evidence["days"]) == ("warning", 7)
        assert "2026-11-29" in alert.text

    def test_is_urgent_on_its_last_day(self) -> None:
        certificate(days=1)
        warn_of_expiry(at=NOON, limit=10)

        assert Alert.objects.get().severity == "critical"

    def test_that_ran_out_unseen_is_told_once(self) -> None:
        certificate(days=-3)

        assert [warn_of_expiry(at=NOON + n * DAY, limit=10) for n in range(3)] == [1, 0, 0]

    def test_leaves_one_open_alert(self) -> None:
        certificate(days=30)
        for day in (0, 23, 29):
            warn_of_expiry(at=NOON + day * DAY, limit=10)

        assert Alert.objects.filter(resolved_at=None).count() == 1

    def test_is_quiet_once_its_heir_stands_beside_it(self) -> None:
        old = certificate(days=7)
        certificate(days=400, account=old.account)

        assert warn_of_expiry(at=NOON, limit=10) == 0

    def test_is_not_followed_by_another_account_s(self) -> None:
        certificate(days=7)
        certificate(days=400)

        assert warn_of_expiry(at=NOON, limit=10) == 1

    def test_is_forgotten_once_it_is_retired(self) -> None:
        old = certificate(days=7)
        warn_of_expiry(at=NOON, limit=10)
        retire_credential(account_id=old.account_id, credential_id=old.pk, by=None, at=NOON)

        assert not Alert.objects.filter(resolved_at=None).exists()
        assert warn_of_expiry(at=NOON + 6 * DAY, limit=10) == 0

    def test_does_not_hide_those_behind_it(self) -> None:
        for _ in range(3):
            certificate(days=1)

        assert [warn_of_expiry(at=NOON, limit=2) for _ in range(3)] == [2, 1, 0]


def test_a_key_without_an_end_is_nobodys_worry() -> None:
    Credential.objects.create(account=AccountFactory.create(), kind="k", fingerprint="f", created_at=NOON)

    assert warn_of_expiry(at=NOON, limit=10) == 0
