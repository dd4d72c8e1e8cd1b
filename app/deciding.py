"""Use case: how strictly the gates of a project decide, and what their decisions looked like.

    policy          the rules in force: the project's own word, else the service's
    set_policy      the project says otherwise; who said so is in the journal
    set_face_px     how near one must come at one gate
    scores          for the inspector: what every gate answered, how alike the faces were, what the liveness model said
    check_liveness  a service that promises liveness without a model does not start
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.errors import Conflict, Unusable
from app.gate import ENFORCE, OFF, Rules, rules_of
from app.settings import Settings
from app.store import accounts, decisions, gates, people
from app.store.decisions import PolicyRow
from recognition import STRANGER_RANGE

WORDS = (OFF, "observe", ENFORCE)
VOTES_MAX = 8
TRACK_SECONDS_MAX = 30.0
FACE_PX_RANGE = (20, 2000)
SCORES_DAYS_MAX = 31
BINS = 20
"""Of a histogram from 0 to 1."""


class LivenessNotReady(Exception):
    """The service was told to refuse faces that are not live, and has no model that could say so."""


def policy(db: Session, settings: Settings, project_id: int) -> tuple[Rules, PolicyRow]:
    """Return the rules in force on a project, and what of them it said itself.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    said = decisions.policy(db, project_id)
    return rules_of(settings, said), said


def set_policy(
    db: Session, settings: Settings, *, project_id: int, said: PolicyRow, liveness_ready: bool, now: datetime, by: str
) -> Rules:
    """Write what a project says about its decisions and return the rules then in force.

    Raises:
        NotFound: ``project_unknown``.
        Unusable: ``decision_policy_wrong``, with the field and its range.
        Conflict: ``liveness_not_ready``, enforcing it without a model would refuse everybody.
    """
    people.project(db, project_id)
    for name, value, good, limits in (
        ("stranger_max", said.stranger_max, _within(said.stranger_max, *STRANGER_RANGE), STRANGER_RANGE),
        ("votes_min", said.votes_min, _within(said.votes_min, 1, VOTES_MAX), (1, VOTES_MAX)),
        ("track_seconds", said.track_seconds, _within(said.track_seconds, 0.1, TRACK_SECONDS_MAX), (0.1, TRACK_SECONDS_MAX)),
        ("liveness", said.liveness, said.liveness in WORDS, WORDS),
        ("replay", said.replay, said.replay in WORDS, WORDS),
    ):
        if value is not None and not good:
            raise Unusable("decision_policy_wrong", field=name, range=" – ".join(map(str, limits)))
    rules = rules_of(settings, said)
    if rules.liveness == ENFORCE and not liveness_ready:
        raise Conflict("liveness_not_ready")
    before = decisions.policy(db, project_id)
    decisions.set_policy(db, project_id, said)
    accounts.journal(
        db, at=now, actor=by, action="decision_policy.set", project_id=project_id, object=f"project:{project_id}",
        facts={"before": asdict(before), "after": asdict(said)},
    )  # fmt: skip
    return rules


def _within(value: float | None, least: float, most: float) -> bool:
    return value is not None and least <= value <= most


def set_face_px(db: Session, *, project_id: int, gate_id: int, face_px_min: int | None, now: datetime, by: str) -> None:
    """Say how large a face must be at a gate, in pixels of its frames; None: as the pack has it.

    Raises:
        Unusable: ``decision_policy_wrong``.
        NotFound: ``gate_unknown`` on this project.
    """
    if face_px_min is not None and not _within(face_px_min, *FACE_PX_RANGE):
        raise Unusable("decision_policy_wrong", field="face_px_min", range=" – ".join(map(str, FACE_PX_RANGE)))
    decisions.set_face_px_min(db, project_id, gate_id, face_px_min)
    accounts.journal(
        db, at=now, actor=by, action="gate.face_px_min", project_id=project_id, object=f"gate:{gate_id}",
        facts={"face_px_min": face_px_min},
    )  # fmt: skip


@dataclass(slots=True)
class GateScores:
    """What one gate answered to faces within a time. Counts only: nobody's name is in it."""

    gate_id: int
    gate: str
    frames: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    similarity: list[int] = field(default_factory=lambda: [0] * BINS)
    """Frames by similarity to the best match, ``BINS`` steps from 0 to 1; those below 0 in the first."""
    liveness: list[int] = field(default_factory=lambda: [0] * BINS)
    """Frames by liveness score."""
    liveness_states: Counter[str] = field(default_factory=Counter)
    liveness_models: Counter[str] = field(default_factory=Counter)
    """Scores of two models are not comparable."""
    repeated_pictures: int = 0
    """Recorded as a picture seen before, whether it was refused for that or not."""


def scores(db: Session, project_id: int, from_at: datetime, to_at: datetime) -> list[GateScores]:
    """Return the decisions about faces of every gate of a project in [from_at, to_at).

    Raises:
        NotFound: ``project_unknown``.
        Unusable: ``scores_range_wrong``: not at least a moment and at most ``SCORES_DAYS_MAX`` days.
    """
    people.project(db, project_id)
    if not timedelta(0) < to_at - from_at <= timedelta(days=SCORES_DAYS_MAX):
        raise Unusable("scores_range_wrong", days=SCORES_DAYS_MAX)
    by_gate = {gate.id: GateScores(gate.id, gate.name) for gate in gates.gates(db, project_id)}
    for one in decisions.measured(db, project_id, from_at, to_at, BINS):
        found = by_gate[one.gate_id]
        found.frames += one.count
        found.codes[one.code] += one.count
        if one.similarity is not None:
            found.similarity[_bin(one.similarity)] += one.count
        if one.liveness is not None:
            found.liveness[_bin(one.liveness)] += one.count
        if one.liveness_state is not None:
            found.liveness_states[one.liveness_state] += one.count
            found.liveness_models[one.liveness_model or "none"] += one.count
        if one.repeated:
            found.repeated_pictures += one.count
    return list(by_gate.values())


def _bin(step: int) -> int:
    return min(BINS - 1, max(0, step))


def check_liveness(settings: Settings, enforcing: Sequence[int], *, ready: bool) -> None:
    """Refuse to start when liveness is to be enforced and there is no model.

    Args:
        enforcing: projects that enforce it by their own word.

    Raises:
        LivenessNotReady: in words for whoever starts the service.
    """
    if ready or (settings.liveness != ENFORCE and not enforcing):
        return
    whose = "MUSTER_LIVENESS is enforce" if settings.liveness == ENFORCE else f"project {enforcing[0]} enforces liveness"
    raise LivenessNotReady(
        f"{whose}, but there is no liveness model: add one with `muster liveness add`, or switch liveness to observe or off. "
        "The service does not start rather than admit pictures of faces. "
        "（要求活体检测但没有可用模型：请用 muster liveness add 添加，或改为 observe / off；服务拒绝启动。）"
    )


SEARCH_SHARE_MIN = 0.2
"""A region narrower than this cuts the face of whoever stands in it."""
SEARCH_SIDE_RANGE = (128, 1280)


def set_search(
    db: Session, *, project_id: int, gate_id: int, region: list[float] | None, side: int | None, now: datetime, by: str
) -> None:
    """Say where in its frames a gate looks for faces, and how finely.

    Args:
        region: left, top, right, bottom as shares of the frame, 0..1; None: everywhere. Who stands outside is not
            seen, neither to pass nor to be in the way.
        side: pixels of the longer side in which faces are looked for: half the side costs a quarter and finds faces
            from twice the size on. None: as the pack does.

    Raises:
        Unusable: ``decision_policy_wrong``.
        NotFound: ``gate_unknown`` on this project.
    """
    if region is not None:
        edges = len(region) == 4 and all(_within(edge, 0.0, 1.0) for edge in region)
        if not edges or region[2] - region[0] < SEARCH_SHARE_MIN or region[3] - region[1] < SEARCH_SHARE_MIN:
            raise Unusable("decision_policy_wrong", field="search_region", range=f"0 – 1, ≥ {SEARCH_SHARE_MIN}")
    if side is not None and not _within(side, *SEARCH_SIDE_RANGE):
        raise Unusable("decision_policy_wrong", field="search_side", range=" – ".join(map(str, SEARCH_SIDE_RANGE)))
    decisions.set_search(db, project_id, gate_id, region, side)
    accounts.journal(
        db, at=now, actor=by, action="gate.search", project_id=project_id, object=f"gate:{gate_id}",
        facts={"region": region, "side": side},
    )  # fmt: skip
