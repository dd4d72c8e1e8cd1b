"""Use case: the papers of a project. Who takes part, who works, on what terms, through which gates.

    create_project, add_company_to_project, add_team      the frame
    enter_worker, change_terms, exit_worker               a person, what he earns, and his leaving
    issue_code, issue_card, revoke_credential             the way in without a face; every worker has one
    add_gate, add_device, rotate_device_key               what posts for a gate; keys are shown once

A whole Excel file at once, and what may be shown of a roster: app.roster. How a field is checked: app.fields.

Every write leaves a line in the journal, which holds ids, codes and dates and nothing that tells who a worker is.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import amending, terms
from app.domain.facts import Direction, Engagement, PayKind
from app.errors import Conflict, NotFound, Unusable
from app.fields import (
    check_area,
    check_card,
    check_day,
    check_id_number,
    check_label,
    check_name,
    check_phone,
    check_text,
    check_trade,
    check_uscc,
    check_zone,
    project_today,
)
from app.settings import Settings
from app.store import accounts, gates, people
from app.store import papers as held
from app.vault import Vault
from app.wording import papers as words

CODE_DIGITS = 10
"""Of a code before its check digit: one guess in ten thousand million, and a gate is not patient."""
KEY_BYTES = 32


# --- the frame ---------------------------------------------------------------------------------------------


def create_project(
    db: Session,
    *,
    code: str,
    name: str,
    area_code: str,
    address: str | None = None,
    time_zone: str = "Asia/Shanghai",
    language: str = "zh",
    confirm_face: bool = False,
    is_demonstration: bool = False,
    now: datetime,
    by: str,
) -> int:
    """Add a project and return its id.

    Raises:
        Unusable: a field is missing, malformed or too long; ``time_zone_unknown``; ``language_unknown``.
        Conflict: ``project_code_taken``.
    """
    code = check_label(code, "code", 64)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", code):
        raise Unusable("project_code_malformed")
    check_area(area_code)
    if language not in ("zh", "en"):
        raise Unusable("language_unknown")
    check_zone(time_zone)

    project_id = people.add_project(
        db,
        code=code,
        name=check_label(name, "name", 200),
        area_code=area_code,
        address=check_text(address, "address", 300) if address else None,
        time_zone=time_zone,
        language=language,
        confirm_face=confirm_face,
        is_demonstration=is_demonstration,
        now=now,
    )
    journal(db, now, by, "project.created", project_id, f"project:{project_id}")
    return project_id


def add_company_to_project(
    db: Session, *, project_id: int, name: str, uscc: str | None, role: str, entry_on: date, now: datetime, by: str
) -> int:
    """Add a company in a role; return the id of the role. Adding the same twice is adding it once.

    Raises:
        Unusable: ``company_role_unknown``, or the credit code is wrong.
        Conflict: ``company_differs``, the credit code is known under another name.
    """
    people.project(db, project_id)
    name = check_label(name, "name", 200)
    uscc = check_uscc(uscc)
    if role not in words.COMPANY_ROLES:
        raise Unusable("company_role_unknown")

    company_id = people.add_company(db, uscc=uscc, name=name, now=now)
    added = people.add_project_company(
        db, project_id=project_id, company_id=company_id, role=role, entry_on=entry_on
    )
    known = next(c for c in people.project_companies(db, project_id) if c.id == added)
    if known.name != name:
        raise Conflict("company_differs")
    journal(db, now, by, "company.added", project_id, f"project_company:{added}", role=role)
    return added


def add_team(
    db: Session, *, project_id: int, project_company_id: int, name: str, trade: str | None = None, now: datetime, by: str
) -> int:
    """Add a team of a company; return its id. Adding the same twice is adding it once.

    Raises:
        NotFound: ``project_company_unknown`` on this project.
    """
    name = check_label(name, "name", 100)
    trade = check_trade(trade)

    added = people.add_team(db, project_id=project_id, project_company_id=project_company_id, name=name, trade=trade)
    journal(db, now, by, "team.added", project_id, f"team:{added}")
    return added


def set_confirm_face(db: Session, *, project_id: int, confirm_face: bool, now: datetime, by: str) -> None:
    """Say whether a person must confirm each face passage while a weak pack is active.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.set_confirm_face(db, project_id, confirm_face)
    journal(db, now, by, "project.confirm_face", project_id, f"project:{project_id}", confirm_face=confirm_face)


def set_town(db: Session, *, project_id: int, area_code: str, now: datetime, by: str) -> None:
    """Say in which town (乡镇、街道) a project lies: its area code with nine digits instead of the county's six.

    Args:
        area_code: six, nine or twelve digits, the first six those of before: another county's inspectors are not let in here.

    Raises:
        NotFound: ``project_unknown``.
        Unusable: ``project_area_malformed``, ``project_area_unknown``.
        Conflict: ``project_area_elsewhere``, another county's.
    """
    before = people.project(db, project_id).area_code
    check_area(area_code)
    if area_code[:6] != before[:6]:
        raise Conflict("project_area_elsewhere")
    people.set_area(db, project_id, area_code)
    journal(db, now, by, "project.area", project_id, f"project:{project_id}", area_code=area_code)


def correct_area(db: Session, *, project_id: int, area_code: str, now: datetime, by: str) -> None:
    """Put right where a project lies, another county included: from now on that county's inspectors read it, and no other's.

    For whoever may make projects: with the code he typed he said the same.

    Raises:
        NotFound: ``project_unknown``.
        Unusable: ``project_area_malformed``, ``project_area_unknown``.
    """
    before = people.project(db, project_id).area_code
    check_area(area_code)
    if area_code == before:
        return
    people.set_area(db, project_id, area_code)
    journal(db, now, by, "project.area", project_id, f"project:{project_id}", area_code=area_code, area_before=before)


# --- a worker ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entered:
    """A worker who was entered."""

    worker_id: int
    engagement_id: int
    terms_id: int | None
    """None when nothing was agreed yet."""
    known: bool
    """True when he was known from another project or an earlier time."""
    code: str | None = field(repr=False)
    """The code he comes in with; shown now and never again. None when he has a card or an older code, or gets one later."""


def enter_worker(
    db: Session,
    vault: Vault,
    settings: Settings,
    *,
    project_id: int,
    team_id: int,
    name: str,
    id_number: str,
    day_rate_fen: int | None,
    entry_on: date,
    exit_on: date | None = None,
    trade: str | None = None,
    phone: str | None = None,
    card: str | None = None,
    pay_kind: str = "day",
    unit: str | None = None,
    overtime_rule: str = "none",
    relation: str = "work_agreement",
    code: bool = True,
    now: datetime,
    by: str,
) -> Entered:
    """Enter a worker: identity, time with a team, what he earns, and a card or code to come in with.

    Args:
        day_rate_fen: fen per man-day; per hour, month or unit of measured work, as ``pay_kind`` says; None when his
            wage is agreed on later (``terms.agree``): until then he is on the list of what is not finished.
        exit_on: first day no longer on the project.
        card: number of his card; without one he is given a code, unless ``code`` is False.
        pay_kind: ``day``, ``hour``, ``month`` or ``piece``; whatever else is agreed: ``terms.agree``.
        unit: of measured work, for ``piece``.
        overtime_rule, relation: as ``terms.agree``.

    Raises:
        Unusable: a field is wrong; the code says which.
        NotFound: ``team_unknown`` on this project.
        Conflict: ``engagement_overlaps``, he is on this project already; ``worker_name_differs``;
            ``credential_taken``.
    """
    # Gather
    project = people.project(db, project_id)
    today = project_today(project.time_zone, now)
    checked = check_id_number(id_number, today, settings)
    index = vault.index("id_number", checked.normalised)
    worker_id = people.find_worker(db, index)
    team = next((team for team in people.teams(db, project_id) if team.id == team_id), None)

    # Decide
    name = check_name(name)
    trade = check_trade(trade)
    phone = check_phone(phone)
    card = check_card(card)
    check_day(entry_on)
    if exit_on is not None:
        check_day(exit_on)
    agreed = None
    if day_rate_fen is not None:
        agreed = terms.check_agreed(
            kind=pay_kind, rate_fen=day_rate_fen, unit=unit, overtime_rule=overtime_rule, relation=relation
        )
    if team is None:
        raise NotFound("team_unknown")
    if worker_id is not None and people.worker(db, worker_id).name != name:
        # The same number under two names is two people or a slip; only a person can tell.
        raise Conflict("worker_name_differs")

    # Append
    known = worker_id is not None
    if worker_id is None:
        worker_id = people.add_worker(
            db,
            name=name,
            id_number_sealed=vault.seal(
                checked.normalised.encode(), table="worker", column="id_number_sealed", owner=index
            ),
            id_number_index=index,
            sex=checked.sex,
            birth_on=checked.birth_on,
            phone_sealed=vault.seal(phone.encode(), table="worker", column="phone_sealed", owner=index)
            if phone
            else None,
            now=now,
        )
    engagement_id = people.add_engagement(
        db,
        worker_id=worker_id,
        project_id=project_id,
        project_company_id=team.project_company_id,
        team_id=team_id,
        trade=trade or team.trade,
        entry_on=entry_on,
        exit_on=exit_on,
        now=now,
    )
    if known and phone:
        # What is recorded stays; what is missing is taken.
        amending.take_phone(
            db, vault, project_id=project_id, worker_id=worker_id, phone=phone, reason=amending.AT_ENTRY, now=now, by=by
        )
    terms_id = None
    if agreed is not None:
        terms_id = people.add_terms(
            db, engagement_id=engagement_id, **agreed, valid_from=entry_on, valid_to=None, recorded_by=by, now=now
        )
    terms.wages_changed(db, project_id, worker_id, entry_on, exit_on)
    given = None
    if card is not None:
        _give(db, vault, project_id, worker_id, "card", card, today, now)
    elif code and not held.live_credentials(db, project_id, worker_id):
        given = _give_code(db, vault, project_id, worker_id, today, now)
    journal(
        db, now, by, "worker.entered", project_id, f"worker:{worker_id}", engagement=engagement_id, terms=terms_id
    )
    return Entered(worker_id, engagement_id, terms_id, known, given)


def change_terms(
    db: Session, *, project_id: int, worker_id: int, rate_fen: int, valid_from: date, now: datetime, by: str
) -> int:
    """Agree on another day rate from a date on; return the id of the new terms.

    Whatever else was agreed stays as it is. What was agreed before that date stays, and terms that begin later stay
    too (``terms.agree``).

    Raises:
        Unusable: ``day_rate_wrong``; ``terms_before_entry``; ``terms_after_exit``.
        NotFound: ``worker_not_on_project``.
        Conflict: ``terms_same``, that rate holds already; ``terms_not_by_day``, he is paid otherwise on that date.
    """
    engagement = _engagement_at(_engagements(db, project_id, worker_id), valid_from)
    mine = people.terms(db, project_id, engagement.id)
    covering = next((one for one in mine if one.covers(valid_from)), None)
    if covering is not None and covering.kind is not PayKind.DAY:
        raise Conflict("terms_not_by_day")

    same = {name: getattr(covering, name) for name in people.AGREED} if covering is not None else {"kind": "day", **terms.UNSAID}
    return terms.agree(
        db, project_id=project_id, engagement_id=engagement.id, **{**same, "rate_fen": rate_fen},
        valid_from=valid_from, by=by, now=now,
    )  # fmt: skip


def exit_worker(db: Session, *, project_id: int, worker_id: int, exit_on: date, now: datetime, by: str) -> int:
    """Record that a worker leaves; return the id of the engagement that ends.

    His terms are left as they are: a passage after the exit is a question for a person, not a day without pay.

    Args:
        exit_on: first day no longer on the project.

    Raises:
        NotFound: ``worker_not_on_project``.
        BadRequest: ``exit_before_entry``.
        Unusable: ``date_out_of_range``.
        Conflict: ``exit_recorded``, with another date.
    """
    check_day(exit_on)
    engagement = _engagements(db, project_id, worker_id)[-1]
    if engagement.exit_on is not None and engagement.exit_on != exit_on:
        raise Conflict("exit_recorded")
    if engagement.exit_on == exit_on:
        return engagement.id

    people.exit_engagement(db, engagement.id, exit_on)
    terms.wages_changed(db, project_id, worker_id, exit_on, None)
    journal(
        db, now, by, "worker.left", project_id, f"worker:{worker_id}", engagement=engagement.id,
        exit_on=exit_on.isoformat(),
    )
    return engagement.id


def _engagements(db: Session, project_id: int, worker_id: int) -> list[Engagement]:
    found = sorted(people.engagements_of(db, project_id, worker_id), key=lambda engagement: engagement.entry_on)
    if not found:
        raise NotFound("worker_not_on_project")
    return found


def _engagement_at(engagements: list[Engagement], day: date) -> Engagement:
    covering = [engagement for engagement in engagements if engagement.covers(day)]
    return covering[0] if covering else engagements[-1]


# --- the way in without a face -----------------------------------------------------------------------------


def issue_code(db: Session, vault: Vault, *, project_id: int, worker_id: int, now: datetime, by: str) -> str:
    """Give a worker a new code and return it, this once; codes he had before no longer work.

    The way in for who declines or withdraws, loses his card, or is not recognised: the same standing as a face.

    Raises:
        NotFound: ``worker_not_on_project``.
    """
    today = project_today(people.project(db, project_id).time_zone, now)
    _engagements(db, project_id, worker_id)
    before = [one for one in held.live_credentials(db, project_id, worker_id) if one.channel == "code"]

    for one in before:
        people.revoke_credential(db, one.id, now)
    code = _give_code(db, vault, project_id, worker_id, today, now)
    journal(db, now, by, "credential.issued", project_id, f"worker:{worker_id}", channel="code")
    return code


def issue_card(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, value: str, now: datetime, by: str
) -> int:
    """Give a worker a card; return the id of the credential. His other cards and codes go on working.

    Raises:
        NotFound: ``worker_not_on_project``.
        Unusable: ``card_wrong``.
        Conflict: ``credential_taken``, somebody who is still on the project has it.
    """
    today = project_today(people.project(db, project_id).time_zone, now)
    _engagements(db, project_id, worker_id)
    card = check_card(value)
    if card is None:
        raise Unusable("card_wrong")

    added = _give(db, vault, project_id, worker_id, "card", card, today, now)
    journal(db, now, by, "credential.issued", project_id, f"worker:{worker_id}", channel="card")
    return added


def revoke_credential(
    db: Session, vault: Vault, *, project_id: int, credential_id: int, now: datetime, by: str
) -> str | None:
    """Take a card or code back, at once.

    Nobody is left without a way in: when it was the last one of a worker who is still on the project, he is given
    a new code.

    Returns:
        The new code, shown this once, or None when he has another way in or has left.

    Raises:
        NotFound: ``credential_missing`` on this project.
    """
    found = held.credential(db, credential_id)
    if found is None or found.project_id != project_id:
        raise NotFound("credential_missing")
    if found.revoked_at is not None:
        return None

    people.revoke_credential(db, credential_id, now)
    journal(db, now, by, "credential.revoked", project_id, f"worker:{found.worker_id}", channel=found.channel)
    return non_face_way(db, vault, project_id=project_id, worker_id=found.worker_id, now=now, by=by)


def non_face_way(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, now: datetime, by: str
) -> str | None:
    """Make sure a worker can come in without a face.

    Returns:
        A new code when he had neither card nor code and has not left; else None.
    """
    today = project_today(people.project(db, project_id).time_zone, now)
    if _has_left(people.engagements_of(db, project_id, worker_id), today):
        return None
    if held.live_credentials(db, project_id, worker_id):
        return None
    code = _give_code(db, vault, project_id, worker_id, today, now)
    journal(db, now, by, "credential.issued", project_id, f"worker:{worker_id}", channel="code")
    return code


def _has_left(engagements: Iterable[Engagement], today: date) -> bool:
    return all(engagement.exit_on is not None and engagement.exit_on <= today for engagement in engagements)


def _give_code(db: Session, vault: Vault, project_id: int, worker_id: int, today: date, now: datetime) -> str:
    while True:
        digits = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
        code = digits + _check_digit(digits)
        try:
            _give(db, vault, project_id, worker_id, "code", code, today, now)
        except Conflict:
            continue  # drawn before; nobody is told that it exists
        return code


def _give(
    db: Session, vault: Vault, project_id: int, worker_id: int, channel: str, value: str, today: date, now: datetime
) -> int:
    index = vault.index(f"credential.{channel}", value)
    holder = held.live_credential(db, project_id, channel, index)
    if holder is not None and holder.worker_id == worker_id:
        return holder.id
    if holder is not None and _has_left(people.engagements_of(db, project_id, holder.worker_id), today):
        # Cards are handed on; who has left cannot use his any more.
        people.revoke_credential(db, holder.id, now)
    return people.add_credential(
        db, worker_id=worker_id, project_id=project_id, channel=channel, value_index=index, now=now
    )


def _check_digit(digits: str) -> str:
    """Luhn's: finds every single wrong digit and most swaps of neighbours."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if at % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


# --- gates and devices -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddedDevice:
    """A device and its key, shown this once."""

    device_id: str
    key: bytes = field(repr=False)


def add_gate(db: Session, *, project_id: int, name: str, direction: str, now: datetime, by: str) -> int:
    """Add a gate; return its id.

    Raises:
        Unusable: ``direction_unknown``.
        Conflict: ``gate_name_taken``.
    """
    people.project(db, project_id)
    if direction not in set(Direction):
        raise Unusable("direction_unknown")

    added = gates.add_gate(db, project_id=project_id, name=check_label(name, "name", 100), direction=direction)
    journal(db, now, by, "gate.added", project_id, f"gate:{added}", direction=direction)
    return added


def change_gate(
    db: Session, *, project_id: int, gate_id: int, name: str | None = None, direction: str | None = None, now: datetime, by: str
) -> None:
    """Put right what a gate is called, and where it leads as long as nobody passed it. The same again changes nothing.

    Raises:
        Unusable: ``direction_unknown``; the name is missing or too long.
        NotFound: ``gate_unknown`` on this project.
        Conflict: ``gate_name_taken``; ``gate_direction_used``, somebody passed.
    """
    people.lock_project(db, project_id)
    gate = gates.gate(db, project_id, gate_id)
    name = gate.name if name is None else check_label(name, "name", 100)
    if direction is not None and direction not in set(Direction):
        raise Unusable("direction_unknown")
    if name in {other.name for other in gates.gates(db, project_id) if other.id != gate_id}:
        raise Conflict("gate_name_taken")
    turned = direction is not None and direction != gate.direction
    if turned and gates.gate_used(db, gate_id):
        raise Conflict("gate_direction_used")

    changes = ({"called": name} if name != gate.name else {}) | ({"leads": direction} if turned else {})
    if not changes:
        return
    gates.change_gate(db, gate_id, **changes)
    # Its words are in the row; which one, in the journal.
    journal(db, now, by, "gate.changed", project_id, f"gate:{gate_id}", **({"direction": direction} if turned else {}))


def retire_gate(db: Session, *, project_id: int, gate_id: int, now: datetime, by: str) -> None:
    """Take a gate nobody passed off every list, with its devices: added by mistake, or never built. Done twice, it is done once.

    Raises:
        NotFound: ``gate_unknown`` on this project.
        Conflict: ``gate_used``, somebody passed: its devices can be switched off.
    """
    people.lock_project(db, project_id)
    if gates.is_retired(db, project_id, gate_id):
        return
    gates.gate(db, project_id, gate_id)
    if gates.gate_used(db, gate_id):
        raise Conflict("gate_used")

    for device in gates.devices(db, project_id):
        if device.gate_id == gate_id and device.disabled_at is None:
            disable_device(db, device_id=device.id, project_id=project_id, now=now, by=by)
    gates.change_gate(db, gate_id, retired_at=now)
    journal(db, now, by, "gate.retired", project_id, f"gate:{gate_id}")


def add_device(
    db: Session,
    vault: Vault,
    *,
    project_id: int,
    gate_id: int,
    name: str,
    device_id: str | None = None,
    now: datetime,
    by: str,
) -> AddedDevice:
    """Add a device to a gate. Its key is in the answer and nowhere else in the clear.

    Args:
        device_id: what the device calls itself; made up when None.

    Raises:
        Unusable: ``device_id_malformed``.
        NotFound: ``gate_unknown`` on this project.
        Conflict: ``device_id_taken``.
    """
    name = check_label(name, "name", 100)
    device_id = device_id or f"dev-{secrets.token_hex(5)}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", device_id):
        raise Unusable("device_id_malformed")

    key = secrets.token_bytes(KEY_BYTES)
    sealed = vault.seal(key, table="device", column="key_sealed", owner=device_id)
    gates.add_device(
        db, device_id=device_id, project_id=project_id, gate_id=gate_id, name=name, key_sealed=sealed, now=now
    )
    journal(db, now, by, "device.added", project_id, f"device:{device_id}", gate=gate_id)
    return AddedDevice(device_id, key)


def rotate_device_key(
    db: Session, vault: Vault, *, device_id: str, project_id: int | None = None, now: datetime, by: str
) -> bytes:
    """Give a device a new key and return it; the former is accepted until the new one is used, for 7 days at most.

    Raises:
        NotFound: ``device_unknown``, or not on ``project_id``.
    """
    device = _device(db, device_id, project_id)

    key = secrets.token_bytes(KEY_BYTES)
    gates.rotate_device_key(db, device_id, vault.seal(key, table="device", column="key_sealed", owner=device_id))
    journal(db, now, by, "device.key_rotated", device.project_id, f"device:{device_id}")
    return key


def disable_device(db: Session, *, device_id: str, project_id: int | None = None, now: datetime, by: str) -> None:
    """Stop listening to a device; what it recorded stays.

    Raises:
        NotFound: ``device_unknown``, or not on ``project_id``.
    """
    device = _device(db, device_id, project_id)

    gates.disable_device(db, device_id, now)
    journal(db, now, by, "device.disabled", device.project_id, f"device:{device_id}")


def enable_device(db: Session, *, device_id: str, project_id: int | None = None, now: datetime, by: str) -> None:
    """Listen to a device again, by the key it has; a camera is looked at again within seconds.

    Raises:
        NotFound: ``device_unknown``, or not on ``project_id``; ``gate_unknown``, its gate is retired.
    """
    device = _device(db, device_id, project_id)
    # The gate it stands at may be retired: nobody is to pass there.
    gates.gate(db, device.project_id, device.gate_id)
    if device.disabled_at is not None:
        gates.enable_device(db, device_id)
        journal(db, now, by, "device.enabled", device.project_id, f"device:{device_id}")


def _device(db: Session, device_id: str, project_id: int | None) -> gates.DeviceInfo:
    device = gates.device(db, device_id)
    if project_id is not None and device.project_id != project_id:
        raise NotFound("device_unknown")
    return device


def journal(
    db: Session, now: datetime, by: str, action: str, project_id: int | None, what: str, **facts: Any
) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=what, facts=facts)
