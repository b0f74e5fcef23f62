"""Whatever is uploaded gets an answer in words, never a traceback."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.imports import ImportRefused, Rejected, csv_chunks, read_orders, write_xlsx

from .files import TAOBAO_2020, TAOBAO_ORDER, TMALL, TMALL_ORDER, csv_bytes, save
from .test_native import order

SHEETS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CELLS = st.text(max_size=12) | st.sampled_from(
    ["1E+5", "-1", "=1", '="1"', "2020-02-30", "45292.5", "￥1", "上海", "'", '"', "9" * 400, "1.5", "--", "交易成功"]
)


def answer(path: Path) -> None:
    """Reads it to the end; an error without a name would fail the test."""
    try:
        with read_orders(path) as file:
            for row in file.rows:
                reasons = [row.reason] if isinstance(row, Rejected) else row.warnings
                assert all(reason.message for reason in reasons)
    except ImportRefused as refused:
        said = str(refused)
    else:
        said = "orders"
    assert said


@SHEETS
@given(content=st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    answer(save(tmp_path, content))


@SHEETS
@given(content=st.binary(max_size=200), place=st.integers(0, 4_000))
def test_a_damaged_csv(tmp_path: Path, content: bytes, place: int) -> None:
    good = csv_bytes(TMALL, *[TMALL_ORDER] * 20) + b"".join(csv_chunks([order()]))
    answer(save(tmp_path, good[:place] + content + good[place + len(content) :]))


@SHEETS
@given(row=st.dictionaries(st.sampled_from(TAOBAO_2020), CELLS, min_size=1, max_size=8))
def test_any_cells_in_a_taobao_file(tmp_path: Path, row: dict[str, str]) -> None:
    answer(save(tmp_path, csv_bytes(TAOBAO_2020, TAOBAO_ORDER | row, encoding="utf-16").replace(b"\xd8", b"\x41")))
    answer(save(tmp_path, csv_bytes(TAOBAO_2020, TAOBAO_ORDER | row, encoding="gb18030")))


@SHEETS
@given(place=st.integers(0, 8_000), content=st.binary(min_size=1, max_size=40))
def test_a_damaged_workbook(tmp_path: Path, place: int, content: bytes) -> None:
    good = WORKBOOK
    answer(save(tmp_path, good[: place % len(good)] + content + good[place % len(good) + len(content) :], "o.xlsx"))


@SHEETS
@given(
    name=st.sampled_from(["sheet", "styles", "workbook", "workbook.rels"]),
    place=st.integers(0, 5_000),
    text=st.text(max_size=20),
)
def test_a_workbook_with_damaged_xml(tmp_path: Path, name: str, place: int, text: str) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(WORKBOOK)) as good, zipfile.ZipFile(buffer, "w") as bad:
        for member in good.namelist():
            content = good.read(member)
            if name in member:
                at = place % len(content)
                content = content[:at] + text.encode(errors="replace") + content[at + len(text) :]
            bad.writestr(member, content)
    answer(save(tmp_path, buffer.getvalue(), "o.xlsx"))


def _workbook() -> bytes:
    buffer = BytesIO()
    write_xlsx(buffer, [order(), order(order_no="2")])
    return buffer.getvalue()


WORKBOOK = _workbook()
