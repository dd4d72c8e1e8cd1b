"""The immutable values everything is computed from.

A fact is something that happened and was recorded once: a passage, terms that were agreed, a payment.
What follows from facts (sessions, days, wages owed, findings) is computed by the modules beside this
one and stored nowhere.

Conventions, everywhere in this package:

* ``_at`` is an aware UTC instant; ``_on`` and ``work_date`` are dates of the project's own calendar.
* ``_fen`` is integer money (1 yuan = 100 fen); ``_milli`` is thousandths of a man-day (工日).
* date ranges are half-open: ``valid_from`` is the first day, ``valid_to`` the first day no longer covered,
  ``None`` for "still running".
* ids are the row ids of the facts, so that every derived number can name what it rests on.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class Direction(StrEnum):
    """Which way a gate counts (进出方向)."""

    IN = "in"
    """Entry only (进)."""
    OUT = "out"
    """Exit only (出)."""
    BOTH = "both"
    """One lane for both ways: the direction follows from what the worker did before."""


class Channel(StrEnum):
    """How a worker showed who he is (考勤方式). Every channel has the same standing."""

    FACE = "face"
    """Face (人脸)."""
    CARD = "card"
    """Real-name card (实名卡)."""
    CODE = "code"
    """QR or number code (二维码)."""
    ID_CARD = "id_card"
    """Identity card read at the gate (身份证)."""


class Verdict(StrEnum):
    """What the gate was told."""

    ADMIT = "admit"
    """The worker may pass; the gate opens."""
    REFUSE = "refuse"
    """Nobody passes on this frame."""
    ASK = "ask"
    """Recognised, but a person at the gate must confirm before it counts."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One recorded answer of a gate (通行记录), admitted or not. Appended, never edited."""

    id: int
    worker_id: int | None
    """The worker admitted (or proposed, for ``ask``); None when nobody was recognised."""
    gate_id: int
    direction: Direction
    occurred_at: datetime
    """When it happened, device time corrected by the known clock offset; aware UTC."""
    channel: Channel
    verdict: Verdict
    code: str
    """Stable reason code; see ``app.wording``."""
    confirmed: bool | None = None
    """For ``ask``: what a person decided afterwards; None while nobody has."""

    @property
    def counts(self) -> bool:
        """True when the worker did pass: admitted, or asked and then confirmed by a person."""
        if self.worker_id is None:
            return False
        return self.verdict is Verdict.ADMIT or (self.verdict is Verdict.ASK and self.confirmed is True)

    @property
    def waits(self) -> bool:
        """True while nobody has said whether it was him: he may have worked, so his day is undecided."""
        return self.worker_id is not None and self.verdict is Verdict.ASK and self.confirmed is None


@dataclass(frozen=True, slots=True)
class Engagement:
    """A worker's time with one company and team on one project (进退场)."""

    id: int
    worker_id: int
    project_id: int
    company_id: int
    team_id: int
    entry_on: date
    exit_on: date | None = None
    """First day the worker no longer belongs to the project; None while he does."""

    def covers(self, day: date) -> bool:
        """True when ``day`` lies in the half-open range [entry_on, exit_on)."""
        return self.entry_on <= day and (self.exit_on is None or day < self.exit_on)


class PayKind(StrEnum):
    """How a worker is paid (计酬方式)."""

    DAY = "day"
    """By man-day (计日)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a worker earns, from when to when (工资约定). Never edited: voided and superseded."""

    id: int
    engagement_id: int
    worker_id: int
    kind: PayKind
    rate_fen: int
    """Fen per man-day for ``day``; always positive."""
    valid_from: date
    valid_to: date | None = None

    def covers(self, day: date) -> bool:
        """True when ``day`` lies in the half-open range [valid_from, valid_to)."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Payment:
    """Money a worker received (工资支付)."""

    id: int
    worker_id: int
    amount_fen: int
    """Positive; a returned transfer is a second row with a negative amount that names the first."""
    paid_on: date
    for_month: date
    """First day of the month the money is for (所属月份)."""
    channel: str
    """``bank`` (专户代发) or ``cash`` (现金)."""
    reverses_id: int | None = None


@dataclass(frozen=True, slots=True)
class UnitStep:
    """One step of the table that turns time on site into man-days."""

    minutes_min: int
    day_milli: int


@dataclass(frozen=True, slots=True)
class AttendancePolicy:
    """How passages become days (考勤规则) on one project. A version once used is never edited."""

    version: int = 1
    time_zone: str = "Asia/Shanghai"
    """IANA name; its calendar decides the work date."""
    fold: timedelta = timedelta(seconds=120)
    """Repeats of the same direction within this time are one passage: first entry, last exit are kept.
    attendance.md 2.5 says 120 s, domain.md 3.2 60 s; DECISIONS.md 7 says why 120."""
    session_max: timedelta = timedelta(hours=16)
    """A longer stay means a missed exit, not a long day (domain.md 3.3)."""
    cutover: timedelta = timedelta(hours=4)
    """A session that begins before this local time belongs to the day before (domain.md 3.3)."""
    session_min: timedelta = timedelta(minutes=5)
    """A shorter stay is a turn-back at the gate: kept, shown, worth no time (domain.md 3.3)."""
    units: tuple[UnitStep, ...] = (
        UnitStep(0, 0),
        UnitStep(120, 250),
        UnitStep(240, 500),
        UnitStep(360, 750),
        UnitStep(450, 1000),
    )
    """Minutes on site of one work date -> man-day; the step table of domain.md 3.4."""
    standard_minutes: int = 480
    """A full day; time beyond it is shown as overtime, not yet priced."""


@dataclass(frozen=True, slots=True)
class ProjectMonth:
    """Every fact of one project that the rules of one month may look at."""

    project_id: int
    month: date
    """First day of the month."""
    as_of: datetime
    """The instant the answer is for; aware UTC."""
    policy: AttendancePolicy
    passages: tuple[Passage, ...]
    """All passages whose work date can fall into the month (a day more at each end), admitted or not."""
    engagements: tuple[Engagement, ...]
    terms: tuple[Terms, ...]
    """Not voided ones."""
    payments: tuple[Payment, ...]
    """Payments *for* this month, whenever they were made."""
