"""What is owed (欠薪): by the month it was earned in, and by worker, team or company with its age."""

from dataclasses import dataclass
from datetime import date

from app import settlements
from app.domain.arrears import Arrears, Bucket
from app.pages import charts
from app.pages.page import Ask, Page, shown, with_query
from app.pages.words import marked

SIDES = {"worker": marked("按工人"), "team": marked("按班组"), "company": marked("按单位")}
BUCKETS = {
    Bucket.NOT_DUE: marked("未到期"), Bucket.TO_30: marked("1–30 天"), Bucket.TO_90: marked("31–90 天"), Bucket.TO_180: marked("91–180 天"),
    Bucket.TO_365: marked("181–365 天"), Bucket.OVER_365: marked("超过一年"),
}  # fmt: skip
ROWS_MAX = 500
MONTHS_DRAWN = 24


@dataclass(frozen=True)
class MonthLine:
    """Everything earned in one month, whoever earned it."""

    month: date
    due_on: date
    gross_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    """Never set against another month."""
    overdue: bool

    @property
    def covered_fen(self) -> int:
        """Of what was to be paid, what was."""
        return max(0, self.paid_fen - self.overpaid_fen)


@dataclass(frozen=True)
class OwedRow:
    """Who is owed, or whose people are."""

    name: str
    url: str
    fen: tuple[int, ...]
    """By bucket, of those that are shown."""
    overdue_fen: int
    owed_fen: int
    months: int
    oldest: date | None


@dataclass(frozen=True)
class Choice:
    """A side to choose."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class ArrearsContext:
    """What the page of arrears shows."""

    project_id: int = shown("The project, for links")
    whole: Arrears = shown("Of the whole project")
    months: tuple[MonthLine, ...] = shown("Every month with money in it, the newest first")
    sides: tuple[Choice, ...] = shown("Worker, team or company")
    buckets: tuple[str, ...] = shown("Ages with money in them, in words")
    rows: tuple[OwedRow, ...] = shown("Who is owed something, the largest arrears first")
    more: int = shown("How many more there are than are listed")
    chart_url: str = shown("Where the chart's option is")
    waterfall_url: str = shown("Where the option of the chart is that tells how what is owed came together")


def gather(ask: Ask) -> ArrearsContext:
    """The months, and who is owed, from one look at the facts."""
    db, project = ask.db, ask.project
    side = ask.query.get("by", "")
    side = side if side in SIDES else "worker"
    [whole] = settlements.owed_by(db, project.id, ask.now)
    groups = settlements.owed_by(db, project.id, ask.now, by=side)
    kept = [i for i, (_, fen) in enumerate(whole.arrears.buckets) if fen]
    here = f"/projects/{project.id}/arrears"
    return ArrearsContext(
        project_id=project.id,
        whole=whole.arrears,
        months=_months(ask)[::-1],
        sides=tuple(Choice(ask.say(label), with_query(here, by=word), word == side) for word, label in SIDES.items()),
        buckets=tuple(ask.say(BUCKETS[whole.arrears.buckets[i][0]]) for i in kept),
        rows=tuple(
            OwedRow(
                g.name,
                f"/projects/{project.id}/workers/{g.subject_id}" if side == "worker" else "",
                tuple(g.arrears.buckets[i][1] for i in kept),
                g.arrears.overdue_fen,
                g.arrears.owed_fen,
                g.arrears.months_unpaid,
                g.arrears.oldest_due_on,
            )
            for g in groups[:ROWS_MAX]
        ),
        more=max(0, len(groups) - ROWS_MAX),
        chart_url=f"/projects/{project.id}/charts/arrears",
        waterfall_url=f"/projects/{project.id}/charts/owing",
    )


def _months(ask: Ask) -> tuple[MonthLine, ...]:
    return tuple(
        MonthLine(one.month, one.due_on, one.gross_fen, one.withheld_fen, one.paid_fen, one.owed_fen, one.overpaid_fen, overdue=one.due_on < ask.today)
        for one in settlements.owed(ask.db, ask.project.id, ask.now).sums
    )


def chart(ask: Ask) -> dict:
    """Option of the chart: a bar a month, paid below, owed above."""
    months = _months(ask)[-MONTHS_DRAWN:]
    return charts.owed([(m.month, m.covered_fen, m.owed_fen, m.overdue) for m in months], ask.language)


def waterfall(ask: Ask) -> dict:
    """Option of the chart of steps: by the month the work was done in, what was to be paid and what was."""
    months = _months(ask)[-MONTHS_DRAWN:]
    return charts.waterfall([(m.month, m.covered_fen + m.owed_fen, m.covered_fen) for m in months], ask.language)


PAGE = Page("/projects/{project_id:int}/arrears", marked("欠薪"), "arrears.html", "wages.read", ArrearsContext, gather, marked("欠薪"))
