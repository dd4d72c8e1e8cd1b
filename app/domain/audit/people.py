"""Who works here, on what papers (families C)."""

from collections import defaultdict
from datetime import timedelta

from app.domain.audit.rule import Hit, Hits, Reckoning, Severity, about_project, grouped, rule
from app.domain.calendar import NoCalendar, workdays_in
from app.domain.facts import MarkKind, Verdict
from app.domain.identity import age
from app.domain.workdays import work_date


@rule(severity=Severity.YELLOW, answers="A15", law="L18-8 L724-28")
def refused_again(reckoning: Reckoning) -> Hits:
    """The gate knew this worker and refused him on two days or more: somebody tries to work without being registered.

    Domain.md 4.7 A15. Counts work dates of the month with a refusal on which he is not engaged. Who was entered later that
    day, and passed, is excused for that date.
    """
    days: dict[int, dict] = defaultdict(lambda: defaultdict(list))
    passed = {(d.worker_id, d.work_date) for d in reckoning.days}
    for p in reckoning.facts.passages:
        if p.verdict is Verdict.REFUSE and p.worker_id is not None:
            on = work_date(p.occurred_at, reckoning.facts.policy)
            if reckoning.month <= on < reckoning.end and (p.worker_id, on) not in passed:
                days[p.worker_id][on].append(p.id)
    for worker_id, own in days.items():
        out = {on: ids for on, ids in own.items() if not any(e.covers(on) for e in reckoning.engagements_of(worker_id))}
        if len(out) >= reckoning.limits["refused_days"]:
            yield Hit(worker_id, [("passage", i) for ids in out.values() for i in ids], {"days": len(out), "first_on": min(out).isoformat()})


@rule(severity=Severity.YELLOW, answers="A16 C1", law="L18-8 L724-28")
def no_agreement(reckoning: Reckoning) -> Hits:
    """This worker has worked on days for which neither a labour contract nor a work agreement is recorded.

    Domain.md 4.7 A16. Terms of pay name the contract they come from; days without terms are days without one. Red when his
    first day on the project lies more than thirty days back.
    """
    for worker_id, sums in reckoning.owed.items():
        bare = [a for a in sums.accruals if a.state == "no_terms"]
        if not bare:
            continue
        engagements = reckoning.engagements_of(worker_id)
        since = min([e.entry_on for e in engagements] or [bare[0].work_date])
        days = (reckoning.last_on - since).days
        yield Hit(
            worker_id,
            [("passage", i) for a in bare for i in a.passage_ids] + [("engagement", e.id) for e in engagements] + [("worker", worker_id)],
            {"days": len(bare), "since_on": since.isoformat()},
            severity=Severity.RED if days > reckoning.limits["no_agreement_red_days"] else None,
        )


@rule(severity=Severity.INFO, answers="A16", law="L18-8")
def agreement_not_scanned(reckoning: Reckoning) -> Hits:
    """Of some people who worked this month nobody has put the signed contract or agreement on file.

    Domain.md 4.7 A16. The terms are recorded, the paper is not.
    """
    if not reckoning.beside.gathered:
        return
    scanned = reckoning.beside.terms_scanned
    used = {a.terms_id: a.worker_id for a in reckoning.accruals if a.terms_id is not None and a.day_milli}
    bare = {t: w for t, w in used.items() if t not in scanned}
    if bare:
        yield about_project(reckoning, [("terms", t) for t in bare], {"workers": len(set(bare.values())), "attended": len(reckoning.attended)})


@rule(severity=Severity.RED, answers="C2", law="L18-8")
def identity_doubtful(reckoning: Reckoning) -> Hits:
    """This worker's face is not the one on his identity card, and nobody has vouched for him.

    Attendance.md 5.4 C2. By his latest comparison on this project; a person's word that it is he excuses it.
    """
    for worker_id, (check_id, is_he) in reckoning.beside.identity.items():
        worked = reckoning.days_of(worker_id)
        if worked and not is_he:
            yield Hit(worker_id, [("identity_check", check_id)] + [("passage", i) for d in worked for i in d.passage_ids], {"days": len(worked)})


@rule(severity=Severity.YELLOW, answers="C2", law="L18-8")
def identity_unchecked(reckoning: Reckoning) -> Hits:
    """The project compares faces with identity cards, and people worked whom nobody has compared.

    Attendance.md 5.4 C2. Where the project makes no such comparison nothing is said.
    """
    if not reckoning.beside.identity_wanted:
        return
    unchecked = reckoning.attended - set(reckoning.beside.identity)
    if unchecked:
        yield about_project(reckoning, [("worker", w) for w in unchecked], {"workers": len(unchecked), "attended": len(reckoning.attended)})


@rule(severity=Severity.RED, answers="C4", law="LAB-15")
def under_age(reckoning: Reckoning) -> Hits:
    """A child works here, or somebody under eighteen on a building site.

    Attendance.md 5.4 C4, domain.md 6.1. Under 16 on the first day he worked this month is red; 16 and 17 is yellow.
    """
    least, grown = reckoning.limits["age_min"], reckoning.limits["age_minor"]
    for person in reckoning.beside.people:
        worked = reckoning.days_of(person.worker_id)
        if worked and age(person.birth_on, worked[0].work_date) < grown:
            child = age(person.birth_on, worked[0].work_date) < least
            yield Hit(
                person.worker_id,
                [("worker", person.worker_id)] + [("passage", i) for d in worked for i in d.passage_ids],
                {"days": len(worked), "years": age(person.birth_on, worked[0].work_date)},
                severity=None if child else Severity.YELLOW,
            )


@rule(severity=Severity.INFO, answers="C4")
def over_age(reckoning: Reckoning) -> Hits:
    """People worked on the site who are beyond the age at which many cities let nobody work there.

    Attendance.md 5.4 C4, domain.md 7.1: a flag, never a bar. One finding for the project.
    """
    men, women = reckoning.limits["age_men_max"], reckoning.limits["age_women_max"]
    over = [
        p.worker_id for p in reckoning.beside.people
        if reckoning.days_of(p.worker_id) and age(p.birth_on, reckoning.last_on) >= (women if p.sex == "F" else men)
    ]  # fmt: skip
    if over:
        yield about_project(reckoning, [("worker", w) for w in over], {"workers": len(over), "men_years": men, "women_years": women})


@rule(severity=Severity.RED, answers="C6", law="FACE PIPL-19")
def template_left(reckoning: Reckoning) -> Hits:
    """The face of this worker is still held though he left the project more than a month ago.

    Attendance.md 5.4 C6, domain.md 6.3: faces are erased thirty days after the exit.
    """
    days = timedelta(days=reckoning.limits["template_days"])
    late = [row for row in reckoning.beside.templates_left if reckoning.today - row[2] > days and row[2] < reckoning.end]
    for worker_id, rows in grouped(late, lambda row: row[1]).items():
        exit_on = max(row[2] for row in rows)
        yield Hit(
            worker_id, [("template", row[0]) for row in rows], {"templates": len(rows), "exit_on": exit_on.isoformat()}, expected_on=exit_on + days
        )


@rule(severity=Severity.YELLOW, answers="A35", law="L18")
def key_post_absent(reckoning: Reckoning) -> Hits:
    """Somebody who holds a key post of the project was on site on too few working days.

    Domain.md 3.7 and 4.7 A35. Share of the month's working days, his leave and the project's stoppages left out, with any
    passage of his: below 80 % yellow, project manager and chief supervisor below 60 % red. Said when the month is over
    and its calendar is known.
    """
    posts = [p for p in reckoning.beside.papers if p.kind == "key_post" and p.worker_id is not None]
    if not posts or not reckoning.is_over:
        return
    try:
        workdays_in(reckoning.facts.calendar, reckoning.month)
    except NoCalendar:
        return
    limits = reckoning.limits
    wanted = [d for n in range((reckoning.end - reckoning.month).days) if reckoning.facts.calendar[d := reckoning.month + timedelta(days=n)].is_work]
    excused = {
        (w.worker_id, w.work_date) for w in reckoning.work_days
        if w.mark is not None and w.mark.kind in (MarkKind.LEAVE, MarkKind.STOPPAGE, MarkKind.RAIN)
    }  # fmt: skip
    held: dict[int, list] = grouped(posts, lambda p: p.worker_id)
    for worker_id, papers in held.items():
        required = [d for d in wanted if any(p.holds(d) for p in papers) and (worker_id, d) not in excused]
        came = {d.work_date for d in reckoning.days_of(worker_id)} & set(required)
        if not required or len(came) * 100 >= len(required) * limits["key_post_percent"]:
            continue
        leads = any(p.detail.get("post") in LEADING_POSTS for p in papers)
        low = len(came) * 100 < len(required) * limits["key_post_red_percent"]
        yield Hit(
            worker_id,
            [("paper", p.id) for p in papers] + [("passage", i) for d in reckoning.days_of(worker_id) for i in d.passage_ids],
            {"post": sorted(str(p.detail.get("post")) for p in papers)[0], "came": len(came), "required": len(required)},
            severity=Severity.RED if leads and low else None,
        )


LEADING_POSTS = ("project_manager", "chief_supervisor")
"""项目经理 and 总监: held to 60 % (domain.md 3.7)."""


@rule(severity=Severity.YELLOW, answers="A32", law="L724-28")
def labour_officer_missing(reckoning: Reckoning) -> Hits:
    """People worked, and the project has no labour officer: neither one who can sign in here nor one on paper.

    Domain.md 4.7 A32.
    """
    beside = reckoning.beside
    named = any(p.kind == "key_post" and p.detail.get("post") == "labour_officer" and p.holds(reckoning.last_on) for p in beside.papers)
    if beside.gathered and reckoning.attended and not beside.labour_officers and not named:
        yield about_project(reckoning, [("project", reckoning.project_id)], {"attended": len(reckoning.attended)})
