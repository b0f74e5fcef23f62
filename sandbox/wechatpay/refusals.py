from __future__ import annotations

from typing import Any

STATUS = {
    "PARAM_ERROR": 400,
    "INVALID_REQUEST": 400,
    "APPID_MCHID_NOT_MATCH": 400,
    "ORDER_CLOSED": 400,
    "ORDERPAID": 400,
    "NO_STATEMENT_EXIST": 400,
    "STATEMENT_CREATING": 400,
    "SIGN_ERROR": 401,
    "NO_AUTH": 403,
    "NOT_ENOUGH": 403,
    "OUT_TRADE_NO_USED": 403,
    "USER_ACCOUNT_ABNORMAL": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "MCH_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "RATELIMIT_EXCEEDED": 429,
    "SYSTEM_ERROR": 500,
    "BANK_ERROR": 500,
}
# The number behind a Request-ID; those of the first three are known, the others are the sandbox's own.
NUMBERS = {"SIGN_ERROR": 268443699, "INVALID_REQUEST": 268498688}
UNKNOWN_FIELD = 270924358
FIRST_NUMBER = 268440000


class Refused(Exception):
    """WeChat Pay says no."""

    def __init__(self, code: str, message: str, *, number: int = 0, detail: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.number = number or NUMBERS.get(code) or FIRST_NUMBER + list(STATUS).index(code)
        self.detail = detail

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def content(self) -> dict[str, object]:
        content: dict[str, object] = {"code": self.code, "message": self.message}
        return content if self.detail is None else content | {"detail": self.detail}


def bad_field(name: str, why: str, *, location: str = "body", number: int = 0) -> Refused:
    pointer = "/" + name.replace(".", "/")
    detail = {"field": pointer, "issue": why, "location": location}
    return Refused("PARAM_ERROR", f"输入源“{pointer}”映射到字段“{name}”{why}", number=number, detail=detail)


def bad_signature(why: str, **more: object) -> Refused:
    return Refused("SIGN_ERROR", why, detail={"issue": "sign not match", **more} if more else None)


def no_such_order() -> Refused:
    return Refused("ORDER_NOT_EXIST", "订单不存在")


def not_consistent(what: str) -> Refused:
    return Refused("INVALID_REQUEST", f"{what}与之前请求的参数不一致，请核实后再试")
