"""What an inspector wants to know, one function a rule.

Importing the package registers every family; ``RULES`` and ``run`` are then complete.
"""

from app.domain.audit import days, money
from app.domain.audit.rule import (
    RULES,
    Finding,
    Hit,
    Hits,
    Reckoning,
    Rule,
    Severity,
    finding_key,
    reckon,
    rule,
    run,
)
from app.domain.audit.sentences import SENTENCES, name, sentence

__all__ = [
    "RULES",
    "SENTENCES",
    "Finding",
    "Hit",
    "Hits",
    "Reckoning",
    "Rule",
    "Severity",
    "days",
    "finding_key",
    "money",
    "name",
    "reckon",
    "rule",
    "run",
    "sentence",
]
