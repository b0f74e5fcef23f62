"""Files that become orders: once each, with their money, and nothing started by them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import Model, Sum
from django.utils import translation

from customers.models import Customer
from customers.services import ensure_customer_types
from kernel import jobs
from kernel.locks import run_lock
from kernel.models import Job, JobItem, Message, OutboxEvent
from orders.imports import ExportedOrder, ImportedLine, write_csv
from orders.imports import job as imports
from orders.imports.job import assumption_counts, free_from_the_dead, refusal_counts, refusals, start_import
from orders.models import Order, OrderEvent, OrderLine, Shipment
from orders.services import ensure_carriers
from payments.models import LedgerEntry, LedgerLine
from payments.services import check_books
from tests.factories import CustomerFactory, OrderFactory, default_workflow
from tests.helpers import NOON, drain, frozen

from .files import TAOBAO_2016, TAOBAO_ORDER, TMALL, TMALL_ORDER, csv_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop() -> Iterator[None]:
    default_workflow()
    ensure_carriers()
    ensure_customer_types()
    with frozen():
        yield


def tmall(*rows: dict[str, str]) -> bytes:
    return csv_bytes(TMALL, *(TMALL_ORDER | row for row in rows))


def taobao(*rows: dict[str, str]) -> bytes:
    return csv_bytes(TAOBAO_2016, *(TAOBAO_ORDER | row for row in rows))


def native(*orders: ExportedOrder) -> bytes:
    out = io.BytesIO()
    write_csv(out, orders)
    return out.getvalue()


def queued(content: bytes, **options: Any) -> Job:
    return start_import(file=ContentFile(content, name="orders.csv"), name="orders.csv", by=None, at=NOON, **options)


def imported(content: bytes, **options: Any) -> Job:
    job = jobs.run_now(queued(content, **options), at=NOON)
    assert job.state == Job.State.DONE, job.last_error
    return job


def counts(job: Job) -> tuple[int, int, int]:
    return job.done, job.skipped, job.failed


def everything() -> dict[str, list[dict[str, Any]]]:
    models: tuple[type[Model], ...] = (Order, OrderLine, OrderEvent, Shipment, Customer, LedgerEntry, LedgerLine)
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


def report(job: Job) -> list[dict[str, str]]:
    with job.report.open("rb") as file:
        return list(csv.DictReader(io.StringIO(file.read().decode("utf-8-sig"))))


class TestTheSecondTime:
    def test_the_same_file_changes_nothing(self) -> None:
        content = tmall({"订单编号": "1"}, {"订单编号": "2", "退款金额": "10.0", "买家实际支付金额": "90.0"})
        imported(content)
        drain()
        before = everything()

        again = imported(content)
        drain()

        assert counts(again) == (0, 2, 0)
        assert everything() == before

    def test_an_order_with_other_contents_is_refused_and_stays(self) -> None:
        imported(tmall({"订单编号": "1"}))
        before = everything()

        again = imported(tmall({"订单编号": "1", "总金额": "99.0", "买家实际支付金额": "99.0"}))

        assert counts(again) == (0, 0, 1)
        assert [it.reason.code for it in refusals(again)] == ["already_there"]
        assert everything() == before

    def test_an_order_twice_in_one_file_comes_once(self) -> None:
        other = {"订单编号": "1", "总金额": "99.0", "买家实际支付金额": "99.0"}
        job = imported(tmall({"订单编号": "1"}, {"订单编号": "1"}, other))

        assert counts(job) == (1, 1, 1)
        assert [(it.row_no, it.reason.code) for it in refusals(job)] == [(4, "already_there")]
        assert Order.objects.get().total_fen == 10_000

    def test_an_order_twice_in_two_chunks_comes_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imports, "CHUNK", 1)

        job = imported(tmall({"订单编号": "1"}, {"订单编号": "2"}, {"订单编号": "1"}))

        assert counts(job) == (2, 1, 0)

    def test_a_file_under_way_is_not_queued_twice(self) -> None:
        content = tmall({})

        assert queued(content) == queued(content)
        assert queued(content, encoding="gb18030") != queued(content)

    def test_an_order_made_here_is_not_taken_for_an_imported_one(self) -> None:
        made = OrderFactory.create(source="tmall", external_order_no="1")

        job = imported(tmall({"订单编号": "1"}))

        assert [it.reason.code for it in refusals(job)] == ["made_here"]
        assert Order.objects.get() == made

    def test_a_number_that_another_order_has_is_refused(self) -> None:
        OrderFactory.create(order_no="202001010001")
        line = ImportedLine(title="杯", quantity=1, unit_price_fen=100, total_fen=100)
        row = ExportedOrder(
            order_no="202001010001",
            source="elsewhere",
            external_order_no="x-1",
            placed_at=NOON,
            state="shipped",
            total_fen=100,
            subtotal_fen=100,
            lines=(line,),
        )

        job = imported(native(row))

        assert [it.reason.code for it in refusals(job)] == ["order_no_taken"]


class TestWhatItStarts:
    def test_nothing_however_late_it_gets(self) -> None:
        waiting = {"订单状态": "等待买家付款", "买家实际支付金额": "0.00", "订单付款时间 ": ""}
        imported(taobao(waiting | {"订单编号": "1" * 16}, {"订单编号": "2" * 16}))
        drain()
        before = list(Order.objects.order_by("pk").values())
        assert set(OutboxEvent.objects.values_list("name", flat=True)) == {"orders.OrdersImported"}

        for days in (1, 30, 400):  # by then, what was published is thrown away
            drain(at=NOON + timedelta(days=days))

        assert list(Order.objects.order_by("pk").values()) == before
        assert [row["state"] for row in before] == ["pending_payment", "shipped"]
        assert not Message.objects.exists()
        assert not OutboxEvent.objects.exists()

    def test_their_history_begins_with_the_import(self) -> None:
        job = imported(taobao({}))

        event = OrderEvent.objects.get()
        assert (event.seq, event.code, event.to_state, event.facts["job"]) == (1, "order_imported", "shipped", job.pk)


class TestTheMoney:
    def test_is_booked_as_collected_elsewhere_once(self) -> None:
        refunded = {"订单编号": "2", "退款金额": "100.0", "买家实际支付金额": "0.0"}
        partly = {"订单编号": "3", "退款金额": "30.0", "买家实际支付金额": "70.0"}
        unpaid = {"订单编号": "4", "买家实际支付金额": "0.0", "订单付款时间 ": ""}
        imported(tmall({"订单编号": "1"}, refunded, partly, unpaid))

        drain()
        drain()

        sums = LedgerLine.objects.values_list("account").annotate(fen=Sum("amount_fen"))
        assert dict(sums) == {"elsewhere": 17_000, "receivable": -17_000}
        assert LedgerEntry.objects.count() == 5

    def test_leaves_the_books_in_order(self) -> None:
        imported(taobao({"宝贝总数量": "3"}))
        imported(tmall({"退款金额": "30.0", "买家实际支付金额": "70.0"}))
        drain()

        assert [offender for stretch in check_books(at=NOON) for offender in stretch] == []


class TestPeople:
    def test_a_number_that_somebody_else_has_here_makes_two_people_not_one(self) -> None:
        here = CustomerFactory.create(customer_no="C202601010001", name="李四", phone="13900139000")
        line = ImportedLine(title="杯", quantity=1, unit_price_fen=100, total_fen=100)
        row = ExportedOrder(
            order_no="A1", placed_at=NOON, state="shipped", total_fen=100, subtotal_fen=100, lines=(line,),
            customer_no="C202601010001", customer_name="张三", customer_phone="13800138000",
        )  # fmt: skip

        imported(native(row, replace(row, order_no="A2")))

        first, second = Order.objects.order_by("pk")
        assert first.customer == second.customer != here
        assert (first.customer.name, first.customer.customer_no != here.customer_no) == ("张三", True)

    def test_a_customer_type_that_is_not_here_is_a_refusal(self) -> None:
        line = ImportedLine(title="杯", quantity=1, unit_price_fen=100, total_fen=100)
        facts: dict[str, Any] = {"placed_at": NOON, "state": "shipped", "total_fen": 100, "subtotal_fen": 100}
        row = ExportedOrder(order_no="A1", customer_name="张三", customer_type="vip", lines=(line,), **facts)

        job = imported(native(row))

        assert [it.reason.code for it in refusals(job)] == ["no_such_customer_type"]

    def test_a_masked_phone_overwrites_no_real_one(self) -> None:
        known = CustomerFactory.create(name="张三", phone="13800138000")

        imported(taobao({"联系手机": "138****8000"}))

        known.refresh_from_db()
        order = Order.objects.get()
        assert (known.phone, order.recipient_phone, order.recipient_phone_hash) == ("13800138000", "138****8000", "")
        assert Customer.objects.exclude(phone_hash="").get() == known

    def test_a_real_phone_finds_its_customer(self) -> None:
        known = CustomerFactory.create(name="张三", phone="13800138000")

        imported(taobao({"订单编号": "1" * 16}, {"订单编号": "2" * 16}))

        assert list(Order.objects.values_list("customer_id", flat=True)) == [known.pk] * 2

    def test_phones_and_addresses_are_sealed(self) -> None:
        imported(taobao({}))

        order = Order.objects.get()
        stored = Order.objects.values().get()
        assert (order.recipient_phone, "文一西路969号" in order.detail) == ("13800138000", True)
        assert not any("13800138000" in str(value) or "文一西路" in str(value) for value in stored.values())

    def test_what_is_kept_of_a_refused_row_says_nothing_about_a_person(self) -> None:
        content = taobao({"订单状态": "王五 13900139000"}, {"订单创建时间": "13900139000"})
        job = imported(content)

        kept = json.dumps(list(JobItem.objects.filter(job=job).values("key", "reason", "payload")), ensure_ascii=False)
        told = " ".join(it.reason.message for it in refusals(job))
        assert job.failed == 2
        assert not any(piece in kept for piece in ("13900139000", "13800138000", "张三", "王五"))
        assert "13900139000" in told


class TestRejects:
    def test_bring_the_rows_and_their_reasons(self) -> None:
        with translation.override("en"):
            job = imported(tmall({"订单编号": "1"}, {"订单编号": "2.02611E+11"}, {"订单编号": "3", "总金额": "oops"}))

        rows = report(job)
        assert [(row["行 row"], row["总金额"]) for row in rows] == [("3", "100.0"), ("4", "oops")]
        assert "damaged by Excel" in rows[0]["原因 reason"]
        assert refusal_counts(job) == [("number damaged by Excel", 1), ("unreadable amount", 1)] or counts(job) == (
            1,
            0,
            2,
        )

    def test_bring_all_rows_of_an_order(self) -> None:
        lines = tuple(
            ImportedLine(line_no=no, title=f"杯 {no}", quantity=1, unit_price_fen=100, total_fen=100)
            for no in (1, 2, 3)
        )
        facts: dict[str, Any] = {"placed_at": NOON, "total_fen": 300, "subtotal_fen": 300, "lines": lines}
        orders = [ExportedOrder(order_no=f"A{no}", state="shipped", **facts) for no in (1, 2, 3)]
        imported(native(ExportedOrder(order_no="A2", state="completed", **facts)))
        unreadable = native(orders[0], orders[1], ExportedOrder(order_no="A4", state="", **facts))

        rows = report(imported(unreadable))

        assert [(row["订单号"], row["商品名称"]) for row in rows] == [
            (number, f"杯 {no}") for number in ("A2", "A4") for no in (1, 2, 3)
        ]

    def test_put_right_can_be_imported(self) -> None:
        job = imported(taobao({"订单状态": "预售"}, {"订单编号": "1930123456789012346"}))
        with job.report.open("rb") as file:
            right = file.read().decode("utf-8-sig").replace("预售", "交易成功").encode("utf-8-sig")

        again = imported(right)

        order = Order.objects.get(external_order_no="1930123456789012345")
        assert (counts(again), order.state) == ((1, 0, 0), "completed")
        assert not {"行 row", "原因 reason"} & order.raw.keys()

    def test_are_safe_in_a_spreadsheet(self) -> None:
        job = imported(
            taobao({"订单状态": "预售", "订单编号": '="1930123456789012345"', "买家留言": "=cmd|' /C calc'!A0"})
        )

        (row,) = report(job)
        assert (row["订单编号"], row["买家留言"][:2]) == ("'1930123456789012345", "'=")

    def test_are_in_the_language_of_whoever_started_it(self) -> None:
        with translation.override("en"):
            job = queued(taobao({"订单状态": "预售"}))
        with translation.override("zh-hans"):
            jobs.run_now(job, at=NOON)

        job.refresh_from_db()
        assert "is not a state" in report(job)[0]["原因 reason"]

    def test_make_no_file_where_nothing_was_refused(self) -> None:
        assert not imported(tmall({})).report

    def test_what_was_assumed_is_counted(self) -> None:
        with translation.override("en"):
            job = imported(taobao({"订单付款时间 ": ""}, {"订单编号": "2" * 16}))

            assert ("payment time taken from the order", 1) in assumption_counts(job)


class TestGoingOn:
    def test_goes_on_behind_the_last_chunk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imports, "CHUNK", 2)
        content = tmall(*({"订单编号": str(number)} for number in range(1, 6)))
        job, chunks = queued(content), list[int]()

        def die(name: str) -> None:
            chunks.append(Order.objects.count())
            if len(chunks) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(imports, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            jobs.run_now(job, at=NOON)
        job.refresh_from_db()
        assert (job.state, job.cursor, Order.objects.count()) == ("running", 4, 4)

        assert free_from_the_dead(job, at=NOON)
        jobs.run_now(job, at=NOON)

        job.refresh_from_db()
        assert (job.state, counts(job), chunks) == ("done", (5, 0, 0), [2, 4, 5])
        assert list(Order.objects.order_by("pk").values_list("external_order_no", flat=True)) == list("12345")

    def test_takes_nothing_from_the_living(self) -> None:
        job = queued(tmall({}))
        Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, attempt=1, due_at=NOON + timedelta(minutes=2))
        job.refresh_from_db()

        def tried() -> bool:
            try:
                return _someone_else_may(job)
            finally:
                connection.close()

        with run_lock(imports._lock_of(job)) as is_mine, ThreadPoolExecutor(1) as pool:
            assert is_mine
            assert not pool.submit(tried).result()
        assert free_from_the_dead(job, at=NOON)

    def test_the_size_is_told_in_orders(self) -> None:
        lines = tuple(
            ImportedLine(line_no=no, title="杯", quantity=1, unit_price_fen=1, total_fen=1) for no in range(1, 5)
        )
        facts: dict[str, Any] = {"placed_at": NOON, "state": "shipped", "total_fen": 4, "subtotal_fen": 4}
        job = imported(native(*(ExportedOrder(order_no=f"A{no}", lines=lines, **facts) for no in range(3))))

        assert (job.total, job.cursor, job.done) == (3, 3, 3)


def _someone_else_may(job: Job) -> bool:
    with run_lock(imports._lock_of(job)) as is_mine:
        return is_mine
