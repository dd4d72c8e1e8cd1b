"""Who asks, and when it is: what every route begins with."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from app import access
from app.access import Person
from app.db import Reading


def _someone(request: Request, db: Reading) -> Person:
    return access.signed_in(access.person_of_request(request, db))


Someone = Annotated[Person, Depends(_someone, scope="function")]
"""Whoever is signed in. Read in a snapshot of its own, so that asking who it is takes no write lock."""


async def _now(request: Request) -> datetime:
    # Not a plain function: FastAPI would ask a thread for the time.
    return access.now_of(request)


Now = Annotated[datetime, Depends(_now)]
