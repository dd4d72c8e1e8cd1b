"""Made-up months, honest and forged, for measuring how often a suspicion is right. Seeded; no month of anybody.

    honest(kind, rng)   a team that lived its month, in one of the ways of ``HONEST``
    forged(kind, rng)   one that somebody wrote, in one of the ways of ``FORGED``
    month(...)          either, as the bundle the rules read
    measure(...)        rule -> (share of forged months found, by kind; share of honest months accused, by kind)

One team, one gate each way, the month of March 2026. People are late, ill and forgetful in every honest kind; a forger knows the roster and the
shift and nothing else, as the programme of attendance.md 0.1 did.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from app.domain.audit.beside import Beside, Change, Trace
from app.domain.audit.rule import RULES, run
from app.domain.facts import (
    AttendancePolicy,
    Channel,
    Correction,
    CorrectionKind,
    Direction,
    Engagement,
    Passage,
    ProjectMonth,
    Verdict,
)

MONTH = date(2026, 3, 1)
POLICY = AttendancePolicy()
SHIFT_FROM = 7 * 3600
SHIFT_TO = 17 * 3600 + 1800
"""Seconds of the local day: a team begins at seven and ends at half past five."""
TURN_S = 1.6
"""Least seconds a lane takes for one person in honest months; the limit of the rule is 1.2."""
ABSENT = 0.06
"""Share of days somebody is ill or away."""
LOST = 0.01
"""Share of entries or exits no gate saw."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One passage of a made-up month."""

    worker: int
    day: int
    """1 to 31."""
    at_s: float
    """Seconds of the local day."""
    out: bool
    score: float | None
    frame: str
    liveness: float | None = None


@dataclass(frozen=True, slots=True)
class Hand:
    """A correction of a made-up month."""

    worker: int
    day: int
    kind: CorrectionKind
    at_s: float
    """The entry or exit nobody saw; the entry of a whole day."""
    asked: int
    """Day of March on which it was asked for; 32 is 1 April."""


Team = list[Pass | Hand]


def _days(rng: Random) -> list[int]:
    """Days worked: all but every seventh, and now and then one of rain."""
    return [d for d in range(1, 32) if d % 7 and rng.random() > 0.04]


def _queue(times: list[tuple[float, int]], rng: Random) -> list[tuple[float, int]]:
    """People one after the other through one lane, in the order they came to it."""
    found: list[tuple[float, int]] = []
    free = 0.0
    for at, who in sorted(times):
        free = max(at, free + TURN_S + rng.expovariate(1 / 1.5))
        found.append((free, who))
    return found


def _lived(
    rng: Random, size: int, come: Callable[[int, int], float], go: Callable[[int, int], float], *, lost: float = LOST, prompt: bool = True
) -> Team:
    """A month in which everybody queues at the gate; ``come`` and ``go`` say when he reaches it.

    What no gate saw is asked for within three days by a ``prompt`` clerk, and all at once at the month's end by another.
    """
    level = {w: rng.gauss(0.62, 0.05) for w in range(1, size + 1)}
    team: Team = []
    for day in _days(rng):
        present = [w for w in range(1, size + 1) if rng.random() > ABSENT]
        for out, when in ((False, come), (True, go)):
            for at, who in _queue([(when(day, w), w) for w in present], rng):
                if rng.random() >= lost:
                    team.append(Pass(who, day, at, out, _score(rng, level[who]), f"{rng.getrandbits(64):x}", _live(rng)))
                else:
                    asked = min(33, day + rng.randint(0, 3)) if prompt else rng.choice((31, 32, 33))
                    kind = CorrectionKind.MISSING_OUT if out else CorrectionKind.MISSING_IN
                    team.append(Hand(who, day, kind, round(at / 60) * 60.0, asked))
    return team


def _score(rng: Random, level: float) -> float:
    return round(min(0.95, max(0.42, rng.gauss(level, 0.035))), 6)


def _live(rng: Random) -> float:
    # A model that takes two living faces of a hundred for pictures.
    return rng.uniform(0.1, 0.49) if rng.random() < 0.02 else rng.uniform(0.6, 1.0)


def _size(rng: Random) -> int:
    return rng.randint(10, 40)


def _habits(rng: Random) -> Team:
    size = _size(rng)
    comes = {w: SHIFT_FROM - rng.gauss(1200, 720) for w in range(1, size + 1)}
    goes = {w: SHIFT_TO + abs(rng.gauss(300, 400)) for w in range(1, size + 1)}
    return _lived(rng, size, lambda _, w: comes[w] + rng.gauss(0, 480), lambda _, w: goes[w] + rng.gauss(0, 420))


def _bus(rng: Random) -> Team:
    size = _size(rng)
    arrives = {d: SHIFT_FROM - 900 + rng.gauss(0, 300) for d in range(1, 32)}
    leaves = {d: SHIFT_TO + 300 + rng.gauss(0, 240) for d in range(1, 32)}
    return _lived(rng, size, lambda d, _: arrives[d] + rng.uniform(0, 60), lambda d, _: leaves[d] + rng.uniform(0, 90))


def _two_buses(rng: Random) -> Team:
    size = _size(rng)
    first = {d: SHIFT_FROM - 1500 + rng.gauss(0, 360) for d in range(1, 32)}
    second = {d: SHIFT_FROM - 300 + rng.gauss(0, 360) for d in range(1, 32)}
    # Who takes which bus is a matter of the morning.
    late = rng.uniform(0.2, 0.6)
    return _lived(
        rng, size, lambda d, _: (second if rng.random() < late else first)[d] + rng.uniform(0, 60),
        lambda _, __: SHIFT_TO + 300 + rng.gauss(0, 300),
    )  # fmt: skip


def _dormitory(rng: Random) -> Team:
    """They live beside the gate, get up together and stroll over in a quarter of an hour: few habits, a short crowd."""
    size = _size(rng)
    whistle = {d: SHIFT_FROM - 600 + rng.gauss(0, 120) for d in range(1, 32)}
    slow = {w: abs(rng.gauss(0, 150)) for w in range(1, size + 1)}
    return _lived(
        rng, size, lambda d, w: whistle[d] + slow[w] + rng.expovariate(1 / 180), lambda _, __: SHIFT_TO + abs(rng.gauss(0, 240))
    )


def _weather(rng: Random) -> Team:
    """Rain and concrete move the day: it begins when it begins, for everybody."""
    size = _size(rng)
    begins = {d: SHIFT_FROM + rng.choice((-3600, 0, 0, 0, 3600)) + rng.gauss(0, 600) for d in range(1, 32)}
    habit = {w: rng.gauss(-900, 420) for w in range(1, size + 1)}
    return _lived(
        rng, size, lambda d, w: begins[d] + habit[w] + rng.gauss(0, 420), lambda d, _: begins[d] + 37_800 + rng.gauss(0, 600)
    )


def _late_clerk(rng: Random) -> Team:
    """Three of a hundred punches are forgotten, and the clerk writes them all up at the end of the month."""
    size = _size(rng)
    comes = {w: SHIFT_FROM - rng.gauss(1200, 720) for w in range(1, size + 1)}
    return _lived(
        rng, size, lambda _, w: comes[w] + rng.gauss(0, 480), lambda _, __: SHIFT_TO + abs(rng.gauss(300, 400)), lost=0.03, prompt=False
    )


HONEST: dict[str, Callable[[Random], Team]] = {
    "habits": _habits,
    "bus": _bus,
    "two_buses": _two_buses,
    "dormitory": _dormitory,
    "weather": _weather,
    "late_clerk": _late_clerk,
}
"""Kind -> an honest month."""


def _written(rng: Random, size: int, come: Callable[[int, int], float], go: Callable[[int, int], float], *, pictures: bool = True) -> Team:
    """A month somebody wrote: nobody is ill, nothing is lost; scores and pictures are made up with it."""
    team: Team = []
    for day in [d for d in range(1, 32) if d % 7]:
        for who in range(1, size + 1):
            for out, at in ((False, come(day, who)), (True, go(day, who))):
                score = _score(rng, 0.62) if pictures else None
                team.append(Pass(who, day, at, out, score, f"{rng.getrandbits(64):x}", _live(rng) if pictures else None))
    return team


def _random_fill(rng: Random) -> Team:
    """批量生成考勤 (attendance.md 0.1): a random time in a window, for each and every day."""
    a, b = rng.choice((1800, 2700, 3600)), rng.choice((1800, 3600))
    return _written(
        rng, _size(rng), lambda _, __: SHIFT_FROM - a + int(rng.random() * a), lambda _, __: SHIFT_TO + int(rng.random() * b), pictures=rng.random() < 0.5
    )


def _even_fill(rng: Random) -> Team:
    """One after the other down the roster, every so many seconds."""
    gap = rng.choice((20, 30, 45, 60))
    return _written(
        rng, _size(rng), lambda _, w: SHIFT_FROM - 1800 + w * gap + rng.randint(0, 2), lambda _, w: SHIFT_TO + w * gap + rng.randint(0, 2)
    )


def _copied(rng: Random) -> Team:
    """One real day, copied to all the others."""
    size = _size(rng)
    comes = {w: int(SHIFT_FROM - rng.gauss(1200, 600)) for w in range(1, size + 1)}
    goes = {w: int(SHIFT_TO + abs(rng.gauss(300, 400))) for w in range(1, size + 1)}
    return _written(rng, size, lambda _, w: comes[w], lambda _, w: goes[w])


def _shaken(rng: Random) -> Team:
    """One real day, copied and shaken by half a minute."""
    size = _size(rng)
    comes = {w: SHIFT_FROM - rng.gauss(1200, 900) for w in range(1, size + 1)}
    goes = {w: SHIFT_TO + abs(rng.gauss(300, 400)) for w in range(1, size + 1)}
    return _written(rng, size, lambda _, w: comes[w] + rng.randint(-15, 15), lambda _, w: goes[w] + rng.randint(-15, 15))


def _typed(rng: Random) -> Team:
    """Typed from memory, in minutes."""
    size = _size(rng)
    comes = {w: rng.choice((390, 400, 405, 410, 415, 420)) for w in range(1, size + 1)}
    return _written(
        rng, size, lambda _, w: 60 * (comes[w] + rng.choice((-5, 0, 0, 5))), lambda _, __: 60 * (1050 + rng.choice((0, 0, 5, 10)))
    )


def _as_one(rng: Random) -> Team:
    """The whole team with one line: everybody came and left at the same second."""
    size = _size(rng)
    come = {d: SHIFT_FROM - rng.randint(0, 1200) for d in range(1, 32)}
    go = {d: SHIFT_TO + rng.randint(0, 1200) for d in range(1, 32)}
    return _written(rng, size, lambda d, _: come[d], lambda d, _: go[d])


def _pictures(rng: Random) -> Team:
    """Somebody holds pictures of the team up to the gate, one of each, in a quick row and about the usual time."""
    size = _size(rng)
    level = {w: round(rng.gauss(0.66, 0.03), 6) for w in range(1, size + 1)}
    shown = {w: f"{rng.getrandbits(64):x}" for w in range(1, size + 1)}
    team: Team = []
    for day in _days(rng):
        for out, begin in ((False, SHIFT_FROM - 900 + rng.gauss(0, 300)), (True, SHIFT_TO + rng.gauss(600, 300))):
            at = begin
            for who in rng.sample(range(1, size + 1), size):
                at += 4 + rng.expovariate(1 / 3)
                # The camera sees the same paper a little otherwise each time; one in ten frames is the very same file.
                again = rng.random() < 0.1
                score = level[who] if again else round(level[who] + rng.gauss(0, 0.002), 6)
                frame = shown[who] if again else f"{rng.getrandbits(64):x}"
                team.append(Pass(who, day, at, out, score, frame, rng.uniform(0.05, 0.7)))
    return team


def _by_hand(rng: Random) -> Team:
    """Real days, and a third of the month's written in by hand at its end for people who were not there."""
    size = _size(rng)
    comes = {w: SHIFT_FROM - rng.gauss(1200, 720) for w in range(1, size + 1)}
    team = _lived(rng, size, lambda _, w: comes[w] + rng.gauss(0, 480), lambda _, __: SHIFT_TO + abs(rng.gauss(300, 400)))
    ghosts = set(rng.sample(range(1, size + 1), size // 3))
    real: Team = [p for p in team if p.worker not in ghosts]
    for day in [d for d in range(1, 32) if d % 7]:
        real += [Hand(w, day, CorrectionKind.ADD_SESSION, float(SHIFT_FROM), rng.choice((30, 31, 32))) for w in sorted(ghosts)]
    return real


def _careful(rng: Random) -> Team:
    """A forger who has read the rules: habits of each person, absences, seconds, scores. Nothing here is meant to find him."""
    size = _size(rng)
    comes = {w: SHIFT_FROM - rng.gauss(1200, 720) for w in range(1, size + 1)}
    goes = {w: SHIFT_TO + abs(rng.gauss(300, 400)) for w in range(1, size + 1)}
    return _lived(rng, size, lambda _, w: comes[w] + rng.gauss(0, 480), lambda _, w: goes[w] + rng.gauss(0, 420))


FORGED: dict[str, Callable[[Random], Team]] = {
    "random_fill": _random_fill,
    "even_fill": _even_fill,
    "copied": _copied,
    "shaken": _shaken,
    "typed": _typed,
    "as_one": _as_one,
    "pictures": _pictures,
    "by_hand": _by_hand,
    "careful": _careful,
}
"""Kind -> a forged month."""


def month(team: Iterable[Pass | Hand]) -> tuple[ProjectMonth, Beside]:
    """Return a made-up month as the rules read it: project 1, team 1, gate 1 in and gate 2 out."""
    midnight = {d: datetime(2026, 3, d, tzinfo=UTC) - timedelta(hours=8) for d in range(1, 32)}
    passages, traces, corrections, changes = [], [], [], []
    made = list(team)
    workers = {p.worker for p in made}
    for n, h in enumerate((h for h in made if isinstance(h, Hand)), 1):
        at = midnight[h.day] + timedelta(seconds=h.at_s)
        whole = h.kind is CorrectionKind.ADD_SESSION
        on = MONTH + timedelta(days=h.day - 1)
        corrections.append(
            Correction(
                n, h.worker, on, h.kind, at if h.kind is not CorrectionKind.MISSING_OUT else None,
                at + timedelta(hours=9) if whole else at if h.kind is CorrectionKind.MISSING_OUT else None,
            )
        )  # fmt: skip
        asked = MONTH + timedelta(days=h.asked - 1)
        changes.append(Change(n, h.worker, on, str(h.kind), "forgot", "a", asked, ("b", "c")))
    for n, p in enumerate(sorted((p for p in made if isinstance(p, Pass)), key=lambda p: (p.day, p.at_s, p.worker)), 1):
        # Devices tell whole milliseconds.
        at = midnight[p.day] + timedelta(milliseconds=round(p.at_s * 1000))
        gate = 2 if p.out else 1
        passages.append(
            Passage(n, p.worker, gate, Direction.OUT if p.out else Direction.IN, at, Channel.FACE, Verdict.ADMIT, "admitted")
        )
        traces.append(
            Trace(
                n, f"gate-{gate}", f"s:{n}", f"c{n}", at, None, p.score, 0.42, p.frame, p.liveness,
                None if p.liveness is None else 0.5,
            )
        )  # fmt: skip
    engagements = tuple(Engagement(w, w, 1, 1, 1, date(2026, 1, 1)) for w in sorted(workers))
    bundle = ProjectMonth(
        project_id=1, month=MONTH, as_of=datetime(2026, 4, 20, tzinfo=UTC), policy=POLICY, passages=tuple(passages),
        engagements=engagements, terms=(), payments=(), corrections=tuple(corrections),
    )  # fmt: skip
    return bundle, Beside(gathered=True, traces=tuple(traces), changes=tuple(changes))


Rates = dict[str, dict[str, float]]


def measure(seed: int, months: int, *, kinds: Iterable[str] | None = None) -> tuple[Rates, Rates, dict[str, float], dict[str, float]]:
    """Run every suspicion over made-up months of every kind.

    Args:
        months: of each kind.
        kinds: only these; all for None.

    Returns:
        (rule -> forged kind -> share found, rule -> honest kind -> share accused, forged kind -> share that any rule
        found, honest kind -> share that any rule accused), shares from 0 to 1.
    """
    rules = [r for r in RULES.values() if r.suspicion]
    found = _shares(FORGED, rules, seed, months, kinds)
    accused = _shares(HONEST, rules, seed, months, kinds)
    return found[0], accused[0], found[1], accused[1]


def _shares(of: Mapping[str, Callable[[Random], Team]], rules: list, seed: int, months: int, kinds: Iterable[str] | None) -> tuple[Rates, dict[str, float]]:
    share: Rates = {r.name: {} for r in rules}
    by_any: dict[str, float] = {}
    for kind, make in of.items():
        if kinds is not None and kind not in kinds:
            continue
        times = dict.fromkeys(share, 0)
        any_ = 0
        for n in range(months):
            bundle, beside = month(make(Random(f"{seed}:{kind}:{n}")))
            names = {f.rule for f in run(bundle, rules, beside=beside)}
            if "rule_failed" in names:
                raise RuntimeError(f"a rule failed over month {n} of {kind}")
            any_ += bool(names)
            for name in names:
                times[name] += 1
        for name, n in times.items():
            share[name][kind] = n / months
        by_any[kind] = any_ / months
    return share, by_any
