"""Passages as people read them: names, teams and gates instead of ids, on the project's clock, masked by role."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain import workdays
from app.domain.facts import AttendancePolicy
from app.domain.identity import View, mask_name
from app.errors import NotFound
from app.pages.heads import Where
from app.pages.words import marked, tr
from app.store import gates, people, roster
from app.store.gates import PassageRecord

LATE = timedelta(minutes=2)
"""A passage that arrives later than this came from a gate's store; the screen says so."""

ADVICE = {
    "no_face": marked("请面向镜头再试一次。"),
    "several_faces": marked("请其他人退后，一人一次通行。"),
    "too_dark": marked("请走近一些，或打开通道照明。"),
    "face_too_small": marked("请走近镜头再试一次。"),
    "face_blurred": marked("请站稳一秒再试一次。"),
    "face_too_dark": marked("请正对光线，或打开通道照明。"),
    "face_too_bright": marked("请避开强光再试一次。"),
    "face_turned": marked("请正对镜头，摘下口罩和帽檐。"),
    "face_cut": marked("请站到画面中间再试一次。"),
    "face_unknown": marked("请再试一次；仍不识别，请刷卡或扫码。从未登记的人请联系劳资专管员。"),
    "face_ambiguous": marked("请再试一次，或刷卡、扫码。"),
    "look_again": marked("一帧还不能确定：请他正对镜头再看一眼，通常半秒即可。"),
    "face_unreadable": marked("请正对镜头再试一次；反复出现请报修摄像头。"),
    "replay": marked("同一画面出现过：请核对来人是否本人，有人用照片或录像时请记录并报告。"),
    "liveness_failed": marked("像是照片或屏幕：请核对来人是否本人，本人可刷卡或扫码。"),
    "liveness_unsure": marked("请站到画面中间，露出整张脸。"),
    "not_engaged": marked("不在本项目名册内，请不要放行，联系劳资专管员。"),
    "engagement_over": marked("已办理退场；确需返场，请联系劳资专管员重新登记。"),
    "consent_withdrawn": marked("本人已撤回人脸同意，请刷卡或扫码。"),
    "needs_confirmation": marked("请核对是否本人，在下方确认。"),
    "show_face": marked("刷卡后请看镜头；不便看镜头的，请核对本人后在下方确认。"),
    "face_not_cards": marked("人脸与刚刷的卡不符，请核对是否用了他人的卡。"),
    "credential_unknown": marked("请核对卡或码是否属于本项目，联系劳资专管员补办。"),
}
"""Reason code -> what the guard does now."""


def advice(code: str, language: str) -> str:
    """What the guard does now; empty when nothing is wrong."""
    return tr(language, ADVICE[code]) if code in ADVICE else ""


@dataclass(frozen=True)
class PassageLine:
    """One passage, ready to be shown."""

    id: int
    seq: int
    at: datetime
    """On the project's clock."""
    day: str
    """Its date when that is not today, short; else empty."""
    late_minutes: int
    """How much later than it happened it reached us; 0 when at once."""
    gate: str
    direction: str
    channel: str
    verdict: str
    code: str
    worker_id: int | None
    name: str
    """As the reader may see it; empty when nobody was recognised."""
    team: str
    url: str
    """The worker's page; empty when the reader may not open it."""
    similarity: float | None
    similarity_min: float | None
    margin: float | None
    margin_min: float | None
    confirmed: bool | None
    hash: str
    tone: str
    """admit, refuse or ask: what it has come to by now."""
    word: str
    """The same as a large word."""


@dataclass(frozen=True)
class AskCard:
    """A passage that waits for a person."""

    line: PassageLine
    url: str
    """Where the answer is posted; empty when the reader may not decide."""
    photo: str = ""
    """Address of the enrolment photograph; empty when it is not shown."""
    photo_why: str = ""
    """Why it is not."""


class Reader:
    """Turns the records of one project into lines for one kind of reader. Names are looked up once.

    Args:
        view: ``staff``, ``bureau`` or ``guard`` (``access.view_of``).
        links: the reader may open a worker's page.
        whole: look everybody's name up at once; else each when it is needed, for the few of a live screen.
        known: who has been looked up already.
    """

    def __init__(
        self, db: Session, project_id: int, policy: AttendancePolicy, *, today: date, view: str, links: bool, language: str,
        whole: bool = True, known: Iterable[people.Place | Where] = (),
    ) -> None:
        self.policy, self.view, self.links, self.language = policy, view, links, language
        self.project_id, self.today = project_id, today
        self._db = db
        self._gates = {g.id: g.name for g in gates.gates(db, project_id)}
        self._people: dict[int, tuple[str, str]] = {
            place.worker_id: (place.name, place.team) for place in (roster.by_name(db, project_id) if whole else known)
        }

    def name(self, worker_id: int | None) -> tuple[str, str]:
        """(name as this reader may see it, team)."""
        if worker_id is None:
            return "", ""
        if worker_id not in self._people:
            self._people[worker_id] = self._look_up(worker_id)
        name, team = self._people[worker_id]
        return (mask_name(name, View.PROJECT) if self.view == "guard" else name), team

    def _look_up(self, worker_id: int) -> tuple[str, str]:
        # One by one: a page shows a handful of a roster of thousands.
        own = people.workers(self._db, self.project_id, today=self.today, worker_id=worker_id)
        if own:
            return own[-1].name, own[-1].team_name
        # Known to the service, never on this roster: the gate may have refused him as not engaged.
        try:
            return people.worker(self._db, worker_id).name, ""
        except NotFound:
            return "", ""

    def line(self, record: PassageRecord) -> PassageLine:
        """One record as a line."""
        name, team = self.name(record.worker_id)
        at = workdays.local(record.occurred_at, self.policy)
        late = record.received_at - record.occurred_at
        tone = str(record.verdict)
        if tone == "ask" and record.confirmed is not None:
            tone = "admit" if record.confirmed else "refuse"
        words = {"admit": tr(self.language, "通过"), "refuse": tr(self.language, "未通过"), "ask": tr(self.language, "待确认")}
        return PassageLine(
            id=record.id,
            seq=record.seq,
            at=at,
            day="" if at.date() == self.today else f"{at:%m-%d}",
            late_minutes=late // timedelta(minutes=1) if late > LATE else 0,
            gate=self._gates.get(record.gate_id, "—"),
            direction=str(record.direction),
            channel=str(record.channel),
            verdict=str(record.verdict),
            code=record.code,
            worker_id=record.worker_id,
            name=name,
            team=team,
            url=f"/projects/{self.project_id}/workers/{record.worker_id}" if self.links and team else "",
            similarity=record.similarity,
            similarity_min=record.similarity_min,
            margin=record.margin,
            margin_min=record.margin_min,
            confirmed=record.confirmed,
            hash=record.hash,
            tone=tone,
            word=words[tone],
        )

    def lines(self, records: Iterable[PassageRecord]) -> tuple[PassageLine, ...]:
        """Records as lines, in the same order."""
        return tuple(self.line(record) for record in records)

    def cards(self, records: Iterable[PassageRecord], may_confirm: bool) -> tuple[AskCard, ...]:
        """Records that ask as cards."""
        return tuple(
            AskCard(self.line(r), f"/projects/{self.project_id}/passages/{r.id}/review" if may_confirm else "")
            for r in records
        )


def latest(db: Session, project_id: int, limit: int) -> list[PassageRecord]:
    """The last passages of a project, newest first."""
    # Numbers have no gap, so the last ``limit`` begin at last - limit.
    after = max(0, gates.last_seq(db, project_id) - limit)
    return gates.passages_after(db, project_id, after, limit)[::-1]


def form(values: Mapping[str, object], name: str) -> str:
    """A text field of a posted form; a file or nothing counts as empty."""
    value = values.get(name, "")
    return value.strip() if isinstance(value, str) else ""
