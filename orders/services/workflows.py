"""The workflow that orders follow before a merchant writes an own one."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.models import Category, Trigger, WorkflowVersion
from kernel.workflow import (
    Condition,
    StateSpec,
    TransitionSpec,
    WorkflowSpec,
    ensure_workflow,
    newest_version,
)

PAYMENT_ORDER = "payment_order"
CHANGE, COMPLETE, SHIP = "orders.change_order", "orders.complete_order", "orders.ship_order"


class NoWorkflow(DomainError):
    text = _("No workflow is published for orders yet. Run `manage.py setup`, or publish one under Workflow.")


STATES = (
    StateSpec(
        code="pending_payment",
        name="待付款",
        name_en="Awaiting payment",
        category=Category.PENDING_PAYMENT,
        is_initial=True,
    ),
    StateSpec(code="awaiting_shipment", name="待发货", name_en="To ship", category=Category.AWAITING_FULFILLMENT),
    StateSpec(
        code="partially_shipped",
        name="部分发货",
        name_en="Partly shipped",
        category=Category.AWAITING_FULFILLMENT,
    ),
    StateSpec(code="shipped", name="已发货", name_en="Shipped", category=Category.IN_TRANSIT),
    StateSpec(code="delivered", name="已签收", name_en="Delivered", category=Category.DELIVERED),
    StateSpec(code="completed", name="已完成", name_en="Completed", category=Category.COMPLETED),
    StateSpec(code="closed", name="已关闭", name_en="Closed", category=Category.CLOSED),
    StateSpec(code="on_hold", name="暂缓处理", name_en="On hold", category=Category.ON_HOLD),
    StateSpec(code="problem", name="异常", name_en="Problem", category=Category.PROBLEM),
)


def _on(trigger: Trigger, code: str, source: str, target: str, *conditions: Condition) -> TransitionSpec:
    names = ON_NAMES[trigger]
    return TransitionSpec(
        code=code,
        name=names[0],
        name_en=names[1],
        source=source,
        target=target,
        trigger=trigger,
        conditions=conditions,
    )


def _by_staff(
    code: str, name: tuple[str, str], path: tuple[str, str], permission: str, *conditions: Condition
) -> TransitionSpec:
    return TransitionSpec(
        code=code,
        name=name[0],
        name_en=name[1],
        source=path[0],
        target=path[1],
        trigger=Trigger.MANUAL,
        conditions=conditions,
        permission=permission,
    )


ON_NAMES = {
    Trigger.PAYMENT_SUCCEEDED: ("付款成功", "Payment succeeded"),
    Trigger.SHIPPED: ("部分发货", "A part shipped"),
    Trigger.ALL_SHIPPED: ("全部发货", "Everything shipped"),
    Trigger.TIMEOUT: ("到期自动完成", "Completed by time"),
    Trigger.REFUND_SUCCEEDED: ("全额退款", "Fully refunded"),
    Trigger.ORDER_CLOSED: ("关闭订单", "Order closed"),
    Trigger.ORDER_REVIVED: ("恢复订单", "Order revived"),
}
NOTHING_DUE = Condition("due_fen", "le", 0)
NOTHING_PAID = Condition("paid_fen", "eq", 0)
ALL_REFUNDED = Condition("payment_status", "eq", "refunded")
ALL_SHIPPED = Condition("fulfillment_status", "eq", "fulfilled")
NOT_ALL_SHIPPED = Condition("fulfillment_status", "ne", "fulfilled")
RESOLVE, PROBLEM = ("恢复正常", "Resolve"), ("标记异常", "Mark as problem")
COMPLETED = ("完成订单", "Complete")

TRANSITIONS = (
    _on(Trigger.PAYMENT_SUCCEEDED, "pay", "pending_payment", "awaiting_shipment", NOTHING_DUE),
    _on(Trigger.ORDER_CLOSED, "close", "pending_payment", "closed", NOTHING_PAID),
    _on(Trigger.ORDER_REVIVED, "revive", "closed", "pending_payment", NOTHING_PAID),
    _on(Trigger.SHIPPED, "ship_part", "awaiting_shipment", "partially_shipped"),
    _on(Trigger.SHIPPED, "ship_another_part", "partially_shipped", "partially_shipped"),
    _on(Trigger.ALL_SHIPPED, "ship", "awaiting_shipment", "shipped"),
    _on(Trigger.ALL_SHIPPED, "ship_rest", "partially_shipped", "shipped"),
    _by_staff("complete", COMPLETED, ("shipped", "completed"), COMPLETE),
    _by_staff("deliver", ("确认签收", "Mark as delivered"), ("shipped", "delivered"), SHIP),
    _by_staff("complete_delivered", COMPLETED, ("delivered", "completed"), COMPLETE),
    _on(Trigger.TIMEOUT, "complete_in_time", "shipped", "completed"),
    _on(Trigger.TIMEOUT, "complete_delivered_in_time", "delivered", "completed"),
    *(
        _on(Trigger.REFUND_SUCCEEDED, f"refund_{source}", source, "closed", ALL_REFUNDED, NOT_ALL_SHIPPED)
        for source in ("pending_payment", "awaiting_shipment", "partially_shipped", "on_hold", "problem")
    ),
    _by_staff("hold", ("暂缓处理", "Hold"), ("awaiting_shipment", "on_hold"), CHANGE),
    _by_staff("release", ("解除暂缓", "Release"), ("on_hold", "awaiting_shipment"), CHANGE),
    *(
        _by_staff(f"problem_{source}", PROBLEM, (source, "problem"), CHANGE)
        for source in ("awaiting_shipment", "partially_shipped", "shipped", "delivered")
    ),
    _by_staff("resolve", RESOLVE, ("problem", "awaiting_shipment"), CHANGE, NOT_ALL_SHIPPED),
    _by_staff("resolve_shipped", RESOLVE, ("problem", "shipped"), CHANGE, ALL_SHIPPED),
)

DEFAULT = WorkflowSpec(
    code=PAYMENT_ORDER,
    name="付款订单",
    name_en="Payment order",
    owner="orders",
    states=STATES,
    transitions=TRANSITIONS,
)


def ensure_default_workflows(*, at: datetime) -> WorkflowVersion:
    """Publish the built-in workflow of orders, unless one is published already. Harmless to run again."""
    return ensure_workflow(DEFAULT, at=at)


def current_version() -> WorkflowVersion:
    """
    The version that new orders are born with.

    :raises NoWorkflow: if none is published
    """
    version = newest_version(PAYMENT_ORDER)
    if version is None:
        raise NoWorkflow
    return version
