"""Who did what to which object, written in the act's own transaction and never changed afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Required, TypedDict, Unpack

from django.db.models import Model

from .models import AuditEntry, User
from .trace import current_actor, current_address, current_trace_id

LABEL_LENGTH = AuditEntry._meta.get_field("subject_label").max_length or 0
REASON_LENGTH = AuditEntry._meta.get_field("reason").max_length or 0


class Act(TypedDict, total=False):
    """What was done. `before` and `after` hold what can be read by an auditor: no secrets, no personal data."""

    action: Required[str]  # app.verb, such as orders.close
    subject: Required[Model]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    actor: str  # who, if it was no member of staff; otherwise whoever `trace.acting_as` names


def record(*, by: User | None, at: datetime, **act: Unpack[Act]) -> AuditEntry:
    """Write what was done, in the transaction that does it; trace id and network address come from the context."""
    return AuditEntry.objects.create(**_columns(act, by=by, at=at))


def record_many(acts: list[Act], *, by: User | None, at: datetime) -> None:
    """As `record`, for a batch, in one statement."""
    AuditEntry.objects.bulk_create([AuditEntry(**_columns(act, by=by, at=at)) for act in acts], batch_size=500)


def subject_type(subject: Model | type[Model]) -> str:
    """How rows about an object name its kind: orders.order."""
    return subject._meta.label_lower


def _columns(act: Act, *, by: User | None, at: datetime) -> dict[str, Any]:
    subject = act["subject"]
    return {
        "at": at,
        "by": by,
        "actor": (str(by) if by else act.get("actor") or current_actor() or "system")[:80],
        "action": act["action"],
        "subject_type": subject_type(subject),
        "subject_id": str(subject.pk),
        "subject_label": str(subject)[:LABEL_LENGTH],
        "before": act.get("before") or {},
        "after": act.get("after") or {},
        "reason": act.get("reason", "")[:REASON_LENGTH],
        "address": current_address(),
        "trace_id": current_trace_id(),
    }
