"""Rules on real events of money: once each, explained, tried on the past, and stopped before they do harm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.models import Alert, AuditEntry, Message, Rule, RuleAction, RuleCondition, RuleRun, ShopSettings
from kernel.rules import ActionSpec, ConditionSpec, RuleSpec, back_test, ensure_rule, ensure_rules, events
from kernel.rules.running import FAILURES
from orders.models import Order
from payments.models import InvoiceRequest, Payment, Refund, UnappliedMoney
from payments.services import settle
from tests.desk import Desk, text
from tests.factories import CustomerFactory, PaymentFactory, paid_payment, report_on
from tests.factories.orders import a_job
from tests.helpers import NOON, drain, frozen
from tests.payments.invoices import asked, paid_order

pytestmark = pytest.mark.django_db


def rule(*conditions: tuple[str, str, str], do: tuple[str, str], event: str = "payment_succeeded") -> Rule:
    spec = RuleSpec(
        code=f"test_{Rule.objects.count()}",
        name=f"规则 {Rule.objects.count()}",
        event=event,
        conditions=[ConditionSpec(*it) for it in conditions],
        actions=[ActionSpec(*do)],
    )
    ensure_rule(spec=spec)
    return Rule.objects.latest("pk")


def labels(order: Order) -> list[str]:
    return list(order.tags.values_list("name", flat=True))


def late_money(**facts: Any) -> UnappliedMoney:
    payment = PaymentFactory.create(order__category="closed")
    money = settle(report=report_on(payment, **facts), account_id=payment.account_id, at=NOON)
    assert isinstance(money, UnappliedMoney)
    return money


class TestConditions:
    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            (("amount_fen", "ge", "99.00"), True),
            (("amount_fen", "gt", "99.00"), False),
            (("gateway", "eq", "fake"), True),
            (("method", "in", "page, qr"), True),
            (("method", "not_in", "page、qr"), False),
            (("customer_type", "ne", "company"), True),
            (("template", "eq", "payment_order"), True),
            (("labels", "eq", "VIP"), True),
            (("labels", "ne", "VIP"), False),
            (("labels", "not_in", "批发, 团购"), True),
            (("time", "ge", "12:00"), True),
            (("time", "lt", "12:00"), False),
        ],
    )
    def test_are_judged_by_what_happened(self, condition: tuple[str, str, str], holds: bool) -> None:
        rule(condition, do=("flag", "red"))
        payment = PaymentFactory.create(order__total_fen=9_900)
        payment.order.tags.create(name="VIP")

        with frozen():
            settle(report=report_on(payment, occurred_at=NOON), account_id=payment.account_id, at=NOON)
            drain()

        assert (Order.objects.get(pk=payment.order_id).flag == "red") is holds

    def test_must_all_hold(self) -> None:
        rule(("amount_fen", "ge", "1"), ("gateway", "eq", "alipay"), do=("label", "x"))

        payment = paid_payment()
        drain()

        assert labels(payment.order) == []


class TestActions:
    def test_put_labels_on(self) -> None:
        rule(do=("label", "自动"))

        payment = paid_payment()
        drain()

        assert labels(payment.order) == ["自动"]

    def test_move_the_order_by_its_workflow(self) -> None:
        rule(do=("move", "hold"))

        payment = paid_payment()
        drain()

        assert Order.objects.get(pk=payment.order_id).state == "on_hold"

    def test_write_to_the_customer_once(self) -> None:
        rule(do=("send_message", "订单 {order_no} 已收款"))

        payment = paid_payment()
        drain()
        drain()

        message = Message.objects.get(template="rule_message")
        assert payment.order.order_no in (message.context_json or "")

    def test_ask_for_late_money_back(self) -> None:
        ensure_rules()
        Rule.objects.filter(code="refund_late_money").update(is_enabled=True)

        money = late_money()
        drain()

        refund = Refund.objects.get()
        assert (refund.unapplied_id, refund.status) == (money.pk, "pending_approval")
        money.refresh_from_db()
        assert money.resolution == "refund"

    def test_ask_for_what_is_left_of_a_payment(self) -> None:
        rule(do=("refund_payment", ""))

        payment = paid_payment(order__total_fen=9_900)
        drain()

        refund = Refund.objects.get(payment=payment)
        assert (refund.amount_fen, refund.status) == (9_900, "pending_approval")


class TestRunning:
    def test_happens_once_per_event_however_often_it_is_told(self) -> None:
        made = rule(do=("label", "自动"))
        payment = paid_payment()
        drain()
        Order.objects.get(pk=payment.order_id).tags.clear()
        kind = events["payment_succeeded"]

        told = next(iter(kind.past(since=NOON - timedelta(days=9_000), until=NOON + timedelta(days=9_000))))
        kind_event = kind.load(told)
        assert kind_event is not None
        from_log = RuleRun.objects.get(rule=made)
        drain()

        assert from_log.event_key == kind_event.key
        assert labels(payment.order) == []

    def test_is_logged_with_what_was_done(self) -> None:
        made = rule(do=("label", "自动"))

        payment = paid_payment()
        drain()

        run = RuleRun.objects.get(rule=made)
        assert (run.state, run.order_no) == ("done", payment.order.order_no)
        assert "自动" in run.results[0]

    def test_leaves_imported_orders_alone(self) -> None:
        rule(do=("label", "自动"))
        payment = paid_payment(order__import_job=a_job())
        drain()

        assert labels(payment.order) == []

    def test_does_nothing_while_it_is_off(self) -> None:
        made = rule(do=("label", "自动"))
        Rule.objects.filter(pk=made.pk).update(is_enabled=False)

        payment = paid_payment()
        drain()

        assert (labels(payment.order), RuleRun.objects.count()) == ([], 0)

    def test_one_that_fails_is_logged_and_the_next_one_runs(self) -> None:
        rule(do=("move", "deliver"))
        rule(do=("label", "自动"))

        payment = paid_payment()
        drain()

        assert RuleRun.objects.get(state="failed").error
        assert labels(payment.order) == ["自动"]

    def test_one_whose_condition_cannot_be_read_any_more_is_logged_and_the_next_one_runs(self) -> None:
        rule(("customer_type", "eq", "a type that is gone"), do=("flag", "red"))
        rule(do=("label", "自动"))

        payment = paid_payment()
        drain()

        assert "a type that is gone" in RuleRun.objects.get(state="failed").error
        assert labels(payment.order) == ["自动"]

    def test_one_that_fails_leaves_nothing_half_done(self) -> None:
        made = rule(do=("label", "自动"))
        RuleAction.objects.create(rule=made, position=1, action="move", value="deliver")

        payment = paid_payment()
        drain()

        assert labels(payment.order) == []

    def test_stops_itself_after_failing_in_a_row_and_tells(self) -> None:
        made = rule(do=("move", "deliver"))

        for _ in range(FAILURES + 1):
            paid_payment()
            drain()

        made.refresh_from_db()
        assert not made.is_enabled
        assert made.stopped_at is not None
        assert RuleRun.objects.count() == FAILURES
        assert Alert.objects.get(kind="rule_stopped").subject == made.name

    def test_a_success_between_failures_forgives_them(self) -> None:
        made = rule(do=("move", "hold"))
        Rule.objects.filter(pk=made.pk).update(failures=FAILURES - 1)

        paid_payment()
        drain()

        made.refresh_from_db()
        assert (made.failures, made.is_enabled) == (0, True)

    def test_rules_that_set_each_other_off_come_to_an_end(self) -> None:
        ShopSettings.objects.update_or_create(pk=1, defaults={"rule_refunds_need_approval": False})
        rule(do=("refund_payment", ""))
        rule(do=("label", "退过"), event="refund_succeeded")

        payment = paid_payment(order__total_fen=9_900)
        drain()
        drain()

        assert Refund.objects.count() == 1
        assert Payment.objects.get(pk=payment.pk).refundable_fen == 0


class TestBackTest:
    def test_counts_what_it_would_have_done_and_does_none_of_it(self) -> None:
        payments = [paid_payment(order__total_fen=fen, at=NOON - timedelta(days=3)) for fen in (5_000, 9_900, 20_000)]
        Payment.objects.update(paid_at=NOON - timedelta(days=3))
        made = rule(("amount_fen", "ge", "99"), do=("label", "大单"))

        found = back_test(rule_id=made.pk, days=30, at=NOON)

        assert (found.considered, found.matched) == (3, 2)
        assert {it.order_no for it in found.samples} == {it.order.order_no for it in payments[1:]}
        assert ["大单" in deed for deed in found.deeds] == [True]
        assert (RuleRun.objects.count(), labels(payments[1].order)) == (0, [])

    def test_reads_the_conditions_once_however_many_events(self) -> None:
        made = rule(("customer_type", "in", "individual, company"), do=("label", "大单"))
        counted = []
        for _ in range(2):
            paid_payment()
            Payment.objects.update(paid_at=NOON - timedelta(days=3))
            with CaptureQueriesContext(connection) as asked:
                back_test(rule_id=made.pk, days=30, at=NOON)
            counted.append(sum("customertype" in it["sql"] and "WHERE" not in it["sql"] for it in asked))

        assert counted[0] == counted[1] > 0

    def test_looks_no_further_back_than_asked(self) -> None:
        paid_payment()
        Payment.objects.update(paid_at=NOON - timedelta(days=8))
        made = rule(do=("label", "大单"))

        assert back_test(rule_id=made.pk, days=7, at=NOON).considered == 0
        assert back_test(rule_id=made.pk, days=30, at=NOON).considered == 1


class TestPages:
    def test_a_rule_is_written_tried_and_switched_on(self) -> None:
        desk = Desk("manager")
        paid_payment()
        Payment.objects.update(paid_at=NOON)
        desk.post("/admin/kernel/rule/add/", {"name": "大单", "event": "payment_succeeded", "position": "0"})
        made = Rule.objects.get()

        with frozen(NOON + timedelta(days=1)):
            answer = desk.post(f"/admin/kernel/rule/{made.pk}/change/", filled(made, value="9.9"))
            assert answer.status_code == 302, [it.formset.errors for it in answer.context["inline_admin_formsets"]]
            tried = desk.submit(f"/admin/kernel/rule/{made.pk}/back-test/", days="7")
            desk.submit(f"/admin/kernel/rule/{made.pk}/switch-on/")

        assert "1" in text(tried)
        assert Rule.objects.get().is_enabled
        assert RuleCondition.objects.get().value == "9.9"
        assert AuditEntry.objects.filter(action="rules.edit").exists()

    def test_a_value_that_does_not_fit_is_explained(self) -> None:
        desk = Desk("manager")
        made = rule(do=("label", "x"))

        answer = desk.post(f"/admin/kernel/rule/{made.pk}/change/", filled(made, value="很多"))

        assert answer.status_code == 200
        assert "很多" in text(answer)
        assert not RuleCondition.objects.exists()

    def test_a_rule_without_an_action_cannot_be_switched_on(self) -> None:
        desk = Desk("manager")
        made = rule(do=("label", "x"))
        made.actions.all().delete()
        Rule.objects.update(is_enabled=False)

        desk.post(f"/admin/kernel/rule/{made.pk}/switch-on/")

        assert not Rule.objects.get().is_enabled


def filled(made: Rule, *, value: str) -> dict[str, str]:
    """The form of a rule with one condition on the amount and one label."""
    have = made.actions.first()
    return {
        "name": made.name,
        "position": "0",
        "conditions-TOTAL_FORMS": "1",
        "conditions-INITIAL_FORMS": "0",
        "conditions-0-rule": str(made.pk),
        "conditions-0-field": "amount_fen",
        "conditions-0-op": "ge",
        "conditions-0-value": value,
        "actions-TOTAL_FORMS": "1",
        "actions-INITIAL_FORMS": "1" if have else "0",
        **({"actions-0-id": str(have.pk)} if have else {}),
        "actions-0-rule": str(made.pk),
        "actions-0-action": "label",
        "actions-0-value": "大单",
    }


class TestInvoices:
    def test_are_asked_for_and_receipts_sent_when_the_seeded_rule_is_switched_on(self) -> None:
        ensure_rules()
        seeded = Rule.objects.get(code="invoice_and_receipt")
        assert not seeded.is_enabled
        Rule.objects.filter(pk=seeded.pk).update(is_enabled=True)

        paid_payment()
        drain()
        drain()

        assert sorted(Message.objects.values_list("template", flat=True)) == ["invoice_link", "receipt_ready"]

    def test_are_requested_without_asking_where_the_title_is_known(self) -> None:
        rule(do=("issue_invoice", ""))
        before = asked(paid_order())

        paid_payment(order__customer=before.order.customer)
        drain()

        made = InvoiceRequest.objects.latest("pk")
        assert (made.origin, made.tax_no) == ("rule", before.tax_no)
        assert not Message.objects.filter(template="invoice_link").exists()

    def test_do_not_fail_the_rule_where_nobody_can_be_asked(self) -> None:
        rule(do=("issue_invoice", ""))
        customer = CustomerFactory.create(anonymous_for="tmall", phone="")

        paid_payment(order__customer=customer, order__recipient_phone="")
        drain()

        assert RuleRun.objects.get().state == "done"
        assert not InvoiceRequest.objects.exists()
        assert not Message.objects.exists()
