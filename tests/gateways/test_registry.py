from __future__ import annotations

import pytest

from payments.gateways import (
    GATEWAYS,
    AccountConfig,
    Environment,
    Gateway,
    UnknownGateway,
    gateway_class,
    gateway_for,
)
from payments.gateways.account import MODE

EMPTY = AccountConfig(environment=Environment.LIVE, settings={}, credentials={})


class TestGatewayFor:
    def test_makes_the_gateway_of_an_account(self) -> None:
        gateway = gateway_for(code="alipay", config=EMPTY)

        assert (type(gateway), gateway.code) == (GATEWAYS["alipay"], "alipay")

    def test_refuses_a_gateway_that_there_is_not(self) -> None:
        with pytest.raises(UnknownGateway, match="paypal"):
            gateway_for(code="paypal", config=EMPTY)


@pytest.mark.parametrize("code", GATEWAYS)
class TestEveryGateway:
    def test_says_what_its_account_needs(self, code: str) -> None:
        kind = gateway_class(code=code)

        fields = [*kind.SETTING_FIELDS, *kind.CREDENTIAL_FIELDS]

        assert len({field.code for field in fields}) == len(fields) > 0
        assert not any(field.secret for field in kind.SETTING_FIELDS)
        assert all(str(field.label) and str(field.help) for field in fields)

    def test_can_be_asked_what_is_wrong_with_an_empty_account(self, code: str) -> None:
        gateway: Gateway = gateway_for(code=code, config=EMPTY)

        problems = {check.code for check in gateway.self_check() if check.status == "error"}

        fields = [*gateway.SETTING_FIELDS, *gateway.CREDENTIAL_FIELDS]
        mode = next((field.choices[0][0] for field in gateway.SETTING_FIELDS if field.code == MODE), "")
        assert problems >= {field.code for field in fields if field.required and field.is_asked(mode=mode)}
