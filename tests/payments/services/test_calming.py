"""Alerts whose cause went away are closed by the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.models import Alert
from payments.models import Notification, Refund
from payments.services import Share, request_refund
from payments.services.calming import close_settled_alerts
from payments.services.troubles import Severity, tell_parked, tell_refund, tell_silence
from tests.factories import AccountFactory, PaymentFactory, paid_payment
from tests.helpers import NOON

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


def open_alerts() -> int:
    close_settled_alerts(at=LATER, limit=10)
    return Alert.objects.filter(resolved_at=None).count()


@pytest.mark.parametrize(("status", "left"), [("unknown", 1), ("pending", 1), ("succeeded", 0), ("expired", 0)])
def test_about_a_payment_once_its_outcome_is_known(status: str, left: int) -> None:
    payment = PaymentFactory.create(status=status)
    tell_silence(payment_no=payment.payment_no, at=NOON)

    assert open_alerts() == left


@pytest.mark.parametrize(
    ("state", "left"), [("parked", 1), ("received", 1), ("applied", 0), ("duplicate", 0), ("set_aside", 0)]
)
def test_about_a_parked_message_once_it_is_applied(state: str, left: int) -> None:
    key = "payment:" + "9" * 150  # an alert keeps the beginning of it
    Notification.objects.create(
        account=AccountFactory.create(),
        event_key=key,
        kind="payment",
        facts={},
        state=state,
        received_at=NOON,
        last_received_at=NOON,
        due_at=NOON,
        body=b"",
    )
    tell_parked(event_key=key, error="?", at=NOON)

    assert open_alerts() == left


def refund(status: str) -> Refund:
    payment = paid_payment(at=NOON)
    made = request_refund(payment_id=payment.pk, share=Share(amount_fen=100), reason="x", key="k", by=None, at=NOON)
    Refund.objects.filter(pk=made.pk).update(status=status)
    return made


@pytest.mark.parametrize(("status", "left"), [("unknown", 1), ("requires_action", 1), ("failed", 1), ("succeeded", 0)])
def test_about_a_refund_once_the_money_went_back(status: str, left: int) -> None:
    tell_refund(refund_no=refund(status).refund_no, text="?", at=NOON)

    assert open_alerts() == left


def test_but_never_what_a_person_has_to_judge() -> None:
    tell_refund(refund_no=refund("succeeded").refund_no, text="!", severity=Severity.CRITICAL, at=NOON)

    assert open_alerts() == 1


def test_that_were_closed_open_again_with_the_next_trouble() -> None:
    payment = PaymentFactory.create(status="succeeded")
    tell_silence(payment_no=payment.payment_no, at=NOON)
    close_settled_alerts(at=LATER, limit=10)

    tell_silence(payment_no=payment.payment_no, at=LATER)

    assert [alert.resolved_at for alert in Alert.objects.order_by("pk")] == [LATER, None]
