"""Both languages are whole: no text without a translation, none that is gone, no Chinese outside the catalogue."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from app.pages import lines, page, show, words
from app.wording import gate
from tests.test_wording import HE, several_of_one

HAN = re.compile(r"[\u3400-\u9fff\uff00-\uffef]")
# The name of each language stands in that language.
ALLOWED = {"中文"}


@pytest.fixture(scope="module")
def catalogue():
    with words.CATALOGUE.open("rb") as file:
        found = [m for m in read_po(file, locale="en") if m.id]
    # Of a text with a form for one and a form for several, both.
    return {m.id[0]: m.string for m in found if m.pluralizable} | {m.id: (m.string,) for m in found if not m.pluralizable}


def test_every_text_has_an_english_one(catalogue):
    missing = [text for text in words.texts() if not all(catalogue.get(text, ("",)))]
    assert not missing, "run python -m app.pages.words, then translate"


def test_no_english_is_left_over(catalogue):
    assert not catalogue.keys() - words.texts().keys()


def test_both_sides_have_the_same_places(catalogue):
    for text, english in ((text, form) for text, forms in catalogue.items() for form in forms):
        assert sorted(re.findall(r"%\(\w+\)s", text)) and re.findall(r"%(?!\(\w+\)s)", english) == [] or "%" not in text, text
        assert set(re.findall(r"%\(\w+\)s", text)) == set(re.findall(r"%\(\w+\)s", english)), text


def test_no_english_text_has_chinese_in_it(catalogue):
    assert not [english for forms in catalogue.values() for english in forms if HAN.search(english)]


def test_no_english_takes_a_worker_for_a_man(catalogue):
    assert [english for forms in catalogue.values() for english in forms if HE.search(english)] == [], "there are women on sites: the worker, they"


def test_one_thing_is_not_said_like_several(catalogue):
    several = several_of_one(forms for forms in catalogue.values() if len(forms) == 2)
    assert several.search("1 whole days") and not several.search("1 day")
    said = [forms[0] % dict.fromkeys(re.findall(r"%\((\w+)\)s", forms[0]), "1") for forms in catalogue.values()]
    assert [english for english in said if several.search(english)] == [], "give it two forms in the catalogue; its count is n"
    assert [english for forms in catalogue.values() for english in forms if re.search(r"(?<!%)\((s|es)\)", english)] == []


def test_a_count_chooses_its_form():
    assert [words.tr("en", "补卡 %(n)s 次", n=n) for n in (0, 1, 2, "1", "1.5")] == [
        "0 corrections", "1 correction", "2 corrections", "1 correction", "1.5 corrections"
    ]  # fmt: skip
    assert words.tr("zh", "补卡 %(n)s 次", n=1) == "补卡 1 次" and words.tr("en", "工日") == "Man-days"
    template = page.environment("en").from_string('{{ _("补卡 %(n)s 次", n=n) }} {{ _("材料 %(n)s", n="<b>") }} {{ _("工日") }}')
    assert template.render(n=1) == "1 correction Paper &lt;b&gt; Man-days"


@pytest.mark.parametrize("path", sorted(page.TEMPLATES.rglob("*.html")), ids=lambda p: p.name)
def test_no_template_has_chinese_outside_the_catalogue(path: Path):
    text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"""_\((["']).*?\1""", "", text)
    for word in ALLOWED:
        text = text.replace(word, "")
    assert not HAN.findall(text)


@pytest.mark.parametrize("path", sorted(Path(words.__file__).parent.glob("*.py")), ids=lambda p: p.name)
def test_no_code_has_chinese_outside_the_catalogue(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    fine = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in words.KEYWORDS:
                fine |= {id(argument) for argument in node.args}
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            fine.add(id(node.value))
    weekdays = {day for days in show.WEEKDAYS.values() for day in days}
    bad = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and HAN.search(node.value)
        and id(node) not in fine and node.value not in weekdays and node.value != "，"
    ]
    assert not bad


def test_every_reason_a_passage_can_have_has_advice():
    reasons = {key.removeprefix("code.") for key in gate.NAMES if key.startswith("code.")} - {"admitted"}
    assert not reasons - lines.ADVICE.keys()


@pytest.mark.parametrize(
    ("fen", "said"), [(0, "¥0.00"), (123450, "¥1,234.50"), (-5, "−¥0.05"), (100_000_000, "¥1,000,000.00"), (None, "—")]
)
def test_money(fen, said):
    assert show.money(fen) == said


@pytest.mark.parametrize(("milli", "said"), [(0, "0"), (250, "0.25"), (1000, "1"), (10_750, "10.75"), (None, "—")])
def test_mandays(milli, said):
    assert show.mandays(milli) == said
