"""A past for UnionPay's side: trades that were paid and refunded before the sandbox was ever started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.box import Box, Options
from sandbox.clock import Clock
from sandbox.unionpay import methods, refunds, trades
from sandbox.unionpay.accounts import Merchant
from sandbox.unionpay.times import stamp
from sandbox.unionpay.trades import QR


@dataclass(frozen=True)
class PastTrade:
    """What UnionPay would know of a trade today."""

    query_id: str
    txn_time: str
    settle_day: str
    paid_at: float
    total_fen: int


@dataclass(frozen=True)
class PastRefund:
    query_id: str
    txn_time: str
    settle_day: str


class Past:
    """
    Writes trades into a sandbox's folder as if they had happened when they are said to have.

    No notification is sent: what was paid then was told then.
    """

    def __init__(self, state_dir: Path, *, seed: int | None = None) -> None:
        self.at = 0.0
        self.box = Box.open(Options(state_dir=state_dir, seed=seed), clock=Clock(source=lambda: self.at))

    @property
    def merchant(self) -> Merchant:
        return self.box.unionpay.first

    def pay(self, *, order_id: str, subject: str, total_fen: int, at: float, notify_url: str) -> PastTrade:
        """
        A trade by QR code that was paid at `at` (epoch seconds).

        :raises sandbox.unionpay.refusals.Refused: if the number was used before
        """
        self.at = at
        order = trades.Order(
            order_id=order_id,
            txn_time=stamp(at),
            kind=QR,
            biz_type=methods.BIZ_TYPE[QR],
            subject=subject,
            total_fen=total_fen,
            front_url="",
            back_url=notify_url,
            reserved="",
            expires_at=at + methods.LIFE,
        )
        paid = trades.pay(self.box, trades.place(self.box, self.merchant, order))
        return PastTrade(str(paid.query_id), paid.txn_time, paid.settle_day, at, paid.paid_fen)

    def refund(self, *, order_id: str, refund_order_id: str, amount_fen: int, at: float) -> PastRefund:
        """
        A refund of such a trade, done at `at` (epoch seconds).

        :raises sandbox.unionpay.refusals.Refused: if it is more than is left
        :raises LookupError: if there is no such trade
        """
        self.at = at
        trade = trades.find(self.box, mer_id=self.merchant.mer_id, order_id=order_id)
        if trade is None:
            raise LookupError(order_id)
        wanted = refunds.Wanted(refund_order_id, stamp(at), amount_fen)
        done = refunds.refund(self.box, trade, wanted, delay=0)
        return PastRefund(str(done.query_id), done.txn_time, done.settle_day)

    def close(self) -> None:
        self.box.store.close()
