"""What each test file costs in processor time: ``pytest -p tests.costs``, or ``make test-costs``.

A clock on the wall says how busy the machine was. Here the time of the processor is added up, of this process and of
all it started (services, browsers, gates, database clusters), at the end of every test; a machine under load gives the
same figures as a quiet one, a tenth more or less. With xdist every process tells its own, and they are added.
"""

import os
import resource
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TOLD = 40
TICKS = os.sysconf("SC_CLK_TCK")


def descendants_s(pid: int | str = "self") -> float:
    """Seconds of processor time of the living children of a process and of theirs, with all these have waited for."""
    total = 0.0
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return 0.0
    for child in children:
        try:
            # utime, stime, cutime, cstime: fields 14 to 17, counted from behind the name, which may hold blanks.
            spent = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:15]
        except OSError:
            continue
        total += sum(map(int, spent)) / TICKS + descendants_s(child)
    return total


def spent_s() -> float:
    """Seconds of processor time of this process and of everything it started, living and ended."""
    own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(of.ru_utime + of.ru_stime for of in own) + descendants_s()


class Costs:
    """Adds up by file, and by test."""

    def __init__(self) -> None:
        self.began = spent_s()
        self.tests: dict[str, float] = defaultdict(float)
        self.whole = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        before = spent_s()
        try:
            return (yield)
        finally:
            self.tests[item.nodeid] += spent_s() - before

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["costs"] = dict(self.tests)
            output["costs_whole"] = spent_s() - self.began
        else:
            self.whole += spent_s() - self.began

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})
        for test, seconds in output.get("costs", {}).items():
            self.tests[test] += seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        files: dict[str, float] = defaultdict(float)
        counts: dict[str, int] = defaultdict(int)
        for test, seconds in self.tests.items():
            files[test.partition("::")[0]] += seconds
            counts[test.partition("::")[0]] += 1
        write = terminalreporter.write_line
        terminalreporter.section("processor time")
        write(f"{sum(self.tests.values()):8.1f} s in {len(self.tests)} tests; {self.whole:.1f} s with collecting and children")
        for name, seconds in sorted(files.items(), key=lambda of: -of[1])[:TOLD]:
            write(f"{seconds:8.1f} s {counts[name]:5d} tests  {name}")
        write("dearest tests")
        for name, seconds in sorted(self.tests.items(), key=lambda of: -of[1])[:TOLD]:
            write(f"{seconds:8.1f} s  {name}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Costs(), "muster-costs")
