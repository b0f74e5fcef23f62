from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.secrets import SealedRow, sealed_text
from orders.models import Order, OrderLine


class InvoiceTitle(SealedRow):
    """Who an invoice is made out to, as it was when it was asked for."""

    class TitleKind(models.TextChoices):
        INDIVIDUAL = "individual", _("Individual")
        COMPANY = "company", _("Company or organisation")

    title_kind = models.CharField(_("title kind"), max_length=12, choices=TitleKind, default=TitleKind.INDIVIDUAL)
    title_name = models.CharField(_("invoice title"), max_length=100)
    tax_no = models.CharField(_("tax number"), max_length=20, blank=True)
    company_address = models.CharField(_("company address"), max_length=200, blank=True)
    company_phone = models.CharField(_("company phone"), max_length=40, blank=True)
    bank_name = models.CharField(_("bank"), max_length=100, blank=True)
    bank_account = models.CharField(_("bank account"), max_length=40, blank=True)
    email_sealed = models.TextField(_("e-mail"), blank=True)
    phone_sealed = models.TextField(_("phone"), blank=True)

    email = sealed_text("email_sealed")
    phone = sealed_text("phone_sealed")

    class Meta:
        abstract = True


class InvoiceRequest(InvoiceTitle):
    """
    An invoice on its way to a customer. A red one takes a blue one back, in whole or in part; its amounts are negative.

    The legal invoice is the file that the tax platform returns; this row says where it stands.
    """

    class Kind(models.TextChoices):
        BLUE = "blue", _("Invoice")
        RED = "red", _("Red-letter invoice")

    class Type(models.TextChoices):
        GENERAL = "general", _("General VAT invoice")  # 82 数电普票
        SPECIAL = "special", _("Special VAT invoice")  # 81 数电专票

    class Status(models.TextChoices):
        REQUESTED = "requested", pgettext_lazy("invoice", "To be issued")
        ISSUING = "issuing", pgettext_lazy("invoice", "Being issued")
        ISSUED = "issued", pgettext_lazy("invoice", "Issued")
        SENT = "sent", pgettext_lazy("invoice", "Sent")
        FAILED = "failed", pgettext_lazy("invoice", "Failed")
        RED_PENDING = "red_pending", pgettext_lazy("invoice", "Red letter to be issued")
        RED_ISSUED = "red_issued", pgettext_lazy("invoice", "Red letter issued")
        CANCELED = "canceled", pgettext_lazy("invoice", "Canceled")

    class Origin(models.TextChoices):
        STAFF = "staff", _("Staff")
        RULE = "rule", _("Rule")
        CUSTOMER = "customer", _("Customer")
        REFUND = "refund", _("Refund")

    OPEN = (Status.REQUESTED, Status.ISSUING, Status.FAILED)  # blue ones that nobody holds in hand yet
    IN_HAND = (Status.ISSUED, Status.SENT)

    request_no = models.CharField(_("request number"), max_length=32, unique=True)
    effect_key = models.CharField(_("effect key"), max_length=80, unique=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="+", verbose_name=_("order"))
    kind = models.CharField(_("blue or red"), max_length=4, choices=Kind, default=Kind.BLUE)
    blue = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="reds", verbose_name=_("the invoice it takes back")
    )
    type = models.CharField(_("type"), max_length=8, choices=Type, default=Type.GENERAL)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.REQUESTED)
    status_since = models.DateTimeField(_("in this state since"))
    origin = models.CharField(_("origin"), max_length=8, choices=Origin)
    channel = models.CharField(_("channel"), max_length=24, default="manual")
    channel_no = models.CharField(  # noqa: DJ001 - as the provider knows it; a new one only after the provider refused the last
        _("number at the provider"), max_length=32, null=True, unique=True
    )
    confirmation_no = models.CharField(_("red-letter confirmation"), max_length=32, blank=True)
    released_at = models.DateTimeField(_("released early at"), null=True)
    called_at = models.DateTimeField(_("sent to the provider at"), null=True)
    due_at = models.DateTimeField(_("next step at"), null=True, db_index=True)  # empty: it waits for a person
    attempt = models.PositiveIntegerField(_("steps taken"), default=0)
    last_message = models.CharField(_("last message"), max_length=300, blank=True)
    amount_fen = models.BigIntegerField(_("total with tax"))
    net_fen = models.BigIntegerField(_("without tax"))
    tax_fen = models.BigIntegerField(_("tax"))
    invoice_no = models.CharField(_("invoice number"), max_length=20, null=True, unique=True)  # noqa: DJ001
    issued_at = models.DateTimeField(_("issued at"), null=True)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    times_sent = models.PositiveIntegerField(_("times sent"), default=0)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), db_index=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("created by")
    )

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        permissions = (("request_invoice", _("Can request invoices")),)
        constraints = (
            CheckConstraint(name="invoice_sum", condition=Q(amount_fen=F("net_fen") + F("tax_fen"))),
            CheckConstraint(
                name="invoice_sign",
                condition=Q(kind="blue", amount_fen__gte=0) | Q(kind="red", amount_fen__lt=0, blue__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=("order", "-id"), name="invoice_order"),
            models.Index(fields=("status", "-id"), name="invoice_tab"),
        )

    def __str__(self) -> str:
        return self.invoice_no or self.request_no

    @property
    def is_red(self) -> bool:
        return self.kind == self.Kind.RED


class InvoiceLine(models.Model):
    """What an invoice names, with its tax; the sums of the lines are the invoice's."""

    request = models.ForeignKey(InvoiceRequest, models.CASCADE, related_name="lines", verbose_name=_("invoice"))
    line_no = models.PositiveSmallIntegerField(_("line"))
    order_line = models.ForeignKey(  # none for the shipping fee
        OrderLine, models.PROTECT, null=True, related_name="+", verbose_name=_("order line")
    )
    title = models.CharField(_("title"), max_length=200)
    tax_code = models.CharField(_("tax classification code"), max_length=19, blank=True)
    tax_rate_permille = models.PositiveSmallIntegerField(_("VAT rate (‰)"), null=True)
    quantity = models.BigIntegerField(_("quantity"))
    amount_fen = models.BigIntegerField(_("amount with tax"))
    net_fen = models.BigIntegerField(_("without tax"))
    tax_fen = models.BigIntegerField(_("tax"))

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        constraints = (
            models.UniqueConstraint(fields=("request", "line_no"), name="invoice_line_once"),
            CheckConstraint(name="invoice_line_sum", condition=Q(amount_fen=F("net_fen") + F("tax_fen"))),
        )

    def __str__(self) -> str:
        return self.title


class InvoiceFile(models.Model):
    """A file of the tax platform, kept as it came and never served but to those who may see it."""

    class Format(models.TextChoices):
        PDF = "pdf", "PDF"
        OFD = "ofd", "OFD"
        XML = "xml", "XML"

    request = models.ForeignKey(InvoiceRequest, models.PROTECT, related_name="files", verbose_name=_("invoice"))
    format = models.CharField(_("format"), max_length=4, choices=Format)
    file = models.FileField(_("file"), upload_to="invoices/")
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size = models.PositiveIntegerField(_("bytes"))
    created_at = models.DateTimeField(_("created at"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("uploaded by")
    )

    class Meta:
        verbose_name = _("invoice file")
        verbose_name_plural = _("invoice files")
        constraints = (models.UniqueConstraint(fields=("request", "sha256"), name="invoice_file_once"),)

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What it is called when somebody downloads it."""
        return f"{self.request}.{self.format}"


class InvoiceLink(models.Model):
    """A customer's way to the invoices and the receipt of one order. Only the hash of its token is kept."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="+", verbose_name=_("order"))
    token_hash = models.CharField(_("token hash"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("created by")
    )
    expires_at = models.DateTimeField(_("expires at"))
    opened_at = models.DateTimeField(_("first opened at"), null=True)
    last_opened_at = models.DateTimeField(_("last opened at"), null=True)
    times_opened = models.PositiveIntegerField(_("times opened"), default=0)

    class Meta:
        verbose_name = _("invoice link")
        verbose_name_plural = _("invoice links")

    def __str__(self) -> str:
        return f"#{self.pk}"
