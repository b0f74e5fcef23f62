"""A past for the sandbox: trades that were paid and refunded before it was ever started. The demo shop needs one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox import faults
from sandbox.alipay import bill, refunds, trades
from sandbox.alipay.accounts import Account
from sandbox.box import Box, Options
from sandbox.clock import Clock

PAYMENT_WINDOW = 30 * 60


@dataclass(frozen=True)
class PastTrade:
    """What Alipay would know of a trade today."""

    trade_no: str
    paid_at: float
    total_fen: int


class Past:
    """
    Writes trades into a sandbox's folder as if they had happened when they are said to have.

    No notification is sent: what was paid then was told then.
    """

    def __init__(self, state_dir: Path, *, seed: int | None = None) -> None:
        self.at = 0.0
        self.box = Box.open(Options(state_dir=state_dir, seed=seed), clock=Clock(source=lambda: self.at))

    @property
    def account(self) -> Account:
        return self.box.accounts.first

    def pay(self, *, out_trade_no: str, subject: str, total_fen: int, at: float, notify_url: str) -> PastTrade:
        """
        A trade that was paid at `at` (epoch seconds).

        :raises sandbox.alipay.refusals.Refused: if the number was used before
        """
        self.at = at
        order = trades.Order(
            out_trade_no=out_trade_no,
            product="alipay.trade.precreate",
            subject=subject,
            body="",
            total_fen=total_fen,
            notify_url=notify_url,
            return_url="",
            passback_params="",
            charset="utf-8",
            expires_at=at + PAYMENT_WINDOW,
        )
        paid = trades.pay(self.box, trades.place(self.box, self.account, order))
        return PastTrade(trade_no=str(paid.trade_no), paid_at=float(paid.paid_at or at), total_fen=paid.paid_fen)

    def refund(self, *, out_trade_no: str, out_request_no: str, amount_fen: int, at: float) -> None:
        """
        A refund of such a trade, done at `at` (epoch seconds).

        :raises sandbox.alipay.refusals.Refused: if it is more than is left
        """
        self.at = at
        trade = trades.require(self.box, app_id=self.account.app_id, out_trade_no=out_trade_no)
        refunds.refund(self.box, trade, refunds.Wanted(out_request_no, amount_fen))

    def tell_wrongly(self, *, out_trade_no: str, fault: str, value: str = "") -> None:
        """
        Have the statements tell a trade wrongly, by a fault of kind "bill", from now on. Asked for twice, it is one.

        :raises sandbox.faults.WrongFault: if there is no such fault, or it takes no such value
        """
        known = {(it.scope, it.fault) for it in faults.switched_on(self.box)}
        if (out_trade_no, fault) not in known:
            faults.switch_on(self.box, faults.Wish(fault, scope=out_trade_no, value=value), source="seeding")

    def bill(self, *, day: str) -> tuple[str, bytes]:
        """The statement of a day (yyyy-MM-dd): the name of its file, and the ZIP."""
        name = f"{self.account.seller_id}_{day.replace('-', '')}"
        return f"{name}.csv.zip", bill.archive(self.box, self.account, day=day, name=name)

    def close(self) -> None:
        self.box.store.close()
