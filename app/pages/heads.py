"""How many are on site, by company, team and trade: counted once, for the page of today, the wall and the gates' screens.

Management (管理人员) is counted with everybody and once more apart: who has the trade of that name, or holds a key post of the
project today (``app.project_papers``). The real-name measures ask for their attendance as well as the workers'.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app import letting, projection
from app.domain import workdays
from app.domain.attendance import Headcount
from app.pages.page import policy_of
from app.store import audit, gates
from app.store import roster as roster_rows
from app.store.kept import kept
from app.store.money import midnight
from app.store.people import ProjectInfo

ON_SITE, LEFT, ABSENT = "on_site", "left", "absent"
STATES = (ON_SITE, LEFT, ABSENT)
HEARD = timedelta(minutes=5)
"""A gate says that it lives every half minute; a wall clock that is read by people is minutes."""
MANAGER = "manager"
"""The trade of management, as ``wording.papers`` has it."""


@dataclass(frozen=True, slots=True)
class Group:
    """One company, team or trade today, or management."""

    key: str
    """Id of the company or team; a trade's own word."""
    name: str
    sub: str
    """Of a team, its company."""
    on_site: int
    left: int
    absent: int
    roster: int

    @property
    def came(self) -> int:
        """On site or gone again."""
        return self.on_site + self.left

    @property
    def rate(self) -> int | None:
        """Per cent of the roster that came; None without a roster."""
        return round(100 * self.came / self.roster) if self.roster else None


@dataclass(frozen=True, slots=True)
class Where:
    """One worker of the roster today."""

    worker_id: int
    name: str
    team_id: int
    team: str
    company: str
    trade: str
    state: str
    """Word of ``STATES``."""
    management: bool


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many lanes are heard."""

    all: int
    heard: int


@dataclass(frozen=True, slots=True)
class Heads:
    """Everybody's whereabouts at one instant."""

    as_of: datetime
    day: date
    """Work date on the project's calendar."""
    on_site: int
    """Inside now, whether on the roster or not."""
    came: int
    left: int
    """Of the roster: came, and is not inside."""
    absent: int
    roster: int
    outside: int
    """Came, and is on no team's roster today."""
    by_hand: int
    """Let in by hand today, not agreed to yet and not counted by the gates: on site, as far as the guard says."""
    lanes: Lanes
    people: tuple[Where, ...]
    """By company, team and name."""
    companies: tuple[Group, ...]
    teams: tuple[Group, ...]
    trades: tuple[Group, ...]
    management: Group
    """Of the roster; nobody when nobody is recorded as management."""
    stand: str
    """Another one whenever anybody of the roster is elsewhere than before, or anything passed: by it a page knows that its lists are old."""

    @property
    def told(self) -> tuple:
        """What a screen shows of it, the minute among it; as long as that is the same nothing is sent."""
        return (
            f"{self.as_of:%H:%M}", self.day, self.on_site, self.came, self.left, self.absent, self.roster, self.by_hand, self.lanes, self.teams,
            self.management, self.stand,
        )  # fmt: skip


def headcount(db: Session, project_id: int, now: datetime) -> Headcount:
    """Who is inside and who came, kept until anybody passes: a page, its charts and whoever opens it next ask the same."""
    return kept(db, project_id, "headcount", lambda: projection.headcount(db, project_id, now), at=now, any_passage=True)


def heads(db: Session, project: ProjectInfo, now: datetime) -> Heads:
    """Count a project's people at ``now``."""
    policy = policy_of(project)
    count = headcount(db, project.id, now)
    day = workdays.work_date(now, policy)
    inside, came = set(count.on_site), set(count.came_today)
    # A night worker came yesterday and is on site today: he is not missing.
    here = inside | came
    posted = {p.worker_id for p in audit.papers(db, project.id) if p.kind == "key_post" and p.holds(day)}
    roster = set(count.roster)
    everybody = tuple(
        Where(
            p.worker_id, p.name, p.team_id, p.team, p.company, p.trade or "",
            ON_SITE if p.worker_id in inside else LEFT if p.worker_id in came else ABSENT,
            p.trade == MANAGER or p.worker_id in posted,
        )
        for p in roster_rows.by_name(db, project.id) if p.worker_id in roster
    )  # fmt: skip
    hand: dict[int, str] = {}
    for one in letting.recent(db, project.id, midnight(day, project.time_zone)):
        # Newest first: his last word by hand. What was agreed to is counted like any entry.
        hand.setdefault(one.fact.worker_id, f"{one.fact.direction} {one.state}")
    by_hand = sum(word in ("in requested", "in leader_ok") and worker not in inside for worker, word in hand.items())
    states, lanes = Counter(w.state for w in everybody), _lanes(db, project.id, now)
    return Heads(
        as_of=workdays.local(now, policy), day=day, on_site=len(inside), came=len(came), left=states[LEFT], absent=states[ABSENT],
        roster=len(everybody), outside=len(here - {w.worker_id for w in everybody}), by_hand=by_hand, lanes=lanes, people=everybody,
        companies=_groups(everybody, lambda w: (w.company, w.company, "")),
        teams=_groups(everybody, lambda w: (str(w.team_id), w.team, w.company)),
        trades=_groups(everybody, lambda w: (w.trade, w.trade, "")),
        management=_group(("management", "", ""), Counter(w.state for w in everybody if w.management)),
        stand=_stand(everybody, (day, gates.last_seq(db, project.id), lanes, by_hand)),
    )  # fmt: skip


def _stand(everybody: Iterable[Where], beside: tuple) -> str:
    """The same for the same facts in every process; nobody's name is in it."""
    said = repr((beside, [(w.worker_id, w.team_id, w.state, w.management) for w in everybody]))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _lanes(db: Session, project_id: int, now: datetime) -> Lanes:
    """How many lanes have a device that was heard within the last minutes."""
    found: dict[int, bool] = {}
    for one in gates.devices(db, project_id):
        if one.disabled_at is None:
            heard = one.last_seen_at is not None and now - one.last_seen_at <= HEARD
            found[one.gate_id] = found.get(one.gate_id, False) or heard
    return Lanes(len(found), sum(found.values()))


def _groups(everybody: Iterable[Where], of: Callable[[Where], tuple[str, str, str]]) -> tuple[Group, ...]:
    found: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for who in everybody:
        found[of(who)][who.state] += 1
    return tuple(sorted((_group(key, n) for key, n in found.items()), key=lambda g: (g.sub, -g.roster, g.name)))


def _group(key: tuple[str, str, str], states: Counter[str]) -> Group:
    return Group(*key, states[ON_SITE], states[LEFT], states[ABSENT], states.total())
