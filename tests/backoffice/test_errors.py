from __future__ import annotations

from http import HTTPStatus

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from backoffice import errors
from kernel.errors import DomainError, VersionConflict
from tests.desk import Desk, text

pytestmark = pytest.mark.django_db


class Shut(DomainError):
    text = "The shop is shut on %(day)s."


class TestPages:
    def test_say_what_is_wrong_and_the_trace_id(self) -> None:
        response = Desk("owner").get("/admin/nothing/here/")

        assert response.status_code == HTTPStatus.NOT_FOUND
        assert "There is nothing here" in text(response)
        assert response.headers["X-Trace-Id"] in text(response)

    def test_refuse_in_words(self) -> None:
        response = Desk("warehouse").get("/admin/kernel/user/")

        assert response.status_code == HTTPStatus.FORBIDDEN
        assert "Your role may not do this" in text(response)

    def test_speak_chinese(self, client: Client) -> None:
        page = text(client.get("/no/such/page/"))

        assert 'lang="zh-hans"' in page
        assert "There is nothing here" not in page

    def test_of_a_failure_tell_nothing_of_the_inside(self) -> None:
        response = errors.server_error(RequestFactory().get("/"))

        assert response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        assert "Nothing was half done" in text(response)

    @pytest.mark.parametrize(("status", "view"), [(400, errors.bad_request), (403, errors.forbidden)])
    def test_answer_with_their_own_status(self, status: int, view: object) -> None:
        response = view(RequestFactory().get("/"), ValueError())  # type: ignore[operator]

        assert response.status_code == status


class TestRefusals:
    def answer(self, refusal: Exception) -> HttpResponse | None:
        def never(request: HttpRequest) -> HttpResponse:
            raise AssertionError

        return errors.Refusals(never).process_exception(RequestFactory().get("/"), refusal)

    def test_that_no_page_caught_become_a_page(self) -> None:
        response = self.answer(Shut(day="Sunday"))

        assert response is not None
        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "The shop is shut on Sunday." in text(response)

    def test_because_somebody_was_faster_are_conflicts(self) -> None:
        response = self.answer(VersionConflict())

        assert response is not None
        assert response.status_code == HTTPStatus.CONFLICT

    def test_are_not_made_of_other_failures(self) -> None:
        assert self.answer(ValueError()) is None
