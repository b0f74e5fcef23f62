from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.models import State, Workflow
from kernel.workflow import graph_of
from orders.services import ensure_default_workflows
from tests.factories import default_workflow
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


def test_a_version_is_read_once() -> None:
    version = default_workflow()
    graph_of(version.pk)

    with CaptureQueriesContext(connection) as queries:
        graph_of(version.pk)

    assert len(queries) == 0


def test_a_state_that_is_written_is_seen() -> None:
    version = default_workflow()
    assert "mine" not in graph_of(version.pk).states

    State.objects.create(version=version, code="mine", name="自定", category="on_hold")

    assert "mine" in graph_of(version.pk).states


def test_the_default_workflow_is_published_once() -> None:
    first, second = ensure_default_workflows(at=NOON), ensure_default_workflows(at=NOON)

    assert first == second
    assert Workflow.objects.get().versions.count() == 1


def test_a_state_speaks_the_reader_s_language() -> None:
    from django.utils import translation

    state = graph_of(default_workflow().pk).states["awaiting_shipment"]

    with translation.override("en"):
        assert state.label == "To ship"
    with translation.override("zh-hans"):
        assert state.label == "待发货"
