"""The list of findings (问题线索台账) of a project: what was found, where each stands, what was decided last. Pure.

    FindingLine       one finding
    findings_sheet    -> xlsx, the order of the lines is the caller's
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.forms.book import HELD, WARNED, Book, Column, Stamp, Table


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding, in words."""

    severity: str
    rule: str
    subject: str
    month: date
    says: str
    state: str
    due_on: date | None
    first_seen_on: date
    cleared: bool
    decided: str
    """Who decided last, when, and what; empty while nobody has."""
    is_red: bool
    """Red, and nobody has answered."""
    is_late: bool


def findings_sheet(project: str, lines: Sequence[FindingLine], stamp: Stamp) -> bytes:
    """Every finding given; red ones that wait, and late ones, are coloured."""
    book = Book(stamp.word("findings_title"), stamp)
    columns = (
        Column("no", 5, "count"), Column("severity", 7, "centre"), Column("rule", 18), Column("subject", 12), Column("month", 9, "centre"),
        Column("says", 50), Column("finding_state", 10, "centre"), Column("answer_by", 11, "date"), Column("first_seen", 11, "date"),
        Column("last_word", 28),
    )  # fmt: skip
    table = Table(book, "findings", columns)
    table.title(stamp.word("findings_title"))
    table.facts([("project", project)])
    table.head()
    for number, line in enumerate(lines, start=1):
        state = f"{line.state} ({stamp.word('cleared')})" if line.cleared else line.state
        table.add(
            {
                "no": number, "severity": line.severity, "rule": line.rule, "subject": line.subject, "month": f"{line.month:%Y-%m}",
                "says": line.says, "finding_state": state, "answer_by": line.due_on, "first_seen": line.first_seen_on,
                "last_word": line.decided,
            },
            colour=WARNED if line.is_late or line.is_red else HELD if line.decided and not line.cleared else "",
        )  # fmt: skip
    table.note(stamp.word("findings_note"))
    table.sign(("sign_maker", "sign_checker"))
    return book.bytes()
