"""ID numbers and the rest: the vectors of domain.md 7.1, 7.2 and 7.4, and one refusal per code."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identity import (
    IdNumberWrong,
    NumberWrong,
    View,
    age,
    check_bank_card,
    check_id_number,
    check_phone,
    check_uscc,
    id_check_digit,
    mask_bank_card,
    mask_id_number,
    mask_name,
    mask_phone,
    name_order,
)

TODAY = date(2026, 3, 1)


def made(first_17: str) -> str:
    return first_17 + id_check_digit(first_17)


def refused(text: str, **how) -> str:
    with pytest.raises(IdNumberWrong) as wrong:
        check_id_number(text, today=TODAY, **how)
    assert str(wrong.value) == wrong.value.code
    return wrong.value.code


@pytest.mark.parametrize(
    ("text", "birth_on", "sex"),
    [
        ("11010519491231002X", date(1949, 12, 31), "F"),
        ("440524188001010014", date(1880, 1, 1), "M"),
        ("990000199001010017", date(1990, 1, 1), "M"),
    ],
)
def test_the_vectors_pass(text, birth_on, sex):
    number = check_id_number(text, today=TODAY, allow_test=True)
    assert (number.normalised, number.birth_on, number.sex, number.region) == (text, birth_on, sex, text[:6])


@given(st.sampled_from(["11010519491231002X", "440524188001010014"]), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_any_changed_character_is_refused(text, place, other):
    changed = text[:place] + other + text[place + 1 :]
    if changed != text:
        assert refused(changed) in {"id_check_digit", "id_characters"}


def test_what_hands_and_scanners_do_is_put_right():
    for text in (" 110105 19491231 002x ", "１１０１０５１９４９１２３１００２ｘ", "110105\u300019491231\u00a0002X"):
        assert check_id_number(text, today=TODAY).normalised == "11010519491231002X"


def test_a_superscript_or_an_arabic_digit_is_no_digit():
    assert refused("1101051949123100²X") == "id_characters"
    assert refused("1101051949123100٢X") == "id_characters"


def test_one_refusal_per_code():
    assert refused("110105491231002") == "id_length"
    assert refused("") == "id_length"
    assert refused("1101051949123100XX") == "id_characters"
    assert refused("110105194912310021") == "id_check_digit"
    assert refused(made("16010519491231002")) == "id_region"
    assert refused(made("11010519490229002")) == "id_birth_date"
    assert refused(made("11010520260302002")) == "id_birth_date"
    assert refused(made("11010520100302002")) == "id_under_age"


def test_sixteen_today_is_old_enough():
    assert check_id_number(made("11010520100301002"), today=TODAY).birth_on == date(2010, 3, 1)


def test_the_test_province_is_for_tests():
    assert refused("990000199001010017") == "id_region"


def test_residence_permits_are_not_errors_by_their_first_digit():
    for first in ("810000", "820000", "830000", "911840"):
        check_id_number(made(first + "19900101001"), today=TODAY)
    assert refused(made("90000019900101001"), allow_test=True) == "id_region"


def test_a_number_does_not_leak_into_a_log():
    number = check_id_number("11010519491231002X", today=TODAY)
    assert "1949" not in repr(number)
    assert "1949" not in repr(IdNumberWrong("id_length"))
    assert "6217" not in repr(check_bank_card("6217000000000000004"))


def test_a_leap_day_is_a_year_older_in_march():
    assert age(date(2008, 2, 29), date(2024, 2, 28)) == 15
    assert age(date(2008, 2, 29), date(2025, 2, 28)) == 16
    assert age(date(2008, 2, 29), date(2025, 3, 1)) == 17


def test_organisation_codes():
    assert check_uscc("9144030071526726xg") == "9144030071526726XG"
    for text, code in (
        ("9144030071526726X", "uscc_length"),
        ("9144030071526726XO", "uscc_characters"),
        ("9144030071526726XH", "uscc_check_digit"),
        ("9144030071526727XG", "uscc_check_digit"),
    ):
        with pytest.raises(NumberWrong, match=code):
            check_uscc(text)


def test_bank_cards_warn_but_pass():
    assert check_bank_card("6217 0000 0000 0000 004").warning is None
    assert check_bank_card("6222020000000000000").warning is None
    assert check_bank_card("6222020000000000001").warning == "bank_card_check_digit"
    for text, code in (("621700000000000", "length"), ("62170000000000000000", "length"), ("6217a00000000000004", "characters")):
        with pytest.raises(NumberWrong, match=code):
            check_bank_card(text)


def test_phones():
    for text in ("13812345678", "+86 138-1234-5678", "１３８１２３４５６７８"):
        assert check_phone(text) == "13812345678"
    for text in ("12812345678", "1381234567", "138123456789", "0573-86012345", ""):
        with pytest.raises(NumberWrong, match="phone_wrong"):
            check_phone(text)


@pytest.mark.parametrize(
    ("name", "staff", "public"),
    [
        ("张三", "张*", "张**"),
        ("张小三", "张*三", "张**"),
        ("欧阳小三", "欧**三", "欧**"),
        ("阿依古丽·买买提", "阿**", "阿**"),
        ("张", "*", "张**"),
        ("", "", ""),
    ],
)
def test_names_are_masked(name, staff, public):
    assert mask_name(name, View.PROJECT) == mask_name(name, View.BUREAU) == staff
    assert mask_name(name, View.PUBLIC) == public


def test_numbers_are_masked():
    assert mask_id_number("33042419900101001X", View.BUREAU) == "330424********001X"
    assert mask_id_number("33042419900101001X", View.PROJECT) == "33**************1X"
    assert mask_id_number("E12345678", View.BUREAU) == "*******78"
    assert mask_phone("13812345678", View.PROJECT) == "138****5678"
    assert mask_phone("1234", View.BUREAU) == "****"
    assert mask_bank_card("6217000000000000004", View.BUREAU) == "**** 0004"
    assert mask_bank_card("6217", View.BUREAU) == "****"


@given(st.text(max_size=24))
def test_the_public_sees_no_number(text):
    assert mask_id_number(text, View.PUBLIC) == mask_phone(text, View.PUBLIC) == mask_bank_card(text, View.PUBLIC) == ""


def test_names_stand_in_the_order_of_their_pinyin_and_rare_ones_after_them():
    names = ["赵一", "王建国", "李芳", "陈刚", "安然", "鄢某", "王建", "𠮷田", "Smith"]
    assert sorted(names, key=name_order) == ["Smith", "安然", "陈刚", "李芳", "王建", "王建国", "赵一", "鄢某", "𠮷田"]
