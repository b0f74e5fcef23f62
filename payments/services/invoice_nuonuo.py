"""Invoices through Nuonuo: rows become its fields, its states become ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from kernel.clock import now

from ..models import InvoiceRequest, InvoiceSettings
from ..providers import nuonuo
from .einvoice import NUMBER
from .invoice_answers import Answer
from .invoice_nuonuo_fields import confirmation_of, fast_red_of, order_of
from .invoice_settings import invoice_settings

Status = InvoiceRequest.Status
DONE, SEAL_FAILED, FAILED, VOID = "2", "24", "22", ("3", "31")
CONFIRMED, FOR_BUYER = ("01", "04"), "02"
DEAD = ("05", "06", "07", "08", "09", "16")
FILES = {"pdfUrl": "pdf", "ofdUrl": "ofd", "xmlUrl": "xml"}
Row = Mapping[str, object]


class Nuonuo:
    """Our number goes with every call, so that none of them does anything twice."""

    code = InvoiceSettings.Channel.NUONUO.value
    label = InvoiceSettings.Channel.NUONUO.label
    is_online = True

    def issue(self, *, request: InvoiceRequest) -> Answer:
        chosen = invoice_settings()
        _ensure_signed_in(chosen)
        reply = _call(chosen, nuonuo.ISSUE, {"order": order_of(request, chosen, at=now())})
        return _taken(reply, waiting=Status.ISSUING)

    def query(self, *, request: InvoiceRequest) -> Answer:
        """Of a red letter: its invoice, or else the confirmation that comes before it."""
        told = _result(request)
        if told is not None:
            return _standing(request, told)
        return _confirmation(request) if request.is_red else Answer(status=request.status, is_known=False)

    def red_apply(self, *, request: InvoiceRequest) -> Answer:
        chosen = invoice_settings()
        _ensure_signed_in(chosen)
        reply = _call(chosen, nuonuo.RED_APPLY, confirmation_of(request, chosen))
        return _taken(reply, waiting=Status.RED_PENDING)

    def red_issue(self, *, request: InvoiceRequest) -> Answer:
        """Refused or not, the next query tells: an electronic one may have been issued with its confirmation."""
        reply = _call(invoice_settings(), nuonuo.RED_ISSUE, fast_red_of(request, invoice_settings()))
        return Answer(status=Status.RED_PENDING, message="" if reply.is_done else _words(reply))

    def download(self, *, request: InvoiceRequest) -> list[tuple[str, bytes]]:
        told, client = _result(request) or {}, _client(invoice_settings())
        found = {kind: str(told[name]) for name, kind in FILES.items() if told.get(name)}
        return [(f"{request.invoice_no}.{kind}", client.fetch_file(url)) for kind, url in found.items()]


def try_provider(*, at: datetime) -> None:
    """
    Ask about an invoice that does not exist: the answer proves address, signature, token and sign-in.

    :raises ProviderTrouble: saying what is wrong
    """
    chosen = invoice_settings()
    reply = _call(chosen, nuonuo.QUERY, {"orderNos": [f"{at:%Y%m%d%H%M%S}000000"], "isOfferInvoiceDetail": "0"})
    if not reply.is_done and reply.code not in nuonuo.NOT_FOUND:
        raise nuonuo.Unreachable(code=_words(reply))
    _ensure_signed_in(chosen)


def _client(chosen: InvoiceSettings) -> nuonuo.Client:
    account = nuonuo.Account(
        app_key=chosen.app_key,
        app_secret=chosen.app_secret,
        tax_no=chosen.seller_tax_no,
        token=chosen.token,
        extension=chosen.extension,
        platform_account=chosen.platform_account,
        address=chosen.address,
    )
    return nuonuo.Client(account=account)


def _ensure_signed_in(chosen: InvoiceSettings) -> None:
    _renew_token(chosen)
    with _watched_token(chosen):
        _client(chosen).ensure_signed_in()


def _call(chosen: InvoiceSettings, method: str, content: Mapping[str, object]) -> nuonuo.Reply:
    _renew_token(chosen)
    with _watched_token(chosen):
        return _client(chosen).call(method, content)


@contextmanager
def _watched_token(chosen: InvoiceSettings) -> Iterator[None]:
    """One that we fetched and that is refused is forgotten: the next call fetches another."""
    try:
        yield
    except nuonuo.TokenRefused:
        if chosen.token_until is not None:
            InvoiceSettings.objects.filter(pk=chosen.pk).update(token_sealed="", token_until=None)
        raise


def _renew_token(chosen: InvoiceSettings) -> None:
    """One that staff typed has no end that we know of, and is used until it is refused."""
    if chosen.token and (chosen.token_until is None or chosen.token_until > now()):
        return
    fetched = _client(chosen).fetch_token(at=now())
    chosen.token, chosen.token_until = fetched.value, fetched.until
    chosen.save(update_fields=["token_sealed", "token_until"])


def _taken(reply: nuonuo.Reply, *, waiting: str) -> Answer:
    """Taken now or before; the same number twice is the same invoice."""
    if reply.is_done or reply.code == nuonuo.DUPLICATE:
        return Answer(status=waiting)
    return Answer(status=Status.FAILED, message=_words(reply))


def _result(request: InvoiceRequest) -> Row | None:
    asked = {"orderNos": [request.channel_no], "isOfferInvoiceDetail": "0"}
    reply = _call(invoice_settings(), nuonuo.QUERY, asked)
    if not reply.is_done and reply.code not in nuonuo.NOT_FOUND:
        raise nuonuo.Unreachable(code=_words(reply))
    return next((it for it in reply.rows if it.get("orderNo", request.channel_no) == request.channel_no), None)


def _standing(request: InvoiceRequest, told: Row) -> Answer:
    waiting = Status.RED_PENDING if request.is_red else Status.ISSUING
    state, words = str(told.get("status", "")), str(told.get("failCause") or told.get("statusMsg") or "")
    if state == DONE:
        return _issued(request, told, waiting=waiting)
    if state == SEAL_FAILED:
        again = {"fpqqlsh": str(told.get("serialNo", "")), "orderno": request.channel_no}
        _call(invoice_settings(), nuonuo.SEAL_AGAIN, again)
        return Answer(status=waiting, message=words)
    if state == FAILED or state in VOID:
        return Answer(status=Status.FAILED, message=words or _("The provider gives no reason."))
    return Answer(status=waiting, message=words)


def _issued(request: InvoiceRequest, told: Row, *, waiting: str) -> Answer:
    number = str(told.get("allElectronicInvoiceNumber") or told.get("invoiceNo") or "")
    if NUMBER.fullmatch(number) is None:
        return Answer(status=waiting, message=_("Issued, but the provider gives no number of 20 digits."))
    status = Status.RED_ISSUED if request.is_red else Status.ISSUED
    return Answer(status=status, invoice_no=number, issued_at=_moment(told.get("invoiceTime")))


def _confirmation(request: InvoiceRequest) -> Answer:
    reply = _call(invoice_settings(), nuonuo.RED_QUERY, {"identity": "0", "billId": request.channel_no})
    if not reply.is_done and reply.code not in nuonuo.NOT_FOUND:
        raise nuonuo.Unreachable(code=_words(reply))
    told = next((it for it in reply.rows if it.get("billId", request.channel_no) == request.channel_no), None)
    if told is None:
        return Answer(status=Status.RED_PENDING, is_known=False)
    state, number = str(told.get("billStatus", "")), str(told.get("billNo") or "")
    if state in DEAD:
        words = str(told.get("billMessage") or "") or _("The red-letter confirmation came to nothing.")
        return Answer(status=Status.FAILED, message=words)
    if state in CONFIRMED:
        return Answer(status=Status.RED_PENDING, confirmation_no=number[:32])
    waits = _("The buyer has to confirm the red letter, within 72 hours.") if state == FOR_BUYER else ""
    return Answer(status=Status.RED_PENDING, message=waits)


def _moment(value: object) -> datetime | None:
    """Milliseconds since 1970."""
    try:
        return datetime.fromtimestamp(int(str(value)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _words(reply: nuonuo.Reply) -> str:
    return f"{reply.code} {reply.message}".strip()
