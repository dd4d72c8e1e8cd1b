"""The people of the tests.

    Project A 嘉禾一期 (area 330424)            Project B 滨河二期 (area 330411)
      Chen 陈经理    manager                      Zhou 周经理    manager; must not see A
      Wu 吴劳资      labour officer               Zhao 赵       worker
      Ma 马保安      guard
      Wang 王, Li 李  workers
    Lin 林 inspects area 330424; Gao 高 administers the service and sees no project.

Everyone earns 400 yuan a day from 1 March 2026. ID numbers are of province 99, which is assigned to nobody.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from app.domain.identity import id_check_digit
from app.store import accounts, gates, people
from app.vault import Vault

RATE_FEN = 400_00
ENTRY_ON = date(2026, 3, 1)
PASSWORD = "left boot, right boot"
# Argon2id with the least effort there is: tests sign in often. Of PASSWORD.
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$4M6NEgfbP9GZmusNjJRAYg$Ee5NK/I20yL7C8I/Y2lMweu+HeRnCVGnBOgM97YD1uE"


def id_number(birth_on: date, order: int, region: str = "990424") -> str:
    """Return a test ID number with a true check digit; odd orders are men."""
    digits = f"{region}{birth_on:%Y%m%d}{order:03d}"
    return digits + id_check_digit(digits)


def code_is_sound(code: str) -> bool:
    """True for eight or more digits whose last one is Luhn's of the others: a slip of the finger is told."""
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(code))]
    return code.isdecimal() and len(code) >= 8 and sum(number // 10 + number % 10 for number in doubled) % 10 == 0


WANG_ID = id_number(date(1985, 6, 12), 1)
LI_ID = id_number(date(1990, 11, 3), 2)
ZHAO_ID = id_number(date(1978, 2, 28), 3)


@dataclass(frozen=True, slots=True)
class Member:
    """A worker of the cast."""

    id: int
    name: str
    id_number: str = field(repr=False)
    engagement_id: int
    terms_id: int


@dataclass(frozen=True, slots=True)
class Post:
    """A gate with its device and the device's key."""

    gate_id: int
    device_id: str
    direction: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """A project of the cast."""

    id: int
    code: str
    company_id: int
    project_company_id: int
    team_id: int
    entrance: Post
    exit: Post


@dataclass(frozen=True, slots=True)
class Cast:
    """Everyone and everything, by name. Accounts are ids; their logins are the names of the fields."""

    a: Site
    b: Site
    wang: Member
    li: Member
    zhao: Member
    chen: int
    zhou: int
    wu: int
    ma: int
    lin: int
    gao: int


def cast(db: Session, vault: Vault, now: datetime) -> Cast:
    """Put the whole cast into an empty database."""
    a = _site(db, vault, now, "A", "嘉禾一期", "330424", "91330424MA0000001P", "海盐建设总包有限公司")
    b = _site(db, vault, now, "B", "滨河二期", "330411", "91330411MA00000020", "秀洲营造有限公司")
    return Cast(
        a=a,
        b=b,
        wang=add_member(db, vault, now, a, "王建国", WANG_ID, phone="13900000001"),
        li=add_member(db, vault, now, a, "李秀英", LI_ID),
        zhao=add_member(db, vault, now, b, "赵铁柱", ZHAO_ID),
        chen=_account(db, now, "chen", "陈经理", "manager", project_id=a.id),
        zhou=_account(db, now, "zhou", "周经理", "manager", project_id=b.id),
        wu=_account(db, now, "wu", "吴劳资", "labour_officer", project_id=a.id),
        ma=_account(db, now, "ma", "马保安", "guard", project_id=a.id),
        lin=_account(db, now, "lin", "林监察", "inspector", area_code="330424"),
        gao=_account(db, now, "gao", "高管理", "administrator"),
    )


def add_member(
    db: Session,
    vault: Vault,
    now: datetime,
    site: Site,
    name: str,
    number: str,
    *,
    phone: str | None = None,
    entry_on: date = ENTRY_ON,
    rate_fen: int = RATE_FEN,
) -> Member:
    """Enter one more worker on a site, with terms from his first day."""
    index = vault.index("id_number", number)
    worker_id = people.add_worker(
        db,
        name=name,
        id_number_sealed=vault.seal(number.encode(), table="worker", column="id_number_sealed", owner=index),
        id_number_index=index,
        sex="M" if int(number[16]) % 2 else "F",
        birth_on=date(int(number[6:10]), int(number[10:12]), int(number[12:14])),
        phone_sealed=vault.seal(phone.encode(), table="worker", column="phone_sealed", owner=index) if phone else None,
        now=now,
    )
    engagement_id = people.add_engagement(
        db,
        worker_id=worker_id,
        project_id=site.id,
        project_company_id=site.project_company_id,
        team_id=site.team_id,
        trade="钢筋工",
        entry_on=entry_on,
        now=now,
    )
    terms_id = people.add_terms(
        db,
        engagement_id=engagement_id,
        kind="day",
        rate_fen=rate_fen,
        valid_from=entry_on,
        valid_to=None,
        recorded_by="wu",
        now=now,
    )
    return Member(worker_id, name, number, engagement_id, terms_id)


def pass_through(
    db: Session,
    site: Site,
    direction: str,
    worker_id: int | None,
    at: datetime,
    *,
    verdict: str = "admit",
    code: str = "admitted",
    channel: str = "card",
    event_key: str | None = None,
    frame_sha256: str | None = None,
) -> gates.PassageRecord:
    """Record a passage at a site's entrance or exit, heard at the moment it happened."""
    post = site.entrance if direction == "in" else site.exit
    event_key = event_key or f"{worker_id}-{direction}-{at.isoformat()}"
    return gates.add_passage(
        db,
        project_id=site.id,
        device_id=post.device_id,
        gate_id=post.gate_id,
        direction=direction,
        event_key=event_key,
        content_sha256=sha256(event_key.encode()).hexdigest(),
        worker_id=worker_id,
        channel=channel,
        verdict=verdict,
        code=code,
        captured_at=at,
        received_at=at,
        occurred_at=at,
        frame_sha256=frame_sha256,
    )


def _site(
    db: Session, vault: Vault, now: datetime, code: str, name: str, area_code: str, uscc: str, company: str
) -> Site:
    project_id = people.add_project(
        db,
        code=code,
        name=name,
        area_code=area_code,
        address=None,
        time_zone="Asia/Shanghai",
        language="zh",
        confirm_face=False,
        is_demonstration=False,
        now=now,
    )
    company_id = people.add_company(db, uscc=uscc, name=company, now=now)
    project_company_id = people.add_project_company(
        db, project_id=project_id, company_id=company_id, role="general_contractor", entry_on=ENTRY_ON
    )
    team_id = people.add_team(
        db, project_id=project_id, project_company_id=project_company_id, name="钢筋一班", trade="钢筋工"
    )
    return Site(
        project_id,
        code,
        company_id,
        project_company_id,
        team_id,
        _post(db, vault, now, project_id, code, "in", "大门入口"),
        _post(db, vault, now, project_id, code, "out", "大门出口"),
    )


def _post(db: Session, vault: Vault, now: datetime, project_id: int, code: str, direction: str, name: str) -> Post:
    gate_id = gates.add_gate(db, project_id=project_id, name=name, direction=direction)
    device_id = f"gate-{code.lower()}-{direction}"
    key = sha256(f"key of {device_id}".encode()).digest()
    gates.add_device(
        db,
        device_id=device_id,
        project_id=project_id,
        gate_id=gate_id,
        name=name,
        key_sealed=vault.seal(key, table="device", column="key_sealed", owner=device_id),
        now=now,
    )
    return Post(gate_id, device_id, direction, key)


def _account(
    db: Session,
    now: datetime,
    login: str,
    name: str,
    role: str,
    *,
    project_id: int | None = None,
    area_code: str | None = None,
) -> int:
    account_id = accounts.add_account(db, login=login, name=name, password_hash=PASSWORD_HASH, language="zh", now=now)
    accounts.add_membership(db, account_id=account_id, role=role, project_id=project_id, area_code=area_code)
    return account_id
