"""Beside the agreed pay of one worker: advances, deductions and allowances, on the worker's page (预支、扣款与津贴).

    gather                                 what stands, for the page
    advance, deduction, allowance          one more, out of a form
    end_allowance, void                    one that is over, one that was a mistake

Which of several engagements one belongs to is said by its date.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from starlette.datastructures import FormData

from app import terms
from app.domain.facts import DeductionKind
from app.domain.workdays import local, month_of, next_month
from app.errors import NotFound, ServiceError
from app.fields import read_month
from app.pages import filled, lines
from app.pages.page import Ask
from app.store import accounts, people, timekeeping
from app.store import terms as held

MONTHS_SHOWN = 24
FIELDS = ("amount", "on", "until", "channel", "proof", "reference", "kind", "per", "basis", "note", "reason")
"""What a refused form gets back; a file has to be chosen again."""
DAYS = {"advance": "paid_on", "deduction": "month", "allowance": "valid_from"}
TEXTS = {"advance": "reference", "deduction": "basis", "allowance": "note"}
"""What is recorded -> where its day and what was written of it stand."""


@dataclass(frozen=True)
class BesideLine:
    """An advance, a deduction or an allowance that stands."""

    what: str
    """advance, deduction or allowance."""
    id: int
    kind: str
    """Its word: ``advance_channel.cash``."""
    on: date
    """Day of an advance, first day of a deduction's month or of an allowance."""
    until: date | None
    """First day an allowance no longer holds."""
    per: str
    """day, month or once, of an allowance."""
    proof: str
    """signed, bank or none, of an advance."""
    text: str
    """Reference, ground or note, as it was written."""
    papers: tuple[str, ...]
    """Addresses of the evidence, for a reader who may open it."""
    sealed: int
    """Papers this reader may not open."""
    amount_fen: int
    applied_fen: int
    """Taken back or withheld on lines of closed months."""
    by: str
    at: datetime
    """On the project's own clock."""
    ends: bool
    """The reader may end it."""
    voids: bool
    """The reader may void it; what is on a line of a closed month stays."""


@dataclass(frozen=True)
class VoidedLine:
    """One that was a mistake: it stays on record and does not count."""

    what: str
    kind: str
    on: date
    amount_fen: int
    reason: str
    by: str
    at: datetime
    """When it was voided, on the project's own clock."""


@dataclass(frozen=True)
class Refused:
    """A form that was refused: which, what was typed and why."""

    form: str
    values: Mapping[str, str]
    why: str
    key: str


NOTHING = Refused("", MappingProxyType({}), "", "")


@dataclass(frozen=True)
class Beside:
    """The section on the worker's page."""

    lines: tuple[BesideLine, ...]
    voided: tuple[VoidedLine, ...]
    """The latest first."""
    may_advance: bool
    may_agree: bool
    months: tuple[date, ...]
    """Months a deduction may be recorded for, the newest first."""
    refused: Refused
    key: str
    """Of the next form: sent twice, it is one record."""
    channels: tuple[str, ...] = terms.ADVANCE_CHANNELS[::-1]
    proofs: tuple[str, ...] = terms.PROOFS
    deduction_kinds: tuple[str, ...] = tuple(str(kind) for kind in DeductionKind)
    allowance_kinds: tuple[str, ...] = terms.ALLOWANCE_KINDS
    allowance_per: tuple[str, ...] = terms.ALLOWANCE_PER


def gather(ask: Ask, worker_id: int, entry_on: date, refused: Refused = NOTHING) -> Beside:
    """What stands of one worker, and what the reader may add.

    Args:
        entry_on: first day of the earliest engagement.
    """
    may_agree = ask.may("terms.write")
    found = held.of_worker(ask.db, ask.project.id, worker_id)
    rows = (*found.advances, *found.deductions, *found.allowances)
    logins = {row.recorded_by for row in rows} | {word.by for _, word in found.voided}
    names = accounts.names(ask.db, logins) if logins else {}
    return Beside(
        lines=_lines(ask, found, names, may_agree),
        voided=tuple(
            VoidedLine(
                word.kind, _kind(word.kind, row), getattr(row, DAYS[word.kind]), row.amount_fen,
                word.reason, names.get(word.by, word.by), local(word.at, ask.policy),
            )
            for row, word in sorted(found.voided, key=lambda each: each[1].at, reverse=True)
        ),
        may_advance=ask.may("payments.write"),
        may_agree=may_agree,
        months=_months(ask, entry_on) if may_agree else (),
        refused=refused,
        key=refused.key or f"page-{secrets.token_hex(12)}",
    )


def _lines(ask: Ask, found: held.OfWorker, names: Mapping[str, str], may_agree: bool) -> tuple[BesideLine, ...]:
    opens = ask.may("corrections.read")

    def line(what: str, row: Any) -> BesideLine:
        applied_fen = found.applied.get((what, row.id), 0)
        evidence = getattr(row, "evidence", ())
        per, until = getattr(row, "per", ""), getattr(row, "valid_to", None)
        return BesideLine(
            what=what, id=row.id, kind=_kind(what, row), on=getattr(row, DAYS[what]), until=until, per=per,
            proof=getattr(row, "proof", ""), text=getattr(row, TEXTS[what]) or "",
            papers=tuple(f"/v1/projects/{ask.project.id}/evidence/{each}" for each in evidence) if opens else (),
            sealed=0 if opens else len(evidence), amount_fen=row.amount_fen, applied_fen=applied_fen,
            by=names.get(row.recorded_by, row.recorded_by), at=local(row.recorded_at, ask.policy),
            ends=may_agree and per in ("day", "month") and until is None, voids=may_agree and not applied_fen,
        )  # fmt: skip

    of_each = (("advance", found.advances), ("deduction", found.deductions), ("allowance", found.allowances))
    return tuple(each for what, rows in of_each for each in sorted((line(what, row) for row in rows), key=_newest))


def _kind(what: str, row: Any) -> str:
    return f"advance_channel.{row.channel}" if what == "advance" else f"{what}_kind.{row.kind}"


def _newest(line: BesideLine) -> tuple[int, int]:
    return -line.on.toordinal(), -line.id


def _months(ask: Ask, entry_on: date) -> tuple[date, ...]:
    closed = timekeeping.last_closed(ask.db, ask.project.id)
    month, last = month_of(entry_on), next_month(month_of(ask.today))
    if closed is not None:
        month = max(month, next_month(closed))
    found = []
    while month <= last:
        found.append(month)
        month = next_month(month)
    return tuple(found[-MONTHS_SHOWN:][::-1])


# --- forms ---------------------------------------------------------------------------------------------------


def advance(ask: Ask, values: FormData) -> str:
    """Record an advance; return the word of what was done."""
    on = filled.day(lines.form(values, "on"), "on")
    return _once(ask, values, "advance_kept", lambda: terms.record_advance(
        ask.db, project_id=ask.project.id, engagement_id=_engagement(ask, on), amount_fen=_fen(values), paid_on=on,
        channel=lines.form(values, "channel"), proof=lines.form(values, "proof"), reference=lines.form(values, "reference") or None,
        evidence=filled.scan(ask, values.get("scan")), by=ask.person.login, now=ask.now,
    ))  # fmt: skip


def deduction(ask: Ask, values: FormData) -> str:
    """Record a deduction; return the word of what was done."""
    month = read_month(lines.form(values, "on"))
    return _once(ask, values, "deduction_kept", lambda: terms.record_deduction(
        ask.db, project_id=ask.project.id, engagement_id=_engagement(ask, month, next_month(month)), month=month,
        kind=lines.form(values, "kind"), amount_fen=_fen(values), basis=lines.form(values, "basis"),
        evidence=filled.scan(ask, values.get("scan")), by=ask.person.login, now=ask.now,
    ))  # fmt: skip


def allowance(ask: Ask, values: FormData) -> str:
    """Record an allowance; return the word of what was done."""
    on, until = filled.day(lines.form(values, "on"), "on"), lines.form(values, "until")
    return _once(ask, values, "allowance_kept", lambda: terms.add_allowance(
        ask.db, project_id=ask.project.id, engagement_id=_engagement(ask, on), kind=lines.form(values, "kind"),
        per=lines.form(values, "per"), amount_fen=_fen(values), valid_from=on, valid_to=filled.day(until, "until") if until else None,
        note=lines.form(values, "note"), by=ask.person.login, now=ask.now,
    ))  # fmt: skip


def end_allowance(ask: Ask, values: FormData) -> str:
    """End an allowance; return the word of what was done."""
    row_id = filled.number(values, "row_id")
    _check_own(ask, "allowance", row_id)
    terms.end_allowance(
        ask.db, project_id=ask.project.id, allowance_id=row_id, valid_to=filled.day(lines.form(values, "until"), "until"),
        by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return "allowance_ended"


def void(ask: Ask, values: FormData) -> str:
    """Void one of the worker's rows; return the word of what was done."""
    what, row_id = lines.form(values, "what"), filled.number(values, "row_id")
    _check_own(ask, what, row_id)
    terms.void(
        ask.db, project_id=ask.project.id, kind=what, row_id=row_id, reason=lines.form(values, "reason"), by=ask.person.login, now=ask.now
    )
    return "beside_voided"


def refused(ask: Ask, values: FormData, form: str, error: ServiceError) -> Refused:
    """A form that was refused, to be shown once more.

    Args:
        form: advance, deduction or allowance; of a row ``void`` or ``end``.
    """
    if form in ("void", "end"):
        form = f"{form}-{lines.form(values, 'what') or 'allowance'}-{lines.form(values, 'row_id')[:20]}"
    # A key that is taken belongs to what was recorded by it: this one needs its own.
    key = "" if error.code in ("form_used", "key_malformed") else lines.form(values, "key")
    return Refused(form, {name: lines.form(values, name)[:500] for name in FIELDS}, ask.why(error), key)


def _once(ask: Ask, values: FormData, done: str, work: Callable[[], object]) -> str:
    return done if filled.once(ask, values, work) else "sent_before"


def _fen(values: FormData) -> int:
    # Nothing is no amount: the use case says what one is.
    return filled.fen(lines.form(values, "amount").replace("，", "")) or 0


def _engagement(ask: Ask, first: date, end: date | None = None) -> int:
    """The latest engagement that had begun by ``first`` (or before ``end``): the use case says whether it still went on.

    Raises:
        NotFound: ``worker_not_on_project``.
    """
    own = sorted(people.engagements_of(ask.db, ask.project.id, ask.id("worker_id")), key=lambda e: e.entry_on)
    if not own:
        raise NotFound("worker_not_on_project")
    begun = [e for e in own if (e.entry_on < end if end else e.entry_on <= first)]
    return (begun or own)[-1].id


def _check_own(ask: Ask, what: str, row_id: int) -> None:
    found = held.of_worker(ask.db, ask.project.id, ask.id("worker_id"))
    rows = {"advance": found.advances, "deduction": found.deductions, "allowance": found.allowances}.get(what, ())
    if row_id not in {row.id for row in rows}:
        raise NotFound("paper_unknown")
