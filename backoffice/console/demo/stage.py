"""The demo's accounts at the sandbox, with the keys that the sandbox made for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from payments import services as payments
from payments.models import Credential, GatewayAccount
from payments.services import AccountDraft, NewKey
from sandbox import credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """
    An account at one gateway; of settings and keys our name: the sandbox's.

    :param fixed: settings that the sandbox has nothing to say about
    :param passwords: of keys that are files with one
    """

    gateway: str
    name: str
    methods: tuple[str, ...]
    settings: Mapping[str, str]
    keys: Mapping[str, str]
    fixed: Mapping[str, str] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)


ALIPAY = Play(
    gateway="alipay",
    name="支付宝 (仿真)",
    methods=("qr", "page", "wap"),
    settings={"app_id": "app_id", "seller_id": "seller_id"},
    keys={"private_key": "app_private_key", "alipay_public_key": "alipay_public_key"},
)
WECHATPAY = Play(
    gateway="wechatpay",
    name="微信支付 (仿真)",
    methods=("qr", "h5", "jsapi"),
    settings={"mchid": "mchid", "appid": "appid", "platform_public_key_id": "public_key_id"},
    fixed={"mode": "public_key"},
    keys={
        "private_key": "merchant_private_key",
        "merchant_certificate": "merchant_certificate",
        "apiv3_key": "api_v3_key",
        "platform_public_key": "public_key",
        "app_secret": "app_secret",
    },
)
UNIONPAY = Play(
    gateway="unionpay",
    name="银联 (仿真)",
    methods=("qr", "page", "wap"),
    settings={"mer_id": "mer_id"},
    keys={"signing_pfx": "merchant_pfx", "root_cert": "root_certificate", "middle_cert": "middle_certificate"},
    passwords={"signing_pfx": "merchant_pfx_password"},
)
OTHERS = (WECHATPAY, UNIONPAY)


def ensure_account(*, sandbox_dir: Path, sandbox_url: str, seed: int, at: datetime) -> GatewayAccount:
    """An Alipay account that points at the sandbox, wherever it listens this time."""
    told = credentials.ensure(sandbox_dir, seed=seed, public_url=sandbox_url)
    return open_account(ALIPAY, told["alipay"], position=0, at=at)


def ensure_others(*, sandbox_dir: Path, sandbox_url: str, seed: int, at: datetime) -> list[GatewayAccount]:
    """The same for the other gateways, so that a customer has something to choose from."""
    told = credentials.ensure(sandbox_dir, seed=seed, public_url=sandbox_url)
    return [open_account(it, told[it.gateway], position=place, at=at) for place, it in enumerate(OTHERS, start=1)]


def open_account(play: Play, told: Mapping[str, str], *, position: int, at: datetime) -> GatewayAccount:
    """:param told: the credentials, as the sandbox gives them"""
    code = f"{play.gateway}-demo"
    known = GatewayAccount.objects.filter(code=code).first()
    settings = {ours: told[theirs] for ours, theirs in play.settings.items()}
    draft = AccountDraft(
        code=code,
        name=play.name,
        gateway=play.gateway,
        environment=GatewayAccount.Environment.SANDBOX,
        settings={**settings, **play.fixed, "gateway_url": told["gateway_url"]},
        methods=play.methods,
        position=position,
    )
    if known is None or known.settings != dict(draft.settings):
        known = payments.save_account(draft=draft, account_id=known.pk if known else None, by=None, at=at)
    there = set(Credential.objects.filter(account=known, retired_at=None).values_list("kind", flat=True))
    missing = {
        kind: NewKey(text=told[name], password=told[play.passwords[kind]] if kind in play.passwords else "")
        for kind, name in play.keys.items()
        if kind not in there
    }
    payments.set_credentials(account_id=known.pk, keys=missing, by=None, at=at)
    return known
