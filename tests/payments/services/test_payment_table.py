"""
Every state of a payment against every outcome, told by a query and by a notification: the state it is in afterwards,
what is booked, what is kept as unapplied money, and whether somebody is alerted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
import time_machine
from django.db.models import Sum

from kernel.models import Alert
from payments.gateways import Outcome
from payments.models import LedgerLine, Payment, UnappliedMoney
from payments.services import apply_notifications, check_books, query_payment, settle
from tests.factories import OrderFactory, PaymentFactory, paid_payment, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import BANK, message
from tests.payments.services.test_notifications import post
from tests.payments.tables import cells, rows

pytestmark = pytest.mark.django_db

PRICE_FEN = 9_900
Status = Payment.Status

# An outcome without money: where the attempt stands then. “+”: the money is booked, and the order is paid.
STATES = """
            succeeded    pending    failed     closed     requires_action  not_found  unknown
created     succeeded+   pending    failed     canceled   created          created    unknown
pending     succeeded+   pending    failed     canceled   pending          pending    unknown
unknown     succeeded+   pending    failed     canceled   unknown          unknown    unknown
failed      succeeded+   failed     failed     failed     failed           failed     failed
canceled    succeeded+   canceled   canceled   canceled   canceled         canceled   canceled
expired     succeeded+   expired    expired    expired    expired          expired    expired
succeeded   succeeded    succeeded  succeeded  succeeded  succeeded        succeeded  succeeded
"""

# A success that fits no open order: all of it goes to suspense, becomes a work item, and somebody is alerted.
MISFITS = """
            order_closed  already_paid  other_amount  other_currency
created     succeeded     succeeded     failed        failed
pending     succeeded     succeeded     failed        failed
unknown     succeeded     succeeded     failed        failed
failed      succeeded     succeeded     failed        failed
canceled    succeeded     succeeded     canceled      canceled
expired     succeeded     succeeded     expired       expired
succeeded   succeeded     succeeded     succeeded     succeeded
"""
BY_NUMBER = {UnappliedMoney.Reason.PAYMENT_NOT_FOUND}  # there is no payment then, so it has no state


def test_the_table_has_a_cell_for_every_state_and_every_outcome() -> None:
    assert cells(STATES) == {(state, outcome) for state in Status.values for outcome in Outcome}


def test_the_table_of_misfits_has_a_cell_for_every_state_and_every_reason() -> None:
    reasons = set(UnappliedMoney.Reason) - BY_NUMBER
    assert cells(MISFITS) == {(state, reason) for state in Status.values for reason in reasons}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@dataclass(frozen=True)
class Told:
    """:param tell: by which way we hear of it"""

    name: str
    tell: Callable[..., None]


def by_query(payment: Payment, outcome: Outcome, **facts: Any) -> None:
    BANK.say("query", outcome, **{"amount_fen": payment.amount_fen} | facts)
    query_payment(payment_id=payment.pk, at=NOON)


def by_notification(payment: Payment, outcome: Outcome, **facts: Any) -> None:
    body = message(payment.payment_no, outcome=outcome, **{"amount_fen": payment.amount_fen} | facts)
    assert post(payment.account, body)[0] == 200
    assert apply_notifications(at=NOON, limit=10) == 1


WAYS = (Told("query", by_query), Told("notification", by_notification))


def trade_no(payment: Payment) -> str:
    """As the fake gateway numbers its trades."""
    return f"T-{payment.payment_no}"


def attempt(status: str, **kwargs: Any) -> Payment:
    """An attempt in this state; one that succeeded was paid, and its money booked."""
    if status == Status.SUCCEEDED:
        payment = PaymentFactory.create(**kwargs)
        settle(report=report_on(payment, gateway_trade_no=trade_no(payment)), account_id=payment.account_id, at=NOON)
        return payment
    due_at = NOON + timedelta(seconds=3) if status in Payment.OPEN else None
    return PaymentFactory.create(status=status, query_due_at=due_at, **kwargs)


def balance_fen(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def assert_books_hold() -> None:
    assert list(chain.from_iterable(check_books(at=NOON))) == []


@pytest.mark.parametrize("way", WAYS, ids=lambda it: it.name)
@pytest.mark.parametrize(("before", "outcome", "cell"), rows(STATES))
def test_an_attempt_moves_as_the_table_says(before: str, outcome: str, cell: str, way: Told) -> None:
    payment = attempt(before)
    was_paid, is_booked = before == Status.SUCCEEDED, cell.endswith("+")

    way.tell(payment, Outcome(outcome))

    payment.refresh_from_db()
    payment.order.refresh_from_db()
    in_books_fen = PRICE_FEN if was_paid or is_booked else 0
    assert payment.status == cell.removesuffix("+")
    assert (payment.order.paid_fen, balance_fen("clearing"), balance_fen("suspense")) == (in_books_fen, in_books_fen, 0)
    assert not UnappliedMoney.objects.exists()
    assert not Alert.objects.exists()
    is_vague = way.tell is by_notification and outcome == Outcome.UNKNOWN and not was_paid
    assert (payment.query_due_at is not None) == (payment.status in Payment.OPEN or is_vague)  # it is asked about
    assert_books_hold()


def misplaced(before: str, reason: str) -> tuple[Payment, dict[str, Any]]:
    """An attempt, and what is told of it that fits no open order. What succeeded already is paid by another trade."""
    facts: dict[str, Any] = {"gateway_trade_no": "T-second"} if before == Status.SUCCEEDED else {}
    match reason:
        case "order_closed":
            return attempt(before, order__category="closed"), facts
        case "already_paid":
            order = OrderFactory.create(total_fen=PRICE_FEN)
            if before != Status.SUCCEEDED:
                paid_payment(order=order, at=NOON)
            return attempt(before, order=order), facts
        case "other_amount":
            return attempt(before), facts | {"amount_fen": PRICE_FEN - 1}
        case _:
            return attempt(before), facts | {"currency": "USD"}


@pytest.mark.parametrize("way", WAYS, ids=lambda it: it.name)
@pytest.mark.parametrize(("before", "reason", "after"), rows(MISFITS))
def test_money_that_fits_no_open_order_is_kept_whatever_the_attempt_was(
    before: str, reason: str, after: str, way: Told
) -> None:
    payment, facts = misplaced(before, reason)
    payment.order.refresh_from_db()
    kept_fen, paid_fen = -balance_fen("suspense"), payment.order.paid_fen

    way.tell(payment, Outcome.SUCCEEDED, **facts)

    payment.refresh_from_db()
    payment.order.refresh_from_db()
    money = UnappliedMoney.objects.latest("pk")
    told_fen = facts.get("amount_fen", PRICE_FEN)
    assert (payment.status, money.reason, money.amount_fen, money.payment) == (after, reason, told_fen, payment)
    assert -balance_fen("suspense") - kept_fen == told_fen
    assert payment.order.paid_fen == paid_fen
    assert Alert.objects.filter(kind="payments.unapplied", subject=money.gateway_trade_no, resolved_at=None).exists()
    assert_books_hold()


def test_money_of_a_number_that_nobody_gave_out_is_kept() -> None:
    account = PaymentFactory.create().account

    assert post(account, message("P404"))[0] == 200
    apply_notifications(at=NOON, limit=10)

    money = UnappliedMoney.objects.get()
    assert (money.reason, money.payment, -balance_fen("suspense")) == ("payment_not_found", None, PRICE_FEN)
    assert_books_hold()
