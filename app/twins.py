"""Use case: one face under two ID numbers is looked for across a county (一人多证筛查), and an inspector finds out.

    search      a stretch of an area's search: what is new against everything, exact, resumable
    turn        every area that ordered it; the worker calls it
    twins_of    the pairs an inspector may know of: names of his own area only
    decide      same person, different people, or still open: a fact beside the pair

Off until a county orders it (``twin_false_pairs_max`` among its rules, with the document it rests on), and only over
templates of workers whose notice told them of it. In N templates there are N(N-1)/2 comparisons: the limit is the
similarity at which the pack's curve lets through no more pairs of different people than the county asked for. Where that
lies beyond what the pack's rates were measured to, the number is a guess, and every page says so.

A pair accuses nobody: twins, brothers and mixed-up photographs look the same. No project is told, nobody's passage or
wage changes; whoever may know both names decides.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app import access
from app.db import Database
from app.errors import BadRequest, Forbidden, NotFound
from app.fields import check_text
from app.galleries import owner
from app.observing import log
from app.store import accounts
from app.store import twins as held
from app.store.twins import TwinInfo
from app.vault import Vault, VaultError
from app.wording import notices
from recognition import Pack
from recognition.twins import alike

VERDICTS = ("same_person", "different_people", "open")
NOTE_MIN, NOTE_MAX = 4, 1000
CHUNK = 4096
"""New templates a stretch; each ends with a fact that says how far the search is."""
LOOSER = 1e-3
"""A limit this much lower than the last one starts an area's search over."""


@dataclass(frozen=True, slots=True)
class Limit:
    """From where on two templates are too alike, and what that means."""

    similarity_min: float
    far: float | None
    """Rate of one comparison; None: the pack states none, and nobody knows how many pairs are false."""
    measured: bool
    """The pack's rates were measured that far; else they are drawn on."""


def limit_for(pack: Pack, templates: int, false_pairs_max: int) -> Limit:
    """Return the limit for a search of so many templates that may name so many pairs of different people."""
    pairs = max(1, templates * (templates - 1) // 2)
    far = min(0.5, false_pairs_max / pairs)
    curves = [c for c in (getattr(pack, "curve", None), getattr(pack, "machine_curve", None)) if c is not None]
    strictest = pack.thresholds_for(10**9).similarity_min
    if not curves:
        return Limit(strictest, None, False)
    curve = max(curves, key=lambda c: c.similarity_at(far))
    # Never looser than what the pack asks of its largest roster, however few there are.
    return Limit(max(strictest, curve.similarity_at(far)), far, far >= curve.measured_to)


def false_pairs(found: TwinInfo) -> float | None:
    """How many pairs of different people a search like the one that found this names, by the stated rate."""
    return None if found.far is None else found.far * found.templates * (found.templates - 1) / 2


# --- the search ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Searched:
    """What a stretch did."""

    templates: int
    fresh: int
    found: int
    """Pairs that were not known."""
    done: bool


def search(
    database: Database, vault: Vault, pack: Pack, *, area_code: str, false_pairs_max: int, now: datetime,
    seconds_max: float, clock: Callable[[], float] = monotonic,
) -> Searched:
    """Compare an area's new templates with all of it, in stretches of ``CHUNK``; goes on where it stopped.

    Templates are held in half precision (256 bytes each for 128 numbers, 256 MB for a million); whatever comes near the
    limit is opened again and measured whole. Nothing is written to disk but pairs of worker ids.
    """
    contract = pack.contract_id
    with database.read() as db:
        count, highest = held.eligible(db, area_code, contract, notices.COUNTY_SEARCH)
        last = held.last_search(db, area_code, contract)
        limit = limit_for(pack, count, false_pairs_max)
        looser = last is not None and limit.similarity_min < last.similarity_min - LOOSER
        done_to = 0 if last is None or looser else last.searched_to
        if highest <= done_to:
            return Searched(count, 0, 0, True)
        rows = held.templates(db, area_code, contract, notices.COUNTY_SEARCH)
    every, kept = _opened(vault, pack, rows)
    first = next((at for at, row in enumerate(kept) if row[0] > done_to), len(kept))
    until, fresh, found = clock() + seconds_max, 0, 0
    while first < len(kept):
        end = min(first + CHUNK, len(kept))
        own = np.stack([_open(vault, pack, kept[at]) for at in range(first, end)])
        pairs = [
            (kept[first + pair.fresh], kept[pair.every], pair.similarity)
            for pair in alike(own, every[:end], limit.similarity_min, pack.metric, exact=lambda at: _open(vault, pack, kept[at]))
            # Each pair once, and a man is not his own twin on another project.
            if pair.every < first + pair.fresh and kept[pair.every][1] != kept[first + pair.fresh][1]
        ]
        with database.write() as db:
            search_id = held.add_search(
                db, contract_id=contract, area_code=area_code, searched_to=kept[end - 1][0], templates=count,
                fresh=end - first, similarity_min=limit.similarity_min, far=limit.far, found=len(pairs), searched_at=now,
            )
            found += sum(
                held.add_twin(
                    db, search_id=search_id, contract_id=contract, one=(one[1], one[0]), other=(other[1], other[0]),
                    similarity=similarity, similarity_min=limit.similarity_min, now=now,
                )
                for one, other, similarity in pairs
            )  # fmt: skip
        fresh, first = fresh + end - first, end
        if clock() >= until:
            break
    return Searched(count, fresh, found, first >= len(kept))


_Row = tuple[int, int, int, bytes]


def _opened(vault: Vault, pack: Pack, rows: Iterable[_Row]) -> tuple[np.ndarray, list[_Row]]:
    kept: list[_Row] = []
    opened: list[np.ndarray] = []
    unreadable = 0
    for row in rows:
        try:
            opened.append(_open(vault, pack, row).astype(np.float16))
            kept.append(row)
        except (VaultError, ValueError):
            unreadable += 1
    if unreadable:
        log.warning("templates_not_searched", unreadable=unreadable)
    return np.stack(opened) if opened else np.zeros((0, pack.dimension), np.float16), kept


def _open(vault: Vault, pack: Pack, row: _Row) -> np.ndarray:
    _, worker_id, project_id, sealed = row
    plain = vault.open(sealed, table="face_template", column="template_sealed", owner=owner(project_id, worker_id))
    template = np.frombuffer(plain, "<f4")
    if template.shape != (pack.dimension,) or not np.isfinite(template).all():
        raise ValueError("no template of this pack")
    return template.astype(np.float32)


def turn(database: Database, vault: Vault, pack: Pack, *, now: datetime, seconds_max: float) -> list[tuple[str, Searched]]:
    """Search every area that ordered it; (area code, what was done)."""
    with database.read() as db:
        areas = held.ordered(db, now.date())
    return [
        (area, search(database, vault, pack, area_code=area, false_pairs_max=limit, now=now, seconds_max=seconds_max))
        for area, limit in areas
    ]


# --- what an inspector sees ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """One of two workers, as far as the reader may know him."""

    worker_id: int | None
    """None outside the reader's area; so are the next two."""
    name: str
    projects: tuple[tuple[int, str], ...]
    """(project id, name) within the reader's area."""
    elsewhere: tuple[str, ...]
    """County codes of other areas he is registered in: whom to ask."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two workers who are too alike, as one inspector may see them."""

    twin: TwinInfo
    sides: tuple[Side, Side]

    @property
    def may_decide(self) -> bool:
        """Both are of the reader's area."""
        return all(side.worker_id is not None for side in self.sides)


def twins_of(db: Session, person: access.Person, twin_id: int | None = None) -> list[Pair]:
    """The pairs with at least one worker of the reader's area, undecided ones first. Never a name across areas."""
    mine = {project.id for project in access.inspected(db, person)}
    places: dict[int, list[tuple[str, int, str, str]]] = {}
    for worker_id, name, project_id, project, area in held.where_engaged(db, held.twin_workers(db)):
        places.setdefault(worker_id, []).append((name, project_id, project, area))
    own = {worker_id for worker_id, known in places.items() if any(project_id in mine for _, project_id, _, _ in known)}
    return [
        Pair(twin, (_side(twin.low_worker_id, places, mine), _side(twin.high_worker_id, places, mine)))
        for twin in held.twins(db, own, twin_id)
    ]


def _side(worker_id: int, places: dict[int, list[tuple[str, int, str, str]]], mine: set[int]) -> Side:
    known = places.get(worker_id, [])
    here = tuple((project_id, project) for _, project_id, project, _ in known if project_id in mine)
    elsewhere = tuple(sorted({area[:6] for _, project_id, _, area in known if project_id not in mine}))
    return Side(worker_id if here else None, known[0][0] if here else "", here, elsewhere)


def decide(db: Session, person: access.Person, twin_id: int, verdict: str, note: str, *, now: datetime) -> Pair:
    """Say what was found out about two workers; the latest word holds.

    Raises:
        NotFound: ``twin_unknown``, also one of another area.
        Forbidden: ``twin_other_area``: one of the two is none of his.
        BadRequest: ``twin_verdict_unknown``; the note is missing, too short or too long.
    """
    found = twins_of(db, person, twin_id)
    if not found:
        raise NotFound("twin_unknown")
    if not found[0].may_decide:
        raise Forbidden("twin_other_area")
    if verdict not in VERDICTS:
        raise BadRequest("twin_verdict_unknown")
    note = note.strip()
    if len(note) < NOTE_MIN:
        raise BadRequest("decision_note_needed", length_min=NOTE_MIN)
    note = check_text(note, "note", NOTE_MAX)
    held.add_review(db, twin_id=twin_id, verdict=verdict, note=note, by=person.login, now=now)
    accounts.journal(
        db, at=now, actor=person.login, action="twin.decided", project_id=None, object=f"twin:{twin_id}", facts={"verdict": verdict}
    )
    return twins_of(db, person, twin_id)[0]


def sentence_facts(found: TwinInfo) -> dict[str, Any]:
    """What the sentence about a pair shows."""
    expected = false_pairs(found)
    return {
        "similarity": f"{found.similarity:.3f}", "similarity_min": f"{found.similarity_min:.3f}", "templates": found.templates,
        "false_pairs": "?" if expected is None else f"{expected:.1f}",
    }  # fmt: skip
