from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from kernel import sequences
from kernel.numbers import gateway_number
from kernel.sequences import BLOCK, next_number, next_numbers, take
from tests.helpers import NOON, rolled_back


class Undone(Exception):
    pass


@pytest.mark.django_db
class TestNumbers:
    def test_count_up_from_one_each_shanghai_day(self) -> None:
        before_midnight = datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)
        midnight = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)

        numbers = [next_number("order", at=at) for at in (NOON, before_midnight, midnight)]

        assert numbers == ["202611220001", "202611220002", "202611230001"]

    def test_of_different_series_do_not_touch(self) -> None:
        assert next_number("order", at=NOON) == next_number("customer", at=NOON)

    def test_go_on_behind_four_digits(self) -> None:
        take("order:20261122", 9_999)

        assert next_number("order", at=NOON) == "2026112210000"

    def test_come_in_batches_too(self) -> None:
        assert next_numbers("order", 3, at=NOON) == ["202611220001", "202611220002", "202611220003"]

    def test_a_loop_in_one_transaction_leaves_no_gaps(self) -> None:
        numbers = [next_number("order", at=NOON) for _ in range(BLOCK + 5)]

        assert numbers[-1] == f"20261122{BLOCK + 5:04d}"

    def test_for_a_gateway_are_letters_and_digits_and_differ(self) -> None:
        numbers = {gateway_number("P", at=NOON) for _ in range(50)}

        assert len(numbers) == 50
        assert all(number.isalnum() and len(number) == 22 and number.startswith("P261122120000") for number in numbers)


@pytest.mark.django_db(transaction=True)
class TestBlocks:
    def test_cost_the_database_one_look_for_many_numbers(self) -> None:
        first = next_number("order", at=NOON)

        with connection.execute_wrapper(_refuse):
            rest = [next_number("order", at=NOON) for _ in range(BLOCK - 1)]

        assert len({first, *rest}) == BLOCK

    def test_a_number_of_a_transaction_rolled_back_is_free_and_given_once(self) -> None:
        with rolled_back():
            next_number("order", at=NOON)

        numbers = [next_number("order", at=NOON) for _ in range(BLOCK * 2)]

        assert len(set(numbers)) == len(numbers)

    def test_a_block_taken_in_a_savepoint_rolled_back_is_not_used_on(self) -> None:
        with transaction.atomic():
            with rolled_back():
                next_number("order", at=NOON)
            kept = [next_number("order", at=NOON) for _ in range(3)]
        sequences.forget_blocks()  # as another process, which reads what is committed
        others = [next_number("order", at=NOON) for _ in range(BLOCK)]

        assert not set(kept) & set(others)

    def test_no_number_is_given_twice_when_half_of_the_transactions_roll_back(self) -> None:
        """Kept are only the numbers of committed transactions; none of them may come again."""
        kept: list[str] = []
        for turn in range(BLOCK * 3):
            try:
                with transaction.atomic():
                    number = next_number("order", at=NOON)
                    if turn % 2:
                        raise Undone
                kept.append(number)
            except Undone:
                pass

        assert len(set(kept)) == len(kept) == BLOCK * 3 // 2

    @pytest.mark.only_on("postgresql", "mysql")  # threads share no SQLite database in memory
    def test_threads_that_run_out_of_numbers_at_once_get_different_ones(self) -> None:
        next_number("order", at=NOON)

        def take_some(_worker: int) -> list[str]:
            try:
                return [next_number("order", at=NOON) for _ in range(BLOCK)]
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            numbers = [number for some in pool.map(take_some, range(4)) for number in some]

        assert len(set(numbers)) == 4 * BLOCK

    def test_a_forked_process_does_not_use_its_parents_block(self) -> None:
        mine = next_number("order", at=NOON)
        sequences._after_fork()

        assert int(next_number("order", at=NOON)) == int(mine) + BLOCK


def _refuse(*_query: object) -> None:
    raise AssertionError("the database was asked")
