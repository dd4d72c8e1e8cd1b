import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognition import Engine, PackError
from recognition.synthetic import SyntheticEngine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def portrait(picture):
    """A 640 x 480 gate frame with one of the six people of t1.jpg, about 250 pixels high."""
    head = cv2.resize(picture("t1.jpg")[250:420, 410:590], (480, 453), interpolation=cv2.INTER_CUBIC)
    frame = np.full((480, 640, 3), 128, np.uint8)
    frame[13:466, 80:560] = head
    return frame


def test_one_person_is_the_subject_and_has_an_embedding(engine, portrait):
    analysis = engine.analyse(portrait, purpose="gate")
    assert analysis.code is None and analysis.faces == (analysis.subject,)
    assert analysis.subject.codes == ()
    assert analysis.subject.embedding.shape == (128,) and analysis.subject.embedding.dtype == np.float32
    assert 1.2 < np.linalg.norm(analysis.subject.embedding) < 1.75, "raw, not of length 1"
    assert set(analysis.timings_ms) == {"detect", "landmarks", "embed"}
    eyes = analysis.subject.landmarks[:4].mean(0)
    left, top, right, bottom = analysis.subject.box
    assert left < eyes[0] < right and top < eyes[1] < (top + bottom) / 2


def test_the_desk_asks_for_what_enrolment_asks_and_looks_as_quickly_as_the_gate(engine, portrait):
    dim = (portrait * 0.2).astype(np.uint8)
    said = {purpose: engine.analyse(dim, purpose=purpose).subject.codes for purpose in ("gate", "desk", "enrolment")}
    assert said["desk"] == said["enrolment"] == ("face_too_dark",) != said["gate"]
    near, desk = (engine.analyse(portrait, purpose=purpose) for purpose in ("gate", "desk"))
    assert desk.subject.codes == () and desk.subject.box == near.subject.box


def test_several_people_are_nobodys_passage(engine, picture):
    analysis = engine.analyse(picture("t1.jpg"), purpose="enrolment")
    assert (analysis.code, analysis.subject, len(analysis.faces)) == ("several_faces", None, 6)
    sides = [face.side for face in analysis.faces]
    assert sides == sorted(sides, reverse=True)
    assert all(face.embedding is None for face in analysis.faces)


def test_somebody_far_behind_does_not_stop_the_one_in_front(engine, portrait, picture):
    frame = cv2.resize(portrait, (1280, 960), interpolation=cv2.INTER_CUBIC)
    behind = picture("t1.jpg")[250:420, 30:200]
    frame[:170, 1110:] = behind
    analysis = engine.analyse(frame, purpose="enrolment")
    assert len(analysis.faces) == 2 and analysis.faces[1].side < analysis.faces[0].side / 2
    assert analysis.code is None and analysis.subject is analysis.faces[0]


def test_nobody_in_a_lit_gateway_is_no_face_and_in_a_dark_one_too_dark(engine):
    for level, code in ((120, "no_face"), (8, "too_dark")):
        analysis = engine.analyse(np.full((480, 640, 3), level, np.uint8), purpose="gate")
        assert (analysis.code, analysis.subject, analysis.faces) == (code, None, ())
        assert analysis.brightness == pytest.approx(level)


def test_the_same_frame_gives_the_same_answer_from_many_threads(engine, portrait):
    alone = engine.analyse(portrait, purpose="gate").subject
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: engine.analyse(portrait, purpose="gate").subject, range(12)))
    for subject in together:
        assert subject.box == alone.box and np.array_equal(subject.embedding, alone.embedding)


def test_a_template_is_repeatable_and_near_the_plain_embedding(engine, portrait):
    subject = engine.analyse(portrait, purpose="enrolment").subject
    template = engine.template(portrait, subject)
    assert np.array_equal(template, engine.template(portrait, subject))
    assert template.shape == (128,) and template.dtype == np.float32
    assert 0.01 < np.linalg.norm(template - subject.embedding) < 0.25


def test_the_gates_quick_search_recognises_whom_the_thorough_one_enrolled(engine, portrait):
    enrolled = engine.template(portrait, engine.analyse(portrait, purpose="enrolment").subject)
    at_gate = engine.analyse(portrait, purpose="gate").subject.embedding
    assert np.linalg.norm(enrolled - at_gate) < 0.3


def test_frames_of_any_shape_are_answered(engine):
    for height, width in ((64, 64), (1, 1), (64, 900), (900, 64), (1520, 2688), (65, 67)):
        analysis = engine.analyse(np.full((height, width, 3), 120, np.uint8), purpose="gate")
        assert analysis.code == "no_face"


def test_what_is_no_picture_is_refused(engine):
    for wrong in (np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10, 3)), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(ValueError):
            engine.analyse(wrong, purpose="gate")


def test_a_model_that_is_not_what_the_manifest_says_is_refused(pack):
    parts = {**pack.parts, "embedding": dataclasses.replace(pack.parts["embedding"], file="LICENSE")}
    with pytest.raises(PackError, match="embedding does not load"):
        Engine(dataclasses.replace(pack, parts=parts))
    with pytest.raises(PackError, match="128 numbers, 512 promised"):
        Engine(dataclasses.replace(pack, dimension=512))


def test_the_synthetic_engine_has_the_same_face_as_the_real_one():
    public = {name for name in vars(SyntheticEngine) if not name.startswith("_")}
    assert public == {"analyse", "frame_side", "template"} <= set(vars(Engine))


_QUIET = """
import sys
from pathlib import Path
import numpy as np
from recognition import Engine, load_pack
engine = Engine(load_pack(Path(sys.argv[1])))
print(engine.analyse(np.full((480, 640, 3), 120, np.uint8), purpose="gate").code)
"""


def test_an_engine_leaves_nothing_in_the_home_folder(pack, tmp_path):
    # onnxruntime keeps quiet by itself where it sees a test run or a build machine, so the
    # environment is nearly empty.
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", _QUIET, str(pack.folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "no_face\n"), done.stderr
    assert list(tmp_path.rglob("*")) == []


def test_onnxruntime_is_told_to_keep_quiet_before_it_is_imported():
    program = (
        "import os, sys; os.environ['ORT_DISABLE_TELEMETRY'] = '0'\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('onnxruntime', 'cv2'): print(name, os.environ.get('ORT_DISABLE_TELEMETRY'), os.environ.get('OPENCV_IO_MAX_IMAGE_PIXELS'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import recognition"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert set(done.stdout.splitlines()) == {"cv2 1 16777216", "onnxruntime 1 16777216"}, done.stderr


def test_near_his_last_place_the_same_man_is_found_by_looking_at_less(engine, portrait):
    whole = engine.analyse(portrait, purpose="gate").subject
    looked_at = []
    score = engine._detector._run
    engine._detector._run = lambda images: looked_at.append(images.size) or score(images)
    try:
        left, top, right, bottom = whole.box
        near = engine.analyse(portrait, purpose="gate", near=(left + 20, top - 15, right + 20, bottom - 15)).subject
        assert sum(looked_at) < 0.5 * 342 * 262 * 3
        assert np.linalg.norm(near.embedding - whole.embedding) < 0.3, "two photographs of one person differ by 0.40"
        assert engine.analyse(portrait, purpose="gate", near=(0, 0, 90, 90)).subject is not None, "gone from there: searched everywhere"
    finally:
        engine._detector._run = score
