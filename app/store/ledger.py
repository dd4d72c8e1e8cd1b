"""The ledger's rows: accounts by key, postings with their legs, balances, and what documents add up to.

    post            write postings, all legs at once; a source that is posted already stays as it is
    posting         read one back
    balances        sums of legs by account
    documents       what the balances must be, worked out anew from lines, transfers, receipts, advances, payments
    torn, ...       what no ledger may hold, by SQL

Nothing is cached: a balance is a sum over legs, each time.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from app.domain.ledger import Account, AccountKind, Leg, Posting, TxnKind, covering
from app.errors import Conflict
from app.store import sheets
from app.store.bank import not_on_a_line
from app.tables import (
    AdvanceRow,
    BatchAct,
    Engagement,
    FundingReceipt,
    ItemResult,
    LedgerAccount,
    LedgerLeg,
    LedgerTxn,
    PaymentBatch,
    PaymentItem,
    PaymentRow,
    PayPeriod,
    PayrollLine,
    PayrollSheet,
    ProjectCompany,
    SpecialAccount,
    StatementLine,
    StatementMatch,
    Voiding,
)

OWN_KINDS = ("fee", "fee_refund", "interest")
"""What a statement line may be that is the bank's own: no document of ours stands behind it but the line."""
_CHUNK = 500
"""Rows of one statement; SQLite takes 32,766 values."""

_OWNER = {
    "e": LedgerAccount.engagement_id,
    "c": LedgerAccount.project_company_id,
    "s": LedgerAccount.special_account_id,
    "p": LedgerAccount.project_id,
}

# --- posting -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction of the ledger."""

    txn_id: int
    created: bool
    """False: it had been posted before, by the same source; nothing happened now."""


def post(db: Session, postings: Sequence[Posting], *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Write postings with their legs and post them; one whose source is posted already is left as it is.

    Returns:
        One for each posting, in the order given.

    Raises:
        Conflict: ``ledger_conflict``, a source was posted with other legs before.
    """
    before = _txns(db, (p.source for p in postings))
    new = [p for p in {p.source: p for p in postings}.values() if p.source not in before]
    created = _insert(db, new, by, now)
    if len(created) < len(new):
        # Another transaction posted the same source since we looked, and has committed.
        before |= _txns(db, (p.source for p in new if p.source not in created))
    _same(db, [(before[p.source], p) for p in postings if p.source in before])
    accounts = _accounts(db, [p for p in new if p.source in created])
    legs = [
        {"txn_id": created[p.source], "leg_no": number, "account_id": accounts[leg.account], "amount_fen": leg.amount_fen}
        for p in new
        if p.source in created
        for number, leg in enumerate(p.legs, start=1)
    ]
    if legs:
        db.execute(insert(LedgerLeg.__table__), legs)
    for some in _chunks(sorted(created.values())):
        db.execute(update(LedgerTxn.__table__).where(LedgerTxn.id.in_(some)).values(posted=True))
    ids = before | created
    return tuple(Posted(ids[p.source], p.source in created) for p in postings)


def _insert(db: Session, postings: Sequence[Posting], by: str, now: datetime) -> dict[tuple[str, int, TxnKind], int]:
    reversed_ids = _txns(db, (p.reverses for p in postings if p.reverses is not None))
    make = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    table = LedgerTxn.__table__
    created: dict[tuple[str, int, TxnKind], int] = {}
    for some in _chunks(postings):
        values = [
            {
                "project_id": p.project_id,
                "post_month": p.post_month,
                "origin_month": p.origin_month,
                "kind": str(p.kind),
                "source_kind": p.source_kind,
                "source_id": p.source_id,
                "reverses_id": None if p.reverses is None else reversed_ids[p.reverses],
                "posted": False,
                "created_by": by,
                "created_at": now,
            }
            for p in some
        ]
        told = (table.c.source_kind, table.c.source_id, table.c.kind, table.c.id)
        rows = db.execute(make(table).values(values).on_conflict_do_nothing().returning(*told))
        created |= {(row[0], row[1], TxnKind(row[2])): row[3] for row in rows}
    return created


def _txns(db: Session, sources: Iterable[tuple[str, int, TxnKind]]) -> dict[tuple[str, int, TxnKind], int]:
    wanted: dict[tuple[str, TxnKind], set[int]] = defaultdict(set)
    for source_kind, source_id, kind in sources:
        wanted[source_kind, kind].add(source_id)
    found = {}
    for (source_kind, kind), ids in wanted.items():
        for some in _chunks(sorted(ids)):
            rows = db.execute(
                select(LedgerTxn.source_id, LedgerTxn.id).where(
                    LedgerTxn.source_kind == source_kind, LedgerTxn.kind == str(kind), LedgerTxn.source_id.in_(some)
                )
            )
            found |= {(source_kind, source_id, kind): txn_id for source_id, txn_id in rows}
    return found


def _same(db: Session, pairs: Sequence[tuple[int, Posting]]) -> None:
    for some in _chunks(pairs):
        there: dict[int, list[tuple[str, int]]] = defaultdict(list)
        rows = db.execute(
            select(LedgerLeg.txn_id, LedgerAccount.key, LedgerLeg.amount_fen)
            .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
            .where(LedgerLeg.txn_id.in_([txn_id for txn_id, _ in some]))
        )
        for txn_id, key, fen in rows:
            there[txn_id].append((key, fen))
        for txn_id, posting in some:
            if sorted(there[txn_id]) != sorted((leg.account.key, leg.amount_fen) for leg in posting.legs):
                raise Conflict("ledger_conflict", f"{posting.source_kind} {posting.source_id} {posting.kind}")


def _accounts(db: Session, postings: Sequence[Posting]) -> dict[Account, int]:
    wanted = {leg.account: p.project_id for p in postings for leg in p.legs}
    found = _account_ids(db, wanted)
    make = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    opened = [
        {
            "key": account.key,
            "kind": str(account.kind),
            "project_id": wanted[account],
            "engagement_id": account.of if account.kind.letter == "e" else None,
            "project_company_id": account.of if account.kind.letter == "c" else None,
            "special_account_id": account.of if account.kind.letter == "s" else None,
        }
        for account in sorted(wanted.keys() - found.keys(), key=lambda a: a.key)
    ]
    if opened:
        db.execute(make(LedgerAccount.__table__).on_conflict_do_nothing(), opened)
    return found | _account_ids(db, wanted.keys() - found.keys())


def _account_ids(db: Session, accounts: Iterable[Account]) -> dict[Account, int]:
    by_key = {account.key: account for account in accounts}
    found = {}
    for some in _chunks(sorted(by_key)):
        rows = db.execute(select(LedgerAccount.key, LedgerAccount.id).where(LedgerAccount.key.in_(some)))
        found |= {by_key[key]: account_id for key, account_id in rows}
    return found


def posting(db: Session, source_kind: str, source_id: int, kind: TxnKind) -> Posting | None:
    """Return what a document posted, or None."""
    txn = db.execute(
        select(LedgerTxn.id, LedgerTxn.project_id, LedgerTxn.post_month, LedgerTxn.origin_month).where(
            LedgerTxn.source_kind == source_kind, LedgerTxn.source_id == source_id, LedgerTxn.kind == str(kind)
        )
    ).first()
    if txn is None:
        return None
    legs = db.execute(
        select(LedgerAccount.key, LedgerLeg.amount_fen)
        .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
        .where(LedgerLeg.txn_id == txn.id)
        .order_by(LedgerLeg.leg_no)
    )
    return Posting(
        txn.project_id, kind, source_kind, source_id, txn.post_month, txn.origin_month,
        tuple(Leg(Account.read(key), fen) for key, fen in legs),
    )  # fmt: skip


# --- balances ------------------------------------------------------------------------------------------------


def balance(db: Session, account: Account) -> int:
    """Return the sum of an account's legs; 0 for one that has none."""
    legs = select(func.coalesce(func.sum(LedgerLeg.amount_fen), 0)).join(
        LedgerAccount, LedgerAccount.id == LedgerLeg.account_id
    )
    return int(db.execute(legs.where(LedgerAccount.key == account.key)).scalar_one())


def balances(db: Session, project_id: int, kind: AccountKind) -> dict[int, int]:
    """Return owner -> fen of every account of a kind that a project's ledger knows; debits positive."""
    owner = _OWNER[kind.letter]
    rows = db.execute(
        select(owner, func.sum(LedgerLeg.amount_fen))
        .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
        .where(LedgerAccount.project_id == project_id, LedgerAccount.kind == str(kind))
        .group_by(owner)
    )
    return {of: int(fen) for of, fen in rows}


# --- documents that are posted -------------------------------------------------------------------------------


def advance(db: Session, advance_id: int) -> tuple[int, int, int, str]:
    """Return (project, engagement, fen, channel) of an advance that is on record."""
    row = db.execute(
        select(Engagement.project_id, AdvanceRow.engagement_id, AdvanceRow.amount_fen, AdvanceRow.channel)
        .join(Engagement, Engagement.id == AdvanceRow.engagement_id)
        .where(AdvanceRow.id == advance_id)
    ).one()
    return tuple(row)


def receipt(db: Session, receipt_id: int) -> tuple[int, int, int]:
    """Return (project, special account, fen) of money that arrived."""
    row = db.execute(
        select(SpecialAccount.project_id, FundingReceipt.special_account_id, FundingReceipt.amount_fen)
        .join(SpecialAccount, SpecialAccount.id == FundingReceipt.special_account_id)
        .where(FundingReceipt.id == receipt_id)
    ).one()
    return tuple(row)


def payment(db: Session, payment_id: int) -> tuple[int, int, int, date, int | None, str]:
    """Return (project, worker, fen, month it is for, payment it takes back, channel) of a payment."""
    row = db.execute(
        select(
            PaymentRow.project_id, PaymentRow.worker_id, PaymentRow.amount_fen, PaymentRow.for_month,
            PaymentRow.reverses_id, PaymentRow.channel,
        ).where(PaymentRow.id == payment_id)
    ).one()  # fmt: skip
    return tuple(row)


def account_project(db: Session, special_account_id: int) -> int:
    """Return the project of a special account."""
    return db.execute(select(SpecialAccount.project_id).where(SpecialAccount.id == special_account_id)).scalar_one()


def live_account(db: Session, project_id: int) -> int | None:
    """Return the special account a project uses now: the newest that is not voided."""
    return db.execute(
        select(func.max(SpecialAccount.id)).where(SpecialAccount.project_id == project_id, ~_voided("special_account", SpecialAccount.id))
    ).scalar()


def engagements(db: Session, project_id: int, worker_id: int | None = None) -> dict[int, list[tuple[int, date, date | None]]]:
    """Return worker -> (engagement, first day, first day no longer) on a project, for one worker or all."""
    wanted = select(Engagement.worker_id, Engagement.id, Engagement.entry_on, Engagement.exit_on).where(
        Engagement.project_id == project_id
    )
    if worker_id is not None:
        wanted = wanted.where(Engagement.worker_id == worker_id)
    found: dict[int, list[tuple[int, date, date | None]]] = defaultdict(list)
    for row in db.execute(wanted.order_by(Engagement.id)):
        found[row.worker_id].append((row.id, row.entry_on, row.exit_on))
    return found


def _voided(kind: str, row_id: Any) -> ColumnElement[bool]:
    return exists().where(Voiding.kind == kind, Voiding.row_id == row_id)


# --- what the ledger itself may not hold -----------------------------------------------------------------------


def legs_sum(db: Session, project_id: int) -> int:
    """Return the sum of all legs of a project: 0."""
    legs = select(func.coalesce(func.sum(LedgerLeg.amount_fen), 0)).join(LedgerTxn, LedgerTxn.id == LedgerLeg.txn_id)
    return int(db.execute(legs.where(LedgerTxn.project_id == project_id)).scalar_one())


def torn(db: Session, project_id: int) -> list[tuple[int, int]]:
    """Return (transaction, sum of its legs) where that is not 0, there are fewer than two legs, or it is not posted."""
    fen = func.coalesce(func.sum(LedgerLeg.amount_fen), 0)
    rows = db.execute(
        select(LedgerTxn.id, fen)
        .outerjoin(LedgerLeg, LedgerLeg.txn_id == LedgerTxn.id)
        .where(LedgerTxn.project_id == project_id)
        .group_by(LedgerTxn.id, LedgerTxn.posted)
        .having(or_(fen != 0, func.count(LedgerLeg.leg_no) < 2, LedgerTxn.posted.is_(False)))
        .order_by(LedgerTxn.id)
    )
    return [(txn_id, int(total)) for txn_id, total in rows]


def misplaced(db: Session, project_id: int, month: date) -> list[int]:
    """Return transactions posted to a month after ``month`` or before the month they are about, earliest first.

    Also those of sheets whose month is not closed: they are posted in the transaction that closes it.
    """
    closed = exists().where(
        PayPeriod.project_id == LedgerTxn.project_id, PayPeriod.month == LedgerTxn.post_month, PayPeriod.state == "closed"
    )
    on_sheets = LedgerTxn.kind.in_([str(kind) for kind in TxnKind if kind.on_sheets])
    rows = db.execute(
        select(LedgerTxn.id)
        .where(
            LedgerTxn.project_id == project_id,
            or_(
                and_(~on_sheets, LedgerTxn.post_month > month),
                LedgerTxn.origin_month > LedgerTxn.post_month,
                and_(on_sheets, ~closed),
            ),
        )
        .order_by(LedgerTxn.id)
    ).scalars()
    return list(rows)


def misnamed(db: Session, project_id: int) -> list[str]:
    """Return keys of accounts that are not called after their kind and owner."""
    rows = db.execute(
        select(
            LedgerAccount.key, LedgerAccount.kind, LedgerAccount.project_id, LedgerAccount.engagement_id,
            LedgerAccount.project_company_id, LedgerAccount.special_account_id,
        ).where(LedgerAccount.project_id == project_id)
    )  # fmt: skip
    wrong = []
    for key, kind, project, engagement, company, special in rows:
        try:
            account = Account.read(key)
        except ValueError:
            wrong.append(key)
            continue
        owner = {"e": engagement, "c": company, "s": special, "p": project}[account.kind.letter]
        if (str(account.kind), account.of) != (kind, owner):
            wrong.append(key)
    return sorted(wrong)


# --- what documents add up to ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SheetFact:
    """A version of a sheet, for checking it."""

    id: int
    project_company_id: int
    month: date
    digest: str
    posted: bool
    """Its lines are in the ledger: the newest version of its team, month and kind, in a closed month."""


def all_sheets(db: Session, project_id: int) -> tuple[SheetFact, ...]:
    """Return every version of every sheet of a project."""
    newer = aliased(PayrollSheet)
    latest = or_(
        PayrollSheet.kind == sheets.FINAL,
        ~exists().where(
            newer.team_id == PayrollSheet.team_id,
            newer.month == PayrollSheet.month,
            newer.kind == PayrollSheet.kind,
            newer.version > PayrollSheet.version,
        ),
    )
    closed = exists().where(
        PayPeriod.project_id == PayrollSheet.project_id, PayPeriod.month == PayrollSheet.month, PayPeriod.state == "closed"
    )
    rows = db.execute(
        select(
            PayrollSheet.id, PayrollSheet.project_company_id, PayrollSheet.month, PayrollSheet.digest,
            case((and_(latest, closed), 1), else_=0),
        )
        .where(PayrollSheet.project_id == project_id)
        .order_by(PayrollSheet.month, PayrollSheet.id)
    )  # fmt: skip
    return tuple(SheetFact(*row[:4], bool(row[4])) for row in rows)


def sheet_lines(db: Session, project_id: int) -> Iterator[tuple[SheetFact, tuple[sheets.LineInfo, ...]]]:
    """Give every version of every sheet with its lines, one after another: a project's lines do not fit in memory."""
    for sheet in all_sheets(db, project_id):
        yield sheet, sheets.lines(db, sheet.id)


def documents(db: Session, project_id: int) -> dict[AccountKind, dict[int, int]]:
    """Work out what every account's balance must be, from the documents alone; debits positive.

    Which engagement a payment outside the account was set against, and which special account an advance came from, is
    read off the posting when that is one of the worker's, or the project's, own: documents do not say it.
    """
    sums: dict[AccountKind, dict[int, int]] = {kind: defaultdict(int) for kind in AccountKind}
    _lines_say(db, project_id, sums)
    _items_say(db, project_id, sums)
    _account_says(db, project_id, sums)
    _bank_says(db, project_id, sums)
    _advances_say(db, project_id, sums)
    _payments_say(db, project_id, sums)
    return {kind: dict(told) for kind, told in sums.items()}


_Sums = Mapping[AccountKind, dict[int, int]]


def _lines_say(db: Session, project_id: int, sums: _Sums) -> None:
    posted = {sheet.id: sheet.project_company_id for sheet in all_sheets(db, project_id) if sheet.posted}
    for some in _chunks(sorted(posted)):
        rows = db.execute(
            select(
                PayrollLine.sheet_id, PayrollLine.engagement_id, func.sum(PayrollLine.gross_fen),
                func.sum(PayrollLine.deductions_fen), func.sum(PayrollLine.advances_fen),
            )
            .where(PayrollLine.sheet_id.in_(some))
            .group_by(PayrollLine.sheet_id, PayrollLine.engagement_id)
        )  # fmt: skip
        for sheet_id, engagement_id, gross, deductions, advances in rows:
            gross, deductions, advances = int(gross), int(deductions), int(advances)
            company = posted[sheet_id]
            sums[AccountKind.LABOUR_COST][company] += gross
            sums[AccountKind.WAGES_PAYABLE][engagement_id] -= gross - deductions - advances
            sums[AccountKind.DEDUCTION_PAYABLE][company] -= deductions
            sums[AccountKind.ADVANCE][engagement_id] -= advances


def _said(status: str) -> ColumnElement[bool]:
    return exists().where(ItemResult.item_id == PaymentItem.id, ItemResult.status == status)


def _items_say(db: Session, project_id: int, sums: _Sums) -> None:
    failed, succeeded, returned = _said("failed"), _said("success"), _said("returned")
    fen = PaymentItem.amount_fen
    rows = db.execute(
        select(
            PayrollLine.engagement_id,
            PaymentBatch.special_account_id,
            PaymentBatch.on_behalf_of,
            PayrollSheet.project_company_id,
            func.sum(fen),
            func.sum(case((failed, fen), else_=0)),
            func.sum(case((succeeded, fen), else_=0)),
            func.sum(case((returned, fen), else_=0)),
        )
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .join(BatchAct, and_(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "sent"))
        .join(PayrollLine, PayrollLine.id == PaymentItem.line_id)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(PaymentBatch.project_id == project_id)
        .group_by(
            PayrollLine.engagement_id,
            PaymentBatch.special_account_id,
            PaymentBatch.on_behalf_of,
            PayrollSheet.project_company_id,
        )
    )
    for engagement_id, special, behalf, company, *told in rows:
        sent, came_back, arrived, reversed_ = map(int, told)
        sums[AccountKind.WAGES_PAYABLE][engagement_id] += sent - came_back - reversed_
        sums[AccountKind.TRANSIT][special] -= sent - came_back - arrived
        sums[AccountKind.SPECIAL_ACCOUNT][special] -= arrived - reversed_
        if behalf is not None:
            sums[AccountKind.SUB_RECEIVABLE][behalf] += arrived - reversed_
            sums[AccountKind.LABOUR_COST][company] -= arrived - reversed_


def _account_says(db: Session, project_id: int, sums: _Sums) -> None:
    opened = db.execute(
        select(SpecialAccount.id, SpecialAccount.opening_fen).where(
            SpecialAccount.project_id == project_id, ~_voided("special_account", SpecialAccount.id)
        )
    )
    arrived = db.execute(
        select(SpecialAccount.id, func.sum(FundingReceipt.amount_fen))
        .join(FundingReceipt, FundingReceipt.special_account_id == SpecialAccount.id)
        .where(SpecialAccount.project_id == project_id)
        .group_by(SpecialAccount.id)
    )
    for special, fen in (*opened, *arrived):
        sums[AccountKind.SPECIAL_ACCOUNT][special] += int(fen)
        sums[AccountKind.FUNDING][project_id] -= int(fen)


def _bank_says(db: Session, project_id: int, sums: _Sums) -> None:
    """Fees and interest. Which company bears a fee is read off its posting, when that is one on the project."""
    bearers = _owners(db, project_id, "statement_match", AccountKind.BANK_FEE)
    own = set(db.execute(select(ProjectCompany.id).where(ProjectCompany.project_id == project_id)).scalars())
    for special in db.execute(select(SpecialAccount.id).where(SpecialAccount.project_id == project_id)).scalars().all():
        for match_id, kind, fen, _ in bank_own(db, special):
            sums[AccountKind.SPECIAL_ACCOUNT][special] += fen
            if kind == "interest":
                sums[AccountKind.INTEREST][project_id] -= fen
            else:
                bearer = bearers.get(match_id)
                sums[AccountKind.BANK_FEE][bearer if bearer in own else 0] -= fen


def _advances_say(db: Session, project_id: int, sums: _Sums) -> None:
    rows = db.execute(
        select(AdvanceRow.id, AdvanceRow.engagement_id, AdvanceRow.amount_fen, AdvanceRow.channel)
        .join(Engagement, Engagement.id == AdvanceRow.engagement_id)
        .where(Engagement.project_id == project_id, ~_voided("advance", AdvanceRow.id))
    ).all()
    used = _owners(db, project_id, "advance", AccountKind.SPECIAL_ACCOUNT)
    own = set(db.execute(select(SpecialAccount.id).where(SpecialAccount.project_id == project_id)).scalars())
    live = live_account(db, project_id)
    for advance_id, engagement_id, fen, channel in rows:
        sums[AccountKind.ADVANCE][engagement_id] += fen
        if channel == "account":
            special = used.get(advance_id) if used.get(advance_id) in own else live
            sums[AccountKind.SPECIAL_ACCOUNT][special or 0] -= fen
        else:
            sums[AccountKind.OFF_ACCOUNT][project_id] -= fen


def _payments_say(db: Session, project_id: int, sums: _Sums) -> None:
    rows = db.execute(
        select(PaymentRow.id, PaymentRow.worker_id, PaymentRow.amount_fen, PaymentRow.for_month).where(
            PaymentRow.project_id == project_id, PaymentRow.channel != "account"
        )
    ).all()
    used = _owners(db, project_id, "payment", AccountKind.WAGES_PAYABLE)
    held = engagements(db, project_id)
    for payment_id, worker_id, fen, for_month in rows:
        own = held.get(worker_id, [])
        engagement_id = used.get(payment_id)
        if engagement_id not in {e[0] for e in own}:
            engagement_id = covering(own, for_month.replace(day=1)) if own else 0
        sums[AccountKind.WAGES_PAYABLE][engagement_id] += fen
        sums[AccountKind.OFF_ACCOUNT][project_id] -= fen


def _owners(db: Session, project_id: int, source_kind: str, kind: AccountKind) -> dict[int, int]:
    """Document -> whose account of ``kind`` its first posting moved."""
    rows = db.execute(
        select(LedgerTxn.source_id, _OWNER[kind.letter])
        .join(LedgerLeg, LedgerLeg.txn_id == LedgerTxn.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
        .where(
            LedgerTxn.project_id == project_id,
            LedgerTxn.source_kind == source_kind,
            LedgerTxn.kind != str(TxnKind.REVERSE),
            LedgerAccount.kind == str(kind),
        )
    )
    return dict(tuple(row) for row in rows)


# --- what the bank said ----------------------------------------------------------------------------------------


def settlements(db: Session, project_id: int) -> tuple[dict[int, int], list[tuple[int | None, int, int]]]:
    """Return item -> fen that arrived, as results say; and (item, transaction, fen) of every settling transaction.

    The item is None where the result the transaction names is gone.
    """
    arrived = db.execute(
        select(PaymentItem.id, PaymentItem.amount_fen)
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .where(PaymentBatch.project_id == project_id, _said("success"))
    )
    settled = db.execute(
        select(ItemResult.item_id, LedgerTxn.id, func.sum(LedgerLeg.amount_fen))
        .select_from(LedgerTxn)
        .join(LedgerLeg, LedgerLeg.txn_id == LedgerTxn.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
        .outerjoin(ItemResult, ItemResult.id == LedgerTxn.source_id)
        .where(
            LedgerTxn.project_id == project_id,
            LedgerTxn.kind == str(TxnKind.SETTLE),
            LedgerAccount.kind == str(AccountKind.TRANSIT),
        )
        .group_by(ItemResult.item_id, LedgerTxn.id)
        .order_by(LedgerTxn.id)
    )
    return dict(tuple(row) for row in arrived), [(item_id, txn_id, int(fen)) for item_id, txn_id, fen in settled]


def statements(db: Session, project_id: int) -> list[tuple[int, int, int]]:
    """Return (special account, balance after its last statement line, balance in the ledger as of that line)."""
    later = aliased(StatementLine)
    last = db.execute(
        select(StatementLine.special_account_id, StatementLine.seq, StatementLine.balance_after_fen)
        .join(SpecialAccount, SpecialAccount.id == StatementLine.special_account_id)
        .where(
            SpecialAccount.project_id == project_id,
            ~exists().where(later.special_account_id == StatementLine.special_account_id, later.seq > StatementLine.seq),
        )
        .order_by(StatementLine.special_account_id)
    ).all()
    return [(special, after, balance_at(db, special, seq)) for special, seq, after in last]


_NEWER = aliased(StatementMatch)
_LATEST = ~exists().where(_NEWER.statement_line_id == StatementMatch.statement_line_id, _NEWER.id > StatementMatch.id)
"""Of the matches of a line, the one that counts."""


def balance_at(db: Session, special: int, seq: int) -> int:
    """Return the sum of a special account's legs as of a line of its statement.

    A document stands where its line stands: what arrives later the same day is after it. One without a line is there when
    it is of an earlier day, or of that day and a line of its amount is left that nobody knows. A batch the bank booked in
    one sum is there whole from its line on, and what failed of it comes back with a line of its own.
    """
    rows = db.execute(
        select(
            StatementLine.seq, StatementLine.booked_on, StatementLine.amount_fen, StatementMatch.kind, StatementMatch.document_id,
            StatementMatch.id,
        )
        .outerjoin(StatementMatch, and_(StatementMatch.statement_line_id == StatementLine.id, _LATEST))
        .where(StatementLine.special_account_id == special)
    ).all()  # fmt: skip
    place = {(row.kind, row.document_id): row.seq for row in rows if row.document_id is not None}
    place |= {("statement_match", row.id): row.seq for row in rows if row.id is not None}
    on = next(row.booked_on for row in rows if row.seq == seq)
    free = Counter(row.amount_fen for row in rows if row.kind is None and row.booked_on == on and row.seq <= seq)
    batches = {
        row.id: row
        for row in db.execute(
            select(
                PaymentBatch.id,
                func.sum(PaymentItem.amount_fen).label("fen"),
                func.sum(case((_said("failed"), PaymentItem.amount_fen), else_=0)).label("failed"),
            )
            .join(PaymentItem, PaymentItem.batch_id == PaymentBatch.id)
            .where(PaymentBatch.special_account_id == special)
            .group_by(PaymentBatch.id)
        )
        if ("batch", row.id) in place
    }
    there = sum(-int(row.fen) for row in batches.values() if place["batch", row.id] <= seq)
    there += sum(int(row.failed) for row in batches.values() if place.get(("batch_return", row.id), seq + 1) <= seq)
    for source, source_id, dated, batch_id, status, fen in db.execute(_moved(special)):
        at = place.get((source, source_id))
        if at is None and status == "success" and batch_id in batches:
            continue  # within the batch's sum
        if at is not None:
            there += fen if at <= seq else 0
        elif dated is None or dated < on:
            there += fen
        elif dated == on and free[fen] > 0:
            free[fen] -= 1
            there += fen
    return int(there)


def legs_of(db: Session, special: int, source_kind: str, ids: Collection[int]) -> dict[int, int]:
    """Return document -> sum of a special account's legs that it posted."""
    found: dict[int, int] = {}
    for some in _chunks(sorted(ids)):
        rows = db.execute(
            select(LedgerTxn.source_id, func.sum(LedgerLeg.amount_fen))
            .join(LedgerLeg, LedgerLeg.txn_id == LedgerTxn.id)
            .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
            .where(LedgerTxn.source_kind == source_kind, LedgerTxn.source_id.in_(some), _of_special(special))
            .group_by(LedgerTxn.source_id)
        )
        found |= {source_id: int(fen) for source_id, fen in rows}
    return found


def within_sums(db: Session, special: int, batches: Collection[int]) -> int:
    """Return the sum of a special account's legs of what arrived of some batches and is no line of its own on the statement."""
    if not batches:
        return 0
    legs = (
        select(func.coalesce(func.sum(LedgerLeg.amount_fen), 0))
        .select_from(PaymentItem)
        .join(ItemResult, and_(ItemResult.item_id == PaymentItem.id, ItemResult.status == "success"))
        .join(LedgerTxn, and_(LedgerTxn.source_kind == "item_result", LedgerTxn.source_id == ItemResult.id))
        .join(LedgerLeg, LedgerLeg.txn_id == LedgerTxn.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
        .where(PaymentItem.batch_id.in_(sorted(batches)), not_on_a_line(ItemResult.id), _of_special(special))
    )
    return int(db.execute(legs).scalar_one())


def _of_special(special: int) -> ColumnElement[bool]:
    return and_(LedgerAccount.kind == str(AccountKind.SPECIAL_ACCOUNT), LedgerAccount.special_account_id == special)


def _moved(special: int) -> Select[Any]:
    """(document, its date, its batch, what the bank said of it, fen) of everything that moved the account."""
    dated = func.coalesce(FundingReceipt.received_on, ItemResult.happened_on, AdvanceRow.paid_on, StatementLine.booked_on)
    keys = (LedgerTxn.source_kind, LedgerTxn.source_id, dated, PaymentItem.batch_id, ItemResult.status)
    return (
        _with_documents(select(*keys, func.sum(LedgerLeg.amount_fen)))
        .outerjoin(PaymentItem, PaymentItem.id == ItemResult.item_id)
        .where(LedgerAccount.kind == str(AccountKind.SPECIAL_ACCOUNT), LedgerAccount.special_account_id == special)
        .group_by(*keys)
    )


def _with_documents(wanted: Select[Any]) -> Select[Any]:
    """Legs with the document of each, whichever it is."""
    source = LedgerTxn.source_kind
    return (
        wanted.select_from(LedgerLeg)
        .join(LedgerAccount, LedgerAccount.id == LedgerLeg.account_id)
        .join(LedgerTxn, LedgerTxn.id == LedgerLeg.txn_id)
        .outerjoin(FundingReceipt, and_(source == "funding_receipt", FundingReceipt.id == LedgerTxn.source_id))
        .outerjoin(ItemResult, and_(source == "item_result", ItemResult.id == LedgerTxn.source_id))
        .outerjoin(AdvanceRow, and_(source == "advance", AdvanceRow.id == LedgerTxn.source_id))
        .outerjoin(StatementMatch, and_(source == "statement_match", StatementMatch.id == LedgerTxn.source_id))
        .outerjoin(StatementLine, StatementLine.id == StatementMatch.statement_line_id)
    )


def balance_on(db: Session, special: int, on: date) -> int:
    """Return the sum of a special account's legs of documents dated up to ``on``; what it opened with counts from the beginning."""
    dated = or_(
        LedgerTxn.source_kind == "special_account",
        FundingReceipt.received_on <= on,
        ItemResult.happened_on <= on,
        AdvanceRow.paid_on <= on,
        StatementLine.booked_on <= on,
    )
    legs = _with_documents(select(func.coalesce(func.sum(LedgerLeg.amount_fen), 0))).where(
        LedgerAccount.kind == str(AccountKind.SPECIAL_ACCOUNT), LedgerAccount.special_account_id == special, dated
    )
    return int(db.execute(legs).scalar_one())


def bank_own(db: Session, special: int) -> list[tuple[int, str, int, date]]:
    """Return (match, fee, fee_refund or interest, fen, day) of the lines that are the bank's own by their latest match."""
    rows = db.execute(
        select(StatementMatch.id, StatementMatch.kind, StatementLine.amount_fen, StatementLine.booked_on)
        .join(StatementLine, StatementLine.id == StatementMatch.statement_line_id)
        .where(StatementLine.special_account_id == special, StatementMatch.kind.in_(OWN_KINDS), _LATEST)
        .order_by(StatementMatch.id)
    )
    return [tuple(row) for row in rows]


def posted_matches(db: Session, project_id: int, special: int) -> dict[int, TxnKind]:
    """Return match -> kind of what it posted, of the account's, without those taken back."""
    back = aliased(LedgerTxn)
    rows = db.execute(
        select(LedgerTxn.source_id, LedgerTxn.kind)
        .join(StatementMatch, StatementMatch.id == LedgerTxn.source_id)
        .join(StatementLine, StatementLine.id == StatementMatch.statement_line_id)
        .where(
            LedgerTxn.project_id == project_id,
            LedgerTxn.source_kind == "statement_match",
            LedgerTxn.kind != str(TxnKind.REVERSE),
            StatementLine.special_account_id == special,
            ~exists().where(back.reverses_id == LedgerTxn.id),
        )
    )
    return {match_id: TxnKind(kind) for match_id, kind in rows}


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
