"""Where screens are set up and taken back: those that stand at the gates, and the wall."""

from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import FormData

from app import screens
from app.domain import workdays
from app.errors import BadRequest
from app.pages import lines
from app.pages.page import Act, Again, Ask, Page, shown
from app.pages.words import marked
from app.store import gates
from app.store import screens as held


@dataclass(frozen=True)
class ScreenLine:
    """A screen that was not taken back."""

    id: int
    name: str
    gate: str
    """Empty for the wall."""
    direction: str
    opened_at: datetime | None
    seen_at: datetime | None
    over: bool
    """Its code was never used and is over."""
    made_by: str


@dataclass(frozen=True)
class LaneChoice:
    """A lane a screen can show."""

    id: int
    name: str
    direction: str


@dataclass(frozen=True)
class NewCode:
    """A code, shown this once."""

    code: str
    name: str
    until: datetime


@dataclass(frozen=True)
class DisplayContext:
    """What the page of screens shows."""

    project_id: int = shown("The project, for links")
    screens: tuple[ScreenLine, ...] = shown("Screens that were not taken back, oldest first")
    lanes: tuple[LaneChoice, ...] = shown("Lanes a new screen can show")
    address: str = shown("What is typed into the screen's browser")
    new: NewCode | None = shown("The code that was made just now; None otherwise")


def gather(ask: Ask, new: NewCode | None = None) -> DisplayContext:
    """The screens there are, and the form for another."""
    lanes = {g.id: g for g in gates.gates(ask.db, ask.project.id)}
    return DisplayContext(
        project_id=ask.project.id,
        screens=tuple(
            ScreenLine(
                s.id, s.name, lanes[s.gate_id].name if s.gate_id else "", str(lanes[s.gate_id].direction) if s.gate_id else "",
                workdays.local(s.opened_at, ask.policy) if s.opened_at else None,
                workdays.local(s.seen_at, ask.policy) if s.seen_at else None,
                s.opened_at is None and s.code_until <= ask.now, s.made_by,
            )
            for s in held.screens(ask.db, ask.project.id)
        ),
        lanes=tuple(LaneChoice(g.id, g.name, str(g.direction)) for g in lanes.values()),
        address=f"{ask.request.url.scheme}://{ask.request.url.netloc}/screen",
        new=new,
    )  # fmt: skip


def issue(ask: Ask, values: FormData) -> Again:
    """Make the code of a new screen; it is shown this once and kept nowhere."""
    shows = lines.form(values, "shows")
    if shows != "wall" and not (shows.isascii() and shows.isdigit() and len(shows) < 19):
        raise BadRequest("request_malformed", field="shows")
    made = screens.issue(
        ask.db, project_id=ask.project.id, gate_id=None if shows == "wall" else int(shows), name=lines.form(values, "name"),
        by=ask.person.login, now=ask.now,
    )
    name = lines.form(values, "name")
    return Again(PAGE, gather(ask, NewCode(made.code, name, workdays.local(made.until, ask.policy))), 200)


def revoke(ask: Ask, values: FormData) -> str:
    """Take a screen back; it shows nothing more within seconds."""
    screens.revoke(ask.db, project_id=ask.project.id, screen_id=ask.id("screen_id"), by=ask.person.login, now=ask.now)
    return f"/projects/{ask.project.id}/screens?done=screen_revoked"


PAGE = Page("/projects/{project_id:int}/screens", marked("闸机屏与大屏"), "display.html", "screens.write", DisplayContext, gather)
ISSUE = Act("/projects/{project_id:int}/screens", "screens.write", issue)
REVOKE = Act("/projects/{project_id:int}/screens/{screen_id:int}/revoke", "screens.write", revoke)
