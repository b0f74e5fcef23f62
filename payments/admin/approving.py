"""Four eyes on the page of a refund: who asks for what and why, and the two answers to it."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import approvals, counters
from kernel.admin import Deed, ObjectAction, actor
from kernel.clock import now
from kernel.money import yuan
from kernel.shop import refund_cap_fen

from .. import services
from ..models import Refund, RefundLine
from .counts import GROUP
from .refunding import tell

APPROVE = "payments.approve_refund"


class ApproveForm(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("Once more, so that nobody approves at your desk while you are away."),
    )


class RejectForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why it is rejected"), max_length=200, widget=forms.Textarea(attrs={"rows": 2})
    )


class _Deciding(ObjectAction[Refund]):
    permission = APPROVE
    template = "admin/payments/decide_form.html"

    def applies(self, row: Refund) -> bool:
        return row.status == Refund.Status.PENDING_APPROVAL

    def refusal(self, row: Refund) -> object:
        return "" if self.applies(row) else _("It does not await approval.")

    def context(self, row: Refund, request: HttpRequest) -> dict[str, object]:
        approval = approvals.latest(kind=services.REFUND, subject_id=row.pk)
        return {"approval": approval, "lines": RefundLine.objects.filter(refund=row).select_related("line")}


class Approve(_Deciding):
    name = "approve"
    label = gettext_lazy("Approve")
    submit = gettext_lazy("Approve and send the money back")
    form_class = ApproveForm
    dangerous = True
    atomic = False  # it is committed before the gateway hears of it
    position = 10

    def is_next(self, row: Refund) -> bool:
        return self.applies(row)

    def context(self, row: Refund, request: HttpRequest) -> dict[str, object]:
        shown = super().context(row, request)
        return {**shown, "refusal": self.refusal(row) or _why_not(row, request)}

    def run(self, deed: Deed[Refund]) -> object:
        password = deed.form.cleaned_data["password"]
        services.approve_refund(refund_id=deed.object.pk, password=password, by=deed.by, at=deed.at)
        refund = services.send_refund(refund_id=deed.object.pk, at=now())
        counters.recount(GROUP, at=now())
        tell(deed.request, refund)
        return HttpResponseRedirect(reverse("admin:payments_refund_change", args=(refund.pk,)))


class Reject(_Deciding):
    name = "reject"
    label = gettext_lazy("Reject")
    description = gettext_lazy("Nothing is sent, and the amount can be refunded again. Whoever asked reads the reason.")
    done = gettext_lazy("Rejected. The amount can be refunded again.")
    form_class = RejectForm
    position = 11

    def run(self, deed: Deed[Refund]) -> object:
        reason = deed.form.cleaned_data["reason"]
        services.reject_refund(refund_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None


class Withdraw(ObjectAction[Refund]):
    name = "withdraw"
    label = gettext_lazy("Withdraw my request")
    permission = "payments.request_refund"
    description = gettext_lazy("Nothing is sent, and the amount can be refunded again.")
    done = gettext_lazy("Withdrawn. The amount can be refunded again.")
    position = 12

    def applies(self, row: Refund) -> bool:
        return row.status == Refund.Status.PENDING_APPROVAL

    def context(self, row: Refund, request: HttpRequest) -> dict[str, object]:
        is_own = row.requested_by_id == actor(request).pk
        return {"refusal": "" if is_own or not self.applies(row) else approvals.NotYourRequest.text}

    def refusal(self, row: Refund) -> object:
        return "" if self.applies(row) else _("It does not await approval.")

    def run(self, deed: Deed[Refund]) -> object:
        services.withdraw_refund(refund_id=deed.object.pk, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None


def approval_panel(request: HttpRequest, refund: Refund) -> dict[str, object] | None:
    """Who asked for the money to go back, who decided, and why."""
    approval = approvals.latest(kind=services.REFUND, subject_id=refund.pk)
    return {"approval": approval} if approval else None


def _why_not(row: Refund, request: HttpRequest) -> object:
    person = actor(request)
    if row.requested_by_id == person.pk:
        return approvals.OwnRequest.text
    cap_fen = refund_cap_fen(person)
    if cap_fen is not None and row.amount_fen > cap_fen:
        return services.ApproverCapTooLow(cap=yuan(cap_fen))
    return ""
