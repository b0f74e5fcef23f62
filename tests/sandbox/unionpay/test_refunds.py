from __future__ import annotations

import pytest

from sandbox.clock import DAY
from sandbox.unionpay.refunds import WORKING

from ..merchant import Hands, Mailbox
from .shop import Shop

REFUND = "REFUND000001"


def standing(shop: Shop, order_id: str = REFUND, *, txn_time: str) -> str:
    return shop.query(order_id, txn_time=txn_time).fields["origRespCode"]


class TestRefund:
    def test_is_accepted_first_and_done_later(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        query_id = shop.paid()
        asked = shop.now
        accepted = shop.give_back(REFUND, 40, of=query_id)
        before = standing(shop, txn_time=asked), shop.ledger["totals"]["refunded_fen"]
        told_before = shop.sandbox.courier.deliver_due()
        hands.pass_by(WORKING)
        shop.sandbox.courier.deliver_due()
        told = mailbox.forms[-1]

        assert accepted.code == "00"
        assert shop.trusts(accepted.fields)
        assert (before, told_before) == (("05", 0), 0)
        assert (standing(shop, txn_time=asked), shop.ledger["totals"]["refunded_fen"]) == ("00", 40)
        assert (told["txnType"], told["orderId"], told["origQryId"], told["txnAmt"]) == ("04", REFUND, query_id, "40")
        assert told["queryId"] == accepted.fields["queryId"] != query_id
        assert shop.trusts(told)

    def test_can_fail_after_it_was_accepted_and_frees_its_amount(
        self, shop: Shop, hands: Hands, mailbox: Mailbox
    ) -> None:
        query_id = shop.paid()
        shop.control("refund_fail", count=1)
        asked = shop.now
        accepted = shop.give_back(REFUND, 100, of=query_id).code
        meanwhile = shop.give_back("REFUND000002", 1, of=query_id).code
        hands.pass_by(WORKING)
        shop.sandbox.courier.deliver_due()

        assert (accepted, meanwhile) == ("00", "33")
        assert standing(shop, txn_time=asked) == "01"
        assert (mailbox.forms[-1]["txnType"], mailbox.forms[-1]["respCode"]) == ("04", "01")
        assert shop.ledger["totals"]["refunded_fen"] == 0
        assert shop.give_back("REFUND000003", 100, of=query_id).code == "00"

    def test_comes_in_parts_up_to_what_was_paid(self, shop: Shop) -> None:
        query_id = shop.paid()
        codes = [shop.give_back(f"REFUND00000{n}", fen, of=query_id).code for n, fen in enumerate((60, 41, 40, 1))]

        assert codes == ["00", "33", "00", "33"]

    def test_is_taken_once_for_each_number(self, shop: Shop) -> None:
        query_id = shop.paid()
        shop.give_back(REFUND, 10, of=query_id)

        assert shop.give_back(REFUND, 10, of=query_id).code == "12"
        assert shop.give_back("PAY00000001", 10, of=query_id).code == "12"  # nor twice under a payment's

    @pytest.mark.parametrize("of", ["202601010000000000001", ""])
    def test_of_an_unknown_payment_is_refused(self, shop: Shop, of: str) -> None:
        shop.paid()

        assert shop.give_back(REFUND, 10, of=of).code == ("35" if of else "13")

    def test_of_another_merchants_payment_is_refused(self, shop: Shop) -> None:
        query_id = shop.paid()
        made = shop.ask("POST", "/sandbox/accounts", gateway="unionpay")["unionpay"]

        assert Shop(shop.sandbox, mer_id=made["mer_id"]).give_back(REFUND, 10, of=query_id).code == "35"

    def test_comes_within_eleven_months(self, shop: Shop, hands: Hands) -> None:
        query_id = shop.paid()
        hands.pass_by(329 * DAY)
        in_time = shop.give_back(REFUND, 10, of=query_id).code
        hands.pass_by(2 * DAY)

        assert (in_time, shop.give_back("REFUND000002", 10, of=query_id).code) == ("00", "39")

    def test_is_asked_for_about_now(self, shop: Shop, hands: Hands) -> None:
        query_id = shop.paid()
        earlier = shop.now
        hands.pass_by(3_600)

        assert shop.give_back(REFUND, 10, of=query_id, txnTime=earlier).code == "39"

    def test_can_hang_until_somebody_lets_it_go(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        query_id = shop.paid()
        shop.control("refund_stuck", count=1)
        asked = shop.now
        shop.give_back(REFUND, 40, of=query_id)
        hands.pass_by(30 * DAY)
        hanging = standing(shop, txn_time=asked)
        shop.console("refund", out_request_no=REFUND)
        shop.sandbox.courier.deliver_due()

        assert (hanging, standing(shop, txn_time=asked)) == ("05", "00")
        assert mailbox.forms[-1]["orderId"] == REFUND

    def test_can_take_its_time(self, shop: Shop, hands: Hands) -> None:
        query_id = shop.paid()
        shop.control("refund_delay", value=600)
        asked = shop.now
        shop.give_back(REFUND, 40, of=query_id)
        hands.pass_by(599)
        before = standing(shop, txn_time=asked)
        hands.pass_by(1)

        assert (before, standing(shop, txn_time=asked)) == ("05", "00")

    def test_that_was_done_without_an_answer_is_found_by_query(self, shop: Shop, hands: Hands) -> None:
        query_id = shop.paid()
        shop.control("hang_up", api="refund", count=1)
        asked = shop.now
        silent = shop.give_back(REFUND, 40, of=query_id).response.hang_up
        hands.pass_by(WORKING)

        assert silent
        assert standing(shop, txn_time=asked) == "00"


class TestUndo:
    def test_gives_all_back_on_the_same_clearing_day(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        query_id = shop.paid()
        accepted = shop.give_back(REFUND, 100, of=query_id, kind="31").code
        hands.pass_by(WORKING)
        shop.sandbox.courier.deliver_due()

        assert accepted == "00"
        assert (mailbox.forms[-1]["txnType"], shop.ledger["totals"]["refunded_fen"]) == ("31", 100)

    def test_of_a_part_is_refused(self, shop: Shop) -> None:
        assert shop.give_back(REFUND, 99, of=shop.paid(), kind="31").code == "36"

    def test_on_another_clearing_day_is_refused(self, shop: Shop, hands: Hands) -> None:
        query_id = shop.paid()
        hands.pass_by(DAY)

        assert shop.give_back(REFUND, 100, of=query_id, kind="31").code == "35"

    def test_after_a_refund_is_refused(self, shop: Shop) -> None:
        query_id = shop.paid()
        shop.give_back(REFUND, 1, of=query_id)

        assert shop.give_back("REFUND000002", 100, of=query_id, kind="31").code == "35"
