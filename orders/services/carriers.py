"""The book of couriers: seeded, the merchant's to edit, found by code, name or any other name."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError

from ..models import Carrier

# code, name, English name, kuaidi100 code, other names, number prefixes, asks for the phone's last four digits
SEEDED: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], bool], ...] = (
    ("SF", "顺丰速运", "SF Express", "shunfeng", ("顺丰", "顺丰快递"), ("SF",), True),
    ("ZTO", "中通快递", "ZTO Express", "zhongtong", ("中通", "中通速递"), (), True),
    ("YTO", "圆通速递", "YTO Express", "yuantong", ("圆通", "圆通快递"), ("YT",), False),
    ("STO", "申通快递", "STO Express", "shentong", ("申通", "申通E物流"), ("77",), False),
    ("YD", "韵达快递", "Yunda Express", "yunda", ("韵达", "韵达快运件", "韵达速递"), (), False),
    ("JTSD", "极兔速递", "J&T Express", "jtexpress", ("极兔", "极兔快递"), ("JT",), False),
    ("JD", "京东快递", "JD Express", "jd", ("京东", "京东物流", "京东配送"), ("JD",), True),
    ("EMS", "EMS", "EMS", "ems", ("邮政EMS", "邮政速递", "中国邮政EMS"), (), False),
    (
        "YZPY",
        "邮政快递包裹",
        "China Post Parcel",
        "youzhengguonei",
        ("邮政", "中国邮政", "邮政包裹", "邮政标准快递", "邮政电商标快", "youzhengbk", "youzhengdsbk"),
        ("98",),
        False,
    ),
    ("DBL", "德邦快递", "Deppon Express", "debangkuaidi", ("德邦", "德邦物流", "debangwuliu"), (), False),
    ("DANNIAO", "菜鸟速递", "Cainiao Express", "danniao", ("丹鸟", "菜鸟", "丹鸟物流"), (), False),
    ("KYSY", "跨越速运", "KYE Express", "kuayue", ("跨越", "跨越物流"), (), True),
    ("UC", "优速快递", "UC Express", "youshuwuliu", ("优速", "优速物流", "yousu"), (), False),
    ("ZJS", "宅急送", "ZJS Express", "zhaijisong", ("宅急送快递",), (), False),
    ("HTKY", "百世快递", "Best Express", "huitongkuaidi", ("百世", "汇通", "百世汇通", "汇通快递"), (), False),
    ("JDKY", "京东快运", "JD Freight", "jingdongkuaiyun", (), (), False),
    ("ZTOKY", "中通快运", "ZTO Freight", "zhongtongkuaiyun", (), (), False),
    ("SFKY", "顺丰快运", "SF Freight", "shunfengkuaiyun", (), (), False),
    ("YDKY", "韵达快运", "Yunda Freight", "yundakuaiyun", (), (), False),
    ("ANE", "安能快运", "ANE Freight", "annengwuliu", ("安能", "安能物流"), (), False),
    ("YMDD", "壹米滴答", "Yimidida", "yimidida", (), (), False),
    ("SXJD", "顺心捷达", "SXJD Freight", "sxjdfreight", (), (), False),
    ("FWX", "丰网速运", "Fengwang Express", "fengwang", ("丰网",), (), False),
    ("SNWL", "苏宁物流", "Suning Logistics", "suning", ("苏宁", "苏宁快递"), (), False),
    ("JGSD", "京广速递", "Jingguang Express", "jinguangsudikuaijian", ("京广", "京广快递"), (), False),
)


class UnknownCarrier(DomainError):
    text = _("There is no carrier “%(code)s” in use. Choose one from the list, or add it under Carriers.")


def ensure_carriers() -> None:
    """Write the seeded carriers that are missing; what a merchant edited stays."""
    known = set(Carrier.objects.values_list("code", flat=True))
    Carrier.objects.bulk_create(
        Carrier(
            code=code,
            name=name,
            name_en=name_en,
            kuaidi100_code=kuaidi100,
            aliases=list(aliases),
            prefixes=list(prefixes),
            needs_phone_tail=needs_tail,
            position=position,
        )
        for position, (code, name, name_en, kuaidi100, aliases, prefixes, needs_tail) in enumerate(SEEDED)
        if code not in known
    )


def get_carrier(*, code: str) -> Carrier:
    """
    :raises UnknownCarrier: if there is none with this code that is in use
    """
    carrier = Carrier.objects.filter(code=code, is_active=True).first()
    if carrier is None:
        raise UnknownCarrier(code=code)
    return carrier


def find_carrier(written: str) -> Carrier | None:
    """The carrier that somebody means by a code, a name or any of the other names; None if that is not clear."""
    return carriers_by_name().get(_plain(written))


def carriers_by_name() -> dict[str, Carrier]:
    """Every spelling that names one carrier, for those who look up many."""
    found: dict[str, Carrier] = {}
    for carrier in Carrier.objects.order_by("-position", "-pk"):  # of two with one name, the first of the list wins
        names = (*carrier.aliases, carrier.kuaidi100_code, carrier.name_en, carrier.name, carrier.code)
        found |= {_plain(name): carrier for name in names if name}
    return found


def suggest_carrier(tracking_no: str) -> Carrier | None:
    """Whose number this looks like, by the longest known beginning. A suggestion: couriers share beginnings."""
    number = normalise_tracking_no(tracking_no)
    fitting = [
        (len(prefix), carrier)
        for carrier in Carrier.objects.filter(is_active=True)
        for prefix in carrier.prefixes
        if prefix and number.startswith(prefix.upper())
    ]
    longest = max((length for length, _carrier in fitting), default=0)
    best = {carrier.pk: carrier for length, carrier in fitting if length == longest}
    return next(iter(best.values())) if len(best) == 1 else None


def normalise_tracking_no(written: str) -> str:
    return re.sub(r"\s", "", written).upper()


def _plain(name: str) -> str:
    return re.sub(r"\s", "", name).casefold()
