"""What the audit rules read beside days and wages: gathered set-wise, a handful of statements a project and month.

    beside(db, project_id, month, as_of)       domain.audit.beside.Beside
    limits(db, area_code, on)                  the thresholds of an area
    county_month(db, projects, month, as_of)   what touches these projects from elsewhere

Nothing here is asked once a worker or once a line. Names, numbers and dates of birth are compared in the database or on the way
out of it; the rules see the answer.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.domain.audit import beside as told
from app.domain.audit.thresholds import DEFAULTS, MINIMUM_WAGE, PREFIX, Thresholds, from_area
from app.domain.workdays import next_month
from app.store import append, terms
from app.store.terms import standing
from app.tables import (
    Account,
    AreaRule,
    BankCard,
    BatchAct,
    CorrectionRow,
    CorrectionStep,
    Engagement,
    FacePolicyRow,
    FaceTemplate,
    FundingPlan,
    FundingReceipt,
    IdentityCheck,
    IdentityOverride,
    ItemResult,
    Membership,
    MonthWageRow,
    PassageReview,
    PassageRow,
    PaymentBatch,
    PaymentItem,
    PaymentRow,
    PayPeriod,
    PayrollLine,
    PayrollSheet,
    ProjectPaper,
    SettlementRow,
    SheetAct,
    SpecialAccount,
    StatementLine,
    StatementMatch,
    Twin,
    TwinReview,
    WageTerm,
    Worker,
    WorkerConfirmation,
)

_CHUNK = 500
_A_DAY = timedelta(days=1)
CAPPED = ("damage", "agreed")
"""Deductions that are capped (domain.md 4.4)."""
PARTIES = ("owner", "general_contractor", "bank")
"""Who signs about the special account where no area says otherwise (domain.md 0.2: the national rule has three)."""


def limits(db: Session, area_code: str, on: date) -> Thresholds:
    """Return the limits of the rules for an area on a date: of each key the longest prefix, then the latest row."""
    prefixes = [area_code[:length] for length in range(len(area_code) + 1)]
    rows = db.execute(
        select(AreaRule.key, AreaRule.value)
        .where(
            or_(AreaRule.key.startswith(PREFIX, autoescape=True), AreaRule.key.in_((MINIMUM_WAGE, "publicity_days"))),
            AreaRule.area_code.in_(prefixes),
            AreaRule.valid_from <= on,
        )
        .order_by(func.length(AreaRule.area_code), AreaRule.valid_from, AreaRule.id)
    )
    said = dict(map(tuple, rows))
    if "publicity_days" in said:
        said.setdefault(f"{PREFIX}publicity_days", said["publicity_days"])
    return from_area(said)


def beside(db: Session, project_id: int, month: date, as_of: datetime, *, area_code: str, time_zone: str) -> told.Beside:
    """Gather what one project's rules read beside ``ProjectMonth``.

    Args:
        month: its first day.
        as_of: aware instant the answer is for; what was recorded later is not in it where that can be told.
    """
    here = _Here(db, project_id, month, as_of, ZoneInfo(time_zone))
    lines, transfers, batches = here.lines()
    account, funding, plans, debits = here.money()
    before, before_payments, year_paid = here.earlier()
    closed_at = db.execute(select(PayPeriod.closed_at).filter_by(project_id=project_id, month=month)).scalar()
    started = db.execute(select(func.min(Engagement.entry_on)).where(Engagement.project_id == project_id)).scalar()
    last = db.execute(
        select(func.max(PassageRow.occurred_at)).where(PassageRow.project_id == project_id, PassageRow.occurred_at <= as_of)
    ).scalar()
    return told.Beside(
        gathered=True,
        time_zone=time_zone,
        traces=here.traces(),
        people=here.people(),
        period_closed_on=None if closed_at is None else here.day(closed_at),
        sheets=here.sheets(),
        lines=lines,
        transfers=transfers,
        batches=batches,
        cards=here.cards({t.worker_id for t in transfers}),
        account=account,
        parties_required=tuple(terms.area_value(db, area_code, "agreement_parties", month) or PARTIES),
        funding=funding,
        plans=plans,
        debits=debits,
        changes=here.changes(),
        templates_left=here.templates_left(),
        terms_scanned=here.terms_scanned(),
        before=before,
        before_payments=before_payments,
        year_paid=year_paid,
        settlements=here.settlements(),
        labour_officers=here.labour_officers(),
        papers=papers(db, project_id),
        identity_wanted=here.identity_wanted(),
        identity=here.identity(),
        started_on=started,
        last_passage_at=last,
    )


def papers(db: Session, project_id: int) -> tuple[told.Paper, ...]:
    """Return the papers of a project that were not voided, in the order they were recorded."""
    rows = db.execute(
        select(
            ProjectPaper.id, ProjectPaper.kind, ProjectPaper.from_on, ProjectPaper.to_on, ProjectPaper.amount_fen,
            ProjectPaper.worker_id, ProjectPaper.detail,
        )
        .where(ProjectPaper.project_id == project_id, standing("project_paper", ProjectPaper.id))
        .order_by(ProjectPaper.id)
    )  # fmt: skip
    return tuple(told.Paper(*row) for row in rows)


def add_paper(db: Session, **values: Any) -> int:
    """Append a paper; the columns of ``project_paper`` as keywords. Return its id."""
    return append(db, ProjectPaper.__table__, **values)


def paper_standing(db: Session, project_id: int, paper_id: int) -> bool | None:
    """True when a paper of a project counts, False when it was voided, None when there is none."""
    row = ProjectPaper.__table__.c
    return db.execute(
        select(standing("project_paper", row.id)).where(row.project_id == project_id, row.id == paper_id)
    ).scalar()


class _Here:
    """One project and month, and how each part of it is asked for."""

    def __init__(self, db: Session, project_id: int, month: date, as_of: datetime, zone: ZoneInfo) -> None:
        self.db, self.project_id, self.month, self.as_of, self.zone = db, project_id, month, as_of, zone
        self.end = next_month(month)
        self.from_at = datetime(month.year, month.month, month.day, tzinfo=zone) - _A_DAY
        self.to_at = datetime(self.end.year, self.end.month, self.end.day, tzinfo=zone) + _A_DAY

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def traces(self) -> tuple[told.Trace, ...]:
        p = PassageRow.__table__.c
        rows = self.db.execute(
            select(p.id, p.device_id, p.event_key, p.content_sha256, p.received_at, p.captured_at, p.similarity, p.similarity_min, p.frame_sha256, p.liveness, p.liveness_min)
            .where(p.project_id == self.project_id, p.occurred_at >= self.from_at, p.occurred_at < self.to_at, p.occurred_at <= self.as_of)
            .order_by(p.id)
        )
        return tuple(told.Trace(*row) for row in rows)

    def people(self) -> tuple[told.Person, ...]:
        wanted = (
            select(Worker.id, Worker.birth_on, Worker.sex)
            .where(exists().where(Engagement.worker_id == Worker.id, Engagement.project_id == self.project_id))
            .order_by(Worker.id)
        )
        return tuple(told.Person(*row) for row in self.db.execute(wanted))

    def sheets(self) -> tuple[told.Sheet, ...]:
        s = PayrollSheet.__table__.c
        rows = self.db.execute(
            select(s.id, s.team_id, s.kind, s.version, s.drafted_by)
            .where(s.project_id == self.project_id, s.month == self.month)
            .order_by(s.version, s.id)
        ).all()
        acts: dict[int, list[told.Act]] = defaultdict(list)
        for sheet_id, act, by, at in self.db.execute(
            select(SheetAct.sheet_id, SheetAct.act, SheetAct.by, SheetAct.at)
            .join(PayrollSheet, PayrollSheet.id == SheetAct.sheet_id)
            .where(PayrollSheet.project_id == self.project_id, PayrollSheet.month == self.month)
            .order_by(SheetAct.id)
        ):
            acts[sheet_id].append(told.Act(act, by, at, self.day(at)))
        latest: dict[tuple[int, str], told.Sheet] = {}
        public: dict[tuple[int, str], int] = {}
        for id_, team_id, kind, version, drafted_by in rows:
            latest[team_id, kind] = told.Sheet(
                id_, team_id, kind, version, drafted_by, tuple(acts[id_]), public.get((team_id, kind))
            )
            if any(a.act == "publicised" for a in acts[id_]):
                public[team_id, kind] = id_
        return tuple(sorted(latest.values(), key=lambda sheet: sheet.id))

    def lines(self) -> tuple[tuple[told.Line, ...], tuple[told.Transfer, ...], tuple[told.Batch, ...]]:
        """Lines of the latest versions, the transfers made for them, and the batches those lie in."""
        s, row = PayrollSheet.__table__.c, PayrollLine.__table__.c
        of_month = and_(s.project_id == self.project_id, s.month == self.month)
        drafted = self.db.execute(
            select(
                row.id, row.sheet_id, s.team_id, row.engagement_id, row.worker_id, row.origin_month, row.day_milli, row.gross_fen,
                row.deductions_fen, row.advances_fen, row.net_fen, row.line_hash, s.kind, s.version,
            )
            .select_from(PayrollLine).join(PayrollSheet, s.id == row.sheet_id).where(of_month)
            .order_by(s.version, row.id)
        ).all()  # fmt: skip
        newest: dict[tuple[int, str], int] = {}
        for each in drafted:
            newest[each.team_id, each.kind] = each.sheet_id
        # The version may be newer than any line it has.
        for id_, team_id, kind in self.db.execute(select(s.id, s.team_id, s.kind).where(of_month).order_by(s.version, s.id)):
            newest[team_id, kind] = id_
        said: dict[str, tuple[int, str]] = {}
        words = WorkerConfirmation.__table__.c
        for id_, content_hash, verdict in self.db.execute(
            select(words.id, words.content_hash, words.verdict)
            .where(
                words.project_id == self.project_id, words.subject == "line",
                words.content_hash.in_(select(row.line_hash).select_from(PayrollLine).join(PayrollSheet, s.id == row.sheet_id).where(of_month)),
            )
            .order_by(words.id)
        ):  # fmt: skip
            said[content_hash] = id_, verdict
        capped = {
            id_: sum(int(i.get("amount_fen") or 0) for i in items if isinstance(i, dict) and i.get("code") in CAPPED)
            for id_, items in self.db.execute(
                select(row.id, row["items"]).select_from(PayrollLine).join(PayrollSheet, s.id == row.sheet_id)
                .where(of_month, row.deductions_fen > 0)
            )
        }  # fmt: skip
        agreed: dict[tuple[int, date, str], dict[str, int]] = defaultdict(dict)
        for each in drafted:
            if said.get(each.line_hash, (0, ""))[1] == "agree":
                agreed[each.engagement_id, each.origin_month, each.kind][each.line_hash] = said[each.line_hash][0]
        lines = []
        for each in drafted:
            if newest[each.team_id, each.kind] != each.sheet_id:
                continue
            confirmation, verdict = said.get(each.line_hash, (None, None))
            others = [i for h, i in agreed[each.engagement_id, each.origin_month, each.kind].items() if h != each.line_hash]
            lines.append(
                told.Line(
                    *each[:11],
                    capped_fen=abs(capped.get(each.id, 0)),
                    verdict=verdict,
                    confirmation_id=confirmation,
                    signed_other_id=max(others, default=None) if confirmation is None else None,
                )
            )
        return tuple(lines), *self._transfers(of_month, {line.id: line.net_fen for line in lines})

    def _transfers(self, of_month: Any, nets: dict[int, int]) -> tuple[tuple[told.Transfer, ...], tuple[told.Batch, ...]]:
        i = PaymentItem.__table__.c
        s, row = PayrollSheet.__table__.c, PayrollLine.__table__.c
        rows = self.db.execute(
            select(
                i.id, i.batch_id, i.line_id, row.worker_id, i.amount_fen, i.card_id, (BankCard.holder_name == Worker.name).label("own"),
                row.net_fen, PaymentBatch.count.label("said"), PaymentBatch.total_fen, PaymentBatch.made_by,
            )
            .select_from(PaymentItem)
            .join(PayrollLine, row.id == i.line_id).join(PayrollSheet, s.id == row.sheet_id)
            .join(PaymentBatch, PaymentBatch.id == i.batch_id)
            .join(BankCard, BankCard.id == i.card_id).join(Worker, Worker.id == row.worker_id)
            .where(of_month).order_by(i.id)
        ).all()  # fmt: skip
        if not rows:
            return (), ()
        batch_ids = select(i.batch_id).select_from(PaymentItem).join(PayrollLine, row.id == i.line_id).join(PayrollSheet, s.id == row.sheet_id).where(of_month)
        acts: dict[int, list[told.Act]] = defaultdict(list)
        for batch_id, act, by, at in self.db.execute(
            select(BatchAct.batch_id, BatchAct.act, BatchAct.by, BatchAct.at).where(BatchAct.batch_id.in_(batch_ids)).order_by(BatchAct.id)
        ):
            acts[batch_id].append(told.Act(act, by, at, self.day(at)))
        results: dict[int, list[tuple[str, str | None, date]]] = defaultdict(list)
        for item_id, status, code, on in self.db.execute(
            select(ItemResult.item_id, ItemResult.status, ItemResult.code, ItemResult.happened_on)
            .join(PaymentItem, i.id == ItemResult.item_id).join(PayrollLine, row.id == i.line_id).join(PayrollSheet, s.id == row.sheet_id)
            .where(of_month, ItemResult.happened_on <= self.day(self.as_of)).order_by(ItemResult.id)
        ):  # fmt: skip
            results[item_id].append((status, code, on))
        whole = {
            id_: (int(n), int(fen))
            for id_, n, fen in self.db.execute(
                select(i.batch_id, func.count(), func.sum(i.amount_fen)).where(i.batch_id.in_(batch_ids)).group_by(i.batch_id)
            )
        }
        above: dict[int, int] = defaultdict(int)
        transfers = []
        for each in rows:
            sent = next((a for a in acts[each.batch_id] if a.act == "sent"), None)
            answers = {status: (code, on) for status, code, on in results[each.id]}
            came_back = "returned" in answers or "failed" in answers
            arrived = None if came_back or "success" not in answers else answers["success"][1]
            code = next((answers[name][0] for name in ("returned", "failed") if name in answers), None)
            above[each.batch_id] += each.amount_fen > each.net_fen
            transfers.append(
                told.Transfer(
                    each.id, each.batch_id, each.line_id, each.worker_id, each.amount_fen, each.card_id, bool(each.own),
                    sent.on if sent else None, arrived, code,
                )
            )  # fmt: skip
        batches = {
            each.batch_id: told.Batch(
                each.batch_id, each.said, each.total_fen, *whole[each.batch_id], above[each.batch_id], each.made_by, tuple(acts[each.batch_id])
            )
            for each in rows
        }
        return tuple(transfers), tuple(batches[b] for b in sorted(batches))

    def cards(self, workers: Collection[int]) -> tuple[told.Card, ...]:
        found: list[told.Card] = []
        before: dict[int, int] = {}
        c = BankCard.__table__.c
        for some in _chunks(sorted(workers)):
            rows = self.db.execute(
                select(c.id, c.worker_id, c.recorded_at, c.number_index).where(c.worker_id.in_(some)).order_by(c.id)
            )
            numbers: dict[int, str] = {}
            for id_, worker_id, recorded_at, number in rows:
                changed = worker_id in before and numbers[worker_id] != number
                found.append(told.Card(id_, worker_id, self.day(recorded_at), before[worker_id] if changed else None))
                before[worker_id], numbers[worker_id] = id_, number
        return tuple(found)

    def money(self) -> tuple[told.SpecialAccount | None, tuple, tuple, tuple[told.Debit, ...]]:
        """The live account with its balance, what came in, what was planned, and what left it in the month."""
        a = SpecialAccount.__table__.c
        live = self.db.execute(
            select(a.id, a.opened_on, a.parties)
            .where(a.project_id == self.project_id, standing("special_account", a.id))
            .order_by(a.id.desc()).limit(1)
        ).first()  # fmt: skip
        if live is None:
            return None, (), (), ()
        line = StatementLine.__table__.c
        today = self.day(self.as_of)
        last = self.db.execute(
            select(line.id, line.balance_after_fen, line.booked_on)
            .where(line.special_account_id == live.id, line.booked_on <= today)
            .order_by(line.seq.desc()).limit(1)
        ).first()  # fmt: skip
        account = told.SpecialAccount(
            live.id,
            live.opened_on,
            tuple(p["role"] for p in live.parties if isinstance(p, dict) and p.get("role") and p.get("signed_on")),
            None if last is None else last.balance_after_fen,
            None if last is None else last.booked_on,
            None if last is None else last.id,
        )
        funding = tuple(
            tuple(row) for row in self.db.execute(
                select(FundingReceipt.id, FundingReceipt.received_on, FundingReceipt.amount_fen)
                .where(FundingReceipt.special_account_id == live.id).order_by(FundingReceipt.id)
            )
        )  # fmt: skip
        plans = tuple(
            tuple(row) for row in self.db.execute(
                select(FundingPlan.id, FundingPlan.month, FundingPlan.due_on, FundingPlan.agreed_fen)
                .where(FundingPlan.special_account_id == live.id, standing("funding_plan", FundingPlan.id)).order_by(FundingPlan.id)
            )
        )  # fmt: skip
        of_month = and_(line.special_account_id == live.id, line.amount_fen < 0, line.booked_on >= self.month, line.booked_on < self.end)
        m = StatementMatch.__table__.c
        # The latest word on a line counts. Asked line by line it would be looked for among all of the county's, each time anew.
        kinds = dict(
            map(tuple, self.db.execute(
                select(m.statement_line_id, m.kind).select_from(StatementMatch).join(StatementLine, line.id == m.statement_line_id)
                .where(of_month).order_by(m.id)
            ))
        )  # fmt: skip
        debits = tuple(
            told.Debit(id_, on, -fen, kinds.get(id_))
            for id_, on, fen in self.db.execute(select(line.id, line.booked_on, line.amount_fen).where(of_month).order_by(line.id))
        )
        return account, funding, plans, debits

    def changes(self) -> tuple[told.Change, ...]:
        c = CorrectionRow.__table__.c
        ok = and_(CorrectionStep.correction_id == c.id, CorrectionStep.act == "officer_ok")
        wanted = and_(c.project_id == self.project_id, c.work_date >= self.month, c.work_date < self.end, exists().where(ok))
        agreed: dict[int, list[str]] = defaultdict(list)
        stood_in: set[int] = set()
        for id_, by, as_ in self.db.execute(
            select(CorrectionStep.correction_id, CorrectionStep.by, CorrectionStep.stood_in_as)
            .join(CorrectionRow, c.id == CorrectionStep.correction_id)
            .where(c.project_id == self.project_id, c.work_date >= self.month, c.work_date < self.end)
            .where(CorrectionStep.act.in_(("leader_ok", "officer_ok")))
            .order_by(CorrectionStep.id)
        ):
            stood_in |= {id_} if as_ else set()
            # Who stood in and had said the first word too is one of two people, and says so on record.
            if not (id_ in stood_in and by in agreed[id_]):
                agreed[id_].append(by)
        return tuple(
            told.Change(id_, worker_id, on, kind, reason, by, self.day(at), tuple(agreed[id_]))
            for id_, worker_id, on, kind, reason, by, at in self.db.execute(
                select(c.id, c.worker_id, c.work_date, c.kind, c.reason, c.requested_by, c.requested_at).where(wanted).order_by(c.id)
            )
        )

    def templates_left(self) -> tuple[tuple[int, int, date], ...]:
        """Templates of people whose last engagement here has ended."""
        gone = (
            select(Engagement.worker_id, func.max(Engagement.exit_on).label("exit_on"))
            .where(Engagement.project_id == self.project_id)
            .group_by(Engagement.worker_id)
            .having(func.count() == func.count(Engagement.exit_on))
            .subquery()
        )
        rows = self.db.execute(
            select(FaceTemplate.id, FaceTemplate.worker_id, gone.c.exit_on)
            .join(gone, gone.c.worker_id == FaceTemplate.worker_id)
            .where(FaceTemplate.project_id == self.project_id, FaceTemplate.erased_at.is_(None), gone.c.exit_on <= self.day(self.as_of))
            .order_by(FaceTemplate.id)
        )
        return tuple(tuple(row) for row in rows)

    def terms_scanned(self) -> frozenset[int]:
        rows = self.db.execute(
            select(WageTerm.id)
            .join(Engagement, Engagement.id == WageTerm.engagement_id)
            .where(Engagement.project_id == self.project_id, WageTerm.paper_id.is_not(None))
        )
        return frozenset(rows.scalars())

    def earlier(self) -> tuple[dict[int, tuple[int, int]], dict[int, tuple[int, ...]], dict[int, int]]:
        """(the month before by worker, ids of its payments, received this calendar year)."""
        before = (self.month - _A_DAY).replace(day=1)
        m = MonthWageRow.__table__.c
        earned = {
            worker: int(fen) for worker, fen in self.db.execute(
                select(m.worker_id, func.sum(m.gross_fen)).where(m.project_id == self.project_id, m.month == before).group_by(m.worker_id)
            )
        }  # fmt: skip
        p = PaymentRow.__table__.c
        got: dict[int, int] = defaultdict(int)
        ids: dict[int, list[int]] = defaultdict(list)
        for id_, worker, fen in self.db.execute(
            select(p.id, p.worker_id, p.amount_fen).where(p.project_id == self.project_id, p.for_month == before).order_by(p.id)
        ):
            got[worker] += fen
            ids[worker].append(id_)
        first = self.month.replace(month=1)
        year = {
            worker: int(fen) for worker, fen in self.db.execute(
                select(p.worker_id, func.sum(p.amount_fen))
                .where(p.project_id == self.project_id, p.for_month >= first, p.for_month < self.end).group_by(p.worker_id)
            )
        }  # fmt: skip
        return {w: (fen, got[w]) for w, fen in earned.items()}, {w: tuple(of) for w, of in ids.items()}, year

    def settlements(self) -> dict[int, tuple[int, bool]]:
        row, words = SettlementRow.__table__.c, WorkerConfirmation.__table__.c
        rows = self.db.execute(
            select(row.engagement_id, row.id, row.content_hash)
            .join(Engagement, Engagement.id == row.engagement_id)
            .where(Engagement.project_id == self.project_id).order_by(row.id)
        ).all()  # fmt: skip
        if not rows:
            return {}
        said = dict(map(tuple, self.db.execute(
                select(words.content_hash, words.verdict)
                .where(words.project_id == self.project_id, words.subject == "settlement").order_by(words.id)
        )))  # fmt: skip
        return {each.engagement_id: (each.id, said.get(each.content_hash) == "agree") for each in rows}

    def identity_wanted(self) -> bool:
        row = FacePolicyRow.__table__.c
        last = select(row.identity_check).where(row.project_id == self.project_id).order_by(row.id.desc()).limit(1)
        return self.db.execute(last).scalar() in ("observe", "require")

    def identity(self) -> dict[int, tuple[int, bool]]:
        row = IdentityCheck.__table__.c
        rows = self.db.execute(
            select(row.id, row.worker_id, row.outcome, IdentityOverride.id)
            .select_from(IdentityCheck).outerjoin(IdentityOverride, IdentityOverride.check_id == row.id)
            .where(row.project_id == self.project_id).order_by(row.id)
        )  # fmt: skip
        return {worker: (id_, outcome == "same" or override is not None) for id_, worker, outcome, override in rows}

    def labour_officers(self) -> tuple[int, ...]:
        rows = self.db.execute(
            select(Membership.id)
            .join(Account, Account.id == Membership.account_id)
            .where(Membership.project_id == self.project_id, Membership.role == "labour_officer", Account.disabled_at.is_(None))
            .order_by(Membership.id)
        )
        return tuple(rows.scalars())


# --- the county ------------------------------------------------------------------------------------------------


def county_month(
    db: Session, projects: Collection[int], month: date, as_of: datetime, limits: Thresholds = DEFAULTS
) -> told.CountyMonth:
    """Gather what people of these projects have to do with other projects, other cards and other papers.

    Only of people who touch somebody: engaged on two projects in the month, holding a card another one holds, or of one
    name, sex and date of birth with another one.
    """
    end = next_month(month)
    ids = sorted(projects)
    e, other = Engagement.__table__.c, aliased(Engagement)
    touching = and_(e.project_id.in_(ids), e.entry_on < end, or_(e.exit_on.is_(None), e.exit_on > month))
    elsewhere = exists().where(
        other.worker_id == e.worker_id, other.project_id != e.project_id, other.entry_on < end,
        or_(other.exit_on.is_(None), other.exit_on > month),
    )  # fmt: skip
    twice = set(db.execute(select(e.worker_id).where(touching, elsewhere).distinct()).scalars())

    mine = select(e.worker_id).where(touching).distinct()
    c, same = BankCard.__table__.c, aliased(BankCard)
    newer, newer_same = aliased(BankCard), aliased(BankCard)
    live = and_(standing("bank_card", c.id), ~exists().where(newer.worker_id == c.worker_id, newer.id > c.id, standing("bank_card", newer.id)))
    live_same = and_(
        standing("bank_card", same.id),
        ~exists().where(newer_same.worker_id == same.worker_id, newer_same.id > same.id, standing("bank_card", newer_same.id)),
    )
    shared = select(c.number_index).where(
        c.worker_id.in_(mine), live, exists().where(same.number_index == c.number_index, same.worker_id != c.worker_id, live_same)
    )
    numbers: dict[str, int] = {}
    cards = []
    for id_, worker_id, number in db.execute(
        select(c.id, c.worker_id, c.number_index).where(c.number_index.in_(shared), live).order_by(c.id)
    ):
        cards.append(told.Held(id_, worker_id, numbers.setdefault(number, len(numbers))))

    w, twin = Worker.__table__.c, aliased(Worker)
    alike: dict[tuple[str, str, date], list[int]] = defaultdict(list)
    likely = and_(
        w.id.in_(mine),
        exists().where(twin.id != w.id, twin.name == w.name, twin.birth_on == w.birth_on, twin.sex == w.sex),
    )
    keys = {(name, sex, birth_on) for name, sex, birth_on in db.execute(select(w.name, w.sex, w.birth_on).where(likely))}
    for some in _chunks(sorted({key[2] for key in keys})):
        for id_, *key in db.execute(select(w.id, w.name, w.sex, w.birth_on).where(w.birth_on.in_(some)).order_by(w.id)):
            if tuple(key) in keys:
                alike[tuple(key)].append(id_)
    doubles = tuple(sorted(tuple(of) for of in alike.values() if len(of) > 1))

    said = select(TwinReview.verdict).where(TwinReview.twin_id == Twin.id).order_by(TwinReview.id.desc()).limit(1).correlate(Twin).scalar_subquery()
    twins = tuple(
        tuple(row) for row in db.execute(
            select(Twin.id, Twin.low_worker_id, Twin.high_worker_id, said)
            .where(or_(Twin.low_worker_id.in_(mine), Twin.high_worker_id.in_(mine))).order_by(Twin.id)
        )
    )  # fmt: skip

    about = twice | {worker for pair in twins for worker in pair[1:3]} | {card.worker_id for card in cards} | {worker for of in doubles for worker in of}
    return told.CountyMonth(
        month=month,
        as_of=as_of,
        projects=frozenset(projects),
        engagements=_elsewhere(db, about, month, end),
        sightings=_sightings(db, twice, month, as_of),
        cards=tuple(cards),
        twins=twins,
        limits=limits,
        doubles=doubles,
    )


def _elsewhere(db: Session, workers: Collection[int], month: date, end: date) -> tuple[told.Elsewhere, ...]:
    e = Engagement.__table__.c
    found: list[told.Elsewhere] = []
    for some in _chunks(sorted(workers)):
        rows = db.execute(
            select(e.id, e.worker_id, e.project_id, e.entry_on, e.exit_on)
            .where(e.worker_id.in_(some), e.entry_on < end, or_(e.exit_on.is_(None), e.exit_on > month)).order_by(e.id)
        )  # fmt: skip
        found += [told.Elsewhere(*row) for row in rows]
    return tuple(found)


def _sightings(db: Session, workers: Collection[int], month: date, as_of: datetime) -> tuple[told.Sighting, ...]:
    """Counting passages of people with several projects, on all of them, over the month and a day at each end."""
    p = PassageRow.__table__.c
    end = next_month(month)
    # Project clocks differ by hours at most; a day at each end covers them.
    from_at = datetime(month.year, month.month, month.day, tzinfo=as_of.tzinfo) - _A_DAY
    to_at = datetime(end.year, end.month, end.day, tzinfo=as_of.tzinfo) + _A_DAY
    counts = or_(p.verdict == "admit", and_(p.verdict == "ask", PassageReview.confirmed.is_(True)))
    projects: dict[int, list[int]] = defaultdict(list)
    e = Engagement.__table__.c
    for some in _chunks(sorted(workers)):
        for worker, project in db.execute(select(e.worker_id, e.project_id).where(e.worker_id.in_(some)).distinct()):
            projects[project].append(worker)
    found: list[told.Sighting] = []
    for project_id, own in sorted(projects.items()):
        # One project at a time: that is what the index on (project, worker, time) is for.
        for some in _chunks(sorted(own)):
            rows = db.execute(
                select(p.id, p.worker_id, p.project_id, p.occurred_at)
                .select_from(PassageRow).outerjoin(PassageReview, PassageReview.passage_id == p.id)
                .where(p.project_id == project_id, p.worker_id.in_(some), p.occurred_at >= from_at, p.occurred_at < to_at, p.occurred_at <= as_of, counts)
            )  # fmt: skip
            found += [told.Sighting(*row) for row in rows]
    return tuple(found)


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for at in range(0, len(values), _CHUNK):
        yield values[at : at + _CHUNK]
