"""What people write stays as they wrote it; what is compared is made alike; what cannot be shown is refused."""

import pytest

from app.errors import Unusable
from app.fields import check_label, check_name, check_note, check_text

SENTENCE = "他说：３月５日打过卡（东门），闸机没响！请查——“第２次”了；照片见附件～"


@pytest.mark.parametrize("check", [lambda text: check_text(text, "reason", 100), lambda text: check_note(text, "note")])
def test_a_chinese_sentence_stays_as_it_was_written(check):
    assert check(SENTENCE) == SENTENCE
    assert check(f" \u3000{SENTENCE}\ufeff\n") == SENTENCE, "only what nobody sees is taken off"


def test_what_is_compared_is_the_same_however_it_was_typed():
    assert check_label("ＨＹ－９（集团）", "code", 20) == check_label("HY-9(集团)", "code", 20) == "HY-9(集团)"
    assert check_name("王　建国") == "王 建国"


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\0", "\x1b", "\ud800"], ids=["bidi", "isolate", "zero", "escape", "surrogate"])
@pytest.mark.parametrize("check", [check_text, check_label])
def test_what_cannot_be_shown_is_refused(check, sign):
    with pytest.raises(Unusable, match="text_malformed"):
        check(f"工资{sign}已付", "note", 100)
    with pytest.raises(Unusable, match="text_missing"):
        check(" \u200b ", "note", 100)
    with pytest.raises(Unusable, match="text_long"):
        check("字" * 101, "note", 100)
