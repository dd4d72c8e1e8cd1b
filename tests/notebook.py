"""A clerk's notebook: what a test did on site, and what that comes to when it is added up by hand.

Nothing of ``app`` is called here: the sums are worked out from what was written down, in the plainest way there is, so
that they can stand beside what the service says. Exact fractions, one rounding an item, half up.

    book.punch / book.added / book.decided    who came and went; what was corrected
    book.gross(engagement, month, today)      what an engagement earned in a month, as the facts are now
    book.close(month, today, consents)        the lines that stand on the sheets of a month that is closing
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor

A_DAY = timedelta(days=1)
STEPS = ((450, 1000), (360, 750), (240, 500), (120, 250))
FOLD, LONGEST, SHORTEST = timedelta(seconds=120), timedelta(hours=16), timedelta(minutes=5)
WHOLE_FIRST = ("income_tax", "social_insurance", "housing_fund", "court_order")
CAPPED = ("damage", "agreed")


def first_of(day: date) -> date:
    return day.replace(day=1)


def after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def days_in(first: date, end: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((end - first).days)]


def rounded(whole: Fraction) -> int:
    return floor(whole + Fraction(1, 2))


def fen(quantity: int, rate: int, per: int, permille: int = 1000) -> int:
    return rounded(Fraction(quantity * rate * permille, per * 1000))


def shared(whole: int, weights: dict[int, int]) -> dict[int, int]:
    """Largest remainder; a tie goes to the lowest key."""
    total = sum(weights.values())
    if not total:
        return {}
    exact = {key: Fraction(whole * weight, total) for key, weight in weights.items()}
    parts = {key: floor(part) for key, part in exact.items()}
    by_rest = sorted(exact, key=lambda key: (parts[key] - exact[key], key))
    for key in by_rest[: whole - sum(parts.values())]:
        parts[key] += 1
    return parts


@dataclass
class Punch:
    """One event of a gate, sent or still kept by it."""

    worker: int
    """Whom the gate recognised."""
    on: date
    way: str
    at: datetime
    key: str
    id: int | None = None
    """Of the passage, once it was delivered."""
    struck: bool = False
    belongs_to: int | None = None
    """Whom people say it was."""

    @property
    def whose(self) -> int:
        return self.belongs_to or self.worker


@dataclass(frozen=True)
class Agreed:
    kind: str
    rate: int
    overtime: str = "none"


@dataclass
class Engaged:
    id: int
    worker: int
    team: int
    entry: date
    exit: date | None = None
    rates: dict[date, Agreed] = field(default_factory=dict)

    def covers(self, day: date) -> bool:
        return self.entry <= day and (self.exit is None or day < self.exit)

    def agreed(self, day: date) -> Agreed:
        return self.rates[max(start for start in self.rates if start <= day)]

    def stretches(self, month: date) -> list[tuple[date, date, Agreed]]:
        """(from, until, what was agreed) within a month, by date."""
        starts = sorted(self.rates)
        found = []
        for start, end in zip(starts, [*starts[1:], date.max], strict=True):
            first = max(month, self.entry, start)
            last = min(after(month), end, self.exit or date.max)
            if first < last:
                found.append((first, last, self.rates[start]))
        return found


@dataclass
class Mark:
    id: int
    worker: int | None
    first: date
    end: date
    permille: int
    live: bool = True


@dataclass
class Paper:
    """An allowance, advance, deduction or measured work."""

    id: int
    of: int
    """Engagement; of measured work the team."""
    kind: str
    amount: int
    on: date
    """From when, paid on, for which month."""
    until: date | None = None
    applied: int = 0
    live: bool = True
    accepted: bool | None = None
    shares: dict[int, int] | None = None
    proved: bool = True


@dataclass(frozen=True)
class Line:
    """What stands on a sheet."""

    engagement: int
    origin: date
    gross: int
    deductions: int = 0
    advances: int = 0

    @property
    def net(self) -> int:
        return self.gross - self.deductions - self.advances


@dataclass
class Notebook:
    workdays: frozenset[date]
    holidays: frozenset[date]
    """Statutory days on Monday to Friday."""
    minimum: int
    engaged: dict[int, Engaged] = field(default_factory=dict)
    punches: list[Punch] = field(default_factory=list)
    of_day: dict[tuple[int, date], list[Punch]] = field(default_factory=lambda: defaultdict(list))
    """(worker, date) -> what a gate put down to him, or people did."""
    added: dict[tuple[int, date], list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))
    """Entries and exits no gate saw."""
    joined: dict[tuple[int, date], list[tuple[datetime, datetime]]] = field(default_factory=lambda: defaultdict(list))
    """Stays no gate saw that begin at the very instant another one ends."""
    decided: dict[tuple[int, date], tuple[int, int]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    allowances: list[Paper] = field(default_factory=list)
    advances: list[Paper] = field(default_factory=list)
    deductions: list[Paper] = field(default_factory=list)
    measures: list[Paper] = field(default_factory=list)
    posted: dict[tuple[int, date], int] = field(default_factory=lambda: defaultdict(int))
    """(engagement, month it was earned in) -> gross fen on paper."""
    withheld: dict[tuple[int, date], int] = field(default_factory=lambda: defaultdict(int))
    closed: list[date] = field(default_factory=list)
    paid: dict[tuple[int, date], int] = field(default_factory=lambda: defaultdict(int))
    """(worker, month) -> fen received, whichever way."""
    outside: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Worker -> of that, beside the special account."""
    sent: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Engagement -> fen sent to the bank and not come back."""
    arrived: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    bank: list[tuple[date, int, str]] = field(default_factory=list)
    """What the bank booked: date, fen, in words."""

    # --- days

    def punch(self, punch: Punch) -> Punch:
        """An event of a gate, sent or kept by it."""
        self.punches.append(punch)
        self.of_day[punch.worker, punch.on].append(punch)
        return punch

    def lose(self, punch: Punch) -> None:
        """It never happened as far as the gate knows."""
        self.punches.remove(punch)
        self.of_day[punch.worker, punch.on].remove(punch)

    def give(self, punch: Punch, worker: int) -> None:
        """It was somebody else."""
        punch.belongs_to = worker
        self.of_day[worker, punch.on].append(punch)

    def events(self, worker: int, on: date) -> list[tuple[datetime, str]]:
        found = [(p.at, p.way) for p in self.of_day.get((worker, on), ()) if p.id and not p.struck and p.whose == worker]
        joined = [(when, way) for stay in self.joined.get((worker, on), ()) for when, way in zip(stay, ("in", "out"), strict=True)]
        return sorted({*found, *self.added.get((worker, on), ())}) + joined

    def seen(self, worker: int, on: date) -> bool:
        """The gate or a person said anything about him on that date, struck out or not."""
        key = worker, on
        return any(p.id for p in self.of_day.get(key, ())) or key in self.decided or bool(self.added.get(key) or self.joined.get(key))

    def day(self, worker: int, on: date) -> tuple[int, int] | None:
        """(minutes, thousandths of a man-day) of a decided date, nothing included; None while somebody must decide."""
        if (worker, on) in self.decided:
            return self.decided[worker, on]
        runs: list[list] = []
        for at, way in self.events(worker, on):
            if runs and runs[-1][0] == way and at - runs[-1][2] <= FOLD:
                runs[-1][2] = at
            else:
                runs.append([way, at, at])
        worked, came = timedelta(0), None
        for way, began, ended in runs:
            if way == "in":
                if came is not None:
                    return None
                came = began
            elif came is None or ended - came > LONGEST:
                return None
            else:
                worked += ended - came if ended - came >= SHORTEST else timedelta(0)
                came = None
        if came is not None:
            return None
        minutes = worked // timedelta(minutes=1)
        return minutes, next((milli for least, milli in STEPS if minutes >= least), 0)

    def open_days(self, month: date) -> set[tuple[int, date]]:
        keys = {(w, d) for w, d in (*self.of_day, *self.added, *self.joined) if first_of(d) == month}
        return {key for key in keys if self.day(*key) is None}

    def permille(self, worker: int, on: date) -> int | None:
        """The paid share of what holds on a date: his own before everybody's, the latest first; None without a mark."""
        holding = [m for m in self.marks if m.live and m.first <= on < m.end and m.worker in (worker, None)]
        if not holding:
            return None
        return max(holding, key=lambda m: (m.worker is not None, m.id)).permille

    # --- wages

    def gross(self, engagement: int, month: date, today: date) -> int:
        own = self.engaged[engagement]
        total, worked_on, billed = 0, [], False
        for on in days_in(max(month, own.entry), min(after(month), own.exit or date.max)):
            mark, seen = self.permille(own.worker, on), self.seen(own.worker, on)
            if not seen and (mark is None or on > today):
                continue
            billed = True
            told = self.day(own.worker, on)
            if told is None:
                continue
            minutes, milli = told
            agreed = own.agreed(on)
            total += self._by_day(agreed, minutes, milli, mark)
            if minutes or milli:
                worked_on.append(on)
                total += sum(
                    a.amount for a in self.allowances
                    if a.live and a.of == engagement and a.kind == "day" and a.on <= on and (a.until is None or on < a.until)
                )  # fmt: skip
        for a in self.allowances:
            if a.live and a.of == engagement:
                if a.kind == "month" and any(a.on <= on and (a.until is None or on < a.until) for on in worked_on):
                    total += a.amount
                if a.kind == "once" and first_of(a.on) == month and a.on <= today:
                    total += a.amount
                    billed = True
        for m in self.measures:
            if m.live and m.on == month:
                weights = m.shares if m.shares is not None else self._piece_days(m.of, month, today)
                if m.accepted:
                    part = shared(m.amount, weights)
                    total += part.get(engagement, 0)
                if m.accepted is not False and weights.get(engagement):
                    billed = True
        if billed:
            total += self._by_month(own, month, today)
        return total

    def _by_day(self, agreed: Agreed, minutes: int, milli: int, mark: int | None) -> int:
        rate, total = agreed.rate, 0
        if agreed.kind == "day":
            total += fen(milli, rate, 1000)
            beyond = max(0, minutes - 480) // 30 * 30
            if agreed.overtime == "units":
                total += fen(beyond, rate, 480)
            if mark:
                total += fen(1000, rate, 1000, mark) if not milli else fen(max(0, mark - milli), rate, 1000)
        elif agreed.kind == "hour":
            total += fen(minutes, rate, 60)
            if mark:
                total += fen(480, rate, 60, mark) if not minutes else fen(max(0, 480 * mark // 1000 - minutes), rate, 60)
        return total

    def _piece_days(self, team: int, month: date, today: date) -> dict[int, int]:
        found: dict[int, int] = defaultdict(int)
        for own in self.engaged.values():
            if own.team == team:
                for first, end, agreed in own.stretches(month):
                    for on in days_in(first, end) if agreed.kind == "piece" else ():
                        told = self.day(own.worker, on) if self.seen(own.worker, on) else None
                        found[own.id] += told[1] if told else 0
        return {key: milli for key, milli in found.items() if milli}

    def _by_month(self, own: Engaged, month: date, today: date) -> int:
        total = 0
        stretches = own.stretches(month)
        every = days_in(month, after(month))
        workdays, holidays = [d for d in every if d in self.workdays], [d for d in every if d in self.holidays]
        for first, end, agreed in stretches:
            if agreed.kind != "month":
                continue
            to_date = min(end, today + A_DAY)
            due = attended = waiting = 0
            for on in workdays:
                if first <= on < to_date:
                    told = self.day(own.worker, on) if self.seen(own.worker, on) else (0, 0)
                    if told is None:
                        waiting += 1000
                        continue
                    due += 1000
                    attended += max(min(told[1], 1000), self.permille(own.worker, on) or 0)
            paid_off = 1000 * sum(first <= on < to_date for on in holidays)
            whole = len(stretches) == 1 and (first, end) == (month, after(month))
            if not whole:
                total += fen(attended + paid_off, agreed.rate, 1000 * (len(workdays) + len(holidays)))
            elif today < end:
                total += fen(min(attended + paid_off, 21750), agreed.rate, 21750)
            elif attended == due and not waiting:
                total += agreed.rate
            elif 2 * (due - attended) > 1000 * len(workdays):
                total += fen(min(attended + paid_off, 21750), agreed.rate, 21750)
            else:
                total += fen(max(0, 21750 - (due - attended) - waiting), agreed.rate, 21750)
        return total

    # --- sheets

    def taken(self, engagement: int, month: date, gross: int, spent: dict[int, int]) -> tuple[int, int]:
        """(deductions, advances) a month's wage bears; what they took is added to ``spent``, by identity of the paper."""
        rest = gross
        sums = [0, 0]

        def take(paper: Paper, room: int, place: int) -> int:
            part = min(paper.amount - paper.applied - spent.get(id(paper), 0), room)
            spent[id(paper)] = spent.get(id(paper), 0) + part
            sums[place] += part
            return part

        mine = [d for d in self.deductions if d.live and d.of == engagement and d.on <= month]
        for kind in WHOLE_FIRST:
            for d in sorted((d for d in mine if d.kind == kind), key=lambda d: (d.on, d.id)):
                rest -= take(d, rest, 0)
        room = min(gross * 200 // 1000, max(0, rest - self.minimum))
        for kind in CAPPED:
            for d in sorted((d for d in mine if d.kind == kind), key=lambda d: (d.on, d.id)):
                part = take(d, room, 0)
                room, rest = room - part, rest - part
        given = [a for a in self.advances if a.live and a.proved and a.of == engagement and a.on < after(month)]
        for a in sorted(given, key=lambda a: (a.on, a.id)):
            rest -= take(a, rest, 1)
        return sums[0], sums[1]

    def back_pay(self, today: date, before: date = date.max) -> dict[tuple[int, date], int]:
        """(engagement, closed month) -> fen by which it comes out otherwise now than it was posted."""
        found = {}
        for month in self.closed:
            for engagement in self.engaged if month < before else ():
                more = self.gross(engagement, month, today) - self.posted[engagement, month]
                if more:
                    found[engagement, month] = more
        return found

    def lines(self, month: date, today: date, consents: Iterable[tuple[int, date]], spent: dict[int, int]) -> list[Line]:
        """The sheets of a month that is not closed: its own wages, and what earlier months came short of."""
        found = []
        for engagement in self.engaged:
            gross = self.gross(engagement, month, today)
            deductions, advances = self.taken(engagement, month, gross, spent)
            if gross:
                found.append(Line(engagement, month, gross, deductions, advances))
        for (engagement, origin), more in self.back_pay(today, month).items():
            if more > 0 or (engagement, origin) in consents:
                found.append(Line(engagement, origin, more))
        return sorted(found, key=lambda line: (line.engagement, line.origin))

    def close(self, month: date, today: date, consents: Iterable[tuple[int, date]]) -> list[Line]:
        """Put a month on paper."""
        spent: dict[int, int] = {}
        lines = self.lines(month, today, consents, spent)
        for paper in (*self.deductions, *self.advances):
            paper.applied += spent.get(id(paper), 0)
        for line in lines:
            self.posted[line.engagement, line.origin] += line.gross
            self.withheld[line.engagement, line.origin] += line.deductions + line.advances
        self.closed.append(month)
        return lines

    # --- what everybody still gets

    def payable(self, engagement: int) -> int:
        """On paper, and not received or on its way; money beside the account is set against the worker, not here."""
        posted = sum(fen for (e, _), fen in self.posted.items() if e == engagement)
        withheld = sum(fen for (e, _), fen in self.withheld.items() if e == engagement)
        return posted - withheld - self.sent[engagement]

    def of_worker(self, worker: int) -> list[int]:
        return [e.id for e in self.engaged.values() if e.worker == worker]

    def balance(self) -> int:
        return sum(amount for _, amount, _ in self.bank)
