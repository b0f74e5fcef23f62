"""
Five thousand messages, with web, worker and Redis failing under them: nothing is lost, nothing is done twice, no
forgery is believed, and the books agree with the gateway's ledger to the fen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.live.shop import LiveShop, live_shop

from .storm import Account, Storm, differences, in_json, misplaced, not_exactly_once

pytestmark = [pytest.mark.storm, pytest.mark.slow, pytest.mark.xdist_group("storm"), pytest.mark.only_on("postgresql")]

MESSAGES = int(os.environ.get("STORM_MESSAGES", "5000"))
PER_TRADE = 2.3  # messages, at the odds of the storm
FEWER = 60  # trades, where a guard is off


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveShop]:
    with django_db_blocker.unblock(), live_shop(tmp_path_factory.mktemp("storm"), speed=3_600) as shop:
        yield shop


def test_nothing_is_lost_and_nothing_doubled(shop: LiveShop, capsys: pytest.CaptureFixture[str]) -> None:
    storm = Storm(shop, trades=int(MESSAGES / PER_TRADE) + 1)
    storm.run()

    account, counts = Account.of(shop.bank.notifications()), shop.hand.do("counts")
    with capsys.disabled():
        facts = {
            "sent": account.sendings,
            "kills": storm.kills,
            "resends": account.resends,
            "refusals": account.forged,
            **counts,
            "seconds": round(storm.seconds, 1),
            "until quiet": round(storm.drained, 1),
            "acknowledged/s": round(counts["copies"] / storm.seconds, 1),
            "applied/s": round(counts["applied"] / storm.drained, 1),
        }
        print(f"\nstorm: {in_json(facts)}")

    assert account.sendings - account.resends >= MESSAGES
    assert all(storm.kills.values()), f"not much of a storm: {storm.kills}"
    assert account.resends
    assert account.forged
    assert account.accepted_forgeries == 0
    assert counts["refused"] >= account.forged
    assert not_exactly_once(account, shop.hand.do("stored_facts")) == []
    ledger, books = shop.bank.ledger(), shop.hand.do("books_by_trade")
    assert differences(ledger, books) == []
    assert misplaced(ledger, books) == []
    assert counts["refunds"]
    assert shop.hand.do("done_twice") == []
    assert shop.hand.do("check_books") == []


def test_without_the_unique_index_the_check_of_the_inbox_fails(shop: LiveShop) -> None:
    """The last one: it leaves the shop broken. The money is booked once even then, for the ledger has guards too."""
    shop.hand.do("drop_inbox_index")

    Storm(shop, trades=FEWER, calm=True).run()

    account = Account.of(shop.bank.notifications())
    assert any("times: " in told for told in not_exactly_once(account, shop.hand.do("stored_facts")))
    assert differences(shop.bank.ledger(), shop.hand.do("books_by_trade")) == []
