"""Wage cards (工资卡) as an Excel file: whose, which number, which bank. Pure.

    read_cards        xlsx bytes -> Cards: every row, with its values or its faults
    cards_workbook    an empty workbook to fill in, which may name the workers already
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.domain.identity import check_bank_card
from app.forms.reading import ROWS_MAX, Field, Form, TableRow, empty_workbook, read_forms
from app.forms.roster import CellFault, _checked, _id_number, _name, _short, _text, _Wrong


@dataclass(frozen=True, slots=True)
class CardRow:
    """One card, cell by cell made usable. A value with a fault is None."""

    sheet: str
    number: int
    """As Excel shows it, from 1."""
    name: str | None = field(default=None, repr=False)
    id_number: str | None = field(default=None, repr=False)
    """Digits and X; its check digit is not looked at here."""
    card: str | None = field(default=None, repr=False)
    """16 to 19 digits."""
    bank: str | None = None
    bank_code: str | None = None
    """联行号, 12 digits."""
    holder: str | None = field(default=None, repr=False)
    """户名; None when the file does not say: then it is his own name."""
    warnings: tuple[str, ...] = ()
    """``bank_card_check_digit``: the usual check fails, as it does for some passbooks."""
    faults: tuple[CellFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Cards:
    """What was found in the file."""

    rows: tuple[CardRow, ...]
    sheets_read: tuple[str, ...]


def read_cards(content: bytes, *, bytes_max: int, rows_max: int = ROWS_MAX) -> Cards:
    """Read cards. A worker or a card that stood above already is a fault of the later row.

    Raises:
        TooLarge, Unusable: as ``reading.read_forms``.
    """
    (table,) = read_forms(content, (_FORM,), bytes_max=bytes_max, rows_max=rows_max)
    people: dict[str, CardRow] = {}
    cards: dict[str, CardRow] = {}
    rows = []
    for found in table.rows:
        row = _row(found)
        faults = list(row.faults)
        if row.id_number is not None:
            first = people.setdefault(row.id_number, row)
            if first is not row:
                faults.append(CellFault("id_number", "row_repeated", {"sheet": first.sheet, "first_row": first.number}))
        if row.card is not None:
            first = cards.setdefault(row.card, row)
            # A repeated person repeats his card too; that is one mistake, not two.
            if first is not row and (first.id_number is None or first.id_number != row.id_number):
                faults.append(CellFault("card", "card_repeated", {"sheet": first.sheet, "first_row": first.number}))
        rows.append(replace(row, faults=tuple(faults)))
    return Cards(tuple(rows), table.sheets_read)


def _row(found: TableRow) -> CardRow:
    values = dict(found.values)
    card = values.pop("card", None)
    row = CardRow(found.sheet, found.number, **values, faults=found.faults)
    if card is None:
        return row
    return replace(row, card=card.normalised, warnings=() if card.warning is None else (card.warning,))


def _card(value: Any, _epoch: datetime) -> Any:
    # Excel keeps 15 digits of a number: the last ones of a card are gone for good.
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise _Wrong("cell_as_number")
    said = _text(value).lstrip("'")
    if re.fullmatch(r"\d(\.\d+)?[Ee]\+?\d+", said):
        raise _Wrong("cell_as_number")
    return _checked(check_bank_card, said)


def _bank_code(value: Any, _epoch: datetime) -> str:
    said = re.sub(r"\s", "", _text(value)).lstrip("'")
    if not re.fullmatch(r"[0-9]{12}", said):
        raise _Wrong("bank_code_wrong")
    return said


_BANK = _short("", 100)

_FORM = Form(
    ("工资卡", "Wage cards"),
    (
        Field("name", ("姓名", "工人姓名", "name"), lambda value, epoch: _name(value, epoch)[1], False, 14, ("便于核对；以身份证号为准。", "For whoever checks; the ID number decides."), "王建国"),
        Field("id_number", ("身份证号", "身份证号码", "身份证", "证件号码", "id number"), lambda value, epoch: _id_number(value, epoch)[1], True, 24,
              ("18 位，单元格须为文本格式，不要存成数字。", "18 characters, in a text cell, never as a number."), "990000199001010017"),
        Field("card", ("银行卡号", "工资卡号", "卡号", "收款账号", "账号", "card number", "account number"), _card, True, 26,
              ("本人的卡，16 至 19 位，单元格须为文本格式。", "The worker's own card, 16 to 19 digits, in a text cell."), "6217000000000000000"),
        Field("bank", ("开户行", "开户银行", "银行", "bank"), lambda value, epoch: _BANK(value, epoch)[1], True, 30, ("写到支行。", "With its branch."), "中国建设银行成都锦江支行"),
        Field("bank_code", ("联行号", "行号", "bank code"), _bank_code, False, 18, ("12 位；跨行代发时需要。", "12 digits, for other banks."), "105651000012"),
        Field("holder", ("户名", "收款户名", "持卡人", "holder", "card holder"), lambda value, epoch: _name(value, epoch)[1], False, 14,
              ("与本人姓名不同的不能登记。", "Another name than the worker's is refused."), "王建国"),
    ),
    frozenset({"id_number", "card"}),
)  # fmt: skip


def cards_workbook(language: str = "zh", rows: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """An empty workbook to fill in; ``rows`` are workers that stand there already, by key (``name``, ``id_number``)."""
    return empty_workbook((_FORM,), language=language, rows=(rows,))
