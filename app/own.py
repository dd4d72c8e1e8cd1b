"""Use case: what a worker reads about himself, and nothing of anybody else: days, wages, slips, what is kept of his face.

    places     the projects he is on with his role
    days       his days of a month, each with its passages (我的考勤)
    inside     since when he is on site, and which day it counts for
    wages      accrued, withheld, paid, owed, month by month (我的工资)
    slips      his lines of approved sheets (我的工资清单)
    lines      his lines on the newest sheets: what he is asked to sign, and what became of it (我的工资表)
    sign, object_to_line   his word on one of them, from his own session
    month      one month told whole: days with passages and items, corrections, terms, lines (怎么算出来的)
    payments   what he was paid, and what was taken back
    beside     advances, deductions and allowances that stand (预支、扣款与津贴)
    face       his consent, and whether a template and photographs of him are kept (我的人脸)
    withdraw   his consent taken back, by himself: erased at once, and another way in given

Every function takes the project and worker of his role: the caller has them from ``access.own``, never from the request.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import enrolment, objections, papers, payroll, projection, sheets, signatures
from app.domain.facts import Payment
from app.domain.sheet import Confirmation, SheetState
from app.domain.workdays import next_month
from app.errors import BadRequest, NotFound, ServiceError
from app.payroll import MonthAccount
from app.store import inspection as rows
from app.store import money, people, terms, words
from app.store import sheets as sheet_rows
from app.store.people import ConsentInfo
from app.store.projection import DayLine
from app.store.sheets import LineInfo, SheetInfo
from app.vault import Vault


def days(db: Session, project_id: int, worker_id: int, month: date, now: datetime) -> list[DayLine]:
    """His days of a month, oldest first."""
    return projection.worker_days(db, project_id, worker_id, month, next_month(month), now)


def inside(db: Session, project_id: int, worker_id: int, today: date, now: datetime) -> tuple[date, datetime] | None:
    """(work date, since when) of the stay that goes on now; None while he is not on site. A night's stay counts for the day it began on."""
    for line in reversed(projection.worker_days(db, project_id, worker_id, today - timedelta(days=1), today + timedelta(days=1), now)):
        if stay := line.detail.get("inside"):
            return line.work_date, datetime.fromisoformat(stay["in_at"])
    return None


def engaged(db: Session, project_id: int, worker_id: int, today: date) -> bool:
    """True while he is on the project."""
    return any(e.covers(today) for e in people.engagements_of(db, project_id, worker_id))


def wages(db: Session, project_id: int, worker_id: int, now: datetime) -> tuple[MonthAccount, ...]:
    """His account, month by month. Withheld is what the lines say that he has been handed, also before the month is closed:
    what is left is what his sheet says."""
    withheld: dict[date, int] = defaultdict(int)
    for line, _, _ in _handed(db, project_id, worker_id):
        withheld[line.content.origin_month] += line.content.deductions_fen + line.content.advances_fen
    return tuple(
        replace(
            m, withheld_fen=(taken := withheld[m.month]), owed_fen=max(0, m.accrued_fen - taken - m.paid_fen),
            overpaid_fen=max(0, m.paid_fen + taken - m.accrued_fen),
        )
        for m in payroll.accounts_of(db, project_id, now, worker_id=worker_id).get(worker_id, ())
    )  # fmt: skip


def slips(db: Session, vault: Vault, project_id: int, worker_id: int, month: date) -> list[sheets.Slip]:
    """His wage slips for a month. A line whose sheet is not approved yet, or was tampered with, has none."""
    found = []
    for line_id in rows.sheets_of(db, project_id, worker_id, month):
        try:
            found.append(sheets.slip(db, vault, project_id=project_id, line_id=line_id))
        except ServiceError:
            continue
    return found


SHOWN = (SheetState.SUBMITTED, SheetState.CHECKED, SheetState.PUBLICISED, SheetState.APPROVED)
"""A worker sees a line once it has been handed in."""
SIGNED_IN_STATE = (SheetState.PUBLICISED, SheetState.APPROVED)
"""... and signs it from the day on which it hangs out: before that it may still be put right without him."""


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line of his on the newest version of a sheet."""

    line: LineInfo
    state: SheetState
    confirmation: Confirmation | None
    """His latest word on exactly this line."""
    voided: Confirmation | None
    """His signature on an earlier version that said something else: it stands no more."""
    answer: words.AnswerInfo | None
    """What his dispute was answered."""
    deadline: date | None
    """Day from which the sheet may be approved: sign or object before it."""
    paid_fen: int
    unpaid_fen: int

    @property
    def may_sign(self) -> bool:
        """He can sign it now; once he has agreed there is nothing more to sign."""
        return self.state in SIGNED_IN_STATE and self.line.is_true and not (self.confirmation and self.confirmation.verdict == "agree")

    @property
    def may_object(self) -> bool:
        """He can say that it is wrong; also after he signed, and after the day has passed."""
        return self.state in SHOWN and self.line.is_true and self.line.content.net_fen >= 0


def _handed(db: Session, project_id: int, worker_id: int) -> list[tuple[LineInfo, SheetInfo, SheetState]]:
    """His lines on the newest versions of sheets that were handed in, the newest first, each with its sheet."""
    found = []
    standing = sheet_rows.standing_lines_of(db, project_id, worker_id)
    their_sheets = sheet_rows.sheets_by_id(db, {line.sheet_id for line in standing})
    for line in standing:
        sheet = their_sheets[line.sheet_id]
        state = sheets.state_of(sheet)
        if state in SHOWN:
            found.append((line, sheet, state))
    return found


def lines(db: Session, project_id: int, worker_id: int, now: datetime) -> tuple[OwnLine, ...]:
    """His lines on the newest sheets, the newest first."""
    found = _handed(db, project_id, worker_id)
    said = sheet_rows.confirmations(db, project_id, "line", (line.line_hash for line, _, _ in found))
    answers = words.answers(db, project_id, "line", [c.id for c in said.values() if c.verdict == "dispute"])
    paid = {p.line_id: p for p in sheet_rows.payable_lines(db, project_id, workers=[worker_id])} if found else {}
    told = []
    for line, sheet, state in found:
        word, money_of = said.get(line.line_hash), paid.get(line.id)
        told.append(
            OwnLine(
                line, state, word, None if word else signatures.void(db, project_id, line.sheet_id).get(line.id),
                answers.get(word.id) if word else None, sheets.approvable_on(db, project_id, sheet, now),
                money_of.paid_fen if money_of else 0, money_of.owed_fen if money_of else max(0, line.content.net_fen),
            )
        )  # fmt: skip
    return tuple(told)


def own_line(db: Session, project_id: int, worker_id: int, line_id: int, now: datetime) -> OwnLine:
    """One of his lines.

    Raises:
        NotFound: ``line_unknown``: somebody else's, or not handed in, or no longer on the newest version.
    """
    found = next((one for one in lines(db, project_id, worker_id, now) if one.line.id == line_id), None)
    if found is None:
        raise NotFound("line_unknown")
    return found


def sign(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, line_id: int, line_hash: str, drawn: str,
    session: tuple[datetime, str | None] | None, by: str, now: datetime,
) -> sheets.Confirmed:  # fmt: skip
    """He signs a line of his with a drawing.

    Args:
        line_hash: of the line as he saw it.
        session: when his session began, and who made the code it began with (``access.session_of``).

    Raises:
        NotFound: ``line_unknown``.
        BadRequest: ``line_not_signable``: it does not hang out, or he has agreed.
        As ``signatures.sign_drawn``.
    """
    if not own_line(db, project_id, worker_id, line_id, now).may_sign:
        raise BadRequest("line_not_signable")
    began_at, code_by = session or (now, None)
    return signatures.sign_drawn(
        db, vault, project_id=project_id, line_id=line_id, line_hash=line_hash, drawn=drawn, worker_id=worker_id,
        phone=signatures.PhoneSession(code_by, began_at), by=by, now=now,
    )  # fmt: skip


def object_to_line(
    db: Session, *, project_id: int, worker_id: int, line_id: int, line_hash: str, claimed_fen: int | None, text: str, by: str, now: datetime
) -> sheets.Confirmed:
    """He says that a line of his is wrong, and what is right instead.

    Raises:
        NotFound: ``line_unknown``.
        BadRequest: ``claim_needed``; ``line_not_signable``: it was not handed in.
        As ``objections.object_to_line``.
    """
    if claimed_fen is None:
        raise BadRequest("claim_needed")
    if not own_line(db, project_id, worker_id, line_id, now).may_object:
        raise BadRequest("line_not_signable")
    return objections.object_to_line(
        db, project_id=project_id, worker_id=worker_id, line_id=line_id, line_hash=line_hash, claimed_fen=claimed_fen, text=text, by=by, now=now
    )


def month(db: Session, project_id: int, worker_id: int, of: date, now: datetime) -> dict[str, Any]:
    """A month of his told whole (``sheets.month_of_worker``), with the lines he has been handed."""
    own = [one.line.id for one in lines(db, project_id, worker_id, now) if one.line.content.origin_month == of]
    return sheets.month_of_worker(db, project_id, worker_id, of, own, now)


def beside(db: Session, project_id: int, worker_id: int) -> terms.OfWorker:
    """What was advanced to him, what is to be withheld from him and what he is given beside his pay, with what was withheld so far."""
    return terms.of_worker(db, project_id, worker_id)


def payments(db: Session, project_id: int, worker_id: int) -> tuple[Payment, ...]:
    """What he was paid, newest first; what was taken back stands there with its sign turned round."""
    found = money.payments(db, project_id, worker_id=worker_id)
    return tuple(sorted(found, key=lambda p: (p.paid_on, p.id), reverse=True))


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A consent he took back."""

    templates_erased: int
    already: bool
    code: str | None
    """A code for the gate, shown this once, when he had neither card nor code."""


def withdraw(db: Session, vault: Vault, *, project_id: int, worker_id: int, by: str, now: datetime) -> Withdrawal:
    """Take his consent back: template and photographs are erased at once, days and wages stay, and he has another way in.

    Raises:
        As ``enrolment.withdraw_consent``.
    """
    done = enrolment.withdraw_consent(db, project_id=project_id, worker_id=worker_id, method="screen", now=now, by=by)
    code = papers.non_face_way(db, vault, project_id=project_id, worker_id=worker_id, now=now, by=by)
    return Withdrawal(done.templates_erased, done.already, code)


@dataclass(frozen=True, slots=True)
class Face:
    """What is kept of his face on one project."""

    consent: ConsentInfo | None
    """His latest word; None when he never said anything."""
    has_template: bool
    erased_by_exit_days: int
    """Days after his last day by which everything is gone."""
    photographs: int = 0
    """Enrolment photographs that are kept."""
    history: tuple[ConsentInfo, ...] = ()
    """Everything he ever said, the newest first."""
    enrolled: tuple[datetime, int] | None = None
    """(when, of how many photographs) his template was made; None without one."""


def face(db: Session, project_id: int, worker_id: int, today: date, erased_by_exit_days: int) -> Face:
    """His consent and what is kept."""
    own = people.workers(db, project_id, today=today, worker_id=worker_id)
    return Face(
        people.latest_consent(db, project_id, worker_id), any(row.has_template for row in own), erased_by_exit_days,
        people.photographs_kept(db, project_id, worker_id), people.consents(db, project_id, worker_id)[::-1],
        people.template_kept(db, project_id, worker_id),
    )  # fmt: skip


def who(db: Session, project_id: int, worker_id: int) -> dict[str, Any]:
    """Himself on a project: name, project, team; for the head of his page."""
    place = people.place_of(db, project_id, worker_id)
    project = people.project(db, project_id)
    return {
        "project_id": project_id, "project": project.name, "name": people.worker(db, worker_id).name,
        "team": place.team if place else "", "entry_on": place.entry_on if place else None,
    }  # fmt: skip
