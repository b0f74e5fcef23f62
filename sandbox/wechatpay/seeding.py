"""A past at WeChat Pay: trades that were paid and refunded before the sandbox was ever started."""

from __future__ import annotations

from pathlib import Path

from sandbox.box import Box, Options
from sandbox.clock import Clock
from sandbox.seeding import PAYMENT_WINDOW, PastTrade
from sandbox.wechatpay import console, refunds, trades
from sandbox.wechatpay.accounts import Account


class WechatpayPast:
    """
    Writes trades into a sandbox's folder as if they had happened when they are said to have.

    No notification is sent: what was paid then was told then.
    """

    def __init__(self, state_dir: Path, *, seed: int | None = None) -> None:
        self.at = 0.0
        self.box = Box.open(Options(state_dir=state_dir, seed=seed), clock=Clock(source=lambda: self.at))

    @property
    def account(self) -> Account:
        return self.box.wechatpay.first

    def pay(self, *, out_trade_no: str, subject: str, total_fen: int, at: float, notify_url: str) -> PastTrade:
        """
        A trade that was paid at `at` (epoch seconds).

        :raises sandbox.wechatpay.refusals.Refused: if the number was used before
        """
        self.at = at
        order = console.simple_order(
            out_trade_no=out_trade_no,
            description=subject,
            total_fen=total_fen,
            notify_url=notify_url,
            expires_at=at + PAYMENT_WINDOW,
        )
        paid = trades.pay(self.box, trades.place(self.box, self.account, order))
        return PastTrade(trade_no=str(paid.transaction_id), paid_at=float(paid.paid_at or at), total_fen=paid.paid_fen)

    def refund(self, *, out_trade_no: str, out_request_no: str, amount_fen: int, at: float) -> str:
        """
        A refund of such a trade, done at `at` (epoch seconds); WeChat Pay's number for it.

        :raises sandbox.wechatpay.refusals.Refused: if it is more than is left
        """
        self.at = at
        trade = trades.require(self.box, mchid=self.account.mchid, out_trade_no=out_trade_no)
        wanted = refunds.Wanted(out_request_no, amount_fen, trade.paid_fen, "", "", out_request_no)
        return refunds.refund(self.box, trade, wanted, delay=0).refund.refund_id

    def close(self) -> None:
        self.box.store.close()
