"""Faces the gate refused, looked at by a person; who should enrol again; and what the project does with faces."""

import re
from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import FormData

from app import repack, review
from app.domain import workdays
from app.errors import BadRequest
from app.pages import lines
from app.pages.page import Act, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import faces, gates, people
from app.store.faces import FacePolicy

ROWS_MAX = 50
_CHOSEN = re.compile(r"#([0-9]{1,18})\s*$")


@dataclass(frozen=True)
class WaitingLine:
    """Refused faces of one stay before a gate."""

    anchor: int
    """Number of its first passage."""
    ids: str
    """Its passages, for the form."""
    first_at: datetime
    last_at: datetime
    frames: int
    gate: str
    direction: str
    code: str
    similarity: float | None
    similarity_min: float | None
    picture_of: int | None
    picture_kind: str
    photo_of: int | None
    """Passage beside whose picture the candidate's enrolment photograph stands; None when it is not shown."""
    picture_shown: bool
    """The reader asked for it: looking is journalled, so a list of them is never shown unasked."""
    picture_url: str
    """This page with the picture shown."""
    candidate_id: int | None
    candidate: str


@dataclass(frozen=True)
class PersonChoice:
    """A worker to choose."""

    label: str


@dataclass(frozen=True)
class AdviceLine:
    """A worker who should enrol again."""

    name: str
    team: str
    url: str
    code: str
    says: str
    since: datetime


@dataclass(frozen=True)
class ComeAgain:
    """A worker who must be photographed again for the new model."""

    name: str
    team: str
    url: str
    why: str
    """Key of its name: not_kept or unusable."""


@dataclass(frozen=True)
class ChangeLine:
    """An open change of the recognition model, as far as this project goes."""

    to_pack: str
    state: str
    switch_at: datetime | None
    ready: int
    to_work_out: int
    must_come: tuple[ComeAgain, ...]


@dataclass(frozen=True)
class ReviewContext:
    """What the page of refused faces shows."""

    project_id: int = shown("The project, for links")
    waiting: tuple[WaitingLine, ...] = shown("Refused faces that wait, newest first")
    more: int = shown("How many wait beyond those shown")
    tried_again: bool = shown("Those who were let in seconds later are listed too")
    other_url: str = shown("This page with the other choice about those who were let in later")
    people: tuple[PersonChoice, ...] = shown("Workers engaged today, to choose from")
    advice: tuple[AdviceLine, ...] = shown("Who should enrol again, longest first")
    change: ChangeLine | None = shown("How far an open change of the recognition model is here; None when none is open")
    policy: FacePolicy = shown("What the project does with faces; store.faces.FacePolicy")
    decided_at: datetime | None = shown("When that was decided; None when it never was")
    may_set: bool = shown("The reader decides about it")
    pictures: tuple[str, ...] = shown("Choices about pictures of refused faces")
    checks: tuple[str, ...] = shown("Choices about the comparison with the identity card")
    gate_photos: tuple[str, ...] = shown("Choices about photographs as people pass")
    days_max: int = shown("Longest time a picture may be kept, in days")


def gather(ask: Ask) -> ReviewContext:
    """What waits, who should come again, and the rules."""
    here = f"/projects/{ask.project.id}/review"
    tried_again = ask.query.get("all") == "1"
    waiting = review.queue(ask.db, ask.project.id, now=ask.now, tried_again=tried_again)
    roster = people.workers(ask.db, ask.project.id, today=ask.today)
    names = {row.worker_id: (row.name, row.team_name) for row in roster}
    engaged = {r.worker_id: r for r in roster if r.entry_on <= ask.today and (r.exit_on is None or r.exit_on > ask.today)}
    gate_names = {g.id: g for g in gates.gates(ask.db, ask.project.id)}
    chosen = ask.number("picture")
    policy = faces.policy(ask.db, ask.project.id)
    shown_lines = tuple(_line(ask, one, gate_names, names, chosen, here, tried_again) for one in waiting[:ROWS_MAX])
    return ReviewContext(
        project_id=ask.project.id,
        waiting=shown_lines,
        more=max(0, len(waiting) - ROWS_MAX),
        tried_again=tried_again,
        other_url=here if tried_again else with_query(here, all="1"),
        people=tuple(PersonChoice(f"{r.name} · {r.team_name} #{r.worker_id}") for r in engaged.values()),
        advice=advice_lines(ask, names),
        change=_change(ask, names),
        policy=policy,
        decided_at=workdays.local(policy.decided_at, ask.policy) if policy.decided_at else None,
        may_set=ask.may("faces.policy"),
        pictures=review.PICTURES,
        checks=review.IDENTITY_CHECKS,
        gate_photos=review.GATE_PHOTOS,
        days_max=review.DAYS_MAX,
    )


def _line(ask: Ask, one: review.Waiting, gate_names, names, chosen: int | None, here: str, tried_again: bool) -> WaitingLine:
    appearance, best = one.appearance, one.appearance.best
    gate = gate_names.get(appearance.first.gate_id)
    kept = one.picture
    return WaitingLine(
        anchor=appearance.first.id,
        ids=",".join(str(p.id) for p in appearance.passages),
        first_at=workdays.local(appearance.first.at, ask.policy),
        last_at=workdays.local(appearance.last.at, ask.policy),
        frames=len(appearance.passages),
        gate=gate.name if gate else "—",
        direction=str(gate.direction) if gate else "both",
        code=best.code,
        similarity=best.similarity,
        similarity_min=best.similarity_min,
        picture_of=kept.passage_id if kept else None,
        picture_kind=kept.kind if kept else "",
        photo_of=kept.passage_id if kept and one.candidate and kept.passage_id == chosen and shown_beside(ask, one.candidate) else None,
        picture_shown=kept is not None and kept.passage_id == chosen,
        picture_url=with_query(here, all="1" if tried_again else "", picture=kept.passage_id) + f"#w-{appearance.first.id}" if kept else "",
        candidate_id=one.candidate,
        candidate=names.get(one.candidate, ("", ""))[0] if one.candidate else "",
    )


def shown_beside(ask: Ask, worker_id: int) -> bool:
    """The candidate's enrolment photograph may stand beside the picture the gate kept."""
    return review.shows_photograph(ask.db, ask.project.id, worker_id, review.TO_THE_GUARD)


def advice_lines(ask: Ask, names: dict[int, tuple[str, str]], worker_id: int | None = None) -> tuple[AdviceLine, ...]:
    """Who should enrol again, in words."""
    told = []
    for one in faces.advice(ask.db, ask.project.id, worker_id):
        name, team = names.get(one.worker_id, (f"#{one.worker_id}", ""))
        facts = one.facts
        if one.code == "refusals_rising":
            says = ask.say("近两周通行 %(passed)s 次，其间被拒 %(refused)s 次", passed=facts["passed"], refused=facts["refused"])
        else:
            says = ask.say(
                "相似度中位数 %(similarity)s，比之前低 %(fall)s，只比要求高 %(lead)s",
                similarity=f"{facts['similarity']:.3f}", fall=f"{max(0, facts['fall']):.3f}", lead=f"{facts['lead']:.3f}",
            )  # fmt: skip
        told.append(
            AdviceLine(
                name, team, f"/projects/{ask.project.id}/workers/{one.worker_id}", one.code, says,
                workdays.local(one.first_seen_at, ask.policy),
            )
        )
    return tuple(told)


def _change(ask: Ask, names: dict[int, tuple[str, str]]) -> ChangeLine | None:
    told = repack.progress(ask.db, ask.project.id)
    if told is None:
        return None
    [mine] = told.projects
    change = told.change
    return ChangeLine(
        to_pack=change.to_pack_id,
        state="planned" if change.act == "switched" and not change.switched(ask.now) else change.act or "prepared",
        switch_at=workdays.local(change.holds_from, ask.policy) if change.act == "switched" and change.holds_from else None,
        ready=mine.ready,
        to_work_out=mine.to_work_out,
        must_come=tuple(
            ComeAgain(*names.get(one.worker_id, (f"#{one.worker_id}", "")), f"/projects/{ask.project.id}/workers/{one.worker_id}",
                      "unusable" if one.fault else "not_kept")
            for one in mine.must_come
        ),
    )  # fmt: skip


def decide(ask: Ask, values: FormData) -> str:
    """What somebody said about refused faces; asks for a correction too when that was chosen."""
    verdict = lines.form(values, "verdict")
    worker_id = None
    if verdict == "confirmed":
        worker_id = _number(lines.form(values, "candidate"))
    elif verdict == "assigned":
        chosen = _CHOSEN.search(lines.form(values, "worker"))
        if chosen is None:
            raise BadRequest("match_worker_wrong")
        worker_id = int(chosen[1])
    ids = [_number(text) for text in lines.form(values, "ids").split(",")[: review.PASSAGES_AT_ONCE_MAX]]
    review.decide(
        ask.db, project_id=ask.project.id, passage_ids=ids, verdict=verdict, worker_id=worker_id,
        note=lines.form(values, "note"), correct_as=lines.form(values, "correct_as") or None if worker_id else None,
        by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return f"/projects/{ask.project.id}/review?done=matched"


def set_policy(ask: Ask, values: FormData) -> str:
    """What the project does with faces from now on."""
    rules = FacePolicy(
        review_pictures=lines.form(values, "review_pictures"),
        review_days=_number(lines.form(values, "review_days")),
        identity_check=lines.form(values, "identity_check"),
        card_and_face=lines.form(values, "card_and_face") == "yes",
        gate_photos=lines.form(values, "gate_photos") or "off",
        ground=lines.form(values, "ground"),
    )
    review.set_policy(ask.db, project_id=ask.project.id, rules=rules, by=ask.person.login, now=ask.now)
    return f"/projects/{ask.project.id}/review?done=face_policy_set"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest("request_malformed", field="number")
    return int(text)


PAGE = Page(
    "/projects/{project_id:int}/review", marked("人脸认定"), "review.html", "faces.review", ReviewContext, gather, marked("人脸认定")
)
DECIDE = Act("/projects/{project_id:int}/review/words", "faces.review", decide)
POLICY = Act("/projects/{project_id:int}/review/policy", "faces.policy", set_policy)
