from __future__ import annotations

import pytest

from orders import services as orders
from orders.models import Order, OrderEvent
from orders.queries import TimelineEntry, timeline_sentences
from orders.queries.timeline import _sentences
from orders.services import timeline, workflows
from tests.factories import OrderFactory, UserFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


def sentences(order: Order, language: str = "en") -> list[TimelineEntry]:
    events = OrderEvent.objects.filter(order=order).select_related("by", "order").order_by("seq")
    return timeline_sentences(events, language=language)


class TestTimelineSentences:
    def test_say_what_happened_and_where_it_led(self) -> None:
        order = OrderFactory.create(total_fen=9_900)
        orders.record_payment(order_id=order.pk, amount_fen=9_900, at=NOON)

        entry = sentences(order)[-1]

        assert entry.text == "Payment of ￥99.00 received"
        assert entry.move == "Awaiting payment → To ship"
        assert not entry.refused

    @pytest.mark.parametrize(("pieces", "text"), [(1, "1 piece shipped by"), (2, "2 pieces shipped by")])
    def test_count_in_the_singular_too(self, pieces: int, text: str) -> None:
        order, facts = OrderFactory.create(), {"pieces": pieces, "carrier": "SF", "tracking_no": "SF1"}
        event = timeline.append(order=order, kind="shipping", code="part_shipped", facts=facts, at=NOON)

        assert timeline_sentences([event], language="en")[0].text.startswith(text)

    def test_speak_the_reader_s_language(self) -> None:
        order = OrderFactory.create(total_fen=9_900)
        orders.record_payment(order_id=order.pk, amount_fen=9_900, at=NOON)

        assert sentences(order, "zh-hans")[-1].move == "待付款 → 待发货"

    def test_show_what_should_have_moved_the_order_and_did_not(self) -> None:
        order = OrderFactory.create(total_fen=9_900)
        orders.record_payment(order_id=order.pk, amount_fen=1, at=NOON)

        entry = sentences(order)[-1]

        assert (entry.refused, entry.move) == (True, "")

    def test_name_who_did_it_and_translate_reasons(self) -> None:
        order, clerk = OrderFactory.create(), UserFactory.create(display_name="王店长")
        orders.request_closing(order_id=order.pk, reason="out_of_stock", by=clerk, at=NOON)

        entry = sentences(order)[-1]

        assert (entry.by, entry.text) == ("王店长", "Closing asked for: Out of stock")

    def test_show_free_text_as_it_was_written(self) -> None:
        order = OrderFactory.create()
        orders.add_note(order_id=order.pk, text="100% 周末送 %(x)s", by=UserFactory.create(), at=NOON)

        assert sentences(order)[-1].text == "Note: 100% 周末送 %(x)s"

    def test_bear_entries_that_lack_a_fact_or_that_nobody_knows(self) -> None:
        order = OrderFactory.create()
        timeline.append(order=order, kind="payment", code="payment_recorded", at=NOON)
        timeline.append(order=order, kind="system", code="from_the_future", facts={"a": 1}, at=NOON)

        assert [entry.text for entry in sentences(order)[1:]] == ["Payment of … received", "from_the_future"]

    def test_exist_for_all_that_orders_write(self) -> None:
        import re
        from pathlib import Path

        services = Path(orders.__file__).parent.glob("*.py")
        written = {code for path in services for code in re.findall(r'code="([a-z_]+)"', path.read_text())}
        transitions = {it.code for it in workflows.TRANSITIONS} | {it.code for it in workflows.STATES}
        assert written - transitions - {"SF"} <= set(_sentences)
        assert "payment_recorded" in written
