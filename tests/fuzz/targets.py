"""What is fuzzed: each target takes any bytes at all, and may raise nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import certificates, keys, messages, statements, tables


@dataclass(frozen=True, slots=True)
class Target:
    """:param seeds: well-formed inputs, from which the others are bred"""

    feed: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]


TARGETS = {
    "alipay_messages": Target(messages.feed_alipay, messages.alipay_seeds),
    "wechatpay_messages": Target(messages.feed_wechatpay, messages.wechatpay_seeds),
    "unionpay_messages": Target(messages.feed_unionpay, messages.unionpay_seeds),
    "foreign_certificates": Target(certificates.feed, certificates.seeds),
    "pasted_keys": Target(keys.feed, keys.seeds),
    "alipay_statement": Target(statements.feed_alipay, statements.alipay_seeds),
    "wechatpay_statement": Target(statements.feed_wechatpay, statements.wechatpay_seeds),
    "unionpay_statement": Target(statements.feed_unionpay, statements.unionpay_seeds),
    "csv_orders": Target(tables.feed_csv, tables.csv_seeds),
    "xlsx_orders": Target(tables.feed_xlsx, tables.xlsx_seeds),
}
