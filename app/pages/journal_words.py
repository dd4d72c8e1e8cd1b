"""A line of the journal in words: what it is about, with the page of it, and what it says beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import wording
from app.pages.show import money

_PAGES = {
    "worker": "/workers/{name}", "correction": "/corrections", "day_mark": "/marks?mark={name}#m-{name}", "finding": "/findings?finding={name}#f-{name}", "payroll_sheet": "/payroll/{name}",
    "payment_batch": "/account/batches/{name}", "pay_period": "/payroll?month={name}", "month": "/findings?month={name}",
    "settlement": "/exits", "special_account": "/account", "statement_line": "/account/statement", "gate": "/gate", "device": "/settings",
    "policy": "/settings", "project_paper": "/settings",
}  # fmt: skip
"""Kind of thing -> where it is seen, behind the project's address."""

_BY_ACTION = {
    ("mark.added", "kind"): "mark_kind", ("correction.requested", "kind"): "correction_kind", ("correction.requested", "reason"): "correction_reason",
    ("allowance.added", "kind"): "allowance_kind", ("deduction.recorded", "kind"): "deduction_kind", ("statement.matched", "kind"): "statement_kind",
    ("project_paper.recorded", "kind"): "project_paper", ("face.viewed", "kind"): "picture_kind", ("finding_decided", "from"): "finding_state",
    ("finding_decided", "to"): "finding_state", ("company.added", "role"): "company_role", ("role_given", "role"): "role", ("role_taken", "role"): "role",
    ("advance.recorded", "channel"): "advance_channel", ("advance.recorded", "proof"): "advance_proof", ("area_rule.written", "key"): "area_key",
    ("twin.decided", "verdict"): "twin_verdict", ("task.ordered", "kind"): "task_kind",
    ("worker.changed", "changed"): "worker_field", ("company.changed", "changed"): "company_field",
    ("company.changed", "from"): "company_role", ("company.changed", "to"): "company_role",
}  # fmt: skip
_BY_NAME = {
    "channel": "channel", "direction": "direction", "purpose": "purpose", "method": "sign_method", "shown": "shown", "scope": "consent_scope",
    "stood_in_as": "role", "outcome": "identity", "identity_check": "identity_check", "review_pictures": "review_pictures",
}  # fmt: skip
"""(action, fact) or fact -> the family of names its value is one of."""
_HASHES = frozenset({"sha256", "mark", "contract"})
_MONTHS = frozenset({"month"})
_UNSAID = frozenset({"tops", "marks"})
"""Machine's notes for the check of seals: a table of numbers says nothing to a reader; they stand in the extract."""


@dataclass(frozen=True)
class Thing:
    """What a line is about."""

    label: str
    url: str
    """Its page; empty where there is none."""


def thing(about: str, project_id: int | None, language: str) -> Thing:
    """What a line's ``object`` says: ``payroll_sheet:32`` is sheet 32, and where it is seen."""
    kind, _, name = about.partition(":")
    if f"object.{kind}" not in wording.NAMES:
        return Thing(about, "")
    label = wording.name(f"object.{kind}", language)
    if kind == "form" and f"exported.{name}" in wording.NAMES:
        return Thing(wording.name(f"exported.{name}", language), "")
    page = _PAGES.get(kind)
    url = f"/projects/{project_id}{page.format(name=name)}" if page and project_id is not None and name.replace("-", "").isdecimal() else ""
    if not name:
        return Thing(label, url)
    return Thing(wording.name("joint.numbered", language).format(label=label, name=name) if name.isdecimal() else f"{label} {name}", url)


def facts_said(action: str, facts: Mapping[str, Any], language: str) -> str:
    """What a line says beside, in words, as one text."""
    colon, comma = wording.name("joint.colon", language), wording.name("joint.comma", language)
    said = []
    for key, value in facts.items():
        if key in _UNSAID or value is None or value == "":
            continue
        name = wording.name(f"fact.{key}", language) if f"fact.{key}" in wording.NAMES else key
        said.append(f"{name}{colon}{_value(action, key, value, language, comma)}")
    return " · ".join(said)


def _value(action: str, key: str, value: Any, language: str, comma: str) -> str:
    if isinstance(value, bool):
        return wording.name("joint.yes" if value else "joint.no", language)
    if key == "shown" and " " in str(value):
        value = str(value).split()
    if isinstance(value, (list, tuple)):
        return comma.join(_value(action, key, each, language, comma) for each in value)
    if isinstance(value, dict):
        return comma.join(f"{each} {_value(action, each, of, language, comma)}" for each, of in value.items())
    if isinstance(value, int) and key.endswith("_fen"):
        return money(value)
    text = str(value)
    if key in _HASHES:
        return f"{text[:12]}…" if len(text) > 12 else text
    if key in _MONTHS:
        return text[:7]
    family = _BY_ACTION.get((action, key)) or _BY_NAME.get(key)
    known = f"{family}.{text}"
    return wording.name(known, language) if family and known in wording.NAMES else text
