"""Eight people at the gate, on photographs that stay outside the repository."""

import cv2
import numpy as np
import pytest

from recognition import (
    Gallery,
    best_match,
    coarse_picture,
    decode_jpeg,
    enlarged,
    face_picture,
    mean_template,
)
from recognition.decode import GATE_PIXELS_MAX

pytestmark = [pytest.mark.photos, pytest.mark.slow]

# Where and how large the photograph stands in the 640 x 480 frame, one per probe of a person:
# close to the gate, at its usual distance, to one side.
_STANDS = ((300, (170, 120)), (240, (200, 150)), (210, (30, 180)))


@pytest.fixture(scope="module")
def templates(engine, photographs):
    """Person -> the mean of the templates of the first two photographs."""
    enrolled = {}
    for name, pictures in photographs.items():
        taken = []
        for image in pictures[:2]:
            analysis = engine.analyse(image, purpose="enrolment")
            assert analysis.code is None, name
            taken.append(engine.template(image, analysis.subject))
        enrolled[name] = mean_template(taken)
    return enrolled


@pytest.fixture(scope="module")
def probes(engine, photographs, scene):
    """(person, analysis) for the other three photographs, as JPEG frames of a whole gateway."""
    seen = []
    for name, pictures in photographs.items():
        for image, (side, at) in zip(pictures[2:5], _STANDS, strict=True):
            frame = np.ascontiguousarray(scene(image, side, at)[:, :, ::-1])
            data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            seen.append((name, engine.analyse(decode_jpeg(data, pixels_max=GATE_PIXELS_MAX), purpose="gate")))
    return seen


def admitted(engine, embedding, roster):
    """The name a gate would show for an embedding, or None: the pack's own limits for this roster."""
    names = sorted(roster)
    contract = engine.pack.contract_id
    gallery = Gallery(tuple(range(len(names))), np.stack([roster[name] for name in names]), contract)
    match = best_match(embedding, gallery, contract_id=contract)
    limits = engine.pack.thresholds_for(len(names))
    good = match.similarity >= limits.similarity_min and match.margin >= limits.margin_min
    return names[match.key] if good else None


def test_the_right_people_pass_and_nobody_passes_as_somebody_else(engine, templates, probes):
    outcomes = {"right": 0, "wrong": 0, "refused": 0, "not seen": 0}
    for name, analysis in probes:
        if analysis.subject is None:
            outcomes["not seen"] += 1
            continue
        shown = admitted(engine, analysis.subject.embedding, templates)
        outcomes["right" if shown == name else "refused" if shown is None else "wrong"] += 1
    print(outcomes)
    assert outcomes["wrong"] == 0
    assert outcomes["right"] >= 20, outcomes


def test_somebody_who_is_not_enrolled_passes_as_nobody(engine, templates, probes):
    tried = 0
    for name, analysis in probes:
        if analysis.subject is not None:
            roster = {other: template for other, template in templates.items() if other != name}
            assert admitted(engine, analysis.subject.embedding, roster) is None, name
            tried += 1
    print(f"{tried} strangers, none admitted")
    assert tried >= 20


def test_two_people_side_by_side_are_refused_as_several(engine, photographs, scene):
    people = list(photographs.values())
    frame = scene(people[0][1], 260, (20, 100))
    frame[120:380, 350:610] = scene(people[1][1], 260, (0, 0))[:260, :260]
    analysis = engine.analyse(frame, purpose="gate")
    assert (analysis.code, analysis.subject, len(analysis.faces)) == ("several_faces", None, 2)


def test_a_face_is_found_from_the_smallest_up_to_the_full_height_of_the_frame(engine, photographs, scene):
    for pictures in list(photographs.values())[:4]:
        for side in (200, 260, 340, 420, 480):
            analysis = engine.analyse(scene(pictures[1], side), purpose="gate")
            assert len(analysis.faces) == 1, side
            assert 0.55 < analysis.faces[0].quality.face_px / side < 0.9


def test_a_poor_picture_is_refused_with_what_is_wrong_with_it(engine, photographs, scene):
    image = photographs["leonard"][1]
    good = scene(image, 300)

    def codes(frame, purpose="enrolment"):
        return engine.analyse(frame, purpose=purpose).subject.codes

    assert codes(good) == ()
    assert codes(cv2.GaussianBlur(good, (0, 0), 7), "gate") == ("face_blurred",)
    assert codes(cv2.GaussianBlur(good, (0, 0), 5)) == ("face_blurred",)
    assert codes((good * 0.3).astype("uint8")) == ("face_too_dark",)
    assert codes(scene(image, 60)) == ("face_too_small",)
    tilted = cv2.warpAffine(good, cv2.getRotationMatrix2D((320, 240), 40, 1), (640, 480))
    assert codes(tilted) == ("face_turned",)
    assert "face_cut" in codes(good[:, 250:])
    assert engine.analyse((good * 0.04).astype("uint8"), purpose="gate").code == "too_dark"


def test_nobody_is_found_in_a_coarse_picture_and_everybody_in_a_clear_one(engine, photographs):
    for name, pictures in photographs.items():
        for image in pictures[:2]:
            subject = engine.analyse(image, purpose="enrolment").subject
            for make, faces in ((coarse_picture, 0), (face_picture, 1)):
                shown = decode_jpeg(make(image, subject), pixels_max=2**22, side_min=1)
                assert len(engine.analyse(enlarged(shown), purpose="enrolment").faces) == faces, (name, make.__name__)
