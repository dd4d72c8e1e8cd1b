"""The enrolment desk (进场登记): who somebody is, his word about his face, photographs, the way in, what he earns.

    PAGE          the next worker: his ID number first; below it, whom something is missing of
    PAGE_WORKER   one worker's steps; what is done is saved, what is missing can be done now or later

Every step is a form that works without a script. The script adds the camera, advice before the photograph, and the pen.
"""

import re
import threading
from dataclasses import dataclass, field
from datetime import date, datetime

from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, Response

from app import access, amending, desk, enrolment, papers, terms, verification, wording
from app.domain import workdays
from app.domain.facts import OvertimeRule, PayKind, Relation, Terms
from app.domain.identity import View, age, mask_id_number, mask_phone
from app.errors import BadRequest, Busy, Forbidden, NotFound, ServiceError, Unusable
from app.pages import filled, lines, page
from app.pages.page import HEADERS, Act, Again, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import changes, checks, faces, people, timekeeping
from app.store import papers as held
from app.store import roster as rows
from app.wording import notices

UNFINISHED_MAX = 20
FRAME_BYTES_MAX = 200 * 1024
"""Of a picture that is only looked at for advice."""
STEPS = ("word", "face", "way", "terms")
"""Steps after the papers, in the order they are done."""
TEMPLATE_PIECES = "parts/desk.html"

NUMBER_HINT = re.compile(r"\s+")


# --- the next worker -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unfinished:
    """Somebody of whom something is missing."""

    name: str
    url: str
    team: str
    entry_on: date
    lacks: tuple[str, ...]
    """Words of ``store.roster.FLAGS``."""


@dataclass(frozen=True)
class TeamChoice:
    """A team to choose, under its company."""

    id: int
    name: str
    company: str


@dataclass(frozen=True)
class Typed:
    """The papers as they were typed, shown again when they were refused."""

    name: str = ""
    phone: str = ""
    trade: str = ""
    entry_on: str = ""
    id_number: str = field(default="", repr=False)
    """Shown again to who typed it, in the answer and nowhere else: no address, no log, no store of the browser."""


@dataclass(frozen=True)
class DeskContext:
    """What the desk shows before the next worker."""

    own_path: str = shown("Path of this page without a query")
    project_id: int = shown("The project, for links")
    teams: tuple[TeamChoice, ...] = shown("Teams to choose from, by company")
    team: int | None = shown("The team that is chosen already: that of the worker before")
    trades: tuple[str, ...] = shown("Names of trades to choose from")
    today: date = shown("Today on the project's calendar: the first day unless another is typed")
    typed: Typed = shown("The form as it was typed")
    wrong: str = shown("Why it was refused; empty otherwise")
    wrong_at: str = shown("Name of the field it was refused for, where it is one; empty otherwise")
    doubt: str = shown("Why the first day is asked about: ahead or long_ago; empty otherwise")
    before: str = shown("Name of the worker who was just finished; empty otherwise")
    unfinished: tuple[Unfinished, ...] = shown("Whom something is missing of, the first ones")
    unfinished_total: int = shown("How many they are in all")
    to_photograph: int = shown("How many should be photographed again")


def gather(
    ask: Ask, typed: Typed | None = None, wrong: str = "", team: int | None = None, *, wrong_at: str = "", doubt: str = ""
) -> DeskContext:
    """The form of the next worker, and the list of what is not finished."""
    project, today = ask.project, ask.today
    open_ = rows.Wanted(today, lacks="any")
    counts = rows.lacking(ask.db, project.id, rows.Wanted(today))
    before = ask.number("done_with") if typed is None else None
    own = people.workers(ask.db, project.id, today=today, worker_id=before) if before else []
    return DeskContext(
        own_path=f"/projects/{project.id}/enrol",
        project_id=project.id,
        teams=_teams(ask),
        team=team if team is not None else ask.number("team"),
        trades=tuple(names[ask.language == "en"] for key, names in wording.NAMES.items() if key.startswith("trade.")),
        today=today,
        typed=typed or Typed(),
        wrong=wrong,
        wrong_at=wrong_at,
        doubt=doubt,
        before=own[-1].name if own else "",
        unfinished=tuple(
            Unfinished(r.name, _path(ask, r.worker_id), r.team, r.entry_on, tuple(f for f in r.lacks if f in rows.MISSING))
            for r in rows.rows(ask.db, project.id, open_, descending=True, limit=UNFINISHED_MAX)
        ),
        unfinished_total=counts["any"],
        to_photograph=counts["again"],
    )


def look_up(ask: Ask, values: FormData) -> Response:
    """What the number says, while it is typed: a piece of the page. It is in no address and in no log.

    A name is told, and put into the form, only where the reader may see that worker already: on this project's roster, past or
    present, or on another's that he may read. Whoever else has the number is known to be in the system, and by no name: it is
    typed from his card, and must agree (``worker_name_differs``). Each name told is a look in the journal of that roster.
    """
    typed = NUMBER_HINT.sub("", lines.form(values, "id_number"))
    ask.request.scope["muster_of"] = []
    if len(typed) < 18:
        return page.html(page.piece(ask.language, TEMPLATE_PIECES, "typing", len(typed)))
    try:
        found = desk.look_up(
            ask.db, ask.state.vault, ask.state.settings, project_id=ask.project.id, id_number=typed, now=ask.now
        )
    except Unusable as error:
        return page.html(page.piece(ask.language, TEMPLATE_PIECES, "refused", ask.why(error)))
    name = url = ""
    lacks: tuple[str, ...] = ()
    if found.worker_id is not None and (roster := _readable_roster(ask, found.worker_id)) is not None:
        name = people.worker(ask.db, found.worker_id).name
        ask.request.scope["muster_of"] = [(roster, found.worker_id)]
        if found.engagement is not None:
            url, lacks = _path(ask, found.worker_id), rows.lacks_of(ask.db, ask.project.id, found.worker_id, ask.today)
    return page.html(page.piece(ask.language, TEMPLATE_PIECES, "found", found, name, url, lacks))


def _readable_roster(ask: Ask, worker_id: int) -> int | None:
    """A project on whose roster the reader may see the worker already, this one first; None for none."""
    others = sorted({m.project_id for m in ask.person.memberships if m.project_id is not None} - {ask.project.id})
    readable = (ask.project.id, *(one for one in others if access.may(ask.person, "papers.read", one)))
    return next((one for one in readable if people.engagements_of(ask.db, one, worker_id)), None)


_FIELD_OF = {
    "worker_name_differs": "name", "team_unknown": "team", "phone_wrong": "phone", "phone_length": "phone", "trade_unknown": "trade",
    "date_out_of_range": "entry_on", "engagement_overlaps": "entry_on",
}  # fmt: skip
"""Code of a refusal -> the field of the desk's form that it is about."""


def _field_of(error: ServiceError) -> str:
    said = str(error.facts.get("field", ""))
    if said in Typed.__dataclass_fields__:
        return said
    return "id_number" if error.code.startswith("id_") else _FIELD_OF.get(error.code, "")


def enter(ask: Ask, values: FormData) -> str | Again:
    """Save his papers and go on to his steps; who is here already is led to his.

    A first day to come, or long past, is asked about: a second press says yes.
    """
    typed = Typed(*(lines.form(values, name)[:100] for name in ("name", "phone", "trade", "entry_on", "id_number")))
    team = page.whole_number(lines.form(values, "team"))
    try:
        if team is None:
            raise NotFound("team_unknown")
        entry_on = filled.day(typed.entry_on, "entry_on")
        doubt = desk.entry_doubt(entry_on, ask.today)
        if doubt and lines.form(values, "sure") != typed.entry_on:
            return Again(PAGE, gather(ask, typed, team=team, doubt=doubt), 409)
        with ask.db.begin_nested():
            came = desk.enter(
                ask.db, ask.state.vault, ask.state.settings, project_id=ask.project.id, id_number=typed.id_number,
                name=typed.name, team_id=team, entry_on=entry_on, trade=typed.trade or None, phone=typed.phone or None,
                now=ask.now, by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, typed, ask.why(error), team, wrong_at=_field_of(error)), error.status)
    done = "entered"
    if came.here_already:
        done = {"same": "here_already", "taken": "here_phone", "differs": "here_other_phone"}[came.phone]
    return with_query(_path(ask, came.worker_id), done=done)


# --- one worker's steps ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoticePart:
    """One matter of the notice."""

    heading: str
    text: str


@dataclass(frozen=True)
class WordLine:
    """His latest word about his face."""

    act: str
    """agreed, declined, other (something, and not what recognition needs) or withdrawn."""
    scope: tuple[str, ...]
    notice_version: str
    method: str
    at: datetime
    signed: bool


@dataclass(frozen=True)
class TermLine:
    """What he earns."""

    kind: str
    rate_fen: int
    unit: str | None
    overtime_rule: str
    relation: str
    valid_from: date


@dataclass(frozen=True)
class ChangeLine:
    """Something that was entered and put right since."""

    field: str
    """Word of ``amending.FIELDS``, of a company ``COMPANY_FIELDS``."""
    was: str
    became: str
    """As the reader may see them: a telephone masked, a team by its name; empty for nothing."""
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True)
class TypedPapers:
    """The form that puts his papers right, as it was typed; before that, what is recorded."""

    name: str
    phone: str
    """Always empty at first: a telephone is masked, and left empty it stays as it is."""
    team: int | None
    entry_on: str
    reason: str = ""


@dataclass(frozen=True)
class TypedTerms:
    """The wage form as it was typed; before that, what holds now."""

    kind: str = "day"
    amount: str = ""
    unit: str = ""
    overtime_rule: str = terms.UNSAID["overtime_rule"]
    relation: str = terms.UNSAID["relation"]
    valid_from: str = ""


@dataclass(frozen=True)
class StepsContext:
    """What the steps of one worker show."""

    own_path: str = shown("Path of this page without a query")
    project_id: int = shown("The project, for links")
    worker_id: int = shown("The worker, for links")
    today: date = shown("Today on the project's calendar, printed on the sheet")
    no_calendar: bool = shown("Nobody has said yet which dates of this year are rest days: multiples earn nothing")
    name: str = shown("His name, in full")
    sex: str = shown("M for a man, F for a woman")
    years: int = shown("Full years today")
    id_number: str = shown("ID number, masked for the reader")
    phone: str = shown("Telephone, masked; empty when none is recorded")
    team: str = shown("Name of his team")
    team_id: int = shown("His team's id: the next worker is likely of the same")
    company: str = shown("Name of his company")
    trade: str = shown("Code of his trade; empty when none is recorded")
    entry_on: date = shown("First day of his latest time here")
    exit_on: date | None = shown("First day he is gone; None while he is here")
    lacks: tuple[str, ...] = shown("What is missing, words of store.roster.FLAGS")
    step: str = shown("The step that is open: a word of STEPS, papers, or empty when nothing is missing")
    may_change: bool = shown("The reader may put right what was entered")
    papers: TypedPapers = shown("The form that puts it right, as it was typed; before that, what is recorded")
    teams: tuple[TeamChoice, ...] = shown("Teams to choose from, by company; none while that form is closed")
    changes: tuple[ChangeLine, ...] = shown("What was put right, newest first")
    doubt: str = shown("Why the first day is asked about: ahead or long_ago; empty otherwise")
    word: WordLine | None = shown("His latest word about his face; None when he was never asked")
    notice_version: str = shown("Version of the notice that is read to him now")
    notice_title: str = shown("Title of the notice")
    notice: tuple[NoticePart, ...] = shown("The notice, matter by matter")
    scopes: tuple[tuple[str, str], ...] = shown("What can be agreed to: its code and what it says")
    scopes_needed: tuple[str, ...] = shown("Codes without which nobody can be recognised")
    methods: tuple[str, ...] = shown("How he can say it")
    has_template: bool = shown("His face is enrolled and not erased")
    enrolled: tuple[datetime, int] | None = shown("When it was enrolled, and with how many photographs; None without a template")
    photographs_min: int = shown("Photographs the model needs at least")
    photographs_advised: int = shown("Photographs the model would like")
    photographs_max: int = shown("Photographs that can be sent at once")
    pack_ready: bool = shown("A recognition model is loaded; without one nobody can be photographed")
    identity_check: str = shown("Whether the identity card's photograph is compared: off, observe or require")
    identity: checks.CheckInfo | None = shown("His latest comparison with the identity card; None when there was none")
    credentials: tuple[tuple[str, datetime], ...] = shown("Live cards and codes, with when they were given")
    code: str = shown("A code just given, shown this once; empty otherwise")
    terms: TermLine | None = shown("What he earns today; None when nothing is agreed")
    typed: TypedTerms = shown("The wage form as it was typed; before that, what holds now")
    kinds: tuple[str, ...] = shown("Kinds of pay to choose from")
    overtime_rules: tuple[str, ...] = shown("Rules of overtime to choose from")
    relations: tuple[str, ...] = shown("Kinds of agreement to choose from")
    wrong: dict[str, str] = shown("Step -> why it was refused")
    set_aside: int | None = shown("Number of the photograph that was left out because it is not like the others")
    advised_more: int | None = shown("Photographs the model would like on top, after an enrolment")
    alike: str = shown("Numbers of photographs that were practically an earlier one once more, after an enrolment; empty else")
    scopes_say: dict[str, str] = shown("What each scope means, and what happens without it")


def steps(
    ask: Ask, *, open_: str = "", wrong: dict[str, str] | None = None, typed: TypedTerms | None = None, code: str = "",
    papers_typed: TypedPapers | None = None, doubt: str = "",
) -> StepsContext:  # fmt: skip
    """One worker's steps, what is done and what is missing."""
    project, worker_id = ask.project, ask.id("worker_id")
    own = people.workers(ask.db, project.id, today=ask.today, worker_id=worker_id)
    if not own:
        raise NotFound("worker_not_on_project")
    row = own[-1]
    lacks = rows.lacks_of(ask.db, project.id, worker_id, ask.today)
    asked = ask.query.get("step", "")
    may_change = ask.may("papers.write")
    known = (*STEPS, "papers") if may_change else STEPS
    step = open_ or (asked if asked in known else next((s for s in STEPS if s in lacks), ""))
    consent = people.latest_consent(ask.db, project.id, worker_id)
    zone = lambda at: workdays.local(at, ask.policy)  # noqa: E731 - a word for the lines below
    notice = notices.FACE[enrolment.NOTICE_VERSION]
    english = ask.language == "en"
    day = max(ask.today, row.entry_on)
    all_terms = people.terms(ask.db, project.id, row.engagement_id)
    agreed = next((t for t in all_terms if t.covers(day)), None)
    pack = getattr(ask.state.engine, "pack", None)
    needed = max(1, pack.enrolment_photographs_min) if pack else 1
    view = View.PROJECT if access.view_of(ask.person, project) == "staff" else View.BUREAU
    return StepsContext(
        own_path=_path(ask, worker_id),
        project_id=project.id,
        worker_id=worker_id,
        today=ask.today,
        name=row.name,
        sex=row.sex,
        years=age(row.birth_on, ask.today),
        no_calendar=not timekeeping.calendar_knows(ask.db, ask.today),
        id_number=mask_id_number(_opened(ask, row, "id_number_sealed"), view),
        phone=mask_phone(_opened(ask, row, "phone_sealed"), view) if row.phone_sealed else "",
        team=row.team_name,
        team_id=row.team_id,
        company=row.company_name,
        trade=row.trade or "",
        entry_on=row.entry_on,
        exit_on=row.exit_on,
        lacks=lacks,
        step=step,
        may_change=may_change,
        papers=papers_typed or TypedPapers(row.name, "", row.team_id, row.entry_on.isoformat()),
        teams=_teams(ask) if step == "papers" else (),
        changes=_changes(ask, worker_id, view, zone),
        doubt=doubt,
        word=_word(consent, zone) if consent else None,
        notice_version=notice.version,
        notice_title=notice.title[english],
        notice=tuple(NoticePart(words[2 if english else 0], words[3 if english else 1]) for words in notice.paragraphs),
        scopes=tuple(notices.scope_names(ask.language).items()),
        scopes_needed=tuple(sorted(enrolment.SCOPE_NEEDED)),
        methods=("screen", "spoken", "paper"),
        has_template=row.has_template,
        enrolled=(zone(made[0]), made[1]) if (made := people.template_kept(ask.db, project.id, worker_id)) else None,
        photographs_min=needed,
        photographs_advised=max(needed, pack.enrolment_photographs_advised) if pack else needed,
        photographs_max=enrolment.PHOTOGRAPHS_MAX,
        pack_ready=pack is not None,
        identity_check=faces.policy(ask.db, project.id).identity_check,
        identity=checks.latest(ask.db, project.id, worker_id),
        credentials=tuple((c.channel, zone(c.issued_at)) for c in held.live_credentials(ask.db, project.id, worker_id)),
        code=code,
        terms=TermLine(
            str(agreed.kind), agreed.rate_fen, agreed.unit, str(agreed.overtime_rule), str(agreed.relation), agreed.valid_from
        )
        if agreed
        else None,
        typed=typed or _as_agreed(agreed, day, max((t.valid_to for t in all_terms if t.valid_to and t.valid_to <= day), default=row.entry_on)),
        kinds=tuple(map(str, PayKind)),
        overtime_rules=tuple(map(str, OvertimeRule)),
        relations=tuple(map(str, Relation)),
        wrong=dict.fromkeys((*STEPS, "papers"), "") | (wrong or {}),
        set_aside=ask.number("aside"),
        advised_more=ask.number("more"),
        alike="、".join(map(str, _numbers(ask.query.get("alike", "")))) if not english else ", ".join(map(str, _numbers(ask.query.get("alike", "")))),
        scopes_say={key: wording.name(f"consent_scope_says.{key}", ask.language) for key in enrolment.SCOPES},
    )


def _as_agreed(agreed: Terms | None, day: date, free_from: date) -> TypedTerms:
    """The wage form before anybody types: what holds on ``day``, to be changed from then on; else a first one from ``free_from``."""
    if agreed is None:
        return TypedTerms(valid_from=free_from.isoformat())
    return TypedTerms(
        str(agreed.kind), f"{agreed.rate_fen // 100}.{agreed.rate_fen % 100:02d}", agreed.unit or "", str(agreed.overtime_rule),
        str(agreed.relation), day.isoformat(),
    )  # fmt: skip


def _word(consent: people.ConsentInfo, zone) -> WordLine:
    if not consent.given:
        act = "withdrawn"
    elif consent.declined:
        act = "declined"
    else:
        act = "agreed" if set(consent.scope) >= enrolment.SCOPE_NEEDED else "other"
    return WordLine(
        act, consent.scope, consent.notice_version, consent.method, zone(consent.at), consent.evidence_id is not None
    )


def _teams(ask: Ask) -> tuple[TeamChoice, ...]:
    teams = sorted(people.teams(ask.db, ask.project.id), key=lambda t: (t.company_name, t.name))
    return tuple(TeamChoice(t.id, t.name, t.company_name) for t in teams)


def _changes(ask: Ask, worker_id: int, view: View, zone) -> tuple[ChangeLine, ...]:
    found = changes.of_worker(ask.db, ask.project.id, worker_id)
    if not found:
        return ()
    person, teams = people.worker(ask.db, worker_id), {str(t.id): t.name for t in people.teams(ask.db, ask.project.id)}

    def line(one: changes.ChangeInfo) -> ChangeLine:
        was, became = one.was or "", one.became or ""
        if one.field == "phone":
            was, became = (mask_phone(each, view) if each else "" for each in amending.phones(ask.state.vault, person, one))
        elif one.field == "team":
            was, became = teams.get(was, was), teams.get(became, became)
        return ChangeLine(one.field, was, became, one.reason, one.changed_by, zone(one.changed_at))

    return tuple(line(one) for one in found)


def change(ask: Ask, values: FormData) -> str | Again:
    """Put right what was entered about him. A first day to come, or long past, is asked about: a second press says yes."""
    worker_id = ask.id("worker_id")
    typed = TypedPapers(
        lines.form(values, "name")[:100], lines.form(values, "phone")[:20], page.whole_number(lines.form(values, "team")),
        lines.form(values, "entry_on")[:10], lines.form(values, "reason")[:200],
    )  # fmt: skip
    try:
        if typed.team is None:
            raise NotFound("team_unknown")
        entry_on = filled.day(typed.entry_on, "entry_on")
        recorded = max((e.entry_on for e in people.engagements_of(ask.db, ask.project.id, worker_id)), default=None)
        doubt = desk.entry_doubt(entry_on, ask.today) if entry_on != recorded else ""
        if doubt and lines.form(values, "sure") != typed.entry_on:
            return Again(PAGE_WORKER, steps(ask, open_="papers", papers_typed=typed, doubt=doubt), 409)
        with ask.db.begin_nested():
            amending.put_right(
                ask.db, ask.state.vault, project_id=ask.project.id, worker_id=worker_id, name=typed.name, phone=typed.phone or None,
                team_id=typed.team, entry_on=entry_on, reason=typed.reason, now=ask.now, by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        if error.code == "worker_not_on_project":
            raise
        return Again(PAGE_WORKER, steps(ask, open_="papers", wrong={"papers": ask.why(error)}, papers_typed=typed), error.status)
    return with_query(_path(ask, worker_id), done="papers_changed")


def word(ask: Ask, values: FormData) -> str | Again:
    """His word about his face. Saying no is one button, and he goes on with a card or code."""
    answer = lines.form(values, "answer")
    agreed = answer == "agree"
    scope = tuple(str(each) for each in values.getlist("scope")[: len(enrolment.SCOPES)]) if agreed else ()
    try:
        if answer not in ("agree", "decline"):
            # Never taken for a no, and never for a yes.
            raise BadRequest("request_malformed", field="answer")
        if agreed and not scope:
            raise Unusable("consent_missing")
        with ask.db.begin_nested():
            desk.word(
                ask.db, ask.state.vault, project_id=ask.project.id, worker_id=ask.id("worker_id"), scope=scope,
                notice_version=lines.form(values, "notice_version"), method=lines.form(values, "method"),
                signature=lines.form(values, "signature"), now=ask.now, by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return _refused(ask, "word", error)
    return with_query(_path(ask, ask.id("worker_id")), done="consent_kept")


_looking = threading.BoundedSemaphore(1)
"""One picture at a time is looked at for advice, over all desks: gates come first."""


def advice(ask: Ask, values: FormData) -> Response:
    """What a picture of the desk's camera lacks. It is looked at and forgotten; nothing is looked at without his consent.

    Raises:
        Unusable: ``consent_missing``; the picture's own code.
        Busy: ``busy``: gates wait, or another picture is being looked at.
    """
    worker_id = ask.id("worker_id")
    enrolment.check_may_enrol(ask.db, project_id=ask.project.id, worker_id=worker_id, consent=None, now=ask.now)
    ask.db.rollback()
    frame = filled.content(values.get("frame"), FRAME_BYTES_MAX)
    intake = ask.state.house.intake
    if intake.waiting or not _looking.acquire(blocking=False):
        raise Busy("busy", "advice waits for the gates", retry_after_s=1)
    try:
        told = enrolment.advise(ask.state.engine, ask.state.settings, frame)
    finally:
        _looking.release()
    code = told.codes[0] if told.codes else ""
    says = desk_advice(ask, code)
    return JSONResponse({"good": not told.codes, "code": code, "says": says, "box": told.box}, headers=HEADERS)


ADVICE_WORDS = {
    "": marked("很好，可以拍了"),
    "no_face": marked("看不到人脸：坐近一点，脸对着镜头"),
    "several_faces": marked("镜头里不止一个人：请旁边的人让开"),
    "too_dark": marked("太暗：开灯，或换到亮处"),
    "face_too_small": marked("坐近一点"),
    "face_blurred": marked("不够清楚：坐稳，擦一擦镜头"),
    "face_too_dark": marked("脸上太暗：让光照在脸上，不要背光"),
    "face_too_bright": marked("脸上太亮：避开直射的光"),
    "face_turned": marked("脸摆正，眼睛看镜头"),
    "face_cut": marked("脸没有拍全：往中间坐一点"),
    "not_jpeg": marked("不是 JPEG 照片：用手机拍了再选，或在电脑上打开后另存为 JPG 再选"),
    "image_truncated": marked("照片文件不完整：请重新拍，或重新选文件"),
    "image_too_small": marked("照片太小：请选原图，不要截图或缩略图"),
}
"""Quality code -> what the clerk says to the man in front of the camera."""


def desk_advice(ask: Ask, code: str) -> str:
    """What to do about a quality code, in the reader's language."""
    return ask.say(ADVICE_WORDS[code]) if code in ADVICE_WORDS else wording.sentence(code, ask.language)


def _desk_why(ask: Ask, error: ServiceError) -> str:
    """Why something was refused, said to the clerk: the words of a gate are for the man before it."""
    if error.code == "consent_missing":
        return ask.say("他同意用人脸的，请把前两项（采集人脸照片、生成并保存人脸特征）都勾上；不同意的，按“不同意：用卡或码进场”。")
    return desk_advice(ask, error.code) if error.code in ADVICE_WORDS else ask.why(error)


def photograph(ask: Ask, values: FormData) -> str | Response | Again:
    """Photographs to a template; the script is answered with JSON, a plain form with a page."""
    worker_id = ask.id("worker_id")
    scripted = "application/json" in ask.request.headers.get("accept", "")
    try:
        pictures = _pictures(values.getlist("photographs"))
        enrolled = _enrolled(ask, worker_id, pictures, values.get("portrait"))
    except ServiceError as error:
        if isinstance(error, Forbidden):
            raise
        if not scripted:
            return _refused(ask, "face", error)
        told = [{"number": n, "says": desk_advice(ask, code)} for n, code in error.facts.get("photographs", ())]
        return JSONResponse({"done": False, "says": _desk_why(ask, error), "photographs": told}, error.status, headers=HEADERS)
    on = with_query(_path(ask, worker_id), done="face_enrolled", aside=enrolled.set_aside, more=enrolled.advised_more or None,
                    alike=".".join(map(str, enrolled.alike)))  # fmt: skip
    if not scripted:
        return on
    return JSONResponse(
        {
            "done": True, "next": on, "set_aside": enrolled.set_aside, "used": enrolled.photographs, "alike": list(enrolled.alike),
            "says": ask.say("人脸已登记，用了 %(n)s 张照片。", n=enrolled.photographs)
            + (ask.say("有几张几乎是同一张：请换个角度补拍，正面、稍向左、稍向右各一张，再按“登记人脸”。") if enrolled.alike else ""),
        },
        headers=HEADERS,
    )  # fmt: skip


def _numbers(text: str) -> list[int]:
    """Numbers of photographs out of an address, as ``photograph`` writes them."""
    return [int(one) for one in text.split(".")[: enrolment.PHOTOGRAPHS_MAX] if one.isascii() and one.isdigit() and len(one) < 3]


def _pictures(files: list) -> list[bytes]:
    found = [file.file.read() for file in files[: enrolment.PHOTOGRAPHS_MAX + 1] if isinstance(file, UploadFile) and file.filename]
    return [picture for picture in found if picture]


def _enrolled(ask: Ask, worker_id: int, pictures: list[bytes], portrait: object) -> enrolment.Enrolled:
    state, project_id, by = ask.state, ask.project.id, ask.person.login
    enrolment.check_may_enrol(ask.db, project_id=project_id, worker_id=worker_id, consent=None, now=ask.now)
    # No snapshot is held while the pictures are looked at.
    ask.db.rollback()
    examined = enrolment.examine(state.engine, state.settings, pictures)
    check_id = None
    if isinstance(portrait, UploadFile) and portrait.filename:
        compared = verification.compare(state.engine, state.settings, pictures[0], portrait.file.read())
        # In a transaction of its own: that it was not him is a fact that outlives the refusal.
        with state.database.write() as db:
            check_id = verification.record(
                db, state.vault, compared, project_id=project_id, worker_id=worker_id, by=by, now=ask.now
            ).id
    at_work = state.house.at_work
    beside = desk.beside(at_work.beside if at_work else None, state.settings, pictures)
    with state.database.write() as db:
        return enrolment.enrol(
            db, state.vault, examined, project_id=project_id, worker_id=worker_id, consent=None, beside=beside,
            check_id=check_id, now=ask.now, by=by,
        )  # fmt: skip


def way(ask: Ask, values: FormData) -> str | Again:
    """A card, or a code that is shown this once."""
    worker_id, project_id = ask.id("worker_id"), ask.project.id
    common = {"project_id": project_id, "worker_id": worker_id, "now": ask.now, "by": ask.person.login}
    try:
        with ask.db.begin_nested():
            if lines.form(values, "act") == "code":
                code = papers.issue_code(ask.db, ask.state.vault, **common)
                return Again(PAGE_WORKER, steps(ask, code=code), 200)
            papers.issue_card(ask.db, ask.state.vault, value=lines.form(values, "card"), **common)
    except ServiceError as error:
        return _refused(ask, "way", error)
    return with_query(_path(ask, worker_id), done="card_given")


def agree(ask: Ask, values: FormData) -> str | Again:
    """What he earns, from the day that is typed; what the form does not ask stays as it was agreed."""
    names = ("kind", "amount", "unit", "overtime_rule", "relation", "valid_from")
    typed = TypedTerms(*(lines.form(values, name)[:20] for name in names))
    try:
        rate = filled.fen(typed.amount)
        if rate is None:
            raise BadRequest("money_wrong")
        with ask.db.begin_nested():
            desk.agree(
                ask.db, ask.state.vault, project_id=ask.project.id, worker_id=ask.id("worker_id"), kind=typed.kind, rate_fen=rate,
                unit=typed.unit if typed.kind == "piece" else None, overtime_rule=typed.overtime_rule, relation=typed.relation,
                valid_from=filled.day(typed.valid_from, "valid_from"), signature=lines.form(values, "signature"), now=ask.now,
                by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return _refused(ask, "terms", error, typed)
    return with_query(_path(ask, ask.id("worker_id")), done="terms_agreed")


def _refused(ask: Ask, step: str, error: ServiceError, typed: TypedTerms | None = None) -> Again:
    if error.code == "worker_not_on_project":
        raise error
    said = _desk_why(ask, error)
    if told := error.facts.get("photographs"):
        said = " ".join(ask.say("第 %(n)s 张：%(what)s", n=number, what=desk_advice(ask, code)) for number, code in told)
    return Again(PAGE_WORKER, steps(ask, open_=step, wrong={step: said}, typed=typed), error.status)


def _path(ask: Ask, worker_id: int) -> str:
    return f"/projects/{ask.project.id}/enrol/{worker_id}"


def _opened(ask: Ask, row: people.RosterRow, column: str) -> str:
    return ask.state.vault.open(getattr(row, column), table="worker", column=column, owner=row.id_number_index).decode()


_HERE = "/projects/{project_id:int}/enrol"
_ONE = _HERE + "/{worker_id:int}"
PAGE = Page(_HERE, marked("进场登记"), "enrol.html", "enrol", DeskContext, gather, marked("进场登记"))
PAGE_WORKER = Page(_ONE, marked("进场登记"), "enrol_worker.html", "enrol", StepsContext, steps, camera=True)
NUMBER = Act(_HERE + "/number", "enrol", look_up, alone=True)
ADVICE = Act(_ONE + "/advice", "enrol", advice, alone=True)
ACTS = (
    Act(_HERE, "papers.write", enter), NUMBER, Act(_ONE + "/papers", "papers.write", change), Act(_ONE + "/word", "enrol", word), ADVICE,
    Act(_ONE + "/enrolment", "enrol", photograph, alone=True), Act(_ONE + "/way", "papers.write", way),
    Act(_ONE + "/terms", "terms.write", agree),
)  # fmt: skip
