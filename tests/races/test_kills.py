"""A process dies at a named place, as if the power had gone; another one goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from sandbox.testing import RunningSandbox
from tests.hands import Hand, Team
from tests.processes import Processes

from .conftest import SCENES
from .test_inbox import notice

pytestmark = [pytest.mark.race, pytest.mark.slow, pytest.mark.xdist_group("races")]

Kill = Callable[..., None]


@pytest.fixture
def kill_at(processes: Processes, tmp_path: Path) -> Iterator[Kill]:
    """Have a process of its own do a scene, and die at a failpoint; one that is never reached fails the test."""
    started: list[Hand] = []

    def kill_at(failpoint: str, name: str, **facts: Any) -> None:
        mark = tmp_path / failpoint
        doomed = Hand(SCENES, {**processes.environment, "FAIL_AT": failpoint, "FAIL_MARK": str(mark)})
        started.append(doomed)
        died_of = doomed.ready().dies(name, **facts)
        assert mark.exists(), f"{failpoint} was not reached"
        assert died_of == SIGKILL

    yield kill_at
    for hand in started:
        hand.leave()


def refund_calls(bank: RunningSandbox, payment_no: str) -> int:
    asked = bank.get(f"/sandbox/requests.json?out_trade_no={payment_no}")
    return sum(row["api"] == "alipay.trade.refund" for row in asked)


class TestTheRefundCall:
    @pytest.mark.parametrize(
        ("failpoint", "gone_at_death"),
        [
            ("refund.before_call", 0),
            ("refund.after_call", 4_000),
            ("refund.before_settle", 4_000),
            ("refund.after_settle", 4_000),
        ],
    )
    def test_a_worker_killed_around_it_refunds_once(
        self, team: Team, bank: RunningSandbox, kill_at: Kill, failpoint: str, gone_at_death: int
    ) -> None:
        known = team.lead.do("paid_at_the_gateway", url=bank.url)
        payment_id, payment_no = known["payment_ids"][0], known["payment_nos"][0]
        before = team.lead.do("balances")
        refund = team.lead.do("request_refund", payment_id=payment_id, amount_fen=4_000, key=f"kill:{failpoint}")

        kill_at(failpoint, "send_refund", **refund)
        assert bank.trade(payment_no)["refunded_fen"] == gone_at_death
        team.lead.do("start_again")

        trade = bank.trade(payment_no)
        assert ([it["amount_fen"] for it in trade["refunds"]], refund_calls(bank, payment_no)) == ([4_000], 1)
        came = team.lead.do("refunds", payment_id=payment_id)
        assert (came["statuses"], came["refunding_fen"], came["refunded_fen"]) == (["succeeded"], 0, 4_000)
        assert team.lead.do("order", order_id=known["order_id"])["refunded_fen"] == 4_000
        after = team.lead.do("balances")
        gained = {name: after[name] - before.get(name, 0) for name in ("clearing", "receivable", "refunds_payable")}
        assert gained == {"clearing": -4_000, "receivable": 4_000, "refunds_payable": 0}


class TestTheWebhooksCommit:
    def test_killed_before_it_nothing_is_stored_and_the_resend_is_the_first(
        self, team: Team, bank: RunningSandbox, kill_at: Kill
    ) -> None:
        known, body = self._told(team, bank)

        kill_at("inbox.before_commit", "receive", body=body)
        assert team.lead.do("inbox", payment_no=known["payment_nos"][0])["rows"] == 0

        self._resent(team, known, body, copies=1)

    def test_killed_after_it_the_row_is_there_and_the_resend_a_copy(
        self, team: Team, bank: RunningSandbox, kill_at: Kill
    ) -> None:
        known, body = self._told(team, bank)

        kill_at("inbox.after_commit", "receive", body=body)
        assert team.lead.do("inbox", payment_no=known["payment_nos"][0])["rows"] == 1

        self._resent(team, known, body, copies=2)

    def _told(self, team: Team, bank: RunningSandbox) -> tuple[dict[str, Any], str]:
        known = team.lead.do("unpaid")
        return known, notice(team, bank, known["payment_nos"][0])

    def _resent(self, team: Team, known: dict[str, Any], body: str, *, copies: int) -> None:
        assert team.lead.do("receive", body=body) == 200
        team.lead.do("start_again")
        told = team.lead.do("inbox", payment_no=known["payment_nos"][0])
        assert told == {"rows": 1, "copies": copies, "states": {"applied": 1}}
        order = team.lead.do("order", order_id=known["order_id"])
        assert (order["paid_fen"], order["bookings"], order["paid_events"], order["told"]) == (9_900, 1, 1, 1)


class TestApplying:
    @pytest.mark.parametrize("failpoint", ["apply.after_claim", "apply.before_commit", "apply.after_commit"])
    def test_a_worker_killed_at_it_books_the_money_once(
        self, team: Team, bank: RunningSandbox, kill_at: Kill, failpoint: str
    ) -> None:
        known = team.lead.do("unpaid")
        body = notice(team, bank, known["payment_nos"][0])
        team.lead.do("receive", body=body)

        kill_at(failpoint, "apply")
        is_booked = team.lead.do("order", order_id=known["order_id"])["bookings"]
        assert is_booked == (failpoint == "apply.after_commit")
        team.lead.do("start_again")

        assert team.lead.do("inbox", payment_no=known["payment_nos"][0])["states"] == {"applied": 1}
        order = team.lead.do("order", order_id=known["order_id"])
        assert (order["paid_fen"], order["bookings"], order["paid_events"], order["told"]) == (9_900, 1, 1, 1)
