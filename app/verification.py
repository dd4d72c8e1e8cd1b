"""Use case: one face against one other (1:1): the live photograph against the identity card's (人证核验), a face against a card.

    compare     the photograph taken at the desk against the one of the identity card; slow, pure, before any transaction
    record      what came of it: a fact with similarity, limit, stated rate and contract, whether it was him or not
    override    a second person vouches for him, and says why
    check       what enrolment asks: do these photographs rest on such a fact?
    limit_at    the similarity that so many pairs of different people reach

The card's photograph is compared and not kept. It is small (102 x 126) and may be ten years old: a comparison that fails says
"look again", never "forged".
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.errors import Busy, Conflict, Forbidden, Unusable
from app.fields import check_text
from app.settings import Settings
from app.store import accounts, checks, people
from app.store.checks import CheckInfo
from app.vault import Vault
from recognition import BadImage, Pack, decode_jpeg, enlarged, similarity_of

FAR = 1e-3
"""Share of pairs of different people who would pass for the same: one strange card in a thousand."""
REASON_MIN, REASON_MAX = 6, 500
_OF_A_SMALL_PICTURE = frozenset({"face_too_small", "face_blurred"})
"""What every photograph of an identity card has; no reason not to compare it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two photographs compared; nothing of it is stored yet."""

    similarity: float
    similarity_min: float
    far: float | None
    contract_id: str
    live_sha256: str
    portrait_sha256: str

    @property
    def same(self) -> bool:
        """The limit is reached; one that is not a number reaches none."""
        return self.similarity >= self.similarity_min


def limit_at(pack: Pack, far: float) -> tuple[float, float | None]:
    """Return (similarity one comparison must reach, the stated rate); the rate is None when the pack knows none."""
    curves = [c for c in (getattr(pack, "curve", None), getattr(pack, "machine_curve", None)) if c is not None]
    if not curves:
        return pack.thresholds_for(1).similarity_min, None
    return max(curve.similarity_at(far) for curve in curves), far


def compare(engine: Any, settings: Settings, live: bytes, portrait: bytes) -> Compared:
    """Compare the photograph taken now with that of the identity card.

    Args:
        live, portrait: JPEG as sent.

    Raises:
        Busy: ``pack_missing``.
        Unusable: the code of what is wrong with the live photograph; ``portrait_unusable``, with its code as ``why``.
    """
    if engine is None:
        raise Busy("pack_missing", retry_after_s=30)
    found = _template(engine, settings, live, small=False)
    if isinstance(found, str):
        code = found
        raise Unusable(code)
    card = _template(engine, settings, portrait, small=True)
    if isinstance(card, str):
        raise Unusable("portrait_unusable", why=card)
    least, far = limit_at(engine.pack, FAR)
    return Compared(
        similarity_of(found, card, engine.pack.metric), least, far, engine.pack.contract_id, sha256(live).hexdigest(),
        sha256(portrait).hexdigest(),
    )  # fmt: skip


def _template(engine: Any, settings: Settings, photograph: bytes, *, small: bool) -> np.ndarray | str:
    try:
        image = decode_jpeg(photograph, pixels_max=settings.enrolment_pixels_max)
    except BadImage as error:
        return error.code
    if small:
        image = enlarged(image)
    analysis = engine.analyse(image, purpose="gate" if small else "enrolment")
    if analysis.subject is None:
        return analysis.code
    codes = [code for code in analysis.subject.codes if not (small and code in _OF_A_SMALL_PICTURE)]
    return codes[0] if codes else engine.template(image, analysis.subject)


def record(
    db: Session, vault: Vault, compared: Compared, *, project_id: int, worker_id: int, by: str, now: datetime
) -> CheckInfo:
    """Append what came of a comparison, whichever way it went.

    Raises:
        Unusable: ``worker_not_on_project`` is a NotFound; see ``app.enrolment.check_may_enrol``, which callers ask first.
    """
    outcome = "same" if compared.same else "different"
    check_id = checks.add_check(
        db, project_id=project_id, worker_id=worker_id, outcome=outcome, similarity=compared.similarity,
        similarity_min=compared.similarity_min, far=compared.far, contract_id=compared.contract_id,
        live_sha256=compared.live_sha256, portrait_index=vault.index("portrait", compared.portrait_sha256), by=by, now=now,
    )  # fmt: skip
    accounts.journal(
        db, at=now, actor=by, action="identity.checked", project_id=project_id, object=f"worker:{worker_id}",
        facts={"check": check_id, "outcome": outcome},
    )
    return checks.check(db, project_id, check_id)


def override(db: Session, *, project_id: int, check_id: int, reason: str, by: str, now: datetime) -> CheckInfo:
    """A person vouches that it is him although the comparison says otherwise. Once, by somebody other than who compared.

    Raises:
        NotFound: ``identity_check_unknown``.
        Unusable: ``identity_reason_needed``, or a text that cannot be used.
        Conflict: ``identity_same``: there is nothing to override; ``identity_overridden`` already.
        Forbidden: ``identity_same_person`` compared.
    """
    people.lock_project(db, project_id)
    found = checks.check(db, project_id, check_id)
    reason = reason.strip()
    if len(reason) < REASON_MIN:
        raise Unusable("identity_reason_needed", length_min=REASON_MIN)
    reason = check_text(reason, "reason", REASON_MAX)
    if found.outcome == "same":
        raise Conflict("identity_same")
    if found.made_by == by:
        raise Forbidden("identity_same_person")
    if not checks.add_override(db, check_id=check_id, reason=reason, by=by, now=now):
        raise Conflict("identity_overridden")
    accounts.journal(
        db, at=now, actor=by, action="identity.overridden", project_id=project_id, object=f"worker:{found.worker_id}",
        facts={"check": check_id},
    )
    return checks.check(db, project_id, check_id)


def check(db: Session, *, project_id: int, worker_id: int, check_id: int | None, sent: Collection[str]) -> None:
    """Refuse an enrolment that rests on no comparison with the identity card.

    Args:
        check_id: of the comparison; None for his latest.
        sent: SHA-256 of the photographs he is enrolled with: one of them must be the one that was compared.

    Raises:
        Unusable: ``identity_check_needed``; ``portrait_differs``, with its number as ``check``.
    """
    found = checks.latest(db, project_id, worker_id) if check_id is None else checks.of_worker(db, project_id, worker_id, check_id)
    if found is None or found.live_sha256 not in sent:
        raise Unusable("identity_check_needed")
    if not found.stands:
        raise Unusable("portrait_differs", check=found.id)
