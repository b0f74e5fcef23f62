from __future__ import annotations

import re

YUAN = re.compile(r"(0|[1-9][0-9]{0,8})\.([0-9]{2})", re.ASCII)


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def fen(text: str) -> int:
    """
    Read an amount in yuan with exactly two decimals.

    :raises ValueError: if it is anything else (`1`, `1.5`, `1e2`, `01.00`)
    """
    match = YUAN.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]) * 100 + int(match[2])
