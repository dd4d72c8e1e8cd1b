"""Use case: a worker's face, with his word and only with it.

    record_consent      his word, as he gave it: scope, notice, time, way; a scope of nothing is a refusal
    advise              what a camera at the desk sees, before the photograph is taken; nothing of it is kept
    examine             photographs to one template; slow, pure, before any transaction
    enrol               consent and photographs become a sealed template
    withdraw_consent    his word taken back: template and photographs are erased, everything else stays
    overdue             whose face may not be kept any more: he left, or his word does not cover it
    erase_overdue       ... and it is erased

Whoever never agrees, or takes it back, comes in by card or code with the same standing. A refusal names the
photograph and what is wrong with it, and never another worker.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.orm import Session

from app import verification
from app.errors import Busy, Conflict, NotFound, Unusable
from app.galleries import load, owner, template_bytes
from app.settings import Settings
from app.store import accounts, faces, people, timekeeping
from app.store import papers as kept
from app.vault import Vault
from app.wording import notices
from recognition import BadImage, alike_of, best_match, decode_jpeg, encode_jpeg, looks_of, mean_template

SCOPES = ("capture", "template", "site_storage", "net_transfer", "image_retention")
"""What a worker may agree to, each on its own and none by default (domain.md 6.1)."""
SCOPE_NEEDED = frozenset({"capture", "template"})
"""Without these two there is nothing to recognise him by."""
NOTICE_VERSION = notices.FACE_CURRENT
"""The notice to show today."""
METHODS = ("paper", "screen", "spoken")
PHOTOGRAPHS_MAX = 10
CLOCK_AHEAD_MAX = timedelta(minutes=5)
"""The tablet that records a consent may be this far ahead of us."""


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """What a worker agreed to, as it was recorded in his presence."""

    scope: tuple[str, ...]
    """Words of ``SCOPES``."""
    notice_version: str
    method: str
    """Word of ``METHODS``."""
    at: datetime
    """When he said so; aware."""
    evidence_id: int | None = None
    """The signature or scan it rests on, a file of evidence of the project."""


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What photographs gave; nothing of it is stored yet."""

    templates: np.ndarray = field(repr=False)
    """(K, D) float32: the mean over the photographs, then other looks of his (``recognition.looks_of``)."""
    photographs: tuple[bytes, ...] = field(repr=False)
    """The pictures that were used, written anew: nothing that came along with the bytes is in them."""
    pack: Any
    """The pack that made it; says with what it may be compared."""
    sent: tuple[str, ...] = ()
    """SHA-256 of the photographs that were used, as they were sent."""
    set_aside: int | None = None
    """Number (from 1) of a photograph that was not used because it is not like the others."""
    alike: tuple[int, ...] = ()
    """Numbers (from 1) of those that are practically an earlier one once more (``recognition.alike_of``)."""

    @property
    def template(self) -> np.ndarray:
        """(D,) float32: the mean over the photographs."""
        return self.templates[0]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A worker whose face is known now."""

    template_id: int
    photographs: int
    advised_more: int
    """Photographs the pack would like on top; 0 when it has enough."""
    contract_id: str
    templates: int = 1
    """The mean of his photographs, and other looks of his."""
    set_aside: int | None = None
    """Number (from 1) of a photograph that was not used because it is not like the others; a clerk should look at it."""
    alike: tuple[int, ...] = ()
    """Numbers (from 1) of photographs that are practically an earlier one once more: used, and no further look of his."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A consent that was taken back."""

    templates_erased: int
    already: bool
    """True when it had been taken back before."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased because it may not be kept any more."""

    templates: int = 0
    photographs: int = 0
    exited: int = 0
    """Workers who left."""
    withdrawn: int = 0
    """Workers whose word does not cover it."""

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(
            self.templates + other.templates,
            self.photographs + other.photographs,
            self.exited + other.exited,
            self.withdrawn + other.withdrawn,
        )


# --- his word ----------------------------------------------------------------------------------------------


def record_consent(
    db: Session, *, project_id: int, worker_id: int, consent: ConsentGiven, now: datetime, by: str
) -> int:
    """Record what a worker agreed to and return the id of the act.

    His latest word holds. One that leaves out what he agreed to before takes that back: without template the
    template is erased, without image_retention the photographs are.

    Raises:
        Unusable: ``consent_scope_unknown``, ``notice_unknown``, ``consent_method_unknown``, ``consent_at_naive``,
            ``consent_in_future``.
        NotFound: ``worker_not_on_project``; ``evidence_unknown``.
    """
    _check_consent(consent, now)
    _on_project(db, project_id, worker_id)
    if consent.evidence_id is not None:
        timekeeping.check_evidence(db, project_id, [consent.evidence_id])

    consent_id = _append_consent(db, project_id, worker_id, consent, now, by)
    if not set(consent.scope) >= SCOPE_NEEDED:
        people.erase_templates(db, project_id, worker_id, "scope_narrowed", now)
    elif "image_retention" not in consent.scope:
        kept.erase_photos(db, project_id, worker_id, now)
    if "image_retention" not in consent.scope or not set(consent.scope) >= SCOPE_NEEDED:
        faces.erase_pictures(db, now, "scope_narrowed", project_id=project_id, worker_id=worker_id)
    return consent_id


def withdraw_consent(
    db: Session, *, project_id: int, worker_id: int, method: str = "screen", now: datetime, by: str
) -> Withdrawn:
    """Take a consent back, as easily as it was given: template and photographs are erased at once.

    Wages, attendance, cards and codes stay as they are. The caller makes sure that there is a card or code
    (``app.papers.non_face_way``) in the same transaction.

    Raises:
        Unusable: ``consent_method_unknown``.
        NotFound: ``worker_not_on_project``.
        Conflict: ``consent_not_given``, there is nothing to take back.
    """
    if method not in METHODS:
        raise Unusable("consent_method_unknown")
    _on_project(db, project_id, worker_id)
    people.lock_project(db, project_id)
    latest = people.latest_consent(db, project_id, worker_id)
    if latest is None:
        raise Conflict("consent_not_given")

    if latest.given:
        people.add_consent(
            db,
            worker_id=worker_id,
            project_id=project_id,
            act="withdraw",
            scope=(),
            notice_version=latest.notice_version,
            method=method,
            at=now,
            recorded_by=by,
            now=now,
        )
    # Also when he had withdrawn before: whatever is still there must go.
    erased = people.erase_templates(db, project_id, worker_id, "withdrawn", now)
    kept.erase_photos(db, project_id, worker_id, now)
    faces.erase_pictures(db, now, "withdrawn", project_id=project_id, worker_id=worker_id)
    if latest.given:
        _journal(db, now, by, "consent.withdrawn", project_id, worker_id, templates_erased=erased)
    return Withdrawn(erased, already=not latest.given)


def _check_consent(consent: ConsentGiven, now: datetime) -> None:
    if any(word not in SCOPES for word in consent.scope):
        raise Unusable("consent_scope_unknown")
    if consent.notice_version not in notices.FACE:
        raise Unusable("notice_unknown")
    if consent.method not in METHODS:
        raise Unusable("consent_method_unknown")
    if consent.at.tzinfo is None:
        raise Unusable("consent_at_naive")
    if consent.at > now + CLOCK_AHEAD_MAX:
        raise Unusable("consent_in_future")


def _append_consent(
    db: Session, project_id: int, worker_id: int, consent: ConsentGiven, now: datetime, by: str
) -> int:
    scope = [word for word in SCOPES if word in consent.scope]
    consent_id = people.add_consent(
        db,
        worker_id=worker_id,
        project_id=project_id,
        act="give",
        scope=scope,
        notice_version=consent.notice_version,
        method=consent.method,
        at=consent.at,
        recorded_by=by,
        now=now,
        evidence_id=consent.evidence_id,
    )
    action = "consent.given" if scope else "consent.declined"
    _journal(db, now, by, action, project_id, worker_id, scope=scope, notice=consent.notice_version)
    return consent_id


# --- his face ----------------------------------------------------------------------------------------------


def examine(engine: Any, settings: Settings, photographs: list[bytes]) -> Examined:
    """Look at photographs and make one template of them. Slow and pure: no transaction may be open meanwhile.

    Args:
        engine: ``recognition.Engine``, or None when no pack is loaded.

    Raises:
        Busy: ``pack_missing``.
        Unusable: ``photographs_missing``, ``photographs_too_many``, ``photographs_differ``, ``photographs_alike`` (with those that are
            practically the same counted once there are too few for the pack); or the code of the
            first photograph that cannot be used: ``no_face``, ``several_faces``, ``too_dark``, one of
            recognition's quality codes, or one of its picture codes. ``facts`` has ``photograph`` (from 1) and,
            as ``photographs``, every (number, code) there is to mend.
    """
    if engine is None:
        raise Busy("pack_missing", retry_after_s=30)
    pack = engine.pack
    if len(photographs) < max(1, pack.enrolment_photographs_min):
        raise Unusable("photographs_missing", needed=max(1, pack.enrolment_photographs_min))
    if len(photographs) > PHOTOGRAPHS_MAX:
        raise Unusable("photographs_too_many", limit=PHOTOGRAPHS_MAX)

    templates: list[np.ndarray] = []
    pictures: list[bytes] = []
    wrong: list[tuple[int, str]] = []
    for number, photograph in enumerate(photographs, start=1):
        found = _look(engine, settings, photograph)
        if isinstance(found, str):
            wrong.append((number, found))
        else:
            templates.append(found[0])
            pictures.append(found[1])
    if wrong:
        # All at once: nobody should have to stand in front of a camera three times for three mistakes.
        number, code = wrong[0]
        raise Unusable(code, f"photograph {number}", photograph=number, photographs=wrong)
    # One person against himself: what the pack asks of the smallest roster is enough.
    looks = looks_of(templates, pack.metric, pack.thresholds_for(1).similarity_min)
    if looks.differs is not None:
        odd = looks.differs + 1
        raise Unusable("photographs_differ", photograph=odd, photographs=[(odd, "photographs_differ")])
    used = [at for at in range(len(photographs)) if at != looks.set_aside]
    alike = tuple(used[at] + 1 for at in alike_of([templates[at] for at in used], pack.metric))
    if alike and len(used) - len(alike) < pack.enrolment_photographs_min:
        raise Unusable("photographs_alike", photograph=alike[0], photographs=[(number, "photographs_alike") for number in alike])
    return Examined(
        looks.templates,
        tuple(pictures[at] for at in used),
        pack,
        # Not of the one set aside: a comparison with it says nothing about the face that is enrolled.
        tuple(sha256(photographs[at]).hexdigest() for at in used),
        None if looks.set_aside is None else looks.set_aside + 1,
        alike,
    )


@dataclass(frozen=True, slots=True)
class Advice:
    """What a picture of the desk's camera lacks for an enrolment."""

    codes: tuple[str, ...]
    """recognition's quality codes, the one to mend first in front; empty when a photograph may be taken now."""
    box: tuple[float, float, float, float] | None
    """Where the face is: left, top, right, bottom as shares of the picture, 0..1; None without one."""


def advise(engine: Any, settings: Settings, frame: bytes) -> Advice:
    """Look at one small picture of the desk's camera with the limits of an enrolment. Pure: nothing of it is kept.

    Faces are looked for as quickly as at the gate, so a face far away is told as none.

    Raises:
        Busy: ``pack_missing``.
        Unusable: the picture's own code (``not_jpeg`` ...).
    """
    if engine is None:
        raise Busy("pack_missing", retry_after_s=30)
    try:
        image = decode_jpeg(frame, pixels_max=settings.frame_pixels_max)
    except BadImage as error:
        code = error.code
        raise Unusable(code) from None
    analysis = engine.analyse(image, purpose="desk")
    height, width = image.shape[:2]
    box = None
    if analysis.faces:
        left, top, right, bottom = analysis.faces[0].box
        box = (left / width, top / height, right / width, bottom / height)
    return Advice((analysis.code,) if analysis.subject is None else analysis.subject.codes, box)


def examine_kept(engine: Any, settings: Settings, photographs: list[bytes]) -> Examined:
    """Make a template of photographs that were good enough for another pack; those of no use to this one are left out.

    Raises:
        Unusable: none is of use; the code of the first.
    """
    templates: list[np.ndarray] = []
    pictures: list[bytes] = []
    codes: list[str] = []
    for photograph in photographs:
        found = _look(engine, settings, photograph)
        if isinstance(found, str):
            codes.append(found)
        else:
            templates.append(found[0])
            pictures.append(found[1])
    if not photographs:
        raise Unusable("photographs_missing", needed=1)
    if not templates:
        code = codes[0]
        raise Unusable(code)
    return Examined(mean_template(templates, engine.pack.metric)[None], tuple(pictures), engine.pack)


def _look(engine: Any, settings: Settings, photograph: bytes) -> tuple[np.ndarray, bytes] | str:
    """The template of one photograph and the picture written anew, or the code of what is wrong with it."""
    try:
        image = decode_jpeg(photograph, pixels_max=settings.enrolment_pixels_max)
    except BadImage as error:
        return error.code
    analysis = engine.analyse(image, purpose="enrolment")
    if analysis.subject is None:
        return analysis.code
    if analysis.subject.codes:
        return analysis.subject.codes[0]
    # Never the bytes as they were sent: they may tell where he lives, or be another file at the same time.
    return engine.template(image, analysis.subject), encode_jpeg(image)


def check_may_enrol(db: Session, *, project_id: int, worker_id: int, consent: ConsentGiven | None, now: datetime) -> None:
    """Refuse what needs no photograph to be refused; for callers that want to know before the slow part.

    Raises:
        Unusable, NotFound: as ``enrol``.
    """
    _on_project(db, project_id, worker_id)
    if consent is not None:
        _check_consent(consent, now)
    _standing_consent(db, project_id, worker_id, consent)
    _engaged_today(db, project_id, worker_id, now)


def enrol(
    db: Session,
    vault: Vault,
    examined: Examined,
    *,
    project_id: int,
    worker_id: int,
    consent: ConsentGiven | None,
    beside: Examined | None = None,
    check_id: int | None = None,
    now: datetime,
    by: str,
) -> Enrolled:
    """Make a worker known by his face. A template he had on this project is erased.

    Args:
        examined: what ``examine`` made of his photographs, before this transaction began.
        beside: the same by the other pack, while the pack is being changed (``app.repack``).
        check_id: the comparison with his identity card, where the project asks for one; None for his latest.
        consent: what he agrees to now; None to rely on what is recorded.

    Raises:
        Unusable: ``consent_missing``; what ``record_consent`` refuses; ``worker_not_engaged``;
            ``too_like_another``, which says nothing about whom; ``identity_check_needed``, ``portrait_differs``.
        NotFound: ``worker_not_on_project``.
    """
    # Gather
    people.lock_project(db, project_id)
    check_may_enrol(db, project_id=project_id, worker_id=worker_id, consent=consent, now=now)
    if faces.policy(db, project_id).identity_check == "require":
        verification.check(db, project_id=project_id, worker_id=worker_id, check_id=check_id, sent=examined.sent)
    others = load(db, vault, examined.pack, project_id, without=worker_id)

    # Decide
    # With himself on it the roster is one larger.
    enough = examined.pack.thresholds_for(len(set(others.keys)) + 1).similarity_min
    for template in examined.templates:
        nearest = best_match(template, others, contract_id=examined.pack.contract_id)
        if nearest is not None and nearest.similarity >= enough:
            raise Unusable("too_like_another")

    # Append
    return keep_template(
        db, vault, examined, project_id=project_id, worker_id=worker_id, consent=consent, beside=beside, now=now, by=by
    )


def keep_template(
    db: Session,
    vault: Vault,
    examined: Examined,
    *,
    project_id: int,
    worker_id: int,
    consent: ConsentGiven | None,
    beside: Examined | None = None,
    now: datetime,
    by: str,
) -> Enrolled:
    """The last paragraph of ``enrol``: consent, sealed template, and the photographs if he agreed to that.

    Raises:
        Unusable: ``consent_missing``; there is no template without it, whoever calls.
    """
    standing = _standing_consent(db, project_id, worker_id, consent)
    if standing is None:
        consent_id, scope = _append_consent(db, project_id, worker_id, consent, now, by), consent.scope
    else:
        consent_id, scope = standing.id, standing.scope
    # Also those of another pack: what nothing compares any more is not kept, and both are made anew in a change.
    people.erase_templates(db, project_id, worker_id, "replaced", now)
    mine = owner(project_id, worker_id)
    template_id = people.add_template(
        db,
        worker_id=worker_id,
        project_id=project_id,
        consent_id=consent_id,
        contract_id=examined.pack.contract_id,
        pack_id=examined.pack.pack_id,
        template_sealed=vault.seal(
            template_bytes(examined.templates), table="face_template", column="template_sealed", owner=mine
        ),
        photographs=len(examined.photographs),
        now=now,
    )
    if beside is not None and beside.pack.contract_id != examined.pack.contract_id:
        people.add_template(
            db,
            worker_id=worker_id,
            project_id=project_id,
            consent_id=consent_id,
            contract_id=beside.pack.contract_id,
            pack_id=beside.pack.pack_id,
            template_sealed=vault.seal(
                template_bytes(beside.templates), table="face_template", column="template_sealed", owner=mine
            ),
            photographs=len(beside.photographs),
            now=now,
        )
    if "image_retention" in scope:
        for photograph in examined.photographs:
            people.add_photo(
                db,
                template_id=template_id,
                worker_id=worker_id,
                photo_sealed=vault.seal(photograph, table="face_photo", column="photo_sealed", owner=mine),
                sha256=sha256(photograph).hexdigest(),
                now=now,
            )
    _journal(
        db, now, by, "face.enrolled", project_id, worker_id,
        template=template_id, photographs=len(examined.photographs), contract=examined.pack.contract_id,
    )
    advised_more = max(0, examined.pack.enrolment_photographs_advised - (len(examined.photographs) - len(examined.alike)))
    return Enrolled(
        template_id, len(examined.photographs), advised_more, examined.pack.contract_id, len(examined.templates), examined.set_aside,
        examined.alike,
    )  # fmt: skip


# --- what may not be kept any more -------------------------------------------------------------------------


def overdue(
    db: Session, *, project_id: int, now: datetime, days_after_exit: int, among: Collection[int] | None = None
) -> dict[int, str]:
    """Return whose face is kept on a project although it may not be: worker id -> reason.

    Reasons are ``withdrawn`` and ``scope_narrowed`` (his latest word does not cover it; it should be gone
    already) and ``exited``: ``days_after_exit`` days have passed since the last day of his last engagement here.
    Who came back keeps his face, also when he begins only next week.

    Args:
        among: look at these workers only.
    """
    today = now.astimezone(ZoneInfo(people.project(db, project_id).time_zone)).date()
    reasons = {face.worker_id: _why_erase(face, today, days_after_exit) for face in kept.faces_kept(db, project_id, among)}
    return {worker_id: reason for worker_id, reason in reasons.items() if reason is not None}


def _why_erase(face: kept.FaceKept, today: date, days_after_exit: int) -> str | None:
    if not face.consent_given:
        return "withdrawn"
    if not set(face.scope) >= SCOPE_NEEDED:
        return "scope_narrowed"
    # exit_on is the first day he was gone. Counted from the day before, a daily run keeps "within 30 days after
    # you leave" as the notice says it.
    if face.exit_on is not None and today >= face.exit_on - timedelta(days=1) + timedelta(days=days_after_exit):
        return "exited"
    return None


def erase_overdue(
    db: Session, *, project_id: int, among: Collection[int], now: datetime, days_after_exit: int, by: str
) -> Erased:
    """Erase templates and photographs of those of ``among`` who are overdue now; a second time it erases nothing."""
    total = Erased()
    # Asked again within this transaction: somebody may have come back since the caller looked.
    due = overdue(db, project_id=project_id, now=now, days_after_exit=days_after_exit, among=among)
    for worker_id, reason in due.items():
        # First the photographs: erasing a template takes along those that hang on it, uncounted.
        photographs = kept.erase_photos(db, project_id, worker_id, now)
        templates = people.erase_templates(db, project_id, worker_id, reason, now)
        _journal(
            db, now, by, "face.erased", project_id, worker_id,
            reason=reason, templates=templates, photographs=photographs,
        )
        left = reason == "exited"
        total += Erased(templates, photographs, exited=int(left), withdrawn=int(not left))
    return total


# --- asked by several of them ------------------------------------------------------------------------------


def _check_scope(scope: tuple[str, ...]) -> None:
    if not set(scope) >= SCOPE_NEEDED:
        raise Unusable("consent_missing")


def _standing_consent(
    db: Session, project_id: int, worker_id: int, consent: ConsentGiven | None
) -> people.ConsentInfo | None:
    if consent is not None:
        _check_scope(consent.scope)
        return None
    latest = people.latest_consent(db, project_id, worker_id)
    if latest is None or not latest.given:
        raise Unusable("consent_missing")
    _check_scope(latest.scope)
    return latest


def _on_project(db: Session, project_id: int, worker_id: int) -> None:
    if not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")


def _engaged_today(db: Session, project_id: int, worker_id: int, now: datetime) -> None:
    _on_project(db, project_id, worker_id)
    today = now.astimezone(ZoneInfo(people.project(db, project_id).time_zone)).date()
    # Somebody who begins next week may be enrolled today; somebody who has left may not.
    if all(e.exit_on is not None and e.exit_on <= today for e in people.engagements_of(db, project_id, worker_id)):
        raise Unusable("worker_not_engaged")


def _journal(
    db: Session, now: datetime, by: str, action: str, project_id: int, worker_id: int, **facts: Any
) -> None:
    accounts.journal(
        db, at=now, actor=by, action=action, project_id=project_id, object=f"worker:{worker_id}", facts=facts
    )
