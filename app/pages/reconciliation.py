"""Statement against ledger (对账): the bank's lines, what each was, and what lies between the two sums."""

from dataclasses import dataclass
from datetime import date

from starlette.datastructures import FormData
from starlette.responses import Response

from app import bank
from app.domain.facts import Payment
from app.domain.statement import Document
from app.errors import NotFound, ServiceError
from app.forms.bank import read_workbook
from app.pages import filled, lines
from app.pages.batches import FAULTS_SHOWN, Taken, faults, path, templates
from app.pages.page import Act, Again, Ask, Page, go, shown, with_query
from app.pages.words import marked
from app.store import bank as held
from app.store.bank import StatementInfo, TemplateInfo
from app.wording import name as name_of

LINES_SHOWN = 200
OFFERED_MAX = 20


@dataclass(frozen=True)
class Offer:
    """What a line may have been."""

    value: str
    label: str


@dataclass(frozen=True)
class OpenLine:
    """A statement line nobody knows."""

    line: StatementInfo
    offers: tuple[Offer, ...]
    """Documents of its amount first, then a fee, interest and the like; empty for readers who may not say."""


@dataclass(frozen=True)
class Between:
    """A document of ours that the bank does not show."""

    kind: str
    on: date
    amount_fen: int
    reference: str


@dataclass(frozen=True)
class ReconciliationContext:
    """What the page of the statement shows."""

    refused: str = shown("Why what was just asked for was refused; empty else")
    taken: Taken | None = shown("What the statement that was just given did; None else")
    own_path: str = shown("Address of the page")
    back_url: str = shown("The special account")
    checked: bank.Reconciliation = shown("Statement against ledger as of today")
    shapes: tuple[TemplateInfo, ...] = shown("Shapes of statements this reader may give; none for others")
    unmatched: tuple[OpenLine, ...] = shown("Statement lines nobody knows; money that went out first")
    between: tuple[Between, ...] = shown("Documents of ours that the bank does not show")
    outside: tuple[Payment, ...] = shown("Wages paid outside the account, with their reversals")
    lines: tuple[StatementInfo, ...] = shown("The statement, the latest line first")
    more: int = shown("How many earlier lines there are than are listed")


def gather(ask: Ask) -> ReconciliationContext | Response:
    """The account on today's date; the page of the account says what to do while there is none."""
    return _page(ask) if held.live_account(ask.db, ask.project.id) else go(path(ask.project.id))


def _page(ask: Ask, refused: str = "", taken: Taken | None = None) -> ReconciliationContext:
    checked = bank.reconcile(ask.db, ask.project.id, ask.now)
    writes = ask.may("bank.write")
    latest, total = held.statement_end(ask.db, checked.account.id, LINES_SHOWN)
    return ReconciliationContext(
        refused=refused,
        taken=taken,
        own_path=_path(ask),
        back_url=path(ask.project.id),
        checked=checked,
        shapes=templates(ask, "statement") if writes else (),
        unmatched=tuple(OpenLine(each, _offers(ask, each, checked.not_on_statement) if writes else ()) for each in checked.unmatched),
        between=tuple(Between(d.kind, d.on, d.amount_fen, d.reference or "") for d in checked.not_on_statement),
        outside=checked.outside,
        lines=tuple(latest),
        more=max(0, total - LINES_SHOWN),
    )


def _path(ask: Ask) -> str:
    return path(ask.project.id) + "/statement"


def _offers(ask: Ask, line: StatementInfo, open_: tuple[Document, ...]) -> tuple[Offer, ...]:
    def named(kind: str) -> str:
        return name_of(f"statement_kind.{kind}", ask.language)

    fit = [d for d in open_ if d.amount_fen == line.amount_fen][:OFFERED_MAX]
    own = ("fee",) if line.amount_fen < 0 else ("interest", "fee_refund")
    return (
        *(Offer(f"{d.kind}:{d.id}", f"{named(d.kind)} {d.on} {d.reference or ''}".strip()) for d in fit),
        *(Offer(f"{kind}:", named(kind)) for kind in (*own, "unknown")),
    )


def take_in(ask: Ask, values: FormData) -> Again:
    """Take in the statement; all of it or nothing, and each wrong row is named."""
    try:
        with ask.db.begin_nested():
            done = bank.import_statement(
                ask.db, ask.state.vault, project_id=ask.project.id, template_id=filled.number(values, "template_id"),
                content=filled.content(values.get("file"), bank.FILE_BYTES_MAX), read_workbook=read_workbook,
                by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        if error.code == "special_account_missing":
            raise
        return Again(PAGE, _page(ask, ask.why(error)), error.status)
    if done.faults:
        told = ask.say("对账单共 %(rows)s 行，有错误，一行也没有导入；改正后重新导入。", rows=done.rows_total)
    else:
        told = ask.say(
            "对账单共 %(rows)s 行：新导入 %(n)s 行，先前已有 %(k)s 行，对上 %(m)s 笔。",
            rows=done.rows_total, n=done.written, k=done.known, m=done.matched,
        )  # fmt: skip
    return Again(PAGE, _page(ask, taken=Taken(told, faults(ask, done.faults), max(0, len(done.faults) - FAULTS_SHOWN))), 200)


def match(ask: Ask, values: FormData) -> str | Again:
    """Say what a statement line was."""
    kind, _, number = lines.form(values, "was").partition(":")
    if number and not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise NotFound("document_unknown")
    try:
        with ask.db.begin_nested():
            bank.set_match(
                ask.db, project_id=ask.project.id, line_id=ask.id("line_id"), kind=kind, document_id=int(number) if number else None,
                by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        if error.status == 404:
            raise
        return Again(PAGE, _page(ask, ask.why(error)), error.status)
    return with_query(_path(ask), done="line_matched")


PAGE = Page(
    "/projects/{project_id:int}/account/statement", marked("对账"), "reconciliation.html", "bank.read", ReconciliationContext, gather
)
ACTS: tuple[Act, ...] = (
    Act("/projects/{project_id:int}/account/statement", "bank.write", take_in),
    Act("/projects/{project_id:int}/account/statement/{line_id:int}/matches", "bank.write", match),
)
