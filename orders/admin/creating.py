"""The page on which staff take an order: first for whom, then what, at which price, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from customers.models import Customer, CustomerType
from customers.queries import search as search_customers
from customers.services import CustomerDraft
from kernel.admin import BackofficeAdmin, PhoneField, actor
from kernel.admin.actions import ONCE
from kernel.clock import now
from kernel.errors import DomainError
from kernel.once import keep_result, new_once_key, result_of, use_once
from kernel.phones import mask_name, mask_phone
from kernel.trace import current_trace_id

from .. import services
from ..models import Order
from .drafts import OrderForm

PURPOSE = "create_order"
SPARE_ROWS = 3


def _types() -> list[tuple[str, str]]:
    return [(row.code, str(row)) for row in CustomerType.objects.order_by("position", "pk")]


class NewCustomerForm(forms.Form):
    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=60)
    phone = PhoneField(label=gettext_lazy("Phone"), required=False)
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    type_code = forms.ChoiceField(label=gettext_lazy("Type"), choices=_types)


@dataclass(slots=True)
class Draft:
    """The forms of the page, as they are shown or came back."""

    customer: Customer | None
    who: NewCustomerForm
    order: OrderForm
    problem: str = ""

    def is_valid(self) -> bool:
        return all([self.customer is not None or self.who.is_valid(), self.order.is_valid()])

    def made(self) -> services.OrderDraft:
        given = None if self.customer else CustomerDraft(**self.who.cleaned_data)
        notes, sums = self.order.notes.cleaned_data, self.order.sums()
        return services.OrderDraft(
            customer_id=self.customer.pk if self.customer else None,
            customer=given,
            lines=self.order.drafts(),
            postal=self.order.postal_draft(),
            customer_note=notes["customer_note"],
            staff_note=notes["staff_note"],
            shipping_fen=sums["shipping_fen"],
            discount_fen=sums["discount_fen"],
            adjustment_fen=sums["adjustment_fen"],
        )


def create_view(admin: BackofficeAdmin[Order], request: HttpRequest) -> HttpResponse:
    if not admin.has_add_permission(request):
        raise PermissionDenied
    customer = _customer(request)
    data = request.POST if request.method == "POST" else None
    who = NewCustomerForm(None if customer else data, initial={"type_code": "individual"})
    draft = Draft(customer, who, OrderForm(data, spare=SPARE_ROWS))
    if data is None:
        return _page(admin, request, draft)
    if not draft.is_valid():
        return _page(admin, request, draft, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        address = _created(request, draft.made())
    except DomainError as refused:
        draft.problem = str(refused)
        return _page(admin, request, draft, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return HttpResponseRedirect(address)


def _created(request: HttpRequest, draft: services.OrderDraft) -> str:
    """The new order's page; of a double click both see the same one."""
    key, by, at = request.POST.get(ONCE, ""), actor(request), now()
    with transaction.atomic():
        once = use_once(key=key, purpose=PURPOSE, by=by, at=at)
        if once is None:
            return result_of(key=key, purpose=PURPOSE, by=by) or reverse("admin:orders_order_changelist")
        order = services.create_order(draft=draft, by=by, at=at)
        address = reverse("admin:orders_order_change", args=(order.pk,))
        keep_result(once, address)
    messages.success(request, _("Order %(order_no)s was created.") % {"order_no": order.order_no})
    return address


def _customer(request: HttpRequest) -> Customer | None:
    wanted = request.POST.get("customer") or request.GET.get("customer") or ""
    if not wanted.isdecimal() or len(wanted) > 18:
        return None
    return Customer.objects.select_related("type").filter(pk=wanted).first()


def _face(customer: Customer) -> dict[str, object]:
    """Enough to tell customers apart, and no more."""
    return {"row": customer, "name": mask_name(customer.name), "phone": mask_phone(customer.phone)}


def _page(
    admin: BackofficeAdmin[Order], request: HttpRequest, draft: Draft, *, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    term = request.GET.get("find", "")
    context = {
        **admin.admin_site.each_context(request),
        "title": _("New order"),
        "draft": draft,
        "find": term,
        "found": [_face(it) for it in search_customers(term)] if term and not draft.customer else [],
        "chosen": _face(draft.customer) if draft.customer else None,
        "problem": draft.problem,
        "trace_id": current_trace_id() if draft.problem else "",
        "once_key": request.POST.get(ONCE) or new_once_key(),
        "back": reverse("admin:orders_order_changelist"),
    }
    return TemplateResponse(request, "backoffice/orders/create.html", context, status=status)
