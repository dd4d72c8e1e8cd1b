"""Wages against work: who was paid for nothing, who worked for nothing, who got too little (family A)."""

from app.domain.audit.rule import Hit, Hits, Reckoning, Severity, rule

SHORTFALL_FEN = 100
"""1.00 yuan; with ``SHORTFALL_MILLI`` the tolerance of domain.md 4.7, A06."""
SHORTFALL_MILLI = 5
"""0.5 %, in thousandths of the wages accrued."""
SHORTFALL_RED_MILLI = 50
"""5 %: more than this is red (domain.md 4.7, A06)."""


@rule(severity=Severity.RED)
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
            )


@rule(severity=Severity.RED)
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
            )


@rule(severity=Severity.YELLOW)
def underpaid(reckoning: Reckoning) -> Hits:
    """A worker has received less for this month than his decided days have earned.

    Domain.md 4.7 A06. Fires from the day after ``due_on`` when something was paid but the shortfall, what was
    withheld on a posted line left out, is more
    than the larger of 1.00 yuan and 0.5 % of the wages accrued; red above 5 %. A worker who got nothing at
    all is in ``worked_without_pay`` instead. Payments for the month count whenever they were made.
    """
    if not reckoning.is_due:
        return
    for worker_id, sums in reckoning.owed.items():
        short_fen = sums.owed_fen
        # In thousandths of a fen, so that half a percent needs no rounding.
        tolerance = max(SHORTFALL_FEN * 1000, sums.accrued_fen * SHORTFALL_MILLI)
        if sums.paid_fen > 0 and short_fen * 1000 > tolerance:
            items = [i for m in sums.months for i in m.items if i.amount_fen]
            yield Hit(
                worker_id,
                [pair for i in items for pair in i.evidence]
                + [("terms", i.terms_id) for i in items if i.terms_id is not None]
                + [("payment", i) for i in sums.payment_ids],
                {"accrued_fen": sums.accrued_fen, "paid_fen": sums.paid_fen, "short_fen": short_fen},
                severity=Severity.RED if short_fen * 1000 > sums.accrued_fen * SHORTFALL_RED_MILLI else None,
            )
