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

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
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
    """By man-day (计日, 点工)."""
    HOUR = "hour"
    """By the hour (计时)."""
    MONTH = "month"
    """By the month (月薪)."""
    PIECE = "piece"
    """By measured work of his team (计件, 包工)."""


class OvertimeRule(StrEnum):
    """What time beyond the standard day is worth (加班计价)."""

    LAW = "law"
    """150 / 200 / 300 % by workday, rest day and statutory day (domain.md 1.4)."""
    UNITS = "units"
    """Agreed man-days for overtime (加班折工): ``overtime_unit_minutes`` make one, at the plain rate."""
    NONE = "none"
    """Not priced. Shown, and a finding when there is a labour contract."""


class Relation(StrEnum):
    """What was signed."""

    LABOUR_CONTRACT = "labour_contract"
    """劳动合同: the statutory multipliers are owed."""
    WORK_AGREEMENT = "work_agreement"
    """用工书面协议: the agreed terms rule."""


class HoursSystem(StrEnum):
    """工时制度 of a contract."""

    STANDARD = "standard"
    """标准工时: 150 / 200 / 300."""
    COMPREHENSIVE = "comprehensive"
    """综合计算工时: hours beyond the month's total at 150, statutory days at 300, no rest-day rate."""
    IRREGULAR = "irregular"
    """不定时: no 150 and no 200; statutory days at 300."""


class MonthMethod(StrEnum):
    """How a month that was not worked whole is paid (domain.md 4.2)."""

    DEDUCT = "deduct"
    """m - m/21.75 x absent workdays."""
    FORWARD = "forward"
    """m/21.75 x paid days."""
    AUTO = "auto"
    """``deduct`` when at most half of the workdays were missed, else ``forward``."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a worker earns, from when to when (工资约定). Never edited: voided and superseded."""

    id: int
    engagement_id: int
    worker_id: int
    kind: PayKind
    rate_fen: int
    """Fen per man-day, hour, month, or unit of measured work; always positive. For ``piece`` it is the price
    agreed on paper; what is paid goes by the price of each measured work."""
    valid_from: date
    valid_to: date | None = None
    unit: str | None = None
    """Of measured work, for ``piece``."""
    minutes_per_day: int = 480
    """Length of one man-day (一个工) in minutes."""
    overtime_rule: OvertimeRule = OvertimeRule.NONE
    overtime_unit_minutes: int = 480
    """For ``units``: minutes of overtime that make one man-day."""
    relation: Relation = Relation.WORK_AGREEMENT
    hours_system: HoursSystem = HoursSystem.STANDARD
    month_method: MonthMethod = MonthMethod.AUTO
    hour_floor_fen: int | None = None
    """保底: guaranteed fen per hour on site, for ``piece``."""

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
    """``account`` (专户代发), ``bank`` (transfer outside the account) or ``cash`` (现金)."""
    reverses_id: int | None = None
    item_id: int | None = None
    """The item of a bank batch it follows from, for ``account``."""


@dataclass(frozen=True, slots=True)
class UnitStep:
    """One step of the table that turns time on site into man-days."""

    minutes_min: int
    day_milli: int


@dataclass(frozen=True, slots=True)
class Break:
    """An unpaid rest (休息时段) on the project's wall clock; the part of it spent on site is not worked time.

    Only where the agreement says that the break is unpaid (domain.md 3.4); the default policy has none.
    """

    starts: time
    ends: time
    """Later than ``starts`` on the same day."""


class WorkDateRule(StrEnum):
    """Which date a session belongs to (归属日)."""

    ENTRY = "entry"
    """The date of its own entry, before the cutover still the day before."""
    CHAIN = "chain"
    """That of the session before it when less than ``session_gap`` lies between them, else its own entry's."""
    MOST = "most"
    """The date on which most of its time lies; the earlier one when equal."""


@dataclass(frozen=True, slots=True)
class AttendancePolicy:
    """How passages become days (考勤规则). A version once used is never edited."""

    version: int = 1
    time_zone: str = "Asia/Shanghai"
    """IANA name; its calendar decides the work date. Of the project, never of a team."""
    fold: timedelta = timedelta(seconds=120)
    """Repeats of the same direction within this time are one passage: first entry, last exit are kept.
    attendance.md 2.5 says 120 s, domain.md 3.2 60 s; DECISIONS.md 7 says why 120."""
    session_gap: timedelta = timedelta(hours=4)
    """Silence that ends a chain of sessions, for ``WorkDateRule.CHAIN`` (attendance.md 2.5)."""
    session_max: timedelta = timedelta(hours=16)
    """A longer stay means a missed exit, not a long day (domain.md 3.3)."""
    cutover: timedelta = timedelta(hours=4)
    """A session that begins before this local time belongs to the day before (domain.md 3.3)."""
    session_min: timedelta = timedelta(minutes=5)
    """A shorter stay is a turn-back at the gate: kept, shown, worth no time (domain.md 3.3)."""
    work_date_rule: WorkDateRule = WorkDateRule.ENTRY
    breaks: tuple[Break, ...] = ()
    units: tuple[UnitStep, ...] = (
        UnitStep(0, 0),
        UnitStep(120, 250),
        UnitStep(240, 500),
        UnitStep(360, 750),
        UnitStep(450, 1000),
    )
    """Minutes on site of one work date -> man-day; the step table of domain.md 3.4."""
    standard_minutes: int = 480
    """A full day; time beyond it is overtime."""
    overtime_step_minutes: int = 30
    """Overtime of a day is rounded down to whole steps before it is priced (domain.md 3.4); 1 to 60."""
    night_from: time = time(22, 0)
    night_to: time = time(6, 0)
    """Night work (夜班) for showing and for allowances, across midnight."""


@dataclass(frozen=True, slots=True)
class ScopedPolicy:
    """A policy and where it holds: the team's, else the company's, else the project's, else the default."""

    id: int
    policy: AttendancePolicy
    valid_from: date
    valid_to: date | None = None
    company_id: int | None = None
    """Id of the company, as in ``Engagement.company_id``; None with ``team_id`` None: the whole project."""
    team_id: int | None = None


class DayKind(StrEnum):
    """What kind of day the calendar says a date is (日历类型)."""

    WORKDAY = "workday"
    MAKEUP = "makeup"
    """A weekend day worked for a holiday (调休上班); an ordinary workday."""
    REST = "rest"
    ADJUST_REST = "adjust_rest"
    """A day off that was moved (调休放假): 200 %, not 300."""
    STATUTORY = "statutory"
    """One of the 13 statutory days (法定节假日): 300 %, also on a weekend."""

    @property
    def is_work(self) -> bool:
        """True for a day people are expected to work."""
        return self in (DayKind.WORKDAY, DayKind.MAKEUP)


Calendar = Mapping[date, DayKind]
"""Days a notice has been imported for. A date that is not in it is unknown, never an ordinary day."""


class CorrectionKind(StrEnum):
    """What a correction says (补卡类型)."""

    MISSING_IN = "missing_in"
    MISSING_OUT = "missing_out"
    ADD_SESSION = "add_session"
    """He worked from ``in_at`` to ``out_at`` where no gate saw him."""
    VOID_PASSAGE = "void_passage"
    """That passage was not him, or not work."""
    WRONG_PERSON = "wrong_person"
    """That passage was him, whom the gate took for somebody else (认错人)."""
    SET_DAY = "set_day"
    """The date is worth ``minutes`` and ``day_milli``, whatever the gate saw (a disputed day, decided)."""


@dataclass(frozen=True, slots=True)
class Correction:
    """An approved correction (补卡); unapproved ones are no facts for the rules."""

    id: int
    worker_id: int
    work_date: date
    kind: CorrectionKind
    in_at: datetime | None = None
    """For ``missing_in`` and ``add_session``; aware UTC."""
    out_at: datetime | None = None
    """For ``missing_out`` and ``add_session``; aware UTC."""
    passage_id: int | None = None
    minutes: int | None = None
    day_milli: int | None = None


class MarkKind(StrEnum):
    """Why nobody was expected (缺勤原因)."""

    LEAVE = "leave"
    STOPPAGE = "stoppage"
    RAIN = "rain"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class DayMark:
    """请假、停工、雨停: of one worker, of a team, or of the whole project; not voided."""

    id: int
    kind: MarkKind
    from_on: date
    to_on: date
    """First day the mark no longer holds."""
    pay_permille: int
    """Share of a day's wage paid all the same, 0 to 1000. Worked time is paid as worked, never less."""
    worker_id: int | None = None
    team_id: int | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """津贴补贴, not voided."""

    id: int
    engagement_id: int
    kind: str
    per: str
    """``day`` (each decided day with worked time), ``month`` (once a month with worked time) or ``once``."""
    amount_fen: int
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Advance:
    """预支, not voided."""

    id: int
    engagement_id: int
    amount_fen: int
    paid_on: date
    proved: bool
    """Signed by the worker or paid through a bank; only such an advance is taken back from wages."""
    applied_fen: int = 0
    """Taken back already on posted lines of earlier sheets."""


class DeductionKind(StrEnum):
    """What may be withheld (扣款类别); nothing else may (domain.md 4.4)."""

    INCOME_TAX = "income_tax"
    SOCIAL_INSURANCE = "social_insurance"
    HOUSING_FUND = "housing_fund"
    COURT_ORDER = "court_order"
    DAMAGE = "damage"
    """Damage the worker caused: at most 20 % of the month's wage, and the rest not below the minimum wage."""
    AGREED = "agreed"
    """Agreed in writing (board, tools): capped like damage, together with it."""


@dataclass(frozen=True, slots=True)
class Deduction:
    """扣款, not voided."""

    id: int
    engagement_id: int
    month: date
    kind: DeductionKind
    amount_fen: int
    applied_fen: int = 0
    """Withheld already on posted lines."""


@dataclass(frozen=True, slots=True)
class Measure:
    """包工计量 of a team, not voided."""

    id: int
    team_id: int
    month: date
    item: str
    unit: str
    quantity_milli: int
    unit_price_fen: int
    percent: int
    split_by: str
    """``days`` or ``shares``."""
    accepted: bool | None
    """The supervisor's word; None while nobody has said. Only accepted work is paid."""
    shares: tuple[tuple[int, int], ...] = ()
    """(engagement id, share) for ``shares``."""


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
    calendar: Calendar = field(default_factory=dict)
    """Kinds of the days of the span, as far as a notice was imported."""
    policies: tuple[ScopedPolicy, ...] = ()
    """Policies of companies, teams and spans; where none holds, ``policy`` does."""
    corrections: tuple[Correction, ...] = ()
    """Approved ones, whenever approved."""
    marks: tuple[DayMark, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    measures: tuple[Measure, ...] = ()
    pay_day: int = 15
    """Day of the next month on which wages are due (发薪日); 1 to 31."""
    withheld: tuple[tuple[int, date, int], ...] = ()
    """(worker id, first day of a month, fen withheld on the posted lines of that month): deductions, advances taken back."""
