"""Suspicions rank; a rule that often errs weighs little."""

import pytest

from app.domain.audit import rates
from app.domain.suspicion import Suspicion, rank, weight

STATED = {"sharp": (1.0, 0.0), "blunt": (0.8, 0.16), "blind": (0.0, 0.5)}


def found(rule, subject=1, finding=1) -> Suspicion:
    return Suspicion(rule, "team", subject, finding)


def test_a_rule_that_tells_nothing_weighs_nothing():
    assert weight(0.0, 0.5) == 0 == weight(0.2, 0.2)
    assert weight(1.0, 0.0) == pytest.approx(2.3, abs=0.01)
    assert weight(0.8, 0.16) == pytest.approx(0.7, abs=0.01)


def test_one_sharp_rule_comes_before_two_blunt_ones_and_a_rule_counts_once():
    ranked = rank([found("blunt", 1, 1), found("blunt", 1, 2), found("blind", 1, 3), found("sharp", 2, 4)], STATED.__getitem__)
    assert [(r.subject_id, round(r.weight, 1)) for r in ranked] == [(2, 2.3), (1, 0.7)]
    assert [s.finding_id for s in ranked[1].suspicions] == [2, 1, 3], "the newest of a rule first"


def test_every_suspicion_of_the_audit_has_its_rates():
    from app.domain.audit import RULES

    for name in (rule.name for rule in RULES.values() if rule.suspicion):
        detected, accused = rates.stated(name)
        assert 0 <= detected <= 1 and 0 <= accused <= 1
