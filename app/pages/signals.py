"""Records that look made up (可疑记录): ranked by subject, each suspicion with how often it is right and wrong."""

from dataclasses import dataclass

from app import oversight
from app.domain.audit import RULES, rates
from app.domain.casework import State
from app.domain.suspicion import Suspicion, rank, weight
from app.pages.page import Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import bank, findings, gates, people


@dataclass(frozen=True)
class SignalPart:
    """One suspicion about a subject."""

    title: str
    sentence: str
    month: str
    state: str
    url: str


@dataclass(frozen=True)
class SubjectLine:
    """One subject with what speaks against its records."""

    kind: str
    name: str
    weight: float
    share: int
    """Length of its bar in percent of the heaviest."""
    parts: tuple[SignalPart, ...]


@dataclass(frozen=True)
class RuleLine:
    """One rule of this kind with its error rates on simulated months."""

    title: str
    detected: float
    """Share of the forged months it is for, from 0 to 1."""
    false_alarm: float
    """Share of all honest months it accuses, from 0 to 1."""
    errs_on: tuple[tuple[str, float], ...]
    """(honest kind, share accused), the most first."""
    fires: int
    """Findings of the project that stand."""
    weight: float


@dataclass(frozen=True)
class SignalsContext:
    """What the page of suspicions shows."""

    subjects: tuple[SubjectLine, ...] = shown("Subjects with suspicions that stand, the heaviest first")
    rules: tuple[RuleLine, ...] = shown("Every rule of this kind with its error rates, those that fire first")
    months: int = shown("Simulated months of each kind the rates were measured on")
    seed: int = shown("Seed of the simulation")
    command: str = shown("The command that measures the rates anew")


def gather(ask: Ask) -> SignalsContext:
    """What stands on the project, ranked."""
    names = [rule.name for rule in RULES.values() if rule.suspicion]
    standing = [
        f
        for f in findings.findings(ask.db, ask.project.id)
        if f.rule in names and f.cleared_at is None and f.state != State.VERIFIED_CLOSED
    ]
    by_id = {f.id: f for f in standing}
    ranked = rank((Suspicion(f.rule, f.subject_kind, f.subject_id, f.id) for f in standing), rates.stated)
    heaviest = max((r.weight for r in ranked), default=0) or 1
    workers = bank.names(ask.db, {f.subject_id for f in standing if f.subject_kind == "worker"})
    teams = {t.id: t.name for t in people.teams(ask.db, ask.project.id)}
    lanes = {g.id: g.name for g in gates.gates(ask.db, ask.project.id)}

    def called(kind: str, id_: int) -> str:
        if kind == "project":
            return ask.project.name
        return {"worker": workers, "team": teams, "gate": lanes}.get(kind, {}).get(id_, f"#{id_}")

    def part(suspicion: Suspicion) -> SignalPart:
        found = by_id[suspicion.finding_id]
        title, sentence = oversight.told(found, ask.language)
        url = with_query(f"/projects/{ask.project.id}/findings", rule=found.rule, finding=found.id) + f"#f-{found.id}"
        return SignalPart(title, sentence, f"{found.month:%Y-%m}", found.state, url)

    rules = []
    for name in names:
        detected, accused = rates.stated(name)
        errs = sorted(rates.FALSE_ALARM[name].items(), key=lambda pair: -pair[1])
        rules.append(
            RuleLine(
                oversight.title_of(name, ask.language), detected, accused, tuple(errs), sum(f.rule == name for f in standing),
                weight(detected, accused),
            )
        )
    return SignalsContext(
        subjects=tuple(
            SubjectLine(
                r.subject_kind, called(r.subject_kind, r.subject_id), r.weight, int(r.weight * 100 / heaviest),
                tuple(part(s) for s in r.suspicions),
            )
            for r in ranked
        ),
        rules=tuple(sorted(rules, key=lambda line: (-line.fires, -line.weight, line.title))),
        months=rates.MONTHS,
        seed=rates.SEED,
        command=rates.COMMAND,
    )  # fmt: skip


PAGE = Page(
    "/projects/{project_id:int}/signals", marked("可疑记录"), "signals.html", "findings.read", SignalsContext, gather, marked("可疑记录")
)
