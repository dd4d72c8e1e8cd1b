"""The rules a project is worked out by (规则): how passages become days, from when to when, and the limits of the audit.

Attendance rules are facts: set, ended, voided, never edited. The limits are the area's where it wrote one, else ours; both with
their source and the day they begin to hold.
"""

import re
from dataclasses import dataclass
from datetime import date

from starlette.datastructures import FormData

from app import timekeeping, wording
from app.domain.audit import thresholds
from app.domain.facts import AttendancePolicy
from app.errors import BadRequest
from app.pages import filled, lines
from app.pages.page import Act, Ask, Page, or_again, shown
from app.pages.words import marked
from app.store import audit, people, terms
from app.store import timekeeping as held

BREAK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\s*[-–—~\u81f3]\s*([01][0-9]|2[0-3]):([0-5][0-9])")
WORK_DATES = {
    "entry": marked("算进场那天"),
    "chain": marked("与上一段间隔不长的，算上一段那天"),
    "most": marked("算在场时间较多的那天"),
}


@dataclass(frozen=True)
class RuleLine:
    """One attendance rule and where and when it holds."""

    id: int | None
    """None for the general one, which nobody recorded."""
    scope: str
    valid_from: date | None
    valid_to: date | None
    state: str
    """now, later, over or void."""
    says: tuple[tuple[str, str], ...]
    """(what, how) in words."""
    by: str


@dataclass(frozen=True)
class LimitLine:
    """One limit of the audit."""

    key: str
    name: str
    value: int
    default: int
    source: str
    valid_from: date | None
    area: str


@dataclass(frozen=True)
class Choice:
    """Where a rule can hold."""

    value: str
    label: str


@dataclass(frozen=True)
class RulesContext:
    """What the page of the rules shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just asked for was refused; empty else")
    rules: tuple[RuleLine, ...] = shown("Attendance rules, those in force first")
    changed: tuple[LimitLine, ...] = shown("Limits the area wrote itself")
    limits: tuple[LimitLine, ...] = shown("Every other limit, as it comes with the service")
    area_code: str = shown("Area code of the project")
    version: str = shown("Version of the limits findings name")
    may_write: bool = shown("The reader may set, end and void attendance rules")
    scopes: tuple[Choice, ...] = shown("Where a rule can hold: the project, a company, a team")
    general: dict[str, str] = shown("Values of the general rule, to begin a new one with")
    today: date = shown("Today on the project's own calendar")


def gather(ask: Ask) -> RulesContext:
    """Rules and limits."""
    return _page(ask)


def _page(ask: Ask, refused: str = "") -> RulesContext:
    db, project = ask.db, ask.project
    companies = {c.id: c.name for c in people.project_companies(db, project.id)}
    teams = {t.id: t.name for t in people.teams(db, project.id)}
    rows = held.policy_rows(db, project.id)
    order = {"now": 0, "later": 1, "over": 2, "void": 3}
    recorded = sorted((_rule(ask, row, companies, teams) for row in rows), key=lambda line: order[line.state])
    in_force = audit.limits(db, project.area_code, ask.today)
    written = _written(ask)
    every = [_limit(ask, key, in_force[key], written.get(key)) for key in thresholds.LIMITS]
    general = AttendancePolicy()
    return RulesContext(
        project_id=project.id,
        refused=refused,
        rules=(*recorded, RuleLine(None, ask.say("其余所有人"), None, None, "now", _says(ask, general), "")),
        changed=tuple(line for line in every if line.area),
        limits=tuple(line for line in every if not line.area),
        area_code=project.area_code,
        version=in_force.version,
        may_write=ask.may("policies.write"),
        scopes=(
            Choice("", ask.say("整个项目")),
            *(Choice(f"company:{id_}", name) for id_, name in companies.items()),
            *(Choice(f"team:{id_}", name) for id_, name in teams.items()),
        ),
        general={"cutover": _clock(general.cutover.seconds // 60), "max": str(general.session_max.seconds // 3600)},
        today=ask.today,
    )


def _rule(ask: Ask, row: held.PolicyInfo, companies: dict[int, str], teams: dict[int, str]) -> RuleLine:
    scope = teams.get(row.team_id) or companies.get(row.project_company_id) or ask.say("整个项目")
    state = "now"
    if row.voided_at is not None:
        state = "void"
    elif row.valid_from > ask.today:
        state = "later"
    elif row.valid_to is not None and row.valid_to <= ask.today:
        state = "over"
    policy = held.policy_of(row.rules, version=row.version, time_zone=ask.project.time_zone)
    return RuleLine(row.id, scope, row.valid_from, row.valid_to, state, _says(ask, policy), row.recorded_by)


def _says(ask: Ask, policy: AttendancePolicy) -> tuple[tuple[str, str], ...]:
    """A policy in words a labour officer can check against the notice on the wall."""
    breaks = ", ".join(f"{b.starts:%H:%M}–{b.ends:%H:%M}" for b in policy.breaks)
    steps = ", ".join(
        ask.say("满 %(h)s 小时记 %(n)s 工日", h=f"{step.minutes_min / 60:g}", n=f"{step.day_milli / 1000:g}")
        for step in policy.units if step.day_milli
    )  # fmt: skip
    return (
        (ask.say("跨零点"), ask.say("%(at)s 以前进场的，算前一天", at=_clock(policy.cutover.seconds // 60))),
        (ask.say("归属哪天"), ask.say(WORK_DATES[str(policy.work_date_rule)])),
        (ask.say("最长一段"), ask.say("在场超过 %(h)s 小时按漏打出场处理，待定", h=f"{policy.session_max.total_seconds() / 3600:g}")),
        (ask.say("太短不算"), ask.say("不满 %(n)s 分钟的进出不计时间", n=policy.session_min.seconds // 60)),
        (ask.say("重复打卡"), ask.say("%(n)s 秒内同一方向只算一次", n=int(policy.fold.total_seconds()))),
        (ask.say("休息扣除"), breaks or ask.say("不扣")),
        (ask.say("工日折算"), steps),
        (ask.say("标准工时"), ask.say("%(h)s 小时，超过的算加班，按 %(n)s 分钟一档取整", h=f"{policy.standard_minutes / 60:g}", n=policy.overtime_step_minutes)),
        (ask.say("夜班"), f"{policy.night_from:%H:%M}–{policy.night_to:%H:%M}"),
    )  # fmt: skip


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _written(ask: Ask) -> dict[str, terms.AreaRuleInfo]:
    """Key without its prefix -> the row of the area that holds today: the longest prefix, then the latest."""
    code = ask.project.area_code
    rows = [
        row
        for row in terms.area_rules(ask.db)
        if row.key.startswith(thresholds.PREFIX) and code.startswith(row.area_code) and row.valid_from <= ask.today
    ]
    rows.sort(key=lambda row: (len(row.area_code), row.valid_from, row.id))
    return {row.key.removeprefix(thresholds.PREFIX): row for row in rows}


def _limit(ask: Ask, key: str, value: int, row: terms.AreaRuleInfo | None) -> LimitLine:
    default = thresholds.LIMITS[key].value
    name = wording.name(f"area_key.audit.{key}", ask.language)
    if key.endswith("_fen"):
        # Shown in yuan, as money is on every page.
        name = re.sub(r"\uff08.\uff09$|, fen$", "", name)
    return LimitLine(key, name, value, default, row.source if row else "", row.valid_from if row else None, row.area_code if row else "")


# --- acts ----------------------------------------------------------------------------------------------------


def add(ask: Ask, values: FormData) -> str:
    """Set a rule from a day on; what the form leaves out is the general rule's."""
    kind, _, number = lines.form(values, "scope").partition(":")
    scope = {{"company": "project_company_id", "team": "team_id"}[kind]: _number(number)} if kind in ("company", "team") else {}
    to = lines.form(values, "valid_to")
    timekeeping.add_policy(
        ask.db, project_id=ask.project.id, rules=_rules(values), valid_from=filled.day(lines.form(values, "valid_from"), "valid_from"),
        valid_to=filled.day(to, "valid_to") if to else None, by=ask.person.login, now=ask.now, **scope,
    )  # fmt: skip
    return _back(ask)


def _rules(values: FormData) -> dict[str, object]:
    cutover = filled.CLOCK.fullmatch(lines.form(values, "cutover"))
    longest, step = lines.form(values, "session_max"), lines.form(values, "overtime_step")
    if cutover is None or not (longest.isascii() and longest.isdecimal() and step.isascii() and step.isdecimal()) or len(longest + step) > 6:
        raise BadRequest("request_malformed", field="cutover")
    pauses = [part.strip() for part in re.split(r"[,;\n\uff0c\uff1b\u3001]+", lines.form(values, "breaks")) if part.strip()]
    found = [BREAK.fullmatch(pause) for pause in pauses]
    if None in found:
        raise BadRequest("request_malformed", field="breaks")
    return {
        "cutover_minutes": int(cutover[1]) * 60 + int(cutover[2]),
        "session_max_minutes": int(longest) * 60,
        "overtime_step_minutes": int(step),
        "work_date_rule": lines.form(values, "work_date_rule"),
        "breaks": [[f"{m[1]}:{m[2]}", f"{m[3]}:{m[4]}"] for m in found],
    }


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise BadRequest("request_malformed", field="scope")
    return int(text)


def end(ask: Ask, values: FormData) -> str:
    """Give a rule its end, or void one that was a mistake."""
    rule_id = filled.number(values, "rule_id")
    if lines.form(values, "what") == "void":
        timekeeping.void_policy(ask.db, project_id=ask.project.id, policy_id=rule_id, by=ask.person.login, now=ask.now)
    else:
        timekeeping.end_policy(
            ask.db, project_id=ask.project.id, policy_id=rule_id, valid_to=filled.day(lines.form(values, "valid_to"), "valid_to"),
            by=ask.person.login, now=ask.now,
        )  # fmt: skip
    return _back(ask)


def _back(ask: Ask) -> str:
    return f"/projects/{ask.project.id}/rules?done=rule_kept"


PAGE = Page("/projects/{project_id:int}/rules", marked("考勤与稽核规则"), "rules.html", "attendance.read", RulesContext, gather, marked("规则一览"))
ACTS: tuple[Act, ...] = (
    Act("/projects/{project_id:int}/rules", "policies.write", or_again(PAGE, _page, add)),
    Act("/projects/{project_id:int}/rules/end", "policies.write", or_again(PAGE, _page, end)),
)
