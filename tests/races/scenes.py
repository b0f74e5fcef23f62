"""What the hands of a race can do. Each function is called by name in a process of its own, and answers in JSON."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from django.db import transaction
from django.db.models import Sum

from backoffice.console.demo.stage import ensure_account
from backoffice.console.setup import prepare_shop
from kernel import events
from kernel.clock import now
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import Category, OutboxEvent, User
from kernel.numbers import gateway_number
from orders.models import Order, OrderEvent
from payments import services as payments
from payments.gateways import GatewayEvent, InboundRequest, Outcome
from payments.models import GatewayAccount, LedgerEntry, LedgerLine, Notification, Payment, Refund, UnappliedMoney
from payments.queries import left_to_refund
from payments.services import Share, refund_approvals, refunding
from sandbox.alipay.accounts import Accounts
from sandbox.alipay.notify import sample_fields, signed_form
from tests import unguarded
from tests.factories import PaymentFactory, UserFactory, paid_payment, report_on
from tests.helpers import drain

from . import office

vars().update({name: act for name, act in vars(office).items() if getattr(act, "__module__", "") == office.__name__})
LATER = timedelta(minutes=5)  # when every lease of whoever died is over


# ------------------------------------------------------------------------------------------- the stage


def prepare(*, state_dir: str, url: str) -> dict[str, Any]:
    """A shop with an account at the sandbox."""
    prepare_shop(at=now())
    account = ensure_account(sandbox_dir=Path(state_dir), sandbox_url=url, seed=1, at=now())
    return {"account_id": account.pk, "webhook_key": account.webhook_key}


def account() -> GatewayAccount:
    return GatewayAccount.objects.get()


@cache
def sandbox(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, trust_env=False, timeout=60)


def unpaid(*, total_fen: int = 9_900, attempts: int = 1) -> dict[str, Any]:
    """An order that waits for its money, with open attempts that no gateway has heard of."""
    first = PaymentFactory.create(account=account(), payment_no=number(), order__total_fen=total_fen)
    others = [
        PaymentFactory.create(account=account(), payment_no=number(), order=first.order) for _ in range(attempts - 1)
    ]
    return {
        "order_id": first.order_id,
        "payment_ids": [it.pk for it in (first, *others)],
        "payment_nos": [it.payment_no for it in (first, *others)],
    }


def paid(*, total_fen: int = 9_900) -> dict[str, Any]:
    payment = paid_payment(account=account(), payment_no=number(), order__total_fen=total_fen)
    return {"order_id": payment.order_id, "payment_id": payment.pk}


def at_the_gateway(*, url: str, total_fen: int = 9_900) -> dict[str, Any]:
    """An order whose customer has scanned the code and not paid yet."""
    known = unpaid(total_fen=total_fen)
    order = {"out_trade_no": known["payment_nos"][0], "total_fen": total_fen}
    sandbox(url).post("/sandbox/trades/bulk_create", json={"orders": [order]}).raise_for_status()
    sandbox(url).post(f"/sandbox/trades/{order['out_trade_no']}/scan", json={}).raise_for_status()
    return known


def paid_at_the_gateway(*, url: str, total_fen: int = 9_900) -> dict[str, Any]:
    """An order paid at the sandbox, which the product learned by asking."""
    known = at_the_gateway(url=url, total_fen=total_fen)
    pay(url=url, payment_no=known["payment_nos"][0])
    payments.query_payment(payment_id=known["payment_ids"][0], at=now())
    return known


def number() -> str:
    return gateway_number("P", at=now())


# ------------------------------------------------------------------------------------------- what races


def request_refund(*, payment_id: int, amount_fen: int, key: str) -> dict[str, Any]:
    """As a member of staff asks for it; refused in words, if it is."""
    try:
        refund = payments.request_refund(
            payment_id=payment_id, share=Share(amount_fen=amount_fen), reason="破损", key=key, by=None, at=now()
        )
    except DomainError as refusal:
        return {"refused": type(refusal).__name__}
    return {"refund_id": refund.pk}


def settle(*, payment_id: int, outcome: str = "succeeded", wait: float = 0) -> str:
    """A gateway tells about a payment; then the events that follow are handled."""
    time.sleep(wait)
    report = report_on(Payment.objects.get(pk=payment_id), outcome=Outcome(outcome))
    result = patiently_settle(report)
    events.deliver_due(at=now() + timedelta(seconds=1))
    return type(result).__name__


@retry_on_conflict
def patiently_settle(report: GatewayEvent) -> object:
    return payments.settle(report=report, account_id=account().pk, at=now())


def ask_to_close(*, order_id: int) -> bool:
    return payments.close_order(order_id=order_id, reason=Order.CloseReason.PAYMENT_TIMEOUT, by=None, at=now())


def close_at_the_gateway(*, order_id: int, payment_id: int) -> bool:
    """As a worker closes an overdue order: the gateway first, then the order."""
    ask_to_close(order_id=order_id)
    payments.query_payment(payment_id=payment_id, at=now())
    events.deliver_due(at=now() + timedelta(seconds=1))
    return payments.finish_closing(order_id=order_id, at=now())


def pay_and_tell(*, url: str, state_dir: str, payment_no: str, wait: float = 0) -> str:
    """The customer pays, if the gateway still lets them, and its notification is received and applied at once."""
    time.sleep(wait)
    trade = pay(url=url, payment_no=payment_no)
    if trade is None:
        return "too late"
    body = notice(state_dir=state_dir, payment_no=payment_no, trade_no=trade["trade_no"])
    status = receive(body=body)
    payments.apply_notifications(at=now(), limit=500)
    return f"told {status}"


def pay(*, url: str, payment_no: str) -> dict[str, Any] | None:
    answer = sandbox(url).post(f"/sandbox/trades/{payment_no}/pay", json={"notify": False})
    if answer.status_code == httpx.codes.CONFLICT:
        return None
    answer.raise_for_status()
    trade: dict[str, Any] = answer.json()
    return trade


@cache
def accounts(state_dir: str) -> Accounts:
    return Accounts(Path(state_dir), seed=1)


def notice(*, state_dir: str, payment_no: str, trade_no: str, total_amount: str = "99.00", **others: str) -> str:
    """The body of an honest notification of a payment, or with the fields of a refund of one."""
    owner = accounts(state_dir).first
    fields = sample_fields(owner, out_trade_no=payment_no, total_amount=total_amount, trade_no=trade_no, **others)
    return signed_form(fields, account=owner).decode("ascii")


def receive(*, body: str, copies: int = 1) -> int:
    """The last answer that the gateway gets; the first that is no success ends it."""
    status = 0
    for _ in range(copies):
        request = InboundRequest(headers={}, body=body.encode(), received_at=now())
        status = payments.receive_notification(webhook_key=account().webhook_key, request=request).status
        if status != httpx.codes.OK:
            break
    return status


def receive_and_apply(*, body: str, copies: int) -> int:
    """Messages come in while a worker is at them."""
    status = 0
    for _ in range(copies):
        status = receive(body=body)
        payments.apply_notifications(at=now(), limit=50)
    return status


def apply() -> int:
    return payments.apply_notifications(at=now(), limit=500)


def deliver() -> int:
    """The events that are due, and nothing else."""
    return events.deliver_due(at=now() + timedelta(seconds=1))


def await_approval(*, approvers: int) -> dict[str, Any]:
    """A refund that a rule asked for, and people who may all allow it."""
    payment_id = paid()["payment_id"]
    refund = payments.refund_rest(payment_id=payment_id, reason="race", key=f"rule:{payment_id}", by=None, at=now())
    people = [UserFactory.create(username=number(), is_superuser=True) for _ in range(approvers)]
    return {"payment_id": payment_id, "refund_id": refund.pk, "people": [person.pk for person in people]}


def ask_by_rule(*, payment_id: int, amount_fen: int) -> dict[str, int]:
    """A refund of a part, which somebody has to approve because a rule asked for it."""
    refund = payments.request_refund(
        payment_id=payment_id,
        share=Share(amount_fen=amount_fen),
        reason="race",
        key=f"rule:{payment_id}",
        by_rule=True,
        by=None,
        at=now(),
    )
    return {"refund_id": refund.pk}


def approve(*, refund_id: int, person_id: int) -> dict[str, str]:
    """The decision alone: checking a password takes so long that nothing would meet."""
    try:
        refund = refund_approvals._approve(refund_id=refund_id, by=User.objects.get(pk=person_id), at=now())
    except DomainError as error:
        return {"refused": type(error).__name__}
    return {"status": str(refund.status)}


def send_refund(*, refund_id: int) -> str:
    return str(payments.send_refund(refund_id=refund_id, at=now()).status)


def start_again() -> None:
    """A worker starts where another one died, once the dead one's leases are over."""
    drain(at=now() + LATER)


# ------------------------------------------------------------------------------------------- what came of it


def order(*, order_id: int) -> dict[str, Any]:
    found = Order.objects.get(pk=order_id)
    booked = LedgerEntry.objects.filter(kind="collect", lines__order_id=order_id)
    kept = UnappliedMoney.objects.filter(order_id=order_id)
    return {
        "is_closed": found.category == Category.CLOSED,
        "is_paid": found.paid_fen == found.total_fen,
        "paid_fen": found.paid_fen,
        "refunded_fen": found.refunded_fen,
        "bookings": booked.distinct().count(),
        "unapplied": list(kept.values_list("reason", flat=True)),
        "unapplied_fen": kept.aggregate(fen=Sum("amount_fen"))["fen"] or 0,
        "paid_events": OrderEvent.objects.filter(order_id=order_id, code="payment_recorded").count(),
        "told": times_told("orders.OrderPaid", order_id=order_id),
    }


def times_told(name: str, *, order_id: int) -> int:
    """How often an event about an order was published. MariaDB cannot search JSON under our collation."""
    rows = OutboxEvent.objects.filter(name=name).values_list("payload", flat=True)
    return sum(payload["order_id"] == order_id for payload in rows)


def refunds(*, payment_id: int) -> dict[str, Any]:
    payment = Payment.objects.get(pk=payment_id)
    asked = Refund.objects.filter(payment=payment)
    return {
        "asked_fen": asked.aggregate(fen=Sum("amount_fen"))["fen"] or 0,
        "statuses": sorted(asked.values_list("status", flat=True)),
        "refunding_fen": payment.refunding_fen,
        "refunded_fen": payment.refunded_fen,
        "paid_fen": payment.amount_fen,
    }


def balances() -> dict[str, int]:
    """Fen on each account of the ledger."""
    sums = LedgerLine.objects.values_list("account").annotate(fen=Sum("amount_fen")).order_by("account")
    return dict(sums)


def inbox(*, payment_no: str) -> dict[str, Any]:
    rows = Notification.objects.filter(payment_no=payment_no)
    return {"rows": rows.count(), "copies": sum(row.copies for row in rows), "states": Counter(r.state for r in rows)}


def check_books() -> list[str]:
    """What is wrong with the books: nothing."""
    return [f"{it.check} {it.reference} {it.facts}" for found in payments.check_books(at=now()) for it in found]


# ------------------------------------------------------------------------------------------- guards, switched off


def decide_by_what_is_shown(*, payment_id: int) -> None:
    """Refunds are judged by the row as it was read before, not by a row that is locked and read again; none is sent."""
    shown = Payment.objects.select_related("order").get(pk=payment_id)
    left = left_to_refund(order=shown.order)
    vars(refunding).update(lock_payment_by_id=lambda **_asked: shown, left_to_refund=lambda **_asked: left)
    vars(payments).update(send_refund=lambda *, refund_id, at: Refund.objects.get(pk=refund_id))


GUARDS = {name: vars(refunding)[name] for name in ("lock_payment_by_id", "left_to_refund")}
SEND = payments.send_refund


def mind_the_locks_again() -> None:
    """Undo `decide_by_what_is_shown`."""
    vars(refunding).update(GUARDS)
    vars(payments).update(send_refund=SEND)


def undo_refunds(*, payment_id: int) -> None:
    """What came of it goes, so that the books are sound again; one hand does that, for four would meet."""
    with transaction.atomic():
        unsound = Refund.objects.filter(payment_id=payment_id)
        entries = LedgerEntry.objects.filter(source_type="refund", source_id__in=unsound.values("pk"))
        LedgerLine.objects.filter(entry__in=entries).delete()
        entries.delete()
        unsound.delete()
        Payment.objects.filter(pk=payment_id).update(refunding_fen=0)


def drop_inbox_index() -> None:
    unguarded.drop_inbox_index()


def restore_inbox_index(*, payment_no: str) -> None:
    Notification.objects.filter(payment_no=payment_no).delete()
    unguarded.restore_inbox_index()
