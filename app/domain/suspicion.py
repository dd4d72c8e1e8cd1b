"""Which subject to look at first, when several rules suspect that its records were made up. Pure.

    weight     how much more often a rule finds forged months than it accuses honest ones, in decimal places
    rank       suspicions by subject, the heaviest first

It ranks and convicts nobody. Weights are added as if the rules were independent, which they are not: they order a list and are no
probability, and no page calls them one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import log10

LEAST_SHARE = 0.005
"""A rule that never erred in a few hundred simulated honest months is not thereby faultless: half a percent is assumed."""


def weight(detected: float, false_alarm: float) -> float:
    """Return log10 of (share found of forged months / share accused of honest ones); 0 for a rule that tells nothing.

    Args:
        detected, false_alarm: shares from 0 to 1.
    """
    return max(0.0, log10(max(detected, LEAST_SHARE) / max(false_alarm, LEAST_SHARE)))


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One rule about one subject."""

    rule: str
    subject_kind: str
    subject_id: int
    finding_id: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """One subject with everything it is suspected by, the heaviest first."""

    subject_kind: str
    subject_id: int
    suspicions: tuple[Suspicion, ...]
    weight: float


def rank(found: Iterable[Suspicion], stated: Callable[[str], tuple[float, float]]) -> tuple[Ranked, ...]:
    """Return the subjects, the heaviest first. A rule counts once for a subject, however many months it fired.

    Args:
        stated: rule -> (detected, false alarm).
    """
    of: dict[tuple[str, int], list[Suspicion]] = defaultdict(list)
    for each in found:
        of[each.subject_kind, each.subject_id].append(each)
    ranked = []
    for (kind, id_), suspicions in of.items():
        weights = {rule: weight(*stated(rule)) for rule in {s.rule for s in suspicions}}
        ordered = sorted(suspicions, key=lambda s: (-weights[s.rule], s.rule, -s.finding_id))
        ranked.append(Ranked(kind, id_, tuple(ordered), sum(weights.values())))
    return tuple(sorted(ranked, key=lambda r: (-r.weight, r.subject_kind, r.subject_id)))
