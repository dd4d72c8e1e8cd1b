"""The guard's desk: who passes now, what asks for a person, strangers, and who is let in by hand."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi import Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import Response

from app import access, letting, review
from app import gate as gate_case
from app.db import Tx
from app.domain import workdays
from app.domain.facts import Direction, Verdict
from app.errors import NotFound
from app.pages import lines, page
from app.pages.kinds import Kind
from app.pages.lines import AskCard, PassageLine
from app.pages.page import Act, Again, Ask, Page, shown
from app.pages.words import marked, tr
from app.store import faces, gates, people
from app.store.gates import PassageRecord
from app.store.money import midnight
from app.store.people import ProjectInfo

ROWS = 50
PARTS = "parts/gate.html"
STRANGERS_MAX = 12
STRANGER_HOURS = 24
HAND_MAX = 30
PHOTO_FRESH = timedelta(minutes=10)
"""A photograph is shown beside a passage as long as its worker may still stand there."""


@dataclass(frozen=True)
class StrangerLine:
    """Refused faces of one stay before a gate."""

    anchor: int
    """Number of its first passage."""
    at: datetime
    gate: str
    direction: str
    frames: int
    code: str
    picture: str
    """Kind of what is kept of it; empty when nothing is."""
    url: str
    """Where the picture is looked at; empty when there is none or the reader may not."""


@dataclass(frozen=True)
class HandLine:
    """Somebody who was let in or out by hand."""

    at: datetime
    name: str
    team: str
    gate: str
    direction: str
    channel: str
    reason: str
    note: str
    by: str
    state: str
    awaits: str
    """Whose word the correction waits for, as ``timekeeping.Awaited.who``; empty when it was decided."""


@dataclass(frozen=True)
class GateChoice:
    """A lane to choose."""

    id: int
    name: str
    direction: str
    chosen: bool


@dataclass(frozen=True)
class Found:
    """Whose card or code was typed, and what the guard may do about it."""

    name: str
    team: str
    may: bool
    code: str
    inside: bool
    photo: str
    """His enrolment photograph as a data address; empty when it is not shown."""
    photo_why: str
    """Why it is not shown; empty when it is."""
    gate_id: int
    gate: str
    direction: str
    """The way he is going."""
    both: bool
    """The lane goes both ways."""
    channel: str
    value: str
    reasons: tuple[str, ...]
    done: bool
    """He was let in or out."""
    words: tuple[str, ...] = ()
    """Whose words the correction needs before it counts, in their order, as ``timekeeping.Awaited.who``."""


@dataclass(frozen=True)
class GateContext:
    """What the guard's desk shows when it opens; the stream goes on from there."""

    project_id: int = shown("The project, for links")
    last_seq: int = shown("Number of the last passage shown; the stream begins after it")
    rows_max: int = shown("How many passages the table begins with")
    lines: tuple[PassageLine, ...] = shown("The last passages, newest first; the first one is the large panel")
    advice: str = shown("What the guard does about the newest passage; empty when it was admitted")
    photo_url: str = shown("The enrolment photograph of who passed last; empty when it is not shown")
    photo_why: str = shown("Why no photograph stands beside the newest passage; empty when one does")
    cards: tuple[AskCard, ...] = shown("Passages that wait for a person, oldest first")
    confirming: bool = shown("The project asks a person about each face while this pack is active")
    strangers: tuple[StrangerLine, ...] = shown("Refused faces of the last day whose owner was not let in afterwards, newest first")
    pictures_kept: str = shown("What the project keeps of refused faces; word of review.PICTURES")
    hand: tuple[HandLine, ...] = shown("Who was let in or out by hand today, newest first")
    gates: tuple[GateChoice, ...] = shown("The lanes somebody can be let through by hand")
    channels: tuple[str, ...] = shown("What somebody proves himself by at the desk")
    channel: str = shown("The one that is chosen")
    may_let: bool = shown("The reader may let somebody in by hand")
    may_screens: bool = shown("The reader sets up screens")
    found: Found | None = shown("Whose card or code was typed last; None when nothing was")


# --- pieces the stream sends as well ---------------------------------------------------------------------------


def kind_of(person: access.Person, project: ProjectInfo, language: str) -> Kind:
    """What this reader's desk is told."""
    of = (project.id, project.area_code)
    return Kind(
        "desk", project.id, language, view=access.view_of(person, project), links=access.may(person, "papers.read", *of),
        confirm=access.may(person, "gate.confirm", *of), pictures=access.may(person, "faces.review", *of),
    )  # fmt: skip


def _reader(db: Session, kind: Kind, now: datetime, *, whole: bool) -> lines.Reader:
    policy = page.policy_of(people.project(db, kind.project_id))
    return lines.Reader(
        db, kind.project_id, policy, today=workdays.work_date(now, policy), view=kind.view, links=kind.links,
        language=kind.language, whole=whole,
    )  # fmt: skip


def events(db: Session, kind: Kind, records: Iterable[PassageRecord], now: datetime) -> list[tuple[int, dict]]:
    """(number, row and panel) of passages."""
    reads = _reader(db, kind, now, whole=False)
    told = []
    for record in records:
        line = reads.line(record)
        photo, why = _photo(db, kind, record, now)
        panel = page.piece(kind.language, PARTS, "panel", line, lines.advice(line.code, kind.language), photo, why)
        told.append((record.seq, {"seq": record.seq, "row": page.piece(kind.language, PARTS, "row", line), "panel": panel}))
    return told


def parts(db: Session, kind: Kind, wanted: Sequence[str], now: datetime) -> list[tuple[str, str]]:
    """(name, HTML) of what has no number: ``asks``, ``hand``, ``strangers``."""
    told = []
    for name in wanted:
        if name == "asks":
            told.append((name, page.piece(kind.language, PARTS, "ask_cards", _cards(db, kind, now))))
        elif name == "hand":
            told.append((name, page.piece(kind.language, PARTS, "hand_list", _hand(db, kind, now))))
        else:
            told.append((name, page.piece(kind.language, PARTS, "stranger_list", _strangers(db, kind, now), kind.pictures)))
    return told


def hand_state(db: Session, project_id: int, now: datetime) -> tuple:
    """What changes when somebody is let in by hand, or something is said about that."""
    return tuple((one.fact.id, one.state) for one in letting.recent(db, project_id, _since(db, project_id, now)))


def stranger_state(db: Session, project_id: int, now: datetime) -> tuple:
    """What changes when a stranger comes, is let in after all or is decided about, and with what is kept of him."""
    return tuple((one.appearance.first.id, len(one.appearance.passages), one.picture) for one in _queue(db, project_id, now))


def _queue(db: Session, project_id: int, now: datetime) -> list[review.Waiting]:
    return review.queue(db, project_id, now=now, days=STRANGER_HOURS // 24)[:STRANGERS_MAX]


def _since(db: Session, project_id: int, now: datetime) -> datetime:
    project = people.project(db, project_id)
    return midnight(workdays.work_date(now, page.policy_of(project)), project.time_zone)


def _photo(db: Session, kind: Kind, record: PassageRecord, now: datetime) -> tuple[str, str]:
    """(address of the enrolment photograph, why there is none); neither of a passage that is past, unless he is waited for."""
    past = now - record.received_at > PHOTO_FRESH and not _waits(record)
    if record.worker_id is None or past or not kind.confirm:
        return "", ""
    if review.shows_photograph(db, kind.project_id, record.worker_id, review.TO_THE_GUARD):
        return f"/projects/{kind.project_id}/passages/{record.id}/photo", ""
    return "", _why(db, kind.project_id, kind.language)


NO_PHOTO = {
    "off": marked("项目没有开启通行时显示登记照片，请对照证件核对本人。"),
    "none": marked("本人没有同意保留并显示照片，请对照证件核对本人。"),
}


def _why(db: Session, project_id: int, language: str) -> str:
    why = "off" if faces.policy(db, project_id).gate_photos == "off" else "none"
    said = NO_PHOTO[why]
    return tr(language, said)


def _cards(db: Session, kind: Kind, now: datetime) -> tuple[AskCard, ...]:
    records = gates.asking(db, kind.project_id)
    cards = _reader(db, kind, now, whole=len(records) > 5).cards(records, kind.confirm)
    return tuple(
        AskCard(card.line, card.url, *_photo(db, kind, record, now)) for card, record in zip(cards, records, strict=True)
    )


def _strangers(db: Session, kind: Kind, now: datetime) -> tuple[StrangerLine, ...]:
    policy = page.policy_of(people.project(db, kind.project_id))
    names = {g.id: g for g in gates.gates(db, kind.project_id)}
    found = []
    for one in _queue(db, kind.project_id, now):
        lane = names.get(one.appearance.first.gate_id)
        kept = one.picture
        url = f"/projects/{kind.project_id}/review?picture={kept.passage_id}#w-{one.appearance.first.id}" if kept and kind.pictures else ""
        found.append(
            StrangerLine(
                one.appearance.first.id, workdays.local(one.appearance.last.at, policy), lane.name if lane else "—",
                str(lane.direction) if lane else "both", len(one.appearance.passages), one.appearance.best.code,
                kept.kind if kept else "", url,
            )
        )  # fmt: skip
    return tuple(found)


def _hand(db: Session, kind: Kind, now: datetime) -> tuple[HandLine, ...]:
    policy = page.policy_of(people.project(db, kind.project_id))
    names = {g.id: g.name for g in gates.gates(db, kind.project_id)}
    reads = _reader(db, kind, now, whole=False)
    found = letting.recent(db, kind.project_id, _since(db, kind.project_id, now))[:HAND_MAX]
    awaited = letting.awaited(db, kind.project_id, found)
    return tuple(
        HandLine(
            workdays.local(one.fact.at, policy), *reads.name(one.fact.worker_id), names.get(one.fact.gate_id, "—"),
            str(one.fact.direction), str(one.fact.channel), one.fact.reason, one.fact.note, one.fact.let_by, one.state,
            awaited.get(one.fact.correction_id, ""),
        )
        for one in found
    )  # fmt: skip


# --- the page --------------------------------------------------------------------------------------------------


def gather(ask: Ask, found: Found | None = None) -> GateContext:
    """The last passages, what asks, strangers, and the form to let somebody in."""
    kind = kind_of(ask.person, ask.project, ask.language)
    last = gates.last_seq(ask.db, ask.project.id)
    records = lines.latest(ask.db, ask.project.id, ROWS)
    shown_lines = _reader(ask.db, kind, ask.now, whole=True).lines(records)
    photo, why = _photo(ask.db, kind, records[0], ask.now) if records else ("", "")
    pack = getattr(ask.state.engine, "pack", None)
    return GateContext(
        project_id=ask.project.id,
        last_seq=last,
        rows_max=ROWS,
        lines=shown_lines,
        advice=lines.advice(shown_lines[0].code, ask.language) if shown_lines else "",
        photo_url=photo,
        photo_why=why,
        cards=_cards(ask.db, kind, ask.now),
        confirming=ask.project.confirm_face and bool(pack and pack.needs_confirmation_advised),
        strangers=_strangers(ask.db, kind, ask.now),
        pictures_kept=faces.policy(ask.db, ask.project.id).review_pictures,
        hand=_hand(ask.db, kind, ask.now),
        gates=tuple(
            GateChoice(g.id, g.name, str(g.direction), found is not None and g.id == found.gate_id)
            for g in gates.gates(ask.db, ask.project.id)
        ),
        channels=tuple(str(channel) for channel in letting.CHANNELS),
        channel=found.channel if found else str(letting.CHANNELS[0]),
        may_let=ask.may("gate.let"),
        may_screens=ask.may("screens.write"),
        found=found,
    )


def confirm(ask: Ask, values: FormData) -> str | Response:
    """A person says whether it was him. Answers htmx with the cards that are left, anybody else with the page."""
    gate_case.confirm(
        ask.db,
        project_id=ask.project.id,
        passage_id=ask.id("passage_id"),
        confirmed=lines.form(values, "confirmed") == "yes",
        by=ask.person.login,
        now=ask.now,
    )
    if ask.request.headers.get("hx-request") != "true":
        return f"/projects/{ask.project.id}/gate"
    kind = kind_of(ask.person, ask.project, ask.language)
    return page.html(page.piece(ask.language, PARTS, "ask_cards", _cards(ask.db, kind, ask.now)))


def look(ask: Ask, values: FormData) -> Response | Again:
    """Whose card, code or identity card this is. Who looked up whom is in the journal."""
    lane = _lane(ask, values)
    channel, value = lines.form(values, "channel"), lines.form(values, "value")
    seen = letting.look(ask.db, ask.state.vault, project_id=ask.project.id, channel=channel, value=value, now=ask.now)
    letting.note_look(ask.db, ask.project.id, seen, channel=channel, by=ask.person.login, now=ask.now)
    return _answered(ask, _found(ask, seen, lane, channel, value))


def let(ask: Ask, values: FormData) -> Response | Again:
    """He passes by hand, or the page says why he may not."""
    lane = _lane(ask, values)
    channel, value = lines.form(values, "channel"), lines.form(values, "value")
    done = letting.let(
        ask.db, ask.state.vault, project_id=ask.project.id, gate_id=lane.id, channel=channel, value=value,
        direction=lines.form(values, "direction"), reason=lines.form(values, "reason"), note=lines.form(values, "note"),
        by=ask.person.login, now=ask.now,
    )  # fmt: skip
    if isinstance(done, letting.Shown):
        return _answered(ask, _found(ask, done, lane, channel, value))
    seen = letting.Shown(done.worker_id, "admitted", done.direction is Direction.OUT)
    words = letting.words_to_come(ask.db, ask.project.id, done)
    return _answered(ask, replace(_found(ask, seen, lane, channel, "", direction=str(done.direction), done=True), words=words))


def _lane(ask: Ask, values: FormData) -> gates.GateInfo:
    wanted = lines.form(values, "gate_id")
    for lane in gates.gates(ask.db, ask.project.id):
        if str(lane.id) == wanted:
            return lane
    raise NotFound("gate_unknown")


def _found(
    ask: Ask, seen: letting.Shown, lane: gates.GateInfo, channel: str, value: str, *, direction: str | None = None, done: bool = False
) -> Found:
    kind = kind_of(ask.person, ask.project, ask.language)
    name, team = _reader(ask.db, kind, ask.now, whole=False).name(seen.worker_id)
    photo = why = ""
    if seen.worker_id is not None and seen.may and not done:
        if review.shows_photograph(ask.db, ask.project.id, seen.worker_id, review.TO_THE_GUARD):
            opened = review.photograph(
                ask.db, ask.state.vault, project_id=ask.project.id, worker_id=seen.worker_id, where=review.TO_THE_GUARD,
                by=ask.person.login, now=ask.now,
            )
            photo = "data:image/jpeg;base64," + base64.b64encode(opened).decode()
        else:
            why = _why(ask.db, ask.project.id, ask.language)
    way = str(lane.direction) if lane.direction is not Direction.BOTH else ("out" if seen.inside else "in")
    return Found(
        name=name, team=team, may=seen.may, code=seen.code, inside=seen.inside, photo=photo, photo_why=why, gate_id=lane.id,
        gate=lane.name, direction=direction or way, both=lane.direction is Direction.BOTH, channel=channel, value=value,
        reasons=letting.REASONS, done=done,
    )  # fmt: skip


def _answered(ask: Ask, found: Found) -> Response | Again:
    if ask.request.headers.get("hx-request") == "true":
        return page.html(page.piece(ask.language, PARTS, "found_card", ask.project.id, found))
    return Again(PAGE, gather(ask, found), 200)


def photo(request: Request, db: Tx) -> Response:
    """``GET /projects/{id}/passages/{passage_id}/photo``: the enrolment photograph of who passes, while he may stand there.

    For whoever reviews refused faces also that of the worker a kept picture is most like.
    """
    now = page.now_of(request)
    person = access.person_of_request(request, db, now)
    project_id, passage_id = (min(int(request.path_params[name]), page.ID_MAX) for name in ("project_id", "passage_id"))
    project = access.require_on(db, person, "gate.confirm", project_id)
    record = gates.passage(db, project.id, passage_id)
    worker_id = record.worker_id if now - record.received_at <= PHOTO_FRESH or _waits(record) else None
    if worker_id is None and access.may(person, "faces.review", project.id, project.area_code):
        worker_id = review.candidate(db, project.id, passage_id, now)
    if worker_id is None:
        raise NotFound("picture_gone")
    opened = review.photograph(
        db, request.app.state.vault, project_id=project.id, worker_id=worker_id, where=review.TO_THE_GUARD, by=person.login, now=now
    )
    return Response(opened, media_type="image/jpeg", headers=page.HEADERS)


def _waits(record: PassageRecord) -> bool:
    return record.verdict is Verdict.ASK and record.confirmed is None


PAGE = Page(
    "/projects/{project_id:int}/gate", marked("门卫台"), "gate.html", "gate.watch", GateContext, gather, marked("门卫台")
)
REVIEW = Act("/projects/{project_id:int}/passages/{passage_id:int}/review", "gate.confirm", confirm)
LOOK = Act("/projects/{project_id:int}/gate/look", "gate.let", look)
LET = Act("/projects/{project_id:int}/gate/let", "gate.let", let)
ACTS = (REVIEW, LOOK, LET)
