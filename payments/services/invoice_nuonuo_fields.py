"""The fields of Nuonuo's requests, from our rows. Amounts are yuan with two digits, rates fractions of one."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from kernel.clock import local
from kernel.money import plain_yuan

from ..models import InvoiceLine, InvoiceRequest, InvoiceSettings

KINDS = {InvoiceRequest.Type.GENERAL: "pc", InvoiceRequest.Type.SPECIAL: "bs"}
BLUE, PLAIN_LINE, WITH_TAX, NO_PUSH, SELLER = "1", "0", "1", "-1", "0"
RETURNED, ALLOWANCE = "1", "4"  # 销货退回, 销售折让
EIGHT_DIGITS = Decimal("0.00000001")


def order_of(row: InvoiceRequest, seller: InvoiceSettings, *, at: datetime) -> dict[str, object]:
    """The invoice to be issued. Nuonuo sends nothing to the customer: we do."""
    return {
        "orderNo": row.channel_no,
        "invoiceDate": f"{local(at):%Y-%m-%d %H:%M:%S}",
        "invoiceType": BLUE,
        "invoiceLine": KINDS[InvoiceRequest.Type(row.type)],
        "pushMode": NO_PUSH,
        "remark": f"订单号 {row.order.order_no}",
        "clerk": seller.clerk,
        "extensionNumber": seller.extension,
        "salerTaxNum": seller.seller_tax_no,
        "salerTel": seller.seller_phone,
        "salerAddress": seller.seller_address,
        "salerAccount": f"{seller.seller_bank} {seller.seller_account}".strip(),
        "buyerName": row.title_name,
        "buyerTaxNum": row.tax_no,
        "buyerTel": row.company_phone,
        "buyerAddress": row.company_address,
        "buyerAccount": f"{row.bank_name} {row.bank_account}".strip(),
        "invoiceDetail": [_sold(line) for line in row.lines.order_by("line_no")],
    }


def confirmation_of(red: InvoiceRequest, seller: InvoiceSettings) -> dict[str, object]:
    """What a red letter takes back; line by line, unless it takes back all."""
    blue = red.blue
    assert blue is not None  # noqa: S101 - held by the constraint invoice_sign
    lines = list(red.lines.order_by("line_no"))
    is_whole = red.amount_fen == -blue.amount_fen
    return {
        "billId": red.channel_no,
        "orderNo": red.channel_no,
        "applySource": SELLER,
        "blueInvoiceLine": KINDS[InvoiceRequest.Type(blue.type)],
        "blueElecInvoiceNumber": blue.invoice_no,
        "sellerTaxNo": seller.seller_tax_no,
        "sellerName": seller.seller_name,
        "buyerTaxNo": blue.tax_no,
        "buyerName": blue.title_name,
        "redReason": RETURNED if all(line.quantity for line in lines) else ALLOWANCE,
        "extensionNumber": seller.extension,
        **({} if is_whole else {"detail": _taken_back(blue, lines)}),
    }


def fast_red_of(red: InvoiceRequest, seller: InvoiceSettings) -> dict[str, object]:
    blue = red.blue
    assert blue is not None  # noqa: S101 - held by the constraint invoice_sign
    return {
        "orderNo": red.channel_no,
        "taxNum": seller.seller_tax_no,
        "elecInvoiceNumber": blue.invoice_no,
        "billNo": red.confirmation_no,
        "invoiceLine": KINDS[InvoiceRequest.Type(blue.type)],
        "extensionNumber": seller.extension,
    }


def _sold(line: InvoiceLine) -> dict[str, str]:
    return {
        "goodsName": line.title[:90],
        "goodsCode": line.tax_code,
        "withTaxFlag": WITH_TAX,
        "invoiceLineProperty": PLAIN_LINE,
        "taxRate": _rate(line),
        "taxIncludedAmount": plain_yuan(line.amount_fen),
        "taxExcludedAmount": plain_yuan(line.net_fen),
        "tax": plain_yuan(line.tax_fen),
        **_counted(line, "price", of_fen=line.amount_fen),
    }


def _taken_back(blue: InvoiceRequest, lines: list[InvoiceLine]) -> list[dict[str, str]]:
    """Nuonuo knows the blue invoice's lines by their place."""
    places = {line.order_line_id: line.line_no for line in blue.lines.all()}
    return [
        {
            "blueDetailIndex": str(places[line.order_line_id]),
            "goodsName": line.title[:90],
            "goodsCode": line.tax_code,
            "taxRate": _rate(line),
            "taxExcludedAmount": plain_yuan(line.net_fen),
            "taxAmount": plain_yuan(line.tax_fen),
            **_counted(line, "taxExcludedPrice", of_fen=line.net_fen),
        }
        for line in lines
    ]


def _counted(line: InvoiceLine, price: str, *, of_fen: int) -> dict[str, str]:
    """Number and price of a piece; neither where the amount is no whole number of pieces."""
    if not line.quantity:
        return {}
    each = (Decimal(of_fen) / 100 / line.quantity).quantize(EIGHT_DIGITS, ROUND_HALF_UP)
    return {"num": str(line.quantity), price: f"{each.normalize():f}"}


def _rate(line: InvoiceLine) -> str:
    return f"{Decimal(line.tax_rate_permille or 0) / 1000:f}"
