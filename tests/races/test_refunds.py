"""Several members of staff give the same money back at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from sandbox.testing import RunningSandbox
from tests.hands import Team, scene

pytestmark = [pytest.mark.race, pytest.mark.slow, pytest.mark.xdist_group("races")]

ROUNDS = 8


def ask_at_once(team: Team, payment_id: int, amount_fen: int, *, same_form: bool = False) -> list[dict[str, int | str]]:
    keys = [f"form:{payment_id}:{0 if same_form else number}" for number, _hand in enumerate(team.hands)]
    wanted = [scene("request_refund", payment_id=payment_id, amount_fen=amount_fen, key=key) for key in keys]
    return team.at_once(*wanted)


def click_at_once(team: Team, payment_id: int) -> list[int]:
    forms = [
        {"person_id": team.lead.do("person"), **team.lead.do("refund_form", payment_id=payment_id, yuan="99.00")}
        for _clicks in range(2 * len(team.hands))
    ]
    pairs = zip(forms[::2], forms[1::2], strict=True)
    answers: list[list[int]] = team.at_once(*(scene("press_both", forms=list(pair)) for pair in pairs))
    return [status for both in answers for status in both]


class TestRefundingAtOnce:
    def test_one_of_four_gives_all_of_it_back_and_the_others_are_told_why_not(self, team: Team) -> None:
        for _round in range(ROUNDS):
            payment_id = team.lead.do("paid")["payment_id"]

            answers = ask_at_once(team, payment_id, 9_900)

            assert sum("refund_id" in answer for answer in answers) == 1
            assert [answer["refused"] for answer in answers if "refused" in answer] == ["RefundAboveRest"] * 3
            assert team.lead.do("refunds", payment_id=payment_id)["asked_fen"] == 9_900

    def test_parts_never_add_up_to_more_than_was_paid(self, team: Team) -> None:
        for _round in range(ROUNDS):
            payment_id = team.lead.do("paid")["payment_id"]

            answers = ask_at_once(team, payment_id, 4_000)

            assert sum("refund_id" in answer for answer in answers) == 2
            came = team.lead.do("refunds", payment_id=payment_id)
            assert (came["asked_fen"], came["refunding_fen"]) == (8_000, 8_000)

    def test_a_form_sent_four_times_is_one_refund(self, team: Team) -> None:
        for _round in range(ROUNDS):
            payment_id = team.lead.do("paid")["payment_id"]

            answers = ask_at_once(team, payment_id, 9_900, same_form=True)

            assert len({answer["refund_id"] for answer in answers}) == 1
            assert team.lead.do("refunds", payment_id=payment_id)["asked_fen"] == 9_900


class TestClickingAtOnce:
    """Eight people press the button in the same moment: two in each of four processes."""

    def test_of_eight_who_give_all_of_it_back_one_does_and_the_others_are_told_why_not(
        self, team: Team, bank: RunningSandbox
    ) -> None:
        known = team.lead.do("paid_at_the_gateway", url=bank.url)
        payment_id = known["payment_ids"][0]

        answers = click_at_once(team, payment_id)

        assert Counter(answers) == {302: 1, 422: 7}
        assert [it["amount_fen"] for it in bank.trade(known["payment_nos"][0])["refunds"]] == [9_900]
        came = team.lead.do("refunds", payment_id=payment_id)
        assert (came["asked_fen"], came["refunded_fen"], came["refunding_fen"]) == (9_900, 9_900, 0)


class TestApprovingAtOnce:
    def test_one_of_four_approves_it_and_the_others_find_it_decided(self, team: Team) -> None:
        for _round in range(ROUNDS):
            asked = team.lead.do("await_approval", approvers=len(team.hands))

            answers = team.at_once(
                *(scene("approve", refund_id=asked["refund_id"], person_id=person) for person in asked["people"])
            )

            assert [answer["status"] for answer in answers if "status" in answer] == ["pending"]
            assert [answer["refused"] for answer in answers if "refused" in answer] == ["NothingToDecide"] * 3
            assert team.lead.do("refunds", payment_id=asked["payment_id"])["refunding_fen"] == 9_900


class TestWithoutTheLock:
    """What the guard is for: with it switched off, more goes back than was paid, and the books show it."""

    @pytest.fixture(autouse=True)
    def _locks_again(self, team: Team) -> Iterator[None]:
        yield
        team.all_do("mind_the_locks_again")

    def test_more_than_was_paid_goes_back(self, team: Team) -> None:
        """In one of a few rounds at least: some databases refuse most of those who meet."""
        assert any(self._is_overdrawn(team) for _round in range(ROUNDS))

    def _is_overdrawn(self, team: Team) -> bool:
        payment_id = team.lead.do("paid")["payment_id"]
        team.all_do("decide_by_what_is_shown", payment_id=payment_id)
        click_at_once(team, payment_id)
        came, told = team.lead.do("refunds", payment_id=payment_id), team.lead.do("check_books")
        team.lead.do("undo_refunds", payment_id=payment_id)
        is_overdrawn = came["asked_fen"] > came["paid_fen"]
        assert is_overdrawn == any(complaint.startswith("payment_refunds ") for complaint in told)
        return bool(is_overdrawn)
