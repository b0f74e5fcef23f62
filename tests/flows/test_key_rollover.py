"""Keys of both sides are followed by others while customers pay, and no payment is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hands import Hand
from tests.live.programs import wait_until
from tests.live.shop import LiveShop

from .rolling import ALIPAY, PATIENCE, UNIONPAY, WECHATPAY, Customers, Rolling, rotate_key

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.xdist_group("rollover")]

PHASE = 3  # customers who pay between one change and the next
PRICE_FEN, BACK_FEN = 9_900, 2_500


@pytest.fixture
def keys(shop: LiveShop) -> Iterator[Hand]:
    hand = Hand("tests.live.key_scenes", shop.environment).ready()
    yield hand
    hand.leave()


def assert_same_books(shop: LiveShop, keys: Hand, *, rolling: Rolling, account: str, code: str) -> None:
    """What the gateway took and gave back is booked here, each once, and nothing else."""
    books = shop.bank.get(f"/sandbox/ledger.json?gateway={rolling.gateway}&app_id={account}")[rolling.gateway]
    theirs = {
        it["out_trade_no"]: {"paid": [it["paid_fen"]], "back": [back["amount_fen"] for back in it["refunds"]]}
        for it in books["trades"]
        if it["paid_fen"]
    }
    assert keys.do("booked", code=code) == theirs


def retire_rested(keys: Hand, customers: Customers, *, code: str, ids: list[int]) -> None:
    """What a program counted before may be written with its next count; then another day goes by."""
    refused = ["not tried"]
    for _day in range(6):
        keys.do("let_a_day_pass", ids=ids)
        customers.wait_for_more(PHASE)
        refused = keys.do("retire", code=code, ids=ids)
        if not refused:
            return
    raise AssertionError(refused)


def give_back_the_oldest(shop: LiveShop, paid: list[dict[str, Any]]) -> None:
    """Money that came under the old keys goes back under the new ones."""
    order_id = paid[0]["order_id"]
    shop.hand.do("refund", order_id=order_id, amount_fen=BACK_FEN)
    shop.wait_for("is_refunded", order_id=order_id, amount_fen=BACK_FEN, patience=PATIENCE)


@pytest.mark.parametrize("rolling", [ALIPAY, WECHATPAY, UNIONPAY], ids=lambda it: it.gateway)
def test_keys_follow_one_another_while_customers_pay(
    shop: LiveShop, keys: Hand, tmp_path: Path, rolling: Rolling
) -> None:
    told = rolling.opens(shop.bank)
    account, password = told[rolling.account], told.get("merchant_pfx_password", "")
    given = {"gateway": rolling.gateway, "settings": rolling.filled(told), "keys": rolling.keys(told)}
    code = keys.do("open_account", **given, password=password)
    old = keys.do("alive", code=code, kinds=[*rolling.ours, *filter(None, [rolling.theirs])])

    with Customers(shop, by=f"{rolling.gateway}.qr") as customers:
        customers.wait_for_more(PHASE)
        rotate_key(shop, code, rolling, rolling.renews(shop.bank, account), tmp_path)
        assert len(keys.do("alive", code=code, kinds=list(rolling.ours))) == 2 * len(rolling.ours)
        customers.wait_for_more(PHASE)
        refused = keys.do("retire", code=code, ids=old)
        assert len(refused) == len(old), refused

        rolling.turns(shop.bank, account)
        customers.wait_for_more(PHASE)
        retire_rested(keys, customers, code=code, ids=old)
        rolling.revokes(shop.bank, account)
        customers.wait_for_more(PHASE)

    wait_until(
        lambda: all(shop.hand.do("is_paid", order_id=it["order_id"]) for it in customers.paid),
        what="every order that was paid is known to be",
        patience=PATIENCE,
        pause=1,
    )
    give_back_the_oldest(shop, customers.paid)
    assert len(customers.paid) > 5 * PHASE
    assert_same_books(shop, keys, rolling=rolling, account=account, code=code)
    assert shop.hand.do("done_twice") == []
    keys.do("close_account", code=code)
