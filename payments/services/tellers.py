"""Which statements tell of the same movement: a gateway that tells it on two days pays it out, or takes it, twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from django.db.models import QuerySet

from ..gateways import Movement
from ..models import StatementLine

CHUNK = 1_000
COLUMNS = ("movement", "gateway_trade_no", "refund_no", "gateway_refund_no")  # what two lines about one thing share
Facts = tuple[str, ...]


def facts_of(line: StatementLine) -> Facts:
    return tuple(getattr(line, name) for name in COLUMNS)


def is_nameless(line: StatementLine) -> bool:
    """A refund without a number: of one payment there may be several, and nobody can tell them apart."""
    return line.movement == Movement.REFUND and not (line.refund_no or line.gateway_refund_no)


def in_chunks(lines: QuerySet[StatementLine]) -> Iterator[list[StatementLine]]:
    rows = lines.iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def tellers(lines: Sequence[StatementLine]) -> Mapping[Facts, set[int]]:
    """
    Looked up by the gateway's numbers alone, which every database does by its index.

    :param lines: not more than a chunk of them
    :return: ids of the statements of any account, by what they tell
    """
    found: defaultdict[Facts, set[int]] = defaultdict(set)
    rows = StatementLine.objects.filter(gateway_trade_no__in={line.gateway_trade_no for line in lines})
    for statement_id, *facts in rows.values_list("statement_id", *COLUMNS):
        found[tuple(facts)].add(statement_id)
    return found
