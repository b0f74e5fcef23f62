"""A key that is set in the form of its account while customers are at the gateway."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from . import journey
from .cashiers import Visit, by_code
from .demo import Demo
from .visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_who_saw_a_code_before_the_key_was_changed_pays_and_so_does_who_comes_after_it(
    demo: Demo, owner: Callable[..., Visitor], visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    staff = owner()
    page = staff.go("/admin/orders/order/add/")
    order_no, link = journey.sell(page)
    early = visitor()
    early.go(link)
    journey.choose(early, "unionpay.qr")
    expect(early.page.locator(".tab[aria-current]")).to_contain_text("云闪付")

    mer_id = demo.gateway.credentials_of("unionpay")["mer_id"]
    told = demo.gateway.post(f"/sandbox/unionpay/merchants/{mer_id}/renew")["unionpay"]
    file = tmp_path / "next.pfx"
    file.write_bytes(b64decode(told["merchant_pfx"]))
    staff.go("/admin/payments/gatewayaccount/").locator("tr", has_text="unionpay-demo").locator("a").first.click()
    page.set_input_files("[name=file_signing_pfx]", file)
    expect(page.locator("[name=name]")).not_to_have_value("next.pfx")
    page.fill("[name=password_signing_pfx]", told["merchant_pfx_password"])
    page.locator("form.bo-form .bo-end [type=submit]").click()
    expect(page.locator("#content")).to_contain_text("旧密钥，仍然有效")

    by_code(Visit(demo, order_no, early, scanner=lambda: visitor(device="phone")), "unionpay.qr")
    expect(early.page.locator(".sign.good")).to_be_visible(timeout=journey.SOON_MS)
    demo.gateway.post(f"/sandbox/unionpay/merchants/{mer_id}/revoke")
    order_no, link = journey.sell(staff.go("/admin/orders/order/add/"))
    late = visitor()
    late.go(link)
    journey.pay(late, "unionpay.page")
    expect(late.page.locator(".sign.good")).to_be_visible(timeout=journey.SOON_MS)
    assert journey.trade_of(demo, order_no, gateway="unionpay")["paid_fen"] == 43_580
