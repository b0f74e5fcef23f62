from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.models.address import PostalAddress
from kernel.models import Category, Job, WorkflowVersion


class Tag(models.Model):
    name = models.CharField(_("name"), max_length=40, unique=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name


class OrderQuerySet(models.QuerySet["Order"]):
    def closing_due(self, *, at: datetime) -> Self:
        return self.filter(closing_due_at__lte=at)

    def reminder_due(self, *, at: datetime) -> Self:
        return self.filter(remind_due_at__lte=at)

    def timer_due(self, *, at: datetime) -> Self:
        return self.filter(timer_due_at__lte=at)


class Order(PostalAddress):
    """
    What a customer ordered, where it goes and where it stands, on four axes that nobody types by hand.

    `state` is the merchant's, `category` its fixed meaning; the three other statuses follow from money, parcels and
    cases. The postal part is the snapshot of where this order goes, whatever the customer's address book says later.
    """

    class PaymentStatus(models.TextChoices):
        UNPAID = "unpaid", _("Unpaid")
        PARTIALLY_PAID = "partially_paid", _("Partially paid")
        PAID = "paid", _("Paid")
        OVERPAID = "overpaid", _("Overpaid")
        PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
        REFUNDED = "refunded", _("Refunded")

    class FulfillmentStatus(models.TextChoices):
        UNFULFILLED = "unfulfilled", _("Not shipped")
        PARTIALLY_FULFILLED = "partially_fulfilled", _("Partly shipped")
        FULFILLED = "fulfilled", _("Shipped")
        NOT_REQUIRED = "not_required", _("Nothing to ship")

    class AftersalesStatus(models.TextChoices):
        NONE = "none", _("No case")
        OPEN = "open", _("In after-sales")
        RESOLVED = "resolved", _("After-sales done")

    class CloseReason(models.TextChoices):
        PAYMENT_TIMEOUT = "payment_timeout", _("Payment time ran out")
        CANCELED_BY_CUSTOMER = "canceled_by_customer", _("Canceled by customer")
        CANCELED_BY_MERCHANT = "canceled_by_merchant", _("Canceled by merchant")
        OUT_OF_STOCK = "out_of_stock", _("Out of stock")
        FULLY_REFUNDED = "fully_refunded", _("Fully refunded")
        RISK_REJECTED = "risk_rejected", _("Refused as a risk")
        DUPLICATE = "duplicate", _("Ordered twice")
        TEST = "test", _("Test order")

    class Flag(models.TextChoices):
        NONE = "", _("No flag")
        RED = "red", _("Red")
        YELLOW = "yellow", _("Yellow")
        GREEN = "green", _("Green")
        BLUE = "blue", _("Blue")
        PURPLE = "purple", _("Purple")

    order_no = models.CharField(_("order number"), max_length=32, unique=True)
    order_type = models.CharField(_("order type"), max_length=24, default="payment_order")
    source = models.CharField(_("source"), max_length=40, default="backoffice")
    external_order_no = models.CharField(_("external order no."), max_length=64, null=True)  # noqa: DJ001
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+", verbose_name=_("customer"))

    workflow_version = models.ForeignKey(WorkflowVersion, models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=40)
    category = models.CharField(_("category"), max_length=24, choices=Category)
    state_since = models.DateTimeField(_("in this state since"))
    payment_status = models.CharField(_("payment"), max_length=20, choices=PaymentStatus, default=PaymentStatus.UNPAID)
    fulfillment_status = models.CharField(
        _("shipping"), max_length=20, choices=FulfillmentStatus, default=FulfillmentStatus.UNFULFILLED
    )
    aftersales_status = models.CharField(
        _("after-sales"), max_length=10, choices=AftersalesStatus, default=AftersalesStatus.NONE
    )
    close_reason = models.CharField(_("closed because"), max_length=24, choices=CloseReason, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)  # of what staff may edit: two editors, one wins
    history_seq = models.PositiveIntegerField(_("last event"), default=0)

    subtotal_fen = models.BigIntegerField(_("subtotal"), default=0)  # of the lines, before discounts
    discount_fen = models.BigIntegerField(_("discount"), default=0)
    adjustment_fen = models.BigIntegerField(_("price adjustment"), default=0)  # by staff, up or down
    shipping_fen = models.BigIntegerField(_("shipping fee"), default=0)
    total_fen = models.BigIntegerField(_("total payable"), default=0)
    paid_fen = models.BigIntegerField(_("amount paid"), default=0)
    refunded_fen = models.BigIntegerField(_("amount refunded"), default=0)
    shipping_refunded_fen = models.BigIntegerField(_("shipping fee refunded"), default=0)

    placed_at = models.DateTimeField(_("placed at"), db_index=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)
    shipped_at = models.DateTimeField(_("shipped at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    completed_at = models.DateTimeField(_("completed at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    payment_due_at = models.DateTimeField(_("pay before"), null=True)
    closing_due_at = models.DateTimeField(_("to be closed at"), null=True, db_index=True)
    remind_due_at = models.DateTimeField(_("to be reminded at"), null=True, db_index=True)
    timer_due_at = models.DateTimeField(_("next timer"), null=True, db_index=True)
    ship_by = models.DateTimeField(_("ship by"), null=True)

    flag = models.CharField(_("flag"), max_length=8, choices=Flag, blank=True, default=Flag.NONE)
    staff_note = models.CharField(_("merchant note"), max_length=500, blank=True)
    customer_note = models.CharField(_("customer note"), max_length=500, blank=True)
    tags = models.ManyToManyField(Tag, related_name="+", blank=True, verbose_name=_("tags"))
    import_job = models.ForeignKey(
        Job, models.PROTECT, null=True, related_name="+", verbose_name=_("imported by")
    )  # an imported order starts no reminder, timeout, message or rule
    import_hash = models.CharField(_("import hash"), max_length=64, blank=True)
    raw = models.JSONField(_("other columns"), default=dict, blank=True)  # of the imported file

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = (
            ("note_order", _("Can flag orders and write notes")),
            ("close_order", _("Can close orders")),
            ("ship_order", _("Can ship orders")),
            ("import_order", _("Can import orders")),
            ("export_order", _("Can export orders")),
            ("export_unmasked_order", _("Can export full phone numbers and addresses")),
            ("complete_order", _("Can complete orders")),
        )
        constraints = (
            models.UniqueConstraint(fields=("source", "external_order_no"), name="order_external_once"),
            CheckConstraint(
                name="order_total",
                condition=Q(total_fen=F("subtotal_fen") - F("discount_fen") + F("adjustment_fen") + F("shipping_fen")),
            ),
            CheckConstraint(
                name="order_signs",
                condition=Q(
                    subtotal_fen__gte=0,
                    discount_fen__gte=0,
                    shipping_fen__gte=0,
                    total_fen__gte=0,
                    paid_fen__gte=0,
                    refunded_fen__gte=0,
                ),
            ),
            CheckConstraint(name="order_not_overrefunded", condition=Q(paid_fen__gte=F("refunded_fen"))),
        )
        indexes = (
            models.Index(fields=("category", "-placed_at", "-id"), name="order_tab"),
            models.Index(fields=("-placed_at", "-id"), name="order_newest"),
            models.Index(fields=("customer", "-placed_at"), name="order_customer"),
        )

    def __str__(self) -> str:
        return self.order_no

    @property
    def due_fen(self) -> int:
        """What is still to be paid; nothing once the order is closed."""
        return 0 if self.is_closed else max(self.total_fen - self.paid_fen, 0)

    @property
    def is_closed(self) -> bool:
        return self.category == Category.CLOSED

    @property
    def is_unpaid(self) -> bool:
        return self.category == Category.PENDING_PAYMENT and self.paid_fen == 0

    @property
    def is_imported(self) -> bool:
        return self.import_job_id is not None
