"""An account's certificates, and the day on which Alipay's key or the app's is followed by another."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from sandbox import faults
from sandbox.alipay.accounts import Account, UnknownMode
from sandbox.alipay.authority import ALIPAY, APP, YEARS_AGO, Authority, Issued
from sandbox.alipay.refusals import Refused
from sandbox.box import Box
from sandbox.keys import new_key, private_pem
from sandbox.web import BadRequest, NotFound, Request, Response, reply

COMPANY = "支付宝(中国)网络技术有限公司"


def app_certificate(box: Box, account: Account) -> Issued:
    name = f"{account.seller_id}-{account.app_id}"
    key = account.app_key.public_key()
    return box.accounts.authority.certify(app_id=account.app_id, kind=APP, name=name, key=key)


def alipay_certificate(box: Box, account: Account) -> Issued:
    """Of the key that Alipay signs with now."""
    name = f"{COMPANY}-{account.seller_id}"
    key = account.alipay_key.public_key()
    return box.accounts.authority.certify(app_id=account.app_id, kind=ALIPAY, name=name, key=key)


def certificates(box: Box, account: Account) -> dict[str, str]:
    """The three files that the console offers in certificate mode, and their numbers."""
    app, alipay = app_certificate(box, account), alipay_certificate(box, account)
    return {
        "app_cert": app.pem,
        "alipay_cert": alipay.pem,
        "root_cert": box.accounts.authority.roots,
        "app_cert_sn": app.sn,
        "alipay_cert_sn": alipay.sn,
        "alipay_root_cert_sn": box.accounts.authority.root_sn,
    }


def download(box: Box, account: Account, sn: str) -> str:
    """
    A certificate of Alipay's by its number, as base64; old ones too.

    :raises Refused: if there is none
    """
    alipay_certificate(box, account)
    found = box.accounts.authority.get(sn, app_id=account.app_id, kind=ALIPAY)
    if found is None:
        raise Refused("40004", "CERT_NOT_EXIST", f"证书不存在：{sn}")
    return b64encode(found.pem.encode()).decode()


def show(box: Box, request: Request) -> Response:
    """:raises NotFound: if no account has this app id"""
    return reply(certificates(box, _account(box, request.params.get("app_id", ""))))


def rotate(box: Box, request: Request) -> Response:
    """
    From now on another key signs: Alipay's (`{"key": "alipay"}`, the default) or the app's (`{"key": "app"}`). What
    the old one signed stays signed; Alipay's signs no more, and the app's is taken only with its certificate.

    :raises BadRequest: if there is no such key
    :raises NotFound: if no account has this app id
    """
    wishes = request.json()
    account = _account(box, str(wishes.get("app_id") or ""))
    fields = {"alipay": "alipay_private_key", "app": "app_private_key"}
    field = fields.get(str(wishes.get("key", "alipay")))
    if field is None:
        raise BadRequest(f"Which key? {', '.join(fields)}.")
    account = follow(box, account, field=field)
    told = account.credentials(public_url=box.options.public_url)
    return reply({"alipay": told, "certificates": certificates(box, account)}, status=201)


def follow(box: Box, account: Account, *, field: str = "alipay_private_key") -> Account:
    """Another key follows one of the account's; its old certificates stay known."""
    certificates(box, account)
    return box.accounts.put(replace(account, **{field: private_pem(new_key(seed=None))}))


def follow_as_told(box: Box, account: Account, *, scope: str, api: str) -> Account:
    """The faults that change what Alipay signs with, before it signs."""
    for control in faults.take(box, "key", scope=scope, api=api):
        account = follow(box, account)
        key, name = account.alipay_key.public_key(), f"{COMPANY}-{account.seller_id}"
        authority = box.accounts.authority
        if control.fault == "expired_certificate":
            authority.certify(app_id=account.app_id, kind=ALIPAY, name=name, key=key, span=YEARS_AGO)
        if control.fault == "attacker_certificate":
            forger = stranger(box)
            authority.hand_out(forger.make(name=name, key=key) + forger.between, app_id=account.app_id, kind=ALIPAY)
    return account


def stranger(box: Box) -> Authority:
    """Another authority, whose names are those of the honest one."""
    return Authority(box.options.state_dir / "stranger", seed=None)


def put_mode(box: Box, request: Request, app_id: str) -> Response:
    """
    Which way of signing an app is set up for: `{"mode": "public_key"}`, `certificate`, or `switching` for both.

    :raises BadRequest: if there is no such mode
    :raises NotFound: if no account has this app id
    """
    account = _account(box, app_id)
    try:
        box.accounts.put_mode(account.app_id, str(request.json().get("mode", "")))
    except UnknownMode as error:
        raise BadRequest(str(error)) from error
    return show(box, Request("GET", request.path, f"app_id={app_id}"))


def _account(box: Box, app_id: str) -> Account:
    found = box.accounts.get(app_id) if app_id else box.accounts.first
    if found is None:
        raise NotFound(app_id)
    return found
