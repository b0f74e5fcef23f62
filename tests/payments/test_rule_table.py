"""Every event, fact and action of rules: offered on the rule's page, told by what happens, and done."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.utils import translation

from kernel.events import Event, publish
from kernel.models import Alert, Rule, RuleRun
from kernel.rules import ActionSpec, ConditionSpec, RuleSpec, actions, ensure_rule, events
from orders.events import OrderClosed, OrderCompleted, OrderCreated, OrderEntered, OrderRevived, OrderShipped
from orders.models import Order, OrderEvent
from payments.events import MoneyUnapplied, PaymentEnded, PaymentSucceeded, RefundSettled
from payments.models import Refund, UnappliedMoney
from payments.services import settle
from tests.desk import Desk, text
from tests.factories import OrderFactory, PaymentFactory, paid_payment, report_on
from tests.helpers import NOON, drain

pytestmark = pytest.mark.django_db

ORDER_FACTS = {"total_fen", "customer_type", "template", "source", "labels", "flag", "close_reason", "time"}
MONEY_FACTS = ORDER_FACTS | {"amount_fen", "gateway", "account"}
PAYMENT_FACTS = MONEY_FACTS | {"method"}
ORDER_ACTIONS = {"label", "flag", "move", "alert", "send_message", "issue_invoice", "send_receipt"}
PAYMENT_ACTIONS = ORDER_ACTIONS | {"refund_payment"}

TABLE = {
    "order_created": (ORDER_FACTS, ORDER_ACTIONS),
    "order_shipped": (ORDER_FACTS, ORDER_ACTIONS),
    "order_completed": (ORDER_FACTS, ORDER_ACTIONS),
    "order_closed": (ORDER_FACTS, ORDER_ACTIONS),
    "order_revived": (ORDER_FACTS, ORDER_ACTIONS),
    "order_entered": (ORDER_FACTS | {"state", "from_state"}, ORDER_ACTIONS),
    "payment_succeeded": (PAYMENT_FACTS, PAYMENT_ACTIONS),
    "payment_failed": (PAYMENT_FACTS, PAYMENT_ACTIONS),
    "payment_expired": (PAYMENT_FACTS, PAYMENT_ACTIONS),
    "refund_succeeded": (MONEY_FACTS, ORDER_ACTIONS),
    "refund_failed": (MONEY_FACTS, ORDER_ACTIONS),
    "money_unapplied": (MONEY_FACTS | {"reason"}, ORDER_ACTIONS | {"refund_unapplied"}),
}


def rule(event: str, *conditions: ConditionSpec, action: str = "alert", value: str = "看一下") -> Rule:
    spec = RuleSpec(
        code=f"table_{event}",
        name=event,
        event=event,
        conditions=list(conditions),
        actions=[ActionSpec(action, value)],
    )
    ensure_rule(spec=spec)
    return Rule.objects.get(code=spec.code)


def test_the_table_is_whole() -> None:
    assert set(events) == set(TABLE)
    assert set(actions) == set().union(*(offered for _facts, offered in TABLE.values()))


@pytest.mark.parametrize("event", TABLE)
def test_the_page_offers_every_fact_and_action_of_the_event(event: str) -> None:
    made = rule(event)

    page = text(Desk("manager").get(f"/admin/kernel/rule/{made.pk}/change/"))

    facts, offered = TABLE[event]
    assert options_of(page, "conditions-0-field") == facts
    assert options_of(page, "actions-0-action") == offered


def options_of(page: str, name: str) -> set[str]:
    chosen = re.search(rf'<select name="{name}".*?</select>', page, re.DOTALL)
    assert chosen is not None
    return set(re.findall(r'<option value="([^"]+)"', chosen[0]))


def _order_event(kind: Callable[..., Event], **facts: int) -> Callable[[], Event]:
    return lambda: kind(order_id=OrderFactory.create().pk, **facts)


def _payment_ended(status: str) -> Callable[[], Event]:
    def happened() -> Event:
        payment = PaymentFactory.create(status=status)
        return PaymentEnded(payment_id=payment.pk, order_id=payment.order_id, status=status)

    return happened


def _paid() -> Event:
    payment = paid_payment()
    return PaymentSucceeded(payment_id=payment.pk, order_id=payment.order_id)


def _refunded(status: str) -> Callable[[], Event]:
    def happened() -> Event:
        payment = paid_payment()
        refund = Refund.objects.create(
            refund_no="R1",
            request_key="k",
            payment=payment,
            order=payment.order,
            status=status,
            amount_fen=100,
            reason="x",
            created_at=NOON,
            settled_at=NOON,
        )
        return RefundSettled(refund_id=refund.pk, status=status)

    return happened


def _late_money() -> Event:
    payment = PaymentFactory.create(order__category="closed")
    money = settle(report=report_on(payment), account_id=payment.account_id, at=NOON)
    assert isinstance(money, UnappliedMoney)
    return MoneyUnapplied(unapplied_id=money.pk)


def _entered() -> Event:
    order = paid_payment().order
    move = OrderEvent.objects.filter(order=order, to_state="awaiting_shipment").get()
    return OrderEntered(order_id=order.pk, seq=move.seq)


HAPPENINGS: dict[str, Callable[[], Event]] = {
    "order_created": _order_event(OrderCreated),
    "order_shipped": _order_event(OrderShipped, shipment_id=1),
    "order_completed": _order_event(OrderCompleted),
    "order_closed": _order_event(OrderClosed),
    "order_revived": _order_event(OrderRevived),
    "order_entered": _entered,
    "payment_succeeded": _paid,
    "payment_failed": _payment_ended("failed"),
    "payment_expired": _payment_ended("expired"),
    "refund_succeeded": _refunded("succeeded"),
    "refund_failed": _refunded("failed"),
    "money_unapplied": _late_money,
}


@pytest.mark.parametrize("event", TABLE)
def test_what_happens_runs_its_rule_once_and_no_other(event: str) -> None:
    ours = rule(event)
    happened = HAPPENINGS[event]()
    for other in set(TABLE) - {event}:
        rule(other)

    for _told in range(2):
        publish(happened)
        drain()

    assert list(RuleRun.objects.filter(rule=ours).values_list("state", flat=True)) == ["done"]
    assert Alert.objects.filter(kind="rule", text=f"{event}: 看一下").count() == 1


class TestWords:
    """A manager reads and writes what things are called; codes stay in the database."""

    def test_a_choice_is_shown_by_its_name(self) -> None:
        made = rule("money_unapplied", ConditionSpec("reason", "in", "order_closed, already_paid"))

        page = text(Desk("manager", language="zh-hans").get(f"/admin/kernel/rule/{made.pk}/change/"))

        assert "order_closed, already_paid" not in page
        with translation.override("zh-hans"):
            assert str(UnappliedMoney.Reason.ORDER_CLOSED.label) in page

    @pytest.mark.parametrize(("language", "word"), [("en", "QR code"), ("zh-hans", "二维码"), ("en", "qr")])
    def test_a_choice_is_kept_by_its_code_whatever_language_it_was_written_in(self, language: str, word: str) -> None:
        made = rule("payment_succeeded", action="label", value="x")
        desk = Desk("manager", language=language)
        action = made.actions.get()

        desk.post(
            f"/admin/kernel/rule/{made.pk}/change/",
            {
                "name": made.name,
                "position": "0",
                "conditions-TOTAL_FORMS": "1",
                "conditions-INITIAL_FORMS": "0",
                "conditions-0-rule": str(made.pk),
                "conditions-0-field": "method",
                "conditions-0-op": "in",
                "conditions-0-value": word,
                "actions-TOTAL_FORMS": "1",
                "actions-INITIAL_FORMS": "1",
                "actions-0-id": str(action.pk),
                "actions-0-rule": str(made.pk),
                "actions-0-action": "flag",
                "actions-0-value": str(Order.Flag.RED.value),
            },
        )

        assert made.conditions.get().value == "qr"
        assert made.actions.get().value == "red"
