"""The nightly audit of a county: sixty projects, thirty thousand workers, six million passages, and what is wrong in it.

    python -m bench.audit [--projects 60] [--workers 30000] [--database-url postgresql://…] [--keep truth.json]
    python -m bench.audit --database-url postgresql://… --again truth.json      # the county of before, audited anew

Fills an empty database with a generated county (``muster county generate``), with several violations of every kind planted,
audits both months of every project, and counts per rule what was planted and found (recall) and what was found and neither
planted nor follows from what was (precision). Then one project changes and the run that looks at changed projects only is
timed: for a payment of this month, for a correction of last month, and for something that may concern every month
(the slowest of the three is told). Suspicions of made-up attendance have rates of their own, from simulated months: see ``bench.fabrication``.

The audit runs in a process of its own, whose peak of memory is told. Machines are shared: processor time counts. The last
line is one JSON object.
"""

import argparse
import json
import multiprocessing
import resource
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.orm import Session

from app import oversight, papers, payroll, timekeeping
from app.db import Database, make_engine, migrate
from app.demo import county
from app.demo.violations import Planted, Violations
from app.domain.audit import RULES, rates
from app.domain.workdays import month_of
from app.memory import settle
from app.settings import Settings, read_settings
from app.store import findings, gates, people
from app.store import timekeeping as held
from app.vault import open_vault


@dataclass(frozen=True, slots=True)
class Score:
    """What became of one rule."""

    planted: int
    found: int
    """Of those planted."""
    fired: int
    false: int
    """Findings that were neither planted nor follow from what was."""

    @property
    def recall(self) -> float | None:
        """Share of the planted that was found; None when nothing was planted."""
        return round(self.found / self.planted, 4) if self.planted else None

    @property
    def precision(self) -> float | None:
        """Share of the findings that is true; None when the rule never fired."""
        return round(1 - self.false / self.fired, 4) if self.fired else None


Seen = tuple[str, int, str, int, date]
"""(rule, project, subject kind, subject, month) of a finding."""


def score(planted: Iterable[Planted], seen: Iterable[Seen]) -> tuple[dict[str, Score], list[Seen], list[Planted]]:
    """Hold findings against the truth; returns (score by rule, false findings, what was missed)."""
    planted, seen = list(planted), set(seen)
    wanted = {(p.rule, p.project_id, p.subject_kind, p.subject_id, p.month) for p in planted}
    follows: dict[int, set[tuple[str, date | None, int | None]]] = defaultdict(set)
    for p in planted:
        follows[p.project_id] |= set(p.also)
    false = []
    for rule, project, kind, subject, month in sorted(seen - wanted):
        allowed = follows[project]
        if not any((rule, m, s) in allowed for m in (month, None) for s in (subject, None)):
            false.append((rule, project, kind, subject, month))
    missed = [p for p in planted if (p.rule, p.project_id, p.subject_kind, p.subject_id, p.month) not in seen]
    answer = {}
    for rule in sorted({p.rule for p in planted} | {s[0] for s in seen} | set(RULES)):
        of_rule = {w for w in wanted if w[0] == rule}
        answer[rule] = Score(
            len(of_rule), len(of_rule & seen), sum(s[0] == rule for s in seen), sum(s[0] == rule for s in false)
        )
    return answer, false, missed


def seen_in(database: Database, projects: Iterable[int]) -> set[Seen]:
    """Every finding that still fires."""
    with database.read() as db:
        return {
            (f.rule, f.project_id, f.subject_kind, f.subject_id, f.month)
            for project in projects
            for f in findings.findings(db, project)
            if f.cleared_at is None
        }


def night(settings: Settings, as_of: Any, answer: Any) -> None:
    """The nightly job: every project, its last three months."""
    database = Database(make_engine(settings, wait_s=county.STATEMENT_S, hang_up=False))
    settle()
    began, cpu = time.perf_counter(), time.process_time()
    done = oversight.audit_all(database, as_of)
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer.put(
        {"night_s": round(time.perf_counter() - began, 1), "cpu_s": round(time.process_time() - cpu, 1), "found": done.found,
         "months": done.months, "rss_mb": round(used.ru_maxrss / 1024)}
    )  # fmt: skip
    database.engine.dispose()


def apart(work: Any, *args: Any) -> Any:
    """Run something in a process of its own; its answer."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    child = context.Process(target=work, args=(*args, answer))
    child.start()
    told = answer.get()
    child.join()
    return told


def report(database: Database, built: county.Built, plan: county.Plan, console: Console | None = None) -> dict[str, Score]:
    """Audit here and now and print how it went; for trying things out."""
    console = console or Console(stderr=True, width=150)
    for month in plan.months:
        for project in built.projects:
            oversight.audit_project(database, project, month, plan.as_of)
    scores, false, missed = score(built.planted, seen_in(database, built.projects))
    console.print(table_of(scores))
    for each in missed:
        console.print("missed", each.rule, each.project_id, each.subject_kind, each.subject_id, each.month, highlight=False)
    for each in false[:60]:
        console.print("false", *map(str, each), highlight=False)
    return scores


def table_of(scores: dict[str, Score]) -> Table:
    table = Table("rule", "planted", "found", "fired", "false", "recall", "precision")
    for rule, s in scores.items():
        recall, precision = (("–" if x is None else f"{x:.3f}") for x in (s.recall, s.precision))
        table.add_row(rule, str(s.planted), str(s.found), str(s.fired), str(s.false), recall, precision)
    return table


def _paid(db: Session, project: int, as_of: datetime) -> None:
    """Somebody got a hundred in cash for this month."""
    worker = min(e.worker_id for e in people.engagements(db, project))
    payroll.record_payment(
        db, project_id=project, worker_id=worker, amount_fen=100_00, paid_on=as_of.date(), for_month=month_of(as_of.date()),
        channel="cash", idempotency_key=f"bench-audit-{secrets.token_hex(8)}", by="bench", now=as_of,
    )  # fmt: skip


def _on_leave(db: Session, project: int, as_of: datetime) -> None:
    """Somebody's leave on a day of last month on which no gate saw him is written down."""
    last = month_of(month_of(as_of.date()) - timedelta(days=1))
    worker = min(e.worker_id for e in people.engagements(db, project) if e.exit_on is None)
    seen = {p.occurred_at.astimezone(county.ZONE).date() for p in gates.passages(db, project, None, as_of) if p.worker_id == worker}
    taken = {m.from_on for m in held.marks(db, project)}
    day = next(d for n in range(28) if (d := last + timedelta(days=n)) not in seen | taken)
    given = {"project_id": project, "worker_id": worker, "kind": "leave", "from_on": day, "to_on": day + timedelta(days=1)}
    timekeeping.add_mark(db, **given, pay_permille=0, note="bench", by="bench", now=as_of)


def _new_team(db: Session, project: int, as_of: datetime) -> None:
    """A team without anybody in it: what its line in the journal touches cannot be told, so every month is looked at."""
    (part, *_) = people.project_companies(db, project)
    papers.add_team(db, project_id=project, project_company_id=part.id, name=f"bench {secrets.token_hex(4)}", trade="mason", now=as_of, by="bench")


CHANGES = {"a payment of this month": _paid, "a leave in the last month": _on_leave, "every month": _new_team}
"""None of them makes a finding of its own in the months that are scored."""


def again(settings: Settings, project: int, as_of: datetime, answer: Any) -> None:
    """One project changes, and the run of the next hour looks at what has changed; three times over."""
    database = Database(make_engine(settings, wait_s=county.STATEMENT_S, hang_up=False))
    settle()
    told = {}
    for n, (name, change) in enumerate(CHANGES.items(), 1):
        with database.write() as db:
            change(db, project, as_of)
        began, cpu = time.perf_counter(), time.process_time()
        done = oversight.audit_all(database, as_of + n * timedelta(hours=1), changed_only=True)
        told[name] = {"s": round(time.perf_counter() - began, 1), "cpu_s": round(time.process_time() - cpu, 1), "months": done.months}
    answer.put(told)
    database.engine.dispose()


def keep(file: Path, plan: county.Plan, built: county.Built) -> None:
    """Write the truth about a county beside its database."""
    file.write_text(json.dumps({"plan": asdict(plan), "built": asdict(built)}, default=str, ensure_ascii=False))


def kept(file: Path) -> tuple[county.Plan, county.Built]:
    """The plan and the truth of a county that was kept."""
    said = json.loads(file.read_text())
    plan, built = said["plan"], said["built"]

    def day(text: str | None) -> date | None:
        return None if text is None else date.fromisoformat(text)

    planted = tuple(
        Planted(**{**p, "month": day(p["month"]), "also": tuple((rule, day(month), subject) for rule, month, subject in p["also"])})
        for p in built["planted"]
    )
    return (
        county.Plan(**{**plan, "as_of": datetime.fromisoformat(plan["as_of"])}),
        county.Built(**{**built, "projects": tuple(built["projects"]), "planted": planted}),
    )


def largest(database: Database) -> int:
    """The project with most passages."""
    with database.read() as db:
        return max(people.projects(db, None), key=lambda p: gates.head(db, p.id)[0]).id


def generate(database: Database, settings: Settings, plan: county.Plan, processes: int, console: Console) -> county.Built:
    """Fill the empty database."""
    began = time.perf_counter()
    with Progress(console=console) as progress:
        task = progress.add_task("generating the county", total=plan.projects)
        built = county.build(
            database, open_vault(settings), settings, plan, planting=Violations(), processes=processes,
            tick=lambda _: progress.advance(task),
        )  # fmt: skip
    console.print(
        f"{len(built.projects)} projects, {built.workers:,} workers, {built.passages:,} passages, {built.lines:,} lines,"
        f" {len(built.planted)} violations in {time.perf_counter() - began:.0f} s"
    )
    return built


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.audit")
    parser.add_argument("--projects", type=int, default=60)
    parser.add_argument("--workers", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=20260401)
    parser.add_argument("--database-url", help="an empty database; a file that is thrown away when left out")
    parser.add_argument("--processes", type=int, default=2, help="projects generated at once (PostgreSQL)")
    parser.add_argument("--keep", type=Path, help="file to write the truth to, for --again")
    parser.add_argument("--again", type=Path, help="audit the county of this file anew; its database is given with --database-url")
    options = parser.parse_args()
    if options.again is not None and options.database_url is None:
        parser.error("--again needs the --database-url of the county that was kept")
    console = Console(stderr=True, width=150)
    plan = county.Plan(options.projects, options.workers, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        more = {} if options.database_url is None else {"database_url": options.database_url}
        settings = read_settings(environment="demonstration", data_dir=Path(folder), pack_id="synthetic", **more)
        migrate(settings)
        database = Database(make_engine(settings, wait_s=county.STATEMENT_S, hang_up=False))
        if options.again is not None:
            plan, built = kept(options.again)
        else:
            built = generate(database, settings, plan, options.processes, console)
            if options.keep is not None:
                keep(options.keep, plan, built)
        told = apart(night, settings, plan.as_of)
        console.print(f"night: {told['months']} project months, {told['found']:,} findings, {told['night_s']} s, {told['cpu_s']} s of the processor, {told['rss_mb']} MB")
        scored = {seen for seen in seen_in(database, built.projects) if seen[4] in plan.months}
        scores, false, missed = score(built.planted, scored)
        console.print(table_of(scores))
        for each in missed[:80]:
            console.print("missed", each.rule, each.project_id, each.subject_kind, each.subject_id, each.month, highlight=False)
        for each in false[:200]:
            console.print("false", *map(str, each), highlight=False)
        changes = apart(again, settings, largest(database), plan.as_of)
        for name, change in changes.items():
            console.print(f"after {name}: {change['months']} project months, {change['s']} s, {change['cpu_s']} s of the processor")
        kind = database.engine.dialect.name
        database.engine.dispose()
    print(
        json.dumps(
            {
                "planted": len(built.planted),
                "recall": {rule: s.recall for rule, s in scores.items() if s.planted},
                "precision": {rule: s.precision for rule, s in scores.items() if s.fired},
                "fabrication": {
                    rule: dict(zip(("detected", "false_alarm"), (round(share, 3) for share in rates.stated(rule)), strict=True))
                    for rule in rates.DETECTED
                },
                "night_s": told["night_s"],
                "night_cpu_s": told["cpu_s"],
                "incremental_s": max(change["s"] for change in changes.values()),
                "incremental": changes,
                "rss_mb": told["rss_mb"],
                "database": kind,
                "passages": built.passages,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
