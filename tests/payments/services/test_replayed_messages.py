"""An old message, genuine in every part, that somebody kept and sends again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orders.models import Order
from payments.models import LedgerEntry, Notification, NotificationRefusal, UnappliedMoney
from payments.services import apply_notifications, check_books
from payments.services.pruning import KEPT, prune_bodies
from tests.factories import AccountFactory, PaymentFactory
from tests.helpers import NOON, drain, frozen
from tests.payments.fakes import message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

LATER = NOON + KEPT + timedelta(days=1)


def paid_by_message() -> tuple[Notification, bytes]:
    with frozen():
        payment = PaymentFactory.create()
        body = message(payment.payment_no)
        post(payment.account, body)
        apply_notifications(at=NOON, limit=10)
        drain(NOON)
    return Notification.objects.get(), body


def assert_booked_once() -> None:
    order = Order.objects.get()
    assert (order.paid_fen, order.payment_status) == (9_900, "paid")
    assert LedgerEntry.objects.filter(kind="collect").count() == 1
    assert not UnappliedMoney.objects.exists()
    assert [it for found in check_books(at=LATER) for it in found] == []


def test_is_known_by_its_event_key_though_its_body_is_gone() -> None:
    row, body = paid_by_message()
    assert prune_bodies(at=LATER, limit=10) == 1

    with frozen(LATER):
        assert post(row.account, body)[0] == 200
        apply_notifications(at=LATER, limit=10)

    row.refresh_from_db()
    assert (Notification.objects.count(), row.copies, bytes(row.body)) == (1, 2, b"")
    assert_booked_once()


def test_is_known_by_its_trade_though_its_row_is_gone() -> None:
    row, body = paid_by_message()
    account = row.account
    row.delete()

    with frozen(LATER):
        assert post(account, body)[0] == 200
        apply_notifications(at=LATER, limit=10)

    assert Notification.objects.get().state == "duplicate"
    assert_booked_once()


def test_that_could_never_be_applied_loses_its_body_too() -> None:
    row, _body = paid_by_message()
    Notification.objects.update(state="parked")

    assert prune_bodies(at=LATER, limit=10) == 1

    row.refresh_from_db()
    assert (bytes(row.body), row.facts["payment_no"]) == (b"", row.payment_no)


def test_refused_are_sampled_for_as_long() -> None:
    account = AccountFactory.create()
    post(account, b"forged")
    assert NotificationRefusal.objects.count() == 1

    prune_bodies(at=NotificationRefusal.objects.get().last_at + KEPT, limit=10)
    kept = NotificationRefusal.objects.count()
    prune_bodies(at=NotificationRefusal.objects.get().last_at + KEPT + timedelta(seconds=1), limit=10)

    assert (kept, NotificationRefusal.objects.count()) == (1, 0)
