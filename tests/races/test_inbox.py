"""One fact, told by many messages at the same moment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.testing import RunningSandbox
from tests.hands import Team, scene

pytestmark = [pytest.mark.race, pytest.mark.slow, pytest.mark.xdist_group("races")]

ROUNDS = 20


@pytest.fixture
def payment_no(team: Team) -> str:
    payment_no: str = team.lead.do("unpaid")["payment_nos"][0]
    return payment_no


def notice(team: Team, bank: RunningSandbox, payment_no: str) -> str:
    trade_no = f"T{payment_no}"
    body: str = team.lead.do("notice", state_dir=str(bank.state_dir), payment_no=payment_no, trade_no=trade_no)
    return body


class TestTheInbox:
    def test_four_copies_at_once_are_one_row_and_four_times_success(self, team: Team, bank: RunningSandbox) -> None:
        for _round in range(ROUNDS):
            payment_no = team.lead.do("unpaid")["payment_nos"][0]
            body = notice(team, bank, payment_no)

            assert team.at_once(*(scene("receive", body=body) for _hand in team.hands)) == [200] * 4

            assert team.lead.do("inbox", payment_no=payment_no) == {"rows": 1, "copies": 4, "states": {"received": 1}}
        team.lead.do("apply")

    def test_a_hundred_copies_applied_as_they_come_have_one_effect(self, team: Team, bank: RunningSandbox) -> None:
        known = team.lead.do("unpaid")
        payment_no = known["payment_nos"][0]
        body = notice(team, bank, payment_no)

        assert team.all_do("receive_and_apply", body=body, copies=25) == [200] * 4

        team.lead.do("start_again")
        assert team.lead.do("inbox", payment_no=payment_no) == {"rows": 1, "copies": 100, "states": {"applied": 1}}
        order = team.lead.do("order", order_id=known["order_id"])
        assert (order["paid_fen"], order["bookings"], order["paid_events"], order["told"]) == (9_900, 1, 1, 1)


class TestWithoutTheUniqueIndex:
    """What the index is for: without it every copy is a row. The money is booked once all the same."""

    @pytest.fixture(autouse=True)
    def _no_index(self, team: Team, payment_no: str) -> Iterator[None]:
        team.lead.do("drop_inbox_index")
        yield
        team.lead.do("restore_inbox_index", payment_no=payment_no)

    def test_every_copy_is_a_row_and_the_check_of_the_books_says_so(
        self, team: Team, bank: RunningSandbox, payment_no: str
    ) -> None:
        body = notice(team, bank, payment_no)

        team.at_once(*(scene("receive", body=body) for _hand in team.hands))
        team.all_do("apply")

        assert team.lead.do("inbox", payment_no=payment_no)["rows"] == 4
        assert any(told.startswith("notification_twice ") for told in team.lead.do("check_books"))
