"""What each rule is called, and what it says about one finding, in Chinese and English.

Placeholders are keys of ``Finding.facts``; a key that ends in ``_fen`` is shown in yuan, ``day_milli`` in
man-days. A sentence states what the records show and accuses nobody. No sentence quotes a law.
"""

from typing import Any

from app.domain.audit.rule import RULES, Finding

SENTENCES: dict[str, dict[str, tuple[str, str]]] = {
    "paid_without_work": {
        "zh": ("有发薪无考勤", "本月有 {payments} 笔工资记录，合计 {paid_fen} 元，但没有任何通行记录。"),
        "en": ("Paid without work", "{payments} payment(s) for this month, {paid_fen} yuan in all, and not one passage at the gates."),
    },
    "worked_without_pay": {
        "zh": (
            "有考勤未发薪",
            "本月出勤 {days} 天（{day_milli} 工日），应计工资 {accrued_fen} 元；发薪日已过，尚无工资到账记录。",
        ),
        "en": (
            "Worked without pay",
            "{days} day(s) worked ({day_milli} man-days), {accrued_fen} yuan accrued; the pay day has passed and no wages for the month are recorded.",
        ),
    },
    "underpaid": {
        "zh": ("工资未足额支付", "本月应计工资 {accrued_fen} 元，已支付 {paid_fen} 元，相差 {short_fen} 元。"),
        "en": ("Underpaid", "{accrued_fen} yuan accrued for this month, {paid_fen} paid, {short_fen} missing."),
    },
    "undecided_days": {
        "zh": (
            "考勤待确认",
            "有 {days} 天缺少进场或出场记录，自 {first_on} 起超过三天未确认，最多涉及工资 {undecided_fen_max} 元。",
        ),
        "en": (
            "Undecided days",
            "{days} day(s) lack an entry or an exit and nobody has decided them for more than three days, the first on {first_on}; up to {undecided_fen_max} yuan of wages depend on them.",
        ),
    },
    "passage_outside_engagement": {
        "zh": ("未在册人员通行", "自 {first_on} 起有 {days} 天、{passages} 次通行不在本项目的进退场期间内（登记的进退场记录 {engagements} 条）。"),
        "en": (
            "Admitted outside an engagement",
            "{passages} passage(s) on {days} day(s), the first on {first_on}, fall outside every engagement on this project ({engagements} recorded).",
        ),
    },
    "rule_failed": {
        "zh": ("规则未能运行", "规则“{failed_rule}”未能运行（{error}），本月该项没有结论。"),
        "en": ("A rule could not be run", "The rule {failed_rule} could not be run ({error}); it says nothing about this month."),
    },
}
"""Rule -> language -> (name, sentence)."""

NO_TERMS = {
    "zh": "其中 {no_terms_days} 天没有登记工资标准。",
    "en": " On {no_terms_days} of the days no rate is recorded.",
}
"""Added to a sentence about wages when there are such days."""

RULE_FAILED_SENTENCE = "A rule could not be run, so it says nothing about this month."


def name(rule_name: str, language: str) -> str:
    """Return what the rule is called. ``language`` is ``zh`` or ``en``."""
    return SENTENCES[rule_name][language][0]


def explanation(rule_name: str) -> str:
    """Return the inspector's sentence about the rule itself: the first paragraph of its docstring."""
    return RULES[rule_name].sentence if rule_name in RULES else RULE_FAILED_SENTENCE


def sentence(finding: Finding, language: str) -> str:
    """Return the sentence about one finding, its numbers filled in. ``language`` is ``zh`` or ``en``."""
    shown = {key: _shown(key, value) for key, value in finding.facts.items()}
    said = SENTENCES[finding.rule][language][1]
    if finding.facts.get("no_terms_days"):
        said += NO_TERMS[language]
    return said.format_map(shown)


def _shown(key: str, value: Any) -> str:
    if key.endswith(("_fen", "_fen_max")):
        sign = "-" if value < 0 else ""
        return f"{sign}{abs(value) // 100:,}.{abs(value) % 100:02d}"
    if key.endswith("_milli"):
        return f"{value // 1000}.{value % 1000:03d}".rstrip("0").rstrip(".")
    return str(value)
