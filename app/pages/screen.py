"""Screens that stand unattended: at a gate the verdict of this moment, on a wall the project's counts. No account is signed in.

    GET  /screen          what this browser's key shows: its gate, the wall, or the place to type a code
    POST /screen          a code of the labour officer's becomes the key of this browser
    GET  /screen/stream   the same, live (``live.of_screen``)
    GET  /screen/photo/N  the enrolment photograph of who passed this gate just now, where his word and the project's rules allow it
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app import review, screens
from app.db import Reading, Tx
from app.domain import workdays
from app.domain.facts import Verdict
from app.domain.identity import View, mask_name
from app.errors import NotFound, ServiceError
from app.pages import lines, page, today
from app.pages.heads import Heads, heads
from app.pages.kinds import Kind
from app.pages.page import shown
from app.pages.shell import shell
from app.pages.words import marked, tr
from app.store import gates, people
from app.store.gates import PassageRecord
from app.wording import sentence

PARTS = "parts/screen.html"
SHOW_SECONDS = 7
"""So long a verdict stands; who has read it has gone."""
FRESH = timedelta(seconds=6)
"""An older passage is no verdict of this moment: it came from a gate's store, or while the line was cut."""
PHOTO_FRESH = timedelta(seconds=60)
WAITS_BESIDE = timedelta(seconds=60)
"""So long a man who was asked to wait stands beside the gate while others pass ..."""
WAITS_BEFORE = timedelta(minutes=10)
"""... and so long before it, when nobody has come after him. Later the word about him is no word to who stands there."""

STEPS: dict[str, tuple[str, str]] = {
    "no_face": ("look", marked("看镜头")),
    "several_faces": ("alone", marked("一个一个来，其他人退后")),
    "too_dark": ("light", marked("走近一些，面向亮处")),
    "face_too_small": ("closer", marked("往前走一步")),
    "face_blurred": ("still", marked("站稳，看镜头一秒")),
    "face_too_dark": ("light", marked("抬高帽檐，面向亮处")),
    "face_too_bright": ("light", marked("侧一步，避开强光")),
    "face_turned": ("hat", marked("安全帽抬高，口罩摘下，看镜头")),
    "face_cut": ("middle", marked("站到正中间")),
    "face_unknown": ("hat", marked("安全帽抬高再看一次；不行就刷卡、扫码、找门卫")),
    "face_ambiguous": ("look", marked("看镜头再来一次，或刷卡、扫码")),
    "look_again": ("look", marked("再看一眼镜头")),
    "face_unreadable": ("look", marked("看镜头再来一次")),
    "replay": ("card", marked("本人看镜头，或刷卡、扫码")),
    "liveness_failed": ("card", marked("本人看镜头，或刷卡、扫码")),
    "liveness_unsure": ("middle", marked("站到正中间，露出整张脸")),
    "not_engaged": ("desk", marked("没有在本项目登记，请找劳资专管员")),
    "engagement_over": ("desk", marked("已办退场，请找劳资专管员")),
    "consent_withdrawn": ("card", marked("请刷卡或扫码")),
    "needs_confirmation": ("guard", marked("门卫正在核对")),
    "show_face": ("look", marked("卡已读到，请看镜头")),
    "face_not_cards": ("guard", marked("脸和卡不是同一人，请找门卫")),
    "credential_unknown": ("guard", marked("卡或码不对，请找门卫")),
}
"""Reason code -> (picture, what the person does now). Read at three metres: few words."""


@dataclass(frozen=True)
class CodeContext:
    """Where a screen's code is typed."""

    wrong: str = shown("Why the code was not taken; empty before one was typed")


@dataclass(frozen=True)
class GateScreenContext:
    """The screen of one gate, before anybody passes."""

    project_name: str = shown("Name of the project")
    gate_name: str = shown("Name of the lane")
    direction: str = shown("Which way it goes")
    time_zone: str = shown("Of the project, for the clock")
    on_site: int = shown("People on site now")
    stream: str = shown("Address of the stream")
    own_hash: str = shown("Of our scripts: with newer ones the screen loads itself anew")
    other_url: str = shown("This screen in the other language")
    show_ms: int = shown("How long a verdict stands, in milliseconds")
    fresh_ms: int = shown("How old a verdict may be when it comes, in milliseconds")


@dataclass(frozen=True)
class WallContext:
    """The wall: counts, and nobody's name."""

    project_name: str = shown("Name of the project")
    now: Heads = shown("Everybody's whereabouts as numbers")
    week: tuple[today.DayPoint, ...] = shown("The last seven days, oldest first")
    stream: str = shown("Address of the stream")
    own_hash: str = shown("Of our scripts: with newer ones the screen loads itself anew")
    other_url: str = shown("This screen in the other language")


# --- what the stream sends ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """One verdict as everybody at the gate may see it."""

    tone: str
    word: str
    name: str
    """Masked; empty unless he passes or is asked about."""
    photo: str
    step: str
    """Key of the picture; empty when there is nothing to do."""
    says: str
    direction: str
    at: datetime


def verdicts(db: Session, kind: Kind, records: Iterable[PassageRecord], now: datetime) -> list[tuple[int, dict]]:
    """(number, verdict) of what has just happened at a screen's gate; what is older is left out.

    A passage somebody has decided about is of the moment he did, as long as who asked may still stand there.
    """
    told = []
    for record in records:
        at = record.decided_at or record.occurred_at
        if record.gate_id != kind.gate_id or now - at > FRESH or _has_gone(db, record):
            continue
        html = page.piece(kind.language, PARTS, "verdict", _shown(db, kind, record))
        told.append((record.seq, {"html": html, "tone": _tone(record), "at_ms": _ms(at), "now_ms": _ms(now)}))
    return told


def _has_gone(db: Session, record: PassageRecord) -> bool:
    waited = record.decided_at - record.received_at if record.decided_at else timedelta(0)
    return waited > WAITS_BEFORE or (waited > WAITS_BESIDE and gates.stood_after(db, record))


def count(_kind: Kind, counted: Heads) -> dict:
    """How many are on site."""
    return {"on_site": counted.on_site}


def _shown(db: Session, kind: Kind, record: PassageRecord) -> Shown:
    policy = page.policy_of(people.project(db, kind.project_id))
    tone = _tone(record)
    name = photo = ""
    if record.worker_id is not None and tone != "refuse":
        name = mask_name(people.worker(db, record.worker_id).name, View.PROJECT)
        if review.shows_photograph(db, kind.project_id, record.worker_id, review.ON_A_SCREEN):
            photo = f"/screen/photo/{record.id}"
    step, says = ("", "") if tone == "admit" else STEPS.get(record.code, ("guard", ""))
    if record.verdict is Verdict.ASK and record.confirmed is False:
        step, says = "guard", marked("门卫没有放行，请找门卫")
    words = {"admit": marked("请通行"), "refuse": marked("未通过"), "ask": marked("请稍候")}
    return Shown(
        tone, tr(kind.language, words[tone]), name, photo, step,
        tr(kind.language, says) if says else ("" if tone == "admit" else sentence(record.code, kind.language)),
        str(record.direction), workdays.local(record.occurred_at, policy),
    )  # fmt: skip


def _tone(record: PassageRecord) -> str:
    if record.verdict is Verdict.ASK and record.confirmed is not None:
        return "admit" if record.confirmed else "refuse"
    return str(record.verdict)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# --- routes -------------------------------------------------------------------------------------------------------


def show(request: Request, db: Reading) -> Response:
    """``GET /screen``."""
    key = request.cookies.get(screens.COOKIE)
    found = screens.screen_of(db, key)
    if found is None:
        return _form(request, "")
    project, lane = screens.place_of(db, found)
    language = page.screen_language(request) or project.language
    frame = shell(request, title=marked("大屏") if lane is None else marked("闸机屏"), language=language)
    other = "en" if language == "zh" else "zh"
    same = {"stream": f"/screen/stream?language={language}", "own_hash": frame.own.rpartition("/")[2], "other_url": f"/screen?language={other}"}
    now = page.now_of(request)
    live = getattr(request.app.state, "live", None)
    counted = live.heads_of(db, project.id) if live is not None else heads(db, project, now)
    if lane is None:
        context = WallContext(project.name, counted, today.week(db, project, now), **same)
        answer = page.render("wall.html", language, frame, context)
    else:
        context = GateScreenContext(
            project.name, lane.name, str(lane.direction), project.time_zone, counted.on_site, show_ms=SHOW_SECONDS * 1000,
            fresh_ms=int(FRESH.total_seconds() * 1000), **same,
        )
        answer = page.render("screen.html", language, frame, context)
    # Browsers forget a cookie after 400 days; a screen that is looked at does not.
    _set_cookie(request, answer, key)
    return answer


async def enter(request: Request) -> Response:
    """``POST /screen``."""
    form = await request.form()
    return await run_in_threadpool(_enter, request, lines.form(form, "code"))


def _enter(request: Request, code: str) -> Response:
    state = request.app.state
    address = request.client.host if request.client else ""
    try:
        key = screens.open_(state.database, state.settings, code=code, address=address, now=page.now_of(request))
    except ServiceError as error:
        if error.status not in (401, 429):
            raise
        return _form(request, sentence(error.code, _language(request), **error.facts), error.status)
    asked = page.screen_language(request)
    answer = page.go(f"/screen?language={asked}" if asked else "/screen")
    _set_cookie(request, answer, key)
    return answer


def photo(request: Request, db: Tx, passage_id: int) -> Response:
    """``GET /screen/photo/{passage_id}``. Each is a line of the journal, in the screen's name."""
    found = screens.screen_of(db, request.cookies.get(screens.COOKIE))
    now = page.now_of(request)
    if found is None or found.gate_id is None:
        raise NotFound("picture_gone")
    record = gates.passage(db, found.project_id, min(passage_id, page.ID_MAX))
    if record.gate_id != found.gate_id or record.worker_id is None or now - record.received_at > PHOTO_FRESH or _tone(record) == "refuse":
        raise NotFound("picture_gone")
    opened = review.photograph(
        db, request.app.state.vault, project_id=found.project_id, worker_id=record.worker_id, where=review.ON_A_SCREEN,
        by=screens.actor(found.id), now=now,
    )
    return Response(opened, media_type="image/jpeg", headers=page.HEADERS)


def _form(request: Request, wrong: str, status: int = 200) -> Response:
    language = _language(request)
    frame = shell(request, title=marked("启用屏幕"), language=language)
    return page.render("screen_code.html", language, frame, CodeContext(wrong), status)


def _language(request: Request) -> str:
    return page.screen_language(request) or page.language(request)


def _set_cookie(request: Request, answer: Response, key: str) -> None:
    answer.set_cookie(
        screens.COOKIE, key, max_age=screens.COOKIE_DAYS * 86400, path="/screen", httponly=True, samesite="lax",
        secure=request.app.state.settings.secure_cookies,
    )
