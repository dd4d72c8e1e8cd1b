"""Whole months, one a way of paying, worked out by hand first: tables a payroll clerk can check with a calculator.

A table has a line an item: date (or ``month``), what it is for, man-days or hours:minutes, rate, multiple, yuan. The
timetables go through the gate's own way: passages, sessions, days, prices. May 2026 has 19 workdays and, with Friday
1 May, 20 paid days; 1 and 2 May are statutory, the 4th and 5th moved rest, Saturday the 9th is worked for them.
October 2025 has 18 workdays and 22 paid days: the 1st to 3rd and the 6th are statutory, the 7th and 8th moved rest,
Saturday the 11th is worked for them.
"""

from datetime import UTC, date, datetime, timedelta

from app.domain.facts import (
    Advance,
    Allowance,
    Correction,
    CorrectionKind,
    DayMark,
    Deduction,
    DeductionKind,
    HoursSystem,
    MarkKind,
    Measure,
    OvertimeRule,
    PayKind,
    ProjectMonth,
    Relation,
)
from app.domain.timesheet import work_days
from app.domain.wages import MonthWage, month_wages
from app.domain.withhold import withhold
from tests.domain.hand import CALENDAR, engaged, on, terms
from tests.story import POLICY, instant, passages

LAW = {"overtime_rule": OvertimeRule.LAW, "relation": Relation.LABOUR_CONTRACT}
MINIMUM_FEN = 2260_00
WHOLE = "08:00-12:00 13:00-17:00"


def month(text: str, timetable: str, *agreed, engagements=None, **facts) -> tuple[MonthWage, ...]:
    """Price a month. A line of the timetable: date, optional name, spans of time; ``05-06..05-08`` is every date;
    ``22:00-`` has no exit."""
    lines = []
    for line in timetable.strip().splitlines():
        dates, *rest = line.split()
        who = rest.pop(0) if rest[0].isalpha() else "wang"
        first, _, last = dates.partition("..")
        year = text[:4]
        day = on(f"{year}-{first}")
        while day <= on(f"{year}-{last or first}"):
            for span in rest:
                begins, _, ends = span.partition("-")
                lines.append(f"{day:%m-%d} {begins} {who} in g1")
                if ends:
                    out = day + timedelta(days=ends < begins)
                    lines.append(f"{out:%m-%d} {ends} {who} out g1")
            day += timedelta(days=1)
    first = date.fromisoformat(f"{text}-01")
    bundle = ProjectMonth(
        project_id=1, month=first, as_of=datetime(first.year + first.month // 12, first.month % 12 + 1, 20, tzinfo=UTC),
        policy=POLICY, passages=passages("\n".join(lines), month=text),
        engagements=tuple(engagements or [engaged(since="2025-01-01")]), terms=agreed, payments=(), calendar=CALENDAR,
        **{name: tuple(rows) for name, rows in facts.items()},
    )  # fmt: skip
    return month_wages(bundle, [w for w in work_days(bundle) if w.work_date.replace(day=1) == first])


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def table(wage: MonthWage) -> str:
    """The items of a month as the tables of this file are written."""
    told = []
    for i in wage.items:
        if i.unit == "milli_day":
            quantity = f"{i.quantity / 1000:.3f}".rstrip("0").rstrip(".") + " d"
            rate = yuan(i.rate_fen) + ("" if i.per == 1000 else f"/{i.per / 1000:g}")
        elif i.unit == "minute":
            quantity = f"{i.quantity // 60}:{i.quantity % 60:02d}"
            rate = yuan(i.rate_fen) + f"/{i.per / 60:g}h"
        else:
            quantity, rate = str(i.quantity), yuan(i.rate_fen) + (f"/{i.per}" if i.per > 1 else "")
        day = f"{i.work_date:%m-%d}" if i.work_date else "month"
        told.append(f"{day} {i.component} {quantity} x {rate} x {i.permille / 10:g}% = {yuan(i.amount_fen)}")
    return "\n".join(told)


def same(wage: MonthWage, expected: str) -> None:
    """The items are the table, and the table's own column adds up to the gross."""
    wanted = [" ".join(line.split()) for line in expected.strip().splitlines()]
    assert table(wage).splitlines() == wanted
    assert sum(round(float(line.rpartition("= ")[2]) * 100) for line in wanted) == wage.gross_fen


# --- by the day (计日), a labour contract under the law, May 2026


DAYS = f"""
05-01        {WHOLE}
05-02        08:00-12:00
05-06..05-08 {WHOLE}
05-09        08:00-12:00 13:00-19:00
05-10        {WHOLE}
05-11        08:00-12:00 13:00-
05-12..05-14 {WHOLE}
05-15        08:00-12:00 13:00-18:00
05-18..05-22 {WHOLE}
05-25        08:00-12:00
05-27..05-29 {WHOLE}
05-30        08:00-12:00 13:00-17:40
05-31        22:00-06:00
"""
RAISE = (
    terms(rate_fen=400_00, valid_to=on("05-15"), **LAW),
    terms(rate_fen=450_00, since="05-15", id=2, **LAW),
)
RAIN = DayMark(7, MarkKind.RAIN, date(2026, 5, 26), date(2026, 5, 27), 600)
FORGOTTEN = Correction(3, 1, date(2026, 5, 11), CorrectionKind.MISSING_OUT, out_at=instant("11 17:00", month="2026-05"))
MEALS = Allowance(4, 1, "heat", "day", 10_00, date(2026, 5, 27))


def may_by_the_day(**more) -> MonthWage:
    facts = {"marks": [RAIN], "corrections": [FORGOTTEN], "allowances": [MEALS]} | more
    [wage] = month("2026-05", DAYS, *RAISE, **facts)
    return wage


def test_may_by_the_day():
    """400.00 a day, from the 15th 450.00 (an hour 50.00 and 56.25); rain on the 26th pays 60 %; heat from the 27th."""
    wage = may_by_the_day()
    same(
        wage,
        """
        05-01 statutory_day 1 d    x 400.00    x 300% = 1200.00
        05-02 statutory_day 0.5 d  x 400.00    x 300% =  600.00
        05-06 base          1 d    x 400.00    x 100% =  400.00
        05-07 base          1 d    x 400.00    x 100% =  400.00
        05-08 base          1 d    x 400.00    x 100% =  400.00
        05-09 base          1 d    x 400.00    x 100% =  400.00
        05-09 overtime      2:00   x 400.00/8h x 150% =  150.00
        05-10 rest_day      1 d    x 400.00    x 200% =  800.00
        05-11 base          1 d    x 400.00    x 100% =  400.00
        05-12 base          1 d    x 400.00    x 100% =  400.00
        05-13 base          1 d    x 400.00    x 100% =  400.00
        05-14 base          1 d    x 400.00    x 100% =  400.00
        05-15 base          1 d    x 450.00    x 100% =  450.00
        05-15 overtime      1:00   x 450.00/8h x 150% =   84.38
        05-18 base          1 d    x 450.00    x 100% =  450.00
        05-19 base          1 d    x 450.00    x 100% =  450.00
        05-20 base          1 d    x 450.00    x 100% =  450.00
        05-21 base          1 d    x 450.00    x 100% =  450.00
        05-22 base          1 d    x 450.00    x 100% =  450.00
        05-25 base          0.5 d  x 450.00    x 100% =  225.00
        05-26 paid_absence  1 d    x 450.00    x 60%  =  270.00
        05-27 base          1 d    x 450.00    x 100% =  450.00
        05-27 allowance     1      x 10.00     x 100% =   10.00
        05-28 base          1 d    x 450.00    x 100% =  450.00
        05-28 allowance     1      x 10.00     x 100% =   10.00
        05-29 base          1 d    x 450.00    x 100% =  450.00
        05-29 allowance     1      x 10.00     x 100% =   10.00
        05-30 rest_day      1 d    x 450.00    x 200% =  900.00
        05-30 overtime_rest 0:30   x 450.00/8h x 200% =   56.25
        05-30 allowance     1      x 10.00     x 100% =   10.00
        05-31 base          0.75 d x 450.00    x 100% =  337.50
        05-31 rest_day      0.25 d x 450.00    x 200% =  225.00
        05-31 allowance     1      x 10.00     x 100% =   10.00
        """,
    )
    assert (wage.gross_fen, wage.day_milli, wage.problems) == (12148_13, 22_000, ())


def test_the_forgotten_exit_of_may_waits_until_somebody_has_decided_it():
    waiting = may_by_the_day(corrections=[])
    assert (waiting.gross_fen, waiting.undecided_days, waiting.undecided_fen_max) == (11748_13, 1, 400_00)
    assert waiting.problems == (("undecided_day", on("05-11")),)
    [item] = [i for i in may_by_the_day().items if i.work_date == on("05-11")]
    assert ("correction", 3) in item.evidence


def test_the_night_before_the_first_of_may_is_a_day_of_april():
    """30 April 22:00 to 1 May 06:00: two hours of a workday, six of a statutory day; nothing of it is May's."""
    [april] = month("2026-04", "04-30 22:00-06:00", *RAISE)
    same(
        april,
        """
        04-30 base          0.25 d x 400.00 x 100% = 100.00
        04-30 statutory_day 0.75 d x 400.00 x 300% = 900.00
        """,
    )
    assert month("2026-05", "04-30 22:00-06:00", *RAISE) == ()


def test_what_is_withheld_from_may():
    """Gross 12148.13. Insurance 500.00 and tax 84.10 whole; damage 3000.00, but a fifth of the wage is 2429.62; then the
    advance of 8000.00, and what an unproved one says is not taken."""
    gross = may_by_the_day().gross_fen
    answer = withhold(
        gross,
        [
            Deduction(1, 1, date(2026, 5, 1), DeductionKind.DAMAGE, 3000_00),
            Deduction(2, 1, date(2026, 5, 1), DeductionKind.SOCIAL_INSURANCE, 500_00),
            Deduction(3, 1, date(2026, 5, 1), DeductionKind.INCOME_TAX, 84_10),
        ],
        [Advance(1, 1, 8000_00, date(2026, 5, 12), True), Advance(2, 1, 900_00, date(2026, 5, 2), False)],
        minimum_fen=MINIMUM_FEN,
    )
    assert answer.deductions == ((3, 84_10), (2, 500_00), (1, 2429_62))
    assert answer.advances == ((1, 8000_00),)
    assert (answer.deductions_fen, answer.advances_fen, answer.net_fen) == (3013_72, 8000_00, 1134_41)
    assert answer.carried == (("deduction", 1, 570_38),)


def test_may_by_the_day_under_a_work_agreement_with_agreed_units():
    """The same timetable, a work agreement at 400.00: no multiples, six hours of overtime are one more man-day."""
    agreed = terms(rate_fen=400_00, overtime_rule=OvertimeRule.UNITS, overtime_unit_minutes=360)
    [wage] = month("2026-05", DAYS, agreed, corrections=[FORGOTTEN])
    # 22 man-days; 2 h, 1 h and 0:30 of overtime.
    assert wage.gross_fen == 22 * 400_00 + 133_33 + 66_67 + 33_33
    [old] = month("2026-05", DAYS, terms(rate_fen=400_00), corrections=[FORGOTTEN])
    assert old.gross_fen == 22 * 400_00


def test_may_by_the_day_with_comprehensive_hours():
    """19 workdays make 152 hours. Worked outside statutory days: twenty whole days, 4 h, and 2:00 + 1:00 + 0:30 beyond
    the day, 167:30 in all: 15:30 beyond the month."""
    agreed = terms(rate_fen=400_00, hours_system=HoursSystem.COMPREHENSIVE, **LAW)
    [wage] = month("2026-05", DAYS, agreed, corrections=[FORGOTTEN])
    statutory = [i.amount_fen for i in wage.items if i.component == "statutory_day"]
    assert statutory == [1200_00, 600_00]
    [beyond] = [i for i in wage.items if i.work_date is None]
    assert (beyond.quantity, beyond.permille, beyond.amount_fen) == (930, 500, 387_50)
    # 20.5 man-days at 400.00 once, 3:30 beyond the standard day at 50.00 once.
    assert wage.gross_fen == 1800_00 + 8200_00 + 175_00 + 387_50


# --- by the hour (计时), October 2025


def test_october_by_the_hour():
    """35.00 an hour. A night from 3 October (statutory) into the 4th (rest); a make-up Saturday; an unfinished half hour."""
    agreed = terms(PayKind.HOUR, 35_00, "2025-01-01", **LAW)
    [wage] = month(
        "2025-10",
        f"""
        10-01 {WHOLE}
        10-03 20:00-06:00
        10-07 08:00-12:00
        10-09 {WHOLE}
        10-10 08:00-12:00 13:00-19:25
        10-11 {WHOLE}
        10-12 08:00-12:00 13:00-18:30
        10-13 08:00-08:50
        """,
        agreed,
    )
    same(
        wage,
        """
        10-01 statutory_day 8:00 x 35.00/1h x 300% = 840.00
        10-03 rest_day      4:00 x 35.00/1h x 200% = 280.00
        10-03 statutory_day 4:00 x 35.00/1h x 300% = 420.00
        10-03 overtime_rest 2:00 x 35.00/1h x 200% = 140.00
        10-07 rest_day      4:00 x 35.00/1h x 200% = 280.00
        10-09 base          8:00 x 35.00/1h x 100% = 280.00
        10-10 base          8:00 x 35.00/1h x 100% = 280.00
        10-10 overtime      2:00 x 35.00/1h x 150% = 105.00
        10-11 base          8:00 x 35.00/1h x 100% = 280.00
        10-12 rest_day      8:00 x 35.00/1h x 200% = 560.00
        10-12 overtime_rest 1:30 x 35.00/1h x 200% = 105.00
        10-13 base          0:50 x 35.00/1h x 100% =  29.17
        """,
    )
    assert wage.gross_fen == 3599_17


# --- by the month (月薪), October 2025 and May 2026


OCTOBER = f"""
10-09..10-10 {WHOLE}
10-11        {WHOLE}
10-13..10-17 {WHOLE}
10-20..10-24 {WHOLE}
10-27..10-31 {WHOLE}
"""


def test_october_by_the_month_worked_whole():
    """18 workdays worked: the whole month, although 18 is less than 21.75. The 6th (statutory) and the 12th (Sunday) come
    on top, and two hours of overtime on the 15th: 6525.00 / 21.75 / 8 = 37.50 an hour."""
    worked = OCTOBER.replace("10-13..10-17", "10-13..10-14") + f"""
    10-06 {WHOLE}
    10-12 {WHOLE}
    10-15 08:00-12:00 13:00-19:00
    10-16..10-17 {WHOLE}
    """
    [wage] = month("2025-10", "\n".join(line.strip() for line in worked.splitlines() if line.strip()),
                   terms(PayKind.MONTH, 6525_00, "2025-01-01", **LAW))  # fmt: skip
    same(
        wage,
        """
        month base          1    x 6525.00       x 100% = 6525.00
        month rest_day      1 d  x 6525.00/21.75 x 200% =  600.00
        month statutory_day 1 d  x 6525.00/21.75 x 300% =  900.00
        month overtime      2:00 x 6525.00/174h  x 150% =  112.50
        """,
    )
    assert (wage.gross_fen, wage.day_milli) == (8137_50, 20_000)


def test_october_by_the_month_with_a_raise_and_a_transfer():
    """Until the 16th in the first team, 6600.00, from the 13th on 7700.00; from the 17th in the second team, 7700.00.
    22 paid days: the 1st to 3rd, the 6th, the 9th, 10th and 11th are 7 of the first rate; the 13th to 16th, one of which
    he missed, are 3 of 4; the 17th to 31st are 11, of which half of the 31st is missing."""
    first, second = engaged(1, since="2025-01-01", until="2025-10-17"), engaged(2, team=2, since="2025-10-17")
    agreed = (
        terms(PayKind.MONTH, 6600_00, "2025-01-01", valid_to=on("2025-10-13")),
        terms(PayKind.MONTH, 7700_00, "2025-10-13", id=2),
        terms(PayKind.MONTH, 7700_00, "2025-10-17", id=3, engagement_id=2),
    )
    worked = f"""
    10-09..10-11 {WHOLE}
    10-13..10-14 {WHOLE}
    10-16..10-17 {WHOLE}
    10-20..10-24 {WHOLE}
    10-27..10-30 {WHOLE}
    10-31        08:00-12:00
    """
    found = month("2025-10", worked, *agreed, engagements=[first, second])
    same(
        found[0],
        """
        month base 7 d x 6600.00/22 x 100% = 2100.00
        month base 3 d x 7700.00/22 x 100% = 1050.00
        """,
    )
    same(found[1], "month base 10.5 d x 7700.00/22 x 100% = 3675.00")
    assert [w.team_id for w in found] == [1, 2]


def test_may_by_the_month_with_days_missed_and_a_forgotten_exit():
    """5000.00 a month, paid leave on the 6th, two days missed, ten hours of overtime in one item: 431.03, not 431.10."""
    leave = DayMark(9, MarkKind.LEAVE, date(2026, 5, 6), date(2026, 5, 7), 1000, worker_id=1)
    worked = f"""
    05-09        {WHOLE}
    05-11..05-15 08:00-12:00 13:00-19:00
    05-18..05-22 {WHOLE}
    05-25..05-28 {WHOLE}
    05-29        08:00-12:00 13:00-
    """
    agreed = terms(PayKind.MONTH, 5000_00, **LAW)
    [open_] = month("2026-05", worked, agreed, marks=[leave])
    same(
        open_,
        """
        month base     18.75 d x 5000.00/21.75 x 100% = 4310.34
        month overtime 10:00   x 5000.00/174h  x 150% =  431.03
        """,
    )
    assert (open_.problems, open_.undecided_fen_max) == ((("undecided_day", on("05-29")),), 229_89)
    exit_ = Correction(5, 1, date(2026, 5, 29), CorrectionKind.MISSING_OUT, out_at=instant("29 17:00", month="2026-05"))
    [decided] = month("2026-05", worked, agreed, marks=[leave], corrections=[exit_])
    same(
        decided,
        """
        month base     19.75 d x 5000.00/21.75 x 100% = 4540.23
        month overtime 10:00   x 5000.00/174h  x 150% =  431.03
        """,
    )


# --- by the piece (计件), May 2026


def test_may_by_the_piece():
    """A team of three: wang 4, li 3, zhao 2.5 man-days. 380 m2 at 21.00 are accepted: 7980.00, split by 9.5 days. 20 m of
    edges at 15.01 go by shares 2 : 1. 50 m2 nobody has accepted. Zhao is guaranteed 110.00 an hour for his 20 hours."""
    agreed = [
        terms(PayKind.PIECE, 21_00),
        terms(PayKind.PIECE, 21_00, id=2, engagement_id=2, worker_id=2),
        terms(PayKind.PIECE, 21_00, id=3, engagement_id=3, worker_id=3, hour_floor_fen=110_00),
    ]

    def measure(id_: int, quantity_milli: int, price_fen: int, **more) -> Measure:
        values = {"percent": 100, "split_by": "days", "accepted": True} | more
        return Measure(id_, 1, date(2026, 5, 1), "抹灰", "m2", quantity_milli, price_fen, **values)

    found = month(
        "2026-05",
        f"""
        05-06..05-08 wang {WHOLE}
        05-11        wang {WHOLE}
        05-06..05-08 li   {WHOLE}
        05-06..05-07 zhao {WHOLE}
        05-08        zhao 08:00-12:00
        """,
        *agreed,
        engagements=[engaged(i, i) for i in (1, 2, 3)],
        measures=[
            measure(1, 380_000, 21_00), measure(2, 20_000, 15_01, split_by="shares", shares=((1, 2), (2, 1))),
            measure(3, 50_000, 21_00, accepted=None),
        ],
    )  # fmt: skip
    wang, li, zhao = found
    same(
        wang,
        """
        month piece 4 d x 7980.00/9.5 x 100% = 3360.00
        month piece 2   x 300.20/3    x 100% =  200.13
        """,
    )
    same(
        li,
        """
        month piece 3 d x 7980.00/9.5 x 100% = 2520.00
        month piece 1   x 300.20/3    x 100% =  100.07
        """,
    )
    same(
        zhao,
        """
        month piece 2.5 d x 7980.00/9.5 x 100% = 2100.00
        month floor 1     x 100.00      x 100% =  100.00
        """,
    )
    assert sum(w.gross_fen for w in found) == 7980_00 + 300_20 + 100_00
    assert {w.problems for w in found} == {(("measure_not_accepted", None),)}
