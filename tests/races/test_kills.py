"""A process dies at a named place, as if the power had gone; another one goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.testing import RunningSandbox
from tests.failpoints import failpoints
from tests.hands import Team, scene

from .test_inbox import notice

pytestmark = [pytest.mark.race, pytest.mark.slow, pytest.mark.xdist_group("races")]

Kill = Callable[..., None]
PART_FEN = 4_000
MONEY = ("clearing", "receivable", "refunds_payable")
NOT_YET_SENT = ("refund_request.before_commit", "refund.before_claim", "refund.after_claim", "refund.before_call")


@pytest.fixture
def kill_at(team: Team, tmp_path: Path) -> Kill:
    """Have a process do a scene, and be killed at a failpoint; one that is never reached fails the test."""

    def kill_at(failpoint: str, name: str, **facts: Any) -> None:
        team.lead.dies_at(failpoint, scene(name, **facts), mark=tmp_path / failpoint)

    return kill_at


@pytest.fixture
def case(team: Team, bank: RunningSandbox) -> PaidAtTheGateway:
    return PaidAtTheGateway(team, bank)


class PaidAtTheGateway:
    """An order that was paid at the sandbox, and what has to be so once a part of its money went back."""

    def __init__(self, team: Team, bank: RunningSandbox) -> None:
        self.team, self.bank = team, bank
        known = team.lead.do("paid_at_the_gateway", url=bank.url)
        self.order_id, self.payment_id = known["order_id"], known["payment_ids"][0]
        self.payment_no: str = known["payment_nos"][0]
        self.before = team.lead.do("balances")

    @property
    def gone_fen(self) -> int:
        """By the gateway's own books."""
        return int(self.bank.trade(self.payment_no)["refunded_fen"])

    def refund_calls(self) -> int:
        asked = self.bank.get(f"/sandbox/requests.json?out_trade_no={self.payment_no}")
        return sum(row["api"] == "alipay.trade.refund" for row in asked)

    def assert_went_back_once(self) -> None:
        trade = self.bank.trade(self.payment_no)
        assert ([it["amount_fen"] for it in trade["refunds"]], self.refund_calls()) == ([PART_FEN], 1)
        self.assert_booked_once({"clearing": -PART_FEN, "receivable": PART_FEN, "refunds_payable": 0})

    def assert_booked_once(self, gained: dict[str, int]) -> None:
        came = self.team.lead.do("refunds", payment_id=self.payment_id)
        assert (came["statuses"], came["refunding_fen"], came["refunded_fen"]) == (["succeeded"], 0, PART_FEN)
        assert self.team.lead.do("order", order_id=self.order_id)["refunded_fen"] == PART_FEN
        after = self.team.lead.do("balances")
        assert {name: after.get(name, 0) - self.before.get(name, 0) for name in gained} == gained


class TestClickingOnRefund:
    """The web process dies on the way from the click to the answer; a worker starts, and the click is repeated."""

    @pytest.mark.parametrize("failpoint", failpoints("refund_request", "refund"))
    def test_killed_anywhere_the_money_goes_back_once(
        self, team: Team, case: PaidAtTheGateway, kill_at: Kill, failpoint: str
    ) -> None:
        form = team.lead.do("refund_form", payment_id=case.payment_id, yuan="40.00")
        click = {"person_id": team.lead.do("person"), **form}

        kill_at(failpoint, "press", **click)
        assert case.gone_fen == (0 if failpoint in NOT_YET_SENT else PART_FEN)
        team.lead.do("start_again")
        assert team.lead.do("press", **click) == 302
        team.lead.do("start_again")

        case.assert_went_back_once()


class TestTheRefundCall:
    @pytest.mark.parametrize("failpoint", failpoints("refund"))
    def test_a_worker_killed_around_it_refunds_once(
        self, team: Team, case: PaidAtTheGateway, kill_at: Kill, failpoint: str
    ) -> None:
        refund = team.lead.do(
            "request_refund", payment_id=case.payment_id, amount_fen=PART_FEN, key=f"kill:{failpoint}"
        )

        kill_at(failpoint, "send_refund", **refund)
        assert case.gone_fen == (0 if failpoint in NOT_YET_SENT else PART_FEN)
        team.lead.do("start_again")

        case.assert_went_back_once()


class TestApprovingARefund:
    @pytest.mark.parametrize("failpoint", [*failpoints("refund_approval"), "refund.before_claim", "refund.after_call"])
    def test_killed_at_it_the_second_click_sends_the_money_once(
        self, team: Team, case: PaidAtTheGateway, kill_at: Kill, failpoint: str
    ) -> None:
        refund = team.lead.do("ask_by_rule", payment_id=case.payment_id, amount_fen=PART_FEN)
        click = {"person_id": team.lead.do("person"), **team.lead.do("approval_form", **refund)}

        kill_at(failpoint, "press", **click)
        team.lead.do("start_again")
        team.lead.do("press", **click)
        team.lead.do("start_again")

        case.assert_went_back_once()


class TestRecordingARefund:
    @pytest.mark.parametrize("failpoint", failpoints("refund_offline"))
    def test_killed_at_it_the_second_click_books_it_once(
        self, team: Team, case: PaidAtTheGateway, kill_at: Kill, failpoint: str
    ) -> None:
        form = team.lead.do("record_form", payment_id=case.payment_id, yuan="40.00")
        click = {"person_id": team.lead.do("person"), **form}

        kill_at(failpoint, "press", **click)
        assert team.lead.do("refunds", payment_id=case.payment_id)["statuses"] == []
        assert [team.lead.do("press", **click) for _twice in range(2)] == [302, 302]

        assert (case.gone_fen, case.refund_calls()) == (0, 0)
        case.assert_booked_once({"clearing": 0, "elsewhere": -PART_FEN, "receivable": PART_FEN})


class TestARefundAtTheGatewaysConsole:
    @pytest.mark.parametrize("failpoint", failpoints("apply"))
    def test_a_worker_killed_at_its_news_books_it_once(
        self, team: Team, bank: RunningSandbox, case: PaidAtTheGateway, kill_at: Kill, failpoint: str
    ) -> None:
        bank.act(case.payment_no, "refund", amount_fen=PART_FEN, notify=False)
        trade = bank.trade(case.payment_no)
        news = {"out_biz_no": trade["refunds"][0]["out_request_no"], "refund_fee": "40.00"}
        facts = {"payment_no": case.payment_no, "trade_no": trade["trade_no"], "gmt_refund": "2026-01-01 12:00:05"}
        team.lead.do("receive", body=team.lead.do("notice", state_dir=str(bank.state_dir), **facts, **news))

        kill_at(failpoint, "apply")
        team.lead.do("start_again")

        assert case.refund_calls() == 0
        case.assert_booked_once({"clearing": -PART_FEN, "receivable": PART_FEN})


class TestTheWebhooksCommit:
    @pytest.mark.parametrize("failpoint", failpoints("inbox"))
    def test_killed_around_it_the_gateway_is_not_told_success_and_its_resend_has_one_effect(
        self, team: Team, bank: RunningSandbox, kill_at: Kill, failpoint: str
    ) -> None:
        known = team.lead.do("unpaid")
        body = notice(team, bank, known["payment_nos"][0])
        stored = int(failpoint == "inbox.after_commit")

        kill_at(failpoint, "receive", body=body)
        assert team.lead.do("inbox", payment_no=known["payment_nos"][0])["rows"] == stored
        assert team.lead.do("receive", body=body) == 200
        team.lead.do("start_again")

        told = team.lead.do("inbox", payment_no=known["payment_nos"][0])
        assert told == {"rows": 1, "copies": 1 + stored, "states": {"applied": 1}}
        order = team.lead.do("order", order_id=known["order_id"])
        assert (order["paid_fen"], order["bookings"], order["paid_events"], order["told"]) == (9_900, 1, 1, 1)


class TestApplying:
    @pytest.mark.parametrize("failpoint", failpoints("apply"))
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


class TestHandlingWhatFollows:
    @pytest.mark.parametrize("failpoint", ["events.before_handler", "events.before_commit"])
    def test_a_worker_killed_at_it_tells_the_order_of_its_money_once(
        self, team: Team, bank: RunningSandbox, kill_at: Kill, failpoint: str
    ) -> None:
        known = team.lead.do("unpaid")
        team.lead.do("receive", body=notice(team, bank, known["payment_nos"][0]))
        team.lead.do("apply")

        kill_at(failpoint, "deliver")
        team.lead.do("start_again")

        order = team.lead.do("order", order_id=known["order_id"])
        assert (order["paid_fen"], order["bookings"], order["paid_events"], order["told"]) == (9_900, 1, 1, 1)


class TestWritingToSomebody:
    @pytest.mark.parametrize("failpoint", failpoints("messages"))
    def test_a_worker_killed_at_it_leaves_the_letter_to_the_next(
        self, team: Team, kill_at: Kill, failpoint: str
    ) -> None:
        """Whether it went out, nobody knows: it is sent again, under the key by which providers know a repetition."""
        letter = team.lead.do("write_letter", key=failpoint)

        kill_at(failpoint, "send_letters")
        assert team.lead.do("letter", **letter) == {"state": "queued", "attempt": 1}
        team.lead.do("start_again")

        assert team.lead.do("letter", **letter) == {"state": "sent", "attempt": 2}


class TestFetchingAStatement:
    @pytest.mark.parametrize("failpoint", failpoints("statement"))
    def test_a_worker_killed_at_it_leaves_the_day_to_the_next(self, team: Team, kill_at: Kill, failpoint: str) -> None:
        day = team.lead.do("plan_statement")

        kill_at(failpoint, "fetch_statements", minutes=0)
        assert team.lead.do("statement", **day)["state"] == "waiting"
        team.lead.do("fetch_statements", minutes=30)

        assert team.lead.do("statement", **day) == {"state": "empty", "revision": 1}
