from __future__ import annotations

import pytest

from .merchant import Merchant

AWKWARD = '茶叶 "特级" } {x} \\ / <b>&amp; 😀'


class TestAnswer:
    def test_is_signed_as_the_characters_stand(self, merchant: Merchant) -> None:
        replies = [merchant.precreate(subject=AWKWARD), merchant.query(), merchant.query("P9")]

        assert all(merchant.trusts_answer(reply) for reply in replies)

    def test_calls_itself_html_and_a_success_even_when_it_refuses(self, merchant: Merchant) -> None:
        reply = merchant.query("P9")

        assert reply.verdict == "ACQ.TRADE_NOT_EXIST"
        assert (reply.response.status, reply.response.content_type) == (200, "text/html;charset=utf-8")

    def test_escapes_the_slash_now_and_then(self, merchant: Merchant) -> None:
        replies = [merchant.precreate(f"P{n}") for n in range(20)]
        escaped = [reply for reply in replies if "http:\\/\\/" in reply.text]

        assert 0 < len(escaped) < len(replies)
        assert all(merchant.trusts_answer(reply) for reply in replies)

    @pytest.mark.parametrize("fault", ["bad_signature", "unsigned_answer"])
    def test_cannot_be_trusted_when_its_signature_is_wrong_or_missing(self, merchant: Merchant, fault: str) -> None:
        merchant.paid()
        merchant.control(fault)

        reply = merchant.query()

        assert reply.content["trade_status"] == "TRADE_SUCCESS"
        assert not merchant.trusts_answer(reply)
