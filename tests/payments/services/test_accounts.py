from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kernel.models import AuditEntry
from payments.gateways import ConfigError
from payments.models import Credential, GatewayAccount
from payments.services import (
    AccountDraft,
    AccountNotFound,
    NoSuchField,
    NoSuchMethod,
    WrongSetup,
    check_account,
    gateway_of,
    get_account,
    notify_url,
    save_account,
    set_credential,
)
from payments.services.accounts import SealedForGood
from tests.factories import UserFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db

OURS, ALIPAYS = (rsa.generate_private_key(public_exponent=65_537, key_size=2048) for _ in range(2))


def private(key: rsa.RSAPrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def public(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def draft(**changes: Any) -> AccountDraft:
    facts: dict[str, Any] = {
        "code": "alipay",
        "name": "支付宝",
        "gateway": "alipay",
        "environment": "sandbox",
        "settings": {
            "app_id": "2021001234567890",
            "seller_id": "2088001234567890",
            "gateway_url": "http://127.0.0.1:8001/gateway.do",
        },
        "methods": ["qr", "wap"],
    }
    return AccountDraft(**facts | changes)


def save(**changes: Any) -> GatewayAccount:
    return save_account(draft=draft(**changes), by=None, at=NOON)


def give(account: GatewayAccount, kind: str, value: str) -> Credential:
    return set_credential(account_id=account.pk, kind=kind, value=value, by=UserFactory.create(), at=NOON)


class TestSaving:
    def test_keeps_what_staff_typed(self) -> None:
        account = save()

        assert get_account(code="alipay") == account
        assert notify_url(account).endswith(f"/webhooks/{account.webhook_key}/")
        assert len(account.webhook_key) >= 32

    def test_changes_it_and_keeps_the_webhook_address(self) -> None:
        account = save()
        changed = save_account(draft=draft(name="支付宝二号"), account_id=account.pk, by=None, at=NOON)

        assert (changed.pk, changed.name, changed.webhook_key) == (account.pk, "支付宝二号", account.webhook_key)

    def test_knows_no_account_of_another_code(self) -> None:
        with pytest.raises(AccountNotFound, match="paypal"):
            get_account(code="paypal")

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"gateway": "paypal"}, ConfigError),
            ({"methods": ["cash"]}, NoSuchMethod),
            ({"settings": {"mchid": "1"}}, NoSuchField),
            ({"settings": {"app_id": "12"}}, WrongSetup),
            ({"settings": {"gateway_url": "https://openapi.alipay.com/gateway.do"}}, WrongSetup),
            ({"environment": "live", "settings": {"gateway_url": "http://127.0.0.1/"}}, WrongSetup),
        ],
    )
    def test_refuses_what_cannot_work(self, changes: dict[str, Any], refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            save(**changes)
        assert not GatewayAccount.objects.exists()


class TestKeys:
    def test_are_normalised_sealed_and_told_by_fingerprint_and_tail_alone(self) -> None:
        credential = give(save(), "private_key", private(OURS, PrivateFormat.TraditionalOpenSSL))

        stored = Credential.objects.get()
        assert stored.value == private(OURS)  # PKCS#8, whatever was pasted
        assert "PRIVATE KEY" not in stored.value_sealed
        assert (len(credential.fingerprint), len(credential.tail)) == (16, 4)

    def test_of_a_gateway_have_no_tail_for_all_public_keys_end_alike(self) -> None:
        credential = give(save(), "alipay_public_key", public(ALIPAYS))

        assert credential.tail == ""
        assert str(credential).endswith(credential.fingerprint[-4:])

    def test_are_never_in_the_audit_log(self) -> None:
        give(save(), "private_key", private(OURS))

        entry = AuditEntry.objects.get(action="payments.set_credential")
        assert entry.after.keys() == {"kind", "fingerprint"}

    @pytest.mark.parametrize("order", [("private_key", "alipay_public_key"), ("alipay_public_key", "private_key")])
    def test_refuse_our_own_public_key_for_alipays_whichever_came_first(self, order: tuple[str, str]) -> None:
        account, values = save(), {"private_key": private(OURS), "alipay_public_key": public(OURS)}
        give(account, order[0], values[order[0]])

        with pytest.raises(WrongSetup):
            give(account, order[1], values[order[1]])

    @pytest.mark.parametrize("value", ["", "rubbish", "-----BEGIN PRIVATE KEY-----\nAAAA"])
    def test_say_what_was_pasted_instead_of_a_key(self, value: str) -> None:
        with pytest.raises(ConfigError):
            give(save(), "private_key", value)

    def test_of_a_kind_that_the_gateway_does_not_know_are_refused(self) -> None:
        with pytest.raises(NoSuchField):
            give(save(), "api_v3_key", "x")


class TestTheGateway:
    def test_is_made_once_and_anew_when_a_key_has_changed(self) -> None:
        account = save()
        give(account, "private_key", private(OURS))
        give(account, "alipay_public_key", public(ALIPAYS))

        made = gateway_of(account)
        assert gateway_of(account) is made
        give(account, "alipay_public_key", public(rsa.generate_private_key(public_exponent=65_537, key_size=2048)))
        assert gateway_of(account) is not made

    def test_checks_itself(self) -> None:
        account = save()
        give(account, "private_key", private(OURS))
        give(account, "alipay_public_key", public(ALIPAYS))

        checks = {check.code: check.status for check in check_account(account=account)}

        assert (checks["private_key"], checks["alipay_public_key"], checks["base_url"]) == ("ok", "ok", "ok")

    def test_says_that_its_keys_cannot_be_decrypted_any_more(self, settings: Any) -> None:
        account = save()
        give(account, "private_key", private(OURS))
        settings.ENCRYPTION_KEYS = f"other:{'QUJE' * 10}QUI="

        with pytest.raises(SealedForGood, match="支付宝"):
            gateway_of(GatewayAccount.objects.get())

    def test_takes_keys_again_that_cannot_be_decrypted_any_more(self, settings: Any) -> None:
        account = save()
        give(account, "private_key", private(OURS))
        give(account, "alipay_public_key", public(ALIPAYS))
        settings.ENCRYPTION_KEYS = f"other:{'QUJE' * 10}QUI="

        give(account, "private_key", private(OURS))
        give(account, "alipay_public_key", public(ALIPAYS))

        assert {check.status for check in check_account(account=account) if "key" in check.code} == {"ok"}
