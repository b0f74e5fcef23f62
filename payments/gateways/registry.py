"""Which gateways there are: a folder and a line here."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from .account import AccountConfig, ConfigError
from .alipay import AlipayGateway
from .base import Gateway, Meter, no_meter
from .unionpay import UnionpayGateway
from .wechatpay import WechatpayGateway

GATEWAYS: dict[str, type[Gateway]] = {
    AlipayGateway.code: AlipayGateway,
    WechatpayGateway.code: WechatpayGateway,
    UnionpayGateway.code: UnionpayGateway,
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


def gateway_for(*, code: str, config: AccountConfig, meter: Meter = no_meter) -> Gateway:
    """
    The gateway of one account. Wrong settings or keys are told by its first use, or by its self-check.

    :raises UnknownGateway: if there is none of this code
    """
    return gateway_class(code=code)(config=config, meter=meter)
