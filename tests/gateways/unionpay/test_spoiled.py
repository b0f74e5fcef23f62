"""The sandbox's spoiled credentials: the self-check names each fault."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from payments.gateways import AccountConfig, CheckStatus, Environment
from payments.gateways.unionpay import UnionpayGateway
from sandbox.testing import RunningSandbox

OFFLINE = {
    "wrong_password": "signing_pfx",
    "truncated_pfx": "signing_pfx",
    "pfx_without_key": "signing_pfx",
    "expired_pfx": "signing_validity",
    "swapped_chain": "chain",
    "wrong_root": "chain",
    "wrong_middle": "chain",
    "leaf_as_middle": "chain",
}
ONLINE = {"other_pfx", "wrong_mer_id"}  # nothing in the files shows it: UnionPay does
FINE = {"sha1_chain", "hex_serial"}  # the number is read from the certificate, whatever was written down


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


def faults(sandbox: RunningSandbox, name: str, *, online: bool) -> list[str]:
    told: dict[str, str] = sandbox.get(f"/sandbox/credentials/broken.json?gateway=unionpay&set={name}")["unionpay"]
    gateway = UnionpayGateway(
        config=AccountConfig(
            environment=Environment.SANDBOX,
            settings={"mer_id": told["mer_id"], "mode": "pfx"},
            credentials={
                "signing_pfx": told["merchant_pfx"],
                "pfx_password": told["merchant_pfx_password"],
                "root_cert": told["root_certificate"],
                "middle_cert": told["middle_certificate"],
            },
            base_url=told["gateway_url"],
        )
    )
    return [it.code for it in gateway.self_check(online=online) if it.status is CheckStatus.ERROR]


def test_all_of_them_are_looked_at(sandbox: RunningSandbox) -> None:
    offered = sandbox.get("/sandbox/credentials/broken.json?gateway=unionpay")["unionpay"]

    assert offered.keys() == OFFLINE.keys() | ONLINE | FINE


@pytest.mark.parametrize("name", OFFLINE)
def test_what_the_files_show_is_named_without_a_call(sandbox: RunningSandbox, name: str) -> None:
    assert faults(sandbox, name, online=False)[0] == OFFLINE[name]


@pytest.mark.parametrize("name", sorted(ONLINE))
def test_what_only_unionpay_knows_is_named_by_a_call(sandbox: RunningSandbox, name: str) -> None:
    assert faults(sandbox, name, online=False) == []
    assert faults(sandbox, name, online=True) == ["online"]


@pytest.mark.parametrize("name", sorted(FINE))
def test_what_works_is_no_fault(sandbox: RunningSandbox, name: str) -> None:
    assert faults(sandbox, name, online=True) == []
