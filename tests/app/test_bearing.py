"""Every line the journal can hold says what it bears on: a new one that nobody thought about fails here, not in a wage."""

import ast
import itertools
from functools import cache
from pathlib import Path

from app.bank import VOIDABLE as BANK_VOIDABLE
from app.domain.sheet import Act
from app.review import VERDICTS
from app.store.bearing import NOTHING, PAPERS, SEEN, WAGES
from app.terms import VOIDABLE

ROOT = Path(__file__).parents[2]
FILLED = {
    "correction.{act}": ("correction.leader_ok", "correction.officer_ok", "correction.rejected", "correction.withdrawn"),
    "face.{verdict}": tuple(f"face.{verdict}" for verdict in VERDICTS),
    "manual_passage.{direction}": ("manual_passage.in", "manual_passage.out"),
    "sheet_{act}": tuple(f"sheet_{act}" for act in Act),
    "{subject}_{...}": tuple(f"{subject}_{word}" for subject in ("line", "settlement") for word in ("signed", "disputed")),
    "{kind}.voided": tuple(f"{kind}.voided" for kind in (*VOIDABLE, *BANK_VOIDABLE)),
}
"""Actions that are put together when they are written, and what they can come to."""


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _texts(node: ast.AST, named: dict[str, list[ast.expr]]) -> list[str]:
    """The actions an expression may stand for; ``?`` and its source for one nobody could follow."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp():
            return _texts(node.body, named) + _texts(node.orelse, named)
        case ast.JoinedStr():
            parts = [p.value if isinstance(p, ast.Constant) else "{" + (_name(p.value) or "...") + "}" for p in node.values]
            return list(FILLED.get("".join(parts), [f"? {''.join(parts)}"]))
        case ast.Name() | ast.Attribute() if _name(node) in named:
            return [text for value in named[_name(node)] for text in _texts(value, named)]
    return [f"? {ast.unparse(node)}"]


@cache
def written() -> dict[str, list[str]]:
    """Action -> where in the source it is written into the journal."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "app").rglob("*.py"))}
    constants = {
        target.id: [node.value]
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    # Functions that hand an action on to the journal are not where it comes from.
    wrappers: dict[tuple[Path | None, str], int | None] = {}
    for path, tree in trees.items():
        for f in (f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and "journal" in f.name.split("_")):
            places = [a.arg for a in f.args.args]
            if "action" in places or "action" in [a.arg for a in f.args.kwonlyargs]:
                at = places.index("action") if "action" in places else None
                wrappers[path, f.name] = at
                # Called from elsewhere by its module's name: by position where any of that name takes it so.
                wrappers[None, f.name] = at if at is not None else wrappers.get((None, f.name))
    found: dict[str, list[str]] = {}
    for path, tree in trees.items():
        for scope in (s for s in ast.walk(tree) if isinstance(s, ast.FunctionDef)):
            if (path, scope.name) in wrappers:
                continue
            named = dict(constants)
            for node in ast.walk(scope):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    named.setdefault(node.targets[0].id, []).append(node.value)
            for node in ast.walk(scope):
                given: list[ast.expr] = []
                called = _name(node.func) if isinstance(node, ast.Call) else ""
                own = (path if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (path, called) in wrappers else None, called)
                if isinstance(node, ast.Call) and own in wrappers:
                    at = wrappers[own]
                    given = [k.value for k in node.keywords if k.arg == "action"]
                    if not given and at is not None and len(node.args) > at:
                        given = [node.args[at]]
                elif isinstance(node, ast.Dict):
                    given = [v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant) and k.value == "action" and not isinstance(v, ast.Attribute)]
                for text in itertools.chain.from_iterable(_texts(each, named) for each in given):
                    found.setdefault(text, []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def test_every_line_that_can_be_written_says_what_it_bears_on():
    found = written()
    known = WAGES | PAPERS | NOTHING
    assert len(found) > 100, "the walk found the journal's lines"
    assert {action: where for action, where in found.items() if action not in known} == {}


def test_nothing_stands_there_that_is_written_nowhere():
    assert (WAGES | PAPERS | NOTHING) - set(written()) == set()


def test_a_line_bears_on_one_thing():
    assert not (WAGES & PAPERS or WAGES & NOTHING or PAPERS & NOTHING)
    assert set(SEEN) <= NOTHING
