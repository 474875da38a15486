"""The field table of template data (facts 1.6) and the rules of menus."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.config import Switches, Template
from simulator.errors import ApiError
from simulator.validators import check_menu, value_fits

ANY = Template("T", "", None, False, {"const9": ["已受理", "已放款"]})

GOOD = {
    "thing1": ["养牛贷款", "x" * 20, "第2期：￥500"],
    "number2": ["12", "3.14", "1" * 32],
    "letter3": ["ABCdef"],
    "symbol4": ["+-*/%"],
    "character_string5": ["HT-2026/001#a", "1" * 32],
    "time6": ["15:01", "2019年10月1日 15:01", "2019年10月1日", "09:00~18:00", "2026-12-01 09:00:00"],
    "date7": ["2019年10月1日", "2026-12-01", "2019年10月1日 15:01", "2026年12月1日~2026年12月5日"],
    "amount8": ["¥100", "100.50元", "1,234,567元", "9999999999", "0元"],
    "phone_number1": ["+86-0766-66888866", "13800000001"],
    "car_number2": ["粤A8Z888挂", "豫K12345"],
    "name3": ["王秀英", "Anna Smith", "买买提·吐尔逊"],
    "phrase4": ["审核通过", "已逾期"],
    "const9": ["已受理"],
    "enum5": ["任何值"],
    "keyword1": ["随便" * 30],
}
BAD = {
    "thing1": ["x" * 21],
    "number2": ["一", "1" * 33, "1.2.3"],
    "letter3": ["A1", "x" * 33],
    "symbol4": ["abc", "++++++"],
    "character_string5": ["合同1号", "1" * 33],
    "time6": ["25:00", "明天", "15:1"],
    "date7": ["明天", "15:01"],
    "amount8": ["12345678901", "五百元", "100元元", "1万元"],
    "phone_number1": ["1" * 18, "手机"],
    "car_number2": ["粤A8Z888888挂"],
    "name3": ["王" * 11, "x" * 21, "王小2"],
    "phrase4": ["审核已通过了", "ok", "通过\n"],
    "const9": ["其他"],
    "enum5": ["长" * 21],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in GOOD.items() for v in values])
def test_a_value_that_fits(key: str, value: str) -> None:
    assert value_fits(key, value, ANY, Switches())


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in BAD.items() for v in values])
def test_a_value_that_does_not_fit(key: str, value: str) -> None:
    assert not value_fits(key, value, ANY, Switches())


def test_the_digits_of_an_amount_are_a_switch() -> None:
    assert value_fits("amount1", "123456789012", ANY, Switches(amount_digits=12))


def click(**changes: Any) -> dict[str, Any]:
    return {"type": "click", "name": "申请", "key": "APPLY", **changes}


@pytest.mark.parametrize(
    ("buttons", "code"),
    [
        ([], 40016),
        ([click()] * 4, 40016),
        (["x"], 47001),
        ([click(name="一二三四五六")], 40018),
        ([click(type="tap")], 40017),
        ([click(key="k" * 129)], 40019),
        ([click(key="")], 40019),
        ([{"type": "view", "name": "看", "url": "https://e.org/" + "x" * 1024}], 40020),
        ([{"type": "view", "name": "看", "url": "e.org"}], 40055),
        ([{"name": "更多", "sub_button": [click()] * 6}], 40023),
        ([{"name": "更多", "sub_button": [click(type="tap")]}], 40024),
        ([{"name": "更多", "sub_button": [click(name="")]}], 40025),
        ([{"name": "更多", "sub_button": [click(key="")]}], 40026),
        ([{"name": "更多", "sub_button": [{"type": "view", "name": "看"}]}], 40027),
        ([{"type": "miniprogram", "name": "小程序", "url": "https://e.org"}], 40017),
    ],
)
def test_a_menu_that_is_refused(buttons: Any, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        check_menu(buttons)
    assert caught.value.code == code


def test_a_menu_that_is_taken() -> None:
    page = {"type": "miniprogram", "name": "小程序", "url": "https://e.org", "appid": "wx", "pagepath": "p"}
    menu = [click(name="一二三四五"), {"name": "更多", "sub_button": [click()] * 5}, page]
    check_menu(menu)
    with pytest.raises(ApiError):  # one more than this is too many
        check_menu([*menu, click()])
