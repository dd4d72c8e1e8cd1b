"""Who took which form out of the house, and what only forms ask."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store import append
from app.tables import ExportRecord, PaymentRow


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
