from __future__ import annotations

import csv
from io import BytesIO
from zipfile import ZipFile

import pytest

from sandbox.clock import DAY, beijing
from sandbox.web import Request, Response

from .merchant import NOON, Hands, Merchant, Reply

TODAY = beijing(NOON)[:10]
ASK = "alipay.data.dataservice.bill.downloadurl.query"


def ask(merchant: Merchant, *, day: str = TODAY, kind: str = "trade") -> Reply:
    return merchant.call(ASK, {"bill_type": kind, "bill_date": day})


def fetch(merchant: Merchant, reply: Reply) -> Response:
    path = reply.content["bill_download_url"].removeprefix("http://sandbox.example")
    return merchant.sandbox.respond(Request("GET", path))


def unpack(response: Response) -> dict[str, str]:
    """Names as a tool reads them that knows only cp437, put right as GBK."""
    with ZipFile(BytesIO(response.body)) as packed:
        return {name.encode("cp437").decode("gbk"): packed.read(name).decode("gbk") for name in packed.namelist()}


def rows(merchant: Merchant) -> list[list[str]]:
    details = next(text for name, text in unpack(fetch(merchant, ask(merchant))).items() if "汇总" not in name)
    lines = [line for line in details.splitlines() if not line.startswith("#")]
    return [[cell.strip() for cell in row] for row in csv.reader(lines)][1:]


@pytest.fixture
def shop(merchant: Merchant, hands: Hands) -> Merchant:
    """Yesterday: two payments, and a refund of one."""
    merchant.paid("P1", "88.80")
    merchant.paid("P2", "5.00", subject='茶, "散"')
    merchant.refund("R1", "8.80")
    hands.pass_by(DAY)
    return merchant


class TestStatement:
    def test_is_a_zip_of_two_files_in_gbk(self, shop: Merchant) -> None:
        names = sorted(unpack(fetch(shop, ask(shop))))

        stem = f"{shop.credentials['seller_id']}_{TODAY.replace('-', '')}_业务明细"
        assert names == [f"{stem}(汇总).csv", f"{stem}.csv"]

    def test_has_a_row_of_25_columns_for_each_payment_and_refund(self, shop: Merchant) -> None:
        found = rows(shop)

        assert {len(row) for row in found} == {25}
        assert [(row[1], row[2], row[11], row[21]) for row in found] == [
            ("P1", "交易", "88.80", ""),
            ("P2", "交易", "5.00", ""),
            ("P1", "退款", "-8.80", "R1"),
        ]
        assert found[1][3] == '茶, "散"'

    def test_keeps_a_fee_by_rate_and_gives_back_its_part_with_a_refund(self, shop: Merchant) -> None:
        paid = [row[22] for row in rows(shop)]
        told = shop.ask("GET", "/sandbox/trades/P1")["fee_fen"]

        assert paid == ["-0.53", "-0.03", "0.05"]
        assert told == 48  # of the 80.00 that are left

    def test_keeps_another_fee_when_it_is_told_to(self, shop: Merchant) -> None:
        shop.control("bill_fee", scope="P2", value=9)

        assert [row[22] for row in rows(shop)] == ["-0.53", "-0.09", "0.05"]

    def test_frames_the_rows_and_ends_numbers_with_a_tab(self, shop: Merchant) -> None:
        details = next(text for name, text in unpack(fetch(shop, ask(shop))).items() if "汇总" not in name)
        lines = details.splitlines()

        assert [line[0] for line in lines[:4]] == ["#"] * 4
        assert lines[4].startswith("支付宝交易号,商户订单号,业务类型,")
        assert "结束" in lines[-2]
        assert ",P1\t," in details

    def test_can_be_fetched_for_thirty_seconds(self, shop: Merchant, hands: Hands) -> None:
        reply = ask(shop)
        hands.pass_by(30)
        in_time = fetch(shop, reply).status
        hands.pass_by(1)

        assert (in_time, fetch(shop, reply).status) == (200, 404)

    def test_is_there_when_the_day_is_over(self, merchant: Merchant) -> None:
        merchant.paid()

        assert ask(merchant).verdict == "isp.bill_not_exist"
        merchant.control("bill_early")
        assert ask(merchant).verdict == "10000"

    def test_is_not_there_for_a_day_without_trades(self, shop: Merchant) -> None:
        assert ask(shop, day="2026-01-01").verdict == "isp.bill_not_exist"

    @pytest.mark.parametrize(("day", "kind"), [("2026-9", "trade"), ("yesterday", "trade"), (TODAY, "signcustomer")])
    def test_is_refused_for_what_the_sandbox_has_not(self, shop: Merchant, day: str, kind: str) -> None:
        assert ask(shop, day=day, kind=kind).verdict == "ACQ.INVALID_PARAMETER"

    def test_can_differ_from_the_books(self, shop: Merchant) -> None:
        shop.control("bill_missing", scope="P1", count=1)
        shop.control("bill_changed", scope="P2", value=-7)
        shop.control("bill_extra", scope="P2")

        assert [(row[1], row[11]) for row in rows(shop)] == [("P2", "4.93"), ("P2X", "5.00"), ("P1", "-8.80")]

    def test_keeps_to_one_accounts_rows(self, shop: Merchant) -> None:
        stranger = Merchant(shop.sandbox, app_id=shop.ask("POST", "/sandbox/accounts")["alipay"]["app_id"])

        assert ask(stranger).verdict == "isp.bill_not_exist"
