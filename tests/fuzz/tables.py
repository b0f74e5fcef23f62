"""Files of orders that staff got from somebody else: separated text, workbooks, and the sheet inside a workbook."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp
from zipfile import ZIP_DEFLATED, ZipFile

from orders.imports import ImportRefused, read_orders
from tests.orders.imports.files import TAOBAO_2016, TAOBAO_ORDER, TMALL, TMALL_ORDER, csv_bytes, save_xlsx

from .judging import only

FOLDER = Path(mkdtemp(prefix="fuzz-tables-"))
ENCODINGS = (None, None, "gbk", "utf-16", "big5", "utf-8")
WHOLE, SHEET, TEXTS = b"w", b"s", b"t"
PARTS = {SHEET: "xl/worksheets/sheet1.xml", TEXTS: "xl/sharedStrings.xml"}


def feed_csv(data: bytes) -> None:
    file = FOLDER / "orders.csv"
    file.write_bytes(data[1:])
    _read(file, encoding=ENCODINGS[data[0] % len(ENCODINGS)] if data else None)


def feed_xlsx(data: bytes) -> None:
    kind, body = data[:1], data[1:]
    file = FOLDER / "orders.xlsx"
    if kind in PARTS:
        _put(body, into=PARTS[kind], file=file)
    else:
        file.write_bytes(body)
    _read(file, encoding=None)


def _read(file: Path, *, encoding: str | None) -> None:
    with only(ImportRefused), read_orders(file, encoding=encoding) as told:
        for _order in told.rows:
            pass


def _workbook() -> dict[str, bytes]:
    made = save_xlsx(FOLDER, TMALL, TMALL_ORDER)
    with ZipFile(made) as folder:
        return {name: folder.read(name) for name in folder.namelist()}


MEMBERS = _workbook()
INTACT = (FOLDER / "orders.xlsx").read_bytes()


def _put(content: bytes, *, into: str, file: Path) -> None:
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as folder:
        for name, member in (MEMBERS | {into: content}).items():
            folder.writestr(name, member)


def csv_seeds() -> list[bytes]:
    files = [csv_bytes(TMALL, TMALL_ORDER), csv_bytes(TAOBAO_2016, TAOBAO_ORDER)]
    return [
        *(b"\x00" + content for content in files),
        *(b"\x02" + content.decode().encode("gb18030") for content in files),
        b"\x03" + files[0].decode().encode("utf-16"),
        b"\x00sep=;\r\n" + files[0].replace(b",", b";"),
    ]


def xlsx_seeds() -> list[bytes]:
    return [
        WHOLE + INTACT,
        SHEET + MEMBERS[PARTS[SHEET]],
        TEXTS + b"<sst><si><t>1</t></si><si><r><t>_x0041_</t></r></si></sst>",
    ]
