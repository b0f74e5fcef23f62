"""Reading what the tax platform gives: the XML of an invoice, and bundles of files. Nothing in them is trusted."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import PurePosixPath
from xml.parsers.expat import ExpatError

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import SHANGHAI
from kernel.errors import DomainError
from kernel.money import NotAnAmount, parse_yuan
from orders.imports.sheet import Attributes, TooMuch, XmlReader, local

from ..models import InvoiceFile

Format = InvoiceFile.Format
LARGEST = 10 * 1024 * 1024  # of one file, unpacked
LARGEST_UPLOAD = 50 * 1024 * 1024
MEMBERS = 500
ALL_MEMBERS = 200 * 1024 * 1024
DEPTH, ELEMENTS, TEXT = 40, 50_000, 20_000
NUMBER = re.compile(r"\d{20}|\d{8}")
MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y年%m月%d日", "%Y%m%d%H%M%S", "%Y%m%d")
# By the names of the official XML, and of an older dialect. TotaltaxIncludedAmount, spelt otherwise, is a line's.
NAMES = {
    "InvoiceNumber": "number",
    "FPHM": "number",
    "TotalTax-includedAmount": "total",
    "JSHJXX": "total",
    "IssueTime": "moment",
    "KPRQ": "moment",
    "RequestTime": "asked",
    "BuyerIdNum": "buyer",
    "BuyerInformation/IdNum": "buyer",
    "GMFNSRSBH": "buyer",
    "Remark": "remark",
    "AdditionalInformation": "remark",
    "BZ": "remark",
}


class FileTooBig(DomainError):
    text = gettext_lazy("Too large: a file has at most 10 MB, a ZIP at most 50 MB and 500 files.")


class NotAnInvoiceFile(DomainError):
    text = gettext_lazy("This is no PDF, OFD, XML or ZIP of the tax platform: %(why)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file, with what it is by its content."""

    name: str
    format: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the XML of an invoice says."""

    invoice_no: str
    total_fen: int
    remark: str
    buyer_tax_no: str
    issued_at: datetime | None


def unpack(*, name: str, content: bytes) -> Iterator[Document]:
    """
    The files of an upload; those of a ZIP one by one, as far as their sizes allow.

    :raises FileTooBig: if it, or what it unpacks to, is larger than any invoice
    :raises NotAnInvoiceFile: if it is something else, or damaged
    """
    if len(content) > LARGEST_UPLOAD:
        raise FileTooBig
    if content.startswith(b"PK") and not _is_ofd(content):
        yield from _members(content)
    else:
        yield document(name=name, content=content)


def document(*, name: str, content: bytes) -> Document:
    """
    :raises FileTooBig: above 10 MB
    :raises NotAnInvoiceFile: if it is neither PDF nor OFD nor XML, whatever it is called
    """
    if len(content) > LARGEST:
        raise FileTooBig
    short = PurePosixPath(name.replace("\\", "/")).name[-120:]
    if content.startswith(b"%PDF-"):
        return Document(name=short, format=Format.PDF, content=content)
    if content.startswith(b"PK") and _is_ofd(content):
        return Document(name=short, format=Format.OFD, content=content)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Document(name=short, format=Format.XML, content=content)
    raise NotAnInvoiceFile(why=_("unknown content"))


def read_invoice(content: bytes) -> Told:
    """
    :raises NotAnInvoiceFile: if it is no invoice's XML, or an attack
    """
    facts = _facts(content)
    number, total = facts.get("number", ""), facts.get("total", "")
    if NUMBER.fullmatch(number) is None:
        raise NotAnInvoiceFile(why=_("it has no invoice number"))
    try:
        total_fen = parse_yuan(total)
    except NotAnAmount as error:
        raise NotAnInvoiceFile(why=_("it has no total")) from error
    return Told(
        invoice_no=number,
        total_fen=total_fen,
        remark=facts.get("remark", ""),
        buyer_tax_no=facts.get("buyer", "").upper(),
        issued_at=_moment(facts.get("moment") or facts.get("asked", "")),
    )


def _is_ofd(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return "OFD.xml" in archive.NameToInfo
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


def _members(content: bytes) -> Iterator[Document]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = [it for it in archive.infolist() if not it.is_dir()]
            if len(members) > MEMBERS:
                raise FileTooBig
            total = 0
            for member in members:
                unpacked = _bounded(archive, member)
                total += len(unpacked)
                if total > ALL_MEMBERS:
                    raise FileTooBig
                yield from _known(member.filename, unpacked)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError, OSError) as error:
        raise NotAnInvoiceFile(why=_("the ZIP is damaged")) from error
    except (NotImplementedError, RuntimeError) as error:
        raise NotAnInvoiceFile(why=_("the ZIP is encrypted or packed in an unusual way")) from error


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """What a header claims is not believed: no more is ever unpacked than a file may have."""
    with archive.open(member) as stream:
        unpacked = stream.read(LARGEST + 1)
    if len(unpacked) > LARGEST:
        raise FileTooBig
    return unpacked


def _known(name: str, content: bytes) -> Iterator[Document]:
    """What a ZIP holds besides (lists, pictures, ZIPs in ZIPs) is left alone."""
    try:
        yield document(name=name, content=content)
    except NotAnInvoiceFile:
        return


def _facts(content: bytes) -> dict[str, str]:
    collector = _Collector()
    try:
        for _piece in collector.reader.feed(BytesIO(content)):
            pass
    except (ExpatError, TooMuch, ValueError, LookupError) as error:
        raise NotAnInvoiceFile(why=_("the XML cannot be read")) from error
    return {name: text.strip() for name, text in collector.facts.items()}


class _Collector:
    """The first of each thing looked for; remarks are put together."""

    def __init__(self) -> None:
        self.reader = XmlReader()
        self.reader.parser.StartElementHandler = self._open
        self.reader.parser.EndElementHandler = self._close
        self.reader.parser.CharacterDataHandler = self._text
        self.facts: dict[str, str] = {}
        self.path: list[str] = []
        self.text: list[str] = []
        self.seen = 0

    def _open(self, name: str, _attributes: Attributes) -> None:
        self.path.append(local(name))
        self.text = []
        self.seen += 1
        if len(self.path) > DEPTH or self.seen > ELEMENTS:
            raise TooMuch(_("more than an invoice has"))

    def _close(self, _name: str) -> None:
        text, here = "".join(self.text).strip()[:TEXT], self.path.pop()
        above = self.path[-1] if self.path else ""
        wanted = NAMES.get(here) or NAMES.get(f"{above}/{here}") or ("remark" if NAMES.get(above) == "remark" else "")
        if wanted == "remark":
            self.facts["remark"] = f"{self.facts.get('remark', '')} {text}"[:TEXT]
        elif wanted and text:
            self.facts.setdefault(wanted, text)
        self.text = []

    def _text(self, text: str) -> None:
        self.text.append(text)


def _moment(text: str) -> datetime | None:
    for layout in MOMENTS:
        try:
            return datetime.strptime(text, layout).replace(tzinfo=SHANGHAI)
        except ValueError:
            continue
    return None
