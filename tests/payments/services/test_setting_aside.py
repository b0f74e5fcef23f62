"""Parked messages about trades of nobody here come to an end, stay in the log, and can be placed later all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
import time_machine
from django.db.models import F

from kernel.models import Alert, AuditEntry
from payments.models import GatewayAccount, LedgerEntry, Notification, Payment, Refund
from payments.services import apply_notifications, applying, check_books, replay
from payments.services.pruning import KEPT, prune_bodies
from payments.services.setting_aside import NotParked, TradeIsOurs, WhyNotOurs, give_up, set_aside
from payments.services.troubles import tell_parked
from tests.factories import AccountFactory, PaymentFactory, UserFactory, paid_payment
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
CLOSED = {"outcome": "closed", "kind": "close"}
REFUND = {
    "kind": "refund", "event_key": "refund:P404:R1", "refund_no": "R1", "gateway_trade_no": "T404", "amount_fen": 2_500,
}  # fmt: skip


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture(autouse=True)
def _books_hold(clock: time_machine.Traveller, db: None) -> Iterator[None]:
    """Whatever a test did."""
    yield
    assert list(chain.from_iterable(check_books(at=datetime.now(NOON.tzinfo)))) == []


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create()


def told(account: GatewayAccount, **facts: object) -> Notification:
    """News of a payment that nobody here knows."""
    assert post(account, message("P404", **(facts or CLOSED)))[0] == 200
    apply_notifications(at=NOON, limit=10)
    row = Notification.objects.get()
    assert row.state == "parked"
    return row


def tried_again(clock: time_machine.Traveller, *, after: timedelta) -> Notification:
    clock.move_to(NOON + after)
    Notification.objects.filter(state="parked").update(due_at=NOON + after)
    apply_notifications(at=NOON + after, limit=10)
    return Notification.objects.get()


def not_ours(row: Notification, *, reason: str = "门店收银系统的单") -> Notification:
    by = UserFactory.create()
    set_aside(notification_id=row.pk, reason=reason, by=by, at=NOON)
    return Notification.objects.get(pk=row.pk)


def replayed(row: Notification, clock: time_machine.Traveller) -> Notification:
    clock.shift(60)
    at = datetime.now(NOON.tzinfo)
    replay(notification_ids=[row.pk], by=None, at=at)
    apply_notifications(at=at, limit=10)
    return Notification.objects.get(pk=row.pk)


class TestAfterItsDays:
    def test_it_is_set_aside_and_its_alert_is_closed(
        self, account: GatewayAccount, clock: time_machine.Traveller
    ) -> None:
        told(account)
        waiting = tried_again(clock, after=30 * DAY - timedelta(minutes=1))
        assert (waiting.state, Alert.objects.get().resolved_at) == ("parked", None)

        row = tried_again(clock, after=30 * DAY)

        assert (row.state, row.verdicts["result"], row.set_aside_at) == ("set_aside", "given_up", NOON + 30 * DAY)
        assert ("P404" in row.last_error, Alert.objects.get().resolved_at) == (True, NOON + 30 * DAY)

    def test_it_is_not_asked_about_any_more(
        self, account: GatewayAccount, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        told(account)
        tried_again(clock, after=30 * DAY)

        assert apply_notifications(at=NOON + 90 * DAY, limit=10) == 0

    def test_which_the_shop_sets(self, account: GatewayAccount, clock: time_machine.Traveller, settings: Any) -> None:
        settings.PARKED_DAYS = 2
        told(account)

        assert tried_again(clock, after=2 * DAY).state == "set_aside"

    def test_it_stays_in_the_log_and_its_body_goes_in_time(
        self, account: GatewayAccount, clock: time_machine.Traveller
    ) -> None:
        told(account)
        tried_again(clock, after=30 * DAY)

        assert (prune_bodies(at=NOON + KEPT, limit=10), prune_bodies(at=NOON + KEPT + DAY, limit=10)) == (0, 1)
        assert Notification.objects.get().facts["payment_no"] == "P404"

    def test_news_of_a_refund_of_nobody_end_too(self, account: GatewayAccount, clock: time_machine.Traveller) -> None:
        told(account, **REFUND)

        assert tried_again(clock, after=30 * DAY).state == "set_aside"

    def test_what_is_ours_waits_for_ever(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        """More than is left went back at the console: that is money of ours, and somebody's work."""
        payment = paid_payment(at=NOON)
        facts = {"refund_no": "C1", "gateway_trade_no": payment.gateway_trade_no, "amount_fen": payment.amount_fen + 1}
        post(payment.account, message(payment.payment_no, kind="refund", event_key="refund:C1", **facts))
        apply_notifications(at=NOON, limit=10)

        row = tried_again(clock, after=60 * DAY)

        assert (row.state, Alert.objects.filter(kind="payments.parked_notification").count()) == ("parked", 1)

    def test_a_fault_of_ours_waits_for_ever(self, account: GatewayAccount, clock: time_machine.Traveller) -> None:
        row = told(account)
        Notification.objects.filter(pk=row.pk).update(facts={"kind": "nonsense"})

        assert tried_again(clock, after=60 * DAY).state == "parked"

    def test_a_worker_that_lost_it_sets_nothing_aside(self, account: GatewayAccount) -> None:
        row = told(account)
        Notification.objects.update(attempt=F("attempt") + 1)

        assert not give_up(row, error="?", at=NOON + 60 * DAY)
        assert Notification.objects.get().state == "parked"


class TestNotOurs:
    def test_ends_it_for_a_reason(self, account: GatewayAccount) -> None:
        row = told(account)
        tell_parked(event_key=row.event_key, error="?", at=NOON)

        row = not_ours(row)

        assert (row.state, row.verdicts["result"], row.set_aside_at) == ("set_aside", "not_ours", NOON)
        assert (row.set_aside_reason, Alert.objects.get().resolved_at) == ("门店收银系统的单", NOON)
        entry = AuditEntry.objects.get(action="payments.set_aside_notification")
        assert (entry.reason, entry.after["state"]) == ("门店收银系统的单", "set_aside")

    def test_needs_a_reason(self, account: GatewayAccount) -> None:
        with pytest.raises(WhyNotOurs):
            not_ours(told(account), reason=" ")

    def test_happens_once(self, account: GatewayAccount) -> None:
        row = not_ours(told(account))

        with pytest.raises(NotParked):
            not_ours(row)

    @pytest.mark.parametrize("known", ["payment", "trade", "refund"])
    def test_is_refused_of_what_is_ours(self, account: GatewayAccount, known: str) -> None:
        row = told(account, **REFUND)
        payment = PaymentFactory.create(account=account, payment_no="P404" if known == "payment" else "P1")
        if known == "trade":
            Payment.objects.update(gateway_trade_no="T404")
        if known == "refund":
            Notification.objects.update(facts={**row.facts, "refund_no": refund_no_of(payment)})

        with pytest.raises(TradeIsOurs, match="P404"):
            not_ours(row)

    def test_leaves_the_alert_to_another_account_that_was_told_the_same(self, account: GatewayAccount) -> None:
        row = told(account)
        post(AccountFactory.create(), message("P404", **CLOSED))
        apply_notifications(at=NOON, limit=10)
        tell_parked(event_key=row.event_key, error="?", at=NOON)

        not_ours(row)

        assert Alert.objects.get().resolved_at is None

    def test_is_not_undone_by_a_worker_that_has_it_in_hand(
        self, account: GatewayAccount, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = told(account)
        place = applying._apply

        def slowly(*args: Any, **options: Any) -> None:
            not_ours(row)
            place(*args, **options)

        monkeypatch.setattr(applying, "_apply", slowly)

        assert tried_again(clock, after=DAY).verdicts["result"] == "not_ours"


def refund_no_of(payment: Payment) -> str:
    Refund.objects.create(
        refund_no="R404", request_key="k", payment=payment, order=payment.order, amount_fen=1, shipping_fen=1,
        reason="x", status="failed", created_at=NOON,
    )  # fmt: skip
    return "R404"


class TestWhatTurnsOutOursLater:
    @pytest.mark.parametrize("said", [True, False])
    def test_is_placed_by_a_replay_once(
        self, account: GatewayAccount, clock: time_machine.Traveller, bank: FakeBank, said: bool
    ) -> None:
        row = told(account, **REFUND)
        row = not_ours(row) if said else tried_again(clock, after=30 * DAY)
        payment = paid_payment(account=account, payment_no="P404", at=NOON)

        states = [replayed(row, clock).state for _time in range(3)]

        payment.refresh_from_db()
        assert states == ["applied", "duplicate", "duplicate"]
        assert (Refund.objects.count(), payment.refunded_fen) == (1, 2_500)
        assert LedgerEntry.objects.filter(source_type="refund").count() == 1

    def test_is_placed_when_the_gateway_tells_it_again(
        self, account: GatewayAccount, clock: time_machine.Traveller
    ) -> None:
        not_ours(told(account))
        PaymentFactory.create(account=account, payment_no="P404")
        clock.shift(60)

        post(account, message("P404", **CLOSED))
        apply_notifications(at=datetime.now(NOON.tzinfo), limit=10)

        row = Notification.objects.get()
        assert (row.state, row.copies, Payment.objects.get().status) == ("applied", 2, "canceled")

    @pytest.mark.parametrize("said", [True, False])
    def test_is_set_aside_again_while_nobody_knows_it(
        self, account: GatewayAccount, clock: time_machine.Traveller, said: bool
    ) -> None:
        row = told(account)
        before = not_ours(row) if said else tried_again(clock, after=30 * DAY)

        after = replayed(before, clock)

        assert (after.state, after.verdicts["result"]) == ("set_aside", before.verdicts["result"])
        assert (after.set_aside_reason, after.set_aside_by) == (before.set_aside_reason, before.set_aside_by)
