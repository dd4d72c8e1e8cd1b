"""The payroll sheet (工资表): what stands on a line, what the worker signs, and who may do what next.

    regular_line, back_pay_line  what one engagement gets on a sheet, made of wage items and what is withheld
    line_hash, digest            the fingerprint a worker signs; of a sheet and of a closed month
    state_of, refusal, choices   where a sheet stands, what may be done next, and why not
    payable, recoveries          what of a line may be paid out now
    allocate_outside             money paid outside the special account, set against lines
    slip_code, read_slip_code    the short code on a wage slip that anybody can ask about
    Blocker                      what keeps a month from being locked or closed, by name

A line is frozen when it is written. The hash covers what the worker sees and nothing else, so that unchanged content
keeps its signature from one version of a sheet to the next, and changed content never does.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from app.domain.chain import canonical
from app.domain.wages import MonthWage, WageItem

# --- what stands on a line -----------------------------------------------------------------------------------


class ItemKind(StrEnum):
    """What an entry of a line is (工资表明细)."""

    WAGE = "wage"
    """Earned: a wage item of ``domain.wages``."""
    DEDUCTION = "deduction"
    """扣款, negative."""
    ADVANCE = "advance"
    """预支 taken back, negative."""
    MOVED = "moved"
    """Of a back-pay line, negative: posted for the same worker and month under another engagement, so not paid twice."""
    POSTED = "posted"
    """Of a back-pay line, 0 fen: ``quantity`` lines were posted for that month before. A second difference that
    happens to look like the first is therefore another line and needs another signature."""


@dataclass(frozen=True, slots=True)
class LineItem:
    """One entry of a line. Those of a line add up to its ``net_fen``, those earned to its ``gross_fen``."""

    kind: ItemKind
    code: str
    """Component of the wage, kind of the deduction, or empty."""
    amount_fen: int
    """Signed: withheld and taken back is negative."""
    work_date: date | None = None
    quantity: int = 1
    unit: str = "once"
    rate_fen: int = 0
    per: int = 1
    permille: int = 1000
    row_id: int | None = None
    """Of the deduction or advance; of the engagement something was moved from; of a wage, the terms."""
    takes_back: bool = False
    """The entry as it was posted before, with the sign turned round: it is not owed (any more)."""
    evidence: tuple[tuple[str, int], ...] = ()
    """(kind, row id) of what the wage rests on. Outside the hash: a passage more changes no fen."""

    @property
    def component(self) -> str:
        """``code``, under the name a wage item has it by: ``wording.wages.formula`` tells either."""
        return self.code

    @property
    def is_gross(self) -> bool:
        """True when the amount belongs to ``gross_fen``."""
        return self.kind in (ItemKind.WAGE, ItemKind.MOVED)

    def turned(self) -> "LineItem":
        """The same entry with the sign turned round."""
        return replace(self, amount_fen=-self.amount_fen, takes_back=not self.takes_back)

    def content(self) -> dict[str, Any]:
        """What the hash covers. Terms are named by their rate, not by their row: the same rate recorded again is
        the same wage."""
        return {
            "kind": str(self.kind),
            "code": self.code,
            "amount_fen": self.amount_fen,
            # As the canonical form writes it; said here, a line is hashed in a tenth less time.
            "work_date": None if self.work_date is None else self.work_date.isoformat(),
            "quantity": self.quantity,
            "unit": self.unit,
            "rate_fen": self.rate_fen,
            "per": self.per,
            "permille": self.permille,
            "row_id": None if self.kind is ItemKind.WAGE else self.row_id,
            "takes_back": self.takes_back,
        }

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, without what is at its default; ``evidence`` as ``[["passage", 7, 8, 9], ["correction", 3]]``."""
        written = {
            "kind": str(self.kind),
            "code": self.code,
            "amount_fen": self.amount_fen,
            "work_date": None if self.work_date is None else self.work_date.isoformat(),
            "quantity": self.quantity,
            "unit": self.unit,
            "rate_fen": self.rate_fen,
            "per": self.per,
            "permille": self.permille,
            "row_id": self.row_id,
            "takes_back": self.takes_back,
            "evidence": _grouped(self.evidence),
        }
        return {key: value for key, value in written.items() if value != _DEFAULTS.get(key, _NONE)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "LineItem":
        """Read ``to_json`` back.

        Raises:
            ValueError, TypeError, KeyError: it is not what ``to_json`` writes.
        """
        told = dict(stored)
        day = told.pop("work_date", None)
        # A list is built in half the time of a generator: there are a hundred on a line, and forty lines on a sheet.
        evidence = tuple([(kind, row_id) for kind, *ids in told.pop("evidence", ()) for row_id in ids])
        return cls(
            kind=ItemKind(told.pop("kind")),
            work_date=None if day is None else date.fromisoformat(day),
            evidence=evidence,
            **told,
        )


def _grouped(evidence: Sequence[tuple[str, int]]) -> list[list[Any]]:
    """Passages one after the other under one word: there are a hundred of them on a line."""
    found: list[list[Any]] = []
    for kind, row_id in evidence:
        if kind == "passage" and found and found[-1][0] == kind:
            found[-1].append(row_id)
        else:
            found.append([kind, row_id])
    return found


_NONE = object()
_DEFAULTS: dict[str, Any] = {
    "work_date": None, "quantity": 1, "unit": "once", "rate_fen": 0, "per": 1, "permille": 1000, "row_id": None,
    "takes_back": False, "evidence": [],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LineContent:
    """Everything a worker signs on one line: one engagement, and the month the wages were earned in."""

    project_id: int
    engagement_id: int
    worker_id: int
    origin_month: date
    """Earlier than the sheet's month for back pay (补发)."""
    day_milli: int
    """Of back pay: how much more (or less) than posted before."""
    minutes: int
    overtime_minutes: int
    gross_fen: int
    deductions_fen: int
    advances_fen: int
    net_fen: int
    """gross - deductions - advances."""
    items: tuple[LineItem, ...]

    @property
    def adds_up(self) -> bool:
        """True when the columns are the sums of the items, and the net is what is left."""
        return (
            self.gross_fen == sum(i.amount_fen for i in self.items if i.is_gross)
            and self.deductions_fen == -sum(i.amount_fen for i in self.items if i.kind is ItemKind.DEDUCTION)
            and self.advances_fen == -sum(i.amount_fen for i in self.items if i.kind is ItemKind.ADVANCE)
            and self.net_fen == self.gross_fen - self.deductions_fen - self.advances_fen
        )


def line_hash(content: LineContent) -> str:
    """Return the fingerprint of a line, 64 hex digits: the same content, the same hash, on every sheet and version.

    Not covered: sheet, version, bank card, and the ids of passages and terms the wages rest on.
    """
    return sha256(
        canonical(
            {
                "project_id": content.project_id,
                "engagement_id": content.engagement_id,
                "worker_id": content.worker_id,
                "origin_month": content.origin_month,
                "day_milli": content.day_milli,
                "minutes": content.minutes,
                "overtime_minutes": content.overtime_minutes,
                "items": [item.content() for item in content.items],
                "gross_fen": content.gross_fen,
                "deductions_fen": content.deductions_fen,
                "advances_fen": content.advances_fen,
                "net_fen": content.net_fen,
            }
        )
    ).hexdigest()


def digest(lines: Iterable[tuple[int, date, str]]) -> str:
    """Return the fingerprint of a sheet or of a closed month, 64 hex digits.

    Args:
        lines: (engagement id, origin month, line hash), in any order.
    """
    told = sorted((engagement_id, origin.isoformat(), hash_) for engagement_id, origin, hash_ in lines)
    return sha256(canonical({"lines": told})).hexdigest()


def wage_items(items: Iterable[WageItem]) -> tuple[LineItem, ...]:
    """Return wage items as entries of a line, in the order given."""
    return tuple(
        LineItem(
            kind=ItemKind.WAGE,
            code=str(item.component),
            amount_fen=item.amount_fen,
            work_date=item.work_date,
            quantity=item.quantity,
            unit=item.unit,
            rate_fen=item.rate_fen,
            per=item.per,
            permille=item.permille,
            row_id=item.terms_id,
            evidence=tuple(item.evidence),
        )
        for item in items
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """One amount withheld or taken back on a line."""

    kind: ItemKind
    """``deduction`` or ``advance``."""
    row_id: int
    code: str
    """Kind of the deduction; empty for an advance."""
    applied_fen: int
    """Positive."""
    on: date | None = None
    """The day an advance was paid on."""


def regular_line(project_id: int, wage: MonthWage, taken: Sequence[Taken] = ()) -> LineContent:
    """Return the line of one engagement for the month it worked in.

    Args:
        wage: of an engagement (``engagement_id`` is not None).
        taken: what is withheld; entries of 0 fen are left out.

    Raises:
        ValueError: the wage belongs to no engagement, or more is taken than was earned.
    """
    if wage.engagement_id is None:
        raise ValueError("a line belongs to an engagement")
    line = LineContent(
        project_id=project_id,
        engagement_id=wage.engagement_id,
        worker_id=wage.worker_id,
        origin_month=wage.month,
        day_milli=wage.day_milli,
        minutes=wage.minutes,
        overtime_minutes=wage.overtime_minutes,
        gross_fen=wage.gross_fen,
        deductions_fen=0,
        advances_fen=0,
        net_fen=wage.gross_fen,
        items=wage_items(wage.items),
    )
    return with_taken(line, taken) if taken else line


def with_taken(line: LineContent, taken: Sequence[Taken]) -> LineContent:
    """Return a line from which nothing is withheld yet with what is.

    Raises:
        ValueError: more is taken than was earned.
    """
    withheld = tuple(
        LineItem(ItemKind(t.kind), t.code, -t.applied_fen, work_date=t.on, row_id=t.row_id)
        for t in taken
        if t.applied_fen
    )
    deductions = -sum(i.amount_fen for i in withheld if i.kind is ItemKind.DEDUCTION)
    advances = -sum(i.amount_fen for i in withheld if i.kind is ItemKind.ADVANCE)
    net = line.gross_fen - deductions - advances
    if net < 0 or any(t.applied_fen < 0 for t in taken):
        raise ValueError("no more is withheld than was earned")
    return replace(
        line, deductions_fen=deductions, advances_fen=advances, net_fen=net, items=line.items + withheld
    )


def back_pay_line(
    project_id: int, current: MonthWage, posted: Sequence[LineContent], *, moved: Sequence[tuple[int, int]] = ()
) -> LineContent | None:
    """Return the line that makes up for the difference between a closed month as it is now and as it was posted.

    Its entries are those that came since and, turned round, those that went; so the worker reads what changed.

    Args:
        current: the month worked out from the facts as they are now; its ``engagement_id`` is not None.
        posted: every posted line of that engagement and origin month.
        moved: (engagement id, fen): posted for the same worker and month under another engagement.

    Returns:
        None when there is no difference. A negative line is a proposal: it needs the worker's written word.

    Raises:
        ValueError: posted lines that do not add up, or that belong to somebody else.
    """
    if current.engagement_id is None or any(
        (p.engagement_id, p.origin_month) != (current.engagement_id, current.month) for p in posted
    ):
        raise ValueError("back pay compares one engagement and month with itself")
    if not all(p.adds_up for p in posted):
        raise ValueError("a posted line does not add up")
    fen = current.gross_fen - sum(p.gross_fen for p in posted) - sum(m for _, m in moved)
    if fen == 0:
        return None
    entries = _difference(wage_items(current.items), [i for p in posted for i in p.items if i.is_gross])
    entries += tuple(LineItem(ItemKind.MOVED, "", -m, row_id=other) for other, m in moved if m)
    entries += (LineItem(ItemKind.POSTED, "", 0, quantity=len(posted)),)
    return LineContent(
        project_id=project_id,
        engagement_id=current.engagement_id,
        worker_id=current.worker_id,
        origin_month=current.month,
        day_milli=current.day_milli - sum(p.day_milli for p in posted),
        minutes=current.minutes - sum(p.minutes for p in posted),
        overtime_minutes=current.overtime_minutes - sum(p.overtime_minutes for p in posted),
        gross_fen=fen,
        deductions_fen=0,
        advances_fen=0,
        net_fen=fen,
        items=entries,
    )


def _plain(item: LineItem) -> LineItem:
    """What makes two entries the same one: terms and evidence do not."""
    return replace(item, evidence=(), row_id=None if item.kind is ItemKind.WAGE else item.row_id)


def _difference(now: Sequence[LineItem], before: Sequence[LineItem]) -> tuple[LineItem, ...]:
    """Entries that came, in their order; then those that went, turned round, by date."""
    standing: Counter[LineItem] = Counter()
    for item in before:
        if item.takes_back:
            standing[_plain(item.turned())] -= 1
        else:
            standing[_plain(item)] += 1
    came: list[LineItem] = []
    for item in now:
        if standing[_plain(item)] > 0:
            standing[_plain(item)] -= 1
        else:
            came.append(item)
    # Taken back more often than it was posted: it stands again.
    came += [item for item, count in standing.items() for _ in range(-count)]
    went = [item.turned() for item, count in standing.items() for _ in range(count)]
    went.sort(key=lambda i: (i.work_date or date.max, i.code, i.amount_fen))
    return tuple(came + went)


# --- the steps of a sheet ------------------------------------------------------------------------------------


class SheetState(StrEnum):
    """Where a version of a sheet stands (工资表状态)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    """已提交, by the subcontractor."""
    CHECKED = "checked"
    """已审核, by the general contractor's labour officer."""
    PUBLICISED = "publicised"
    """公示中."""
    APPROVED = "approved"
    """已批准, by the project manager."""
    RETURNED = "returned"
    """已退回: this version has ended; another one is drafted."""


class Act(StrEnum):
    """A step of a sheet. Each is done once a version."""

    SUBMITTED = "submitted"
    CHECKED = "checked"
    PUBLICISED = "publicised"
    APPROVED = "approved"
    RETURNED = "returned"


ORDER = (Act.SUBMITTED, Act.CHECKED, Act.PUBLICISED, Act.APPROVED)
PUBLICITY_DAYS = 3
"""Days a sheet hangs out before it may be approved, where the county sets nothing else (domain.md 1.6)."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done."""

    act: Act
    by: str
    """Login."""
    at: datetime
    on: date
    """The project's date."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step cannot be done: a stable code and what its sentence shows."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def state_of(steps: Iterable[Step]) -> SheetState:
    """Return where a version stands after the steps done, given in any order."""
    done = {step.act for step in steps}
    if Act.RETURNED in done:
        return SheetState.RETURNED
    last = [act for act in ORDER if act in done]
    return SheetState(str(last[-1])) if last else SheetState.DRAFT


def refusal(
    steps: Sequence[Step], act: Act, *, by: str, on: date, publicity_days: int = PUBLICITY_DAYS
) -> Refusal | None:
    """Return why ``by`` may not do ``act`` on the project's date ``on``; None when he may.

    Submitted, checked, publicised, approved: in this order, each once. Who checks did not submit, and who approves
    did neither. Returned: by anybody with a role for it, after it was submitted and before it is approved.

    Args:
        publicity_days: whole days between publicising and approving; 0 for none.
    """
    state = state_of(steps)
    done = {step.act: step for step in steps}
    if state is SheetState.RETURNED:
        return Refusal("sheet_returned")
    if act in done:
        return Refusal("sheet_act_done", {"step": str(act)})
    if act is Act.RETURNED:
        if state in (SheetState.DRAFT, SheetState.APPROVED):
            return Refusal("sheet_order", {"state": str(state), "wanted": str(act)})
        return None
    place = ORDER.index(act)
    if place != len([a for a in ORDER if a in done]):
        return Refusal("sheet_order", {"state": str(state), "wanted": str(act)})
    made = {done[a].by for a in (Act.SUBMITTED, Act.CHECKED) if a in done}
    if act in (Act.CHECKED, Act.APPROVED) and by in made:
        return Refusal("sheet_same_person")
    if act is Act.APPROVED:
        from_on = done[Act.PUBLICISED].on + timedelta(days=publicity_days)
        if on < from_on:
            return Refusal("sheet_too_early", {"from_on": from_on.isoformat()})
    return None


def choices(
    steps: Sequence[Step], *, by: str, on: date, publicity_days: int = PUBLICITY_DAYS
) -> tuple[tuple[Act, Refusal | None], ...]:
    """Return every step with the reason why it cannot be done now, or None: for buttons."""
    return tuple((act, refusal(steps, act, by=by, on=on, publicity_days=publicity_days)) for act in Act)


# --- the worker's word, and what may be paid ------------------------------------------------------------------


class Verdict(StrEnum):
    """The worker's word on a line or a settlement."""

    AGREE = "agree"
    DISPUTE = "dispute"


class Method(StrEnum):
    """How he gave it (确认方式)."""

    PAPER = "paper"
    """Signed or thumb-printed on the printed sheet, scanned."""
    SCREEN = "screen"
    """Signature drawn on a screen."""
    FACE = "face"
    """Electronic signature, his face verified by the server."""
    PHONE = "phone"
    """On his own page on a phone: drawn there, or disputed there."""
    UNREACHABLE = "unreachable"
    """He could not be reached; the evidence says how it was tried. Lets his wages go out, takes nothing from him."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A worker's word, good for exactly the content he saw."""

    id: int
    worker_id: int
    content_hash: str
    verdict: Verdict
    claimed_fen: int | None
    """For ``dispute``: the net he says is right."""
    reason: str
    method: Method
    evidence: tuple[int, ...]
    recorded_by: str
    at: datetime

    @property
    def consents(self) -> bool:
        """True when he gave something up by it: his own word, in writing."""
        return self.verdict is Verdict.AGREE and self.method is not Method.UNREACHABLE


def payable(net_fen: int, confirmation: Confirmation | None) -> tuple[int, int]:
    """Return (fen that may be paid now, fen held back until the worker has said more).

    Agreed: all of it. Disputed: what is not disputed, at most the net (domain.md 1.6). Not signed: nothing yet.
    For a net above 0 the two add up to it; a net of 0 or less pays and holds nothing.
    """
    if net_fen <= 0:
        return 0, 0
    if confirmation is None:
        return 0, net_fen
    if confirmation.verdict is Verdict.AGREE:
        return net_fen, 0
    undisputed = min(net_fen, max(0, confirmation.claimed_fen or 0))
    return undisputed, net_fen - undisputed


def recoveries(lines: Sequence[tuple[int, date, date, int]]) -> dict[int, int]:
    """Return line id -> fen that an agreed negative line takes from it, for the posted lines of one engagement.

    A negative line is on a sheet only with the worker's written consent. It is taken from positive lines of its own
    month and later ones, oldest first, never below 0; signatures change nothing about which.

    Args:
        lines: (line id, month of the sheet, origin month, net fen), in any order.
    """
    left: dict[int, int] = {}
    taken: dict[int, int] = {}
    order = sorted(lines, key=lambda line: (line[1], line[2], line[0]))
    for _, month, _, net in order:
        if net >= 0:
            continue
        debt = -net
        for line_id, other_month, _, other_net in order:
            if other_net <= 0 or other_month < month or debt == 0:
                continue
            room = left.setdefault(line_id, other_net)
            part = min(room, debt)
            left[line_id] -= part
            debt -= part
            taken[line_id] = taken.get(line_id, 0) + part
    return {line_id: fen for line_id, fen in taken.items() if fen}


def allocate_outside(nets: Sequence[tuple[int, int]], paid_fen: int) -> dict[int, int]:
    """Set money a worker got outside the special account against his lines of that month, in the order given.

    Args:
        nets: (line id, net fen) of one worker and origin month.
        paid_fen: what he got for that month outside the account, returned money subtracted.

    Returns:
        line id -> fen; never more than a line's net. What is left over is not set against another month.
    """
    answer: dict[int, int] = {}
    for line_id, net in nets:
        part = min(max(net, 0), max(paid_fen, 0))
        paid_fen -= part
        if part:
            answer[line_id] = part
    return answer


# --- the code on a wage slip ---------------------------------------------------------------------------------

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that a code read out on the telephone is typed right."""
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None, "\u3000": None, "－": None})
_ID_BITS, _MAC_BITS = 35, 35
SLIP_CODE_LENGTH = (_ID_BITS + _MAC_BITS) // 5 + 1
"""Fourteen characters and a check character, printed in groups of five."""


def slip_code(line_id: int, mac: str) -> str:
    """Return the code of a wage slip, like ``0000B-7K3M9-QWX2R``.

    The line's number, 35 bits of the keyed hash (a guess hits once in 34 billion), and a check character that finds
    any one wrong character and nearly all swapped neighbours.

    Args:
        line_id: 1 to 2**35 - 1.
        mac: hex digits of a keyed hash over the line's number and hash; at least nine.

    Raises:
        ValueError: the number is out of range, or the hash too short or not hexadecimal.
    """
    if not 0 < line_id < 1 << _ID_BITS:
        raise ValueError("no such line number")
    body = _written(line_id, _ID_BITS // 5) + _written(_mac_bits(mac), _MAC_BITS // 5)
    return grouped(body + _check_character(body))


def read_slip_code(text: str) -> tuple[int, int]:
    """Read a code as somebody typed it: small letters, spaces, O for 0 and I or L for 1 are forgiven.

    Returns:
        (line id, the bits of the keyed hash); compare with ``mac_bits``.

    Raises:
        ValueError: it is no such code, or one character is wrong.
    """
    code = text.strip().upper().translate(_ALIKE)
    if len(code) != SLIP_CODE_LENGTH or any(c not in ALPHABET for c in code):
        raise ValueError("a slip code has fifteen letters and digits")
    if _check_character(code[:-1]) != code[-1]:
        raise ValueError("the check character does not fit")
    numbers = [ALPHABET.index(c) for c in code[:-1]]
    split = _ID_BITS // 5
    return _read(numbers[:split]), _read(numbers[split:])


def mac_bits(mac: str) -> int:
    """Return the bits of a keyed hash that stand in a code.

    Raises:
        ValueError: it is too short or not hexadecimal.
    """
    return _mac_bits(mac)


def grouped(code: str) -> str:
    """Return a code in groups of five, as it is printed."""
    return "-".join(code[i : i + 5] for i in range(0, len(code), 5))


def _mac_bits(mac: str) -> int:
    digits = -(-_MAC_BITS // 4)
    if len(mac) < digits:
        raise ValueError("the keyed hash is too short")
    return int(mac[:digits], 16) >> (digits * 4 - _MAC_BITS)


def _written(number: int, length: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def _read(numbers: Sequence[int]) -> int:
    whole = 0
    for number in numbers:
        whole = whole << 5 | number
    return whole


def _check_character(body: str) -> str:
    """Luhn's rule in base 32."""
    total, factor = 0, 2
    for character in reversed(body):
        product = ALPHABET.index(character) * factor
        total += product // 32 + product % 32
        factor = 3 - factor
    return ALPHABET[-total % 32]


# --- what stands in a month's way ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that keeps a month from being locked or closed (结账障碍)."""

    code: str
    """Stable; see ``app.wording.sheets``."""
    subject_kind: str
    """project, worker, engagement, team, device, measure, correction or period."""
    subject_id: int | str | None = None
    on: date | None = None
