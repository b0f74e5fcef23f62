"""Staff who sign in with a role, and what they read on a page."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backoffice.staff.matrix import Role
from kernel.models import User
from kernel.once import new_once_key
from tests.factories import UserFactory

ONCE = re.compile(r'name="_once" value="([^"]+)"')


def signed_in(role: Role) -> Client:
    user = UserFactory.create(username=f"the_{role}")
    user.groups.add(Group.objects.get(name=role))
    client = Client(headers={"accept-language": "en"})
    client.cookies["django_language"] = "en"
    client.force_login(user)
    return client


def somebody(role: Role) -> User:
    return User.objects.get(username=f"the_{role}")


def text_of(response: Any) -> str:
    """A page without its tags, blanks made one."""
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def address(name: str, *arguments: object) -> str:
    return reverse(f"admin:{name}", args=arguments)


def submit(client: Client, url: str, key: str = "", **fields: object) -> Any:
    return client.post(url, {"_once": key or new_once_key(), **fields}, follow=True)


def queries_of(client: Client, url: str) -> int:
    """Once its caches are warm, as they are for everybody but the first."""
    client.get(url)
    with CaptureQueriesContext(connection) as made:
        assert client.get(url).status_code == 200
    return len(made)
