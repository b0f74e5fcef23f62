"""What staff may automate about money: it came, it failed, it went back, it fits no order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.errors import DomainError
from kernel.money import yuan
from kernel.rules import (
    Action,
    ActionSpec,
    ConditionSpec,
    Field,
    Kind,
    Occasion,
    RuleEvent,
    RuleSpec,
    register_action,
    register_event,
    register_rule,
)
from kernel.rules.registry import Choices, Words
from orders.rules import ORDER_FIELDS, TIME, facts_of, find_order, minute_of

from . import services
from .events import MoneyUnapplied, PaymentEnded, PaymentSucceeded, RefundSettled
from .gateways import GATEWAYS
from .models import GatewayAccount, Payment, Refund, UnappliedMoney
from .services.words import METHODS


class NoMessage(DomainError):
    text = _("Write the message, at most 300 characters.")


MESSAGE_LENGTH = 300


def _gateways() -> Choices:
    return [(code, kind.label) for code, kind in GATEWAYS.items()]


def _accounts() -> Choices:
    return [(account.code, account.name) for account in GatewayAccount.objects.order_by("position", "pk")]


MONEY_FIELDS = (
    Field("amount_fen", _("amount"), Kind.MONEY),
    Field("gateway", _("gateway"), Kind.CHOICE, _gateways),
    Field("account", _("payment account"), Kind.CHOICE, _accounts),
)
METHOD = Field("method", _("method"), Kind.CHOICE, lambda: list(METHODS.items()))
REASON = Field("reason", _("why"), Kind.CHOICE, lambda: UnappliedMoney.Reason.choices)


def _money_facts(*, account: GatewayAccount, amount_fen: int, moment: datetime | None) -> dict[str, object]:
    return {
        "amount_fen": amount_fen,
        "gateway": account.gateway,
        "account": account.code,
        "time": minute_of(moment),
    }


def _payment_occasion(code: str, payment_id: int, *, column: str) -> Occasion | None:
    payment = Payment.objects.select_related("account").filter(pk=payment_id).first()
    order = find_order(payment.order_id) if payment else None
    if payment is None or order is None:
        return None
    facts = _money_facts(account=payment.account, amount_fen=payment.amount_fen, moment=getattr(payment, column))
    return Occasion(
        key=f"{code}:{payment.pk}",
        subject=f"{payment.payment_no} {yuan(payment.amount_fen)}",
        facts={**facts_of(order), **facts, "method": payment.method},
        ids={"order": order.pk, "payment": payment.pk},
        order_no=order.order_no,
    )


def _payment_event(code: str, label: Words, statuses: Iterable[str]) -> RuleEvent:
    """An attempt that came to one of these ends."""
    wanted = frozenset(statuses)

    def load(event: PaymentSucceeded | PaymentEnded) -> Occasion | None:
        if isinstance(event, PaymentEnded) and event.status not in wanted:
            return None
        column = "paid_at" if isinstance(event, PaymentSucceeded) else "ended_at"
        return _payment_occasion(code, event.payment_id, column=column)

    def past(*, since: datetime, until: datetime) -> Iterable[PaymentEnded]:
        ended = Payment.objects.filter(status__in=wanted, ended_at__gt=since, ended_at__lte=until)
        rows = ended.order_by("-ended_at", "-pk").values_list("pk", "order_id", "status").iterator()
        return (PaymentEnded(payment_id=pk, order_id=order_id, status=status) for pk, order_id, status in rows)

    fields = (*MONEY_FIELDS, METHOD, *ORDER_FIELDS, TIME)
    gives = frozenset({"order", "payment"})
    return RuleEvent(code=code, label=label, told_by=PaymentEnded, load=load, past=past, fields=fields, gives=gives)


def _succeeded_payments(*, since: datetime, until: datetime) -> Iterable[PaymentSucceeded]:
    paid = Payment.objects.filter(status=Payment.Status.SUCCEEDED, paid_at__gt=since, paid_at__lte=until)
    rows = paid.order_by("-paid_at").values_list("pk", "order_id").iterator()
    return (PaymentSucceeded(payment_id=pk, order_id=order_id) for pk, order_id in rows)


def _load_succeeded(event: PaymentSucceeded) -> Occasion | None:
    return _payment_occasion("payment_succeeded", event.payment_id, column="paid_at")


def _refund_event(code: str, label: Words, statuses: Iterable[str]) -> RuleEvent:
    wanted = frozenset(statuses)

    def load(event: RefundSettled) -> Occasion | None:
        rows = Refund.objects.select_related("payment__account", "unapplied__account")
        refund = rows.filter(pk=event.refund_id).first() if event.status in wanted else None
        source = (refund.unapplied or refund.payment) if refund else None
        if refund is None or source is None:
            return None
        order = find_order(refund.order_id) if refund.order_id else None
        facts = _money_facts(account=source.account, amount_fen=refund.amount_fen, moment=refund.settled_at)
        return Occasion(
            key=f"{code}:{refund.pk}",
            subject=f"{refund.refund_no} {yuan(refund.amount_fen)}",
            facts={**(facts_of(order) if order else {}), **facts},
            ids={"refund": refund.pk, **({"order": order.pk} if order else {})},
            order_no=order.order_no if order else "",
        )

    def past(*, since: datetime, until: datetime) -> Iterable[RefundSettled]:
        settled = Refund.objects.filter(status__in=wanted, settled_at__gt=since, settled_at__lte=until)
        rows = settled.order_by("-settled_at").values_list("pk", "status").iterator()
        return (RefundSettled(refund_id=pk, status=status) for pk, status in rows)

    fields = (*MONEY_FIELDS, *ORDER_FIELDS, TIME)
    gives = frozenset({"order", "refund"})
    return RuleEvent(code=code, label=label, told_by=RefundSettled, load=load, past=past, fields=fields, gives=gives)


def _load_unapplied(event: MoneyUnapplied) -> Occasion | None:
    money = UnappliedMoney.objects.select_related("account").filter(pk=event.unapplied_id).first()
    if money is None:
        return None
    order = find_order(money.order_id) if money.order_id else None
    facts = _money_facts(account=money.account, amount_fen=money.amount_fen, moment=money.received_at)
    return Occasion(
        key=f"money_unapplied:{money.pk}",
        subject=f"{money.gateway_trade_no} {yuan(money.amount_fen)}",
        facts={**(facts_of(order) if order else {}), **facts, "reason": money.reason},
        ids={"unapplied": money.pk, **({"order": order.pk} if order else {})},
        order_no=order.order_no if order else "",
    )


def _unapplied_of(*, since: datetime, until: datetime) -> Iterable[MoneyUnapplied]:
    rows = UnappliedMoney.objects.filter(received_at__gt=since, received_at__lte=until).order_by("-pk")
    return (MoneyUnapplied(unapplied_id=pk) for pk in rows.values_list("pk", flat=True).iterator())


EVENTS = (
    RuleEvent(
        code="payment_succeeded",
        label=_("A payment succeeded"),
        told_by=PaymentSucceeded,
        load=_load_succeeded,
        past=_succeeded_payments,
        fields=(*MONEY_FIELDS, METHOD, *ORDER_FIELDS, TIME),
        gives=frozenset({"order", "payment"}),
    ),
    _payment_event("payment_failed", _("A payment failed"), [Payment.Status.FAILED]),
    _payment_event(
        "payment_expired", _("A payment expired or was closed"), [Payment.Status.EXPIRED, Payment.Status.CANCELED]
    ),
    _refund_event("refund_succeeded", _("A refund succeeded"), [Refund.Status.SUCCEEDED]),
    _refund_event("refund_failed", _("A refund failed"), [Refund.Status.FAILED, Refund.Status.CANCELED]),
    RuleEvent(
        code="money_unapplied",
        label=_("Money came that fits no order"),
        told_by=MoneyUnapplied,
        load=_load_unapplied,
        past=_unapplied_of,
        fields=(REASON, *MONEY_FIELDS, *ORDER_FIELDS, TIME),
        gives=frozenset({"order", "unapplied"}),
    ),
)
for rule_event in EVENTS:
    register_event(rule_event)


def _refund_unapplied(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    services.resolve_unapplied(
        unapplied_id=occasion.ids["unapplied"],
        action=UnappliedMoney.Action.REFUND,
        reason=_("By rule: %(rule)s") % {"rule": rule},
        by_rule=True,
        by=None,
        at=at,
    )
    return pgettext_lazy("rule", "Refund requested.")


def _refund_payment(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    refund = services.refund_rest(
        payment_id=occasion.ids["payment"],
        reason=_("By rule: %(rule)s") % {"rule": rule},
        key=key,
        by=None,
        at=at,
    )
    return _("Refund %(refund_no)s requested.") % {"refund_no": refund.refund_no}


def _send_message(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    is_written = services.write_plainly(order_id=occasion.ids["order"], text=value, effect_key=key, at=at)
    return _("Message written.") if is_written else _("The customer cannot be reached; no message was written.")


def _check_message(value: str) -> None:
    if not 0 < len(value.strip()) <= MESSAGE_LENGTH:
        raise NoMessage


def _issue_invoice(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    try:
        request = services.invoice_or_ask(order_id=occasion.ids["order"], key=key, at=at)
    except (services.NoContact, services.NothingToInvoice, services.InvoiceUnderWay) as nothing_to_do:
        return str(nothing_to_do)  # no fault of the rule, which would stop itself
    if request is None:
        return _("The customer was asked for the invoice title.")
    return _("Invoice %(request_no)s requested.") % {"request_no": request.request_no}


def _send_receipt(occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
    is_sent = services.receipt_once(order_id=occasion.ids["order"], key=key, at=at)
    return _("Receipt sent.") if is_sent else _("The customer cannot be reached; no message was written.")


ACTIONS = (
    Action(
        code="refund_unapplied",
        label=_("Request a refund of the unapplied money"),
        do=_refund_unapplied,
        needs=frozenset({"unapplied"}),
    ),
    Action(
        code="refund_payment",
        label=_("Request a refund of what is left of the payment"),
        do=_refund_payment,
        needs=frozenset({"payment"}),
    ),
    Action(
        code="send_message",
        label=_("Send the customer a message"),
        do=_send_message,
        needs=frozenset({"order"}),
        value_label=_("text; {order_no} and {shop} are filled in"),
        check=_check_message,
    ),
    Action(
        code="issue_invoice",
        label=_("Request an invoice, or ask the customer for the title"),
        do=_issue_invoice,
        needs=frozenset({"order"}),
    ),
    Action(
        code="send_receipt",
        label=_("Send the receipt"),
        do=_send_receipt,
        needs=frozenset({"order"}),
    ),
)
for action in ACTIONS:
    register_action(action)

register_rule(
    RuleSpec(
        code="refund_late_money",
        name=_("Money collected after closing: request a refund"),
        event="money_unapplied",
        conditions=[ConditionSpec("reason", "in", "order_closed, already_paid")],
        actions=[ActionSpec("refund_unapplied")],
        is_enabled=False,
    )
)
register_rule(
    RuleSpec(
        code="invoice_and_receipt",
        name=_("Payment succeeded: request the invoice and send the receipt"),
        event="payment_succeeded",
        actions=[ActionSpec("issue_invoice"), ActionSpec("send_receipt")],
        is_enabled=False,  # the shop decides whether, and when, invoices go out by themselves
    )
)
