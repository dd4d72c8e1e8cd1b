"""The month before the demonstration's past month, from terms to the bank's statement, step by step as people do it.

    lay        project, people, accounts, both past months: everything of the demonstration but the faces
    prepare    accounts of everybody who has a hand in it
    run        calendar, terms, a forgotten exit, funding, sheets, signatures, closed books, batch, return file, statement
    sum_up     what came of it, asked of the records and not remembered
    lines      the same in a few lines for a labour officer

Every step is a use case, done by the login whose part it is, in a transaction of its own, at a time in the past. Only
the passages are written as ``history`` writes them.
"""

import csv
import io
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from sqlalchemy.orm import Session

from app import access, bank, ledger, periods, sheets, terms, timekeeping
from app.db import Database
from app.demo import history
from app.demo.history import AREA, FORGOT, Made, forgotten_exit
from app.domain.bank_files import BUILT_IN
from app.domain.identity import View, check_bank_card, mask_name
from app.domain.workdays import next_month
from app.errors import Unusable
from app.settings import Settings
from app.store import bank as held
from app.store import people
from app.store import sheets as store
from app.store.sheets import LineInfo, SheetInfo
from app.vault import Vault

OFFICER, INSPECTOR = "demo", "inspector"
MANAGER, CLERK, SUBCONTRACTOR, LEADER = "manager", "clerk", "subcontractor", "leader"
HOURLY, DISPUTES, MONTHLY, FAILS, ADVANCED = 2, 3, 4, 1, 5
"""Worker by number: paid by the hour under the law, disputes, paid by the month, whose transfer fails, got an advance."""
FUNDED_FEN, ADVANCE_FEN = 120_000_00, 1_000_00
FUNDING, ADVANCE = "DEMO-FUND-1", "DEMO-ADV-1"
ACCOUNT = "99000000000000000001"
"""Number of the special account; no bank's begin with 99."""
_ZONE = ZoneInfo("Asia/Shanghai")


def lay(
    database: Database, vault: Vault, settings: Settings, *, now: datetime, step: Callable[[], object] = lambda: None
) -> tuple[Made, dict[str, str]]:
    """Lay everything that does not need a face.

    Args:
        step: called three times, as it goes on.

    Returns:
        (what it is about, login -> password).
    """
    with database.write() as db:
        made = history.make(db, vault, settings, now=now)
        passwords = prepare(db, made)
    step()
    with database.write() as db:
        history.fill(db, vault, made, now=now)
    step()
    run(database, vault, made)
    with database.write() as db:
        history.go_on(db, vault, settings, made, now=now)
    step()
    return made, passwords


def prepare(db: Session, made: Made) -> dict[str, str]:
    """Make the accounts; return login -> password."""
    labour = next(c for c in people.project_companies(db, made.project_id) if c.role == "labour_subcontractor")
    passwords = {}
    for login, name, role, reach in (
        (OFFICER, "演示劳资专管员", "labour_officer", {"project_id": made.project_id}),
        (MANAGER, "演示项目经理", "manager", {"project_id": made.project_id}),
        (CLERK, "演示资料员", "labour_officer", {"project_id": made.project_id}),
        (SUBCONTRACTOR, "演示劳务公司", "subcontractor", {"project_id": made.project_id, "project_company_id": labour.id}),
        (LEADER, "演示班组长", "team_leader", {"project_id": made.project_id, "team_id": made.team_ids[0]}),
        (INSPECTOR, "演示监察员", "inspector", {"area_code": AREA}),
    ):
        passwords[login] = secrets.token_urlsafe(9)
        access.create_account(db, login=login, name=name, password=passwords[login], now=made.opened)
        access.add_role(db, login=login, role=role, now=made.opened, **reach)
    return passwords


# --- the month -------------------------------------------------------------------------------------------------


def run(database: Database, vault: Vault, made: Made) -> None:
    """Do the month ``made.closed``, from the first day's papers to the reconciled account."""
    _Desk(database, vault, made).month()


@dataclass
class _Desk:
    database: Database
    vault: Vault
    made: Made

    def month(self) -> None:
        self.papers()
        self.correction()
        self.wages()
        self.pay()

    def do(self, use_case, at: datetime, by: str, **said: Any) -> Any:
        """One step, by one login, at one time."""
        with self.database.write() as db:
            return use_case(db, project_id=self.made.project_id, by=by, now=at, **said)

    def sealed(self, use_case, at: datetime, by: str, **said: Any) -> Any:
        """The same, of a use case that seals or opens something."""
        with self.database.write() as db:
            return use_case(db, self.vault, project_id=self.made.project_id, by=by, now=at, **said)

    def ask(self, question, *values: Any) -> Any:
        with self.database.read() as db:
            return question(db, *values)

    def on(self, day: int, clock: str = "09:00") -> datetime:
        """An instant of the closed month."""
        return _at(self.made.closed.replace(day=day), clock)

    def after(self, day: int, clock: str = "09:00") -> datetime:
        """An instant of the month after it."""
        return _at(next_month(self.made.closed).replace(day=day), clock)

    def engagement(self, n: int) -> int:
        """The engagement a worker had in the closed month."""
        places = self.ask(store.places, self.made.project_id).values()
        return min((p for p in places if p.worker_id == self.made.worker_ids[n]), key=lambda p: p.entry_on).id

    def scan(self, text: str, at: datetime, by: str) -> int:
        """A sheet of paper with a signature, as a picture."""
        paper = np.full((120, 480, 3), 245, np.uint8)
        cv2.putText(paper, f"DEMONSTRATION {text}", (12, 70), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (60, 30, 20), 2)
        picture = cv2.imencode(".png", paper)[1].tobytes()
        return self.sealed(
            timekeeping.put_evidence, at, by, name=f"{text}.png", media_type="image/png", content=picture
        )

    # --- before and during the month

    def papers(self) -> None:
        """Calendar, terms, account, cards, funding, an advance."""
        month = self.made.closed
        with self.database.write() as db:
            _calendar(db, {month.year, next_month(month).year}, self.on(1, "07:00"))
            bank.seed_templates(db, by=OFFICER, now=self.on(1, "07:05"))
            contractor = next(c for c in people.project_companies(db, self.made.project_id) if c.role == "general_contractor")
        # For this month only: the past month after it is the audit's.
        until = next_month(month)
        self.do(
            terms.agree, self.on(1, "07:10"), OFFICER, engagement_id=self.engagement(HOURLY), kind="hour", rate_fen=38_00,
            overtime_rule="law", relation="labour_contract", valid_from=month, valid_to=until,
        )  # fmt: skip
        self.do(
            terms.agree, self.on(1, "07:20"), OFFICER, engagement_id=self.engagement(MONTHLY), kind="month",
            rate_fen=9_600_00, relation="labour_contract", valid_from=month, valid_to=until,
        )  # fmt: skip
        parties = [{"role": role, "name": f"演示{role}", "signed_on": month.isoformat()} for role in bank.PARTIES]
        self.sealed(
            bank.open_account, self.on(2), OFFICER, company_id=contractor.company_id, bank_name="示范银行（虚构）",
            number=ACCOUNT, opened_on=month, parties=parties,
        )  # fmt: skip
        for n, worker_id in enumerate(self.made.worker_ids):
            self.sealed(
                bank.set_card, self.on(3, f"09:{n:02d}"), OFFICER, worker_id=worker_id, number=card_number(n),
                bank_name="示范银行（虚构）",
            )  # fmt: skip
        received = self.on(15)
        self.do(
            bank.record_receipt, received, OFFICER, received_on=received.date(), amount_fen=FUNDED_FEN, reference=FUNDING
        )
        given = self.on(20)
        self.do(
            terms.record_advance, given, OFFICER, engagement_id=self.engagement(ADVANCED), amount_fen=ADVANCE_FEN,
            paid_on=given.date(), channel="account", proof="bank", reference=ADVANCE,
        )  # fmt: skip

    def correction(self) -> None:
        """He forgot to go out through the gate: his company asks, his leader agrees, then the labour officer."""
        day = forgotten_exit(self.made.closed)
        asked = _at(day + timedelta(days=1), "10:00")
        correction_id = self.do(
            timekeeping.request_correction, asked, SUBCONTRACTOR, worker_id=self.made.worker_ids[FORGOT], work_date=day,
            kind="missing_out", out_at=_at(day, "17:00"), reason="forgot", note="演示：出场忘记刷脸",
        )  # fmt: skip
        for act, by, at in (("leader_ok", LEADER, "11:00"), ("officer_ok", OFFICER, "15:00")):
            self.do(
                timekeeping.decide_correction, _at(day + timedelta(days=1), at), by, correction_id=correction_id, act=act
            )

    # --- after the month

    def wages(self) -> None:
        """Lock, sheets, signatures, closed books."""
        month = self.made.closed
        self.do(periods.lock, self.after(2), OFFICER, month=month)
        companies = {c.id: c.role for c in self.ask(people.project_companies, self.made.project_id)}
        for team in self.ask(people.teams, self.made.project_id):
            # The general contractor's own teams have no subcontractor to hand in their sheet.
            by = SUBCONTRACTOR if companies[team.project_company_id] == "labour_subcontractor" else CLERK
            sheet = self.do(sheets.draft, self.after(2, "10:00"), by, month=month, team_id=team.id).sheet
            self.do(sheets.submit, self.after(2, "10:30"), by, sheet_id=sheet.id)
            self.do(sheets.check, self.after(2, "15:00"), OFFICER, sheet_id=sheet.id, note="演示：与考勤核对一致")
            self.do(sheets.publicise, self.after(3, "08:00"), OFFICER, sheet_id=sheet.id)
        for sheet in self.sheets():
            for line in self.ask(store.lines, sheet.id):
                self.word(line)
        for sheet in self.sheets():
            self.do(sheets.approve, self.after(7, "09:00"), MANAGER, sheet_id=sheet.id)
        self.do(periods.close, self.after(7, "10:00"), MANAGER, month=month)

    def sheets(self) -> tuple[SheetInfo, ...]:
        return self.ask(store.latest_sheets, self.made.project_id, self.made.closed)

    def word(self, line: LineInfo) -> None:
        """The worker signs; one says that a day is missing."""
        at = self.after(4, "11:30")
        said: dict[str, Any] = {"line_id": line.id, "line_hash": line.line_hash, "method": "paper"}
        said["evidence"] = [self.scan(f"line-{line.id}", at, OFFICER)]
        if line.content.worker_id == self.made.worker_ids[DISPUTES]:
            said |= {"verdict": "dispute", "claimed_fen": line.content.net_fen + 342_00, "reason": "演示：本人称少算一个工日"}
        else:
            said |= {"verdict": "agree"}
        self.do(sheets.confirm, at, OFFICER, **said)

    def pay(self) -> None:
        """Batch, the bank's answer, its statement."""
        template = {t.name: t.id for t in self.ask(held.templates)}
        made = self.sealed(
            bank.make_batch, self.after(8), OFFICER, month=self.made.closed, template_id=template["通用代发"]
        )
        batch_id = made.batch.id
        self.do(bank.approve_batch, self.after(8, "10:00"), MANAGER, batch_id=batch_id)
        batch = self.do(bank.send_batch, self.after(8, "11:00"), OFFICER, batch_id=batch_id)
        self.sealed(bank.batch_file, self.after(8, "11:05"), OFFICER, batch_id=batch_id)
        items = self.ask(held.items, batch_id)
        names = self.ask(held.names, {item.worker_id for item in items})
        answered = self.after(9).date()
        fails = self.made.worker_ids[FAILS]
        content = bank_file(
            "通用回盘",
            [
                {
                    "seq": item.seq,
                    "reference": f"{batch.batch_no}-{item.seq:04d}",
                    "payee_name": names[item.worker_id],
                    "amount": _yuan(item.amount_fen),
                    "status": "失败" if item.worker_id == fails else "成功",
                    "reason": "账号不存在" if item.worker_id == fails else "",
                    "bank_ref": _bank_ref(item.seq),
                    "happened_on": answered.isoformat(),
                }
                for item in items
            ],
        )
        done = self.do(
            bank.import_results, self.after(9, "16:00"), OFFICER, batch_id=batch_id, template_id=template["通用回盘"], content=content
        )
        _must(not done.faults and done.failed == 1, f"return file: {done}")
        cards = {worker_id: card_number(n) for n, worker_id in enumerate(self.made.worker_ids)}
        moves: list[tuple[str, date, int, str, str, str]] = [
            (FUNDING, self.on(15).date(), FUNDED_FEN, "示范城投集团（虚构）", "", "人工费"),
            (ADVANCE, self.on(20).date(), -ADVANCE_FEN, "", cards[self.made.worker_ids[ADVANCED]], "预支"),
        ]
        moves += [
            (_bank_ref(item.seq), answered, -item.amount_fen, names[item.worker_id], cards[item.worker_id], "工资")
            for item in items
            if item.worker_id != fails
        ]
        balance, rows = 0, []
        for number, day, fen, who, card, memo in moves:
            balance += fen
            rows.append(
                {
                    "bank_txn_id": number,
                    "booked_on": day.isoformat(),
                    "amount_in": _yuan(fen) if fen > 0 else "",
                    "amount_out": _yuan(-fen) if fen < 0 else "",
                    "balance_after": _yuan(balance),
                    "counterparty_name": who,
                    "counterparty_number": card,
                    "memo": memo,
                }
            )
        report = self.sealed(
            bank.import_statement, self.after(10), OFFICER, template_id=template["通用对账单"], content=bank_file("通用对账单", rows)
        )
        _must(not report.faults and report.matched == len(rows), f"statement: {report}")
        found = self.ask(bank.reconcile, self.made.project_id, self.after(10, "10:00"))
        _must(found.difference_fen == 0 and not found.unmatched and not found.not_on_statement, "the account does not reconcile")


def _calendar(db: Session, years: set[int], now: datetime) -> None:
    for year in sorted(years):
        try:
            timekeeping.seed_calendar(db, years=[year], by=OFFICER, now=now)
        except Unusable:
            # The notice of a year is out in November of the year before; the installed package may be older.
            first = date(year, 1, 1)
            days = (first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days))
            timekeeping.import_calendar(
                db, rows=[(day, "rest" if day.weekday() >= 5 else "workday", "") for day in days],
                source="演示：仅按周末，未含法定节假日", by=OFFICER, now=now,
            )  # fmt: skip


def _at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), _ZONE).astimezone(UTC)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _bank_ref(seq: int) -> str:
    return f"DEMO-T{seq:04d}"


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise RuntimeError(f"the demonstration's month went wrong: {what}")


def card_number(n: int) -> str:
    """A number with a right check digit that no bank gives out."""
    return next(number for digit in "0123456789" if check_bank_card(number := f"99990000{n:010d}{digit}").warning is None)


def bank_file(template: str, rows: list[dict[str, Any]]) -> bytes:
    """Bytes of a file as a bank writes it by one of the built-in templates."""
    _, spec = BUILT_IN[template]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column["title"] for column in spec["columns"]])
    writer.writerows([[row.get(column["field"], "") for column in spec["columns"]] for row in rows])
    return text.getvalue().encode(spec["encoding"])


# --- what came of it -------------------------------------------------------------------------------------------


def sum_up(db: Session, made: Made, now: datetime) -> dict[str, Any]:
    """Return what the records say about the closed month, amounts in fen: posted = arrived + owed, and held is owed."""
    project_id, month = made.project_id, made.closed
    teams = sheets.sheets_of(db, project_id, month)
    posted = [line for line in store.payable_lines(db, project_id) if line.month == month]
    items = [
        item
        for batch in held.batches(db, project_id)
        if batch.state == "sent"
        for item in held.items(db, batch.id)
        if item.month == month
    ]
    back = [item for item in items if item.results and item.results[-1][0] in ("failed", "returned")]
    listed = store.listed(db, {line.engagement_id for line in posted})
    owed_to = [listed[item.engagement_id].name for item in back]
    account = bank.reconcile(db, project_id, now)
    told = ledger.assertions(db, project_id, now)
    return {
        "closed_month": f"{month:%Y-%m}" if store.period_state(db, project_id, month) == "closed" else None,
        "sheets": len(teams),
        "signed": sum(team.agreed for team in teams),
        "disputed": sum(team.disputed for team in teams),
        "posted_net_fen": sum(line.net_fen for line in posted),
        "batch_fen": sum(item.amount_fen for item in items),
        "arrived_fen": sum(line.paid_fen for line in posted),
        "returned_fen": sum(item.amount_fen for item in back),
        "held_fen": sum(line.held_fen for line in posted),
        "owed_after_bank_fen": sum(line.owed_fen for line in posted),
        "returned_to": [mask_name(name, View.PROJECT) for name in owed_to],
        "account_fen": account.ledger_fen,
        "statement_fen": account.statement_fen,
        "assertions": {"held": sum(a.holds for a in told), "failed": sum(not a.holds for a in told)},
    }


WORDS: dict[str, tuple[str, str]] = {
    "closed_month": ("工资月", "Wage month"),
    "is_closed": ("{month} 已锁定、编表、公示、批准并结账", "{month} locked, drafted, publicised, approved and closed"),
    "is_not_closed": ("尚未结账", "not closed"),
    "signed": ("工资表签字", "Signatures"),
    "signed_is": (
        "{sheets} 张工资表，{signed} 人已签字，{disputed} 人有异议（无异议部分照发）",
        "{sheets} sheets, {signed} lines signed, {disputed} disputed (what is undisputed is paid)",
    ),
    "batch": ("专户代发", "Batch to the bank"),
    "batch_is": (
        "应发 {posted}，代发 {batch}，到账 {arrived}",
        "posted {posted}, sent {batch}, arrived {arrived}",
    ),
    "back": ("银行退回", "Came back"),
    "back_is": (
        "{names} {returned} 未到账，已重新列为应付；本月尚欠 {owed}",
        "{names}: {returned} did not arrive and is owed again; still owed for the month {owed}",
    ),
    "account": ("专户对账", "Special account"),
    "account_agrees": ("账面 {ledger} = 银行流水 {statement}", "ledger {ledger} = statement {statement}"),
    "account_differs": ("账面 {ledger} ≠ 银行流水 {statement}", "ledger {ledger} ≠ statement {statement}"),
    "books": ("账证核对", "Books checked"),
    "books_are": ("{held} 项相符，{failed} 项不符", "{held} hold, {failed} do not"),
}
"""Of the printed summary, (Chinese, English)."""


def lines(told: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """(what, how it stands) of the closed month, in zh or en."""

    def say(key: str, **facts: Any) -> str:
        return WORDS[key][language == "en"].format(**facts)

    def yuan(key: str) -> str:
        return f"¥{(told[key] or 0) / 100:,.2f}"

    month, counts = told["closed_month"], told["assertions"]
    agrees = told["account_fen"] == told["statement_fen"]
    return [
        (say("closed_month"), say("is_closed", month=month) if month else say("is_not_closed")),
        (say("signed"), say("signed_is", sheets=told["sheets"], signed=told["signed"], disputed=told["disputed"])),
        (say("batch"), say("batch_is", posted=yuan("posted_net_fen"), batch=yuan("batch_fen"), arrived=yuan("arrived_fen"))),
        (
            say("back"),
            say(
                "back_is", names=("、" if language == "zh" else ", ").join(told["returned_to"]), returned=yuan("returned_fen"),
                owed=yuan("owed_after_bank_fen"),
            ),  # fmt: skip
        ),
        (
            say("account"),
            say(
                "account_agrees" if agrees else "account_differs", ledger=yuan("account_fen"), statement=yuan("statement_fen")
            ),
        ),
        (say("books"), say("books_are", **counts)),
    ]
