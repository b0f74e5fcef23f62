from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.gateways import EventKind, Outcome
from payments.gateways.transport import TransportError
from payments.gateways.unionpay.answer import MALFORMED
from tests.gateways.unionpay.desk import (
    NOON,
    PAYMENT_NO,
    QUERY_ID,
    REFUND_NO,
    Desk,
    refund_ref,
    refund_request,
)

HOUR = timedelta(hours=1)


def done(**changes: str) -> dict[str, Any]:
    """What queryTrans.do tells of a refund of 30.00, sent an hour after the payment."""
    return {
        "txnType": "04",
        "orderId": REFUND_NO,
        "txnTime": "20261122130000",
        "txnAmt": "3000",
        "queryId": "782611221300000674029",
        "origQryId": QUERY_ID,
        "traceTime": "1122130005",
        "origRespCode": "00",
        "origRespMsg": "成功[0000000]",
        **changes,
    }


class TestRefund:
    def test_is_accepted_and_so_not_done(self, desk: Desk) -> None:
        event = desk.gateway().refund(request=refund_request())

        assert (event.kind, event.outcome) == (EventKind.REFUND, Outcome.PENDING)
        assert (event.payment_no, event.refund_no, event.gateway_trade_no) == (PAYMENT_NO, REFUND_NO, QUERY_ID)

    def test_names_the_payment_by_unionpays_number(self, desk: Desk) -> None:
        desk.gateway().refund(request=refund_request())

        (sent,) = desk.sent
        assert sent.url.endswith("/backTransReq.do")
        assert {name: sent.form[name] for name in ("txnType", "orderId", "txnTime", "origQryId", "txnAmt")} == {
            "txnType": "04",
            "orderId": REFUND_NO,
            "txnTime": "20261122130000",
            "origQryId": QUERY_ID,
            "txnAmt": "3000",
        }

    def test_is_the_same_request_when_it_is_sent_again_later(self, desk: Desk) -> None:
        for at in (NOON + HOUR, NOON + 9 * HOUR):
            desk.gateway(at=at).refund(request=refund_request(amount_fen=9_900))

        first, second = desk.sent
        assert first.form == second.form

    @pytest.mark.parametrize(
        ("code", "outcome"),
        [
            ("36", Outcome.FAILED),
            ("01", Outcome.FAILED),
            ("12", Outcome.UNKNOWN),  # it is there already: a query tells
            ("03", Outcome.UNKNOWN),
            ("04", Outcome.UNKNOWN),
            ("05", Outcome.UNKNOWN),
            ("02", Outcome.UNKNOWN),
            ("99", Outcome.UNKNOWN),
            ("Z1", Outcome.UNKNOWN),
        ],
    )
    def test_knows_what_each_refusal_means(self, desk: Desk, code: str, outcome: Outcome) -> None:
        desk.answers(code)

        event = desk.gateway().refund(request=refund_request())

        assert (event.outcome, event.code) == (outcome, code)

    def test_is_unknown_after_a_time_out(self, desk: Desk) -> None:
        desk.breaks(TransportError("transport.timeout", "ReadTimeout"))

        assert desk.gateway().refund(request=refund_request()).outcome is Outcome.UNKNOWN

    def test_is_unknown_after_an_answer_about_another(self, desk: Desk) -> None:
        desk.answers(orderId="R2")

        event = desk.gateway().refund(request=refund_request())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)

    @pytest.mark.parametrize(
        "changes", [{"amount_fen": 9_901}, {"amount_fen": 0}, {"refund_no": "R-1"}, {"gateway_trade_no": ""}]
    )
    def test_is_not_sent_where_it_could_only_be_refused(self, desk: Desk, changes: dict[str, object]) -> None:
        event = desk.gateway().refund(request=refund_request(**changes))

        assert (event.outcome, event.code, desk.sent) == (Outcome.FAILED, "local.not_sent", [])


class TestUndo:
    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            ({}, "31"),
            ({"amount_fen": 9_899}, "04"),
            ({"requested_at": NOON + timedelta(hours=10, minutes=49)}, "31"),  # 22:49
            ({"requested_at": NOON + timedelta(hours=10, minutes=50)}, "04"),  # it may arrive after 23:00
            ({"requested_at": NOON + timedelta(days=1)}, "04"),
            ({"created_at": NOON + 11 * HOUR, "requested_at": NOON + 13 * HOUR}, "31"),  # both after the cut
        ],
    )
    def test_is_of_all_of_it_on_the_clearing_day_itself(
        self, desk: Desk, changes: dict[str, object], kind: str
    ) -> None:
        desk.gateway().refund(request=refund_request(**{"amount_fen": 9_900, **changes}))

        assert desk.sent[0].form["txnType"] == kind

    def test_is_a_refund_where_the_contract_lacks_undoes(self, desk: Desk) -> None:
        desk.gateway(same_day="refund").refund(request=refund_request(amount_fen=9_900))

        assert desk.sent[0].form["txnType"] == "04"


class TestQueryRefund:
    @pytest.mark.parametrize("kind", ["04", "31"])
    def test_finds_it_done(self, desk: Desk, kind: str) -> None:
        desk.answers(**done(txnType=kind))

        event = desk.gateway().query_refund(ref=refund_ref())

        assert (event.kind, event.outcome, event.amount_fen) == (EventKind.REFUND, Outcome.SUCCEEDED, 3_000)
        assert (event.refund_no, event.gateway_trade_no) == (REFUND_NO, QUERY_ID)
        assert event.occurred_at == datetime(2026, 11, 22, 5, 0, 5, tzinfo=UTC)

    def test_asks_with_the_refunds_own_number_and_time(self, desk: Desk) -> None:
        desk.gateway().query_refund(ref=refund_ref())

        form = desk.sent[0].form
        assert (form["txnType"], form["orderId"], form["txnTime"]) == ("00", REFUND_NO, "20261122130000")

    @pytest.mark.parametrize(
        ("code", "outcome"),
        [
            ("A6", Outcome.SUCCEEDED),
            ("03", Outcome.PENDING),
            ("05", Outcome.PENDING),
            ("61", Outcome.FAILED),
            ("Z1", Outcome.UNKNOWN),
        ],
    )
    def test_tells_what_became_of_it(self, desk: Desk, code: str, outcome: Outcome) -> None:
        desk.answers(**done(origRespCode=code))

        assert desk.gateway().query_refund(ref=refund_ref()).outcome is outcome

    @pytest.mark.parametrize(
        ("minutes", "outcome"), [(0, Outcome.UNKNOWN), (10, Outcome.UNKNOWN), (11, Outcome.NOT_FOUND)]
    )
    def test_believes_only_after_a_while_that_there_is_none(self, desk: Desk, minutes: int, outcome: Outcome) -> None:
        desk.answers("34")
        gateway = desk.gateway(at=NOON + HOUR + timedelta(minutes=minutes))

        assert gateway.query_refund(ref=refund_ref()).outcome is outcome

    @pytest.mark.parametrize("code", ["01", "03", "37"])
    def test_never_takes_a_refused_question_for_a_failed_refund(self, desk: Desk, code: str) -> None:
        desk.answers(code, **done())

        assert desk.gateway().query_refund(ref=refund_ref()).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        "changes",
        [{"orderId": "R2"}, {"txnTime": "20261122120000"}, {"txnType": "01"}, {"txnAmt": ""}, {"origRespCode": ""}],
    )
    def test_assumes_nothing_from_an_answer_that_is_not_as_documented(
        self, desk: Desk, changes: dict[str, str]
    ) -> None:
        desk.answers(**done(**changes))

        event = desk.gateway().query_refund(ref=refund_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)
