"""What happens to each order of the demo shop, decided by dice with a fixed seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from . import catalog


class Fate(StrEnum):
    """How far an order got, and what became of it."""

    UNPAID = "unpaid"
    PAID = "paid"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    ON_HOLD = "on_hold"
    PROBLEM = "problem"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    PARTLY_REFUNDED = "partly_refunded"


FRESH_ORDERS = 20
FRESH_MINUTES = 25  # younger orders can still be unpaid: the shop gives half an hour

# Weights of the fates by age: what is old is finished, what is new is waiting.
FRESH = {Fate.UNPAID: 30, Fate.PAID: 60, Fate.SHIPPED: 5, Fate.CANCELED: 5}
RECENT = {
    Fate.PAID: 34,
    Fate.PARTLY_SHIPPED: 16,
    Fate.SHIPPED: 38,
    Fate.DELIVERED: 10,
    Fate.ON_HOLD: 6,
    Fate.PROBLEM: 6,
    Fate.TIMED_OUT: 12,
    Fate.CANCELED: 4,
    Fate.REFUNDED: 2,
    Fate.PARTLY_REFUNDED: 2,
}
OLD = {Fate.COMPLETED: 76, Fate.TIMED_OUT: 11, Fate.CANCELED: 3, Fate.REFUNDED: 5, Fate.PARTLY_REFUNDED: 5}
BANDS = {"fresh": FRESH, "recent": RECENT, "old": OLD}
RECENT_MINUTES = 8 * 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    name: str
    phone: str
    type_code: str
    place: catalog.Place
    house: int
    room: int

    @property
    def detail(self) -> str:
        return self.place.street.format(n=self.house, m=self.room)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrder:
    placed_at: datetime
    buyer: Person
    goods: tuple[tuple[catalog.Good, int], ...]
    shipping_fen: int
    discount_fen: int
    customer_note: str
    staff_note: str
    flag: str
    fate: Fate


def planned_orders(*, seed: int, orders: int, days: int, at: datetime) -> Iterator[PlannedOrder]:
    """The demo shop's orders, oldest first. The same seed and moment give the same shop."""
    dice = Random(seed)
    people = [_person(dice, number) for number in range(max(orders // 3, 1))]
    fresh = min(FRESH_ORDERS, orders)
    ages = [dice.randrange(2, FRESH_MINUTES) for _ in range(fresh)]
    ages += [_age_minutes(dice, days=days) for _ in range(orders - fresh)]
    ages.sort(reverse=True)
    owed = {band: list(fates) for band, fates in BANDS.items()}  # each fate of an age once, then by weight
    for minutes in ages:
        fate = _fate(dice, minutes=minutes, owed=owed)
        yield _order(dice, people=people, placed_at=at - timedelta(minutes=minutes), fate=fate)


def _age_minutes(dice: Random, *, days: int) -> int:
    """Newer days sell a little more, and nobody orders at four in the morning as much as at nine in the evening."""
    return FRESH_MINUTES + int(days * 1440 * dice.random() ** 1.15)


def _fate(dice: Random, *, minutes: int, owed: dict[str, list[Fate]]) -> Fate:
    if minutes < FRESH_MINUTES:
        band = "fresh"
    elif minutes < RECENT_MINUTES:
        band = "recent"
    else:
        band = "old"
    if owed[band]:
        return owed[band].pop(0)
    table = BANDS[band]
    return dice.choices(list(table), weights=list(table.values()))[0]


def _person(dice: Random, number: int) -> Person:
    kind = dice.choices(("individual", "company", "group"), weights=(88, 8, 4))[0]
    name = dice.choice(catalog.SURNAMES) + dice.choice(catalog.GIVEN_NAMES)
    if kind == "company":
        name = dice.choice(catalog.COMPANIES)
    elif kind == "group":
        name = dice.choice(catalog.GROUPS)
    return Person(
        name=name,
        phone=f"1{dice.choice('3578')}{dice.randrange(10):d}{number:04d}{dice.randrange(10_000):04d}",
        type_code=kind,
        place=dice.choice(catalog.PLACES),
        house=dice.randrange(1, 999),
        room=dice.randrange(1, 30) * 100 + dice.randrange(1, 9),
    )


def _order(dice: Random, *, people: Sequence[Person], placed_at: datetime, fate: Fate) -> PlannedOrder:
    buyer = dice.choice(people)
    goods = _goods(dice, is_bulk=buyer.type_code != "individual")
    subtotal_fen = sum(good.price_fen * quantity for good, quantity in goods)
    return PlannedOrder(
        placed_at=placed_at,
        buyer=buyer,
        goods=goods,
        shipping_fen=0 if subtotal_fen >= 9_900 else 1_000,
        discount_fen=2_000 if subtotal_fen >= 15_000 and dice.random() < 0.3 else 0,
        customer_note=dice.choice(catalog.CUSTOMER_NOTES) if dice.random() < 0.15 else "",
        staff_note=dice.choice(catalog.STAFF_NOTES) if dice.random() < 0.12 else "",
        flag=dice.choice(("red", "yellow", "green", "blue", "purple")) if dice.random() < 0.15 else "",
        fate=fate,
    )


def _goods(dice: Random, *, is_bulk: bool) -> tuple[tuple[catalog.Good, int], ...]:
    kinds = dice.choices((1, 2, 3, 4), weights=(62, 25, 9, 4))[0]
    most = 20 if is_bulk else 3
    return tuple((good, dice.randint(1, most)) for good in dice.sample(catalog.GOODS, kinds))
