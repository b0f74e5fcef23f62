from __future__ import annotations

import pytest

from tests.desk import Desk, text

pytestmark = pytest.mark.django_db


def test_a_page_of_imports_says_so_and_lights_one_line_of_the_sidebar() -> None:
    page = text(Desk("owner").get("/admin/orders/order/import/"))

    lit = [line for line in page.split("<a ") if "/admin/orders/order" in line and " active" in line.split(">")[0]]
    assert len(lit) == 1
    assert "<span>Import orders</span>" in page
