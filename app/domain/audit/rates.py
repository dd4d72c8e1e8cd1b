"""How often each suspicion was right and wrong, over simulated months. Written by ``python -m bench.fabrication --months 100 --seed 1 --write``; not by hand.

A share of 1.0 is every month of that kind. Kinds are explained in ``simulation``.
"""

COMMAND = "python -m bench.fabrication --months 100 --seed 1 --write"
MONTHS = 100
"""Of each kind."""
SEED = 1

DETECTED: dict[str, dict[str, float]] = {
    "no_habits": {"random_fill": 1},
    "uniform_arrivals": {"random_fill": 0.78, "even_fill": 0.73},
    "constant_intervals": {"even_fill": 1},
    "same_order": {"even_fill": 1, "copied": 1, "shaken": 0.24, "as_one": 1},
    "whole_minutes": {"even_fill": 0.3, "typed": 1},
    "identical_days": {"even_fill": 1, "copied": 1, "shaken": 0.67, "typed": 1},
    "same_pattern": {"typed": 0.82, "as_one": 1},
    "gate_throughput": {"typed": 1, "as_one": 1},
    "constant_headcount": {"random_fill": 1, "even_fill": 1, "copied": 1, "shaken": 1, "typed": 1, "as_one": 1, "pictures": 1},
    "replayed_picture": {"pictures": 1},
    "equal_scores": {"pictures": 1},
    "score_spread": {"pictures": 1},
    "low_liveness": {"pictures": 1, "by_hand": 0.01},
    "without_device_evidence": {"random_fill": 0.42},
    "days_without_gate": {"by_hand": 1},
    "month_end_corrections": {"by_hand": 1},
}
"""Rule -> forged kind -> share found; kinds it never found are left out."""

FALSE_ALARM: dict[str, dict[str, float]] = {
    "no_habits": {"two_buses": 0.05},
    "uniform_arrivals": {"two_buses": 0.01},
    "constant_intervals": {},
    "same_order": {},
    "whole_minutes": {},
    "identical_days": {},
    "same_pattern": {},
    "gate_throughput": {},
    "constant_headcount": {},
    "replayed_picture": {},
    "equal_scores": {},
    "score_spread": {},
    "low_liveness": {"bus": 0.01},
    "without_device_evidence": {},
    "days_without_gate": {},
    "month_end_corrections": {"late_clerk": 0.98},
}
"""Rule -> honest kind -> share accused; kinds it never accused are left out."""

KINDS_FORGED = ("random_fill", "even_fill", "copied", "shaken", "typed", "as_one", "pictures", "by_hand", "careful")
KINDS_HONEST = ("habits", "bus", "two_buses", "dormitory", "weather", "late_clerk")


def stated(rule_name: str) -> tuple[float, float]:
    """Return (share found of the forged months it is for, share accused of all honest months), from 0 to 1.

    The first is over the kinds the rule found at all: a rule about times is not meant to find pictures.

    Raises:
        KeyError: it is no suspicion.
    """
    found, accused = DETECTED[rule_name], FALSE_ALARM[rule_name]
    return (sum(found.values()) / len(found) if found else 0.0, sum(accused.values()) / len(KINDS_HONEST))
