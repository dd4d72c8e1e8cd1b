"""The special account (专户): ledger beside statement, funding, batches, what can be paid and what cannot."""

from dataclasses import dataclass
from datetime import date, timedelta

from starlette.datastructures import FormData

from app import bank
from app.domain.statement import Funded
from app.domain.workdays import month_of
from app.errors import BadRequest
from app.fields import read_month
from app.pages import batches, filled, lines, show
from app.pages.batches import REASONS, path, templates
from app.pages.page import Act, Ask, Page, or_again, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.store import bank as held
from app.store import people
from app.store.bank import BatchInfo, ReceiptInfo, Standing, TemplateInfo
from app.wording import name

GAPS = {
    "account_missing": marked("未开立专户：开户并签订监管协议后登记账号与协议各方；登记之前不能代发工资。"),
    "account_name_differs": marked("户名与总包、项目名称不符，请核对开户资料。"),
    "party_missing": marked("监管协议缺少%(role)s，请补签。"),
    "party_not_signed": marked("监管协议中%(role)s尚未签字。"),
    "funding_late": marked("超过一个月没有人工费到账，最近一次是 %(on)s，请催拨。"),
    "funding_short": marked("应于 %(on)s 到账的人工费还差 %(fen)s，请催拨。"),
    "balance_short": marked("余额比应付工资少 %(fen)s，代发前须补足。"),
}


@dataclass(frozen=True)
class BatchLine:
    """A batch, with how many of its transfers stand where."""

    batch: BatchInfo
    url: str
    is_answered: bool
    """The bank has said of each transfer what came of it."""
    states: tuple[tuple[str, int, int], ...]
    """(state, how many, fen)."""
    file_url: str
    """Where the bank's file is; empty while there is none, and for readers who do not send it."""


@dataclass(frozen=True)
class PayLine:
    """A line of a closed month that is not wholly paid."""

    name: str
    url: str
    month: date
    owed_fen: int
    now_fen: int
    reason: str
    """Why it cannot go; empty: it can."""


@dataclass(frozen=True)
class Choice:
    """A company that can be paid for."""

    id: int
    name: str


@dataclass(frozen=True)
class MakeForm:
    """The form that makes a batch."""

    months: tuple[tuple[date, int, int], ...]
    """(month of the sheets, how many can go now, fen), newest first."""
    templates: tuple[TemplateInfo, ...]
    template_id: int
    """Of the last batch."""
    companies: tuple[Choice, ...]
    """Subcontractors the general contractor may pay for (先行清偿)."""


@dataclass(frozen=True)
class Party:
    """Who must sign the account's agreement."""

    role: str
    name: str
    """As the project knows it; empty: to be filled in."""


@dataclass(frozen=True)
class AccountContext:
    """What the page of the special account shows."""

    refused: str = shown("Why what was just asked for was refused; empty else")
    own_path: str = shown("Address of the page")
    make: MakeForm | None = shown("The form that makes a batch; None for readers who may not, or when nothing can go")
    opening: tuple[Party, ...] = shown("The form that records the account: who must sign its agreement; empty for readers who may not, or where there is one")
    may_fund: bool = shown("The reader may record the funding plan and what arrived")
    receipts: tuple[ReceiptInfo, ...] = shown("Labour cost that arrived, newest first")
    last_month: date = shown("The month before this one, for the form of the funding plan")
    today: date = shown("Today on the project's own calendar")
    gaps: tuple[str, ...] = shown("What the account lacks, by the county's rules, in sentences")
    checked: bank.Reconciliation | None = shown("Statement against ledger; None without an account")
    funding: tuple[Funded, ...] = shown("The funding plan with what arrived of it")
    batches: tuple[BatchLine, ...] = shown("Batches with their transfers, newest first")
    payable: tuple[PayLine, ...] = shown("Lines of closed months that are not wholly paid")
    payable_fen: int = shown("What could go out now, of all of them")
    unmatched: int = shown("How many statement lines nobody knows")
    papers: tuple[Paper, ...] = shown("The account's ledger to take away")


def gather(ask: Ask) -> AccountContext:
    """Everything of the account, as it is now."""
    return _page(ask)


def _page(ask: Ask, refused: str = "") -> AccountContext:
    db, project_id = ask.db, ask.project.id
    live = held.live_account(db, project_id)
    checked = bank.reconcile(db, project_id, ask.now) if live else None
    ready = bank.payable(db, project_id)
    every = held.batches(db, project_id)
    standings = bank.standings(db, project_id)
    return AccountContext(
        refused=refused,
        own_path=path(project_id),
        make=_make_form(ask, ready, every) if live and ask.may("batches.make") else None,
        opening=() if live or not ask.may("bank.write") else _parties(ask),
        may_fund=live is not None and ask.may("bank.write"),
        receipts=tuple(reversed(held.receipts(db, live.id))) if live else (),
        last_month=month_of(month_of(ask.today) - timedelta(days=1)),
        today=ask.today,
        gaps=tuple(
            ask.say(GAPS[g.code], role=name(f"party.{g.role}", ask.language) if g.role else "", on=g.on, fen=show.money(g.fen))
            for g in bank.account_gaps(db, project_id, ask.now)
        ),
        checked=checked,
        funding=bank.funding(db, project_id, ask.now) if live else (),
        batches=tuple(_batch(ask, batch, standings.get(batch.id, ())) for batch in reversed(every)),
        payable=tuple(
            PayLine(
                r.name, f"/projects/{project_id}/workers/{r.line.worker_id}?month={r.line.origin_month:%Y-%m}", r.line.month,
                r.line.owed_fen, r.amount_fen, ask.say(REASONS[r.reason]) if r.reason else "",
            )
            for r in ready
        ),  # fmt: skip
        payable_fen=sum(r.amount_fen for r in ready),
        unmatched=len(checked.unmatched) if checked else 0,
        papers=papers(ask, (marked("专户收支台账"), "account", {})) if live else (),
    )


def _parties(ask: Ask) -> tuple[Party, ...]:
    known = {c.role: c.name for c in reversed(people.project_companies(ask.db, ask.project.id))}
    if "general_contractor" not in known:
        return ()
    return tuple(Party(role, known.get(role, "")) for role in bank.asked_for(ask.db, ask.project, ask.today))


def _batch(ask: Ask, batch: BatchInfo, standings: tuple[Standing, ...]) -> BatchLine:
    count = {each.state: (each.count, each.fen) for each in standings}
    takes = ask.may("batches.make") and batch.state == "sent"
    return BatchLine(
        batch,
        path(ask.project.id, batch.id),
        batch.state == "sent" and "pending" not in count,
        tuple((state, *count[state]) for state in ("success", "pending", "failed", "returned") if state in count),
        f"/v1/projects/{ask.project.id}/batches/{batch.id}/file" if takes else "",
    )


def _make_form(ask: Ask, ready: tuple[bank.Ready, ...], every: list[BatchInfo]) -> MakeForm | None:
    can: dict[date, list[int]] = {}
    for one in ready:
        if one.reason is None:
            can.setdefault(one.line.month, []).append(one.amount_fen)
    shapes = templates(ask, "batch")
    if not can or not shapes:
        return None
    known = {t.id for t in shapes}
    last = next((b.template_id for b in reversed(every) if b.template_id in known), shapes[0].id)
    with_money = {one.line.project_company_id for one in ready if one.reason is None}
    return MakeForm(
        months=tuple((month, len(can[month]), sum(can[month])) for month in sorted(can, reverse=True)),
        templates=shapes,
        template_id=last,
        companies=tuple(
            Choice(c.id, c.name)
            for c in people.project_companies(ask.db, ask.project.id)
            if c.id in with_money and c.role not in ("general_contractor", "owner")
        ),
    )


# --- acts ----------------------------------------------------------------------------------------------------


def _make(ask: Ask, values: FormData) -> str:
    return with_query(path(ask.project.id, batches.make(ask, values)), done="batch_made")


def _open(ask: Ask, values: FormData) -> str:
    """Record the account, and how banks want their files: without a shape no batch can be made."""
    contractor = next((c for c in people.project_companies(ask.db, ask.project.id) if c.role == "general_contractor"), None)
    opening = lines.form(values, "opening").strip()
    parties = [
        {"role": each.role, "name": name, "signed_on": lines.form(values, f"signed_{each.role}") or None}
        for each in _parties(ask)
        if (name := lines.form(values, f"party_{each.role}").strip())
    ]
    bank.open_account(
        ask.db, ask.state.vault, project_id=ask.project.id, company_id=contractor.company_id if contractor else 0,
        bank_name=lines.form(values, "bank"), number=lines.form(values, "number"),
        opened_on=filled.day(lines.form(values, "opened_on"), "opened_on"), opening_fen=_amount(opening) if opening else 0,
        parties=parties, by=ask.person.login, now=ask.now,
    )  # fmt: skip
    bank.seed_templates(ask.db, by=ask.person.login, now=ask.now)
    return with_query(path(ask.project.id), done="account_opened")


def _plan(ask: Ask, values: FormData) -> str:
    month = read_month(lines.form(values, "month"))
    due_on, fen = filled.day(lines.form(values, "due_on"), "due_on"), _fen(values)
    bank.add_plan(ask.db, project_id=ask.project.id, month=month, due_on=due_on, agreed_fen=fen, by=ask.person.login, now=ask.now)
    return with_query(path(ask.project.id), done="funding_kept") + "#funding"


def _receipt(ask: Ask, values: FormData) -> str:
    received_on, fen = filled.day(lines.form(values, "received_on"), "received_on"), _fen(values)
    bank.record_receipt(
        ask.db, project_id=ask.project.id, received_on=received_on, amount_fen=fen, reference=lines.form(values, "reference"),
        by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return with_query(path(ask.project.id), done="funding_kept") + "#funding"


def _unplan(ask: Ask, values: FormData) -> str:
    bank.void(
        ask.db, project_id=ask.project.id, kind="funding_plan", row_id=filled.number(values, "plan_id"),
        reason=lines.form(values, "reason"), by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return with_query(path(ask.project.id), done="funding_kept") + "#funding"


def _fen(values: FormData) -> int:
    return _amount(lines.form(values, "amount"))


def _amount(text: str) -> int:
    found = filled.fen(text)
    if found is None:
        raise BadRequest("amount_wrong", limit_fen=bank.AMOUNT_FEN_LIMIT)
    return found


PAGE = Page(
    "/projects/{project_id:int}/account", marked("专户"), "account.html", "bank.read", AccountContext, gather, marked("专户")
)
ACTS: tuple[Act, ...] = (
    Act("/projects/{project_id:int}/account/batches", "batches.make", or_again(PAGE, _page, _make)),
    Act("/projects/{project_id:int}/account/open", "bank.write", or_again(PAGE, _page, _open)),
    Act("/projects/{project_id:int}/account/plan", "bank.write", or_again(PAGE, _page, _plan)),
    Act("/projects/{project_id:int}/account/plan/void", "bank.write", or_again(PAGE, _page, _unplan)),
    Act("/projects/{project_id:int}/account/receipts", "bank.write", or_again(PAGE, _page, _receipt)),
)
