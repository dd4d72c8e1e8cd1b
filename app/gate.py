"""Use case: someone stands at a gate; a decision, a recorded passage and an answer come of it.

    admit_frame   a signed frame: look, then settle
    look          one picture of one gate: recognise, match, add it to the track of whoever stands there; nothing is stored
    outlook       what the gate would say about it, if its person may pass at all
    settle        decide with his papers, append, answer
    admit_card    a card or code: look up, decide, append; the same standing as a face
    confirm       a person at the gate decides about a passage that asked
    hear_heartbeat  a gate says up to when it has delivered everything
    hear_handshake  a gate opens a stream

An answer says ``recorded`` only for what is on disk: the answer is built after the transaction has been
committed. A frame that shows nobody is answered and not recorded; every frame that shows a face is, admitted
or not, and a face that is not admitted leaves nothing but its reason.
"""

import contextlib
import math
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from sqlalchemy.orm import Session

from app import review, verification
from app.domain import admission, identity, pairing
from app.domain.facts import Channel, Direction, Verdict
from app.errors import Busy, Conflict, Unauthorised, Unusable
from app.house import House
from app.settings import Settings
from app.store import accounts, decisions, faces, gates, people, timekeeping
from app.vault import Vault
from app.wording import sentence
from devices.base import CardEvent, FrameEvent, Heartbeat, PassEvent
from recognition import (
    BadImage,
    Examined,
    Face,
    Gallery,
    Limits,
    Match,
    Quality,
    Track,
    best_match,
    decode_frame,
    limits_for,
    picture_print,
    vote_weight,
)

log = structlog.get_logger()

# A frame older than this is not a passage any more but a matter for a person (domain.md 3.6).
AGE_MAX = timedelta(days=7)
# A gate that says a picture was taken after it was sent has lost its clock (domain.md 3.2: now + 5 min).
AHEAD_MAX = timedelta(minutes=5)

# "Last heard" is read by people, in minutes; a gate sends up to 15 frames a second.
SEEN_EVERY = timedelta(minutes=1)

# Longer than the retries of a gate whose connection blinked, shorter than the next man's arrival.
FRESH_MAX = timedelta(seconds=10)

OFF, ENFORCE = "off", "enforce"
"""Words of ``Rules.liveness`` and ``Rules.replay``; ``observe`` measures and records, and refuses nobody."""

UNRECORDED = frozenset({"no_face", "too_dark"})
"""Codes of frames that show nobody."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate is told; ``devices.dialects.frames.Reply`` puts it into bytes."""

    passage_id: int | None
    verdict: Verdict
    code: str
    text: str
    recorded: bool
    repeated: bool
    fresh: bool
    """The event is seconds old: an hour-old frame sent from a gate's store must not open the gate."""
    stages_ms: dict[str, float]
    """Where the time went; empty for a repeated delivery."""
    advice: str
    """What the person can do (``admission.MEND``); empty when another look would say the same."""

    @property
    def open(self) -> bool:
        """True only for a recorded admission of somebody who stands there now."""
        return self.recorded and self.verdict is Verdict.ADMIT and self.fresh


def occurred_at(event: PassEvent, received_at: datetime) -> datetime:
    """When the event happened, on our clock.

    The gate's clock may be wrong, but it is the same clock for ``captured_at`` and ``sent_at``: the age of
    the event is their difference, whatever the gate thinks the time is.

    Raises:
        Unusable: ``captured_in_future`` or ``captured_too_long_ago``; nothing is recorded and the gate keeps
            the event for a person to decide.
    """
    if event.captured_at is None:
        return received_at
    age = event.sent_at - event.captured_at
    if age < -AHEAD_MAX:
        raise Unusable("captured_in_future", "captured after it was sent")
    if age > AGE_MAX:
        raise Unusable("captured_too_long_ago", "older than a passage may be", days=AGE_MAX.days)
    return received_at - max(age, timedelta(0))


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly the gates of one project decide: its own word, else the service's."""

    stranger_max: float
    votes_min: int
    track_seconds: float
    liveness: str
    replay: str


def rules_of(settings: Settings, said: decisions.PolicyRow) -> Rules:
    """Put a project's word over the service's."""
    return Rules(
        **{
            name: getattr(settings, name) if getattr(said, name) is None else getattr(said, name)
            for name in Rules.__slots__
        }
    )


def limits(pack: Any, templates: int, stranger_max: float) -> Limits:
    """What a face must reach on a roster of so many templates; for pages that show it."""
    return limits_for(pack, templates, stranger_max=stranger_max)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is known about a gate before anybody looks at a picture."""

    project: people.ProjectInfo
    gallery: Gallery
    rules: Rules
    face_px_min: int | None
    card: gates.PassageRecord | None = None
    """The card that was read here just now and whose face is awaited."""


def scene_of(house: House, db: Session, device: gates.DeviceInfo, *, at: datetime | None = None) -> Scene:
    """Read what a look needs: one cheap question while the gallery holds.

    Args:
        at: when the picture was taken; a card whose face is awaited then is part of the scene.

    Raises:
        Busy: no pack is loaded.
    """
    house = house.now()
    if house.engine is None:
        raise Busy("pack_missing", retry_after_s=30)
    return Scene(
        project=people.project(db, device.project_id),
        gallery=house.galleries.of(db, device.project_id),
        rules=rules_of(house.settings, decisions.policy(db, device.project_id)),
        face_px_min=device.face_px_min,
        card=None if at is None else _awaited(db, device, at),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What one frame shows, its person's other frames counted in. Nothing of it is stored, and no name is in it."""

    frame_sha256: str
    image: np.ndarray = field(repr=False)
    """(H, W, 3) uint8 RGB."""
    face: Face | None = field(repr=False)
    codes: tuple[str, ...]
    """Why the picture cannot be used; empty when it can."""
    quality: Quality | None
    match: Match | None
    limits: Limits
    templates: int
    """Rows it was compared with."""
    liveness: Examined | None
    """What the liveness model said; None when it was not asked."""
    repeats_at: datetime | None
    """When nearly the same picture of this person was seen before, at another moment."""
    track: Track | None
    """The frames of this person at this gate; None for a late frame, which decides alone, and for one without a face."""
    rules: Rules
    contract_id: str
    stages_ms: dict[str, float]
    pair: pairing.Pair | None = None
    """The face compared with the one whose card was read here just before."""
    near: bool = False
    """Only the surroundings of a face of a moment ago were looked at. No passage may rest on it: ``settle`` refuses it."""

    @property
    def named(self) -> bool:
        """True when this frame alone reaches similarity and margin: it votes for somebody."""
        return _named(self.match, self.limits)


def _named(match: Match | None, needed: Limits) -> bool:
    return match is not None and match.similarity >= needed.similarity_min and match.margin >= needed.margin_min


def admit_frame(house: House, device: gates.DeviceInfo, event: FrameEvent, received_at: datetime) -> Answer:
    """Recognise, decide, record and answer one frame. Runs in a recogniser thread.

    Raises:
        Conflict: ``event_conflict``, this key was recorded with another body.
        Unauthorised: ``nonce_used``, this very request was used before.
        Unusable: the picture cannot be read, or its time cannot be right.
        Busy: no pack is loaded, or nothing can be saved.
    """
    house = house.now()
    if house.engine is None:
        raise Busy("pack_missing", retry_after_s=30)
    stages = Stages()

    # Gather: what we know before looking at the picture.
    happened_at = occurred_at(event, received_at)
    with stages("read"), house.database.read() as db:
        if gates.nonce_seen(db, device.id, event.nonce):
            raise Unauthorised("nonce_used", "a signed request is good once")
        scene = scene_of(house, db, device, at=happened_at)
        earlier = _earlier(db, device, event, event.content_sha256, received_at, scene.project.language)

    if earlier is not None:
        with house.database.write() as db:
            _hear(db, device, event, received_at)
        return earlier

    # Recognise: slow, pure, no transaction open.
    sighting = look(
        house, device, event.image, scene, at=happened_at, late=received_at - happened_at > FRESH_MAX, stages=stages
    )
    return settle(house, device, event, sighting, received_at, language=scene.project.language, stages=stages)


def _awaited(db: Session, device: gates.DeviceInfo, at: datetime) -> gates.PassageRecord | None:
    """The card that was read at this gate just now and whose face is awaited; None where the project does not ask for it."""
    if not faces.policy(db, device.project_id).card_and_face:
        return None
    return gates.last_asking(db, device.project_id, device.gate_id, pairing.SHOW_FACE, at - pairing.WITHIN, at + timedelta(seconds=1))


def _pair(pack: Any, scene: Scene, face: Face) -> pairing.Pair | None:
    """The face compared with the templates of the card's worker alone; None without a card, or when he has none."""
    card = scene.card
    if card is None or card.worker_id is None:
        return None
    own = [at for at, key in enumerate(scene.gallery.keys) if key == card.worker_id]
    if not own:
        return None
    gallery = Gallery((card.worker_id,) * len(own), scene.gallery.templates[own], scene.gallery.contract_id, scene.gallery.metric)
    match = best_match(face.embedding, gallery, contract_id=pack.contract_id)
    least, far = verification.limit_at(pack, pairing.FAR)
    return pairing.Pair(card.id, card.worker_id, match.similarity, least, far)


def look(
    house: House, device: gates.DeviceInfo, picture: bytes, scene: Scene, *, at: datetime, late: bool = False,
    near: tuple[float, float, float, float] | None = None, stages: "Stages | None" = None,
) -> Sighting:
    """Look at one picture of one gate, posted or taken from a stream. Slow and pure but for the track; no transaction is open.

    Args:
        picture: a JPEG.
        scene: as ``scene_of`` read it.
        at: when the picture was taken, on our clock.
        late: it was taken long ago and nobody stands there any more: it decides alone and joins no track.
        near: where the face of a moment ago was, in pixels of the picture as it was looked at; only there it is looked for,
            if it still is there. Such a sighting joins no track and is no passage (DECISIONS 69).

    Raises:
        Unusable: the picture cannot be read.
        Busy: ``pack_changing`` at this moment.
    """
    stages = stages or Stages()
    house = house.now()
    pack = house.engine.pack
    if scene.gallery.contract_id != pack.contract_id:
        # The pack was changed between the two readings; the gate sends the frame again.
        raise Busy("pack_changing", retry_after_s=1)
    with stages("decode"):
        try:
            image, smaller = decode_frame(
                picture, pixels_max=house.settings.frame_pixels_max, long_side_min=house.engine.frame_side(device.search_side)
            )
        except BadImage as error:
            raise Unusable(error.code, "the frame cannot be read") from None
        frame_sha256 = sha256(picture).hexdigest()
    with house.intake.computing:
        analysis = house.engine.analyse(
            image, purpose="gate", region=device.search_region, long_side=device.search_side, near=near, smaller=smaller
        )
    stages.ms.update(analysis.timings_ms)
    face = analysis.subject
    codes = (analysis.code,) if analysis.code else _codes(face, scene.face_px_min) if face else ()
    needed = limits_for(pack, len(scene.gallery), stranger_max=scene.rules.stranger_max)
    match: Match | None = None
    track: Track | None = None
    examined: Examined | None = None
    repeats_at: datetime | None = None
    if face is not None and not codes and scene.rules.liveness != OFF:
        with stages("liveness"):
            examined = _liveness(house, image, face)
        if scene.rules.liveness == ENFORCE:
            codes = _LIVENESS_CODES.get(examined.state, ())
    if face is not None and (not codes or examined is not None):
        with stages("match"):
            match = best_match(face.embedding, scene.gallery, contract_id=pack.contract_id)
            if scene.rules.replay != OFF and match is not None and _named(match, needed):
                house.recent.hold(device.project_id, scene.gallery)
                repeats_at = house.recent.seen_before(
                    (device.project_id, match.key), face.embedding, picture_print(image), frame=frame_sha256,
                    contract_id=pack.contract_id, metric=pack.metric, at=at,
                )  # fmt: skip
                if repeats_at is not None and scene.rules.replay == ENFORCE:
                    codes = (admission.REPLAY,)
            if not codes and not late and not analysis.near and scene.rules.votes_min > 1:
                track = house.tracker.see(
                    device.gate_id, face.embedding, contract_id=pack.contract_id, metric=pack.metric,
                    # One person against himself: what the pack asks of the smallest roster.
                    same_min=pack.thresholds_for(1).similarity_min,
                    at=at, frame=frame_sha256, key=match.key if match and _named(match, needed) else None,
                    weight=vote_weight(face.quality), seconds=scene.rules.track_seconds,
                )  # fmt: skip
    return Sighting(
        frame_sha256=frame_sha256,
        image=image,
        face=face,
        codes=codes,
        quality=face.quality if face is not None and _finite(face.quality) else None,
        match=match,
        liveness=examined,
        repeats_at=repeats_at,
        limits=needed,
        templates=len(scene.gallery),
        track=track,
        rules=scene.rules,
        contract_id=pack.contract_id,
        stages_ms=stages.ms,
        pair=None if face is None or codes else _pair(pack, scene, face),
        near=analysis.near,
    )


def outlook(sighting: Sighting) -> str:
    """The code the gate would answer with if the person may pass: what a stream goes by before it records anything."""
    return _prospect(sighting).code


def expected(sighting: Sighting) -> int | None:
    """Whom the gate would admit if his papers allow it."""
    said = _prospect(sighting)
    return said.worker_id if said.verdict is Verdict.ADMIT else None


def glance(sighting: Sighting, language: str, now: datetime) -> Answer:
    """What a stream is told about a picture that is no passage by itself: nothing is recorded, nothing opens."""
    said = _prospect(sighting)
    return _answer(None, said.verdict, said.code, sentence(said.code, language), sighting.stages_ms, now)


def _prospect(sighting: Sighting) -> admission.Decision:
    willing = None if sighting.match is None else admission.Standing(sighting.match.key, engaged=True)
    alone = _decide(sighting, willing, admission.AdmissionPolicy())
    if sighting.pair is None or sighting.codes:
        return alone
    return _paired(sighting, alone, admission.Standing(sighting.pair.worker_id, engaged=True), confirm=False)


def _paired(
    sighting: Sighting, alone: admission.Decision, standing: admission.Standing, *, confirm: bool
) -> admission.Decision:
    named = sighting.match.key if sighting.match and sighting.named else None
    return pairing.decide(sighting.pair, alone, named=named, standing=standing, confirm=confirm)


def settle(
    house: House, device: gates.DeviceInfo, event: FrameEvent, sighting: Sighting, received_at: datetime, *,
    language: str, stages: "Stages | None" = None,
) -> Answer:
    """Decide about a sighting with its person's papers, record it and answer, in one transaction.

    A commit that fails is an error, never an answer. A frame that shows nobody is answered and not recorded.

    Raises:
        Conflict, Unauthorised, Busy: as ``admit_frame``.
        ValueError: a sighting of a part of the picture only; a programmer's error.
    """
    if sighting.near:
        raise ValueError("whoever is let in was looked for in the whole picture")
    stages = stages or Stages()
    happened_at = occurred_at(event, received_at)
    match, needed, pair = sighting.match, sighting.limits, sighting.pair
    similarity, similarity_min = (match.similarity, needed.similarity_min) if match else (None, None)
    margin, margin_min = (match.margin, needed.margin_min) if match else (None, None)
    with stages("commit"), house.database.write() as db:
        _hear(db, device, event, received_at)
        with stages("policy"):
            project = people.project(db, device.project_id)
            work_date = happened_at.astimezone(ZoneInfo(project.time_zone)).date()
            same_as = _replayed(db, device, event, sighting)
            basis = _basis(sighting, house.liveness, same_as) if match else None
            if same_as is not None and sighting.rules.replay == ENFORCE:
                sighting = replace(sighting, codes=(admission.REPLAY,))
            policy = admission.AdmissionPolicy(
                confirm_face=project.confirm_face, pack_is_weak=house.engine.pack.needs_confirmation_advised
            )
            decision = _decide(sighting, _standing(db, device, match.key, work_date) if match else None, policy)
            if pair is not None and not sighting.codes:
                # A picture of a face, or one seen before, is not the face of a card either.
                alone = decision
                decision = _paired(
                    sighting, alone, _standing(db, device, pair.worker_id, work_date),
                    confirm=policy.confirm_face and policy.pack_is_weak,
                )  # fmt: skip
                if decision != alone:
                    similarity, similarity_min, margin, margin_min = pair.similarity, pair.similarity_min, None, None
                    basis = {"card_passage": pair.passage_id, "far_max": pair.far, "templates": 1, "limits": "pair"}
        # Two deliveries of one event may have run side by side: the second is told what the first was.
        earlier = _earlier(db, device, event, event.content_sha256, received_at, language)
        if earlier is not None:
            return earlier
        if pair is not None and decision.verdict is Verdict.ADMIT and decision.worker_id == pair.worker_id:
            _answer_card(db, device, pair, work_date, received_at)
        if decision.code in UNRECORDED:
            record = None
        else:
            record = _append(
                db,
                device,
                event,
                content=event.content_sha256,
                decision=decision,
                channel=Channel.FACE,
                received_at=received_at,
                happened_at=happened_at,
                similarity=similarity,
                margin=margin,
                similarity_min=similarity_min,
                margin_min=margin_min,
                contract_id=sighting.contract_id,
                quality=_quality(sighting.quality) if sighting.quality else None,
                frame_sha256=sighting.frame_sha256,
                basis=basis,
                liveness=sighting.liveness.score if sighting.liveness else None,
                liveness_min=house.liveness.threshold if sighting.liveness and house.liveness else None,
            )
        said = record or decision
        text = _text(db, said.code, said.worker_id, language)
    stages.ms["commit"] -= stages.ms.get("policy", 0.0)
    if record is not None and sighting.face is not None and record.code in review.REVIEWED:
        _keep_for_review(house, record, sighting.image, sighting.face, match, received_at)
    return _answer(record, said.verdict, said.code, text, stages.ms, received_at)


def _answer_card(db: Session, device: gates.DeviceInfo, pair: pairing.Pair, work_date: date, now: datetime) -> None:
    """The card's passage asked for a face, and here it is: nobody need decide about it any more."""
    with contextlib.suppress(Conflict):  # a guard was quicker
        gates.add_review(db, project_id=device.project_id, passage_id=pair.passage_id, confirmed=True, by=pairing.BY_ITS_FACE, now=now)
        timekeeping.mark_stale_around(db, device.project_id, pair.worker_id, work_date)


def _keep_for_review(
    house: House, record: gates.PassageRecord, image: Any, face: Face, match: Match | None, now: datetime
) -> None:
    """A picture for the review, where the project keeps one. The passage is on disk: nothing here may cost its answer."""
    try:
        review.keep_picture(house.database, house.vault, record, image, face, match, now=now)
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("review_picture_not_kept", passage_id=record.id, error=type(error).__name__)


def _replayed(db: Session, device: gates.DeviceInfo, event: FrameEvent, sighting: Sighting) -> int | None:
    """The passage that shows this very picture under another event key; a gate's own resend never comes so far."""
    if sighting.rules.replay == OFF or sighting.face is None:
        return None
    return gates.passage_by_frame(db, device.project_id, sighting.frame_sha256)


def _liveness(house: House, image: np.ndarray, face: Face) -> Examined:
    """What the model says; a service that should ask it and has none counts that as no answer."""
    if house.liveness is None:
        return Examined("failed", None)
    return house.liveness.examine(image, face)


_LIVENESS_CODES = {
    "spoof": (admission.LIVENESS_FAILED,),
    "input_rejected": (admission.LIVENESS_UNSURE,),
    "failed": (admission.LIVENESS_UNSURE,),
}


def _decide(
    sighting: Sighting, standing: admission.Standing | None, policy: admission.AdmissionPolicy
) -> admission.Decision:
    match, needed, track = sighting.match, sighting.limits, sighting.track
    return admission.decide(
        match_similarity=match.similarity if match else None,
        match_margin=match.margin if match else None,
        similarity_min=needed.similarity_min,
        margin_min=needed.margin_min,
        sure_min=needed.sure_min,
        quality_codes=sighting.codes,
        standing=standing,
        policy=replace(policy, votes_min=sighting.rules.votes_min if track else 1),
        ballots=_ballots(track),
    )


def _ballots(track: Track | None) -> tuple[admission.Ballot, ...]:
    return tuple(admission.Ballot(vote.key, vote.weight) for vote in track.votes) if track else ()


def _codes(face: Face, face_px_min: int | None) -> tuple[str, ...]:
    """Why a face cannot be used at this gate, what recognition found first."""
    if face.embedding is None or not np.isfinite(face.embedding).all() or not _finite(face.quality):
        # Nothing that is not a number is ever compared: whatever broke, it admits nobody.
        return ("face_unreadable",)
    if face_px_min is not None and face.quality.face_px < face_px_min and "face_too_small" not in face.codes:
        return (*face.codes, "face_too_small")
    return face.codes


def _finite(quality: Quality) -> bool:
    return all(math.isfinite(value) for value in asdict(quality).values())


def _basis(sighting: Sighting, model: Any, same_as: int | None) -> dict[str, Any]:
    """What a decision rested on beside similarity and margin: kept with the passage for whoever asks why."""
    needed = sighting.limits
    basis: dict[str, Any] = {
        "templates": sighting.templates,
        "stranger_max": sighting.rules.stranger_max,
        "far_max": None if needed.far_max is None else float(f"{needed.far_max:.3g}"),
        "limits": needed.source,
        "sure_min": round(needed.sure_min, 4),
    }
    if sighting.track is not None and sighting.match is not None:
        counted = admission.tally(sighting.match.key, _ballots(sighting.track))
        basis["votes"] = {
            "frames": counted.frames,
            "agreeing": counted.agreeing,
            "weight": round(counted.weight, 3),
            "share": round(counted.share, 3),
        }
    if sighting.liveness is not None:
        basis["liveness"] = {"state": sighting.liveness.state, "model": model.model_id if model else None}
    if same_as is not None:
        basis["same_picture_as"] = same_as
    elif sighting.repeats_at is not None:
        basis["picture_like_that_of"] = sighting.repeats_at.astimezone(UTC).isoformat(timespec="seconds")
    return basis


def admit_card(house: House, device: gates.DeviceInfo, event: CardEvent, received_at: datetime) -> Answer:
    """Decide, record and answer a card, code or identity card: the non-face way in, with the same standing.

    Raises:
        Conflict, Unauthorised, Unusable, Busy: as ``admit_frame``.
    """
    stages = Stages()
    happened_at = occurred_at(event, received_at)
    channel = Channel(event.channel)
    # The hash of a card's body is as telling as the card: it is stored keyed.
    content = house.vault.index("content", event.content_sha256)
    with stages("commit"), house.database.write() as db:
        project = people.project(db, device.project_id)
        _hear(db, device, event, received_at)
        earlier = _earlier(db, device, event, content, received_at, project.language)
        if earlier is not None:
            return earlier
        work_date = happened_at.astimezone(ZoneInfo(project.time_zone)).date()
        worker_id = holder(db, house.vault, device.project_id, channel, event.value, work_date)
        standing = _standing(db, device, worker_id, work_date) if worker_id is not None else None
        decision = admission.decide_credential(standing=standing)
        if standing is not None and not (standing.engaged or standing.exited):
            # Never of this project: whose identity card it was is none of this project's business.
            decision = replace(decision, worker_id=None)
        if decision.verdict is Verdict.ADMIT and _shows_face(db, house, device, worker_id, standing, received_at - happened_at):
            decision = admission.Decision(Verdict.ASK, pairing.SHOW_FACE, worker_id)
        record = _append(
            db,
            device,
            event,
            content=content,
            decision=decision,
            channel=channel,
            received_at=received_at,
            happened_at=happened_at,
        )
        text = _text(db, record.code, record.worker_id, project.language)
    return _answer(record, record.verdict, record.code, text, stages.ms, received_at)


def _shows_face(
    db: Session, house: House, device: gates.DeviceInfo, worker_id: int, standing: admission.Standing, age: timedelta
) -> bool:
    """True when the project wants his face after his card, and he agreed to that. A late card opens nothing and asks nothing."""
    if age > FRESH_MAX or standing.consent_withdrawn or not faces.policy(db, device.project_id).card_and_face:
        return False
    house = house.now()
    # Whoever has no template at this gate comes by card alone: a face is never the only way in.
    return house.engine is not None and worker_id in house.galleries.of(db, device.project_id).keys


def confirm(db: Session, *, project_id: int, passage_id: int, confirmed: bool, by: str, now: datetime) -> None:
    """A person at the gate confirms or rejects a passage that asked (人工确认). Once, for good.

    Raises:
        NotFound: ``passage_unknown`` in this project.
        Conflict: ``passage_decided``, or ``passage_not_asking``: it never asked.
    """
    gates.add_review(db, project_id=project_id, passage_id=passage_id, confirmed=confirmed, by=by, now=now)
    passage = gates.passage(db, project_id, passage_id)
    if passage.worker_id is not None:
        zone = ZoneInfo(people.project(db, project_id).time_zone)
        timekeeping.mark_stale_around(db, project_id, passage.worker_id, passage.occurred_at.astimezone(zone).date())
    accounts.journal(
        db,
        at=now,
        actor=by,
        action="passage.confirmed" if confirmed else "passage.rejected",
        project_id=project_id,
        object=f"passage:{passage_id}",
        facts={},
    )


def hear_heartbeat(
    house: House, device: gates.DeviceInfo, beat: Heartbeat, received_at: datetime
) -> datetime:
    """Note up to when a gate has delivered everything; return that instant as it stands, on our clock.

    Raises:
        Unauthorised: ``nonce_used``, this very request was used before.
    """
    with house.database.write() as db:
        _hear(db, device, beat, received_at)
        return timekeeping.heartbeat(
            db, device.id, complete_to=complete_to(beat, received_at), stored_events=beat.stored_events
        )


def hear_handshake(house: House, device: gates.DeviceInfo, nonce: str, received_at: datetime) -> None:
    """Use up the signed request that a gate opens a stream with.

    Raises:
        Unauthorised: ``nonce_used``, this very request was used before.
    """
    with house.database.write() as db:
        if not gates.use_nonce(db, device.id, nonce, received_at):
            raise Unauthorised("nonce_used", "a signed request is good once")
        gates.seen(db, device.id, received_at)


def complete_to(beat: Heartbeat, received_at: datetime) -> datetime:
    """Up to when a gate has delivered everything, on our clock; events of that very instant may still come.

    As for passages only the gate's intervals are believed. They are counted back from the earlier of the two clocks:
    a gate that runs behind loses a minute of its word, never an event of its own.
    """
    oldest = beat.counted_at if beat.oldest_at is None else min(beat.oldest_at, beat.counted_at)
    return min(beat.sent_at, received_at) - max(beat.sent_at - oldest, timedelta(0))


def holder(db: Session, vault: Vault, project_id: int, channel: Channel, value: str, today: date) -> int | None:
    """Whose card, code or identity card this is; None for nobody's. It says nothing of whether he may pass."""
    if channel is Channel.ID_CARD:
        # An identity card proves the person; its number is looked up by the same index as the roster's.
        try:
            number = identity.check_id_number(value, today=today, allow_test=True).normalised
        except identity.IdNumberWrong:
            return None
        return people.find_worker(db, vault.index("id_number", number))
    return people.worker_by_credential(
        db, project_id, channel.value, vault.index(f"credential.{channel.value}", value)
    )


def _earlier(
    db: Session, device: gates.DeviceInfo, event: PassEvent, content: str, now: datetime, language: str
) -> Answer | None:
    """The first answer to this event, if it has one; the check that makes a resend the same passage."""
    record = gates.passage_by_event(db, device.id, event.event_key)
    if record is None:
        return None
    if record.content_sha256 != content:
        raise Conflict("event_conflict", "the key was recorded with another body")
    text = _text(db, record.code, record.worker_id, language)
    return _answer(record, record.verdict, record.code, text, {}, now, repeated=True)


def _hear(db: Session, device: gates.DeviceInfo, event: PassEvent | Heartbeat, now: datetime) -> None:
    """Use up the request, and note that its device lives."""
    if not gates.use_nonce(db, device.id, event.nonce, now):
        raise Unauthorised("nonce_used", "a signed request is good once")
    if device.last_seen_at is None or now - device.last_seen_at >= SEEN_EVERY:
        gates.seen(db, device.id, now)


def _append(
    db: Session, device: gates.DeviceInfo, event: PassEvent, *, content: str, decision: admission.Decision,
    channel: Channel, received_at: datetime, happened_at: datetime, **measured: object,
) -> gates.PassageRecord:
    unmeasured = dict.fromkeys(
        (
            "similarity", "margin", "similarity_min", "margin_min", "contract_id", "quality", "frame_sha256", "liveness",
            "liveness_min", "basis",
        )  # fmt: skip
    )
    try:
        return gates.add_passage(
            db,
            project_id=device.project_id,
            device_id=device.id,
            gate_id=device.gate_id,
            direction=device.direction,
            event_key=event.event_key,
            content_sha256=content,
            worker_id=decision.worker_id,
            channel=channel.value,
            verdict=decision.verdict.value,
            code=decision.code,
            captured_at=event.captured_at,
            received_at=received_at,
            occurred_at=happened_at,
            **{**unmeasured, **measured},
        )
    except gates.AlreadyRecorded as twice:
        # A twin delivery was recorded between our look and the chain's lock: this one is told the same.
        if twice.record.content_sha256 != content:
            raise Conflict("event_conflict", "the key was recorded with another body") from None
        return twice.record


def _standing(db: Session, device: gates.DeviceInfo, worker_id: int, today: date) -> admission.Standing:
    """What is known about a worker at this gate now.

    Nobody is kept in: whose last day was yesterday may still go out, and his night counts (domain.md 3.2 refuses
    the *entry* of one who has left).
    """
    now = gates.standing(db, device.project_id, worker_id, today)
    if now.engaged or device.direction is not Direction.OUT:
        return now
    yesterday = gates.standing(db, device.project_id, worker_id, today - timedelta(days=1))
    return yesterday if yesterday.engaged else now


def _quality(quality: Quality) -> dict[str, float]:
    """What was measured on the face, rounded to what it means."""
    return {name: round(value, 3) for name, value in asdict(quality).items()}


def _text(db: Session, code: str, worker_id: int | None, language: str) -> str:
    """What the display says; a worker who passes sees his masked name, so that he notices a mistake."""
    said = sentence(code, language)
    if worker_id is None or code != "admitted":
        return said
    shown = identity.mask_name(people.worker(db, worker_id).name, identity.View.PUBLIC)
    return f"{shown}，{said}" if language == "zh" else f"{shown}: {said}"


def _answer(
    record: gates.PassageRecord | None,
    verdict: Verdict | str,
    code: str,
    text: str,
    stages_ms: dict[str, float],
    now: datetime,
    *,
    repeated: bool = False,
) -> Answer:
    return Answer(
        passage_id=record.id if record else None,
        verdict=Verdict(verdict),
        code=code,
        text=text,
        recorded=record is not None,
        repeated=repeated,
        fresh=record is not None and now - record.occurred_at <= FRESH_MAX,
        stages_ms=stages_ms,
        advice="" if Verdict(verdict) is Verdict.ADMIT else admission.MEND.get(code, ""),
    )


class Stages:
    """Milliseconds of each stage of one frame."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str):
        began = time.perf_counter()
        try:
            yield
        finally:
            self.ms[stage] = self.ms.get(stage, 0.0) + (time.perf_counter() - began) * 1000


def stage_names() -> Sequence[str]:
    """The stages of a frame in their order, for the tables that show where the time goes."""
    return ("read", "decode", "detect", "landmarks", "embed", "liveness", "match", "policy", "commit")
