"""Use case: how a worker signs his line (工人签字): drawn on a tablet or on his own phone, or his face at the desk.

    signature_png   a signature drawn on a screen: the one reader of what a canvas sends, at the enrolment desk as well
    sign_drawn      ... as a picture that carries the hash of the line it is for
    look, sign_by_face   his face compared with his own template, 1:1, then his word on the line
    void            which lines of a sheet had a signature that stands no more, because the line says something else now

What was signed is the line's hash (``domain.sheet.line_hash``): the picture names it, the word on record names it, and a line
that changes has another one. A face signs only with the consent that lets it be recognised, and its picture is not kept.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from app import sheets, timekeeping, verification
from app.domain.sheet import Confirmation, Method, Verdict
from app.errors import Busy, Conflict, NotFound, Unusable
from app.galleries import own_templates
from app.settings import Settings
from app.store import people, words
from app.store import sheets as rows
from app.vault import Vault
from recognition import BadImage, best_match, decode_jpeg, ink, read_drawing, write_drawing

DATA = "data:image/png;base64,"
BYTES_MAX = 200_000
INK_MIN = 120
"""Dark pixels: a dot is no signature."""
SPAN_MIN = 24
"""Pixels it must reach in its longer direction."""
KEYWORD = b"Muster-line"
"""Of the text within the picture: the hash of the line it was drawn for."""
FACE_SCOPE = frozenset({"capture", "template"})


@dataclass(frozen=True, slots=True)
class PhoneSession:
    """The phone's session a word was given in."""

    code_by: str | None
    began_at: datetime


@dataclass(frozen=True, slots=True)
class FaceFound:
    """A face compared with the worker's own template."""

    similarity: float
    similarity_min: float
    far: float | None
    contract_id: str
    picture_sha256: str

    @property
    def same(self) -> bool:
        """The limit is reached; what is not a number reaches none."""
        return self.similarity >= self.similarity_min


def signature_png(text: str) -> bytes:
    """The PNG of a drawn signature, written anew in grey.

    Args:
        text: a ``data:image/png;base64,`` address, as a canvas gives it.

    Raises:
        Unusable: ``drawing_malformed``; ``drawing_empty``, nothing to speak of was drawn.
    """
    if not text.startswith(DATA) or len(text) > BYTES_MAX * 4 // 3 + len(DATA):
        raise Unusable("drawing_malformed")
    try:
        sent = base64.b64decode(text[len(DATA) :], validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("drawing_malformed") from None
    strokes = read_drawing(sent)
    if strokes is None:
        raise Unusable("drawing_malformed")
    dark, span = ink(strokes)
    if dark < INK_MIN or span < SPAN_MIN:
        raise Unusable("drawing_empty")
    return write_drawing(strokes)


def drawing(text: str, line_hash: str) -> bytes:
    """As ``signature_png``, with the hash of the line inside.

    Raises:
        Unusable: as ``signature_png``.
    """
    png = signature_png(text)
    body = KEYWORD + b"\0" + line_hash.encode("ascii")
    chunk = struct.pack(">I", len(body)) + b"tEXt" + body + struct.pack(">I", zlib.crc32(b"tEXt" + body))
    # After the eight bytes of every PNG and its first chunk.
    head = 8 + 25
    return png[:head] + chunk + png[head:]


def line_of(png: bytes) -> str | None:
    """The hash a drawn signature carries; None for another picture."""
    at = png.find(b"tEXt" + KEYWORD + b"\0")
    return png[at + 5 + len(KEYWORD) : at + 69 + len(KEYWORD)].decode("ascii", "replace") if at > 0 else None


def sign_drawn(
    db: Session, vault: Vault, *, project_id: int, line_id: int, line_hash: str, drawn: str, worker_id: int | None = None,
    phone: PhoneSession | None = None, by: str, now: datetime,
) -> sheets.Confirmed:  # fmt: skip
    """A worker signs his line with a drawing.

    Args:
        worker_id: whose line it must be, for a worker who signs himself; None at the desk.
        phone: the session of his phone; None at the desk.

    Raises:
        NotFound, Conflict, BadRequest: as ``sheets.confirm``; ``line_unknown`` for somebody else's.
        Unusable: as ``drawing``.
    """
    line = rows.line(db, line_id)
    if worker_id is not None and line.content.worker_id != worker_id:
        raise NotFound("line_unknown")
    if line.line_hash != line_hash:
        raise Conflict("line_changed")
    picture = drawing(drawn, line_hash)
    file = timekeeping.put_evidence(
        db, vault, project_id=project_id, name=f"signature-{line_id}.png", media_type="image/png", content=picture, by=by, now=now
    )
    made = sheets.confirm(
        db, project_id=project_id, line_id=line_id, line_hash=line_hash, verdict=str(Verdict.AGREE),
        method=str(Method.PHONE if phone else Method.SCREEN), evidence=[file], by=by, now=now,
    )  # fmt: skip
    if phone is not None and made.created:
        words.add_proof(db, confirmation_id=made.confirmation.id, means="phone", code_by=phone.code_by, session_at=phone.began_at)
    return made


def look(
    db: Session, vault: Vault, engine: Any, settings: Settings, *, project_id: int, worker_id: int, picture: bytes
) -> FaceFound:
    """Compare a photograph taken now with the worker's own template. Slow: ``db`` is a read.

    Raises:
        Busy: ``pack_missing``.
        Unusable: ``face_sign_no_consent``; ``face_sign_no_template``; the code of what is wrong with the photograph.
    """
    if engine is None:
        raise Busy("pack_missing", retry_after_s=30)
    said = people.latest_consent(db, project_id, worker_id)
    if said is None or not said.given or not set(said.scope) >= FACE_SCOPE:
        raise Unusable("face_sign_no_consent")
    gallery = own_templates(db, vault, engine.pack, project_id, worker_id)
    if not len(gallery):
        raise Unusable("face_sign_no_template")
    try:
        image = decode_jpeg(picture, pixels_max=settings.enrolment_pixels_max)
    except BadImage as error:
        raise Unusable(error.code) from None
    analysis = engine.analyse(image, purpose="gate")
    subject = analysis.subject
    wrong = (analysis.code,) if subject is None else subject.codes
    if subject is None or wrong:
        code = wrong[0]
        raise Unusable(code)
    match = best_match(subject.embedding, gallery, contract_id=engine.pack.contract_id)
    least, far = verification.limit_at(engine.pack, verification.FAR)
    found = match.similarity if match is not None else float("nan")
    return FaceFound(float(found), float(least), far, engine.pack.contract_id, sha256(picture).hexdigest())


def sign_by_face(
    db: Session, *, project_id: int, line_id: int, line_hash: str, worker_id: int, found: FaceFound, by: str, now: datetime
) -> sheets.Confirmed:
    """A worker signs his line with his face, which was just compared; that it was him is the evidence.

    Raises:
        Unusable: ``face_sign_differs``: it was not him, or could not be told.
        NotFound, Conflict, BadRequest: as ``sheets.confirm``.
    """
    if rows.line(db, line_id).content.worker_id != worker_id:
        raise NotFound("line_unknown")
    if not found.same:
        raise Unusable("face_sign_differs")
    made = sheets.confirm(
        db, project_id=project_id, line_id=line_id, line_hash=line_hash, verdict=str(Verdict.AGREE), method=str(Method.FACE),
        proved=True, by=by, now=now,
    )  # fmt: skip
    if made.created:
        words.add_proof(
            db, confirmation_id=made.confirmation.id, means="face", similarity=found.similarity, similarity_min=found.similarity_min,
            far=found.far, contract_id=found.contract_id, picture_sha256=found.picture_sha256,
        )  # fmt: skip
    return made


def void(db: Session, project_id: int, sheet_id: int) -> dict[int, Confirmation]:
    """Line id -> the word its worker gave to an earlier version of it, where that is not his word on this one (签字作废)."""
    sheet = rows.sheet(db, sheet_id)
    if sheet.version < 2:
        return {}
    now_of = {(h.engagement_id, h.origin_month): h for h in rows.line_heads(db, [sheet_id])[sheet_id]}
    earlier = [s.id for s in rows.versions(db, sheet.team_id, sheet.month, sheet.kind) if s.version < sheet.version]
    before: dict[int, list[str]] = {}
    for heads in rows.line_heads(db, earlier).values():
        for head in heads:
            current = now_of.get((head.engagement_id, head.origin_month))
            if current is not None and current.line_hash != head.line_hash:
                before.setdefault(current.id, []).append(head.line_hash)
    said = rows.confirmations(db, project_id, "line", {h for hashes in before.values() for h in hashes})
    return {line: latest for line, hashes in before.items() if (latest := _latest([said[h] for h in hashes if h in said])) is not None}


def _latest(found: Sequence[Confirmation]) -> Confirmation | None:
    agreed = [c for c in found if c.verdict is Verdict.AGREE]
    return max(agreed, key=lambda c: c.id, default=None)
