"""What each worker earned and is owed, for all four ways of paying.

    month_wages(bundle, days)  ->  MonthWage: one per engagement and month, made of items, each with its evidence
    owed(months, payments)     ->  Owed: one per worker
    item_fen, wage_fen         the only roundings: one a line item, half up
    allot                      a whole split so that the parts sum to it again (最大余数法)

Wages are added up from proven days; what nobody proved earns nothing. Every day given comes back as one accrual,
whatever its state: a day that earns nothing *yet* says why and what it may be worth at most.

How a day becomes money (the rules, by kind of pay; multiples only under ``OvertimeRule.LAW``):

* day (计日): man-days x rate; 100 / 200 / 300 % by kind of day; overtime by the minute at 150 / 200 / 300 %.
* hour (计时): minutes x rate, the same multiples; without ``law`` every minute at the plain rate.
* month (月薪): the wage for the workdays of the month, less what was missed; rest days, statutory days and overtime
  come on top, one item a kind and month.
* piece (计件): the worker's share of measured and accepted work, topped up to a guarantee by the hour (保底).

A day is priced by the terms of its own engagement that cover its date; a night shift by the date it began on.
Multiples follow the calendar date each minute lies on. Only ``law`` and monthly wages need the calendar: without
rows for a date they earn nothing yet (``calendar_missing``).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from app.domain.attendance import DayState, day_milli_max
from app.domain.facts import (
    Allowance,
    AttendancePolicy,
    DayKind,
    Engagement,
    HoursSystem,
    Measure,
    MonthMethod,
    OvertimeRule,
    PayKind,
    Payment,
    ProjectMonth,
    Relation,
    Terms,
)
from app.domain.timesheet import WorkDay, policy_at
from app.domain.workdays import local, month_of, next_month

MONTH_MILLI = 21_750
"""Thousandths of a day in a month's wage: 21.75 paid days (domain.md 1.4)."""
MONTH_MINUTES = 10_440
"""Minutes in a month's wage: 21.75 days of 8 hours. Fen x minutes / this is an hour's price, never rounded first."""
STANDARD_DAY = 480
"""Minutes of a workday in the total of comprehensive hours (综合计算工时)."""

_A_DAY = timedelta(days=1)


# --- values --------------------------------------------------------------------------------------------------


class AccrualState(StrEnum):
    """Whether a day's wages stand, and if not, what is missing."""

    EARNED = "earned"
    """Decided day, one rate: the amount stands."""
    UNDECIDED = "undecided"
    """A person must decide the day first."""
    PRESENT = "present"
    """The worker is still on site; the day goes on."""
    NO_TERMS = "no_terms"
    """Worked, but no terms cover the date: nobody recorded what he earns."""
    SEVERAL_TERMS = "several_terms"
    """Worked, but more than one rate covers the date: somebody must void one."""
    NO_CALENDAR = "no_calendar"
    """Worked, but nobody imported what kind of day it was, and the price depends on it."""


class Component(StrEnum):
    """What a wage item is for (工资项目)."""

    BASE = "base"
    """Man-days, hours or the month at the plain rate (基本工资)."""
    REST_DAY = "rest_day"
    """Man-days or hours on a rest day, at the whole multiple (休息日)."""
    STATUTORY_DAY = "statutory_day"
    """Man-days or hours on a statutory day, at the whole multiple (法定节假日)."""
    OVERTIME = "overtime"
    """Beyond the standard day on a workday (延时加班); under comprehensive hours, beyond the month's total."""
    OVERTIME_REST = "overtime_rest"
    """Beyond the standard day on a rest day."""
    OVERTIME_STATUTORY = "overtime_statutory"
    """Beyond the standard day on a statutory day."""
    OVERTIME_UNITS = "overtime_units"
    """Agreed man-days for overtime (加班折工)."""
    PAID_ABSENCE = "paid_absence"
    """Paid share of a mark: leave, stoppage, rain (带薪缺勤)."""
    PIECE = "piece"
    """The worker's share of measured work (计件)."""
    FLOOR = "floor"
    """What is missing to the guaranteed wage (保底差额)."""
    ALLOWANCE = "allowance"
    """津贴补贴."""


@dataclass(frozen=True, slots=True)
class WageItem:
    """One line item: quantity x rate x multiple, rounded once, HALF_UP (工资明细).

    ``amount_fen == round_half_up(quantity * rate_fen * permille / (1000 * per))``. The one exception is ``piece``:
    there it is one of the parts that sum to the whole, and lies within a fen of the formula.
    """

    component: Component
    work_date: date | None
    """None for an item of the whole month."""
    quantity: int
    """Thousandths of a man-day, minutes, a share, or 1, as ``unit`` says."""
    unit: str
    """``milli_day``, ``minute``, ``quarter_minute``, ``share`` or ``once``. Quarter minutes only for agreed overtime
    units of a monthly wage whose length is no multiple of 4, so that ``per`` stays whole."""
    rate_fen: int
    """Fen for ``per`` of ``quantity``: the agreed rate itself, never a rounded one. For ``piece`` the amount of the
    whole measured work, of which ``quantity`` of ``per`` is his."""
    per: int
    """How much of ``quantity`` the rate is for: 1000 milli-days; 60 minutes; for a monthly wage 21 750 milli-days
    or 10 440 minutes."""
    permille: int
    """1000, 1500, 2000, 3000; 500 for what is still missing to 1500; or the paid share of a mark."""
    amount_fen: int
    terms_id: int | None
    evidence: tuple[tuple[str, int], ...] = ()
    """(kind, row id): passage, correction, mark, measure, allowance, terms. What the item rests on."""


@dataclass(frozen=True, slots=True)
class Accrual:
    """The wages of one worker for one work date (应计工资)."""

    worker_id: int
    work_date: date
    state: AccrualState
    amount_fen: int
    """What stands, the sum of ``items``: more than 0 only when ``earned``. A turn-back at the gate is ``earned``
    with 0, and so is a day of a monthly or piece wage: its money is in the items of the month."""
    amount_max_fen: int | None
    """``amount_fen`` when earned; else what the day can be worth at most without overtime, at the top step of the
    unit table (for a worked day: at its own man-days). None when no rate is known or the day has no price of its own."""
    day_milli: int | None
    """As in ``Day``."""
    rate_fen: int | None
    """As agreed: fen per man-day, hour, month or unit; None without exactly one rate."""
    terms_id: int | None
    passage_ids: tuple[int, ...]
    """Every fen names the passages that earned it."""
    engagement_id: int | None = None
    items: tuple[WageItem, ...] = ()


@dataclass(frozen=True, slots=True)
class MonthWage:
    """What one engagement earned in one month, before anything is withheld (月应发工资)."""

    worker_id: int
    engagement_id: int | None
    """None for work nobody had engaged him for: it is priced by the worker's latest terms, and a finding."""
    team_id: int | None
    month: date
    accruals: tuple[Accrual, ...]
    """One a work date, in order; each with its items."""
    items: tuple[WageItem, ...]
    """All: those of the days, then those of the month. ``gross_fen`` is their sum."""
    gross_fen: int
    day_milli: int
    """Settled man-days."""
    minutes: int
    """Of settled days."""
    overtime_minutes: int
    """Of settled days, before rounding to steps."""
    undecided_days: int
    """Days a person must decide (``undecided`` or ``several_terms``); their wages come on top of ``gross_fen``."""
    undecided_fen_max: int
    """What those days are worth at most; days of unknown rate are not in it."""
    no_terms_days: int
    """Worked days with no terms; their wages are unknown and come on top."""
    problems: tuple[tuple[str, date | None], ...] = ()
    """(stable code, date), in order of date: why the month cannot be signed yet: calendar_missing, undecided_day,
    several_terms, no_terms, measure_not_accepted, present; or should be looked at: overtime_not_priced (a labour
    contract without a price for overtime; the first such date), measure_not_split (nobody of the team has man-days or
    shares), paid_absence_not_priced (piece pay without a guarantee)."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What one worker has earned, received and still has to get, over the months and payments given."""

    worker_id: int
    accrued_fen: int
    """Sum of ``gross_fen`` of his months."""
    paid_fen: int
    """Sum of his payments, returned transfers subtracted."""
    owed_fen: int
    """max(0, accrued - withheld - paid)."""
    overpaid_fen: int
    """max(0, paid + withheld - accrued): kept apart, never taken from another worker or another month."""
    undecided_days: int
    """Days a person must decide (``undecided`` or ``several_terms``); their wages come on top of ``owed_fen``."""
    undecided_fen_max: int
    """What those days are worth at most; days of unknown rate are not in it."""
    no_terms_days: int
    """Worked days with no terms; their wages are unknown and come on top."""
    undecided_on: tuple[date, ...]
    no_terms_on: tuple[date, ...]
    accruals: tuple[Accrual, ...]
    """All of his, by date."""
    payment_ids: tuple[int, ...]
    """All of his, by id."""
    months: tuple[MonthWage, ...] = ()
    """By month and engagement."""
    withheld_fen: int = 0
    """Deducted, or taken back for an advance, on posted lines."""


# --- arithmetic ----------------------------------------------------------------------------------------------


def item_fen(quantity: int, rate_fen: int, per: int, permille: int = 1000) -> int:
    """Return quantity x rate / per x permille / 1000, rounded half up to a whole fen.

    This is the only rounding between a passage and a payment (domain.md 1.4, attendance.md 2.4 no. 23): a month is the sum of
    rounded items, never a rounded sum, and no rate is rounded first.

    Args:
        quantity: not negative.
        rate_fen: fen for ``per`` of ``quantity``, positive.
        per: positive.
        permille: the multiple in thousandths, not negative.

    Raises:
        ValueError: one of them is outside its range.
    """
    if rate_fen <= 0 or quantity < 0 or per <= 0 or permille < 0:
        raise ValueError("a rate is positive and a quantity is not negative")
    return (2 * quantity * rate_fen * permille + 1000 * per) // (2000 * per)


def wage_fen(rate_fen: int, milli: int) -> int:
    """Return ``rate_fen`` x ``milli`` / 1000, rounded half up to a whole fen.

    Args:
        rate_fen: fen per man-day, positive.
        milli: thousandths of a man-day, not negative.

    Raises:
        ValueError: ``rate_fen`` is not positive or ``milli`` is negative.
    """
    return item_fen(milli, rate_fen, 1000)


def allot(total: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Split ``total`` by weights into whole parts that sum to it: largest remainder, ties to the lowest key.

    Args:
        total: not negative.
        weights: key -> weight, not negative.

    Returns:
        A part for every key; empty when the weights sum to nothing.

    Raises:
        ValueError: something is negative.
    """
    if total < 0 or any(weight < 0 for weight in weights.values()):
        raise ValueError("neither a whole nor a weight is negative")
    whole = sum(weights.values())
    if whole == 0:
        return {}
    parts = {key: total * weight // whole for key, weight in sorted(weights.items())}
    left = total - sum(parts.values())
    for key in sorted(parts, key=lambda k: (-(total * weights[k] % whole), k))[:left]:
        parts[key] += 1
    return parts


# --- what a kind of day is worth -----------------------------------------------------------------------------

_WORK, _REST, _STATUTORY = range(3)
_CLASS = {
    DayKind.WORKDAY: _WORK,
    DayKind.MAKEUP: _WORK,
    DayKind.REST: _REST,
    DayKind.ADJUST_REST: _REST,
    DayKind.STATUTORY: _STATUTORY,
}
_PLAIN = (Component.BASE, Component.REST_DAY, Component.STATUTORY_DAY)
_BEYOND = (Component.OVERTIME, Component.OVERTIME_REST, Component.OVERTIME_STATUTORY)
_PLAIN_PERMILLE = (1000, 2000, 3000)
_BEYOND_PERMILLE = (1500, 2000, 3000)
_PREMIUM = 500
"""What is missing to 150 % for time that was paid once already."""
_ORDER = {component: place for place, component in enumerate(Component)}


def _classes(work: WorkDay, terms: Terms) -> tuple[list[int], list[int]] | None:
    """(regular, overtime) minutes of workday, rest day and statutory day; None when a date has no calendar row.

    Comprehensive and irregular hours know no rest-day rate: there rest days are workdays.
    """
    regular, beyond = [0, 0, 0], [0, 0, 0]
    for span in work.spans:
        if span.kind is None:
            return None
        place = _CLASS[span.kind]
        regular[place] += span.regular_minutes
        beyond[place] += span.overtime_minutes
    if terms.hours_system is not HoursSystem.STANDARD:
        for minutes in (regular, beyond):
            minutes[_WORK] += minutes[_REST]
            minutes[_REST] = 0
    return regular, beyond


def _shared(milli: int, regular: list[int], kind: DayKind | None, terms: Terms) -> list[int] | None:
    """Man-days of a date by class, in proportion to its regular minutes; whole again when added.

    A date somebody set to so many man-days without any minutes goes by its own kind.
    """
    for place in (_WORK, _REST, _STATUTORY):
        if regular[place] and not regular[place - 1] and not regular[place - 2]:
            return [milli if p == place else 0 for p in range(3)]
    parts = allot(milli, dict(enumerate(regular)))
    if parts:
        return [parts[place] for place in range(3)]
    if kind is None:
        return None
    place = _CLASS[kind]
    if place == _REST and terms.hours_system is not HoursSystem.STANDARD:
        place = _WORK
    return [milli if p == place else 0 for p in range(3)]


# --- the facts, indexed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _MonthDays:
    """The calendar of one month."""

    workdays: tuple[date, ...]
    paid_holidays: tuple[date, ...]
    """Statutory days that fall Monday to Friday: paid without work."""
    missing_on: date | None
    """First date without a row."""


class _Facts:
    """A bundle, indexed once for all its workers."""

    def __init__(self, bundle: ProjectMonth) -> None:
        self.bundle = bundle
        self.today = local(bundle.as_of, bundle.policy).date()
        self.engagements: dict[int, Engagement] = {e.id: e for e in bundle.engagements}
        self.terms_of: dict[int, list[Terms]] = defaultdict(list)
        self.terms_of_worker: dict[int, list[Terms]] = defaultdict(list)
        for terms in sorted(bundle.terms, key=lambda t: (t.valid_from, t.id)):
            if terms.rate_fen <= 0:
                raise ValueError(f"terms {terms.id}: a rate is positive")
            self.terms_of[terms.engagement_id].append(terms)
            self.terms_of_worker[terms.worker_id].append(terms)
        self.allowances: dict[int, list[Allowance]] = defaultdict(list)
        for allowance in sorted(bundle.allowances, key=lambda a: a.id):
            self.allowances[allowance.engagement_id].append(allowance)
        self._months: dict[date, _MonthDays] = {}
        self._policies: dict[tuple[int | None, int | None, date], AttendancePolicy] = {}

    def month(self, month: date) -> _MonthDays:
        found = self._months.get(month)
        if found is None:
            workdays, holidays, missing_on = [], [], None
            day = month
            while day < next_month(month):
                kind = self.bundle.calendar.get(day)
                if kind is None:
                    missing_on = missing_on or day
                elif kind.is_work:
                    workdays.append(day)
                elif kind is DayKind.STATUTORY and day.weekday() < 5:
                    holidays.append(day)
                day += _A_DAY
            found = self._months[month] = _MonthDays(tuple(workdays), tuple(holidays), missing_on)
        return found

    def policy(self, work: WorkDay) -> AttendancePolicy:
        if not self.bundle.policies:
            return self.bundle.policy
        engagement = self.engagements.get(work.engagement_id) if work.engagement_id is not None else None
        company_id = engagement.company_id if engagement else None
        key = work.team_id, company_id, work.work_date
        if key not in self._policies:
            self._policies[key] = policy_at(self.bundle, *key)
        return self._policies[key]

    def covering(self, work: WorkDay) -> list[Terms]:
        """Terms that may price a day: those of its engagement; for work outside every engagement, those of the
        worker's latest one that has any."""
        day = work.work_date
        if work.engagement_id is not None:
            return [t for t in self.terms_of.get(work.engagement_id, ()) if t.covers(day)]
        found = [t for t in self.terms_of_worker.get(work.worker_id, ()) if t.covers(day)]
        if len(found) > 1:
            latest = max(found, key=lambda t: (t.valid_from, t.engagement_id)).engagement_id
            found = [t for t in found if t.engagement_id == latest]
        return found


# --- one engagement, one month -------------------------------------------------------------------------------

_Evidence = tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Heap:
    """A quantity that grows over the month, and what it rests on."""

    quantity: int = 0
    evidence: list[tuple[str, int]] = field(default_factory=list)

    def add(self, quantity: int, evidence: _Evidence) -> None:
        self.quantity += quantity
        self.evidence += evidence


@dataclass(slots=True)
class _Stretch:
    """What a month knows about the days priced by one monthly or piece-work rate."""

    terms: Terms
    attended: dict[date, int] = field(default_factory=dict)
    """Workday -> thousandths of a day that are paid: worked, or the paid share of a mark."""
    leave_milli: int = 0
    """Of those, what was not worked."""
    open_days: set[date] = field(default_factory=set)
    """Workdays that nobody has decided yet: neither attended nor absent."""
    milli: int = 0
    """Man-days outside statutory days."""
    minutes: int = 0
    """Minutes outside statutory days, overtime in whole steps."""
    piece_minutes: int = 0
    evidence: list[tuple[str, int]] = field(default_factory=list)
    plain: dict[int, _Heap] = field(default_factory=dict)
    """Class -> man-days on top of the month's wage."""
    beyond: dict[int, _Heap] = field(default_factory=dict)
    """Class -> overtime minutes."""


class _Bill:
    """One engagement and month while it is added up."""

    def __init__(self, facts: _Facts, worker_id: int, engagement_id: int | None, team_id: int | None, month: date) -> None:
        self.facts = facts
        self.worker_id = worker_id
        self.engagement_id = engagement_id
        self.team_id = team_id
        self.month = month
        self.accruals: list[Accrual] = []
        self.month_items: list[WageItem] = []
        self.problems: set[tuple[str, date | None]] = set()
        self.stretches: dict[int, _Stretch] = {}
        self.counted: list[tuple[date, int, Terms, _Evidence]] = []
        """Comprehensive hours: date, minutes outside statutory days, terms, evidence."""
        self.piece_milli = 0
        self.worked_on: list[date] = []
        self.minutes = self.overtime_minutes = self.day_milli = 0
        self.unpriced_on: date | None = None
        self.allowances = facts.allowances.get(engagement_id or 0, ())
        own = facts.terms_of.get(engagement_id or 0, ())
        end = next_month(month)
        self.only = own if len(own) == 1 and own[0].valid_from <= month and (own[0].valid_to or end) >= end else None
        """The one rate of the whole month; None when each day must look for its own."""

    # --- a day

    def add(self, work: WorkDay) -> None:
        """Price one day. Days come in order of date."""
        day, facts = work.day, self.facts
        found = self.only or facts.covering(work)
        only = found[0] if len(found) == 1 else None
        items: list[WageItem] = []
        if day.day_milli is None:
            state = AccrualState.PRESENT if day.state is DayState.PRESENT else AccrualState.UNDECIDED
            if only is not None:
                self._open(work, only)
        else:
            state = AccrualState.EARNED
            self.minutes += day.minutes
            self.overtime_minutes += day.overtime_minutes
            self.day_milli += day.day_milli
            if only is not None:
                evidence = _evidence(work)
                priced = _PRICES[only.kind](self, work, only, evidence)
                if priced is None:
                    state = AccrualState.NO_CALENDAR
                else:
                    items = priced
                    if day.day_milli or day.minutes:
                        self.worked_on.append(work.work_date)
                        if self.allowances:
                            items += self._daily_allowances(work.work_date)
            elif _worth_something(work):
                state = AccrualState.SEVERAL_TERMS if found else AccrualState.NO_TERMS
        if state is not AccrualState.EARNED:
            on = work.work_date
            if state is AccrualState.NO_CALENDAR and work.kind is not None:
                on += _A_DAY  # his own date is known: the shift runs into one that is not
            self.problems.add((_PROBLEMS[state], on))
        amount = 0
        for item in items:
            amount += item.amount_fen
        self.accruals.append(
            Accrual(
                day.worker_id,
                work.work_date,
                state,
                amount,
                amount if state is AccrualState.EARNED else self._at_most(work, found),
                day.day_milli,
                only.rate_fen if only is not None else None,
                only.id if only is not None else None,
                day.passage_ids,
                self.engagement_id,
                tuple(items),
            )
        )

    def _at_most(self, work: WorkDay, found: Iterable[Terms]) -> int | None:
        """What an unsettled day is worth at most, overtime left out; the highest of several rates."""
        day = work.day
        milli = day_milli_max(self.facts.policy(work)) if day.day_milli is None else day.day_milli
        return max((worth for t in found if (worth := _worth(work, t, milli)) is not None), default=None)

    def _open(self, work: WorkDay, terms: Terms) -> None:
        if terms.kind is PayKind.MONTH:
            self.stretch(terms).open_days.add(work.work_date)

    def stretch(self, terms: Terms) -> _Stretch:
        """What the month knows about the days priced by these terms."""
        found = self.stretches.get(terms.id)
        if found is None:
            found = self.stretches[terms.id] = _Stretch(terms)
        return found

    def _daily_allowances(self, day: date) -> list[WageItem]:
        return [
            _once(Component.ALLOWANCE, day, a.amount_fen, (("allowance", a.id),))
            for a in self.allowances
            if a.per == "day" and a.valid_from <= day and (a.valid_to is None or day < a.valid_to)
        ]

    def unpriced(self, work: WorkDay, terms: Terms) -> None:
        """Remember time beyond the standard that a labour contract should have a price for."""
        if terms.relation is Relation.LABOUR_CONTRACT and self.unpriced_on is None:
            self.unpriced_on = work.work_date

    # --- the month

    def close(self) -> MonthWage:
        """Add what only the whole month can say. The bill's days are complete."""
        month_terms = [t for t in self._all_terms() if t.kind is PayKind.MONTH]
        if month_terms:
            self._monthly(month_terms)
        self._beyond_the_month()
        self._floor()
        self._monthly_allowances()
        if self.unpriced_on is not None:
            self.problems.add(("overtime_not_priced", self.unpriced_on))
        items = [item for accrual in self.accruals for item in accrual.items]
        items += sorted(self.month_items, key=_item_order)
        to_decide = [a for a in self.accruals if a.state in _TO_DECIDE]
        return MonthWage(
            worker_id=self.worker_id,
            engagement_id=self.engagement_id,
            team_id=self.team_id,
            month=self.month,
            accruals=tuple(self.accruals),
            items=tuple(items),
            gross_fen=sum(item.amount_fen for item in items),
            day_milli=self.day_milli,
            minutes=self.minutes,
            overtime_minutes=self.overtime_minutes,
            undecided_days=len(to_decide),
            undecided_fen_max=sum(a.amount_max_fen or 0 for a in to_decide),
            no_terms_days=sum(a.state is AccrualState.NO_TERMS for a in self.accruals),
            problems=tuple(sorted(self.problems, key=lambda p: (p[1] or date.max, p[0]))),
        )

    def _range(self, terms: Terms) -> tuple[date, date]:
        """The dates of the month on which these terms and the engagement hold; empty without an engagement."""
        first, end = self.month, next_month(self.month)
        engagement = self.facts.engagements.get(self.engagement_id or 0)
        if engagement is None:
            return first, first
        first = max(first, engagement.entry_on, terms.valid_from)
        for last in (engagement.exit_on, terms.valid_to):
            end = end if last is None else min(end, last)
        return first, max(first, end)

    def _all_terms(self) -> list[Terms]:
        """Terms that hold in the month, with or without a day, by date; for a stray, those that priced his days."""
        if self.engagement_id is None:
            return sorted((s.terms for s in self.stretches.values()), key=lambda t: (t.valid_from, t.id))
        found = []
        for terms in self.facts.terms_of.get(self.engagement_id, ()):
            first, end = self._range(terms)
            if first < end:
                found.append(terms)
        return found

    def _monthly(self, month_terms: list[Terms]) -> None:
        calendar = self.facts.month(self.month)
        alone = len(self._all_terms()) == 1
        for terms in month_terms:
            stretch = self.stretches.get(terms.id) or _Stretch(terms)
            if not self.accruals:
                # Nothing says that he was there, on leave or waited for: the statutory days of such a month are no wage.
                continue
            if calendar.missing_on is None:
                item = self._base_of_month(stretch, calendar, alone)
                if item is not None and item.amount_fen:
                    self.month_items.append(item)
            else:
                self.problems.add(("calendar_missing", calendar.missing_on))
            self._on_top(stretch)

    def _base_of_month(self, stretch: _Stretch, calendar: _MonthDays, alone: bool) -> WageItem | None:
        """The monthly wage, as far as it was earned (domain.md 4.2)."""
        terms = stretch.terms
        first, end = self._range(terms)
        to_date = min(end, self.facts.today + _A_DAY)
        expected = [d for d in calendar.workdays if first <= d < to_date]
        holidays = sum(first <= d < to_date for d in calendar.paid_holidays) * 1000
        due = 1000 * sum(d not in stretch.open_days for d in expected)
        attended = sum(stretch.attended.get(d, 0) for d in expected)
        if self.engagement_id is None:
            attended = sum(stretch.attended.values())
        elif terms.hours_system is HoursSystem.COMPREHENSIVE and terms.overtime_rule is OvertimeRule.LAW:
            # The total counts, not the dates it was worked on; a short day keeps its man-days.
            worked = max(stretch.milli, -(-stretch.minutes * 1000 // STANDARD_DAY))
            attended = min(due, worked + stretch.leave_milli)
        evidence = tuple(stretch.evidence) or (("terms", terms.id),)
        whole = alone and first == self.month and end == next_month(self.month)
        if self.engagement_id is None or (whole and self.facts.today < end):
            quantity, per = min(attended + holidays, MONTH_MILLI), MONTH_MILLI
        elif not whole:
            quantity, per = attended + holidays, 1000 * (len(calendar.workdays) + len(calendar.paid_holidays))
        else:
            absent, undecided = due - attended, 1000 * len(expected) - due
            if absent == 0 and undecided == 0:
                return WageItem(Component.BASE, None, 1, "once", terms.rate_fen, 1, 1000, terms.rate_fen, terms.id, evidence)
            forward = terms.month_method is MonthMethod.FORWARD or (
                terms.month_method is MonthMethod.AUTO and 2 * absent > 1000 * len(calendar.workdays)
            )
            if forward:
                quantity = min(attended + holidays, MONTH_MILLI)
            else:
                quantity = max(0, MONTH_MILLI - absent - undecided)
            per = MONTH_MILLI
        return _item(Component.BASE, None, quantity, "milli_day", terms, per, 1000, evidence)

    def _on_top(self, stretch: _Stretch) -> None:
        """Rest days, statutory days and overtime beside a monthly wage: one item a class."""
        terms = stretch.terms
        by_law = terms.overtime_rule is OvertimeRule.LAW
        for place, heap in sorted(stretch.plain.items()):
            permille = _PLAIN_PERMILLE[place] if by_law else 1000
            self.month_items.append(
                _item(_PLAIN[place], None, heap.quantity, "milli_day", terms, MONTH_MILLI, permille, tuple(heap.evidence))
            )
        for place, heap in sorted(stretch.beyond.items()):
            if by_law:
                item = _item(
                    _BEYOND[place], None, heap.quantity, "minute", terms, MONTH_MINUTES, _BEYOND_PERMILLE[place],
                    tuple(heap.evidence),
                )  # fmt: skip
            else:
                item = _agreed_units(terms, heap)
            self.month_items.append(item)

    def _beyond_the_month(self) -> None:
        """Comprehensive hours: what lies beyond the workdays' hours of the month, in order of time, at 150 %.

        Hours of a day or hour wage have been paid once already, so half of their price is added.
        """
        if not self.counted:
            return
        calendar = self.facts.month(self.month)
        if calendar.missing_on is not None:
            self.problems.add(("calendar_missing", calendar.missing_on))
            return
        systems = [t for t in self._all_terms() if t.hours_system is HoursSystem.COMPREHENSIVE]
        ranges = [self._range(t) for t in systems if t.overtime_rule is OvertimeRule.LAW]
        if self.engagement_id is None:
            ranges = [(self.month, next_month(self.month))]
        left = STANDARD_DAY * sum(any(first <= d < end for first, end in ranges) for d in calendar.workdays)
        heaps: dict[int, tuple[Terms, _Heap]] = {}
        for _, minutes, terms, evidence in self.counted:
            over = max(0, minutes - left)
            left = max(0, left - minutes)
            if over:
                heaps.setdefault(terms.id, (terms, _Heap()))[1].add(over, evidence)
        for terms, heap in heaps.values():
            per, permille = _MINUTE_RATE[terms.kind](terms), _PREMIUM
            if terms.kind is PayKind.MONTH:
                permille = 1500
            self.month_items.append(
                _item(Component.OVERTIME, None, heap.quantity, "minute", terms, per, permille, tuple(heap.evidence))
            )

    def _floor(self) -> None:
        """保底: what piece pay is short of the guaranteed fen an hour."""
        guaranteed, minutes, evidence = 0, 0, []
        terms_id = None
        for stretch in self.stretches.values():
            if stretch.piece_minutes and stretch.terms.hour_floor_fen:
                guaranteed += stretch.terms.hour_floor_fen * stretch.piece_minutes
                minutes += stretch.piece_minutes
                evidence += stretch.evidence
                terms_id = stretch.terms.id
        if not minutes:
            return
        pieces = sum(i.amount_fen for i in self.month_items if i.component is Component.PIECE)
        short = item_fen(guaranteed, 1, 60) - pieces
        if short > 0:
            self.month_items.append(_once(Component.FLOOR, None, short, tuple(evidence), terms_id))

    def _monthly_allowances(self) -> None:
        for a in self.allowances:
            if a.per == "month":
                due = any(a.valid_from <= d and (a.valid_to is None or d < a.valid_to) for d in self.worked_on)
            else:
                due = a.per == "once" and month_of(a.valid_from) == self.month and a.valid_from <= self.facts.today
            if due:
                self.month_items.append(_once(Component.ALLOWANCE, None, a.amount_fen, (("allowance", a.id),)))


def _evidence(work: WorkDay) -> _Evidence:
    found = [("passage", i) for i in work.day.passage_ids]
    if work.correction_ids:
        found += [("correction", i) for i in work.correction_ids]
    return tuple(found)


def _worth_something(work: WorkDay) -> bool:
    """A day on which something is earned at any rate. A turn-back at the gate needs no terms; nor do the few minutes
    of somebody who was not engaged."""
    paid = work.mark is not None and work.mark.pay_permille > 0
    return bool(work.day.day_milli or paid or (work.engagement_id is not None and work.day.minutes))


def _worth(work: WorkDay, terms: Terms, milli: int) -> int | None:
    """The most ``milli`` of a man-day on this date can bring, without overtime."""
    permille = 1000
    if terms.overtime_rule is OvertimeRule.LAW and terms.kind is not PayKind.PIECE:
        place = _STATUTORY if work.kind is None else _CLASS[work.kind]
        if place != _REST or terms.hours_system is HoursSystem.STANDARD:
            permille = _PLAIN_PERMILLE[place]
    if terms.kind is PayKind.DAY:
        return item_fen(milli, terms.rate_fen, 1000, permille)
    if terms.kind is PayKind.MONTH:
        return item_fen(milli, terms.rate_fen, MONTH_MILLI, permille)
    minutes = work.day.minutes
    if work.day.day_milli is None:
        minutes = max(minutes, terms.minutes_per_day)
    if terms.kind is PayKind.HOUR:
        return item_fen(minutes, terms.rate_fen, 60, permille)
    return item_fen(minutes, terms.hour_floor_fen, 60) if terms.hour_floor_fen else None


def _item(
    component: Component,
    on: date | None,
    quantity: int,
    unit: str,
    terms: Terms,
    per: int,
    permille: int,
    evidence: _Evidence,
) -> WageItem:
    rate = terms.rate_fen
    # As item_fen, whose checks the facts have passed: 150,000 days a month come by here.
    fen = (2 * quantity * rate * permille + 1000 * per) // (2000 * per)
    return WageItem(component, on, quantity, unit, rate, per, permille, fen, terms.id, evidence)


def _once(
    component: Component, on: date | None, fen: int, evidence: _Evidence, terms_id: int | None = None
) -> WageItem:
    return WageItem(component, on, 1, "once", fen, 1, 1000, fen, terms_id, evidence)


def _agreed_units(terms: Terms, heap: _Heap) -> WageItem:
    """Overtime of a monthly wage in agreed man-days: the month's wage / 21.75 for ``overtime_unit_minutes``."""
    quantity, unit, per = heap.quantity, "minute", terms.overtime_unit_minutes * 87
    if per % 4:
        quantity, unit = 4 * quantity, "quarter_minute"
    else:
        per //= 4
    return _item(Component.OVERTIME_UNITS, None, quantity, unit, terms, per, 1000, tuple(heap.evidence))


def _item_order(item: WageItem) -> tuple[int, int, _Evidence]:
    return _ORDER[item.component], item.terms_id or 0, item.evidence


# --- a day of each kind of pay: its items, or None when the calendar does not know it --------------------------


def _steps(minutes: int, bill: _Bill, work: WorkDay) -> int:
    """Overtime rounded down to whole steps of the policy."""
    return minutes - minutes % bill.facts.policy(work).overtime_step_minutes if minutes else 0


def _day_pay(bill: _Bill, work: WorkDay, terms: Terms, evidence: _Evidence) -> list[WageItem] | None:
    milli, on = work.day.day_milli or 0, work.work_date
    items: list[WageItem] = []
    if terms.overtime_rule is OvertimeRule.LAW:
        if milli or work.day.minutes:
            classes = _classes(work, terms)
            shares = _shared(milli, classes[0], work.kind, terms) if classes is not None else None
            if classes is None or shares is None:
                return None
            for place in (_WORK, _REST, _STATUTORY):
                if shares[place]:
                    items.append(
                        _item(_PLAIN[place], on, shares[place], "milli_day", terms, 1000, _PLAIN_PERMILLE[place], evidence)
                    )
            items += _overtime(bill, work, terms, classes, terms.minutes_per_day, evidence)
    else:
        if milli:
            items.append(_item(Component.BASE, on, milli, "milli_day", terms, 1000, 1000, evidence))
        beyond = work.day.overtime_minutes
        if beyond and terms.overtime_rule is OvertimeRule.UNITS:
            minutes = _steps(beyond, bill, work)
            if minutes:
                per = terms.overtime_unit_minutes
                items.append(_item(Component.OVERTIME_UNITS, on, minutes, "minute", terms, per, 1000, evidence))
        elif beyond:
            bill.unpriced(work, terms)
    if work.mark is not None:
        items += _paid_absence(work, terms, milli, 1000, "milli_day", 1000)
    return items


def _overtime(
    bill: _Bill, work: WorkDay, terms: Terms, classes: tuple[list[int], list[int]], per: int, evidence: _Evidence
) -> list[WageItem]:
    """Overtime of a date under the law, class by class, in whole steps.

    Comprehensive hours pay it once now, and what lies beyond the month's total gets the rest at its end. Irregular
    hours (不定时) have no overtime but on statutory days.
    """
    items = []
    system = terms.hours_system
    beyond = [_steps(minutes, bill, work) for minutes in classes[1]]
    if terms.kind is PayKind.HOUR and system is not HoursSystem.STANDARD:
        beyond[_WORK] = classes[1][_WORK]  # no overtime yet: an hour is an hour
    if system is HoursSystem.COMPREHENSIVE:
        bill.counted.append((work.work_date, classes[0][_WORK] + beyond[_WORK], terms, evidence))
    for place in (_WORK, _REST, _STATUTORY):
        if not beyond[place]:
            continue
        permille = _BEYOND_PERMILLE[place]
        if place == _WORK and system is not HoursSystem.STANDARD:
            if system is HoursSystem.IRREGULAR and terms.kind is PayKind.DAY:
                continue
            permille = 1000
        items.append(_item(_BEYOND[place], work.work_date, beyond[place], "minute", terms, per, permille, evidence))
    return items


def _hour_pay(bill: _Bill, work: WorkDay, terms: Terms, evidence: _Evidence) -> list[WageItem] | None:
    minutes, on = work.day.minutes, work.work_date
    items: list[WageItem] = []
    if terms.overtime_rule is OvertimeRule.LAW:
        if minutes:
            classes = _classes(work, terms)
            if classes is None:
                return None
            for place in (_WORK, _REST, _STATUTORY):
                if classes[0][place]:
                    items.append(
                        _item(_PLAIN[place], on, classes[0][place], "minute", terms, 60, _PLAIN_PERMILLE[place], evidence)
                    )
            items += _overtime(bill, work, terms, classes, 60, evidence)
    else:
        if minutes:
            items.append(_item(Component.BASE, on, minutes, "minute", terms, 60, 1000, evidence))
        if work.day.overtime_minutes:
            bill.unpriced(work, terms)
    if work.mark is not None:
        items += _paid_absence(work, terms, minutes, terms.minutes_per_day, "minute", 60)
    return items


def _paid_absence(
    work: WorkDay, terms: Terms, worked: int, whole: int, unit: str, per: int, *, rate_fen: int | None = None
) -> list[WageItem]:
    """The paid share of a mark, as far as it is more than what was worked: never less than worked, never both."""
    mark = work.mark
    if mark is None or not mark.pay_permille:
        return []
    rate = terms.rate_fen if rate_fen is None else rate_fen
    if not worked:
        quantity, permille = whole, mark.pay_permille
    else:
        quantity, permille = whole * mark.pay_permille // 1000 - worked, 1000
    if quantity <= 0:
        return []
    fen = item_fen(quantity, rate, per, permille)
    evidence = (*_evidence(work), ("mark", mark.id))
    return [WageItem(Component.PAID_ABSENCE, work.work_date, quantity, unit, rate, per, permille, fen, terms.id, evidence)]


def _month_pay(bill: _Bill, work: WorkDay, terms: Terms, evidence: _Evidence) -> list[WageItem] | None:
    """A day of a monthly wage has no items: it is attended, and what comes on top is kept for the month.

    The month's wage buys the shifts that begin on workdays, whole. A shift that begins on another day is on top,
    whole; and the part of any shift that lies on a statutory day is on top at 300 % (domain.md 1.4, ADD).
    """
    kind, milli = work.kind, work.day.day_milli or 0
    worked = bool(milli or work.day.minutes)
    permille = work.mark.pay_permille if work.mark is not None else 0
    if kind is None:
        return None if worked or permille else []
    stretch = bill.stretch(terms)
    by_law = worked and terms.overtime_rule is OvertimeRule.LAW
    classes = _classes(work, terms) if by_law else None
    shares = _shared(milli, classes[0], kind, terms) if classes is not None else None
    if by_law and (classes is None or shares is None):
        # A night shift into a date nobody imported: neither attended nor absent.
        stretch.open_days.add(work.work_date)
        return None
    if worked:
        stretch.evidence += evidence
    if work.mark is not None and permille and kind.is_work:
        stretch.evidence.append(("mark", work.mark.id))
    if kind.is_work:
        stretch.attended[work.work_date] = max(min(milli, 1000), permille)
        stretch.leave_milli += max(0, permille - milli)
    if not worked:
        return []
    if classes is None or shares is None:
        beyond = work.day.overtime_minutes
        if terms.overtime_rule is OvertimeRule.UNITS:
            if milli and not kind.is_work:
                stretch.plain.setdefault(_CLASS[kind], _Heap()).add(milli, evidence)
            minutes = _steps(beyond, bill, work)
            if minutes:
                stretch.beyond.setdefault(_WORK, _Heap()).add(minutes, evidence)
        elif beyond or (milli and not kind.is_work):
            bill.unpriced(work, terms)
        return []
    system = terms.hours_system
    if shares[_STATUTORY]:
        stretch.plain.setdefault(_STATUTORY, _Heap()).add(shares[_STATUTORY], evidence)
    if system is HoursSystem.STANDARD and not kind.is_work and milli > shares[_STATUTORY]:
        stretch.plain.setdefault(_REST, _Heap()).add(milli - shares[_STATUTORY], evidence)
    beyond_by = [_steps(minutes, bill, work) for minutes in classes[1]]
    if system is HoursSystem.COMPREHENSIVE:
        minutes = classes[0][_WORK] + beyond_by[_WORK]
        stretch.milli += milli - shares[_STATUTORY]
        stretch.minutes += minutes
        bill.counted.append((work.work_date, minutes, terms, evidence))
    for place in (_WORK, _REST, _STATUTORY):
        if beyond_by[place] and (system is HoursSystem.STANDARD or place == _STATUTORY):
            stretch.beyond.setdefault(place, _Heap()).add(beyond_by[place], evidence)
    return []


def _piece_pay(bill: _Bill, work: WorkDay, terms: Terms, evidence: _Evidence) -> list[WageItem] | None:
    """A day of piece work is counted for the split of the team's measured work and for the guarantee."""
    stretch = bill.stretch(terms)
    if work.day.minutes:
        stretch.piece_minutes += work.day.minutes
        stretch.evidence += evidence
    bill.piece_milli += work.day.day_milli or 0
    if work.mark is None or not work.mark.pay_permille:
        return []
    if not terms.hour_floor_fen:
        bill.problems.add(("paid_absence_not_priced", work.work_date))
        return []
    return _paid_absence(
        work, terms, work.day.minutes, terms.minutes_per_day, "minute", 60, rate_fen=terms.hour_floor_fen
    )


_PRICES = {PayKind.DAY: _day_pay, PayKind.HOUR: _hour_pay, PayKind.MONTH: _month_pay, PayKind.PIECE: _piece_pay}
_MINUTE_RATE = {
    PayKind.DAY: lambda terms: terms.minutes_per_day,
    PayKind.HOUR: lambda _: 60,
    PayKind.MONTH: lambda _: MONTH_MINUTES,
}
_PROBLEMS = {
    AccrualState.UNDECIDED: "undecided_day",
    AccrualState.PRESENT: "present",
    AccrualState.NO_TERMS: "no_terms",
    AccrualState.SEVERAL_TERMS: "several_terms",
    AccrualState.NO_CALENDAR: "calendar_missing",
}
_TO_DECIDE = frozenset({AccrualState.UNDECIDED, AccrualState.SEVERAL_TERMS})


# --- all of them ---------------------------------------------------------------------------------------------


def month_wages(bundle: ProjectMonth, days: Sequence[WorkDay]) -> tuple[MonthWage, ...]:
    """Price every day, and add what belongs to whole months; by worker, month and engagement.

    A worker has a ``MonthWage`` for each engagement and month in which he has a day. Without a day he has one only
    when something is due in a month that anybody has days in (or in ``bundle.month``): an agreed share of measured
    work, or a single allowance; his monthly wage, its statutory days included, is not (DECISIONS.md 43). The order of days, terms and measures does not matter.

    Args:
        bundle: engagements, terms, calendar, policies, allowances and measures are used; ``as_of`` says how much of a
            running month has passed.
        days: at most one per worker and work date; whole months, or monthly wages come out short.

    Raises:
        ValueError: a worker has two days of one date, or a rate is not positive.
    """
    facts = _Facts(bundle)
    bills: dict[tuple[int, date, int], _Bill] = {}
    seen: set[tuple[int, date]] = set()
    for work in sorted(days, key=lambda w: (w.worker_id, w.work_date)):
        on = work.work_date
        if (work.worker_id, on) in seen:
            raise ValueError(f"worker {work.worker_id} has two days of {on}")
        seen.add((work.worker_id, on))
        key = work.worker_id, on.replace(day=1), work.engagement_id or 0
        bill = bills.get(key)
        if bill is None:
            bill = bills[key] = _Bill(facts, work.worker_id, work.engagement_id, work.team_id, key[1])
        bill.add(work)
    months = {month for _, month, _ in bills} | {month_of(bundle.month)}
    _single_allowances(facts, bills, months)
    for measure in sorted(bundle.measures, key=lambda m: m.id):
        if month_of(measure.month) in months:
            _measured(facts, bills, measure)
    return tuple(bill.close() for _, bill in sorted(bills.items()))


def _bill_of(facts: _Facts, bills: dict[tuple[int, date, int], _Bill], engagement_id: int, month: date) -> _Bill | None:
    """The bill of an engagement, begun when there is none; None for an engagement the bundle does not know."""
    engagement = facts.engagements.get(engagement_id)
    if engagement is None:
        return None
    key = engagement.worker_id, month, engagement_id
    if key not in bills:
        bills[key] = _Bill(facts, engagement.worker_id, engagement_id, engagement.team_id, month)
    return bills[key]


def _single_allowances(facts: _Facts, bills: dict[tuple[int, date, int], _Bill], months: set[date]) -> None:
    for engagement_id, allowances in facts.allowances.items():
        for a in allowances:
            if a.per == "once" and month_of(a.valid_from) in months and a.valid_from <= facts.today:
                _bill_of(facts, bills, engagement_id, month_of(a.valid_from))


def measure_fen(measure: Measure) -> int:
    """Return what a measured work is worth: quantity x price x percent, rounded once (domain.md 4.2)."""
    return item_fen(measure.quantity_milli, measure.unit_price_fen, 1000, 10 * measure.percent)


def _measured(facts: _Facts, bills: dict[tuple[int, date, int], _Bill], measure: Measure) -> None:
    """Hand a measured work out: by man-days of the team's piece workers in the month, or by agreed shares.

    The parts sum to the whole; who belongs to another bundle keeps his part there.
    """
    month = month_of(measure.month)
    team = {
        b.engagement_id: b
        for b in bills.values()
        if b.team_id == measure.team_id and b.month == month and b.engagement_id is not None
    }
    if measure.split_by == "shares":
        weights, unit = dict(measure.shares), "share"
    else:
        weights, unit = {i: b.piece_milli for i, b in team.items() if b.piece_milli}, "milli_day"
    parts = allot(measure_fen(measure), weights) if measure.accepted else {}
    whole = sum(weights.values())
    evidence = (("measure", measure.id),)
    for engagement_id, fen in parts.items():
        bill = _bill_of(facts, bills, engagement_id, month)
        if bill is not None and weights[engagement_id]:
            terms = [t for t in facts.terms_of.get(engagement_id, ()) if t.kind is PayKind.PIECE]
            bill.month_items.append(
                WageItem(
                    Component.PIECE, None, weights[engagement_id], unit, measure_fen(measure), whole, 1000, fen,
                    terms[-1].id if terms else None, evidence,
                )  # fmt: skip
            )
    if measure.accepted is None:
        for engagement_id in weights:
            bill = _bill_of(facts, bills, engagement_id, month)
            if bill is not None:
                bill.problems.add(("measure_not_accepted", None))
    elif measure.accepted and not parts:
        for bill in team.values():
            bill.problems.add(("measure_not_split", None))


# --- owed ----------------------------------------------------------------------------------------------------


def owed(
    months: Iterable[MonthWage], payments: Iterable[Payment], withheld: Mapping[int, int] | None = None
) -> dict[int, Owed]:
    """Set each worker's months against his payments; keyed by worker id, ascending.

    Both sides must cover the same span, usually one month's wages and the payments for that month. A worker
    with payments and no work is in the answer (all of it overpaid), and so is one with work and no payment.
    For each, ``accrued - withheld - paid == owed - overpaid``. The same payment given twice counts once.

    Args:
        withheld: worker id -> fen deducted or taken back on the posted lines of the same span.

    Raises:
        ValueError: two different payments have one id.
    """
    earned: dict[int, list[MonthWage]] = defaultdict(list)
    for month in months:
        earned[month.worker_id].append(month)
    received: dict[int, dict[int, Payment]] = defaultdict(dict)
    seen: dict[int, Payment] = {}
    for payment in payments:
        if seen.setdefault(payment.id, payment) != payment:
            raise ValueError(f"two different payments have the id {payment.id}")
        received[payment.worker_id][payment.id] = payment
    taken = withheld or {}
    return {
        worker_id: _owed(worker_id, earned.get(worker_id, []), received.get(worker_id, {}), taken.get(worker_id, 0))
        for worker_id in sorted(earned.keys() | received.keys() | taken.keys())
    }


def _owed(worker_id: int, months: list[MonthWage], payments: dict[int, Payment], withheld_fen: int) -> Owed:
    months = sorted(months, key=lambda m: (m.month, m.engagement_id or 0))
    accruals = sorted((a for m in months for a in m.accruals), key=lambda a: a.work_date)
    accrued_fen = sum(m.gross_fen for m in months)
    paid_fen = sum(p.amount_fen for p in payments.values())
    no_terms_on = tuple(a.work_date for a in accruals if a.state is AccrualState.NO_TERMS)
    return Owed(
        worker_id=worker_id,
        accrued_fen=accrued_fen,
        paid_fen=paid_fen,
        owed_fen=max(0, accrued_fen - withheld_fen - paid_fen),
        overpaid_fen=max(0, paid_fen + withheld_fen - accrued_fen),
        undecided_days=sum(m.undecided_days for m in months),
        undecided_fen_max=sum(m.undecided_fen_max for m in months),
        no_terms_days=len(no_terms_on),
        undecided_on=tuple(a.work_date for a in accruals if a.state in _TO_DECIDE),
        no_terms_on=no_terms_on,
        accruals=tuple(accruals),
        payment_ids=tuple(sorted(payments)),
        months=tuple(months),
        withheld_fen=withheld_fen,
    )
