"""Who may pass: a threshold and a margin, then standing."""

import itertools
import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.admission import (
    MEND,
    AdmissionPolicy,
    Ballot,
    Decision,
    Standing,
    decide,
    decide_credential,
    standing,
    tally,
)
from app.domain.facts import Verdict
from tests.story import CAST, engagements

WANG = Standing(worker_id=1, engaged=True)
WEAK = AdmissionPolicy(confirm_face=True, pack_is_weak=True)
NAN = float("nan")


def face(similarity=0.97, margin=0.10, codes=(), who=WANG, policy=None) -> Decision:
    return decide(
        match_similarity=similarity,
        match_margin=margin,
        similarity_min=0.95,
        margin_min=0.08,
        quality_codes=codes,
        standing=who,
        policy=policy or AdmissionPolicy(),
    )


def test_a_face_that_is_like_and_far_from_the_next_is_admitted():
    assert face() == Decision(Verdict.ADMIT, "admitted", 1)


def test_both_limits_are_included():
    assert face(0.95, 0.08).verdict is Verdict.ADMIT
    assert face(math.nextafter(0.95, 0), 0.08).code == "face_unknown"
    assert face(0.95, math.nextafter(0.08, 0)).code == "face_ambiguous"


def test_the_nearest_name_alone_is_nobody():
    assert face(0.94, 2.0) == Decision(Verdict.REFUSE, "face_unknown", None)
    assert face(0.99, 0.01) == Decision(Verdict.REFUSE, "face_ambiguous", None)


def test_a_vector_with_itself_may_be_a_little_above_one():
    assert face(1.0000001192, 2.0).verdict is Verdict.ADMIT


@pytest.mark.parametrize(
    ("similarity", "margin"), [(NAN, 0.1), (0.97, NAN), (NAN, NAN), (math.inf, 0.1), (0.97, math.inf), (1.5, 0.1)]
)
def test_what_is_not_a_cosine_never_admits(similarity, margin):
    assert face(similarity, margin).verdict is Verdict.REFUSE
    assert face(similarity, margin, policy=WEAK).verdict is Verdict.REFUSE


@pytest.mark.parametrize(("similarity_min", "margin_min"), [(NAN, 0.1), (0.9, NAN), (-math.inf, 0.1), (0.9, -0.1)])
def test_a_threshold_that_is_no_number_is_refused(similarity_min, margin_min):
    with pytest.raises(ValueError, match="similarity_min"):
        decide(
            match_similarity=0.97,
            match_margin=0.1,
            similarity_min=similarity_min,
            margin_min=margin_min,
            quality_codes=(),
            standing=WANG,
            policy=AdmissionPolicy(),
        )


def test_an_empty_gallery_knows_nobody():
    assert face(None, None, who=None).code == "face_unknown"
    assert face(0.99, None).code == "face_unknown"


def test_quality_speaks_first_and_passes_through():
    assert face(codes=["face_too_small", "face_blurred"]).code == "face_too_small"
    assert face(codes=["face_too_small", "no_face"]).code == "no_face"
    assert face(codes=["face_blurred", "several_faces"]) == Decision(Verdict.REFUSE, "several_faces", None)


def test_standing_decides_after_recognition():
    assert face(who=Standing(1, engaged=False)).code == "not_engaged"
    assert face(who=Standing(1, engaged=False, exited=True)).code == "engagement_over"
    assert face(who=replace(WANG, consent_withdrawn=True)).code == "consent_withdrawn"


def test_a_weak_pack_asks_a_person_when_the_project_wants_that():
    assert face(policy=WEAK) == Decision(Verdict.ASK, "needs_confirmation", 1)
    assert face(policy=AdmissionPolicy(confirm_face=True)).verdict is Verdict.ADMIT
    assert face(policy=AdmissionPolicy(pack_is_weak=True)).verdict is Verdict.ADMIT
    assert face(policy=WEAK, who=Standing(1, engaged=False)).verdict is Verdict.REFUSE


def test_a_refused_face_names_nobody():
    for similarity, margin, codes, engaged, exited, withdrawn, policy in itertools.product(
        (0.97, 0.5, NAN, None), (0.1, 0.0, NAN, None), ((), ("x",)), (True, False), (True, False), (True, False), (None, WEAK)
    ):
        decision = face(similarity, margin, codes, Standing(1, engaged, exited, withdrawn), policy)
        assert (decision.worker_id is None) == (decision.verdict is Verdict.REFUSE)


def test_a_card_counts_as_much_as_a_face_and_needs_no_consent():
    assert decide_credential(standing=replace(WANG, consent_withdrawn=True)) == Decision(Verdict.ADMIT, "admitted", 1)
    assert decide_credential(standing=None) == Decision(Verdict.REFUSE, "credential_unknown", None)


def test_a_card_of_who_is_not_engaged_is_refused_and_remembered():
    assert decide_credential(standing=Standing(1, engaged=False)) == Decision(Verdict.REFUSE, "not_engaged", 1)
    assert decide_credential(standing=Standing(1, False, exited=True)) == Decision(Verdict.REFUSE, "engagement_over", 1)


def test_standing_follows_the_engagements_of_the_day():
    spell = engagements(["wang"], entry_on=date(2026, 3, 1), exit_on=date(2026, 3, 5))
    others = engagements(["li"])

    def on(day: int, month: int = 3) -> tuple[bool, bool]:
        found = standing(CAST["wang"], (*others, *spell), date(2026, month, day))
        return found.engaged, found.exited

    assert on(28, month=2) == (False, False)
    assert on(1) == on(4) == (True, False)
    assert on(5) == (False, True)


# --- votes -----------------------------------------------------------------------------------------------------

ME, HIM, NOBODY = 1, 2, None


def voted(*ballots: tuple[int | None, float], similarity=0.96, sure_min=0.98, votes_min=2, margin=0.1, codes=()) -> str:
    """The code for Wang's frame, the frames of his track given as (whom, weight)."""
    return decide(
        match_similarity=similarity, match_margin=margin, similarity_min=0.95, margin_min=0.08, sure_min=sure_min,
        quality_codes=codes, standing=WANG, policy=AdmissionPolicy(votes_min=votes_min),
        ballots=tuple(Ballot(who, weight) for who, weight in ballots),
    ).code  # fmt: skip


@pytest.mark.parametrize(
    ("ballots", "code"),
    [
        ([(ME, 0.8)], "look_again"),
        ([(ME, 0.8), (ME, 0.7)], "admitted"),
        ([(ME, 0.4), (ME, 0.4)], "look_again"),
        ([(ME, 0.4), (ME, 0.4), (ME, 0.4)], "admitted"),
        ([(ME, 0.8), (ME, 0.7), (NOBODY, 0.9)], "admitted"),
        ([(ME, 0.8), (ME, 0.7), (NOBODY, 0.8), (NOBODY, 0.7)], "look_again"),
        ([(ME, 0.8), (ME, 0.7), (HIM, 0.8), (HIM, 0.7)], "look_again"),
        ([(ME, 0.8), (ME, 0.7), (HIM, 0.9)], "admitted"),
        ([(ME, 0.8), (HIM, 0.2), (HIM, 0.2)], "look_again"),
        ([], "look_again"),
    ],
)
def test_an_unsure_face_needs_frames_that_agree(ballots, code):
    assert voted(*ballots) == code


def test_a_sure_face_passes_at_once():
    assert voted((ME, 0.1), similarity=0.98) == "admitted"
    assert voted((ME, 0.1), (NOBODY, 0.9), (NOBODY, 0.9), similarity=0.98) == "admitted"


def test_a_sure_face_whose_other_frames_named_another_man_does_not():
    assert voted((ME, 0.5), (HIM, 0.5), similarity=0.98) == "look_again"
    assert voted((ME, 0.6), (HIM, 0.5), similarity=0.98) == "admitted"


def test_a_project_that_does_not_vote_decides_frame_by_frame():
    assert voted(votes_min=1) == voted((HIM, 0.9), votes_min=1) == "admitted"


BALLOTS = st.lists(st.tuples(st.sampled_from([ME, HIM, NOBODY]), st.floats(0, 1)), max_size=20)


@given(BALLOTS, st.floats(-1, 1.2), st.floats(-0.1, 2.0))
def test_no_votes_admit_a_face_below_the_limits(ballots, similarity, margin):
    if voted(*ballots, similarity=similarity, margin=margin) == "admitted":
        assert similarity >= 0.95 and margin >= 0.08


@given(BALLOTS)
def test_votes_only_ever_keep_out(ballots):
    assert voted(*ballots, votes_min=1) == "admitted"


@given(BALLOTS, st.randoms(use_true_random=False), st.sampled_from([0.95, 0.96, 0.99]))
def test_the_order_of_the_frames_decides_nothing(ballots, random, similarity):
    turned = list(ballots)
    random.shuffle(turned)
    assert voted(*ballots, similarity=similarity) == voted(*turned, similarity=similarity)
    assert tally(ME, [Ballot(*b) for b in ballots]) == tally(ME, [Ballot(*b) for b in turned])


@given(BALLOTS, st.sampled_from(["several_faces", "face_turned", "liveness_failed", "replay", "face_unreadable"]))
def test_a_frame_that_cannot_be_used_is_not_saved_by_votes(ballots, code):
    assert voted(*ballots, similarity=0.99, codes=(code,)) == code


@pytest.mark.parametrize("weight", [NAN, math.inf, -1.0, 2.0])
def test_a_weight_that_is_no_share_counts_nothing(weight):
    assert voted((ME, weight), (ME, weight), (ME, weight)) == "look_again"


def test_what_a_person_can_mend_is_said_for_refusals_of_the_picture_only():
    assert MEND["face_too_small"] == "closer" and MEND["look_again"] == "look"
    assert not {"admitted", "face_unknown", "not_engaged", "consent_withdrawn", "replay"} & MEND.keys()
