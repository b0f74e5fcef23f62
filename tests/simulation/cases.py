"""
Faults one by one: what the seeds do at random, done on purpose, and looked at while it happens.

Each case is a story of its own; the oracle judges its end as that of any seed. docs/ops/faults.md says what each shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from customers.services import CustomerDraft
from kernel.clock import now
from kernel.models import Rule, User
from orders import services as orders
from orders.models import Order
from orders.services import DraftLine, OrderDraft
from payments import services as payments
from payments.models import Notification, Payment, Refund, UnappliedMoney
from payments.services import Ask, Share, refund_approvals
from sandbox import faults, notices
from sandbox.faults import Wish

from .acts import ADDRESS, act_at_gateway, arrive_at
from .calm import next_moment
from .stage import GATEWAYS, SANDBOX_URL
from .world import World

PRICE_FEN, PART_FEN = 9_900, 4_000
CODES = tuple(gateway.code for gateway in GATEWAYS)
MINUTE = timedelta(minutes=1)
OUTAGE = timedelta(minutes=30)
DRAINED = timedelta(minutes=5)


# ------------------------------------------------------------------------------------------- the cases


def refund_done_and_not_heard(world: World) -> None:
    """1: the gateway pays back, and its answer is lost."""
    for code in CODES:
        payment = paid(world, code)
        faults.switch_on(world.sandbox.box, Wish("timeout", value="60", count=1))
        refund = given_back(payment)
        expect(refund.status == "unknown", f"{code}: {refund.status} after a time-out")
        world.wait(2 * MINUTE)
        gone = [it["amount_fen"] for it in refunds_at(world, payment)]
        expect(gone == [PART_FEN], f"{code}: the gateway paid back {gone}")
        expect(status_of(refund) == "succeeded", f"{code}: {status_of(refund)} after a query")


def paid_twice(world: World) -> None:
    """16: one order, paid at two gateways; the rule gives the second payment back, once."""
    Rule.objects.filter(code="refund_late_money").update(is_enabled=True)
    first = opened(world, "alipay")
    second = opened(world, "wechatpay", order=first.order)
    for payment in (first, second):
        act_at_gateway(world, payment, "pay")
    world.wait(5 * MINUTE)
    money = UnappliedMoney.objects.get()
    expect(money.reason == "already_paid", money.reason)
    refund = Refund.objects.get(unapplied=money)
    refund_approvals._approve(refund_id=refund.pk, by=User.objects.get(username="owner"), at=now())
    world.wait(5 * MINUTE)
    back = {it.account.code: sum(row["amount_fen"] for row in refunds_at(world, it)) for it in (first, second)}
    expect(sorted(back.values()) == [0, PRICE_FEN], f"paid back: {back}")
    expect(Refund.objects.count() == 1, f"{Refund.objects.count()} refunds")
    order = Order.objects.get()
    expect((order.paid_fen, order.refunded_fen) == (PRICE_FEN, 0), "the order keeps its own payment")


def refund_told_before_its_payment(world: World) -> None:
    """18: the news of the payment are late; those of a refund of it come first."""
    for code in CODES:
        payment = opened(world, code)
        Payment.objects.filter(pk=payment.pk).update(query_due_at=now() + timedelta(hours=1))  # nobody asks before
        act_at_gateway(world, payment, "pay", faults={"delay_notify": "1800"})
        act_at_gateway(world, payment, "refund", amount_fen=PART_FEN)
        world.turn()
        told = list(Notification.objects.filter(account=payment.account).values_list("kind", "state"))
        expect(("refund", "parked") in told or status_of(payment) == "succeeded", f"{code}: {told}")
        world.wait(120 * MINUTE)
        booked = Refund.objects.filter(payment=payment, status="succeeded").count()
        expect(booked == 1, f"{code}: {booked} refunds are booked")


def success_told_after_its_refund(world: World) -> None:
    """19: everything was paid back, and the gateway tells of the payment once more."""
    for code in CODES:
        payment = paid(world, code)
        given_back(payment, amount_fen=PRICE_FEN)
        world.wait(5 * MINUTE)
        before = history_of(payment)
        for row in world.sandbox.box.store.all("SELECT id FROM notification ORDER BY id"):
            notices.resend(world.sandbox.box, row["id"])
        world.wait(MINUTE)
        expect(history_of(payment) == before, f"{code}: {before} became {history_of(payment)}")


def gateways_down(world: World) -> None:
    """33: 5xx for half an hour, then they are back."""
    waiting = [opened(world, code) for code in CODES]
    refunded = [paid(world, code) for code in CODES]
    faults.switch_on(world.sandbox.box, Wish("http_error", value="502"))
    refunds = [given_back(payment) for payment in refunded]
    for payment in waiting:
        act_at_gateway(world, payment, "pay", faults={"drop_notify": ""})
    world.wait(OUTAGE)
    expect({status_of(it) for it in refunds} <= {"unknown", "processing"}, "a refund was settled by nobody's word")
    asked = max(Refund.objects.values_list("attempt", flat=True))
    expect(asked <= 12, f"a gateway that is down was asked {asked} times about one refund")
    faults.switch_off(world.sandbox.box)
    world.wait(DRAINED)
    expect({status_of(it) for it in waiting} == {"succeeded"}, f"payments: {[status_of(it) for it in waiting]}")
    for payment, refund in zip(refunded, refunds, strict=True):
        gone = [it["amount_fen"] for it in refunds_at(world, payment)]
        ended = status_of(refund), gone
        # UnionPay takes a request while it is new
        too_late = payment.account.code == "unionpay" and ended == (
            "failed",
            [],
        )
        expect(too_late or ended == ("succeeded", [PART_FEN]), f"{payment.account.code}: {ended} {refund.last_message}")


def notifications_lost(world: World) -> None:
    """37: one in twenty never comes."""
    sold = [opened(world, CODES[number % len(CODES)]) for number in range(60)]
    for number, payment in enumerate(sold):
        act_at_gateway(world, payment, "pay", faults={"drop_notify": ""} if number % 20 == 0 else {})
    world.wait(10 * MINUTE)
    unsettled = [it.account.code for it in sold if status_of(it) != "succeeded"]
    expect(not unsettled, f"after ten minutes nobody has asked about {unsettled}")
    heard = Notification.objects.filter(kind="payment").values("payment_no").distinct().count()
    expect(heard < len(sold), "no notification was lost")


CASES: dict[str, Callable[[World], None]] = {
    act.__name__: act
    for act in (
        refund_done_and_not_heard,
        paid_twice,
        refund_told_before_its_payment,
        success_told_after_its_refund,
        gateways_down,
        notifications_lost,
    )
}


# ------------------------------------------------------------------------------------------- what they are made of


def expect(holds: bool, complaint: str) -> None:
    if not holds:
        raise AssertionError(complaint)


def opened(world: World, code: str, *, order: Order | None = None) -> Payment:
    """An attempt whose customer has come to the gateway."""
    draft = OrderDraft(
        lines=[DraftLine(title="保温杯", unit_price_fen=PRICE_FEN, quantity=1)],
        customer=CustomerDraft(name="王小明", phone="13800138000"),
    )
    order = order or orders.create_order(draft=draft, by=None, at=now())
    ask = Ask(method="qr", account_code=code, client_ip=ADDRESS, return_path="/pay/x/return")
    payment = payments.start_attempt(order_id=order.pk, ask=ask, at=now())
    arrive_at(world, payment)
    world.tell(f"the customer of order {order.pk} is at {code}")
    return payment


def paid(world: World, code: str) -> Payment:
    payment = opened(world, code)
    act_at_gateway(world, payment, "pay")
    while status_of(payment) != "succeeded" and (due := next_moment(world)) is not None:
        world.wait(max(due - now(), timedelta(seconds=1)))
    return Payment.objects.get(pk=payment.pk)


def given_back(payment: Payment, *, amount_fen: int = PART_FEN) -> Refund:
    share = Share(amount_fen=amount_fen)
    key = f"case:{payment.pk}"
    refund = payments.request_refund(payment_id=payment.pk, share=share, reason="破损", key=key, by=None, at=now())
    return payments.send_refund(refund_id=refund.pk, at=now())


def status_of(row: Payment | Refund) -> str:
    row.refresh_from_db()
    return str(row.status)


def history_of(payment: Payment) -> tuple[object, ...]:
    """Where the payment and its order stand, and all that was told of the order."""
    order = Order.objects.get(pk=payment.order_id)
    told = tuple(order.events.order_by("seq").values_list("seq", "code"))
    return status_of(payment), order.category, order.payment_status, order.paid_fen, order.refunded_fen, told


def refunds_at(world: World, payment: Payment) -> list[dict[str, Any]]:
    url = f"{SANDBOX_URL}/sandbox/trades/{payment.payment_no}?gateway={payment.account.gateway}"
    found: list[dict[str, Any]] = json.loads(world.ask(method="GET", url=url).body).get("refunds", [])
    return found
