"""Gateways whose keys are followed by others, and customers who pay all the while."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any

from sandbox.testing import RunningSandbox
from tests.hands import ROOT, Hand
from tests.live.programs import wait_until
from tests.live.shop import SCENES, LiveShop

PATIENCE = 240.0  # seconds: many programs at once
Told = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Rolling:
    """
    One gateway: of settings and keys our name, and the sandbox's.

    :param ours: keys that belong to the merchant, and are followed together
    :param theirs: the gateway's own, of which the shop fetches the next one by itself
    :param opens: has the sandbox make an account
    :param renews: has the merchant given another key
    :param turns: has the gateway sign with another key
    :param revokes: has the gateway take the merchant's old key no more
    """

    gateway: str
    account: str
    settings: Told
    ours: Told
    others: Told
    theirs: str
    opens: Callable[[RunningSandbox], Told]
    renews: Callable[[RunningSandbox, str], Told]
    turns: Callable[[RunningSandbox, str], object]
    revokes: Callable[[RunningSandbox, str], object]
    mode: str = ""

    def filled(self, told: Told) -> dict[str, str]:
        mode = {"mode": self.mode} if self.mode else {}
        settings = {ours: told[theirs] for ours, theirs in self.settings.items()}
        return {**settings, **mode, "gateway_url": told["gateway_url"]}

    def keys(self, told: Told) -> dict[str, str]:
        return {ours: told[theirs] for ours, theirs in {**self.ours, **self.others}.items()}


def rotate_key(shop: LiveShop, code: str, rolling: Rolling, told: Told, folder: Path) -> None:
    """`manage.py rotate_key`, as it is typed."""
    asked = ["rotate_key", "--account", code]
    for kind, name in rolling.ours.items():
        file = folder / name
        file.write_bytes(b64decode(told[name]) if name.endswith("pfx") else told[name].encode())
        asked += ["--kind", kind, "--file", str(file)]
    password = told.get("merchant_pfx_password", "")
    asked += ["--password-stdin"] if password else []
    done = subprocess.run(
        [sys.executable, "manage.py", *asked],
        check=False,
        cwd=ROOT,
        env=shop.environment,
        input=password,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Customers:
    """They come one after another: each pays when the next has opened the pay page, so that one is always between."""

    def __init__(self, shop: LiveShop, *, by: str) -> None:
        self.shop, self.by = shop, by
        self.paid: list[dict[str, Any]] = []
        self.error = ""
        self._hand = Hand(SCENES, shop.environment)
        self._leaving = Event()
        self._thread = Thread(target=self._come, daemon=True)

    def __enter__(self) -> Customers:
        self._hand.ready()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._thread.join()
        self._hand.leave()

    def wait_for_more(self, count: int) -> None:
        wanted = len(self.paid) + count
        wait_until(lambda: self.error or len(self.paid) >= wanted, what=f"{wanted} have paid", patience=PATIENCE)
        assert not self.error, self.error

    def _come(self) -> None:
        try:
            known = self._open()
            while not self._leaving.is_set():
                known, before = self._open(), known
                self.shop.bank.pay(before["payment_no"])
                self.paid.append(before)
            self.shop.bank.pay(known["payment_no"])
            self.paid.append(known)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self.error = repr(error)

    def _open(self) -> dict[str, Any]:
        """Who is told that the gateway did not answer tries again."""
        known: dict[str, Any] = self._hand.do("new_order")
        wait_until(lambda: self._sees_code(known["pay_path"]), what="a code", patience=PATIENCE, pause=0.5)
        attempts = self._hand.do("order", order_id=known["order_id"])["payments"]
        return {**known, "payment_no": attempts[-1]["payment_no"]}

    def _sees_code(self, path: str) -> bool:
        return re.search(r"<svg", self.shop.post(f"{path}start", by=self.by).text) is not None


def _of_alipay(bank: RunningSandbox) -> Told:
    told = bank.post("/sandbox/accounts", gateway="alipay")["alipay"]
    return {**told, **bank.get(f"/sandbox/alipay/certificates.json?app_id={told['app_id']}")}


def _renewed_at_alipay(bank: RunningSandbox, app_id: str) -> Told:
    told = bank.post("/sandbox/alipay/rotate", key="app", app_id=app_id)
    return {**told["alipay"], **told["certificates"]}


def _at_wechatpay(action: str) -> Callable[[RunningSandbox, str], Told]:
    def act(bank: RunningSandbox, mchid: str) -> Told:
        told: Told = bank.post(f"/sandbox/wechatpay/accounts/{mchid}/{action}")["wechatpay"]
        return told

    return act


def _at_unionpay(action: str) -> Callable[[RunningSandbox, str], Told]:
    def act(bank: RunningSandbox, mer_id: str) -> Told:
        told: Told = bank.post(f"/sandbox/unionpay/merchants/{mer_id}/{action}")["unionpay"]
        return told

    return act


ALIPAY = Rolling(
    gateway="alipay",
    account="app_id",
    mode="certificate",
    settings={"app_id": "app_id", "seller_id": "seller_id"},
    ours={"private_key": "app_private_key", "app_cert": "app_cert"},
    others={"alipay_cert": "alipay_cert", "root_cert": "root_cert"},
    theirs="alipay_cert",
    opens=_of_alipay,
    renews=_renewed_at_alipay,
    turns=lambda bank, app_id: bank.post("/sandbox/alipay/rotate", key="alipay", app_id=app_id),
    revokes=lambda bank, app_id: None,  # there an old certificate stays good until it ends
)
WECHATPAY = Rolling(
    gateway="wechatpay",
    account="mchid",
    mode="certificate",
    settings={"mchid": "mchid", "appid": "appid"},
    ours={"private_key": "merchant_private_key", "merchant_certificate": "merchant_certificate"},
    others={"apiv3_key": "api_v3_key", "platform_certificate": "platform_certificates"},
    theirs="platform_certificate",
    opens=lambda bank: bank.post("/sandbox/accounts", gateway="wechatpay", mode="certificate")["wechatpay"],
    renews=_at_wechatpay("renew"),
    turns=_at_wechatpay("rotate"),
    revokes=_at_wechatpay("revoke"),
)
UNIONPAY = Rolling(
    gateway="unionpay",
    account="mer_id",
    settings={"mer_id": "mer_id"},
    ours={"signing_pfx": "merchant_pfx"},
    others={"root_cert": "root_certificate", "middle_cert": "middle_certificate"},
    theirs="",  # every message brings its certificate along, and the chain vouches for it
    opens=lambda bank: bank.post("/sandbox/accounts", gateway="unionpay")["unionpay"],
    renews=_at_unionpay("renew"),
    turns=lambda bank, mer_id: bank.post("/sandbox/unionpay/rotate"),
    revokes=_at_unionpay("revoke"),
)
