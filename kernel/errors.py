"""Refusals that people read: named beside the function that raises them, worded so that staff know what to do."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """
    Something that may not be done, and why; the text is translated when it is shown.

    Subclasses set `text`, with %-placeholders filled from the facts they are raised with.
    """

    text: ClassVar[str | Promise] = _("This cannot be done.")

    def __init__(self, **facts: object) -> None:
        super().__init__(facts)
        self.facts = facts

    def __str__(self) -> str:
        return str(self.text) % self.facts if self.facts else str(self.text)


class VersionConflict(DomainError):
    """Somebody else changed it meanwhile; pages answer 409 and show both. Subclass it beside the service."""

    text = _("Somebody else changed this while you were editing. Look at it again, then repeat your change.")
