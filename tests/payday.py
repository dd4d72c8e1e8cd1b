"""A month on site from the first passage to the closed books, in the words of the desk.

    payday.works(cast.wang, 3, 4, 5)       days of March 2026 at the gates, 08:00 to 17:00
    payday.lock(MARCH)                     ... draft(MARCH), agree(), through(MARCH): submitted to approved
    payday.close(MARCH)

Time is ``payday.now``; it begins on 2 April 2026, 12:00 on site, when March is over.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app import periods, sheets
from app.db import Database
from app.domain.workdays import next_month
from app.store import people, timekeeping
from app.store import sheets as store
from app.store.sheets import LineInfo, SheetInfo
from app.vault import Vault
from tests.cast import RATE_FEN, Cast, Member, Site, add_member, id_number, pass_through

FEBRUARY, MARCH, APRIL, MAY = (date(2026, month, 1) for month in (2, 3, 4, 5))


@pytest.fixture(name="payday")
def desk(database: Database, vault: Vault, people_on_site: Cast) -> "Payday":
    """The desk of project A, on a fresh database."""
    return Payday(database, vault, people_on_site)


def at(day: int, clock: str = "12:00", month: int = 3) -> datetime:
    """An instant on site, of 2026."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


@dataclass
class Payday:
    """The desk of project A."""

    database: Database
    vault: Vault
    cast: Cast
    now: datetime = field(default_factory=lambda: at(2, month=4))
    files: int = 0

    @property
    def site(self) -> Site:
        return self.cast.a

    def run(self, use_case: Callable[..., Any], by: str = "wu", **values: Any) -> Any:
        """Do something in a transaction of its own."""
        with self.database.write() as db:
            return use_case(db, **{"project_id": self.site.id, "by": by, "now": self.now} | values)

    def ask(self, question: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """Read something."""
        with self.database.read() as db:
            return question(db, *values, **named)

    # --- attendance

    def works(self, member: Member, *days: int, come: str = "08:00", go: str | None = "17:00", month: int = 3) -> None:
        with self.database.write() as db:
            for day in days:
                pass_through(db, self.site, "in", member.id, at(day, come, month))
                if go:
                    pass_through(db, self.site, "out", member.id, at(day, go, month))

    def leaves(self, member: Member, exit_on: date) -> None:
        with self.database.write() as db:
            people.exit_engagement(db, member.engagement_id, exit_on)

    def hire(self, name: str, order: int, *, team_id: int | None = None, entry_on: date = MARCH, rate_fen: int = RATE_FEN) -> Member:
        site = self.site if team_id is None else _elsewhere(self.site, team_id)
        with self.database.write() as db:
            return add_member(
                db, self.vault, self.now, site, name, id_number(date(1980, 1, 1), order), entry_on=entry_on, rate_fen=rate_fen
            )

    def team(self, name: str) -> int:
        with self.database.write() as db:
            return people.add_team(
                db, project_id=self.site.id, project_company_id=self.site.project_company_id, name=name, trade="木工"
            )

    def gates_report(self, until: datetime | None = None) -> None:
        """Both gates say that everything up to then has been sent."""
        with self.database.write() as db:
            self._report(db, until or self.now)

    def _report(self, db: Session, until: datetime) -> None:
        for post in (self.site.entrance, self.site.exit):
            timekeeping.heartbeat(db, post.device_id, complete_to=until, stored_events=0)

    def proof(self, db: Session | None = None) -> int:
        """A scan; its id."""
        if db is None:
            with self.database.write() as db:
                return self.proof(db)
        self.files += 1
        return timekeeping.put_evidence(
            db, project_id=self.site.id, sha256=sha256(str(self.files).encode()).hexdigest(), name="scan.jpg",
            media_type="image/jpeg", size=1, content_sealed=b"x", by="wu", now=self.now,
        )  # fmt: skip

    # --- months and sheets

    def lock(self, month: date = MARCH):
        self.now = max(self.now, _after(month))
        with self.database.write() as db:
            self._report(db, self.now)
            return periods.lock(db, project_id=self.site.id, month=month, by="wu", now=self.now)

    def draft(self, month: date = MARCH, team_id: int | None = None) -> SheetInfo:
        return self.run(sheets.draft, by="sun", month=month, team_id=team_id or self.site.team_id).sheet

    def latest(self, month: date = MARCH, team_id: int | None = None) -> SheetInfo:
        return self.ask(store.latest_sheet, team_id or self.site.team_id, month, "regular")

    def lines(self, sheet: SheetInfo | None = None) -> tuple[LineInfo, ...]:
        return self.ask(store.lines, (sheet or self.latest()).id)

    def line_of(self, member: Member, month: date = MARCH, origin: date | None = None, team_id: int | None = None) -> LineInfo:
        return next(
            line
            for line in self.lines(self.latest(month, team_id))
            if line.content.engagement_id == member.engagement_id and line.content.origin_month == (origin or month)
        )

    def step(self, use_case: Callable[..., Any], by: str, sheet: SheetInfo, **values: Any) -> SheetInfo:
        return self.run(use_case, by=by, sheet_id=sheet.id, **values)

    def through(self, month: date = MARCH, team_id: int | None = None) -> SheetInfo:
        """From a draft to the approved sheet, three days later; the steps themselves are tested elsewhere."""
        with self.database.write() as db:
            sheet = store.latest_sheet(db, team_id or self.site.team_id, month, "regular")
            return self._through(db, sheet)

    def _through(self, db: Session, sheet: SheetInfo) -> SheetInfo:
        for act, by in (("submitted", "sun"), ("checked", "wu"), ("publicised", "wu"), ("approved", "chen")):
            if act == "approved":
                self.now += timedelta(days=3)
            store.add_act(db, sheet.id, act=act, note="", by=by, now=self.now)
        return store.sheet(db, sheet.id)

    def says(self, line: LineInfo, verdict: str = "agree", **values: Any):
        """The worker's word on a line."""
        with self.database.write() as db:
            if verdict == "agree" and "evidence" not in values:
                values["evidence"] = [self.proof(db)]
            elif verdict == "dispute":
                values.setdefault("reason", "少算了两天")
            values = {"line_hash": line.line_hash, "method": "paper", "by": "wu", "now": self.now} | values
            return sheets.confirm(
                db, project_id=self.site.id, line_id=line.id, verdict=verdict, **values
            ).confirmation

    def close(self, month: date = MARCH):
        return self.run(periods.close, by="chen", month=month)

    def locked_and_drafted(self, month: date = MARCH) -> SheetInfo:
        """Lock and draft with one look at the facts, in one go."""
        self.now = max(self.now, _after(month))
        with self.database.write() as db:
            return self._drafted(db, month)[0]

    def _drafted(self, db: Session, month: date) -> tuple[SheetInfo, Callable[[], sheets.Fresh]]:
        who = {"project_id": self.site.id, "month": month, "now": self.now}
        self._report(db, self.now)
        fresh = sheets.derive(db, self.site.id, month, self.now)

        def still() -> sheets.Fresh:
            # Nothing but our own journal lines has been written since.
            return replace(fresh, mark=store.facts_mark(db, self.site.id))

        periods.lock(db, **who, by="wu", fresh=still())
        return sheets.draft(db, **who, by="sun", team_id=self.site.team_id, fresh=still()).sheet, still

    def whole_month(self, month: date = MARCH, *, sign: bool = True) -> SheetInfo:
        """Lock, draft, sign, approve and close, with one team, in one go."""
        self.now = max(self.now, _after(month))
        with self.database.write() as db:
            sheet, still = self._drafted(db, month)
            sheet = self._through(db, sheet)
            for line in store.lines(db, sheet.id) if sign else ():
                sheets.confirm(
                    db, project_id=self.site.id, line_id=line.id, line_hash=line.line_hash, verdict="agree", method="paper",
                    evidence=[self.proof(db)], by="wu", now=self.now,
                )  # fmt: skip
            periods.close(db, project_id=self.site.id, month=month, by="chen", now=self.now, fresh=still())
        return sheet

    def blockers(self, month: date = MARCH) -> list[tuple[str, str, Any, date | None]]:
        found = self.ask(periods.blockers, self.site.id, month, self.now)
        return [(b.code, b.subject_kind, b.subject_id, b.on) for b in found]


def _after(month: date) -> datetime:
    """Noon of the second day after a month."""
    return datetime.combine(next_month(month), datetime.min.time(), ZoneInfo("Asia/Shanghai")).astimezone(UTC) + timedelta(
        hours=36
    )


def _elsewhere(site: Site, team_id: int) -> Site:
    return replace(site, team_id=team_id)
