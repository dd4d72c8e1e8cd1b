"""The wage sheet (工资表) in its printed shapes, all from the same lines. Pure: values to xlsx.

    PayLine, PayrollHead     one line, and what stands over all of them
    payroll_short            for signature: gross, net, signature
    payroll_detail           what was paid out and withheld, what stays unpaid
    payroll_statutory        every item of 保障农民工工资支付条例 art. 15, with bank card, dispute and back pay; A3
    payroll_notice           to be posted (工资公示表): no ID number, no phone, no card

A line whose days differ from the gate is coloured and says the gate's days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.forms.book import A3, HELD, WARNED, Book, Column, Stamp, Table, days, hours, money, shown, trimmed


@dataclass(frozen=True, slots=True)
class PayrollHead:
    """What stands over the lines."""

    project: str
    month: date
    """First day of the month."""
    general: str = ""
    """总包单位."""
    company: str = ""
    """用工单位; empty when the lines are of several."""
    team: str = ""
    version: str = ""
    public_from: date | None = None
    public_to: date | None = None
    """Last day it is posted."""


@dataclass(frozen=True, slots=True)
class PayLine:
    """One line, fen and milli-days. Gross, deductions, net and what is left follow from its parts."""

    worker_id: int
    """Tells people apart for the count of the total row; not printed."""
    name: str
    id_number: str
    """Masked already, or whole where the law wants it whole (the signed sheet)."""
    trade: str
    """Code of ``trade.*`` or what was typed."""
    day_milli: int
    regular_fen: int
    """基本工资; of piece work what the quantities earned."""
    overtime_minutes: int = 0
    overtime_fen: int = 0
    allowance_fen: int = 0
    living_fen: int = 0
    """生活费 taken back on this line, >= 0."""
    advance_fen: int = 0
    """Other advances (预支) taken back on this line, >= 0."""
    social_fen: int = 0
    tax_fen: int = 0
    damage_fen: int = 0
    """Damages (赔偿), at most 20 % by law; the printed forms still call the column 罚款."""
    other_fen: int = 0
    """Housing fund, court order, agreed."""
    carried_fen: int = 0
    """上期未付."""
    paid_fen: int = 0
    """本次支付."""
    gate_day_milli: int | None = None
    """Days the gate alone computes; None: not compared."""
    company: str = ""
    team: str = ""
    phone: str = ""
    entry_on: date | None = None
    pay_kind: str = "day"
    """``day``, ``hour``, ``month`` or ``piece``."""
    rate_fen: int | None = None
    quantity_milli: int | None = None
    unit: str = ""
    unit_price_fen: int | None = None
    bank: str = ""
    card: str = ""
    back_month: date | None = None
    """Month this line pays for late (补发); None: the sheet's own."""
    held_fen: int = 0
    dispute: str = ""
    note: str = ""

    @property
    def gross_fen(self) -> int:
        return self.regular_fen + self.overtime_fen + self.allowance_fen

    @property
    def advances_fen(self) -> int:
        return self.living_fen + self.advance_fen

    @property
    def deductions_fen(self) -> int:
        """Everything withheld, advances too: 扣款合计 is what lies between gross and net."""
        return self.advances_fen + self.social_fen + self.tax_fen + self.damage_fen + self.other_fen

    @property
    def net_fen(self) -> int:
        return self.gross_fen - self.deductions_fen

    @property
    def unpaid_fen(self) -> int:
        return self.carried_fen + self.net_fen - self.paid_fen

    @property
    def differs(self) -> bool:
        return self.gate_day_milli is not None and self.gate_day_milli != self.day_milli


_AMOUNTS = {
    "gross": "gross_fen", "gross_all": "gross_fen", "gross_sum": "gross_fen", "net": "net_fen", "regular": "regular_fen",
    "overtime_pay": "overtime_fen", "allowance": "allowance_fen", "living": "living_fen", "advance": "advance_fen",
    "advances": "advances_fen", "social": "social_fen", "tax": "tax_fen", "damage": "damage_fen",
    "other_deduction": "other_fen", "deductions": "deductions_fen", "carried": "carried_fen", "paid": "paid_fen",
    "paid_month": "paid_fen", "unpaid": "unpaid_fen", "unpaid_sum": "unpaid_fen",
}  # fmt: skip
"""Column -> attribute of a line, for the columns with a money total."""


def payroll_short(head: PayrollHead, lines: Sequence[PayLine], stamp: Stamp) -> bytes:
    """Shape a: for signature."""
    columns = (
        Column("no", 5, "count"), Column("name", 10, "centre"), Column("id_number", 21, "centre"),
        Column("employer", 22), Column("team", 20), Column("trade", 10), Column("entry_on", 11, "date"),
        Column("day_milli", 8, "days", True), Column("gross", 12, "money", True, "wages"),
        Column("net", 12, "money", True, "wages"), Column("sign_short", 14), Column("note", 14),
    )  # fmt: skip
    return _sheet("payroll_short", columns, head, lines, stamp, height=26, span=7)


def payroll_detail(head: PayrollHead, lines: Sequence[PayLine], stamp: Stamp) -> bytes:
    """Shape b: what was paid out and withheld. 其他 holds social insurance, tax and other deductions."""
    columns = (
        Column("no", 5, "count"), Column("name", 10, "centre"), Column("trade", 10), Column("work_days", 8, "days", True),
        Column("rate", 12, "money"), Column("gross_all", 12, "money", True), Column("living", 10, "item", True, "spent"),
        Column("advance", 10, "item", True, "spent"), Column("damage", 10, "item", True, "spent"),
        Column("other", 10, "item", True, "spent"), Column("paid_month", 12, "money", True, "spent"),
        Column("unpaid_sum", 12, "money", True), Column("sign_taken", 14), Column("note", 14),
    )  # fmt: skip
    return _sheet("payroll_detail", columns, head, lines, stamp, height=26, span=3)


def payroll_statutory(head: PayrollHead, lines: Sequence[PayLine], stamp: Stamp) -> bytes:
    """Shape c: every item the law lists, A3."""
    columns = (
        Column("no", 4, "count"), Column("name", 7.5, "centre"), Column("id_number", 19.5, "centre"), Column("phone", 12, "centre"),
        Column("trade", 8.5), Column("team", 14), Column("pay_kind", 5, "centre"), Column("day_milli", 5.5, "days", True),
        Column("overtime", 6, "hours", True), Column("quantity", 7.5, "number"), Column("unit", 4.5, "centre"),
        Column("unit_price", 7, "money"), Column("rate", 9.5, "money"), Column("regular", 9.5, "money", True),
        Column("overtime_pay", 8, "item", True), Column("allowance", 7.5, "item", True), Column("gross_sum", 9.5, "money", True),
        Column("advances", 8.5, "item", True), Column("social", 7.5, "item", True), Column("tax", 7.5, "item", True),
        Column("damage", 7, "item", True), Column("other_deduction", 7.5, "item", True), Column("deductions", 8.5, "item", True),
        Column("net", 9.5, "money", True), Column("carried", 8, "item", True), Column("paid", 9.5, "money", True),
        Column("unpaid", 9, "money", True), Column("held", 11), Column("bank", 13), Column("card", 16, "centre"),
        Column("back_month", 8, "centre"), Column("sign_thumb", 11), Column("note", 11),
    )  # fmt: skip
    return _sheet("payroll_statutory", columns, head, lines, stamp, height=30, span=7, paper=A3)


def payroll_notice(head: PayrollHead, lines: Sequence[PayLine], stamp: Stamp) -> bytes:
    """The notice (工资公示表): shape a without ID number, card and phone."""
    columns = (
        Column("no", 5, "count"), Column("name", 12, "centre"), Column("employer", 26), Column("team", 20),
        Column("trade", 12), Column("entry_on", 12, "date"), Column("day_milli", 9, "days", True),
        Column("gross", 13, "money", True, "wages"), Column("net", 13, "money", True, "wages"), Column("note", 18),
    )  # fmt: skip
    return _sheet("payroll_notice", columns, head, lines, stamp, span=6, notice=True)


def _sheet(
    title: str, columns: Sequence[Column], head: PayrollHead, lines: Sequence[PayLine], stamp: Stamp,
    *, span: int, height: float = 20, notice: bool = False, **paper: Any,
) -> bytes:  # fmt: skip
    said = stamp.word(title, month=stamp.month(head.month))
    book = Book(said, stamp)
    table = Table(book, "notice" if notice else "payroll", columns, **paper)
    table.title(said)
    posted = f"{head.public_from} — {head.public_to}" if head.public_from and head.public_to else ""
    table.facts([("project", head.project), ("general", head.general), ("company", head.company), ("team", head.team),
                 ("month", stamp.month(head.month)), ("version", head.version), ("public", posted), ("money_unit", stamp.word("yuan"))])  # fmt: skip
    table.head()
    for number, line in enumerate(lines, start=1):
        colour = WARNED if line.differs else HELD if line.held_fen or line.dispute else ""
        table.add(_values(number, line, head, stamp), colour=colour, height=height, sums=_sums(table, line))
    people = len({line.worker_id for line in lines})
    table.total(stamp.word("total_people", people=people), span=span)
    if any(line.differs for line in lines):
        table.note(stamp.word("gate_note"))
    if any(not line.differs and (line.held_fen or line.dispute) for line in lines):
        table.note(stamp.word("held_note"))
    if notice:
        table.note(stamp.word("notice_note"))
        table.sign(("sign_sub", "sign_officer", "sign_manager"))
    else:
        table.sign(("sign_sub_clerk", "sign_leader", "sign_sub", "sign_officer", "sign_manager", "sign_supervisor"))
    return book.bytes()


def _values(number: int, line: PayLine, head: PayrollHead, stamp: Stamp) -> Mapping[str, Any]:
    remarks = [line.note]
    if line.back_month:
        remarks.insert(0, f"{stamp.word('back_month')} {line.back_month:%Y-%m}")
    if line.differs:
        remarks.append(stamp.word("gate_differs", days=trimmed((line.gate_day_milli or 0) / 1000)))
    held = [stamp.word("held_of", yuan=f"{line.held_fen / 100:.2f}")] if line.held_fen else []
    return {
        "no": number,
        "name": line.name,
        "id_number": line.id_number,
        "phone": line.phone,
        "employer": line.company or head.company,
        "team": line.team or head.team,
        "trade": shown("trade", line.trade, stamp),
        "entry_on": line.entry_on,
        "pay_kind": shown("pay_kind", line.pay_kind, stamp),
        "day_milli": days(line.day_milli),
        "work_days": days(line.day_milli),
        "overtime": hours(line.overtime_minutes),
        "quantity": days(line.quantity_milli),
        "unit": line.unit,
        "unit_price": money(line.unit_price_fen),
        "rate": _rate(line, stamp),
        "other": money(_other(line)),
        "held": "\n".join([*held, line.dispute]).strip(),
        "bank": line.bank,
        "card": line.card,
        "back_month": f"{line.back_month:%Y-%m}" if line.back_month else "",
        "note": "\n".join(said for said in remarks if said),
        **{key: money(getattr(line, attribute)) for key, attribute in _AMOUNTS.items()},
    }


def _rate(line: PayLine, stamp: Stamp) -> float | str | None:
    """A day's rate is a number; of an hour or a month it says so, for the column is read as a day's."""
    if line.rate_fen is not None and line.pay_kind in ("hour", "month"):
        return stamp.word(f"rate_of_{line.pay_kind}", yuan=f"{line.rate_fen / 100:,.2f}")
    return money(line.rate_fen)


def _other(line: PayLine) -> int:
    return line.social_fen + line.tax_fen + line.other_fen


def _sums(table: Table, line: PayLine) -> Mapping[str, int]:
    known = {"day_milli": line.day_milli, "work_days": line.day_milli, "overtime": line.overtime_minutes, "other": _other(line)}
    known |= {key: getattr(line, attribute) for key, attribute in _AMOUNTS.items()}
    return {column.key: known[column.key] for column in table.columns if column.total}
