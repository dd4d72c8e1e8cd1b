"""The special account's statement (专户流水): does it hang together, and what was each line?

    take_in(printed, kept, opening)   a file beside what is on record: what is new, what is known, what is wrong
    broken(lines, opening)            the first line whose balance does not follow from the one before it
    balance_on(lines, opening, day)   the bank's balance at the end of a day
    match(lines, documents)           statement lines against our own documents; each document once
    own(line, limit)                  a fee or interest of the bank's, by its own words
    funded(plans, arrived, today)     人工费拨付: what was agreed against what arrived, oldest first
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

NEAR = timedelta(days=3)
"""A transfer to a known account may be booked some days after the return file said so."""
REFERENCE_LENGTH_MIN = 4
"""A shorter number is not looked for within a memo: it would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the bank printed it."""

    id: int
    """Our row, or the row of the file before it is kept."""
    bank_txn_id: str
    booked_on: date
    amount_fen: int
    """Positive: money came in."""
    balance_after_fen: int
    counterparty_index: str | None = field(default=None, repr=False)
    """Blind index of the counterparty's account."""
    memo: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """Something of ours that moved money in the account."""

    kind: str
    """item_result, funding_receipt, advance; batch and batch_return for what the bank books in one sum."""
    id: int
    on: date
    amount_fen: int
    """Signed as the account sees it."""
    reference: str | None = None
    """The bank's number, or ours that the bank repeats."""
    account_indexes: frozenset[str] = field(default=frozenset(), repr=False)
    """Blind indexes of the other side's accounts, where we know them; empty: nobody's account is taken for it."""


# --- the chain of balances -------------------------------------------------------------------------------------


def broken(lines: Sequence[Line], opening_fen: int | None) -> Line | None:
    """Return the first line that does not continue the balance; None when all do.

    Args:
        lines: in the order of the statement.
        opening_fen: the balance before the first line; None when nobody knows it.
    """
    balance = opening_fen
    for line in lines:
        if balance is not None and balance + line.amount_fen != line.balance_after_fen:
            return line
        balance = line.balance_after_fen
    return None


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a statement file adds."""

    fresh: tuple[Line, ...]
    """New lines, oldest first."""
    known: int
    """Lines that were there already."""
    faults: tuple[tuple[int, str], ...]
    """(row, stable code), by row. With one of them nothing of the file counts."""


def take_in(printed: Sequence[Line], kept: Sequence[Line], opening_fen: int) -> TakenIn:
    """Set a statement file beside the lines on record.

    Files may overlap, and may be printed newest first. New lines come after all that is known, continue its balance and
    do not go back in time; known lines are as they were.

    Args:
        printed: rows of the file as printed; ``id`` is the row.
        kept: lines on record, oldest first.
        opening_fen: balance before the first line of all.

    Codes: ``txn_id_twice``, ``statement_line_differs``, ``statement_line_between``, ``statement_date_back``,
    ``balance_chain_broken``.
    """
    order = list(printed)
    newest_first = bool(order) and order[0].booked_on > order[-1].booked_on
    if (newest_first or broken(order, None) is not None) and broken(order[::-1], None) is None:
        order.reverse()
    there = {line.bank_txn_id: line for line in kept}
    faults: list[tuple[int, str]] = []
    fresh: list[Line] = []
    seen: set[str] = set()
    for line in order:
        before = there.get(line.bank_txn_id)
        if line.bank_txn_id in seen:
            faults.append((line.id, "txn_id_twice"))
        elif before is None:
            fresh.append(line)
        elif (before.amount_fen, before.balance_after_fen, before.booked_on) != (
            line.amount_fen, line.balance_after_fen, line.booked_on,
        ):  # fmt: skip
            faults.append((line.id, "statement_line_differs"))
        elif fresh:
            faults.append((fresh[-1].id, "statement_line_between"))
        seen.add(line.bank_txn_id)
    last = kept[-1] if kept else None
    torn = broken(fresh, opening_fen if last is None else last.balance_after_fen)
    if torn is not None:
        faults.append((torn.id, "balance_chain_broken"))
    on = None if last is None else last.booked_on
    for line in fresh:
        if on is not None and line.booked_on < on:
            faults.append((line.id, "statement_date_back"))
        on = line.booked_on if on is None else max(on, line.booked_on)
    known = sum(1 for line in order if line.bank_txn_id in there)
    return TakenIn(tuple(fresh), known, tuple(sorted(set(faults))))


def balance_on(lines: Iterable[Line], opening_fen: int, day: date) -> int:
    """Return the bank's balance at the end of a day.

    Args:
        lines: on record, oldest first.
    """
    balance = opening_fen
    for line in lines:
        if line.booked_on <= day:
            balance = line.balance_after_fen
    return balance


# --- what each line was ----------------------------------------------------------------------------------------


def match(lines: Iterable[Line], documents: Iterable[Document]) -> dict[int, Document]:
    """Return line id -> document. A line that could be two documents, or a document two lines, is left to a person.

    In this order, always with the very same amount: by the bank's number; by the number within the memo; by account and
    day; by account and nearness (three days); by the day alone, for a transfer whose line names no account.
    """
    open_lines = {line.id: line for line in lines}
    free = {(d.kind, d.id): d for d in documents}
    found: dict[int, Document] = {}

    def pair(pairs: Iterable[tuple[int, tuple[str, int]]]) -> None:
        of_line: dict[int, set[tuple[str, int]]] = defaultdict(set)
        of_document: dict[tuple[str, int], set[int]] = defaultdict(set)
        for line_id, key in pairs:
            of_line[line_id].add(key)
            of_document[key].add(line_id)
        for line_id, keys in of_line.items():
            if len(keys) == 1 and len(of_document[(key := next(iter(keys)))]) == 1:
                found[line_id] = free.pop(key)
                del open_lines[line_id]

    def joined(of: Callable[[Line], Iterable[Hashable]], by: Callable[[Document], Iterable[Hashable]]) -> None:
        there: dict[Hashable, list[tuple[str, int]]] = defaultdict(list)
        for key, document in free.items():
            for value in by(document):
                there[value, document.amount_fen].append(key)
        pair((line.id, key) for line in open_lines.values() for value in of(line) for key in there[value, line.amount_fen])

    def references(document: Document) -> Iterable[Hashable]:
        return (document.reference,) if document.reference else ()

    def days_of(document: Document) -> Iterable[date]:
        return (document.on + timedelta(days=n) for n in range(-NEAR.days, NEAR.days + 1))

    joined(lambda line: (line.bank_txn_id,), references)
    numbers: dict[int, set[str]] = defaultdict(set)
    for document in free.values():
        # Transfers are too many to be looked for in every memo; the bank's number or the account finds them.
        if document.kind != "item_result" and document.reference and len(document.reference) >= REFERENCE_LENGTH_MIN:
            numbers[document.amount_fen].add(document.reference)
    joined(lambda line: [n for n in numbers[line.amount_fen] if _names(line.memo, n)], references)
    joined(
        lambda line: ((line.counterparty_index, line.booked_on),) if line.counterparty_index else (),
        lambda document: ((index, document.on) for index in document.account_indexes),
    )
    joined(
        lambda line: ((line.counterparty_index, line.booked_on),) if line.counterparty_index else (),
        lambda document: ((index, on) for index in document.account_indexes for on in days_of(document)),
    )
    joined(
        lambda line: () if line.counterparty_index else (line.booked_on,),
        lambda document: (document.on,) if document.kind == "item_result" else (),
    )
    return found


_FEE = ("手续费", "工本费", "管理费", "年费", "短信费", "汇划费", "邮电费", "service charge", "bank charge")
_FEE_BACK = ("退", "返还", "冲正", "refund", "reversal")
_INTEREST = ("结息", "利息", "interest")


def own(line: Line, fee_fen_max: int) -> str | None:
    """Return fee, fee_refund or interest when a line is the bank's own by its memo; None when it may be anything else.

    A line that names another account is never the bank's own, and a large debit is no fee.
    """
    memo = line.memo.casefold()
    if line.counterparty_index is not None:
        return None
    if any(word in memo for word in _FEE) and abs(line.amount_fen) <= fee_fen_max:
        if line.amount_fen < 0:
            return "fee"
        return "fee_refund" if any(word in memo for word in _FEE_BACK) else None
    return "interest" if line.amount_fen > 0 and any(word in memo for word in _INTEREST) else None


def _names(memo: str, number: str) -> bool:
    """A memo names a number when neither letters nor digits follow it: 12 is not in 123."""
    return re.search(rf"{re.escape(number)}(?![0-9A-Za-z])", memo) is not None


# --- funding ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Funded:
    """A line of the funding plan, and how much of it arrived."""

    plan_id: int
    month: date
    due_on: date
    agreed_fen: int
    received_fen: int
    late: bool
    """Due before today, and not all there."""

    @property
    def short_fen(self) -> int:
        """Still to come."""
        return self.agreed_fen - self.received_fen


def funded(
    plans: Iterable[tuple[int, date, date, int]], arrived: Iterable[tuple[date, int]], today: date
) -> tuple[Funded, ...]:
    """Set what arrived against what was agreed, the earliest due day first.

    Args:
        plans: (id, month, due day, agreed fen).
        arrived: (day, fen); days after ``today`` do not count.
    """
    left = sum(fen for on, fen in arrived if on <= today)
    answer = []
    for plan_id, month, due_on, agreed in sorted(plans, key=lambda plan: (plan[2], plan[0])):
        got = min(left, agreed)
        left -= got
        answer.append(Funded(plan_id, month, due_on, agreed, got, got < agreed and due_on < today))
    return tuple(answer)
