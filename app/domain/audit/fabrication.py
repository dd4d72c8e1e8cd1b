"""Records that look made up rather than lived (families F; A22, A23, A25).

A suspicion ranks; it convicts nobody. Each rule says how often it found forged months and how often it accused honest ones,
teams that come by bus included, in ``rates.RATES``: simulated months, measured by ``python -m bench.fabrication``. A forger who knows a rule can
write around it; that is why there are many, and why what the gate itself signs counts for more than any of them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from app.domain.audit.beside import Trace
from app.domain.audit.process import EXCUSED_REASONS, MANUAL_KINDS
from app.domain.audit.rule import Arrival, Hit, Hits, Reckoning, Severity, about_project, grouped, rule
from app.domain.audit.signals import bursts, icc, repeats, spread, uniform_p, variation
from app.domain.facts import Channel

SCORE_STEP = 100
"""Scores that are whole hundredths come from a device that rounds: equal ones say nothing (attendance.md 1.1, sim decimal(4,2))."""


# --- times -------------------------------------------------------------------------------------------------


@rule(severity=Severity.YELLOW, answers="F4 A23", suspicion=True)
def no_habits(reckoning: Reckoning) -> Hits:
    """The times at which this team comes follow neither the person nor the day: people have habits, or a bus in common, and
    random numbers have neither.

    Attendance.md 0.1 and 5.4 F4. Intraclass correlation of first entries by worker and by day, at least eight workers of ten days;
    fires when both are below 0.08. A crew that comes by bus has no habits of its own but a day in common, and is excused by it.
    """
    limits = reckoning.limits
    below = limits["habit_icc_milli"]
    for team_id, arrivals in reckoning.arrivals_by_team.items():
        by_worker = {w: of for w, of in grouped(arrivals, lambda a: a.worker_id).items() if len(of) >= limits["habit_days_min"]}
        if len(by_worker) < limits["habit_workers_min"]:
            continue
        kept = [a for of in by_worker.values() for a in of]
        person = icc([[a.came_s for a in of] for of in by_worker.values()])
        day = icc([[a.came_s for a in of] for of in grouped(kept, lambda a: a.on).values()])
        if person is not None and day is not None and max(person, day) * 1000 < below:
            yield Hit(
                team_id,
                [("passage", a.in_id) for a in kept],
                {"workers": len(by_worker), "person_icc": _share(person), "day_icc": _share(day), "arrivals": len(kept)},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="F5 A23", suspicion=True)
def uniform_arrivals(reckoning: Reckoning) -> Hits:
    """The entries of this team are spread evenly over a window, as a programme spreads them and a crowd does not.

    Domain.md 4.7 A23, attendance.md 5.4 F5. Kolmogorov-Smirnov test of at least a hundred first entries of the month against an even
    spread between the first and the last of them: p above 0.2.
    """
    least, p_milli = reckoning.limits["uniform_times_min"], reckoning.limits["uniform_p_milli"]
    for team_id, arrivals in reckoning.arrivals_by_team.items():
        if len(arrivals) < least:
            continue
        p = uniform_p([a.came_s for a in arrivals])
        if p is not None and p * 1000 > p_milli:
            yield Hit(
                team_id,
                [("passage", a.in_id) for a in arrivals],
                {"arrivals": len(arrivals), "fit": f"{p:.2f}", "first": _clock(min(a.came_s for a in arrivals)), "last": _clock(max(a.came_s for a in arrivals))},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="A23", suspicion=True)
def constant_intervals(reckoning: Reckoning) -> Hits:
    """People of this team came in at even intervals on several days.

    Domain.md 4.7 A23. A day counts when at least six people came with gaps of a quarter of a minute and more on average, so that no queue makes
    them, and the gaps differ from their mean by less than 15 %. Three days.
    """
    limits = reckoning.limits
    for team_id, arrivals in reckoning.arrivals_by_team.items():
        even: dict[date, tuple[Arrival, ...]] = {}
        for on, own in grouped(arrivals, lambda a: a.on).items():
            said = variation([a.came_s for a in own]) if len(own) >= limits["interval_people_min"] else None
            if said and said[0] >= limits["interval_gap_seconds"] and said[1] * 1000 < limits["interval_cv_milli"]:
                even[on] = own
        if len(even) >= limits["interval_days"]:
            yield Hit(
                team_id,
                [("passage", a.in_id) for own in even.values() for a in own],
                {"days": len(even), "first_on": min(even).isoformat()},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="A23", suspicion=True)
def same_order(reckoning: Reckoning) -> Hits:
    """This team comes through the gate in exactly the same order day after day.

    Domain.md 4.7 A23. Of neighbouring days with at least eight people in common, at least five of them, 60 % have them in one order.
    """
    limits = reckoning.limits
    for team_id, arrivals in reckoning.arrivals_by_team.items():
        days = sorted(grouped(arrivals, lambda a: a.on).items())
        orders = [[a.worker_id for a in sorted(own, key=lambda a: (a.came_s, a.worker_id))] for _, own in days]
        same, compared = repeats(orders, limits["order_people_min"])
        if compared >= limits["order_days_min"] and same * 100 >= compared * limits["order_percent"]:
            yield Hit(
                team_id,
                [("passage", a.in_id) for a in arrivals],
                {"same": same, "compared": compared},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="F6", suspicion=True)
def whole_minutes(reckoning: Reckoning) -> Hits:
    """The times of this team are whole minutes far more often than clocks make them.

    Attendance.md 5.4 F6. One time in sixty is a whole minute by itself; fires at 30 % of at least sixty times. A device that keeps no seconds does the
    same: then it is the device that must be looked at.
    """
    least, percent = reckoning.limits["digits_times_min"], reckoning.limits["digits_percent"]
    for team_id, arrivals in reckoning.arrivals_by_team.items():
        times = [(a.came_s, a.in_id) for a in arrivals] + [(a.left_s, a.out_id) for a in arrivals if a.left_s is not None and a.out_id]
        whole = [id_ for s, id_ in times if s % 60 == 0]
        if len(times) >= least and len(whole) * 100 >= len(times) * percent:
            yield Hit(team_id, [("passage", i) for i in whole], {"times": len(times), "whole": len(whole)}, subject_kind="team")


@rule(severity=Severity.YELLOW, answers="F7", suspicion=True)
def identical_days(reckoning: Reckoning) -> Hits:
    """People of this team came and left at the very same seconds on several days.

    Attendance.md 5.4 F7. A person counts when entry and exit of at least four of his dates are those of another of his dates.
    """
    least = reckoning.limits["identical_days"]
    for team_id, arrivals in reckoning.arrivals_by_team.items():
        found: dict[int, list[Arrival]] = {}
        for worker_id, own in grouped((a for a in arrivals if a.left_s is not None), lambda a: a.worker_id).items():
            times = Counter((a.came_s, a.left_s) for a in own)
            again = [a for a in own if times[a.came_s, a.left_s] > 1]
            if len(again) >= least:
                found[worker_id] = again
        if found:
            yield Hit(
                team_id,
                [("passage", i) for own in found.values() for a in own for i in (a.in_id, a.out_id) if i],
                {"workers": len(found), "days": sum(map(len, found.values()))},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="F7", suspicion=True)
def same_pattern(reckoning: Reckoning) -> Hits:
    """Several people of this team came and left at the same seconds as each other, day after day.

    Attendance.md 5.4 F7. At least three people who share entry and exit to the second on at least six dates: one lane lets nobody do that.
    """
    days_min, workers_min = reckoning.limits["pattern_days"], reckoning.limits["pattern_workers"]
    for team_id, arrivals in reckoning.arrivals_by_team.items():
        together: dict[tuple, list[Arrival]] = defaultdict(list)
        for a in arrivals:
            if a.left_s is not None:
                together[a.on, a.came_s, a.left_s].append(a)
        shared = [own for own in together.values() if len(own) >= workers_min]
        days = Counter(a.worker_id for own in shared for a in own)
        who = {w for w, n in days.items() if n >= days_min}
        if len(who) >= workers_min:
            yield Hit(
                team_id,
                [("passage", i) for own in shared for a in own if a.worker_id in who for i in (a.in_id, a.out_id) if i],
                {"workers": len(who), "days": max(days.values())},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="F3 A23", suspicion=True)
def gate_throughput(reckoning: Reckoning) -> Hits:
    """More people passed this gate than it can turn for.

    Attendance.md 5.4 F3: a lane takes 1.2 seconds a person. Fires when five different people passed within 4.8 seconds, twice in the month.
    """
    limits = reckoning.limits
    people = limits["gate_turn_people"]
    within = (people - 1) * limits["gate_turn_ms"] / 1000
    for gate_id, passages in grouped(reckoning.passages_in_month, lambda p: p.gate_id).items():
        windows = bursts([(p.occurred_at.timestamp(), p.worker_id) for p in passages], people, within)
        if len(windows) >= limits["gate_turn_windows"]:
            yield Hit(
                gate_id,
                [("passage", passages[i].id) for first, last in windows for i in range(first, last + 1)],
                {"windows": len(windows), "people": people, "seconds_milli": round(within * 1000)},
                subject_kind="gate",
            )


@rule(severity=Severity.YELLOW, answers="F9", suspicion=True)
def constant_headcount(reckoning: Reckoning) -> Hits:
    """Exactly the same number of people came on every day of the month.

    Attendance.md 5.4 F9. At least fifteen dates, at least eight people, never one more or one less: nobody was ever ill, late or away.
    """
    counts = Counter(d.work_date for d in reckoning.days if d.passage_ids)
    numbers = set(counts.values())
    if len(counts) >= reckoning.limits["headcount_days"] and len(numbers) == 1 and min(numbers) >= reckoning.limits["headcount_min"]:
        yield about_project(
            reckoning,
            [("worker", d.worker_id) for d in reckoning.days if d.passage_ids],
            {"days": len(counts), "people": min(numbers)},
        )


# --- pictures and scores ------------------------------------------------------------------------------------


@rule(severity=Severity.RED, answers="A25 F2", suspicion=True)
def replayed_picture(reckoning: Reckoning) -> Hits:
    """One and the same picture came in as two events of this gate.

    Domain.md 4.7 A25, attendance.md 5.4 F2. Events are compared by the hash of the picture alone, and for passages of before there was one by the whole
    of what was posted. A gate that resends an event is the same passage; a picture that was saved anew is another one and not found.
    """
    traces = _faces(reckoning)
    for gate_id, own in grouped(traces, lambda t: reckoning.passages_by_id[t.id].gate_id).items():
        by_content = grouped(own, lambda t: t.frame or t.content)
        again = [t for same in by_content.values() if len(same) >= reckoning.limits["replays"] for t in same]
        if again:
            yield Hit(
                gate_id,
                [("passage", t.id) for t in again],
                {"pictures": len({t.frame or t.content for t in again}), "passages": len(again)},
                subject_kind="gate",
            )


@rule(severity=Severity.RED, answers="A25", suspicion=True)
def equal_scores(reckoning: Reckoning) -> Hits:
    """The likeness of this worker was exactly the same again and again.

    Domain.md 4.7 A25: more than five times. Living faces give another score each time; scores rounded to hundredths are left out.
    """
    more_than = reckoning.limits["equal_scores"]
    for worker_id, traces in grouped(_faces(reckoning), lambda t: reckoning.passages_by_id[t.id].worker_id).items():
        times = Counter(t.similarity for t in traces if t.similarity is not None and not _is_rounded(t.similarity))
        alike = {score for score, n in times.items() if n > more_than}
        if alike and worker_id is not None:
            ids = [t.id for t in traces if t.similarity in alike]
            yield Hit(worker_id, [("passage", i) for i in ids], {"passages": len(ids), "scores": len(alike)})


@rule(severity=Severity.YELLOW, answers="F8", suspicion=True)
def score_spread(reckoning: Reckoning) -> Hits:
    """The scores of this gate hardly differ from one passage of a person to his next: living faces do.

    Attendance.md 5.4 F8. Deviation within persons below 0.005 over at least fifty faces. Pictures shown instead of faces do that; whether a face is alive is not
    told by it.
    """
    limits = reckoning.limits
    for gate_id, traces in grouped(_faces(reckoning), lambda t: reckoning.passages_by_id[t.id].gate_id).items():
        scored = [t for t in traces if t.similarity is not None and not _is_rounded(t.similarity)]
        if len(scored) < limits["score_times_min"]:
            continue
        groups = grouped(scored, lambda t: reckoning.passages_by_id[t.id].worker_id).values()
        deviation = spread([t.similarity for t in own if t.similarity is not None] for own in groups)
        if deviation is not None and deviation * 10_000 < limits["score_spread_ten_thousandths"]:
            yield Hit(
                gate_id,
                [("passage", t.id) for t in scored],
                {"passages": len(scored), "deviation": f"{deviation:.4f}"},
                subject_kind="gate",
            )


@rule(severity=Severity.YELLOW, answers="F8 E5", suspicion=True)
def low_liveness(reckoning: Reckoning) -> Hits:
    """Faces were let in at this gate of which the liveness check says that they were pictures.

    Attendance.md 5.4 F8: below the limit that held, where the check observes and does not refuse. Fires at five of a hundred faces with a liveness
    score, and at five in all; where nothing measured liveness nothing is said.
    """
    limits = reckoning.limits
    for gate_id, traces in grouped(_faces(reckoning), lambda t: reckoning.passages_by_id[t.id].gate_id).items():
        scored = [t for t in traces if t.liveness is not None and t.liveness_min is not None]
        low = [t for t in scored if (t.liveness or 0.0) < (t.liveness_min or 0.0)]
        if len(low) >= limits["liveness_faces_min"] and len(low) * 100 >= len(scored) * limits["liveness_percent"]:
            yield Hit(gate_id, [("passage", t.id) for t in low], {"low": len(low), "passages": len(scored)}, subject_kind="gate")


@rule(severity=Severity.RED, answers="F1 A22", suspicion=True)
def without_device_evidence(reckoning: Reckoning) -> Hits:
    """Faces were let in at this gate of which no likeness is recorded.

    Domain.md 4.7 A22, attendance.md 5.4 F1. Every face passage carries the score it was decided by; one without has no face behind it. A device cannot
    post without its signature, and cards and codes have none to show.
    """
    bare = [t for t in _faces(reckoning) if t.similarity is None]
    for gate_id, traces in grouped(bare, lambda t: reckoning.passages_by_id[t.id].gate_id).items():
        yield Hit(gate_id, [("passage", t.id) for t in traces], {"passages": len(traces)}, subject_kind="gate")


def _faces(reckoning: Reckoning) -> list[Trace]:
    """Traces of counting face passages of the month itself: the bundle reaches a day into the months beside it."""
    counting = {p.id for p in reckoning.passages_in_month if p.channel is Channel.FACE and p.counts}
    return [t for t in reckoning.beside.traces if t.id in counting]


def _is_rounded(score: float) -> bool:
    return abs(score * SCORE_STEP - round(score * SCORE_STEP)) < 1e-9


# --- by hand -------------------------------------------------------------------------------------------------


@rule(severity=Severity.RED, answers="A22", suspicion=True)
def days_without_gate(reckoning: Reckoning) -> Hits:
    """More than a fifth of this team's days rest on what people wrote and not on a gate.

    Domain.md 4.7 A22. Decided days without any passage, or set by hand as a whole; of at least twenty. Days put right because a gate was broken are
    excused.
    """
    limits = reckoning.limits
    reasons: Mapping[tuple[int, date], str] = {(c.worker_id, c.work_date): c.reason for c in reckoning.beside.changes if c.kind in MANUAL_KINDS}
    for team_id, days in reckoning.work_days_by_team.items():
        decided = [w for w in days if w.day.day_milli]
        manual = [
            w for w in decided
            if w.day.correction_ids and (not w.day.passage_ids or (w.worker_id, w.work_date) in reasons)
            and reasons.get((w.worker_id, w.work_date)) not in EXCUSED_REASONS
        ]  # fmt: skip
        if len(decided) >= limits["corrections_days_min"] and len(manual) * 100 > len(decided) * limits["manual_percent"]:
            yield Hit(
                team_id,
                [("correction", i) for w in manual for i in w.day.correction_ids],
                {"manual": len(manual), "days": len(decided)},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="D4", suspicion=True)
def month_end_corrections(reckoning: Reckoning) -> Hits:
    """Most corrections of the month were asked for on its last two days or after it.

    Attendance.md 5.4 D4. More than half, of at least ten; corrections about the last three days themselves are left out, for they
    cannot come sooner.
    """
    limits = reckoning.limits
    late_on = reckoning.end - timedelta(days=limits["month_end_days"])
    counted = [c for c in reckoning.beside.changes if c.work_date < late_on - timedelta(days=1) and c.reason not in EXCUSED_REASONS]
    late = [c for c in counted if c.requested_on >= late_on]
    if len(counted) >= limits["month_end_corrections_min"] and len(late) * 100 > len(counted) * limits["month_end_percent"]:
        yield about_project(reckoning, [("correction", c.id) for c in late], {"late": len(late), "corrections": len(counted)})


def _share(value: float) -> str:
    return f"{max(0.0, value):.2f}"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}"
