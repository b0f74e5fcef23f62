"""The demo's account at the sandbox, with the keys that the sandbox made for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from payments import services as payments
from payments.models import Credential, GatewayAccount
from payments.services import AccountDraft
from sandbox import credentials

CODE = "alipay-demo"
KEYS = {"private_key": "app_private_key", "alipay_public_key": "alipay_public_key"}  # our name: the sandbox's
SETTINGS = ("app_id", "seller_id", "gateway_url")


def ensure_account(*, sandbox_dir: Path, sandbox_url: str, seed: int, at: datetime) -> GatewayAccount:
    """An Alipay account that points at the sandbox, wherever it listens this time."""
    told = credentials.ensure(sandbox_dir, seed=seed, public_url=sandbox_url)["alipay"]
    known = GatewayAccount.objects.filter(code=CODE).first()
    draft = AccountDraft(
        code=CODE,
        name="支付宝 (仿真)",
        gateway="alipay",
        environment=GatewayAccount.Environment.SANDBOX,
        settings={name: told[name] for name in SETTINGS},
        methods=("qr", "page", "wap"),
    )
    if known is None or known.settings != dict(draft.settings):
        known = payments.save_account(draft=draft, account_id=known.pk if known else None, by=None, at=at)
    for kind, name in KEYS.items():
        if not Credential.objects.filter(account=known, kind=kind, retired_at=None).exists():
            payments.set_credential(account_id=known.pk, kind=kind, value=told[name], by=None, at=at)
    return known
