"""Use case: the special account (农民工工资专用账户), what goes to the bank, and what comes back.

    open_account, account_name, account_gaps  the account and its agreement; what it lacks
    set_card, seed_templates, add_template    whom to pay to; how the bank wants its files
    add_plan, record_receipt, funding         人工费拨付: agreed, arrived, still to come
    payable                                   lines that can be paid now, and why the others cannot
    make_batch, approve_batch, send_batch, withdraw_batch, batch_file
    import_results                            回盘: arrived, failed, came back; failed and returned is owed again at once
    import_statement, set_match, reconcile    对账: statement = ledger, transit, lines nobody knows
    void                                      a card, plan or account that was a mistake (作废)

Made by one login, approved by another, sent once; what changed since it was made stops it before it is sent. The file is
given out when the batch is sent, never before: a batch that can still be withdrawn has no copy at the bank. Money moves
in the ledger only through ``app.ledger``; a transfer that arrived is also a ``payment`` row, the one fact "money a worker
received". Card numbers are sealed, shown by their last four digits, and stand in full only in the file for the bank.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from app import ledger
from app.domain import bank_files as files
from app.domain import statement as rules
from app.domain.facts import Payment
from app.domain.identity import NumberWrong, check_bank_card
from app.domain.ledger import SentItem
from app.domain.workdays import month_of
from app.errors import Conflict, Forbidden, NotFound, Unusable
from app.fields import NOTE_MAX, check_dates, check_label, check_text, project_today
from app.store import accounts, money, people, sheets, terms, timekeeping
from app.store import bank as held
from app.store import ledger as books
from app.store.bank import AccountInfo, BatchInfo, CardInfo, ItemInfo, StatementInfo
from app.store.kept import kept
from app.store.sheets import PayableLine
from app.vault import Vault

AMOUNT_FEN_LIMIT = 10**12
"""10,000,000,000.00 yuan: nothing on a construction project is larger."""
PARTIES = ("owner", "general_contractor", "bank")
"""Who signs the agreement of a special account unless the county says otherwise (domain.md 1.2)."""
FUNDING_CYCLE = timedelta(days=31)
"""Longest time between two receipts (人工费拨付周期, domain.md 1.2)."""
FILE_BYTES_MAX = 4 * 1024**2
OWN_KINDS = books.OWN_KINDS
MATCH_KINDS = ("item_result", "funding_receipt", "advance", "batch", "batch_return", *OWN_KINDS, "unknown")
FEE_FEN_MAX = 500_00
"""500.00 yuan: a larger debit is no fee; the account pays workers and nobody else (domain.md 1.2)."""
BATCH_NO_MAX = 40


# --- account ---------------------------------------------------------------------------------------------------


def open_account(
    db: Session,
    vault: Vault,
    *,
    project_id: int,
    company_id: int,
    bank_name: str,
    number: str,
    opened_on: date,
    name: str | None = None,
    opening_fen: int = 0,
    parties: Sequence[Mapping[str, Any]] = (),
    evidence: Sequence[int] = (),
    by: str,
    now: datetime,
) -> int:
    """Record a project's special account; return its id. One is live at a time.

    Args:
        company_id: id of the company that opened it; the project's general contractor.
        number: the account's number, 8 to 32 digits; company accounts need no check digit.
        name: as on the bank's paper; None: as ``account_name`` has it.
        opening_fen: the balance when Muster begins to keep it; 0 or more.
        parties: who signed the agreement: ``{"role", "name", "signed_on"}``, each role the county asks for once and no
            other; what is missing is a gap, not an error. ``"bears_fees": true`` for the one the agreement lets bear
            the bank's fees, if it says so.

    Raises:
        NotFound: ``project_unknown``, ``evidence_unknown``.
        Unusable: ``account_company_wrong``, ``account_number_wrong``, ``amount_wrong``, ``party_unknown``,
            ``party_not_asked_for``, ``party_twice``, a date or text.
        Conflict: ``special_account_exists``.
    """
    project = people.project(db, project_id)
    people.lock_project(db, project_id)
    contractor = next(
        (
            c
            for c in people.project_companies(db, project_id)
            if c.company_id == company_id and c.role == "general_contractor"
        ),
        None,
    )
    if contractor is None:
        raise Unusable("account_company_wrong")
    digits = files.card_digits(number)
    if digits is None or not 8 <= len(digits) <= 32:
        raise Unusable("account_number_wrong")
    today = project_today(project.time_zone, now)
    if opened_on > today:
        raise Unusable("date_in_future")
    check_dates(opened_on, None)
    _check_amount(opening_fen, least=0)
    said = [_party(p) for p in parties]
    roles = [party["role"] for party in said]
    if len(set(roles)) < len(roles):
        raise Unusable("party_twice")
    if not set(roles) <= set(asked_for(db, project, today)):
        raise Unusable("party_not_asked_for")
    if sum(1 for party in said if party.get("bears_fees")) > 1:
        raise Unusable("party_twice")
    if held.live_account(db, project_id) is not None:
        raise Conflict("special_account_exists")
    index = vault.index("bank_account", digits)
    account_id = held.add_account(
        db,
        project_id=project_id,
        company_id=company_id,
        name=check_label(name or account_name(contractor.name, project.name), "account_name", 200),
        bank_name=check_label(bank_name, "bank_name", 100),
        number_sealed=vault.seal(digits.encode(), table="special_account", column="number_sealed", owner=index),
        number_index=index,
        last4=digits[-4:],
        opened_on=opened_on,
        opening_fen=opening_fen,
        parties=said,
        evidence=timekeeping.check_evidence(db, project_id, evidence),
        recorded_by=by,
        recorded_at=now,
    )
    ledger.open_account(db, account_id, opening_fen, by=by, now=now)
    _journal(db, now, by, "special_account.opened", project_id, f"special_account:{account_id}")
    return account_id


def account_name(contractor: str, project: str) -> str:
    """Return what a special account is called: 总包单位名称+项目名称+农民工工资专用账户 (domain.md 1.2)."""
    return f"{contractor}{project}农民工工资专用账户"


def asked_for(db: Session, project: people.ProjectInfo, on: date) -> Sequence[str]:
    """Who must sign the agreement, as the county has it (三方或四方协议)."""
    return terms.area_value(db, project.area_code, "agreement_parties", on) or PARTIES


def fee_bearer(db: Session, project: people.ProjectInfo, account: AccountInfo, on: date) -> int:
    """Return the company on the project that bears the account's fees: as the agreement says, else as the county has it
    (``account_fee_bearer``), else the general contractor that opened it.

    Raises:
        Conflict: ``fee_bearer_missing``: no company has that role on the project.
    """
    agreed = next((party["role"] for party in account.parties if party.get("bears_fees")), None)
    role = agreed or terms.area_value(db, project.area_code, "account_fee_bearer", on) or "general_contractor"
    found = [c for c in people.project_companies(db, project.id) if c.role == role]
    if not found:
        raise Conflict("fee_bearer_missing")
    return next((c.id for c in found if c.company_id == account.company_id), found[0].id)


def _party(said: Mapping[str, Any]) -> dict[str, Any]:
    role, name, signed_on = said.get("role"), said.get("name"), said.get("signed_on")
    if not isinstance(role, str):
        raise Unusable("party_unknown")
    if not isinstance(signed_on, date | None):
        try:
            signed_on = date.fromisoformat(str(signed_on))
        except ValueError:
            raise Unusable("party_unknown") from None
    if signed_on is not None:
        check_dates(signed_on, None)
    return {
        "role": role,
        "name": check_label(str(name or ""), "party_name", 200),
        "signed_on": None if signed_on is None else signed_on.isoformat(),
        **({"bears_fees": True} if said.get("bears_fees") is True else {}),
    }


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the special account lacks."""

    code: str
    """account_missing, account_name_differs, party_missing, party_not_signed, funding_late, funding_short (of what was
    due by now) or balance_short."""
    role: str | None = None
    fen: int | None = None
    on: date | None = None


def account_gaps(db: Session, project_id: int, now: datetime) -> tuple[Gap, ...]:
    """Say what a project's special account lacks, by the county's configuration.

    Raises:
        NotFound: ``project_unknown``.
    """
    project = people.project(db, project_id)
    today = project_today(project.time_zone, now)
    live = held.live_account(db, project_id)
    if live is None:
        return (Gap("account_missing"),)
    wanted = asked_for(db, project, today)
    signed = {p["role"]: p for p in live.parties}
    contractors = {c.name for c in people.project_companies(db, project_id) if c.company_id == live.company_id}
    gaps = []
    if live.name not in {account_name(contractor, project.name) for contractor in contractors}:
        gaps.append(Gap("account_name_differs"))
    gaps += [Gap("party_missing", role=role) for role in wanted if role not in signed]
    gaps += [Gap("party_not_signed", role=role) for role in wanted if role in signed and not signed[role]["signed_on"]]
    owed = sum(line.owed_fen for line in sheets.unsettled_lines(db, project_id))
    came = held.receipts(db, live.id)
    last = max((r.received_on for r in came), default=live.opened_on)
    if owed and today - last > FUNDING_CYCLE:
        gaps.append(Gap("funding_late", on=last))
    late = [line for line in _funding(db, live, today) if line.late]
    if late:
        gaps.append(Gap("funding_short", fen=sum(line.short_fen for line in late), on=late[0].due_on))
    balance = ledger.balance(db, f"special_account:s{live.id}")
    if owed > balance:
        gaps.append(Gap("balance_short", fen=owed - balance))
    return tuple(gaps)


# --- cards -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardSet:
    """A wage card on record."""

    card_id: int
    created: bool
    warnings: tuple[str, ...] = ()
    """``bank_card_check_digit``: the number fails the usual check; some passbooks do (domain.md 7.4)."""


def set_card(
    db: Session,
    vault: Vault,
    *,
    project_id: int,
    worker_id: int,
    number: str,
    bank_name: str,
    holder_name: str | None = None,
    bank_code: str | None = None,
    by: str,
    now: datetime,
) -> CardSet:
    """Record the card a worker is paid to. The same again is the one that is there.

    Args:
        number: 16 to 19 digits; spaces, hyphens and full-width digits are tidied.
        holder_name: as on the card; None: the worker's name. Nobody else's card is taken.
        bank_code: 联行号, 12 digits.

    Raises:
        NotFound: ``worker_not_on_project``.
        Unusable: ``card_number_wrong``, ``card_holder_differs``, ``bank_code_wrong``, ``bank_name_wrong``, a text.
        Conflict: ``card_of_another``: it was recorded for another worker, and not voided.
    """
    people.lock_project(db, project_id)
    if not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    try:
        checked = check_bank_card(number)
    except NumberWrong:
        raise Unusable("card_number_wrong") from None
    digits = checked.normalised
    worker = people.worker(db, worker_id)
    if holder_name is not None and files.tidy_name(holder_name) != files.tidy_name(worker.name):
        raise Unusable("card_holder_differs")
    if bank_code is not None and (len(bank_code) != 12 or not (bank_code.isascii() and bank_code.isdigit())):
        raise Unusable("bank_code_wrong")
    bank_name = check_label(bank_name, "bank_name", 100)
    if not files.writable(bank_name):
        # It would stop the file of everybody who is paid with him.
        raise Unusable("bank_name_wrong")
    index = vault.index("bank_card", digits)
    held.lock_card(db, index)
    if held.holders(db, index) - {worker_id}:
        raise Conflict("card_of_another")
    warnings = () if checked.warning is None else (checked.warning,)
    live = held.cards(db, [worker_id]).get(worker_id)
    if live is not None and (live.number_index, live.bank_name, live.bank_code) == (index, bank_name, bank_code):
        return CardSet(live.id, created=False, warnings=warnings)
    card_id = held.add_card(
        db,
        worker_id=worker_id,
        holder_name=worker.name,
        number_sealed=vault.seal(
            digits.encode(), table="bank_card", column="number_sealed", owner=f"{worker_id}:{index}"
        ),
        number_index=index,
        last4=digits[-4:],
        bank_name=bank_name,
        bank_code=bank_code,
        recorded_by=by,
        recorded_at=now,
    )
    _journal(db, now, by, "bank_card.set", project_id, f"worker:{worker_id}", card=card_id)
    return CardSet(card_id, created=True, warnings=warnings)


# --- templates -------------------------------------------------------------------------------------------------


def seed_templates(db: Session, *, by: str, now: datetime) -> int:
    """Write the built-in templates that are not there; return how many were written."""
    there = {t.name for t in held.templates(db)}
    new = [(name, *content) for name, content in files.BUILT_IN.items() if name not in there]
    for name, use, spec in new:
        template_id = held.add_template(db, name=name, use=use, spec=spec, recorded_by=by, now=now)
        _journal(db, now, by, "file_template.added", None, f"file_template:{template_id}")
    return len(new)


def add_template(db: Session, *, name: str, use: str, spec: Mapping[str, Any], by: str, now: datetime) -> int:
    """Record how a bank wants or writes a file; the newest of a name counts.

    Raises:
        Unusable: the first fault of ``bank_files.check``, or a name that is no text.
    """
    name = check_label(name, "template_name", 64)
    faults = files.check(use, spec)
    if faults:
        raise Unusable(faults[0][0], what=faults[0][1])
    template_id = held.add_template(db, name=name, use=use, spec=spec, recorded_by=by, now=now)
    _journal(db, now, by, "file_template.added", None, f"file_template:{template_id}")
    return template_id


def _template(db: Session, template_id: int, use: str) -> files.Template:
    found = held.template(db, template_id)
    if found.use != use:
        raise Unusable("template_use_wrong")
    return files.Template.of(found.use, found.spec)


def _parsed(
    content: bytes, template: files.Template, read_workbook: Callable[[bytes], Sequence[Sequence[Any]]] | None
) -> files.Parsed:
    if len(content) > FILE_BYTES_MAX:
        raise Unusable("file_too_large", limit=FILE_BYTES_MAX)
    if not template.workbook:
        return files.parse(content, template)
    if read_workbook is None:
        raise Unusable("template_workbook")
    return files.parse_cells(read_workbook(content), template)


# --- funding ---------------------------------------------------------------------------------------------------


def add_plan(
    db: Session, *, project_id: int, month: date, due_on: date, agreed_fen: int, by: str, now: datetime
) -> int:
    """Record what the owner agreed to fund for a month.

    Raises:
        NotFound: ``project_unknown``, ``special_account_missing``.
        Unusable: ``amount_wrong``, a date.
        Conflict: ``funding_plan_exists``: void the one of that month first.
    """
    people.lock_project(db, project_id)
    live = _live(db, project_id)
    _check_amount(agreed_fen)
    check_dates(month_of(month), None)
    check_dates(due_on, None)
    if any(plan.month == month_of(month) for plan in held.plans(db, live.id)):
        raise Conflict("funding_plan_exists")
    plan_id = held.add_plan(
        db, special_account_id=live.id, month=month_of(month), due_on=due_on, agreed_fen=agreed_fen, recorded_by=by, recorded_at=now
    )
    _journal(db, now, by, "funding.planned", project_id, f"funding_plan:{plan_id}")
    return plan_id


def record_receipt(
    db: Session, *, project_id: int, received_on: date, amount_fen: int, reference: str, by: str, now: datetime
) -> int:
    """Record labour cost that arrived; the same reference again is the receipt that is there.

    Raises:
        NotFound: ``special_account_missing``.
        Unusable: ``amount_wrong``, ``date_in_future``, a text.
        Conflict: ``receipt_conflict``: that reference was recorded with another amount or day.
    """
    people.lock_project(db, project_id)
    live = _live(db, project_id)
    _check_amount(amount_fen)
    check_dates(received_on, None)
    if received_on > project_today(people.project(db, project_id).time_zone, now):
        raise Unusable("date_in_future")
    reference = check_label(reference, "reference", 100)
    receipt_id, new = held.add_receipt(
        db, special_account_id=live.id, received_on=received_on, amount_fen=amount_fen, reference=reference,
        recorded_by=by, recorded_at=now,
    )  # fmt: skip
    if not new:
        same = next(r for r in held.receipts(db, live.id) if r.id == receipt_id)
        if (same.amount_fen, same.received_on) != (amount_fen, received_on):
            raise Conflict("receipt_conflict")
        return receipt_id
    ledger.post_funding(db, receipt_id, by=by, now=now)
    _journal(db, now, by, "funding.received", project_id, f"funding_receipt:{receipt_id}")
    _match(db, live, by, now)
    return receipt_id


def funding(db: Session, project_id: int, now: datetime) -> tuple[rules.Funded, ...]:
    """Return the funding plan with what arrived of it, the earliest due day first (人工费拨付情况).

    Raises:
        NotFound: ``project_unknown``, ``special_account_missing``.
    """
    today = project_today(people.project(db, project_id).time_zone, now)
    return _funding(db, _live(db, project_id), today)


def _funding(db: Session, live: AccountInfo, today: date) -> tuple[rules.Funded, ...]:
    plans = [(plan.id, plan.month, plan.due_on, plan.agreed_fen) for plan in held.plans(db, live.id)]
    return rules.funded(plans, [(r.received_on, r.amount_fen) for r in held.receipts(db, live.id)], today)


# --- batches ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """A line with money to pay, and whether it can go."""

    line: PayableLine
    name: str = field(repr=False)
    card: CardInfo | None
    reason: str | None
    """Why not: no_card, name_unwritable, unsigned, held, on_its_way; None: it can go."""

    @property
    def amount_fen(self) -> int:
        """What would go now."""
        return 0 if self.reason else self.line.open_fen


def payable(db: Session, project_id: int, month: date | None = None) -> tuple[Ready, ...]:
    """Return every line of the closed months that is not wholly paid, with what is in its way.

    Args:
        month: of the sheets; None for all.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    lines = [line for line in sheets.unsettled_lines(db, project_id) if month is None or line.month == month_of(month)]
    lines = [line for line in lines if line.net_fen > 0 and line.owed_fen > 0]
    cards = held.cards(db, {line.worker_id for line in lines})
    listed = sheets.listed(db, {line.engagement_id for line in lines})
    return tuple(_ready(line, cards.get(line.worker_id), listed[line.engagement_id].name) for line in lines)


def _ready(line: PayableLine, card: CardInfo | None, name: str) -> Ready:
    reason = None
    if line.open_fen <= 0:
        if line.sent_fen > line.paid_fen:
            reason = "on_its_way"
        elif line.payable_fen <= 0:
            reason = "unsigned"
        else:
            reason = "held"
    elif card is None:
        reason = "no_card"
    elif not files.writable(files.tidy_name(card.holder_name)):
        # One such name must not stop the file of all others.
        reason = "name_unwritable"
    return Ready(line, name, card, reason)


@dataclass(frozen=True, slots=True)
class Made:
    """A batch that was made."""

    batch: BatchInfo
    left_out: tuple[Ready, ...]
    """Lines that could not go, each with its reason."""


def make_batch(
    db: Session,
    vault: Vault,
    *,
    project_id: int,
    month: date,
    template_id: int,
    lines: Collection[int] | None = None,
    on_behalf_of: int | None = None,
    write_workbook: Callable[[list[list[str]]], bytes] | None = None,
    by: str,
    now: datetime,
) -> Made:
    """Freeze what can be paid of a month into a batch and its file.

    Args:
        month: of the sheets.
        lines: only these lines; None: all that can go.
        on_behalf_of: id of the ``project_company`` that defaulted and the general contractor pays for (先行清偿);
            then only lines of that company go.
        write_workbook: makes an xlsx file of cells, for a template that wants one.

    Raises:
        NotFound: ``project_unknown``, ``special_account_missing``, ``template_unknown``, ``company_unknown``.
        Conflict: ``batch_empty``: nothing can go.
        Unusable: ``on_behalf_own``: the general contractor pays its own people; ``batch_line_wrong``: a line that is not
            of the month, not of the company, or paid; ``template_use_wrong``, ``template_workbook``;
            ``batch_character_unwritable`` or another fault of the file, with the row.
    """
    project = people.project(db, project_id)
    people.lock_project(db, project_id)
    live = _live(db, project_id)
    template = _template(db, template_id, "batch")
    if on_behalf_of is not None:
        roles = {c.id: c.role for c in people.project_companies(db, project_id)}
        if on_behalf_of not in roles:
            raise NotFound("company_unknown")
        if roles[on_behalf_of] in ("general_contractor", "owner"):
            raise Unusable("on_behalf_own")
    found = [
        ready
        for ready in payable(db, project_id, month)
        if (lines is None or ready.line.line_id in lines)
        and (on_behalf_of is None or ready.line.project_company_id == on_behalf_of)
    ]
    unknown = set(lines or ()) - {ready.line.line_id for ready in found}
    if unknown:
        raise Unusable("batch_line_wrong", line_id=min(unknown))
    going = [ready for ready in found if ready.reason is None]
    if not going:
        raise Conflict("batch_empty")
    month = month_of(month)
    prefix = _batch_prefix(project, month)
    batch_no = f"{prefix}{held.count_batches(db, prefix) + 1:02d}"
    total = sum(ready.amount_fen for ready in going)
    rows = []
    for seq, ready in enumerate(going, 1):
        card = ready.card
        assert card is not None
        digits = vault.open(
            card.number_sealed, table="bank_card", column="number_sealed", owner=f"{card.worker_id}:{card.number_index}"
        ).decode()
        rows.append(
            files.Row(
                seq, files.tidy_name(card.holder_name), digits, card.bank_name, card.bank_code or "", ready.amount_fen,
                f"{batch_no}-{seq:04d}",
            )
        )  # fmt: skip
    whole = {"month": month, "batch_no": batch_no, "count": len(going), "total_fen": total}
    try:
        if not template.workbook:
            content = files.render(rows, template, **whole)
        elif write_workbook is not None:
            content = write_workbook(files.table(rows, template, **whole))
        else:
            raise Unusable("template_workbook")
    except files.Unwritable as fault:
        raise Unusable(fault.code, row=fault.seq) from None
    again = held.to_retry(db, project_id)
    batch_id = held.add_batch(
        db,
        project_id=project_id,
        special_account_id=live.id,
        batch_no=batch_no,
        on_behalf_of=on_behalf_of,
        template_id=template_id,
        file_sha256=sha256(content).hexdigest(),
        file_sealed=vault.seal(content, table="payment_batch", column="file_sealed", owner=batch_no),
        count=len(going),
        total_fen=total,
        made_by=by,
        made_at=now,
    )
    for seq, ready in enumerate(going, 1):
        held.add_item(
            db,
            batch_id=batch_id,
            seq=seq,
            line_id=ready.line.line_id,
            engagement_id=ready.line.engagement_id,
            amount_fen=ready.amount_fen,
            card_id=ready.card.id if ready.card else 0,
            retry_of=again.get(ready.line.line_id),
        )
    _journal(db, now, by, "batch.made", project_id, f"payment_batch:{batch_id}", count=len(going))
    left = tuple(ready for ready in found if ready.reason is not None)
    return Made(held.batch(db, project_id, batch_id), left)


def items_of(db: Session, project_id: int, batch_id: int) -> tuple[ItemInfo, ...]:
    """Return the transfers of a batch with what became of them, by number; for pages."""
    return kept(db, project_id, ("items", batch_id), lambda: tuple(held.items(db, batch_id)))


def standings(db: Session, project_id: int) -> dict[int, tuple[held.Standing, ...]]:
    """Return batch -> where its transfers stand; for pages that list batches."""
    return kept(db, project_id, "standings", lambda: held.standings(db, project_id))


def _batch_prefix(project: people.ProjectInfo, month: date) -> str:
    """Project code and month; a code that a bank's file cannot carry, or that is too long, is shortened to fit."""
    code = "".join(c for c in project.code if c.isalnum() or c in "-_")
    ending = f"-{month:%Y%m}-"
    if code != project.code or len(code) + len(ending) + 4 > BATCH_NO_MAX:
        # The row's id keeps two codes apart that look alike when shortened.
        code = f"{code[:16]}_{project.id}"
    return code + ending


def _check_still_due(db: Session, project_id: int, batch: BatchInfo) -> None:
    """Refuse a batch whose lines or cards are not what they were when it was made.

    A worker may have disputed since, got the money in cash, or lost his card.
    """
    items = held.items(db, batch.id)
    workers = {item.worker_id for item in items}
    lines = {line.line_id: line for line in sheets.payable_lines(db, project_id, workers=workers)}
    cards = held.cards(db, workers)
    # Money he got elsewhere is set against what no batch carries; what is left of it then, this batch would pay again.
    surplus = sheets.paid_outside(db, project_id)
    for line in lines.values():
        key = line.worker_id, line.origin_month
        surplus[key] = surplus.get(key, 0) - line.outside_fen
    for item in items:
        line, card = lines.get(item.line_id), cards.get(item.worker_id)
        if (
            line is None
            or line.sent_fen > line.payable_fen
            or surplus[item.worker_id, item.origin_month] > 0
            or card is None
            or card.id != item.card_id
        ):
            raise Conflict("batch_stale", row=item.seq)


def approve_batch(db: Session, *, project_id: int, batch_id: int, by: str, now: datetime) -> BatchInfo:
    """Approve a batch; never by the login that made it (经办、复核分离).

    Raises:
        NotFound: ``batch_unknown``.
        Forbidden: ``batch_own``.
        Conflict: ``batch_withdrawn``; ``batch_stale``: a line or card has changed, withdraw it and make another.
    """
    people.lock_project(db, project_id)
    batch = held.batch(db, project_id, batch_id)
    if batch.made_by == by:
        raise Forbidden("batch_own")
    if batch.state == "withdrawn":
        raise Conflict("batch_withdrawn")
    if batch.state == "made":
        _check_still_due(db, project_id, batch)
        held.add_act(db, batch_id, act="approved", by=by, now=now)
        _journal(db, now, by, "batch.approved", project_id, f"payment_batch:{batch_id}")
    return held.batch(db, project_id, batch_id)


def withdraw_batch(db: Session, *, project_id: int, batch_id: int, by: str, now: datetime) -> BatchInfo:
    """Take a batch back before it is sent; its lines can go in another.

    Raises:
        NotFound: ``batch_unknown``.
        Conflict: ``batch_sent`` already.
    """
    people.lock_project(db, project_id)
    batch = held.batch(db, project_id, batch_id)
    if batch.state == "sent":
        raise Conflict("batch_sent")
    if held.add_act(db, batch_id, act="withdrawn", by=by, now=now):
        _journal(db, now, by, "batch.withdrawn", project_id, f"payment_batch:{batch_id}")
    return held.batch(db, project_id, batch_id)


def send_batch(db: Session, *, project_id: int, batch_id: int, by: str, now: datetime) -> BatchInfo:
    """Say that the file went to the bank; the money is in transit (代发在途) from now on.

    Raises:
        NotFound: ``batch_unknown``.
        Conflict: ``batch_not_approved``, ``batch_withdrawn``; ``batch_stale``; ``batch_short``: the account does not hold
            that much.
    """
    project = people.project(db, project_id)
    people.lock_project(db, project_id)
    batch = held.batch(db, project_id, batch_id)
    if batch.state == "withdrawn":
        raise Conflict("batch_withdrawn")
    if batch.state == "made":
        raise Conflict("batch_not_approved")
    if batch.state == "sent":
        return batch
    _check_still_due(db, project_id, batch)
    there = ledger.balance(db, f"special_account:s{batch.special_account_id}")
    on_the_way = -ledger.balance(db, f"transit:s{batch.special_account_id}")
    if there - on_the_way < batch.total_fen:
        raise Conflict("batch_short", short_fen=batch.total_fen - (there - on_the_way))
    held.add_act(db, batch_id, act="sent", by=by, now=now)
    month = ledger.post_month(db, project_id, now)
    ledger.post_sent_items(db, [_sent(item, project.id, month) for item in held.items(db, batch_id)], by=by, now=now)
    _journal(db, now, by, "batch.sent", project_id, f"payment_batch:{batch_id}")
    return held.batch(db, project_id, batch_id)


def _sent(item: ItemInfo, project_id: int, month: date) -> SentItem:
    return SentItem(
        item_id=item.id,
        project_id=project_id,
        special_account_id=item.special_account_id,
        project_company_id=item.project_company_id,
        engagement_id=item.engagement_id,
        post_month=month,
        origin_month=item.origin_month,
        amount_fen=item.amount_fen,
        on_behalf_of=item.on_behalf_of,
    )


def batch_file(db: Session, vault: Vault, *, project_id: int, batch_id: int, by: str, now: datetime) -> tuple[str, bytes]:
    """Return (file name, bytes) of a batch that was sent, byte for byte as it was made. Taking it is journalled.

    Raises:
        NotFound: ``batch_unknown``.
        Conflict: ``batch_withdrawn``; ``batch_not_sent``: until then it can be withdrawn, and must be nowhere else.
    """
    batch = held.batch(db, project_id, batch_id)
    if batch.state == "withdrawn":
        raise Conflict("batch_withdrawn")
    if batch.state != "sent":
        raise Conflict("batch_not_sent")
    content = vault.open(held.batch_file(db, batch_id), table="payment_batch", column="file_sealed", owner=batch.batch_no)
    if sha256(content).hexdigest() != batch.file_sha256:
        raise Conflict("batch_file_changed")
    _journal(db, now, by, "batch.file_taken", project_id, f"payment_batch:{batch_id}")
    template = _template(db, batch.template_id, "batch")
    return f"{batch.batch_no}.{'xlsx' if template.workbook else 'csv' if template.delimiter == ',' else 'txt'}", content


def answer_form(
    db: Session, vault: Vault, *, project_id: int, batch_id: int, template_id: int,
    write: Callable[[Sequence[files.Row], files.Template], bytes], by: str, now: datetime,
) -> tuple[str, bytes]:  # fmt: skip
    """Return (file name, xlsx) of an empty return file (回盘) of a batch that was sent, for a bank that answers on paper.

    Filled in, it is taken in with the same template. Taking it is journalled: it has the cards' numbers.

    Args:
        write: makes the workbook (``forms.bank.answer_workbook``).

    Raises:
        NotFound: ``batch_unknown``, ``template_unknown``.
        Unusable: ``template_use_wrong``; ``template_without_header``.
        Conflict: ``batch_withdrawn``, ``batch_not_sent``.
    """
    batch = held.batch(db, project_id, batch_id)
    template = _template(db, template_id, "return")
    if not template.header:
        raise Unusable("template_without_header")
    if batch.state == "withdrawn":
        raise Conflict("batch_withdrawn")
    if batch.state != "sent":
        raise Conflict("batch_not_sent")
    rows = []
    for item in held.items(db, batch_id):
        card = held.card(db, item.card_id)
        digits = vault.open(card.number_sealed, table="bank_card", column="number_sealed", owner=f"{card.worker_id}:{card.number_index}").decode()
        reference = f"{batch.batch_no}-{item.seq:04d}"
        rows.append(files.Row(item.seq, files.tidy_name(card.holder_name), digits, card.bank_name, card.bank_code or "", item.amount_fen, reference))
    _journal(db, now, by, "batch.answer_form_taken", project_id, f"payment_batch:{batch_id}")
    return f"{batch.batch_no}-answer.xlsx", write(rows, template)


# --- results ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Results:
    """What a return file did."""

    rows_total: int
    arrived: int
    failed: int
    returned: int
    known: int
    """Rows that said what was known already."""
    faults: tuple[files.Fault, ...]
    """Rows that were left out, each with its reason."""


def import_results(
    db: Session,
    *,
    project_id: int,
    batch_id: int,
    template_id: int,
    content: bytes,
    read_workbook: Callable[[bytes], Sequence[Sequence[Any]]] | None = None,
    by: str,
    now: datetime,
) -> Results:
    """Take in the bank's return file of a batch. Good rows count, the others are named; the same file again does nothing.

    A row finds its transfer by its reference. A bank that does not repeat the reference is followed by the number in the
    batch, and then the name must be the worker's and the file no other batch's. The amount must agree. Money that failed
    or came back is owed again at once.

    Files may come in any order and in any number: money that came back did arrive before, also when the bank's word of
    that comes later or never.

    Args:
        read_workbook: makes cells of an xlsx file, for a template that is one.

    Raises:
        NotFound: ``batch_unknown``, ``template_unknown``.
        Conflict: ``batch_not_sent``.
        Unusable: ``template_use_wrong``, ``template_workbook``, ``file_too_large``.
    """
    project = people.project(db, project_id)
    people.lock_project(db, project_id)
    batch = held.batch(db, project_id, batch_id)
    template = _template(db, template_id, "return")
    if batch.state != "sent":
        raise Conflict("batch_not_sent")
    parsed = _parsed(content, template, read_workbook)
    items = {item.seq: item for item in held.items(db, batch_id)}
    sent_at = next(act.at for act in batch.acts if act.act == "sent")
    taking = _Taking(
        db=db,
        project_id=project_id,
        batch=batch,
        items=items,
        names=held.names(db, {item.worker_id for item in items.values()}),
        digest=(digest := sha256(content).hexdigest()),
        of_another=held.file_of_another(db, digest, batch_id),
        month=ledger.post_month(db, project_id, now),
        sent_on=project_today(project.time_zone, sent_at),
        today=project_today(project.time_zone, now),
        by=by,
        now=now,
    )
    faults = list(parsed.faults)
    for record in parsed.records:
        code = taking.take(record)
        if code is not None:
            faults.append(files.Fault(record.row, "", code))
    ledger.post_results(db, taking.postings, by=by, now=now)
    faults.sort(key=lambda fault: fault.row)
    counts = taking.counts
    _journal(
        db, now, by, "batch.results", project_id, f"payment_batch:{batch_id}", sha256=digest,
        arrived=counts["success"], failed=counts["failed"], returned=counts["returned"], faults=len(faults),
    )  # fmt: skip
    _match(db, held.account(db, project_id, batch.special_account_id), by, now)
    return Results(
        len(parsed.records) + len({f.row for f in parsed.faults}), counts["success"], counts["failed"], counts["returned"],
        counts["known"], tuple(faults),
    )  # fmt: skip


@dataclass
class _Taking:
    """One return file on its way into the books."""

    db: Session
    project_id: int
    batch: BatchInfo
    items: dict[int, ItemInfo]
    """By number; replaced as the bank's word comes in."""
    names: Mapping[int, str] = field(repr=False)
    digest: str
    of_another: bool
    month: date
    sent_on: date
    today: date
    by: str
    now: datetime
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    postings: list[tuple[SentItem, int, str]] = field(default_factory=list)
    """(transfer, result, status), for the ledger, all at once."""

    def take(self, record: files.Record) -> str | None:
        """Take in one row; the stable code of what is wrong with it, or None."""
        found = self._item_of(record)
        if isinstance(found, str):
            return found
        item, values = found, record.values
        if values["amount"] != item.amount_fen:
            return "result_amount_differs"
        status, reference = values["status"], values.get("bank_ref") or None
        known = {said: ref for said, _, _, _, ref in item.results}
        if status in known:
            if status == "success" and reference and known["success"] and reference not in known.values():
                # The bank names two transfers for one: perhaps it paid twice.
                return "result_ref_differs"
            self.counts["known"] += 1
            return None
        if {status, *known} == {"failed", "success", "returned"} or {status, *known} == {"failed", "returned"}:
            # Failed and returned say the same: he does not have it.
            self.counts["known"] += 1
            return None
        if {status, *known} == {"failed", "success"}:
            return "result_contradicts"
        happened_on = values.get("happened_on") or self.today
        if happened_on > self.today:
            return "date_in_future"
        if happened_on < self.sent_on:
            return "result_before_sent"
        used = held.bank_ref_item(self.db, reference) if reference else None
        if used is not None and used != item.id:
            return "bank_ref_used"
        if status == "returned" and "success" not in known:
            self._add(item.seq, "success", None, None, happened_on)
        code = None if status == "success" else values.get("reason") or "other"
        self._add(item.seq, status, code, reference if used is None else None, happened_on)
        self.counts[status] += 1
        return None

    def _item_of(self, record: files.Record) -> ItemInfo | str:
        reference = record.values.get("reference")
        if reference:
            head, _, number = reference.rpartition("-")
            plain = number.isascii() and number.isdigit() and len(number) < 10
            item = self.items.get(int(number)) if head == self.batch.batch_no and plain else None
            return item or "result_item_unknown"
        seq = record.values.get("seq")
        item = self.items.get(seq) if seq is not None else None
        if item is None:
            return "result_item_unknown"
        if self.of_another:
            return "file_of_another_batch"
        payee = record.values.get("payee_name")
        if payee and files.tidy_name(payee) != files.tidy_name(self.names[item.worker_id]):
            return "result_name_differs"
        return item

    def _add(self, seq: int, status: str, code: str | None, reference: str | None, happened_on: date) -> None:
        item = self.items[seq]
        result_id = held.add_result(
            self.db, item_id=item.id, status=status, code=code, bank_ref=reference, happened_on=happened_on,
            file_sha256=self.digest, recorded_by=self.by, recorded_at=self.now,
        )  # fmt: skip
        self.postings.append((_sent(item, self.project_id, self.month), result_id, status))
        payment = {
            "project_id": self.project_id, "worker_id": item.worker_id, "for_month": item.origin_month, "channel": "account",
            "item_id": item.id, "recorded_by": self.by, "now": self.now,
        }  # fmt: skip
        if status == "success":
            money.add_payment(
                self.db, **payment, amount_fen=item.amount_fen, paid_on=happened_on,
                reference=f"{item.batch_no}-{item.seq:04d}", reverses_id=None, idempotency_key=f"item:{item.id}",
            )  # fmt: skip
        elif status == "returned":
            first = money.payment_of_item(self.db, self.project_id, item.id)
            money.add_payment(
                self.db, **payment, amount_fen=-item.amount_fen, paid_on=max(happened_on, first.paid_on), reference=None,
                reverses_id=first.id, idempotency_key=f"item:{item.id}:returned",
            )  # fmt: skip
        self.items[seq] = replace(item, results=(*item.results, (status, code, happened_on, result_id, reference)))


# --- statement -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatementReport:
    """What a statement file did."""

    rows_total: int
    written: int
    known: int
    matched: int
    faults: tuple[files.Fault, ...]


def import_statement(
    db: Session,
    vault: Vault,
    *,
    project_id: int,
    template_id: int,
    content: bytes,
    read_workbook: Callable[[bytes], Sequence[Sequence[Any]]] | None = None,
    by: str,
    now: datetime,
) -> StatementReport:
    """Take in the special account's statement: all of it or nothing, so that the chain of balances has no hole.

    Lines that are there already are left alone; the new ones must continue the balance (``domain.statement.take_in``).

    Args:
        read_workbook: makes cells of an xlsx file, for a template that is one.

    Raises:
        NotFound: ``special_account_missing``, ``template_unknown``.
        Unusable: ``template_use_wrong``, ``template_workbook``, ``file_too_large``.
    """
    people.lock_project(db, project_id)
    live = _live(db, project_id)
    template = _template(db, template_id, "statement")
    parsed = _parsed(content, template, read_workbook)
    today = project_today(people.project(db, project_id).time_zone, now)
    said = {record.row: record.values for record in parsed.records}
    there = [_line(line) for line in held.statement(db, live.id)]
    printed = [
        rules.Line(row, v["bank_txn_id"], v["booked_on"], v["amount"], v["balance_after"]) for row, v in said.items()
    ]
    found = rules.take_in(printed, there, live.opening_fen)
    faults = [*parsed.faults]
    if not parsed.faults:
        # With a row missing the chain is broken anyway; the row is what is wrong.
        faults += [files.Fault(row, "", code) for row, code in found.faults]
        faults += [files.Fault(line.id, "", "date_in_future") for line in found.fresh if line.booked_on > today]
    rows_total = len(said) + len({fault.row for fault in parsed.faults})
    if faults:
        faults.sort(key=lambda fault: fault.row)
        return StatementReport(rows_total, 0, found.known, 0, tuple(faults))
    digest = sha256(content).hexdigest()
    memos: dict[str, str] = {}
    for seq, line in enumerate(found.fresh, len(there) + 1):
        values = said[line.id]
        memos[line.bank_txn_id] = memo = values.get("memo") or ""
        digits = files.card_digits(values.get("counterparty_number") or "")
        held.add_statement_line(
            db,
            special_account_id=live.id,
            seq=seq,
            bank_txn_id=line.bank_txn_id,
            booked_on=line.booked_on,
            amount_fen=line.amount_fen,
            balance_after_fen=line.balance_after_fen,
            counterparty=files.masked(values.get("counterparty_name") or "")[:100] or None,
            counterparty_last4=digits[-4:] if digits else None,
            counterparty_index=vault.index("bank_card", digits) if digits else None,
            memo=files.masked(memo),
            file_sha256=digest,
            recorded_by=by,
            recorded_at=now,
        )
    matched = _match(db, live, by, now, memos)
    _journal(
        db, now, by, "statement.imported", project_id, f"special_account:{live.id}", sha256=digest, lines=len(found.fresh),
        matched=matched,
    )  # fmt: skip
    return StatementReport(rows_total, len(found.fresh), found.known, matched, ())


def _line(line: StatementInfo, memo: str | None = None) -> rules.Line:
    return rules.Line(
        line.id, line.bank_txn_id, line.booked_on, line.amount_fen, line.balance_after_fen, line.counterparty_index,
        line.memo if memo is None else memo,
    )  # fmt: skip


def _documents(db: Session, live: AccountInfo, moved: Sequence[Any] | None = None) -> list[rules.Document]:
    """Everything of ours that moved money in the account; whole batches too, for banks that book them in one sum.

    Args:
        moved: of the transfers that arrived or came back only these, as ``store.bank.settled`` has them.
    """
    moved = held.settled(db, live.id) if moved is None else moved
    indexes = held.card_indexes(db, [row[5] for row in moved])
    found = [
        rules.Document("item_result", id_, on, fen if status == "returned" else -fen, ref, frozenset({indexes[card]}))
        for id_, status, on, fen, ref, card, _ in moved
    ]
    found += [
        rules.Document("funding_receipt", r.id, r.received_on, r.amount_fen, r.reference) for r in held.receipts(db, live.id)
    ]
    advances = held.account_advances(db, live.project_id)
    of_worker = held.worker_indexes(db, {row[4] for row in advances})
    found += [
        rules.Document("advance", id_, on, -fen, reference, of_worker.get(worker_id, frozenset()))
        for id_, on, fen, reference, worker_id in advances
    ]
    zone = people.project(db, live.project_id).time_zone
    for batch_id, batch_no, at, total, failed in held.sent_sums(db, live.id):
        found.append(rules.Document("batch", batch_id, project_today(zone, at), -total, batch_no))
        if failed:
            found.append(rules.Document("batch_return", batch_id, project_today(zone, at), failed, batch_no))
    return found


def _match(
    db: Session, live: AccountInfo, by: str, now: datetime, memos: Mapping[str, str] | None = None
) -> int:
    """Match the lines nobody has said anything about; return how many found their document.

    Args:
        memos: the bank's number -> the memo before card numbers were taken out.
    """
    lines = held.statement(db, live.id)
    open_ = [_line(x, (memos or {}).get(x.bank_txn_id)) for x in lines if x.kind is None]
    if not open_:
        return 0
    used = {(line.kind, line.document_id) for line in lines if line.document_id is not None}
    found = rules.match(open_, [d for d in _documents(db, live) if (d.kind, d.id) not in used])
    for line_id, document in sorted(found.items()):
        held.add_match(db, statement_line_id=line_id, kind=document.kind, document_id=document.id, by=by, now=now)
    own = {line.id: kind for line in open_ if line.id not in found and (kind := rules.own(line, FEE_FEN_MAX)) is not None}
    for line_id, kind in sorted(own.items()):
        held.add_match(db, statement_line_id=line_id, kind=kind, document_id=None, by=by, now=now)
    if own:
        _post_own(db, live, by, now)
    return len(found) + len(own)


def _post_own(db: Session, live: AccountInfo, by: str, now: datetime) -> None:
    project = people.project(db, live.project_id)
    ledger.post_bank_own(db, project.id, live.id, lambda on: fee_bearer(db, project, live, on), by=by, now=now)


def set_match(
    db: Session, *, project_id: int, line_id: int, kind: str, document_id: int | None = None, by: str, now: datetime
) -> None:
    """Say what a statement line was. A document must fit its amount and be no other line's.

    Raises:
        NotFound: ``statement_line_unknown``, ``document_unknown``.
        Unusable: ``match_kind_unknown``, ``match_amount_differs``; ``match_sign_wrong``: a fee goes out, interest and a fee
            given back come in; ``match_fee_too_large``.
        Conflict: ``document_matched``; ``fee_bearer_missing``; ``period_closed``.
    """
    people.lock_project(db, project_id)
    live = _live(db, project_id)
    if kind not in MATCH_KINDS:
        raise Unusable("match_kind_unknown")
    lines = {line.id: line for line in held.statement(db, live.id)}
    line = lines.get(line_id)
    if line is None:
        raise NotFound("statement_line_unknown")
    if kind in OWN_KINDS or kind == "unknown":
        document_id = None
        if kind in OWN_KINDS and (kind == "fee") != (line.amount_fen < 0):
            raise Unusable("match_sign_wrong")
        if kind in ("fee", "fee_refund") and abs(line.amount_fen) > FEE_FEN_MAX:
            raise Unusable("match_fee_too_large", limit=FEE_FEN_MAX // 100)
    else:
        document = next((d for d in _documents(db, live) if (d.kind, d.id) == (kind, document_id)), None)
        if document is None:
            raise NotFound("document_unknown")
        if document.amount_fen != line.amount_fen:
            raise Unusable("match_amount_differs")
        if any((x.kind, x.document_id) == (kind, document_id) for x in lines.values() if x.id != line_id):
            raise Conflict("document_matched")
    if (line.kind, line.document_id) == (kind, document_id):
        return
    held.add_match(db, statement_line_id=line_id, kind=kind, document_id=document_id, by=by, now=now)
    _post_own(db, live, by, now)
    _journal(db, now, by, "statement.matched", project_id, f"statement_line:{line_id}", kind=kind)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The special account on a day: what the bank says, what the ledger says, and what lies between."""

    account: AccountInfo
    as_of: date
    statement_on: date | None
    """Of the last line up to that day; None before a statement was imported."""
    statement_fen: int | None
    own_fen: int
    """Interest less fees on the statement up to that line."""
    ledger_fen: int
    """By documents dated up to ``as_of``."""
    ledger_then_fen: int
    """As of the last line up to that day (``store.ledger.balance_at``)."""
    transit_fen: int
    """Sent and not answered on that day."""
    unmatched: tuple[StatementInfo, ...]
    """Lines nobody knows; money that went out to nobody we know first."""
    not_on_statement: tuple[rules.Document, ...]
    """Documents of ours up to the statement's last day that the bank does not show."""
    outside: tuple[Payment, ...]
    """Wages paid outside the account up to that day, with their reversals."""

    @property
    def difference_fen(self) -> int | None:
        """Statement less ledger as of the statement's last line; None before there is a statement."""
        return None if self.statement_fen is None else self.statement_fen - self.ledger_then_fen

    @property
    def outside_fen(self) -> int:
        """Wages paid outside the account, all in all."""
        return sum(payment.amount_fen for payment in self.outside)

    @property
    def to_nobody(self) -> tuple[StatementInfo, ...]:
        """Money that went out to nobody we know."""
        return tuple(line for line in self.unmatched if line.amount_fen < 0)


def reconcile(db: Session, project_id: int, now: datetime, *, as_of: date | None = None) -> Reconciliation:
    """Set the statement against the ledger.

    Args:
        as_of: the project's date it is for; None for today.

    Raises:
        NotFound: ``project_unknown``, ``special_account_missing``.
    """
    project = people.project(db, project_id)
    live = _live(db, project_id)
    as_of = as_of or project_today(project.time_zone, now)
    return kept(db, project_id, ("reconciled", live.id, as_of), lambda: _reconciled(db, project, live, as_of))


def _reconciled(db: Session, project: people.ProjectInfo, live: AccountInfo, as_of: date) -> Reconciliation:
    """Of today, when nothing is dated later: of a year's lines and transfers the database gives those that do not meet."""
    sent = standings(db, project.id)
    receipts, advances = held.receipts(db, live.id), held.account_advances(db, project.id)
    dated = [each.answered_on for of in sent.values() for each in of if each.answered_on is not None]
    dated += [r.received_on for r in receipts] + [row[1] for row in advances]
    ends, _ = held.statement_end(db, live.id, 1)
    if max([*dated, *(line.booked_on for line in ends)], default=as_of) > as_of:
        return _reconciled_then(db, project, live, as_of)
    last = ends[0] if ends else None
    shown = held.shown(db, live.id)
    batches = {id_ for kind, id_ in shown if kind == "batch"}
    loose = held.unshown(db, live.id, batches)
    open_ = held.open_statement(db, live.id)
    there = ledger.balance(db, f"special_account:s{live.id}")
    then = there
    if last is not None:
        # What is dated on the statement's last day, or later, and is no line of it: there only while a line of its amount is left.
        free = Counter(line.amount_fen for line in open_ if line.kind is None and line.booked_on == last.booked_on)
        late = {
            "item_result": {row[0]: row[2] for row in loose},
            "funding_receipt": {r.id: r.received_on for r in receipts if ("funding_receipt", r.id) not in shown},
            "advance": {row[0]: row[1] for row in advances if ("advance", row[0]) not in shown},
        }
        for kind, days in late.items():
            for id_, fen in books.legs_of(db, live.id, kind, [id_ for id_, on in days.items() if on >= last.booked_on]).items():
                if days[id_] == last.booked_on and free[fen] > 0:
                    free[fen] -= 1
                else:
                    then -= fen
        # A batch in one sum is there whole, and what failed of it when that has come back.
        then -= books.within_sums(db, live.id, batches)
        for batch_id in batches:
            then -= sum(each.fen for each in sent[batch_id])
            then += sum(each.fen for each in sent[batch_id] if each.state == "failed") if ("batch_return", batch_id) in shown else 0
    sent_on = {b.id: project_today(project.time_zone, act.at) for b in held.batches(db, project.id) for act in b.acts if act.act == "sent" and b.special_account_id == live.id}
    return Reconciliation(
        account=live,
        as_of=as_of,
        statement_on=None if last is None else last.booked_on,
        statement_fen=None if last is None else last.balance_after_fen,
        own_fen=sum(fen for _, _, fen, _ in books.bank_own(db, live.id)),
        ledger_fen=there,
        ledger_then_fen=then,
        transit_fen=sum(each.fen for id_, on in sent_on.items() if on <= as_of for each in sent.get(id_, ()) if each.state == "pending"),
        unmatched=tuple(sorted(open_, key=lambda line: (line.amount_fen > 0, line.seq))),
        not_on_statement=() if last is None else _not_shown(_documents(db, live, loose), shown, last.booked_on),
        outside=_outside(db, project.id, as_of),
    )


def _outside(db: Session, project_id: int, as_of: date) -> tuple[Payment, ...]:
    return tuple(p for p in money.payments(db, project_id, beside=True) if p.paid_on <= as_of)


def _reconciled_then(db: Session, project: people.ProjectInfo, live: AccountInfo, as_of: date) -> Reconciliation:
    """As of any day, from every line and transfer."""
    every = held.statement(db, live.id)
    lines = [line for line in every if line.booked_on <= as_of]
    last = lines[-1] if lines else None
    used = {(line.kind, line.document_id) for line in every if line.document_id is not None}
    unmatched = [line for line in lines if line.kind is None or line.kind == "unknown"]
    unmatched.sort(key=lambda line: (line.amount_fen > 0, line.seq))
    return Reconciliation(
        account=live,
        as_of=as_of,
        statement_on=None if last is None else last.booked_on,
        statement_fen=None if last is None else last.balance_after_fen,
        own_fen=sum(line.amount_fen for line in lines if line.kind in OWN_KINDS),
        ledger_fen=books.balance_on(db, live.id, as_of),
        ledger_then_fen=books.balance_on(db, live.id, as_of) if last is None else books.balance_at(db, live.id, last.seq),
        transit_fen=_transit(db, live, project.time_zone, as_of),
        unmatched=tuple(unmatched),
        not_on_statement=() if last is None else _not_shown(_apart(db, live, used), used, last.booked_on),
        outside=_outside(db, project.id, as_of),
    )


def _transit(db: Session, live: AccountInfo, zone: str, as_of: date) -> int:
    return sum(
        fen
        for sent_at, answered_on, fen in held.in_transit(db, live.id)
        if project_today(zone, sent_at) <= as_of and (answered_on is None or answered_on > as_of)
    )


def _apart(db: Session, live: AccountInfo, used: Collection[tuple[str | None, int | None]]) -> list[rules.Document]:
    """All documents; transfers of a batch booked in one sum are in that sum."""
    moved = held.settled(db, live.id)
    return _documents(db, live, [row for row in moved if not (row[1] == "success" and ("batch", row[6]) in used)])


def _not_shown(documents: Sequence[rules.Document], used: Collection[tuple[str | None, int | None]], on: date) -> tuple[rules.Document, ...]:
    """Documents up to a day that no line was matched with."""
    return tuple(
        d
        for d in documents
        if (d.kind, d.id) not in used
        and d.on <= on
        and not (d.kind == "batch" or (d.kind == "batch_return" and ("batch", d.id) not in used))
    )


# --- voiding ---------------------------------------------------------------------------------------------------

VOIDABLE = ("bank_card", "funding_plan", "special_account")


def void(
    db: Session, *, project_id: int, kind: str, row_id: int, reason: str, by: str, now: datetime
) -> None:
    """Void a card, a line of the funding plan, or an account that was a mistake. The row stays.

    Args:
        kind: one of ``VOIDABLE``.

    Raises:
        NotFound: ``paper_unknown`` on this project.
        Unusable: ``paper_kind_unknown``; the reason is missing or too long.
        Conflict: ``row_voided`` already; ``card_in_batch``: withdraw or send the batch first; ``account_used``: money
            moved on it.
    """
    people.lock_project(db, project_id)
    people.project(db, project_id)
    if kind not in VOIDABLE:
        raise Unusable("paper_kind_unknown")
    reason = check_text(reason, "reason", NOTE_MAX)
    live = held.live_account(db, project_id)
    if kind == "bank_card":
        try:
            card = held.card(db, row_id)
        except NotFound:
            raise NotFound("paper_unknown") from None
        if not people.engagements_of(db, project_id, card.worker_id):
            raise NotFound("paper_unknown")
        if held.card_waits(db, row_id):
            raise Conflict("card_in_batch")
    elif kind == "funding_plan":
        if live is None or row_id not in {plan.id for plan in held.plans(db, live.id)}:
            raise NotFound("paper_unknown")
    else:
        if live is None or live.id != row_id:
            raise NotFound("paper_unknown")
        if held.account_used(db, row_id) or held.account_advances(db, project_id):
            raise Conflict("account_used")
    terms.void(db, kind, row_id, reason, by, now)
    if kind == "special_account":
        ledger.reverse_opening(db, row_id, by=by, now=now)
    _journal(db, now, by, f"{kind}.voided", project_id, f"{kind}:{row_id}")


# --- small -----------------------------------------------------------------------------------------------------


def _live(db: Session, project_id: int) -> AccountInfo:
    people.project(db, project_id)
    live = held.live_account(db, project_id)
    if live is None:
        raise NotFound("special_account_missing")
    return live


def _check_amount(fen: Any, least: int = 1) -> None:
    if type(fen) is not int or not least <= fen < AMOUNT_FEN_LIMIT:
        raise Unusable("amount_wrong", limit_fen=AMOUNT_FEN_LIMIT)


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int | None, what: str, **facts: Any) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=what, facts=facts)

