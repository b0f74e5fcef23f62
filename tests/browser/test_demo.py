"""The one command: it starts, says where, stops on Ctrl-C, and starts again without filling the shop twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from .demo import ORDERS, Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def orders_of(demo: Demo) -> int:
    with sqlite3.connect(f"file:{demo.folder / 'data' / 'backoffice.sqlite3'}?mode=ro", uri=True) as database:
        return int(database.execute("SELECT count(*) FROM orders_order").fetchone()[0])


def test_it_says_where_the_shop_is_and_how_to_sign_in(demo: Demo) -> None:
    assert demo.url in demo.printed
    assert demo.password
    assert "changepassword" in demo.printed
    assert orders_of(demo) >= ORDERS


def test_a_port_in_use_is_named(demo: Demo, tmp_path: Path) -> None:
    second = Demo(tmp_path, port=demo.port)

    assert second.begin().wait(timeout=60) == 1
    assert str(demo.port) in second.printed
    assert f"PORT={demo.port + 100}" in second.printed
    assert "Traceback" not in second.printed


def test_it_stops_on_ctrl_c_and_goes_on_where_it_was_left(demo: Demo) -> None:
    orders = orders_of(demo)

    assert demo.stop() == 0
    first = demo.printed
    demo.start()

    assert "Traceback" not in first
    assert orders_of(demo) == orders
    assert demo.password not in demo.printed
