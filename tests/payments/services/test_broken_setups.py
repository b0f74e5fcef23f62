"""Thirty and more accounts set up wrongly on purpose: the doctor names each mistake, offline, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from payments.gateways import AccountConfig, CheckStatus, Environment
from payments.models import AccountState, Credential, GatewayAccount, NotificationRefusal
from payments.services import examine
from payments.services.accounts import GATEWAY_URL
from tests.factories import AccountFactory
from tests.gateways.alipay import desk as alipay
from tests.gateways.unionpay import desk as unionpay
from tests.gateways.unionpay import test_checks as unionpay_checks
from tests.gateways.wechatpay import desk as wechatpay
from tests.gateways.wechatpay import test_checks as wechatpay_checks
from tests.helpers import NOON, frozen

pytestmark = pytest.mark.django_db

DESKS: Mapping[str, Any] = {"alipay": alipay, "unionpay": unionpay, "wechatpay": wechatpay}
METHODS = {"alipay": ["qr"], "unionpay": ["page"], "wechatpay": ["qr"]}
ERROR, WARNING = CheckStatus.ERROR, CheckStatus.WARNING


@dataclass(frozen=True, kw_only=True)
class Case:
    """An account in order but for `changes`, and the check that must say so."""

    gateway: str
    names: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)
    public_url: str = "https://shop.example"
    status: CheckStatus = ERROR


def case(gateway: str, names: str, **changes: Any) -> Case:
    return Case(gateway=gateway, names=names, changes=changes)


LIVE = {"environment": Environment.LIVE, "base_url": ""}
EASY = alipay.APP_PRIVATE_KEY
BARE = "".join(EASY.splitlines()[1:-1])

CASES: dict[str, Case] = {
    "Alipay: no app ID": case("alipay", "app_id", app_id=""),
    "Alipay: an app ID cut short": case("alipay", "app_id", app_id="20210012345"),
    "Alipay: the merchant's e-mail for its ID": case("alipay", "seller_id", seller_id="shop@example.com"),
    "Alipay: no private key": case("alipay", "private_key", private_key=""),
    "Alipay: the public key in the private field": case("alipay", "private_key", private_key=alipay.APP_PUBLIC_KEY),
    "Alipay: half a private key": case("alipay", "private_key", private_key=EASY[:300]),
    "Alipay: a character that no key has": case("alipay", "private_key", private_key=BARE.replace("A", "銀", 1)),
    "Alipay: the app's own key for Alipay's": case(
        "alipay", "alipay_public_key", alipay_public_key=alipay.APP_PUBLIC_KEY
    ),
    "Alipay: a private key for Alipay's public one": case("alipay", "alipay_public_key", alipay_public_key=EASY),
    "Alipay: a live account at a sandbox address": case("alipay", "base_url", environment=Environment.LIVE),
    "Alipay: a sandbox account at the live address": case(
        "alipay", "base_url", base_url="https://openapi.alipay.com/gateway.do"
    ),
    "Alipay: a sandbox app in a live account": Case(
        gateway="alipay", names="app_id", changes={**LIVE, "app_id": "9021000123456789"}, status=WARNING
    ),
    "WeChat: a merchant certificate's number that is the key's ID": case(
        "wechatpay", "serial_no", serial_no=wechatpay.PUBLIC_KEY_ID
    ),
    "WeChat: a number of another certificate": case(
        "wechatpay", "serial_no", serial_no="A" * 40, merchant_certificate=wechatpay.MERCHANT_CERTIFICATE
    ),
    "WeChat: an APIv2 key for the APIv3 key": case("wechatpay", "apiv3_key", apiv3_key="x" * 31),
    "WeChat: a full-width letter in the APIv3 key": case("wechatpay", "apiv3_key", apiv3_key="ａ" + "x" * 31),
    "WeChat: the app secret for the APIv3 key": case("wechatpay", "apiv3_key", apiv3_key=wechatpay.APP_SECRET),
    "WeChat: a certificate for the private key": case(
        "wechatpay", "private_key", private_key=wechatpay.MERCHANT_CERTIFICATE
    ),
    "WeChat: the merchant's own certificate for WeChat's key": case(
        "wechatpay", "platform_public_key", platform_public_key=wechatpay.MERCHANT_CERTIFICATE
    ),
    "WeChat: a public key without its ID": case("wechatpay", "platform_public_key_id", platform_public_key_id=""),
    "WeChat: an ID that is a serial number": case(
        "wechatpay", "platform_public_key_id", platform_public_key_id=wechatpay.PLATFORM_SERIAL
    ),
    "WeChat: certificate mode without a platform certificate": case(
        "wechatpay", "platform_certificate", **wechatpay.BY_CERTIFICATE | {"platform_certificate": ""}
    ),
    "WeChat: a platform certificate that ran out": case(
        "wechatpay",
        "platform_certificate",
        **wechatpay.BY_CERTIFICATE | {"platform_certificate": wechatpay_checks.EXPIRED_PLATFORM},
    ),
    "WeChat: the certificate of another merchant": case(
        "wechatpay", "merchant_certificate", merchant_certificate=wechatpay_checks.OTHER_MERCHANTS
    ),
    "WeChat: a certificate that was not made for the key": case(
        "wechatpay", "merchant_certificate", merchant_certificate=wechatpay_checks.OTHER_KEYS
    ),
    "WeChat: a certificate that ran out": case(
        "wechatpay", "merchant_certificate", merchant_certificate=wechatpay_checks.EXPIRED
    ),
    "WeChat: a certificate that is not valid yet": case(
        "wechatpay", "merchant_certificate", merchant_certificate=wechatpay_checks.EARLY
    ),
    "WeChat: an app ID for the merchant ID": case("wechatpay", "mchid", mchid=wechatpay.APPID),
    "UnionPay: a wrong password of the PFX file": case("unionpay", "signing_pfx", pfx_password="111111"),
    "UnionPay: a key for the PFX file": case("unionpay", "signing_pfx", signing_pfx=EASY),
    "UnionPay: a key and a certificate that do not belong together": case(
        "unionpay", "private_key", **unionpay_checks.PEM | {"private_key": alipay.ALIPAY_PRIVATE_KEY}
    ),
    "UnionPay: a signing certificate that ran out": case(
        "unionpay", "signing_validity", signing_pfx=unionpay.pfx(unionpay_checks.EXPIRED)
    ),
    "UnionPay: the root certificate as the middle one": case("unionpay", "chain", middle_cert=unionpay.ROOT.pem),
    "UnionPay: a middle certificate of another root": case(
        "unionpay", "chain", root_cert=unionpay_checks.STRANGE_ROOT.pem
    ),
    "UnionPay: a test certificate in a live account": case(
        "unionpay",
        "test_certificate",
        **unionpay_checks.LIVE | {"middle_cert": unionpay.published("acp_test_middle.cer")},
    ),
    "any: no way to pay": Case(gateway="alipay", names="methods", row={"methods": []}),
    "any: a way to pay that the gateway does not have": Case(
        gateway="wechatpay", names="methods", row={"methods": ["qr", "counter"]}
    ),
    "any: notifications without https": Case(
        gateway="alipay", names="notify_url", changes=LIVE, public_url="http://shop.example"
    ),
    "any: notifications to a private address": Case(
        gateway="alipay", names="notify_url", changes=LIVE, public_url="https://192.168.1.2", status=WARNING
    ),
    "any: a notification address below a path": Case(
        gateway="alipay", names="notify_path", public_url="https://shop.example/pay-here"
    ),
}


def stored(config: AccountConfig, gateway: str, **row: Any) -> GatewayAccount:
    """An account with these values as they are; the service would refuse the wrong ones."""
    account: GatewayAccount = AccountFactory.create(
        gateway=gateway,
        environment=config.environment,
        settings={**config.settings, GATEWAY_URL: config.base_url},
        **{"methods": METHODS[gateway], **row},
    )
    for kind, value in config.credentials.items():
        if value:
            credential = Credential(account=account, kind=kind, fingerprint=kind, created_at=NOON)
            credential.value = value
            credential.save()
    return account


def found(account: GatewayAccount) -> dict[str, CheckStatus]:
    with frozen():
        checks = examine(account=account, at=NOON)
    assert all(it.meaning for it in checks)
    assert all(it.remedy or len(it.meaning) > 20 for it in checks if it.status is not CheckStatus.OK)
    return {it.code: it.status for it in checks if it.status is not CheckStatus.OK}


@pytest.fixture(autouse=True)
def _fresh_shop(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PUBLIC_URL = "https://shop.example"
    monkeypatch.setattr("payments.services.accounts._gateways", {})  # the rows of each test have the same keys


@pytest.mark.parametrize("gateway", DESKS)
def test_an_account_in_order_has_nothing_wrong(gateway: str) -> None:
    assert found(stored(DESKS[gateway].config(), gateway)) == {}


@pytest.mark.parametrize("name", CASES)
def test_the_mistake_is_named(name: str, settings: Any) -> None:
    wrong = CASES[name]
    settings.PUBLIC_URL = wrong.public_url
    account = stored(DESKS[wrong.gateway].config(**wrong.changes), wrong.gateway, **wrong.row)

    assert found(account).get(wrong.names) is wrong.status


def test_there_are_thirty_and_more_of_them() -> None:
    assert len(CASES) >= 30
    assert {it.gateway for it in CASES.values()} == set(DESKS)


def test_a_clock_that_is_ten_minutes_off_is_remembered_from_the_last_answer() -> None:
    account = stored(alipay.config(), "alipay")
    AccountState.objects.create(account=account, clock_seconds=600, clock_at=NOON - timedelta(hours=1))

    assert found(account) == {"clock": ERROR}


def test_messages_that_all_fail_point_at_the_key() -> None:
    account = stored(alipay.config(), "alipay")
    NotificationRefusal.objects.create(
        account=account, reason="forged", hour=NOON, times=3, sample_body=b"", last_at=NOON
    )

    assert found(account) == {"refusals": ERROR}


def test_keys_that_cannot_be_decrypted_any_more_are_told(settings: Any) -> None:
    account = stored(alipay.config(), "alipay")
    settings.ENCRYPTION_KEYS = f"other:{'QUJE' * 10}QUI="

    assert found(account) == {"credentials": ERROR}
