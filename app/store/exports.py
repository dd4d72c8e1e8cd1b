"""Who took which form out of the house, and what only forms ask."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store import append
from app.tables import (
    Engagement,
    ExportRecord,
    FindingRow,
    PaymentRow,
    PayrollLine,
    PayrollSheet,
    SpecialAccount,
    StatementLine,
)


def add_export(
    db: Session, *, project_id: int, form: str, facts: dict[str, Any], file_sha256: str, head_hash: str, by: str, now: datetime
) -> int:
    """Append a row; return its id."""
    return append(
        db, ExportRecord.__table__, project_id=project_id, form=form, facts=facts, file_sha256=file_sha256, head_hash=head_hash, by=by, at=now
    )


def payment_references(db: Session, project_id: int) -> dict[int, str]:
    """Payment id -> number of the transfer or receipt, where one was recorded."""
    found = db.execute(
        select(PaymentRow.id, PaymentRow.reference).where(PaymentRow.project_id == project_id, PaymentRow.reference.is_not(None))
    )
    return {row[0]: row[1] for row in found}


def size(db: Session, counts: str, project_id: int, asked: Mapping[str, Any]) -> int:
    """Return how much a form has to go through, cheaply.

    Args:
        counts: engagements, team (those of ``asked["team_id"]``), lines (of sheets), sheet (lines of ``asked["sheet_id"]``),
            statement (lines), findings.
    """
    wanted = {
        "engagements": select(func.count()).select_from(Engagement).where(Engagement.project_id == project_id),
        "team": select(func.count())
        .select_from(Engagement)
        .where(Engagement.project_id == project_id, Engagement.team_id == asked.get("team_id")),
        "lines": select(func.count())
        .select_from(PayrollLine)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(PayrollSheet.project_id == project_id),
        "sheet": select(func.count()).select_from(PayrollLine).where(PayrollLine.sheet_id == asked.get("sheet_id")),
        "statement": select(func.count())
        .select_from(StatementLine)
        .join(SpecialAccount, SpecialAccount.id == StatementLine.special_account_id)
        .where(SpecialAccount.project_id == project_id),
        "findings": select(func.count()).select_from(FindingRow).where(FindingRow.project_id == project_id),
    }[counts]
    return db.execute(wanted).scalar_one()
