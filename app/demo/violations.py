"""What an inspector looks for, planted in a generated county: each with the rule that must find it.

    Planted       one violation: rule, project, subject, month, and what else follows from it by right
    Violations    the planting ``app.demo.county`` is given

A violation seldom comes alone: wages that did not arrive are a worker without pay, a line without a transfer and a project
that has not paid everybody. What follows by right is in ``also``; a finding that is neither planted nor follows is a false
one, and ``bench.audit`` counts it against the rule.

Kinds are dealt out in turn over the projects, so that a county of sixty has each several times. Some could not come about
through Muster at all (its use cases refuse them): those are written straight into the tables, as somebody would who goes
round it.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from app import bank, payroll, timekeeping
from app.db import Database
from app.demo.county import (
    LEADER,
    MANAGER,
    OFFICER,
    SUBCONTRACTOR,
    ZONE,
    Crew,
    Hand,
    Pass,
    Plan,
    Site,
    bulk,
    clock_of,
    minute_of,
)
from app.demo.payday import card_number
from app.domain.identity import id_check_digit
from app.domain.workdays import next_month
from app.store import bank as held
from app.store import gates
from app.tables import (
    CorrectionRow,
    CorrectionStep,
    Engagement,
    FaceTemplate,
    PaymentBatch,
    PayrollLine,
    PayrollSheet,
    ProjectPaper,
    SheetAct,
    Worker,
    WorkerConfirmation,
)
from app.vault import Vault

Mark = tuple[str, date | None, int | None]
"""(rule, month or None for any, subject or None for any), on the project of the violation."""


_REWRITTEN: tuple[Mark, ...] = (("balance_short", None, None),)
"""The transfers belong to the lines that were replaced: those that stand there now have none."""


@dataclass(frozen=True, slots=True, order=True)
class Planted:
    """One violation, and what must find it."""

    rule: str
    project_id: int
    subject_kind: str
    subject_id: int
    month: date
    also: tuple[Mark, ...] = field(default=(), compare=False)
    """What else follows from it by right."""


class Taken:
    """Deals out people and teams of a site, each once."""

    def __init__(self, site: Site, dice: random.Random):
        self._crews = list(site.crews)
        dice.shuffle(self._crews)
        self._hands: list[Hand] = []

    def crew(self) -> Crew | None:
        """A team nothing else was planted in."""
        return self._crews.pop() if len(self._crews) > 2 else None

    def hand(self, fits: Callable[[Hand], bool] = lambda _: True) -> Hand | None:
        """Somebody of a team whose days nobody else plays with."""
        if not self._hands and self._crews:
            self._hands = list(self._crews.pop().workers)
        while self._hands:
            hand = self._hands.pop()
            if fits(hand):
                return hand
            if not self._hands and self._crews:
                self._hands = list(self._crews.pop().workers)
        return None


PROJECT_KINDS = (
    "deposit", "board", "officer", "scans", "party", "over_age", "stoppage", "silence", "funding", "unpaid_month", "leak", "late",
    "plan", "same_hand", "hung_short", "bank_mismatch", "low_rates", "redrafted", "nothing",
)  # fmt: skip
"""Dealt out in turn, one a project; ``nothing`` is the project that pays nobody and draws up no sheet."""

WORKER_KINDS = (
    "child", "high_pay", "low_pay", "other_holder", "card_changed", "left_and_passes", "refused", "on_leave", "no_transfer",
    "left_unpaid", "template", "cash_for_nothing", "void_day", "post_absent", "low_score", "late_events", "clock", "gap", "silent_lane",
    "overtime", "no_rest", "corrections", "dispute_paid", "changed_line", "deduction", "more_days", "random_fill", "copied", "typed",
    "pictures", "bare_faces", "written_days",
)  # fmt: skip
"""Dealt out in turn, ``PER_PROJECT`` a project."""
PER_PROJECT = 7
TEAM_KINDS = ("overtime", "no_rest", "corrections", "dispute_paid", "random_fill", "copied", "typed", "pictures", "written_days")
"""Those that fall on a whole team."""
GATE_KINDS = ("clock", "late_events", "low_score", "bare_faces")
OF_TEAM = ("no_habits", "uniform_arrivals", "constant_intervals", "same_order", "whole_minutes", "identical_days", "same_pattern")
OF_GATE = ("gate_throughput", "replayed_picture", "score_spread")
"""Suspicions one forged team may raise beside the one it was made for."""


class Violations:
    """See ``app.demo.county.Planting``. The same plan plants the same."""

    def _dice(self, site: Site, plan: Plan, stage: str) -> random.Random:
        return random.Random(f"{plan.seed}:{site.number}:{stage}")

    def _kinds(self, site: Site) -> tuple[str, frozenset[str]]:
        of_project = PROJECT_KINDS[(site.number - 1) % len(PROJECT_KINDS)]
        if of_project == "nothing":
            return of_project, frozenset()
        start = (site.number - 1) * PER_PROJECT
        return of_project, frozenset(WORKER_KINDS[(start + k) % len(WORKER_KINDS)] for k in range(PER_PROJECT))

    def _people(self, site: Site, plan: Plan) -> dict[str, Any]:
        """Kind -> whom or what it falls on; the same at every stage."""
        dice = self._dice(site, plan, "people")
        taken = Taken(site, dice)
        of_project, kinds = self._kinds(site)
        found: dict[str, Any] = {}
        for kind in WORKER_KINDS:
            if kind not in kinds:
                continue
            if kind in TEAM_KINDS:
                chosen: Any = taken.crew()
            elif kind in GATE_KINDS:
                chosen = dice.choice(site.lanes["in"])
            elif kind == "gap":
                # No plant about faces falls on a lane of cards.
                chosen = site.lanes["out"][0]
            elif kind == "silent_lane":
                chosen = site.lanes["out"][-1] if len(site.lanes["out"]) > 1 else None
            elif kind in ("changed_line", "deduction", "more_days", "high_pay", "low_pay"):
                chosen = taken.hand(lambda h: h.kind == "day")
            else:
                chosen = taken.hand()
            if chosen is not None:
                found[kind] = chosen
        if of_project == "redrafted" and (crew := taken.crew()) is not None:
            found["redrafted"] = crew
        return found

    # --- people and quirks ---------------------------------------------------------------------------------

    def at_entry(self, site: Site, plan: Plan) -> Iterator[Planted]:
        """Who is on the roster, and what the project lacks."""
        first, second = plan.months
        of_project, _ = self._kinds(site)
        quirks, everybody = site.quirks, site.id
        people = self._people(site, plan)

        def project(rule: str, month: date, *also: Mark) -> Planted:
            return Planted(rule, site.id, "project", everybody, month, also)

        missing = {"deposit": "deposit_missing", "board": "board_incomplete", "officer": "labour_officer_missing",
                   "scans": "agreement_not_scanned", "party": "no_special_account"}  # fmt: skip
        if of_project in missing:
            quirks.without |= {of_project}
            for month in plan.months:
                yield project(missing[of_project], month)
        elif of_project == "over_age":
            hand = site.crews[-1].workers[-1]
            hand.born, hand.sex = date(1958, 5, 5), "m"
            for month in plan.months:
                yield project("over_age", month)
        elif of_project == "funding":
            quirks.ahead = True
            yield project("funding_late", second)
        elif of_project == "plan":
            quirks.plan_missed = True
            for month in plan.months:
                yield project("funding_below_plan", month)
        elif of_project == "unpaid_month":
            quirks.paid = (True, False)
            follows = ("worked_without_pay", "sheet_line_unpaid", "paid_coverage", "exited_unsettled", "funding_late")
            yield project("balance_short", second, *((rule, second, None) for rule in follows))
            yield project("paid_coverage", second)
        elif of_project == "leak":
            quirks.leak_fen = 88_000_00
            yield project("money_left_account", next_month(first))
        elif of_project == "late":
            quirks.days_late = 7
            for month in plan.months:
                yield project("paid_late", month)
        elif of_project == "hung_short":
            quirks.hung_days = 1
            for month in plan.months:
                yield project("publicity_short", month)
        elif of_project == "low_rates":
            for hand in site.hands:
                hand.kind, hand.rate_fen = "hour", 600
            for month in plan.months:
                yield project("average_below_minimum", month, ("below_minimum_wage", month, None), ("uniform_amounts", month, None))
        elif of_project == "nothing":
            yield from self._nothing(site, plan)
        if (hand := people.get("child")) is not None:
            hand.born = date(2010, 9, 1)
            yield self._of(hand, site, "under_age", first, *((r, m, hand.id) for r in ("under_age",) for m in plan.months))
        if (hand := people.get("high_pay")) is not None:
            # Too much even for the half month of a site whose gates fall silent.
            hand.rate_fen = 4_000_00
            for month in self._paid(site, plan):
                yield self._of(hand, site, "high_pay", month)
        if (hand := people.get("low_pay")) is not None:
            hand.rate_fen = 60_00
            for month in plan.months:
                yield self._of(hand, site, "below_minimum_wage", month)
        if (hand := people.get("other_holder")) is not None:
            hand.holder = "生成他人"
            for month in self._paid(site, plan):
                yield self._of(hand, site, "paid_to_another", month)
        if (hand := people.get("refused")) is not None:
            hand.exit_on = second + timedelta(days=9)
        fails = [set(), set()]
        for kind in ("no_transfer", "left_unpaid"):
            if (hand := people.get(kind)) is not None:
                fails[1].add(hand.id)
        quirks.fails = (frozenset(fails[0]), frozenset(fails[1]))
        if (hand := people.get("left_unpaid")) is not None:
            hand.exit_on = second + timedelta(days=20)
        if (crew := people.get("no_rest")) is not None:
            crew.rest_weekday = 9
        if (hand := people.get("post_absent")) is not None:
            # Two days in three he is somewhere else.
            hand.absent = frozenset(d for n in range((next_month(second) - first).days) if (d := first + timedelta(days=n)).day % 3)

    def _paid(self, site: Site, plan: Plan) -> list[date]:
        return [month for month, papers, paid in zip(plan.months, site.quirks.papers, site.quirks.paid, strict=True) if papers and paid]

    def _of(self, hand: Hand, site: Site, rule: str, month: date, *also: Mark) -> Planted:
        return Planted(rule, site.id, "worker", hand.id, month, also)

    def _nothing(self, site: Site, plan: Plan) -> Iterator[Planted]:
        """Nobody is paid but some hundreds in cash; no sheet is drawn up; who has no terms, who forgot to leave."""
        first, second = plan.months
        site.quirks.papers = (False, False)
        hands = site.hands
        no_terms, pieces = hands[0], site.crews[-1] if len(site.crews) > 1 else None
        no_terms.terms = False
        for n, hand in enumerate(hands[1:20]):
            hand.kind, hand.rate_fen = "day", 400_00
            # Nobody has the same number of days as the next one.
            hand.absent = frozenset(month + timedelta(days=2 * k) for month in plan.months for k in range(n))
        for hand in pieces.workers if pieces is not None else ():
            if hand not in hands[:20]:
                hand.kind, hand.rate_fen = "piece", 25_00
        follows = ("worked_without_pay", "worked_not_on_sheet", "many_not_on_sheet", "paid_coverage", "no_account_payment", "closed_late",
                   "funding_late", "undecided_days", "below_minimum_wage", "underpaid", "average_below_minimum", "stay_too_long")  # fmt: skip
        also = tuple((rule, month, None) for rule in follows for month in plan.months)
        for month in plan.months:
            yield Planted("many_not_on_sheet", site.id, "project", site.id, month, also)
            yield Planted("no_agreement", site.id, "worker", no_terms.id, month)
            if pieces is not None and any(hand.kind == "piece" for hand in pieces.workers):
                yield Planted("piece_without_measure", site.id, "team", pieces.id, month)
            yield Planted("worked_not_on_sheet", site.id, "worker", hands[1].id, month)
            yield Planted("worked_without_pay", site.id, "worker", hands[8].id, month)
        yield Planted("no_account_payment", site.id, "project", site.id, first, also)
        yield Planted("closed_late", site.id, "project", site.id, first, also)

    # --- the gate --------------------------------------------------------------------------------------------

    def at_the_gate(self, site: Site, plan: Plan) -> Iterator[Planted]:
        """What the gates see, and what they see wrongly."""
        first, second = plan.months
        dice = self._dice(site, plan, "gate")
        of_project, _ = self._kinds(site)
        people = self._people(site, plan)

        def day_of(p: Pass) -> date:
            return p.at.astimezone(ZONE).date()

        if of_project == "silence":
            # First of all: nothing else is planted in what the gates never reported.
            until = self._until(site, plan)
            site.passages = [p for p in site.passages if day_of(p) < until]
            site.forgotten = [f for f in site.forgotten if f[1] < until]
            yield Planted("data_silence", site.id, "project", site.id, second)
        if of_project == "nothing":
            yield from self._forgotten(site, plan)
        if (hand := people.get("refused")) is not None and hand.exit_on is not None:
            for n in (3, 5):
                day = hand.exit_on + timedelta(days=n)
                site.passages.append(Pass(minute_of(day, 400), site.lanes["in"][0], "in", hand.id, verdict="refuse", code="not_engaged", similarity=0.7, margin=0.2))
            yield self._of(hand, site, "refused_again", second)
        if (gate := people.get("low_score")) is not None:
            own = [p for p in site.passages if p.gate == gate and p.verdict == "admit" and day_of(p) >= second]
            for p in dice.sample(own, min(6, len(own))):
                p.similarity = 0.5
            yield Planted("admitted_below_threshold", site.id, "gate", gate, second)
        if (gate := people.get("late_events")) is not None:
            # Early in the month, so that they are in before it is locked.
            own = [p for p in site.passages if p.gate == gate and p.verdict == "admit" and day_of(p) == second + timedelta(days=2)]
            for p in own[:5]:
                p.lag_s = 9 * 86400.0
            if own:
                yield Planted("late_delivery", site.id, "gate", gate, second)
        if (gate := people.get("clock")) is not None:
            own = [p for p in site.passages if p.gate == gate and first <= day_of(p) < first + timedelta(days=10)]
            for p in own:
                p.ahead_s = 180.0
            yield Planted("device_clock_ahead", site.id, "gate", gate, first)
        if (gate := people.get("silent_lane")) is not None:
            other = site.lanes["out"][0]
            for p in site.passages:
                if p.gate == gate and day_of(p) == second + timedelta(days=14):
                    p.gate = other
            yield Planted("gate_silent", site.id, "gate", gate, second, (("gate_throughput", second, other),))
        if (gate := people.get("bare_faces")) is not None:
            own = [p for p in site.passages if p.gate == gate and p.verdict == "admit" and day_of(p) >= second]
            for p in dice.sample(own, min(20, len(own))):
                p.similarity = p.margin = None
            yield Planted("without_device_evidence", site.id, "gate", gate, second)
        if (gate := people.get("gap")) is not None:
            own = [p for p in site.passages if p.gate == gate and second + timedelta(days=4) < day_of(p) < next_month(second) - timedelta(days=4)]
            if own:
                # A lane of cards: whoever takes pictures numbers those of nobody too, and a number left out says nothing.
                site.passages = [p for p in site.passages if p.gate != gate or p.worker is not None or day_of(p) < second - timedelta(days=1)]
                for p in site.passages:
                    if p.gate == gate and day_of(p) >= second - timedelta(days=1):
                        p.channel, p.similarity, p.margin = "card", None, None
                dice.choice([p for p in own if p.worker is not None]).skipped = 4
                yield Planted("sequence_gap", site.id, "gate", gate, second)
        for kind in ("random_fill", "copied", "typed", "pictures"):
            if (crew := people.get(kind)) is not None:
                yield from self._forge(site, plan, crew, kind, dice)
        if (crew := people.get("overtime")) is not None:
            own = {hand.id for hand in crew.workers}
            for p in site.passages:
                minutes = p.at.astimezone(ZONE).hour * 60
                if p.worker in own and p.direction == "out" and minutes > 15 * 60 and day_of(p) >= second and day_of(p).day <= 20:
                    p.at += timedelta(hours=4)
            yield Planted("overtime_limit", site.id, "team", crew.id, second)
        if (crew := people.get("no_rest")) is not None:
            self._no_rest(site, plan, crew)
            for month in (m for m in plan.months if self._until(site, plan) - m >= timedelta(days=28)):
                yield Planted("no_weekly_rest", site.id, "team", crew.id, month, (("overtime_limit", month, crew.id),))

    def _until(self, site: Site, plan: Plan) -> date:
        """First day of which a site's gates report nothing any more."""
        second = plan.months[1]
        return second + timedelta(days=19) if self._kinds(site)[0] == "silence" else next_month(second)

    def _forge(self, site: Site, plan: Plan, crew: Crew, kind: str, dice: random.Random) -> Iterator[Planted]:
        """Somebody writes the last month of a team, as ``domain.audit.simulation`` explains: nobody of it was at the gate."""
        month = plan.months[1]
        own = {hand.id for hand in crew.workers}
        site.passages = [p for p in site.passages if p.worker not in own or not _in(p, month)]
        site.forgotten = [f for f in site.forgotten if f[0].id not in own or f[1] < month]
        come, go = site.lanes["in"][0], site.lanes["out"][0]
        usual = {hand.id: (dice.uniform(395, 425), dice.uniform(895, 925)) for hand in crew.workers}
        picture = {hand.id: (f"{dice.getrandbits(256):064x}", round(dice.uniform(0.6, 0.75), 6)) for hand in crew.workers}
        day = month
        while day < self._until(site, plan):
            if day.weekday() != crew.rest_weekday:
                for hand in crew.workers:
                    first, last = usual[hand.id]
                    if kind == "random_fill":
                        first, last = dice.uniform(390, 430), dice.uniform(890, 930)
                    elif kind == "typed":
                        first, last = 400 + dice.randrange(3) * 5, 900 + dice.randrange(3) * 5
                    elif kind == "pictures":
                        first, last = first + dice.gauss(0, 4), last + dice.gauss(0, 4)
                    for gate, way, minute in ((come, "in", first), (go, "out", last)):
                        frame, score = picture[hand.id] if kind == "pictures" else (None, round(dice.gauss(0.68, 0.03), 6))
                        site.passages.append(
                            Pass(minute_of(day, minute), gate, way, hand.id, similarity=score, margin=round(dice.uniform(0.1, 0.4), 6), content=frame)
                        )
            day += timedelta(days=1)
        also = tuple((rule, month, crew.id) for rule in OF_TEAM)
        also += tuple((rule, month, gate) for rule in OF_GATE for gate in (come, go))
        also += tuple(("equal_scores", month, hand.id) for hand in crew.workers)
        team = {"random_fill": ("no_habits",), "copied": ("identical_days", "same_order"), "typed": ("whole_minutes",)}
        for rule in team.get(kind, ()):
            yield Planted(rule, site.id, "team", crew.id, month, also)
        if kind == "typed":
            yield Planted("gate_throughput", site.id, "gate", come, month, also)
        if kind == "pictures":
            yield Planted("replayed_picture", site.id, "gate", come, month, also)
            yield Planted("equal_scores", site.id, "worker", crew.workers[0].id, month, also)

    def _no_rest(self, site: Site, plan: Plan, crew: Crew) -> None:
        """One of the team comes every day of both months: days he missed are put in."""
        hand = crew.workers[0]
        seen = {p.at.astimezone(ZONE).date() for p in site.passages if p.worker == hand.id}
        gone = {f[1] for f in site.forgotten if f[0].id == hand.id}
        day = plan.months[0]
        while day < self._until(site, plan):
            if day not in seen and day not in gone:
                for minute, way in ((crew.start, "in"), (1003, "out")):
                    # Not twice at the same second: he was there.
                    minute += (day.toordinal() * 37 % 101) / 10
                    site.passages.append(Pass(minute_of(day, minute), site.lanes[way][0], way, hand.id, similarity=0.7, margin=0.2))
            day += timedelta(days=1)

    def _forgotten(self, site: Site, plan: Plan) -> Iterator[Planted]:
        """On a project that draws up nothing, forgotten exits stay undecided, and one man never seems to leave."""
        site.forgotten = []
        hand, other = site.hands[2], site.hands[3]
        for month in plan.months:
            own = [p for p in site.passages if p.worker == hand.id and _in(p, month) and p.direction == "out" and p.at.astimezone(ZONE).hour >= 15]
            gone = set(map(id, own[:2]))
            site.passages = [p for p in site.passages if id(p) not in gone]
            if own:
                yield Planted("undecided_days", site.id, "worker", hand.id, month)
            mine = sorted((p for p in site.passages if p.worker == other.id and _in(p, month)), key=lambda p: p.at)
            days = sorted({p.at.astimezone(ZONE).date() for p in mine})
            pair = next(((a, b) for a, b in zip(days, days[1:], strict=False) if b - a == timedelta(days=1)), None)
            if pair is not None:
                a, b = pair
                # He comes in the morning of one day and goes out in the evening of the next; nothing between.
                keep = {id(min((p for p in mine if p.at.astimezone(ZONE).date() == a), key=lambda p: p.at)),
                        id(max((p for p in mine if p.at.astimezone(ZONE).date() == b), key=lambda p: p.at))}  # fmt: skip
                drop = {id(p) for p in mine if p.at.astimezone(ZONE).date() in pair} - keep
                site.passages = [p for p in site.passages if id(p) not in drop]
                yield Planted("stay_too_long", site.id, "worker", other.id, month)

    # --- before the papers -----------------------------------------------------------------------------------

    def before_the_papers(self, database: Database, vault: Vault, site: Site, plan: Plan) -> Iterator[Planted]:
        """Marks, cards, posts, corrections: what is there when sheets are drafted."""
        first, second = plan.months
        of_project, _ = self._kinds(site)
        people = self._people(site, plan)
        with database.write() as db:
            if of_project == "stoppage":
                day = second + timedelta(days=11)
                timekeeping.add_mark(
                    db, project_id=site.id, kind="stoppage", from_on=day, to_on=day + timedelta(days=1), pay_permille=0, note="报停工",
                    by=OFFICER, now=clock_of(day, "07:00"),
                )  # fmt: skip
                yield Planted("passage_during_stoppage", site.id, "project", site.id, second)
            if (hand := people.get("on_leave")) is not None and (day := _worked(db, site, hand, second)) is not None:
                timekeeping.add_mark(
                    db, project_id=site.id, kind="leave", from_on=day, to_on=day + timedelta(days=1), pay_permille=0, note="请假",
                    worker_id=hand.id, by=OFFICER, now=clock_of(day, "07:00"),
                )  # fmt: skip
                yield self._of(hand, site, "passage_on_leave", second)
            if (hand := people.get("card_changed")) is not None:
                hand.card = card_number(hand.id + 5_000_000)
                bank.set_card(
                    db, vault, project_id=site.id, worker_id=hand.id, number=hand.card, bank_name="生成银行（虚构）", by=OFFICER,
                    now=clock_of(next_month(first).replace(day=7), "09:00"),
                )  # fmt: skip
                yield self._of(hand, site, "card_changed_before_pay", first)
            if (hand := people.get("post_absent")) is not None:
                db.execute(
                    insert(ProjectPaper).values(
                        project_id=site.id, kind="key_post", from_on=first, to_on=None, amount_fen=None, worker_id=hand.id,
                        detail={"post": "project_manager"}, evidence=[], recorded_by=OFFICER, recorded_at=clock_of(first, "08:00"),
                    )
                )  # fmt: skip
                for month in plan.months:
                    yield self._of(hand, site, "key_post_absent", month)
            if (crew := people.get("corrections")) is not None:
                hand = crew.workers[0]
                days = _days_of(db, site, hand, second)[:5]
                for day in days:
                    self._correct(db, site, hand, day, "add_session", in_at=clock_of(day, "18:30"), out_at=clock_of(day, "19:00"))
                if len(days) > 3:
                    yield Planted("many_corrections", site.id, "team", crew.id, second)
            if (crew := people.get("written_days")) is not None:
                yield from self._written(db, site, crew, second)

    def _written(self, db: Session, site: Site, crew: Crew, month: date) -> Iterator[Planted]:
        """A third of a team's month is written in by hand after it is over."""
        asked = clock_of(next_month(month), "09:00")
        count = 0
        for hand in crew.workers:
            seen = set(_days_of(db, site, hand, month))
            for n in range(0, 30, 2):
                day = month + timedelta(days=n)
                if day not in seen or n % 4 == 0:
                    continue
                for passage_id in _passages(db, site, hand, day):
                    self._correct(db, site, hand, day, "void_passage", passage_id=passage_id, asked=asked)
                self._correct(db, site, hand, day, "set_day", minutes=480, day_milli=1000, asked=asked)
                count += 1
        if count:
            also = (("many_corrections", month, crew.id),)
            yield Planted("days_without_gate", site.id, "team", crew.id, month, also)
            yield Planted("month_end_corrections", site.id, "project", site.id, month, also)

    def _correct(self, db: Session, site: Site, hand: Hand, day: date, kind: str, **said: Any) -> None:
        """A correction that went its way, with whoever is named."""
        values = {"in_at": None, "out_at": None, "passage_id": None, "minutes": None, "day_milli": None, **said}
        asked = values.pop("asked", None) or clock_of(day + timedelta(days=1), "10:00")
        correction = db.execute(
            insert(CorrectionRow).values(
                project_id=site.id, worker_id=hand.id, work_date=day, kind=kind, reason="leader_record", note="生成", evidence=[],
                requested_by=SUBCONTRACTOR, requested_at=asked, **values,
            )
        ).inserted_primary_key[0]  # fmt: skip
        for act, by, hours in (("leader_ok", LEADER, 1), ("officer_ok", OFFICER, 5)):
            db.execute(insert(CorrectionStep).values(correction_id=correction, act=act, note="", by=by, at=asked + timedelta(hours=hours)))

    # --- after the papers ------------------------------------------------------------------------------------

    def after_the_papers(self, database: Database, vault: Vault, site: Site, plan: Plan) -> Iterator[Planted]:
        """What happens when all is paid; and what somebody wrote into the tables himself."""
        first, second = plan.months
        of_project, _ = self._kinds(site)
        people = self._people(site, plan)
        late = plan.as_of - timedelta(hours=3)
        with database.write() as db:
            if (hand := people.get("left_and_passes")) is not None:
                days = _days_of(db, site, hand, second)
                db.execute(update(Engagement.__table__).where(Engagement.id == hand.engagement_id).values(exit_on=days[-3]))
                yield self._of(hand, site, "passage_outside_engagement", second)
            if (hand := people.get("no_transfer")) is not None and site.quirks.paid[1]:
                yield self._of(
                    hand, site, "worked_without_pay", second, ("sheet_line_unpaid", second, hand.id), ("paid_coverage", second, None),
                    ("exited_unsettled", second, hand.id),
                )
                yield self._of(hand, site, "sheet_line_unpaid", second)
                yield Planted("paid_coverage", site.id, "project", site.id, second)
            if (hand := people.get("left_unpaid")) is not None:
                yield self._of(
                    hand, site, "exited_unsettled", second, ("sheet_line_unpaid", second, hand.id), ("paid_coverage", second, None),
                    ("worked_without_pay", second, hand.id),
                )
            if (hand := people.get("template")) is not None:
                yield self._template(db, site, hand, plan)
            if (hand := people.get("cash_for_nothing")) is not None:
                yield from self._ghost(db, vault, site, hand, plan)
            if (hand := people.get("void_day")) is not None:
                day = _days_of(db, site, hand, second)[4]
                for passage_id in _passages(db, site, hand, day):
                    self._correct(db, site, hand, day, "void_passage", passage_id=passage_id, asked=late - timedelta(days=1))
                yield self._of(hand, site, "sheet_days_above_gate", second)
            if (crew := people.get("dispute_paid")) is not None and site.quirks.paid[1]:
                line = _line(db, site, crew.workers[0], second)
                if line is not None:
                    db.execute(
                        insert(WorkerConfirmation).values(
                            project_id=site.id, worker_id=line.worker_id, subject="line", content_hash=line.line_hash, verdict="dispute",
                            claimed_fen=line.net_fen + 400_00, reason="少算", method="paper", evidence=[], recorded_by=OFFICER, at=late,
                        )
                    )  # fmt: skip
                    yield Planted("paid_unsigned", site.id, "team", crew.id, second)
            for kind in ("changed_line", "deduction", "more_days"):
                if (hand := people.get(kind)) is not None:
                    yield from self._rewritten(db, site, hand, plan, kind, late)
            if (crew := people.get("redrafted")) is not None:
                self._redraft(db, site, crew.id, second, late, acts=("submitted", "checked"))
                yield Planted("redrafted_after_publicity", site.id, "project", site.id, second, _REWRITTEN)
            if of_project == "same_hand":
                sheet = _sheet(db, site.crews[0].id, first)
                if sheet is not None:
                    new = self._redraft(db, site, site.crews[0].id, first, late, acts=("submitted", "checked", "publicised"))
                    db.execute(insert(SheetAct).values(sheet_id=new, act="approved", note="", by=SUBCONTRACTOR, at=late))
                    # It hung out for no time at all, too.
                    yield Planted("same_hand", site.id, "project", site.id, first, (("publicity_short", first, None), *_REWRITTEN))
            if of_project == "bank_mismatch":
                _past_the_walls(db, "payment_batch", update(PaymentBatch.__table__).where(
                    PaymentBatch.project_id == site.id, PaymentBatch.id == select(text("min(id)")).select_from(PaymentBatch.__table__)
                    .where(PaymentBatch.project_id == site.id).scalar_subquery()
                ).values(total_fen=PaymentBatch.total_fen + 100_00))  # fmt: skip
                yield Planted("bank_mismatch", site.id, "project", site.id, first)
            if of_project == "nothing":
                yield from self._cash(db, site, plan)

    def _template(self, db: Session, site: Site, hand: Hand, plan: Plan) -> Planted:
        first, second = plan.months
        consent = db.execute(text("SELECT max(id) FROM consent WHERE worker_id = :w"), {"w": hand.id}).scalar_one()
        # He left on the first day after the first month and his face is still there.
        left = _days_of(db, site, hand, first)
        db.execute(update(Engagement.__table__).where(Engagement.id == hand.engagement_id).values(exit_on=left[-1]))
        db.execute(
            insert(FaceTemplate).values(
                worker_id=hand.id, project_id=site.id, consent_id=consent, contract_id="generated", pack_id="generated",
                template_sealed=b"generated", photographs=1, created_at=clock_of(first, "08:00"), erased_at=None, erased_reason=None,
            )
        )  # fmt: skip
        # He goes on passing, which is another finding.
        also = tuple((rule, month, hand.id) for rule in ("passage_outside_engagement", "exited_unsettled") for month in plan.months)
        return self._of(hand, site, "template_left", first, ("template_left", second, hand.id), *also)

    def _ghost(self, db: Session, vault: Vault, site: Site, hand: Hand, plan: Plan) -> Iterator[Planted]:
        """Money for somebody who was on the roster of the last month and never seen."""
        second = plan.months[1]
        digits = f"990425{date(1980, 1, 1) + timedelta(days=site.number):%Y%m%d}{site.number:03d}"
        number = digits + id_check_digit(digits)
        index = vault.index("id_number", number)
        entered_at = clock_of(second, "08:00")
        ghost = db.execute(
            insert(Worker).values(
                name=f"生成虚{site.number}", id_number_index=index, sex="m", birth_on=date(1980, 1, 1) + timedelta(days=site.number),
                id_number_sealed=vault.seal(number.encode(), table="worker", column="id_number_sealed", owner=index), phone_sealed=None,
                created_at=entered_at,
            )
        ).inserted_primary_key[0]  # fmt: skip
        db.execute(
            insert(Engagement).values(
                worker_id=ghost, project_id=site.id, project_company_id=hand.crew.project_company_id, team_id=hand.crew.id,
                trade=hand.crew.trade, entry_on=second, exit_on=None, created_at=entered_at,
            )
        )  # fmt: skip
        payroll.record_payment(
            db, project_id=site.id, worker_id=ghost, amount_fen=6_000_00, paid_on=next_month(second) + timedelta(days=9),
            for_month=second, channel="cash", idempotency_key=f"generated-ghost-{site.number}", by=OFFICER, now=plan.as_of - timedelta(hours=2),
        )  # fmt: skip
        yield Planted("paid_without_work", site.id, "worker", ghost, second)
        yield Planted("paid_off_account", site.id, "project", site.id, second)

    def _cash(self, db: Session, site: Site, plan: Plan) -> Iterator[Planted]:
        """Two months of three thousand in cash for one man; the same sum for eight others; something short for one."""
        hands = site.hands
        for month in plan.months:
            paid_on = next_month(month) + timedelta(days=9)
            said = {"project_id": site.id, "for_month": month, "paid_on": paid_on, "channel": "cash", "by": OFFICER, "now": plan.as_of - timedelta(hours=2)}
            for n, hand in enumerate([hands[4], *[h for h in hands[9:20] if h.kind == "day"][:9]]):
                payroll.record_payment(db, worker_id=hand.id, amount_fen=3_000_00, idempotency_key=f"generated-cash-{month:%m}-{n}-{site.number}", **said)
            yield Planted("paid_off_account", site.id, "project", site.id, month)
            yield Planted(
                "uniform_amounts", site.id, "project", site.id, month,
                (("living_allowance", plan.months[1], None), ("underpaid", month, None)),
            )  # fmt: skip
            yield Planted("underpaid", site.id, "worker", hands[4].id, month)
        yield Planted("living_allowance", site.id, "worker", hands[4].id, plan.months[1])

    def _rewritten(self, db: Session, site: Site, hand: Hand, plan: Plan, kind: str, late: datetime) -> Iterator[Planted]:
        """A line of the paid sheet was changed afterwards, past the use cases."""
        month = plan.months[1]
        line = _line(db, site, hand, month)
        if line is None:
            return
        change: dict[str, Any]
        if kind == "changed_line":
            change = {"line_hash": "f" * 64}
            rule, also = "changed_after_signature", _REWRITTEN
        elif kind == "deduction":
            taken = line.gross_fen * 3 // 10
            change = {
                "deductions_fen": taken, "net_fen": line.gross_fen - taken,
                "items": [*line.items, {"kind": "deduction", "code": "damage", "amount_fen": -taken, "row_id": 1}],
            }  # fmt: skip
            rule, also = "unlawful_deduction", _REWRITTEN
        else:
            change = {"day_milli": 45_000}
            rule, also = "more_days_than_month", (("sheet_days_above_gate", month, hand.id), *_REWRITTEN)
        acts = ("submitted", "checked", "publicised")
        new = self._redraft(db, site, hand.crew.id, month, late - timedelta(days=4), acts=acts, change={line.id: change})
        db.execute(insert(SheetAct).values(sheet_id=new, act="approved", note="", by=MANAGER, at=late))
        yield self._of(hand, site, rule, month, *also)

    def _redraft(
        self, db: Session, site: Site, team_id: int, month: date, at: datetime, *, acts: Iterable[str], change: dict[int, dict[str, Any]] | None = None
    ) -> int:
        """Write another version of a team's sheet, its lines as they are but for some; returns its id."""
        before = _sheet(db, team_id, month)
        assert before is not None
        new = db.execute(
            insert(PayrollSheet).values(
                project_id=site.id, project_company_id=before.project_company_id, team_id=team_id, month=month, kind=before.kind,
                version=before.version + 1, digest="0" * 64, drafted_by=SUBCONTRACTOR, drafted_at=at,
            )
        ).inserted_primary_key[0]  # fmt: skip
        table = PayrollLine.__table__
        lines = db.execute(select(table).where(table.c.sheet_id == before.id).order_by(table.c.id)).mappings().all()
        rows = []
        for line in lines:
            row = {**line, **(change or {}).get(line["id"], {}), "sheet_id": new}
            del row["id"]
            rows.append(row)
        bulk(db, PayrollLine, rows)
        for act in acts:
            by = SUBCONTRACTOR if act == "submitted" else OFFICER
            db.execute(insert(SheetAct).values(sheet_id=new, act=act, note="", by=by, at=at))
        return new

    # --- across projects -------------------------------------------------------------------------------------

    def across(self, db: Session, vault: Vault, sites: list[Site], plan: Plan) -> Iterator[Planted]:
        """One man on two rosters; one card for two; one face under two names; one man in two places."""
        second = plan.months[1]
        dice = random.Random(f"{plan.seed}:across")
        honest = [site for site in sites if self._kinds(site)[0] not in ("nothing", "unpaid_month", "low_rates")]
        for n, (here, there) in enumerate(zip(honest[0::2], honest[1::2], strict=False)):
            used = {id(hand) for site in (here, there) for hand in self._people(site, plan).values()}
            free = [hand for hand in here.crews[0].workers if id(hand) not in used and hand.exit_on is None]
            if len(free) < 3:
                continue
            hand, other = free[0], free[1]
            if n % 4 == 0:
                self._second_engagement(db, there, hand, second + timedelta(days=5), second + timedelta(days=12))
                for site in (here, there):
                    yield Planted("engaged_twice", site.id, "worker", hand.id, second)
            elif n % 4 == 1:
                twin = there.crews[0].workers[0]
                index = vault.index("bank_card", hand.card)
                sealed = vault.seal(hand.card.encode(), table="bank_card", column="number_sealed", owner=f"{twin.id}:{index}")
                held.add_card(
                    db, worker_id=twin.id, holder_name=twin.name, number_sealed=sealed, number_index=index, last4=hand.card[-4:],
                    bank_name="生成银行（虚构）", bank_code=None, recorded_by=OFFICER, recorded_at=plan.as_of - timedelta(hours=1),
                )  # fmt: skip
                for site, who in ((here, hand), (there, twin)):
                    yield Planted("shared_card", site.id, "worker", who.id, second, (("shared_card", plan.months[0], who.id),))
            elif n % 4 == 2:
                yield from self._double(db, vault, here, there, hand, plan)
            else:
                day = next((d for d in _days_of(db, here, other, second) if d.day > 10), None)
                if day is None:
                    continue
                began = db.execute(
                    text("SELECT min(occurred_at) FROM passage WHERE project_id = :p AND worker_id = :w AND occurred_at >= :a AND occurred_at < :b"),
                    {"p": here.id, "w": other.id, "a": _stamp(db, minute_of(day, 0)), "b": _stamp(db, minute_of(day, 600))},
                ).scalar_one()
                at = _instant(began) + timedelta(minutes=4)
                self._second_engagement(db, there, other, day, day + timedelta(days=1))
                content = f"{dice.getrandbits(256):064x}"
                for k, (way, minutes) in enumerate((("in", 0), ("out", 3))):
                    gate = there.lanes[way][0]
                    gates.add_passage(
                        db, project_id=there.id, device_id=there.devices[gate], gate_id=gate, direction=way,
                        event_key=f"extra{n}:{k + 1}", content_sha256=content[:-1] + str(k), worker_id=other.id, channel="face", verdict="admit",
                        code="admitted", captured_at=at + timedelta(minutes=minutes), received_at=at + timedelta(minutes=minutes),
                        occurred_at=at + timedelta(minutes=minutes), similarity=0.7, margin=0.2, similarity_min=0.55, margin_min=0.08,
                        contract_id="generated", quality=None,
                    )  # fmt: skip
                for site in (here, there):
                    yield Planted("in_two_places", site.id, "worker", other.id, second, (("engaged_twice", second, other.id),))

    def _double(self, db: Session, vault: Vault, here: Site, there: Site, hand: Hand, plan: Plan) -> Iterator[Planted]:
        """He has a second ID number, under which he is on another roster."""
        first, second = plan.months
        digits = f"990426{hand.born:%Y%m%d}{hand.id % 499 * 2 + (0 if hand.sex == 'f' else 1):03d}"
        number = digits + id_check_digit(digits)
        index = vault.index("id_number", number)
        double = db.execute(
            insert(Worker).values(
                name=hand.name, id_number_index=index, sex=hand.sex, birth_on=hand.born,
                id_number_sealed=vault.seal(number.encode(), table="worker", column="id_number_sealed", owner=index), phone_sealed=None,
                created_at=clock_of(second, "07:00"),
            )
        ).inserted_primary_key[0]  # fmt: skip
        crew = there.crews[0]
        db.execute(
            insert(Engagement).values(
                worker_id=double, project_id=there.id, project_company_id=crew.project_company_id, team_id=crew.id, trade=crew.trade,
                entry_on=second + timedelta(days=5), exit_on=second + timedelta(days=12), created_at=clock_of(second, "07:00"),
            )
        )  # fmt: skip
        yield Planted("possible_same_person", here.id, "worker", hand.id, second, (("possible_same_person", first, hand.id),))
        yield Planted("possible_same_person", there.id, "worker", double, second)

    def _second_engagement(self, db: Session, there: Site, hand: Hand, from_on: date, to_on: date) -> None:
        crew = there.crews[0]
        db.execute(
            insert(Engagement).values(
                worker_id=hand.id, project_id=there.id, project_company_id=crew.project_company_id, team_id=crew.id, trade=crew.trade,
                entry_on=from_on, exit_on=to_on, created_at=clock_of(from_on, "07:00"),
            )
        )  # fmt: skip


def _in(p: Pass, month: date) -> bool:
    return month <= p.at.astimezone(ZONE).date() < next_month(month)


def _stamp(db: Session, at: datetime) -> Any:
    return at if db.get_bind().dialect.name == "postgresql" else f"{at.replace(tzinfo=None):%Y-%m-%d %H:%M:%S.%f}"


def _instant(value: Any) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _days_of(db: Session, site: Site, hand: Hand, month: date) -> list[date]:
    """Dates of a month on which the gates admitted somebody, in order."""
    table = gates.PassageRow.__table__
    rows = db.execute(
        select(table.c.occurred_at).where(
            table.c.project_id == site.id, table.c.worker_id == hand.id, table.c.verdict == "admit",
            table.c.occurred_at >= minute_of(month, 0), table.c.occurred_at < minute_of(next_month(month), 0),
        )
    ).scalars()  # fmt: skip
    return sorted({at.astimezone(ZONE).date() for at in rows})


def _worked(db: Session, site: Site, hand: Hand, month: date) -> date | None:
    days = _days_of(db, site, hand, month)
    return days[len(days) // 2] if days else None


def _passages(db: Session, site: Site, hand: Hand, day: date) -> list[int]:
    table = gates.PassageRow.__table__
    return list(
        db.execute(
            select(table.c.id).where(
                table.c.project_id == site.id, table.c.worker_id == hand.id, table.c.verdict == "admit",
                table.c.occurred_at >= minute_of(day, 0), table.c.occurred_at < minute_of(day + timedelta(days=1), 0),
            )
        ).scalars()
    )  # fmt: skip


def _sheet(db: Session, team_id: int, month: date) -> Any:
    table = PayrollSheet.__table__
    return db.execute(
        select(table).where(table.c.team_id == team_id, table.c.month == month).order_by(table.c.version.desc()).limit(1)
    ).first()


def _line(db: Session, site: Site, hand: Hand, month: date) -> Any:
    sheet = _sheet(db, hand.crew.id, month)
    table = PayrollLine.__table__
    if sheet is None:
        return None
    return db.execute(
        select(table).where(table.c.sheet_id == sheet.id, table.c.worker_id == hand.id, table.c.origin_month == month)
    ).first()


def _past_the_walls(db: Session, table: str, statement: Any) -> None:
    """Change what nobody may change, as somebody with the database's own password would."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(text("SET LOCAL session_replication_role = replica"))
        db.execute(statement)
        db.execute(text("SET LOCAL session_replication_role = DEFAULT"))
        return
    walls = db.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"), {"t": table}
    ).all()
    for name, _ in walls:
        db.execute(text(f"DROP TRIGGER {name}"))
    db.execute(statement)
    for _, sql in walls:
        db.connection().exec_driver_sql(sql)
