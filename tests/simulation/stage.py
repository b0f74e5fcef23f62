"""Where a simulation plays: a shop in a database in memory, and an account at each of the sandbox's gateways."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.core.cache import cache
from django.core.management import call_command
from django.db import connection

from backoffice.console.setup import ensure_owner, prepare_shop
from payments import services as payments
from payments.models import GatewayAccount
from payments.services import AccountDraft, NewKey, accounts
from sandbox import credentials
from tests.helpers import forget_process_state

DAWN = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)  # when the shop opened
SANDBOX_URL = "http://sandbox.test:8900"


@dataclass(frozen=True)
class AtGateway:
    """What of the sandbox's credentials goes into which of our fields (ours: the sandbox's)."""

    code: str
    methods: tuple[str, ...]
    settings: dict[str, str]
    keys: dict[str, str]
    fixed: dict[str, str]


GATEWAYS = (
    AtGateway(
        code="alipay",
        methods=("qr", "page", "wap"),
        settings={"app_id": "app_id", "seller_id": "seller_id", "gateway_url": "gateway_url"},
        keys={"private_key": "app_private_key", "alipay_public_key": "alipay_public_key"},
        fixed={},
    ),
    AtGateway(
        code="wechatpay",
        methods=("qr", "h5"),
        settings={
            "mchid": "mchid",
            "appid": "appid",
            "serial_no": "merchant_serial",
            "platform_public_key_id": "public_key_id",
            "gateway_url": "gateway_url",
        },
        keys={
            "private_key": "merchant_private_key",
            "apiv3_key": "api_v3_key",
            "platform_public_key": "public_key",
        },
        fixed={"mode": "public_key"},
    ),
    AtGateway(
        code="unionpay",
        methods=("qr", "page"),
        settings={"mer_id": "mer_id", "gateway_url": "gateway_url"},
        keys={
            "signing_pfx": "merchant_pfx_old",
            "root_cert": "root_certificate",
            "middle_cert": "middle_certificate",
        },
        fixed={"mode": "pfx"},
    ),
)


class Stage:
    """Set up once in a process, and put back to how it was before each seed."""

    def __init__(self, sandbox_dir: Path) -> None:
        self.sandbox_dir = sandbox_dir
        self._kept = sqlite3.connect(":memory:")
        call_command("migrate", verbosity=0)
        prepare_shop(at=DAWN)
        ensure_owner(username="owner", password="correct horse battery", at=DAWN)
        told = credentials.ensure(sandbox_dir, seed=1, public_url=SANDBOX_URL)
        for gateway in GATEWAYS:
            _open_account(gateway, told[gateway.code])
        connection.connection.backup(self._kept)

    def reset(self) -> None:
        """Everything as it was, and nothing remembered by this process."""
        self._kept.backup(connection.connection)
        for name in ("", "-wal", "-shm"):
            (self.sandbox_dir / f"sandbox.sqlite3{name}").unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """As a process does that starts."""
        forget_process_state()
        cache.clear()
        accounts._gateways.clear()


def _open_account(gateway: AtGateway, told: dict[str, str]) -> None:
    draft = AccountDraft(
        code=gateway.code,
        name=gateway.code,
        gateway=gateway.code,
        environment=GatewayAccount.Environment.SANDBOX,
        settings={ours: told[theirs] for ours, theirs in gateway.settings.items()} | gateway.fixed,
        methods=gateway.methods,
    )
    account = payments.save_account(draft=draft, account_id=None, by=None, at=DAWN)
    keys = {ours: _key(told, theirs) for ours, theirs in gateway.keys.items()}
    payments.set_credentials(account_id=account.pk, keys=keys, by=None, at=DAWN)


def _key(told: dict[str, str], name: str) -> NewKey:
    return NewKey(text=told[name], password=told["merchant_pfx_password"] if "pfx" in name else "")
