"""The special account (专户): ledger beside statement, funding, batches, what can be paid and what cannot."""

from dataclasses import dataclass
from datetime import date

from app import bank
from app.domain.statement import Funded
from app.pages import show
from app.pages.page import Ask, Page, shown
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.store import bank as held
from app.store.bank import BatchInfo, StatementInfo
from app.wording import name

REASONS = {
    "no_card": marked("未登记工资卡"),
    "name_unwritable": marked("户名有银行文件写不出的字"),
    "unsigned": marked("未签字"),
    "held": marked("异议部分暂缓"),
    "on_its_way": marked("已送银行"),
}
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
class AccountContext:
    """What the page of the special account shows."""

    gaps: tuple[str, ...] = shown("What the account lacks, by the county's rules, in sentences")
    checked: bank.Reconciliation | None = shown("Statement against ledger; None without an account")
    funding: tuple[Funded, ...] = shown("The funding plan with what arrived of it")
    batches: tuple[BatchLine, ...] = shown("Batches with their transfers, newest first")
    payable: tuple[PayLine, ...] = shown("Lines of closed months that are not wholly paid")
    payable_fen: int = shown("What could go out now, of all of them")
    unmatched: tuple[StatementInfo, ...] = shown("Statement lines nobody knows")
    papers: tuple[Paper, ...] = shown("The account's ledger to take away")


def gather(ask: Ask) -> AccountContext:
    """Everything of the account, as it is now."""
    db, project_id = ask.db, ask.project.id
    live = held.live_account(db, project_id)
    checked = bank.reconcile(db, project_id, ask.now) if live else None
    ready = bank.payable(db, project_id)
    return AccountContext(
        gaps=tuple(
            ask.say(GAPS[g.code], role=name(f"party.{g.role}", ask.language) if g.role else "", on=g.on, fen=show.money(g.fen))
            for g in bank.account_gaps(db, project_id, ask.now)
        ),
        checked=checked,
        funding=bank.funding(db, project_id, ask.now) if live else (),
        batches=tuple(_batch(ask, batch) for batch in reversed(held.batches(db, project_id))),
        payable=tuple(
            PayLine(
                r.name, f"/projects/{project_id}/workers/{r.line.worker_id}?month={r.line.origin_month:%Y-%m}", r.line.month,
                r.line.owed_fen, r.amount_fen, ask.say(REASONS[r.reason]) if r.reason else "",
            )
            for r in ready
        ),  # fmt: skip
        payable_fen=sum(r.amount_fen for r in ready),
        unmatched=checked.unmatched if checked else (),
        papers=papers(ask, (marked("专户收支台账"), "account", {})) if live else (),
    )


def _batch(ask: Ask, batch: BatchInfo) -> BatchLine:
    count: dict[str, tuple[int, int]] = {}
    for item in held.items(ask.db, batch.id):
        n, fen = count.get(item.state, (0, 0))
        count[item.state] = n + 1, fen + item.amount_fen
    takes = ask.may("batches.make") and batch.state == "sent"
    return BatchLine(
        batch,
        batch.state == "sent" and "pending" not in count,
        tuple((state, *count[state]) for state in ("success", "pending", "failed", "returned") if state in count),
        f"/v1/projects/{ask.project.id}/batches/{batch.id}/file" if takes else "",
    )


PAGE = Page(
    "/projects/{project_id:int}/account", marked("专户"), "account.html", "bank.read", AccountContext, gather, marked("专户")
)
