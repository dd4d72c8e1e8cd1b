"""Suspicions: each fires, is silent just below, excuses who is to be excused, and errs as often as it says."""

from dataclasses import replace
from random import Random

import pytest

from app.domain.audit import RULES, Thresholds, run, sentence
from app.domain.audit import rates as stored
from app.domain.audit.signals import bursts, icc, repeats, spread, uniform_p, variation
from app.domain.audit.simulation import FORGED, HONEST, Hand, Pass, measure, month
from app.domain.facts import Channel, CorrectionKind
from tests.domain.audit_month import beside as gathered
from tests.domain.audit_month import change, found, march

SEVEN, SIX = 7 * 3600, 18 * 3600


def team(come, go=None, *, workers=range(1, 11), days=range(1, 21), score=None, frame=None, live=None):
    """A month of passages: ``come`` and ``go`` are seconds by (day, worker)."""
    made = []
    for day in days:
        for w in workers:
            for out, at in ((False, come(day, w)), (True, (go or (lambda _, w: SIX + 60 * w + 7))(day, w))):
                made.append(
                    Pass(
                        w, day, at, out, score(day, w, out) if score else 0.5 + w / 97 + day / 971 + out / 53,
                        frame(day, w, out) if frame else f"{w}-{day}-{out}", live(day, w, out) if live else None,
                    )
                )  # fmt: skip
    return made


def fires(rule, made, **limits):
    bundle, beside = month(made)
    answer = run(bundle, [RULES[rule]], beside=beside, limits=Thresholds(limits))
    assert all(f.rule == rule for f in answer), answer
    for f in answer:
        assert "{" not in sentence(f, "zh") + sentence(f, "en")
    return [(f.subject_kind, f.subject_id) for f in answer]


RNG = Random(5)
WINDOW = {(d, w): SEVEN + RNG.randrange(3600) for d in range(1, 32) for w in range(1, 41)}
HABIT = {w: SEVEN + RNG.randrange(3600) for w in range(1, 41)}
DAY = {d: SEVEN + RNG.randrange(3600) for d in range(1, 32)}
NOISE = {(d, w): RNG.randrange(600) for d in range(1, 32) for w in range(1, 41)}

TEAM, GATE = ("team", 1), ("gate", 1)


def at_random(d, w):
    return WINDOW[d, w]


def by_habit(d, w):
    return HABIT[w] + NOISE[d, w]


def by_bus(d, w):
    return DAY[d] + NOISE[d, w] // 5


def evenly(d, w):
    return SEVEN + 30 * w


def _leave(d, w):
    return SIX + 120 * w + NOISE[d, w] + 1


SAME_PICTURE = team(by_habit, frame=lambda d, w, out: "p" if (d, w, out) in ((1, 1, False), (2, 1, False)) else f"{d}-{w}-{out}")
CARDS = Channel.CARD


# rule -> (subject, a month that fires, one just below, one that is excused); a month is (team, limits)
CASES = {
    "no_habits": (
        TEAM,
        (team(at_random), {}),
        (team(at_random, workers=range(1, 8)), {}),
        (team(by_bus), {}),
    ),
    "uniform_arrivals": (
        TEAM,
        (team(lambda d, w: SEVEN + (d * 10 + w) * 17), {}),
        (team(lambda d, w: SEVEN + (d * 10 + w) * 17), {"uniform_times_min": 201}),
        (team(by_bus), {}),
    ),
    "constant_intervals": (
        TEAM,
        (team(evenly, days=range(1, 4)), {}),
        (team(evenly, days=range(1, 3)), {}),
        (team(lambda d, w: SEVEN + 4 * w), {}),
    ),
    "same_order": (
        TEAM,
        (team(lambda d, w: DAY[d] + 13 * w), {}),
        (team(lambda d, w: DAY[d] + 13 * w, days=range(1, 6)), {}),
        (team(lambda d, w: HABIT[w] + NOISE[d, w] * 3), {}),
    ),
    "whole_minutes": (
        TEAM,
        (team(lambda d, w: by_habit(d, w) // 60 * 60, _leave, workers=range(1, 4)), {}),
        (team(lambda d, w: by_habit(d, w) // 60 * 60, _leave, workers=range(1, 4), days=range(1, 10)), {}),
        (team(by_habit, _leave, workers=range(1, 4)), {}),
    ),
    "identical_days": (
        TEAM,
        (team(lambda d, w: SEVEN + w, workers=[1], days=range(1, 5)), {}),
        (team(lambda d, w: SEVEN + w, workers=[1], days=range(1, 4)), {}),
        (team(lambda d, w: SEVEN + d, workers=[1]), {}),
    ),
    "same_pattern": (
        TEAM,
        (team(lambda d, w: DAY[d], lambda d, w: DAY[d] + 36_000, workers=(1, 2, 3), days=range(1, 7)), {}),
        (team(lambda d, w: DAY[d], lambda d, w: DAY[d] + 36_000, workers=(1, 2, 3), days=range(1, 6)), {}),
        (team(lambda d, w: DAY[d] + 2 * w, lambda d, w: DAY[d] + 36_000, workers=(1, 2, 3)), {}),
    ),
    "gate_throughput": (
        GATE,
        (team(lambda d, w: SEVEN + 1.19 * w, days=(1,)), {}),
        (team(lambda d, w: SEVEN + 1.21 * w, days=(1,)), {}),
        (team(lambda d, w: SEVEN + 1.0 * w, workers=(1, 2, 3, 4)), {}),
    ),
    "constant_headcount": (
        ("project", 1),
        (team(by_habit, workers=range(1, 9), days=range(1, 16)), {}),
        (team(by_habit, workers=range(1, 9), days=range(1, 15)), {}),
        ([p for p in team(by_habit, workers=range(1, 10)) if (p.worker, p.day) != (9, 9)], {}),
    ),
    "replayed_picture": (
        GATE,
        (SAME_PICTURE, {}),
        (SAME_PICTURE, {"replays": 3}),
        (team(by_habit, frame=lambda d, w, out: f"{d}-{w}" if out else f"{w}-{d}-i"), {"replays": 400}),
    ),
    "equal_scores": (
        ("worker", 1),
        (team(by_habit, workers=[1], days=range(1, 7), score=lambda d, w, out: 0.6123 if not out else 0.6 + d / 977), {}),
        (team(by_habit, workers=[1], days=range(1, 6), score=lambda d, w, out: 0.6123 if not out else 0.6 + d / 977), {}),
        (team(by_habit, workers=[1], score=lambda d, w, out: 0.61 if not out else 0.6 + d / 977), {}),
    ),
    "score_spread": (
        GATE,
        (team(by_habit, score=lambda d, w, out: 0.55 + w / 97 + d * 0.0005 if not out else 0.6 + d / 97), {}),
        (team(by_habit, score=lambda d, w, out: 0.55 + w / 97 + d * 0.0009 if not out else 0.6 + d / 97), {}),
        (team(by_habit, workers=(1, 2), score=lambda d, w, out: 0.5512 if not out else 0.6 + d / 97), {}),
    ),
    "low_liveness": (
        GATE,
        (team(by_habit, workers=range(1, 6), days=range(1, 21), live=lambda d, w, out: 0.4 if d == 1 and not out else 0.9), {}),
        (team(by_habit, workers=range(1, 5), days=range(1, 21), live=lambda d, w, out: 0.4 if d == 1 and not out else 0.9), {}),
        (team(by_habit), {}),
    ),
    "without_device_evidence": (
        GATE,
        (team(by_habit, score=lambda d, w, out: None if (d, w, out) == (3, 3, False) else 0.6), {}),
        (team(by_habit), {}),
        (team(by_habit, workers=[1], score=lambda d, w, out: 0.6), {}),
    ),
    "days_without_gate": (
        TEAM,
        (team(by_habit, workers=[1], days=range(1, 16)) + [Hand(2, d, CorrectionKind.ADD_SESSION, SEVEN, d) for d in range(1, 6)], {}),
        (team(by_habit, workers=[1], days=range(1, 17)) + [Hand(2, d, CorrectionKind.ADD_SESSION, SEVEN, d) for d in range(1, 5)], {}),
        (team(by_habit, workers=[1], days=range(1, 15)) + [Hand(2, d, CorrectionKind.ADD_SESSION, SEVEN, d) for d in range(1, 6)], {}),
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_suspicion_fires(rule):
    subject, (made, limits), *_ = CASES[rule]
    assert fires(rule, made, **limits) == [subject]


@pytest.mark.parametrize("rule", CASES)
def test_a_suspicion_is_silent_just_below(rule):
    *_, (made, limits), _ = CASES[rule]
    assert fires(rule, made, **limits) == []


@pytest.mark.parametrize("rule", CASES)
def test_a_suspicion_excuses_who_is_to_be_excused(rule):
    *_, (made, limits) = CASES[rule]
    assert fires(rule, made, **limits) == []


def test_month_end_corrections():
    late = tuple(change(n, "wang", n, on=march(31)) for n in range(1, 7))
    rest = tuple(change(n, "wang", n) for n in range(7, 11))
    assert [dict(f.facts) for f in found("month_end_corrections", beside=gathered(changes=late + rest))] == [{"late": 6, "corrections": 10}]
    assert found("month_end_corrections", beside=gathered(changes=late[1:] + rest)) == []
    assert found("month_end_corrections", beside=gathered(changes=late[1:] + rest + (change(11, "wang", 11),))) == []
    about_the_end = tuple(change(n, "wang", n, on=march(31)) for n in (29, 30, 31))
    assert found("month_end_corrections", beside=gathered(changes=late[1:] + about_the_end + rest)) == []


def test_days_without_gate_excuses_a_broken_gate():
    made = team(by_habit, workers=[1], days=range(1, 16)) + [Hand(2, d, CorrectionKind.ADD_SESSION, SEVEN, d) for d in range(1, 6)]
    bundle, beside = month(made)
    beside = replace(beside, changes=tuple(replace(c, reason="gate_broken") for c in beside.changes))
    assert run(bundle, [RULES["days_without_gate"]], beside=beside) == ()


@pytest.mark.parametrize("rule", ["equal_scores", "replayed_picture", "score_spread", "without_device_evidence", "low_liveness"])
def test_cards_have_no_face_to_suspect(rule):
    bundle, beside = month(CASES[rule][1][0])
    bundle = replace(bundle, passages=tuple(replace(p, channel=CARDS) for p in bundle.passages))
    assert run(bundle, [RULES[rule]], beside=beside) == ()


# --- what they say about themselves


SUSPICIONS = [r.name for r in RULES.values() if r.suspicion]


def test_every_suspicion_states_how_often_it_errs():
    assert set(stored.DETECTED) == set(stored.FALSE_ALARM) == set(SUSPICIONS)
    assert set(stored.KINDS_FORGED) == set(FORGED) and set(stored.KINDS_HONEST) == set(HONEST)
    for rule in SUSPICIONS:
        right, wrong = stored.stated(rule)
        assert 0 < right <= 1 and 0 <= wrong < 0.2
    assert stored.COMMAND.startswith("python -m bench.fabrication")


def test_the_stated_rates_are_those_of_the_rules_as_they_are():
    """A few months of each kind; the figures beside the rules come from a hundred."""
    months = 3
    detected, accused, any_found, any_accused = measure(77, months)
    for rule in SUSPICIONS:
        for kinds, said, here in ((FORGED, stored.DETECTED, detected), (HONEST, stored.FALSE_ALARM, accused)):
            for kind in kinds:
                share = said[rule].get(kind, 0.0)
                # Of three months none may differ where the rule is sure; elsewhere chance decides.
                if share in (0.0, 1.0):
                    assert abs(here[rule][kind] - share) < 0.5, (rule, kind, share, here[rule][kind])
    assert all(share == 1.0 for kind, share in any_found.items() if kind != "careful")
    assert any_found["careful"] == 0.0
    assert any_accused["bus"] == any_accused["habits"] == 0.0


# --- the statistics


def test_habits_have_a_correlation_and_random_numbers_have_none():
    rng = Random(1)
    habits = [[rng.gauss(base, 5) for _ in range(20)] for base in (0, 30, 60, 90)]
    noise = [[rng.gauss(0, 5) for _ in range(20)] for _ in range(10)]
    assert icc(habits) > 0.9
    assert abs(icc(noise)) < 0.1
    assert icc([[1, 1], [1, 1]]) is None
    assert icc([[1, 2]]) is None
    # Two groups by hand: means 1.5 and 3.5, within 0.5, between 4: (4 - 0.5) / (4 + 0.5).
    assert icc([[1, 2], [3, 4]]) == pytest.approx(3.5 / 4.5)


def test_an_even_spread_fits_and_a_crowd_does_not():
    rng = Random(2)
    assert uniform_p([rng.uniform(0, 3600) for _ in range(300)]) > 0.05
    assert uniform_p([rng.gauss(1800, 300) for _ in range(300)]) < 0.001
    assert uniform_p([5.0] * 300) is None
    assert uniform_p(list(range(10))) is None


def test_gaps_bursts_orders_and_spreads():
    assert variation([0, 10, 20, 30]) == (10, 0)
    assert variation([0, 0]) is None and variation([3, 3, 3]) is None
    assert bursts([(0, "a"), (1, "b"), (2, "c"), (9, "d")], 3, 2.0) == [(0, 2)]
    assert bursts([(0, "a"), (1, "a"), (2, "c")], 3, 2.0) == []
    assert repeats(["abc", "abc", "acb"], 3) == (1, 2)
    assert repeats(["abc", "ab", "ba"], 2) == (1, 2)
    assert spread([[1, 1], [2, 2]]) == 0 and spread([[1]]) is None


def test_the_same_seed_makes_the_same_month():
    for make in (*HONEST.values(), *FORGED.values()):
        assert make(Random("x")) == make(Random("x"))
