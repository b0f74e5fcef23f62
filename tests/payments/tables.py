"""Tables that are written as tables: names of columns in the first line, the name of its row before each other one."""

from __future__ import annotations


def rows(text: str) -> list[tuple[str, str, str]]:
    """Row, column and cell, as parameters of a test."""
    columns, *lines = (line.split() for line in text.strip().splitlines())
    return [(name, column, cell) for name, *line in lines for column, cell in zip(columns, line, strict=True)]


def cells(text: str) -> set[tuple[str, str]]:
    """
    Which rows and columns a table has.

    :raises AssertionError: if one is there twice
    """
    named = [(name, column) for name, column, _cell in rows(text)]
    assert len(named) == len(set(named)), "a row or a column is there twice"
    return set(named)
