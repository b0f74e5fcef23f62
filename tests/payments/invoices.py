"""What tests of invoices start from: a paid order with tax rates, and files as the tax platform gives them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from orders.models import Order, OrderLine
from payments import services
from payments.models import InvoiceRequest, Payment
from payments.services import Share, Title
from tests.factories import ProductFactory, paid_payment
from tests.helpers import NOON, drain

TAX_NO = "91350100M000100Y43"
NUMBER = "24312000000012345678"
COMPANY = Title(kind="company", name="某某商贸有限公司", tax_no=TAX_NO)
PERSON = Title(kind="individual", name="张三")


def paid_order(*, total_fen: int = 17_800, rate: int | None = 130) -> Order:
    payment = paid_payment(order__total_fen=total_fen)
    product = ProductFactory.create(tax_rate_permille=rate, tax_category_code="1060512990000000000" if rate else "")
    OrderLine.objects.filter(order=payment.order_id).update(product=product)
    return Order.objects.get(pk=payment.order_id)


def asked(order: Order, *, title: Title = COMPANY, **options: Any) -> InvoiceRequest:
    return services.request_invoice(order_id=order.pk, title=title, by=None, at=NOON, **options)


def refunded(order: Order, *, amount_fen: int, key: str = "a") -> None:
    payment = Payment.objects.get(order=order)
    refund = services.request_refund(
        payment_id=payment.pk, share=Share(amount_fen=amount_fen), reason="退货", key=key, by=None, at=NOON
    )
    services.send_refund(refund_id=refund.pk, at=NOON)
    drain(NOON)


def xml(row: InvoiceRequest, *, number: str = NUMBER, remark: str | None = None, **changes: str) -> bytes:
    """The official layout, as far as it matters here."""
    total = changes.get("total", f"{row.amount_fen / 100:.2f}")
    said = remark if remark is not None else f"订单号 {row.order.order_no}"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<EInvoice><EInvoiceData>
<BuyerInformation><BuyerIdNum>{changes.get("buyer", row.tax_no)}</BuyerIdNum></BuyerInformation>
<BasicInformation><TotalTax-includedAmount>{total}</TotalTax-includedAmount>
<RequestTime>2026-11-22</RequestTime></BasicInformation>
<IssuItemInformation><TotaltaxIncludedAmount>1.00</TotaltaxIncludedAmount></IssuItemInformation>
<AdditionalInformation><Remark>{said}</Remark></AdditionalInformation></EInvoiceData>
<TaxSupervisionInfo><InvoiceNumber>{number}</InvoiceNumber><IssueTime>2026-11-22 10:11:12</IssueTime>
</TaxSupervisionInfo></EInvoice>""".encode()


def pdf(text: str = "") -> bytes:
    return b"%PDF-1.7\n" + text.encode()


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return packed.getvalue()


def ofd() -> bytes:
    return zipped(OFD__xml=b"<OFD/>")


def take(*files: tuple[str, bytes]) -> list[services.Placed]:
    uploads = [services.Upload(name=name, content=content) for name, content in files]
    return services.take_files(uploads=uploads, by=None, at=NOON)
