"""What money events mean in the ledger (记账规则): each event becomes postings whose legs sum to zero.

    line         a line of a closing month: accrued, withheld, recovered
    sent         an item went to the bank
    settled      the bank said it arrived            failed, returned   ... or did not, or came back
    opening      what was on the special account     funding            what the general contractor paid in
    advance      money given before payday           off_account        wages paid outside the special account
    bank_own     a fee or interest of the bank's       undone       the opposite of a posting

    Account, Posting     whom a leg is about; legs under one document, refused when they do not sum to zero
    compared             balances as documents have them beside balances as the ledger has them
    Assertion            one thing that must hold, and whether it does

Signed integer fen; positive is debit (借). Nothing here reads the clock or the database. The daily wages of an open
month are no events: they are worked out anew at each question, and posted once, when the month closes.

Rules: DECISIONS.md (ledger). A posting never changes; what was wrong is posted again with the sign turned round.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

# --- accounts ------------------------------------------------------------------------------------------------


class AccountKind(StrEnum):
    """科目. What the value of ``Account.of`` is stands beside each."""

    WAGES_PAYABLE = "wages_payable"
    """应付工资: what a worker still gets. Per engagement; a credit."""
    LABOUR_COST = "labour_cost"
    """人工费成本. Per company on the project; a debit."""
    ADVANCE = "advance"
    """预支/生活费 not taken back yet. Per engagement; a debit."""
    DEDUCTION_PAYABLE = "deduction_payable"
    """代扣款: withheld and to be passed on. Per company on the project; a credit."""
    TRANSIT = "transit"
    """代发在途: with the bank, not answered for. Per special account; a credit, and zero when all answers are in."""
    SPECIAL_ACCOUNT = "special_account"
    """农民工工资专户. Per special account; a debit."""
    FUNDING = "funding"
    """人工费拨付. Per project; a credit."""
    OFF_ACCOUNT = "off_account"
    """专户外支付. Per project; a credit."""
    SUB_RECEIVABLE = "sub_receivable"
    """总包垫付应收分包. Per company on the project; a debit."""
    BANK_FEE = "bank_fee"
    """专户手续费: taken off the account by the bank, to be put back by who bears it. Per company on the project; a debit."""
    INTEREST = "interest"
    """专户利息: stays on the account, and is nobody's funding. Per project; a credit."""

    @property
    def letter(self) -> str:
        """e, c, s or p: engagement, project_company, special_account, project."""
        return _LETTER[self]

    @property
    def sign(self) -> int:
        """1 for a debit account, -1 for a credit account: a balance times it is what people read."""
        return -1 if self in _CREDIT else 1


_LETTER = {
    AccountKind.WAGES_PAYABLE: "e",
    AccountKind.ADVANCE: "e",
    AccountKind.LABOUR_COST: "c",
    AccountKind.DEDUCTION_PAYABLE: "c",
    AccountKind.SUB_RECEIVABLE: "c",
    AccountKind.TRANSIT: "s",
    AccountKind.SPECIAL_ACCOUNT: "s",
    AccountKind.FUNDING: "p",
    AccountKind.OFF_ACCOUNT: "p",
    AccountKind.BANK_FEE: "c",
    AccountKind.INTEREST: "p",
}
_CREDIT = {
    AccountKind.WAGES_PAYABLE,
    AccountKind.DEDUCTION_PAYABLE,
    AccountKind.TRANSIT,
    AccountKind.FUNDING,
    AccountKind.OFF_ACCOUNT,
    AccountKind.INTEREST,
}


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the ledger: a kind, and whom it is about."""

    kind: AccountKind
    of: int
    """Row id of the engagement, company on the project, special account or project."""

    @property
    def key(self) -> str:
        """Its name: ``wages_payable:e12``."""
        return f"{self.kind}:{self.kind.letter}{self.of}"

    @classmethod
    def read(cls, key: str) -> "Account":
        """Read a name back.

        Raises:
            ValueError: no account is called so.
        """
        kind, _, owner = key.partition(":")
        account = cls(AccountKind(kind), int(owner[1:] or "?"))
        if account.key != key:
            raise ValueError(f"no account is called {key}")
        return account


# --- postings ------------------------------------------------------------------------------------------------


class TxnKind(StrEnum):
    """What a posting is for (凭证类型)."""

    ACCRUE = "accrue"
    """计提: wages of the month itself."""
    ADJUST = "adjust"
    """补发/更正: wages of an earlier month."""
    WITHHOLD = "withhold"
    """代扣."""
    RECOVER = "recover"
    """扣回预支."""
    SUBMIT = "submit"
    """提交银行."""
    SETTLE = "settle"
    """代发成功."""
    RETURN = "return"
    """代发失败或退票: owed again."""
    FUND = "fund"
    """人工费到账."""
    ADVANCE = "advance"
    """预支."""
    OFF_ACCOUNT = "off_account"
    """专户外支付."""
    ON_BEHALF = "on_behalf"
    """先行清偿."""
    FEE = "fee"
    """专户手续费, or one that was given back."""
    INTEREST = "interest"
    """专户利息."""
    REVERSE = "reverse"
    """冲销."""

    @property
    def on_sheets(self) -> bool:
        """True for what follows from a line of a sheet: posted while its month is locked, just before it closes."""
        return self in (TxnKind.ACCRUE, TxnKind.ADJUST, TxnKind.WITHHOLD, TxnKind.RECOVER)


class Unbalanced(ValueError):
    """A posting that no ledger may hold. A programmer's error: documents cannot cause it."""


@dataclass(frozen=True, slots=True)
class Leg:
    """分录."""

    account: Account
    amount_fen: int
    """Positive is debit; never 0."""


@dataclass(frozen=True, slots=True)
class Posting:
    """凭证: the legs of one event of one document.

    Raises:
        Unbalanced: fewer than two legs, a leg of 0 or of no whole fen, a sum other than 0, months out of order.
    """

    project_id: int
    kind: TxnKind
    source_kind: str
    """Table of the document."""
    source_id: int
    post_month: date
    """First day of the month it is posted to."""
    origin_month: date
    """First day of the month the money is about; never later."""
    legs: tuple[Leg, ...]
    reverses: tuple[str, int, TxnKind] | None = None
    """Source kind, source id and kind of the posting this one takes back."""

    def __post_init__(self) -> None:
        if len(self.legs) < 2:
            raise Unbalanced("a posting has two legs or more")
        if any(type(leg.amount_fen) is not int or leg.amount_fen == 0 for leg in self.legs):
            raise Unbalanced("a leg is a whole number of fen other than 0")
        if sum(leg.amount_fen for leg in self.legs) != 0:
            raise Unbalanced("the legs sum to zero")
        if self.post_month.day != 1 or self.origin_month.day != 1 or self.origin_month > self.post_month:
            raise Unbalanced("months are first days, and money is posted in its month or later")

    @property
    def source(self) -> tuple[str, int, TxnKind]:
        """What makes it unique: the same source is posted once."""
        return self.source_kind, self.source_id, self.kind


def _legs(fen: int, debit: tuple[AccountKind, int], credit: tuple[AccountKind, int]) -> tuple[Leg, Leg]:
    return Leg(Account(*debit), fen), Leg(Account(*credit), -fen)


# --- a line of a sheet ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PostedLine:
    """A line of an approved sheet whose month is closing."""

    line_id: int
    project_id: int
    project_company_id: int
    """Of the sheet: who bears the cost."""
    engagement_id: int
    month: date
    """Of the sheet."""
    origin_month: date
    """Earlier for back pay (补发)."""
    gross_fen: int
    """May be negative: back pay that takes something back."""
    deductions_fen: int
    advances_fen: int


def line(line: PostedLine) -> tuple[Posting, ...]:
    """Return what a line posts: its wages, what is withheld, advances taken back. Amounts of 0 post nothing."""

    def posting(kind: TxnKind, fen: int, debit: tuple[AccountKind, int], credit: tuple[AccountKind, int]) -> Posting:
        return Posting(
            line.project_id, kind, "payroll_line", line.line_id, line.month, line.origin_month, _legs(fen, debit, credit)
        )

    payable = (AccountKind.WAGES_PAYABLE, line.engagement_id)
    company = line.project_company_id
    made = []
    if line.gross_fen:
        kind = TxnKind.ACCRUE if line.origin_month == line.month else TxnKind.ADJUST
        made.append(posting(kind, line.gross_fen, (AccountKind.LABOUR_COST, company), payable))
    if line.deductions_fen:
        made.append(posting(TxnKind.WITHHOLD, line.deductions_fen, payable, (AccountKind.DEDUCTION_PAYABLE, company)))
    if line.advances_fen:
        made.append(posting(TxnKind.RECOVER, line.advances_fen, payable, (AccountKind.ADVANCE, line.engagement_id)))
    return tuple(made)


# --- a transfer ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SentItem:
    """One transfer of a batch."""

    item_id: int
    project_id: int
    special_account_id: int
    project_company_id: int
    """Of the sheet of its line: who bears the cost."""
    engagement_id: int
    post_month: date
    """First day of the month the event is posted to; ``app.ledger`` sets it from ``now``, whatever stood here."""
    origin_month: date
    """Of its line."""
    amount_fen: int
    on_behalf_of: int | None = None
    """先行清偿: the company on the project that should have paid."""


def sent(item: SentItem) -> tuple[Posting, ...]:
    """Return what an item posts when its batch goes to the bank: no longer owed, on its way."""
    return (
        _item(item, TxnKind.SUBMIT, "payment_item", item.item_id, _payable(item), (AccountKind.TRANSIT, item.special_account_id)),
    )


def settled(item: SentItem, result_id: int) -> tuple[Posting, ...]:
    """Return what a success posts: from transit out of the account; and what the company owes that should have paid."""
    made = [
        _item(
            item, TxnKind.SETTLE, "item_result", result_id,
            (AccountKind.TRANSIT, item.special_account_id), (AccountKind.SPECIAL_ACCOUNT, item.special_account_id),
        )
    ]  # fmt: skip
    if item.on_behalf_of is not None:
        made.append(
            _item(
                item, TxnKind.ON_BEHALF, "item_result", result_id,
                (AccountKind.SUB_RECEIVABLE, item.on_behalf_of), (AccountKind.LABOUR_COST, item.project_company_id),
            )
        )  # fmt: skip
    return tuple(made)


def failed(item: SentItem, result_id: int) -> tuple[Posting, ...]:
    """Return what a failure posts: owed again, at once."""
    return (
        _item(
            item, TxnKind.RETURN, "item_result", result_id,
            (AccountKind.TRANSIT, item.special_account_id), _payable(item),
        ),
    )  # fmt: skip


def returned(item: SentItem, result_id: int) -> tuple[Posting, ...]:
    """Return what a transfer posts that succeeded and came back (退票): on the account and owed again."""
    made = [
        _item(
            item, TxnKind.RETURN, "item_result", result_id,
            (AccountKind.SPECIAL_ACCOUNT, item.special_account_id), _payable(item),
        )
    ]  # fmt: skip
    if item.on_behalf_of is not None:
        made.append(
            _item(
                item, TxnKind.ON_BEHALF, "item_result", result_id,
                (AccountKind.LABOUR_COST, item.project_company_id), (AccountKind.SUB_RECEIVABLE, item.on_behalf_of),
            )
        )  # fmt: skip
    return tuple(made)


def _payable(item: SentItem) -> tuple[AccountKind, int]:
    return AccountKind.WAGES_PAYABLE, item.engagement_id


def _item(
    item: SentItem, kind: TxnKind, source_kind: str, source_id: int, debit: tuple[AccountKind, int], credit: tuple[AccountKind, int]
) -> Posting:
    origin = min(item.origin_month, item.post_month)
    legs = _legs(item.amount_fen, debit, credit)
    return Posting(item.project_id, kind, source_kind, source_id, item.post_month, origin, legs)


# --- the special account, and around it ----------------------------------------------------------------------


def opening(project_id: int, special_account_id: int, opening_fen: int, month: date) -> tuple[Posting, ...]:
    """Return what an account brings along when Muster begins to keep it; an empty one posts nothing."""
    if not opening_fen:
        return ()
    return (_fund(project_id, special_account_id, opening_fen, month, "special_account", special_account_id),)


def funding(project_id: int, special_account_id: int, receipt_id: int, amount_fen: int, month: date) -> tuple[Posting, ...]:
    """Return what arrived labour money posts (人工费到账)."""
    return (_fund(project_id, special_account_id, amount_fen, month, "funding_receipt", receipt_id),)


def _fund(project_id: int, special_account_id: int, fen: int, month: date, source_kind: str, source_id: int) -> Posting:
    legs = _legs(fen, (AccountKind.SPECIAL_ACCOUNT, special_account_id), (AccountKind.FUNDING, project_id))
    return Posting(project_id, TxnKind.FUND, source_kind, source_id, month, month, legs)


def advance(
    project_id: int, engagement_id: int, advance_id: int, amount_fen: int, special_account_id: int | None, month: date
) -> tuple[Posting, ...]:
    """Return what an advance posts: the worker owes it back; paid from the account, or outside it (None)."""
    source = (
        (AccountKind.OFF_ACCOUNT, project_id)
        if special_account_id is None
        else (AccountKind.SPECIAL_ACCOUNT, special_account_id)
    )
    legs = _legs(amount_fen, (AccountKind.ADVANCE, engagement_id), source)
    return (Posting(project_id, TxnKind.ADVANCE, "advance", advance_id, month, month, legs),)


def off_account(
    project_id: int, engagement_id: int, payment_id: int, amount_fen: int, for_month: date, month: date
) -> tuple[Posting, ...]:
    """Return what a payment outside the account posts: no longer owed, although the account never saw it.

    Args:
        amount_fen: negative for a payment that came back.
    """
    legs = _legs(amount_fen, (AccountKind.WAGES_PAYABLE, engagement_id), (AccountKind.OFF_ACCOUNT, project_id))
    origin = min(for_month.replace(day=1), month)
    return (Posting(project_id, TxnKind.OFF_ACCOUNT, "payment", payment_id, month, origin, legs),)


def bank_own(
    project_id: int, special_account_id: int, match_id: int, amount_fen: int, bearer: int | None, booked_on: date, month: date
) -> tuple[Posting, ...]:
    """Return what a movement of the bank's own posts: on or off the account; owed by who bears it, or earned.

    Args:
        match_id: of the statement_match that says so.
        amount_fen: as the statement has it: negative for a fee, positive for interest or a fee given back.
        bearer: the company on the project that bears fees; None for interest.
    """
    other = (AccountKind.INTEREST, project_id) if bearer is None else (AccountKind.BANK_FEE, bearer)
    legs = _legs(amount_fen, (AccountKind.SPECIAL_ACCOUNT, special_account_id), other)
    kind = TxnKind.INTEREST if bearer is None else TxnKind.FEE
    return (Posting(project_id, kind, "statement_match", match_id, month, min(booked_on.replace(day=1), month), legs),)


def undone(posting: Posting, month: date) -> Posting:
    """Return the opposite of a posting, for a document that was voided."""
    legs = tuple(Leg(leg.account, -leg.amount_fen) for leg in posting.legs)
    return Posting(
        posting.project_id, TxnKind.REVERSE, posting.source_kind, posting.source_id,
        month, min(posting.origin_month, month), legs, reverses=posting.source,
    )  # fmt: skip


def covering(engagements: Sequence[tuple[int, date, date | None]], month: date) -> int:
    """Return the engagement that money for ``month`` goes to.

    The latest that touches the month, else the latest before it, else the first.

    Args:
        engagements: (id, first day, first day no longer) of one worker on one project; at least one.
        month: first day of the month the money is for.
    """
    end = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    order = sorted(engagements, key=lambda e: (e[1], e[0]))
    begun = [e for e in order if e[1] < end]
    touching = [e for e in begun if e[2] is None or e[2] > month]
    return (touching or begun or order[:1])[-1][0]


# --- what must hold ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assertion:
    """One thing that must hold in the books, and whether it does (账务断言)."""

    code: str
    """Stable; ``app.wording.ledger`` has its sentence."""
    holds: bool
    expected_fen: int | None = None
    """As documents say; None where the matter is not an amount."""
    found_fen: int | None = None
    """As the ledger says."""
    subject: str = ""
    """What is wrong, by name: ``wages_payable:e12``, ``line:7``, ``month:2026-03``; empty for everything together."""


def told(code: str, wrong: Iterable[tuple[str, int | None, int | None]], expected_fen: int | None = None) -> tuple[Assertion, ...]:
    """Return one assertion for each subject that is wrong, or one that all is well.

    Args:
        wrong: (subject, expected fen, found fen).
        expected_fen: of everything together, which is then what was found.
    """
    broken = tuple(Assertion(code, False, expected, found, subject) for subject, expected, found in wrong)
    return broken or (Assertion(code, True, expected_fen, expected_fen),)


def compared(kind: AccountKind, documents: Mapping[int, int], ledger: Mapping[int, int]) -> tuple[Assertion, ...]:
    """Hold what documents add up to beside what the ledger says, account by account of one kind.

    Args:
        documents: owner -> fen, debits positive.
        ledger: the same, from the legs.

    Returns:
        One assertion for each account that differs, else one for all. Amounts are turned so that the side an account
        normally stands on is positive.
    """
    wrong = [
        (Account(kind, of).key, kind.sign * documents.get(of, 0), kind.sign * ledger.get(of, 0))
        for of in sorted(documents.keys() | ledger.keys())
        if documents.get(of, 0) != ledger.get(of, 0)
    ]
    return told(f"ledger_{kind}", wrong, kind.sign * sum(documents.values()))
