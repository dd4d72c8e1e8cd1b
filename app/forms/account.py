"""The wage account's book (专户收支台账): the bank's statement with what each line was matched with. Pure.

    AccountHead, AccountLine     the account and its movements
    account_book                 -> xlsx; a line that is not matched, or whose balance does not follow, is coloured
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.forms.book import WARNED, Book, Column, Stamp, Table, money


@dataclass(frozen=True, slots=True)
class AccountHead:
    """The account and the time it is told of."""

    project: str
    bank: str
    number: str
    """Masked already, or whole."""
    from_on: date
    to_on: date
    """Last day told."""
    opening_fen: int


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One movement, in the statement's order."""

    booked_on: date
    summary: str
    party: str
    flow_no: str
    in_fen: int
    out_fen: int
    balance_fen: int | None
    """As the bank says; None when the statement has no balance: then nothing is compared."""
    matched: str = ""
    """What it was matched with (batch, funding); empty: with nothing yet."""
    note: str = ""


def account_book(head: AccountHead, lines: Sequence[AccountLine], stamp: Stamp) -> bytes:
    """The movements with opening and closing balance; the closing one is a formula with its value."""
    book = Book(stamp.word("account_title"), stamp)
    columns = (
        Column("no", 5, "count"), Column("booked_on", 12, "date"), Column("summary", 18), Column("party", 24), Column("flow_no", 20, "centre"),
        Column("money_in", 14, "money", True), Column("money_out", 14, "money", True), Column("balance", 15, "money"),
        Column("matched", 20), Column("note", 14),
    )  # fmt: skip
    table = Table(book, "account", columns)
    table.title(stamp.word("account_title"))
    table.facts([("project", head.project), ("account_bank", head.bank), ("account_no", head.number), ("period", f"{head.from_on} — {head.to_on}"), ("money_unit", table.book.stamp.word("yuan"))])
    table.head()
    opening_row = table.row
    balance_at = table.at["balance"]
    _balance(table, "opening")
    table.put(opening_row, balance_at, money(head.opening_fen), "money", bold=True)
    balance, wrong = head.opening_fen, False
    for number, line in enumerate(lines, start=1):
        # The bank's own number goes on from, so that one break colours one line.
        expected = balance + line.in_fen - line.out_fen
        follows = line.balance_fen is None or line.balance_fen == expected
        balance = expected if line.balance_fen is None else line.balance_fen
        odd = not follows or not line.matched
        wrong = wrong or odd
        table.add(
            {"no": number, "booked_on": line.booked_on, "summary": line.summary, "party": line.party, "flow_no": line.flow_no,
             "money_in": money(line.in_fen) if line.in_fen else None, "money_out": money(line.out_fen) if line.out_fen else None,
             "balance": money(line.balance_fen), "matched": line.matched or stamp.word("unmatched"), "note": line.note},
            colour=WARNED if odd else "", sums={"money_in": line.in_fen, "money_out": line.out_fen},
        )  # fmt: skip
    total_row = table.row
    table.total(stamp.word("total"), span=5)
    closing = head.opening_fen + sum(line.in_fen - line.out_fen for line in lines)
    closing_row = table.row
    _balance(table, "closing")
    table.formula(closing_row, balance_at, f"=H{opening_row + 1}+F{total_row + 1}-G{total_row + 1}", "money", closing / 100, bold=True)
    if wrong:
        table.note(stamp.word("account_wrong"))
    table.sign(("sign_maker", "sign_checker", "sign_officer", "sign_manager"))
    return book.bytes()


def _balance(table: Table, key: str) -> None:
    """A row that holds one balance; the cell is the caller's."""
    for index in range(len(table.columns)):
        table.put(table.row, index, None, "text")
    table.put(table.row, table.at["summary"], table.book.stamp.word(key), "text", bold=True)
    table.sheet.set_row(table.row, 20)
    table.row += 1
