"""Use case: money in the ledger, posted once for each document, and what must hold in it.

    post_line, post_lines                      lines of a month that is closing
    post_sent, post_settled, post_returned     an item on its way, arrived, not arrived
    post_sent_items, post_results              the same for a whole batch
    open_account, post_funding                 the special account
    post_advance, post_off_account             money a worker got before payday, or outside the account
    post_bank_own                              fees and interest of the bank's, as the statement says now
    reverse_advance, reverse_opening           the same, voided
    balance, balances                          sums of legs, asked anew each time
    assertions                                 what must hold, worked out from the documents

The callers are use cases: they decide, write the document, its journal line, and hold the project's lock; these
functions post what follows from it in the same transaction. The ledger is its own journal: every transaction says who
made it, when, and from which document. The same document again posts nothing and gives the first posting back.

What an event means is in ``domain.ledger``. What a ledger may never hold is refused by the database, too
(``migrations/walls.py``).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain import ledger as rules
from app.domain.ledger import (
    Account,
    AccountKind,
    Assertion,
    PostedLine,
    SentItem,
    TxnKind,
    compared,
    told,
)
from app.domain.sheet import digest, line_hash
from app.errors import Conflict
from app.store import ledger as books
from app.store import people, sheets
from app.store.ledger import Posted

__all__ = [
    "Assertion",
    "Posted",
    "PostedLine",
    "SentItem",
    "assertions",
    "balance",
    "balances",
    "open_account",
    "post_advance",
    "post_bank_own",
    "post_funding",
    "post_line",
    "post_lines",
    "post_month",
    "post_off_account",
    "post_results",
    "post_returned",
    "post_sent",
    "post_sent_items",
    "post_settled",
    "reverse_advance",
    "reverse_opening",
]

# --- posting -------------------------------------------------------------------------------------------------


def post_month(db: Session, project_id: int, now: datetime) -> date:
    """Return the month an event of ``now`` is posted to: the first day of the project's month.

    Raises:
        NotFound: ``project_unknown``.
        Conflict: ``period_closed``; it cannot be before it is over, unless a clock goes wrong.
    """
    month = now.astimezone(ZoneInfo(people.project(db, project_id).time_zone)).date().replace(day=1)
    if sheets.period_state(db, project_id, month) == "closed":
        raise Conflict("period_closed", month=f"{month:%Y-%m}")
    return month


def post_lines(db: Session, lines: Sequence[PostedLine], *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post lines of approved sheets whose month is locked and about to be closed.

    Returns:
        One for each transaction, by line: wages (accrue or adjust), withheld, taken back; those of 0 fen are left out.

    Raises:
        Conflict: ``period_not_locked``; ``ledger_conflict``, the line was posted with other amounts before.
    """
    for project_id, month in sorted({(line.project_id, line.month) for line in lines}):
        if sheets.period_state(db, project_id, month) != "locked":
            raise Conflict("period_not_locked", month=f"{month:%Y-%m}")
    return books.post(db, [posting for line in lines for posting in rules.line(line)], by=by, now=now)


def post_line(db: Session, line: PostedLine, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post one line; see ``post_lines``, which is faster for many."""
    return post_lines(db, (line,), by=by, now=now)


def post_sent(db: Session, item: SentItem, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post an item of a batch that went to the bank; see ``post_sent_items``."""
    return post_sent_items(db, (item,), by=by, now=now)


def post_sent_items(db: Session, items: Sequence[SentItem], *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post the items of a batch that went to the bank: no longer owed, in transit.

    Raises:
        Conflict: ``period_closed``, ``ledger_conflict``.
    """
    dated = _dated(db, items, now)
    return books.post(db, [posting for item in dated for posting in rules.sent(item)], by=by, now=now)


def post_settled(db: Session, item: SentItem, result_id: int, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post the bank's word that an item arrived: out of the special account; paid on behalf, the company owes it.

    Args:
        result_id: of the item_result.

    Raises:
        Conflict: ``period_closed``, ``ledger_conflict``.
    """
    return post_results(db, ((item, result_id, "success"),), by=by, now=now)


def post_returned(
    db: Session, item: SentItem, result_id: int, after_success: bool, *, by: str, now: datetime
) -> tuple[Posted, ...]:
    """Post the bank's word that an item failed, or came back: owed again at once.

    Args:
        after_success: it had arrived before (``returned``); else it never did (``failed``).

    Raises:
        Conflict: ``period_closed``, ``ledger_conflict``.
    """
    return post_results(db, ((item, result_id, "returned" if after_success else "failed"),), by=by, now=now)


_EVENTS = {"success": rules.settled, "failed": rules.failed, "returned": rules.returned}


def post_results(
    db: Session, results: Sequence[tuple[SentItem, int, str]], *, by: str, now: datetime
) -> tuple[Posted, ...]:
    """Post what the bank said of many items: (item, id of the item_result, success, failed or returned).

    Raises:
        Conflict: ``period_closed``, ``ledger_conflict``.
    """
    dated = _dated(db, [item for item, _, _ in results], now)
    postings = [
        posting
        for item, (_, result_id, status) in zip(dated, results, strict=True)
        for posting in _EVENTS[status](item, result_id)
    ]
    return books.post(db, postings, by=by, now=now)


def _dated(db: Session, items: Sequence[SentItem], now: datetime) -> list[SentItem]:
    months = {project_id: post_month(db, project_id, now) for project_id in {item.project_id for item in items}}
    return [replace(item, post_month=months[item.project_id]) for item in items]


def open_account(
    db: Session, special_account_id: int, opening_fen: int, *, by: str, now: datetime
) -> tuple[Posted, ...]:
    """Post what a special account brings along; one that is empty posts nothing.

    Raises:
        Conflict: ``period_closed``; ``ledger_conflict``, it was opened with another amount.
    """
    project_id = books.account_project(db, special_account_id)
    month = post_month(db, project_id, now)
    return books.post(db, rules.opening(project_id, special_account_id, opening_fen, month), by=by, now=now)


def post_funding(db: Session, receipt_id: int, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post labour money that arrived on the special account.

    Raises:
        Conflict: ``period_closed``.
    """
    project_id, special_account_id, fen = books.receipt(db, receipt_id)
    month = post_month(db, project_id, now)
    return books.post(db, rules.funding(project_id, special_account_id, receipt_id, fen, month), by=by, now=now)


def post_advance(db: Session, advance_id: int, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post an advance: from the project's special account, or from outside it, as its channel says.

    Raises:
        Conflict: ``period_closed``; ``special_account_missing``, it is said to be paid from an account that is not there.
    """
    project_id, engagement_id, fen, channel = books.advance(db, advance_id)
    first = books.posting(db, "advance", advance_id, TxnKind.ADVANCE)
    if first is not None:
        # The project may use another special account by now.
        return books.post(db, (first,), by=by, now=now)
    special = None
    if channel == "account":
        special = books.live_account(db, project_id)
        if special is None:
            raise Conflict("special_account_missing")
    month = post_month(db, project_id, now)
    return books.post(db, rules.advance(project_id, engagement_id, advance_id, fen, special, month), by=by, now=now)


def post_off_account(db: Session, payment_id: int, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post wages paid outside the special account, or their reversal; one through the account posts nothing here.

    It is set against the worker's engagement of the month it was for (``domain.ledger.covering``); a reversal against
    the same as what it takes back.

    Raises:
        Conflict: ``period_closed``.
    """
    project_id, worker_id, fen, for_month, reverses_id, channel = books.payment(db, payment_id)
    if channel == "account":
        return ()
    first = books.posting(db, "payment", payment_id, TxnKind.OFF_ACCOUNT)
    if first is not None:
        return books.post(db, (first,), by=by, now=now)
    before = None if reverses_id is None else books.posting(db, "payment", reverses_id, TxnKind.OFF_ACCOUNT)
    if before is None:
        held = books.engagements(db, project_id, worker_id)[worker_id]
        engagement_id = rules.covering(held, for_month.replace(day=1))
    else:
        engagement_id = next(leg.account.of for leg in before.legs if leg.account.kind is AccountKind.WAGES_PAYABLE)
    month = post_month(db, project_id, now)
    return books.post(db, rules.off_account(project_id, engagement_id, payment_id, fen, for_month, month), by=by, now=now)


def post_bank_own(
    db: Session, project_id: int, special_account_id: int, bearer: Callable[[date], int], *, by: str, now: datetime
) -> int:
    """Post the fees and interest a statement shows, and take back what is said to be something else by now.

    Args:
        bearer: the company on the project that bears a fee of a day.

    Returns:
        How many were posted or taken back.

    Raises:
        Conflict: ``period_closed``; whatever ``bearer`` raises.
    """
    wanted = {match_id: (kind, fen, on) for match_id, kind, fen, on in books.bank_own(db, special_account_id)}
    posted = books.posted_matches(db, project_id, special_account_id)
    if wanted.keys() == posted.keys():
        return 0
    month = post_month(db, project_id, now)
    postings = [
        posting
        for match_id, (kind, fen, on) in sorted(wanted.items())
        if match_id not in posted
        for posting in rules.bank_own(project_id, special_account_id, match_id, fen, None if kind == "interest" else bearer(on), on, month)
    ]
    postings += [
        rules.undone(books.posting(db, "statement_match", match_id, kind), month)
        for match_id, kind in sorted(posted.items())
        if match_id not in wanted
    ]
    return len(books.post(db, postings, by=by, now=now))


def reverse_advance(db: Session, advance_id: int, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post the opposite of an advance that was voided.

    Raises:
        Conflict: ``period_closed``.
    """
    return _reverse(db, "advance", advance_id, TxnKind.ADVANCE, by, now)


def reverse_opening(db: Session, special_account_id: int, *, by: str, now: datetime) -> tuple[Posted, ...]:
    """Post the opposite of what a special account brought along, because it was voided; nothing if it was empty.

    Raises:
        Conflict: ``period_closed``.
    """
    return _reverse(db, "special_account", special_account_id, TxnKind.FUND, by, now)


def _reverse(db: Session, source_kind: str, source_id: int, kind: TxnKind, by: str, now: datetime) -> tuple[Posted, ...]:
    first = books.posting(db, source_kind, source_id, kind)
    if first is None:
        return ()
    return books.post(db, (rules.undone(first, post_month(db, first.project_id, now)),), by=by, now=now)


# --- balances ------------------------------------------------------------------------------------------------


def balance(db: Session, key: str) -> int:
    """Return the balance of an account by its key, ``wages_payable:e12``; debits positive, 0 for one without legs.

    Raises:
        ValueError: no account is called so.
    """
    return books.balance(db, Account.read(key))


def balances(db: Session, project_id: int, kind: AccountKind | str) -> dict[int, int]:
    """Return owner -> fen of every account of a kind on a project; debits positive."""
    return books.balances(db, project_id, AccountKind(kind))


# --- what must hold ------------------------------------------------------------------------------------------


def assertions(db: Session, project_id: int, now: datetime, *, signed: bool = True) -> tuple[Assertion, ...]:
    """Check a project's books against its documents, and its signed lines against their hashes.

    Everything is worked out anew from rows that cannot have been changed together by accident: lines, transfers, what
    the bank said, receipts, advances, payments, statements. A read-only snapshot will do.

    Args:
        signed: also work out every line's hash anew. Measured on two cores: half a second for the amounts of 15,000
            lines, ten for their hashes; an export or a page leaves them out.

    Returns:
        One for each thing that must hold; for one that does not, one for each subject that is wrong. In this order:

        ``ledger_legs_sum``      all legs sum to 0
        ``ledger_txns``          each transaction sums to 0, has two legs or more, and is posted
        ``ledger_accounts``      each account is called after its kind and owner
        ``ledger_months``        nothing stands in a month that has not begun, nor a sheet in one that is not closed
        ``ledger_<account>``     each account's balance is what the documents add up to, for every kind of account
        ``ledger_settled_once``  each transfer that arrived was settled by exactly one transaction of its amount
        ``ledger_statement``     the special account is what the bank's last statement line says, as of that line

        Then, when ``signed``:

        ``line_adds_up``         each line's items add up to its columns, and these to its net
        ``line_hash``            each line's hash is that of its content
        ``sheet_digest``         each sheet's digest is that of its lines
        ``month_digest``         each closed month's digest is that of its posted lines

    Raises:
        NotFound: ``project_unknown``.
    """
    month = now.astimezone(ZoneInfo(people.project(db, project_id).time_zone)).date().replace(day=1)
    answer = [*_whole(db, project_id, month)]
    documents = books.documents(db, project_id)
    for kind in AccountKind:
        answer += compared(kind, documents[kind], books.balances(db, project_id, kind))
    answer += _settled_once(db, project_id)
    statements = books.statements(db, project_id)
    wrong = [
        (Account(AccountKind.SPECIAL_ACCOUNT, special).key, bank, ours)
        for special, bank, ours in statements
        if bank != ours
    ]
    answer += told("ledger_statement", wrong, sum(bank for _, bank, _ in statements))
    if signed:
        answer += _signed(db, project_id)
    return tuple(answer)


def _whole(db: Session, project_id: int, month: date) -> Iterable[Assertion]:
    total = books.legs_sum(db, project_id)
    yield Assertion("ledger_legs_sum", total == 0, 0, total)
    yield from told("ledger_txns", [(f"txn:{txn_id}", 0, fen) for txn_id, fen in books.torn(db, project_id)], 0)
    yield from told("ledger_accounts", [(key, None, None) for key in books.misnamed(db, project_id)])
    yield from told("ledger_months", [(f"txn:{txn_id}", None, None) for txn_id in books.misplaced(db, project_id, month)])


def _settled_once(db: Session, project_id: int) -> tuple[Assertion, ...]:
    arrived, settlements = books.settlements(db, project_id)
    wrong = [(f"txn:{txn_id}", 0, fen) for item_id, txn_id, fen in settlements if item_id is None]
    settled: dict[int, list[int]] = {}
    for item_id, _, fen in settlements:
        if item_id is not None:
            settled.setdefault(item_id, []).append(fen)
    wrong += [
        (f"item:{item_id}", arrived.get(item_id, 0), sum(settled.get(item_id, ())))
        for item_id in sorted(arrived.keys() | settled.keys())
        if settled.get(item_id, []) != ([arrived[item_id]] if item_id in arrived else [])
    ]
    return told("ledger_settled_once", wrong, sum(arrived.values()))


def _signed(db: Session, project_id: int) -> Iterable[Assertion]:
    sums, hashes, versions = [], [], []
    of_month: dict[date, list[tuple[int, date, str]]] = {}
    net = 0
    for sheet, lines in books.sheet_lines(db, project_id):
        for line in lines:
            content = line.content
            left = content.gross_fen - content.deductions_fen - content.advances_fen
            if not (line.readable and content.adds_up):
                sums.append((f"line:{line.id}", left, content.net_fen))
            if line_hash(content) != line.line_hash:
                hashes.append((f"line:{line.id}", None, None))
            net += content.net_fen
        named = [(line.content.engagement_id, line.content.origin_month, line.line_hash) for line in lines]
        if digest(named) != sheet.digest:
            versions.append((f"sheet:{sheet.id}", None, None))
        if sheet.posted:
            of_month.setdefault(sheet.month, []).extend(named)
    yield from told("line_adds_up", sums, net)
    yield from told("line_hash", hashes)
    yield from told("sheet_digest", versions)
    yield from told(
        "month_digest",
        [
            (f"month:{period.month:%Y-%m}", None, None)
            for period in sheets.periods(db, project_id)
            if period.state == "closed" and digest(of_month.get(period.month, ())) != period.digest
        ],
    )
