from __future__ import annotations

MESSAGES = {
    "00": "成功[0000000]",
    "01": "交易失败，详情请咨询95516",
    "03": "交易通讯超时，请发起查询交易",
    "04": "交易状态未明，请查询对账结果",
    "05": "交易已受理，请稍后查询交易结果",
    "06": "系统繁忙，请稍后再试",
    "10": "报文格式错误",
    "11": "验证签名失败",
    "12": "重复交易",
    "13": "报文交易要素缺失",
    "33": "交易金额超限",
    "34": "查无此交易",
    "35": "原交易不存在或状态不正确",
    "36": "与原交易信息不符",
    "39": "交易不在受理时间范围内",
    "98": "文件不存在",
    "A6": "有缺陷的成功",
}


class Refused(Exception):
    """UnionPay says no; `why` says more than the code."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(f"{code} {why}")
        self.code = code
        self.why = why

    @property
    def message(self) -> str:
        return f"{MESSAGES[self.code]}[{self.why}]" if self.why else MESSAGES[self.code]


class Unproven(Refused):
    """Who asks could not prove who he is, and gets no signature either."""


def missing(name: str) -> Refused:
    return Refused("13", name)


def malformed(why: str) -> Refused:
    return Refused("10", why)
