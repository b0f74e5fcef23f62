"""Which gateways there are: a folder and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from .account import AccountConfig, ConfigError, Environment
from .alipay import AlipayGateway
from .base import Gateway

GATEWAYS: dict[str, type[Gateway]] = {
    AlipayGateway.code: AlipayGateway,
}


class UnknownGateway(ConfigError):
    text = _("There is no gateway “%(given)s”.")


def gateway_class(*, code: str) -> type[Gateway]:
    """
    The kind of gateway, for its label and the fields of its account.

    :raises UnknownGateway: if there is none of this code
    """
    if code not in GATEWAYS:
        raise UnknownGateway(field="gateway", label=_("Gateway"), given=code)
    return GATEWAYS[code]


def gateway_for(
    *,
    code: str,
    settings: Mapping[str, str],
    credentials: Mapping[str, str],
    environment: str,
    base_url: str = "",
) -> Gateway:
    """
    The gateway of one account. Wrong settings or keys are told by its first use, or by its self-check.

    :param credentials: in clear
    :param environment: `live` or `sandbox`
    :param base_url: the gateway's address of a sandbox account
    :raises UnknownGateway: if there is none of this code
    """
    config = AccountConfig(
        environment=Environment(environment), settings=settings, credentials=credentials, base_url=base_url
    )
    return gateway_class(code=code)(config=config)
