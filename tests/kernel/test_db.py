from __future__ import annotations

import pytest
from django.db import transaction

from kernel.db import insert_new
from kernel.models import ScheduleTick
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


class TestInsertNew:
    def test_tells_a_new_row_from_one_that_is_there_already(self) -> None:
        told = [insert_new(ScheduleTick(timer="a", scheduled_for=NOON, started_at=NOON)) for _copy in range(2)]

        assert told == [True, False]
        assert ScheduleTick.objects.count() == 1

    def test_leaves_the_transaction_in_use(self) -> None:
        with transaction.atomic():
            for _copy in range(2):
                insert_new(ScheduleTick(timer="a", scheduled_for=NOON, started_at=NOON))
            insert_new(ScheduleTick(timer="b", scheduled_for=NOON, started_at=NOON))

        assert ScheduleTick.objects.count() == 2
