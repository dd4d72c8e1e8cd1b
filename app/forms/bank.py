"""Bank files that are workbooks: a batch out, the bank's answer and its statement in. Pure.

    write_workbook     cells of ``domain.bank_files.table`` -> xlsx; read again before it is given out
    read_workbook      xlsx -> cells for ``domain.bank_files.parse_cells``
    answer_workbook    a return file (回盘) to fill in by hand, for a bank that answers on paper

What stands in which column is a row of data (``domain.bank_files.Template``), so these files have no house style: a
bank's own program reads them.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from app.domain.bank_files import ROWS_MAX, TITLE_ROWS_MAX, Row, Template, money
from app.errors import Unusable
from app.forms.reading import read_cells

BYTES_MAX = 8 * 1024**2
ANSWERS = ("成功", "失败", "退回")
"""Of the drop-down; each is a word ``domain.bank_files`` knows with every template."""


def write_workbook(cells: Sequence[Sequence[str]]) -> bytes:
    """The cells of a batch as a workbook of one sheet. All of them are text: an account keeps its digits, an amount its
    two decimals, and nothing is a formula.

    Raises:
        Unusable: ``workbook_differs``: what would be read from it is not what was to be written.
    """
    content = _written(cells)
    found = read_cells(content, bytes_max=len(content), rows_max=len(cells)) if cells else []
    read = [["" if cell is None else cell for cell in line] for line in found]
    if [_stripped(line) for line in read] != [_stripped(line) for line in cells]:
        raise Unusable("workbook_differs", "read back otherwise")
    return content


def read_workbook(content: bytes) -> list[list[Any]]:
    """The cells of a workbook from a bank: text, numbers and dates; row n of the file is item n - 1.

    Raises:
        TooLarge, Unusable: as ``reading.read_cells``.
    """
    return read_cells(content, bytes_max=BYTES_MAX, rows_max=ROWS_MAX + TITLE_ROWS_MAX + 2)


def answer_workbook(rows: Sequence[Row], template: Template) -> bytes:
    """A return file that names every transfer of a batch and leaves the answers to be filled in.

    Args:
        template: of a return file. Read with the same one, each row without an answer has its fault.

    Raises:
        ValueError: the template is of another use, or has no header.
    """
    if template.use != "return" or not template.header:
        raise ValueError("a return file with a header is wanted")
    lines = [[""] for _ in range(template.title_rows)] + [[column.title for column in template.columns]]
    for row in rows:
        said = {
            "seq": str(row.seq), "reference": row.reference, "payee_name": row.payee_name, "account_number": row.account_number,
            "amount": money(row.amount_fen, template.unit),
        }  # fmt: skip
        lines.append([said.get(column.field, "") for column in template.columns])
    status = next(at for at, column in enumerate(template.columns) if column.field == "status")
    offered = list(dict.fromkeys([*ANSWERS, *template.words]))
    while len(",".join(offered)) > 250:  # a list in a cell holds 255 characters
        offered.pop()
    return _written(lines, head=template.title_rows, choices=(status, offered))


def _written(cells: Sequence[Sequence[str]], *, head: int | None = None, choices: tuple[int, Sequence[str]] | None = None) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False})
    # The same file every time: its digest is kept with the batch.
    book.set_properties({"created": datetime(2026, 1, 1)})  # noqa: DTZ001
    sheet = book.add_worksheet("Sheet1")
    text = book.add_format({"num_format": "@", "font_name": "宋体", "font_size": 10})
    framed = book.add_format({"num_format": "@", "font_name": "宋体", "font_size": 10, "border": 1})
    title = book.add_format({"num_format": "@", "font_name": "宋体", "font_size": 10, "bold": True, "bg_color": "#DDE7F3", "border": 1})
    widths: dict[int, int] = {}
    for at, line in enumerate(cells):
        for place, cell in enumerate(line):
            style = text if head is None or at < head else title if at == head else framed
            if cell:
                sheet.write_string(at, place, cell, style)
            elif style is framed:
                sheet.write_blank(at, place, None, style)
            if len(line) > 1:
                widths[place] = max(widths.get(place, 8), sum(2 if ord(sign) > 255 else 1 for sign in cell) + 2)
    for place, width in widths.items():
        sheet.set_column(place, place, min(width, 48), text)
    if head is not None:
        sheet.freeze_panes(head + 1, 0)
        sheet.repeat_rows(0, head)
    if choices is not None and len(cells) > (head or 0) + 1:
        at, words = choices
        sheet.data_validation((head or 0) + 1, at, len(cells) - 1, at, {"validate": "list", "source": list(words), "ignore_blank": True})
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&R&8 &P / &N")
    book.close()
    return out.getvalue()


def _stripped(line: Sequence[str]) -> list[str]:
    kept = list(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept

