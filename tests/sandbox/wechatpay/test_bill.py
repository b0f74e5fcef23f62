from __future__ import annotations

import csv
import gzip
from hashlib import sha1
from urllib.parse import urlsplit

import pytest

from sandbox.clock import DAY

from ..merchant import Hands
from .shop import Reply, Shop

TRADES = "/v3/bill/tradebill?bill_date={}&bill_type={}&tar_type=GZIP"
FLOWS = "/v3/bill/fundflowbill?bill_date={}&account_type=BASIC"
TODAY, PUBLISHED_COLUMNS = "2026-09-21", 27


@pytest.fixture
def sold(shop: Shop, hands: Hands) -> Shop:
    """One order paid, another paid and refunded in part; it is the next day, after ten."""
    shop.paid("ORDER1")
    shop.paid("ORDER2")
    shop.refund("REFUND1", 40, out_trade_no="ORDER2")
    hands.pass_by(3)
    hands.pass_by(DAY)
    return shop


def fetched(shop: Shop, offer: Reply) -> bytes:
    """What the link leads to; its sum is that of the unpacked file."""
    url = urlsplit(offer.content["download_url"])
    packed = shop.call("GET", f"{url.path}?{url.query}").response.body
    content = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    assert (offer.content["hash_type"], offer.content["hash_value"]) == ("SHA1", sha1(content).hexdigest())
    return content


def lines(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.endswith(b"\r\n")
    return list(csv.reader(content.decode("utf-8-sig").splitlines()))


def trade_rows(shop: Shop, kind: str = "ALL") -> list[list[str]]:
    return lines(fetched(shop, shop.call("GET", TRADES.format(TODAY, kind))))


class TestTradeBill:
    def test_is_written_like_the_published_one(self, sold: Shop) -> None:
        header, *rows, summary, sums = trade_rows(sold)

        assert len(header) == PUBLISHED_COLUMNS
        assert (header[0], header[5], header[-1]) == ("交易时间", "微信订单号", "费率备注")
        assert [len(row) for row in rows] == [PUBLISHED_COLUMNS] * 3
        assert all(cell.startswith("`") for row in (*rows, sums) for cell in row)
        assert [row[9] for row in rows] == ["`SUCCESS", "`SUCCESS", "`REFUND"]
        assert [(row[12], row[16]) for row in rows] == [("`1.00", "`0.00"), ("`1.00", "`0.00"), ("`0.00", "`0.40")]
        assert summary[0] == "总交易单数"
        assert [row[22:24] for row in rows] == [["`0.01000", "`0.60%"]] * 2 + [["`-0.01000", "`0.60%"]]
        assert [sums[0], sums[1], sums[2], sums[4]] == ["`3.0", "`2.00", "`0.40", "`0.01000"]

    @pytest.mark.parametrize(("kind", "count"), [("ALL", 3), ("SUCCESS", 2), ("REFUND", 1)])
    def test_holds_what_was_asked_for(self, sold: Shop, kind: str, count: int) -> None:
        assert len(trade_rows(sold, kind)) == count + 3

    def test_is_ready_the_next_day_after_ten(self, shop: Shop, hands: Hands) -> None:
        shop.paid()

        assert shop.call("GET", TRADES.format(TODAY, "ALL")).verdict == (400, "STATEMENT_CREATING")
        shop.control("bill_early", count=1)
        assert shop.call("GET", TRADES.format(TODAY, "ALL")).status == 200

    @pytest.mark.parametrize(
        ("target", "verdict"),
        [
            (TRADES.format("2026-09-20", "ALL"), (400, "NO_STATEMENT_EXIST")),
            (TRADES.format("20260921", "ALL"), (400, "PARAM_ERROR")),
            (TRADES.format("2026-01-01", "ALL"), (400, "PARAM_ERROR")),
            (TRADES.format("2027-01-01", "ALL"), (400, "PARAM_ERROR")),
            (TRADES.format(TODAY, "SOME"), (400, "PARAM_ERROR")),
            (f"/v3/bill/fundflowbill?bill_date={TODAY}&account_type=FEES", (400, "NO_STATEMENT_EXIST")),
        ],
    )
    def test_is_refused_when_there_is_none(self, sold: Shop, target: str, verdict: tuple[int, str]) -> None:
        assert sold.call("GET", target).verdict == verdict

    def test_is_for_its_merchant_and_not_for_long(self, sold: Shop, hands: Hands) -> None:
        url = urlsplit(sold.call("GET", TRADES.format(TODAY, "ALL")).content["download_url"])
        target = f"{url.path}?{url.query}"
        made = sold.ask("POST", "/sandbox/accounts", gateway="wechatpay")["wechatpay"]

        assert Shop(sold.sandbox, mchid=made["mchid"]).call("GET", target).status == 404
        assert sold.send("GET", target, b"", {}).verdict == (401, "SIGN_ERROR")
        assert sold.call("GET", target).status == 200
        assert sold.call("GET", target).serial == ""  # a file is not signed
        hands.pass_by(301)
        assert sold.call("GET", target).status == 404

    def test_can_lack_a_row_have_one_more_or_another_amount(self, sold: Shop) -> None:
        sold.control("bill_missing", scope="ORDER1", count=1)
        missing = trade_rows(sold)
        sold.control("bill_extra", scope="ORDER1", count=1)
        extra = trade_rows(sold)
        sold.control("bill_changed", scope="ORDER1", value="7", count=1)
        changed = trade_rows(sold)
        sold.control("bill_duplicate", scope="ORDER1", count=1)
        twice = trade_rows(sold)
        sold.control("bill_fee", scope="ORDER1", value="9", count=1)
        dearer = trade_rows(sold)

        assert "`ORDER1" not in [row[6] for row in missing if len(row) > 6]
        assert "`ORDER1X" in [row[6] for row in extra if len(row) > 6]
        assert changed[1][12] == "`1.07"
        assert twice[1] == twice[2]
        assert [row[22] for row in dearer[1:3]] == ["`0.09000", "`0.01000"]
        assert trade_rows(sold)[1][12] == "`1.00"


class TestFundFlowBill:
    def test_follows_the_money(self, sold: Shop) -> None:
        header, *rows, _, sums = lines(fetched(sold, sold.call("GET", FLOWS.format(TODAY))))

        assert (header[0], len(header)) == ("记账时间", 11)
        assert [(row[5], row[6], row[7]) for row in rows] == [
            ("`收入", "`1.00", "`1.00"),
            ("`支出", "`0.01", "`0.99"),
            ("`收入", "`1.00", "`1.99"),
            ("`支出", "`0.01", "`1.98"),
            ("`支出", "`0.39", "`1.59"),  # 0.40, less what it brings back of the fee
        ]
        assert sums == ["`5.0", "`2.0", "`2.00", "`3.0", "`0.41"]
