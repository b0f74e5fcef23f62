"""A part of the shop is down while money comes in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.live.programs import answers, wait_until
from tests.live.shop import LiveShop

from .journey import open_pay_page, wait_for_status

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.xdist_group("flows")]


def sendings(shop: LiveShop, payment_no: str) -> list[tuple[int, bool]]:
    """The answers that the gateway heard to its notifications: (status, whether it was told success)."""
    told = shop.bank.notifications(payment_no)
    return [(sent["status"], sent["accepted"]) for notification in told for sent in notification["attempts"]]


class TestRedisDown:
    def test_notifications_are_acknowledged_and_applied_by_the_sweeper(self, shop: LiveShop) -> None:
        known = open_pay_page(shop)
        assert shop.redis is not None
        shop.worker.kill()
        shop.redis.kill()

        shop.bank.pay(known["payment_no"])
        shop.bank.settle(timeout=60)

        assert sendings(shop, known["payment_no"]) == [(200, True)]
        assert shop.hand.do("received", payment_no=known["payment_no"]) == {"received": 1}
        wait_until(
            lambda: shop.hand.do("run_timers") and shop.hand.do("is_paid", order_id=known["order_id"]),
            what="run_timers applies what no bell was rung for",
        )
        wait_for_status(shop, known, "paid")

    def test_the_worker_goes_on_by_itself_when_redis_is_back(self, shop: LiveShop) -> None:
        known = open_pay_page(shop)
        assert shop.redis is not None
        shop.redis.kill()
        shop.bank.pay(known["payment_no"])
        shop.bank.settle(timeout=60)

        shop.start_redis()

        shop.wait_for("is_paid", order_id=known["order_id"])


@pytest.mark.only_on("postgresql", "mysql")
class TestDatabaseDown:
    def test_nothing_is_acknowledged_and_all_is_well_once_it_is_back(self, shop: LiveShop) -> None:
        known = open_pay_page(shop)
        assert shop.line is not None
        shop.line.cut()
        try:
            shop.bank.pay(known["payment_no"])
            wait_until(lambda: sendings(shop, known["payment_no"]), what="an answer to the notification")
            page, health = shop.get(known["pay_path"]), shop.get("/healthz")
        finally:
            shop.line.mend()

        assert {status for status, _accepted in sendings(shop, known["payment_no"])} == {503}
        assert (health.status_code, health.json()) == (503, {"status": "down", "database": "no answer"})
        assert page.status_code in (500, 503)
        assert "Traceback" not in page.text
        wait_for_status(shop, known, "paid")
        wait_until(
            lambda: sendings(shop, known["payment_no"])[-1] == (200, True), what="the gateway sends again, and is heard"
        )


class TestAGatewayThatDoesNotAnswer:
    """It takes every call, does it, and says nothing; its notifications come as ever."""

    VISITORS = 8
    ITS_PATIENCE = 5.0  # seconds that a gateway waits for our answer
    AT_ONCE = 3.0

    def test_is_left_alone_after_a_while_and_its_notifications_are_answered_all_the_time(self, shop: LiveShop) -> None:
        paying = [open_pay_page(shop) for _order in range(3)]
        coming = [shop.hand.do("new_order", yuan=99)["pay_path"] for _order in range(self.VISITORS)]
        shop.bank.control("timeout", value="60")

        with ThreadPoolExecutor(self.VISITORS) as visitors:
            pages = visitors.map(shop.get, coming)
            for known in paying:
                shop.bank.pay(known["payment_no"])
            answered = [self._seconds(shop.post, self._webhook(shop)) for _message in range(40)]
            assert {page.status_code for page in pages} == {httpx.codes.OK}

        assert max(answered) < self.ITS_PATIENCE
        for known in paying:
            assert sendings(shop, known["payment_no"])[0] == (200, True)
            wait_for_status(shop, known, "paid")
        wait_until(lambda: self._is_quick(shop), what="nobody waits for the gateway any more")
        shop.bank.clear()
        wait_until(lambda: self._shows_codes(shop), what="the gateway is asked again", pause=2)

    def _webhook(self, shop: LiveShop) -> str:
        path: str = shop.account["webhook"]
        return path

    def _is_quick(self, shop: LiveShop) -> bool:
        path = shop.hand.do("new_order", yuan=99)["pay_path"]
        return max(self._seconds(shop.get, path) for _visit in range(6)) < self.AT_ONCE

    def _shows_codes(self, shop: LiveShop) -> bool:
        """Every process has found out for itself that the gateway is back."""
        paths = [shop.hand.do("new_order", yuan=99)["pay_path"] for _order in range(6)]
        return all("<svg" in shop.get(path).text for path in paths)

    def _seconds(self, ask: Callable[[str], httpx.Response], path: str) -> float:
        started = monotonic()
        ask(path)
        return monotonic() - started


class TestTheWebDies:
    @pytest.mark.parametrize(("failpoint", "rows"), [("inbox.before_store", 0), ("inbox.after_commit", 1)])
    def test_around_its_commit_the_gateway_sends_again_and_the_money_is_booked_once(
        self, shop: LiveShop, tmp_path: Path, failpoint: str, rows: int
    ) -> None:
        known = open_pay_page(shop)
        mark = tmp_path / "mark"
        shop.worker.kill()  # so that what is stored stays as it came
        shop.web.kill()
        shop.start_web(FAIL_AT=failpoint, FAIL_MARK=str(mark))

        shop.bank.pay(known["payment_no"])
        wait_until(lambda: sendings(shop, known["payment_no"]), what="the gateway's first try")
        assert mark.exists(), f"{failpoint} was not reached"
        shop.web.kill()
        assert sendings(shop, known["payment_no"])[0] == (0, False)
        assert sum(shop.hand.do("received", payment_no=known["payment_no"]).values()) == rows
        shop.start_web()
        shop.worker.start()

        wait_for_status(shop, known, "paid")
        wait_until(lambda: sendings(shop, known["payment_no"])[-1] == (200, True), what="a resend that is acknowledged")
        assert shop.hand.do("received", payment_no=known["payment_no"]) == {"applied": 1}
        assert shop.hand.do("done_twice") == []
        assert answers(f"{shop.url}/healthz") == httpx.codes.OK
