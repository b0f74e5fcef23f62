"""Every invariant of the money is broken once, by a hand in the database; the proof names that one and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
import time_machine
from django.db.models import F, QuerySet

from kernel.models import Approval, User
from orders.models import Order, OrderEvent, OrderLine
from payments.models import (
    Discrepancy,
    GatewayAccount,
    InvoiceLine,
    InvoiceRequest,
    LedgerEntry,
    LedgerLine,
    Notification,
    Payment,
    Refund,
    Statement,
    StatementLine,
    UnappliedMoney,
)
from payments.services import (
    PaidBack,
    Share,
    apply_notifications,
    approve_refund,
    check_books,
    ledger,
    record_offline_refund,
    request_refund,
    resolve_refunds,
    resolve_unapplied,
    settle,
)
from payments.services.endings import keep_as_income, pay_back_outside
from tests.factories import AccountFactory, OrderFactory, PaymentFactory, UserFactory, paid_payment, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import message
from tests.payments.invoices import asked, take, xml
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 20)
PASSWORD = "correct horse"
Found = set[tuple[str, str]]


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@dataclass
class Shop:
    """Some of everything that can be in the books."""

    account: GatewayAccount
    payment: Payment
    done: Refund
    approved: Refund
    offline: Refund
    unapplied: UnappliedMoney
    returned: UnappliedMoney
    applied: UnappliedMoney
    outside: UnappliedMoney
    kept: UnappliedMoney
    invoice: InvoiceRequest
    statement: Statement
    notification: Notification
    coming: Refund

    @property
    def order(self) -> Order:
        return self.payment.order


def refund(payment: Payment, amount_fen: int, key: str, *, by_rule: bool = False) -> Refund:
    share = Share(amount_fen=amount_fen)
    return request_refund(payment_id=payment.pk, share=share, reason="退", key=key, by_rule=by_rule, by=None, at=NOON)


def wrong_sum(account: GatewayAccount, amount_fen: int) -> UnappliedMoney:
    payment = PaymentFactory.create(account=account)
    money = settle(report=report_on(payment, amount_fen=amount_fen), account_id=account.pk, at=NOON)
    assert isinstance(money, UnappliedMoney)
    return money


def resolved(money: UnappliedMoney, action: str) -> UnappliedMoney:
    resolve_unapplied(unapplied_id=money.pk, action=action, reason="说好的", by=None, at=NOON)
    resolve_refunds(at=NOON, limit=10)
    return UnappliedMoney.objects.get(pk=money.pk)


def strange(account: GatewayAccount) -> UnappliedMoney:
    """Of a number that is not ours, so of no order."""
    payment = PaymentFactory.build(pk=7_777, order=None, amount_fen=13, expires_at=NOON, account=account)
    money = settle(report=report_on(payment), account_id=account.pk, at=NOON)
    assert isinstance(money, UnappliedMoney)
    return money


def paid_back_outside(money: UnappliedMoney, *, by: User) -> UnappliedMoney:
    pay_back_outside(unapplied_id=money.pk, way="cash", reason="收据 7", by=by, at=NOON)
    return UnappliedMoney.objects.get(pk=money.pk)


def with_statement(account: GatewayAccount) -> Statement:
    row = Statement.objects.create(
        account=account, day=DAY, state="fetched", compared_at=NOON, payments=1, payments_fen=9_900,
        fees_fen=59, fees_booked_fen=59, revision=1,
    )  # fmt: skip
    StatementLine.objects.create(
        statement=row, line_no=1, movement="payment", gateway_trade_no="T1", amount_fen=9_900, fee_fen=59
    )
    ledger.book_fees(statement=row, amount_fen=59, at=NOON)
    Discrepancy.objects.create(
        statement=row, kind="fee_mismatch", key="fee:payment:T1", movement="payment", opened_at=NOON,
        resolved_at=NOON, resolution="confirmed", resolution_note="说好的",
    )  # fmt: skip
    return row


def told(account: GatewayAccount) -> Notification:
    payment = PaymentFactory.create(account=account)
    post(account, message(payment.payment_no))
    apply_notifications(at=NOON, limit=10)
    return Notification.objects.get(payment_no=payment.payment_no)


def invoiced(account: GatewayAccount) -> InvoiceRequest:
    row = asked(Order.objects.get(pk=paid_payment(account=account).order_id))
    take(("a.xml", xml(row)))
    return InvoiceRequest.objects.get(pk=row.pk)


@pytest.fixture
def shop() -> Shop:
    account, manager = AccountFactory.create(code="main"), UserFactory.create(is_superuser=True, password=PASSWORD)
    payment = paid_payment(account=account, order__shipping_fen=900)
    done = refund(payment, 1_000, "done")
    approved = refund(payment, 400, "approved", by_rule=True)
    approve_refund(refund_id=approved.pk, password=PASSWORD, by=manager, at=NOON)
    resolve_refunds(at=NOON, limit=10)
    paid_back = PaidBack(
        order_id=payment.order_id, payment_id=payment.pk, share=Share(amount_fen=200), way="bank", reason="转账"
    )
    offline = record_offline_refund(paid_back=paid_back, key="offline", by=manager, at=NOON)
    revived = PaymentFactory.create(account=account, order__category="closed")
    settle(report=report_on(revived), account_id=account.pk, at=NOON)
    shop = Shop(
        account=account,
        payment=payment,
        done=done,
        approved=approved,
        offline=offline,
        unapplied=wrong_sum(account, 7),
        returned=resolved(wrong_sum(account, 5), "refund"),
        outside=paid_back_outside(strange(account), by=manager),
        kept=keep_as_income(unapplied_id=wrong_sum(account, 11).pk, reason="无主", by=manager, at=NOON),
        applied=resolved(UnappliedMoney.objects.get(payment=revived), "revive"),
        invoice=invoiced(account),
        statement=with_statement(account),
        notification=told(account),
        coming=refund(payment, 500, "coming"),
    )
    shop.payment.refresh_from_db()
    return shop


def found(**options: date) -> Found:
    return {(it.check, it.reference) for stretch in check_books(at=NOON, **options) for it in stretch}


def lines_of(source: str, pk: int, kind: str) -> QuerySet[LedgerLine]:
    return LedgerLine.objects.filter(entry__source_type=source, entry__source_id=pk, entry__kind=kind)


def add_to_entry(shop: Shop, account: str) -> None:
    """Two lines more: it still adds up to nothing."""
    entry = LedgerEntry.objects.get(source_type="payment", source_id=shop.payment.pk)
    LedgerLine.objects.create(entry=entry, account=account, gateway_account=shop.account, amount_fen=5)
    LedgerLine.objects.create(entry=entry, account="fees", amount_fen=-5)


def split(lines: QuerySet[LedgerLine], account: str = "clearing") -> None:
    """One line becomes two of the same sum."""
    line = lines.get(account=account)
    LedgerLine.objects.filter(pk=line.pk).update(amount_fen=F("amount_fen") - 1)
    line.pk, line.amount_fen = None, 1
    line.save()


def to_other_order(lines: QuerySet[LedgerLine], account: str) -> None:
    lines.filter(account=account).update(order=OrderFactory.create(order_no="OTHER"))


def tell_again(shop: Shop) -> None:
    """The statement of the day after has the same line, and nobody has noticed."""
    after = Statement.objects.create(
        account=shop.account, day=DAY + timedelta(days=1), state="fetched", compared_at=NOON, payments=1,
        payments_fen=9_900,
    )  # fmt: skip
    StatementLine.objects.create(
        statement=after, line_no=1, movement="payment", gateway_trade_no="T1", amount_fen=9_900
    )


def raise_fee(shop: Shop) -> None:
    StatementLine.objects.update(fee_fen=F("fee_fen") + 1)
    Statement.objects.update(fees_fen=F("fees_fen") + 1)


def take_back_twice(shop: Shop) -> None:
    row, lines = InvoiceRequest.objects.get(pk=shop.invoice.pk), list(shop.invoice.lines.all())
    for number in range(2):
        row.pk, row.kind, row.blue, row.status = None, "red", shop.invoice, "red_issued"
        row.request_no, row.effect_key, row.invoice_no = f"RED{number}", f"red:{number}", None
        row.amount_fen, row.net_fen, row.tax_fen = (-it for it in _sums(shop.invoice))
        row.save()
        for line in lines:
            line.pk, line.request = None, row
            line.amount_fen, line.net_fen, line.tax_fen = (-abs(it) for it in _sums(line))
            line.save()


def _sums(row: InvoiceRequest | InvoiceLine) -> tuple[int, int, int]:
    return row.amount_fen, row.net_fen, row.tax_fen


def book_of_nothing(source: str, pk: int, kind: str) -> None:
    entry = LedgerEntry.objects.create(source_type=source, source_id=pk, kind=kind, booked_at=NOON)
    for amount_fen in (5, -5):
        LedgerLine.objects.create(entry=entry, account="fees", amount_fen=amount_fen)


def invoice_more(shop: Shop) -> None:
    for rows in (InvoiceRequest.objects.filter(pk=shop.invoice.pk), shop.invoice.lines.all()):
        rows.update(amount_fen=F("amount_fen") + 1, net_fen=F("net_fen") + 1)


def use_twice(shop: Shop) -> None:
    approval = Approval.objects.get(subject_id=str(shop.approved.pk))
    approval.pk = None
    approval.save()


Plant = Callable[[Shop], object]
FAULTS: dict[str, tuple[Plant, Callable[[Shop], str | set[str]]]] = {
    "order_ledger": (
        lambda it: to_other_order(lines_of("payment", it.payment.pk, "collect"), "receivable"),
        lambda it: {it.order.order_no, "OTHER"},
    ),
    "line_shares": (
        lambda it: OrderLine.objects.filter(order=it.order).update(
            unit_price_fen=F("unit_price_fen") + 1, total_fen=F("total_fen") + 1
        ),
        lambda it: it.order.order_no,
    ),
    "refund_shares": (
        lambda it: OrderLine.objects.filter(order=it.order).update(refunded_fen=F("refunded_fen") + 1),
        lambda it: it.order.order_no,
    ),
    "payment_status": (
        lambda it: Order.objects.filter(pk=it.order.pk).update(payment_status="paid"),
        lambda it: it.order.order_no,
    ),
    "elsewhere": (
        lambda it: to_other_order(lines_of("refund", it.offline.pk, "refund_settle"), "elsewhere"),
        lambda it: {it.order.order_no, "OTHER"},
    ),
    "history": (
        lambda it: OrderEvent.objects.filter(order=it.order, seq=2).delete(),
        lambda it: it.order.order_no,
    ),
    "invoice_total": (invoice_more, lambda it: it.invoice.order.order_no),
    "invoice_lines": (
        lambda it: InvoiceLine.objects.filter(request=it.invoice).delete(),
        lambda it: it.invoice.request_no,
    ),
    "red_letters": (take_back_twice, lambda it: it.invoice.request_no),
    "entry_balance": (
        lambda it: LedgerLine.objects.create(
            entry=LedgerEntry.objects.get(source_type="payment", source_id=it.payment.pk), account="fees", amount_fen=1
        ),
        lambda it: _entry("payment", it.payment.pk),
    ),
    "entry_unfounded": (
        lambda it: book_of_nothing("gift", it.order.pk, "collect"),
        lambda it: _entry("gift", it.order.pk),
    ),
    "entry_unfounded: undone, and it is gone": (
        lambda it: book_of_nothing("refund", it.done.pk, "refund_undo"),
        lambda it: _entry("refund", it.done.pk, "refund_undo"),
    ),
    "entry_unfounded: gone again, and never undone": (
        lambda it: book_of_nothing("refund", it.done.pk, "refund_settle_again"),
        lambda it: _entry("refund", it.done.pk, "refund_settle_again"),
    ),
    "payment_refunds": (
        lambda it: Payment.objects.filter(pk=it.payment.pk).update(refunded_fen=F("refunded_fen") + 1),
        lambda it: it.payment.payment_no,
    ),
    "payment_booked": (
        lambda it: LedgerEntry.objects.filter(source_type="payment", source_id=it.payment.pk).update(reference="lost"),
        lambda it: it.payment.payment_no,
    ),
    "refund_booked": (
        lambda it: split(lines_of("refund", it.done.pk, "refund_settle")),
        lambda it: it.done.refund_no,
    ),
    "refund_lines": (lambda it: it.done.lines.update(amount_fen=1), lambda it: it.done.refund_no),
    "refund_reserved": (
        lambda it: (
            lines_of("refund", it.coming.pk, "refund_reserve").filter(account="refunds_payable").update(account="fees")
        ),
        lambda it: it.coming.refund_no,
    ),
    "unapplied_booked": (
        lambda it: split(lines_of("unapplied", it.unapplied.pk, "collect")),
        lambda it: it.unapplied.gateway_trade_no,
    ),
    "unapplied_resolved: closed without doing anything": (
        lambda it: UnappliedMoney.objects.filter(pk=it.unapplied.pk).update(
            resolved_at=NOON, resolution="refund", resolution_note="x"
        ),
        lambda it: it.unapplied.gateway_trade_no,
    ),
    "unapplied_resolved: out of the queue without saying how": (
        lambda it: UnappliedMoney.objects.filter(pk=it.unapplied.pk).update(resolved_at=NOON),
        lambda it: it.unapplied.gateway_trade_no,
    ),
    "unapplied_resolved: open, and dealt with": (
        lambda it: UnappliedMoney.objects.filter(pk=it.returned.pk).update(resolved_at=None),
        lambda it: it.returned.gateway_trade_no,
    ),
    "unapplied_resolved: without a reason": (
        lambda it: UnappliedMoney.objects.filter(pk=it.applied.pk).update(resolution_note=" "),
        lambda it: it.applied.gateway_trade_no,
    ),
    "unapplied_resolved: kept, and the ledger keeps another": (
        lambda it: LedgerEntry.objects.filter(kind="keep:1").update(source_id=it.unapplied.pk),
        lambda it: {it.kept.gateway_trade_no, it.unapplied.gateway_trade_no},
    ),
    "unapplied_resolved: paid back outside, and nothing was": (
        lambda it: UnappliedMoney.objects.filter(pk=it.returned.pk).update(resolution="outside"),
        lambda it: it.returned.gateway_trade_no,
    ),
    "refund_booked: outside the gateway, of no order": (
        lambda it: split(lines_of("refund", it.outside.refunds.get().pk, "refund_settle"), "elsewhere"),
        lambda it: it.outside.refunds.get().refund_no,
    ),
    "inbox_late": (
        lambda it: Notification.objects.update(state="received", received_at=NOON - timedelta(seconds=61)),
        lambda it: it.notification.event_key,
    ),
    "inbox_set_aside: by nobody's clock": (
        lambda it: Notification.objects.update(state="set_aside"),
        lambda it: it.notification.event_key,
    ),
    "inbox_set_aside: by a person without a reason": (
        lambda it: Notification.objects.update(
            state="set_aside", set_aside_at=NOON, set_aside_by=User.objects.earliest("pk")
        ),
        lambda it: it.notification.event_key,
    ),
    "inbox_booked": (
        lambda it: Notification.objects.update(
            payment_no="lost", facts={**it.notification.facts, "gateway_trade_no": "lost"}
        ),
        lambda it: it.notification.event_key,
    ),
    "statement_sums": (
        lambda it: Statement.objects.update(payments_fen=F("payments_fen") + 1),
        lambda it: f"main {DAY}",
    ),
    "statement_fees": (raise_fee, lambda it: f"main {DAY}"),
    "statement_line_twice": (tell_again, lambda it: "T1"),
    "difference_resolved: without saying how": (
        lambda it: Discrepancy.objects.update(resolution=""),
        lambda it: "fee:payment:T1",
    ),
    "difference_resolved: without a reason": (
        lambda it: Discrepancy.objects.update(resolution_note=""),
        lambda it: "fee:payment:T1",
    ),
    "approval: by who asked": (
        lambda it: Approval.objects.update(requested_by=F("decided_by")),
        lambda it: f"payments.refund:{it.approved.pk}",
    ),
    "refund_approval: sent without a word": (
        lambda it: Approval.objects.update(state="approved", used_at=None),
        lambda it: it.approved.refund_no,
    ),
    "refund_approval: a word used twice": (use_twice, lambda it: it.approved.refund_no),
    "clearing": (lambda it: add_to_entry(it, "clearing"), lambda it: "main"),
    "suspense": (lambda it: add_to_entry(it, "suspense"), lambda it: "main"),
    "other_income": (lambda it: add_to_entry(it, "other_income"), lambda it: "main"),
    "elsewhere: of no order": (lambda it: add_to_entry(it, "elsewhere"), lambda it: "no order"),
}


def _entry(source: str, pk: int, kind: str = "") -> str:
    rows = LedgerEntry.objects.filter(source_type=source, source_id=pk)
    entry = rows.get(kind=kind) if kind else rows.get()
    return f"#{entry.pk} {entry.kind} {entry.reference}"


class TestASoundShop:
    def test_has_nothing_to_name(self, shop: Shop) -> None:
        assert found() == set()


class TestAFault:
    @pytest.mark.parametrize("name", FAULTS)
    def test_is_named_and_nothing_else_is(self, shop: Shop, name: str) -> None:
        plant, named = FAULTS[name]

        plant(shop)

        references = named(shop)
        expected = references if isinstance(references, set) else {references}
        assert found() == {(name.partition(":")[0], it) for it in expected}
