"""What keeps a wage month from its next state (未办结事项), each with the one step that settles it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.sheet import Blocker
from app.pages.page import Ask, with_query
from app.pages.words import marked
from app.store import bank, people

SHOWN = 40

STEPS = {
    "day_undecided": marked("申请补卡"),
    "day_present": marked("看当天"),
    "day_several_terms": marked("看工资约定"),
    "day_without_terms": marked("看工资约定"),
    "work_without_engagement": marked("看当天"),
    "correction_pending": marked("办理补卡"),
    "gate_silent": marked("看设备"),
    "earlier_month_open": marked("看那个月"),
    "sheet_missing": marked("生成工资表"),
    "sheet_not_approved": marked("办理工资表"),
    "sheet_stale": marked("办理工资表"),
    "sheet_tampered": marked("办理工资表"),
}
"""Code -> what to do about it, the word of its link; a code without one has no page to lead to."""


@dataclass(frozen=True)
class BlockerRow:
    """What keeps a month from its next state."""

    code: str
    subject: str
    url: str
    on: date | None
    ask_url: str
    """Where a correction for that day is asked for; empty where none would help, and for readers who may not."""
    step: str = ""
    """What to do about it, in a word; empty when no page leads on."""
    step_url: str = ""
    """Where it is done."""
    in_panel: bool = False
    """The step is a day of the grid: it opens beside the table."""


def rows_of(ask: Ask, month: date, found: Sequence[Blocker], sheet_of: Mapping[int, int], *, shown: int = SHOWN) -> tuple[BlockerRow, ...]:
    """The first ``shown`` as people read them: names instead of ids, each with where it is settled.

    Args:
        sheet_of: team -> the newest sheet of the month, for what concerns a team.
    """
    here = f"/projects/{ask.project.id}"
    found = found[:shown]
    workers = {b.subject_id for b in found if b.subject_kind == "worker" and isinstance(b.subject_id, int)}
    names = bank.names(ask.db, workers)
    engaged = {e.worker_id for e in people.engagements_of_some(ask.db, ask.project.id, workers)} if workers else set()
    teams = {team.id: team.name for team in people.teams(ask.db, ask.project.id)} if any(b.subject_kind == "team" for b in found) else {}
    rows = []
    for b in found:
        subject, url = f"#{b.subject_id}", ""
        if b.subject_kind == "worker" and isinstance(b.subject_id, int):
            subject = names.get(b.subject_id, subject)
            if b.subject_id in engaged and ask.may("wages.read"):
                url = with_query(f"{here}/workers/{b.subject_id}", month=f"{month:%Y-%m}", day=b.on)
        elif b.subject_kind == "team":
            subject = teams.get(b.subject_id, "")
            url = f"{here}/payroll/{sheet_of[b.subject_id]}" if b.subject_id in sheet_of else with_query(f"{here}/payroll", month=f"{month:%Y-%m}")
        elif b.subject_kind == "period":
            subject = f"{month:%Y-%m}" if b.code == "month_not_over" else str(b.subject_id)[:7]
            if b.code == "earlier_month_open":
                url = with_query(f"{here}/payroll", month=subject)
        elif b.subject_kind == "device":
            subject, url = str(b.subject_id), f"{here}/settings"
        elif b.subject_kind == "correction":
            url = f"{here}/corrections#c-{b.subject_id}"
        elif b.subject_kind == "project":
            subject = ""
        corrects = b.code == "day_undecided" and b.on and ask.may("corrections.request")
        asks = with_query(f"{here}/corrections", worker=b.subject_id, day=b.on) + "#ask" if corrects else ""
        of_day = b.subject_kind == "worker" and b.on is not None and b.subject_id in engaged and ask.may("attendance.read")
        in_panel = bool(of_day) and b.code in ("day_undecided", "day_present", "work_without_engagement")
        step_url = with_query(f"{here}/grid/{b.subject_id}", day=b.on) if in_panel else url
        step = STEPS.get(b.code, "") if step_url else ""
        if b.code == "day_undecided" and not corrects:
            step = STEPS["day_present"]
        rows.append(BlockerRow(b.code, subject, url, b.on, asks, ask.say(step) if step else "", step_url if step else "", in_panel))
    return tuple(rows)
