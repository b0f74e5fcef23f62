from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event

from sandbox.alipay.accounts import Accounts
from sandbox.clock import Clock
from sandbox.credentials import DEFAULT_URL
from sandbox.store import Store
from sandbox.unionpay.accounts import Merchants
from sandbox.wechatpay.accounts import Accounts as WechatpayAccounts

CLOCK_WINDOW = 600.0  # seconds by which a merchant's timestamp may be off


@dataclass(frozen=True)
class Options:
    """How a sandbox is run."""

    state_dir: Path
    public_url: str = DEFAULT_URL
    seed: int | None = None
    speed: float = 1.0  # 3600 turns the retry table's hour into a second
    clock_window: float = CLOCK_WINDOW  # 0: any timestamp will do


@dataclass(frozen=True)
class Box:
    """What every part of the sandbox works with."""

    options: Options
    accounts: Accounts
    store: Store
    clock: Clock
    bell: Event = field(default_factory=Event)  # rung when a notification may be due

    @classmethod
    def open(cls, options: Options, *, clock: Clock | None = None) -> Box:
        accounts = Accounts(options.state_dir, seed=options.seed)
        store = Store(options.state_dir / "sandbox.sqlite3")
        clock = clock or Clock()
        clock.offset = float(read_meta(store, "clock_offset") or clock.offset)
        return cls(options=options, accounts=accounts, store=store, clock=clock)

    @cached_property
    def unionpay(self) -> Merchants:
        """Made when somebody first asks: keys take time."""
        return Merchants(self.options.state_dir, seed=self.options.seed)

    @cached_property
    def wechatpay(self) -> WechatpayAccounts:
        """Made when somebody first asks: keys take time."""
        return WechatpayAccounts(self.options.state_dir, seed=self.options.seed)

    @property
    def seed(self) -> str:
        return self.accounts.seed

    def url(self, path: str) -> str:
        return self.options.public_url.rstrip("/") + path

    def put_clock(self, *, offset: float) -> None:
        """Set the sandbox's clock that many seconds ahead of the machine's; a restart keeps it."""
        self.clock.offset = offset
        sql = "INSERT INTO meta VALUES ('clock_offset', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        self.store.run(sql, str(offset))
        self.bell.set()


def read_meta(store: Store, name: str) -> str | None:
    row = store.one("SELECT value FROM meta WHERE name = ?", name)
    return None if row is None else str(row["value"])
