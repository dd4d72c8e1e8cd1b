"""How often a suspicion finds a forged month, and how often it accuses an honest one.

    python -m bench.fabrication [--months 100] [--seed 1] [--write]

Simulated months of one team each (``app.domain.audit.simulation``): honest ones of people with habits, of crews that come by bus, from a dormitory
or with the weather, and of a clerk who writes everything up at the month's end; forged ones by a programme, by copying, by typing, with pictures, by
hand, and by a forger who has read the rules. Prints a table and ends with one JSON line. ``--write`` puts the figures beside the rules
(``app/domain/audit/rates.py``), from where pages show them. What is measured is the simulation: a real county will differ.
"""

import argparse
import json
import time
from pathlib import Path

from app.domain.audit.rule import RULES
from app.domain.audit.simulation import FORGED, HONEST, Rates, measure

STORED = Path(__file__).resolve().parents[1] / "app/domain/audit/rates.py"

HEAD = '''"""How often each suspicion was right and wrong, over simulated months. Written by ``{command}``; not by hand.

A share of 1.0 is every month of that kind. Kinds are explained in ``simulation``.
"""

COMMAND = "{command}"
MONTHS = {months}
"""Of each kind."""
SEED = {seed}

DETECTED: dict[str, dict[str, float]] = {detected}
"""Rule -> forged kind -> share found; kinds it never found are left out."""

FALSE_ALARM: dict[str, dict[str, float]] = {false_alarm}
"""Rule -> honest kind -> share accused; kinds it never accused are left out."""

KINDS_FORGED = {forged}
KINDS_HONEST = {honest}


def stated(rule_name: str) -> tuple[float, float]:
    """Return (share found of the forged months it is for, share accused of all honest months), from 0 to 1.

    The first is over the kinds the rule found at all: a rule about times is not meant to find pictures.

    Raises:
        KeyError: it is no suspicion.
    """
    found, accused = DETECTED[rule_name], FALSE_ALARM[rule_name]
    return (sum(found.values()) / len(found) if found else 0.0, sum(accused.values()) / len(KINDS_HONEST))
'''


def written(command: str, seed: int, months: int, detected: Rates, accused: Rates) -> str:
    """Return the module that holds the figures."""

    def told(rates: Rates) -> str:
        rows = (f'    "{rule}": {{{", ".join(f"{json.dumps(k)}: {v:g}" for k, v in of.items() if v)}}},\n' for rule, of in rates.items())
        return "{\n" + "".join(rows) + "}"

    return HEAD.format(
        command=command, months=months, seed=seed, detected=told(detected), false_alarm=told(accused),
        forged=json.dumps(list(FORGED)).replace("[", "(").replace("]", ")"), honest=json.dumps(list(HONEST)).replace("[", "(").replace("]", ")"),
    )  # fmt: skip


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the figures beside the rules")
    asked = parser.parse_args()
    began = time.process_time()
    detected, accused, any_detected, any_accused = measure(asked.seed, asked.months)
    spent = time.process_time() - began
    print(f"{asked.months} months of each of {len(FORGED)} forged and {len(HONEST)} honest kinds, {spent:.0f} s of processor time\n")
    print(f"{'suspicion':26}found of, and wrongly")
    for rule in (r.name for r in RULES.values() if r.suspicion):
        found = ", ".join(f"{k} {v:.0%}" for k, v in detected[rule].items() if v) or "–"
        wrong = ", ".join(f"{k} {v:.0%}" for k, v in accused[rule].items() if v) or "–"
        print(f"{rule:26}{found}\n{chr(32) * 26}wrongly: {wrong}")
    print("\nany suspicion, forged:  " + ", ".join(f"{k} {v:.0%}" for k, v in any_detected.items()))
    print("any suspicion, honest:  " + ", ".join(f"{k} {v:.0%}" for k, v in any_accused.items()) + "\n")
    command = f"python -m bench.fabrication --months {asked.months} --seed {asked.seed} --write"
    if asked.write:
        STORED.write_text(written(command, asked.seed, asked.months, detected, accused), encoding="utf-8")
    mean = {
        rule: {
            "detected": round(sum(v for v in detected[rule].values() if v) / max(1, sum(1 for v in detected[rule].values() if v)), 3),
            "false_alarm": round(sum(accused[rule].values()) / len(HONEST), 4),
        }
        for rule in detected
    }
    print(json.dumps({"months": asked.months, "seed": asked.seed, "fabrication": mean, "any_detected": any_detected, "any_false_alarm": any_accused, "cpu_s": round(spent, 1)}))


if __name__ == "__main__":
    main()
