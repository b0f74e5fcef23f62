from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from kernel.models import OnceKey, User
from kernel.once import FormExpired, keep_result, new_once_key, result_of, use_once
from tests.helpers import NOON, frozen, rolled_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin() -> User:
    return User.objects.create(username="lin")


def use(key: str, *, by: User) -> OnceKey | None:
    return use_once(key=key, purpose="refund", by=by, at=NOON)


class TestOnce:
    def test_the_second_click_finds_the_result_of_the_first(self, lin: User) -> None:
        key = new_once_key()
        first = use(key, by=lin)
        assert first is not None
        keep_result(first, "R261122")

        assert use(key, by=lin) is None
        assert result_of(key=key, purpose="refund", by=lin) == "R261122"

    def test_another_form_is_another_key(self, lin: User) -> None:
        assert use(new_once_key(), by=lin)
        assert use(new_once_key(), by=lin)

    def test_is_good_again_when_the_act_was_rolled_back(self, lin: User) -> None:
        key = new_once_key()
        with rolled_back():
            use(key, by=lin)

        assert use(key, by=lin)

    @pytest.mark.parametrize("key", ["", "made-up", "made:up:key"])
    def test_a_key_that_we_did_not_make_is_refused(self, key: str, lin: User) -> None:
        with pytest.raises(FormExpired):
            use(key, by=lin)

    def test_a_form_that_is_too_old_is_refused(self, lin: User) -> None:
        with frozen() as clock:
            key = new_once_key()
            clock.shift(timedelta(days=7, seconds=1))
            with pytest.raises(FormExpired):
                use(key, by=lin)

    def test_nobody_sees_what_anothers_form_did(self, lin: User) -> None:
        key = new_once_key()
        first = use(key, by=lin)
        assert first is not None
        keep_result(first, "R261122")

        assert result_of(key=key, purpose="refund", by=User.objects.create(username="wang")) == ""
        assert result_of(key=key, purpose="close", by=lin) == ""

    def test_keys_are_not_kept_with_their_signature(self, lin: User) -> None:
        with time_machine.travel(NOON):
            key = new_once_key()
            use(key, by=lin)

        assert OnceKey.objects.get().key == key.partition(":")[0]
