"""Who took which form out of the house."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.store import append
from app.tables import ExportRecord


def add_export(
    db: Session, *, project_id: int, form: str, facts: dict[str, Any], file_sha256: str, head_hash: str, by: str, now: datetime
) -> int:
    """Append a row; return its id."""
    return append(
        db, ExportRecord.__table__, project_id=project_id, form=form, facts=facts, file_sha256=file_sha256, head_hash=head_hash, by=by, at=now
    )
