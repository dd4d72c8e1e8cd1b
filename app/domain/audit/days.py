"""Days nobody decided, days nobody agreed to, days the sheet and the gate tell differently (families B)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from app.domain.attendance import Day, DayState, Flag
from app.domain.audit.rule import Hit, Hits, Reckoning, Severity, about_project, grouped, rule
from app.domain.facts import DayMark, Engagement, MarkKind
from app.domain.workdays import local

_A_DAY = timedelta(days=1)


@rule(severity=Severity.YELLOW, law="L724-50")
def undecided_days(reckoning: Reckoning) -> Hits:
    """A missed entry or exit has left days of this worker undecided for more than three days.

    Domain.md 3.5. Fires when at least one undecided work date lies more than the limit ``undecided_days`` back: until
    then the project may still be deciding, or a gate may still be sending the missing passage.
    """
    waiting: dict[int, list[Day]] = defaultdict(list)
    within = timedelta(days=reckoning.limits["undecided_days"])
    for day in reckoning.days:
        if day.state is DayState.UNDECIDED and reckoning.today - day.work_date > within:
            waiting[day.worker_id].append(day)
    for worker_id, days in waiting.items():
        worth = {a.work_date: a.amount_max_fen or 0 for a in reckoning.owed[worker_id].accruals}
        yield Hit(
            worker_id,
            [("passage", i) for d in days for i in d.passage_ids]
            + [("correction", i) for d in days for i in d.correction_ids],
            {
                "days": len(days),
                "undecided_fen_max": sum(worth[d.work_date] for d in days),
                "first_on": min(d.work_date for d in days).isoformat(),
            },
            amount_fen=sum(worth[d.work_date] for d in days),
        )


@rule(severity=Severity.RED, answers="A15 B6 A21", law="L18-8 L724-28")
def passage_outside_engagement(reckoning: Reckoning) -> Hits:
    """A gate admitted a worker on a date on which he was not engaged on the project.

    Attendance.md 5.4 B6, domain.md 4.7 A15. Compares work dates: a night shift that ends on the morning of
    the exit date is excused. A worker with no engagement at all fires for every date.
    """
    engaged: dict[int, tuple[Engagement, ...]] = defaultdict(tuple, reckoning.engagements_by_worker)
    outside: dict[int, list[Day]] = defaultdict(list)
    for day in reckoning.days:
        if day.passage_ids and not any(e.covers(day.work_date) for e in engaged[day.worker_id]):
            outside[day.worker_id].append(day)
    for worker_id, days in outside.items():
        yield Hit(
            worker_id,
            [("passage", i) for d in days for i in d.passage_ids]
            + [("engagement", e.id) for e in engaged[worker_id]],
            {
                "days": len(days),
                "passages": sum(len(d.passage_ids) for d in days),
                "first_on": min(d.work_date for d in days).isoformat(),
                "engagements": len(engaged[worker_id]),
            },
        )


@rule(severity=Severity.YELLOW, answers="A02 B2", law="L724-31")
def worked_not_on_sheet(reckoning: Reckoning) -> Hits:
    """This worker has worked this month and stands on no sheet for it.

    Domain.md 4.7 A02. Fires from day 10 of the next month for a decided day that is worth time. A line of a final sheet
    (exit settlement) is a line.
    """
    if not _sheets_expected(reckoning):
        return
    for worker_id in reckoning.attended - _on_sheet(reckoning):
        worked = [d for d in reckoning.days_of(worker_id) if d.day_milli]
        sums = reckoning.owed.get(worker_id)
        yield Hit(
            worker_id,
            [("passage", i) for d in worked for i in d.passage_ids] + [("correction", i) for d in worked for i in d.correction_ids],
            {"days": len(worked), "day_milli": sum(d.day_milli or 0 for d in worked), "accrued_fen": sums.accrued_fen if sums else 0},
            amount_fen=sums.owed_fen if sums else None,
        )


@rule(severity=Severity.RED, answers="A02 a:A5", law="L724-31")
def many_not_on_sheet(reckoning: Reckoning) -> Hits:
    """More than a tenth of the people who worked this month have no wage record at all.

    Domain.md 4.7 A02 and attendance.md 5.4 A5 [S38]: neither a line on a sheet nor a payment for the month.
    """
    if not _sheets_expected(reckoning):
        return
    known = _on_sheet(reckoning) | {w for w, s in reckoning.owed.items() if s.paid_fen > 0}
    without = reckoning.attended - known
    attended = len(reckoning.attended)
    if len(without) * 100 > attended * reckoning.limits["not_on_sheet_red_percent"]:
        yield about_project(
            reckoning,
            [("worker", w) for w in without],
            {"attended": attended, "without": len(without)},
            amount_fen=sum(reckoning.owed[w].owed_fen for w in without if w in reckoning.owed),
        )


def _sheets_expected(reckoning: Reckoning) -> bool:
    by = reckoning.end.replace(day=min(28, reckoning.limits["sheet_by_day"]))
    return reckoning.beside.gathered and reckoning.today >= by


def _on_sheet(reckoning: Reckoning) -> frozenset[int]:
    return frozenset(line.worker_id for line in reckoning.own_lines)


@rule(severity=Severity.YELLOW, answers="A07 B1 B3", law="L724-31 L724-50")
def sheet_days_above_gate(reckoning: Reckoning) -> Hits:
    """The sheet gives this worker more days than gate and corrections show.

    Domain.md 4.7 A07, attendance.md 5.4 B1 and B3. Compared in thousandths of a man-day, without tolerance; paid absence is on the
    sheet in money and not in man-days. Red when the gate has no day of his at all.
    """
    on_site: dict[int, int] = defaultdict(int)
    for day in reckoning.days:
        on_site[day.worker_id] += day.day_milli or 0
    for worker_id, lines in grouped(reckoning.own_lines, lambda line: line.worker_id).items():
        said, seen = sum(line.day_milli for line in lines), on_site.get(worker_id, 0)
        if said > seen:
            days = reckoning.days_of(worker_id)
            yield Hit(
                worker_id,
                [("line", line.id) for line in lines] + [("passage", i) for d in days for i in d.passage_ids],
                {"sheet_milli": said, "gate_milli": seen, "more_milli": said - seen},
                severity=None if days else Severity.RED,
                amount_fen=sum(line.gross_fen for line in lines) * (said - seen) // said,
            )


@rule(severity=Severity.RED, answers="B4")
def more_days_than_month(reckoning: Reckoning) -> Hits:
    """The sheet gives this worker more days than the month has.

    Attendance.md 5.4 B4. A date is worth one man-day at most; overtime is counted in minutes or agreed units beside it.
    """
    days = (reckoning.end - reckoning.month).days
    for worker_id, lines in grouped(reckoning.own_lines, lambda line: line.worker_id).items():
        said = sum(line.day_milli for line in lines)
        if said > days * 1000:
            yield Hit(worker_id, [("line", line.id) for line in lines], {"sheet_milli": said, "month_days": days})


@rule(severity=Severity.YELLOW, answers="B7")
def passage_during_stoppage(reckoning: Reckoning) -> Hits:
    """People worked on dates on which the project had reported that work had stopped.

    Attendance.md 5.4 B7. Counts workers whose mark on the date is a stoppage and who have a decided day worth time.
    """
    worked = [w for w in reckoning.work_days if w.mark is not None and w.mark.kind is MarkKind.STOPPAGE and w.day.day_milli]
    if worked:
        yield about_project(
            reckoning,
            [("mark", w.mark.id) for w in worked if w.mark] + [("passage", i) for w in worked for i in w.day.passage_ids],
            {"days": len({w.work_date for w in worked}), "workers": len({w.worker_id for w in worked}), "first_on": min(w.work_date for w in worked).isoformat()},
        )


@rule(severity=Severity.RED, answers="A21")
def passage_on_leave(reckoning: Reckoning) -> Hits:
    """The gate saw this worker on dates on which he was on leave.

    Domain.md 4.7 A21. Fires for a date whose mark is leave and on which passages make a decided day worth time: somebody else
    may have passed as him, or the leave was not taken.
    """
    found = [w for w in reckoning.work_days if w.mark is not None and w.mark.kind is MarkKind.LEAVE and w.day.day_milli and w.day.passage_ids]
    for worker_id, days in grouped(found, lambda w: w.worker_id).items():
        yield Hit(
            worker_id,
            [("mark", w.mark.id) for w in days if w.mark] + [("passage", i) for w in days for i in w.day.passage_ids],
            {"days": len(days), "first_on": min(w.work_date for w in days).isoformat()},
        )


@rule(severity=Severity.YELLOW, answers="A21 B8", law="LAB-36")
def stay_too_long(reckoning: Reckoning) -> Hits:
    """Between an entry and the next exit of this worker lies a stay longer than anybody works.

    Domain.md 4.7 A21, attendance.md 5.4 B8: longer than ``session_max`` (16 hours). Nearly always a missed exit, and then the
    day is undecided; what an approved correction has put right is excused.
    """
    long = [d for d in reckoning.days if any(Flag.OVERLONG in part.flags for part in d.loose) and d.state is DayState.UNDECIDED]
    for worker_id, days in grouped(long, lambda d: d.worker_id).items():
        yield Hit(
            worker_id,
            [("passage", i) for d in days for part in d.loose if Flag.OVERLONG in part.flags for i in part.passage_ids],
            {"days": len(days), "first_on": min(d.work_date for d in days).isoformat()},
        )


@rule(severity=Severity.YELLOW, answers="A20", law="LAB-41")
def overtime_limit(reckoning: Reckoning) -> Hits:
    """People of this team worked more overtime than may be: above 36 hours in the month, or above three in a day.

    Domain.md 4.7 A20. Time beyond the standard day on decided days.
    """
    month_limit, day_limit = reckoning.limits["overtime_month_minutes"], reckoning.limits["overtime_day_minutes"]
    for team_id, days in reckoning.work_days_by_team.items():
        month: dict[int, int] = defaultdict(int)
        long: dict[int, list[Day]] = defaultdict(list)
        for w in days:
            if w.day.state is DayState.WORKED:
                month[w.worker_id] += w.day.overtime_minutes
                if w.day.overtime_minutes > day_limit:
                    long[w.worker_id].append(w.day)
        over = {w for w, minutes in month.items() if minutes > month_limit} | set(long)
        if over:
            yield Hit(
                team_id,
                [("worker", w) for w in over] + [("passage", i) for own in long.values() for d in own for i in d.passage_ids],
                {"workers": len(over), "hours_max": max(month[w] for w in over) // 60, "long_days": sum(map(len, long.values()))},
                subject_kind="team",
            )


@rule(severity=Severity.YELLOW, answers="A20", law="LAB-38")
def no_weekly_rest(reckoning: Reckoning) -> Hits:
    """People of this team worked four weeks without a day off.

    Domain.md 4.7 A20. Twenty-eight dates in a row within the month, each decided and worth time.
    """
    running = reckoning.limits["days_running"]
    for team_id, days in reckoning.work_days_by_team.items():
        worked = grouped((w.day for w in days if w.day.day_milli), lambda d: d.worker_id)
        over = {w: run for w, own in worked.items() if len(own) >= running and (run := _longest({d.work_date for d in own})) >= running}
        if over:
            yield Hit(team_id, [("worker", w) for w in over], {"workers": len(over), "days_max": max(over.values())}, subject_kind="team")


def _longest(dates: set[date]) -> int:
    """Length of the longest run of dates, in days."""
    best = 0
    for day in dates:
        if day - _A_DAY not in dates:
            length = 1
            while day + length * _A_DAY in dates:
                length += 1
            best = max(best, length)
    return best


@rule(severity=Severity.YELLOW, answers="A38 E1", law="L18-13")
def data_silence(reckoning: Reckoning) -> Hits:
    """The gates of a project with people on its roster have been silent for too long.

    Domain.md 4.7 A38. Counts from the last passage of the project to the end of the month, or to now: more than seven days, or
    more than one when over fifty people are engaged; red when it is both seven days and over fifty people. Days of a stoppage, rain or rest of the whole
    project, and days off by the calendar, are not counted.
    """
    engaged = reckoning.engaged_now
    if not reckoning.beside.gathered or not engaged:
        return
    limits = reckoning.limits
    seen = reckoning.beside.last_passage_at
    began = max(reckoning.month, min(e.entry_on for e in engaged))
    since = max(local(seen, reckoning.facts.policy).date(), began - _A_DAY) if seen else began - _A_DAY
    off = [m for m in reckoning.facts.marks if m.worker_id is None and m.team_id is None]
    silent = [since + n * _A_DAY for n in range(1, (reckoning.last_on - since).days + 1) if _is_expected(reckoning, since + n * _A_DAY, off)]
    large = len(engaged) > limits["silence_large_workers"]
    limit = limits["silence_large_days"] if large else limits["silence_days"]
    if len(silent) > limit:
        yield about_project(
            reckoning,
            [("engagement", e.id) for e in engaged],
            {"workers": len(engaged), "since_on": since.isoformat(), "limit": limit},
            severity=Severity.RED if large and len(silent) > limits["silence_days"] else None,
        )


def _is_expected(reckoning: Reckoning, day: date, off: Iterable[DayMark]) -> bool:
    if any(m.from_on <= day < m.to_on for m in off):
        return False
    kind = reckoning.facts.calendar.get(day)
    return kind is None or kind.is_work
