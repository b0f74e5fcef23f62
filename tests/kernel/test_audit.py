from __future__ import annotations

import pytest

from kernel import audit
from kernel.models import AuditEntry, Sequence, User
from kernel.models.audit import AppendOnly
from kernel.trace import acting_as, tracing
from tests.helpers import NOON, rolled_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def subject() -> Sequence:
    return Sequence.objects.create(name="order:20261122")


class TestRecord:
    def test_says_who_did_what_to_which_object_from_where(self, subject: Sequence) -> None:
        lin = User.objects.create(username="lin", display_name="林")
        with tracing("00000000deadbeef", address="192.0.2.7"):
            audit.record(
                action="sequences.reset",
                subject=subject,
                by=lin,
                at=NOON,
                before={"next_value": 1},
                after={"next_value": 9},
                reason="new year",
            )

        entry = AuditEntry.objects.get()
        assert (entry.by, entry.actor, entry.action, entry.reason) == (lin, "林", "sequences.reset", "new year")
        assert (entry.subject_type, entry.subject_id) == ("kernel.sequence", str(subject.pk))
        assert (entry.before, entry.after) == ({"next_value": 1}, {"next_value": 9})
        assert (entry.trace_id, entry.address, entry.at) == ("00000000deadbeef", "192.0.2.7", NOON)

    def test_names_the_command_where_no_person_acts(self, subject: Sequence) -> None:
        with acting_as("orders_import"):
            audit.record(action="a", subject=subject, by=None, at=NOON)
        audit.record(action="b", subject=subject, by=None, at=NOON, actor="alipay")
        audit.record(action="c", subject=subject, by=None, at=NOON)

        assert [entry.actor for entry in AuditEntry.objects.order_by("pk")] == ["orders_import", "alipay", "system"]

    def test_is_gone_with_the_act_that_is_rolled_back(self, subject: Sequence) -> None:
        with rolled_back():
            audit.record(action="a", subject=subject, by=None, at=NOON)

        assert not AuditEntry.objects.exists()


class TestAppendOnly:
    @pytest.fixture
    def entry(self, subject: Sequence) -> AuditEntry:
        return audit.record(action="a", subject=subject, by=None, at=NOON)

    def test_an_entry_is_not_saved_again(self, entry: AuditEntry) -> None:
        with pytest.raises(AppendOnly):
            entry.save()

    def test_an_entry_is_not_deleted(self, entry: AuditEntry) -> None:
        with pytest.raises(AppendOnly):
            entry.delete()

    def test_nor_are_many(self, entry: AuditEntry) -> None:
        with pytest.raises(AppendOnly):
            AuditEntry.objects.update(reason="nothing to see")
        with pytest.raises(AppendOnly):
            AuditEntry.objects.filter(pk=entry.pk).delete()
        with pytest.raises(AppendOnly):
            AuditEntry.objects.bulk_update([entry], ["reason"])
