"""What a body may hold. WeChat Pay refuses a null, a field it does not know, and a number that is text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.wechatpay.refusals import UNKNOWN_FIELD, bad_field


@dataclass(frozen=True)
class Text:
    limit: int
    required: bool = False
    at_least: int = 1


@dataclass(frozen=True)
class Whole:
    required: bool = False
    at_least: int = 0


@dataclass(frozen=True)
class Flag:
    required: bool = False


@dataclass(frozen=True)
class Part:
    """An object within the object."""

    fields: Mapping[str, Any]
    required: bool = False


@dataclass(frozen=True)
class Many:
    of: Part
    required: bool = False


Shape = Mapping[str, Any]


def check(content: Mapping[str, Any], shape: Shape, *, within: str = "") -> None:
    """
    :raises Refused: if a field is unknown, null, missing, or not what it should be
    """
    for name in content:
        if name not in shape:
            raise bad_field(within + name, "是未定义的字段", number=UNKNOWN_FIELD)
    for name, wanted in shape.items():
        if name not in content:
            if wanted.required:
                raise bad_field(within + name, "必填性规则校验失败，此字段为必填项")
        elif content[name] is None:
            raise bad_field(within + name, "不允许为 null", number=UNKNOWN_FIELD)
        else:
            _check_one(content[name], wanted, name=within + name)


def _check_one(value: Any, wanted: Any, *, name: str) -> None:
    if isinstance(wanted, Text):
        _check_text(value, wanted, name=name)
    elif isinstance(wanted, Whole):
        if type(value) is not int:
            raise bad_field(name, "类型错误，须为整数")
        if value < wanted.at_least:
            raise bad_field(name, f"数值小于最小值 {wanted.at_least}")
    elif isinstance(wanted, Flag):
        if type(value) is not bool:
            raise bad_field(name, "类型错误，须为布尔值")
    elif isinstance(wanted, Part):
        if not isinstance(value, dict):
            raise bad_field(name, "类型错误，须为对象")
        check(value, wanted.fields, within=f"{name}.")
    else:
        _check_many(value, wanted, name=name)


def _check_text(value: Any, wanted: Text, *, name: str) -> None:
    if not isinstance(value, str):
        raise bad_field(name, "类型错误，须为字符串")
    if not wanted.at_least <= len(value) <= wanted.limit:
        raise bad_field(name, f"长度须在 {wanted.at_least} 与 {wanted.limit} 之间")


def _check_many(value: Any, wanted: Many, *, name: str) -> None:
    if not isinstance(value, list):
        raise bad_field(name, "类型错误，须为数组")
    for number, item in enumerate(value):
        _check_one(item, wanted.of, name=f"{name}.{number}")


AMOUNT = Part({"total": Whole(required=True, at_least=1), "currency": Text(16)}, required=True)
GOODS = Part(
    {
        "merchant_goods_id": Text(32, required=True),
        "wechatpay_goods_id": Text(32),
        "goods_name": Text(256),
        "quantity": Whole(required=True, at_least=1),
        "unit_price": Whole(required=True),
    }
)
STORE = Part({"id": Text(32, required=True), "name": Text(256), "area_code": Text(32), "address": Text(512)})
SCENE = {"payer_client_ip": Text(45, required=True), "device_id": Text(32), "store_info": STORE}
H5_INFO = Part(
    {
        "type": Text(32, required=True),
        "app_name": Text(64),
        "app_url": Text(128),
        "bundle_id": Text(128),
        "package_name": Text(128),
    },
    required=True,
)
PAY: dict[str, Any] = {
    "appid": Text(32, required=True),
    "mchid": Text(32, required=True),
    "description": Text(127, required=True),
    "out_trade_no": Text(32, required=True, at_least=6),
    "time_expire": Text(64),
    "attach": Text(128),
    "notify_url": Text(255, required=True),
    "goods_tag": Text(32),
    "support_fapiao": Flag(),
    "amount": AMOUNT,
    "detail": Part({"cost_price": Whole(), "invoice_id": Text(32), "goods_detail": Many(GOODS)}),
    "settle_info": Part({"profit_sharing": Flag()}),
}
NATIVE = PAY | {"scene_info": Part(SCENE)}
JSAPI = NATIVE | {"payer": Part({"openid": Text(128, required=True)}, required=True)}
H5 = PAY | {"scene_info": Part(SCENE | {"h5_info": H5_INFO}, required=True)}
CLOSE = {"mchid": Text(32, required=True)}
SOURCE = Part({"account": Text(32, required=True), "amount": Whole(required=True, at_least=1)})
REFUND = {
    "transaction_id": Text(32),
    "out_trade_no": Text(32),
    "out_refund_no": Text(64, required=True),
    "reason": Text(80),
    "notify_url": Text(256),
    "funds_account": Text(32),
    "amount": Part(
        {
            "refund": Whole(required=True, at_least=1),
            "total": Whole(required=True, at_least=1),
            "currency": Text(16, required=True),
            "from": Many(SOURCE),
        },
        required=True,
    ),
    "goods_detail": Many(
        Part(
            {
                "merchant_goods_id": Text(32, required=True),
                "wechatpay_goods_id": Text(32),
                "goods_name": Text(256),
                "unit_price": Whole(required=True),
                "refund_amount": Whole(required=True),
                "refund_quantity": Whole(required=True, at_least=1),
            }
        )
    ),
}
ABNORMAL = {
    "out_refund_no": Text(64, required=True),
    "type": Text(32, required=True),
    "bank_type": Text(32),
    "bank_account": Text(1024),
    "real_name": Text(1024),
}
