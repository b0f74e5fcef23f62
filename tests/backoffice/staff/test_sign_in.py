from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from kernel.models import User
from kernel.shop import shop
from tests.desk import Desk, text

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/login/"
PASSWORD = "a-long-pass-word"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("lisi", "lisi@example.com", PASSWORD, is_staff=True)


def sign_in(client: Client, login: str = "lisi", password: str = PASSWORD) -> Any:
    return client.post(SIGN_IN, {"login": login, "password": password})


class TestTheDoor:
    def test_to_everything_is_the_sign_in_page(self, client: Client) -> None:
        chain = client.get("/", follow=True).redirect_chain

        assert chain[-1][0].startswith(SIGN_IN)

    def test_of_the_admin_itself_is_walled_up(self, client: Client) -> None:
        response = client.post("/admin/login/", {"username": "lisi", "password": PASSWORD})

        assert response.headers["Location"].startswith(SIGN_IN)

    @pytest.mark.parametrize("login", ["lisi", "lisi@example.com"])
    @pytest.mark.usefixtures("user")
    def test_opens_to_name_or_address_and_password(self, client: Client, login: str) -> None:
        assert sign_in(client, login).headers["Location"] == "/admin/"

    @pytest.mark.usefixtures("user")
    def test_stays_shut_to_a_wrong_password(self, client: Client) -> None:
        assert sign_in(client, password="wrong").status_code == HTTPStatus.OK
        assert "_auth_user_id" not in client.session

    def test_stays_shut_to_those_who_left(self, client: Client, user: User) -> None:
        user.is_active = False
        user.save()

        sign_in(client)

        assert "_auth_user_id" not in client.session

    @pytest.mark.usefixtures("user")
    def test_shuts_after_five_wrong_passwords(self, client: Client) -> None:
        for _attempt in range(5):
            sign_in(client, password="wrong")

        sign_in(client)

        assert "_auth_user_id" not in client.session

    def test_lets_nobody_sign_up(self, client: Client) -> None:
        form = {"username": "eve", "email": "eve@example.com", "password1": PASSWORD, "password2": PASSWORD}
        client.post("/accounts/signup/", form)

        assert not User.objects.filter(username="eve").exists()

    def test_says_nothing_about_who_has_an_account(self, client: Client, user: User) -> None:
        known, unknown = sign_in(client, "lisi", "wrong"), sign_in(Client(), "nobody", "wrong")

        def errors(response: Any) -> str:
            return text(response).partition("errorlist")[2].partition("</ul>")[0]

        assert errors(known) == errors(unknown) != ""


class TestThePages:
    @pytest.mark.parametrize("url", [SIGN_IN, "/accounts/password/reset/", "/accounts/signup/"])
    def test_carry_the_shops_name(self, client: Client, url: str) -> None:
        settings_row = shop()
        settings_row.name = "张记茶行"
        settings_row.save()

        assert "张记茶行" in text(client.get(url))

    def test_speak_chinese_and_then_english(self, client: Client) -> None:
        assert "登录" in text(client.get(SIGN_IN))

        client.post("/i18n/setlang/", {"language": "en", "next": SIGN_IN})

        assert "Sign In" in text(client.get(SIGN_IN))

    def test_call_the_first_field_by_what_belongs_there(self, client: Client) -> None:
        assert '<label for="id_login">账号 / 用户名</label>' in text(client.get(SIGN_IN))

    def test_run_no_script_that_is_not_ours(self, client: Client) -> None:
        policy = client.get(SIGN_IN).headers["Content-Security-Policy"]

        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert "http" not in policy.replace("https://testserver", "")

    def test_lead_nowhere_else(self, client: Client, user: User) -> None:
        response = client.post(
            f"{SIGN_IN}?next=https://evil.example/",
            {"login": "lisi", "password": PASSWORD, "next": "https://evil.example/"},
        )

        assert "evil" not in response.headers["Location"]


class TestASession:
    def test_ends_twelve_hours_after_signing_in(self) -> None:
        assert settings.SESSION_COOKIE_AGE == 12 * 3600

    def test_ends_when_the_password_is_changed(self) -> None:
        desk = Desk("owner")
        desk.user.set_password("another-pass-word")
        desk.user.save()

        assert desk.get("/admin/").status_code == HTTPStatus.FOUND

    def test_loses_its_rights_with_the_role(self) -> None:
        desk = Desk("owner")
        desk.user.groups.clear()

        assert desk.get("/admin/orders/order/").status_code == HTTPStatus.FORBIDDEN
