"""The shop's own face: its logo, and where its address leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.test import Client

from kernel.models import ShopSettings
from kernel.shop import shop
from tests.desk import Desk, text
from tests.factories import OrderFactory

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.fixture
def settings_of_shop(settings: Any, tmp_path: Path) -> ShopSettings:
    settings.MEDIA_ROOT = tmp_path
    return shop()


def test_the_address_alone_leads_to_the_admin() -> None:
    answer = Client().get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_a_logo_that_may_carry_scripts_is_refused(settings_of_shop: ShopSettings) -> None:
    settings_of_shop.logo.save("logo.svg", ContentFile(b"<svg/>"), save=False)

    with pytest.raises(ValidationError, match="svg"):
        settings_of_shop.full_clean()


def test_a_logo_stands_on_the_packing_slip(settings_of_shop: ShopSettings) -> None:
    settings_of_shop.logo.save("logo.png", ContentFile(PNG))
    order = OrderFactory.create(category="awaiting_fulfillment")

    slip = text(Desk("owner").submit(f"/admin/orders/order/{order.pk}/packing-slip/", people="masked"))

    assert "data:image/png;base64," in slip


def test_numbers_can_be_copied_in_the_list_and_on_the_page() -> None:
    order, desk = OrderFactory.create(), Desk("owner")

    shown = [text(desk.get(url)) for url in ("/admin/orders/order/", f"/admin/orders/order/{order.pk}/change/")]

    assert [f'data-copy="{order.order_no}"' in page for page in shown] == [True, True]


def test_refunds_a_day_are_set_by_role(settings_of_shop: ShopSettings) -> None:
    desk = Desk("owner")
    url = f"/admin/kernel/shopsettings/{settings_of_shop.pk}/change/"
    form = desk.get(url).context["adminform"].form
    given = {name: "" if form[name].value() is None else form[name].value() for name in form.fields if name != "logo"}

    desk.post(url, {**given, "daily_support": "7", "daily_manager": ""})

    assert shop().refunds_a_day == {"support": 7}
