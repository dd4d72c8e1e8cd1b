"""How well the active pack tells people apart: on photographs, step by step of the decision, and at simulated gates.

    python -m bench.accuracy [--photos FOLDER] [--pack ID]

FOLDER has one folder a person (``group`` is left out). Beside them stand the heads that installed packages bring along, as
strangers. Every probe is tried twice: as himself on the roster, and as a stranger to it (the roster without him).
Nothing is tuned here: limits are the pack's for a roster of ``ROSTER``. Intervals are Clopper-Pearson, 95 %, as if pairs were
independent, which they are not: eight people are few, and the true uncertainty is larger. The last line is JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from recognition import (  # noqa: E402
    DEFAULT_PACK,
    Engine,
    Gallery,
    Tracker,
    best_match,
    decode_jpeg,
    encode_jpeg,
    limits_for,
    load_pack,
    looks_of,
    mean_template,
    vote_weight,
)
from recognition.calibrate import Rate, Scores, at_far, compare_all, equal_error, similarities  # noqa: E402

import cv2  # noqa: E402  isort: skip
import numpy as np  # noqa: E402  isort: skip

from app.domain.admission import AdmissionPolicy, Ballot, Standing, decide  # noqa: E402

PHOTOS = ROOT.parent / "shared" / "photos"
ROSTER = 100
FACE_PX = 150
"""Side of the face in the plain gate frame: 640 x 480, a quarter of its width."""
ENROLLED = 3
FRAMES = 6
"""Of one visit, a third of a second apart."""
NOON = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)


@dataclass(slots=True)
class Picture:
    """One photograph with its one face, as enrolment sees it."""

    person: str
    image: np.ndarray
    landmarks: np.ndarray
    face_px: float
    template: np.ndarray
    """Mean of the jittered chips, as enrolment makes it."""
    single: np.ndarray
    """One chip, as the gate makes it."""


# --- pictures -------------------------------------------------------------------------------------------------


def read_people(engine: Engine, folder: Path) -> tuple[list[Picture], int]:
    """Every photograph of the folder with its face, and how many have none that enrolment finds."""
    found, lost = [], 0
    for person in sorted(p for p in folder.iterdir() if p.is_dir() and p.name != "group"):
        for path in sorted(person.iterdir()):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
            analysis = None if image is None else engine.analyse(image, purpose="enrolment")
            if analysis is None or analysis.subject is None:
                lost += 1
                continue
            face = analysis.subject
            found.append(
                Picture(person.name, image, face.landmarks, face.quality.face_px, engine.template(image, face), face.embedding)
            )
    return found, lost


def read_strangers(engine: Engine) -> list[Picture]:
    """The heads in pictures that installed packages bring along; each is another person."""
    found = []
    for package, name in (
        ("insightface", "data/images/t1.jpg"), ("insightface", "data/images/Tom_Hanks_54745.png"), ("skimage", "data/astronaut.png"),
    ):  # fmt: skip
        spec = importlib.util.find_spec(package)
        path = Path(next(iter(spec.submodule_search_locations))) / name if spec else None
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) if path and path.exists() else None
        if image is None:
            continue
        for at, face in enumerate(engine.analyse(image, purpose="enrolment").faces):
            x, y = face.landmarks.mean(0)
            # A portrait of each head, cut as the others are: the face takes 0.72 of it.
            side = face.quality.face_px / 0.72
            left, top = max(0, round(x - side / 2)), max(0, round(y - side / 2))
            cut = np.ascontiguousarray(image[top : top + round(side), left : left + round(side)])
            cut = cv2.resize(cut, (150, 150), interpolation=cv2.INTER_CUBIC)
            alone = engine.analyse(cut, purpose="enrolment").subject
            if alone is not None:
                found.append(
                    Picture(
                        f"{path.stem}-{at}", cut, alone.landmarks, alone.quality.face_px, engine.template(cut, alone), alone.embedding
                    )
                )
    return found


def gate_frame(picture: Picture, face_px: float = FACE_PX, at: tuple[int, int] = (320, 230)) -> tuple[np.ndarray, np.ndarray]:
    """(480, 640, 3) of a plain gateway with the photograph in it, its face ``face_px`` large, and its landmarks there."""
    scale = face_px / picture.face_px
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    photo = cv2.resize(picture.image, None, fx=scale, fy=scale, interpolation=how)
    frame = np.empty((480, 640, 3), np.uint8)
    frame[:] = np.linspace(196, 150, 480)[:, None, None]
    height, width = photo.shape[:2]
    left, top = at[0] - width // 2, at[1] - height // 2
    x0, y0, x1, y1 = max(0, left), max(0, top), min(640, left + width), min(480, top + height)
    frame[y0:y1, x0:x1] = photo[y0 - top : y1 - top, x0 - left : x1 - left]
    return frame, picture.landmarks * scale + (left, top)


# --- what happens before the camera ---------------------------------------------------------------------------


def _axes(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle between the eyes, one eye distance to the picture's right, one downwards."""
    right, left = landmarks[:2].mean(0), landmarks[2:4].mean(0)
    across = right - left
    return (right + left) / 2, across, np.array([-across[1], across[0]])


def _patch(frame: np.ndarray, landmarks: np.ndarray, corners: Sequence[tuple[float, float]], colour) -> np.ndarray:
    middle, across, down = _axes(landmarks)
    points = np.array([middle + x * across + y * down for x, y in corners])
    frame = frame.copy()
    cv2.fillPoly(frame, [np.round(points).astype(np.int32)], colour, cv2.LINE_AA)
    return frame


def brim(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A yellow helmet pulled down to the brow, and the shadow of its brim on the eyes."""
    shaded = _patch(frame, landmarks, [(-1.2, -0.5), (1.2, -0.5), (1.2, 0.2), (-1.2, 0.2)], (0, 0, 0))
    shaded = cv2.addWeighted(frame, 0.6, shaded, 0.4, 0)
    return _patch(shaded, landmarks, [(-1.4, -0.4), (1.4, -0.4), (1.2, -1.8), (-1.2, -1.8)], (232, 186, 32))


def mask(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A light blue mask from the bridge of the nose to the chin."""
    return _patch(
        frame, landmarks, [(-0.95, 0.45), (0, 0.3), (0.95, 0.45), (0.8, 1.5), (0.35, 1.95), (-0.35, 1.95), (-0.8, 1.5)], (150, 190, 214)
    )


def motion(pixels: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Blur of a head that moves sideways so many pixels while the shutter is open."""
    kernel = np.full((1, pixels), 1 / pixels, np.float32)
    return lambda frame, _: cv2.filter2D(frame, -1, kernel)


def back_light(strength: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The sun behind him: the background burns out, the face gets ``strength`` of its light."""

    def shine(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        middle, across, _ = _axes(landmarks)
        y, x = np.mgrid[0:480, 0:640]
        far = np.hypot(x - middle[0], y - middle[1]) / (np.linalg.norm(across) * 2.4)
        share = np.clip((far - 0.8) / 0.4, 0, 1)[..., None]
        return np.clip(frame * strength * (1 - share) + 252 * share, 0, 255).astype(np.uint8)

    return shine


def untouched(frame: np.ndarray, _landmarks: np.ndarray) -> np.ndarray:
    return frame


CONDITIONS: dict[str, tuple[float, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "plain, 150 px": (150, untouched),
    **{f"face of {px} px": (px, untouched) for px in (40, 60, 80, 100, 130, 200, 300)},
    "motion 9 px": (150, motion(9)),
    "motion 15 px": (150, motion(15)),
    "motion 21 px": (150, motion(21)),
    "back light, half": (150, back_light(0.5)),
    "back light, a quarter": (150, back_light(0.25)),
    "helmet to the brow": (150, brim),
    "mask": (150, mask),
    "helmet and mask": (150, lambda f, p: mask(brim(f, p), p)),
}


# --- decisions --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seen:
    """What the gate made of one frame: the face's embedding where one was found, and why it may not be used."""

    embedding: np.ndarray | None
    codes: tuple[str, ...]
    weight: float = 0.0


def look(engine: Engine, frame: np.ndarray) -> Seen:
    analysis = engine.analyse(decode_jpeg(encode_jpeg(frame, quality=88), pixels_max=640 * 480), purpose="gate")
    if analysis.subject is None:
        return Seen(None, (analysis.code,))
    return Seen(analysis.subject.embedding, analysis.subject.codes, vote_weight(analysis.subject.quality))


class Rosters:
    """Templates of everybody, and galleries of them with or without one person."""

    def __init__(self, engine: Engine, templates: dict[str, list[np.ndarray]]) -> None:
        self.pack = engine.pack
        self.templates = templates
        self.names = sorted(templates)
        self.limits = limits_for(self.pack, ROSTER)

    def gallery(self, without: str | None = None) -> Gallery:
        rows = [(at, row) for at, name in enumerate(self.names) if name != without for row in self.templates[name]]
        return Gallery(tuple(at for at, _ in rows), np.stack([row for _, row in rows]), self.pack.contract_id, self.pack.metric)

    def named(self, seen: Seen, gallery: Gallery, *, similarity=True, margin=True, quality=True) -> str | None:
        """The name after the steps that are switched on."""
        if seen.embedding is None or (quality and seen.codes):
            return None
        match = best_match(seen.embedding, gallery, contract_id=self.pack.contract_id)
        if (similarity and match.similarity < self.limits.similarity_min) or (margin and match.margin < self.limits.margin_min):
            return None
        return self.names[match.key]

    def visit(self, frames: Sequence[Seen], gallery: Gallery, votes_min: int) -> tuple[str | None, int]:
        """Who is admitted in a visit, and with which frame; the service's own rule and tracker."""
        tracker = Tracker()
        for at, seen in enumerate(frames):
            if seen.embedding is None or seen.codes:
                continue
            match = best_match(seen.embedding, gallery, contract_id=self.pack.contract_id)
            good = match.similarity >= self.limits.similarity_min and match.margin >= self.limits.margin_min
            track = tracker.see(
                1, seen.embedding, contract_id=self.pack.contract_id, metric=self.pack.metric,
                same_min=self.pack.thresholds_for(1).similarity_min, at=NOON + timedelta(seconds=at / 3), frame=str(at),
                key=match.key if good else None, weight=seen.weight, seconds=4.0,
            )  # fmt: skip
            decision = decide(
                match_similarity=match.similarity, match_margin=match.margin, similarity_min=self.limits.similarity_min,
                margin_min=self.limits.margin_min, sure_min=self.limits.sure_min, quality_codes=(),
                standing=Standing(match.key, engaged=True), policy=AdmissionPolicy(votes_min=votes_min),
                ballots=[Ballot(vote.key, vote.weight) for vote in track.votes],
            )  # fmt: skip
            if decision.worker_id is not None:
                return self.names[decision.worker_id], at + 1
        return None, len(frames)


@dataclass(slots=True)
class Outcome:
    """Of probes that were each tried as himself and as a stranger."""

    right: int = 0
    wrong: int = 0
    stranger: int = 0
    """Taken for somebody although he is not on the roster."""
    trials: int = 0
    not_found: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, who: str, here: str | None, elsewhere: str | None) -> None:
        self.trials += 1
        self.right += here == who
        self.wrong += here is not None and here != who
        self.stranger += elsewhere is not None

    def row(self) -> list[str]:
        return [percent(self.right, self.trials), percent(self.wrong, self.trials), percent(self.stranger, self.trials)]

    def told(self) -> dict[str, object]:
        return {
            "trials": self.trials, "right": self.right, "wrong": self.wrong, "stranger": self.stranger,
            "not_found": self.not_found, "refused_for": dict(self.codes),
        }  # fmt: skip


def percent(k: int, n: int) -> str:
    rate = Rate.of(k, n)
    return f"{100 * k / n:5.1f} ({100 * rate.low:.1f}-{100 * rate.high:.1f})" if n else "-"


def helmet_looks(engine: Engine, pictures: list[Picture], strangers: list[Picture]) -> dict[str, dict]:
    """Does it help to enrol a man with his helmet on as well? Probes with the brim over the brow; three ways to enrol."""
    out: dict[str, dict] = {}
    metric, same = engine.pack.metric, engine.pack.thresholds_for(1).similarity_min
    dressed: dict[int, np.ndarray] = {}
    probes: dict[int, Seen] = {}
    for picture in pictures:
        frame, landmarks = gate_frame(picture)
        image = decode_jpeg(encode_jpeg(brim(frame, landmarks)), pixels_max=640 * 480)
        face = engine.analyse(image, purpose="gate").subject
        probes[id(picture)] = look(engine, brim(frame, landmarks))
        if face is not None:
            dressed[id(picture)] = engine.template(image, face)
    print("\nHelmet to the brow at the gate, by how one was enrolled; % (95 %)")
    for name in ("3 without helmet, mean", "2 without, 2 with, mean", "2 without, 2 with, looks"):
        outcome, templates = Outcome(), []
        for probe in pictures:
            known: dict[str, list[np.ndarray]] = {p.person: [p.template] for p in strangers}
            for person in dict.fromkeys(p.person for p in pictures):
                own = enrolled(pictures, probe, 4) if person == probe.person else [p for p in pictures if p.person == person][:4]
                rows = [p.template for p in own[:3]]
                if "2 with" in name:
                    rows = [p.template for p in own[:2]] + [dressed[id(p)] for p in own[2:4] if id(p) in dressed]
                known[person] = list(looks_of(rows, metric, same).templates) if name.endswith("looks") else [mean_template(rows, metric)]
            roster = Rosters(engine, known)
            templates.append(len(known[probe.person]))
            seen = probes[id(probe)]
            outcome.add(probe.person, roster.named(seen, roster.gallery()), roster.named(seen, roster.gallery(without=probe.person)))
        cells = "".join(f" {cell:>20}" for cell in outcome.row())
        print(f"{name:28}{cells}   templates a person {sum(templates) / len(templates):.2f}")
        out[name] = {**outcome.told(), "templates_a_person": round(sum(templates) / len(templates), 2)}
    return out


def enrolled(pictures: list[Picture], probe: Picture, count: int) -> list[Picture]:
    """The ``count`` photographs of a person that follow the probe, round the circle; the probe is never among them."""
    own = [p for p in pictures if p.person == probe.person]
    at = next(i for i, p in enumerate(own) if p is probe)
    return [own[(at + 1 + n) % len(own)] for n in range(min(count, len(own) - 1))]


def templates_for(pictures: list[Picture], strangers: list[Picture], probe: Picture, *, count: int, jitter: bool, several: bool, metric: str):
    """Everybody's templates while ``probe`` stands at the gate: his from his other photographs."""
    out: dict[str, list[np.ndarray]] = {p.person: [p.template if jitter else p.single] for p in strangers}
    for person in dict.fromkeys(p.person for p in pictures):
        own = enrolled(pictures, probe, count) if person == probe.person else [p for p in pictures if p.person == person][:count]
        rows = [p.template if jitter else p.single for p in own]
        out[person] = rows if several else [mean_template(rows, metric)]
    return out


# --- the three tables -------------------------------------------------------------------------------------------


def verification(engine: Engine, pictures: list[Picture], strangers: list[Picture], lost: int) -> dict[str, dict]:
    """One picture against one, and against templates of several: how often is the same man found at a stated rate?"""
    metric = engine.pack.metric
    everybody = pictures + strangers
    people = [p.person for p in everybody]
    out: dict[str, dict] = {}
    sets: dict[str, Scores] = {"1 photo, 1 chip each": compare_all([p.single for p in everybody], people, metric, lost=lost)}
    for name, count, jitter, several in (
        ("1 photo, 10 jittered chips", 1, True, False), ("2 photos, mean", 2, True, False), ("3 photos, mean", 3, True, False),
        ("3 photos, best of 3", 3, True, True), ("4 photos, mean", 4, True, False),
    ):  # fmt: skip
        genuine, impostor = [], []
        for probe in everybody:
            known = templates_for(pictures, strangers, probe, count=count, jitter=jitter, several=several, metric=metric)
            for person, rows in known.items():
                if person == probe.person and probe in strangers:
                    continue
                best = max(float(similarities(np.stack([row, probe.single]), metric)[0, 1]) for row in rows)
                (genuine if person == probe.person else impostor).append(best)
        sets[name] = Scores(np.array(genuine), np.array(impostor), len(set(people)), len(people), lost)
    print(f"\nOne against one. {len(set(people))} people, {len(people)} pictures; true accepts in % (95 %)")
    print(f"{'template':28} {'genuine':>8} {'impostor':>8}  {'FAR 1e-2':>22}  {'FAR 1e-3':>22}  {'EER %':>6}  {'FRR % at the limit':>20}")
    limit = limits_for(engine.pack, ROSTER).similarity_min
    for name, scores in sets.items():
        cells = []
        for far in (1e-2, 1e-3):
            point = at_far(scores, far)
            cells.append("too few pairs" if point is None else percent(point.true_accepts.k, point.true_accepts.n))
        rejected, accepted = scores.false_rejects(limit), scores.false_accepts(limit)
        print(
            f"{name:28} {len(scores.genuine):8} {len(scores.impostor):8}  {cells[0]:>22}  {cells[1]:>22}  "
            f"{100 * equal_error(scores)[1]:6.2f}  {percent(rejected.k, rejected.n):>20}"
        )
        out[name] = {
            "genuine": len(scores.genuine), "impostor": len(scores.impostor), "eer": round(equal_error(scores)[1], 5),
            **{
                f"tar_at_{far:g}": None if (p := at_far(scores, far)) is None else
                {"tar": round(p.true_accepts.value, 4), "low": round(p.true_accepts.low, 4), "high": round(p.true_accepts.high, 4), "similarity": round(p.similarity_min, 4)}
                for far in (1e-2, 1e-3)
            },
            "at_limit": {"similarity_min": round(limit, 4), "frr": round(rejected.value, 4), "false_accepts": accepted.k},
        }  # fmt: skip
    return out


def stages(engine: Engine, pictures: list[Picture], strangers: list[Picture], frames: dict[int, list[Seen]]) -> dict[str, dict]:
    """What each step of the decision adds, on visits of ``FRAMES`` frames, some of them blurred."""
    metric = engine.pack.metric
    steps: dict[str, Callable[[Rosters, list[Seen], Gallery], str | None]] = {
        "nearest name": lambda r, f, g: r.named(f[0], g, similarity=False, margin=False, quality=False),
        "+ similarity": lambda r, f, g: r.named(f[0], g, margin=False, quality=False),
        "+ margin": lambda r, f, g: r.named(f[0], g, quality=False),
        "+ quality": lambda r, f, g: r.named(f[0], g),
        f"any of {FRAMES} frames": lambda r, f, g: r.visit(f, g, 1)[0],
        f"{FRAMES} frames, votes of 2": lambda r, f, g: r.visit(f, g, 2)[0],
        f"{FRAMES} frames, votes of 3": lambda r, f, g: r.visit(f, g, 3)[0],
    }
    out: dict[str, dict] = {}
    print(f"\nStep by step, limits of a roster of {ROSTER}; every probe as himself and as a stranger; % (95 %)")
    print(f"{'templates':22} {'decision':22} {'right':>20} {'somebody else':>20} {'stranger admitted':>20}")
    for kind, count, jitter, several in (
        ("1 photo, 1 chip", 1, False, False), ("1 photo, jittered", 1, True, False), ("3 photos, mean", ENROLLED, True, False), ("3 photos, several", ENROLLED, True, True),
    ):  # fmt: skip
        done = {name: Outcome() for name in steps}
        for at, probe in enumerate(pictures + strangers):
            known = templates_for(pictures, strangers, probe, count=count, jitter=jitter, several=several, metric=metric)
            roster = Rosters(engine, known)
            elsewhere = roster.gallery(without=probe.person)
            here = None if probe in strangers else roster.gallery()
            for name, step in steps.items():
                # The heads of the packages have one picture each: they are strangers only.
                outcome = done[name]
                other = step(roster, frames[at], elsewhere)
                if here is None:
                    outcome.stranger += other is not None
                else:
                    outcome.add(probe.person, step(roster, frames[at], here), other)
        for name, outcome in done.items():
            everybody = outcome.trials + len(strangers)
            print(
                f"{kind:22} {name:22} {percent(outcome.right, outcome.trials):>20} {percent(outcome.wrong, outcome.trials):>20} "
                f"{percent(outcome.stranger, everybody):>20}"
            )
            out[f"{kind}, {name}"] = {**outcome.told(), "stranger_trials": everybody}
    return out


def gates(engine: Engine, pictures: list[Picture], strangers: list[Picture]) -> dict[str, dict]:
    """One frame of every photograph under each condition, three photographs enrolled."""
    out: dict[str, dict] = {}
    print(f"\nSimulated gates, one frame, {ENROLLED} photographs enrolled, limits of a roster of {ROSTER}; % (95 %)")
    print(f"{'condition':22} {'found':>6} {'usable':>7} {'right':>20} {'somebody else':>20} {'stranger admitted':>20}  refused for")
    rosters = {
        id(p): Rosters(engine, templates_for(pictures, strangers, p, count=ENROLLED, jitter=True, several=False, metric=engine.pack.metric))
        for p in pictures
    }
    for name, (face_px, change) in CONDITIONS.items():
        outcome = Outcome()
        usable = 0
        for probe in pictures:
            frame, landmarks = gate_frame(probe, face_px)
            seen = look(engine, change(frame, landmarks))
            outcome.not_found += seen.embedding is None
            usable += seen.embedding is not None and not seen.codes
            outcome.codes.update(seen.codes[:1])
            roster = rosters[id(probe)]
            outcome.add(
                probe.person, roster.named(seen, roster.gallery()), roster.named(seen, roster.gallery(without=probe.person))
            )
        n = outcome.trials
        why = ", ".join(f"{code} {count}" for code, count in outcome.codes.most_common(4))
        cells = "".join(f" {cell:>20}" for cell in outcome.row())
        print(f"{name:22} {100 * (n - outcome.not_found) / n:5.0f}% {100 * usable / n:6.0f}%{cells}  {why}", flush=True)
        out[name] = {**outcome.told(), "usable": usable}
    return out


def visits(engine: Engine, pictures: list[Picture]) -> dict[int, list[Seen]]:
    """Every photograph as a visit: the head moves, comes nearer, and is blurred in every other frame. Always the same."""
    out = {}
    for at, picture in enumerate(pictures):
        noise = np.random.default_rng(int.from_bytes(hashlib.sha256(picture.image.tobytes()).digest()[:4], "big"))
        seen = []
        for n in range(FRAMES):
            px = FACE_PX + 8 * n + noise.uniform(-6, 6)
            frame, landmarks = gate_frame(picture, px, (320 + round(noise.uniform(-40, 40)), 230 + round(noise.uniform(-15, 15))))
            turn = cv2.getRotationMatrix2D((320, 230), noise.uniform(-6, 6), 1.0)
            frame = cv2.warpAffine(frame, turn, (640, 480), borderMode=cv2.BORDER_REPLICATE)
            if n % 2 == 0:
                frame = motion(9)(frame, landmarks)
            light = frame * noise.uniform(0.75, 1.15) + noise.normal(0, 4, frame.shape)
            seen.append(look(engine, np.clip(light, 0, 255).astype(np.uint8)))
        out[at] = seen
    return out


def detector(engine: Engine, folder: Path, lost: int, pictures: list[Picture]) -> dict[str, object]:
    """Faces the detector misses on portraits, and what it finds on group pictures."""
    groups = {}
    for path in sorted((folder / "group").glob("*")) if (folder / "group").is_dir() else ():
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image is not None:
            groups[path.name] = len(engine.analyse(image, purpose="enrolment").faces)
    print(f"\nDetector: {lost} of {len(pictures) + lost} portraits missed at enrolment; faces found on group pictures: {groups}")
    return {"portraits": len(pictures) + lost, "missed": lost, "group_faces_found": groups}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--pack", default=DEFAULT_PACK)
    given = parser.parse_args()
    if not given.photos.is_dir():
        sys.exit(f"no photographs in {given.photos}: give a folder with one folder a person")
    engine = Engine(load_pack(ROOT / "models" / given.pack))
    pictures, lost = read_people(engine, given.photos)
    strangers = read_strangers(engine)
    limits = limits_for(engine.pack, ROSTER)
    print(f"{engine.pack.pack_id}: similarity >= {limits.similarity_min:.3f} (sure from {limits.sure_min:.3f}), margin >= {limits.margin_min}")
    report = {
        "pack": engine.pack.pack_id, "contract": engine.pack.contract_id, "people": len({p.person for p in pictures}),
        "pictures": len(pictures), "strangers": len(strangers), "roster": ROSTER,
        "limits": {k: v if not isinstance(v, float) or math.isfinite(v) else None for k, v in vars_of(limits).items()},
        "detector": detector(engine, given.photos, lost, pictures),
        "verification": verification(engine, pictures, strangers, lost),
        "stages": stages(engine, pictures, strangers, visits(engine, pictures + strangers)),
        "gates": gates(engine, pictures, strangers),
        "helmet_looks": helmet_looks(engine, pictures, strangers),
    }  # fmt: skip
    print(json.dumps(report, ensure_ascii=False))


def vars_of(limits) -> dict[str, object]:
    return {name: getattr(limits, name) for name in limits.__slots__}


if __name__ == "__main__":
    main()
