"""Gates and what stands at them (通道与设备): heard or not, how far the clock is off, what is missing, how it recognises; and
what is done about it: a gate, a device or a camera added, a key changed, one retired or switched on again.

A key is shown once, in the answer to the form that made it; the address of a camera goes in whole and never comes out.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.datastructures import FormData

from app import cameras, deciding, papers
from app.domain import workdays
from app.domain.facts import Direction
from app.pages import filled, lines
from app.pages.page import Act, Again, Ask, Page, or_again, shown
from app.pages.words import marked
from app.store import cameras as camera_store
from app.store import gates, health

SILENT_HOURS = 12
"""Longer than a night with the gates switched off would be said too early every morning."""
LOOK_BACK = timedelta(days=1)
"""What the figures are of; a day of a large site is read within the tenth of a second."""
CLOCK_GOOD = timedelta(seconds=5)
CODES_SHOWN = 4


@dataclass(frozen=True)
class KeyOnce:
    """A key that was just made."""

    device_id: str
    key_hex: str
    rotated: bool
    service: str = ""
    """Where the device posts to."""


@dataclass(frozen=True)
class CameraLine:
    """A camera that is pulled, as it is now."""

    state: str
    code: str | None
    """Why it is not live."""
    picture_age_s: float | None
    address: str
    frames_per_second: float
    late: int
    connections: int


@dataclass(frozen=True)
class DeviceLine:
    """A device and how it is."""

    id: str
    name: str
    last_seen_at: datetime | None
    state: str
    """off, never, silent, heard, or camera."""
    clock: str
    clock_wrong: bool
    stored: int | None
    complete_to: datetime | None
    missing: int | None
    """None where nobody can know."""
    passages: int
    key_waits: bool
    """It has a new key and has not used it yet."""
    camera: CameraLine | None


@dataclass(frozen=True)
class GateLine:
    """A gate with its devices, and how it recognised of late."""

    id: int
    name: str
    direction: str
    devices: tuple[DeviceLine, ...]
    frames: int
    codes: tuple[tuple[str, int, int], ...]
    """(code, how many, percent) of what it answered to faces, the most frequent first."""
    similarity: tuple[int, ...]
    """Heights in percent, twenty steps of similarity from 0 to 1."""
    liveness: tuple[int, ...]
    """Likewise of liveness scores; empty when there are none."""
    repeated: int


@dataclass(frozen=True)
class DevicesContext:
    """What the page of the gates and devices shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just asked for was refused; empty else")
    key: KeyOnce | None = shown("A key that was just made, this once; None else")
    gates: tuple[GateLine, ...] = shown("Every gate with its devices")
    may_write: bool = shown("The reader may add, change and retire")
    may_scores: bool = shown("The reader may read how the gates recognise")
    camera_hosts: str = shown("Where cameras may be, by the settings of the service; empty: nowhere")
    silent_hours: int = shown("After how many hours a device counts as silent")
    directions: tuple[str, ...] = shown("Ways a gate can lead")
    no_way: str = shown("The way no gate leads: out or in; empty when both ways are there, or no gate at all")
    bare_gate: int = shown("The first gate without a device, which a new one is most likely for; 0: there is none")


def gather(ask: Ask) -> DevicesContext:
    """Gates, devices and cameras as they are now."""
    return _page(ask)


def _page(ask: Ask, refused: str = "", key: KeyOnce | None = None) -> DevicesContext:
    db, project_id, since = ask.db, ask.project.id, ask.now - LOOK_BACK
    of_gate: dict[int, list[DeviceLine]] = {}
    how, statuses = health.of_devices(db, project_id, since), ask.state.lookouts.statuses()
    pulled = {c.device_id: c for c in camera_store.cameras(db, project_id)}
    for device in gates.devices(db, project_id):
        of_gate.setdefault(device.gate_id, []).append(_device(ask, device, how[device.id], pulled.get(device.id), statuses.get(device.id)))
    may_scores = ask.may("decisions.read")
    scores = {s.gate_id: s for s in deciding.scores(db, project_id, since, ask.now)} if may_scores else {}
    return DevicesContext(
        project_id=project_id,
        refused=refused,
        key=replace(key, service=(ask.state.settings.public_url or str(ask.request.base_url)).rstrip("/")) if key else None,
        gates=tuple(_gate(gate, tuple(of_gate.get(gate.id, ())), scores.get(gate.id)) for gate in gates.gates(db, project_id)),
        may_write=ask.may("devices.write"),
        may_scores=may_scores,
        camera_hosts=ask.state.settings.camera_hosts,
        silent_hours=SILENT_HOURS,
        directions=("in", "out", "both"),
        no_way=no_way(gates.gates(db, project_id)),
        bare_gate=next((gate.id for gate in gates.gates(db, project_id) if gate.id not in of_gate), 0),
    )


def no_way(found: Collection[gates.GateInfo]) -> str:
    """The way that none of some gates leads: without an exit every day stays undecided, without an entrance nobody comes."""
    ways = {way for gate in found for way in ((Direction.IN, Direction.OUT) if gate.direction is Direction.BOTH else (gate.direction,))}
    return next((str(way) for way in (Direction.OUT, Direction.IN) if found and way not in ways), "")


def _gate(gate: gates.GateInfo, devices: tuple[DeviceLine, ...], found: deciding.GateScores | None) -> GateLine:
    frames = found.frames if found else 0
    codes = found.codes.most_common(CODES_SHOWN) if found else []
    return GateLine(
        gate.id, gate.name, str(gate.direction), devices, frames, tuple((code, n, round(100 * n / frames)) for code, n in codes),
        _heights(found.similarity) if found else (), _heights(found.liveness) if found else (),
        found.repeated_pictures if found else 0,
    )  # fmt: skip


def _heights(bins: list[int]) -> tuple[int, ...]:
    most = max(bins)
    # A bar of a single frame is still seen beside one of a thousand.
    return tuple(max(3, round(100 * n / most)) if n else 0 for n in bins) if most else ()


def _device(
    ask: Ask, device: gates.DeviceInfo, how: health.DeviceHealth, camera: camera_store.CameraInfo | None, status: object | None
) -> DeviceLine:
    seen = device.last_seen_at
    off, wrong = device.disabled_at is not None, how.clock is not None and abs(how.clock) > CLOCK_GOOD
    state = "heard"
    if off:
        state = "off"
    elif camera is not None:
        state = "camera"
    elif seen is None:
        state = "never"
    elif ask.now - seen > timedelta(hours=SILENT_HOURS):
        state = "silent"
    return DeviceLine(
        id=device.id,
        name=device.name,
        last_seen_at=workdays.local(seen, ask.policy) if seen else None,
        state=state,
        clock=_clock(ask, how.clock),
        clock_wrong=wrong,
        stored=how.stored,
        complete_to=workdays.local(how.complete_to, ask.policy) if how.complete_to else None,
        missing=None if how.missing is None else how.missing.events,
        passages=how.passages,
        key_waits=device.key_previous_sealed is not None and camera is None,
        camera=None
        if camera is None
        else CameraLine(
            getattr(status, "state", "connecting"), getattr(status, "code", None), getattr(status, "picture_age_s", None), camera.shown,
            camera.frames_per_second, getattr(status, "late", 0), getattr(status, "connections", 0),
        ),
    )  # fmt: skip


def _clock(ask: Ask, ahead: timedelta | None) -> str:
    if ahead is None:
        return ""
    seconds = ahead.total_seconds()
    if abs(ahead) <= CLOCK_GOOD:
        return ask.say("准确")
    # What is on the way looks like a clock that is behind: said as the most it can be.
    return ask.say("快 %(s)s 秒", s=round(seconds)) if seconds > 0 else ask.say("最多慢 %(s)s 秒", s=round(-seconds))


# --- acts ----------------------------------------------------------------------------------------------------


def _back(ask: Ask, done: str) -> str:
    return f"/projects/{ask.project.id}/devices?done={done}"


def add_gate(ask: Ask, values: FormData) -> str:
    """A lane people pass through."""
    papers.add_gate(
        ask.db, project_id=ask.project.id, name=lines.form(values, "name"), direction=lines.form(values, "direction"), now=ask.now,
        by=ask.person.login,
    )  # fmt: skip
    return _back(ask, "gate_added")


def change_gate(ask: Ask, values: FormData) -> str:
    """What a gate is called and where it leads, put right."""
    papers.change_gate(
        ask.db, project_id=ask.project.id, gate_id=filled.number(values, "gate_id"), name=lines.form(values, "name"),
        direction=lines.form(values, "direction"), now=ask.now, by=ask.person.login,
    )  # fmt: skip
    return _back(ask, "gate_changed")


def retire_gate(ask: Ask, values: FormData) -> str:
    """A gate nobody passed is taken off the lists."""
    papers.retire_gate(ask.db, project_id=ask.project.id, gate_id=filled.number(values, "gate_id"), now=ask.now, by=ask.person.login)
    return _back(ask, "gate_retired")


def add_device(ask: Ask, values: FormData) -> Again:
    """What posts frames for a gate; its key is in this answer and never again."""
    added = papers.add_device(
        ask.db, ask.state.vault, project_id=ask.project.id, gate_id=filled.number(values, "gate_id"), name=lines.form(values, "name"),
        now=ask.now, by=ask.person.login,
    )  # fmt: skip
    return Again(PAGE, _page(ask, key=KeyOnce(added.device_id, added.key.hex(), False)), 200)


def add_camera(ask: Ask, values: FormData) -> str:
    """A camera that is pulled; the service looks there within seconds."""
    rate = lines.form(values, "frames_per_second")
    cameras.add_camera(
        ask.db, ask.state.vault, ask.state.settings, project_id=ask.project.id, gate_id=filled.number(values, "gate_id"),
        name=lines.form(values, "name"), address=lines.form(values, "address"),
        frames_per_second=float(rate) if rate.isascii() and rate.isdigit() and len(rate) < 4 else 5.0, now=ask.now, by=ask.person.login,
    )  # fmt: skip
    return _back(ask, "camera_added")


def rotate(ask: Ask, values: FormData) -> Again:
    """A new key; the former is accepted until the new one is used."""
    device_id = lines.form(values, "device_id")
    key = papers.rotate_device_key(
        ask.db, ask.state.vault, device_id=device_id, project_id=ask.project.id, now=ask.now, by=ask.person.login
    )
    return Again(PAGE, _page(ask, key=KeyOnce(device_id, key.hex(), True)), 200)


def switch(ask: Ask, values: FormData) -> str:
    """Retire a device or pause a camera, or listen to it again."""
    change = papers.enable_device if lines.form(values, "to") == "on" else papers.disable_device
    change(ask.db, device_id=lines.form(values, "device_id"), project_id=ask.project.id, now=ask.now, by=ask.person.login)
    return _back(ask, "device_switched")


def remove_camera(ask: Ask, values: FormData) -> str:
    """Forget where a camera is; what it recorded stays."""
    cameras.remove_camera(
        ask.db, project_id=ask.project.id, device_id=lines.form(values, "device_id"), now=ask.now, by=ask.person.login
    )
    return _back(ask, "camera_removed")


_HERE = "/projects/{project_id:int}/devices"
PAGE = Page(_HERE, marked("通道与设备"), "devices.html", "project.read", DevicesContext, gather, marked("通道与设备"))
ACTS: tuple[Act, ...] = (
    Act(_HERE + "/gates", "devices.write", or_again(PAGE, _page, add_gate)),
    Act(_HERE + "/gates/change", "devices.write", or_again(PAGE, _page, change_gate)),
    Act(_HERE + "/gates/retire", "devices.write", or_again(PAGE, _page, retire_gate)),
    Act(_HERE + "/new", "devices.write", or_again(PAGE, _page, add_device)),
    Act(_HERE + "/cameras", "devices.write", or_again(PAGE, _page, add_camera)),
    Act(_HERE + "/key", "devices.write", or_again(PAGE, _page, rotate)),
    Act(_HERE + "/switch", "devices.write", or_again(PAGE, _page, switch)),
    Act(_HERE + "/cameras/remove", "devices.write", or_again(PAGE, _page, remove_camera)),
)
