from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.imports.addresses import PlainAddress, split_address


class TestSplitAddress:
    def test_takes_recipient_and_phone_from_the_cell_of_old_files(self) -> None:
        address = split_address("张三，86-13800138000，浙江省 杭州市 余杭区 文一西路969号 ，")

        assert address == PlainAddress(
            "浙江省", "杭州市", "余杭区", "文一西路969号", recipient="张三", phone="86-13800138000"
        )

    def test_takes_the_postal_code_off_the_end(self) -> None:
        address = split_address("浙江省 杭州市 余杭区 五常街道 文一西路969号(311100)")

        assert (address.detail, address.postal_code) == ("五常街道 文一西路969号", "311100")

    def test_knows_that_six_zeros_are_no_postal_code(self) -> None:
        assert split_address("浙江省 杭州市 余杭区 文一西路（000000）").postal_code == ""

    @pytest.mark.parametrize(
        ("raw", "parts"),
        [
            ("上海", ("上海市", "", "", "")),
            ("内蒙古自治区", ("内蒙古自治区", "", "", "")),
            ("上海 上海市 浦东新区 世纪大道1号", ("上海市", "上海市", "浦东新区", "世纪大道1号")),
            ("北京市朝阳区建国路1号", ("北京市", "北京市", "朝阳区", "建国路1号")),
            ("广东省广州市天河区体育西路", ("广东省", "广州市", "天河区", "体育西路")),
            ("广东 深圳市 南山区 科技园", ("广东省", "深圳市", "南山区", "科技园")),
            ("广东省 东莞市 长安镇乌沙社区1号", ("广东省", "东莞市", "", "长安镇乌沙社区1号")),
            ("湖北省荆州市沙市区北京路", ("湖北省", "荆州市", "沙市区", "北京路")),
            ("山东省 济南市 市中区 经四路", ("山东省", "济南市", "市中区", "经四路")),
            ("江苏省苏州市昆山市前进路", ("江苏省", "苏州市", "昆山市", "前进路")),
            ("浙江省 宁波市 镇海区 庄市街道", ("浙江省", "宁波市", "镇海区", "庄市街道")),
            ("湖北省 省直辖县级行政区划 仙桃市 干河", ("湖北省", "省直辖县级行政区划", "仙桃市", "干河")),
            (
                "新疆维吾尔自治区 伊犁哈萨克自治州 霍城县 甲路",
                ("新疆维吾尔自治区", "伊犁哈萨克自治州", "霍城县", "甲路"),
            ),
        ],
    )
    def test_takes_the_regions_apart(self, raw: str, parts: tuple[str, str, str, str]) -> None:
        address = split_address(raw)

        assert (address.province, address.city, address.district, address.detail) == parts
        assert address.is_split

    def test_leaves_whole_what_it_does_not_know(self) -> None:
        assert split_address("自提点 12 号") == PlainAddress(detail="自提点 12 号", is_split=False)

    @given(st.text(max_size=60))
    def test_loses_no_letter_of_what_it_cannot_split(self, raw: str) -> None:
        address = split_address(raw)

        assert address.is_split or "".join(address.detail.split()) in "".join(raw.split())
