from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from io import BytesIO

import pytest

from payments.gateways import GATEWAYS
from payments.models import Discrepancy, GatewayAccount, Statement
from tests.desk import Desk, text
from tests.factories import AccountFactory, PaymentFactory
from tests.helpers import frozen
from tests.payments.services.test_reconciling import DAY, MORNING, START, Bookkeeper, arrived, file_of, line, paid

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


class TestTheDay:
    def test_shows_both_sides_and_what_differs(self, account: GatewayAccount) -> None:
        lost = PaymentFactory.create(account=account, order__total_fen=1_990)
        row = arrived(account, line(paid(account, at=START + timedelta(hours=5))), line(lost))

        page = text(Desk("finance").get(f"/admin/payments/statement/{row.pk}/change/"))

        assert "Another state" in page
        assert lost.payment_no in page
        assert "￥119.90" in page

    def test_list_says_which_days_agree(self, account: GatewayAccount) -> None:
        arrived(account, line(paid(account, at=START + timedelta(hours=5))))

        assert "agrees" in text(Desk("finance").get("/admin/payments/statement/"))

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
