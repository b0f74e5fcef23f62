"""The merchants of the three gateways behind one face, for what must hold at each of them."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from base64 import b64decode
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Any, Protocol
from urllib.parse import urlsplit
from zipfile import ZipFile

from cryptography import x509

from sandbox.alipay import certification
from sandbox.app import Sandbox
from sandbox.clock import DAY, beijing
from sandbox.courier import Letter
from sandbox.unionpay.statement import WIDTHS
from sandbox.web import Request, Response

from .merchant import Merchant, Reply, read_form
from .unionpay.shop import Shop as UnionpayShop
from .unionpay.shop import parse, stamp
from .wechatpay.shop import Reply as WechatpayReply
from .wechatpay.shop import Shop as WechatpayShop

PRICE = 8_880
DOWNLOAD = "alipay.open.app.alipaycert.download"
BILL = "alipay.data.dataservice.bill.downloadurl.query"


@dataclass(frozen=True)
class Said:
    """What a notification says of a payment."""

    order: str
    fen: int
    app: str
    merchant: str
    currency: str
    is_old: bool


class Player(Protocol):
    code: str
    query_api: str
    merchant_fault: str
    currency_fault: str
    wrong_type: str  # content type under the fault
    unclear: frozenset[str]  # what an answer says that says nothing
    sandbox: Sandbox

    def place(self, number: str, tag: str = "") -> Response: ...
    def query(self, number: str) -> Response: ...
    def give_back(self, number: str, refund_no: str, fen: int) -> Response: ...
    def trusts(self, answer: Response) -> bool: ...
    def verdict(self, answer: Response) -> str: ...
    def signer(self, answer: Response) -> str: ...
    def next_certificate(self, fault: str) -> x509.Certificate: ...
    def authority(self) -> x509.Certificate: ...
    def trusts_letter(self, letter: Letter) -> bool: ...
    def said(self, letter: Letter) -> Said: ...
    def bill(self) -> list[tuple[str, int, int]]: ...


def first_certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


class AtAlipay:
    code, query_api = "alipay", "trade.query"
    merchant_fault, currency_fault, wrong_type = "wrong_seller", "", "application/json"
    unclear = frozenset({"isp.unknow-error"})

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.hand = sandbox, Merchant(sandbox)

    def place(self, number: str, tag: str = "") -> Response:
        return self.hand.precreate(number, "88.80", subject=f"茶叶 {tag}").response

    def query(self, number: str) -> Response:
        return self.hand.query(number).response

    def give_back(self, number: str, refund_no: str, fen: int) -> Response:
        return self.hand.refund(refund_no, f"{fen // 100}.{fen % 100:02d}", number).response

    def trusts(self, answer: Response) -> bool:
        return self.hand.trusts_answer(self._reply(answer))

    def verdict(self, answer: Response) -> str:
        return self._reply(answer).verdict

    def signer(self, answer: Response) -> str:
        return str(self.trusts(answer))  # by the key that was known first

    def next_certificate(self, fault: str) -> x509.Certificate:
        numbers = {name: self._files()[name] for name in ("app_cert_sn", "alipay_root_cert_sn")}
        self.hand.control(fault)
        serial = self.hand.call("query", {"out_trade_no": "NEXT"}, **numbers).whole["alipay_cert_sn"]
        brought = self.hand.call(DOWNLOAD, {"alipay_cert_sn": serial}, **numbers).content["alipay_cert_content"]
        return first_certificate(b64decode(brought).decode())

    def authority(self) -> x509.Certificate:
        return first_certificate(self.sandbox.box.accounts.authority.between)

    def trusts_letter(self, letter: Letter) -> bool:
        return self.hand.trusts_form(read_form(letter.body))

    def said(self, letter: Letter) -> Said:
        form = read_form(letter.body)
        fen = int(form["total_amount"].replace(".", ""))
        is_old = form["notify_time"][:10] != beijing(self.sandbox.box.clock.now())[:10]
        return Said(form["out_trade_no"], fen, form["app_id"], form["seller_id"], "", is_old)

    def bill(self) -> list[tuple[str, int, int]]:
        day = beijing(self.sandbox.box.clock.now())[:10]
        path = self.hand.call(BILL, {"bill_type": "trade", "bill_date": day}).content["bill_download_url"]
        packed = self.sandbox.respond(Request("GET", urlsplit(path).path)).body
        with ZipFile(BytesIO(packed)) as archive:
            details = next(archive.read(name).decode("gbk") for name in archive.namelist() if "(" not in name)
        rows = list(csv.reader(line for line in details.splitlines() if not line.startswith("#")))[1:]
        return [(row[1].strip(), fen_of(row[11]), fen_of(row[22])) for row in rows]

    def _files(self) -> dict[str, str]:
        return certification.certificates(self.sandbox.box, self.sandbox.box.accounts.first)

    def _reply(self, answer: Response) -> Reply:
        method = answer.body.decode().partition("_response")[0].lstrip('{"')
        return Reply(answer, method.replace("_", ".") if method != "error" else "")


class AtWechatPay:
    code, query_api = "wechatpay", "transactions.query"
    merchant_fault, currency_fault, wrong_type = "wrong_mchid", "wrong_currency", "text/plain"
    unclear = frozenset({"SYSTEM_ERROR"})

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.hand = sandbox, WechatpayShop(sandbox)
        self.hand.keys_do("mode", mode="certificate")
        self.hand.wants = ""

    def place(self, number: str, tag: str = "") -> Response:
        description = f"茶叶 {tag}".strip()
        return self.hand.native(number, description=description, amount={"total": PRICE}).response

    def query(self, number: str) -> Response:
        return self.hand.query(number).response

    def give_back(self, number: str, refund_no: str, fen: int) -> Response:
        amount = {"refund": fen, "total": PRICE, "currency": "CNY"}
        return self.hand.refund(refund_no, out_trade_no=number, amount=amount).response

    def trusts(self, answer: Response) -> bool:
        return self.hand.trusts(answer.body, answer.headers)

    def verdict(self, answer: Response) -> str:
        return str(json.loads(answer.body).get("code", ""))

    def signer(self, answer: Response) -> str:
        return WechatpayReply(answer).serial

    def next_certificate(self, fault: str) -> x509.Certificate:
        self.hand.control(fault)
        serial = self.hand.query("NEXT00").serial
        sealed = {it["serial_no"]: it for it in self.hand.call("GET", "/v3/certificates").content["data"]}
        return first_certificate(self.hand.unseal(sealed[serial]["encrypt_certificate"]).decode())

    def authority(self) -> x509.Certificate:
        return first_certificate(self.sandbox.box.wechatpay.first.root_certificate)

    def trusts_letter(self, letter: Letter) -> bool:
        return self.hand.trusts_letter(letter)

    def said(self, letter: Letter) -> Said:
        _type, plain = self.hand.read(letter)
        amount = plain["amount"]
        is_old = float(letter.headers["Wechatpay-Timestamp"]) < self.sandbox.box.clock.now() - DAY
        fields = (plain.get("appid", ""), plain["mchid"], amount.get("currency", ""), is_old)
        return Said(plain["out_trade_no"], amount["total"], *fields)

    def bill(self) -> list[tuple[str, int, int]]:
        day = beijing(self.sandbox.box.clock.now())[:10]
        target = f"/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP"
        url = urlsplit(self.hand.call("GET", target).content["download_url"])
        text = gzip.decompress(self.hand.call("GET", f"{url.path}?{url.query}").response.body).decode("utf-8-sig")
        rows = [[cell.lstrip("`") for cell in line.split(",")] for line in text.splitlines()[1:-2]]
        return [(row[6], fen_of(row[24]) or -fen_of(row[25]), fen_of(row[22][:-3])) for row in rows]


class AtUnionPay:
    code, query_api = "unionpay", "query"
    merchant_fault, currency_fault, wrong_type = "wrong_app_id", "wrong_currency_code", "application/json"
    unclear = frozenset({"03", "04", "05", "06"})

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.hand = sandbox, UnionpayShop(sandbox)
        self.times: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    def place(self, number: str, tag: str = "") -> Response:
        self.times[number] = self.hand.now
        return self.hand.back(self.hand.order(number, PRICE, riskRateInfo=f"{{commodityName=茶叶 {tag}}}")).response

    def query(self, number: str) -> Response:
        return self.hand.query(number, txn_time=self.times.get(number, self.hand.now)).response

    def give_back(self, number: str, refund_no: str, fen: int) -> Response:
        query_id = self.hand.ask("GET", f"/sandbox/trades/{number}")["trade_no"]
        return self.hand.give_back(refund_no, fen, of=query_id).response

    def trusts(self, answer: Response) -> bool:
        return self.hand.trusts(parse(answer.body.decode()))

    def verdict(self, answer: Response) -> str:
        return parse(answer.body.decode())["respCode"]

    def signer(self, answer: Response) -> str:
        return parse(answer.body.decode())["signPubKeyCert"]

    def next_certificate(self, fault: str) -> x509.Certificate:
        self.hand.control("forge_answer", value={"attacker_certificate": "attacker_chain"}.get(fault, fault))
        return first_certificate(self.signer(self.query("NEXT0000")))

    def authority(self) -> x509.Certificate:
        return first_certificate(self.hand.credentials["middle_certificate"])

    def trusts_letter(self, letter: Letter) -> bool:
        return self.hand.trusts(read_form(letter.body))

    def said(self, letter: Letter) -> Said:
        form = read_form(letter.body)
        is_old = form["traceTime"][:4] != stamp(self.sandbox.box.clock.now())[4:8]
        merchant = form["merId"]
        return Said(form["orderId"], int(form["txnAmt"]), merchant, merchant, form["currencyCode"], is_old)

    def bill(self) -> list[tuple[str, int, int]]:
        packed = b64decode(self.hand.statement(self.hand.now[4:8]).fields["fileContent"])
        with ZipFile(BytesIO(zlib.decompress(packed))) as archive:
            content = next(archive.read(name) for name in archive.namelist() if "ZM_" in name)
        rows = [cut(line) for line in content.split(b"\r\n") if line]
        return [(row[11], int(row[6]) * (1 if row[19] == "01" else -1), int(row[15][1:])) for row in rows]


def cut(line: bytes) -> list[str]:
    """A row of fixed widths, one space between."""
    ends = [sum(WIDTHS[:number]) + number for number in range(len(WIDTHS) + 1)]
    return [line[start : end - 1].decode("gbk").strip() for start, end in pairwise(ends)]


def fen_of(yuan: str) -> int:
    return int(yuan.replace(".", ""))


PLAYERS: dict[str, Any] = {it.code: it for it in (AtAlipay, AtWechatPay, AtUnionPay)}
