from __future__ import annotations

from http import HTTPStatus

import pytest
from django.core.files.base import ContentFile

from kernel.alerts import raise_alert
from kernel.clock import now
from kernel.models import Alert, AuditEntry, Job, Message, ScheduleTick
from orders.services import ensure_default_workflows
from tests.desk import Desk, text

pytestmark = pytest.mark.django_db


def an_alert() -> Alert:
    return raise_alert(kind="timer", subject="orders.close", severity="warning", text="It failed.", at=now())


def a_job(**columns: object) -> Job:
    return Job.objects.create(kind="test", title="A batch", due_at=now(), created_at=now(), **columns)


class TestAlerts:
    def test_are_taken_by_whoever_looks_after_them(self) -> None:
        desk, alert = Desk("ops"), an_alert()

        desk.submit(f"/admin/kernel/alert/{alert.pk}/acknowledge/")

        alert.refresh_from_db()
        assert alert.acknowledged_by == desk.user

    def test_are_closed(self) -> None:
        desk, alert = Desk("ops"), an_alert()

        desk.submit(f"/admin/kernel/alert/{alert.pk}/resolve/")

        assert not Alert.objects.filter(resolved_at=None).exists()

    def test_that_are_open_have_a_list(self) -> None:
        an_alert()

        assert "It failed." in text(Desk("ops").get("/admin/kernel/alert/?open=yes"))
        assert "It failed." not in text(Desk("ops").get("/admin/kernel/alert/?open=no"))


class TestJobs:
    def test_show_how_far_they_are(self) -> None:
        a_job(total=1_000, done=420, failed=3)

        assert "423/1,000" in text(Desk("ops").get("/admin/kernel/job/"))

    def test_hand_out_their_report(self) -> None:
        job = a_job()
        job.report.save("rejects.csv", ContentFile(b"row,reason\n"))

        response = Desk("ops").get(f"/admin/kernel/job/{job.pk}/report/")

        assert b"".join(response.streaming_content) == b"row,reason\n"  # type: ignore[attr-defined]
        assert response.headers["Content-Disposition"].startswith("attachment")

    def test_that_failed_run_again(self) -> None:
        job = a_job(state=Job.State.FAILED)

        Desk("ops").submit(f"/admin/kernel/job/{job.pk}/run-again/")

        job.refresh_from_db()
        assert job.state == Job.State.QUEUED

    def test_that_wait_are_canceled(self) -> None:
        job = a_job()

        Desk("ops").submit(f"/admin/kernel/job/{job.pk}/cancel/")

        job.refresh_from_db()
        assert job.state == Job.State.CANCELED


class TestMessages:
    def test_show_nobody_whole(self) -> None:
        message = Message(
            effect_key="k", channel="email", template="order_shipped", due_at=now(), created_at=now(), state="failed"
        )
        message.recipient = "zhangsan@example.com"
        message.save()

        page = text(Desk("ops").get("/admin/kernel/message/"))

        assert "z***@example.com" in page
        assert "zhangsan" not in page


class TestTimers:
    def test_that_failed_say_so(self) -> None:
        ScheduleTick.objects.create(timer="orders.close", scheduled_for=now(), started_at=now(), error="Boom")

        assert "Failed" in text(Desk("ops").get("/admin/kernel/scheduletick/"))


class TestWorkflow:
    def test_versions_show_states_and_the_ways_out_of_them(self) -> None:
        version = ensure_default_workflows(at=now())

        page = text(Desk("ops").get(f"/admin/kernel/workflowversion/{version.pk}/change/"))

        assert "Awaiting payment" in page
        assert "Payment succeeded" in page


class TestAudit:
    def test_is_what_the_history_of_a_page_leads_to(self) -> None:
        response = Desk("owner").get("/admin/orders/product/7/history/")

        assert response.headers["Location"] == (
            "/admin/kernel/auditentry/?subject_type__exact=orders.product&subject_id__exact=7"
        )
        assert Desk("owner").get(response.headers["Location"]).status_code == HTTPStatus.OK

    def test_has_an_entry_for_every_save(self) -> None:
        desk = Desk("owner")

        desk.post("/admin/orders/product/add/", {"sku": "A-1", "title": "Cup", "price_fen": "99.00", "is_active": "on"})

        entry = AuditEntry.objects.get(subject_type="orders.product")
        assert (entry.by, entry.after["price_fen"]) == (desk.user, 9_900)

    def test_says_what_was_there_before(self) -> None:
        desk = Desk("owner")
        fields = {"sku": "A-1", "title": "Cup", "price_fen": "99.00", "is_active": "on"}
        desk.post("/admin/orders/product/add/", fields)
        pk = AuditEntry.objects.get(subject_type="orders.product").subject_id

        desk.post(f"/admin/orders/product/{pk}/change/", {**fields, "price_fen": "89.00"})

        entry = AuditEntry.objects.filter(subject_type="orders.product").latest("pk")
        assert (entry.before, entry.after) == ({"price_fen": 9_900}, {"price_fen": 8_900})
