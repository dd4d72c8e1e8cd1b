"""One face under two ID numbers, for the inspector: the pairs of his area, and what was found out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from app import twins, wording
from app.pages import lines
from app.pages.page import Act, Ask, Page, shown
from app.pages.words import marked

PAIRS_MAX = 100
ZONE = ZoneInfo("Asia/Shanghai")
"""Pairs lie between projects; the bureau's own clock."""


@dataclass(frozen=True)
class SideLine:
    """One of two workers."""

    name: str
    """Empty outside the reader's area."""
    projects: tuple[tuple[str, str], ...]
    """(name, address of his page there)."""
    elsewhere: tuple[str, ...]


@dataclass(frozen=True)
class TwinLine:
    """Two workers who are too alike."""

    id: int
    says: str
    found_at: datetime
    sides: tuple[SideLine, ...]
    may_decide: bool
    verdict: str
    note: str | None
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True)
class TwinsContext:
    """What the page of pairs shows."""

    pairs: tuple[TwinLine, ...] = shown("Pairs of the reader's area, undecided ones first")
    more: int = shown("Pairs beyond those shown")
    verdicts: tuple[str, ...] = shown("What may be found out")
    weak: bool = shown("The pack at work tells faces badly apart: most pairs will be false")


def gather(ask: Ask) -> TwinsContext:
    """The pairs of the reader's area."""
    found = twins.twins_of(ask.db, ask.person)
    pack = getattr(ask.state.engine, "pack", None)
    return TwinsContext(
        pairs=tuple(_line(ask, pair) for pair in found[:PAIRS_MAX]),
        more=max(0, len(found) - PAIRS_MAX),
        verdicts=twins.VERDICTS,
        weak=bool(pack and pack.needs_confirmation_advised),
    )


def _line(ask: Ask, pair: twins.Pair) -> TwinLine:
    twin = pair.twin
    local = lambda at: at.astimezone(ZONE) if at else None  # noqa: E731 - a word for the lines below
    return TwinLine(
        id=twin.id,
        says=wording.sentence("twin_found", ask.language, **twins.sentence_facts(twin)),
        found_at=local(twin.found_at),
        sides=tuple(
            SideLine(
                side.name, tuple((name, f"/projects/{project_id}/workers/{side.worker_id}") for project_id, name in side.projects),
                side.elsewhere,
            )
            for side in pair.sides
        ),
        may_decide=pair.may_decide,
        verdict=twin.verdict or "",
        note=twin.note,
        decided_by=twin.decided_by,
        decided_at=local(twin.decided_at),
    )  # fmt: skip


def decide(ask: Ask, values: FormData) -> str:
    """What an inspector found out about a pair."""
    twins.decide(ask.db, ask.person, ask.id("twin_id"), lines.form(values, "verdict"), lines.form(values, "note"), now=ask.now.astimezone(UTC))
    return f"/county/twins?done=decided#t-{ask.id('twin_id')}"


PAGE = Page("/county/twins", marked("疑似一人多证"), "twins.html", "county.read", TwinsContext, gather)
DECIDE = Act("/county/twins/{twin_id:int}", "county.read", decide)
