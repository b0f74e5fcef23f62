from __future__ import annotations

import pytest

from payments.gateways import AccountConfig, Environment, claim_problems
from payments.gateways.account import WrongAddress, gateway_address

LIVE, SANDBOX = "https://pay.example/gateway.do", "https://sandbox.example/gateway.do"


def address(environment: Environment, base_url: str) -> str:
    config = AccountConfig(environment=environment, settings={}, credentials={}, base_url=base_url)
    return gateway_address(config=config, live=LIVE, sandbox=SANDBOX)


class TestGatewayAddress:
    @pytest.mark.parametrize(
        ("environment", "base_url", "expected"),
        [
            (Environment.LIVE, "", LIVE),
            (Environment.LIVE, LIVE, LIVE),
            (Environment.SANDBOX, "", SANDBOX),
            (Environment.SANDBOX, "http://127.0.0.1:8001/gateway.do", "http://127.0.0.1:8001/gateway.do"),
        ],
    )
    def test_is_the_live_gateway_or_the_named_sandbox(
        self, environment: Environment, base_url: str, expected: str
    ) -> None:
        assert address(environment, base_url) == expected

    @pytest.mark.parametrize(
        ("environment", "base_url"),
        [
            (Environment.LIVE, SANDBOX),
            (Environment.LIVE, "http://pay.example/gateway.do"),
            (Environment.SANDBOX, LIVE),
            (Environment.SANDBOX, "127.0.0.1:8001"),
            (Environment.SANDBOX, "ftp://127.0.0.1/gateway.do"),
            (Environment.SANDBOX, "http://user@127.0.0.1/gateway.do"),
        ],
    )
    def test_never_mixes_live_and_sandbox(self, environment: Environment, base_url: str) -> None:
        with pytest.raises(WrongAddress):
            address(environment, base_url)


class TestAccountConfig:
    def test_does_not_print_its_credentials(self) -> None:
        config = AccountConfig(environment=Environment.LIVE, settings={}, credentials={"private_key": "MIIE"})

        assert "MIIE" not in repr(config)


class TestClaimProblems:
    def test_is_empty_for_the_account_itself(self) -> None:
        expected = {"app_id": "1", "seller_id": "2"}

        assert claim_problems(expected=expected, claims={**expected, "more": "3"}) == ()

    @pytest.mark.parametrize("claims", [{"app_id": "1", "seller_id": "9"}, {"app_id": "1"}])
    def test_names_what_is_another_accounts_or_not_claimed(self, claims: dict[str, str]) -> None:
        assert claim_problems(expected={"app_id": "1", "seller_id": "2"}, claims=claims) == ("seller_id",)
