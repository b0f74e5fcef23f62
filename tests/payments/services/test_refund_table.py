"""
Every state of a refund against every outcome, told by the answer to the call, by a query and by a notification: the
state it is in afterwards, what is booked and reserved, and whether somebody is alerted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
import time_machine
from django.db import transaction
from django.db.models import Sum

from kernel.models import Alert, Approval
from payments.gateways import Outcome
from payments.models import LedgerLine, Payment, Refund
from payments.services import (
    Share,
    apply_notifications,
    check_books,
    request_refund,
    resolve_refunds,
    send_refund,
    settle_by_hand,
)
from payments.services.four_eyes import ask_for_approval
from payments.services.refund_outcomes import lock_refund, release
from tests.factories import UserFactory, paid_payment
from tests.helpers import HOUR, NOON, frozen
from tests.payments.fakes import FakeBank, message
from tests.payments.services.test_notifications import post
from tests.payments.tables import cells, rows

pytestmark = pytest.mark.django_db

PAID_FEN, BACK_FEN = 9_900, 4_000
Status = Refund.Status

# Where a refund stands once it was asked about. “!”: somebody is alerted. What succeeds is booked, whatever it was
# believed to be; what fails gives its reserve back; nothing else moves money.
STATES = """
                   succeeded    pending           failed            closed            requires_action   not_found         unknown
pending_approval   succeeded    pending_approval  pending_approval  pending_approval  pending_approval  pending_approval  pending_approval
rejected           succeeded    rejected          rejected          rejected          rejected          rejected          rejected
pending            succeeded    processing        failed!           canceled!         requires_action!  processing        unknown
processing         succeeded    processing        failed!           canceled!         requires_action!  processing        unknown
unknown            succeeded    processing        failed!           canceled!         requires_action!  processing        unknown
requires_action    succeeded    processing        failed!           canceled!         requires_action   requires_action   requires_action
failed             succeeded    failed            failed            failed            failed            failed            failed
canceled           succeeded    canceled          canceled          canceled          canceled          canceled          canceled
succeeded          succeeded    succeeded         succeeded         succeeded         succeeded         succeeded         succeeded
"""  # noqa: E501 - a table is read in columns

# The same of what a person settled by what the gateway's console showed: only the gateway's clear word is proof.
BY_HAND = """
                   succeeded    pending           failed            closed            requires_action   not_found         unknown
succeeded          succeeded    succeeded         failed!           failed!           succeeded!        succeeded!        succeeded
failed             succeeded!   failed            failed            failed            failed            failed            failed
denied             succeeded!   failed            failed            failed            failed            failed            failed
"""  # noqa: E501

# The answer to the call itself, which is made of what is to be sent and of nothing else.
ANSWERS = """
                   succeeded    pending           failed            closed            requires_action   not_found         unknown
pending            succeeded    processing        failed!           canceled!         requires_action!  processing        unknown
"""  # noqa: E501


def test_the_table_has_a_cell_for_every_state_and_every_outcome() -> None:
    assert cells(STATES) == {(state, outcome) for state in Status.values for outcome in Outcome}


def test_the_tables_of_answers_and_of_what_was_settled_by_hand_have_one_for_every_outcome() -> None:
    assert cells(ANSWERS) == {("pending", outcome) for outcome in Outcome}
    assert cells(BY_HAND) == {(state, outcome) for state in ("succeeded", "failed", "denied") for outcome in Outcome}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def requested() -> Refund:
    payment, share = paid_payment(order__total_fen=PAID_FEN, at=NOON), Share(amount_fen=BACK_FEN)
    return request_refund(payment_id=payment.pk, share=share, reason="破损", key="k", by=None, at=NOON)


ANSWERED = {
    Status.PROCESSING: Outcome.PENDING,
    Status.UNKNOWN: Outcome.UNKNOWN,
    Status.REQUIRES_ACTION: Outcome.REQUIRES_ACTION,
    Status.FAILED: Outcome.FAILED,
    Status.CANCELED: Outcome.CLOSED,
    Status.SUCCEEDED: Outcome.SUCCEEDED,
}


def refund_in(status: str, bank: FakeBank) -> Refund:
    """A refund that came into this state as refunds do."""
    refund = requested()
    if status in ANSWERED:
        bank.say("refund", ANSWERED[Status(status)])
        refund = send_refund(refund_id=refund.pk, at=NOON)
        bank.answers.clear()
        bank.calls.clear()
        Alert.objects.all().delete()
    elif status == Status.PENDING_APPROVAL:
        Refund.objects.filter(pk=refund.pk).update(status=status, due_at=None)
        ask_for_approval(refund=refund, by=None, at=NOON)
    elif status == Status.REJECTED:
        with transaction.atomic():
            refund = lock_refund(refund_id=refund.pk)
            release(refund, Status.REJECTED, at=NOON)
            refund.save()
    refund.refresh_from_db()
    assert refund.status == status
    return refund


def by_hand(status: str, bank: FakeBank) -> Refund:
    """:param status: “denied” is what a person saw going back, and the gateway said it had not"""
    refund = refund_in("requires_action", bank)
    by = UserFactory.create(is_superuser=True)
    settle_by_hand(refund_id=refund.pk, was_refunded=status != "failed", reason="后台截图 3", by=by, at=NOON + HOUR)
    if status == "denied":
        hear_by_query(refund, Outcome.FAILED, bank)
        bank.answers.clear()
    Alert.objects.all().delete()
    return refund


def hear_by_query(refund: Refund, outcome: str, bank: FakeBank) -> None:
    """It was sent, and its time to be asked about has come."""
    bank.say("query_refund", Outcome(outcome))
    bank.say("refund", Outcome.PENDING)  # if it is sent again
    Refund.objects.filter(pk=refund.pk).update(due_at=NOON, sent_at=NOON)
    resolve_refunds(at=NOON, limit=10)


def hear_by_notification(refund: Refund, outcome: str, bank: FakeBank) -> None:
    """A message is not believed: it makes us ask."""
    bank.say("query_refund", Outcome(outcome))
    bank.say("refund", Outcome.PENDING)
    assert refund.payment is not None
    told = message(refund.payment.payment_no, kind="refund", refund_no=refund.refund_no, outcome=outcome)
    assert post(refund.payment.account, told)[0] == 200
    assert apply_notifications(at=NOON, limit=10) == 1
    resolve_refunds(at=NOON, limit=10)


WAYS = {"query": hear_by_query, "notification": hear_by_notification}


def left_fen(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def assert_as_told(refund: Refund, cell: str) -> None:
    """The state, and what follows from it: for the payment, the order, the ledger, the next question, the alert."""
    refund.refresh_from_db()
    payment = Payment.objects.select_related("order").get()
    gone_fen = BACK_FEN if refund.status == Status.SUCCEEDED else 0
    held_fen = BACK_FEN if refund.status in Refund.IN_FLIGHT else 0
    is_asked_again = refund.status in (Status.PROCESSING, Status.UNKNOWN, Status.REQUIRES_ACTION)

    assert refund.status == cell.removesuffix("!")
    assert (payment.refunded_fen, payment.refunding_fen, payment.order.refunded_fen) == (gone_fen, held_fen, gone_fen)
    assert (left_fen("clearing"), -left_fen("refunds_payable")) == (PAID_FEN - gone_fen, held_fen)
    assert (refund.due_at is not None) == is_asked_again  # nothing waits for what nobody asks about
    assert Alert.objects.filter(kind="payments.refund", resolved_at=None).exists() == cell.endswith("!")
    found = [it.check for it in chain.from_iterable(check_books(at=NOON))]
    assert found == (["refund_approval"] if gone_fen and is_awaited(refund) else [])


def is_awaited(refund: Refund) -> bool:
    """Whether a second person has not said a word yet; what goes back without it is booked, and named."""
    return Approval.objects.filter(subject_id=str(refund.pk), state=Approval.State.PENDING).exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("before", "outcome", "cell"), rows(STATES))
def test_a_refund_moves_as_the_table_says(before: str, outcome: str, cell: str, way: str, bank: FakeBank) -> None:
    refund = refund_in(before, bank)

    WAYS[way](refund, outcome, bank)

    assert_as_told(refund, cell)
    assert {it.refund_no for it in bank.asked("refund")} <= {refund.refund_no}  # sent again under its own number


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("before", "outcome", "cell"), rows(BY_HAND))
def test_a_refund_settled_by_hand_moves_as_the_table_says(
    before: str, outcome: str, cell: str, way: str, bank: FakeBank
) -> None:
    refund = by_hand(before, bank)

    WAYS[way](refund, outcome, bank)

    assert_as_told(refund, cell)


@pytest.mark.parametrize(("before", "outcome", "cell"), rows(ANSWERS))
def test_the_answer_to_the_call_moves_a_refund_as_the_table_says(
    before: str, outcome: str, cell: str, bank: FakeBank
) -> None:
    refund = refund_in(before, bank)
    bank.say("refund", Outcome(outcome))

    send_refund(refund_id=refund.pk, at=NOON)

    assert_as_told(refund, cell)
    assert len(bank.asked("refund")) == 1
