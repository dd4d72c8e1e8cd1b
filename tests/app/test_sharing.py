"""A month shared out over several processes is the month worked out in one."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import projection, sharing, sheets
from app.sharing import Sharing, forking
from app.store import sheets as store
from app.store import terms
from tests.payday import APRIL, MARCH, desk  # noqa: F401 (fixture)

ROOT = Path(__file__).resolve().parents[2]


def in_groups(monkeypatch: pytest.MonkeyPatch, sizes: Callable[[], int]) -> None:
    """Share small months too, in groups of these sizes; teams that split measured work stay together."""
    whole = projection.Facts.groups

    def groups(facts: projection.Facts, workers=None, at_once: int = 1) -> list[list[int]]:
        found, rest = [], whole(facts, workers, 1)
        while rest:
            size = sizes()
            found.append(sorted(worker for group in rest[:size] for worker in group))
            rest = rest[size:]
        return found

    monkeypatch.setattr(projection.Facts, "groups", groups)
    monkeypatch.setattr(sharing, "PARTS_MIN", 1)


@pytest.fixture
def month(payday, settings) -> SimpleNamespace:
    """Eight workers of two teams, one of them with measured work; a deduction, an advance, a forgotten exit, a stray."""
    cast = payday.cast
    other = payday.team("木工班")
    hired = [payday.hire(f"工人{n}", 40 + n, team_id=other if n % 2 else None) for n in range(6)]
    for n, member in enumerate((cast.wang, cast.li, *hired)):
        payday.works(member, *range(2, 9 + n))
    payday.works(hired[0], 28, go=None)
    payday.leaves(hired[1], date(2026, 3, 12))  # and came on 13 March all the same
    payday.works(hired[1], 13)
    with payday.database.write() as db:
        told = {"evidence": (), "recorded_by": "wu", "now": payday.now}
        terms.add_advance(
            db, engagement_id=cast.wang.engagement_id, amount_fen=300_00, paid_on=date(2026, 3, 9), channel="cash", proof="signed",
            reference=None, **told,
        )  # fmt: skip
        terms.add_deduction(
            db, engagement_id=hired[2].engagement_id, month=MARCH, kind="income_tax", amount_fen=12_34, basis="税", **told
        )
        terms.add_measure(
            db, project_id=payday.site.id, team_id=other, month=MARCH, measured_on=date(2026, 3, 30), item="钢筋绑扎", unit="t",
            quantity_milli=1000, unit_price_fen=900_00, percent=100, split_by="days", shares=(), **told,
        )  # fmt: skip
    return SimpleNamespace(payday=payday, settings=settings)


def derived(month: SimpleNamespace, shared: Sharing | None = None) -> sheets.Fresh:
    with month.payday.database.read() as db:
        return sheets.derive(db, month.payday.site.id, MARCH, month.payday.now, sharing=shared)


def same(one: sheets.Fresh, other: sheets.Fresh) -> bool:
    return one == other and all(one.digest(team) == other.digest(team) for team in one.lines)


def test_any_split_over_any_number_of_processes_is_the_same_month(month, monkeypatch):
    whole = derived(month)
    assert len(whole.lines) == 2 and sum(map(len, whole.lines.values())) == 8
    assert "undecided_day" in {p.code for p in whole.problems}
    assert any(line.advances_fen for lines in whole.lines.values() for line in lines)
    work = sheets.reckoner(month.settings)
    dice = random.Random(4)
    in_groups(monkeypatch, lambda: dice.randint(1, 4))
    for seed in range(4):
        assert same(derived(month, Sharing(forking(work), 2 + seed % 2)), whole)


def test_what_a_helper_cannot_do_is_done_here(month, monkeypatch):
    whole = derived(month)
    in_groups(monkeypatch, lambda: 2)

    def dies(_shared, _part):
        os._exit(1)

    def fails(_shared, _part):
        raise ValueError("not to be told")

    def none(_channel: socket.socket, _not_its) -> int:
        raise OSError("no more processes")

    for fork in (forking(dies), forking(fails), none):
        assert same(derived(month, Sharing(fork, 2)), whole)


def test_helpers_do_nothing_when_the_facts_have_moved_on(month):
    payday = month.payday
    with payday.database.read() as db:
        mark = store.facts_mark(db, payday.site.id)
        settled_at = sheets._settled_at(db, payday.site.id, MARCH)
        everybody = projection.Facts(db, payday.site.id, from_month=MARCH, to_month=APRIL, as_of=payday.now).groups()
    asked = sheets._Asked(payday.site.id, MARCH, payday.now, mark, settled_at)
    assert sheets.reckoner(month.settings)(asked, everybody[0])
    payday.works(payday.cast.li, 30)
    assert sheets.reckoner(month.settings)(asked, everybody[0]) is None


KEEPER = """
import sys, threading
from app.readers import start
from app.sharing import Sharing

if __name__ == "__main__":
    readers = start(1, lambda: None, lambda shared, part: (__import__("os").getpid(), shared * part), [threading.Event().wait])
    waits = threading.Event()
    threading.Thread(target=waits.wait).start()  # a service has threads
    found = list(Sharing(readers.help, 2).over(10, range(1, 9), lambda part: 1 / 0))
    waits.set()
    assert sorted(value for _, value in found) == [10, 20, 30, 40, 50, 60, 70, 80]
    assert __import__("os").getpid() not in {pid for pid, _ in found}
    print("shared")
"""


def test_the_keeper_of_the_readers_forks_helpers_for_a_service_that_has_threads(tmp_path):
    script = tmp_path / "keeper.py"
    script.write_text(KEEPER)
    done = subprocess.run([sys.executable, script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60)
    assert done.stdout == "shared\n", done.stderr
