"""Special accounts, wage cards, templates, batches, results and statements: rows in, values out.

Card and account numbers come sealed and go sealed; what is shown is the last four digits.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.errors import NotFound
from app.store import append, insert_or_leave
from app.store.terms import standing
from app.tables import (
    AdvanceRow,
    BankCard,
    BatchAct,
    Engagement,
    FileTemplate,
    FundingPlan,
    FundingReceipt,
    ItemResult,
    PaymentBatch,
    PaymentItem,
    PayrollLine,
    PayrollSheet,
    SpecialAccount,
    StatementLine,
    StatementMatch,
    Worker,
)

# --- special account -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """农民工工资专用账户."""

    id: int
    project_id: int
    company_id: int
    name: str
    bank_name: str
    number_sealed: bytes = field(repr=False)
    number_index: str = field(repr=False)
    last4: str
    opened_on: date
    opening_fen: int
    parties: tuple[Mapping[str, Any], ...]
    evidence: tuple[int, ...]
    recorded_by: str
    recorded_at: datetime


_ACCOUNT = tuple(getattr(SpecialAccount, name) for name in AccountInfo.__dataclass_fields__)


def _account(row: Any) -> AccountInfo:
    values = dict(zip(AccountInfo.__dataclass_fields__, row, strict=True))
    return AccountInfo(**values | {"parties": tuple(values["parties"]), "evidence": tuple(values["evidence"])})


def add_account(db: Session, **values: Any) -> int:
    """Append a special account; return its id."""
    return append(db, SpecialAccount.__table__, **values)


def live_account(db: Session, project_id: int) -> AccountInfo | None:
    """Return the newest account of a project that was not voided."""
    row = db.execute(
        select(*_ACCOUNT)
        .where(SpecialAccount.project_id == project_id, standing("special_account", SpecialAccount.id))
        .order_by(SpecialAccount.id.desc())
        .limit(1)
    ).first()
    return None if row is None else _account(row)


def account_used(db: Session, account_id: int) -> bool:
    """True when anything but its opening is on record of an account."""
    return any(
        db.execute(select(row.id).where(row.special_account_id == account_id).limit(1)).first() is not None
        for row in (FundingReceipt, PaymentBatch, StatementLine)
    )


def account(db: Session, project_id: int, account_id: int) -> AccountInfo:
    """Return one account of a project.

    Raises:
        NotFound: ``special_account_missing``.
    """
    row = db.execute(select(*_ACCOUNT).filter_by(id=account_id, project_id=project_id)).first()
    if row is None:
        raise NotFound("special_account_missing")
    return _account(row)


# --- cards -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardInfo:
    """工资卡 of a worker."""

    id: int
    worker_id: int
    holder_name: str = field(repr=False)
    number_sealed: bytes = field(repr=False)
    number_index: str = field(repr=False)
    last4: str
    bank_name: str
    bank_code: str | None
    recorded_by: str
    recorded_at: datetime


_CARD = tuple(getattr(BankCard, name) for name in CardInfo.__dataclass_fields__)


def add_card(db: Session, **values: Any) -> int:
    """Append a wage card; return its id."""
    return append(db, BankCard.__table__, **values)


def cards(db: Session, workers: Collection[int]) -> dict[int, CardInfo]:
    """Return the live card of each worker that has one: the newest that was not voided."""
    found: dict[int, CardInfo] = {}
    for some in _chunks(sorted(workers)):
        rows = db.execute(
            select(*_CARD)
            .where(BankCard.worker_id.in_(some), standing("bank_card", BankCard.id))
            .order_by(BankCard.id)
        )
        for row in rows:
            found[row.worker_id] = CardInfo(*row)
    return found


def card(db: Session, card_id: int) -> CardInfo:
    """Return one card.

    Raises:
        NotFound: ``card_unknown``.
    """
    row = db.execute(select(*_CARD).filter_by(id=card_id)).first()
    if row is None:
        raise NotFound("card_unknown")
    return CardInfo(*row)


def cards_by_id(db: Session, ids: Collection[int]) -> dict[int, CardInfo]:
    """Return cards by their id, voided ones too."""
    found: dict[int, CardInfo] = {}
    for some in _chunks(sorted(ids)):
        found |= {row.id: CardInfo(*row) for row in db.execute(select(*_CARD).where(BankCard.id.in_(some)))}
    return found


def holders(db: Session, number_index: str) -> set[int]:
    """Return the workers this number was recorded for, if it was not voided; also where a newer card is paid to now."""
    return set(
        db.execute(
            select(BankCard.worker_id).where(BankCard.number_index == number_index, standing("bank_card", BankCard.id))
        ).scalars()
    )


def lock_card(db: Session, number_index: str) -> None:
    """Let one transaction at a time record this number, on whatever project. SQLite has one writer anyway."""
    if db.get_bind().dialect.name == "postgresql":
        key = int(number_index[:16], 16) - 2**63
        db.execute(select(func.pg_advisory_xact_lock(key)))


def names(db: Session, workers: Collection[int]) -> dict[int, str]:
    """Return worker id -> name."""
    found: dict[int, str] = {}
    for some in _chunks(sorted(workers)):
        found |= dict(map(tuple, db.execute(select(Worker.id, Worker.name).where(Worker.id.in_(some)))))
    return found


def card_waits(db: Session, card_id: int) -> bool:
    """True while a batch that is neither sent nor withdrawn pays to this card: its file is written."""
    gone = exists().where(BatchAct.batch_id == PaymentItem.batch_id, BatchAct.act.in_(("sent", "withdrawn")))
    return db.execute(select(PaymentItem.id).where(PaymentItem.card_id == card_id, ~gone).limit(1)).first() is not None


# --- templates -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """How a bank wants or writes a file."""

    id: int
    name: str
    use: str
    spec: Mapping[str, Any]
    recorded_by: str
    recorded_at: datetime


_TEMPLATE = tuple(getattr(FileTemplate, name) for name in TemplateInfo.__dataclass_fields__)


def add_template(db: Session, *, name: str, use: str, spec: Mapping[str, Any], recorded_by: str, now: datetime) -> int:
    """Append a template; return its id."""
    return append(
        db, FileTemplate.__table__, name=name, use=use, spec=dict(spec), recorded_by=recorded_by, recorded_at=now
    )


def templates(db: Session) -> list[TemplateInfo]:
    """Return the newest template of each name, by use and name."""
    newest = select(func.max(FileTemplate.id)).group_by(FileTemplate.name)
    rows = db.execute(
        select(*_TEMPLATE).where(FileTemplate.id.in_(newest)).order_by(FileTemplate.use, FileTemplate.name)
    )
    return [TemplateInfo(*row) for row in rows]


def template(db: Session, template_id: int) -> TemplateInfo:
    """Return one template, older ones too.

    Raises:
        NotFound: ``template_unknown``.
    """
    row = db.execute(select(*_TEMPLATE).filter_by(id=template_id)).first()
    if row is None:
        raise NotFound("template_unknown")
    return TemplateInfo(*row)


# --- funding ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlanInfo:
    """人工费拨付计划."""

    id: int
    special_account_id: int
    month: date
    due_on: date
    agreed_fen: int


@dataclass(frozen=True, slots=True)
class ReceiptInfo:
    """人工费到账."""

    id: int
    special_account_id: int
    received_on: date
    amount_fen: int
    reference: str


_PLAN = tuple(getattr(FundingPlan, name) for name in PlanInfo.__dataclass_fields__)
_RECEIPT = tuple(getattr(FundingReceipt, name) for name in ReceiptInfo.__dataclass_fields__)


def add_plan(db: Session, **values: Any) -> int:
    """Append a line of the funding plan; return its id."""
    return append(db, FundingPlan.__table__, **values)


def plans(db: Session, account_id: int) -> list[PlanInfo]:
    """Return the funding plan that stands, by due day."""
    rows = db.execute(
        select(*_PLAN)
        .where(FundingPlan.special_account_id == account_id, standing("funding_plan", FundingPlan.id))
        .order_by(FundingPlan.due_on, FundingPlan.id)
    )
    return [PlanInfo(*row) for row in rows]


def add_receipt(db: Session, **values: Any) -> tuple[int, bool]:
    """Append a receipt; the same reference again is the one that is there. Returns (id, True when it is new)."""
    new = insert_or_leave(db, FundingReceipt.__table__, **values)
    id_ = db.execute(
        select(FundingReceipt.id).filter_by(
            special_account_id=values["special_account_id"], reference=values["reference"]
        )
    ).scalar_one()
    return id_, new


def receipts(db: Session, account_id: int) -> list[ReceiptInfo]:
    """Return what arrived, oldest first."""
    rows = db.execute(
        select(*_RECEIPT)
        .where(FundingReceipt.special_account_id == account_id)
        .order_by(FundingReceipt.received_on, FundingReceipt.id)
    )
    return [ReceiptInfo(*row) for row in rows]


def account_advances(db: Session, project_id: int) -> list[tuple[int, date, int, str | None, int]]:
    """Return (id, day, fen, the bank's number, worker) of the advances paid from the special account that stand."""
    rows = db.execute(
        select(AdvanceRow.id, AdvanceRow.paid_on, AdvanceRow.amount_fen, AdvanceRow.reference, Engagement.worker_id)
        .join(Engagement, Engagement.id == AdvanceRow.engagement_id)
        .where(Engagement.project_id == project_id, AdvanceRow.channel == "account", standing("advance", AdvanceRow.id))
        .order_by(AdvanceRow.id)
    )
    return [tuple(row) for row in rows]


# --- batches ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ActInfo:
    """A step of a batch."""

    act: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """代发批次."""

    id: int
    project_id: int
    special_account_id: int
    batch_no: str
    on_behalf_of: int | None
    template_id: int
    file_sha256: str
    count: int
    total_fen: int
    made_by: str
    made_at: datetime
    acts: tuple[ActInfo, ...] = ()

    @property
    def state(self) -> str:
        """made, approved, sent or withdrawn."""
        done = {act.act for act in self.acts}
        return next((name for name in ("withdrawn", "sent", "approved") if name in done), "made")


_BATCH_NAMES = tuple(name for name in BatchInfo.__dataclass_fields__ if name != "acts")
_BATCH = tuple(getattr(PaymentBatch, name) for name in _BATCH_NAMES)


def add_batch(db: Session, **values: Any) -> int:
    """Append a batch; return its id."""
    return append(db, PaymentBatch.__table__, **values)


def batch(db: Session, project_id: int, batch_id: int) -> BatchInfo:
    """Return one batch of a project.

    Raises:
        NotFound: ``batch_unknown``.
    """
    found = _batches(db, and_(PaymentBatch.project_id == project_id, PaymentBatch.id == batch_id))
    if not found:
        raise NotFound("batch_unknown")
    return found[0]


def batches(db: Session, project_id: int) -> list[BatchInfo]:
    """Return the batches of a project, oldest first."""
    return _batches(db, PaymentBatch.project_id == project_id)


def _batches(db: Session, wanted: Any) -> list[BatchInfo]:
    rows = db.execute(select(*_BATCH).where(wanted).order_by(PaymentBatch.id)).all()
    acts: dict[int, list[ActInfo]] = defaultdict(list)
    for some in _chunks([row.id for row in rows]):
        for row in db.execute(
            select(BatchAct.batch_id, BatchAct.act, BatchAct.by, BatchAct.at)
            .where(BatchAct.batch_id.in_(some))
            .order_by(BatchAct.id)
        ):
            acts[row.batch_id].append(ActInfo(row.act, row.by, row.at))
    return [BatchInfo(*row, acts=tuple(acts[row.id])) for row in rows]


def batch_file(db: Session, batch_id: int) -> bytes:
    """Return the sealed file of a batch."""
    return db.execute(select(PaymentBatch.file_sealed).filter_by(id=batch_id)).scalar_one()


def count_batches(db: Session, prefix: str) -> int:
    """Return how many batches have a number that begins so."""
    return db.execute(
        select(func.count()).select_from(PaymentBatch).where(PaymentBatch.batch_no.startswith(prefix, autoescape=True))
    ).scalar_one()


def add_act(db: Session, batch_id: int, *, act: str, by: str, now: datetime) -> bool:
    """Append a step of a batch; False when it was taken before."""
    return insert_or_leave(db, BatchAct.__table__, batch_id=batch_id, act=act, by=by, at=now)


@dataclass(frozen=True, slots=True)
class ItemInfo:
    """One transfer of a batch."""

    id: int
    batch_id: int
    seq: int
    line_id: int
    engagement_id: int
    amount_fen: int
    card_id: int
    retry_of: int | None
    worker_id: int
    project_company_id: int
    month: date
    """Of the sheet."""
    origin_month: date
    special_account_id: int
    on_behalf_of: int | None
    batch_no: str
    results: tuple[tuple[str, str | None, date, int, str | None], ...] = ()
    """(status, code, day, row id, the bank's number), in order."""

    @property
    def state(self) -> str:
        """pending, success, failed or returned: the last the bank said."""
        said = [r[0] for r in self.results]
        return next((s for s in ("returned", "failed", "success") if s in said), "pending")


_ITEM = (
    PaymentItem.id, PaymentItem.batch_id, PaymentItem.seq, PaymentItem.line_id, PaymentItem.engagement_id,
    PaymentItem.amount_fen, PaymentItem.card_id, PaymentItem.retry_of, PayrollLine.worker_id, PayrollSheet.project_company_id,
    PayrollSheet.month, PayrollLine.origin_month, PaymentBatch.special_account_id, PaymentBatch.on_behalf_of, PaymentBatch.batch_no,
)  # fmt: skip


def add_item(db: Session, **values: Any) -> int:
    """Append a transfer; return its id."""
    return append(db, PaymentItem.__table__, **values)


def items(db: Session, batch_id: int) -> list[ItemInfo]:
    """Return the transfers of a batch, by number."""
    return _items(db, PaymentItem.batch_id == batch_id)


def items_by_id(db: Session, project_id: int, ids: Iterable[int]) -> dict[int, ItemInfo]:
    """Return those of the transfers that are of the project."""
    found: dict[int, ItemInfo] = {}
    for some in _chunks(sorted(set(ids))):
        wanted = and_(PaymentBatch.project_id == project_id, PaymentItem.id.in_(some))
        found |= {item.id: item for item in _items(db, wanted)}
    return found


def unanswered(db: Session, project_id: int) -> list[ItemInfo]:
    """Return the transfers of sent batches the bank has said nothing about."""
    sent = exists().where(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "sent")
    said = exists().where(ItemResult.item_id == PaymentItem.id)
    return _items(db, and_(PaymentBatch.project_id == project_id, sent, ~said))


def retries(db: Session, project_id: int, ids: Collection[int]) -> dict[int, str]:
    """Return transfer -> number of the batch, not withdrawn, in which it went out again."""
    withdrawn = exists().where(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "withdrawn")
    found: dict[int, str] = {}
    for some in _chunks(sorted(ids)):
        rows = db.execute(
            select(PaymentItem.retry_of, PaymentBatch.batch_no)
            .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
            .where(PaymentBatch.project_id == project_id, PaymentItem.retry_of.in_(some), ~withdrawn)
        )
        found |= dict(map(tuple, rows))
    return found


def to_retry(db: Session, project_id: int) -> dict[int, int]:
    """Return line id -> the transfer a new one of the line stands for: the latest that came back and was not sent again.

    A second try whose batch was withdrawn stands for the first one, and is named in its place.
    """
    again = PaymentItem.__table__.alias()
    rows = db.execute(
        select(PaymentItem.line_id, func.max(PaymentItem.id))
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .where(
            PaymentBatch.project_id == project_id,
            or_(
                exists().where(ItemResult.item_id == PaymentItem.id, ItemResult.status.in_(("failed", "returned"))),
                and_(
                    PaymentItem.retry_of.is_not(None),
                    exists().where(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "withdrawn"),
                ),
            ),
            ~exists().where(again.c.retry_of == PaymentItem.id),
        )
        .group_by(PaymentItem.line_id)
    )
    return dict(map(tuple, rows))


def sent_sums(db: Session, account_id: int) -> list[tuple[int, str, datetime, int, int]]:
    """Return (batch id, number, when it was sent, fen, of these fen that failed) of an account's batches."""
    failed = exists().where(ItemResult.item_id == PaymentItem.id, ItemResult.status == "failed")
    rows = db.execute(
        select(
            PaymentBatch.id,
            PaymentBatch.batch_no,
            BatchAct.at,
            PaymentBatch.total_fen,
            func.sum(case((failed, PaymentItem.amount_fen), else_=0)),
        )
        .join(BatchAct, and_(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "sent"))
        .join(PaymentItem, PaymentItem.batch_id == PaymentBatch.id)
        .where(PaymentBatch.special_account_id == account_id)
        .group_by(PaymentBatch.id, PaymentBatch.batch_no, BatchAct.at, PaymentBatch.total_fen)
        .order_by(PaymentBatch.id)
    )
    return [(*row[:4], int(row[4])) for row in rows]


def in_transit(db: Session, account_id: int) -> list[tuple[datetime, date | None, int]]:
    """Return (sent, the bank's first answer, fen) of every transfer of an account's sent batches."""
    rows = db.execute(
        select(BatchAct.at, func.min(ItemResult.happened_on), PaymentItem.amount_fen)
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .join(BatchAct, and_(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "sent"))
        .outerjoin(ItemResult, ItemResult.item_id == PaymentItem.id)
        .where(PaymentBatch.special_account_id == account_id)
        .group_by(PaymentItem.id, BatchAct.at, PaymentItem.amount_fen)
    )
    return [tuple(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Standing:
    """Transfers of a batch that stand alike."""

    state: str
    """pending, success, failed or returned, as ``ItemInfo.state``."""
    count: int
    fen: int
    answered_on: date | None
    """The latest day the bank said of one of them; None while it has said nothing."""


def standings(db: Session, project_id: int) -> dict[int, tuple[Standing, ...]]:
    """Return batch -> where its transfers stand, of all batches of a project; counted, not read."""
    # A transfer without a word of the bank has one joined row with nothing in it.
    rank = case((ItemResult.item_id.is_(None), 0), (ItemResult.status == "returned", 3), (ItemResult.status == "failed", 2), else_=1)
    said = (
        select(
            PaymentItem.batch_id, PaymentItem.amount_fen, func.max(rank).label("rank"),
            func.max(ItemResult.happened_on).label("answered_on"),
        )
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .outerjoin(ItemResult, ItemResult.item_id == PaymentItem.id)
        .where(PaymentBatch.project_id == project_id)
        .group_by(PaymentItem.id, PaymentItem.batch_id, PaymentItem.amount_fen)
        .subquery()
    )  # fmt: skip
    by = (said.c.batch_id, said.c.rank)
    rows = db.execute(select(*by, func.count(), func.sum(said.c.amount_fen), func.max(said.c.answered_on)).group_by(*by).order_by(*by))
    found: dict[int, list[Standing]] = defaultdict(list)
    for batch_id, at, count, fen, on in rows:
        found[batch_id].append(Standing(("pending", "success", "failed", "returned")[at], count, int(fen), on))
    return {batch_id: tuple(own) for batch_id, own in found.items()}


def file_of_another(db: Session, file_sha256: str, batch_id: int) -> bool:
    """True when results of another batch came from this very file."""
    return (
        db.execute(
            select(ItemResult.id)
            .join(PaymentItem, PaymentItem.id == ItemResult.item_id)
            .where(ItemResult.file_sha256 == file_sha256, PaymentItem.batch_id != batch_id)
            .limit(1)
        ).first()
        is not None
    )


def _items(db: Session, wanted: Any) -> list[ItemInfo]:
    rows = db.execute(
        select(*_ITEM)
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .join(PayrollLine, PayrollLine.id == PaymentItem.line_id)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(wanted)
        .order_by(PaymentItem.batch_id, PaymentItem.seq)
    ).all()
    results: dict[int, list[tuple[str, str | None, date, int, str | None]]] = defaultdict(list)
    for some in _chunks([row[0] for row in rows]):
        for row in db.execute(
            select(ItemResult.item_id, ItemResult.status, ItemResult.code, ItemResult.happened_on, ItemResult.id, ItemResult.bank_ref)
            .where(ItemResult.item_id.in_(some))
            .order_by(ItemResult.id)
        ):
            results[row[0]].append(tuple(row)[1:])
    return [ItemInfo(*row, results=tuple(results[row[0]])) for row in rows]


def add_result(db: Session, **values: Any) -> int:
    """Append what the bank said of a transfer; return its id."""
    return append(db, ItemResult.__table__, **values)


def bank_ref_item(db: Session, bank_ref: str) -> int | None:
    """Return the transfer a number of the bank belongs to."""
    return db.execute(select(ItemResult.item_id).filter_by(bank_ref=bank_ref)).scalar()


# --- statement -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatementInfo:
    """One line of the special account's statement, and what it was."""

    id: int
    special_account_id: int
    seq: int
    bank_txn_id: str
    booked_on: date
    amount_fen: int
    balance_after_fen: int
    counterparty: str | None = field(repr=False)
    counterparty_last4: str | None
    counterparty_index: str | None = field(repr=False)
    memo: str
    kind: str | None = None
    """item_result, funding_receipt, advance, batch, batch_return, fee, interest or unknown; None while nothing was found."""
    document_id: int | None = None


_LINE_NAMES = tuple(name for name in StatementInfo.__dataclass_fields__ if name not in ("kind", "document_id"))
_LINE = tuple(getattr(StatementLine, name) for name in _LINE_NAMES)


def statement(db: Session, account_id: int) -> list[StatementInfo]:
    """Return the statement of an account in its order, each line with what it was last said to be."""
    said: dict[int, tuple[str, int | None]] = {}
    for row in db.execute(
        select(StatementMatch.statement_line_id, StatementMatch.kind, StatementMatch.document_id)
        .join(StatementLine, StatementLine.id == StatementMatch.statement_line_id)
        .where(StatementLine.special_account_id == account_id)
        .order_by(StatementMatch.id)
    ):
        said[row[0]] = row[1], row[2]
    rows = db.execute(select(*_LINE).where(StatementLine.special_account_id == account_id).order_by(StatementLine.seq))
    return [StatementInfo(*row, *said.get(row.id, (None, None))) for row in rows]


def statement_end(db: Session, account_id: int, limit: int) -> tuple[list[StatementInfo], int]:
    """Return (the last ``limit`` lines of an account's statement, the latest first, how many it has)."""
    total = db.execute(select(func.count()).select_from(StatementLine).where(StatementLine.special_account_id == account_id)).scalar_one()
    asked = select(*_LINE).where(StatementLine.special_account_id == account_id).order_by(StatementLine.seq.desc()).limit(limit)
    rows = db.execute(asked).all()
    said: dict[int, tuple[str, int | None]] = {}
    matched = select(StatementMatch.statement_line_id, StatementMatch.kind, StatementMatch.document_id)
    ids = [row.id for row in rows]
    for line_id, *what in db.execute(matched.where(StatementMatch.statement_line_id.in_(ids)).order_by(StatementMatch.id)):
        said[line_id] = tuple(what)
    return [StatementInfo(*row, *said.get(row.id, (None, None))) for row in rows], total


_NEWER = aliased(StatementMatch)
_COUNTS = ~exists().where(_NEWER.statement_line_id == StatementMatch.statement_line_id, _NEWER.id > StatementMatch.id)
"""Of the matches of a line, the one that counts."""


def open_statement(db: Session, account_id: int) -> list[StatementInfo]:
    """Return the lines of an account's statement that nobody has said anything about, or nothing we know, in its order."""
    known = exists().where(StatementMatch.statement_line_id == StatementLine.id, _COUNTS, StatementMatch.kind != "unknown")
    rows = db.execute(select(*_LINE).where(StatementLine.special_account_id == account_id, ~known).order_by(StatementLine.seq)).all()
    said: dict[int, tuple[str, int | None]] = {}
    for some in _chunks([row.id for row in rows]):
        asked = select(StatementMatch.statement_line_id, StatementMatch.kind, StatementMatch.document_id)
        for line_id, *what in db.execute(asked.where(StatementMatch.statement_line_id.in_(some)).order_by(StatementMatch.id)):
            said[line_id] = tuple(what)
    return [StatementInfo(*row, *said.get(row.id, (None, None))) for row in rows]


def shown(db: Session, account_id: int) -> set[tuple[str, int]]:
    """Return (kind, id) of the documents that a line of an account's statement is; without single transfers, which are many."""
    rows = db.execute(
        select(StatementMatch.kind, StatementMatch.document_id)
        .join(StatementLine, StatementLine.id == StatementMatch.statement_line_id)
        .where(
            StatementLine.special_account_id == account_id, StatementMatch.kind.in_(("funding_receipt", "advance", "batch", "batch_return")),
            StatementMatch.document_id.is_not(None), _COUNTS,
        )
    )  # fmt: skip
    return {(kind, id_) for kind, id_ in rows}


def add_statement_line(db: Session, **values: Any) -> int:
    """Append a line of the statement; return its id."""
    return append(db, StatementLine.__table__, **values)


def add_match(db: Session, *, statement_line_id: int, kind: str, document_id: int | None, by: str, now: datetime) -> int:
    """Append what a statement line was."""
    return append(
        db, StatementMatch.__table__, statement_line_id=statement_line_id, kind=kind, document_id=document_id, by=by, at=now
    )


def settled(db: Session, account_id: int) -> list[tuple[int, str, date, int, str | None, int, int]]:
    """Return (result id, status, day, fen, the bank's number, card id, batch id) of all transfers of an account that arrived
    or came back after."""
    return _settled(db, PaymentBatch.special_account_id == account_id)


def not_on_a_line(result_id: Any) -> ColumnElement[bool]:
    """True of a result that is no line of a statement by itself."""
    return ~exists().where(StatementMatch.kind == "item_result", StatementMatch.document_id == result_id, _COUNTS)


def unshown(db: Session, account_id: int, batches: Collection[int]) -> list[tuple[int, str, date, int, str | None, int, int]]:
    """Return those of ``settled`` that no line of the statement is.

    Args:
        batches: booked in one sum: what arrived of them is in that sum.
    """
    wanted = [PaymentBatch.special_account_id == account_id, not_on_a_line(ItemResult.id)]
    if batches:
        wanted.append(or_(ItemResult.status != "success", PaymentBatch.id.not_in(sorted(batches))))
    return _settled(db, *wanted)


def _settled(db: Session, *wanted: ColumnElement[bool]) -> list[tuple[int, str, date, int, str | None, int, int]]:
    rows = db.execute(
        select(
            ItemResult.id, ItemResult.status, ItemResult.happened_on, PaymentItem.amount_fen, ItemResult.bank_ref,
            PaymentItem.card_id, PaymentItem.batch_id,
        )
        .join(PaymentItem, PaymentItem.id == ItemResult.item_id)
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .where(ItemResult.status.in_(("success", "returned")), *wanted)
        .order_by(ItemResult.id)
    )  # fmt: skip
    return [tuple(row) for row in rows]


def card_indexes(db: Session, ids: Sequence[int]) -> dict[int, str]:
    """Return card id -> blind index of its number."""
    found: dict[int, str] = {}
    for some in _chunks(sorted(set(ids))):
        rows = db.execute(select(BankCard.id, BankCard.number_index).where(BankCard.id.in_(some)))
        found |= dict(map(tuple, rows))
    return found


def worker_indexes(db: Session, workers: Collection[int]) -> dict[int, frozenset[str]]:
    """Return worker id -> blind indexes of all cards recorded for him that stand."""
    found: dict[int, set[str]] = defaultdict(set)
    for some in _chunks(sorted(workers)):
        rows = db.execute(
            select(BankCard.worker_id, BankCard.number_index).where(
                BankCard.worker_id.in_(some), standing("bank_card", BankCard.id)
            )
        )
        for worker_id, index in rows:
            found[worker_id].add(index)
    return {worker_id: frozenset(indexes) for worker_id, indexes in found.items()}


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), 500):
        yield values[start : start + 500]
