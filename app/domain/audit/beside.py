"""What a project holds beside its passages and wages, as the rules read it.

``ProjectMonth`` has what days and wages follow from. An auditor asks for more: who signed the sheet, whose card the
money went to, which device said so. All of it is gathered set-wise, once a month and project (``store.audit``), and
holds no name, number or picture: where two secrets must be compared, the gather compares them and says yes or no.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.domain.audit.thresholds import DEFAULTS, Thresholds


@dataclass(frozen=True, slots=True)
class Trace:
    """What a device left of one passage (设备留痕)."""

    id: int
    """Of the passage."""
    device_id: str
    event_key: str
    """The device's own name of the event: boot and sequence, ``f3a9:117``."""
    content: str
    """Keyed index of the posted body: equal bodies are equal, nothing else can be told from it."""
    received_at: datetime
    captured_at: datetime | None = None
    """What the device said; None for a live frame."""
    similarity: float | None = None
    """Cosine to the worker's template, for a face."""
    similarity_min: float | None = None
    """The limit that held then."""
    frame: str | None = None
    """Hash of the picture alone: the same picture in another envelope has the same."""
    liveness: float | None = None
    """Probability that it was a face and not a picture of one, as the model says."""
    liveness_min: float | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What age-bound rules need of a worker."""

    worker_id: int
    birth_on: date
    sex: str
    """``M`` or ``F``."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the latest version of a sheet of the month (工资表行)."""

    id: int
    sheet_id: int
    team_id: int
    engagement_id: int
    worker_id: int
    origin_month: date
    day_milli: int
    gross_fen: int
    deductions_fen: int
    advances_fen: int
    net_fen: int
    capped_fen: int = 0
    """Deductions for damage and agreed ones in it."""
    verdict: str | None = None
    """Latest word of the worker on exactly this line: ``agree``, ``dispute``, or None."""
    confirmation_id: int | None = None
    signed_other_id: int | None = None
    """A confirmation he gave to an earlier version of this line, while this one has none."""


@dataclass(frozen=True, slots=True)
class Act:
    """A step somebody took."""

    act: str
    by: str
    """Login."""
    at: datetime
    on: date
    """Of ``at``, project-local."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The latest version of a team's sheet."""

    id: int
    team_id: int
    kind: str
    version: int
    drafted_by: str
    acts: tuple[Act, ...] = ()
    published_before: int | None = None
    """An earlier version that had been made public already."""

    def done(self, act: str) -> Act | None:
        """The step of that name, when it was taken."""
        return next((a for a in self.acts if a.act == act), None)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer of a bank batch for a line of the month (代发明细)."""

    id: int
    batch_id: int
    line_id: int
    worker_id: int
    amount_fen: int
    card_id: int
    holder_is_worker: bool
    """The holder's name is the worker's."""
    sent_on: date | None = None
    arrived_on: date | None = None
    """None while the bank has not said so, or when it came back."""
    code: str | None = None
    """Stable reason of a failure or return."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch with transfers for lines of the month, and what its transfers come to."""

    id: int
    count: int
    total_fen: int
    items: int
    items_fen: int
    lines_above: int
    """Transfers of it that are more than the net of their line."""
    made_by: str
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """The card wages go to now."""

    id: int
    worker_id: int
    recorded_on: date
    replaces_id: int | None = None
    """His card before it, when there was one."""


@dataclass(frozen=True, slots=True)
class SpecialAccount:
    """专户: the live one."""

    id: int
    opened_on: date
    parties: tuple[str, ...]
    """Roles that have signed the agreement."""
    balance_fen: int | None = None
    """After the last statement line; None without any."""
    balance_on: date | None = None
    statement_line_id: int | None = None


@dataclass(frozen=True, slots=True)
class Debit:
    """Money that left the special account."""

    id: int
    booked_on: date
    amount_fen: int
    """Positive."""
    kind: str | None
    """What it was matched to; None or ``unknown`` when nothing we know."""


@dataclass(frozen=True, slots=True)
class Change:
    """Who asked for a correction and who agreed, and when."""

    id: int
    worker_id: int
    work_date: date
    kind: str
    reason: str
    requested_by: str
    requested_on: date
    approved_by: tuple[str, ...] = ()
    """Logins of everybody who agreed."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper of the project (项目资料): guarantee, notice board, key post, works contract."""

    id: int
    kind: str
    from_on: date
    to_on: date | None = None
    """First day it no longer holds."""
    amount_fen: int | None = None
    worker_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, day: date) -> bool:
        """True when ``day`` lies in [from_on, to_on)."""
        return self.from_on <= day and (self.to_on is None or day < self.to_on)


@dataclass(frozen=True, slots=True)
class Beside:
    """Everything beside ``ProjectMonth``. Empty where nothing was gathered: then no rule that needs it fires."""

    gathered: bool = False
    """False for a month that was put together without it: what is not there was not looked for."""
    time_zone: str = "Asia/Shanghai"
    traces: tuple[Trace, ...] = ()
    people: tuple[Person, ...] = ()
    period_closed_on: date | None = None
    sheets: tuple[Sheet, ...] = ()
    lines: tuple[Line, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    batches: tuple[Batch, ...] = ()
    cards: tuple[Card, ...] = ()
    account: SpecialAccount | None = None
    parties_required: tuple[str, ...] = ()
    funding: tuple[tuple[int, date, int], ...] = ()
    """(receipt id, received on, fen), of the live account."""
    plans: tuple[tuple[int, date, date, int], ...] = ()
    """(plan id, month, due on, fen)."""
    debits: tuple[Debit, ...] = ()
    """Of the month, project-local."""
    changes: tuple[Change, ...] = ()
    """Approved corrections about dates of the month."""
    templates_left: tuple[tuple[int, int, date], ...] = ()
    """(template id, worker id, exit date) of faces that are still held of people who have left the project."""
    terms_scanned: frozenset[int] = frozenset()
    """Terms whose signed agreement was scanned."""
    before: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Worker -> (fen earned, fen received) for the month before, as far as it was worked out."""
    before_payments: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Worker -> ids of his payments for the month before."""
    year_paid: Mapping[int, int] = field(default_factory=dict)
    """Worker -> fen received on this project in the calendar year up to the end of the month."""
    settlements: Mapping[int, tuple[int, bool]] = field(default_factory=dict)
    """Engagement -> (settlement id, whether the worker has agreed to it)."""
    labour_officers: tuple[int, ...] = ()
    """Accounts that may act as labour officer on the project now (membership ids)."""
    papers: tuple[Paper, ...] = ()
    """Not voided ones."""
    identity_wanted: bool = False
    """The project compares faces with identity cards."""
    identity: Mapping[int, tuple[int, bool]] = field(default_factory=dict)
    """Worker -> (his latest comparison, whether it, or somebody who vouched, said it is he)."""
    started_on: date | None = None
    """First day anybody was engaged; None before that."""
    last_passage_at: datetime | None = None
    """The project's last passage up to the instant of the question, whatever the month."""
    contractor_role: str = "general_contractor"


NOTHING = Beside()


# --- the county ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An engagement, seen from the county."""

    id: int
    worker_id: int
    project_id: int
    entry_on: date
    exit_on: date | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A counting passage of somebody who is engaged on more than one project."""

    id: int
    worker_id: int
    project_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A live card and whose it is; ``number`` is a group number, not the card's."""

    id: int
    worker_id: int
    number: int


@dataclass(frozen=True, slots=True)
class CountyMonth:
    """The facts that rules across projects look at: of people who touch each other, not of everybody."""

    month: date
    as_of: datetime
    projects: frozenset[int]
    """Projects the answer is for; findings about others are not made."""
    engagements: tuple[Elsewhere, ...] = ()
    """Of people with more than one project, a shared card or a likely double, on any project."""
    sightings: tuple[Sighting, ...] = ()
    cards: tuple[Held, ...] = ()
    """Cards that more than one worker has."""
    twins: tuple[tuple[int, int, int, str | None], ...] = ()
    """(pair id, worker, worker, an inspector's latest word) of people whose faces are more alike than two people's are."""
    limits: Thresholds = DEFAULTS
    """Of the area the answer is for."""
    doubles: tuple[tuple[int, ...], ...] = ()
    """Workers of one name, sex and date of birth under different ID numbers."""
