"""Which ways to pay an order has: what enabled accounts offer, in the merchant's order, within everybody's limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orders.models import Order

from ..gateways import GATEWAYS, Gateway
from ..models import GatewayAccount
from .limits import ways_for
from .soundness import is_withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to pay; `key` names it in addresses."""

    account: GatewayAccount
    gateway: type[Gateway]
    method: str

    @property
    def key(self) -> str:
        return f"{self.account.gateway}.{self.method}"

    @property
    def asks_payer(self) -> bool:
        """Whether the gateway must be told first who pays."""
        return self.method in self.gateway.capabilities.asks_payer


def choices_for(order: Order) -> list[Choice]:
    """Of several accounts at one gateway with the same method, the first that takes the order."""
    found: dict[str, Choice] = {}
    for choice in offered_to(order):
        found.setdefault(choice.key, choice)
    return list(found.values())


def offered_to(order: Order) -> Iterator[Choice]:
    """By every enabled account that is in order and takes this one, in the merchant's order. There are few accounts."""
    enabled = GatewayAccount.objects.filter(is_enabled=True).select_related("state")
    for account in enabled.order_by("position", "pk"):
        gateway = GATEWAYS.get(account.gateway)
        if gateway is None or is_withheld(account=account, order_id=order.pk):
            continue
        for method in ways_for(order, account=account, gateway=gateway):
            yield Choice(account=account, gateway=gateway, method=method)
