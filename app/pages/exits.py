"""Exit settlements (退场结算): who left, what he still gets, and its steps: settle, sign or dispute, release, pay."""

from dataclasses import dataclass
from datetime import date, datetime

from starlette.datastructures import FormData

from app import bank, settlements
from app.domain.workdays import local
from app.errors import BadRequest
from app.pages import batches, filled, lines
from app.pages.page import Act, Ask, ListChoice, Page, or_again, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.settlements import Exit, ExitState
from app.store import accounts

ROWS_MAX = 300
WAITS = {
    ExitState.MISSING: marked("先结算：把各月应计、扣款与已付固定下来，给离场工人签字。"),
    ExitState.STALE: marked("结算之后考勤或工资有变化，或有日子待确认：须重新结算。"),
    ExitState.UNSIGNED: marked("已结算：打印确认书，请本人签字后登记。"),
    ExitState.DISPUTED: marked("本人有异议：查明后重新结算，或登记他新的意见。"),
    ExitState.OWED: marked("已签字，尚未付清：由另一人批准支付后，在专户代发。"),
    ExitState.DONE: marked("已签字并付清。"),
}
RELEASED = marked("已签字、已批准支付：在专户列入代发批次。")


@dataclass(frozen=True)
class MonthLine:
    """One month of the account."""

    month: date
    gross_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int


@dataclass(frozen=True)
class ExitRow:
    """Somebody who left."""

    engagement_id: int
    settlement_id: int | None
    content_hash: str
    name: str
    url: str
    team: str
    exit_on: date
    state: str
    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    waits: int
    """Days and requests to be decided first."""
    word: str
    """agree or dispute; empty while he said nothing."""
    method: str
    claimed_fen: int | None
    reason: str
    open_url: str


@dataclass(frozen=True)
class Opened:
    """The one whose account is shown."""

    row: ExitRow
    next: str
    months: tuple[MonthLine, ...]
    overpaid_fen: int
    made_by: str
    made_at: datetime | None
    """On the project's own clock; None while it is not settled."""
    frozen_fen: int | None
    """What the settlement says is owed."""
    may_settle: bool
    may_sign: bool
    may_release: bool
    pay_url: str
    """Where what is released is paid; empty while it is not, and for readers who may not open the account."""
    papers: tuple[Paper, ...]


@dataclass(frozen=True)
class ExitsContext:
    """What the page of exits shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just asked for was refused; empty else")
    choices: tuple[ListChoice, ...] = shown("Lists to choose: those with something to do, or all")
    rows: tuple[ExitRow, ...] = shown("Who left, those with most to do first")
    more: int = shown("How many more there are than are listed")
    owed_fen: int = shown("What those of the list still get")
    opened: Opened | None = shown("The one whose account is shown; None else")


def path(ask: Ask, **query: object) -> str:
    """Address of the page."""
    return with_query(f"/projects/{ask.project.id}/exits", **query)


def gather(ask: Ask) -> ExitsContext:
    """Everybody who left, as the facts are now."""
    return _page(ask)


def _page(ask: Ask, refused: str = "") -> ExitsContext:
    every = settlements.exits(ask.db, ask.project.id, ask.now, read=True)
    open_ = [one for one in every if one.state is not ExitState.DONE]
    whole = ask.query.get("show") == "all"
    found = every if whole else open_
    show = "all" if whole else ""
    wanted = ask.number("of")
    rows = [_row(ask, one, show) for one in found[:ROWS_MAX]]
    chosen = next((one for one in every if one.statement.place.id == wanted), None)
    return ExitsContext(
        project_id=ask.project.id,
        refused=refused,
        choices=(
            ListChoice(ask.say("待办"), len(open_), path(ask), not whole),
            ListChoice(ask.say("全部"), len(every), path(ask, show="all"), whole),
        ),
        rows=tuple(rows),
        more=max(0, len(found) - ROWS_MAX),
        owed_fen=sum(one.owed_fen for one in found),
        opened=_opened(ask, chosen, show) if chosen else None,
    )


def _row(ask: Ask, one: Exit, show: str) -> ExitRow:
    place, money, word = one.statement.place, one.statement.settlement, one.confirmation
    return ExitRow(
        engagement_id=place.id,
        settlement_id=one.settlement.id if one.settlement else None,
        content_hash=one.settlement.content_hash if one.settlement else "",
        name=one.name,
        url=f"/projects/{ask.project.id}/workers/{place.worker_id}",
        team=place.team_name,
        exit_on=place.exit_on,
        state=str(one.state),
        accrued_fen=money.accrued_fen,
        withheld_fen=money.withheld_fen,
        paid_fen=money.paid_fen,
        owed_fen=one.owed_fen,
        waits=one.statement.waits,
        word=str(word.verdict) if word else "",
        method=str(word.method) if word else "",
        claimed_fen=word.claimed_fen if word else None,
        reason=word.reason if word else "",
        open_url=path(ask, show=show, of=place.id) + "#opened",
    )


def _lines(one: Exit) -> tuple[MonthLine, ...]:
    return tuple(MonthLine(m.month, m.gross_fen, m.withheld_fen, m.paid_fen, m.owed_fen) for m in one.statement.months)


def _opened(ask: Ask, one: Exit, show: str) -> Opened:
    row, made = _row(ask, one, show), one.settlement
    by = accounts.names(ask.db, {made.made_by}).get(made.made_by, made.made_by) if made else ""
    stands = one.state in (ExitState.UNSIGNED, ExitState.DISPUTED)
    released = one.state is ExitState.OWED and one.owed_fen <= sum(
        ready.line.owed_fen for ready in bank.payable(ask.db, ask.project.id) if ready.line.engagement_id == one.statement.place.id
    )
    return Opened(
        row=row,
        next=ask.say(RELEASED if released else WAITS[one.state]),
        months=_lines(one),
        overpaid_fen=one.statement.settlement.overpaid_fen,
        made_by=by,
        made_at=local(made.made_at, ask.policy) if made else None,
        frozen_fen=made.owed_fen if made else None,
        may_settle=one.state in (ExitState.MISSING, ExitState.STALE) and ask.may("terms.write"),
        may_sign=stands and ask.may("terms.write"),
        may_release=one.state is ExitState.OWED and not released and ask.may("sheets.approve") and made.made_by != ask.person.login,
        pay_url=batches.path(ask.project.id) if released and ask.may("bank.read") else "",
        papers=papers(ask, (marked("退场结算确认书"), "settlement", {"settlement_id": made.id})) if made else (),
    )


# --- acts ----------------------------------------------------------------------------------------------------


def _back(ask: Ask, done: str) -> str:
    return path(ask, show="all" if ask.query.get("show") == "all" else "", of=ask.number("of"), done=done) + "#opened"


def _settle(ask: Ask, values: FormData) -> str:
    settlements.settle(
        ask.db, project_id=ask.project.id, engagement_id=filled.number(values, "engagement_id"), by=ask.person.login, now=ask.now
    )
    return _back(ask, "exit_settled")


def _word(ask: Ask, values: FormData) -> str:
    verdict = lines.form(values, "verdict")
    claimed = filled.fen(lines.form(values, "claimed")) if verdict == "dispute" else None
    if verdict == "dispute" and claimed is None:
        raise BadRequest("claim_needed")
    settlements.confirm(
        ask.db, project_id=ask.project.id, settlement_id=filled.number(values, "settlement_id"),
        content_hash=lines.form(values, "content_hash"), verdict=verdict, method=lines.form(values, "method"),
        evidence=filled.scan(ask, values.get("scan")), claimed_fen=claimed, reason=lines.form(values, "reason"),
        by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return _back(ask, "word_kept")


def _release(ask: Ask, values: FormData) -> str:
    settlements.pay_out(
        ask.db, project_id=ask.project.id, settlement_id=filled.number(values, "settlement_id"), by=ask.person.login, now=ask.now
    )
    return _back(ask, "exit_released")


PAGE = Page("/projects/{project_id:int}/exits", marked("退场结算"), "exits.html", "wages.read", ExitsContext, gather, marked("退场结算"))
ACTS: tuple[Act, ...] = (
    Act("/projects/{project_id:int}/exits/settlements", "terms.write", or_again(PAGE, _page, _settle)),
    Act("/projects/{project_id:int}/exits/words", "terms.write", or_again(PAGE, _page, _word)),
    Act("/projects/{project_id:int}/exits/releases", "sheets.approve", or_again(PAGE, _page, _release)),
)
