"""Guards of the database, switched off to show what they are for."""

from __future__ import annotations

from django.db import connection

from payments.models import Notification

META = Notification._meta
GUARDED = list(META.constraints)
UNGUARDED = [it for it in GUARDED if it.name != "notification_once"]
ONCE = next(it for it in GUARDED if it.name == "notification_once")


def drop_inbox_index() -> None:
    META.constraints = UNGUARDED  # SQLite remakes the table by what the model says
    with connection.schema_editor() as editor:
        editor.remove_constraint(Notification, ONCE)


def restore_inbox_index() -> None:
    """The table must be without doubles again."""
    META.constraints = GUARDED
    with connection.schema_editor() as editor:
        editor.add_constraint(Notification, ONCE)
