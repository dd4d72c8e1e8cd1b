"""What an inspector wants to know, one function a rule.

    run(month, beside=..., limits=...)   findings of one project month
    run_county(county)                   findings that only show across projects

Importing the package registers every family; ``RULES``, ``COUNTY_RULES`` and ``run`` are then complete. Which rule answers which
line of the research, and which lines cannot be answered and why: ``coverage``.
"""

from app.domain.audit import county, days, fabrication, gates, money, people, process, rates
from app.domain.audit.beside import NOTHING, Beside, CountyMonth
from app.domain.audit.coverage import NOT_POSSIBLE
from app.domain.audit.law import LAWS, cited
from app.domain.audit.rule import (
    COUNTY_RULES,
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
    run_county,
    worst_first,
)
from app.domain.audit.sentences import SENTENCES, name, sentence
from app.domain.audit.thresholds import DEFAULTS, LIMITS, Thresholds, from_area

__all__ = [
    "COUNTY_RULES",
    "DEFAULTS",
    "LAWS",
    "LIMITS",
    "NOTHING",
    "NOT_POSSIBLE",
    "RULES",
    "SENTENCES",
    "Beside",
    "CountyMonth",
    "Finding",
    "Hit",
    "Hits",
    "Reckoning",
    "Rule",
    "Severity",
    "Thresholds",
    "cited",
    "county",
    "days",
    "fabrication",
    "finding_key",
    "from_area",
    "gates",
    "money",
    "name",
    "people",
    "process",
    "rates",
    "reckon",
    "rule",
    "run",
    "run_county",
    "sentence",
    "worst_first",
]
