"""Staff move an order by hand, along a transition of its workflow."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError, VersionConflict
from kernel.models import Category, Trigger, User
from kernel.workflow import Occurrence, graph_of, newest_version

from ..events import OrderClosed, OrderCompleted
from ..models import Order, OrderEvent
from .announcing import announce
from .firing import fire_orders
from .locks import lock_order
from .workflows import PAYMENT_ORDER


class CannotMove(DomainError):
    text = _("Order %(order_no)s cannot be moved this way. %(why)s")


class OrderChanged(VersionConflict):
    text = _("Order %(order_no)s has changed since you opened the page. Reload it and look again.")


class ClosesThroughGateway(DomainError):
    text = _("An unpaid order is closed with “Close order”, which makes sure first that nobody can pay it any more.")


@retry_on_conflict
@transaction.atomic
def move(
    *,
    order_id: int,
    transition_code: str,
    expected_version: int | None,
    reason: str = "",
    by: User | None,
    at: datetime,
) -> Order:
    """
    Move an order along a manual transition.

    :param expected_version: of the order, as the page showed it; None does not care
    :raises OrderChanged: if it was edited meanwhile
    :raises CannotMove: if the transition does not start here, its conditions fail, or the person may not
    :raises ClosesThroughGateway: if it would close an order that can still be paid
    """
    order = lock_order(order_id=order_id)
    if expected_version is not None and expected_version != order.version:
        raise OrderChanged(order_no=order.order_no)
    _check_gateway(order, transition_code)
    source = order.state
    facts = {"reason": reason} if reason else {}
    occurrence = Occurrence(trigger=Trigger.MANUAL, transition=transition_code, kind=OrderEvent.Kind.STAFF, facts=facts)
    result = fire_orders(orders=[order], occurrence=occurrence, by=by, at=at)
    if order.pk in result.refused:
        raise CannotMove(order_no=order.order_no, why=result.refused[order.pk].text)
    audit.record(
        action="orders.move",
        subject=order,
        by=by,
        at=at,
        before={"state": source},
        after={"state": order.state},
        reason=reason,
    )
    _announce(order)
    return order


@retry_on_conflict
@transaction.atomic
def complete(*, order_id: int, by: User | None, at: datetime) -> Order:
    """
    Complete an order, along the first manual transition that leads there.

    :raises CannotMove: if none does, its conditions fail, or the person may not
    """
    order = lock_order(order_id=order_id)
    graph = graph_of(order.workflow_version_id)
    for transition in graph.leaving(order.state, Trigger.MANUAL):
        if graph.states[transition.target].category == Category.COMPLETED:
            return move(order_id=order_id, transition_code=transition.code, expected_version=None, by=by, at=at)
    why = _("From “%(state)s” no order is completed.") % {"state": graph.states[order.state].label}
    raise CannotMove(order_no=order.order_no, why=why)


def _check_gateway(order: Order, transition_code: str) -> None:
    graph = graph_of(order.workflow_version_id)
    targets = [graph.states[it.target] for it in graph.leaving(order.state) if it.code == transition_code]
    if order.category == Category.PENDING_PAYMENT and any(it.category == Category.CLOSED for it in targets):
        raise ClosesThroughGateway


def _announce(order: Order) -> None:
    if order.category == Category.COMPLETED:
        announce([order], OrderCompleted)
    elif order.is_closed:
        announce([order], OrderClosed)


class NoSuchWay(DomainError):
    text = _("The workflow of orders has no way on by hand named “%(given)s”.")


def manual_ways() -> list[tuple[str, str]]:
    """Code and name of every transition by hand that new orders can take, but for those that close an unpaid one."""
    version = newest_version(PAYMENT_ORDER)
    if version is None:
        return []
    graph = graph_of(version.pk)
    ways = (it for it in graph.transitions if it.trigger == Trigger.MANUAL)
    return [(it.code, f"{graph.states[it.source].label} → {graph.states[it.target].label}") for it in ways]


def states() -> list[tuple[str, str]]:
    """Code and name of every state of new orders, in the merchant's words."""
    version = newest_version(PAYMENT_ORDER)
    return [] if version is None else [(it.code, it.label) for it in graph_of(version.pk).states.values()]


def check_way(code: str) -> None:
    """
    :raises NoSuchWay: if new orders cannot be moved so
    """
    if code not in dict(manual_ways()):
        raise NoSuchWay(given=code)


def state_label(order: Order) -> str:
    """The merchant's name of the state that an order is in."""
    return graph_of(order.workflow_version_id).states[order.state].label
