"""An amount in Chinese capitals, as receipts carry it: 壹佰柒拾捌圆整."""

from __future__ import annotations

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ("", "万", "亿", "万亿")


def capitals(amount_fen: int) -> str:
    """Below a hundred million million yuan."""
    sign = "负" if amount_fen < 0 else ""
    whole, cents = divmod(abs(amount_fen), 100)
    jiao, fen = divmod(cents, 10)
    text = f"{_whole(whole)}圆" if whole else ""
    if jiao:
        text += f"{DIGITS[jiao]}角"
    elif fen and whole:
        text += "零"
    text += f"{DIGITS[fen]}分" if fen else "整"
    return sign + (text if amount_fen else "零圆整")


def _whole(number: int) -> str:
    groups: list[int] = []
    while number:
        number, rest = divmod(number, 10_000)
        groups.append(rest)
    text = ""
    for place in reversed(range(len(groups))):
        group = groups[place]
        if not group:
            continue
        skipped = bool(text) and (group < 1000 or groups[place + 1] == 0)
        text += ("零" if skipped else "") + _group(group) + GROUPS[place]
    return text


def _group(number: int) -> str:
    text, gap = "", False
    for place in reversed(range(4)):
        digit = number // 10**place % 10
        if digit:
            text += ("零" if gap and text else "") + DIGITS[digit] + PLACES[place]
        gap = not digit
    return text
