from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from payments.models import Credential, CredentialUse
from payments.services import Use, flush_counts, gateway_of, prune_key_use, uses_of
from payments.services.key_use import AccountMeter
from tests.helpers import HOUR, NOON, frozen
from tests.payments.services.test_accounts import ALIPAYS, OURS, give, private, public, save

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture
def credential() -> Credential:
    return give(save(), "private_key", private(OURS))


def count(credential: Credential, act: str, *, times: int = 1) -> None:
    meter = AccountMeter(credential.account_id, {("private_key", "K"): credential.pk})
    for _ in range(times):
        meter(kind="private_key", value="K", act=act)  # type: ignore[arg-type]


def shown(credential: Credential) -> Use:
    return uses_of(credential_ids=[credential.pk], at=NOON)[credential.pk]


class TestTheMeter:
    def test_writes_the_first_use_of_an_idle_key_at_once(self, credential: Credential) -> None:
        with frozen(NOON):
            count(credential, "sign")

        assert shown(credential) == Use(signed=1, last_at=NOON)

    def test_writes_a_busy_key_every_few_seconds_alone(self, credential: Credential) -> None:
        with frozen(NOON - HOUR / 2) as clock:
            count(credential, "sign")
            with CaptureQueriesContext(connection) as made:
                count(credential, "verify", times=500)
            assert len(made) == 0
            clock.shift(11 * SECOND)
            count(credential, "verify")

        assert shown(credential) == Use(signed=1, verified=501, last_at=NOON - HOUR / 2 + 11 * SECOND)
        assert CredentialUse.objects.count() == 1

    def test_keeps_hours_apart(self, credential: Credential) -> None:
        with frozen(NOON - 3 * HOUR) as clock:
            count(credential, "sign")
            clock.shift(HOUR)
            count(credential, "sign")

        assert list(CredentialUse.objects.order_by("hour").values_list("signed", flat=True)) == [1, 1]

    def test_writes_nothing_inside_somebody_elses_transaction(self, credential: Credential) -> None:
        with frozen(NOON):
            with transaction.atomic(), CaptureQueriesContext(connection) as made:
                count(credential, "sign")
            assert len(made) == 0
            flush_counts()

        assert shown(credential).signed == 1

    def test_knows_no_key_of_another_account(self, credential: Credential) -> None:
        meter = AccountMeter(credential.account_id, {("private_key", "K"): credential.pk})
        meter(kind="private_key", value="another", act="sign")

        assert not CredentialUse.objects.exists()

    def test_stands_in_nobodys_way_when_the_database_fails(
        self, credential: Credential, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_arguments: object) -> None:
            raise DatabaseError

        with frozen(NOON):
            with monkeypatch.context() as broken:
                broken.setattr("payments.services.key_use._write", fail)
                count(credential, "sign")
            flush_counts()

        assert shown(credential).signed == 1

    def test_is_given_to_the_gateway(self) -> None:
        account = save()
        give(account, "private_key", private(OURS))
        give(account, "alipay_public_key", public(ALIPAYS))

        gateway_of(account).meter(kind="alipay_public_key", value=public(ALIPAYS), act="verify")

        assert CredentialUse.objects.get().credential.kind == "alipay_public_key"


def test_what_is_shown_covers_24_hours_and_the_last_use_whenever_it_was(credential: Credential) -> None:
    for hours, signed in ((30, 7), (25, 5), (2, 3)):
        at = NOON - hours * HOUR
        CredentialUse.objects.create(credential=credential, hour=at, signed=signed, last_at=at)
    assert shown(credential) == Use(signed=3, last_at=NOON - 2 * HOUR)

    CredentialUse.objects.filter(signed=3).delete()
    assert shown(credential) == Use(last_at=NOON - 25 * HOUR)


def test_old_counts_go(credential: Credential) -> None:
    for days in (89, 91):
        at = NOON - timedelta(days=days)
        CredentialUse.objects.create(credential=credential, hour=at, last_at=at)

    assert prune_key_use(at=NOON, limit=10) == 1
    assert CredentialUse.objects.get().hour == NOON - timedelta(days=89)
