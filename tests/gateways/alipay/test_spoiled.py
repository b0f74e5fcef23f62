"""The sandbox's spoiled credentials: the self-check names each fault, in both signing modes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from payments.gateways import AccountConfig, CheckStatus, Environment
from payments.gateways.alipay import AlipayGateway
from sandbox.testing import RunningSandbox

OFFLINE = {
    "own_public_key_as_platform_key": "alipay_public_key",
    "public_in_private_field": "private_key",
    "encrypted_private_key": "private_key",
    "short_private_key": "private_key",
    "elliptic_private_key": "private_key",
    "app_cert_of_another_app": "app_cert",
    "app_cert_of_another_key": "app_cert",
    "expired_app_cert": "app_cert_expiry",
    "future_app_cert": "app_cert_expiry",
    "root_as_app_cert": "app_cert",
    "private_key_as_app_cert": "app_cert",
    "expired_alipay_cert": "alipay_cert_expiry",
    "alipay_cert_of_another_merchant": "alipay_cert",
    "public_key_as_alipay_cert": "alipay_cert",
    "swapped_certs": "app_cert",
    "app_cert_as_alipay_cert": "alipay_cert",
    "roots_without_rsa": "root_cert",
}
ONLINE = {  # nothing in the files shows it: Alipay does
    "wrong_platform_key": "Alipay public key of this account does not fit",
    "wrong_private_key": "public half of this private key",
    "wrong_app_id": "Compare the app ID",
    "attackers_alipay_cert": "signs with the certificate",
    "strangers_roots": "alipayRootCert.crt",
    "cut_roots": "alipayRootCert.crt",
    "alipay_cert_as_root": "alipayRootCert.crt",
}
FINE = ("pkcs1_private_key", "bare_private_key")
LATER = {"wrong_seller_id"}  # the first notification tells; certificates would
THEIRS = {"private_key": "app_private_key"}  # where the sandbox calls a field otherwise


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


def faults(sandbox: RunningSandbox, name: str, *, online: bool) -> dict[str, str]:
    """What the self-check finds wrong: each check's code, and its words."""
    told: dict[str, str] = sandbox.get(f"/sandbox/credentials/broken.json?gateway=alipay&set={name}")["alipay"]
    fields = {it.code for it in AlipayGateway.CREDENTIAL_FIELDS}
    gateway = AlipayGateway(
        config=AccountConfig(
            environment=Environment.SANDBOX,
            settings={name: told.get(name, "") for name in ("mode", "app_id", "seller_id")},
            credentials={name: told.get(THEIRS.get(name, name), "") for name in fields},
            base_url=told["gateway_url"],
        )
    )
    checks = gateway.self_check(online=online)
    return {it.code: f"{it.meaning} {it.remedy}" for it in checks if it.status is CheckStatus.ERROR}


def test_all_of_them_are_looked_at(sandbox: RunningSandbox) -> None:
    offered = sandbox.get("/sandbox/credentials/broken.json?gateway=alipay")["alipay"]

    assert offered.keys() == OFFLINE.keys() | ONLINE.keys() | set(FINE) | LATER


@pytest.mark.parametrize("name", OFFLINE)
def test_what_the_files_show_is_named_without_a_call(sandbox: RunningSandbox, name: str) -> None:
    assert next(iter(faults(sandbox, name, online=False))) == OFFLINE[name]


@pytest.mark.parametrize("name", ONLINE)
def test_what_only_alipay_knows_is_named_by_a_call(sandbox: RunningSandbox, name: str) -> None:
    assert faults(sandbox, name, online=False) == {}

    found = faults(sandbox, name, online=True)

    assert list(found) == ["online"]
    assert ONLINE[name] in found["online"]


@pytest.mark.parametrize("name", FINE)
def test_an_unusual_wrapping_is_no_fault(sandbox: RunningSandbox, name: str) -> None:
    assert faults(sandbox, name, online=True) == {}
