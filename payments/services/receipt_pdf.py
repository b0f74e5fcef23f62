"""The receipt as a file, where the extra `pdf` is installed; elsewhere people print the page."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError

LIBRARY = "weasyprint"
STYLE = """
@page { size: A5 landscape; margin: 14mm; }
body { font-family: "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", sans-serif; font-size: 10pt; }
h1 { text-align: center; font-size: 16pt; margin: 0 0 6mm; }
table { width: 100%; border-collapse: collapse; }
th, td { border-bottom: 0.2mm solid #999999; padding: 1.5mm 2mm; text-align: left; font-weight: normal; }
th { width: 34mm; color: #555555; }
.quiet { color: #555555; font-size: 8pt; margin-top: 5mm; }
.screen { display: none; }
"""


class NoPdfHere(DomainError):
    text = _("PDF receipts are not installed here. Print the receipt page instead.")


def can_make_pdf() -> bool:
    return find_spec(LIBRARY) is not None


def pdf_of(*, page: str) -> bytes:
    """
    A page as a PDF with its fonts inside. Nothing is fetched for it.

    :raises NoPdfHere: if the extra is not installed, or the system lacks what it needs
    """
    if not can_make_pdf():
        raise NoPdfHere
    try:
        library: Any = import_module(LIBRARY)
    except OSError as error:  # the package is there, and Pango is not
        raise NoPdfHere from error
    style = library.CSS(string=STYLE)
    written: bytes = library.HTML(string=page, url_fetcher=_refuse).write_pdf(stylesheets=[style])
    return written


def _refuse(url: str, *_arguments: object, **_options: object) -> NoReturn:
    raise ValueError(f"a receipt fetches nothing, and not {url}")
