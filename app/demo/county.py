"""A county of generated projects: two paid months of tens of thousands of workers, every step on paper done as people do it.

    Plan        how many projects and workers, the seed, the instant everything is seen from
    build       write it into an empty database; returns what is in it

For measuring the nightly audit and for trying rules where the truth is known. Every project is marked as generated
(``is_demonstration``, code ``GEN-…``), its gates' device says so, its people carry numbers of the unassigned province 99,
and a database that holds anything else is refused. Nothing here can be reached from the service.

People and passages are written straight into the tables, the passages with their chain; sheets, batches, the bank's word
and the books go through the use cases, since only those know what else they must write. The same plan gives the same
facts to the second and the fen, whatever the database.

The people are honest. Arrivals follow each worker's habit, or his team's bus; lanes let one person through at a time; a
forgotten exit is corrected by three people. ``app.demo.violations`` plants what an inspector looks for.
"""

import random
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from multiprocessing import get_context
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from app import bank, papers, periods, projection, sheets, terms, timekeeping
from app.db import Database, make_engine
from app.demo.payday import bank_file, card_number
from app.domain.identity import id_check_digit
from app.domain.workdays import next_month
from app.memory import settle
from app.settings import Settings
from app.store import bank as held
from app.store import gates, people
from app.store import sheets as store
from app.tables import (
    BankCard,
    Consent,
    CorrectionRow,
    CorrectionStep,
    Engagement,
    Project,
    ProjectPaper,
    WageTerm,
    Worker,
    WorkerConfirmation,
)
from app.vault import Vault, open_vault

ZONE = ZoneInfo("Asia/Shanghai")
AREA = "330424"
AREA_RULES = {"minimum_wage_month_fen": 226000, "minimum_wage_hour_fen": 2200}
"""What the generated county is configured with."""
STATEMENT_S = 600.0
"""Longest one statement of the generator may take."""
OFFICER, CLERK, MANAGER, SUBCONTRACTOR, LEADER = "gen-officer", "gen-clerk", "gen-manager", "gen-sub", "gen-leader"
"""Who does the paperwork: logins without an account, so nobody can sign in as them."""
TRADES = ("steel_fixer", "carpenter", "concrete_worker", "scaffolder", "mason", "painter")
TEAMS = ("钢筋", "木工", "混凝土", "架子", "砌筑", "油漆")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉兰建国志海春梅红文辉亮东林波宁峰飞云龙生"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be generated."""

    projects: int = 60
    workers: int = 30_000
    seed: int = 20260401
    as_of: datetime = datetime(2026, 5, 20, 1, 0, tzinfo=UTC)
    """Aware UTC instant everything is seen from; the two months before its own are generated, both past their pay day."""

    @property
    def months(self) -> tuple[date, date]:
        """First days of the two months."""
        this = self.as_of.astimezone(ZONE).date().replace(day=1)
        last = (this - timedelta(days=1)).replace(day=1)
        return (last - timedelta(days=1)).replace(day=1), last


@dataclass
class Crew:
    """A team as it was made."""

    id: int
    project_company_id: int
    trade: str
    workers: list["Hand"] = field(default_factory=list)
    bus: bool = False
    """Brought by one bus: its members arrive within minutes of each other."""
    start: float = 410.0
    """Minutes after midnight at which it usually arrives."""
    rest_weekday: int = 6


@dataclass
class Hand:
    """A worker as he was made."""

    id: int
    engagement_id: int
    name: str
    card: str
    early: float
    """Minutes he is usually before (negative) or after his team."""
    kind: str
    rate_fen: int
    crew: Crew
    born: date
    sex: str
    holder: str | None = None
    """Name on his card when it is not his own."""
    card_of: int | None = None
    """The worker whose card he gives as his."""
    terms: bool = True
    """Something was agreed about his pay."""
    exit_on: date | None = None
    absent: frozenset[date] = frozenset()


@dataclass
class Site:
    """A project as it was made, and what violations may change before its passages and papers are written."""

    number: int
    id: int
    crews: list[Crew]
    lanes: dict[str, list[int]]
    """``in``, ``out`` -> ids of the gates."""
    devices: dict[int, str]
    """Gate -> the device that posts for it."""
    dice: random.Random
    general: int
    """The general contractor's part on the project."""
    quirks: "Quirks" = field(default_factory=lambda: Quirks())
    passages: list["Pass"] = field(default_factory=list)
    forgotten: list[tuple[Hand, date, datetime]] = field(default_factory=list)

    @property
    def hands(self) -> list[Hand]:
        """Everybody, in order."""
        return [hand for crew in self.crews for hand in crew.workers]


@dataclass
class Quirks:
    """What is not as it should be in a project's papers; an honest project has none."""

    without: frozenset[str] = frozenset()
    """Of deposit, board, officer, scans, party: what is missing."""
    papers: tuple[bool, bool] = (True, True)
    """Whether sheets are drawn up, for each month."""
    paid: tuple[bool, bool] = (True, True)
    """Whether they are paid, for each month."""
    days_late: int = 0
    """By how much batch, answer and statement come later than on the 10th to 12th."""
    leak_fen: int = 0
    """Money that leaves the special account for nobody's wages, with the first statement."""
    plan_missed: bool = False
    """The owner pays in two weeks after the day agreed."""
    ahead: bool = False
    """The owner pays both months in at once."""
    fails: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
    """Workers whose transfer fails, for each month."""
    hung_days: int = 4
    """Days between publicity and approval; below three the approval is written past the use case."""


@dataclass(slots=True)
class Pass:
    """One passage before it is written."""

    at: datetime
    gate: int
    direction: str
    worker: int | None
    channel: str = "face"
    verdict: str = "admit"
    code: str = "admitted"
    similarity: float | None = None
    margin: float | None = None
    content: str | None = None
    """Digest of the frame when it is not to be one of its own."""
    lag_s: float = 0.4
    """Seconds until it was received."""
    ahead_s: float = 0.0
    """Seconds the device's clock runs ahead."""
    skipped: int = 0
    """Events of the gate before this one that never came."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was generated."""

    projects: tuple[int, ...]
    workers: int
    passages: int
    lines: int
    planted: tuple[Any, ...] = ()


class NotEmpty(RuntimeError):
    """A county is generated into an empty database only."""


class Planting(Protocol):
    """What is wrong in a county, and where; each answer lists what was planted. See ``app.demo.violations``."""

    def at_entry(self, site: Site, plan: Plan) -> Iterable[Any]:
        """Change a site's people and quirks before they are written."""

    def at_the_gate(self, site: Site, plan: Plan) -> Iterable[Any]:
        """Change a site's passages before they are written."""

    def before_the_papers(self, database: Database, vault: Vault, site: Site, plan: Plan) -> Iterable[Any]:
        """Change the database when the passages are in and no sheet is drafted."""

    def after_the_papers(self, database: Database, vault: Vault, site: Site, plan: Plan) -> Iterable[Any]:
        """Change the database when both months are paid."""

    def across(self, db: Session, vault: Vault, sites: list[Site], plan: Plan) -> Iterable[Any]:
        """Change what spans projects."""


def must_be_empty(db: Session) -> None:
    """Refuse a database with anything in it that was not generated.

    Raises:
        NotEmpty: it holds a project.
    """
    if db.execute(select(Project.id).limit(1)).first() is not None:
        raise NotEmpty("the database holds projects")


def build(
    database: Database,
    vault: Vault,
    settings: Settings,
    plan: Plan,
    *,
    tick: Callable[[str], object] = lambda _: None,
    planting: Planting | None = None,
    processes: int = 1,
) -> Built:
    """Generate the county.

    Args:
        tick: told the code of each project when it is done.
        planting: what is wrong in it, and where; None: everybody is honest.
        processes: that many projects at once, in processes of their own. SQLite has one writer and takes one.

    Raises:
        NotEmpty: the database holds a project already.
    """
    first = plan.months[0]
    opened = clock_of(first - timedelta(days=40), "08:00")
    with database.write() as db:
        must_be_empty(db)
        for year in sorted({first.year, plan.as_of.year}):
            timekeeping.seed_calendar(db, years=[year], by=OFFICER, now=opened)
        bank.seed_templates(db, by=OFFICER, now=opened)
        for key, value in AREA_RULES.items():
            terms.write_area_rule(
                db, area_code=AREA, key=key, value=value, valid_from=date(2024, 1, 1), source="生成数据", by=OFFICER, now=opened
            )
    dice = random.Random(plan.seed)
    sizes = _sizes(plan, dice)
    number = 1
    sites: list[Site] = []
    planted: list[Any] = []
    known: set[tuple[str, str, date]] = set()
    for n, size in enumerate(sizes, 1):
        with database.write() as db:
            site = _site(db, vault, plan, n, size, number, random.Random(f"{plan.seed}:{n}"), opened, known)
            if planting is not None:
                planted += planting.at_entry(site, plan)
            _people(db, vault, site, first - timedelta(days=40), opened)
            _account(db, vault, site, first - timedelta(days=40), opened)
            _project_papers(db, site, first - timedelta(days=40), opened)
        sites.append(site)
        number += size
    with database.write() as db:
        _go_on_counting(db)
    passages = lines = 0

    def done(code: str, filled: tuple[int, int, list[Any]]) -> None:
        nonlocal passages, lines
        passages, lines = passages + filled[0], lines + filled[1]
        planted.extend(filled[2])
        tick(code)

    if processes > 1 and database.engine.dialect.name == "postgresql":
        # The largest first, so that nobody waits for it alone at the end.
        order = sorted(sites, key=lambda site: -len(site.hands))
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            work = {pool.submit(_fill_apart, settings, site, plan, planting): site for site in order}
            for future in as_completed(work):
                done(f"GEN-{work[future].number:04d}", future.result())
    else:
        for site in sites:
            done(f"GEN-{site.number:04d}", fill(database, vault, site, plan, planting))
    if planting is not None:
        with database.write() as db:
            planted += planting.across(db, vault, sites, plan)
    return Built(tuple(site.id for site in sites), sum(sizes), passages, lines, tuple(sorted(planted)))


def _go_on_counting(db: Session) -> None:
    """Workers and engagements were given their numbers: PostgreSQL has to be told where its own go on."""
    if db.get_bind().dialect.name == "postgresql":
        for table in ("worker", "engagement"):
            db.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"))


def fill(database: Database, vault: Vault, site: Site, plan: Plan, planting: Planting | None) -> tuple[int, int, list[Any]]:
    """Write a site's passages and papers; returns how many passages and lines, and what was planted."""
    planted: list[Any] = []
    for month in plan.months:
        live_month(site, month)
    if planting is not None:
        planted += planting.at_the_gate(site, plan)
    passages = write_passages(database, site, plan)
    _correct(database, site)
    if planting is not None:
        planted += planting.before_the_papers(database, vault, site, plan)
    lines = _paper(database, vault, site, plan)
    if planting is not None:
        planted += planting.after_the_papers(database, vault, site, plan)
    projection.refresh(database, site.id, now=plan.as_of)
    return passages, lines, planted


def _fill_apart(settings: Settings, site: Site, plan: Plan, planting: Planting | None) -> tuple[int, int, list[Any]]:
    """In a process of its own."""
    # Thousands of rows a statement, on a machine that is busy with nothing else.
    database = Database(make_engine(settings, wait_s=STATEMENT_S, hang_up=False))
    settle()
    try:
        return fill(database, open_vault(settings), site, plan, planting)
    finally:
        database.engine.dispose()


def _sizes(plan: Plan, dice: random.Random) -> list[int]:
    """Workers of each project: small sites and large ones, together ``plan.workers``."""
    weights = [dice.lognormvariate(0, 0.7) for _ in range(plan.projects)]
    sizes = [max(10, round(plan.workers * w / sum(weights))) for w in weights]
    sizes[sizes.index(max(sizes))] += plan.workers - sum(sizes)
    return sizes


# --- papers and people ---------------------------------------------------------------------------------------


def _site(
    db: Session, vault: Vault, plan: Plan, n: int, size: int, number: int, dice: random.Random, opened: datetime,
    known: set[tuple[str, str, date]],
) -> Site:  # fmt: skip
    said = {"now": opened, "by": OFFICER}
    project_id = papers.create_project(
        db, code=f"GEN-{n:04d}", name=f"生成项目 {n:02d}（非真实数据）", area_code=f"{AREA}{100 + n % 9:03d}", address=None,
        time_zone="Asia/Shanghai", language="zh", is_demonstration=True, **said,
    )  # fmt: skip
    first = plan.months[0]
    on = first - timedelta(days=40)
    add = {"project_id": project_id, "uscc": None, "entry_on": on, **said}
    papers.add_company_to_project(db, name=f"生成业主 {n % 12:02d}（虚构）", role="owner", **add)
    general = papers.add_company_to_project(db, name=f"生成总包 {n % 20:02d}（虚构）", role="general_contractor", **add)
    labour = [
        papers.add_company_to_project(db, name=f"生成劳务 {(n + k) % 25:02d}（虚构）", role="labour_subcontractor", **add)
        for k in range(2)
    ]
    lanes: dict[str, list[int]] = {"in": [], "out": []}
    count = 1 + size // 250
    for way, name in (("in", "进口"), ("out", "出口")):
        for k in range(count):
            lanes[way].append(papers.add_gate(db, project_id=project_id, name=f"{name}{k + 1}", direction=way, **said))
    devices = {}
    for gate in (*lanes["in"], *lanes["out"]):
        device = papers.add_device(db, vault, project_id=project_id, gate_id=gate, name="生成数据（非真实通行）", **said)
        devices[gate] = device.device_id
    db.execute(
        gates.Device.__table__.update()
        .where(gates.Device.project_id == project_id)
        .values(complete_to=plan.as_of, last_seen_at=plan.as_of, stored_events=0)
    )
    crews = []
    left = size
    while left:
        k = len(crews)
        members = min(left, dice.randint(15, 40))
        if left - members < 10:
            members = left
        trade = k % len(TRADES)
        company = labour[k % 2] if k % 7 else general
        team_id = papers.add_team(
            db, project_id=project_id, project_company_id=company, name=f"{TEAMS[trade]}{k // len(TRADES) + 1}班", trade=TRADES[trade],
            **said,
        )  # fmt: skip
        crew = Crew(team_id, company, TRADES[trade], bus=dice.random() < 0.2, start=dice.uniform(400, 430), rest_weekday=dice.randrange(7))
        left -= members
        for _ in range(members):
            crew.workers.append(_hand(crew, number, dice, known))
            number += 1
        crews.append(crew)
    return Site(n, project_id, crews, lanes, devices, dice, general)


def _hand(crew: Crew, number: int, dice: random.Random, known: set[tuple[str, str, date]]) -> Hand:
    # Nobody is beyond the age at which sites stop taking people.
    born = date(1973, 1, 1) + timedelta(days=(number * 37) % 11_000)
    sex = "f" if number % 9 == 0 else "m"
    name = dice.choice(SURNAMES) + "".join(dice.choice(GIVEN) for _ in range(dice.choice((1, 2, 2))))
    kind = dice.choices(("day", "hour", "month"), (70, 15, 15))[0]
    low, high = {"day": (360, 460), "hour": (42, 52), "month": (7800, 9800)}[kind]
    # Who comes earlier every day works more overtime in a month than may be.
    early = max(-15.0, dice.gauss(0, 11))
    rate_fen = dice.randint(low, high) * 100
    while (name, sex, born) in known:
        # Namesakes born on one day are looked into; among honest people there are none.
        name += GIVEN[number % len(GIVEN)]
    known.add((name, sex, born))
    return Hand(number, number, name, card_number(number), early, kind, rate_fen, crew, born, sex)


def id_number(hand: Hand) -> str:
    """A number of the unassigned province 99 with a right check digit, the birth date and the sex: nobody's."""
    serial = (hand.id // 11_000 * 31 + hand.id) % 499 * 2 + (0 if hand.sex == "f" else 1)
    # Born on one day are those whose numbers lie 11,000 apart: the district keeps them apart as well.
    digits = f"99{hand.id // 500 % 10_000:04d}{hand.born:%Y%m%d}{serial:03d}"
    return digits + id_check_digit(digits)


def _people(db: Session, vault: Vault, site: Site, on: date, opened: datetime) -> None:
    """Write workers, engagements, terms, cards and consents."""
    hands = site.hands
    workers, cards = [], []
    number_of = {hand.id: hand.card for hand in hands}
    for hand in hands:
        number = id_number(hand)
        index = vault.index("id_number", number)
        workers.append(
            {
                "id": hand.id, "name": hand.name, "id_number_index": index, "sex": hand.sex,
                "id_number_sealed": vault.seal(number.encode(), table="worker", column="id_number_sealed", owner=index),
                "birth_on": hand.born, "phone_sealed": None, "created_at": opened,
            }
        )  # fmt: skip
        card = hand.card if hand.card_of is None else number_of.get(hand.card_of, card_number(hand.card_of))
        of_card = vault.index("bank_card", card)
        cards.append(
            {
                "worker_id": hand.id, "holder_name": hand.holder or hand.name, "number_index": of_card, "last4": card[-4:],
                "number_sealed": vault.seal(card.encode(), table="bank_card", column="number_sealed", owner=f"{hand.id}:{of_card}"),
                "bank_name": "生成银行（虚构）", "bank_code": None, "recorded_by": OFFICER, "recorded_at": opened,
            }
        )  # fmt: skip
        hand.card = card
    bulk(db, Worker, workers)
    bulk(
        db, Engagement,
        [
            {
                "id": hand.engagement_id, "worker_id": hand.id, "project_id": site.id,
                "project_company_id": hand.crew.project_company_id, "team_id": hand.crew.id, "trade": hand.crew.trade, "entry_on": on,
                "exit_on": hand.exit_on, "created_at": opened,
            }
            for hand in hands
        ],
    )  # fmt: skip
    bulk(db, BankCard, cards)
    scan = None
    if "scans" not in site.quirks.without:
        scan = timekeeping.put_evidence(
            db, vault, project_id=site.id, name="agreements.png", media_type="image/png", content=_PIXEL, by=OFFICER, now=opened
        )
    bulk(
        db, WageTerm,
        [
            {
                "engagement_id": hand.engagement_id, "kind": hand.kind, "rate_fen": hand.rate_fen, "valid_from": on, "valid_to": None,
                "relation": "labour_contract" if hand.kind == "month" else "work_agreement", "paper_id": scan,
                "overtime_rule": "none" if hand.kind == "piece" else "units" if hand.kind == "day" else "law",
                "unit": "m2" if hand.kind == "piece" else None, "recorded_at": opened, "recorded_by": OFFICER,
            }
            for hand in hands
            if hand.terms
        ],
    )  # fmt: skip
    bulk(
        db, Consent,
        [
            {
                "worker_id": hand.id, "project_id": site.id, "act": "give", "scope": ["capture", "template", "site_storage"],
                "notice_version": "2026-01", "method": "paper", "at": opened, "recorded_by": OFFICER, "recorded_at": opened,
            }
            for hand in hands
        ],
    )  # fmt: skip


def _account(db: Session, vault: Vault, site: Site, on: date, opened: datetime) -> None:
    """Open the special account; with ``party`` missing the last party has not signed."""
    companies = {c.id: c.company_id for c in people.project_companies(db, site.id)}
    roles = bank.PARTIES[:-1] if "party" in site.quirks.without else bank.PARTIES
    bank.open_account(
        db, vault, project_id=site.id, company_id=companies[site.general], bank_name="生成银行（虚构）",
        number=f"9900{site.number:012d}", opened_on=on,
        parties=[{"role": role, "name": f"生成{role}", "signed_on": on.isoformat()} for role in roles], by=OFFICER, now=opened,
    )  # fmt: skip


def _project_papers(db: Session, site: Site, on: date, opened: datetime) -> None:
    """Write contract, deposit, notice board and labour officer, as far as they are not missing."""
    without = site.quirks.without

    def paper(kind: str, **values: Any) -> None:
        said = {"to_on": None, "amount_fen": None, "worker_id": None, "detail": {}, **values}
        db.execute(
            insert(ProjectPaper).values(
                project_id=site.id, kind=kind, from_on=on, evidence=[], recorded_by=OFFICER, recorded_at=opened, **said
            )
        )

    paper("works_contract", amount_fen=5_000_000_00, to_on=on + timedelta(days=700))
    if "deposit" not in without:
        paper("deposit", amount_fen=100_000_00)
    if "board" not in without:
        shown = {"parties": True, "pay": True, "contacts": True, "pay_day": 15, "minimum_wage_fen": AREA_RULES["minimum_wage_month_fen"]}
        paper("notice_board", detail=shown)
    if "officer" not in without:
        paper("key_post", detail={"post": "labour_officer"})


def bulk(db: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    """Write many rows of a table."""
    for i in range(0, len(rows), 5000):
        db.execute(insert(table), rows[i : i + 5000])


# --- days at the gate ----------------------------------------------------------------------------------------


def live_month(site: Site, month: date) -> None:
    """Put a month of honest passages on a site: by habit, through lanes that let one through at a time."""
    dice = site.dice
    day = month
    while day < next_month(month):
        wanted: list[tuple[float, str, Hand]] = []
        rain = dice.random() < 0.04
        for crew in site.crews:
            if day.weekday() == crew.rest_weekday or (rain and crew.trade in ("concrete_worker", "scaffolder")):
                continue
            bus = crew.start + dice.gauss(0, 6)
            end = 1005 + dice.gauss(0, 8)
            for hand in crew.workers:
                if dice.random() < 0.05 or day in hand.absent or (hand.exit_on is not None and day >= hand.exit_on):
                    continue
                come = bus + abs(dice.gauss(0, 1.5)) if crew.bus else crew.start + hand.early + dice.gauss(0, 6)
                lunch = 690 + dice.gauss(0, 7)
                wanted.append((come, "in", hand))
                wanted.append((lunch, "out", hand))
                wanted.append((lunch + 70 + abs(dice.gauss(0, 9)), "in", hand))
                gone = end + abs(dice.gauss(0, 6))
                if dice.random() < 0.0008:
                    site.forgotten.append((hand, day, minute_of(day, gone)))
                else:
                    wanted.append((gone, "out", hand))
        wanted.sort(key=lambda w: w[0])
        free = {gate: 0.0 for lanes in site.lanes.values() for gate in lanes}
        for minute, way, hand in wanted:
            gate = min(site.lanes[way], key=lambda g: free[g])
            minute = max(minute, free[gate])
            # 2.2 s is the fastest a turnstile turns; people take their time.
            free[gate] = minute + (2.2 + dice.expovariate(1 / 1.6)) / 60
            site.passages.append(
                Pass(
                    minute_of(day, minute), gate, way, hand.id,
                    similarity=round(min(0.95, max(0.56, dice.gauss(0.68, 0.04))), 6), margin=round(max(0.09, dice.gauss(0.24, 0.05)), 6),
                )
            )  # fmt: skip
            if dice.random() < 0.01:
                # A look away first: refused, and again two seconds later.
                site.passages.append(
                    Pass(minute_of(day, minute - 3 / 60), gate, way, None, verdict="refuse", code="turned", similarity=round(dice.uniform(0.2, 0.45), 6))
                )
        day += timedelta(days=1)


def minute_of(day: date, minute: float) -> datetime:
    """The instant of a minute after a day's midnight."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC) + timedelta(seconds=round(minute * 60, 3))


def write_passages(database: Database, site: Site, plan: Plan) -> int:
    """Write a site's passages in the order they happened, each linked to the one before; returns how many."""
    site.passages.sort(key=lambda p: (p.at, p.gate, p.worker or 0))
    total = len(site.passages)
    contract = f"{zlib.crc32(b'generated'):08x}"

    def facts() -> Iterator[dict[str, Any]]:
        dice = random.Random(f"{plan.seed}:{site.number}:frames")
        counts: dict[int, int] = defaultdict(int)
        for p in site.passages:
            face = p.channel == "face"
            counts[p.gate] += 1 + p.skipped
            yield {
                "project_id": site.id, "device_id": site.devices[p.gate], "gate_id": p.gate, "direction": p.direction,
                "event_key": f"gen{p.gate}:{counts[p.gate]}",
                "content_sha256": p.content or f"{dice.getrandbits(256):064x}", "worker_id": p.worker, "channel": p.channel,
                "verdict": p.verdict, "code": p.code, "captured_at": p.at + timedelta(seconds=p.ahead_s), "received_at": p.at + timedelta(seconds=p.lag_s),
                "occurred_at": p.at, "similarity": p.similarity, "margin": p.margin,
                "similarity_min": 0.55 if face else None, "margin_min": 0.08 if face else None,
                "contract_id": contract if face else None, "quality": None,
            }  # fmt: skip

    salt = random.Random(f"{plan.seed}:{site.number}:salt").randbytes
    with database.write() as db:
        gates.add_passages(db, site.id, facts(), salt=salt, behind_the_walls=_is_superuser(db))
    site.passages = []
    return total


def _is_superuser(db: Session) -> bool:
    if db.get_bind().dialect.name != "postgresql":
        return False
    return db.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar_one()


def _correct(database: Database, site: Site) -> None:
    """Forgotten exits, put right by the subcontractor, the leader and the officer on the next days."""
    with database.write() as db:
        for hand, day, gone in site.forgotten:
            asked = clock_of(day + timedelta(days=1), "10:00")
            correction_id = db.execute(
                insert(CorrectionRow).values(
                    project_id=site.id, worker_id=hand.id, work_date=day, kind="missing_out", in_at=None, out_at=gone, passage_id=None,
                    minutes=None, day_milli=None, reason="forgot", note="出场忘记刷脸", evidence=[], requested_by=SUBCONTRACTOR,
                    requested_at=asked,
                )
            ).inserted_primary_key[0]  # fmt: skip
            for act, by, clock in (("leader_ok", LEADER, "11:00"), ("officer_ok", OFFICER, "15:00")):
                db.execute(
                    insert(CorrectionStep).values(
                        correction_id=correction_id, act=act, note="", by=by, at=clock_of(day + timedelta(days=1), clock)
                    )
                )


# --- the papers of both months --------------------------------------------------------------------------------


def _paper(database: Database, vault: Vault, site: Site, plan: Plan) -> int:
    """Sheets, signatures, closed books, batch, the bank's word and its statement, for both months."""
    written = balance = 0
    with database.read() as db:
        templates = {t.name: t.id for t in held.templates(db)}
    for n, month in enumerate(plan.months):
        desk = _Desk(database, vault, site, month, templates, n)
        if site.quirks.papers[n]:
            written += desk.wages()
            if site.quirks.paid[n]:
                balance = desk.pay(balance)
    return written


@dataclass
class _Desk:
    database: Database
    vault: Vault
    site: Site
    month: date
    templates: dict[str, int]
    number: int
    """0 for the first month, 1 for the second."""

    def after(self, day: int, clock: str = "09:00") -> datetime:
        return clock_of(next_month(self.month).replace(day=day), clock)

    def later(self, day: int, clock: str = "09:00") -> datetime:
        """The same, shifted by what the project is late with paying."""
        return self.after(day + self.site.quirks.days_late, clock)

    def do(self, use_case: Callable[..., Any], at: datetime, by: str, **said: Any) -> Any:
        with self.database.write() as db:
            return use_case(db, project_id=self.site.id, by=by, now=at, **said)

    def sealed(self, use_case: Callable[..., Any], at: datetime, by: str, **said: Any) -> Any:
        with self.database.write() as db:
            return use_case(db, self.vault, project_id=self.site.id, by=by, now=at, **said)

    def wages(self) -> int:
        """Lock, drafts, steps, signatures, closed books; returns the lines."""
        months = sheets.Months()
        site, month = self.site.id, self.month

        def fresh(at: datetime) -> Any:
            return months.before(self.database, site, month, at)

        # From the fourth day on nothing of the month before can still come: one computation serves every step.
        at = self.after(5)
        self.do(periods.lock, at, OFFICER, month=month, fresh=fresh(at))
        at = self.after(5, "10:00")
        self.do(sheets.draft_all, at, SUBCONTRACTOR, month=month, fresh=fresh(at))
        with self.database.read() as db:
            drafted = store.latest_sheets(db, site, month)
        for step, at, by in (
            (sheets.submit, self.after(5, "10:30"), SUBCONTRACTOR),
            (sheets.check, self.after(5, "15:00"), OFFICER),
            (sheets.publicise, self.after(5, "16:00"), OFFICER),
        ):
            worked = fresh(at)
            with self.database.write() as db:
                for sheet in drafted:
                    step(db, project_id=site, sheet_id=sheet.id, by=by, now=at, fresh=worked)
        count = self._sign(drafted)
        at = self.after(5 + self.site.quirks.hung_days)
        worked = fresh(at)
        with self.database.write() as db:
            for sheet in drafted:
                if self.site.quirks.hung_days >= 3:
                    sheets.approve(db, project_id=site, sheet_id=sheet.id, by=MANAGER, now=at, fresh=worked)
                else:
                    store.add_act(db, sheet.id, act="approved", note="", by=MANAGER, now=at)
        at = self.after(9, "10:00")
        self.do(periods.close, at, MANAGER, month=month, fresh=fresh(at))
        return count

    def _sign(self, drafted: Iterable[Any]) -> int:
        """Everybody signs his line on the posted sheet; one scan a team is the evidence."""
        at = self.after(5, "18:30")
        said = []
        for sheet in drafted:
            scan = self.sealed(
                timekeeping.put_evidence, at, OFFICER, name=f"sheet-{sheet.id}.png", media_type="image/png",
                content=_PIXEL + sheet.id.to_bytes(8, "big"),
            )  # fmt: skip
            with self.database.read() as db:
                lines = store.lines(db, sheet.id)
            said += [
                {
                    "project_id": self.site.id, "worker_id": line.content.worker_id, "subject": "line", "content_hash": line.line_hash,
                    "verdict": "agree", "claimed_fen": None, "reason": "", "method": "paper", "evidence": [scan],
                    "recorded_by": OFFICER, "at": at,
                }
                for line in lines
            ]  # fmt: skip
        with self.database.write() as db:
            bulk(db, WorkerConfirmation, said)
        return len(said)

    def pay(self, balance: int) -> int:
        """Funding, one batch, the bank's answer, its statement; returns the account's balance."""
        with self.database.read() as db:
            ready = bank.payable(db, self.site.id, self.month)
        total = sum(r.amount_fen for r in ready if r.reason is None)
        # What was agreed for the 25th and comes on the 10th is late; agreed for the 10th it is not.
        agreed_on = self.month.replace(day=25) if self.site.quirks.plan_missed else self.after(10).date()
        self.do(bank.add_plan, clock_of(self.month, "09:00"), OFFICER, month=self.month, due_on=agreed_on, agreed_fen=total)
        reference = f"GEN-F{self.site.number:04d}-{self.month:%Y%m}"
        # Paid in on the 10th of the month after, when the sheets are known.
        received = self.after(10, "08:30")
        quirks = self.site.quirks
        leak = quirks.leak_fen if self.number == 0 else 0
        comes = 0 if quirks.ahead and self.number else total * (1 + quirks.ahead) + total // 2 * quirks.ahead + leak
        if comes:
            self.do(bank.record_receipt, received, OFFICER, received_on=received.date(), amount_fen=comes, reference=reference)
        batch_id = self.sealed(bank.make_batch, self.later(10), OFFICER, month=self.month, template_id=self.templates["通用代发"]).batch.id
        self.do(bank.approve_batch, self.later(10, "10:00"), MANAGER, batch_id=batch_id)
        batch = self.do(bank.send_batch, self.later(10, "11:00"), OFFICER, batch_id=batch_id)
        with self.database.read() as db:
            items = held.items(db, batch_id)
            names = held.names(db, {item.worker_id for item in items})
        answered = self.later(11).date()
        fails = quirks.fails[self.number]
        content = bank_file(
            "通用回盘",
            [
                {
                    "seq": item.seq, "reference": f"{batch.batch_no}-{item.seq:04d}", "payee_name": names[item.worker_id],
                    "amount": _yuan(item.amount_fen), "status": "失败" if item.worker_id in fails else "成功",
                    "reason": "账号不存在" if item.worker_id in fails else "",
                    "bank_ref": f"GEN-T{item.id}", "happened_on": answered.isoformat(),
                }
                for item in items
            ],
        )  # fmt: skip
        done = self.do(
            bank.import_results, self.later(11, "16:00"), OFFICER, batch_id=batch_id, template_id=self.templates["通用回盘"], content=content
        )
        if done.faults:
            raise RuntimeError(f"return file of project {self.site.number}: {done.faults[0]}")
        cards = {hand.id: hand.card for hand in self.site.hands}
        moves = [(reference, received.date(), comes, "生成业主（虚构）", "", "人工费")] if comes else []
        if leak:
            moves.append((f"GEN-L{self.site.number:04d}", received.date(), -leak, "生成咨询（虚构）", "", "服务费"))
        moves += [
            (f"GEN-T{item.id}", answered, -item.amount_fen, names[item.worker_id], cards[item.worker_id], "工资")
            for item in items
            if item.worker_id not in fails
        ]
        rows = []
        for number, day, fen, who, card, memo in moves:
            balance += fen
            rows.append(
                {
                    "bank_txn_id": number, "booked_on": day.isoformat(), "amount_in": _yuan(fen) if fen > 0 else "",
                    "amount_out": _yuan(-fen) if fen < 0 else "", "balance_after": _yuan(balance), "counterparty_name": who,
                    "counterparty_number": card, "memo": memo,
                }
            )  # fmt: skip
        report = self.sealed(
            bank.import_statement, self.later(12), OFFICER, template_id=self.templates["通用对账单"], content=bank_file("通用对账单", rows)
        )
        if report.faults:
            raise RuntimeError(f"statement of project {self.site.number}: {report.faults[0]}")
        return balance


_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c63f8cfc0f01f0005000201f5d0d15d0000000049454e44ae426082"
)
"""A picture of one pixel stands for the scan of a signed sheet."""


def clock_of(day: date, clock: str) -> datetime:
    """The instant at which the clock of a day says so, ``09:00``."""
    return datetime.combine(day, time.fromisoformat(clock), ZONE).astimezone(UTC)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
