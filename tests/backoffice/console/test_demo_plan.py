from __future__ import annotations

from backoffice.console.demo.plan import Fate, planned_orders
from tests.helpers import NOON

SEED = 7  # the command's own


def test_the_same_seed_gives_the_same_shop() -> None:
    first, second = (list(planned_orders(seed=SEED, orders=500, days=60, at=NOON)) for _ in range(2))

    assert first == second
    assert len(first) == 500
    assert (NOON - first[0].placed_at).days <= 60


def test_every_fate_is_there() -> None:
    assert {it.fate for it in planned_orders(seed=SEED, orders=500, days=60, at=NOON)} == set(Fate)
