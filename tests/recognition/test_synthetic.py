import itertools

import cv2
import numpy as np
import pytest

from recognition import Gallery, best_match, decode_jpeg
from recognition.decode import GATE_PIXELS_MAX
from recognition.synthetic import PERSON_MAX, SyntheticEngine, draw_face, embedding_of


def seen(person=7, purpose="gate", **drawing):
    return SyntheticEngine().analyse(decode_jpeg(draw_face(person, **drawing), pixels_max=GATE_PIXELS_MAX), purpose=purpose)


def similarity(a, b):
    return 1 - float(np.linalg.norm(a - b))


def test_a_drawing_is_the_person_it_was_drawn_of():
    for person in (0, 1, 7, 4711, PERSON_MAX):
        for variant in (0, 5, 63):
            subject = seen(person, variant=variant).subject
            assert np.array_equal(subject.embedding, embedding_of(person, variant=variant)) and subject.codes == ()


def test_the_same_arguments_draw_the_same_bytes():
    assert draw_face(12, variant=3) == draw_face(12, variant=3) != draw_face(12, variant=4)


def test_different_people_are_never_alike_and_pictures_of_one_are():
    people = np.stack([embedding_of(person) for person in range(500)])
    for a, b in itertools.pairwise(people):
        assert similarity(a, b) < 0.1
    distances = np.sqrt(np.maximum(0, 2 - 2 * (people @ people.T).astype(np.float64))) + 9 * np.eye(500)
    assert 1 - distances.min() < 0.1
    for variant in range(1, 64):
        assert 0.8 < similarity(embedding_of(7), embedding_of(7, variant=variant)) < 0.9


@pytest.mark.parametrize(
    ("drawing", "codes"),
    [
        ({"blurred": True}, ("face_blurred",)),
        ({"dark": True}, ("face_too_dark",)),
        ({"bright": True}, ("face_too_bright",)),
        ({"turned": True}, ("face_turned",)),
        ({"cut": True}, ("face_cut",)),
        ({"small": True}, ("face_too_small",)),
    ],
)
def test_every_fault_of_a_face_can_be_drawn(drawing, codes):
    analysis = seen(**drawing)
    assert analysis.code is None and analysis.subject.codes == codes


@pytest.mark.parametrize(
    ("drawing", "code", "faces"),
    [
        ({"faces": 0}, "no_face", 0),
        ({"lights_out": True}, "too_dark", 0),
        ({"faces": 2}, "several_faces", 2),
        ({"others": (40, 41)}, "several_faces", 3),
    ],
)
def test_every_fault_of_a_picture_can_be_drawn(drawing, code, faces):
    analysis = seen(**drawing)
    assert (analysis.code, analysis.subject, len(analysis.faces)) == (code, None, faces)


def test_somebody_between_two_twins_has_no_margin():
    contract = SyntheticEngine().pack.contract_id
    roster = Gallery((1, 2), np.stack([embedding_of(7), embedding_of(7, twin=1)]), contract)
    limits = SyntheticEngine().pack.thresholds_for(2)
    for twin, key in ((0.0, 1), (1.0, 2)):
        match = best_match(seen(twin=twin, variant=9).subject.embedding, roster, contract_id=contract)
        assert match.key == key and match.similarity >= limits.similarity_min and match.margin >= limits.margin_min
    match = best_match(seen(twin=0.5).subject.embedding, roster, contract_id=contract)
    assert match.similarity > limits.similarity_min and match.margin < limits.margin_min


def test_a_near_stranger_stays_below_every_threshold():
    near = seen(distance=0.6).subject.embedding
    assert 0.35 < similarity(near, embedding_of(7)) < SyntheticEngine().pack.thresholds_for(1).similarity_min


def test_a_drawing_survives_any_size_and_being_saved_again():
    for size in ((160, 160), (320, 240), (480, 640), (1280, 720)):
        assert seen(99, size=size).subject is not None, size
    image = decode_jpeg(draw_face(99), pixels_max=GATE_PIXELS_MAX)
    poor = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    smaller = cv2.resize(cv2.imdecode(poor, cv2.IMREAD_COLOR_RGB), (400, 300), interpolation=cv2.INTER_AREA)
    subject = SyntheticEngine().analyse(smaller, purpose="enrolment").subject
    assert np.array_equal(subject.embedding, embedding_of(99))


def test_a_template_is_the_embedding_of_the_drawing():
    image = decode_jpeg(draw_face(5, variant=2), pixels_max=GATE_PIXELS_MAX)
    engine = SyntheticEngine()
    analysis = engine.analyse(image, purpose="enrolment")
    assert np.array_equal(engine.template(image, analysis.subject), embedding_of(5, variant=2))


def test_only_the_subject_has_an_embedding():
    assert all(face.embedding is None for face in seen(faces=2).faces)


def test_nothing_but_a_drawing_is_recognised(formula):
    for k in range(3):
        assert SyntheticEngine().analyse(formula(640, 480, k), purpose="gate").code == "no_face"
    magenta = np.full((480, 640, 3), 90, np.uint8)
    magenta[100:300, 100:300] = (255, 0, 255)
    assert SyntheticEngine().analyse(magenta, purpose="gate").code == "no_face"


def test_the_real_engine_finds_no_face_in_a_drawing(engine):
    assert engine.analyse(decode_jpeg(draw_face(5), pixels_max=GATE_PIXELS_MAX), purpose="enrolment").faces == ()


def test_what_the_grid_cannot_hold_is_refused():
    for drawing in ({"person": -1}, {"person": PERSON_MAX + 1}, {"variant": 64}, {"distance": 2}, {"twin": 1.5}):
        with pytest.raises(ValueError):
            draw_face(**({"person": 1} | drawing))
