"""Invoices through a provider, against a stand-in that checks our signatures itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from kernel.clock import now
from kernel.models import Alert, Message
from orders.models import Order
from payments import services
from payments.models import InvoiceRequest, InvoiceSettings
from tests.failpoints import failpoints
from tests.helpers import NOON, frozen
from tests.payments.invoices import COMPANY, asked, paid_order, refunded
from tests.payments.nuonuo import KEY, SECRET, TAX_NO, Desk, open_desk

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        configure(address=desk.address)
        yield desk


def configure(*, secret: str = SECRET, token: str = "", **changes: object) -> InvoiceSettings:
    facts = {"channel": "nuonuo", "seller_name": "某某商贸", "seller_tax_no": TAX_NO, "app_key": KEY, **changes}
    return services.save_invoice_settings(
        changes=facts, secrets={"app_secret": secret, "token": token}, by=None, at=NOON
    )


def swept(row: InvoiceRequest, clock: time_machine.Traveller, *, times: int = 1) -> InvoiceRequest:
    """After the sweeper came by some times, each as late as the row asks for."""
    for _ in range(times):
        row.refresh_from_db()
        if row.due_at is not None:
            clock.move_to(max(row.due_at, now()) + timedelta(seconds=1))
            services.issue_due(at=now(), limit=10)
    row.refresh_from_db()
    return row


class Died(BaseException):
    """The end of a worker, in place of SIGKILL: no handler of exceptions lives on."""


def die(name: str) -> None:
    raise Died(name)


def red_of(order: Order) -> InvoiceRequest:
    return InvoiceRequest.objects.get(order=order, kind="red")


class TestIssuing:
    def test_ends_with_number_file_and_a_link_to_the_customer(self, desk: Desk, clock: time_machine.Traveller) -> None:
        row = swept(asked(paid_order()), clock, times=2)

        assert (row.status, row.invoice_no, row.due_at) == ("sent", "24312000000000000001", None)
        assert row.files.get().format == "pdf"
        assert Message.objects.filter(template="invoice_ready").count() == 1
        assert desk.forged == 0

    def test_sends_what_stands_on_the_invoice(self, desk: Desk, clock: time_machine.Traveller) -> None:
        row = swept(asked(paid_order()), clock)

        order = desk.orders[str(row.channel_no)]["order"]
        line = order["invoiceDetail"][0]
        assert (order["buyerName"], order["buyerTaxNum"], order["salerTaxNum"]) == (
            COMPANY.name,
            COMPANY.tax_no,
            TAX_NO,
        )
        assert row.order.order_no in order["remark"]
        assert len(order["orderNo"]) <= 20
        assert (line["taxExcludedAmount"], line["tax"], line["taxIncludedAmount"]) == ("157.52", "20.48", "178.00")
        assert (line["taxRate"], line["invoiceLineProperty"], order["invoiceLine"]) == ("0.13", "0", "pc")

    def test_asks_again_while_it_is_being_issued(self, desk: Desk, clock: time_machine.Traveller) -> None:
        desk.slow = 2

        row = swept(asked(paid_order()), clock, times=3)
        assert (row.status, row.last_message) == ("issuing", "开票中")

        assert swept(row, clock).status == "sent"
        assert desk.calls["requestBillingNew"] == 1

    def test_asks_before_it_sends_again_when_no_answer_came(self, desk: Desk, clock: time_machine.Traveller) -> None:
        desk.faults.append("cut")

        row = swept(asked(paid_order()), clock)
        assert row.status == "issuing"
        row = swept(row, clock)

        assert row.status == "sent"
        assert len(desk.orders) == 1
        assert desk.calls["requestBillingNew"] == 1

    @pytest.mark.parametrize("failpoint", failpoints("invoice"))
    def test_is_done_once_though_its_worker_dies_around_the_call(
        self, desk: Desk, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, failpoint: str
    ) -> None:
        row = asked(paid_order())
        with monkeypatch.context() as doom:
            doom.setattr("kernel.failpoints.die", die)
            doom.setenv("FAIL_AT", failpoint)
            with pytest.raises(Died):
                swept(row, clock)

        row = swept(row, clock, times=3)

        assert (row.status, list(desk.orders)) == ("sent", [row.channel_no])
        assert Message.objects.filter(template="invoice_ready").count() == 1

    def test_sends_the_same_number_again_when_the_first_never_arrived(
        self, desk: Desk, clock: time_machine.Traveller
    ) -> None:
        row = asked(paid_order())
        address, nowhere = desk.address, "http://127.0.0.1:9/open/v1/services"
        configure(address=nowhere, token="typed")
        number = swept(row, clock).channel_no
        desk.tokens.add("typed")
        configure(address=address)

        row = swept(row, clock, times=2)

        assert (row.status, row.channel_no) == ("sent", number)
        assert list(desk.orders) == [number]

    def test_takes_a_number_the_provider_has_already_for_sent(self, desk: Desk, clock: time_machine.Traveller) -> None:
        row = swept(asked(paid_order()), clock)
        InvoiceRequest.objects.filter(pk=row.pk).update(called_at=None, status="requested", due_at=NOON)

        assert swept(row, clock, times=2).status == "sent"
        assert desk.calls["requestBillingNew"] == 2
        assert len(desk.orders) == 1

    def test_fails_with_the_providers_reason_and_can_be_sent_under_a_new_number(
        self, desk: Desk, clock: time_machine.Traveller
    ) -> None:
        desk.faults.append("refuse")

        row = swept(asked(paid_order()), clock, times=2)
        assert (row.status, row.reason, row.due_at) == ("failed", "授信额度不足", None)
        assert Alert.objects.filter(kind="payments.invoice", resolved_at=None).count() == 1

        services.retry_invoice(request_id=row.pk, by=None, at=NOON)
        assert swept(row, clock, times=2).status == "sent"
        assert len(desk.orders) == 2
        assert not Alert.objects.filter(kind="payments.invoice", resolved_at=None).exists()

    def test_stops_at_our_own_checks(self, desk: Desk, clock: time_machine.Traveller) -> None:
        row = swept(asked(paid_order(rate=None)), clock)

        assert row.status == "failed"
        assert "VAT" in row.reason or "税率" in row.reason
        assert not desk.calls

    def test_waits_until_the_order_is_completed_if_the_settings_say_so(
        self, desk: Desk, clock: time_machine.Traveller
    ) -> None:
        configure(ready="signed")
        row = asked(paid_order())
        assert swept(row, clock).status == "requested"

        Order.objects.filter(pk=row.order_id).update(completed_at=NOON)
        assert swept(row, clock).status == "issuing"

    def test_cannot_be_canceled_while_the_provider_has_it(self, desk: Desk, clock: time_machine.Traveller) -> None:
        row = swept(asked(paid_order()), clock)

        with pytest.raises(services.AtTheProvider):
            services.cancel_invoice(request_id=row.pk, reason="x", by=None, at=NOON)
        with pytest.raises(services.AtTheProvider):
            services.change_title(request_id=row.pk, title=COMPANY, invoice_type="general", by=None, at=NOON)


class TestTroubleWithTheProvider:
    def test_fetches_a_token_once_and_another_when_it_ends(self, desk: Desk, clock: time_machine.Traveller) -> None:
        swept(asked(paid_order()), clock, times=2)
        assert desk.fetched == 1

        clock.move_to(NOON + timedelta(days=1))
        swept(asked(paid_order()), clock, times=2)
        assert desk.fetched == 2

    def test_replaces_a_token_that_is_refused_and_says_so(self, desk: Desk, clock: time_machine.Traveller) -> None:
        swept(asked(paid_order()), clock, times=2)
        desk.tokens.clear()

        row = swept(asked(paid_order()), clock)
        assert "070304" in row.last_message
        assert Alert.objects.filter(kind="payments.invoice_provider", resolved_at=None).exists()

        assert swept(row, clock, times=2).status == "sent"
        assert not Alert.objects.filter(kind="payments.invoice_provider", resolved_at=None).exists()

    def test_keeps_a_typed_token_until_somebody_types_another(self, desk: Desk, clock: time_machine.Traveller) -> None:
        configure(token="typed")

        assert "070304" in swept(asked(paid_order()), clock, times=2).last_message
        assert desk.fetched == 0

    def test_says_that_the_secret_is_wrong(self, desk: Desk, clock: time_machine.Traveller) -> None:
        configure(secret="another")

        assert "070303" in swept(asked(paid_order()), clock).last_message

    def test_is_told_by_a_wrong_signature(self, desk: Desk, clock: time_machine.Traveller) -> None:
        desk.tokens.add("typed")
        configure(secret="another", token="typed")

        swept(asked(paid_order()), clock)

        assert desk.forged == 1
        assert not desk.orders

    def test_sends_nothing_while_the_drawer_has_to_sign_in(self, desk: Desk, clock: time_machine.Traveller) -> None:
        configure(platform_account="13800000000")
        desk.signed_in = False

        row = swept(asked(paid_order()), clock)
        assert Alert.objects.get(kind="payments.invoice_provider").evidence == {"trouble": "LoginNeeded"}
        assert not desk.orders

        desk.signed_in = True
        assert swept(row, clock, times=2).status == "sent"
        assert Alert.objects.get(kind="payments.invoice_provider").resolved_at is not None

    def test_leaves_the_others_alone_for_this_run(self, desk: Desk, clock: time_machine.Traveller) -> None:
        configure(token="typed")
        for _ in range(3):
            asked(paid_order())

        assert services.issue_due(at=NOON, limit=10) == 1

    def test_fetches_no_file_from_a_strange_place(self, desk: Desk) -> None:
        from payments.providers.nuonuo import Account, Client, Unreachable

        client = Client(account=Account(app_key=KEY, app_secret=SECRET, token="", tax_no=TAX_NO, address=desk.address))

        for url in ("http://127.0.0.1:1/file/x", "http://inv.jss.com.cn/x", "https://jss.com.cn.evil.example/x"):
            with pytest.raises(Unreachable):
                client.fetch_file(url)


class TestRedLetters:
    def test_are_confirmed_and_issued_by_themselves(self, desk: Desk, clock: time_machine.Traveller) -> None:
        order = paid_order()
        swept(asked(order), clock, times=2)
        refunded(order, amount_fen=17_800)

        red = swept(red_of(order), clock, times=4)

        assert (red.status, red.invoice_no) == ("red_issued", "24312000000000000002")
        assert red.confirmation_no.startswith("99")
        assert "detail" not in desk.confirmations[str(red.channel_no)]["said"]

    def test_name_lines_of_the_blue_invoice_when_they_take_back_a_part(
        self, desk: Desk, clock: time_machine.Traveller
    ) -> None:
        order = paid_order()
        swept(asked(order), clock, times=2)
        refunded(order, amount_fen=7_800)

        red = swept(red_of(order), clock, times=4)

        said = desk.confirmations[str(red.channel_no)]["said"]
        (line,) = said["detail"]
        assert (line["blueDetailIndex"], line["taxExcludedAmount"], line["taxAmount"]) == ("1", "-69.03", "-8.97")
        assert said["redReason"] == "4"
        assert red.status == "red_issued"

    def test_wait_for_the_buyer(self, desk: Desk, clock: time_machine.Traveller) -> None:
        desk.waits_for_buyer = True
        order = paid_order()
        swept(asked(order), clock, times=2)
        refunded(order, amount_fen=17_800)

        red = swept(red_of(order), clock, times=3)
        assert red.status == "red_pending"
        assert "72" in red.last_message

        desk.waits_for_buyer = False
        assert swept(red, clock, times=2).status == "red_issued"

    def test_wait_for_a_person_when_the_buyer_says_no(self, desk: Desk, clock: time_machine.Traveller) -> None:
        desk.confirms = False
        order = paid_order()
        swept(asked(order), clock, times=2)
        refunded(order, amount_fen=17_800)

        red = swept(red_of(order), clock, times=3)
        assert (red.status, red.due_at, red.reason) == ("red_pending", None, "购方否认")

        desk.confirms = True
        services.retry_invoice(request_id=red.pk, by=None, at=NOON)
        assert swept(red, clock, times=4).status == "red_issued"

    def test_are_asked_for_once_when_no_answer_came(self, desk: Desk, clock: time_machine.Traveller) -> None:
        order = paid_order()
        swept(asked(order), clock, times=2)
        refunded(order, amount_fen=17_800)
        desk.faults += ["cut", "cut"]

        red = swept(red_of(order), clock, times=5)

        assert red.status == "red_issued"
        assert (desk.calls["saveInvoiceRedConfirm"], desk.calls["fastInvoiceRed"]) == (1, 1)

    def test_wait_for_the_number_of_what_they_take_back(self, desk: Desk, clock: time_machine.Traveller) -> None:
        order = paid_order()
        desk.slow = 1
        blue = swept(asked(order), clock)
        refunded(order, amount_fen=17_800)

        red = swept(red_of(order), clock)
        assert (red.status, red.called_at) == ("red_pending", None)

        swept(blue, clock, times=2)
        assert swept(red, clock, times=4).status == "red_issued"

    def test_are_needless_when_the_provider_refuses_the_invoice(
        self, desk: Desk, clock: time_machine.Traveller
    ) -> None:
        order = paid_order()
        desk.faults.append("refuse")
        blue = swept(asked(order), clock)
        refunded(order, amount_fen=7_800)

        blue = swept(blue, clock)

        assert (blue.status, blue.amount_fen) == ("failed", 10_000)
        assert red_of(order).status == "canceled"
