"""The form that gives money back, on the page of an order and of a payment."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from kernel.admin import Deed, ObjectAction, YuanField, actor
from kernel.clock import now
from kernel.models import User
from kernel.money import yuan
from kernel.once import token_of
from kernel.shop import refund_cap_fen, refunds_a_day, shop
from orders.models import Order

from .. import services
from ..models import Payment, Refund
from ..queries import Left, left_to_refund, payments_of, refundable_payments
from ..services.four_eyes import refunds_today
from ..services.shares import everything_first
from . import looks
from .invoice_words import after_refund

REQUEST = "payments.request_refund"
LINE = "line_"
REASONS = (
    gettext_lazy("Quality problem"),
    gettext_lazy("Damaged"),
    gettext_lazy("Wrong item"),
    gettext_lazy("Missing item"),
    gettext_lazy("Not as described"),
    gettext_lazy("Not received"),
    gettext_lazy("No longer wanted"),
    gettext_lazy("Price difference"),
)
OUTCOMES = {
    Refund.Status.PENDING_APPROVAL: gettext_lazy(
        "Refund %(refund_no)s of %(amount)s awaits approval. It is sent as soon as somebody else has approved it."
    ),
    Refund.Status.REJECTED: gettext_lazy("Refund %(refund_no)s of %(amount)s was rejected: %(words)s"),
    Refund.Status.SUCCEEDED: gettext_lazy("%(amount)s went back to the customer (%(refund_no)s)."),
    Refund.Status.PENDING: gettext_lazy("Refund %(refund_no)s of %(amount)s is on its way to the gateway."),
    Refund.Status.PROCESSING: gettext_lazy("The gateway is working on refund %(refund_no)s of %(amount)s."),
    Refund.Status.UNKNOWN: gettext_lazy(
        "The gateway gave no clear answer to refund %(refund_no)s of %(amount)s. It is asked again by itself; "
        "do not refund a second time."
    ),
    Refund.Status.FAILED: gettext_lazy("Refund %(refund_no)s of %(amount)s failed: %(words)s"),
    Refund.Status.REQUIRES_ACTION: gettext_lazy("Refund %(refund_no)s of %(amount)s needs a person: %(words)s"),
    Refund.Status.CANCELED: gettext_lazy("Refund %(refund_no)s of %(amount)s was closed: %(words)s"),
}


class RefundForm(forms.Form):
    """
    How much goes back, of what, and why. Limits are the service's to judge: a second click finds them used up.

    :param payments: any of which may be chosen
    :param limit_fen: prefilled
    """

    payment = forms.ChoiceField(label=gettext_lazy("Payment"), widget=forms.RadioSelect)
    amount = YuanField(label=gettext_lazy("Amount"), min_fen=1, required=False)
    shipping = YuanField(label=gettext_lazy("Of it shipping fee"), required=False)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"list": "refund-reasons", "autocomplete": "off"}),
    )
    again = YuanField(label=gettext_lazy("The amount again"), required=False)

    def __init__(self, *args: Any, payments: list[Payment], left: Left, limit_fen: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.left = left
        self.retype_above_fen = shop().retype_above_fen
        self._offer(payments, limit_fen)
        self._offer_lines()
        largest_fen = max((payment.refundable_fen for payment in payments), default=0)
        if largest_fen <= self.retype_above_fen and not self.is_bound:
            del self.fields["again"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        amount_fen = cleaned.get("amount") or self._sum(cleaned)
        if "amount" not in self.errors and not amount_fen:
            self.add_error("amount", _("Write how much goes back."))
        elif amount_fen > self.retype_above_fen and cleaned.get("again") != amount_fen:
            limit = yuan(self.retype_above_fen)
            self.add_error("again", _("Above %(limit)s, type the same amount once more.") % {"limit": limit})
        cleaned["amount"] = amount_fen
        return cleaned

    def share(self) -> services.Share:
        """What was typed; without a word on the shipping fee, the goods come first."""
        given = self.cleaned_data
        lines = self._lines(given)
        if given["shipping"] is None and not lines:
            return everything_first(amount_fen=given["amount"], left=self.left)
        return services.Share(amount_fen=given["amount"], shipping_fen=given["shipping"] or 0, lines=lines)

    def line_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(LINE)]

    def plain_fields(self) -> list[forms.BoundField]:
        return [it for it in self.visible_fields() if not it.name.startswith(LINE)]

    def _offer(self, payments: list[Payment], limit_fen: int) -> None:
        chosen = self.fields["payment"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101 - declared above
        chosen.choices = [(str(it.pk), label_of(it)) for it in payments]
        if len(payments) == 1:
            chosen.widget = forms.HiddenInput()
        if payments:
            self.initial.setdefault("payment", str(payments[0].pk))
        self.initial.setdefault("amount", limit_fen or None)
        self.fields["amount"].help_text = _("%(limit)s at most; refunds on their way are taken off.") % {
            "limit": yuan(limit_fen)
        }
        self.fields["again"].help_text = _("Needed above %(limit)s.") % {"limit": yuan(self.retype_above_fen)}

    def _offer_lines(self) -> None:
        if self.left.shipping_fen:
            told = _("%(left)s is left of it. Empty: the goods first, the shipping fee with what exceeds them.")
            self.fields["shipping"].help_text = told % {"left": yuan(self.left.shipping_fen)}
        else:
            self.fields["shipping"].widget = forms.HiddenInput()
        for line in self.left.lines:
            left = _("%(left)s left") % {"left": yuan(line.left_fen)}
            self.fields[f"{LINE}{line.line_id}"] = YuanField(label=line.title, help_text=left, required=False)

    def _lines(self, cleaned: dict[str, Any]) -> dict[int, int]:
        named = {name: fen for name, fen in cleaned.items() if name.startswith(LINE) and fen}
        return {int(name.removeprefix(LINE)): fen for name, fen in named.items()}

    def _sum(self, cleaned: dict[str, Any]) -> int:
        lines = self._lines(cleaned)
        return sum(lines.values()) + (cleaned.get("shipping") or 0) if lines else 0


class _Refunding(ObjectAction[Any]):
    """The same form wherever it stands; subclasses say which order and payments it is about."""

    name = "refund"
    label = pgettext_lazy("do it", "Refund")
    submit = gettext_lazy("Refund the money")
    permission = REQUEST
    template = "admin/payments/refund_form.html"
    dangerous = True
    atomic = False  # the request is committed before the gateway hears of it; its key makes one of two clicks
    position = 40

    def order_of(self, row: Any) -> Order:
        raise NotImplementedError

    def refundable(self, row: Any) -> list[Payment]:
        raise NotImplementedError

    def choosable(self, row: Any) -> list[Payment]:
        """On a second click nothing may be refundable any more; the service tells it from a new one by its key."""
        raise NotImplementedError

    def form(self, row: Any, request: HttpRequest, **given: Any) -> forms.Form:
        left = left_to_refund(order=self.order_of(row))
        offered = self.refundable(row)
        limit_fen = min(offered[0].refundable_fen, left.goods_fen + left.shipping_fen) if offered else 0
        payments = self.choosable(row) if given else offered
        return RefundForm(payments=payments, left=left, limit_fen=limit_fen, **given)

    def context(self, row: Any, request: HttpRequest) -> dict[str, object]:
        order = self.order_of(row)
        offered = self.refundable(row)
        cap_fen = refund_cap_fen(actor(request))
        shown: dict[str, object] = {
            "order": order,
            "reasons": REASONS,
            "cap": yuan(cap_fen) if cap_fen is not None else "",
            "is_day_full": _is_day_full(actor(request)),
            "refundable_fen": sum(payment.refundable_fen for payment in offered),
            "invoices": after_refund(order),
            "in_flight_fen": sum(payment.refunding_fen for payment in self.choosable(row)),
        }
        if offered:
            return shown
        return {**shown, "refusal": self.refusal(row) or _("Nothing of it is left to refund.")}

    def run(self, deed: Deed[Any]) -> object:
        form: RefundForm = deed.form
        refund = services.request_refund(
            payment_id=int(form.cleaned_data["payment"]),
            share=form.share(),
            reason=form.cleaned_data["reason"],
            key=f"form:{token_of(deed.key)}",
            by=deed.by,
            at=deed.at,
        )
        refund = services.send_refund(refund_id=refund.pk, at=now())
        tell(deed.request, refund)
        return HttpResponseRedirect(looks.order_address(self.order_of(deed.object).pk))


class RefundOrder(_Refunding):
    """On an order; asked for every row of a list, so nothing here queries before the form is opened."""

    beside = True

    def applies(self, row: Order) -> bool:
        return row.paid_fen > 0

    def refusal(self, row: Order) -> object:
        if row.is_imported:
            return _("Its money was collected elsewhere; refund it there.")
        return "" if row.paid_fen > row.refunded_fen else _("All that was paid is refunded.")

    def order_of(self, row: Order) -> Order:
        return row

    def refundable(self, row: Order) -> list[Payment]:
        return refundable_payments(order=row)

    def choosable(self, row: Order) -> list[Payment]:
        return list(payments_of(order_ids=[row.pk]).filter(status=Payment.Status.SUCCEEDED))


class RefundPayment(_Refunding):
    def applies(self, row: Payment) -> bool:
        return row.status == Payment.Status.SUCCEEDED and row.refundable_fen > 0

    def order_of(self, row: Payment) -> Order:
        return row.order

    def refundable(self, row: Payment) -> list[Payment]:
        return [it for it in refundable_payments(order=row.order) if it.pk == row.pk]

    def choosable(self, row: Payment) -> list[Payment]:
        return [row]


def _is_day_full(person: User) -> bool:
    most = refunds_a_day(person)
    return most is not None and refunds_today(by=person, at=now()) >= most


def tell(request: HttpRequest, refund: Refund) -> None:
    say = messages.success if refund.status == Refund.Status.SUCCEEDED else messages.warning
    say(request, outcome_of(refund))


def outcome_of(refund: Refund) -> str:
    """What became of a refund, as far as it is known now."""
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "words": refund.last_message}
    return str(OUTCOMES.get(Refund.Status(refund.status), OUTCOMES[Refund.Status.PENDING])) % facts


def label_of(payment: Payment) -> str:
    facts = {
        "method": looks.method(payment),
        "amount": yuan(payment.amount_fen),
        "left": yuan(payment.refundable_fen),
        "payment_no": payment.payment_no,
    }
    return _("%(method)s %(amount)s, %(left)s refundable (%(payment_no)s)") % facts
