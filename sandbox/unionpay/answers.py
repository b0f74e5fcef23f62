from __future__ import annotations

from collections.abc import Mapping

from sandbox.box import Box
from sandbox.unionpay.refusals import MESSAGES, Refused
from sandbox.unionpay.requests import Call
from sandbox.unionpay.sealing import seal
from sandbox.web import Response

ECHOED = (
    "version encoding signMethod txnType txnSubType bizType accessType merId orderId txnTime txnAmt currencyCode"
    " reqReserved fileType settleDate origQryId"
).split()
SUCCESS = {"respCode": "00", "respMsg": MESSAGES["00"]}


def signed(box: Box, call: Call, content: Mapping[str, str], *, forge: str = "") -> Response:
    """An answer as UnionPay gives it: its fields are not URL-encoded, the certificate keeps its line ends."""
    echoed = {name: call.fields[name] for name in ECHOED if name in call.fields}
    return plain(seal({**echoed, **content}, box.unionpay.authority, forge=forge, merchant=call.merchant))


def refusal(refused: Refused) -> Response:
    """What is said to somebody who could not prove who he is: without a signature."""
    return plain(refused_fields(refused))


def refused_fields(refused: Refused) -> dict[str, str]:
    return {"respCode": refused.code, "respMsg": refused.message}


def plain(fields: Mapping[str, str]) -> Response:
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    return Response(text.encode(), content_type="text/html;charset=UTF-8")
