from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orders.imports import ImportedLine, ImportedShipment

from .files import (
    TAOBAO_2016,
    TAOBAO_2020,
    TAOBAO_ORDER,
    TAOBAO_XLSX,
    only_order,
    only_rejected,
    save_csv,
    save_xlsx,
    taobao,
    taobao_rejected,
)


def codes(order: object) -> list[str]:
    return [reason.code for reason in getattr(order, "warnings")]  # noqa: B009


class TestTaobaoOrder:
    def test_is_read_whole(self, tmp_path: Path) -> None:
        order = taobao(tmp_path)

        assert (order.source, order.external_order_no) == ("taobao", "1930123456789012345")
        assert (order.state, order.close_reason) == ("shipped", "")
        assert (order.placed_at, order.paid_at) == (
            datetime(2016, 5, 23, 14, 2, 5, tzinfo=UTC),
            datetime(2016, 5, 23, 14, 3, tzinfo=UTC),
        )
        assert (order.total_fen, order.shipping_fen, order.paid_fen, order.refunded_fen) == (10_000, 1_000, 10_000, 0)
        assert order.lines == (ImportedLine(title="茶杯", quantity=2, unit_price_fen=4_500, total_fen=9_000),)
        assert order.shipments == (ImportedShipment(carrier="中通快递", tracking_no="75123456789"),)
        assert (order.carrier, order.tracking_no) == ("中通快递", "75123456789")
        assert (order.customer_name, order.customer_account, order.recipient_name) == ("张三", "tb_buyer", "张三")
        assert (order.phone, order.phone_masked) == ("13800138000", "")
        assert (order.province, order.city, order.district) == ("浙江省", "杭州市", "余杭区")
        assert (order.address_detail, order.postal_code) == ("五常街道 文一西路969号", "311100")
        assert order.warnings == ()

    def test_keeps_columns_that_nobody_asked_for_but_not_the_buyers_account(self, tmp_path: Path) -> None:
        assert taobao(tmp_path).raw == {"店铺名称": "小店"}

    @pytest.mark.parametrize(
        ("said", "state"),
        [
            ("等待买家付款", "pending_payment"),
            ("买家已付款，等待卖家发货", "awaiting_shipment"),
            ("买家已付款,等待卖家发货", "awaiting_shipment"),  # another comma
            ("卖家部分发货", "partially_shipped"),
            ("卖家已发货，等待买家确认", "shipped"),
            ("交易成功", "completed"),
            ("交易关闭", "closed"),
        ],
    )
    def test_is_in_the_state_that_the_marketplace_says(self, tmp_path: Path, said: str, state: str) -> None:
        assert taobao(tmp_path, 订单状态=said).state == state

    @pytest.mark.parametrize(("said", "code"), [("预售", "unknown_state"), ("", "no_state")])
    def test_is_refused_in_a_state_nobody_knows(self, tmp_path: Path, said: str, code: str) -> None:
        assert taobao_rejected(tmp_path, 订单状态=said).reason_code == code


class TestNumbers:
    @pytest.mark.parametrize("wrapped", ['="1930123456789012345"', "'1930123456789012345", "\t1930123456789012345"])
    def test_lose_their_guards(self, tmp_path: Path, wrapped: str) -> None:
        assert taobao(tmp_path, 订单编号=wrapped).external_order_no == "1930123456789012345"

    def test_damaged_by_excel_refuse_the_order_and_name_the_column(self, tmp_path: Path) -> None:
        reason = taobao_rejected(tmp_path, 订单编号="1.93012E+18").reason

        assert (reason.code, reason.facts["column"], reason.facts["value"]) == (
            "damaged_number",
            "订单编号",
            "1.93012E+18",
        )

    @pytest.mark.parametrize("column", ["物流单号_", "联系手机"])
    def test_damaged_in_other_columns_refuse_it_as_well(self, tmp_path: Path, column: str) -> None:
        assert taobao_rejected(tmp_path, **{column: "7.51235E+11"}).reason_code == "damaged_number"

    def test_of_19_digits_in_a_numeric_cell_are_damaged_even_if_they_look_whole(self, tmp_path: Path) -> None:
        path = save_xlsx(tmp_path, TAOBAO_2016, TAOBAO_ORDER | {"订单编号": 6917926768823643751})

        assert read_reason(path) == "damaged_number"

    def test_of_19_digits_in_a_text_cell_are_whole(self, tmp_path: Path) -> None:
        path = save_xlsx(tmp_path, TAOBAO_2016, TAOBAO_ORDER | {"订单编号": "6917926768823643751"})

        assert only_order(path).external_order_no == "6917926768823643751"

    def test_that_end_with_zeros_after_the_15th_digit_are_pointed_out(self, tmp_path: Path) -> None:
        assert codes(taobao(tmp_path, 订单编号="193012345678901000")) == ["number_suspicious"]

    def test_too_long_for_an_order_number_are_refused(self, tmp_path: Path) -> None:
        assert taobao_rejected(tmp_path, 订单编号="1" * 65).reason_code == "too_long"

    @pytest.mark.parametrize("nothing", ["", "-", "'"])
    def test_must_not_be_missing(self, tmp_path: Path, nothing: str) -> None:
        assert taobao_rejected(tmp_path, 订单编号=nothing).reason_code == "no_order_number"


class TestMoney:
    def test_marked_as_provisional_is_taken_and_said_so(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 买家实际支付金额="100.00（系统计算中，该值仅供参考）")

        assert (order.paid_fen, codes(order)) == (10_000, ["provisional_amount"])

    def test_that_is_blank_is_not_zero_but_assumed_and_said_so(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 买家实际支付金额="")

        assert (order.paid_fen, codes(order)) == (10_000, ["paid_assumed"])

    def test_net_of_refunds_is_added_up(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, TAOBAO_2020, 订单状态="交易成功", 买家实际支付金额="60.00", 退款金额="40.00")

        assert (order.paid_fen, order.refunded_fen, order.state) == (10_000, 4_000, "completed")

    def test_that_says_no_refund_in_words_is_no_refund(self, tmp_path: Path) -> None:
        assert taobao(tmp_path, TAOBAO_2020, 退款金额="无退款申请").refunded_fen == 0

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"总金额": ""}, "no_amount"),
            ({"总金额": "1.005"}, "fraction_of_fen"),
            ({"总金额": "-100"}, "negative_amount"),
            ({"买家实际支付金额": "100.01"}, "paid_above_total"),
            ({"买家应付邮费": "100.01"}, "shipping_above_total"),
        ],
    )
    def test_that_contradicts_itself_refuses_the_order(
        self, tmp_path: Path, changes: dict[str, str], code: str
    ) -> None:
        assert taobao_rejected(tmp_path, **changes).reason_code == code

    def test_kept_by_a_closed_order_refuses_it(self, tmp_path: Path) -> None:
        rejected = taobao_rejected(
            tmp_path, TAOBAO_2020, 订单状态="交易关闭", 买家实际支付金额="60.00", 退款金额="40.00"
        )

        assert (rejected.reason_code, rejected.reason.facts["kept"]) == ("closed_with_money", "￥60.00")

    def test_that_coupons_of_the_marketplace_explain_becomes_a_discount(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 买家实际支付金额="95.00", 天猫卡券抵扣="4.00", 集分宝抵扣="1.00")

        assert (order.total_fen, order.paid_fen, order.discount_fen, order.subtotal_fen) == (9_500, 9_500, 500, 9_000)
        assert order.lines[0].total_fen == 8_500

    def test_below_the_total_without_a_reason_is_pointed_out(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 买家实际支付金额="95.00")

        assert (order.total_fen, order.paid_fen, codes(order)) == (10_000, 9_500, ["paid_below_total"])

    def test_of_goods_that_does_not_add_up_is_pointed_out(self, tmp_path: Path) -> None:
        assert codes(taobao(tmp_path, 买家应付货款="80.00")) == ["goods_differ"]

    def test_that_cannot_be_divided_by_the_pieces_stays_exact(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 宝贝总数量="7")
        (line,) = order.lines

        assert line.unit_price_fen * line.quantity - line.discount_fen == line.total_fen == 9_000
        assert order.subtotal_fen - order.discount_fen + order.shipping_fen == order.total_fen
        assert codes(order) == ["rounded_line"]

    @pytest.mark.parametrize("quantity", ["0", "-1", "两", "1.5", "9" * 20])
    def test_needs_a_whole_number_of_pieces(self, tmp_path: Path, quantity: str) -> None:
        assert taobao_rejected(tmp_path, 宝贝总数量=quantity).reason_code == "unreadable_number"


class TestTimes:
    def test_of_payment_may_be_missing_as_long_as_it_is_said(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 订单付款时间_="")

        assert (order.paid_at, codes(order)) == (order.placed_at, ["paid_at_assumed"])

    def test_of_the_order_may_be_missing_as_long_as_it_is_said(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 订单创建时间="")

        assert (order.placed_at, codes(order)) == (order.paid_at, ["placed_at_assumed"])

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"订单创建时间": "", "订单付款时间_": ""}, "no_date"),
            ({"订单创建时间": "02-10-2017 10:56"}, "ambiguous_date"),
            ({"订单创建时间": "昨天"}, "unreadable_date"),
        ],
    )
    def test_that_cannot_be_known_refuse_the_order(self, tmp_path: Path, changes: dict[str, str], code: str) -> None:
        assert taobao_rejected(tmp_path, **changes).reason_code == code

    @pytest.mark.parametrize("text", ["2016/5/23 22:02", "42513.9180555556", "2016-05-23 22：02"])
    def test_may_be_spelled_as_excel_does(self, tmp_path: Path, text: str) -> None:
        assert taobao(tmp_path, 订单创建时间=text).placed_at == datetime(2016, 5, 23, 14, 2, tzinfo=UTC)


class TestClosing:
    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("买家未及时付款", "payment_timeout"),
            ("卖家缺货", "out_of_stock"),
            ("买家重复下单", "duplicate"),
            ("我不想买了", "canceled_by_customer"),
            ("卖家主动关闭", "canceled_by_merchant"),
        ],
    )
    def test_of_an_unpaid_order_has_the_reason_that_is_given(self, tmp_path: Path, said: str, reason: str) -> None:
        order = taobao(tmp_path, 订单状态="交易关闭", 订单付款时间_="", 买家实际支付金额="0.00", 订单关闭原因=said)

        assert (order.state, order.close_reason, order.paid_fen, order.warnings) == ("closed", reason, 0, ())

    def test_without_a_reason_is_a_time_out_and_said_so(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 订单状态="交易关闭", 订单付款时间_="", 买家实际支付金额="0.00")

        assert (order.close_reason, codes(order)) == ("payment_timeout", ["close_reason_assumed"])

    def test_of_a_paid_order_gave_everything_back_where_the_file_does_not_tell(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 订单状态="交易关闭")

        assert (order.close_reason, order.paid_fen, order.refunded_fen) == ("fully_refunded", 10_000, 10_000)
        assert codes(order) == ["refund_assumed"]

    def test_of_a_paid_order_whose_payment_is_shown_net_gave_everything_back(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, TAOBAO_2020, 订单状态="交易关闭", 买家实际支付金额="0.00", 退款金额="100.00")

        assert (order.close_reason, order.paid_fen, order.refunded_fen, order.warnings) == (
            "fully_refunded",
            10_000,
            10_000,
            (),
        )


class TestPeople:
    def test_masked_phones_are_kept_apart_and_pointed_out(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 联系手机="1******6198")

        assert (order.phone, order.phone_masked, codes(order)) == ("", "1******6198", ["phone_masked"])

    def test_a_real_phone_in_the_second_column_wins_over_a_masked_one_in_the_first(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 联系手机="138****8000", 联系电话_="86-0571-88888888")

        assert (order.phone, order.phone_masked) == ("0571-88888888", "")

    def test_an_unreadable_phone_is_left_out_and_pointed_out(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 联系手机="问前台")

        assert (order.phone, order.phone_masked, codes(order)) == ("", "", ["phone_unreadable"])

    def test_a_corrected_address_wins_over_the_first(self, tmp_path: Path) -> None:
        assert taobao(tmp_path, 修改后的收货地址="北京市朝阳区建国路1号").district == "朝阳区"

    def test_an_address_that_cannot_be_split_is_kept_whole(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 收货地址_="自提点 12 号")

        assert (order.province, order.address_detail, order.address_raw) == ("", "自提点 12 号", "自提点 12 号")
        assert codes(order) == ["address_unsplit"]

    def test_recipient_and_phone_inside_the_address_fill_the_gaps(self, tmp_path: Path) -> None:
        raw = "李四，86-13900139000，浙江省 杭州市 余杭区 文一西路969号 ，"
        order = taobao(tmp_path, 收货地址_=raw, 收货人姓名="", 联系手机="")

        assert (order.recipient_name, order.phone, order.city) == ("李四", "13900139000", "杭州市")

    def test_region_columns_of_their_own_win(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, TAOBAO_2020, 收货省份="江苏省", 收货市="苏州市", 收货区="昆山市")

        assert (order.province, order.city, order.district) == ("江苏省", "苏州市", "昆山市")

    def test_without_any_name_the_customer_is_anonymous(self, tmp_path: Path) -> None:
        assert taobao(tmp_path, 买家会员名="", 收货人姓名="").customer_name is None

    def test_a_masked_recipient_does_not_name_the_customer_while_the_account_does(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 收货人姓名="张**")

        assert (order.customer_name, order.recipient_name) == ("tb_buyer", "张**")

    def test_a_guarded_formula_in_a_note_is_text_again(self, tmp_path: Path) -> None:
        assert taobao(tmp_path, 买家留言="'=1+1").customer_note == "=1+1"

    def test_a_note_too_long_for_an_order_is_shortened_and_pointed_out(self, tmp_path: Path) -> None:
        order = taobao(tmp_path, 买家留言="长" * 600)

        assert (len(order.customer_note), codes(order)) == (500, ["shortened"])


class TestNewerWorkbook:
    ROW = {
        "订单编号": "1930123456789012345",
        "买家下单时间": datetime(2026, 2, 21, 10, 30, 5),  # noqa: DTZ001 - cells have no zone
        "买家付款时间": datetime(2026, 2, 21, 10, 31),  # noqa: DTZ001
        "发货时间": "2026-02-22 09:00:00",
        "确认收货时间": "2026-02-25 20:00:00",
        "物流公司": "顺丰速运",
        "运单号": "SF1234567890123",
        "买家实付金额": 178.8,
        "买家会员名": "tb_buyer",
        "联系手机": 13800138000,
        "收货地址": "上海 上海市 浦东新区 世纪大道1号",
        "宝贝标题": "茶杯",
        "宝贝总数量": 3,
        "订单状态": "交易成功",
    }

    def test_is_read_with_the_types_of_its_cells(self, tmp_path: Path) -> None:
        order = only_order(save_xlsx(tmp_path, TAOBAO_XLSX, self.ROW))

        assert order.placed_at == datetime(2026, 2, 21, 2, 30, 5, tzinfo=UTC)
        assert order.completed_at == datetime(2026, 2, 25, 12, tzinfo=UTC)
        assert (order.total_fen, order.paid_fen, order.lines[0].quantity) == (17_880, 17_880, 3)
        assert (order.phone, order.tracking_no) == ("13800138000", "SF1234567890123")
        assert order.shipments[0].shipped_at == order.shipped_at == datetime(2026, 2, 22, 1, tzinfo=UTC)
        assert codes(order) == ["total_assumed"]

    def test_of_an_unpaid_order_tells_no_total(self, tmp_path: Path) -> None:
        row = self.ROW | {"买家实付金额": 0, "订单状态": "等待买家付款", "买家付款时间": None}

        assert read_reason(save_xlsx(tmp_path, TAOBAO_XLSX, row)) == "no_amount"


def read_reason(path: Path) -> str:
    return only_rejected(path).reason_code


def test_the_same_row_is_the_same_order_from_csv_and_from_xlsx(tmp_path: Path) -> None:
    row = TAOBAO_ORDER | {"联系手机": "13800138000"}

    assert only_order(save_csv(tmp_path, TAOBAO_2016, row)) == only_order(save_xlsx(tmp_path, TAOBAO_2016, row))
