"""Turns of the jobs that run without a request: who has which, until when, and when the next one is due."""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.store import insert_or_leave
from app.tables import Schedule


def next_at(db: Session, name: str) -> datetime | None:
    """Return when a job is due, or None when it was never entered."""
    return db.execute(select(Schedule.next_at).where(Schedule.name == name)).scalar()


def claim(db: Session, name: str, *, now: datetime, until: datetime, when_due: bool = True) -> bool:
    """Take a job's turn until an instant; False when it is not due, or somebody else has it.

    A job that was never run is due now. One conditional UPDATE decides, so that two workers never both have it.
    """
    # Two workers may enter the same new job at once.
    insert_or_leave(db, Schedule.__table__, name=name, next_at=now)
    free = or_(Schedule.claimed_until.is_(None), Schedule.claimed_until <= now)
    turn = update(Schedule.__table__).where(Schedule.name == name, free).values(claimed_until=until)
    if when_due:
        turn = turn.where(Schedule.next_at <= now)
    return db.execute(turn).rowcount == 1


def finish(db: Session, name: str, *, claimed_until: datetime, next_at: datetime, result: str) -> None:
    """Give back the claim that ends at ``claimed_until``, and no other: whoever overtook us is still at work."""
    mine = (Schedule.name == name, Schedule.claimed_until == claimed_until)
    db.execute(
        update(Schedule.__table__).where(*mine).values(next_at=next_at, claimed_until=None, last_result=result[:200])
    )
