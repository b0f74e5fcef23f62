from __future__ import annotations

MESSAGES = {
    "10000": "Success",
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
    "40006": "Insufficient Permissions",
}


class Refused(Exception):
    """Alipay says no: `code` is the gateway's, `sub_code` the cause."""

    def __init__(self, code: str, sub_code: str, sub_msg: str, **extra: str) -> None:
        super().__init__(f"{code} {sub_code} {sub_msg}")
        self.code = code
        self.sub_code = sub_code
        self.sub_msg = sub_msg
        self.extra = extra

    def content(self) -> dict[str, object]:
        head: dict[str, object] = {
            "code": self.code,
            "msg": MESSAGES[self.code],
            "sub_code": self.sub_code,
            "sub_msg": self.sub_msg,
        }
        return head | self.extra


def missing(name: str) -> Refused:
    return Refused("40001", f"isv.missing-{name.replace('_', '-')}", f"缺少{name}参数")


def invalid(name: str, why: str) -> Refused:
    return Refused("40002", f"isv.invalid-{name.replace('_', '-')}", why)


def bad_parameter(why: str) -> Refused:
    return Refused("40004", "ACQ.INVALID_PARAMETER", f"参数无效：{why}")


def no_such_trade() -> Refused:
    return Refused("40004", "ACQ.TRADE_NOT_EXIST", "交易不存在")


def wrong_state(state: str) -> Refused:
    return Refused("40004", "ACQ.TRADE_STATUS_ERROR", f"交易状态不合法：{state}")
