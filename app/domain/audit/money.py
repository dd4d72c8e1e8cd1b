"""Wages against work, sheets and bank: who was paid for nothing, who worked for nothing, who got too little or too
late, and where the money of the special account went (families A of both lists)."""

from collections import defaultdict
from datetime import date, timedelta

from app.domain.audit.rule import Hit, Hits, Reckoning, Severity, about_project, grouped, rule
from app.domain.facts import PayKind
from app.domain.wages import MONTH_MILLI, AccrualState, Component
from app.domain.workdays import next_month

_ON_TOP = {Component.OVERTIME, Component.OVERTIME_REST, Component.OVERTIME_STATUTORY, Component.OVERTIME_UNITS, Component.ALLOWANCE}
"""What is not compared with the minimum wage (domain.md 1.5). All allowances are left out; food and housing, which a
county may count, are not told apart in the wage items."""
_A_DAY = timedelta(days=1)


@rule(severity=Severity.RED, answers="A01", law="L724-31")
def paid_without_work(reckoning: Reckoning) -> Hits:
    """Money went to a worker the gates never saw this month.

    Domain.md 4.7 A01. Fires once the month is over, so an advance before the first day of work is nobody's
    guilt, when the payments for the month, returned transfers subtracted, are more than nothing and no
    counting passage has a work date in the month. A loose passage is a sighting: excused. So is an approved
    correction, and so are wages without a day: paid leave, a share of measured work.
    """
    if not reckoning.is_over:
        return
    seen = {d.worker_id for d in reckoning.days}
    for worker_id, sums in reckoning.owed.items():
        if sums.paid_fen > 0 and worker_id not in seen and not sums.accrued_fen:
            yield Hit(
                worker_id,
                [("payment", p.id) for p in reckoning.payments_of(worker_id)],
                {"paid_fen": sums.paid_fen, "payments": len(sums.payment_ids)},
                amount_fen=sums.paid_fen,
            )


@rule(severity=Severity.RED, answers="A03", law="L724-14 L724-31")
def worked_without_pay(reckoning: Reckoning) -> Hits:
    """A worker has worked this month, the pay day has passed, and no wages for the month have reached him.

    Domain.md 4.7 A03. Fires from the day after ``due_on`` (day 15 of the next month) when at least one decided
    day is worth time, whether or not anybody recorded a rate, and the payments for the month, returned
    transfers subtracted, come to nothing. Undecided days alone are the business of ``undecided_days``; wages that
    were lawfully withheld whole (an advance taken back) are nobody's guilt.
    """
    if not reckoning.is_due:
        return
    for worker_id, sums in reckoning.owed.items():
        worked = [a for a in sums.accruals if a.day_milli]
        if worked and sums.paid_fen <= 0 and not (sums.withheld_fen and not sums.owed_fen):
            on = {a.work_date for a in worked}
            yield Hit(
                worker_id,
                [("passage", i) for a in worked for i in a.passage_ids]
                + [("correction", i) for d in reckoning.days_of(worker_id) if d.work_date in on for i in d.correction_ids]
                + [("terms", a.terms_id) for a in worked if a.terms_id is not None]
                + [("payment", i) for i in sums.payment_ids],
                {
                    "days": len(worked),
                    "day_milli": sum(a.day_milli or 0 for a in worked),
                    "accrued_fen": sums.accrued_fen,
                    "no_terms_days": sums.no_terms_days,
                },
                amount_fen=sums.owed_fen,
                expected_on=reckoning.due_on,
            )


@rule(severity=Severity.YELLOW, answers="A06", law="L724-13 L724-31")
def underpaid(reckoning: Reckoning) -> Hits:
    """A worker has received less for this month than his decided days have earned.

    Domain.md 4.7 A06. Fires from the day after ``due_on`` when something was paid but the shortfall, what was
    withheld on a posted line left out, is more
    than the larger of 1.00 yuan and 0.5 % of the wages accrued; red above 5 %. A worker who got nothing at
    all is in ``worked_without_pay`` instead. Payments for the month count whenever they were made.
    """
    if not reckoning.is_due:
        return
    limits = reckoning.limits
    least, milli, red_milli = limits["shortfall_fen"], limits["shortfall_milli"], limits["shortfall_red_milli"]
    for worker_id, sums in reckoning.owed.items():
        short_fen = sums.owed_fen
        # In thousandths of a fen, so that half a percent needs no rounding.
        tolerance = max(least * 1000, sums.accrued_fen * milli)
        if sums.paid_fen > 0 and short_fen * 1000 > tolerance:
            items = [i for m in sums.months for i in m.items if i.amount_fen]
            yield Hit(
                worker_id,
                [pair for i in items for pair in i.evidence]
                + [("terms", i.terms_id) for i in items if i.terms_id is not None]
                + [("payment", i) for i in sums.payment_ids],
                {"accrued_fen": sums.accrued_fen, "paid_fen": sums.paid_fen, "short_fen": short_fen},
                severity=Severity.RED if short_fen * 1000 > sums.accrued_fen * red_milli else None,
                amount_fen=short_fen,
                expected_on=reckoning.due_on,
            )


@rule(severity=Severity.RED, answers="A03", law="L724-31")
def sheet_line_unpaid(reckoning: Reckoning) -> Hits:
    """A sheet says what this worker gets for the month, the pay day has passed, and no bank has said that it reached him.

    Domain.md 4.7 A03. Fires from the day after ``due_on`` for a line of the month with a net above zero that the worker
    agreed to or that was approved, when no transfer of it has arrived. Disputed lines are excused, and so is what he
    received another way.
    """
    if not reckoning.is_due:
        return
    approved = {s.id for s in reckoning.beside.sheets if s.done("approved")}
    for worker_id, lines in grouped(reckoning.own_lines, lambda line: line.worker_id).items():
        said = [x for x in lines if x.net_fen > 0 and (x.verdict == "agree" or (x.verdict is None and x.sheet_id in approved))]
        waiting = [x for x in said if not any(t.arrived_on for t in reckoning.transfers_by_line.get(x.id, ()))]
        net_fen = sum(x.net_fen for x in waiting)
        paid_fen = reckoning.owed[worker_id].paid_fen if worker_id in reckoning.owed else 0
        if waiting and paid_fen < sum(x.net_fen for x in said):
            sent = [t for x in waiting for t in reckoning.transfers_by_line.get(x.id, ())]
            yield Hit(
                worker_id,
                [("line", x.id) for x in waiting] + [("item", t.id) for t in sent],
                {"net_fen": net_fen, "transfers": len(sent), "paid_fen": paid_fen},
                amount_fen=sum(x.net_fen for x in said) - paid_fen,
                expected_on=reckoning.due_on,
            )


@rule(severity=Severity.YELLOW, answers="A04 a:A3", law="L724-11")
def paid_coverage(reckoning: Reckoning) -> Hits:
    """Not everybody who worked this month has received wages for it, and the pay day has passed.

    Domain.md 4.7 A04. Counts workers with a decided day that is worth time; one whose wages were lawfully withheld whole
    counts as paid.
    """
    if not reckoning.is_due or not reckoning.attended:
        return
    unpaid = [
        w for w in reckoning.attended
        if (sums := reckoning.owed.get(w)) is None or (sums.paid_fen <= 0 and not (sums.withheld_fen and not sums.owed_fen))
    ]  # fmt: skip
    attended, paid = len(reckoning.attended), len(reckoning.attended) - len(unpaid)
    if paid * 100 < attended * reckoning.limits["coverage_percent"]:
        yield about_project(
            reckoning,
            [("worker", w) for w in unpaid],
            {"attended": attended, "paid": paid, "unpaid": len(unpaid)},
            amount_fen=sum(reckoning.owed[w].owed_fen for w in unpaid if w in reckoning.owed),
            expected_on=reckoning.due_on,
        )


@rule(severity=Severity.RED, answers="A05 a:A1", law="L724-31 L53")
def no_account_payment(reckoning: Reckoning) -> Hits:
    """People worked this month, and until the end of the next one not a fen of their wages went through the special account.

    Domain.md 4.7 A05, the wording of a live platform [S38]. Fires from the first day of the month after next.
    """
    after = next_month(reckoning.end)
    if reckoning.today < after or not reckoning.attended:
        return
    if not any(p.channel == "account" and p.amount_fen > 0 and p.paid_on < after for p in reckoning.facts.payments):
        account = reckoning.beside.account
        yield about_project(
            reckoning,
            [("worker", w) for w in reckoning.attended] + ([("account", account.id)] if account else []),
            {"attended": len(reckoning.attended)},
            amount_fen=sum(s.owed_fen for s in reckoning.owed.values()),
            expected_on=after - _A_DAY,
        )


@rule(severity=Severity.YELLOW, answers="A08", law="L724-14")
def paid_late(reckoning: Reckoning) -> Hits:
    """Wages of this month were paid after the pay day.

    Domain.md 4.7 A08. Returned transfers are left out. Red when the latest payment came more than a week late.
    """
    returned = {p.reverses_id for p in reckoning.facts.payments if p.reverses_id}
    late = [p for p in reckoning.facts.payments if p.amount_fen > 0 and p.paid_on > reckoning.due_on and p.id not in returned]
    if late:
        days = (max(p.paid_on for p in late) - reckoning.due_on).days
        yield about_project(
            reckoning,
            [("payment", p.id) for p in late],
            {"workers": len({p.worker_id for p in late}), "late_fen": sum(p.amount_fen for p in late), "days_late": days},
            severity=Severity.RED if days > reckoning.limits["late_red_days"] else None,
            amount_fen=sum(p.amount_fen for p in late),
            expected_on=reckoning.due_on,
        )


@rule(severity=Severity.RED, answers="A09", law="L724-11 L724-13")
def living_allowance(reckoning: Reckoning) -> Hits:
    """Two months running this worker got a round part of his wages: a living allowance now and the rest some day.

    Domain.md 4.7 A09. Fires from the day after ``due_on`` when less than 80 % of what was earned (withheld money left out)
    was paid for this month and for the one before, and the sums are whole hundreds of yuan or the same twice.
    """
    if not reckoning.is_due:
        return
    percent, flat = reckoning.limits["allowance_percent"], reckoning.limits["flat_fen"]
    for worker_id, (earned, received) in reckoning.beside.before.items():
        sums = reckoning.owed.get(worker_id)
        if sums is None or min(sums.paid_fen, received) <= 0:
            continue
        due = sums.accrued_fen - sums.withheld_fen
        if sums.paid_fen * 100 >= due * percent or received * 100 >= earned * percent:
            continue
        if received == sums.paid_fen or (sums.paid_fen % flat == 0 and received % flat == 0):
            yield Hit(
                worker_id,
                [("payment", i) for i in (*sums.payment_ids, *reckoning.beside.before_payments.get(worker_id, ()))],
                {"paid_fen": sums.paid_fen, "accrued_fen": due, "before_paid_fen": received, "before_accrued_fen": earned},
                amount_fen=due - sums.paid_fen + earned - received,
                expected_on=reckoning.due_on,
            )


@rule(severity=Severity.RED, answers="A10", law="L724-11 MINWAGE-12")
def below_minimum_wage(reckoning: Reckoning) -> Hits:
    """What this worker earned without overtime and allowances is below the county's minimum wage for the time he worked.

    Domain.md 4.7 A10. Compared with the worked share of a month of 21.75 days. Where the county's minimum wage has not been
    written, or a day is undecided or without a rate, nothing is said.
    """
    minimum = reckoning.limits.minimum_wage_fen
    if minimum is None or not reckoning.is_over:
        return
    for worker_id, sums in reckoning.owed.items():
        worked = [a for a in sums.accruals if a.day_milli]
        if not worked or sums.undecided_days or any(a.state is not AccrualState.EARNED for a in worked):
            continue
        items = [i for m in sums.months for i in m.items]
        base_fen = sum(i.amount_fen for i in items if i.component not in _ON_TOP)
        milli = min(sum(a.day_milli for a in worked), MONTH_MILLI)
        if base_fen * MONTH_MILLI < minimum * milli:
            floor_fen = minimum * milli // MONTH_MILLI
            yield Hit(
                worker_id,
                [("terms", i.terms_id) for i in items if i.terms_id is not None] + [("passage", p) for a in worked for p in a.passage_ids]
                + [("worker", worker_id)],
                {"base_fen": base_fen, "floor_fen": floor_fen, "minimum_fen": minimum, "day_milli": milli},
                amount_fen=floor_fen - base_fen,
            )  # fmt: skip


@rule(severity=Severity.RED, answers="A10 a:A2", law="L724-11")
def average_below_minimum(reckoning: Reckoning) -> Hits:
    """The wages paid for this month are, per head, below the county's minimum wage.

    Domain.md 4.7 A10 and attendance.md 5.4 A2 [S38]. Counts workers with at least three quarters of a month of work, so that
    people who came for a week do not pull the average down.
    """
    minimum = reckoning.limits.minimum_wage_fen
    if minimum is None or not reckoning.is_due:
        return
    whole = [
        w for w, sums in reckoning.owed.items()
        if sums.paid_fen > 0 and sum(a.day_milli or 0 for a in sums.accruals) * 4 >= MONTH_MILLI * 3
    ]  # fmt: skip
    paid_fen = sum(reckoning.owed[w].paid_fen + reckoning.owed[w].withheld_fen for w in whole)
    if whole and paid_fen < minimum * len(whole):
        yield about_project(
            reckoning,
            [("payment", i) for w in whole for i in reckoning.owed[w].payment_ids],
            {"workers": len(whole), "average_fen": paid_fen // len(whole), "minimum_fen": minimum},
            amount_fen=minimum * len(whole) - paid_fen,
        )


@rule(severity=Severity.RED, answers="A11 a:A13", law="L724-31")
def paid_to_another(reckoning: Reckoning) -> Hits:
    """Wages of this worker were sent to a card that is not in his name.

    Domain.md 4.7 A11. The gather compares the names; ID numbers of card holders are not held.
    """
    wrong = [t for t in reckoning.beside.transfers if not t.holder_is_worker and t.sent_on is not None]
    for worker_id, transfers in grouped(wrong, lambda t: t.worker_id).items():
        fen = sum(t.amount_fen for t in transfers)
        yield Hit(
            worker_id,
            [("item", t.id) for t in transfers] + [("card", t.card_id) for t in transfers],
            {"transfers": len(transfers), "sent_fen": fen},
            amount_fen=fen,
        )


@rule(severity=Severity.YELLOW, answers="a:A13", law="L724-31")
def card_changed_before_pay(reckoning: Reckoning) -> Hits:
    """This worker's card was changed in the week before his wages were sent.

    Attendance.md 5.4 A13. Fires when the card a transfer went to was recorded at most seven days before it was sent and took
    the place of another one. Excused: a first card, and one that followed a transfer the bank sent back from the old one.
    """
    came_back = {(t.worker_id, t.card_id): t.sent_on for t in reckoning.beside.transfers if t.code is not None and t.sent_on is not None}
    cards = {c.id: c for c in reckoning.beside.cards if c.replaces_id is not None}
    cards = {id_: c for id_, c in cards.items() if came_back.get((c.worker_id, c.replaces_id), date.max) > c.recorded_on}
    days = reckoning.limits["card_change_days"]
    found = [
        t for t in reckoning.beside.transfers
        if t.sent_on is not None and t.card_id in cards and 0 <= (t.sent_on - cards[t.card_id].recorded_on).days <= days
    ]  # fmt: skip
    for worker_id, transfers in grouped(found, lambda t: t.worker_id).items():
        card = cards[transfers[0].card_id]
        yield Hit(
            worker_id,
            [("item", t.id) for t in transfers] + [("card", card.id), ("card", card.replaces_id)],
            {"changed_on": card.recorded_on.isoformat(), "sent_on": min(t.sent_on for t in transfers if t.sent_on).isoformat()},
            amount_fen=sum(t.amount_fen for t in transfers),
        )


@rule(severity=Severity.YELLOW, answers="A13", law="L724-13")
def uniform_amounts(reckoning: Reckoning) -> Hits:
    """Wages of this month are too even to have been worked out from days: whole hundreds, or one sum for different days.

    Domain.md 4.7 A13. Fires when of at least ten people paid by the hour or by measured work 60 % got whole hundreds of yuan,
    or when five people with different man-days got the same sum. Monthly wages are the same by right and left out.
    """
    limits = reckoning.limits
    kinds: dict[int, set[PayKind]] = defaultdict(set)
    for t in reckoning.facts.terms:
        kinds[t.worker_id].add(t.kind)
    paid = {w: s for w, s in reckoning.owed.items() if s.paid_fen > 0 and s.accruals and PayKind.MONTH not in kinds[w]}
    fine = [w for w in paid if kinds[w] & {PayKind.HOUR, PayKind.PIECE}]
    even = [w for w in fine if paid[w].paid_fen % limits["flat_fen"] == 0]
    rounded = len(fine) >= limits["round_lines_min"] and len(even) * 100 >= len(fine) * limits["round_percent"]
    by_sum = grouped(sorted(paid), lambda w: paid[w].paid_fen)
    same = {
        fen: workers for fen, workers in by_sum.items()
        if len(workers) >= limits["same_amount_workers"]
        and len({sum(a.day_milli or 0 for a in paid[w].accruals) for w in workers}) >= limits["same_amount_workers"]
    }  # fmt: skip
    if rounded or same:
        who = set(even if rounded else ()) | {w for workers in same.values() for w in workers}
        yield about_project(
            reckoning,
            [("payment", i) for w in who for i in paid[w].payment_ids],
            {
                "workers": len(fine),
                "even": len(even),
                "same_workers": max(map(len, same.values()), default=0),
                "same_fen": max(same, key=lambda fen: (len(same[fen]), fen), default=0),
            },
        )


@rule(severity=Severity.RED, answers="A14 a:A4")
def high_pay(reckoning: Reckoning) -> Hits:
    """This worker received more in one month, or this year, than a person on a site earns.

    Domain.md 4.7 A14 [S38]: above 50,000 yuan for a month or above 300,000 in the calendar year, on this project.
    """
    month, year = reckoning.limits["high_pay_month_fen"], reckoning.limits["high_pay_year_fen"]
    for worker_id in {*reckoning.owed, *reckoning.beside.year_paid}:
        sums = reckoning.owed.get(worker_id)
        paid_fen = sums.paid_fen if sums else 0
        year_fen = max(paid_fen, reckoning.beside.year_paid.get(worker_id, 0))
        if paid_fen > month or (year_fen > year and paid_fen > 0):
            yield Hit(
                worker_id,
                [("payment", p.id) for p in reckoning.payments_of(worker_id)],
                {"paid_fen": paid_fen, "year_fen": year_fen},
                amount_fen=max(paid_fen - month, year_fen - year, 0),
            )


@rule(severity=Severity.RED, answers="A17 a:A12", law="WAGE-16")
def unlawful_deduction(reckoning: Reckoning) -> Hits:
    """More was taken from this worker's wages for damage or by agreement than may be, or what is left is below the minimum wage.

    Domain.md 4.4 and 4.7 A17: at most 20 % of the month's wage together. A deduction without a ground cannot be recorded in
    Muster; what an auditor finds is a line that goes beyond the cap.
    """
    permille, minimum = reckoning.limits["deduction_permille"], reckoning.limits.minimum_wage_fen
    for worker_id, lines in grouped(reckoning.beside.lines, lambda line: line.worker_id).items():
        wrong = [
            x for x in lines
            if x.capped_fen > 0 and (
                x.capped_fen * 1000 > x.gross_fen * permille
                or (minimum is not None and x.gross_fen - x.deductions_fen < minimum <= x.gross_fen)
            )
        ]  # fmt: skip
        if wrong:
            yield Hit(
                worker_id,
                [("line", x.id) for x in wrong],
                {"capped_fen": sum(x.capped_fen for x in wrong), "gross_fen": sum(x.gross_fen for x in wrong)},
                amount_fen=sum(x.capped_fen for x in wrong),
            )


@rule(severity=Severity.YELLOW, answers="A18 D1", law="L724-31")
def paid_unsigned(reckoning: Reckoning) -> Hits:
    """Wages of this team were paid on lines that the worker has not signed.

    Domain.md 4.7 A18, attendance.md 5.4 D1. A signature is good for exactly the content it was given for: one to an earlier
    version with other figures is none.
    """
    paid = [x for x in reckoning.beside.lines if x.verdict != "agree" and any(t.arrived_on for t in reckoning.transfers_by_line.get(x.id, ()))]
    for team_id, lines in grouped(paid, lambda line: line.team_id).items():
        yield Hit(
            team_id,
            [("line", x.id) for x in lines] + [("item", t.id) for x in lines for t in reckoning.transfers_by_line.get(x.id, ())],
            {"lines": len(lines), "net_fen": sum(x.net_fen for x in lines)},
            subject_kind="team",
            amount_fen=sum(x.net_fen for x in lines),
        )


@rule(severity=Severity.RED, answers="A26", law="L724-24")
def funding_late(reckoning: Reckoning) -> Hits:
    """The owner has paid no labour cost into the special account for more than a month while people worked.

    Domain.md 4.7 A26. Looked at on the pay day of the month, or today when that is earlier. Excused until the account and the
    project are a month old.
    """
    account = reckoning.beside.account
    if account is None or not reckoning.attended:
        return
    cycle = timedelta(days=reckoning.limits["fund_cycle_days"])
    on = min(reckoning.today, reckoning.due_on)
    before = [(i, day, fen) for i, day, fen in reckoning.beside.funding if day <= on]
    last = max((day for _, day, _ in before), default=None)
    since = last or max(account.opened_on, reckoning.beside.started_on or account.opened_on)
    if on - since > cycle:
        yield about_project(
            reckoning,
            [("account", account.id)] + [("receipt", i) for i, day, _ in before if day == last],
            {"since_on": since.isoformat(), "cycle": cycle.days},
            expected_on=since + cycle,
        )


@rule(severity=Severity.YELLOW, answers="a:A7", law="L724-24")
def funding_below_plan(reckoning: Reckoning) -> Hits:
    """By the day agreed less labour cost had come into the special account than was agreed until then.

    Attendance.md 5.4 A7. Looked at for plans whose day lies in the month: everything agreed up to that day against everything received
    up to it, so that money that came early counts.
    """
    account = reckoning.beside.account
    if account is None:
        return
    plans = sorted(reckoning.beside.plans, key=lambda plan: (plan[2], plan[0]))
    short: list[tuple[int, int]] = []
    for id_, _, on, _ in plans:
        if reckoning.month <= on < reckoning.end and on < reckoning.today:
            agreed = sum(fen for _, _, day, fen in plans if day <= on)
            received = sum(fen for _, day, fen in reckoning.beside.funding if day <= on)
            if received < agreed:
                short.append((id_, agreed - received))
    if short:
        last = max(plan[2] for plan in plans if plan[0] in {id_ for id_, _ in short})
        yield about_project(
            reckoning,
            [("plan", id_) for id_, _ in short] + [("account", account.id)],
            {"plans": len(short), "short_fen": max(fen for _, fen in short)},
            amount_fen=max(fen for _, fen in short),
            expected_on=last,
        )


@rule(severity=Severity.YELLOW, answers="A27 a:A8", law="L724-24")
def balance_short(reckoning: Reckoning) -> Hits:
    """Shortly before the pay day there was less in the special account than the sheets ask for.

    Domain.md 4.7 A27. Fires from three days before ``due_on`` on while transfers of the month's lines have not arrived,
    by the balance after the last statement line. An account without a statement is excused.
    """
    account = reckoning.beside.account
    if account is None or account.balance_fen is None or account.statement_line_id is None:
        return
    if reckoning.today < reckoning.due_on - timedelta(days=reckoning.limits["balance_days_before"]):
        return
    waiting = [x for x in reckoning.beside.lines if x.net_fen > 0 and not any(t.arrived_on for t in reckoning.transfers_by_line.get(x.id, ()))]
    needed_fen = sum(x.net_fen for x in waiting)
    if needed_fen > account.balance_fen:
        yield about_project(
            reckoning,
            [("account", account.id), ("statement", account.statement_line_id)] + [("sheet", s) for s in {x.sheet_id for x in waiting}],
            {"balance_fen": account.balance_fen, "needed_fen": needed_fen, "short_fen": needed_fen - account.balance_fen},
            amount_fen=needed_fen - account.balance_fen,
            expected_on=reckoning.due_on,
        )


@rule(severity=Severity.RED, answers="A29 a:A9", law="L53")
def money_left_account(reckoning: Reckoning) -> Hits:
    """Money left the special account this month for what nobody could match to wages.

    Domain.md 4.7 A29. A debit that was matched to a transfer, an advance, a fee or interest is excused.
    """
    wrong = [d for d in reckoning.beside.debits if d.kind in (None, "unknown")]
    if wrong:
        fen = sum(d.amount_fen for d in wrong)
        yield about_project(reckoning, [("statement", d.id) for d in wrong], {"debits": len(wrong), "left_fen": fen}, amount_fen=fen)


@rule(severity=Severity.YELLOW, answers="a:A10", law="L724-31 L53")
def paid_off_account(reckoning: Reckoning) -> Hits:
    """Wages of this month were paid in cash or from another account than the special one.

    Attendance.md 5.4 A10. Payments that were taken back are left out.
    """
    returned = {p.reverses_id for p in reckoning.facts.payments if p.reverses_id}
    beside = [p for p in reckoning.facts.payments if p.channel != "account" and p.amount_fen > 0 and p.id not in returned]
    if beside:
        fen = sum(p.amount_fen for p in beside)
        yield about_project(
            reckoning,
            [("payment", p.id) for p in beside],
            {
                "workers": len({p.worker_id for p in beside}),
                "off_account_fen": fen,
                "cash_fen": sum(p.amount_fen for p in beside if p.channel == "cash"),
            },
            amount_fen=fen,
        )


@rule(severity=Severity.RED, answers="A33 a:A6", law="WAGE-9 L724-31")
def exited_unsettled(reckoning: Reckoning) -> Hits:
    """This worker has left the project, wages are owed to him, and nothing he agreed to settles them.

    Domain.md 4.7 A33. Fires three working days after his last day when wages of the month are owed. Excused when he has agreed
    to a settlement, or went on under another engagement; yellow when a settlement was drawn up and he has not agreed yet.
    """
    for worker_id, engagements in reckoning.engagements_by_worker.items():
        left = [e for e in engagements if e.exit_on is not None and reckoning.month < e.exit_on <= reckoning.end]
        sums = reckoning.owed.get(worker_id)
        if not left or sums is None or not sums.owed_fen:
            continue
        last = left[-1]
        if any(e.id != last.id and e.covers(last.exit_on) for e in engagements):
            continue
        settle_by = reckoning.workdays_after(last.exit_on - _A_DAY, reckoning.limits["exit_settle_days"])
        settlement = reckoning.beside.settlements.get(last.id)
        if reckoning.today > settle_by and not (settlement and settlement[1]):
            yield Hit(
                worker_id,
                [("engagement", last.id)] + [("payment", i) for i in sums.payment_ids] + ([("settlement", settlement[0])] if settlement else []),
                {"exit_on": last.exit_on.isoformat(), "owed_fen": sums.owed_fen},
                severity=Severity.YELLOW if settlement else None,
                amount_fen=sums.owed_fen,
                expected_on=settle_by,
            )


@rule(severity=Severity.RED, answers="A34 a:A11", law="L724-31")
def bank_mismatch(reckoning: Reckoning) -> Hits:
    """A batch of wages does not agree with its own transfers, or a transfer is more than its line.

    Domain.md 4.7 A34, attendance.md 5.4 A11. Withdrawn batches are excused. That a file was changed after it was approved
    cannot happen here: it is kept sealed under its own hash and taken from there.
    """
    wrong = [
        b for b in reckoning.beside.batches
        if not any(a.act == "withdrawn" for a in b.acts) and (b.count != b.items or b.total_fen != b.items_fen or b.lines_above)
    ]  # fmt: skip
    if wrong:
        yield about_project(
            reckoning,
            [("batch", b.id) for b in wrong],
            {
                "batches": len(wrong),
                "file_fen": sum(b.total_fen for b in wrong),
                "items_fen": sum(b.items_fen for b in wrong),
                "lines_above": sum(b.lines_above for b in wrong),
            },
            amount_fen=abs(sum(b.total_fen - b.items_fen for b in wrong)),
        )
