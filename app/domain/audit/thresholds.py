"""Limits the rules go by (阈值): data with a version, defaults with their source, overridden by area.

A county writes ``audit.<key>`` as an area rule (``muster area set``); the longest prefix and the latest row win, as
for every area rule. A finding names the version of the limits it was made under.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = "2026-11"
"""Of the defaults below. Changed whenever one of them is."""

PREFIX = "audit."
"""Of the keys of area rules."""

MINIMUM_WAGE = "minimum_wage_month_fen"
"""The one limit that has no default: without the county's word no wage is below it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One default."""

    value: int
    source: str
    """Where it was found; ``design`` is our own choice where law and practice leave one."""


LIMITS: dict[str, Limit] = {
    # money
    "shortfall_fen": Limit(100, "domain.md 4.7 A06"),
    "shortfall_milli": Limit(5, "domain.md 4.7 A06: 0.5 %"),
    "shortfall_red_milli": Limit(50, "domain.md 4.7 A06: 5 %"),
    "sheet_by_day": Limit(10, "domain.md 4.7 A02: day of the next month"),
    "not_on_sheet_red_percent": Limit(10, "domain.md 4.7 A02 [S38]"),
    "coverage_percent": Limit(100, "domain.md 4.7 A04 [S38]"),
    "late_red_days": Limit(7, "domain.md 4.7 A08"),
    "allowance_percent": Limit(80, "domain.md 4.7 A09"),
    "flat_fen": Limit(100_00, "design: a flat sum is a multiple of 100 yuan"),
    "round_percent": Limit(60, "domain.md 4.7 A13"),
    "round_lines_min": Limit(10, "design: fewer lines say nothing"),
    "same_amount_workers": Limit(5, "domain.md 4.7 A13"),
    "high_pay_month_fen": Limit(50_000_00, "domain.md 4.7 A14 [S38]"),
    "high_pay_year_fen": Limit(300_000_00, "domain.md 4.7 A14 [S38]"),
    "deduction_permille": Limit(200, "domain.md 4.4 [memory]"),
    "fund_cycle_days": Limit(31, "domain.md 4.7 A26"),
    "balance_days_before": Limit(3, "domain.md 4.7 A27"),
    "exit_settle_days": Limit(3, "domain.md 4.5: working days; calendar days where no calendar is known"),
    "card_change_days": Limit(7, "attendance.md 5.4 A13: the pay week"),
    # days
    "undecided_days": Limit(3, "domain.md 3.5: the correction window"),
    "overtime_month_minutes": Limit(36 * 60, "domain.md 4.7 A20"),
    "overtime_day_minutes": Limit(180, "domain.md 4.7 A20"),
    "days_running": Limit(28, "domain.md 4.7 A20: no weekly rest in four weeks"),
    "silence_days": Limit(7, "domain.md 4.7 A38"),
    "silence_large_days": Limit(1, "domain.md 4.7 A38"),
    "silence_large_workers": Limit(50, "domain.md 4.7 A38"),
    # people
    "refused_days": Limit(2, "domain.md 4.7 A15"),
    "no_agreement_red_days": Limit(30, "domain.md 4.7 A16"),
    "age_min": Limit(16, "attendance.md 5.4 C4; domain.md 6.1"),
    "age_minor": Limit(18, "domain.md 6.1: 16 and 17 no hazardous trades"),
    "age_men_max": Limit(60, "domain.md 7.1 [memory]: a flag, not a block"),
    "age_women_max": Limit(55, "domain.md 7.1 [memory]: a flag, not a block"),
    "template_days": Limit(30, "domain.md 6.3"),
    "key_post_percent": Limit(80, "domain.md 3.7 [S35]"),
    "key_post_red_percent": Limit(60, "domain.md 3.7 [S36]: project manager"),
    # process
    "account_days": Limit(30, "domain.md 1.2 [S2]"),
    "deposit_days": Limit(28, "domain.md 1.2: 20 working days [memory], as calendar days"),
    "guarantee_days_left": Limit(30, "domain.md 4.7 A30"),
    "corrections_percent": Limit(10, "domain.md 4.7 A24"),
    "corrections_per_worker": Limit(3, "domain.md 4.7 A24"),
    "corrections_days_min": Limit(20, "design: a team of fewer days says nothing"),
    "publicity_days": Limit(3, "domain.md 1.6; the area rule of the same name counts first"),
    "close_by_day": Limit(20, "design: five days after the usual pay day"),
    "travel_minutes": Limit(10, "domain.md 3.2: at least 10 min where no distance is known"),
    # gates
    "gate_busy_passages": Limit(10, "domain.md 3.6: more than 10 workers the day before"),
    "gate_silent_days": Limit(1, "domain.md 3.6: 24 h"),
    "sequence_gap": Limit(1, "attendance.md 5.4 E2"),
    "clock_seconds": Limit(60, "attendance.md 5.4 E3"),
    "late_delivery_hours": Limit(7 * 24, "domain.md 3.6: accepted by itself up to seven days"),
    # fabrication
    "manual_percent": Limit(20, "domain.md 4.7 A22"),
    "replays": Limit(2, "domain.md 4.7 A25: one picture twice"),
    "equal_scores": Limit(5, "domain.md 4.7 A25: more than five times"),
    "gate_turn_ms": Limit(1200, "attendance.md 5.4 F3"),
    "gate_turn_people": Limit(5, "design: a window of five people, so that clocks of whole seconds do not accuse"),
    "gate_turn_windows": Limit(2, "design"),
    "habit_workers_min": Limit(8, "attendance.md 5.4 F4: ten workers were simulated"),
    "habit_days_min": Limit(10, "attendance.md 5.4 F4"),
    "habit_icc_milli": Limit(80, "attendance.md 0.1: 99 % of random fills are below 0.08"),
    "uniform_times_min": Limit(100, "design: fewer cannot be told from uniform"),
    "uniform_p_milli": Limit(200, "domain.md 4.7 A23"),
    "interval_cv_milli": Limit(150, "design: people come at gaps whose deviation is about their mean"),
    "interval_days": Limit(3, "design"),
    "interval_people_min": Limit(6, "design"),
    "interval_gap_seconds": Limit(15, "design: shorter gaps may be a queue at the gate"),
    "order_people_min": Limit(8, "design"),
    "order_days_min": Limit(5, "design"),
    "order_percent": Limit(60, "design"),
    "digits_times_min": Limit(60, "design"),
    "digits_percent": Limit(30, "design: one in sixty would be :00 by itself"),
    "identical_days": Limit(4, "attendance.md 5.4 F7"),
    "pattern_days": Limit(6, "attendance.md 5.4 F7"),
    "pattern_workers": Limit(3, "design"),
    "score_times_min": Limit(50, "design"),
    "score_spread_ten_thousandths": Limit(50, "design: scores of living faces vary by hundredths"),
    "liveness_faces_min": Limit(5, "design"),
    "liveness_percent": Limit(5, "design: a model errs too"),
    "headcount_days": Limit(15, "attendance.md 5.4 F9"),
    "headcount_min": Limit(8, "design"),
    "month_end_days": Limit(2, "attendance.md 5.4 D4"),
    "month_end_percent": Limit(50, "attendance.md 5.4 D4"),
    "month_end_corrections_min": Limit(10, "design"),
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits that hold for one project and month."""

    overrides: Mapping[str, int] = field(default_factory=dict)
    """Of the area, by key without its prefix."""
    minimum_wage_fen: int | None = None
    """The county's monthly minimum wage at the end of the month; None where nobody has written it."""
    version: str = field(init=False)
    """``2026-11``, or with the digest of what an area changed: ``2026-11+5f0c2a91``."""

    def __post_init__(self) -> None:
        unknown = set(self.overrides) - set(LIMITS)
        if unknown:
            raise ValueError(f"no such limit: {', '.join(sorted(unknown))}")
        changed = sorted(self.overrides.items())
        if self.minimum_wage_fen is not None:
            changed.append((MINIMUM_WAGE, self.minimum_wage_fen))
        digest = hashlib.sha256("\n".join(f"{k}={v}" for k, v in changed).encode()).hexdigest()[:8]
        object.__setattr__(self, "version", f"{VERSION}+{digest}" if changed else VERSION)

    def __getitem__(self, key: str) -> int:
        found = self.overrides.get(key)
        return LIMITS[key].value if found is None else found


DEFAULTS = Thresholds()


def from_area(values: Mapping[str, object]) -> Thresholds:
    """Make the limits of what an area has written: ``{"audit.late_red_days": 5, "minimum_wage_month_fen": 226000}``.

    Rows of a key this version does not know are left out: an older county's word must not stop the night.
    """
    overrides = {
        key.removeprefix(PREFIX): value
        for key, value in values.items()
        if key.startswith(PREFIX) and key.removeprefix(PREFIX) in LIMITS and type(value) is int
    }
    minimum = values.get(MINIMUM_WAGE)
    return Thresholds(overrides, minimum if type(minimum) is int else None)
