"""The columns of the order list."""

from __future__ import annotations

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kernel.admin import action_address, copyable, moment, money
from kernel.phones import mask_name, mask_phone

from ..models import Order
from . import looks
from .buttons import next_of
from .rows import shown_of

SOURCES = {"backoffice": gettext_lazy("Back office"), "demo": gettext_lazy("Sample")}
FLAG = "⚑"


def source_name(order: Order) -> str:
    return str(SOURCES.get(order.source, order.source))


def flag_link(order: Order, *, back: str, may: bool) -> SafeString:
    """The flag and the note under it; pressed, both can be changed without leaving the list."""
    colour = looks.FLAG_COLOURS.get(Order.Flag(order.flag), "var(--bo-faint)")
    word = order.get_flag_display() if order.flag else ""
    face = format_html(
        '<span style="color:{}" aria-hidden="true">{}</span><span class="{}">{}</span>',
        colour,
        FLAG if order.flag else "⚐",
        "bo-word" if order.flag else "bo-sr",
        word or _("No flag"),
    )
    note = format_html('<span class="bo-note" title="{}">{}</span>', order.staff_note, order.staff_note)
    if not may:
        return format_html('<span class="bo-stack"><span class="bo-flag">{}</span>{}</span>', face, note)
    return format_html(
        '<span class="bo-stack"><a class="bo-flag" href="{}" data-dialog title="{}">{}</a>{}</span>',
        action_address(order, "mark", back=back),
        _("Flag and note"),
        face,
        note if order.staff_note else "",
    )


class OrderColumns:
    """Cells; `rows.load` has given each order what it takes to show them."""

    @admin.display(description=FLAG)
    def flag_cell(self, order: Order) -> SafeString:
        shown = shown_of(order)
        return flag_link(order, back=shown.back, may=shown.may_mark)

    @admin.display(description=gettext_lazy("order number / time"), ordering="placed_at")
    def number(self, order: Order) -> SafeString:
        return format_html(
            '<span class="bo-stack">{}<span class="bo-small bo-faint bo-nowrap">{} · {}</span></span>',
            copyable(order.order_no, href=getattr(order, "link", "")),
            moment(order.placed_at),
            source_name(order),
        )

    @admin.display(description=gettext_lazy("goods"))
    def goods(self, order: Order) -> SafeString:
        goods = shown_of(order).goods
        if not goods:
            return SafeString("—")
        (title, quantity), rest = goods[0], len(goods) - 1
        more = ngettext("and %(count)d more", "and %(count)d more", rest) % {"count": rest} if rest else ""
        return format_html(
            '<span class="bo-stack"><span>{} ×{}</span><span class="bo-small bo-faint">{}</span></span>',
            title,
            quantity,
            more,
        )

    @admin.display(description=gettext_lazy("customer"))
    def customer_cell(self, order: Order) -> SafeString:
        customer = order.customer
        phone = order.recipient_phone or customer.phone
        glyph = customer.type.glyph if customer.type else "匿"
        kind = str(customer.type) if customer.type else _("Anonymous")
        return format_html(
            '<span class="bo-stack"><span><span class="bo-badge bo-tone-neutral" title="{}">{}</span> {}</span>'
            '<span class="bo-small bo-faint bo-nowrap">{}</span></span>',
            kind,
            glyph,
            mask_name(order.recipient_name or customer.name),
            mask_phone(phone),
        )

    @admin.display(description=gettext_lazy("payable / paid"), ordering="total_fen")
    def amount(self, order: Order) -> SafeString:
        paid = money(order.paid_fen, faint=True) if order.paid_fen not in (0, order.total_fen) else ""
        back = (
            format_html('<span class="bo-small bo-faint">{} −{}</span>', _("refunded"), money(order.refunded_fen))
            if order.refunded_fen
            else ""
        )
        return format_html('<span class="bo-stack">{}{}{}</span>', money(order.total_fen), paid, back)

    @admin.display(description=gettext_lazy("payment"))
    def payment(self, order: Order) -> SafeString:
        return looks.payment_badge(order)

    @admin.display(description=gettext_lazy("shipping"))
    def shipping(self, order: Order) -> SafeString:
        parcels = format_html_join(
            "",
            '<span class="bo-small">{} {}</span>',
            ((carrier, copyable(number)) for carrier, number in shown_of(order).parcels[:2]),
        )
        return format_html('<span class="bo-stack">{}{}</span>', looks.fulfillment_badge(order), parcels)

    @admin.display(description=gettext_lazy("state"))
    def state_cell(self, order: Order) -> SafeString:
        return format_html(
            '<span class="bo-stack">{}{}{}{}</span>',
            looks.state_badge(order),
            looks.deadline(order, at=shown_of(order).at),
            looks.disagreement(order),
            looks.aftersales_badge(order),
        )

    @admin.display(description=gettext_lazy("next step"))
    def next_step(self, order: Order) -> SafeString:
        buttons = shown_of(order).buttons
        primary = next_of(buttons)
        context = {"primary": primary, "others": [it for it in buttons if it is not primary], "key": order.pk}
        return SafeString(render_to_string("backoffice/row_buttons.html", context))
