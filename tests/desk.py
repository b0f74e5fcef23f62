"""A member of staff at a browser: signed in with a role, reading English, and able to press the buttons of a form."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client

from backoffice.staff.roles import ensure_roles
from kernel.models import User
from tests.factories import UserFactory

HIDDEN = re.compile(r'<input type="hidden" name="(_once|_back|version|to|parcel)" value="([^"]*)"')


class Desk(Client):
    def __init__(self, role: str, *, language: str = "en") -> None:
        super().__init__()
        ensure_roles()
        self.user: User = UserFactory.create(display_name=f"the {role}")
        self.user.groups.add(Group.objects.get(name=role))
        self.force_login(self.user)
        self.cookies[settings.LANGUAGE_COOKIE_NAME] = language

    def form(self, url: str) -> dict[str, str]:
        """The hidden fields of the form at `url`."""
        return dict(HIDDEN.findall(text(self.get(url))))

    def submit(self, url: str, **fields: Any) -> Any:
        """Open the form at `url`, fill it in, and press its button."""
        return self.post(url.partition("?")[0], {**self.form(url), **fields})


def text(response: Any) -> str:
    """The client's responses are of a type of their own, whose name is private."""
    return str(response.content.decode())
