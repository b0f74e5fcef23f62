"""Which orders a payment account collects for, and within it each way to pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.errors import DomainError
from kernel.models import User
from orders.models import Order

from ..gateways import Gateway
from ..models import GatewayAccount
from .words import METHODS


class LimitsCrossed(DomainError):
    text = _("The largest amount must not be below the smallest one.")


class WayNeverFits(DomainError):
    text = _(
        "No amount fits “%(way)s”: its largest amount is below its smallest one, counting the limits of the whole "
        "account. To switch it off, take it off the account's ways to pay."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of an account, or of one way to pay at it: None and empty mean that there is no limit."""

    min_fen: int | None = None
    max_fen: int | None = None
    customer_types: Sequence[str] = ()
    order_types: Sequence[str] = ()

    def are_none(self) -> bool:
        return self.min_fen is None and self.max_fen is None and not self.customer_types and not self.order_types

    def are_crossed(self) -> bool:
        return self.min_fen is not None and self.max_fen is not None and self.min_fen > self.max_fen

    def fit(self, order: Order) -> bool:
        """Whether they let an order be paid, as much as is due now."""
        if self.min_fen is not None and order.due_fen < self.min_fen:
            return False
        if self.max_fen is not None and order.due_fen > self.max_fen:
            return False
        if self.order_types and order.order_type not in self.order_types:
            return False
        return not self.customer_types or _type_of(order) in self.customer_types


def limits_of(account: GatewayAccount) -> Limits:
    """Of the whole account: the outer bound of each way."""
    return Limits(
        min_fen=account.min_fen,
        max_fen=account.max_fen,
        customer_types=account.customer_types,
        order_types=account.order_types,
    )


def limits_of_way(account: GatewayAccount, method: str) -> Limits:
    return Limits(**account.way_limits.get(method, {}))


def ways_for(order: Order, *, account: GatewayAccount, gateway: type[Gateway]) -> list[str]:
    """The ways in which an account may collect what the order still has to pay."""
    taken = gateway.capabilities
    if not taken.min_fen <= order.due_fen <= taken.max_fen or not limits_of(account).fit(order):
        return []
    return [method for method in account.methods if limits_of_way(account, method).fit(order)]


@transaction.atomic
def set_limits(
    *, account_id: int, limits: Limits, ways: Mapping[str, Limits] | None = None, by: User, at: datetime
) -> GatewayAccount:
    """
    Say which orders an account may collect for. Attempts that are open stay so.

    :param ways: by method; what is left out has no limits of its own. None: as they were
    :raises LimitsCrossed: if nothing would fit between them
    :raises WayNeverFits: if nothing would fit one of the ways
    """
    if limits.are_crossed():
        raise LimitsCrossed
    account = GatewayAccount.objects.select_for_update().get(pk=account_id)
    before = _told(account)
    account.min_fen, account.max_fen = limits.min_fen, limits.max_fen
    account.customer_types, account.order_types = list(limits.customer_types), list(limits.order_types)
    if ways is not None:
        account.way_limits = {method: asdict(its) for method, its in ways.items() if not its.are_none()}
    for method in account.way_limits:
        if _within(limits, limits_of_way(account, method)).are_crossed():
            raise WayNeverFits(way=METHODS.get(method, method))
    account.save(update_fields=["min_fen", "max_fen", "customer_types", "order_types", "way_limits"])
    audit.record(action="payments.set_limits", subject=account, by=by, at=at, before=before, after=_told(account))
    return account


def _within(outer: Limits, inner: Limits) -> Limits:
    """The amounts that are left between both."""
    smallest = [fen for fen in (outer.min_fen, inner.min_fen) if fen is not None]
    largest = [fen for fen in (outer.max_fen, inner.max_fen) if fen is not None]
    return Limits(min_fen=max(smallest, default=None), max_fen=min(largest, default=None))


def _type_of(order: Order) -> str:
    kind = order.customer.type
    return kind.code if kind else ""


def _told(account: GatewayAccount) -> dict[str, object]:
    return {**asdict(limits_of(account)), "ways": account.way_limits}
