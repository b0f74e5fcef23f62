from __future__ import annotations

import pytest

from kernel import approvals
from kernel.approvals import Kind, NotApproved, PayloadChanged, payload_hash
from kernel.models import Approval, User
from tests.factories import UserFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db

KIND = Kind("test.thing", asks="orders.view_order", decides="orders.view_order")
PAYLOAD = {"amount_fen": 100, "lines": [[1, 100]]}


@pytest.fixture
def thing() -> User:
    return UserFactory.create()


def approve(thing: User) -> Approval:
    approvals.ask(kind=KIND, subject=thing, payload=PAYLOAD, by=None, at=NOON)
    boss = UserFactory.create(is_superuser=True)
    return approvals.approve(kind=KIND, subject=thing, payload=PAYLOAD, by=boss, at=NOON)


class TestTheHash:
    def test_does_not_depend_on_the_order_of_names(self) -> None:
        assert payload_hash({"a": 1, "b": "退"}) == payload_hash({"b": "退", "a": 1})

    @pytest.mark.parametrize("other", [{"a": 2}, {"a": "1"}, {"a": 1, "b": None}, {"a": [1]}, {}])
    def test_tells_everything_else_apart(self, other: dict[str, object]) -> None:
        assert payload_hash(other) != payload_hash({"a": 1})


class TestUsing:
    def test_works_once(self, thing: User) -> None:
        approve(thing)
        approvals.use(kind=KIND, subject=thing, payload=PAYLOAD, at=NOON)

        with pytest.raises(NotApproved):
            approvals.use(kind=KIND, subject=thing, payload=PAYLOAD, at=NOON)

    def test_is_for_nothing_else(self, thing: User) -> None:
        approve(thing)

        with pytest.raises(PayloadChanged):
            approvals.use(kind=KIND, subject=thing, payload={**PAYLOAD, "amount_fen": 101}, at=NOON)
        with pytest.raises(NotApproved):
            approvals.use(kind=KIND, subject=UserFactory.create(), payload=PAYLOAD, at=NOON)

    def test_wants_a_decision(self, thing: User) -> None:
        approvals.ask(kind=KIND, subject=thing, payload=PAYLOAD, by=None, at=NOON)

        with pytest.raises(NotApproved):
            approvals.use(kind=KIND, subject=thing, payload=PAYLOAD, at=NOON)

    def test_can_be_asked_for_again_once_it_is_decided(self, thing: User) -> None:
        approve(thing)
        approvals.use(kind=KIND, subject=thing, payload=PAYLOAD, at=NOON)

        approve(thing)
        approvals.use(kind=KIND, subject=thing, payload=PAYLOAD, at=NOON)
        assert Approval.objects.filter(state="used").count() == 2
