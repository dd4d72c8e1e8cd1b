"""The six digits of a telephone are those of the standard."""

import pytest

from app.domain import totp

SECRET = b"12345678901234567890"
# RFC 6238, appendix B: seconds since 1970 and the code of SHA-1, eight digits.
VECTORS = [
    (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"), (2000000000, "69279037"),
    (20000000000, "65353130"),
]  # fmt: skip
# RFC 4226, appendix D: counter and the code of six digits.
COUNTED = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_codes_are_those_of_rfc_6238(seconds, code):
    assert totp.code_of(SECRET, seconds // 30, digits=8) == code
    assert totp.step_of(SECRET, code[2:], seconds) == seconds // 30


def test_the_codes_are_those_of_rfc_4226():
    assert [totp.code_of(SECRET, counter) for counter in range(10)] == COUNTED


def test_a_telephone_half_a_minute_off_is_understood_and_one_that_is_two_minutes_off_is_not():
    code = totp.code_of(SECRET, 1000)
    assert [totp.step_of(SECRET, code, at) for at in (30_000 - 30, 30_000, 30_059)] == [1000] * 3
    assert [totp.step_of(SECRET, code, at) for at in (30_000 - 31, 30_060, 30_150)] == [None] * 3


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "\ud800", "000000"])
def test_what_is_no_code_is_wrong_and_no_error(code):
    assert totp.step_of(SECRET, code, 59) is None


def test_the_address_is_what_an_authenticator_reads():
    told = totp.address(SECRET, issuer="Muster", login="wang.labour")
    assert told == (
        "otpauth://totp/Muster:wang.labour?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Muster&algorithm=SHA1&digits=6&period=30"
    )
    assert totp.secret_text(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
