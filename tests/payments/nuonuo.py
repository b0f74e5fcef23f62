"""
A stand-in for Nuonuo on a port of its own, written from the public manual and not from our client: it checks signature
and token itself, keeps what it was sent by its number, and fails in the ways it is told to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY, SECRET, TAX_NO = "k-61842915", "E5D1A9B0C3F74286", "91350100M000100Y43"
PATH = "/open/v1/services"
Said = dict[str, Any]


@dataclass
class Desk:
    """
    What the provider holds and how it behaves.

    :param faults: named by tests, used up one by one: `cut` does it and never answers, `refuse` fails it with a reason
    :param slow: how many more questions find an invoice still being issued
    """

    port: int = 0
    tokens: set[str] = field(default_factory=set)
    fetched: int = 0
    faults: list[str] = field(default_factory=list)
    slow: int = 0
    signed_in: bool = True
    waits_for_buyer: bool = False
    confirms: bool = True
    orders: dict[str, Said] = field(default_factory=dict)
    confirmations: dict[str, Said] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    forged: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def fault(self, name: str) -> bool:
        if name not in self.faults:
            return False
        self.faults.remove(name)
        return True

    def issue(self, said: Said) -> Said:
        order = said["order"]
        number = order["orderNo"]
        if number in self.orders:
            return told("E9106", "订单编号或流水号不能重复")
        lines = order["invoiceDetail"]
        if any(not line["goodsCode"] for line in lines):
            return told("E9105", "商品编码不能为空")
        self.orders[number] = {"order": order, "no": self._number(), "failed": self.fault("refuse")}
        return told("E0000", "开票提交成功", {"invoiceSerialNum": f"s{number}"})

    def query(self, said: Said) -> Said:
        found = [self._standing(number) for number in said["orderNos"] if number in self.orders]
        return told("E0000", "获取成功", found) if found else told("E9500", "订单号不存在")

    def apply(self, said: Said) -> Said:
        number = said["billId"]
        if number in self.confirmations:
            return told("E9106", "红字确认单申请号不能重复")
        if said["blueElecInvoiceNumber"] not in {it["no"] for it in self.orders.values()}:
            return told("E9200", "蓝票不存在")
        self.confirmations[number] = {"said": said, "billNo": f"99{len(self.confirmations):016d}"}
        return told("E0000", "成功", number)

    def confirmation(self, said: Said) -> Said:
        kept = self.confirmations.get(said["billId"])
        if kept is None:
            return {"code": "E0000", "describe": "查询成功", "total": "0", "list": []}
        state = "05" if not self.confirms else "02" if self.waits_for_buyer else "01"
        row = {"billId": said["billId"], "billNo": kept["billNo"], "billStatus": state, "billMessage": "购方否认"}
        return {"code": "E0000", "describe": "查询成功", "total": "1", "list": [row]}

    def red(self, said: Said) -> Said:
        kept = next((it for it in self.confirmations.values() if it["billNo"] == said["billNo"]), None)
        if kept is None or said["orderNo"] in self.orders:
            return told("E9300", "红字确认单已开具")
        self.orders[said["orderNo"]] = {"order": kept["said"], "no": self._number(), "failed": False}
        return told("E0000", "成功", {"invoiceSerialNum": "r"})

    def sign_in(self, said: Said) -> Said:
        return told("E0000", "成功", {"certificationStatus": "1" if self.signed_in else "0"})

    def _number(self) -> str:
        return f"2431200000{len(self.orders) + 1:010d}"

    def _standing(self, number: str) -> Said:
        kept, files = self.orders[number], f"http://127.0.0.1:{self.port}/file/{number}"
        if kept["failed"]:
            return {"orderNo": number, "status": "22", "failCause": "授信额度不足"}
        if self.slow:
            self.slow -= 1
            return {"orderNo": number, "status": "20", "statusMsg": "开票中"}
        issued = {"allElectronicInvoiceNumber": kept["no"], "invoiceTime": 1795320000000, "pdfUrl": files}
        return {"orderNo": number, "status": "2", "statusMsg": "开票完成", **issued}


METHODS: dict[str, Callable[[Desk, Said], Said]] = {
    "nuonuo.OpeMplatform.requestBillingNew": Desk.issue,
    "nuonuo.OpeMplatform.queryInvoiceResult": Desk.query,
    "nuonuo.OpeMplatform.saveInvoiceRedConfirm": Desk.apply,
    "nuonuo.OpeMplatform.queryInvoiceRedConfirm": Desk.confirmation,
    "nuonuo.OpeMplatform.fastInvoiceRed": Desk.red,
    "nuonuo.OpeMplatform.getCertificationStatus": Desk.sign_in,
}
CHANGING = ("requestBillingNew", "saveInvoiceRedConfirm", "fastInvoiceRed")


def told(code: str, words: str, result: object = None) -> Said:
    return {"code": code, "describe": words, "result": result}


def is_signed(query: dict[str, list[str]], body: bytes, given: str) -> bool:
    ordered = "&".join(
        f"{letter}={value}"
        for letter, value in (
            ("a", "services"),
            ("l", "v1"),
            ("p", "open"),
            ("k", query["appkey"][0]),
            ("i", query["senid"][0]),
            ("n", query["nonce"][0]),
            ("t", query["timestamp"][0]),
            ("f", body.decode()),
        )
    )
    wanted = base64.b64encode(hmac.new(SECRET.encode(), ordered.encode(), hashlib.sha1).digest()).decode()
    return hmac.compare_digest(wanted, given)


class Answering(BaseHTTPRequestHandler):
    desk: Desk

    def log_message(self, *args: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._send(b"%PDF-1.7\n" + self.path.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if urlsplit(self.path).path == "/accessToken":
            self._send(json.dumps(self._token(parse_qs(body.decode()))).encode())
            return
        method = self.headers["method"]
        self.desk.calls[method.rpartition(".")[2]] += 1
        answer = json.dumps(self._answer(method, body), ensure_ascii=False).encode()
        if method.rpartition(".")[2] in CHANGING and self.desk.fault("cut"):
            self.close_connection = True
            self.connection.close()
            return
        self._send(answer)

    def _token(self, asked: dict[str, list[str]]) -> Said:
        if asked["client_id"] != [KEY] or asked["client_secret"] != [SECRET]:
            return {"error": "070303", "error_description": "client_secret 错误"}
        self.desk.fetched += 1
        token = f"token-{self.desk.fetched}"
        self.desk.tokens = {token}
        return {"access_token": token, "expires_in": "86400"}

    def _answer(self, method: str, body: bytes) -> Said:
        query = parse_qs(urlsplit(self.path).query)
        if query["appkey"] != [KEY] or not is_signed(query, body, self.headers["X-Nuonuo-Sign"]):
            self.desk.forged += 1
            return told("070101", "签名错误")
        if self.headers["accessToken"] not in self.desk.tokens:
            return told("070304", "token 已过期")
        return METHODS[method](self.desk, json.loads(body))

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def open_desk() -> Iterator[Desk]:
    desk = Desk()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answering,), {"desk": desk}))
    desk.port = server.server_address[1]
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
