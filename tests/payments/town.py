"""A shop and its gateways in one process: the sandbox's own code on the far side, and the post between them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode, urlsplit

from django.test import Client

from backoffice.console.demo.stage import ALIPAY, UNIONPAY, WECHATPAY, Play, open_account
from kernel.clock import now
from payments import services
from payments.gateways import transport
from payments.gateways.transport import HttpTransport, guard_no_transaction
from payments.models import GatewayAccount, Notification, Payment
from payments.services import starting
from sandbox import credentials
from sandbox.alipay import notify as alipay
from sandbox.app import Sandbox
from sandbox.box import Options
from sandbox.courier import Answer, Letter
from sandbox.unionpay import console as unionpay_console
from sandbox.unionpay import facts
from sandbox.unionpay.sealing import seal
from sandbox.web import Request
from sandbox.wechatpay import console as wechatpay_console
from sandbox.wechatpay import notify as wechatpay
from tests.factories import OrderFactory

URL = "http://sandbox.test:8900"
PLAYS: Mapping[str, Play] = {it.gateway: it for it in (ALIPAY, WECHATPAY, UNIONPAY)}
PRICE_FEN = 9_900


class Town:
    """
    :param gateway: which of them this shop has its account at
    :param certificates: of Alipay: its keys are certificates, each with a serial
    """

    def __init__(self, sandbox: Sandbox, *, gateway: str, certificates: bool = False) -> None:
        self.sandbox, self.gateway = sandbox, gateway
        self.answers: list[int] = []
        told = credentials.ensure(sandbox.box.options.state_dir, seed=1, public_url=URL)[gateway]
        play = PLAYS[gateway]
        if certificates:
            told = told | json.loads(self._asked("GET", "/sandbox/alipay/certificates.json").body)
            names = {"private_key": "app_private_key", "app_cert": "app_cert", "alipay_cert": "alipay_cert"}
            play = replace(play, fixed={"mode": "certificate"}, keys=names | {"root_cert": "root_cert"})
        self.account: GatewayAccount = open_account(play, told, position=0, at=now())

    # -------------------------------------------------------------------------------- the shop

    def attempt(self, **order: Any) -> Payment:
        """A customer is shown a code."""
        wanted = OrderFactory.create(
            **{"total_fen": PRICE_FEN, "payment_due_at": now() + timedelta(minutes=30)} | order
        )
        return services.start_attempt(order_id=wanted.pk, ask=starting.Ask(method="qr"), at=now())

    def works(self) -> None:
        """The inbox is applied, and what it brought forward is asked about."""
        services.apply_notifications(at=now(), limit=50)
        services.run_query_ladder(at=now(), limit=50)
        Notification.objects.filter(state=Notification.State.PARKED).update(due_at=now())
        services.apply_notifications(at=now(), limit=50)

    # -------------------------------------------------------------------------------- the gateway

    def acts(self, payment: Payment, action: str, **wishes: object) -> None:
        """What a buyer or the gateway's console does with a trade; the news of it is delivered."""
        self._asked("POST", f"/sandbox/trades/{payment.payment_no}/{action}", wishes)
        self.post()

    def breaks(self, fault: str, **wishes: object) -> None:
        self._asked("POST", "/sandbox/controls", {"fault": fault, **wishes})

    def later(self, *, minutes: int) -> None:
        """Of the gateway's clock alone."""
        self._asked("POST", "/sandbox/clock", {"advance_seconds": minutes * 60})

    def post(self) -> None:
        """What is due is delivered."""
        self.sandbox.courier.deliver_due()

    def delivers(self, letter: Letter) -> Answer:
        """To the address of the account, whatever is on it."""
        client, path = Client(), urlsplit(letter.url).path
        answer = client.generic(
            "POST", path, letter.body, content_type=letter.content_type, headers=dict(letter.headers)
        )
        self.answers.append(answer.status_code)
        return Answer(answer.status_code, answer.content.decode("utf-8", "replace"))

    def writes(self, payment: Payment, **changes: str) -> None:
        """A message about a payment in the gateway's own hand, with these of its fields changed before it is signed."""
        body, headers, kind = getattr(self, f"_written_by_{self.gateway}")(payment.payment_no, changes)
        self.delivers(Letter(url=services.notify_url(self.account), body=body, content_type=kind, headers=headers))

    def _written_by_alipay(self, number: str, changes: Mapping[str, str]) -> tuple[bytes, dict[str, str], str]:
        account = self.sandbox.box.accounts.known[self.account.settings["app_id"]]
        fields = alipay.sample_fields(account, **{"out_trade_no": number, "total_amount": "99.00", **changes})
        return alipay.signed_form(fields, account=account), {}, alipay.FORM_TYPE.format("utf-8")

    def _written_by_wechatpay(self, number: str, changes: Mapping[str, str]) -> tuple[bytes, dict[str, str], str]:
        box = self.sandbox.box
        account, trade = box.wechatpay.known[self.account.settings["mchid"]], wechatpay_console.find(box, number)
        event, own = changes.get("event_type", "TRANSACTION.SUCCESS"), {**changes}
        own.pop("event_type", None)
        plain = wechatpay.transaction(trade) | {"transaction_id": f"4200{trade.id:024d}"} | own
        kind = event.partition(".")[0].lower()
        content = {"event_type": event, "original_type": kind, "summary": "", "plain": plain}
        body = wechatpay.envelope(content, notify_id=f"n-{number}", created_at=box.clock.now(), key=account.api_v3_key)
        serial, key = wechatpay.notifying_key(box, account, 0)
        headers = wechatpay.signed_headers(body, account=account, serial=serial, key=key, at=box.clock.now())
        return body, headers, wechatpay.CONTENT_TYPE

    def _written_by_unionpay(self, number: str, changes: Mapping[str, str]) -> tuple[bytes, dict[str, str], str]:
        box = self.sandbox.box
        trade = unionpay_console.find(box, number)
        fields = {**facts.of_trade(trade), **facts.answered("00"), "queryId": f"{trade.id:021d}", **changes}
        merchant = box.unionpay.known[self.account.settings["mer_id"]]
        return (
            urlencode(seal(fields, box.unionpay.authority, forge="", merchant=merchant)).encode(),
            {},
            ("application/x-www-form-urlencoded;charset=UTF-8"),
        )

    # -------------------------------------------------------------------------------- between them

    def calls(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> transport.Response:
        guard_no_transaction()
        answer = self._asked(method, url, content, headers=headers)
        if answer.hang_up:
            raise transport.TransportError("transport.broken", "hung up")
        told = {"content-type": answer.content_type, **{name.lower(): it for name, it in answer.headers.items()}}
        return transport.Response(status=answer.status, headers=told, body=answer.body)

    def _asked(self, method: str, url: str, content: object = b"", headers: Mapping[str, str] | None = None) -> Any:
        parts, sent = urlsplit(url), {name.lower(): value for name, value in (headers or {}).items()}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        request = Request(
            method=method,
            path=parts.path,
            query=parts.query,
            body=body,
            content_type=sent.get("content-type", "application/json"),
            headers=sent,
            sent_target=parts.path + (f"?{parts.query}" if parts.query else ""),
        )
        answer = self.sandbox.respond(request)
        assert headers is not None or answer.status < 400, answer.body
        return answer


@contextmanager
def town(state_dir: Path, *, gateway: str, certificates: bool = False) -> Iterator[Town]:
    """:param state_dir: keeps the sandbox's keys; its trades are forgotten"""
    for name in ("", "-wal", "-shm"):
        (state_dir / f"sandbox.sqlite3{name}").unlink(missing_ok=True)
    opened: list[Town] = []

    def post(letter: Letter) -> Answer:
        return opened[0].delivers(letter)

    sandbox = Sandbox.open(Options(state_dir=state_dir, public_url=URL, seed=1), post=post)
    try:
        opened.append(Town(sandbox, gateway=gateway, certificates=certificates))
        with mock.patch.object(HttpTransport, "send", lambda self, **asked: opened[0].calls(**asked)):
            yield opened[0]
    finally:
        sandbox.close()
