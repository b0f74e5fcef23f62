"""Log lines that tell what happened, and keep what nobody may read in a log."""

from __future__ import annotations

import logging
import re
from typing import Final

from kernel.trace import current_trace_id

_HIDDEN: Final = "***"
_WORDS = "password|passwd|secret|token|sign|signature|private_key|app_cert|api_?v?3?_?key|authorization|cookie|session"
_RULES: Final = (
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL), "-----KEY-----"),
    (re.compile(r"(?<![\d.])(?:\+?86[ -]?)?(1[3-9]\d)\d{4}(\d{4})(?!\d)"), r"\1****\2"),  # mobile numbers
    (re.compile(r"(?<!\d)([1-9]\d{5})(?:19|20)\d{9}[\dXx](?!\d)"), r"\1************"),  # identity cards
    (re.compile(r"(?i)\b([\w.+-])[\w.+-]*@([\w-]+\.[\w.-]+)"), r"\1***@\2"),
    (re.compile(r"(/(?:pay|webhooks)/)[^/\s\"'?]+"), rf"\1{_HIDDEN}"),  # whoever knows the address may use it
    (re.compile(rf"(?i)((?:{_WORDS})[\"']?\s*[=:]\s*[\"']?)(?:Bearer |Basic )?[^\s\"',&;)}}]+"), rf"\1{_HIDDEN}"),
    (re.compile(r"://([^:/\s@]+):[^@/\s]+@"), rf"://\1:{_HIDDEN}@"),
)


def redact(text: str) -> str:
    """`text` without phone numbers, identity cards, keys, tokens and passwords."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class LineFormatter(logging.Formatter):
    """One line a record with the trace id that people are shown, redacted to the last line of its traceback."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(trace)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.trace = current_trace_id() or "-"
        return redact(super().format(record))
