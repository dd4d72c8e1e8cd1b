"""A card and then a face: the card's owner passes at a loose limit, somebody else with his card does not pass as him."""

import math

import pytest

from app.domain.admission import Decision, Standing
from app.domain.facts import Verdict
from app.domain.pairing import Pair, decide

WANG, LI = 1, 2
UNKNOWN = Decision(Verdict.REFUSE, "face_unknown", None)
HERE = Standing(WANG, engaged=True)


def pair(similarity: float) -> Pair:
    return Pair(7, WANG, similarity, 0.4, 1e-2)


def test_a_face_too_weak_for_the_search_is_enough_for_its_own_card():
    assert decide(pair(0.43), UNKNOWN, named=None, standing=HERE) == Decision(Verdict.ADMIT, "admitted", WANG)


@pytest.mark.parametrize("similarity", [0.39, -1.0, math.nan, 1.5])
def test_another_face_is_told_that_it_is_not_the_cards(similarity):
    assert decide(pair(similarity), UNKNOWN, named=None, standing=HERE) == Decision(Verdict.REFUSE, "face_not_cards", None)


def test_who_is_known_as_somebody_else_is_himself_whosever_card_he_has():
    li = Decision(Verdict.ADMIT, "admitted", LI)
    assert decide(pair(0.45), li, named=LI, standing=HERE) == li
    assert decide(pair(0.45), UNKNOWN, named=LI, standing=HERE) == UNKNOWN


@pytest.mark.parametrize("standing", [Standing(WANG, engaged=False, exited=True), Standing(WANG, engaged=True, consent_withdrawn=True)])
def test_who_has_left_or_taken_his_word_back_does_not_pass_by_it(standing):
    assert decide(pair(0.9), UNKNOWN, named=None, standing=standing).verdict is Verdict.REFUSE


def test_a_picture_that_cannot_be_used_and_a_guard_who_must_confirm_are_left_as_they_are():
    blurred = Decision(Verdict.REFUSE, "face_blurred", None)
    assert decide(pair(0.1), blurred, named=None, standing=HERE) == blurred
    for code in ("liveness_failed", "replay", "consent_withdrawn", "engagement_over"):
        kept = Decision(Verdict.REFUSE, code, None)
        assert decide(pair(0.9), kept, named=None, standing=HERE) == kept, "a card heals nothing but a weak face"
    assert decide(pair(0.43), UNKNOWN, named=None, standing=HERE, confirm=True) == Decision(Verdict.ASK, "needs_confirmation", WANG)
    asks = Decision(Verdict.ASK, "needs_confirmation", WANG)
    assert decide(pair(0.9), asks, named=WANG, standing=HERE) == asks
