"""The journal (操作日志) of a project, and of no project: who did or saw what, and whether the chain of it still holds."""

from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import FormData

from app import wording
from app.domain import workdays
from app.domain.facts import AttendancePolicy
from app.journal import SEEN
from app.pages.journal_words import Thing, facts_said, thing
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import accounts
from app.store import journal as chain

ROWS_A_PAGE = 100
FAULTS_SHOWN = 50

DECIDED = ("finding_decided", "correction.requested", "passage.confirmed", "identity.checked", "identity.overridden", "terms.voided")


@dataclass(frozen=True)
class JournalRow:
    """One line."""

    id: int
    at: datetime
    actor: str
    name: str
    """Of the account; empty for the command line and the worker process."""
    action: str
    """In words where there are some, else its code."""
    thing: Thing
    """What it is about, in words, with its page."""
    object: str
    """The same as it is kept."""
    facts: str
    """What it says beside, in words."""
    seen: bool
    """Somebody saw or took personal data."""


@dataclass(frozen=True)
class FaultRow:
    """Something that is wrong with the chain."""

    seq: int
    kind: str
    detail: str


@dataclass(frozen=True)
class Verified:
    """What checking the whole journal said."""

    lines: int
    head: str
    faults: tuple[FaultRow, ...]
    more: int


@dataclass(frozen=True)
class JournalContext:
    """What the journal page shows."""

    project_id: int = shown("The project, for links")
    what: str = shown("Which lines: all, done, seen (personal data), decided; empty for all")
    who: str = shown("Login whose lines are shown; empty for everybody")
    rows: tuple[JournalRow, ...] = shown("Lines, newest first")
    older_url: str = shown("Address of older lines; empty when there are none")
    head: str = shown("Where the chain of the whole house ends now")
    verified: Verified | None = shown("What the check said; None before it was asked for")


@dataclass(frozen=True)
class ServiceJournalContext:
    """What the journal of no project shows."""

    what: str = shown("Which lines: all, done, seen (personal data); empty for all")
    who: str = shown("Login whose lines are shown; empty for everybody")
    rows: tuple[JournalRow, ...] = shown("Lines, newest first")
    older_url: str = shown("Address of older lines; empty when there are none")
    head: str = shown("Where the chain of the whole house ends now")


def gather(ask: Ask, verified: Verified | None = None) -> JournalContext:
    """The project's lines, newest first."""
    project_id = ask.project.id
    lines, older_url = _lines(ask, project_id, f"/projects/{project_id}/journal")
    return JournalContext(
        project_id=project_id,
        what=ask.query.get("what", ""),
        who=_who(ask),
        rows=lines,
        older_url=older_url,
        head=str(chain.head(ask.db)),
        verified=verified,
    )


def gather_service(ask: Ask) -> ServiceJournalContext:
    """The lines of no project, newest first."""
    lines, older_url = _lines(ask, None, "/journal")
    return ServiceJournalContext(ask.query.get("what", ""), _who(ask), lines, older_url, str(chain.head(ask.db)))


def _who(ask: Ask) -> str:
    return ask.query.get("who", "").strip()[:64]


def _lines(ask: Ask, project_id: int | None, path: str) -> tuple[tuple[JournalRow, ...], str]:
    """A page of lines and the address of the next."""
    what, who = ask.query.get("what", ""), _who(ask)
    actions = {"seen": SEEN, "decided": DECIDED}.get(what)
    found = accounts.journal_page(
        ask.db, project_id, before=ask.number("before"), actor=who or None, actions=actions, but=SEEN if what == "done" else (),
        limit=ROWS_A_PAGE + 1,
    )  # fmt: skip
    here = found[:ROWS_A_PAGE]
    names = accounts.names(ask.db, {line.actor for line in here})
    policy = ask.policy if ask.project is not None else AttendancePolicy()
    rows = tuple(
        JournalRow(
            line.id, workdays.local(line.at, policy), line.actor, names.get(line.actor, ""), _said(line.action, ask.language),
            thing(line.object, project_id, ask.language), line.object, facts_said(line.action, line.facts, ask.language), line.action in SEEN,
        )
        for line in here
    )
    return rows, with_query(path, what=what, who=who, before=here[-1].id) if len(found) > ROWS_A_PAGE else ""


def _said(action: str, language: str) -> str:
    key = f"journal.{action.replace('.', '_')}"
    return wording.name(key, language) if key in wording.NAMES else action


def verify(ask: Ask, values: FormData) -> Again:
    """Check the whole chain of the house, link by link, with no transaction that anybody waits for."""
    del values
    faults = chain.verify(ask.db)
    said = Verified(
        chain.count(ask.db), str(chain.head(ask.db)), tuple(FaultRow(f.seq, f.kind, f.detail) for f in faults[:FAULTS_SHOWN]),
        max(0, len(faults) - FAULTS_SHOWN),
    )  # fmt: skip
    return Again(PAGE, gather(ask, said), 200)


PAGE = Page(
    "/projects/{project_id:int}/journal", marked("操作日志"), "journal.html", "journal.read", JournalContext, gather, marked("操作日志")
)
VERIFY = Act("/projects/{project_id:int}/journal/verify", "journal.read", verify, alone=True)
PAGE_SERVICE = Page("/journal", marked("系统日志"), "service_journal.html", "journal.service", ServiceJournalContext, gather_service)
