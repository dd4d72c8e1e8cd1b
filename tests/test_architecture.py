"""Who may import whom (DECISIONS.md 1). Arrows only go down; a new module without a row fails."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WORDS = {"app.errors", "app.settings", "app.wording"}
"""Anyone above the rules may use these."""

RULES = {"app.domain"}
ROWS = {"app.store", "app.vault", "app.tables", "app.db"}

USE_CASES = {"app.fields", "app.own", "app.objections", "app.signatures", "app.second_step", "app.desk", "app.amending", "app.papers", "app.project_papers", "app.roster", "app.enrolment", "app.gate", "app.payroll", "app.oversight", "app.access", "app.terms", "app.timekeeping", "app.ledger", "app.sheets", "app.periods", "app.settlements", "app.projection", "app.bank", "app.exports", "app.imports", "app.cameras", "app.seals", "app.review", "app.inspection", "app.repack", "app.journal", "app.verification", "app.deciding", "app.twins", "app.letting", "app.screens", "app.tasks"}

MAY_IMPORT: dict[str, set[str]] = {
    # rules: the standard library only
    "app.domain": {"app.domain"},
    # words
    "app.errors": set(),
    "app.settings": set(),
    # counts are said as the rules say them
    "app.wording": {"app.domain"},
    # rows
    "app.tables": set(),
    "app.db": WORDS | {"app.tables", "migrations"},
    "app.vault": WORDS | {"app.tables", "app.db"},
    "app.store": WORDS | RULES | {"app.tables", "app.store"},
    "migrations": {"app.tables", "app.domain"},
    # forms: facts to bytes and back
    "app.forms": WORDS | RULES,
    # pictures of the database that can be thrown away
    "app.galleries": WORDS | {"app.store", "app.vault", "recognition"},
    # the running house
    "app.observing": set(),
    "app.intake": {"app.errors"},
    "app.house": {"app.settings", "app.db", "app.engines", "app.vault", "app.galleries", "app.intake", "app.observing", "recognition"},
    "app.web": {"app.errors", "app.wording", "app.observing"},
    "app.connections": set(),
    "app.readers": {"app.errors", "app.observing", "app.memory", "app.sharing"},
    # whoever looks at workers' data leaves a line
    "app.views": WORDS | {"app.store", "app.db", "app.observing"},
    "app.sharing": {"app.observing"},
    "app.memory": set(),
    # use cases: gather, decide, append
    "app.fields": WORDS | RULES | {"app.forms"},
    "app.timekeeping": WORDS | RULES | {"app.store", "app.vault", "app.fields"},
    "app.ledger": WORDS | RULES | {"app.store"},
    # the journal as proof
    "app.journal": WORDS | RULES | {"app.store"},
    # every fact under a mark that only the key can make
    "app.seals": WORDS | RULES | {"app.store", "app.vault", "app.db"},
    # An advance is in the books from the moment it is recorded.
    "app.terms": WORDS | RULES | {"app.store", "app.fields", "app.ledger"},
    # what was entered about a worker is put right; agreed pay moves with his first day
    "app.amending": WORDS | RULES | {"app.store", "app.vault", "app.fields", "app.terms"},
    # Entering somebody agrees on his pay, and a new day rate is new terms: both are checked in one place.
    "app.papers": WORDS | RULES | {"app.store", "app.vault", "app.fields", "app.terms", "app.amending"},
    "app.project_papers": WORDS | RULES | {"app.store", "app.fields"},
    "app.roster": WORDS | RULES | {"app.store", "app.vault", "app.forms", "app.fields", "app.papers", "app.amending", "app.terms"},
    "app.enrolment": WORDS | RULES | {"app.store", "app.vault", "app.galleries", "app.verification", "recognition"},
    # the enrolment desk: one sitting, each step by the use case of its own
    "app.desk": WORDS | RULES | {"app.store", "app.vault", "app.fields", "app.amending", "app.enrolment", "app.papers", "app.signatures", "app.terms", "app.timekeeping"},
    "app.verification": WORDS | RULES | {"app.store", "app.vault", "app.fields", "recognition"},
    "app.deciding": WORDS | RULES | {"app.store", "app.gate", "recognition"},
    "app.gate": WORDS | RULES | {"app.store", "app.vault", "app.house", "app.review", "app.verification", "recognition", "devices"},
    # recognisers by name; which of two is at work while the pack is changed
    "app.engines": {"app.settings", "app.observing", "app.vault", "app.galleries", "app.calibration", "recognition"},
    # what was measured on this machine about a pack
    "app.calibration": {"app.settings", "app.observing", "app.store", "app.vault", "app.galleries", "recognition"},
    "app.repack": WORDS | RULES | {"app.store", "app.vault", "app.db", "app.observing", "app.galleries", "app.enrolment"},
    # one face under two ID numbers, across an area; for its inspectors alone
    "app.twins": WORDS | RULES | {"app.store", "app.vault", "app.db", "app.observing", "app.galleries", "app.fields", "app.access", "recognition"},
    # what people say about refused faces; a correction may rest on it
    # whoever is let in by hand proves himself as at a gate, and a correction is asked for with it
    "app.letting": WORDS | RULES | {"app.store", "app.vault", "app.fields", "app.gate", "app.timekeeping", "app.payroll"},
    # screens that stand at a gate, and know no account
    "app.screens": WORDS | RULES | {"app.store", "app.db", "app.fields"},
    "app.review": WORDS | RULES | {"app.store", "app.vault", "app.db", "app.fields", "app.timekeeping", "recognition"},
    # a camera is a device with an address, and its pictures are the gate's
    "app.cameras": WORDS | RULES | {"app.store", "app.vault", "app.house", "app.gate", "app.papers", "devices", "devices.links"},
    # the cameras of the running house
    "app.lookouts": WORDS | {"app.store", "app.vault", "app.house", "app.cameras", "devices.links"},
    # money beside the special account is posted to the ledger when it is recorded
    "app.payroll": WORDS | RULES | {"app.store", "app.ledger", "app.projection"},
    # days and months worked out ahead, from facts, by the rules alone
    "app.projection": WORDS | RULES | {"app.store", "app.db"},
    # money moves through the books only
    "app.bank": WORDS | RULES | {"app.store", "app.vault", "app.fields", "app.ledger"},
    # a sheet is drafted from the month's wages as the projection works them out
    "app.sheets": WORDS | RULES | {"app.store", "app.vault", "app.db", "app.projection", "app.sharing", "app.memory"},
    # a month is locked and closed by what its sheets say, and posts them
    "app.periods": WORDS | RULES | {"app.store", "app.db", "app.sheets", "app.ledger", "app.projection", "app.sharing"},
    # what is owed is what is posted and what sheets would say now; a settlement is signed like a line
    "app.settlements": WORDS | RULES | {"app.store", "app.sheets"},
    # tables that come in: each row by the use case of its own
    "app.imports": WORDS | RULES | {"app.store", "app.vault", "app.forms", "app.terms", "app.bank", "app.timekeeping"},
    # papers show what sheets, settlements and days say
    "app.exports": WORDS | RULES | {"app.sharing", "app.inspection", "app.oversight", "app.store", "app.vault", "app.forms", "app.sheets", "app.settlements", "app.projection"},
    # long work: papers, and the steps of a large month, each by the use case of its own
    "app.tasks": WORDS | RULES | {"app.store", "app.vault", "app.db", "app.observing", "app.sharing", "app.access", "app.exports", "app.sheets", "app.periods", "app.oversight"},
    "app.clerk": WORDS | {"app.store", "app.vault", "app.db", "app.observing", "app.memory", "app.tasks"},
    "app.oversight": WORDS | RULES | {"app.store", "app.db", "app.observing", "app.access"},
    # the bureau's look: what days, sheets and payments say, side by side
    # a worker's own
    "app.own": WORDS | RULES | {"app.store", "app.vault", "app.payroll", "app.projection", "app.sheets", "app.enrolment", "app.papers", "app.signatures", "app.objections"},
    # what workers say is wrong: a day becomes a correction, a line its dispute
    "app.objections": WORDS | RULES | {"app.store", "app.sheets", "app.timekeeping", "app.fields"},
    # how a worker signs: drawn, or by his face
    "app.signatures": WORDS | RULES | {"app.store", "app.vault", "app.sheets", "app.timekeeping", "app.verification", "app.galleries", "recognition"},
    "app.inspection": WORDS | RULES | {"app.vault", "app.store", "app.projection", "app.sheets"},
    "app.access": WORDS | RULES | {"app.store", "app.vault", "app.db", "app.web", "app.second_step"},
    # digits of a telephone after the password
    "app.second_step": WORDS | RULES | {"app.store", "app.vault"},
    # edges: JSON, HTML, the clock, the shell
    "app.api": WORDS | RULES | USE_CASES | {"app.store", "app.db", "app.house", "app.forms", "app.web", "app.engines", "devices", "devices.links", "app.galleries", "app.api", "recognition"},
    "app.pages": WORDS | RULES | USE_CASES | {"app.store", "app.db", "app.house", "app.forms", "app.web", "app.pages", "app.assets"},
    "app.jobs": WORDS | RULES | USE_CASES | {"app.engines", "app.store", "app.db", "app.observing", "app.vault"},
    "app.assets": set(),
    "app.demo": {"*"},
    "app.cli": {"*"},
    "app.commands": {"*"},
    "app.packs": {"*"},
    "app.face_commands": {"*"},
    "app.judging": {"*"},
    "app.main": {"*"},
    # lifted out and run alone on a gate's own box
    "recognition": {"recognition"},
    "devices": {"devices"},
    # A link opens its sockets with a library; a dialect reads bytes with the standard one.
    "devices.links": {"devices", "devices.links"},
    "devices.sim_stream": {"devices", "devices.links"},
}

OUTSIDE: dict[str, set[str] | None] = {
    # None: any installed package. A set: only these beside the standard library.
    "app.domain": set(),
    "app.errors": set(),
    "app.wording": set(),
    "app.intake": set(),
    "devices": set(),
    "devices.links": {"av"},
    "devices.sim_stream": {"websockets"},
    # insightface and openvino are imported inside functions only: the first to try an added pack, the second if it is there.
    "recognition": {"numpy", "cv2", "onnxruntime", "onnx", "insightface", "openvino"},
    "app.forms": {"openpyxl", "xlsxwriter", "segno"},
    "app.assets": set(),
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("app", "recognition", "devices", "migrations"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found.append((name.removesuffix(".__init__"), path))
    return found


def room(name: str) -> str | None:
    """The row of the table a module belongs to: the longest that is a prefix of its name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in MAY_IMPORT:
            return ".".join(parts[:length])
    return None


def imports(path: Path, name: str) -> set[str]:
    """Every module a file imports, also inside functions; relative ones resolved."""
    wanted = set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base]).rstrip(".")
            wanted |= {f"{base}.{alias.name}" for alias in node.names} if base in ("app", "app.api") else {base}
    return wanted


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_imports_go_down_only(name: str, path: Path):
    if name == "app":
        assert not imports(path, name), "the package itself imports nothing"
        return
    here = room(name)
    assert here is not None, f"{name} has no row in MAY_IMPORT: decide where it lives"
    ours = {module for module in imports(path, name) if module.split(".")[0] in ("app", "recognition", "devices", "migrations", "tests")}
    allowed = MAY_IMPORT[here]
    if "*" in allowed:
        assert not any(module.startswith("tests") for module in ours)
        return
    for module in ours:
        target = room(module)
        if module == "app.__version__":
            continue
        assert target == here or target in allowed, f"{name} may not import {module}"


@pytest.mark.parametrize("top", sorted(OUTSIDE))
def test_the_lower_rooms_need_few_packages(top: str):
    allowed = OUTSIDE[top]
    for name, path in modules():
        if room(name) != top:
            continue
        for module in imports(path, name):
            first = module.split(".")[0]
            if first in sys.stdlib_module_names or first in ("app", "recognition", "devices", "migrations", ""):
                continue
            assert first in (allowed or set()), f"{name} imports {first}"


def test_only_recognition_touches_pictures():
    """OpenCV and onnxruntime read their limits from the environment at import: recognition sets them first."""
    for name, path in modules():
        if room(name) in ("recognition", "app.demo"):
            continue
        touched = {module.split(".")[0] for module in imports(path, name)} & {"cv2", "onnxruntime", "insightface"}
        assert not touched, f"{name} imports {touched}"


def test_nobody_commits_but_the_transaction():
    for name, path in modules():
        if name in ("app.db", "app.vault") or name.startswith("migrations"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
                pytest.fail(f"{name} line {node.lineno} commits; transactions end at the edge")


def test_no_rule_reads_the_clock():
    for name, path in modules():
        if room(name) not in ("app.domain", "app.store", "app.payroll", "app.papers", "app.project_papers", "app.enrolment", "app.gate", "app.oversight", "app.terms", "app.timekeeping", "app.ledger", "app.sheets", "app.periods", "app.settlements", "app.review"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today") and isinstance(node.value, ast.Name) and node.value.id in ("datetime", "date"):
                pytest.fail(f"{name} line {node.lineno} reads the clock; now is an argument")
