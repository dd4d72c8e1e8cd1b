"""Days nobody decided, and days nobody agreed to (family B)."""

from collections import defaultdict
from datetime import timedelta

from app.domain.attendance import Day, DayState
from app.domain.audit.rule import Hit, Hits, Reckoning, Severity, rule
from app.domain.facts import Engagement

DECIDE_WITHIN = timedelta(days=3)
"""Time a project has to decide a day with a missed entry or exit; the correction window of domain.md 3.5."""


@rule(severity=Severity.YELLOW)
def undecided_days(reckoning: Reckoning) -> Hits:
    """A missed entry or exit has left days of this worker undecided for more than three days.

    Domain.md 3.5. Fires when at least one undecided work date lies more than ``DECIDE_WITHIN`` back: until
    then the project may still be deciding, or a gate may still be sending the missing passage.
    """
    waiting: dict[int, list[Day]] = defaultdict(list)
    for day in reckoning.days:
        if day.state is DayState.UNDECIDED and reckoning.today - day.work_date > DECIDE_WITHIN:
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
        )


@rule(severity=Severity.RED)
def passage_outside_engagement(reckoning: Reckoning) -> Hits:
    """A gate admitted a worker on a date on which he was not engaged on the project.

    Attendance.md 5.4 B6, domain.md 4.7 A15. Compares work dates: a night shift that ends on the morning of
    the exit date is excused. A worker with no engagement at all fires for every date.
    """
    engaged: dict[int, list[Engagement]] = defaultdict(list)
    for engagement in reckoning.facts.engagements:
        engaged[engagement.worker_id].append(engagement)
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
