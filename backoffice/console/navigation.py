"""What stands around every page: the shop's name, the sidebar with its counts, the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from kernel.admin import SearchResult, actor, counts_of
from kernel.counters import display
from kernel.models import User

from .face import face

TO_SHIP = "orders:awaiting_fulfillment"


@dataclass(frozen=True, slots=True)
class Item:
    """
    A line of the sidebar.

    :param url: name of the page; where there is no such page, there is no line
    :param counter: shown as a badge when it is not 0
    """

    title: Any
    icon: str
    url: str
    permission: str = ""
    counter: str = ""


GROUPS: tuple[tuple[Any, tuple[Item, ...]], ...] = (
    ("", (Item(_("Home"), "home", "index"),)),
    (
        _("Orders"),
        (
            Item(
                _("All orders"),
                "receipt_long",
                "orders_order_changelist",
                "orders.view_order",
                "orders:awaiting_fulfillment",
            ),
            Item(_("Import orders"), "upload_file", "orders_import", "orders.import_order"),
            Item(_("Products"), "inventory_2", "orders_product_changelist", "orders.view_product"),
            Item(_("Carriers"), "local_shipping", "orders_carrier_changelist", "orders.view_carrier"),
            Item(_("Tags"), "sell", "orders_tag_changelist", "orders.view_tag"),
            Item(_("Workflow"), "account_tree", "kernel_workflow_changelist", "kernel.view_workflow"),
        ),
    ),
    (
        _("Payments"),
        (
            Item(_("Payments"), "payments", "payments_payment_changelist", "payments.view_payment", "payments:trouble"),
            Item(_("Live monitor"), "monitoring", "payments_monitor", "payments.view_payment"),
            Item(_("Refunds"), "undo", "payments_refund_changelist", "payments.view_refund", "payments:refund_work"),
            Item(
                _("Unapplied money"),
                "help",
                "payments_unappliedmoney_changelist",
                "payments.view_unappliedmoney",
                "payments:unapplied",
            ),
            Item(
                _("Notifications"),
                "inbox",
                "payments_notification_changelist",
                "payments.view_notification",
                "payments:parked",
            ),
            Item(
                _("Reconciliation"),
                "fact_check",
                "payments_statement_changelist",
                "payments.view_statement",
                "payments:differences",
            ),
            Item(
                _("Invoices"),
                "request_quote",
                "payments_invoicerequest_changelist",
                "payments.view_invoicerequest",
                "payments:invoices_waiting",
            ),
            Item(_("Payment rules"), "rule", "kernel_rule_changelist", "kernel.view_rule"),
            Item(_("Ledger"), "balance", "payments_ledgerentry_changelist", "payments.view_ledgerentry"),
            Item(_("Payment methods"), "key", "payments_gatewayaccount_changelist", "payments.view_gatewayaccount"),
        ),
    ),
    (
        _("Customers"),
        (
            Item(_("Customers"), "group", "customers_customer_changelist", "customers.view_customer"),
            Item(_("Customer types"), "category", "customers_customertype_changelist", "customers.view_customertype"),
        ),
    ),
    (
        _("Settings"),
        (
            Item(_("Shop"), "storefront", "kernel_shopsettings_changelist", "kernel.view_shopsettings"),
            Item(
                _("Invoice settings"),
                "receipt_long",
                "payments_invoicesettings_changelist",
                "payments.view_invoicesettings",
            ),
            Item(_("Staff"), "badge", "kernel_user_changelist", "kernel.view_user"),
            Item(_("Roles"), "shield_person", "auth_group_changelist", "auth.view_group"),
        ),
    ),
    (
        _("Diagnostics"),
        (
            Item(_("Alerts"), "notifications", "kernel_alert_changelist", "kernel.view_alert"),
            Item(_("Messages"), "mail", "kernel_message_changelist", "kernel.view_message"),
            Item(_("Jobs"), "pending_actions", "kernel_job_changelist", "kernel.view_job"),
            Item(_("Event deliveries"), "outbox", "kernel_delivery_changelist", "kernel.view_delivery"),
            Item(_("Timers"), "schedule", "kernel_scheduletick_changelist", "kernel.view_scheduletick"),
            Item(_("Audit log"), "history", "kernel_auditentry_changelist", "kernel.view_auditentry"),
        ),
    ),
)


def shop_name(_request: HttpRequest) -> str:
    return str(face()["name"])


def environment(_request: HttpRequest) -> list[str] | None:
    """A badge on every page until the shop is live."""
    return None if face()["is_live"] else [str(_("Test mode")), "warning"]


def for_every_page(request: HttpRequest) -> dict[str, Any]:
    return {"shop_name": shop_name(request), "demo": settings.MODE == "demo"}


def account_links(_request: HttpRequest) -> list[dict[str, Any]]:
    return [
        {"title": _("Change password"), "link": reverse("account_change_password")},
        {"title": _("Two-step sign-in"), "link": reverse("mfa_index")},
    ]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    person = actor(request)
    counts = counts_of(request)
    groups = (
        {"title": title, "items": [line for item in items if (line := _line(item, person, counts))]}
        for title, items in GROUPS
    )
    return [{**group, "separator": bool(group["title"])} for group in groups if group["items"]]


def found(request: HttpRequest, term: str) -> list[SearchResult]:
    """The palette finds orders by any number; what is typed there goes the way of the list's search box."""
    if not actor(request).has_perm("orders.view_order"):
        return []
    link = f"{reverse('admin:orders_order_changelist')}?{urlencode({'q': term})}"
    return [SearchResult(title=term, description=str(_("Search orders")), link=link, icon="search")]


def _is_here(link: str) -> Callable[[HttpRequest], bool]:
    """Whether a page belongs to this line: of two that fit, the longer address wins."""
    others = {address for _title, items in GROUPS for it in items if (address := _address(it))} - {link}

    def is_here(request: HttpRequest) -> bool:
        if link == reverse("admin:index"):
            return request.path == link
        nearer = any(it.startswith(link) and request.path.startswith(it) for it in others)
        return request.path.startswith(link) and not nearer

    return is_here


def _address(item: Item) -> str:
    try:
        return reverse(f"admin:{item.url}")
    except NoReverseMatch:
        return ""


def _line(item: Item, person: User, counts: dict[str, int]) -> dict[str, Any] | None:
    if item.permission and not person.has_perm(item.permission):
        return None
    link = _address(item)
    if not link:
        return None
    count = counts.get(item.counter, 0)
    return {
        "title": item.title,
        "icon": item.icon,
        "link": link,
        "active": _is_here(link),
        **({"badge": display(count), "badge_variant": "danger"} if count else {}),
    }
