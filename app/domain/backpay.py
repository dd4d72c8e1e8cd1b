"""What a closed month is worth now, beside what was posted for it (补发与多发).

    difference(current, posted)  ->  fen still owed, or, negative, posted too much

A closed month is never reopened. When its facts change, the difference to what the ledger has is paid on a later
sheet, with the month it was earned in as its origin (attendance.md 3.6). A negative difference is only proposed: it
may be taken back when the worker has agreed in writing.
"""

from app.domain.wages import MonthWage


def difference(current: MonthWage, posted_fen: int) -> int:
    """Return the gross that is still missing from the ledger for one engagement and month.

    Args:
        current: the month, worked out again from the facts as they are now.
        posted_fen: sum of the gross of all posted lines of that engagement and origin month, earlier back pay too;
            0 when nothing was posted. Then the whole month is back pay.

    Returns:
        Positive: owed on top. Negative: posted too much. 0: nothing to do; so asking again after the back pay is
        posted gives 0.
    """
    return current.gross_fen - posted_fen
