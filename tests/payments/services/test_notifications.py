from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from kernel.models import Alert
from payments.models import GatewayAccount, LedgerEntry, Notification, NotificationRefusal, Payment
from payments.services import apply_notifications, applying, applying_together, notifications, replay
from tests.factories import AccountFactory, PaymentFactory, UserFactory
from tests.helpers import NOON, frozen, ringing
from tests.payments.fakes import message

pytestmark = pytest.mark.django_db

State = Notification.State


def post(account: GatewayAccount, body: bytes, **headers: str) -> tuple[int, bytes]:
    answer = Client().post(
        f"/webhooks/{account.webhook_key}/",
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )
    return answer.status_code, answer.content


class TestTheWebhook:
    def test_says_which_key_proved_a_message(self) -> None:
        payment = PaymentFactory.create()

        post(payment.account, message(payment.payment_no, key_serial="S" * 80))

        assert Notification.objects.get().key_serial == "S" * 64

    def test_stores_a_message_and_then_says_success(self) -> None:
        payment = PaymentFactory.create()

        assert post(payment.account, message(payment.payment_no)) == (200, b"success")

        row = Notification.objects.get()
        assert (row.state, row.payment_no, row.copies) == (State.RECEIVED, payment.payment_no, 1)
        assert bytes(row.body) == message(payment.payment_no)
        assert row.verdicts == {"signature": "ok", "account": "ok"}

    def test_leaves_the_order_alone_until_the_message_is_applied(self) -> None:
        payment = PaymentFactory.create()

        post(payment.account, message(payment.payment_no))

        payment.order.refresh_from_db()
        assert payment.order.payment_status == "unpaid"

    def test_counts_a_resend_and_acknowledges_it_again(self) -> None:
        payment = PaymentFactory.create()

        answers = [post(payment.account, message(payment.payment_no)) for _ in range(3)]

        assert answers == [(200, b"success")] * 3
        assert Notification.objects.get().copies == 3

    def test_keeps_the_same_fact_of_two_accounts_apart(self) -> None:
        for account in AccountFactory.create_batch(2):
            post(account, message("P1"))

        assert Notification.objects.count() == 2

    @pytest.mark.parametrize(
        ("body", "status", "reason"),
        [
            (b"forged", 401, "forged"),
            (b"unknown key", 503, "unknown_key"),
            (b"unreadable", 422, "unreadable"),
            (message("P1", claims={"merchant": "another's"}), 403, "other_account"),
            (message("P1", claims={}), 403, "other_account"),
        ],
    )
    def test_refuses_what_is_not_proved_and_counts_it(self, body: bytes, status: int, reason: str) -> None:
        account = AccountFactory.create()

        with frozen():
            assert [post(account, body)[0] for _ in range(2)] == [status] * 2

        refusal = NotificationRefusal.objects.get()
        assert (refusal.reason, refusal.times, bytes(refusal.sample_body)) == (reason, 2, body)
        assert not Notification.objects.exists()

    def test_keeps_a_bounded_sample_of_what_it_refuses(self, bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        account = AccountFactory.create()

        post(account, message("P1", claims={}, message="x" * 20_000))

        assert len(bytes(NotificationRefusal.objects.get().sample_body)) == 8_192

    def test_tells_somebody_once_when_another_merchants_messages_arrive(self) -> None:
        account = AccountFactory.create()

        with frozen():
            for _ in range(3):
                post(account, message("P1", claims={}))

        assert Alert.objects.get(kind="payments.refused_messages").times == 1

    def test_refuses_a_signature_probe_without_counting_or_alarm(self) -> None:
        account = AccountFactory.create()

        assert post(account, message("P1", kind="probe"))[0] == 401

        assert not NotificationRefusal.objects.exists()
        assert not Alert.objects.exists()

    def test_knows_no_other_address(self) -> None:
        assert Client().post("/webhooks/nobody/", data=b"x", content_type="text/plain").status_code == 404

    def test_refuses_a_body_over_256_kilobytes(self) -> None:
        account = AccountFactory.create()

        assert post(account, b"x" * (256 * 1024 + 1))[0] == 413
        assert not NotificationRefusal.objects.exists()

    def test_takes_a_body_of_just_256_kilobytes(self) -> None:
        account, padding = AccountFactory.create(), 256 * 1024 - len(message("P1", message=""))

        assert post(account, message("P1", message="x" * padding))[0] == 200

    def test_is_posted_to(self) -> None:
        assert Client().get(f"/webhooks/{AccountFactory.create().webhook_key}/").status_code == 405

    def test_never_says_success_when_the_row_could_not_be_stored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        account = AccountFactory.create()

        def full_disk(_row: Notification) -> bool:
            raise DatabaseError("disk full")

        monkeypatch.setattr(notifications, "insert_new", full_disk)

        assert post(account, message("P1"))[0] == 503

    @pytest.mark.only_on("sqlite")  # the others say more around it
    def test_finds_the_account_and_stores_the_message_in_a_statement_each(self, django_assert_num_queries: Any) -> None:
        account = AccountFactory.create()
        post(account, message("P1"))  # from then on its keys are in memory

        with django_assert_num_queries(2) as asked:
            assert post(account, message("P2"))[0] == 200

        assert [query["sql"].split()[0] for query in asked] == ["SELECT", "INSERT"]

    def test_reads_bytes_that_no_form_parser_would_take(self) -> None:
        account = AccountFactory.create()
        url = f"/webhooks/{account.webhook_key}/"

        answer = Client().post(url, data=message("P1"), content_type="application/x-www-form-urlencoded; charset=gbk")

        assert answer.status_code == 200

    def test_keeps_no_cookie_and_no_credentials_of_the_sender(self) -> None:
        account = AccountFactory.create()

        post(account, message("P1"), cookie="a=b", authorization="Basic eA==", wechatpay_serial="S1")

        kept = {name.lower() for name in Notification.objects.get().headers}
        assert "wechatpay-serial" in kept
        assert not kept & {"cookie", "authorization"}

    def test_stores_text_that_postgresql_would_not(self) -> None:
        account = AccountFactory.create()

        assert post(account, message("P1", message="a\0b"))[0] == 200
        assert Notification.objects.get().facts["message"] == "ab"

    @pytest.mark.django_db(transaction=True)
    def test_wakes_a_worker_once_the_row_is_committed(self) -> None:
        account = AccountFactory.create()

        with ringing() as heard:
            post(account, message("P1"))

        assert [name for name, _kwargs in heard] == ["payments.apply_notifications"]

    @pytest.mark.django_db(transaction=True)
    def test_wakes_nobody_for_a_copy(self) -> None:
        payment = PaymentFactory.create()
        post(payment.account, message(payment.payment_no))

        with ringing() as heard:
            post(payment.account, message(payment.payment_no))

        assert heard == []

    @pytest.mark.only_on("sqlite", "postgresql")  # MariaDB keeps the index for the foreign key
    @pytest.mark.django_db(transaction=True)
    def test_relies_on_the_unique_event_key_and_nothing_else(self) -> None:
        """With the constraint gone the same message is stored twice: so it is what keeps it single."""
        account, meta = AccountFactory.create(), Notification._meta
        every = meta.constraints
        constraint = next(it for it in every if it.name == "notification_once")
        meta.constraints = [it for it in every if it is not constraint]
        with connection.schema_editor() as editor:
            editor.remove_constraint(Notification, constraint)
        try:
            for _ in range(2):
                post(account, message("P1"))
            assert Notification.objects.count() == 2
        finally:
            Notification.objects.all().delete()
            meta.constraints = every
            with connection.schema_editor() as editor:
                editor.add_constraint(Notification, constraint)


def received(payment: Payment, **facts: Any) -> Notification:
    body = message(payment.payment_no, **{"amount_fen": payment.amount_fen} | facts)
    assert post(payment.account, body)[0] == 200
    return Notification.objects.latest("pk")


class TestApplying:
    def test_pays_the_order(self) -> None:
        with frozen():
            payment = PaymentFactory.create()
            row = received(payment)

            assert apply_notifications(at=NOON, limit=10) == 1

        row.refresh_from_db()
        payment.order.refresh_from_db()
        assert (row.state, row.applied_at, payment.order.payment_status) == (State.APPLIED, NOON, "paid")
        assert row.verdicts["result"] == "succeeded"

    def test_applies_many_in_one_go(self) -> None:
        with frozen():
            for payment in PaymentFactory.create_batch(5):
                received(payment)

            assert apply_notifications(at=NOON, limit=3) == 3
            assert apply_notifications(at=NOON, limit=3) == 2

    def test_says_what_was_wrong_with_the_amount(self) -> None:
        with frozen():
            payment = PaymentFactory.create()
            row = received(payment, amount_fen=1)

            apply_notifications(at=NOON, limit=10)

        row.refresh_from_db()
        assert (row.state, row.verdicts["amount"], row.verdicts["result"]) == ("applied", "other_amount", "unapplied")

    def test_marks_another_fact_about_money_that_is_booked_as_told_before(self) -> None:
        with frozen():
            payment = PaymentFactory.create()
            received(payment)
            again = received(payment, event_key="payment:finished", native_state="TRADE_FINISHED")

            apply_notifications(at=NOON, limit=10)

        again.refresh_from_db()
        assert again.state == State.DUPLICATE

    def test_parks_what_it_cannot_place_and_tries_again(self) -> None:
        with frozen() as clock:
            account = AccountFactory.create()
            post(account, message("P404", outcome="closed", kind="close"))
            apply_notifications(at=NOON, limit=10)
            row = Notification.objects.get()
            assert (row.state, row.due_at) == (State.PARKED, NOON + timedelta(seconds=10))
            assert "P404" in row.last_error

            PaymentFactory.create(payment_no="P404", account=account)
            clock.shift(11)
            apply_notifications(at=row.due_at, limit=10)

        row.refresh_from_db()
        assert (row.state, row.last_error, Payment.objects.get().status) == (State.APPLIED, "", "canceled")

    def test_tells_somebody_what_is_still_parked_after_a_day(self) -> None:
        with frozen() as clock:
            post(AccountFactory.create(), message("P404", outcome="closed", kind="close"))
            apply_notifications(at=NOON, limit=10)
            assert not Alert.objects.exists()

            clock.shift(timedelta(hours=25))
            apply_notifications(at=NOON + timedelta(hours=25), limit=10)

        assert Alert.objects.get().kind == "payments.parked_notification"

    def test_is_not_held_up_by_a_message_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with frozen():
            broken, sound = PaymentFactory.create(), PaymentFactory.create()
            row = received(broken)
            Notification.objects.filter(pk=row.pk).update(facts={"kind": "nonsense"})
            received(sound)

            apply_notifications(at=NOON, limit=10)

        row.refresh_from_db()
        sound.order.refresh_from_db()
        assert (row.state, sound.order.payment_status) == (State.PARKED, "paid")

    def test_leaves_a_row_that_another_worker_holds(self) -> None:
        with frozen():
            row = received(PaymentFactory.create())
            Notification.objects.filter(pk=row.pk).update(due_at=NOON + timedelta(seconds=30))

            assert apply_notifications(at=NOON, limit=10) == 0

    @pytest.mark.parametrize("together", [True, False])
    def test_writes_nothing_once_its_lease_is_lost(self, monkeypatch: pytest.MonkeyPatch, together: bool) -> None:
        """A worker that slept through its lease finds the attempt number changed, and its booking is rolled back."""

        def sleep_first(rows: Any, **options: Any) -> set[int]:
            Notification.objects.update(attempt=99)
            return applying_together.apply_together(rows, **options) if together else set()

        monkeypatch.setattr(applying, "apply_together", sleep_first)
        with frozen():
            payment = PaymentFactory.create()
            received(payment)

            apply_notifications(at=NOON, limit=1)

        payment.order.refresh_from_db()
        assert (payment.order.payment_status, Notification.objects.get().state) == ("unpaid", State.RECEIVED)
        assert not LedgerEntry.objects.exists()

    def test_replays_as_often_as_anybody_likes(self) -> None:
        with frozen():
            payment = PaymentFactory.create()
            row = received(payment)
            for _ in range(3):
                apply_notifications(at=NOON, limit=10)
                assert replay(notification_ids=[row.pk], by=UserFactory.create(), at=NOON) == 1
            apply_notifications(at=NOON, limit=10)

        payment.order.refresh_from_db()
        row.refresh_from_db()
        assert (payment.order.paid_fen, row.state) == (9_900, State.DUPLICATE)
