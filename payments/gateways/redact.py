"""What must not reach a log: signatures, keys, and accounts of people in full."""

from __future__ import annotations

import re

PRIVATE_FIELDS = (
    "sign|signature|paySign|app_auth_token|auth_token|access_token|private_key|api_v3_key|apiv3_key|app_secret|secret|"
    "buyer_logon_id|buyer_id|buyer_user_id|buyer_open_id|payer_ref|openid|seller_email|accNo|account_no"
)
PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
FORM_VALUE = re.compile(rf"(?<![A-Za-z0-9_])({PRIVATE_FIELDS})=[^&\s\"',}}]*", re.IGNORECASE)
JSON_VALUE = re.compile(rf"""(["'](?:{PRIVATE_FIELDS})["']\s*:\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*')""", re.IGNORECASE)
LONG_BASE64 = re.compile(r"(?:(?:[A-Za-z0-9+/_-]|%2[BbFf]){60,}\s*)+[A-Za-z0-9+/_-]*(?:=|%3[Dd]){0,2}")
ALIPAY_ACCOUNT = re.compile(r"(?<!\d)(2088)\d{8}(\d{4})(?!\d)")
CARD_NUMBER = re.compile(r"(?<![0-9A-Za-z])(\d{4})(\d{8,11})(\d{4})(?![0-9A-Za-z])")

HIDDEN = "***"


def redact(text: str) -> str:
    """The same text, fit for a log."""
    text = PEM.sub(HIDDEN, text)
    text = JSON_VALUE.sub(rf'\1"{HIDDEN}"', text)
    text = FORM_VALUE.sub(rf"\1={HIDDEN}", text)
    text = LONG_BASE64.sub(HIDDEN, text)
    text = ALIPAY_ACCOUNT.sub(rf"\1{HIDDEN}\2", text)
    return CARD_NUMBER.sub(_mask_card, text)


def _mask_card(match: re.Match[str]) -> str:
    """Only what adds up as a card number: an order number has as many digits."""
    return f"{match[1]}{HIDDEN}{match[3]}" if _adds_up(match[0]) else match[0]


def _adds_up(digits: str) -> bool:
    """The check digit of ISO/IEC 7812."""
    values = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * value, 10)) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0
