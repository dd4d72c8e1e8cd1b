"""The settings of a project: which models recognise and how badly, how strictly the gates decide, whether a person confirms."""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from app import deciding, gate, papers
from app.errors import BadRequest, ServiceError
from app.pages import lines
from app.pages.page import Act, Again, Ask, Page, shown
from app.pages.words import marked
from app.store import decisions, people


@dataclass(frozen=True)
class ThresholdLine:
    """What a match must reach on a roster of a size."""

    roster_max: int
    similarity_min: float
    margin_min: float
    once_in: int | None
    """One comparison of two different people in so many may reach it; None when the pack states no rates."""
    current: bool


@dataclass(frozen=True)
class LicenceLine:
    """Under what a file of the pack is used."""

    file: str
    name: str


@dataclass(frozen=True)
class PackLine:
    """The active pack."""

    pack_id: str
    version: str
    name: str
    contract_id: str
    calibrated: bool
    confirmation_advised: bool
    photographs_min: int
    photographs_advised: int
    face_px_min: int
    enrolled: int
    thresholds: tuple[ThresholdLine, ...]
    weaknesses: tuple[str, ...]
    licences: tuple[LicenceLine, ...]


@dataclass(frozen=True)
class DecidingLine:
    """How strictly the gates decide, in force, and what of it the project said itself."""

    rules: gate.Rules
    said: decisions.PolicyRow
    liveness_model: str | None


@dataclass(frozen=True)
class SettingsContext:
    """What the settings page shows."""

    project_id: int = shown("The project, for links")
    pack: PackLine | None = shown("The active pack with its weaknesses and thresholds; None when none is loaded")
    confirm_face: bool = shown("A person confirms each face passage while a weak pack is active")
    confirming: bool = shown("The switch has an effect now: it is on and the active pack is weak")
    may_confirm_switch: bool = shown("The reader may turn the switch")
    deciding: DecidingLine = shown("How strictly the gates decide")
    refused: str = shown("Why what was just asked for was refused; empty else")
    area_code: str = shown("Where the project lies, as it is or as it was just typed")
    area_refused: str = shown("Why another area code was refused; empty else")
    may_place: bool = shown("The reader may put right where the project lies")


def gather(ask: Ask) -> SettingsContext:
    """Pack, switch, and how the gates decide."""
    return _page(ask)


def _page(ask: Ask, refused: str = "", *, area_code: str = "", area_refused: str = "") -> SettingsContext:
    pack, house = _pack(ask), ask.state.house
    rules, said = deciding.policy(ask.db, house.settings, ask.project.id)
    return SettingsContext(
        project_id=ask.project.id,
        pack=pack,
        confirm_face=ask.project.confirm_face,
        confirming=ask.project.confirm_face and pack is not None and pack.confirmation_advised,
        may_confirm_switch=ask.may("devices.write"),
        deciding=DecidingLine(rules, said, house.liveness.model_id if house.liveness else None),
        refused=refused,
        area_code=area_code or ask.project.area_code,
        area_refused=area_refused,
        may_place=ask.may("project.place"),
    )


def _pack(ask: Ask) -> PackLine | None:
    pack: Any = getattr(ask.state.engine, "pack", None)
    if pack is None:
        return None
    templates = [worker_id for worker_id, _ in people.templates(ask.db, ask.project.id, pack.contract_id)]
    rules = gate.rules_of(ask.state.settings, decisions.policy(ask.db, ask.project.id))
    zh = ask.language == "zh"
    return PackLine(
        pack_id=pack.pack_id,
        version=pack.version,
        name=pack.name_zh if zh else pack.name_en,
        contract_id=pack.contract_id,
        calibrated=pack.calibrated,
        confirmation_advised=pack.needs_confirmation_advised,
        photographs_min=pack.enrolment_photographs_min,
        photographs_advised=pack.enrolment_photographs_advised,
        face_px_min=pack.face_px_min,
        enrolled=len(set(templates)),
        thresholds=_thresholds(pack, len(templates), rules.stranger_max),
        weaknesses=tuple(w.zh if zh else w.en for w in pack.weaknesses),
        licences=tuple(LicenceLine(file, licence) for file, licence in pack.licences),
    )


SIZES = (100, 200, 1000, 2000, 5000)
"""Rosters whose limits are shown beside this project's."""


def _thresholds(pack: Any, templates: int, stranger_max: float) -> tuple[ThresholdLine, ...]:
    """What is in force: on this project as it is now, then by size of the roster."""
    lines = []
    for size in (templates, *SIZES):
        found = gate.limits(pack, size, stranger_max)
        once_in = None if found.far_max is None else round(1 / found.far_max)
        lines.append(ThresholdLine(size, found.similarity_min, found.margin_min, once_in, not lines))
    return tuple(lines)


def confirm_face(ask: Ask, values: FormData) -> str:
    """Turn the switch; who did it is in the journal."""
    on = lines.form(values, "confirm_face") == "yes"
    papers.set_confirm_face(ask.db, project_id=ask.project.id, confirm_face=on, now=ask.now, by=ask.person.login)
    return f"/projects/{ask.project.id}/settings?done={'confirming' if on else 'not_confirming'}"


def decide(ask: Ask, values: FormData) -> str | Again:
    """Say how strictly the gates decide; what is left empty is the service's."""
    try:
        with ask.db.begin_nested():
            house = ask.state.house
            deciding.set_policy(
                ask.db, house.settings, project_id=ask.project.id, said=_said(values), liveness_ready=house.liveness is not None,
                now=ask.now, by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, _page(ask, ask.why(error)), error.status)
    return f"/projects/{ask.project.id}/settings?done=deciding_kept"


def place(ask: Ask, values: FormData) -> str | Again:
    """Put right where the project lies: which county reads it."""
    typed = lines.form(values, "area_code").strip()
    try:
        with ask.db.begin_nested():
            papers.correct_area(ask.db, project_id=ask.project.id, area_code=typed, now=ask.now, by=ask.person.login)
    except ServiceError as error:
        return Again(PAGE, _page(ask, area_code=typed[:12], area_refused=ask.why(error)), error.status)
    return f"/projects/{ask.project.id}/settings?done=area_kept"


def _said(values: FormData) -> decisions.PolicyRow:
    votes, percent = lines.form(values, "votes_min"), lines.form(values, "stranger_percent")
    seconds = lines.form(values, "track_seconds")
    try:
        return decisions.PolicyRow(
            stranger_max=float(percent) / 100 if percent else None,
            votes_min=int(votes) if votes else None,
            track_seconds=float(seconds) if seconds else None,
            liveness=lines.form(values, "liveness") or None,
            replay=lines.form(values, "replay") or None,
        )
    except ValueError:
        raise BadRequest("request_malformed", field="votes_min") from None


PAGE = Page(
    "/projects/{project_id:int}/settings",
    marked("设置"),
    "settings.html",
    "project.read",
    SettingsContext,
    gather,
    marked("设置"),
)
CONFIRM_FACE = Act("/projects/{project_id:int}/settings/confirm-face", "devices.write", confirm_face)
PLACE = Act("/projects/{project_id:int}/settings/area", "project.place", place)
DECIDE = Act("/projects/{project_id:int}/settings/deciding", "devices.write", decide)
