from __future__ import annotations

import pytest
from django.db import transaction

from kernel.db import Question, insert_new
from kernel.models import Job, ScheduleTick
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


class TestQuestion:
    def test_answers_as_the_queryset_does_however_often_it_is_asked(self) -> None:
        columns = ("pk", "title", "params", "due_at", "finished_at")
        question = Question(lambda: Job.objects.values_list(*columns).order_by("pk").filter(kind=""))
        for kind, title in (("a", "one"), ("a", "two"), ("b", "three")):
            Job.objects.create(kind=kind, title=title, params={"of": [title, None]}, due_at=NOON, created_at=NOON)

        for kind in ("a", "b", "none", "a"):
            assert question.answers(kind) == list(Job.objects.filter(kind=kind).values_list(*columns).order_by("pk"))
