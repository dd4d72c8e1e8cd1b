"""Whatever can be refused can be said: every code has its sentence, in Chinese and in English.

The codes are read out of the source, so that a new ``raise`` without a sentence fails here and not at the gate.
Where a code is passed on from somewhere else (``Unusable(wrong.code)``), ``PASSED_ON`` says whose codes these
are; a new place of that kind fails until somebody has said so.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from app import errors
from app.domain import admission, audit
from app.domain.audit import sentences as audit_words
from app.domain.audit.rule import RULE_FAILED
from app.domain.counted import filled
from app.forms.words import HEADS
from app.wording import LANGUAGES, NAMES, SENTENCES
from devices.dialects import frames

ROOT = Path(__file__).resolve().parents[1]

REFUSALS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}

CODE_AT = {
    **dict.fromkeys(REFUSALS, 0),
    **dict.fromkeys(("NumberWrong", "IdNumberWrong", "BadImage", "BadSignature", "error_body", "_Wrong"), 0),
    "LivenessError": 0, "BadPayload": 1, "BankCard": 1, "CalendarFault": 1, "CellFault": 1, "differs": 1, "doubt": 1, "Refusal": 0, "RosterFault": 3,
}  # fmt: skip
"""Callable -> position of the code among its arguments."""

FACTS_AT = {"CalendarFault": 2, "CellFault": 2, "Refusal": 1, "RosterFault": 4}
"""Callable -> position of the facts, where they are not keywords."""

NOT_FACTS = {"code", "detail", "retry_after_s"}


@dataclass(frozen=True)
class Said:
    """A code that some place in the source says, and what it gives the sentence to show."""

    code: str
    facts: frozenset[str] | None
    """None: more than can be read off the source."""
    where: str


@dataclass(frozen=True)
class _Place:
    file: str
    codes: frozenset[str] | None
    """None: not written there."""
    written: str
    facts: frozenset[str] | None
    where: str


# --- reading the source --------------------------------------------------------------------------------------


def _literals(code: ast.expr) -> frozenset[str] | None:
    """The codes an expression can be, when they are written there."""
    match code:
        case ast.Constant(value=str(text)):
            return frozenset({text})
        case ast.Constant(value=None):
            return frozenset()
        case ast.IfExp(body=one, orelse=other):
            pair = _literals(one), _literals(other)
            return None if None in pair else pair[0] | pair[1]
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(ending))]):
            # Devices only: one code a header.
            return frozenset(word + ending for word, _ in frames._HEADERS.values())
    return None


def _names(function: ast.expr) -> set[str]:
    """What is called; both for ``(BadRequest if so else Unusable)(...)``."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {name}
        case ast.IfExp(body=one, orelse=other):
            return _names(one) | _names(other)
    return set()


def _given(call: ast.Call, name: str) -> frozenset[str] | None:
    if name in FACTS_AT:
        if len(call.args) <= FACTS_AT[name]:
            return frozenset()
        facts = call.args[FACTS_AT[name]]
        return frozenset(key.value for key in facts.keys) if isinstance(facts, ast.Dict) else None
    if any(word.arg is None for word in call.keywords):
        return None
    return frozenset(word.arg for word in call.keywords) - NOT_FACTS


def _places_in(file: str, tree: ast.AST) -> Iterator[_Place]:
    # "refuse" is a helper of the two files that have one.
    code_at = {**CODE_AT, **{"app/web.py": {"refuse": 1}, "devices/dialects/frames.py": {"refuse": 0}}.get(file, {})}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = next(iter(sorted(_names(call.func) & code_at.keys())), None)
        said = [*call.args[code_at[name] :][:1], *(word.value for word in call.keywords if word.arg == "code")] if name else []
        for code in said:
            yield _Place(file, _literals(code), ast.unparse(code), _given(call, name), f"{file}:{call.lineno}")
        if "refusals" in _names(call.func):
            # What the OpenAPI promises of a route: the code, shown without facts.
            for pair in call.args:
                if isinstance(pair, ast.Tuple):
                    yield _Place(file, _literals(pair.elts[1]), ast.unparse(pair), None, f"{file}:{call.lineno}")


@cache
def _places() -> tuple[_Place, ...]:
    files = sorted(file for room in ("app", "devices", "recognition") for file in (ROOT / room).rglob("*.py"))
    return tuple(
        place for file in files
        for place in _places_in(file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8")))
    )  # fmt: skip


def _written_in(*rooms: str) -> frozenset[str]:
    return frozenset().union(*(place.codes or () for place in _places() if place.file.startswith(rooms)))


def _looks() -> frozenset[str]:
    """What recognition says about a picture it can read: its analysis and quality codes."""
    found: set[str] = set()
    for file in ("engine", "synthetic"):
        for node in ast.walk(ast.parse((ROOT / f"recognition/{file}.py").read_text(encoding="utf-8"))):
            match node:
                case ast.Assign(targets=[ast.Name(id="code")], value=value):
                    found |= _literals(value) or set()
    quality = ast.parse((ROOT / "recognition/quality.py").read_text(encoding="utf-8"))
    codes = next(node for node in quality.body if isinstance(node, ast.FunctionDef) and node.name == "codes")
    checks = next(node.value for node in codes.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple))
    return frozenset(found | {check.elts[0].value for check in checks.elts})


def _of_admission() -> frozenset[str]:
    return frozenset(value for name, value in vars(admission).items() if name.isupper() and isinstance(value, str))


CARRIED = frozenset[str]()
"""The code comes along with its facts from a place that is found by itself."""


@cache
def _passed_on() -> dict[tuple[str, str], frozenset[str]]:
    """(file, expression of the code) -> the codes it can be."""
    identity = _written_in("app/domain/identity.py")
    pictures = _written_in("recognition/decode.py")
    return {
        ("app/fields.py", "wrong.code"): identity,
        ("app/forms/roster.py", "wrong.code"): identity,
        ("app/forms/reading.py", "wrong.code"): identity,
        ("app/api/frames.py", "error.code"): _written_in("devices/"),
        ("app/cameras.py", "wrong.code"): frozenset({"camera_address_malformed", "camera_host_not_allowed"}),
        ("app/gate.py", "error.code"): pictures,
        ("app/judging.py", "error.code"): _written_in("recognition/liveness.py"),
        ("app/enrolment.py", "code"): pictures | _looks(),
        ("app/verification.py", "code"): pictures | _looks(),
        ("app/signatures.py", "error.code"): pictures,
        ("app/signatures.py", "code"): pictures | _looks(),
        ("app/api/access.py", "code"): CARRIED,
        ("app/web.py", "code"): CARRIED,
        ("app/web.py", "error.code"): CARRIED,
        ("app/roster.py", "f.code"): CARRIED,
        ("app/sheets.py", "refusal.code"): CARRIED,
        ("app/bank.py", "fault.code"): _written_in("app/domain/bank_files.py"),
        ("app/bank.py", "faults[0][0]"): _written_in("app/domain/bank_files.py"),
        ("app/roster.py", "error.code"): CARRIED,
        ("app/roster.py", "code"): CARRIED,
        ("devices/dialects/frames.py", "code"): CARRIED,
    }


PASSED_ON = _passed_on()


@cache
def everything_said() -> tuple[Said, ...]:
    """Every code, with what its sentence is given, wherever one is said."""
    found = [
        Said(code, place.facts, place.where)
        for place in _places() if place.file.startswith("app/")
        for code in (place.codes if place.codes is not None else PASSED_ON.get((place.file, place.written), ()))
        # The number is refused in app.domain, and said where that is caught.
        if place.file != "app/domain/identity.py"
    ]  # fmt: skip
    # What the gate decides is shown on its display, by the code alone.
    found += [Said(code, frozenset(), "the gate's display") for code in sorted(_of_admission() | _looks())]
    # Checked on its own, although nobody may call it yet.
    found += [Said(code, frozenset(), "app/domain/identity.py") for code in sorted(_written_in("app/domain/identity.py"))]
    return tuple(found)


def _placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


# --- what must hold ------------------------------------------------------------------------------------------


def test_the_places_are_found():
    """A reader of source that finds nothing would be content with everything."""
    codes = {said.code for said in everything_said()}
    assert codes >= {
        "project_unknown", "internal_error", "cross_site", "body_late", "device_disabled", "signature_wrong",
        "nonce_repeated", "content_hash_missing", "part_cut", "frame_not_jpeg", "image_truncated", "face_cut",
        "too_dark", "several_faces", "id_check_digit", "bank_card_length", "bank_card_check_digit", "phone_wrong",
        "credential_unknown", "cell_missing", "row_repeated", "rate_differs",
    }  # fmt: skip
    assert len(codes) > 200


def test_whose_code_is_passed_on_is_written_down():
    met = {(place.file, place.written) for place in _places() if place.codes is None}
    assert met == set(PASSED_ON)


def test_every_code_has_a_sentence():
    silent = sorted({(said.code, said.where) for said in everything_said() if said.code not in SENTENCES})
    assert silent == []


def test_a_sentence_is_in_its_language():
    wrong = [
        code for code, (chinese, english) in SENTENCES.items()
        if not re.search(r"[\u4e00-\u9fff]", chinese)
        or not re.search(r"[a-z]", english) or re.search(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]", english)
    ]  # fmt: skip
    assert wrong == []


def test_a_sentence_shows_only_what_it_is_given():
    missing = []
    for said in everything_said():
        if said.facts is None:
            continue
        for language, text in zip(LANGUAGES, SENTENCES.get(said.code, ()), strict=False):
            lacking = _placeholders(text) - said.facts
            if lacking:
                missing.append((said.where, said.code, language, sorted(lacking)))
    assert missing == []


AUDIT_RULES = audit.RULES | audit.COUNTY_RULES


def _facts_of_hits() -> dict[str, list[set[str]]]:
    """Rule -> the facts of each ``Hit`` its function yields."""
    found: dict[str, list[set[str]]] = {}
    for file in (ROOT / "app/domain/audit").glob("*.py"):
        for function in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(function, ast.FunctionDef) and function.name in AUDIT_RULES:
                for call in ast.walk(function):
                    match call:
                        case ast.Call(func=ast.Name(id="Hit" | "about_project"), args=[_, _, ast.Dict(keys=keys), *_]):
                            found.setdefault(function.name, []).append({key.value for key in keys})
                        case ast.Call(func=ast.Name(id="Hit" | "about_project")):
                            found.setdefault(function.name, []).append(set())
    return found


@pytest.mark.parametrize("rule", [*AUDIT_RULES, RULE_FAILED])
def test_an_audit_rule_has_a_name_and_a_sentence(rule: str):
    for language in LANGUAGES:
        for text in audit.SENTENCES[rule][language]:
            assert text.strip()
            assert bool(re.search(r"[\u4e00-\u9fff]", text)) == (language == "zh"), text
    assert audit_words.explanation(rule).strip()


@pytest.mark.parametrize("rule", AUDIT_RULES)
def test_an_audit_sentence_shows_only_what_its_rule_gives(rule: str):
    hits = _facts_of_hits()[rule]
    assert hits
    for language in LANGUAGES:
        for facts in hits:
            added = audit_words.NO_TERMS[language] if "no_terms_days" in facts else ""
            assert _placeholders(audit.SENTENCES[rule][language][1] + added) <= facts


def test_no_audit_sentence_without_a_rule():
    assert set(audit.SENTENCES) == {*AUDIT_RULES, RULE_FAILED}


def several_of_one(forms: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    """What "1 days" and "1 whole days" look like, by every word English has for several in ``forms`` (of one, of several)."""
    small = "has|have|is|are|was|were|of|and|or|in|on|they|their|them|him|he|his"
    pairs = [[set(re.findall(r"[a-z-]+", form.lower())) for form in both] for both in forms]
    words = set().union(*(more - one for one, more in pairs)) - set(small.split("|"))
    return re.compile(rf"\b1 (?:(?!(?:{small})\b)[a-z-]+ )?(?:{'|'.join(sorted(words))})\b")


def test_one_thing_is_not_said_like_several():
    """Every English sentence with counts of one: "1 day", never "1 days" or "1 day(s)"."""
    english = [text for _, text in (*SENTENCES.values(), *NAMES.values(), *HEADS.values())]
    english += [text for rule in audit.SENTENCES.values() for text in rule["en"]] + [audit_words.NO_TERMS["en"]]
    several = several_of_one(spec.split("|") for text in english for _, _, spec, _ in Formatter().parse(text) if spec)
    assert several.search("1 whole days") and not several.search("1 day")
    said = [filled(text, dict.fromkeys(_placeholders(text), "1")) for text in english]
    assert [text for text in said if several.search(text) or "(s)" in text or "(es)" in text] == []


@pytest.mark.parametrize(("days", "said"), [(1, "1 day"), ("1", "1 day"), (0, "0 days"), (2, "2 days"), ("1.5", "1.5 days"), ("…", "… days")])
def test_a_count_chooses_its_word(days: object, said: str):
    assert filled("{days:day|days}", {"days": days}) == said


LAW = re.compile(
    # 方法 and 无法 are everyday words.
    r"[《》]|(?<![方无])法|条例|规章|国务院|部令|第\s*[\d一二三四五六七八九十百]+\s*条|\bGB\b"
    r"|\b(?:law|laws|act|acts|statute|regulation|regulations|ordinance|decree|article|articles)\b",
    re.IGNORECASE,
)


HE = re.compile(r"\b(he|him|his|himself)\b", re.IGNORECASE)


def test_no_english_takes_a_worker_for_a_man():
    said = [text for _, text in (*SENTENCES.values(), *NAMES.values(), *HEADS.values())]
    said += [text for rule in audit.SENTENCES.values() for text in rule["en"]] + [audit_words.NO_TERMS["en"]]
    assert [text for text in said if HE.search(text)] == [], "there are women on sites: the worker, they"


def test_no_sentence_names_a_law():
    """A law may change, and a sentence at a gate is no legal notice."""
    said = [text for pair in SENTENCES.values() for text in pair]
    said += [text for rule in audit.SENTENCES.values() for pair in rule.values() for text in pair]
    said += [*audit_words.NO_TERMS.values(), *map(audit_words.explanation, [*AUDIT_RULES, RULE_FAILED])]
    assert [text for text in said if LAW.search(text)] == []


@pytest.mark.parametrize("text", ["依据《保障农民工工资支付条例》", "依法登记", "第 31 条", "Article 31", "see the Labour Law", "GB 11643"])
def test_a_law_would_be_seen(text: str):
    assert LAW.search(text)
