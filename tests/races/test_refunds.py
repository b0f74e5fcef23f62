"""Several members of staff give the same money back at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hands import Team, scene

pytestmark = [pytest.mark.race, pytest.mark.slow, pytest.mark.xdist_group("races")]

ROUNDS = 8


def ask_at_once(team: Team, payment_id: int, amount_fen: int, *, same_form: bool = False) -> list[dict[str, int | str]]:
    keys = [f"form:{payment_id}:{0 if same_form else number}" for number, _hand in enumerate(team.hands)]
    wanted = [scene("request_refund", payment_id=payment_id, amount_fen=amount_fen, key=key) for key in keys]
    return team.at_once(*wanted)


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

    @pytest.fixture
    def payment_id(self, team: Team) -> Iterator[int]:
        payment_id: int = team.lead.do("paid")["payment_id"]
        yield payment_id
        team.all_do("mind_the_locks_again", payment_id=payment_id)

    def test_more_than_was_paid_goes_back(self, team: Team, payment_id: int) -> None:
        team.all_do("decide_by_what_is_shown", payment_id=payment_id)

        ask_at_once(team, payment_id, 9_900)

        came = team.lead.do("refunds", payment_id=payment_id)
        assert came["asked_fen"] > came["paid_fen"]
        assert any(told.startswith("payment_refunds ") for told in team.lead.do("check_books"))
