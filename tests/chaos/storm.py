"""A storm: buyers pay by the thousand, messages come twice, late, forged or never, and processes die all the while."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from kernel.clock import now
from tests.live.programs import PATIENCE, answers, wait_until
from tests.live.scenes import fact_of
from tests.live.shop import LiveShop

WEB_WORKERS = 2
WAVE = 250  # trades paid at a time
ENOUGH = 12  # blows of a kind: on a slow machine a storm must end, too
PERCENT = {
    "duplicated_percent": 70,
    "dropped_percent": 3,
    "reordered_percent": 10,
    "forged_percent": 8,
    "other_amount_percent": 3,
}
ODDS = {**PERCENT, "copies": 3, "shuffle": True, "reorder_seconds": 3}


@dataclass
class Blow:
    """Strikes again and again while the storm lasts, once what it struck has been up again for some seconds."""

    act: Callable[[int], object]
    is_up: Callable[[], bool]
    grace: float
    enough: int = ENOUGH
    struck: int = 0
    up_since: float = 0.0

    def tick(self) -> None:
        at = time.monotonic()
        if self.struck >= self.enough:
            return
        if not self.is_up():
            self.up_since = 0.0
        elif not self.up_since:
            self.up_since = at
        elif at > self.up_since + self.grace:
            self.act(self.struck)
            self.struck += 1
            self.up_since = 0.0


@dataclass
class Storm:
    """:param trades: how many buyers there are; messages are about two and a half times as many"""

    shop: LiveShop
    trades: int
    calm: bool = False  # nothing dies
    paid: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    drained: float = 0.0
    died_at: str = ""  # the worker, the last time
    blows: dict[str, Blow] = field(default_factory=dict)

    def run(self) -> None:
        """Until every message is sent or given up, and all that follows from them is done."""
        numbers = self._place()
        waves = [numbers[start : start + WAVE] for start in range(0, len(numbers), WAVE)]
        self.blows = self._blows()
        started = time.monotonic()
        for wave in waves:
            self.paid.update(self.shop.bank.post("/sandbox/trades/bulk_pay", out_trade_nos=wave, **ODDS))
            self._tick()
        wait_until(lambda: self._asked_back(waves[0][:100]), what="the first are paid, and half goes back")
        wait_until(self._is_sent, what="every message sent", patience=4 * PATIENCE, pause=0.25)
        self.seconds = time.monotonic() - started
        wait_until(self._is_applied, what="every message applied", patience=4 * PATIENCE, pause=0.5)
        if self.died_at:
            self.shop.hand.do("bury", died_at=self.died_at)  # leases last two minutes: tests/kernel waits
        self.shop.hand.do("ask_now")  # about those of which nothing was heard
        wait_until(self._is_quiet, what="everything handled", patience=2 * PATIENCE, pause=1)
        self.drained = time.monotonic() - started

    @property
    def kills(self) -> dict[str, int]:
        return {name: blow.struck for name, blow in self.blows.items()}

    def _place(self) -> list[str]:
        """Orders here, and the same at the gateway."""
        stock = self.shop.hand.do("stock", count=self.trades)
        orders = [{"out_trade_no": number, "total_fen": fen} for number, fen in stock]
        account = self.shop.account
        self.shop.bank.post("/sandbox/trades/bulk_create", orders=orders, notify_url=self.shop.url + account["webhook"])
        return [number for number, _fen in stock]

    def _blows(self) -> dict[str, Blow]:
        if self.calm:
            return {}
        return {
            "worker": Blow(self._kill_worker, self._worker_is_up, grace=5.0),
            "web": Blow(self.shop.web.kill_a_child, self._web_is_up, grace=4.0),
            "redis": Blow(lambda _number: self.shop.redis_client().flushdb(), lambda: True, grace=10.0, enough=1),
        }

    def _tick(self) -> None:
        for blow in self.blows.values():
            blow.tick()

    def _kill_worker(self, _number: int) -> None:
        self.shop.worker.kill()
        self.died_at = now().isoformat()
        self.shop.worker.start()

    def _worker_is_up(self) -> bool:
        return self.shop.worker.log.read_text(errors="replace").count(" ready.") >= self.shop.worker.starts

    def _web_is_up(self) -> bool:
        return len(self.shop.web.children()) >= WEB_WORKERS and answers(f"{self.shop.url}/healthz") == httpx.codes.OK

    def _asked_back(self, numbers: list[str]) -> bool:
        self._tick()
        return bool(self.shop.hand.do("ask_back", payment_nos=numbers))

    def _is_sent(self) -> bool:
        self._tick()
        told = self.shop.bank.get("/sandbox/status.json")
        return not told["unfinished"] and not told["notifications"].get("waiting")

    def _is_applied(self) -> bool:
        return "messages" not in self.shop.hand.do("unfinished")

    def _is_quiet(self) -> bool:
        return self.shop.hand.do("unfinished") == {} and self._is_sent()


@dataclass(frozen=True)
class Account:
    """What the gateway's own log says of the messages it sent."""

    acked: frozenset[str]  # facts that we said we have
    honest: frozenset[str]  # facts that are so
    forged: int  # forgeries that reached us
    accepted_forgeries: int
    sendings: int
    resends: int

    @classmethod
    def of(cls, notifications: Iterable[dict[str, Any]]) -> Account:
        told = list(notifications)
        forged = [sent for it in told if it["forge"] for sent in it["attempts"]]
        honest = [(fact_of(it["fields"]), it["attempts"]) for it in told if not it["forge"]]
        return cls(
            acked=frozenset(fact for fact, sent in honest if any(one["accepted"] for one in sent)),
            honest=frozenset(fact for fact, _sent in honest),
            forged=sum(one["status"] in range(400, 500) for one in forged),
            accepted_forgeries=sum(one["accepted"] for one in forged),
            sendings=sum(len(it["attempts"]) for it in told),
            resends=sum(one["number"] > 1 for it in told for one in it["attempts"]),
        )


def not_exactly_once(account: Account, stored: Sequence[str]) -> list[str]:
    """What was acknowledged and is not in the inbox exactly once; what is there and was never told."""
    times = Counter(stored)
    lost = [f"lost: {fact}" for fact in account.acked if fact not in times]
    doubled = [f"{count} times: {fact}" for fact, count in times.items() if count > 1]
    strange = [f"never told: {fact}" for fact in times if fact not in account.honest]
    return [*lost, *doubled, *strange]


def differences(ledger: dict[str, Any], books: dict[str, dict[str, int]]) -> list[str]:
    """Where our books and the gateway's ledger differ, trade by trade, to the fen."""
    theirs = {it["trade_no"]: it["paid_fen"] - it["refunded_fen"] for it in ledger["trades"] if it["paid_fen"]}
    ours = {trade_no: held["clearing"] for trade_no, held in books.items()}
    pairs = ((trade_no, theirs.get(trade_no), ours.get(trade_no)) for trade_no in {*theirs, *ours})
    return [f"{trade_no}: gateway {told}, books {booked}" for trade_no, told, booked in pairs if told != booked]


def misplaced(ledger: dict[str, Any], books: dict[str, dict[str, int]]) -> list[str]:
    """Money of another amount than asked for is in suspense, all of it; any other money is not."""
    wanted = {
        it["trade_no"]: it["paid_fen"] if it["paid_fen"] != it["total_fen"] else 0
        for it in ledger["trades"]
        if it["paid_fen"]
    }
    held = {trade_no: books.get(trade_no, {}).get("suspense", 0) for trade_no in wanted}
    return [f"{trade_no}: {held[trade_no]}, not {fen}" for trade_no, fen in wanted.items() if held[trade_no] != fen]


def in_json(facts: dict[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False)
