"""Which ways to pay an order has: what enabled accounts offer, in the merchant's order, within everybody's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.errors import DomainError
from kernel.models import User
from orders.models import Order

from ..gateways import GATEWAYS, Gateway
from ..models import GatewayAccount
from .soundness import is_withheld


class LimitsCrossed(DomainError):
    text = _("The largest amount must not be below the smallest one.")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one account: None and empty mean that there is no limit beside the gateway's."""

    min_fen: int | None = None
    max_fen: int | None = None
    customer_types: Sequence[str] = ()
    order_types: Sequence[str] = ()


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
        if takes(account, order, gateway=gateway):
            for method in account.methods:
                yield Choice(account=account, gateway=gateway, method=method)


def takes(account: GatewayAccount, order: Order, *, gateway: type[Gateway]) -> bool:
    """Whether an account may collect what the order still has to pay."""
    limits, amount_fen = gateway.capabilities, order.due_fen
    if not max(limits.min_fen, account.min_fen or 0) <= amount_fen <= limits.max_fen:
        return False
    if account.max_fen is not None and amount_fen > account.max_fen:
        return False
    if account.order_types and order.order_type not in account.order_types:
        return False
    return not account.customer_types or _type_of(order) in account.customer_types


@transaction.atomic
def set_limits(*, account_id: int, limits: Limits, by: User, at: datetime) -> GatewayAccount:
    """
    Say which orders an account may collect for. Attempts that are open stay so.

    :raises LimitsCrossed: if nothing would fit between them
    """
    if limits.min_fen is not None and limits.max_fen is not None and limits.min_fen > limits.max_fen:
        raise LimitsCrossed
    account = GatewayAccount.objects.select_for_update().get(pk=account_id)
    before = _told(account)
    account.min_fen, account.max_fen = limits.min_fen, limits.max_fen
    account.customer_types, account.order_types = list(limits.customer_types), list(limits.order_types)
    account.save(update_fields=["min_fen", "max_fen", "customer_types", "order_types"])
    audit.record(action="payments.set_limits", subject=account, by=by, at=at, before=before, after=_told(account))
    return account


def _type_of(order: Order) -> str:
    kind = order.customer.type
    return kind.code if kind else ""


def _told(account: GatewayAccount) -> dict[str, object]:
    return {
        "min_fen": account.min_fen,
        "max_fen": account.max_fen,
        "customer_types": account.customer_types,
        "order_types": account.order_types,
    }
