"""Audit rules: each fires, stays silent just below, and excuses who is to be excused."""

import json
import random
import re
import string
from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain import audit
from app.domain.audit import COUNTY_RULES, RULES, SENTENCES, Finding, Hit, Severity, run, sentence
from app.domain.audit.rule import RULE_FAILED, Rule
from app.domain.facts import Correction, CorrectionKind, DayKind, DayMark, MarkKind, PayKind, Terms
from tests.story import CAST, NAMES, engagements, instant, paid, project_month

FIRST = ("paid_without_work", "worked_without_pay", "underpaid", "undecided_days", "passage_outside_engagement")
"""The rules this file is about; the others have a row each in test_audit_rules."""

FULL = """
    3 08:00 wang in  g1
    3 17:30 wang out g1
"""
DUE = "04-15 23:59"
LATE = "04-16 00:00"


def fired(rule: str, story: str, **month) -> list[str]:
    """Names of the workers a rule found."""
    return [NAMES[f.subject_id] for f in run(project_month(story, **month), [RULES[rule]])]


def only(rule: str, story: str, **month) -> Finding:
    [finding] = run(project_month(story, **month), [RULES[rule]])
    return finding


# --- paid_without_work


def test_paid_without_work():
    finding = only("paid_without_work", FULL, at=LATE, payments=paid(wang=400_00, li=300_00))
    assert (NAMES[finding.subject_id], finding.severity) == ("li", Severity.RED)
    assert finding.evidence == (("payment", 2),)
    assert finding.facts == {"paid_fen": 300_00, "payments": 1}


def test_paid_without_work_waits_for_the_end_of_the_month():
    assert fired("paid_without_work", "", at="04-01 03:59", payments=paid(li=1)) == []
    assert fired("paid_without_work", "", at="04-01 04:00", payments=paid(li=1)) == ["li"]


def test_paid_without_work_excuses_a_returned_transfer_and_an_undecided_day():
    first = paid(li=300_00)[0]
    returned = (first, replace(first, id=2, amount_fen=-300_00, reverses_id=1))
    assert fired("paid_without_work", "", at=LATE, payments=returned) == []
    assert fired("paid_without_work", "3 08:00 li in g1", at=LATE, payments=[first]) == []


def test_paid_without_work_is_not_fooled_by_a_refused_passage_or_another_month():
    assert fired("paid_without_work", "3 08:00 li in g1 refused", at=LATE, payments=paid(li=1)) == ["li"]
    february = "02-28 08:00 li in g1\n02-28 17:00 li out g1"
    assert fired("paid_without_work", february, at=LATE, payments=paid(li=1)) == ["li"]


# --- worked_without_pay


def test_worked_without_pay():
    finding = only("worked_without_pay", FULL, at=LATE, wang=400_00)
    assert (NAMES[finding.subject_id], finding.severity) == ("wang", Severity.RED)
    assert finding.evidence == (("passage", 1), ("passage", 2), ("terms", 1))
    assert finding.facts == {"days": 1, "day_milli": 1000, "accrued_fen": 400_00, "no_terms_days": 0}


def test_worked_without_pay_waits_for_the_pay_day_and_for_time_worth_something():
    assert fired("worked_without_pay", FULL, at=DUE, wang=400_00) == []
    assert fired("worked_without_pay", "3 08:00 wang in g1\n3 09:59 wang out g1", at=LATE, wang=400_00) == []


def test_worked_without_pay_excuses_who_was_paid_and_leaves_undecided_days_to_their_rule():
    assert fired("worked_without_pay", FULL, at=LATE, payments=paid(wang=1), wang=400_00) == []
    assert fired("worked_without_pay", "3 08:00 wang in g1", at=LATE, wang=400_00) == []


def test_worked_without_pay_needs_no_recorded_rate():
    assert only("worked_without_pay", FULL, at=LATE).facts["no_terms_days"] == 1


def test_worked_without_pay_counts_a_returned_transfer_as_no_pay():
    first = paid(wang=400_00)[0]
    returned = (first, replace(first, id=2, amount_fen=-400_00, reverses_id=1))
    assert fired("worked_without_pay", FULL, at=LATE, payments=returned, wang=400_00) == ["wang"]


# --- underpaid


def test_underpaid():
    finding = only("underpaid", FULL, at=LATE, payments=paid(wang=395_00), wang=400_00)
    assert (NAMES[finding.subject_id], finding.severity) == ("wang", Severity.YELLOW)
    assert finding.facts == {"accrued_fen": 400_00, "paid_fen": 395_00, "short_fen": 5_00}
    assert finding.evidence == (("passage", 1), ("passage", 2), ("payment", 1), ("terms", 1))


def test_underpaid_by_more_than_five_percent_is_red():
    severities = [
        only("underpaid", FULL, at=LATE, payments=paid(wang=paid_fen), wang=400_00).severity
        for paid_fen in (380_00, 379_99)
    ]
    assert severities == [Severity.YELLOW, Severity.RED]


@pytest.mark.parametrize(("rate", "tolerated"), [(100_00, 100), (400_00, 200), (500_01, 250)])
def test_underpaid_tolerates_one_yuan_or_half_a_percent(rate, tolerated):
    def paid_short(fen: int) -> list[str]:
        return fired("underpaid", FULL, at=LATE, payments=paid(wang=rate - fen), wang=rate)

    assert paid_short(tolerated) == []
    assert paid_short(tolerated + 1) == ["wang"]


def test_underpaid_excuses_a_pay_day_to_come_a_second_instalment_and_undecided_wages():
    assert fired("underpaid", FULL, at=DUE, payments=paid(wang=100_00), wang=400_00) == []
    rest = paid(ids_from=2, wang=300_00)
    assert fired("underpaid", FULL, at=LATE, payments=(*paid(wang=100_00), *rest), wang=400_00) == []
    more = FULL + "4 08:00 wang in g1"
    assert fired("underpaid", more, at=LATE, payments=paid(wang=400_00), wang=400_00) == []


# --- pay day, corrections, marks, what was withheld

_SHIFTED = {date(2026, 4, 1) + timedelta(days=n): DayKind.WORKDAY for n in range(30)} | {
    date(2026, 4, 15): DayKind.REST, date(2026, 4, 14): DayKind.STATUTORY,
}  # fmt: skip


@pytest.mark.parametrize(
    ("at", "calendar", "pay_day", "late"),
    [
        ("04-14 00:00", _SHIFTED, 15, True),  # paid on Monday the 13th at the latest
        ("04-13 23:59", _SHIFTED, 15, False),
        ("04-15 23:59", {}, 15, False),  # nobody imported the notice: nobody is accused early
        ("04-16 00:00", {}, 15, True),
        ("04-20 23:59", {}, 20, False),
        ("04-21 00:00", {}, 20, True),
        ("04-21 00:00", _SHIFTED, 20, True),
        ("04-20 23:59", _SHIFTED, 20, False),
    ],
)
def test_worked_without_pay_goes_by_the_projects_pay_day_and_the_working_day_before(at, calendar, pay_day, late):
    found = fired("worked_without_pay", FULL, at=at, calendar=calendar, pay_day=pay_day, wang=400_00)
    assert found == (["wang"] if late else [])


def _session(minutes: int = 480) -> Correction:
    return Correction(
        3, CAST["wang"], date(2026, 3, 3), CorrectionKind.ADD_SESSION, instant("3 08:00"),
        instant("3 08:00") + timedelta(minutes=minutes),
    )  # fmt: skip


def test_worked_without_pay_shows_the_correction_where_no_gate_saw_him():
    finding = only("worked_without_pay", "", at=LATE, corrections=(_session(),), wang=400_00)
    assert finding.evidence == (("correction", 3), ("terms", 1))
    assert fired("paid_without_work", "", at=LATE, corrections=(_session(),), payments=paid(wang=1)) == []


def test_passage_outside_engagement_is_about_passages():
    assert fired("passage_outside_engagement", "", at=LATE, corrections=(_session(),), engaged=()) == []


def test_paid_without_work_excuses_paid_leave_and_not_an_unpaid_one():
    def leave(permille: int) -> DayMark:
        return DayMark(1, MarkKind.LEAVE, date(2026, 3, 3), date(2026, 3, 4), permille, worker_id=CAST["wang"])

    told = {"at": LATE, "payments": paid(wang=1), "wang": 400_00}
    assert fired("paid_without_work", "", marks=(leave(600),), **told) == []
    assert fired("paid_without_work", "", marks=(leave(0),), **told) == ["wang"]


def test_underpaid_excuses_what_a_posted_line_withheld():
    told = {"at": LATE, "payments": paid(wang=300_00), "wang": 400_00}
    march, february = date(2026, 3, 1), date(2026, 2, 1)
    assert fired("underpaid", FULL, withheld=((CAST["wang"], march, 100_00),), **told) == []
    assert fired("underpaid", FULL, withheld=((CAST["wang"], february, 100_00),), **told) == ["wang"]


def test_worked_without_pay_excuses_a_month_that_an_advance_had_paid():
    told = {"at": LATE, "wang": 400_00}
    whole, part = (((CAST["wang"], date(2026, 3, 1), fen),) for fen in (400_00, 399_99))
    assert fired("worked_without_pay", FULL, withheld=whole, **told) == []
    assert fired("worked_without_pay", FULL, withheld=part, **told) == ["wang"]


def test_underpaid_of_a_monthly_wage_names_its_passages_and_terms():
    calendar = {date(2026, 3, 1) + timedelta(days=n): DayKind.WORKDAY for n in range(31)}
    month = Terms(9, CAST["wang"], CAST["wang"], PayKind.MONTH, 6525_00, date(2026, 1, 1))
    finding = only("underpaid", FULL, at=LATE, payments=paid(wang=1_00), agreed=[month], calendar=calendar)
    assert finding.facts["accrued_fen"] == 300_00
    assert finding.evidence == (("passage", 1), ("passage", 2), ("payment", 1), ("terms", 9))


# --- undecided_days


def test_undecided_days():
    finding = only("undecided_days", "3 08:00 wang in g1\n5 08:00 wang out g1", at=LATE, wang=400_00)
    assert (NAMES[finding.subject_id], finding.severity) == ("wang", Severity.YELLOW)
    assert finding.facts == {"days": 2, "undecided_fen_max": 800_00, "first_on": "2026-03-03"}
    assert finding.evidence == (("passage", 1), ("passage", 2))


def test_undecided_days_gives_the_project_three_days():
    assert fired("undecided_days", "3 08:00 wang in g1", at="6 23:59") == []
    assert fired("undecided_days", "3 08:00 wang in g1", at="7 00:00") == ["wang"]


def test_undecided_days_excuses_a_passage_that_arrived_late():
    assert fired("undecided_days", "3 17:30 wang out g1\n3 08:00 wang in g1", at=LATE) == []


# --- passage_outside_engagement


def test_passage_outside_engagement():
    gone = engagements(["wang"], exit_on=date(2026, 3, 3))
    finding = only("passage_outside_engagement", FULL, at=LATE, engaged=gone)
    assert (NAMES[finding.subject_id], finding.severity) == ("wang", Severity.RED)
    assert finding.evidence == (("engagement", 1), ("passage", 1), ("passage", 2))
    assert finding.facts == {"days": 1, "passages": 2, "first_on": "2026-03-03", "engagements": 1}


def test_passage_outside_engagement_of_somebody_nobody_engaged():
    assert fired("passage_outside_engagement", "3 08:00 feng in g1", at=LATE) == ["feng"]


def test_passage_outside_engagement_is_silent_on_the_first_and_the_last_day():
    last = engagements(["wang"], exit_on=date(2026, 3, 4))
    first = engagements(["wang"], entry_on=date(2026, 3, 3))
    assert fired("passage_outside_engagement", FULL, at=LATE, engaged=last) == []
    assert fired("passage_outside_engagement", FULL, at=LATE, engaged=first) == []


def test_passage_outside_engagement_excuses_the_last_night_and_the_refused():
    night = "3 19:00 wang in g1\n4 06:00 wang out g1"
    gone = engagements(["wang"], exit_on=date(2026, 3, 4))
    assert fired("passage_outside_engagement", night, at=LATE, engaged=gone) == []
    assert fired("passage_outside_engagement", "3 08:00 feng in g1 refused", at=LATE) == []


# --- the run


STORY = FULL + """
    4 08:00 li   in  g1
    5 08:00 feng in  g1
    5 17:00 feng out g1
"""


def test_the_worst_comes_first_and_the_order_of_facts_does_not_matter():
    month = project_month(STORY, at=LATE, payments=paid(zhao=1, sun=2), wang=400_00)
    found = run(month, [RULES[name] for name in FIRST])
    assert [(f.rule, NAMES[f.subject_id]) for f in found] == [
        ("paid_without_work", "zhao"),
        ("paid_without_work", "sun"),
        ("passage_outside_engagement", "feng"),
        ("worked_without_pay", "wang"),
        ("worked_without_pay", "feng"),
        ("undecided_days", "li"),
    ]
    shuffled = {
        field: tuple(random.Random(7).sample(getattr(month, field), len(getattr(month, field))))
        for field in ("passages", "engagements", "terms", "payments")
    }
    assert run(replace(month, **shuffled), [RULES[name] for name in FIRST]) == found
    assert run(replace(month, **shuffled)) == run(month)


def test_tonights_run_meets_last_nights_decision():
    before = only("undecided_days", "3 08:00 wang in g1", at="10 08:00")
    after = only("undecided_days", "3 08:00 wang in g1\n5 08:00 wang in g1", at="20 08:00")
    assert before.key == after.key
    assert before.evidence_digest != after.evidence_digest
    assert re.fullmatch("[0-9a-f]{64}", before.key)


def test_the_key_of_a_released_rule_never_changes():
    # Decisions hang on these: whoever changes the recipe must migrate them.
    assert audit.finding_key("underpaid", "worker", 1, date(2026, 3, 1)) == (
        "726decfad064d71035d13306b3abf8b3d80e062a0ffaccc6d44fd9ebad4ff970"
    )


def test_keys_differ_by_rule_subject_and_month():
    keys = {
        audit.finding_key(rule, kind, id_, month)
        for rule in ("a", "b")
        for kind in ("worker", "project")
        for id_ in (1, 2)
        for month in (date(2026, 3, 1), date(2026, 4, 1))
    }
    assert len(keys) == 16


def test_one_rule_failing_is_a_finding_not_an_outage():
    def broken(name: str) -> Rule:
        def hits(_):
            yield Hit(CAST["wang"], [("passage", 1)])
            raise KeyError("wang, 13812345678")

        return Rule(name, Severity.RED, "x", hits)

    rules = [broken("one"), RULES["undecided_days"], broken("two")]
    found = run(project_month("3 08:00 wang in g1", at=LATE), rules)
    assert sorted((f.rule, f.facts.get("failed_rule")) for f in found if f.rule == RULE_FAILED) == [
        (RULE_FAILED, "one"),
        (RULE_FAILED, "two"),
    ]
    assert [f.rule for f in found if f.rule != RULE_FAILED] == ["undecided_days"]
    assert len({f.key for f in found}) == 3
    assert "138" not in repr(found)


@pytest.mark.parametrize("hits", [[Hit(1, [("passage", 1)])] * 2, [Hit(1, [])]])
def test_a_rule_that_repeats_itself_or_shows_nothing_has_failed(hits):
    [finding] = run(project_month("", at=LATE), [Rule("x", Severity.RED, "x", lambda _: iter(hits))])
    assert finding.rule == RULE_FAILED


def test_a_month_that_contradicts_itself_is_a_finding():
    month = project_month(FULL, at=LATE)
    twice = (*month.passages, replace(month.passages[0], gate_id=9))
    [finding] = run(replace(month, passages=twice))
    assert (finding.rule, finding.facts["failed_rule"]) == (RULE_FAILED, "reckon")


def test_a_rule_has_a_sentence_and_a_name_of_its_own():
    register = audit.rule(severity=Severity.RED)

    def underpaid(_):
        """A second one."""

    def speechless(_): ...

    with pytest.raises(ValueError, match="already"):
        register(underpaid)
    with pytest.raises(ValueError, match="no sentence"):
        register(speechless)


# --- words


@pytest.mark.parametrize("rule", [*RULES, *COUNTY_RULES, RULE_FAILED])
def test_every_rule_has_a_name_and_a_sentence_in_both_languages(rule):
    assert set(SENTENCES[rule]) == {"zh", "en"}
    for language in ("zh", "en"):
        name, text = SENTENCES[rule][language]
        assert name
        assert text[-1] in "。."
    fields = [{f for _, f, _, _ in string.Formatter().parse(SENTENCES[rule][lang][1]) if f} for lang in ("zh", "en")]
    assert fields[0] == fields[1]
    assert audit.sentences.explanation(rule).endswith(".")


def test_no_sentence_is_left_over():
    assert set(SENTENCES) == {*RULES, *COUNTY_RULES, RULE_FAILED}


@pytest.mark.parametrize("rule", [*RULES, *COUNTY_RULES])
def test_every_rule_has_tests_of_its_own(rule):
    from tests.domain.test_audit_fabrication import CASES
    from tests.domain.test_audit_rules import EVERY

    own = [name for name in globals() if re.match(rf"test_{rule}(_|$)", name)]
    assert len(own) >= 3 or rule in EVERY or rule in CASES or rule == "month_end_corrections"


def test_every_sentence_can_be_filled_and_every_fact_stored():
    month = project_month(STORY, at=LATE, payments=paid(zhao=1, wang=300_00), wang=400_00)
    found = (*run(month), *run(month, [Rule("x", Severity.RED, "x", lambda _: [Hit(1, [])])]))
    assert {f.rule for f in found} > {*FIRST, RULE_FAILED}
    for finding in found:
        assert json.loads(json.dumps(finding.facts)) == finding.facts
        for language in ("zh", "en"):
            assert "{" not in sentence(finding, language)


def test_money_is_told_in_yuan_and_days_in_man_days():
    finding = only("worked_without_pay", FULL + "4 08:00 wang in g1\n4 13:00 wang out g1", at=LATE, wang=1_234_50)
    assert sentence(finding, "en").startswith("2 days worked (1.5 man-days), 1,851.75 yuan accrued;")
    assert sentence(finding, "zh").startswith("本月出勤 2 天（1.5 工日），应计工资 1,851.75 元；")
