"""Use case: what was entered about a worker or a company is put right (更正), and what it said before is kept.

    put_right           name and telephone of the person; team and first day of his latest time on a project
    take_phone          a telephone that was missing and is known now
    put_company_right   name and credit code of the company; its role and first day on a project

A name and a telephone are the person's, on every project he is on: each of them has its line in the journal. The ID number
stays, it is who he is; somebody entered with another's number is another person. A team or a first day on which something
rests (a day with a passage, a correction, leave, an advance, a line of wages, a month that is locked) is not put right: what
was worked was worked there. Then he leaves, and comes back into the other team the day after.

A company's name and credit code are its own, on every project it is on, and each of them has its line in the journal.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import terms
from app.domain.facts import Engagement
from app.domain.workdays import month_of, next_month
from app.errors import BadRequest, Conflict, NotFound, Unusable
from app.fields import check_day, check_label, check_name, check_phone, check_text, check_uscc, project_today
from app.store import accounts, bank, changes, people, sheets
from app.vault import Vault
from app.wording.papers import COMPANY_ROLES

REASON_MAX = 200
AT_ENTRY = "进场登记时补录"
"""Why a missing telephone was taken: it was given when he was entered, or stood in a file."""
FIELDS = ("name", "phone", "team", "entry_on")
COMPANY_FIELDS = ("name", "uscc", "role", "entry_on")


def put_right(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, name: str, phone: str | None, team_id: int, entry_on: date,
    reason: str, now: datetime, by: str,
) -> tuple[str, ...]:  # fmt: skip
    """Make what is recorded say what is given, where it says otherwise; return the words of ``FIELDS`` that changed.

    Agreed pay moves with the first day. What sheets and papers of before said stays as it was signed.

    Args:
        phone: None or empty leaves it as it is.

    Raises:
        NotFound: ``worker_not_on_project``; ``team_unknown``.
        Unusable: a field is wrong; the code says which; ``change_reason_needed``.
        BadRequest: ``exit_before_entry``.
        Conflict: ``nothing_changed``; ``team_rests``, ``entry_rests`` (with the date as ``on``), ``change_month_locked`` (with
            ``month``); ``engagement_overlaps``.
    """
    # Gather
    people.lock_project(db, project_id)
    changes.lock(db, worker_id)
    own = sorted(people.engagements_of(db, project_id, worker_id), key=lambda e: e.entry_on)
    if not own:
        raise NotFound("worker_not_on_project")
    latest, before = own[-1], own[:-1]
    person = people.worker(db, worker_id)
    project = people.project(db, project_id)
    team = next((t for t in people.teams(db, project_id) if t.id == team_id), None)
    rests = changes.first_rest(db, latest, project.time_zone)

    # Decide
    name, phone = check_name(name), check_phone(phone)
    check_day(entry_on)
    if not reason.strip():
        raise Unusable("change_reason_needed")
    reason = check_text(reason, "reason", REASON_MAX)
    if team is None:
        raise NotFound("team_unknown")
    recorded = _phone(vault, person)
    said = {
        "name": name != person.name, "phone": phone is not None and phone != recorded, "team": team_id != latest.team_id,
        "entry_on": entry_on != latest.entry_on,
    }  # fmt: skip
    if not any(said.values()):
        raise Conflict("nothing_changed")
    today = project_today(project.time_zone, now)
    if said["team"]:
        if rests is not None or changes.has_lines(db, latest.id):
            raise Conflict("team_rests")
        _check_months(db, project_id, latest.entry_on, max(today, latest.entry_on))
    if said["entry_on"]:
        _check_entry(latest, before, entry_on)
        if rests is not None and rests < entry_on:
            raise Conflict("entry_rests", on=rests.isoformat())
        _check_months(db, project_id, min(entry_on, latest.entry_on), max(entry_on, latest.entry_on))

    # Append
    common = {"project_id": project_id, "worker_id": worker_id, "reason": reason, "by": by, "now": now}
    if said["name"]:
        changes.add(db, **common, field="name", was=person.name, became=name)
        changes.rename(db, worker_id, name)
    if said["phone"]:
        _set_phone(db, vault, person, recorded, phone, **common)
    if said["team"]:
        changes.add(db, **common, engagement_id=latest.id, field="team", was=str(latest.team_id), became=str(team_id))
        changes.move(db, latest.id, team_id=team_id, project_company_id=team.project_company_id)
        _note(db, now, by, project_id, worker_id, "team", engagement=latest.id, **{"from": latest.team_id, "to": team_id})
    if said["entry_on"]:
        changes.add(
            db, **common, engagement_id=latest.id, field="entry_on", was=latest.entry_on.isoformat(), became=entry_on.isoformat()
        )
        changes.begin(db, latest.id, entry_on)
        terms.begin_on(db, project_id, latest.id, before=latest.entry_on, after=entry_on, by=by, now=now)
        said_as = {"from": latest.entry_on.isoformat(), "to": entry_on.isoformat()}
        _note(db, now, by, project_id, worker_id, "entry_on", engagement=latest.id, **said_as)
    if said["team"] or said["entry_on"]:
        terms.wages_changed(db, project_id, worker_id, min(entry_on, latest.entry_on), latest.exit_on)
    for each in ("name", "phone"):
        if said[each]:
            _everywhere(db, now, by, worker_id, each)
    return tuple(each for each in FIELDS if said[each])


def put_company_right(
    db: Session, *, project_id: int, project_company_id: int, name: str, uscc: str | None, role: str, entry_on: date, reason: str,
    now: datetime, by: str,
) -> tuple[str, ...]:  # fmt: skip
    """Make what is recorded of a company say what is given, where it says otherwise; return the words of ``COMPANY_FIELDS`` that
    changed.

    Files and papers of before say what they said; a sheet that is opened or printed again says what holds, as with a worker's name.

    Args:
        uscc: None or empty: it has none, or its code is not known.

    Raises:
        NotFound: ``project_company_unknown`` on this project.
        Unusable: a field is wrong; the code says which; ``company_role_unknown``; ``change_reason_needed``.
        Conflict: ``nothing_changed``; ``company_name_taken``, another company of the project is called so; ``company_uscc_taken``,
            another one has that code; ``company_role_taken``, it has that role here already; ``company_role_rests``, the special
            account is its own as general contractor.
    """
    # Gather
    people.lock_project(db, project_id)
    here = people.project_companies(db, project_id)
    one = next((c for c in here if c.id == project_company_id), None)
    if one is None:
        raise NotFound("project_company_unknown")
    changes.lock_company(db, one.company_id)
    account = bank.live_account(db, project_id)

    # Decide
    name, uscc = check_label(name, "name", 200), check_uscc(uscc)
    if role not in COMPANY_ROLES:
        raise Unusable("company_role_unknown")
    check_day(entry_on)
    if not reason.strip():
        raise Unusable("change_reason_needed")
    reason = check_text(reason, "reason", REASON_MAX)
    said: dict[str, tuple[str | None, str | None]] = {
        "name": (one.name, name), "uscc": (one.uscc, uscc), "role": (one.role, role),
        "entry_on": (one.entry_on.isoformat(), entry_on.isoformat()),
    }  # fmt: skip
    said = {each: (was, became) for each, (was, became) in said.items() if was != became}
    if not said:
        raise Conflict("nothing_changed")
    others = [c for c in here if c.company_id != one.company_id]
    if "name" in said and any(c.name == name for c in others):
        raise Conflict("company_name_taken")
    if "uscc" in said and uscc is not None and changes.company_of_code(db, uscc) is not None:
        raise Conflict("company_uscc_taken")
    if "role" in said and any(c.company_id == one.company_id and c.role == role for c in here):
        raise Conflict("company_role_taken")
    if "role" in said and one.role == "general_contractor" and account is not None and account.company_id == one.company_id:
        raise Conflict("company_role_rests")

    # Append
    for each, (was, became) in said.items():
        own = each in ("name", "uscc")
        changes.add_of_company(
            db, project_id=project_id, company_id=one.company_id, project_company_id=None if own else one.id, field=each, was=was,
            became=became, reason=reason, by=by, now=now,
        )  # fmt: skip
        # The company's own: whoever reads the journal of any of its projects finds the line.
        homes = changes.homes_of_company(db, one.company_id) if own else [(project_id, one.id)]
        facts = {} if own else {"from": was, "to": became}
        for home, role_id in homes:
            accounts.journal(
                db, at=now, actor=by, action="company.changed", project_id=home, object=f"project_company:{role_id}",
                facts={"changed": each, **facts},
            )  # fmt: skip
    changes.set_company(db, one.company_id, name=name, uscc=uscc)
    changes.set_company_role(db, one.id, role=role, entry_on=entry_on)
    return tuple(said)


def take_phone(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, phone: str, reason: str, now: datetime, by: str
) -> str:
    """Record a telephone where none is; return ``taken``, ``same``, or ``differs``: another one is recorded and stays.

    Raises:
        Unusable: the number is wrong.
    """
    person = people.worker(db, worker_id)
    recorded, said = _phone(vault, person), check_phone(phone)
    if said is None or said == recorded:
        return "same"
    if recorded is not None:
        return "differs"
    _set_phone(db, vault, person, None, said, project_id=project_id, worker_id=worker_id, reason=reason, by=by, now=now)
    _everywhere(db, now, by, worker_id, "phone")
    return "taken"


def phones(vault: Vault, person: people.WorkerInfo, change: changes.ChangeInfo) -> tuple[str | None, str | None]:
    """What a change of a telephone was from and to, in full: for whoever masks it."""

    def opened(sealed: bytes | None, column: str) -> str | None:
        if sealed is None:
            return None
        return vault.open(sealed, table="worker_change", column=column, owner=person.id_number_index).decode()

    return opened(change.was_sealed, "was_sealed"), opened(change.became_sealed, "became_sealed")


def _phone(vault: Vault, person: people.WorkerInfo) -> str | None:
    if person.phone_sealed is None:
        return None
    return vault.open(person.phone_sealed, table="worker", column="phone_sealed", owner=person.id_number_index).decode()


def _set_phone(
    db: Session, vault: Vault, person: people.WorkerInfo, was: str | None, phone: str, *, project_id: int, worker_id: int,
    reason: str, by: str, now: datetime,
) -> None:  # fmt: skip
    def sealed(text: str | None, table: str, column: str) -> bytes | None:
        return None if text is None else vault.seal(text.encode(), table=table, column=column, owner=person.id_number_index)

    changes.add(
        db, project_id=project_id, worker_id=worker_id, field="phone", reason=reason, by=by, now=now,
        was_sealed=sealed(was, "worker_change", "was_sealed"), became_sealed=sealed(phone, "worker_change", "became_sealed"),
    )  # fmt: skip
    changes.set_phone(db, worker_id, sealed(phone, "worker", "phone_sealed"))


def _check_entry(latest: Engagement, before: Iterable[Engagement], entry_on: date) -> None:
    if latest.exit_on is not None and latest.exit_on <= entry_on:
        raise BadRequest("exit_before_entry")
    if any(one.exit_on is None or one.exit_on > entry_on for one in before):
        raise Conflict("engagement_overlaps")


def _check_months(db: Session, project_id: int, first: date, last: date) -> None:
    """Refuse what would change who was on the roster in a month that is locked or closed."""
    held = {one.month for one in sheets.periods(db, project_id) if one.state != "open"}
    month = month_of(first)
    while month <= month_of(last):
        if month in held:
            raise Conflict("change_month_locked", month=f"{month:%Y-%m}")
        month = next_month(month)


def _everywhere(db: Session, now: datetime, by: str, worker_id: int, field: str) -> None:
    # A person's own: whoever reads any of his rosters finds the line, which says neither what it was nor what it is.
    for project_id in changes.projects_of(db, worker_id):
        _note(db, now, by, project_id, worker_id, field)


def _note(db: Session, now: datetime, by: str, project_id: int, worker_id: int, field: str, **facts: Any) -> None:
    accounts.journal(
        db, at=now, actor=by, action="worker.changed", project_id=project_id, object=f"worker:{worker_id}",
        facts={"changed": field, **facts},
    )  # fmt: skip
