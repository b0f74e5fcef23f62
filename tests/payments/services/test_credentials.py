from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kernel.models import AuditEntry
from payments.models import Credential, CredentialUse, GatewayAccount
from payments.services import (
    ForceWithoutReason,
    KeyInUse,
    NewKey,
    NoSuchCredential,
    OnlyKey,
    gateway_of,
    retire_credential,
    set_credentials,
)
from payments.services.credentials import MOST_OTHERS
from tests.factories import UserFactory
from tests.helpers import HOUR, NOON, frozen
from tests.payments.services.test_accounts import ALIPAYS, OURS, give, private, public, save

pytestmark = pytest.mark.django_db


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@pytest.fixture
def account() -> GatewayAccount:
    account = save()
    give(account, "private_key", private(OURS))
    give(account, "alipay_public_key", public(ALIPAYS))
    return account


def alive(kind: str) -> list[Credential]:
    return list(Credential.objects.filter(kind=kind, retired_at=None).order_by("pk"))


def used(credential: Credential, *, signed: int = 0, verified: int = 0, at: Any = NOON) -> None:
    CredentialUse.objects.create(credential=credential, hour=at, signed=signed, verified=verified, last_at=at)


def retire(credential: Credential, **how: Any) -> Credential:
    return retire_credential(
        account_id=credential.account_id, credential_id=credential.pk, by=UserFactory.create(), **{"at": NOON, **how}
    )


class TestANewKey:
    def test_signs_and_leaves_the_old_one_alive_beside_it(self, account: GatewayAccount) -> None:
        newer = new_key()
        give(account, "alipay_public_key", public(newer))

        config = gateway_of(account).config
        assert config.credentials["alipay_public_key"] == public(newer)
        assert config.all_of("alipay_public_key") == (public(newer), public(ALIPAYS))

    def test_of_our_own_keeps_only_the_one_before_it(self, account: GatewayAccount) -> None:
        second, third = new_key(), new_key()
        for key in (second, third):
            give(account, "private_key", private(key))

        assert gateway_of(account).config.all_of("private_key") == (private(third), private(second))
        gone = Credential.objects.get(kind="private_key", retired_at=NOON)
        assert gone.value_sealed == ""

    def test_of_the_gateway_keeps_several(self, account: GatewayAccount) -> None:
        rows = [
            Credential(account=account, kind="alipay_public_key", fingerprint=f"{n}", created_at=NOON) for n in range(9)
        ]
        for row in rows:
            row.value = public(ALIPAYS)
            row.save()
        give(account, "alipay_public_key", public(new_key()))

        assert len(alive("alipay_public_key")) == MOST_OTHERS

    def test_that_is_an_old_one_again_takes_back_a_wrong_switch(self, account: GatewayAccount) -> None:
        wrong = new_key()
        give(account, "private_key", private(wrong))
        give(account, "private_key", private(OURS))

        assert gateway_of(account).config.all_of("private_key") == (private(OURS), private(wrong))

    def test_may_begin_to_sign_later(self, account: GatewayAccount) -> None:
        newer = new_key()
        keys = {"private_key": NewKey(text=private(newer))}
        set_credentials(account_id=account.pk, keys=keys, signs_from=NOON + HOUR, by=None, at=NOON)

        with frozen(NOON) as clock:
            assert gateway_of(account).config.all_of("private_key") == (private(OURS), private(newer))
            clock.shift(HOUR)
            assert gateway_of(account).config.all_of("private_key") == (private(newer), private(OURS))

    def test_is_refused_whole_if_one_of_them_is_wrong(self, account: GatewayAccount) -> None:
        keys = {"private_key": NewKey(text=private(new_key())), "alipay_public_key": NewKey(text="nonsense")}
        with pytest.raises(Exception, match="no key"):
            set_credentials(account_id=account.pk, keys=keys, by=None, at=NOON)

        assert gateway_of(account).config.all_of("private_key") == (private(OURS),)


class TestRetiring:
    def test_takes_the_value_away_and_says_who_did_it(self, account: GatewayAccount) -> None:
        give(account, "alipay_public_key", public(new_key()))
        old = alive("alipay_public_key")[0]
        retire(old)

        old.refresh_from_db()
        assert (old.retired_at, old.value_sealed) == (NOON, "")
        assert len(gateway_of(account).config.all_of("alipay_public_key")) == 1
        assert AuditEntry.objects.get(action="payments.retire_credential").after["fingerprint"] == old.fingerprint

    def test_is_refused_while_the_meter_shows_use(self, account: GatewayAccount) -> None:
        give(account, "alipay_public_key", public(new_key()))
        old = alive("alipay_public_key")[0]
        used(old, verified=3, at=NOON - 23 * HOUR)

        with pytest.raises(KeyInUse, match="signed 0 times and verified 3 times, last at 2026-11-21 13:00"):
            retire(old)
        assert old in alive("alipay_public_key")

    def test_is_allowed_once_it_rested_for_a_day(self, account: GatewayAccount) -> None:
        give(account, "alipay_public_key", public(new_key()))
        old = alive("alipay_public_key")[0]
        used(old, verified=3, at=NOON - 24 * HOUR)

        retire(old)

        assert old not in alive("alipay_public_key")

    def test_of_a_key_in_use_can_be_forced_with_a_reason(self, account: GatewayAccount) -> None:
        give(account, "private_key", private(new_key()))
        wrong = alive("private_key")[1]
        used(wrong, signed=1)

        retire(wrong, force=True, reason="never uploaded to Alipay")

        assert gateway_of(account).config.all_of("private_key") == (private(OURS),)
        assert AuditEntry.objects.get(action="payments.retire_credential").reason == "never uploaded to Alipay"

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_is_not_forced_without_a_reason(self, account: GatewayAccount, reason: str) -> None:
        with pytest.raises(ForceWithoutReason):
            retire(alive("private_key")[0], force=True, reason=reason)

    def test_of_the_only_key_is_refused(self, account: GatewayAccount) -> None:
        with pytest.raises(OnlyKey, match="has no other"):
            retire(alive("private_key")[0])

    def test_twice_is_refused(self, account: GatewayAccount) -> None:
        give(account, "alipay_public_key", public(new_key()))
        old = alive("alipay_public_key")[0]
        retire(old)

        with pytest.raises(NoSuchCredential):
            retire(old)
