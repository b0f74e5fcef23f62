from __future__ import annotations

import json

import pytest

from payments.gateways.alipay.answer import BAD_SIGNATURE, MALFORMED, UNSIGNED, Answer, read_answer, split_members
from payments.gateways.alipay.keyring import Keyring, PlatformKey
from tests.gateways.alipay.desk import ALIPAY, answer, signature

METHOD = "alipay.trade.query"
RING = Keyring([PlatformKey(kind="alipay_public_key", value="", key=ALIPAY.public_key())])
NAME = "alipay_trade_query_response"


def read(body: bytes) -> Answer:
    return read_answer(body=body, method=METHOD, keys=RING)


def written(raw: str, *, signed: str = "", ending: str = "") -> bytes:
    return f'{{"{NAME}":{raw},"sign":"{signature((signed or raw).encode())}"{ending}}}'.encode()


class TestReadAnswer:
    def test_trusts_what_alipay_signed(self) -> None:
        told = read(answer(METHOD, code="10000", msg="Success", subject="商品"))

        assert (told.trusted, told.code, told.content["subject"]) == (True, "10000", "商品")

    @pytest.mark.parametrize(
        "raw",
        [
            '{"code":"10000","subject":"}"}',
            '{"code":"10000","subject":"{{"}',
            '{"code":"10000","subject":"\\"}\\\\"}',
            '{"code":"10000","subject":"\\",\\"sign\\":\\"x\\"}"}',
            '{"code":"10000","url":"https:\\/\\/it\\/"}',
            '{"code":"10000","url":"https://it/"}',
            '{ "code" : "10000" , "amount":0.10 }',
            '{"code":"10000","name":"\\u5546\\u54c1"}',
        ],
    )
    def test_verifies_the_exact_characters_whatever_a_subject_holds(self, raw: str) -> None:
        told = read(written(raw))

        assert (told.trusted, told.content) == (True, json.loads(raw))

    @pytest.mark.parametrize("blank", [" ", "\n", "\r\n\t"])
    def test_reads_blanks_between_members(self, blank: str) -> None:
        raw = '{"code":"10000"}'
        tokens = ["", "{", f'"{NAME}"', ":", raw, ",", '"sign"', ":", f'"{signature(raw.encode())}"', "}", ""]

        assert read(blank.join(tokens).encode()).trusted

    def test_does_not_trust_another_content_under_the_signature(self) -> None:
        told = read(written('{"code":"10000","total_amount":"99.00"}', signed='{"code":"10000","total_amount":"0.01"}'))

        assert (told.trusted, told.code, told.content) == (False, BAD_SIGNATURE, {})

    def test_does_not_trust_the_same_content_written_otherwise(self) -> None:
        told = read(written('{"code": "10000"}', signed='{"code":"10000"}'))

        assert (told.trusted, told.code) == (False, BAD_SIGNATURE)

    def test_does_not_trust_an_unsigned_success(self) -> None:
        told = read(answer(METHOD, signed=False, code="10000", msg="Success", trade_status="TRADE_SUCCESS"))

        assert (told.trusted, told.code) == (False, UNSIGNED)

    def test_lets_an_unsigned_refusal_explain_itself(self) -> None:
        told = read(b'{"error_response":{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id"}}')

        assert (told.trusted, told.code, told.words) == (False, "isv.invalid-app-id", "Invalid Arguments")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>502</html>",
            b"[]",
            b"{}",
            b'{"sign":"x"}',
            b'{"other_response":{},"sign":"x"}',
            f'{{"{NAME}":{{"code":"10000"}}'.encode(),
            f'{{"{NAME}":[1],"sign":"x"}}'.encode(),
            f'{{"{NAME}":"10000","sign":"x"}}'.encode(),
            f'{{"{NAME}":{{"code":"10000"}},"sign":1}}'.encode(),
            f'{{"{NAME}":{{"code":"10000"}},"{NAME}":{{}},"sign":"x"}}'.encode(),
            f'{{"{NAME}":{{"code":"10000"}},"sign":"x"}} more'.encode(),
            f'{{"{NAME}":{"[" * 100_000}'.encode(),
            f'{{"{NAME}":{{"n":{"9" * 5_000}}},"sign":"x"}}'.encode(),
            '{"商品":1}'.encode("gbk"),
        ],
    )
    def test_survives_what_makes_no_sense(self, body: bytes) -> None:
        told = read(body)

        assert (told.trusted, told.code, told.raw) == (False, MALFORMED, body)


class TestSplitMembers:
    def test_gives_values_as_they_are_written(self) -> None:
        text = '{"a" : {"x": "}"} ,"b":"1"}'

        assert split_members(text) == {"a": '{"x": "}"}', "b": '"1"'}
