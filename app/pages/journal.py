"""The journal of a project (操作日志): who did or saw what, and whether the chain of it still holds."""

from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import FormData

from app import wording
from app.domain import workdays
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import accounts
from app.store import journal as chain

ROWS_A_PAGE = 100
FAULTS_SHOWN = 50

SEEN = ("identity.revealed", "evidence.read", "face.viewed", "form.exported", "batch.file_taken", "batch.answer_form_taken")
"""Actions in which somebody saw or took personal data."""
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
    object: str
    facts: str
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
    what: str = shown("Which lines: all, seen (personal data), decided; empty for all")
    who: str = shown("Login whose lines are shown; empty for everybody")
    rows: tuple[JournalRow, ...] = shown("Lines, newest first")
    older_url: str = shown("Address of older lines; empty when there are none")
    head: str = shown("Where the chain of the whole house ends now")
    verified: Verified | None = shown("What the check said; None before it was asked for")


def gather(ask: Ask, verified: Verified | None = None) -> JournalContext:
    """The project's lines, newest first."""
    what, who = ask.query.get("what", ""), ask.query.get("who", "").strip()[:64]
    actions = {"seen": SEEN, "decided": DECIDED}.get(what)
    before = ask.number("before")
    found = accounts.journal_page(ask.db, ask.project.id, before=before, actor=who or None, actions=actions, limit=ROWS_A_PAGE + 1)
    here = found[:ROWS_A_PAGE]
    names = accounts.names(ask.db, {line.actor for line in here})
    rows = tuple(
        JournalRow(
            line.id, workdays.local(line.at, ask.policy), line.actor, names.get(line.actor, ""), _said(line.action, ask.language),
            line.object, " · ".join(f"{key} {value}" for key, value in line.facts.items()), line.action in SEEN,
        )
        for line in here
    )
    path = f"/projects/{ask.project.id}/journal"
    return JournalContext(
        project_id=ask.project.id,
        what=what,
        who=who,
        rows=rows,
        older_url=with_query(path, what=what, who=who, before=here[-1].id) if len(found) > ROWS_A_PAGE else "",
        head=str(chain.head(ask.db)),
        verified=verified,
    )


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
