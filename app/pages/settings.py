"""The settings of a project: which models recognise and how badly, whether a person confirms, and the devices."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import FormData

from app import gate, papers
from app.domain import workdays
from app.pages import lines
from app.pages.page import Act, Ask, Page, shown
from app.pages.words import marked
from app.store import cameras, decisions, gates, people

SILENT_HOURS = 12
"""Longer than a night with the gates switched off would be said too early every morning."""


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
class DeviceLine:
    """A device and when it was last heard."""

    id: str
    name: str
    gate: str
    direction: str
    last_seen_at: datetime | None
    silent: bool
    disabled: bool
    camera: str | None
    """State of a camera that is pulled; None for a device that pushes."""
    camera_code: str | None
    """Why it is not live."""
    address: str | None
    """Where it is pulled from: scheme, host and port."""


@dataclass(frozen=True)
class SettingsContext:
    """What the settings page shows."""

    project_id: int = shown("The project, for links")
    pack: PackLine | None = shown("The active pack with its weaknesses and thresholds; None when none is loaded")
    confirm_face: bool = shown("A person confirms each face passage while a weak pack is active")
    confirming: bool = shown("The switch has an effect now: it is on and the active pack is weak")
    may_confirm_switch: bool = shown("The reader may turn the switch")
    devices: tuple[DeviceLine, ...] = shown("Every device of the project")
    silent_hours: int = shown("After how many hours a device counts as silent")


def gather(ask: Ask) -> SettingsContext:
    """Pack, switch and devices."""
    pack = _pack(ask)
    pulled, statuses = {c.device_id: c for c in cameras.cameras(ask.db, ask.project.id)}, ask.state.lookouts.statuses()
    return SettingsContext(
        project_id=ask.project.id,
        pack=pack,
        confirm_face=ask.project.confirm_face,
        confirming=ask.project.confirm_face and pack is not None and pack.confirmation_advised,
        may_confirm_switch=ask.may("devices.write"),
        devices=tuple(
            DeviceLine(
                id=d.id,
                name=d.name,
                gate=d.gate_name,
                direction=str(d.direction),
                last_seen_at=workdays.local(d.last_seen_at, ask.policy) if d.last_seen_at else None,
                silent=d.last_seen_at is not None and ask.now - d.last_seen_at > timedelta(hours=SILENT_HOURS),
                disabled=d.disabled_at is not None,
                camera=getattr(statuses.get(d.id), "state", "connecting") if d.id in pulled else None,
                camera_code=getattr(statuses.get(d.id), "code", None),
                address=pulled[d.id].shown if d.id in pulled else None,
            )
            for d in gates.devices(ask.db, ask.project.id)
        ),
        silent_hours=SILENT_HOURS,
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
