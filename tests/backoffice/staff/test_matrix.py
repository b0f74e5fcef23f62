"""Walks every page of the admin as every role, and compares with roles.toml."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, reverse

from backoffice.staff.matrix import Role, matrix
from backoffice.staff.roles import ensure_roles
from kernel.models import User
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.once]

RIGHTS = ("changelist", "add", "change", "delete", "history")
ARGUMENTS = {"app_label": "orders", "content_type_id": 0, "way": "next"}
OUR_APPS = ("auth", "customers", "kernel", "orders", "payments")
SIGNS_OUT = "logout"
REFUSALS = (HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)


def pages(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns)
        elif pattern.name:
            yield pattern


ADMIN_PAGES = sorted(pages(admin.site.get_urls()), key=lambda page: str(page.name))
PAGE_NAMES = [str(page.name) for page in ADMIN_PAGES]


def model_page(name: str) -> tuple[str, str] | None:
    """(app.model, which page) of one of the pages that the admin makes for every model."""
    app, _, rest = name.partition("_")
    model, _, page = rest.partition("_")
    label = f"{app}.{model}"
    return (label, page) if label in matrix().models and page in RIGHTS else None


def asked(name: str, *, posting: bool) -> str:
    """The permission that roles.toml asks for."""
    own = model_page(name)
    if own is None:
        return matrix().pages[name]
    (label, page), (app, _, model) = own, own[0].partition(".")
    if page == "history":
        return "kernel.view_auditentry"
    right = "view" if page == "changelist" or (page == "change" and not posting) else page
    return f"{app}.{right}_{model}" if right in matrix().models[label] else "nobody"


def address(page: URLPattern) -> str:
    arguments = {name: ARGUMENTS.get(name, 0) for name in page.pattern.converters}
    if page.name == "app_list":
        arguments = {"app_label": "orders"}
    return reverse(f"admin:{page.name}", kwargs=arguments)


def person(role: Role) -> User:
    user = UserFactory.create(username=f"the_{role}")
    user.groups.add(Group.objects.get(name=role))
    return user


def is_let_in(response: Any) -> bool:
    """Whether the page answered at all; a row that is not there is an answer."""
    sent_to = response.headers.get("Location", "")
    return response.status_code not in REFUSALS and "/login/" not in sent_to


@pytest.fixture
def roles() -> None:
    ensure_roles()


class TestEveryPage:
    def test_has_an_entry(self) -> None:
        assert [name for name in PAGE_NAMES if not model_page(name) and name not in matrix().pages] == []

    def test_named_in_the_matrix_exists(self) -> None:
        assert sorted(set(matrix().pages) - set(PAGE_NAMES)) == []
        registered = {model._meta.label_lower for model in admin.site._registry}
        assert set(matrix().models) == registered

    @pytest.mark.parametrize("posting", [False, True], ids=["looking", "posting"])
    @pytest.mark.parametrize("role", Role)
    @pytest.mark.usefixtures("roles")
    def test_lets_in_whom_the_matrix_names_and_nobody_else(self, role: Role, posting: bool) -> None:
        client = Client()
        user = person(role)
        client.force_login(user)
        wrong = []
        for page in ADMIN_PAGES:
            if page.name == SIGNS_OUT:
                continue
            response = client.post(address(page)) if posting else client.get(address(page))
            if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                continue  # for nobody, and nothing was done
            wanted = role in matrix().holders(asked(str(page.name), posting=posting))
            if is_let_in(response) != wanted:
                wrong.append(f"{page.name}: {'in' if not wanted else 'out'} ({response.status_code})")

        assert wrong == []

    def test_sends_strangers_to_the_sign_in_page(self) -> None:
        client = Client()
        assert [page.name for page in ADMIN_PAGES if is_let_in(client.get(address(page)))] == [SIGNS_OUT]

    def test_keeps_out_those_who_are_no_staff(self, client: Client) -> None:
        client.force_login(UserFactory.create(is_staff=False))

        assert [page.name for page in ADMIN_PAGES if is_let_in(client.get(address(page)))] == [SIGNS_OUT]


class TestListActions:
    def test_have_an_entry_each(self) -> None:
        assert set(_list_actions(_request(UserFactory.create(is_superuser=True)))) == set(matrix().list_actions)

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.usefixtures("roles")
    def test_are_offered_to_whom_the_matrix_names(self, role: Role) -> None:
        offered = set(_list_actions(_request(person(role))))
        wanted = {name for name, asked in matrix().list_actions.items() if role in matrix().holders(asked)}

        assert offered == wanted


class TestPermissions:
    @pytest.mark.usefixtures("roles")
    def test_of_our_apps_are_given_to_somebody_or_lead_nowhere(self) -> None:
        custom = Permission.objects.filter(content_type__app_label__in=OUR_APPS).exclude(
            codename__regex=r"^(add|change|delete|view)_"
        )
        names = {f"{app}.{codename}" for app, codename in custom.values_list("content_type__app_label", "codename")}

        assert sorted(names - set(matrix().permissions)) == []

    def test_that_pages_ask_for_are_in_the_matrix(self) -> None:
        asked_for = {*matrix().pages.values(), *matrix().list_actions.values()} - {"staff", "nobody"}

        assert sorted(asked_for - set(matrix().permissions)) == []

    def test_to_change_come_with_those_to_see(self) -> None:
        blind = [
            f"{role}: {name}"
            for role in Role
            for name in matrix().of(role)
            if ".change_" in name and name.replace(".change_", ".view_") not in matrix().of(role)
        ]

        assert blind == []

    def test_of_the_auditor_change_nothing(self) -> None:
        assert all(".view_" in name for name in matrix().of(Role.AUDITOR))

    def test_to_see_phones_whole_are_not_the_auditors(self) -> None:
        assert Role.AUDITOR not in matrix().holders("customers.reveal_customer")


def _request(user: User) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


def _list_actions(request: Any) -> Iterator[str]:
    for model, model_admin in admin.site._registry.items():
        for action in model_admin.get_actions(request):
            yield f"{model._meta.label_lower}.{action}"
