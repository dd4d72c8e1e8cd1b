"""Use case: the enrolment desk (进场登记): one worker after the other, each step a fact of its own.

    look_up     a typed ID number: whose it is, how old he is, whether he is known here already
    entry_doubt a first day that somebody should look at once more
    enter       his papers, without a wage or a way in yet: both are steps of the desk
    word        his word about his face, signed or not; a refusal is a word too
    agree       what he earns, signed or not

Nothing waits for the last step: what was done is saved, and what is missing stands on the list (``app.store.roster``).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import amending, enrolment, papers, signatures, terms, timekeeping
from app.domain.facts import Engagement, PayKind
from app.domain.identity import age
from app.errors import Conflict, NotFound, Unusable
from app.fields import check_id_number, check_name, project_today
from app.settings import Settings
from app.store import audit, people
from app.vault import Vault


@dataclass(frozen=True, slots=True)
class Found:
    """What a typed ID number says, and what is known of whom it belongs to."""

    sex: str
    birth_on: date
    years: int
    minor: bool
    """16 or 17: no dangerous trade for him (limit ``age_minor`` of the area)."""
    over_age: bool
    """Beyond the age at which many cities let nobody work on a site: a flag, never a bar (``age_men_max``, ``age_women_max``)."""
    worker_id: int | None
    """Of whoever has this number already; None for somebody new."""
    engagement: Engagement | None
    """His latest time on this project."""
    engaged: bool
    """It has not ended: there is nothing to enter, only to finish."""

    def __repr__(self) -> str:
        return f"Found(worker_id={self.worker_id})"


@dataclass(frozen=True, slots=True)
class Came:
    """Who came to the desk."""

    worker_id: int
    here_already: bool
    """He is engaged on the project: nothing was entered, but for a telephone that was missing."""
    phone: str = "same"
    """Of who is here already: ``taken``, it was missing; ``differs``, another one is recorded and stays; ``same``."""


def look_up(db: Session, vault: Vault, settings: Settings, *, project_id: int, id_number: str, now: datetime) -> Found:
    """Read an ID number as it is typed, before anything is entered.

    Raises:
        NotFound: ``project_unknown``.
        Unusable: the number is wrong (``id_check_digit`` ...), or he is under age: ``id_under_age``.
    """
    project = people.project(db, project_id)
    today = project_today(project.time_zone, now)
    checked = check_id_number(id_number, today, settings)
    limits = audit.limits(db, project.area_code, today)
    years = age(checked.birth_on, today)
    worker_id = people.find_worker(db, vault.index("id_number", checked.normalised))
    own = sorted(people.engagements_of(db, project_id, worker_id), key=lambda e: e.entry_on) if worker_id is not None else []
    latest = own[-1] if own else None
    return Found(
        sex=checked.sex,
        birth_on=checked.birth_on,
        years=years,
        minor=years < limits["age_minor"],
        over_age=years >= limits["age_women_max" if checked.sex == "F" else "age_men_max"],
        worker_id=worker_id,
        engagement=latest,
        engaged=latest is not None and (latest.exit_on is None or latest.exit_on > today),
    )


def enter(
    db: Session, vault: Vault, settings: Settings, *, project_id: int, id_number: str, name: str, team_id: int, entry_on: date,
    trade: str | None = None, phone: str | None = None, now: datetime, by: str,
) -> Came:  # fmt: skip
    """Enter somebody. Who is engaged here already under that name is found and left as he is.

    Raises:
        NotFound, Unusable, Conflict: as ``papers.enter_worker``; ``worker_name_differs`` also of who is engaged here.
    """
    found = look_up(db, vault, settings, project_id=project_id, id_number=id_number, now=now)
    if found.engaged and found.worker_id is not None:
        if people.worker(db, found.worker_id).name != check_name(name):
            # Consent, photographs and wage would go to whoever has the number.
            raise Conflict("worker_name_differs")
        told = "same"
        if phone:
            told = amending.take_phone(
                db, vault, project_id=project_id, worker_id=found.worker_id, phone=phone, reason=amending.AT_ENTRY, now=now, by=by
            )
        return Came(found.worker_id, here_already=True, phone=told)
    added = papers.enter_worker(
        db, vault, settings, project_id=project_id, team_id=team_id, name=name, id_number=id_number, day_rate_fen=None,
        entry_on=entry_on, trade=trade, phone=phone, code=False, now=now, by=by,
    )  # fmt: skip
    return Came(added.worker_id, here_already=False)


FAR_DAYS = 60
"""A first day further back than this is asked about: closed months stand in between, or a digit is wrong."""


def entry_doubt(entry_on: date, today: date) -> str:
    """Return why somebody should look at a first day once more: ``ahead``, ``long_ago``, or empty."""
    if entry_on > today:
        return "ahead"
    return "long_ago" if entry_on < today - timedelta(days=FAR_DAYS) else ""


def word(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, scope: tuple[str, ...], notice_version: str, method: str,
    signature: str = "", now: datetime, by: str,
) -> int:  # fmt: skip
    """Record what he says about his face; return the id of the act. An empty scope is a refusal.

    Args:
        signature: what he wrote on the screen, as the browser gives it (``data:image/png;base64,...``); empty for none.

    Raises:
        Unusable: ``consent_missing``, something was agreed to and not what recognition needs; as
            ``signatures.signature_png``; as ``enrolment.record_consent``.
        NotFound: ``worker_not_on_project``.
    """
    if scope and not set(scope) >= enrolment.SCOPE_NEEDED:
        raise Unusable("consent_missing")
    paper = _signed(db, vault, project_id, f"face-{notice_version}-{worker_id}", signature, by, now)
    consent = enrolment.ConsentGiven(scope, notice_version, method, now, paper)
    return enrolment.record_consent(db, project_id=project_id, worker_id=worker_id, consent=consent, now=now, by=by)


def agree(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, kind: str, rate_fen: int, unit: str | None, overtime_rule: str,
    relation: str, valid_from: date, signature: str = "", now: datetime, by: str,
) -> int:  # fmt: skip
    """Agree on what he earns in his latest engagement; return the id of the terms.

    Whatever else was agreed for ``valid_from`` stays as it is: the man-day's length, the unit of overtime, the hours, the month;
    a floor under piece work stays with piece work.

    Raises:
        NotFound: ``worker_not_on_project``.
        Unusable, Conflict: as ``terms.agree``, ``signatures.signature_png``.
    """
    own = sorted(people.engagements_of(db, project_id, worker_id), key=lambda e: e.entry_on)
    if not own:
        raise NotFound("worker_not_on_project")
    covering = next((one for one in people.terms(db, project_id, own[-1].id) if one.covers(valid_from)), None)
    paper = _signed(db, vault, project_id, f"wage-{own[-1].id}-{valid_from}", signature, by, now)
    same = {name: getattr(covering, name) for name in people.AGREED} if covering is not None else {}
    if kind != PayKind.PIECE:
        same.pop("hour_floor_fen", None)
    said = {"kind": kind, "rate_fen": rate_fen, "unit": unit, "overtime_rule": overtime_rule, "relation": relation}
    return terms.agree(
        db, project_id=project_id, engagement_id=own[-1].id, **{**same, **said}, valid_from=valid_from, paper_id=paper, by=by, now=now
    )


def _signed(db: Session, vault: Vault, project_id: int, name: str, signature: str, by: str, now: datetime) -> int | None:
    """The file of a signature, sealed among the project's evidence; None when nobody signed."""
    if not signature:
        return None
    return timekeeping.put_evidence(
        db, vault, project_id=project_id, name=f"{name}.png", media_type="image/png", content=signatures.signature_png(signature), by=by, now=now
    )


def beside(engine: Any, settings: Settings, pictures: list[bytes]) -> enrolment.Examined | None:
    """What the other pack makes of the photographs while the pack is being changed; None when it can use none of them.

    Args:
        engine: the other pack's, None when no change is under way.
    """
    if engine is None:
        return None
    try:
        return enrolment.examine_kept(engine, settings, pictures)
    except Unusable:
        # Good enough for the pack at work: he is enrolled, and listed among those who must come again.
        return None
