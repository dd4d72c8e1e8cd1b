"""A site with something on every page: the cast, 36 more workers in six teams, a month and the days of this one.

    python -m tests.pages.site FOLDER [PORT]     serve it; everybody's password is ``tests.cast.PASSWORD``

Facts are seeded by worker and day: the same clock gives the same site. Exits are missed, one man stayed too long,
strangers stood at the gate, some wages were paid, some too much, one transfer came back.
"""

import random
import sys
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from app import oversight, payroll, projection
from app.db import Database, make_engine, migrate
from app.settings import Settings
from app.store import gates, people
from app.vault import Vault
from recognition.synthetic import SyntheticEngine
from tests import cast

ZONE = ZoneInfo("Asia/Shanghai")
TEAMS = (
    ("钢筋二班", "钢筋工", 8),
    ("木工一班", "木工", 9),
    ("混凝土浇筑与养护综合班组", "混凝土工", 7),
    ("架子工班", "架子工", 5),
    ("水电安装班", "水电工", 4),
    ("塔吊班", "塔吊司机", 3),
)
SURNAMES = "张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾"
GIVEN = ("建国", "秀兰", "伟", "国强", "小红", "志远", "德胜", "玉珍", "永福", "海波", "春生", "大勇")
LONG_NAME = "阿卜杜热依木·买买提依明"
VAULT = Vault.of([bytes(range(32))])


def make(database: Database, now: datetime) -> cast.Cast:
    """Put the whole site into an empty, migrated database. ``now`` decides which months."""
    with database.write() as db:
        played = cast.cast(db, VAULT, now)
        site = played.a
        labour = people.add_company(db, uscc=None, name="海盐县恒远建筑劳务分包有限责任公司", now=now)
        post = people.add_project_company(
            db, project_id=site.id, company_id=labour, role="labour_subcontractor", entry_on=cast.ENTRY_ON
        )
        members = [played.wang, played.li]
        order = 100
        for name, trade, size in TEAMS:
            team = people.add_team(db, project_id=site.id, project_company_id=post, name=name, trade=trade)
            place = cast.Site(site.id, site.code, labour, post, team, site.entrance, site.exit)
            for _ in range(size):
                order += 1
                person = SURNAMES[order % len(SURNAMES)] + GIVEN[order % len(GIVEN)] if order != 118 else LONG_NAME
                number = cast.id_number(date(1970 + order % 30, 1 + order % 12, 1 + order % 28), order)
                members.append(
                    cast.add_member(db, VAULT, now, place, person, number, phone=f"139{order:08d}", rate_fen=320_00 + order % 7 * 20_00)
                )
        _live_through(db, site, members, now)
        _pay(db, site, members, now)
    projection.refresh(database, site.id, now=now)
    this = now.astimezone(ZONE).date().replace(day=1)
    for month in (this - timedelta(days=1), this):
        oversight.audit_project(database, site.id, month, now)
    return played


def _live_through(db, site: cast.Site, members: list, now: datetime) -> None:
    here = now.astimezone(ZONE)
    first = (here.date().replace(day=1) - timedelta(days=1)).replace(day=1)
    events = []
    for position, member in enumerate(members):
        day = first
        while day <= here.date():
            chance = random.Random(f"{position} {day}")
            luck = chance.random()
            absent = luck < 0.12 or (day.weekday() == 6 and luck < 0.4)
            if not absent:
                comes = _at(day, 6, 35 + chance.randrange(55), chance)
                events.append((comes, "in", member.id, "admit", "admitted"))
                if 0.4 < luck < 0.7:
                    events.append((_at(day, 11, 30 + chance.randrange(20), chance), "out", member.id, "admit", "admitted"))
                    events.append((_at(day, 12, 40 + chance.randrange(20), chance), "in", member.id, "admit", "admitted"))
                if luck < 0.975:
                    events.append((_at(day, 17, 5 + chance.randrange(120), chance), "out", member.id, "admit", "admitted"))
            day += timedelta(days=1)
    for back in range(9):
        at = now - timedelta(minutes=37 * back + 4)
        code = ("face_unknown", "face_turned", "face_ambiguous")[back % 3]
        events.append((at, "in", None, "refuse", code))
    for position, at in enumerate((now - timedelta(minutes=2), now - timedelta(minutes=1))):
        events.append((at, "in", members[5 + position].id, "ask", "needs_confirmation"))
    for at, direction, worker_id, verdict, code in sorted(events, key=lambda event: event[0]):
        if at <= now:
            record(db, site, direction, worker_id, at, verdict=verdict, code=code)


def record(db, site: cast.Site, direction: str, worker_id: int | None, at: datetime, *, verdict="admit", code="admitted"):
    """One passage by face, with what the recogniser measured."""
    chance = random.Random(f"{worker_id} {at}")
    post = site.entrance if direction == "in" else site.exit
    matched = worker_id is not None or code in ("face_unknown", "face_ambiguous")
    similarity = round(chance.uniform(0.58, 0.74) if worker_id else chance.uniform(0.31, 0.49), 4)
    key = f"{worker_id}-{direction}-{at.isoformat()}"
    return gates.add_passage(
        db,
        project_id=site.id,
        device_id=post.device_id,
        gate_id=post.gate_id,
        direction=direction,
        event_key=key,
        content_sha256=sha256(key.encode()).hexdigest(),
        worker_id=worker_id,
        channel="face" if chance.random() > 0.1 or worker_id is None else "card",
        verdict=verdict,
        code=code,
        captured_at=at,
        received_at=at + timedelta(seconds=1),
        occurred_at=at,
        similarity=similarity if matched else None,
        margin=round(chance.uniform(0.09, 0.2), 4) if matched else None,
        similarity_min=0.5 if matched else None,
        margin_min=0.08 if matched else None,
        contract_id="c1-0123456789abcdef01234567",
    )


def _at(day: date, hour: int, minute: int, chance: random.Random) -> datetime:
    there = datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(hours=hour, minutes=minute, seconds=chance.randrange(60))
    return there.astimezone(UTC)


def _pay(db, site: cast.Site, members: list, now: datetime) -> None:
    today = now.astimezone(ZONE).date()
    month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    rows = {row.worker_id: row for row in payroll.wages_of_project(db, site.id, now)}
    for position, member in enumerate(members[:24]):
        part = (1.0, 1.0, 0.6, 1.0, 0.8)[position % 5]
        accrued = int(rows[member.id].accrued_fen * 0.55)
        if accrued > 0:
            paid = payroll.record_payment(
                db, project_id=site.id, worker_id=member.id, amount_fen=max(100, int(accrued * part) // 100 * 100),
                paid_on=today.replace(day=1), for_month=month, channel="bank" if position % 4 else "cash",
                reference=f"HY{month:%Y%m}{position:03d}", idempotency_key=f"seed-payment-{position}", by="wu", now=now,
            )
            if position == 7:
                payroll.reverse_payment(db, project_id=site.id, payment_id=paid.payment.id, by="wu", now=now)


def create(folder: Path):
    """The application over the site in ``folder``, for ``uvicorn --factory``."""
    from app.main import create_app

    settings = Settings(environment="test", data_dir=folder, log_level="warning")
    return create_app(settings, engine=SyntheticEngine(), vault=VAULT)


def build(folder: Path, now: datetime | None = None) -> Path:
    """Make the site's database in ``folder`` unless it is there."""
    settings = Settings(environment="test", data_dir=folder)
    file = folder / "muster.db"
    if not file.exists():
        migrate(settings)
        database = Database(make_engine(settings))
        make(database, now or datetime.now(UTC))
        database.dispose()
    return file


def main() -> None:
    """Serve the site of a folder."""
    import uvicorn

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    build(folder)
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8090
    uvicorn.run(create(folder), host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
