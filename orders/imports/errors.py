"""Why a whole file is refused; single rows are refused by a Reason."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError


class ImportRefused(DomainError):
    """The file cannot be imported at all; the text says what to do."""


class FileMissing(ImportRefused):
    text = _("There is no file “%(name)s”.")


class FileUnreadable(ImportRefused):
    text = _("“%(name)s” cannot be opened. It may be a folder, or not be readable for this user.")


class NotATable(ImportRefused):
    text = _("“%(name)s” is %(kind)s, no CSV or XLSX table. Save it as CSV or XLSX, then import that.")


class BrokenWorkbook(ImportRefused):
    text = _("“%(name)s” is no intact XLSX workbook. Download or save it again.")


class UnsafeFile(ImportRefused):
    text = _("“%(name)s” was not opened, because it could exhaust the server: %(why)s. Split it or save it as CSV.")


class EmptyFile(ImportRefused):
    text = _("“%(name)s” holds no header row.")


class UnknownEncoding(ImportRefused):
    text = _("“%(encoding)s” is no known text encoding. Choose one of: %(known)s.")


class WrongEncoding(ImportRefused):
    text = _(
        "“%(name)s” is not %(encoding)s: line %(line)s cannot be read. "
        "Choose another encoding, or save the file as UTF-8."
    )


class UnknownProfile(ImportRefused):
    text = _("There is no layout “%(profile)s”. Choose auto or one of: %(known)s.")


class UnknownLayout(ImportRefused):
    text = _(
        "The columns fit no known layout. Columns in the file: %(seen)s. Closest layouts: %(closest)s. "
        "If the columns look garbled, choose another encoding."
    )


class OtherLayout(ImportRefused):
    text = _("The file does not fit the layout “%(profile)s”: it lacks %(missing)s. Columns in the file: %(seen)s.")
