"""Two past months of plausible facts, marked as demonstration: one to be paid and closed, and one in which each audit
rule finds something.

The facts are seeded: the same day gives the same month. They are written under a device of their own whose
name says what they are; no function here can be reached from the service.
"""

import hashlib
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app import papers, payroll, projection
from app.store import gates
from app.vault import Vault

NAMES = ("王建国", "李秀英", "张伟", "赵敏", "陈大勇", "刘洋")
"""Invented."""
RATES_FEN = (420_00, 360_00, 400_00, 380_00, 450_00, 360_00)
BY = "demonstration"
AREA = "330424"
"""Haiyan county (海盐县)."""
SIMILARITY_MIN, MARGIN_MIN = 0.5, 0.08
"""What the demonstration's gate asks for with six people on the roster and the embedded pack."""
FORGOT = 0
"""Worker by number who forgets an exit in the closed month."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the demonstration is about."""

    project_id: int
    worker_ids: tuple[int, ...]
    team_ids: tuple[int, ...]
    """Of the labour subcontractor, of the general contractor."""
    opened: datetime
    """When the project and its people were recorded."""
    closed: date
    """The month before it, from sheets to the bank and closed: see ``payday``."""
    month: date
    """The past month with payments, whose pay day has gone by."""
    card: str
    """Number of the first worker's card."""
    gate_in: int
    gate_out: int


def month_before(month: date) -> date:
    """First day of the month before."""
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def past_month(today: date) -> date:
    """The last month whose pay day (the 15th of the month after) has gone by."""
    month = month_before(today)
    return month if today.day > 16 else month_before(month)


def test_id_number(n: int) -> str:
    """A number of the unassigned province 99 that passes the check digit and can be nobody's."""
    from app.domain.identity import id_check_digit

    digits = f"990000{1975 + n}0{1 + n % 9}1{n % 10}{101 + n}"
    return digits + id_check_digit(digits)


def make(db, vault: Vault, settings, *, now: datetime) -> Made:
    """Project, papers and people, on the first morning of the month that will be closed."""
    zone = ZoneInfo("Asia/Shanghai")
    today = now.astimezone(zone).date()
    month = past_month(today)
    entry_on = month_before(month)
    opened = datetime.combine(entry_on, time(5), zone).astimezone(UTC)
    said = {"now": opened, "by": BY}
    project_id = papers.create_project(
        db, code="DEMO-0001", name="海盐示范项目（演示数据）", area_code=AREA, address="浙江省海盐县（虚构地址）",
        time_zone="Asia/Shanghai", language="zh", is_demonstration=True, **said,
    )
    general = papers.add_company_to_project(
        db, project_id=project_id, name="示范建设有限公司（虚构）", uscc=None, role="general_contractor", entry_on=entry_on, **said
    )
    labour = papers.add_company_to_project(
        db, project_id=project_id, name="示范劳务有限公司（虚构）", uscc=None, role="labour_subcontractor", entry_on=entry_on, **said
    )
    papers.add_company_to_project(
        db, project_id=project_id, name="示范城投集团（虚构）", uscc=None, role="owner", entry_on=entry_on, **said
    )
    teams = [
        papers.add_team(db, project_id=project_id, project_company_id=labour, name="钢筋班", trade="steel_fixer", **said),
        papers.add_team(db, project_id=project_id, project_company_id=general, name="木工班", trade="carpenter", **said),
    ]
    gate_in = papers.add_gate(db, project_id=project_id, name="东门进口", direction="in", **said)
    gate_out = papers.add_gate(db, project_id=project_id, name="东门出口", direction="out", **said)
    card = "0012345678"
    worker_ids = []
    for n, name in enumerate(NAMES):
        entered = papers.enter_worker(
            db, vault, settings, project_id=project_id, name=name, id_number=test_id_number(n), phone=None,
            team_id=teams[n % 2], trade=None, entry_on=entry_on, day_rate_fen=RATES_FEN[n], card=card if n == 0 else None, **said,
        )
        worker_ids.append(entered.worker_id)
    return Made(project_id, tuple(worker_ids), tuple(teams), opened, entry_on, month, card, gate_in, gate_out)


def fill(db, vault: Vault, made: Made, *, now: datetime) -> int:
    """Write passages from the closed month up to yesterday; returns how many."""
    zone = ZoneInfo("Asia/Shanghai")
    today = now.astimezone(zone).date()
    chance = random.Random(f"muster {made.month}")
    gate = papers.add_gate(db, project_id=made.project_id, name="演示数据（非真实通行）", direction="both", now=made.opened, by=BY)
    device = papers.add_device(
        db, vault, project_id=made.project_id, gate_id=gate, name="演示数据（非真实通行）", now=made.opened, by=BY
    )
    gates.disable_device(db, device.device_id, made.opened)
    facts: list[tuple[datetime, int, str]] = []
    # Its own dice: the months after it come out as they would without it.
    facts += _closed_month(random.Random(f"muster {made.closed}"), zone, made)
    day = made.month
    while day < today:
        if day.weekday() != 6:
            for n, worker_id in enumerate(made.worker_ids):
                facts += _working_day(chance, zone, day, n, worker_id, in_month=_same_month(day, made.month))
        day += timedelta(days=1)
    facts.sort()
    # Its own dice again. As the demonstration's own gate measures, and never twice the same: see ``domain/audit/fabrication``.
    seen = random.Random(f"muster faces {made.closed}")
    for number, (at, worker_id, direction) in enumerate(facts):
        similarity = min(0.95, max(SIMILARITY_MIN + 0.1, seen.gauss(0.82, 0.05)))
        gates.add_passage(
            db,
            project_id=made.project_id,
            device_id=device.device_id,
            gate_id=gate,
            direction=direction,
            event_key=f"demonstration:{number}",
            content_sha256=hashlib.sha256(f"demonstration {number}".encode()).hexdigest(),
            worker_id=worker_id,
            channel="face",
            verdict="admit",
            code="admitted",
            captured_at=at,
            received_at=at,
            occurred_at=at,
            similarity=round(similarity, 6),
            margin=round(max(MARGIN_MIN + 0.05, similarity - seen.gauss(0.31, 0.05)), 6),
            similarity_min=SIMILARITY_MIN,
            margin_min=MARGIN_MIN,
            contract_id=None,
            quality=None,
            frame_sha256=hashlib.sha256(f"demonstration frame {number}".encode()).hexdigest(),
        )
    return len(facts)


def go_on(db, vault: Vault, settings, made: Made, *, now: datetime) -> None:
    """What was recorded after the first month was closed: somebody left and came back, and the past month's payments."""
    # The last one left in the middle of the month and came back; his papers say so, the gate saw otherwise.
    left, back = made.month + timedelta(days=19), made.month + timedelta(days=24)
    papers.exit_worker(
        db, project_id=made.project_id, worker_id=made.worker_ids[-1], exit_on=left, now=_morning(left), by=BY
    )
    papers.enter_worker(
        db, vault, settings, project_id=made.project_id, name=NAMES[-1], id_number=test_id_number(5), phone=None,
        team_id=made.team_ids[1], trade=None, entry_on=back, day_rate_fen=RATES_FEN[-1], now=_morning(back), by=BY,
    )
    _pay(db, made, now)


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(8), ZoneInfo("Asia/Shanghai")).astimezone(UTC)


def forgotten_exit(month: date) -> date:
    """The second Tuesday of a month."""
    return month + timedelta(days=(1 - month.weekday()) % 7 + 7)


def _closed_month(chance: random.Random, zone: ZoneInfo, made: Made) -> list[tuple[datetime, int, str]]:
    """An ordinary month, but for one exit that nobody saw."""
    facts = []
    day = made.closed
    while day < made.month:
        if day.weekday() != 6:
            for n, worker_id in enumerate(made.worker_ids):
                if n == FORGOT and day == forgotten_exit(made.closed):
                    come = datetime.combine(day, time(6, 30), zone).astimezone(UTC)
                    facts.append((come, worker_id, "in"))
                else:
                    facts += _working_day(chance, zone, day, n, worker_id, in_month=False)
        day += timedelta(days=1)
    return facts


def _same_month(day: date, month: date) -> bool:
    return (day.year, day.month) == (month.year, month.month)


def _working_day(
    chance: random.Random, zone: ZoneInfo, day: date, n: int, worker_id: int, *, in_month: bool
) -> list[tuple[datetime, int, str]]:
    """In, out for lunch, in, out; people keep habits, with a day off now and then."""
    if n == 4 and in_month:
        return []  # paid without work
    # The fourth misses two exits, on the second Tuesday and the third Thursday.
    misses = n == 3 and in_month and (day.weekday(), (day.day - 1) // 7) in {(1, 1), (3, 2)}
    if chance.random() < 0.08 and not misses:
        return []
    habit = (n * 7) % 20

    def at(hour: int, minute: int) -> datetime:
        moment = datetime.combine(day, time(hour, 0), zone) + timedelta(
            minutes=minute + habit + chance.gauss(0, 6), seconds=chance.randrange(60)
        )
        return moment.astimezone(UTC).replace(microsecond=0)

    facts = [(at(6, 30), worker_id, "in"), (at(11, 0), worker_id, "out"), (at(12, 30), worker_id, "in")]
    if not misses:
        facts.append((at(17, 0), worker_id, "out"))
    return facts


def _pay(db, made: Made, now: datetime) -> None:
    """Worker 2 gets nothing, 3 too little, 5 is paid without work, the others what they earned."""
    earned: Counter[int] = Counter()
    for line in projection.wages_of_month(db, made.project_id, made.month, now):
        earned[line.worker_id] += line.gross_fen
    paid_on = (made.month.replace(day=28) + timedelta(days=7)).replace(day=12)
    for n, worker_id in enumerate(made.worker_ids):
        amount = {1: 0, 2: 3_000_00, 4: 5_200_00}.get(n, earned[worker_id])
        if amount > 0:
            payroll.record_payment(
                db, project_id=made.project_id, worker_id=worker_id, amount_fen=amount, paid_on=paid_on,
                for_month=made.month, channel="bank", reference="DEMONSTRATION", idempotency_key=f"demo-{made.month}-{n}",
                by=BY, now=now,
            )
