from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from orders.models import Order
from payments import services
from payments.models import InvoiceRequest, InvoiceSettings
from payments.services.invoice_checks import LacksCode, LacksRate, LimitReached, MoreThanKept
from payments.services.invoice_settings import NoSuchService, ProviderIncomplete, WrongSellerNumber
from tests.factories import UserFactory
from tests.helpers import NOON, frozen
from tests.payments.invoices import asked, paid_order, refunded, take, xml
from tests.payments.nuonuo import KEY, TAX_NO

pytestmark = pytest.mark.django_db
PROVIDER = {"channel": "nuonuo", "seller_name": "某某商贸", "seller_tax_no": TAX_NO, "app_key": KEY}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def configured(**changes: object) -> InvoiceSettings:
    return services.save_invoice_settings(changes=changes, secrets={}, by=None, at=NOON)


def completed(row: InvoiceRequest, *, days_ago: int = 0) -> None:
    Order.objects.filter(pk=row.order_id).update(completed_at=NOON - timedelta(days=days_ago))


class TestTheSettings:
    def test_keep_secrets_sealed_and_as_they_were_where_nothing_is_typed(self) -> None:
        secrets = {"app_secret": "E5D1A9B0C3F74286"}
        services.save_invoice_settings(changes=PROVIDER, secrets=secrets, by=None, at=NOON)

        configured(clerk="李四")

        row = InvoiceSettings.objects.get()
        assert row.app_secret == "E5D1A9B0C3F74286"
        assert "E5D1A9B0C3F74286" not in str(InvoiceSettings.objects.values().get())

    def test_forget_a_fetched_token_with_the_secret_it_was_fetched_by(self) -> None:
        secrets = {"app_secret": "a", "token": ""}
        row = services.save_invoice_settings(changes=PROVIDER, secrets=secrets, by=None, at=NOON)
        row.token, row.token_until = "fetched", NOON
        row.save()

        row = services.save_invoice_settings(changes={}, secrets={"app_secret": "b"}, by=None, at=NOON)

        assert (row.token, row.token_until) == ("", None)

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            (PROVIDER, ProviderIncomplete),
            ({"seller_tax_no": "91350100M000100Y44"}, WrongSellerNumber),
            ({"address": "sdk.nuonuo.com"}, NoSuchService),
            ({"address": "file:///etc/passwd"}, NoSuchService),
        ],
        ids=["no-secret", "check-digit", "no-scheme", "file"],
    )
    def test_are_refused_where_they_cannot_work(self, changes: dict[str, str], refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            configured(**changes)

    def test_send_what_waits_the_way_that_is_chosen(self) -> None:
        row, under_way = asked(paid_order()), asked(paid_order())
        InvoiceRequest.objects.filter(pk=under_way.pk).update(status="issuing")

        services.save_invoice_settings(changes=PROVIDER, secrets={"app_secret": "x"}, by=None, at=NOON)
        row.refresh_from_db()
        under_way.refresh_from_db()
        assert (row.channel, row.due_at) == ("nuonuo", NOON)
        assert (under_way.channel, under_way.due_at) == ("manual", None)

        configured(channel="manual")
        row.refresh_from_db()
        assert (row.channel, row.due_at) == ("manual", None)


class TestReadiness:
    def is_listed(self) -> bool:
        try:
            services.export_invoices(again=True, by=UserFactory.create(), at=NOON)
        except services.NothingToExport:
            return False
        return True

    def test_comes_with_the_payment_unless_somebody_says_otherwise(self) -> None:
        asked(paid_order())

        assert self.is_listed()

    def test_comes_when_the_order_is_completed(self) -> None:
        configured(ready="signed")
        row = asked(paid_order())
        assert not self.is_listed()

        completed(row)
        assert self.is_listed()

    def test_comes_when_the_after_sales_days_are_over(self) -> None:
        configured(ready="window", window_days=7)
        row = asked(paid_order())
        completed(row, days_ago=6)
        assert not self.is_listed()

        completed(row, days_ago=7)
        assert self.is_listed()

    def test_comes_when_staff_release_it(self) -> None:
        configured(ready="window")
        row = asked(paid_order())

        services.release_invoice(request_id=row.pk, by=None, at=NOON)

        assert self.is_listed()

    def test_is_not_waited_for_by_red_letters(self) -> None:
        order = paid_order()
        take(("a.xml", xml(asked(order))))
        configured(ready="window")

        refunded(order, amount_fen=100)

        assert self.is_listed()


class TestChecks:
    def test_find_nothing_wrong_with_a_complete_request(self) -> None:
        assert services.refusal_of(asked(paid_order()), at=NOON) is None

    def test_stop_more_than_was_paid_and_not_refunded(self) -> None:
        row = asked(paid_order())
        Order.objects.filter(pk=row.order_id).update(refunded_fen=100)
        row.order.refresh_from_db()

        assert isinstance(services.refusal_of(row, at=NOON), MoreThanKept)

    def test_stop_a_line_without_rate(self) -> None:
        assert isinstance(services.refusal_of(asked(paid_order(rate=None)), at=NOON), LacksRate)

    def test_stop_a_line_without_code_at_a_provider_alone(self) -> None:
        row = asked(paid_order())
        row.lines.update(tax_code="")
        assert services.refusal_of(row, at=NOON) is None

        row.channel = "nuonuo"
        assert isinstance(services.refusal_of(row, at=NOON), LacksCode)

    def test_stop_a_tax_number_that_cannot_be_right(self) -> None:
        row = asked(paid_order())
        row.tax_no = "91350100M000100Y44"

        assert isinstance(services.refusal_of(row, at=NOON), services.WrongTaxNumber)

    def test_stop_above_the_months_limit(self) -> None:
        first, second = asked(paid_order()), asked(paid_order())
        configured(monthly_limit_fen=2 * 15_752)
        take(("a.xml", xml(first)))
        assert services.refusal_of(second, at=NOON) is None

        configured(monthly_limit_fen=2 * 15_752 - 1)
        assert isinstance(services.refusal_of(second, at=NOON), LimitReached)

    def test_count_no_other_month(self) -> None:
        first, second = asked(paid_order()), asked(paid_order())
        take(("a.xml", xml(first)))
        InvoiceRequest.objects.filter(pk=first.pk).update(status_since=NOON - timedelta(days=30))
        configured(monthly_limit_fen=15_752)

        assert services.refusal_of(second, at=NOON) is None

    def test_keep_what_they_stop_out_of_the_list(self) -> None:
        asked(paid_order())
        configured(monthly_limit_fen=1)

        with pytest.raises(services.NothingToExport):
            services.export_invoices(again=False, by=UserFactory.create(), at=NOON)
