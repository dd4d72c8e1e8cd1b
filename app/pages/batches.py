"""A batch to the bank (代发批次): made by one, approved by another, sent, answered; what came back goes out again."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime

from starlette.datastructures import FormData

from app import bank
from app.domain.workdays import local
from app.errors import BadRequest, Conflict, ServiceError
from app.fields import read_month
from app.forms.bank import read_workbook, write_workbook
from app.pages import filled, lines
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import accounts, people
from app.store import bank as held
from app.store.bank import BatchInfo, ItemInfo, TemplateInfo
from app.wording import name as name_of
from app.wording import sentence

REASONS = {
    "no_card": marked("未登记工资卡"),
    "name_unwritable": marked("户名有银行文件写不出的字"),
    "unsigned": marked("未签字"),
    "held": marked("异议部分暂缓"),
    "on_its_way": marked("已列入批次"),
}
FAULTS_SHOWN = 100
ROWS_A_PAGE = 100
FILTERS = ("pending", "success", "failed", "returned")


@dataclass(frozen=True)
class Hand:
    """A step of the batch, by name."""

    act: str
    name: str
    at: datetime
    """On the project's own clock."""


@dataclass(frozen=True)
class TransferRow:
    """One transfer."""

    seq: int
    name: str
    url: str
    card: str
    """Bank and last four digits."""
    amount_fen: int
    state: str
    why: str
    """What the bank said of it; empty else."""
    on: date | None
    retries: str
    """The batch whose transfer came back and that this one stands for; empty else."""
    again: str
    """The batch in which it went out again; empty else."""


@dataclass(frozen=True)
class LeftOut:
    """A line of the month that is not in this batch."""

    name: str
    url: str
    owed_fen: int
    reason: str
    """Empty: it can go in another batch."""


@dataclass(frozen=True)
class FaultRow:
    """A row of a file that could not be used."""

    row: int
    column: str
    says: str


@dataclass(frozen=True)
class Taken:
    """What a file of the bank's did."""

    says: str
    faults: tuple[FaultRow, ...]
    more: int


@dataclass(frozen=True)
class Filter:
    """A choice of transfers."""

    label: str
    count: int
    fen: int
    url: str
    current: bool


@dataclass(frozen=True)
class BatchContext:
    """What the page of a batch shows."""

    refused: str = shown("Why what was just asked for was refused; empty else")
    taken: Taken | None = shown("What the return file that was just given did; None else")
    batch: BatchInfo = shown("The batch, with its steps")
    month: date = shown("Month of the sheets it pays")
    for_company: str = shown("The company the general contractor pays for; empty else")
    own_path: str = shown("Address of the page")
    back_url: str = shown("The special account")
    next: str = shown("What the batch waits for, in a sentence")
    hands: tuple[Hand, ...] = shown("Who made, approved, sent or withdrew it, and when")
    acts: tuple[str, ...] = shown("What this reader may do with it now: approve, send, withdraw")
    file_url: str = shown("Where the bank's file is; empty for readers who do not send it, and before it is sent")
    answers: tuple[TemplateInfo, ...] = shown("Shapes of return files this reader may give; none before it is sent")
    answer_url: str = shown("An empty return file to fill in; empty else")
    filters: tuple[Filter, ...] = shown("How many transfers stand where")
    rows: tuple[TransferRow, ...] = shown("The transfers of the choice on this page of the list")
    listed: int = shown("How many transfers the choice has, over all pages")
    listed_fen: int = shown("What they come to")
    page: int = shown("Which page of the list this is, from 1")
    pages: int = shown("How many pages the list has")
    previous_url: str = shown("Address of the page before; empty on the first")
    next_url: str = shown("Address of the next page; empty on the last")
    again: tuple[int, ...] = shown("Sheet lines whose money came back and can go out again now")
    again_fen: int = shown("What those come to")
    left_out: tuple[LeftOut, ...] = shown("Lines of the month that are in no batch, each with its reason")


def path(project_id: int, batch_id: int | None = None) -> str:
    """Address of a batch, or of all of them."""
    return f"/projects/{project_id}/account" + (f"/batches/{batch_id}" if batch_id else "")


def templates(ask: Ask, use: str) -> tuple[TemplateInfo, ...]:
    """Shapes of files of a use, the one that says most first."""
    found = [t for t in held.templates(ask.db) if t.use == use]
    return tuple(sorted(found, key=lambda t: (-len(t.spec.get("columns", ())), t.name)))


def gather(ask: Ask) -> BatchContext:
    """A batch as it stands."""
    return _page(ask)


def _page(ask: Ask, refused: str = "", taken: Taken | None = None) -> BatchContext:
    db, project = ask.db, ask.project
    batch = held.batch(db, project.id, ask.id("batch_id"))
    items = bank.items_of(db, ask.project.id, batch.id)
    own = path(project.id, batch.id)
    month = items[0].month
    show = ask.query.get("show", "")
    show = show if show in FILTERS else ""
    listed = [item for item in items if not show or item.state == show]
    pages = max(1, -(-len(listed) // ROWS_A_PAGE))
    at = min(pages, max(1, ask.number("page") or 1))
    acts, sent = _acts(ask, batch), batch.state == "sent"
    makes = ask.may("batches.make")
    ready = bank.payable(db, project.id, month)
    in_it = {item.line_id for item in items} if batch.state != "withdrawn" else set()
    came_back = {item.line_id for item in items if item.state in ("failed", "returned")}
    again = tuple(r for r in ready if r.reason is None and r.line.line_id in came_back) if makes else ()
    left = tuple(r for r in ready if r.line.line_id not in in_it and r.reason != "on_its_way")
    who = {c.id: c.name for c in people.project_companies(db, project.id)}
    answers = templates(ask, "return") if sent and ask.may("bank.write") else ()
    return BatchContext(
        refused=refused,
        taken=taken,
        batch=batch,
        month=month,
        for_company=who.get(batch.on_behalf_of, "") if batch.on_behalf_of else "",
        own_path=own,
        back_url=path(project.id),
        next=_next(ask, batch, items, acts),
        hands=_hands(ask, batch),
        acts=acts,
        file_url=f"/v1/projects/{project.id}/batches/{batch.id}/file" if sent and makes else "",
        answers=answers,
        answer_url=with_query(f"/v1/projects/{project.id}/batches/{batch.id}/answer-form", template_id=answers[0].id)
        if answers and makes else "",
        filters=_filters(ask, items, own, show),
        rows=_rows(ask, listed[(at - 1) * ROWS_A_PAGE : at * ROWS_A_PAGE]),
        listed=len(listed),
        listed_fen=sum(item.amount_fen for item in listed),
        page=at,
        pages=pages,
        previous_url=with_query(own, show=show, page=at - 1) if at > 1 else "",
        next_url=with_query(own, show=show, page=at + 1) if at < pages else "",
        again=tuple(r.line.line_id for r in again),
        again_fen=sum(r.amount_fen for r in again),
        left_out=tuple(LeftOut(r.name, _worker(ask, r.line.worker_id, month), r.line.owed_fen, ask.say(REASONS[r.reason]) if r.reason else "") for r in left),
    )  # fmt: skip


def _worker(ask: Ask, worker_id: int, month: date) -> str:
    return f"/projects/{ask.project.id}/workers/{worker_id}?month={month:%Y-%m}"


def _acts(ask: Ask, batch: BatchInfo) -> tuple[str, ...]:
    found = []
    if batch.state == "made" and ask.may("batches.approve") and batch.made_by != ask.person.login:
        found.append("approve")
    if batch.state == "approved" and ask.may("batches.make"):
        found.append("send")
    if batch.state in ("made", "approved") and ask.may("batches.make"):
        found.append("withdraw")
    return tuple(found)


def _next(ask: Ask, batch: BatchInfo, items: Collection[ItemInfo], acts: Collection[str]) -> str:
    if batch.state == "made":
        return ask.say("核对笔数、金额与户名后复核。") if "approve" in acts else ask.say("等待另一人复核；制单人不能复核自己的批次。")
    if batch.state == "approved":
        return ask.say("已复核：确认送出后下载银行文件，交开户银行代发。") if "send" in acts else ask.say("已复核，等待送银行。")
    if batch.state == "withdrawn":
        return ask.say("已撤回，其中的人可以列入另一批次。")
    open_ = sum(item.state == "pending" for item in items)
    return ask.say("已送银行：还有 %(n)s 笔等待回盘。", n=open_) if open_ else ask.say("银行已逐笔回盘。")


def _hands(ask: Ask, batch: BatchInfo) -> tuple[Hand, ...]:
    steps = [("made", batch.made_by, batch.made_at), *((a.act, a.by, a.at) for a in batch.acts)]
    names = accounts.names(ask.db, {by for _, by, _ in steps})
    return tuple(Hand(act, names.get(by, by), local(at, ask.policy)) for act, by, at in steps)


def _filters(ask: Ask, items: Collection[ItemInfo], own: str, show: str) -> tuple[Filter, ...]:
    found = [Filter(ask.say("全部"), len(items), sum(i.amount_fen for i in items), own, not show)]
    for state in FILTERS:
        some = [item.amount_fen for item in items if item.state == state]
        if some or state == show:
            label = name_of(f"item_state.{state}", ask.language)
            found.append(Filter(label, len(some), sum(some), with_query(own, show=state), state == show))
    return tuple(found)


def _rows(ask: Ask, items: Collection[ItemInfo]) -> tuple[TransferRow, ...]:
    db, project_id = ask.db, ask.project.id
    names = held.names(db, {item.worker_id for item in items})
    before = held.items_by_id(db, project_id, [item.retry_of for item in items if item.retry_of])
    after = held.retries(db, project_id, {item.id for item in items})
    cards = held.cards_by_id(db, {item.card_id for item in items})
    rows = []
    for item in items:
        last = next((r for r in reversed(item.results) if r[0] == item.state), None)
        card = cards[item.card_id]
        rows.append(
            TransferRow(
                seq=item.seq,
                name=names[item.worker_id],
                url=_worker(ask, item.worker_id, item.origin_month),
                card=f"{card.bank_name} ****{card.last4}",
                amount_fen=item.amount_fen,
                state=item.state,
                why=name_of(f"bank_reason.{last[1]}", ask.language) if last and last[1] else "",
                on=last[2] if last else None,
                retries=before[item.retry_of].batch_no if item.retry_of in before else "",
                again=after.get(item.id, ""),
            )
        )
    return tuple(rows)


# --- acts ----------------------------------------------------------------------------------------------------


def faults(ask: Ask, found: Collection) -> tuple[FaultRow, ...]:
    """Rows of a file that could not be used, in words."""
    return tuple(FaultRow(f.row, f.column, sentence(f.code, ask.language)) for f in list(found)[:FAULTS_SHOWN])


def make(ask: Ask, values: FormData) -> int:
    """Make a batch of what can go of a month, or of some lines of it; return its id. Pressed twice it is the one that was made.

    Raises:
        ServiceError: as ``bank.make_batch``.
    """
    month = read_month(lines.form(values, "month"))
    chosen = [str(each) for each in values.getlist("line")]
    if not all(each.isascii() and each.isdecimal() and len(each) < 19 for each in chosen):
        raise BadRequest("request_malformed", field="line")
    on_behalf_of = filled.number(values, "on_behalf_of") if lines.form(values, "on_behalf_of") else None
    try:
        with ask.db.begin_nested():
            return bank.make_batch(
                ask.db, ask.state.vault, project_id=ask.project.id, month=month, template_id=filled.number(values, "template_id"),
                lines=set(map(int, chosen)) or None, on_behalf_of=on_behalf_of, write_workbook=write_workbook,
                by=ask.person.login, now=ask.now,
            ).batch.id  # fmt: skip
    except Conflict as error:
        last = next((b for b in reversed(held.batches(ask.db, ask.project.id)) if b.state != "withdrawn"), None)
        mine = last is not None and last.state == "made" and last.made_by == ask.person.login
        if error.code == "batch_empty" and mine and held.items(ask.db, last.id)[0].month == month:
            return last.id
        raise


def _make_again(ask: Ask, values: FormData) -> str | Again:
    try:
        return with_query(path(ask.project.id, make(ask, values)), done="batch_made")
    except ServiceError as error:
        return Again(PAGE, _page(ask, ask.why(error)), error.status)


STEPS: dict[str, tuple[str, Callable[..., BatchInfo]]] = {
    "approve": ("batches.approve", bank.approve_batch),
    "send": ("batches.make", bank.send_batch),
    "withdraw": ("batches.make", bank.withdraw_batch),
}
"""Word of the address -> who may do it, the use case."""


def _step_of(word: str) -> Act:
    action, use_case = STEPS[word]

    def act(ask: Ask, values: FormData) -> str | Again:
        batch_id = ask.id("batch_id")
        try:
            with ask.db.begin_nested():
                use_case(ask.db, project_id=ask.project.id, batch_id=batch_id, by=ask.person.login, now=ask.now)
        except ServiceError as error:
            if error.status == 404:
                raise
            return Again(PAGE, _page(ask, ask.why(error)), error.status)
        return with_query(path(ask.project.id, batch_id), done=f"batch_{word}")

    return Act(f"/projects/{{project_id:int}}/account/batches/{{batch_id:int}}/{word}", action, act)


def results(ask: Ask, values: FormData) -> Again:
    """Take in the bank's return file; good rows count, the others are named on the page."""
    batch_id = ask.id("batch_id")
    try:
        with ask.db.begin_nested():
            done = bank.import_results(
                ask.db, project_id=ask.project.id, batch_id=batch_id, template_id=filled.number(values, "template_id"),
                content=filled.content(values.get("file"), bank.FILE_BYTES_MAX), read_workbook=read_workbook,
                by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        if error.code == "batch_unknown":
            raise
        return Again(PAGE, _page(ask, ask.why(error)), error.status)
    told = ask.say(
        "回盘文件共 %(rows)s 行：成功 %(a)s 笔，失败 %(f)s 笔，退回 %(r)s 笔，先前已知 %(k)s 笔，未能采用 %(x)s 行。",
        rows=done.rows_total, a=done.arrived, f=done.failed, r=done.returned, k=done.known, x=len({f.row for f in done.faults}),
    )  # fmt: skip
    return Again(PAGE, _page(ask, taken=Taken(told, faults(ask, done.faults), max(0, len(done.faults) - FAULTS_SHOWN))), 200)


PAGE = Page(
    "/projects/{project_id:int}/account/batches/{batch_id:int}", marked("批次"), "batch.html", "bank.read", BatchContext, gather
)
ACTS: tuple[Act, ...] = (
    *(_step_of(each) for each in STEPS),
    Act("/projects/{project_id:int}/account/batches/{batch_id:int}/again", "batches.make", _make_again),
    Act("/projects/{project_id:int}/account/batches/{batch_id:int}/results", "bank.write", results),
)
