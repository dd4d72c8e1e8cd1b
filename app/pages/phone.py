"""The worker's own page, handed to him: a QR code on the officer's screen or on paper, and the end of his sign-ins."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from markupsafe import Markup
from starlette.datastructures import FormData

from app import access
from app.domain.workdays import local
from app.errors import NotFound
from app.pages import lines
from app.pages import show as shows
from app.pages.page import Act, Again, Ask, Page, shown
from app.pages.words import marked
from app.store import people

HERE = frozenset({"127.0.0.1", "localhost", "::1"})
"""A link to one's own machine crosses no wire."""


@dataclass(frozen=True)
class PhoneContext:
    """What the officer's page for a worker's phone shows."""

    project_id: int = shown("The project, for links")
    worker_id: int = shown("The worker, for links")
    name: str = shown("Name of the worker")
    team: str = shown("Team of the worker")
    qr: Markup = shown("The QR code as SVG; empty while none was asked for, or the address is not safe to scan")
    code: str = shown("The code as letters, for who types it; empty while none was asked for")
    address: str = shown("Where the code is typed")
    until: datetime | None = shown("Until when the code is good, on the project's clock")
    printed: bool = shown("It is for paper, good for a day")
    unsafe: bool = shown("The service's address is not encrypted: no QR code is made in production")
    local: bool = shown("The service's address leads to its own machine: no telephone can open it")
    sessions: int = shown("Phones he is signed in on")


def gather(ask: Ask, made: tuple[str, datetime] | None = None, printed: bool = False) -> PhoneContext:
    """Who it is, and the code when one was just made."""
    worker_id = ask.id("worker_id")
    place = people.place_of(ask.db, ask.project.id, worker_id)
    if place is None:
        raise NotFound("worker_not_on_project")
    base = (ask.state.settings.public_url or str(ask.request.base_url)).rstrip("/")
    to = urlsplit(base)
    unsafe = to.scheme != "https" and to.hostname not in HERE and ask.state.settings.environment == "production"
    return PhoneContext(
        project_id=ask.project.id,
        worker_id=worker_id,
        name=place.name,
        team=place.team,
        qr=shows.qr(f"{base}/me/enter#{made[0]}") if made and not unsafe else Markup(),
        code=made[0] if made else "",
        address=f"{base}/me/enter",
        until=local(made[1], ask.policy) if made else None,
        printed=printed,
        unsafe=unsafe,
        local=to.hostname in HERE,
        sessions=access.sessions_of_worker(ask.db, worker_id, ask.now),
    )


def show(ask: Ask, values: FormData) -> Again:
    """Make a code of one use and show it, this once."""
    printed = lines.form(values, "printed") == "1"
    made = access.issue_code(
        ask.db, ask.person, project_id=ask.project.id, worker_id=ask.id("worker_id"), printed=printed, now=ask.now
    )
    return Again(PAGE, gather(ask, made, printed), 200)


def end(ask: Ask, values: FormData) -> str:
    """End his sign-ins on every phone, and a code he has not used."""
    del values
    worker_id = ask.id("worker_id")
    access.end_worker_sessions(ask.db, ask.person, project_id=ask.project.id, worker_id=worker_id, now=ask.now)
    return f"/projects/{ask.project.id}/workers/{worker_id}/phone?done=phones_ended"


PATH = "/projects/{project_id:int}/workers/{worker_id:int}/phone"
PAGE = Page(PATH, marked("让工人看自己的页面"), "phone.html", "papers.write", PhoneContext, gather)
ACTS: tuple[Act, ...] = (Act(f"{PATH}/code", "papers.write", show), Act(f"{PATH}/end", "papers.write", end))
