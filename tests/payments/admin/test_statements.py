from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from io import BytesIO

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from payments.gateways import GATEWAYS
from payments.models import Discrepancy, GatewayAccount, Statement
from tests.desk import Desk, text
from tests.factories import AccountFactory, PaymentFactory
from tests.helpers import frozen
from tests.payments.services.test_reconciling import DAY, END, MORNING, START, Bookkeeper, arrived, file_of, line, paid

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bookkeeper() -> Iterator[None]:
    GATEWAYS[Bookkeeper.code] = Bookkeeper
    try:
        yield
    finally:
        del GATEWAYS[Bookkeeper.code]


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create(gateway="bookkeeper", code="books")


def _row(page: object) -> str:
    """What the list says of the only day in it."""
    return text(page).partition(DAY.isoformat())[2]


class TestTheDay:
    def test_shows_both_sides_and_what_differs(self, account: GatewayAccount) -> None:
        lost = PaymentFactory.create(account=account, order__total_fen=1_990)
        row = arrived(account, line(paid(account, at=START + timedelta(hours=5))), line(lost))

        page = text(Desk("finance").get(f"/admin/payments/statement/{row.pk}/change/"))

        assert "Another state" in page
        assert lost.payment_no in page
        assert "￥119.90" in page

    def test_says_of_each_difference_what_to_do(self, account: GatewayAccount) -> None:
        row = arrived(account, line(PaymentFactory.create(account=account)))

        page = text(Desk("finance").get(f"/admin/payments/statement/{row.pk}/change/"))

        assert "Put it right: the gateway is asked, and our books follow." in page
        assert "1 of 1 difference is open." in page

    def test_gives_its_differences_as_a_workbook(self, account: GatewayAccount) -> None:
        lost, wrong = PaymentFactory.create(account=account), paid(account, at=START + timedelta(hours=5))
        row = arrived(account, line(lost), line(wrong, amount_fen=1))
        address, desk = f"/admin/payments/discrepancy/of/{row.pk}/", Desk("finance")

        answer = desk.get(address)

        assert address in text(desk.get(f"/admin/payments/statement/{row.pk}/change/"))
        assert f'filename="differences-books-{DAY}-' in answer.headers["Content-Disposition"]
        sheet = load_workbook(BytesIO(answer.content)).active
        assert isinstance(sheet, Worksheet)
        header, *rows = sheet.iter_rows(values_only=True)
        told = [dict(zip(header, cells, strict=True)) for cells in rows]
        assert {it["payment number"] for it in told} == {lost.payment_no, wrong.payment_no}
        amounts = {it["payment number"]: (it["ours"], it["the gateway's"]) for it in told}
        assert amounts[wrong.payment_no] == (wrong.amount_fen / 100, 0.01)

    def test_gives_no_workbook_of_a_day_that_is_not_there_or_to_others(self, account: GatewayAccount) -> None:
        assert Desk("finance").get("/admin/payments/discrepancy/of/0/").status_code == HTTPStatus.NOT_FOUND
        assert Desk("warehouse").get("/admin/payments/discrepancy/of/0/").status_code == HTTPStatus.FORBIDDEN

    def test_list_says_which_days_agree(self, account: GatewayAccount) -> None:
        arrived(account, line(paid(account, at=START + timedelta(hours=5))))

        assert "agrees" in text(Desk("finance").get("/admin/payments/statement/"))

    def test_list_says_whose_work_its_differences_are(self, account: GatewayAccount) -> None:
        arrived(account, line(paid(account, at=START + timedelta(hours=5)), amount_fen=1))
        desk = Desk("finance")
        before = _row(desk.get("/admin/payments/statement/"))

        desk.submit(f"/admin/payments/discrepancy/{Discrepancy.objects.get().pk}/take/")

        name = str(Discrepancy.objects.get().owner)
        assert name not in before
        assert name in _row(desk.get("/admin/payments/statement/"))

    def test_settlement_tells_what_is_paid_out_after_fees(self, account: GatewayAccount) -> None:
        arrived(account, line(paid(account, at=START + timedelta(hours=5)), fee_fen=60))

        page = _row(Desk("finance").get("/admin/payments/statement/?part=funds"))

        assert "￥100.00" in page
        assert "￥0.60" in page
        assert "￥99.40" in page

    def test_settlement_leaves_out_what_is_not_here(self, account: GatewayAccount) -> None:
        Statement.objects.create(account=account, day=DAY)

        assert DAY.isoformat() not in text(Desk("finance").get("/admin/payments/statement/?part=funds"))

    def test_takes_an_uploaded_file_and_compares_it(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        file = BytesIO(file_of(line(payment)))
        file.name = "bill.csv"

        with frozen(MORNING):
            answer = Desk("finance").post(
                "/admin/payments/statement/take/", {"account": account.pk, "day": DAY.isoformat(), "file": file}
            )

        assert answer.status_code == HTTPStatus.FOUND
        row = Statement.objects.get()
        assert (row.is_uploaded, row.our_payments) == (True, 1)

    def test_says_what_is_wrong_with_a_file(self, account: GatewayAccount) -> None:
        file = BytesIO(b"nonsense")
        file.name = "bill.csv"

        with frozen(MORNING):
            answer = Desk("finance").post(
                "/admin/payments/statement/take/", {"account": account.pk, "day": DAY.isoformat(), "file": file}
            )

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "line 1" in text(answer)

    def test_is_fetched_by_finance_alone(self, account: GatewayAccount) -> None:
        assert Desk("manager").get("/admin/payments/statement/take/").status_code == HTTPStatus.FORBIDDEN


class TestTheDifference:
    def test_says_what_it_means_and_is_closed_with_a_reason(self, account: GatewayAccount) -> None:
        payment = paid(account, at=START + timedelta(hours=5))
        arrived(account, line(payment, amount_fen=1))
        row, desk = Discrepancy.objects.get(), Desk("finance")
        address = f"/admin/payments/discrepancy/{row.pk}"

        page = text(desk.get(f"{address}/change/"))
        desk.submit(f"{address}/take/")
        desk.submit(f"{address}/resolve/", reason="渠道已更正")

        assert "Both know it, with different amounts." in page
        row.refresh_from_db()
        assert (row.owner, row.resolution_note) == (desk.user, "渠道已更正")

    def test_says_in_words_what_it_is_about(self, account: GatewayAccount) -> None:
        payment = PaymentFactory.create(account=account)
        arrived(account, line(payment), line(payment, movement="refund", refund_no="CONSOLE1", amount_fen=1, fee_fen=0))
        desk = Desk("finance", language="zh-hans")
        pages = {
            row.movement: text(desk.get(f"/admin/payments/discrepancy/{row.pk}/change/"))
            for row in Discrepancy.objects.all()
        }

        assert "待支付" in pages["payment"] or "支付中" in pages["payment"]
        assert ">pending<" not in pages["payment"]
        assert "记为在渠道后台发起的退款" in pages["refund"]

    def test_close_to_midnight_it_is_nobodys_work_yet(self, account: GatewayAccount) -> None:
        row = arrived(account, line(paid(account, at=START + timedelta(hours=5))))
        paid(account, at=END - timedelta(minutes=3))
        Desk("finance").submit(f"/admin/payments/statement/{row.pk}/compare/")

        assert Discrepancy.objects.filter(kind="cutoff", resolved_at=None).exists()
        assert "agrees" in text(Desk("finance").get("/admin/payments/statement/"))

    def test_without_a_reason_it_stays_open(self, account: GatewayAccount) -> None:
        arrived(account, line(PaymentFactory.create(account=account)))
        row = Discrepancy.objects.get()

        answer = Desk("finance").submit(f"/admin/payments/discrepancy/{row.pk}/resolve/", reason="")

        assert "Write why" in text(answer)
        assert Discrepancy.objects.filter(resolved_at=None).exists()

    def test_is_found_by_number(self, account: GatewayAccount) -> None:
        payment = PaymentFactory.create(account=account)
        arrived(account, line(payment))

        assert payment.payment_no in text(Desk("finance").get(f"/admin/payments/discrepancy/?q={payment.payment_no}"))
