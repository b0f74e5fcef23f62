"""What staff may automate about orders: what happens to them, what is known of them, what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.models import CustomerType
from kernel import alerts
from kernel.clock import local
from kernel.errors import DomainError
from kernel.events import Event
from kernel.models import Alert
from kernel.rules import Action, Field, Kind, Occasion, RuleEvent, register_action, register_event
from kernel.rules.registry import Choices, Words

from . import services
from .events import OrderClosed, OrderCompleted, OrderCreated, OrderEntered, OrderRevived, OrderShipped
from .models import Order, OrderEvent, Shipment, Tag

ORDER = frozenset({"order"})
LABEL_LENGTH = Tag._meta.get_field("name").max_length or 0


class NoLabel(DomainError):
    text = _("Write the name of the label, at most %(most)d characters.")


class NoSuchFlag(DomainError):
    text = _("There is no flag “%(given)s”.")


class NoText(DomainError):
    text = _("Write what the alert says.")


def customer_types() -> Choices:
    return [(it.code, str(it)) for it in CustomerType.objects.order_by("position", "pk")]


ORDER_FIELDS = (
    Field("total_fen", _("order total"), Kind.MONEY),
    Field("customer_type", _("customer type"), Kind.CHOICE, customer_types),
    Field("template", _("order type"), Kind.TEXT),
    Field("source", _("source"), Kind.TEXT),
    Field("labels", _("label"), Kind.LABELS),
    Field("flag", _("flag"), Kind.CHOICE, lambda: Order.Flag.choices),
    Field("close_reason", _("closed because"), Kind.CHOICE, lambda: Order.CloseReason.choices),
)
TIME = Field("time", _("time of the day"), Kind.TIME)


def facts_of(order: Order) -> dict[str, object]:
    """For the fields of `ORDER_FIELDS`."""
    return {
        "total_fen": order.total_fen,
        "customer_type": order.customer.type.code if order.customer.type else None,
        "template": order.order_type,
        "source": order.source,
        "labels": list(order.tags.values_list("name", flat=True)),
        "flag": order.flag,
        "close_reason": order.close_reason,
    }


def minute_of(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    clock = local(moment)
    return clock.hour * 60 + clock.minute


def find_order(order_id: int) -> Order | None:
    """For a rule; None for an imported order, which starts none."""
    order = Order.objects.select_related("customer__type").filter(pk=order_id).first()
    return None if order is None or order.is_imported else order


def _event(
    code: str, label: Words, told_by: type[Event], column: str, past: Callable[[QuerySet[Order]], Iterator[Event]]
) -> RuleEvent:
    """:param column: when it happened, on the order"""

    def load(event: OrderCreated) -> Occasion | None:
        order = find_order(event.order_id)
        if order is None:
            return None
        facts = {**facts_of(order), "time": minute_of(getattr(order, column))}
        return Occasion(
            key=f"{code}:{order.pk}",
            subject=order.order_no,
            facts=facts,
            ids={"order": order.pk},
            order_no=order.order_no,
        )

    def between(*, since: datetime, until: datetime) -> Iterator[Event]:
        chosen = Order.objects.filter(import_job=None, **{f"{column}__gt": since, f"{column}__lte": until})
        return past(chosen.order_by(f"-{column}"))

    fields = (*ORDER_FIELDS, TIME)
    return RuleEvent(code=code, label=label, told_by=told_by, load=load, past=between, fields=fields, gives=ORDER)


def _plain(event: Callable[..., Event]) -> Callable[[QuerySet[Order]], Iterator[Event]]:
    def past(chosen: QuerySet[Order]) -> Iterator[Event]:
        return (event(order_id=pk) for pk in chosen.values_list("pk", flat=True).iterator())

    return past


def _shipped(chosen: QuerySet[Order]) -> Iterator[Event]:
    parcels = Shipment.objects.filter(order__in=chosen).order_by("-pk").values_list("order_id", "pk")
    return (OrderShipped(order_id=order_id, shipment_id=pk) for order_id, pk in parcels.iterator())


def _load_entered(event: OrderEntered) -> Occasion | None:
    order = find_order(event.order_id)
    entry = OrderEvent.objects.filter(order=event.order_id, seq=event.seq).first()
    if order is None or entry is None:
        return None
    return Occasion(
        key=f"{services.RULE_EVENT}:{order.pk}:{entry.seq}",  # the same state may be entered again
        subject=order.order_no,
        facts={**facts_of(order), "state": entry.to_state, "from_state": entry.from_state, "time": minute_of(entry.at)},
        ids={"order": order.pk},
        order_no=order.order_no,
    )


def _entered(*, since: datetime, until: datetime) -> Iterator[OrderEntered]:
    moves = OrderEvent.objects.filter(order__import_job=None, at__gt=since, at__lte=until).exclude(to_state="")
    rows = moves.exclude(from_state="").order_by("-at", "-pk").values_list("order_id", "seq").iterator()
    return (OrderEntered(order_id=order_id, seq=seq) for order_id, seq in rows)


def _revived(*, since: datetime, until: datetime) -> Iterator[OrderRevived]:
    told = OrderEvent.objects.filter(order__import_job=None, code="order_revived", at__gt=since, at__lte=until)
    rows = told.exclude(to_state="").order_by("-at", "-pk").values_list("order_id", flat=True).iterator()
    return (OrderRevived(order_id=order_id) for order_id in rows)


ENTERED = RuleEvent(
    code=services.RULE_EVENT,
    label=_("An order entered a state"),
    told_by=OrderEntered,
    load=_load_entered,
    past=_entered,
    fields=(
        Field("state", _("state"), Kind.CHOICE, services.states),
        Field("from_state", _("state before"), Kind.CHOICE, services.states),
        *ORDER_FIELDS,
        TIME,
    ),
    gives=ORDER,
)

for rule_event in (
    ENTERED,
    _event("order_created", _("An order was created"), OrderCreated, "placed_at", _plain(OrderCreated)),
    _event("order_shipped", _("An order was shipped"), OrderShipped, "shipped_at", _shipped),
    _event("order_completed", _("An order was completed"), OrderCompleted, "completed_at", _plain(OrderCompleted)),
    _event("order_closed", _("An order was closed"), OrderClosed, "closed_at", _plain(OrderClosed)),
    replace(
        _event("order_revived", _("A closed order was revived"), OrderRevived, "placed_at", _plain(OrderRevived)),
        past=_revived,
    ),
):
    register_event(rule_event)


def _label(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    services.tag(order_id=occasion.ids["order"], add=[value], by=None, at=at)
    return _("Label “%(label)s” put on.") % {"label": value}


def _flag(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    services.set_flags(order_ids=[occasion.ids["order"]], flag=value, by=None, at=at)
    return _("Flag set: %(flag)s.") % {"flag": Order.Flag(value).label}


def _move(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    moved = services.move(
        order_id=occasion.ids["order"], transition_code=value, expected_version=None, reason=rule, by=None, at=at
    )
    return _("Order moved to “%(state)s”.") % {"state": services.state_label(moved)}


def _alert(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    alerts.raise_alert(
        kind="rule", subject=occasion.subject, severity=Alert.Severity.WARNING, text=f"{rule}: {value}", at=at
    )
    return _("Alert raised.")


def _check_label(value: str) -> None:
    if not 0 < len(value.strip()) <= LABEL_LENGTH:
        raise NoLabel(most=LABEL_LENGTH)


def _check_flag(value: str) -> None:
    if value not in Order.Flag.values:
        raise NoSuchFlag(given=value)


def _check_text(value: str) -> None:
    if not value.strip():
        raise NoText


ACTIONS = (
    Action(
        code="label",
        label=_("Put a label on the order"),
        do=_label,
        needs=ORDER,
        value_label=_("label"),
        check=_check_label,
    ),
    Action(
        code="flag",
        label=_("Flag the order"),
        do=_flag,
        needs=ORDER,
        value_label=_("flag"),
        choices=lambda: Order.Flag.choices,
        check=_check_flag,
    ),
    Action(
        code="move",
        label=_("Move the order"),
        do=_move,
        needs=ORDER,
        value_label=_("way on"),
        choices=services.manual_ways,
        check=services.check_way,
    ),
    Action(code="alert", label=_("Raise an alert"), do=_alert, value_label=_("text"), check=_check_text),
)
for action in ACTIONS:
    register_action(action)
