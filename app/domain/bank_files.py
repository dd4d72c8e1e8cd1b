"""Files for the bank and from it (代发文件、回盘文件、对账单): columns, header, encoding and unit are data.

    check(use, spec)            what is wrong with a template, by stable code; nothing when it can be used
    Template.of(use, spec)      a template that was checked
    render(rows, template)      transfers -> bytes; refuses unless count and sum are those of the batch
    table(rows, template)       the same as cells, for a workbook
    parse(content, template)    bytes -> records and row-level faults
    parse_cells(cells, ...)     the same from the cells of a workbook
    BUILT_IN                    templates every house begins with

A bank's own template is a row of data, never code. Amounts are integer fen inside and exact outside: a file with more
than two decimals of a yuan is refused, not rounded. No row of a file is dropped: it is a record, or its faults are named.
"""

import csv
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

ENCODINGS = ("gb18030", "utf-8", "utf-8-sig")
DELIMITERS = {"comma": ",", "tab": "\t", "pipe": "|", "semicolon": ";"}
UNITS = ("yuan", "fen")
LINE_ENDS = {"crlf": "\r\n", "lf": "\n"}

FIELDS: dict[str, tuple[str, ...]] = {
    "batch": (
        "seq", "payee_name", "account_number", "bank_name", "bank_code", "amount", "purpose", "reference", "constant", "blank",
    ),
    "return": (
        "seq", "reference", "payee_name", "account_number", "amount", "status", "reason", "bank_ref", "happened_on", "blank",
    ),
    "statement": (
        "bank_txn_id", "booked_on", "amount", "amount_in", "amount_out", "balance_after", "counterparty_name",
        "counterparty_number", "memo", "blank",
    ),
}  # fmt: skip
"""Fields a template of each use may name."""

REPEATABLE = ("constant", "blank")
"""Fields that may stand more than once."""

NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "batch": (("payee_name",), ("account_number",), ("amount",)),
    "return": (("reference", "seq"), ("status",), ("amount",)),
    "statement": (("bank_txn_id",), ("booked_on",), ("balance_after",), ("amount", "amount_in")),
}
"""Of each group at least one."""

ROWS_MAX = 20_000
COLUMNS_MAX = 40
TITLE_ROWS_MAX = 20
WORDS_MAX = 40
CELL_LENGTH_MAX = 400
LINE_LENGTH_MAX = 20_000
REFERENCE_LENGTH_MAX = 64
"""Of the bank's own numbers."""

STATUS_WORDS = {
    "success": "success", "成功": "success", "交易成功": "success", "代发成功": "success", "已入账": "success",
    "fail": "failed", "failed": "failed", "失败": "failed", "交易失败": "failed", "代发失败": "failed",
    "returned": "returned", "退回": "returned", "退票": "returned", "退汇": "returned", "已退回": "returned",
}  # fmt: skip
"""What banks write. A letter or number means one thing with one bank and the opposite with the next: a template names
such words itself."""

REASONS = {
    "户名不符": "name_mismatch", "户名账号不符": "name_mismatch", "账号户名不符": "name_mismatch",
    "账号不存在": "account_unknown", "无此账号": "account_unknown", "账号有误": "account_unknown",
    "账户冻结": "account_frozen", "账户状态异常": "account_frozen", "账户已销户": "account_frozen",
    "证件不符": "id_mismatch", "超限额": "limit", "限额": "limit",
    "name_mismatch": "name_mismatch", "account_unknown": "account_unknown", "account_frozen": "account_frozen",
    "id_mismatch": "id_mismatch", "limit": "limit", "other": "other",
}  # fmt: skip
"""Words of banks -> stable codes; whatever is not here is ``other``."""


# --- templates -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file."""

    field: str
    title: str
    value: str = ""
    """Of a ``constant`` column: what stands in every row (币种 CNY)."""


@dataclass(frozen=True, slots=True)
class Template:
    """How one bank wants or writes one kind of file."""

    use: str
    """batch, return or statement."""
    columns: tuple[Column, ...]
    encoding: str = "gb18030"
    delimiter: str = ","
    unit: str = "yuan"
    header: bool = True
    title_rows: int = 0
    """Rows above the header that are skipped when reading."""
    titles: tuple[str, ...] = ()
    """Rows above the header of a batch file: {month}, {batch}, {count} and {total} are filled in."""
    totals: bool = False
    """A last row with count and sum, for ``batch``."""
    line_end: str = "\r\n"
    workbook: bool = False
    """An xlsx file instead of text: ``table`` and ``parse_cells`` instead of ``render`` and ``parse``."""
    purpose: str = "工资{month}{batch}"
    """Pattern of the purpose: {month} is yyyyMM, {batch} the batch number."""
    words: Mapping[str, str] = field(default_factory=dict)
    """The bank's own words for a status, in small letters."""

    @classmethod
    def of(cls, use: str, spec: Mapping[str, Any]) -> "Template":
        """Make a template of data.

        Raises:
            ValueError: ``check`` finds a fault; its first code.
        """
        faults = check(use, spec)
        if faults:
            raise ValueError(faults[0][0])
        return cls(
            use=use,
            columns=tuple(Column(c["field"], c.get("title") or "", c.get("value") or "") for c in spec["columns"]),
            encoding=spec.get("encoding", "gb18030"),
            delimiter=DELIMITERS[spec.get("delimiter", "comma")],
            unit=spec.get("unit", "yuan"),
            header=spec.get("header", True),
            title_rows=spec.get("title_rows", 0),
            titles=tuple(spec.get("titles", ())),
            totals=spec.get("totals", False),
            line_end=LINE_ENDS[spec.get("line_end", "crlf")],
            workbook=spec.get("workbook", False),
            purpose=spec.get("purpose", "工资{month}{batch}"),
            words={_tidy(word).lower(): status for word, status in (spec.get("words") or {}).items()},
        )


_KNOWN = {
    "columns", "encoding", "delimiter", "unit", "header", "title_rows", "titles", "totals", "line_end", "workbook", "purpose",
    "words",
}  # fmt: skip
_CHOICES = {"encoding": ENCODINGS, "delimiter": tuple(DELIMITERS), "unit": UNITS, "line_end": tuple(LINE_ENDS)}


def check(use: str, spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (stable code, what it is about) for each fault of a template; empty when it can be used."""
    if use not in FIELDS:
        return [("template_use_unknown", str(use)[:20])]
    faults = [("template_setting_unknown", str(name)[:40]) for name in spec if name not in _KNOWN]
    for name, allowed in _CHOICES.items():
        if name in spec and spec[name] not in allowed:
            faults.append(("template_setting_wrong", name))
    for name in ("header", "totals", "workbook"):
        if name in spec and type(spec[name]) is not bool:
            faults.append(("template_setting_wrong", name))
    rows = spec.get("title_rows", 0)
    if type(rows) is not int or not 0 <= rows <= TITLE_ROWS_MAX:
        faults.append(("template_setting_wrong", "title_rows"))
    if not _is_pattern(spec.get("purpose", ""), ("month", "batch"), 60):
        faults.append(("template_setting_wrong", "purpose"))
    titles = spec.get("titles", ())
    listed = isinstance(titles, Sequence) and not isinstance(titles, str) and len(titles) <= TITLE_ROWS_MAX
    if not listed or not all(_is_pattern(said, ("month", "batch", "count", "total"), 200) for said in titles):
        faults.append(("template_setting_wrong", "titles"))
    words = spec.get("words") or {}
    if (
        not isinstance(words, Mapping)
        or len(words) > WORDS_MAX
        or any(not isinstance(word, str) or said not in ("success", "failed", "returned") for word, said in words.items())
    ):
        faults.append(("template_setting_wrong", "words"))
    delimiter = spec.get("delimiter", "comma")
    return faults + _check_columns(
        use, spec.get("columns"), DELIMITERS.get(delimiter, ",") if isinstance(delimiter, str) else ","
    )


def _check_columns(use: str, columns: Any, delimiter: str) -> list[tuple[str, str]]:
    if not isinstance(columns, Sequence) or isinstance(columns, str) or not 0 < len(columns) <= COLUMNS_MAX:
        return [("template_columns_wrong", "columns")]
    faults: list[tuple[str, str]] = []
    names: list[str] = []
    for column in columns:
        name = column.get("field") if isinstance(column, Mapping) else column
        if not isinstance(column, Mapping) or not isinstance(name, str) or name not in FIELDS[use]:
            faults.append(("template_field_unknown", str(name)[:40]))
            continue
        names.append(name)
        faults += [("template_setting_unknown", str(key)[:40]) for key in column if key not in ("field", "title", "value")]
        title, value = column.get("title") or "", column.get("value") or ""
        if not isinstance(title, str) or len(title) > 40:
            faults.append(("template_title_too_long", name))
        elif _unsafe(title, delimiter):
            faults.append(("template_title_wrong", name))
        # A number in every row may be an account that all wages go to.
        digits = sum(c.isdigit() for c in str(value))
        if value and (name != "constant" or not isinstance(value, str) or len(value) > 40 or digits > 7 or _unsafe(value, delimiter)):
            faults.append(("template_constant_wrong", name))
    faults += [
        ("template_field_twice", name) for name in sorted(set(names)) if name not in REPEATABLE and names.count(name) > 1
    ]
    faults += [
        ("template_field_missing", "/".join(group)) for group in NEEDED[use] if not any(name in names for name in group)
    ]
    if ("amount_in" in names) != ("amount_out" in names):
        faults.append(("template_field_missing", "amount_out" if "amount_in" in names else "amount_in"))
    if "amount" in names and "amount_in" in names:
        faults.append(("template_field_twice", "amount"))
    return faults


def _is_pattern(text: Any, names: Sequence[str], length_max: int) -> bool:
    if not isinstance(text, str) or len(text) > length_max:
        return False
    left = re.sub(rf"\{{({'|'.join(names)})\}}", "", text)
    return "{" not in left and "}" not in left and not any(unicodedata.category(c) in _UNPRINTABLE for c in left)


def _columns(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"field": field, "title": title} for field, title in pairs]


BUILT_IN: dict[str, tuple[str, dict[str, Any]]] = {
    "三列代发": (
        "batch",
        {"columns": _columns(("payee_name", "户名"), ("account_number", "账号"), ("amount", "金额")), "encoding": "gb18030"},
    ),
    "通用代发": (
        "batch",
        {
            "columns": _columns(
                ("seq", "序号"), ("payee_name", "收款户名"), ("account_number", "收款账号"), ("bank_name", "开户行"),
                ("bank_code", "联行号"), ("amount", "金额(元)"), ("purpose", "附言"), ("reference", "流水标识"),
            ),
            "encoding": "gb18030",
        },
    ),
    "通用回盘": (
        "return",
        {
            "columns": _columns(
                ("seq", "序号"), ("reference", "流水标识"), ("payee_name", "收款户名"), ("amount", "金额(元)"), ("status", "状态"),
                ("reason", "失败原因"), ("bank_ref", "银行流水号"), ("happened_on", "交易日期"),
            ),
            "encoding": "gb18030",
        },
    ),
    "通用对账单": (
        "statement",
        {
            "columns": _columns(
                ("bank_txn_id", "交易流水号"), ("booked_on", "记账日期"), ("amount_in", "收入"), ("amount_out", "支出"),
                ("balance_after", "余额"), ("counterparty_name", "对方户名"), ("counterparty_number", "对方账号"), ("memo", "摘要"),
            ),
            "encoding": "gb18030",
        },
    ),
}  # fmt: skip
"""Name -> (use, spec). Neutral: a bank's own is added as data."""


# --- writing ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One transfer of a batch."""

    seq: int
    payee_name: str = field(repr=False)
    account_number: str = field(repr=False)
    bank_name: str
    bank_code: str
    amount_fen: int
    reference: str
    """Names the item; comes back in the return file."""


class Unwritable(ValueError):
    """A batch that cannot be written as a file; ``code`` is stable, ``seq`` the row, 0 for the whole."""

    def __init__(self, code: str, seq: int = 0) -> None:
        super().__init__(f"{code} {seq}")
        self.code = code
        self.seq = seq


def table(
    rows: Sequence[Row], template: Template, *, month: date, batch_no: str, count: int, total_fen: int
) -> list[list[str]]:
    """Return the cells of a batch file, titles, header and totals included.

    Args:
        count, total_fen: of the batch as it was decided; another sum is a mistake that must not reach a bank.

    Raises:
        Unwritable: ``batch_totals_differ``, ``batch_amount_wrong``, ``batch_cell_unsafe``.
    """
    if len(rows) != count or sum(row.amount_fen for row in rows) != total_fen:
        raise Unwritable("batch_totals_differ")
    known = {"month": f"{month:%Y%m}", "batch": batch_no, "count": str(count), "total": money(total_fen, template.unit)}
    purpose = _filled(template.purpose, known)
    cells = [[_filled(said, known)] for said in template.titles]
    cells += [[column.title for column in template.columns]] if template.header else []
    if any(_unsafe(cell, template.delimiter) for line in cells for cell in line):
        raise Unwritable("batch_cell_unsafe")
    for row in rows:
        if type(row.amount_fen) is not int or row.amount_fen <= 0:
            raise Unwritable("batch_amount_wrong", row.seq)
        said = {
            "seq": str(row.seq),
            "payee_name": row.payee_name,
            "account_number": row.account_number,
            "bank_name": row.bank_name,
            "bank_code": row.bank_code,
            "amount": money(row.amount_fen, template.unit),
            "purpose": purpose,
            "reference": row.reference,
        }
        line = [said.get(column.field, column.value) for column in template.columns]
        if not row.payee_name or not row.account_number or any(_unsafe(cell, template.delimiter) for cell in line):
            raise Unwritable("batch_cell_unsafe", row.seq)
        cells.append(line)
    if template.totals:
        said = {template.columns[0].field: "合计", "payee_name": f"合计{count}笔", "amount": known["total"]}
        cells.append([said.get(column.field, "") for column in template.columns])
    return cells


def render(
    rows: Sequence[Row], template: Template, *, month: date, batch_no: str, count: int, total_fen: int
) -> bytes:
    """Return the bytes of a text file for the bank. What was written is read again before it is given out.

    Raises:
        Unwritable: as ``table``; ``batch_character_unwritable``: the encoding has no such character.
    """
    cells = table(rows, template, month=month, batch_no=batch_no, count=count, total_fen=total_fen)
    above = len(cells) - len(rows) - int(template.totals)
    lines = []
    for n, line in enumerate(cells):
        text = template.delimiter.join(line) + template.line_end
        try:
            text.encode(template.encoding)
        except UnicodeEncodeError:
            seq = rows[n - above].seq if 0 <= n - above < len(rows) else 0
            raise Unwritable("batch_character_unwritable", seq) from None
        lines.append(text)
    content = "".join(lines).encode(template.encoding)
    read = content.decode(template.encoding).split(template.line_end)
    if [line.split(template.delimiter) for line in read[:-1]] != cells or read[-1]:
        raise Unwritable("batch_totals_differ")
    return content


def money(fen: int, unit: str) -> str:
    """``123456`` fen as ``1234.56`` (yuan) or ``123456`` (fen). Never negative."""
    return str(fen) if unit == "fen" else f"{fen // 100}.{fen % 100:02d}"


def _filled(pattern: str, known: Mapping[str, str]) -> str:
    # In one go: a batch number that holds braces is no pattern.
    return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], pattern)


_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Not private-use characters: some people's names are written with them."""


def _unsafe(cell: str, delimiter: str) -> bool:
    # A delimiter or line break would shift columns; a leading sign would be a formula where a clerk opens the file.
    return (
        delimiter in cell
        or '"' in cell
        or any(unicodedata.category(c) in _UNPRINTABLE for c in cell)
        or cell.strip()[:1] in ("=", "+", "@", "-")
    )


# --- reading ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row of a file could not be used."""

    row: int
    """Of the file, from 1; 0 for the whole."""
    column: str
    """Its title; empty for the whole row."""
    code: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file, by field; amounts in fen under ``amount`` and ``balance_after``, signed in a statement."""

    row: int
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file says."""

    records: tuple[Record, ...]
    faults: tuple[Fault, ...]


def parse(content: bytes, template: Template) -> Parsed:
    """Read a text file of the bank; every row is a record or has its faults named.

    Line by line: a quotation mark that is never closed spoils its own line, not those below.
    """
    try:
        text = content.decode(template.encoding)
    except UnicodeDecodeError:
        return _refused("file_encoding_wrong")
    if "\0" in text:
        return _refused("file_encoding_wrong")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > ROWS_MAX + TITLE_ROWS_MAX + 2:
        return _refused("file_too_many_rows")
    return _parse([_split(line, template.delimiter) for line in lines], template)


def parse_cells(cells: Sequence[Sequence[Any]], template: Template) -> Parsed:
    """Read the cells of a workbook: text, numbers and dates as the reader gives them."""
    if len(cells) > ROWS_MAX + TITLE_ROWS_MAX + 2:
        return _refused("file_too_many_rows")
    return _parse([[_tidy(cell) for cell in line] for line in cells], template)


def _refused(code: str, row: int = 0, column: str = "") -> Parsed:
    return Parsed((), (Fault(row, column, code),))


def _split(line: str, delimiter: str) -> list[str] | str:
    """The cells of a line, or a stable code."""
    if len(line) > LINE_LENGTH_MAX:
        return "cell_too_long"
    if not line:
        return []
    try:
        return [_tidy(cell) for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except csv.Error:
        return "row_unreadable"


def _parse(lines: Sequence[list[str] | str], template: Template) -> Parsed:
    first = template.title_rows + int(template.header)
    order: list[int | None] = list(range(len(template.columns)))
    width = len(template.columns)
    if template.header:
        head = lines[first - 1] if len(lines) >= first else []
        if isinstance(head, str):
            return _refused(head, first)
        if not any(head):
            return _refused("file_empty")
        order = []
        width = max(n for n, cell in enumerate(head, 1) if cell)
        for n, column in enumerate(template.columns):
            title = _tidy(column.title)
            if head.count(title) > 1 and title:
                return _refused("file_column_twice", first, column.title)
            if title and title in head:
                order.append(head.index(title))
            elif column.field == "blank":
                order.append(None)
            elif title or n >= len(head) or head[n]:
                return _refused("file_column_missing", first, column.title or column.field)
            else:
                order.append(n)
    records: list[Record] = []
    faults: list[Fault] = []
    last = max((n for n, line in enumerate(lines, 1) if isinstance(line, str) or any(line)), default=0)
    totals: tuple[int, int | None] | None = None
    for n, line in enumerate(lines[first:], first + 1):
        if isinstance(line, str):
            faults.append(Fault(n, "", line))
            continue
        if not any(line):
            continue
        if n == last and template.use != "statement" and _is_totals(line):
            totals = n, _total(line, template, order)
            continue
        values, wrong = _row(line, n, template, order, width)
        if wrong:
            faults += wrong
        else:
            records.append(Record(n, values))
    if totals is not None and not faults and totals[1] != sum(record.values["amount"] for record in records):
        faults.append(Fault(totals[0], "", "file_totals_differ"))
    if not records and not faults:
        faults.append(Fault(0, "", "file_empty"))
    return Parsed(tuple(records), tuple(faults))


def _row(
    line: Sequence[str], n: int, template: Template, order: Sequence[int | None], width: int
) -> tuple[dict[str, Any], list[Fault]]:
    if any(line[width:]):
        # One delimiter too many shifts every cell after it.
        return {}, [Fault(n, "", "row_too_wide")]
    values: dict[str, Any] = {}
    wrong: list[Fault] = []
    for column, at in zip(template.columns, order, strict=True):
        if column.field in REPEATABLE:
            continue
        text = line[at] if at is not None and at < len(line) else ""
        value, code = _read(column.field, text, template)
        if code:
            wrong.append(Fault(n, column.title or column.field, code))
        else:
            values[column.field] = value
    return values, wrong or _whole(values, n, template)


def _is_totals(line: Sequence[str]) -> bool:
    first = next(cell for cell in line if cell)
    return first.lower().startswith(("合计", "总计", "total"))


def _total(line: Sequence[str], template: Template, order: Sequence[int | None]) -> int | None:
    at = order[next(n for n, column in enumerate(template.columns) if column.field == "amount")]
    return read_money(line[at], template.unit) if at is not None and at < len(line) else None


def _tidy(cell: Any) -> str:
    """A cell as plain text: full-width letters made plain, no invisible characters, no signs that keep Excel from counting."""
    if cell is None or isinstance(cell, bool):
        return ""
    if isinstance(cell, date):
        return cell.isoformat()[:10]
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        cell = int(cell)
    text = unicodedata.normalize("NFKC", str(cell))
    text = "".join(c for c in text if unicodedata.category(c) != "Cf").strip()
    quoted = re.fullmatch(r'="([^"]*)"', text)
    return (quoted[1] if quoted else text.lstrip("'")).strip()


def _read(name: str, text: str, template: Template) -> tuple[Any, str]:
    if len(text) > CELL_LENGTH_MAX:
        return None, "cell_too_long"
    if any(unicodedata.category(c) in _UNPRINTABLE for c in text):
        return None, "cell_malformed"
    if name in ("amount", "amount_in", "amount_out", "balance_after"):
        if not text and name in ("amount_in", "amount_out"):
            return 0, ""
        fen = read_money(text, template.unit)
        return fen, "" if fen is not None else "amount_unreadable"
    if name in ("booked_on", "happened_on"):
        if not text and name == "happened_on":
            return None, ""
        on = read_date(text)
        return on, "" if on is not None else "date_unreadable"
    if name == "status":
        word = text.lower()
        status = template.words.get(word) or STATUS_WORDS.get(word)
        return status, "" if status else "status_unknown"
    if name == "seq":
        if not text and template.use != "batch":
            return None, ""
        return (int(text), "") if re.fullmatch(r"[0-9]{1,9}", text) else (None, "seq_unreadable")
    if name == "reason":
        return (REASONS.get(text, "other") if text else None), ""
    if name in ("bank_ref", "bank_txn_id") and len(text) > REFERENCE_LENGTH_MAX:
        return None, "cell_too_long"
    return text, ""


def _whole(values: dict[str, Any], row: int, template: Template) -> list[Fault]:
    """What only the whole row can say; also makes one signed amount of two columns."""
    if template.use == "statement":
        if "amount_in" in values:
            came, went = values.pop("amount_in"), values.pop("amount_out")
            # Banks write money that left as a positive number in its own column; some with a sign.
            if (came != 0) == (went != 0):
                return [Fault(row, "", "amount_in_and_out")]
            values["amount"] = came if came else -abs(went)
        if not values["bank_txn_id"]:
            return [Fault(row, "", "txn_id_missing")]
        if values["amount"] == 0:
            return [Fault(row, "", "amount_zero")]
        return []
    if values["amount"] <= 0:
        return [Fault(row, "", "amount_zero")]
    if values.get("status") in ("success", "returned") and values.get("happened_on", row) is None:
        return [Fault(row, "", "date_missing")]
    return []


_AMOUNT = r"([+-]?)([0-9]{1,13}|[0-9]{1,3}(?:,[0-9]{3}){1,4})"


def read_money(text: str, unit: str) -> int | None:
    """``1,234.5`` as 123450 fen; None for anything that is not an exact amount, such as a third decimal or ``1,2``."""
    text = unicodedata.normalize("NFKC", text).strip().removeprefix("¥").removesuffix("元").strip()
    found = re.fullmatch(_AMOUNT if unit == "fen" else rf"{_AMOUNT}(?:\.([0-9]{{1,2}}))?", text)
    if found is None:
        return None
    fen = int(found[2].replace(",", ""))
    if unit != "fen":
        fen = fen * 100 + int((found[3] or "0").ljust(2, "0"))
    return -fen if found[1] == "-" else fen


_DATE = re.compile(
    r"([0-9]{4})(?:([-/.])([0-9]{1,2})\2([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日|([0-9]{2})([0-9]{2}))"
    r"(?:[ T]?[0-9]{1,2}:?[0-9]{2}(?::?[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
)


def read_date(text: str) -> date | None:
    """``2026-03-05``, ``2026/3/5``, ``2026年3月5日`` or ``20260305``; a time after it is left out. None for anything else."""
    found = _DATE.fullmatch(text)
    if found is None or not 2000 <= int(found[1]) < 2100:
        return None
    month, day = (int(part) for part in found.groups()[2:] if part is not None)
    try:
        return date(int(found[1]), month, day)
    except ValueError:
        return None


def card_digits(text: str) -> str | None:
    """The digits of a card or account number, spaces and hyphens left out, full-width ones made plain; None if it has others."""
    text = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))
    return text if text.isascii() and text.isdigit() else None


def masked(text: str) -> str:
    """A text of the bank's without card numbers in it: runs of 16 to 19 digits keep their last four."""
    return re.sub(r"(?<![0-9])[0-9]{12,15}([0-9]{4})(?![0-9])", r"****\1", text)


def tidy_name(name: str) -> str:
    """A person's name without spaces, full-width letters made plain, the middle dots of minority names made one."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", name))
    return re.sub("[•‧∙・．.]", "·", text)


def writable(text: str) -> bool:
    """True for a text that every template can carry: no delimiter of any, no quotation mark, no formula."""
    return bool(text) and not any(_unsafe(text, delimiter) for delimiter in DELIMITERS.values())
