"""Money comes at the moment when something else happens to its order."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest

from sandbox.testing import RunningSandbox
from tests.hands import Team, scene

from .conftest import where

pytestmark = [pytest.mark.race, pytest.mark.slow, pytest.mark.xdist_group("races")]


def way_of(order: dict[str, Any]) -> str:
    """How an order ended; an end that must not be is called wrong."""
    facts = (order["is_paid"], order["is_closed"], order["unapplied"], order["told"])
    match facts:
        case (True, False, [], 1):
            return "paid"
        case (False, True, [], 0):
            return "closed"
        case (False, True, ["order_closed"], 0):
            return "closed, and the money kept"
    return f"wrong: {order}"


class Handicap:
    """Seconds by which the customer is late: more after a win, less after a loss, so that the race stays close."""

    def __init__(self) -> None:
        self.late = 0.02

    def weigh(self, end: str) -> None:
        self.late = self.late * 1.3 if end == "paid" else self.late / 1.3


class TestPayingWhileTheOrderIsClosed:
    ROUNDS = int(os.environ.get("RACE_ROUNDS", "25"))

    def test_the_gateways_word_decides_and_no_money_is_lost(self, team: Team, bank: RunningSandbox) -> None:
        """The gateway closes or collects, never both; whichever it was, the order and the books follow."""
        ends: Counter[str] = Counter()
        handicap = Handicap()
        for _round in range(self.ROUNDS):
            known = team.lead.do("at_the_gateway", url=bank.url)
            order_id, payment_id, payment_no = known["order_id"], known["payment_ids"][0], known["payment_nos"][0]

            team.at_once(
                scene("close_at_the_gateway", order_id=order_id, payment_id=payment_id),
                scene("pay_and_tell", **where(bank), payment_no=payment_no, wait=handicap.late),
                scene("close_at_the_gateway", order_id=order_id, payment_id=payment_id),
            )

            team.lead.do("start_again")
            end = way_of(team.lead.do("order", order_id=order_id))
            ends[end] += 1
            handicap.weigh(end)
            assert end == {"TRADE_SUCCESS": "paid", "TRADE_CLOSED": "closed"}[bank.trade(payment_no)["state"]]
        assert set(ends) == {"paid", "closed"}, f"no race: {ends}"

    def test_a_success_told_beside_a_close_is_always_booked(self, team: Team) -> None:
        """The worst gateway tells both. The money is the order's, or it is kept for somebody to decide."""
        ends: Counter[str] = Counter()
        handicap = Handicap()
        for _round in range(self.ROUNDS):
            known = team.lead.do("unpaid")
            order_id, payment_id = known["order_id"], known["payment_ids"][0]
            team.lead.do("ask_to_close", order_id=order_id)

            team.at_once(
                scene("settle", payment_id=payment_id, outcome="closed"),
                scene("settle", payment_id=payment_id, outcome="succeeded", wait=handicap.late),
                scene("settle", payment_id=payment_id, outcome="closed"),
                scene("settle", payment_id=payment_id, outcome="succeeded", wait=handicap.late),
            )

            team.lead.do("start_again")
            order = team.lead.do("order", order_id=order_id)
            end = way_of(order)
            ends[end] += 1
            handicap.weigh(end)
            assert (order["paid_fen"] + order["unapplied_fen"], order["paid_fen"]) in ((9_900, 9_900), (9_900, 0))
        assert set(ends) == {"paid", "closed, and the money kept"}, f"no race, or worse: {ends}"


class TestTwoPaymentsForOneOrder:
    ROUNDS = 20

    def test_one_pays_the_order_and_the_other_is_kept(self, team: Team) -> None:
        for _round in range(self.ROUNDS):
            known = team.lead.do("unpaid", attempts=2)
            before = team.lead.do("balances")

            answers = team.at_once(
                *(scene("settle", payment_id=payment_id) for payment_id in known["payment_ids"] for _twice in range(2))
            )

            order = team.lead.do("order", order_id=known["order_id"])
            assert Counter(answers) == {"Payment": 2, "UnappliedMoney": 2}
            assert (order["paid_fen"], order["unapplied"], order["told"]) == (9_900, ["already_paid"], 1)
            after = team.lead.do("balances")
            gained = {name: after[name] - before.get(name, 0) for name in ("clearing", "receivable", "suspense")}
            assert gained == {"clearing": 19_800, "receivable": -9_900, "suspense": -9_900}
