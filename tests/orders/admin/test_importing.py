"""Orders into the back office and out of it, with a browser."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from customers.services import ensure_customer_types
from kernel.clock import now
from kernel.jobs import run_due_jobs
from kernel.models import AuditEntry, Job
from orders.admin import importing
from orders.imports import preview as previewing
from orders.imports.uploads import prune_uploads
from orders.models import Order
from orders.services import ensure_carriers
from tests.desk import Desk, text
from tests.factories import OrderFactory, default_workflow
from tests.orders.imports.files import TMALL, TMALL_ORDER, csv_bytes

pytestmark = pytest.mark.django_db
IMPORT = "/admin/orders/order/import/"
EXPORT = "/admin/orders/order/export/"
LIST = "/admin/orders/order/"
POLLS = 'hx-trigger="every 2s"'


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    ensure_customer_types()
    ensure_carriers()
    default_workflow()
    return tmp_path / "uploads"


def tmall(*rows: dict[str, str], encoding: str = "utf-8") -> bytes:
    return csv_bytes(TMALL, *(TMALL_ORDER | row for row in rows), encoding=encoding)


def upload(desk: Desk, content: bytes, name: str = "orders.csv") -> str:
    """:return: the address of the look into the file"""
    response = desk.post(IMPORT, {"file": SimpleUploadedFile(name, content)})
    assert response.status_code == HTTPStatus.FOUND, text(response)
    return str(response.headers["Location"])


def confirmed(desk: Desk, look: str) -> Any:
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text(desk.get(look)))
    return desk.post(look.partition("?")[0], dict(fields))


class TestTheLook:
    def test_shows_layout_encoding_rows_and_what_they_bring(self) -> None:
        desk = Desk("manager")

        page = text(
            desk.get(upload(desk, tmall({"订单编号": "11"}, {"订单编号": "22", "总金额": "?"}, encoding="gb18030")))
        )

        assert "gb18030" in page
        assert "Tmall" in page
        assert page.count("2020-02-20 23:59:54") == 2
        assert "“?” in column “总金额” is not an amount." in page
        assert not Order.objects.exists()

    def test_says_what_is_there_already(self) -> None:
        desk, content = Desk("manager"), tmall({"订单编号": "11"})
        confirmed(desk, upload(desk, content))
        run_due_jobs(at=now())

        page = text(desk.get(upload(desk, content)))

        assert '<span class="bo-strong">1</span> already there' in page

    def test_of_a_long_file_is_of_its_first_rows_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(previewing, "FIRST_ROWS", 3)
        desk = Desk("manager")
        rows = ({"订单编号": str(number)} for number in range(1, 10))

        page = text(desk.get(upload(desk, tmall(*rows))))

        assert "Only the first 3 orders" in page

    def test_says_what_is_wrong_with_the_whole_file(self) -> None:
        desk = Desk("manager")

        response = desk.get(upload(desk, b"a,b\n1,2\n"))

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "fit no known layout" in text(response)

    def test_takes_another_encoding(self) -> None:
        desk = Desk("manager")
        look = upload(desk, tmall({"收货地址 ": "上海"}))

        assert "上海" in text(desk.get(f"{look}&encoding=utf-8"))
        assert "is not big5" in text(desk.get(f"{look}&encoding=big5"))

    def test_is_for_whoever_uploaded_it_alone(self) -> None:
        look = upload(Desk("manager"), tmall({}))

        response = Desk("owner").get(look)

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "上海" not in text(response)

    def test_leaves_no_forgotten_file_behind(self, uploads: Path) -> None:
        upload(Desk("manager"), tmall({}))
        (kept,) = uploads.iterdir()
        assert kept.stat().st_mode & 0o077 == 0

        assert prune_uploads(at=now()) == 0
        assert prune_uploads(at=now() + timedelta(days=2)) == 1
        assert list(uploads.iterdir()) == []

    def test_refuses_what_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importing, "LARGEST_BYTES", 10)

        response = Desk("manager").post(IMPORT, {"file": SimpleUploadedFile("orders.csv", tmall({}))})

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


class TestTheImport:
    def test_runs_as_a_job_that_can_be_watched(
        self, uploads: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        desk = Desk("manager")
        look = upload(desk, tmall({"订单编号": "11"}, {"订单编号": "22", "总金额": "?"}))

        with django_capture_on_commit_callbacks(execute=True):
            page = confirmed(desk, look).headers["Location"]

        waiting = text(desk.get(page))
        assert POLLS in waiting
        run_due_jobs(at=now())
        done = text(desk.get(page))
        assert POLLS not in done
        assert "1 × unreadable amount" in done
        assert (Order.objects.count(), Job.objects.get().by, list(uploads.iterdir())) == (1, desk.user, [])

    def test_hands_out_the_rejected_rows(self) -> None:
        desk = Desk("manager")
        page = confirmed(desk, upload(desk, tmall({"订单编号": "22", "总金额": "?"}))).headers["Location"]
        run_due_jobs(at=now())

        assert [row["订单编号"] for row in rows(desk.get(f"{page}rejects/"))] == ["22"]

    def test_is_started_once_by_a_double_click(self) -> None:
        desk = Desk("manager")
        look = upload(desk, tmall({}))
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text(desk.get(look))))

        first = desk.post(look.partition("?")[0], fields)
        second = desk.post(look.partition("?")[0], fields)

        assert first.headers["Location"] == second.headers["Location"]
        assert Job.objects.count() == 1

    @pytest.mark.parametrize("role", ["support", "warehouse", "finance", "ops", "auditor"])
    def test_is_for_some_roles_alone(self, role: str) -> None:
        desk = Desk(role)
        job = Job.objects.create(kind="orders.import", title="x", due_at=now(), created_at=now())

        for address in (IMPORT, f"{IMPORT}look/", f"{IMPORT}{job.pk}/", f"{IMPORT}{job.pk}/rejects/"):
            assert desk.get(address).status_code == HTTPStatus.FORBIDDEN

    def test_shows_no_job_of_another_kind(self) -> None:
        job = Job.objects.create(kind="another", title="x", due_at=now(), created_at=now())

        assert Desk("manager").get(f"{IMPORT}{job.pk}/").status_code == HTTPStatus.NOT_FOUND

    def test_is_a_button_of_the_list(self) -> None:
        assert IMPORT in text(Desk("manager").get(LIST))
        assert IMPORT not in text(Desk("support").get(LIST))


def exported(desk: Desk, query: str = "", **given: str) -> Any:
    return desk.post(f"{EXPORT}{query}", {"file_format": "csv", "encoding": "utf-8-sig", "people": "masked", **given})


def rows(response: Any) -> list[dict[str, str]]:
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


class TestTheExport:
    def test_hides_people(self) -> None:
        OrderFactory.create(recipient_phone="13900139000", recipient_name="李四")

        (row,) = rows(exported(Desk("finance")))

        assert (row["收件人"], row["收件人手机"], row["详细地址"]) == ("李*", "139****9000", "***道***")

    def test_shows_them_to_whoever_may_see_them(self) -> None:
        OrderFactory.create(recipient_phone="13900139000")

        (row,) = rows(exported(Desk("owner"), people="full"))

        assert row["收件人手机"] == "13900139000"

    def test_shows_them_to_nobody_else(self) -> None:
        OrderFactory.create(recipient_phone="13900139000")

        response = exported(Desk("manager"), people="full")

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "13900139000" not in text(response)
        assert not AuditEntry.objects.filter(action="orders.export").exists()

    def test_is_in_the_audit_log_before_the_first_byte(self) -> None:
        OrderFactory.create()
        desk = Desk("owner")

        response = exported(desk, "?flag__exact=&q=13900139000", people="full")

        entry = AuditEntry.objects.get(action="orders.export")
        assert (entry.by, entry.after["masked"], entry.after["orders"]) == (desk.user, False, 1)
        assert "13900139000" not in json.dumps(entry.after)
        assert b"".join(response.streaming_content)

    def test_holds_what_the_list_shows(self) -> None:
        wanted = OrderFactory.create(category="completed")
        OrderFactory.create()
        desk = Desk("manager")
        link = f"{EXPORT}?category__exact=completed"
        assert link in text(desk.get(f"{LIST}?category__exact=completed"))

        found = rows(exported(desk, "?category__exact=completed"))

        assert [row["订单号"].removeprefix("'") for row in found] == [wanted.order_no]
        assert len(rows(exported(desk))) == 2

    def test_asks_first_what_it_should_be(self) -> None:
        page = text(Desk("manager").get(EXPORT))

        assert "masked" in page
        assert "in full" not in page
        assert "in full" in text(Desk("owner").get(EXPORT))

    def test_can_be_a_workbook(self) -> None:
        OrderFactory.create(external_order_no="6917926768823643751")

        response = exported(Desk("manager"), file_format="xlsx")

        sheet = load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
        assert sheet is not None
        assert "6917926768823643751" in {cell.value for row in sheet.iter_rows() for cell in row}

    def test_with_a_filter_that_makes_no_sense_goes_back_to_the_list(self) -> None:
        assert Desk("manager").get(f"{EXPORT}?placed_at__gte=x").headers["Location"] == LIST

    @pytest.mark.parametrize("role", ["support", "warehouse", "ops", "auditor"])
    def test_is_for_some_roles_alone(self, role: str) -> None:
        assert exported(Desk(role)).status_code == HTTPStatus.FORBIDDEN
        assert EXPORT not in text(Desk(role).get(LIST))
