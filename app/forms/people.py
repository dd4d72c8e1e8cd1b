"""Who is on the project: the roster (花名册), the register of entries and exits (进退场登记), and their count by trade. Pure.

    PeopleHead, Person, Move, Movement     what is printed
    people_sheet                           -> xlsx, A3
    moves_sheet                            -> xlsx, A4
    movement_sheet                         -> xlsx, A4 upright (月人员动态表)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from xlsxwriter.utility import xl_col_to_name

from app.forms.book import A3, Book, Column, Stamp, Table, shown


@dataclass(frozen=True, slots=True)
class PeopleHead:
    """What stands over the table."""

    project: str
    general: str = ""
    company: str = ""
    from_on: date | None = None
    to_on: date | None = None
    """Last day told."""


@dataclass(frozen=True, slots=True)
class Person:
    """One engagement. What is not known stays empty and is printed as a blank."""

    name: str
    id_number: str
    """Masked already, or whole."""
    trade: str
    company: str
    team: str
    entry_on: date | None
    sex: str = ""
    """``M``, ``F`` or empty."""
    nation: str = ""
    address: str = ""
    phone: str = ""
    skill: str = ""
    is_leader: bool = False
    contract_no: str = ""
    contract_kind: str = ""
    signed_on: date | None = None
    wage_rate: str = ""
    """As it was agreed, with its unit: ``300.00 元/日``."""
    bank: str = ""
    card: str = ""
    educated_on: date | None = None
    insurance: str = ""
    emergency: str = ""
    exit_on: date | None = None
    """Last day on the project."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One who came or left within the time told; who did both has one line."""

    name: str
    id_number: str
    trade: str
    entry_on: date
    exit_on: date | None
    """Last day; None while he is here."""
    came: bool
    left: bool
    """Within the time told."""
    days_on_site: int
    filed: bool | None = None
    """Reported to the authority (备案); None: not known."""
    contract: bool | None = None
    settled: str = ""
    note: str = ""
    promise: bool | None = None
    """离场承诺书."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Heads of one employer, team and trade in the time told."""

    company: str
    team: str
    trade: str
    before: int
    """In the book the day before it began."""
    came: int
    left: int

    @property
    def after(self) -> int:
        """In the book when it ended."""
        return self.before + self.came - self.left


def people_sheet(head: PeopleHead, people: Sequence[Person], stamp: Stamp) -> bytes:
    """The roster, every column of the form."""
    book = Book(stamp.word("people_title"), stamp)
    columns = (
        Column("no", 4.5, "count"), Column("name", 8.5, "centre"), Column("sex", 4.5, "centre"), Column("nation", 6, "centre"),
        Column("id_number", 19.5, "centre"), Column("address", 20), Column("phone", 12.5, "centre"), Column("trade", 9), Column("skill", 7, "centre"),
        Column("team", 9), Column("is_leader", 6, "centre"), Column("company", 14), Column("entry_on", 10.5, "date"), Column("contract_no", 11),
        Column("contract_kind", 9, "centre"), Column("signed_on", 10.5, "date"), Column("wage_rate", 14), Column("bank", 13),
        Column("wage_card", 20.5, "centre"), Column("educated_on", 10.5, "date"), Column("insurance", 8, "centre"), Column("emergency", 13),
        Column("exit_on", 10.5, "date"), Column("note", 10),
    )  # fmt: skip
    table = Table(book, "people", columns, paper=A3)
    table.title(stamp.word("people_title"))
    table.facts(_facts(head))
    table.head()
    for number, person in enumerate(people, start=1):
        table.add(
            {"no": number, "name": person.name, "sex": stamp.word(f"sex_{person.sex}") if person.sex in ("M", "F") else "", "nation": person.nation,
             "id_number": person.id_number, "address": person.address, "phone": person.phone, "trade": shown("trade", person.trade, stamp),
             "skill": person.skill, "team": person.team, "is_leader": stamp.word("yes") if person.is_leader else "", "company": person.company,
             "entry_on": person.entry_on, "contract_no": person.contract_no, "contract_kind": person.contract_kind, "signed_on": person.signed_on,
             "wage_rate": person.wage_rate, "bank": person.bank, "wage_card": person.card, "educated_on": person.educated_on,
             "insurance": person.insurance, "emergency": person.emergency, "exit_on": person.exit_on, "note": person.note},
            height=26,
        )  # fmt: skip
    table.note(stamp.word("total_people", people=len(people)))
    table.sign(("sign_maker", "sign_sub", "sign_officer", "sign_manager"))
    return book.bytes()


def moves_sheet(head: PeopleHead, moves: Sequence[Move], stamp: Stamp) -> bytes:
    """Who came and who left; his name stands under the column of what he did."""
    book = Book(stamp.word("moves_title"), stamp)
    columns = (
        Column("no", 5, "count"), Column("name_in", 11, "centre"), Column("name_out", 11, "centre"), Column("id_number", 20, "centre"),
        Column("entry_on", 11, "date"), Column("exit_on", 11, "date"), Column("trade", 10), Column("filed", 7, "centre"),
        Column("served", 11, "count"), Column("contract_signed", 9, "centre"), Column("settled", 18), Column("note", 14),
        Column("promise", 8, "centre"),
    )  # fmt: skip
    table = Table(book, "moves", columns)
    table.title(stamp.word("moves_title"))
    table.facts(_facts(head))
    table.head()

    def said(value: bool | None) -> str:
        return "" if value is None else stamp.word("yes" if value else "no_")

    for number, move in enumerate(moves, start=1):
        table.add(
            {"no": number, "name_in": move.name if move.came else "", "name_out": move.name if move.left else "", "id_number": move.id_number,
             "entry_on": move.entry_on, "exit_on": move.exit_on, "trade": shown("trade", move.trade, stamp), "filed": said(move.filed),
             "served": move.days_on_site, "contract_signed": said(move.contract), "settled": move.settled, "note": move.note, "promise": said(move.promise)},
        )  # fmt: skip
    table.note(stamp.word("moves_sum", came=sum(move.came for move in moves), left=sum(move.left for move in moves)))
    table.sign(("sign_maker", "sign_officer", "sign_manager"))
    return book.bytes()


def movement_sheet(head: PeopleHead, rows: Sequence[Movement], stamp: Stamp) -> bytes:
    """How many were there, came, left and stay, by trade; what stays is a formula over the others, with its value."""
    book = Book(stamp.word("movement_title"), stamp)
    columns = (
        Column("no", 5, "count"), Column("company", 26), Column("team", 14), Column("trade", 12), Column("in_before", 9, "count", True),
        Column("came", 9, "count", True), Column("left", 9, "count", True), Column("in_after", 9, "count", True), Column("note", 12),
    )  # fmt: skip
    table = Table(book, "movement", columns, portrait=True)
    table.title(stamp.word("movement_title"))
    table.facts(_facts(head))
    table.head()
    before, came, left = (xl_col_to_name(table.at[key]) for key in ("in_before", "came", "left"))
    for number, row in enumerate(rows, start=1):
        counts = {"in_before": row.before, "came": row.came, "left": row.left, "in_after": row.after}
        table.add({"no": number, "company": row.company, "team": row.team, "trade": shown("trade", row.trade, stamp), **counts}, sums=counts)
        line = table.last_row + 1
        table.formula(table.last_row, table.at["in_after"], f"={before}{line}+{came}{line}-{left}{line}", "count", row.after)
    table.total(stamp.word("total"), span=4)
    table.sign(("sign_maker", "sign_officer", "sign_manager"))
    return book.bytes()


def _facts(head: PeopleHead) -> list[tuple[str, str]]:
    period = f"{head.from_on} — {head.to_on}" if head.from_on and head.to_on else ""
    return [("project", head.project), ("general", head.general), ("company", head.company), ("period", period)]
