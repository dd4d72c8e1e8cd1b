"""Who signed what, in what order, and whether the papers a project must have are there (families D; A28, A30, A31, A37)."""

from collections import defaultdict
from datetime import timedelta

from app.domain.audit.rule import Hit, Hits, Reckoning, Severity, about_project, grouped, rule
from app.domain.facts import PayKind

_A_DAY = timedelta(days=1)

BOARD_GROUPS = ("parties", "pay", "contacts")
"""What a notice board must show (domain.md 1.7): who is responsible; pay day and minimum wage; where to complain."""
DEPOSIT_KINDS = ("deposit", "deposit_guarantee")
"""工资保证金: money, or a bank's or insurer's guarantee instead."""
MANUAL_KINDS = ("add_session", "set_day")
"""Corrections that stand for a whole day no gate saw."""


@rule(severity=Severity.RED, answers="D3")
def same_hand(reckoning: Reckoning) -> Hits:
    """One login both asked and agreed: for a correction, a sheet or a batch of this month.

    Attendance.md 5.4 D3. Muster refuses it; whoever finds it here finds facts that came in another way.
    """
    changes = [c for c in reckoning.beside.changes if c.requested_by in c.approved_by or len(set(c.approved_by)) < len(c.approved_by)]
    sheets = [s for s in reckoning.beside.sheets if (done := s.done("approved")) and done.by in _hands(s.drafted_by, s.done("submitted"))]
    batches = [b for b in reckoning.beside.batches if any(a.act == "approved" and a.by == b.made_by for a in b.acts)]
    if changes or sheets or batches:
        yield about_project(
            reckoning,
            [("correction", c.id) for c in changes] + [("sheet", s.id) for s in sheets] + [("batch", b.id) for b in batches],
            {"corrections": len(changes), "sheets": len(sheets), "batches": len(batches)},
        )


def _hands(drafted_by: str, submitted) -> set[str]:
    return {submitted.by} if submitted else {drafted_by}


@rule(severity=Severity.RED, answers="A36 D2", law="L724-31")
def changed_after_signature(reckoning: Reckoning) -> Hits:
    """What this worker signed was changed afterwards, and he has not signed what stands there now.

    Domain.md 4.7 A36, attendance.md 5.4 D2. A changed line needs a new signature; an unchanged one keeps it.
    """
    changed = [x for x in reckoning.beside.lines if x.verdict is None and x.signed_other_id is not None]
    for worker_id, lines in grouped(changed, lambda line: line.worker_id).items():
        yield Hit(
            worker_id,
            [("line", x.id) for x in lines] + [("confirmation", x.signed_other_id) for x in lines],
            {"lines": len(lines), "net_fen": sum(x.net_fen for x in lines)},
            amount_fen=sum(x.net_fen for x in lines),
        )


@rule(severity=Severity.YELLOW, answers="D2")
def redrafted_after_publicity(reckoning: Reckoning) -> Hits:
    """A sheet was drawn up anew after it had hung out, and the new one has not.

    Attendance.md 5.4 D2. Once the new version has hung out as well it is excused.
    """
    again = [s for s in reckoning.beside.sheets if s.published_before is not None and not s.done("publicised")]
    if again:
        yield about_project(
            reckoning, [("sheet", s.id) for s in again] + [("sheet", s.published_before) for s in again], {"sheets": len(again)}
        )


@rule(severity=Severity.YELLOW, answers="A24 D4")
def many_corrections(reckoning: Reckoning) -> Hits:
    """More of this team's days were put right by hand than forgotten gates explain.

    Domain.md 4.7 A24. Above 10 % of the team's days of the month (of at least twenty), or above three of one worker. Corrections
    for a broken gate count for neither.
    """
    limits = reckoning.limits
    counted = [c for c in reckoning.beside.changes if c.reason not in EXCUSED_REASONS]
    dates = {(c.worker_id, c.work_date) for c in counted}
    ids = grouped(counted, lambda c: (c.worker_id, c.work_date))
    for team_id, days in reckoning.work_days_by_team.items():
        touched = [(w.worker_id, w.work_date) for w in days if (w.worker_id, w.work_date) in dates]
        own: dict[int, int] = defaultdict(int)
        for worker_id, _ in touched:
            own[worker_id] += 1
        many = {w for w, n in own.items() if n > limits["corrections_per_worker"]}
        share = len(days) >= limits["corrections_days_min"] and len(touched) * 100 > len(days) * limits["corrections_percent"]
        if many or share:
            yield Hit(
                team_id,
                [("correction", c.id) for key in touched for c in ids[key]],
                {"corrected": len(touched), "days": len(days), "workers": len(many)},
                subject_kind="team",
            )


EXCUSED_REASONS = ("gate_broken",)
"""Reasons of a correction that are the gate's fault."""


@rule(severity=Severity.YELLOW, answers="D5", law="L724-31")
def publicity_short(reckoning: Reckoning) -> Hits:
    """A sheet was approved before it had hung out long enough for the workers to see it.

    Attendance.md 5.4 D5: three days (domain.md 1.6), or what the area sets. The sheet of one who left is paid at once, on his own
    signature, and hangs nowhere.
    """
    days = reckoning.limits["publicity_days"]
    short = [
        s for s in reckoning.beside.sheets
        if s.kind != "final" and (done := s.done("approved")) and ((hung := s.done("publicised")) is None or (done.on - hung.on).days < days)
    ]  # fmt: skip
    if short:
        yield about_project(reckoning, [("sheet", s.id) for s in short], {"sheets": len(short), "days_min": days})


@rule(severity=Severity.YELLOW, answers="D6", law="L724-31")
def closed_late(reckoning: Reckoning) -> Hits:
    """The wage month was closed late, or is still open though it should have been closed.

    Attendance.md 5.4 D6. Fires from the day after day 20 of the next month; a month in which nobody worked is excused.
    """
    by = reckoning.end.replace(day=min(28, reckoning.limits["close_by_day"]))
    closed = reckoning.beside.period_closed_on
    if reckoning.beside.gathered and reckoning.attended and (closed or reckoning.today) > by:
        yield about_project(
            reckoning,
            [("project", reckoning.project_id)] + [("sheet", s.id) for s in reckoning.beside.sheets],
            {"by_on": by.isoformat(), "closed": int(closed is not None)},
            expected_on=by,
        )


@rule(severity=Severity.YELLOW, answers="A37", law="L724-31")
def piece_without_measure(reckoning: Reckoning) -> Hits:
    """People of this team are paid by measured work, they worked, and no measured work was accepted for the month.

    Domain.md 4.7 A37. Fires from day 10 of the next month.
    """
    by = reckoning.end.replace(day=min(28, reckoning.limits["sheet_by_day"]))
    if reckoning.today < by:
        return
    measured = {m.team_id for m in reckoning.facts.measures if m.accepted and m.month == reckoning.month}
    waiting = grouped((m for m in reckoning.facts.measures if not m.accepted and m.month == reckoning.month), lambda m: m.team_id)
    for team_id, days in reckoning.work_days_by_team.items():
        if team_id in measured:
            continue
        by_piece = {}
        for w in days:
            for t in reckoning.terms_by_worker.get(w.worker_id, ()):
                if t.kind is PayKind.PIECE and w.day.day_milli and t.covers(w.work_date) and t.engagement_id == w.engagement_id:
                    by_piece[w.worker_id] = t.id
        if by_piece:
            yield Hit(
                team_id,
                [("terms", t) for t in by_piece.values()] + [("measure", m.id) for m in waiting.get(team_id, ())],
                {"workers": len(by_piece), "waiting": len(waiting.get(team_id, ()))},
                subject_kind="team",
            )


@rule(severity=Severity.RED, answers="A28", law="L53 L724-24")
def no_special_account(reckoning: Reckoning) -> Hits:
    """The project has no special wage account in time, or a party has not signed the agreement about it.

    Domain.md 4.7 A28. Thirty days after the works contract; where its date is not recorded, after the first worker was
    engaged. Who must sign is the area's (three parties in the national rule, four in some counties).
    """
    beside = reckoning.beside
    contract = min((p.from_on for p in beside.papers if p.kind == "works_contract"), default=beside.started_on)
    if not beside.gathered or contract is None:
        return
    by = contract + timedelta(days=reckoning.limits["account_days"])
    if reckoning.last_on <= by:
        return
    missing = sorted(set(beside.parties_required) - set(beside.account.parties)) if beside.account else []
    if beside.account is None or missing:
        yield about_project(
            reckoning,
            [("account", beside.account.id)] if beside.account else [("project", reckoning.project_id)],
            {"has_account": int(beside.account is not None), "missing": ",".join(missing), "by_on": by.isoformat()},
            expected_on=by,
        )


@rule(severity=Severity.RED, answers="A30", law="L65")
def deposit_missing(reckoning: Reckoning) -> Hits:
    """The project has no wage deposit, or the guarantee that stands for it runs out.

    Domain.md 4.7 A30. Twenty working days after the works contract (28 calendar days). A guarantee that ends within thirty days and
    before the works do is yellow.
    """
    beside = reckoning.beside
    contracts = [p for p in beside.papers if p.kind == "works_contract"]
    began = min((p.from_on for p in contracts), default=beside.started_on)
    if not beside.gathered or began is None:
        return
    by = began + timedelta(days=reckoning.limits["deposit_days"])
    if reckoning.last_on <= by:
        return
    papers = [p for p in beside.papers if p.kind in DEPOSIT_KINDS]
    holding = [p for p in papers if p.holds(reckoning.last_on)]
    if not holding:
        yield about_project(
            reckoning, [("paper", p.id) for p in papers] + [("project", reckoning.project_id)], {"by_on": by.isoformat(), "lapsed": len(papers), "ends_on": ""}, expected_on=by
        )
        return
    if any(p.to_on is None for p in holding):
        return
    ends = max(p.to_on for p in holding if p.to_on)
    works_end = max((p.to_on for p in contracts if p.to_on), default=None)
    if (ends - reckoning.last_on).days < reckoning.limits["guarantee_days_left"] and (works_end is None or ends < works_end):
        yield about_project(
            reckoning,
            [("paper", p.id) for p in holding],
            {"by_on": by.isoformat(), "lapsed": 0, "ends_on": ends.isoformat()},
            severity=Severity.YELLOW,
            expected_on=ends,
        )


@rule(severity=Severity.YELLOW, answers="A31", law="L724-34")
def board_incomplete(reckoning: Reckoning) -> Hits:
    """No notice board is on record for this site, or it does not show all that it must.

    Domain.md 1.7 and 4.7 A31: who is responsible, pay day and minimum wage, where to complain; the pay day must be the
    project's and the minimum wage the county's of today.
    """
    beside = reckoning.beside
    if not beside.gathered or not reckoning.attended:
        return
    boards = [p for p in beside.papers if p.kind == "notice_board" and p.holds(reckoning.last_on)]
    board = max(boards, key=lambda p: (p.from_on, p.id), default=None)
    wrong = []
    if board is not None:
        wrong = [group for group in BOARD_GROUPS if not board.detail.get(group)]
        if board.detail.get("pay_day") not in (None, reckoning.facts.pay_day):
            wrong.append("pay_day")
        if reckoning.limits.minimum_wage_fen and board.detail.get("minimum_wage_fen") not in (None, reckoning.limits.minimum_wage_fen):
            wrong.append("minimum_wage")
    if board is None or wrong:
        yield about_project(
            reckoning,
            [("paper", board.id)] if board else [("project", reckoning.project_id)],
            {"has_board": int(board is not None), "wrong": ",".join(wrong)},
        )
