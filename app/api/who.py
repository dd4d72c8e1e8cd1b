"""Who asks, and when it is: what every route begins with."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AwareDatetime, Field

from app import access
from app.access import Person
from app.db import Reading
from app.domain.workdays import EARLIEST, LATEST


def _someone(request: Request, db: Reading) -> Person:
    return access.signed_in(access.person_of_request(request, db))


Someone = Annotated[Person, Depends(_someone, scope="function")]
"""Whoever is signed in. Read in a snapshot of its own, so that asking who it is takes no write lock."""


async def _now(request: Request) -> datetime:
    # Not a plain function: FastAPI would ask a thread for the time.
    return access.now_of(request)


Now = Annotated[datetime, Depends(_now)]


Day = Annotated[date, Field(ge=EARLIEST, lt=LATEST)]
"""A date that can be reckoned with."""
Instant = Annotated[AwareDatetime, Field(ge=datetime.combine(EARLIEST, time(), UTC), lt=datetime.combine(LATEST, time(), UTC))]
"""An instant that can be reckoned with, in any zone."""
