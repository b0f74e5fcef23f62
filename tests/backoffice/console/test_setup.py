"""`manage.py setup`: a shop's first start, and every later one."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from kernel.models import Rule, ShopSettings, User, WorkflowVersion

pytestmark = pytest.mark.django_db


def setup(*options: str) -> dict[str, Any]:
    told = io.StringIO()
    call_command("setup", "--format", "json", *options, stdout=told)
    answer: dict[str, Any] = json.loads(told.getvalue())
    return answer


def test_makes_an_owner_who_can_sign_in_with_the_password_that_is_told_once() -> None:
    (row,) = setup("--shop-name", "云栖生活馆")["rows"]

    owner = User.objects.get(username="owner")
    assert owner.check_password(row["password"])
    assert [group.name for group in owner.groups.all()] == ["owner"]
    assert ShopSettings.objects.get().name == "云栖生活馆"


def test_makes_roles_workflow_and_rules() -> None:
    setup()

    assert Group.objects.count() == 7
    assert WorkflowVersion.objects.filter(published_at__isnull=False).exists()
    assert not Rule.objects.filter(code="refund_late_money", is_enabled=True).exists()


def test_repeated_it_changes_nothing_and_tells_no_password() -> None:
    setup()
    before = User.objects.get().password, Group.objects.count(), WorkflowVersion.objects.count(), Rule.objects.count()

    again = setup()

    after = User.objects.get().password, Group.objects.count(), WorkflowVersion.objects.count(), Rule.objects.count()
    assert (again["rows"], after) == ([], before)


def test_takes_a_password_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))

    answer = setup("--password-stdin")

    assert answer["rows"] == []
    assert User.objects.get().check_password("correct horse battery")


def test_refuses_a_password_that_is_easy_to_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("12345\n"))

    with pytest.raises(CommandError):
        setup("--password-stdin")

    assert not User.objects.exists()
