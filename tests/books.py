"""Documents for tests of the ledger: sheets, batches, what the bank said, written straight into the tables.

Use cases that write them (``app.periods``, ``app.bank``) have tests of their own; here only their rows matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from itertools import count
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app import ledger
from app.domain.sheet import ItemKind, LineContent, LineItem, digest, line_hash
from app.store import append, money, sheets
from app.tables import (
    AdvanceRow,
    BankCard,
    BatchAct,
    FileTemplate,
    FundingReceipt,
    ItemResult,
    PaymentBatch,
    PaymentItem,
    PayrollLine,
    PayrollSheet,
    SpecialAccount,
    StatementLine,
    StatementMatch,
    Voiding,
)
from tests.cast import Cast, Member

MARCH, FEBRUARY, JANUARY = date(2026, 3, 1), date(2026, 2, 1), date(2026, 1, 1)
BY = "wu"


@dataclass(frozen=True, slots=True)
class Earned:
    """A line to be written."""

    member: Member
    gross_fen: int
    deductions_fen: int = 0
    advances_fen: int = 0
    origin: date | None = None


@dataclass
class Books:
    """Writes documents of project A and posts what follows from them."""

    cast: Cast
    now: datetime
    numbers: Any = field(default_factory=count)

    @property
    def project_id(self) -> int:
        return self.cast.a.id

    def content(self, month: date, earned: Earned) -> LineContent:
        items = [LineItem(ItemKind.WAGE, "base", earned.gross_fen, work_date=month)]
        if earned.deductions_fen:
            items.append(LineItem(ItemKind.DEDUCTION, "income_tax", -earned.deductions_fen, row_id=1))
        if earned.advances_fen:
            items.append(LineItem(ItemKind.ADVANCE, "", -earned.advances_fen, row_id=1))
        return LineContent(
            project_id=self.project_id,
            engagement_id=earned.member.engagement_id,
            worker_id=earned.member.id,
            origin_month=earned.origin or month,
            day_milli=1000,
            minutes=480,
            overtime_minutes=0,
            gross_fen=earned.gross_fen,
            deductions_fen=earned.deductions_fen,
            advances_fen=earned.advances_fen,
            net_fen=earned.gross_fen - earned.deductions_fen - earned.advances_fen,
            items=tuple(items),
        )

    def sheet(self, db: Session, month: date, lines: Sequence[Earned]) -> int:
        """A version of the team's sheet with its lines; id of the sheet."""
        latest = sheets.latest_sheet(db, self.cast.a.team_id, month, "regular")
        written = [(c, line_hash(c), None) for c in (self.content(month, earned) for earned in lines)]
        return sheets.add_sheet(
            db,
            project_id=self.project_id,
            project_company_id=self.cast.a.project_company_id,
            team_id=self.cast.a.team_id,
            month=month,
            kind="regular",
            version=1 if latest is None else latest.version + 1,
            digest=digest((c.engagement_id, c.origin_month, h) for c, h, _ in written),
            lines=written,
            by=BY,
            now=self.now,
        )

    def posted(self, month: date, line: sheets.LineInfo) -> ledger.PostedLine:
        content = line.content
        return ledger.PostedLine(
            line.id, self.project_id, self.cast.a.project_company_id, content.engagement_id, month, content.origin_month,
            content.gross_fen, content.deductions_fen, content.advances_fen,
        )  # fmt: skip

    def close(self, db: Session, month: date, lines: Sequence[Earned]) -> list[int]:
        """Lock a month, write its sheet, post it and close; ids of the lines, in the order given."""
        sheets.lock_period(db, self.project_id, month, BY, self.now)
        told = sheets.lines(db, self.sheet(db, month, lines))
        ledger.post_lines(db, [self.posted(month, line) for line in told], by=BY, now=self.now)
        hashes = [(line.content.engagement_id, line.content.origin_month, line.line_hash) for line in told]
        sheets.close_period(db, self.project_id, month, digest(hashes), "chen", self.now)
        ids = {(line.content.engagement_id, line.content.origin_month): line.id for line in told}
        return [ids[e.member.engagement_id, e.origin or month] for e in lines]

    # --- the special account -------------------------------------------------------------------------------

    def account(self, db: Session, opening_fen: int = 0) -> int:
        special = append(
            db, SpecialAccount.__table__, project_id=self.project_id, company_id=self.cast.a.company_id, name="专户",
            bank_name="B", number_sealed=b"s", number_index="i", last4="0001", opened_on=JANUARY, opening_fen=opening_fen,
            parties=[], evidence=[], recorded_by=BY, recorded_at=self.now,
        )  # fmt: skip
        ledger.open_account(db, special, opening_fen, by=BY, now=self.now)
        return special

    def fund(self, db: Session, special: int, fen: int, on: date = MARCH) -> int:
        receipt = append(
            db, FundingReceipt.__table__, special_account_id=special, received_on=on, amount_fen=fen,
            reference=f"R{next(self.numbers)}", recorded_by=BY, recorded_at=self.now,
        )  # fmt: skip
        ledger.post_funding(db, receipt, by=BY, now=self.now)
        return receipt

    def advance(self, db: Session, member: Member, fen: int, channel: str = "cash") -> int:
        advance_id = append(
            db, AdvanceRow.__table__, engagement_id=member.engagement_id, amount_fen=fen, paid_on=MARCH, channel=channel,
            proof="signed", reference=None, evidence=[], recorded_by=BY, recorded_at=self.now,
        )  # fmt: skip
        ledger.post_advance(db, advance_id, by=BY, now=self.now)
        return advance_id

    def void(self, db: Session, kind: str, row_id: int) -> None:
        db.execute(insert(Voiding).values(kind=kind, row_id=row_id, reason="typing error", by=BY, at=self.now))

    def pay(
        self, db: Session, member: Member, fen: int, for_month: date = MARCH, reverses_id: int | None = None, channel: str = "cash"
    ) -> int:
        """A payment outside the account; what it posts is left to the test when ``channel`` says through it."""
        payment_id, _ = money.add_payment(
            db, project_id=self.project_id, worker_id=member.id, amount_fen=fen, paid_on=MARCH, for_month=for_month,
            channel=channel, reference=None, reverses_id=reverses_id, idempotency_key=f"key-{next(self.numbers)}",
            recorded_by=BY, now=self.now,
        )  # fmt: skip
        ledger.post_off_account(db, payment_id, by=BY, now=self.now)
        return payment_id

    # --- batches -------------------------------------------------------------------------------------------

    def batch(
        self, db: Session, special: int, parts: Sequence[tuple[int, int]], *, on_behalf_of: int | None = None, send: bool = True
    ) -> list[ledger.SentItem]:
        """Send (line, fen) to the bank."""
        template = append(
            db, FileTemplate.__table__, name="t", use="batch", spec={}, recorded_by=BY, recorded_at=self.now
        )
        batch = append(
            db, PaymentBatch.__table__, project_id=self.project_id, special_account_id=special,
            batch_no=f"N{next(self.numbers)}", on_behalf_of=on_behalf_of, template_id=template, file_sha256="f",
            file_sealed=b"f", count=len(parts), total_fen=sum(fen for _, fen in parts), made_by=BY, made_at=self.now,
        )  # fmt: skip
        items = []
        for seq, (line_id, fen) in enumerate(parts, start=1):
            line = db.execute(select(PayrollLine.__table__).where(PayrollLine.id == line_id)).one()
            card = append(
                db, BankCard.__table__, worker_id=line.worker_id, holder_name="n", number_sealed=b"c", number_index="c",
                last4="0002", bank_name="B", bank_code=None, recorded_by=BY, recorded_at=self.now,
            )  # fmt: skip
            item = append(
                db, PaymentItem.__table__, batch_id=batch, seq=seq, line_id=line_id, engagement_id=line.engagement_id,
                amount_fen=fen, card_id=card, retry_of=None,
            )  # fmt: skip
            company = db.execute(select(PayrollSheet.project_company_id).where(PayrollSheet.id == line.sheet_id)).scalar_one()
            items.append(
                ledger.SentItem(
                    item, self.project_id, special, company, line.engagement_id, MARCH, line.origin_month, fen, on_behalf_of
                )
            )
        if send:
            append(db, BatchAct.__table__, batch_id=batch, act="sent", by=BY, at=self.now)
            for item in items:
                ledger.post_sent(db, item, by=BY, now=self.now)
        return items

    def answer(self, db: Session, item: ledger.SentItem, status: str, on: date = MARCH) -> int:
        """The bank's word on a transfer."""
        result = append(
            db, ItemResult.__table__, item_id=item.item_id, status=status, code=None, bank_ref=None, happened_on=on,
            file_sha256="f", recorded_by=BY, recorded_at=self.now,
        )  # fmt: skip
        if status == "success":
            ledger.post_settled(db, item, result, by=BY, now=self.now)
        else:
            ledger.post_returned(db, item, result, status == "returned", by=BY, now=self.now)
        return result

    def statement(
        self, db: Session, special: int, amounts: Sequence[int], *, after: int = 0, seq: int = 1, on: date = MARCH
    ) -> list[int]:
        """Lines of the bank's statement, each continuing the balance; ids."""
        ids = []
        for number, fen in enumerate(amounts, start=seq):
            after += fen
            ids.append(
                append(
                    db, StatementLine.__table__, special_account_id=special, seq=number,
                    bank_txn_id=f"T{next(self.numbers)}", booked_on=on, amount_fen=fen, balance_after_fen=after,
                    counterparty=None, counterparty_last4=None, counterparty_index=None, memo="",
                    file_sha256=sha256(b"").hexdigest(), recorded_by=BY, recorded_at=self.now,
                )
            )  # fmt: skip
        return ids

    def match(self, db: Session, line: int, kind: str, document: int | None = None) -> None:
        append(
            db, StatementMatch.__table__, statement_line_id=line, kind=kind, document_id=document, by=BY, at=self.now
        )

    def wrong(self, db: Session) -> list[tuple[str, str]]:
        """(code, subject) of everything that does not hold."""
        return [(a.code, a.subject) for a in ledger.assertions(db, self.project_id, self.now) if not a.holds]
