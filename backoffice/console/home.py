"""The start page: what waits for somebody, as links to the lists that it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Model, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from kernel.admin import actor, counts_of
from kernel.clock import business_day, day_bounds, now
from kernel.counters import display
from kernel.models import Alert, Category, Delivery, Job, Message, User
from kernel.money import yuan
from orders.models import Order
from orders.queries import ATTENTION
from payments.admin.counts import INVOICES_TO_ISSUE, stuck
from payments.models import Discrepancy, InvoiceRequest, Notification, Payment, Refund, UnappliedMoney


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """
    A number that is a link.

    :param urgent: somebody has to act on it when it is not 0
    """

    title: str
    count: int
    link: str
    urgent: bool = False
    detail: str = ""

    @property
    def shown(self) -> str:
        return display(self.count)


@dataclass(frozen=True, slots=True)
class Watched:
    """Rows that wait for somebody; those of all tiles are counted in one query."""

    title: Any
    rows: QuerySet[Any]
    link: str
    permission: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    at = now()
    person = actor(request)
    return {
        **context,
        "title": _("Home"),
        "tiles": [*_order_tiles(request, person, at=at), *_trouble_tiles(person)],
        "today": _today(at=at) if person.has_perm("orders.view_order") else [],
        "at": at,
    }


def _order_tiles(request: HttpRequest, person: User, *, at: datetime) -> list[Tile]:
    if not person.has_perm("orders.view_order"):
        return []
    counts = counts_of(request)
    late = Order.objects.filter(category=Category.AWAITING_FULFILLMENT, ship_by__lt=at).count()
    orders = reverse("admin:orders_order_changelist")
    return [
        Tile(
            title=_("To ship"),
            count=counts.get("orders:awaiting_fulfillment", 0),
            link=f"{orders}?category__exact={Category.AWAITING_FULFILLMENT}",
            urgent=late > 0,
            detail=_("%(count)s late") % {"count": display(late)} if late else "",
        ),
        Tile(
            title=_("Awaiting payment"),
            count=counts.get("orders:pending_payment", 0),
            link=f"{orders}?category__exact={Category.PENDING_PAYMENT}",
        ),
        Tile(
            title=_("Problem orders"),
            count=counts.get(f"orders:{ATTENTION}", 0),
            link=f"{orders}?attention=yes",
            urgent=True,
        ),
    ]


def _trouble_tiles(person: User) -> list[Tile]:
    watched = {str(place): it for place, it in enumerate(_watched()) if it.link and person.has_perm(it.permission)}
    counts = _count_all({code: it.rows for code, it in watched.items()})
    return [
        Tile(title=str(it.title), count=counts[code], link=it.link, urgent=True)
        for code, it in watched.items()
        if counts.get(code)
    ]


def _watched() -> list[Watched]:
    unknown = Payment.objects.filter(query_due_at__isnull=False, status=Payment.Status.UNKNOWN)
    refunds = Refund.objects.filter(status=Refund.Status.REQUIRES_ACTION)
    undecided = Refund.objects.filter(status=Refund.Status.PENDING_APPROVAL)
    differences = Discrepancy.objects.filter(resolved_at=None).exclude(kind=Discrepancy.Kind.CUTOFF)
    invoices = InvoiceRequest.objects.filter(status__in=INVOICES_TO_ISSUE)
    parked = Notification.objects.filter(state=Notification.State.PARKED)
    return [
        Watched(_("Payments of unknown outcome"), unknown, *_at(Payment, "part=unknown")),
        Watched(_("Paid, order not moved on"), stuck(Payment.objects.all()), *_at(Payment, "part=stuck")),
        Watched(_("Refunds awaiting approval"), undecided, _at(Refund, "part=approval")[0], "payments.approve_refund"),
        Watched(_("Refunds that need a person"), refunds, *_at(Refund, "part=person")),
        Watched(_("Unapplied money"), UnappliedMoney.objects.filter(resolved_at__isnull=True), *_at(UnappliedMoney)),
        Watched(_("Open differences"), differences, *_at(Discrepancy)),
        Watched(_("Invoices to issue"), invoices, *_at(InvoiceRequest)),
        Watched(_("Parked notifications"), parked, *_at(Notification, "part=parked")),
        Watched(_("Open alerts"), Alert.objects.filter(resolved_at__isnull=True), *_at(Alert, "open=yes")),
        Watched(_("Parked deliveries"), Delivery.objects.parked(), *_at(Delivery, "state__exact=parked")),
        Watched(_("Failed messages"), Message.objects.filter(state="failed"), *_at(Message, "state__exact=failed")),
        Watched(_("Failed jobs"), Job.objects.filter(state="failed"), *_at(Job, "state__exact=failed")),
    ]


def _at(model: type[Model], query: str = "") -> tuple[str, str]:
    """The list of a model, and the right to see it. Where an app has no such page the link is empty."""
    name = f"{model._meta.app_label}_{model._meta.model_name}_changelist"
    permission = f"{model._meta.app_label}.view_{model._meta.model_name}"
    try:
        link = reverse(f"admin:{name}")
    except NoReverseMatch:
        return "", permission
    return f"{link}?{query}" if query else link, permission


def _count_all(rows: dict[str, QuerySet[Any]]) -> dict[str, int]:
    if not rows:
        return {}
    parts = [
        part.order_by().values(code=Value(code)).annotate(n=Count("pk")).values_list("code", "n")
        for code, part in rows.items()
    ]
    first, *others = parts
    return dict(first.union(*others, all=True) if others else first)


def _today(*, at: datetime) -> list[dict[str, Any]]:
    """Orders placed today, beside yesterday until the same time of day."""
    start, _end = day_bounds(business_day(at))
    day = timedelta(days=1)
    until_now = Q(placed_at__gte=start, placed_at__lte=at)
    until_then = Q(placed_at__gte=start - day, placed_at__lte=at - day)
    sums = Order.objects.filter(placed_at__gte=start - day, placed_at__lte=at).aggregate(
        count=Count("pk", filter=until_now),
        count_before=Count("pk", filter=until_then),
        ordered=Coalesce(Sum("total_fen", filter=until_now), 0),
        ordered_before=Coalesce(Sum("total_fen", filter=until_then), 0),
        paid=Coalesce(Sum("paid_fen", filter=until_now), 0),
        paid_before=Coalesce(Sum("paid_fen", filter=until_then), 0),
    )
    return [
        {"title": _("Orders placed"), "now": sums["count"], "before": sums["count_before"]},
        {"title": _("Ordered"), "now": yuan(sums["ordered"]), "before": yuan(sums["ordered_before"])},
        {"title": _("Of it paid"), "now": yuan(sums["paid"]), "before": yuan(sums["paid_before"])},
    ]
