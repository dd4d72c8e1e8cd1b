"""Accounts, their roles, sign-ins, and the journal of who did or saw what."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.store import append, insert_or_leave
from app.store import journal as chain
from app.tables import Account, JournalEntry, Membership, SignIn, SignInAttempt, SignInCode


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """A person who signs in."""

    id: int
    login: str
    name: str
    password_hash: str
    language: str
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"AccountInfo(id={self.id})"


@dataclass(frozen=True, slots=True)
class MembershipInfo:
    """One role of an account."""

    id: int
    account_id: int
    role: str
    project_id: int | None
    area_code: str | None
    project_company_id: int | None
    team_id: int | None
    worker_id: int | None = None


@dataclass(frozen=True, slots=True)
class JournalLine:
    """Something somebody did or saw."""

    id: int
    at: datetime
    actor: str
    action: str
    project_id: int | None
    object: str
    facts: dict[str, Any]


_ACCOUNT = [Account.__table__.c[name] for name in AccountInfo.__slots__]


def add_account(
    db: Session, *, login: str, name: str, password_hash: str, language: str = "zh", now: datetime
) -> int:
    """Add an account and return its id.

    Raises:
        Conflict: ``login_taken``.
    """
    new = insert_or_leave(
        db,
        Account.__table__,
        login=login,
        name=name,
        password_hash=password_hash,
        language=language,
        created_at=now,
    )
    if not new:
        raise Conflict("login_taken")
    return db.execute(select(Account.id).where(Account.login == login)).scalar_one()


def any_account(db: Session) -> bool:
    """Say whether anybody can sign in yet."""
    return db.execute(select(Account.id).limit(1)).first() is not None


def account_by_login(db: Session, login: str) -> AccountInfo | None:
    """Return the account with this login."""
    row = db.execute(select(*_ACCOUNT).where(Account.login == login)).first()
    return None if row is None else AccountInfo(*row)


def account(db: Session, account_id: int) -> AccountInfo | None:
    """Return an account."""
    row = db.execute(select(*_ACCOUNT).where(Account.id == account_id)).first()
    return None if row is None else AccountInfo(*row)


def accounts(db: Session) -> list[AccountInfo]:
    """Return all accounts by login."""
    return [AccountInfo(*row) for row in db.execute(select(*_ACCOUNT).order_by(Account.login))]


def names(db: Session, logins: Collection[str]) -> dict[str, str]:
    """Return login -> name of those there are; the command line is nobody's."""
    return dict(row for row in db.execute(select(Account.login, Account.name).where(Account.login.in_(logins))))


def set_password(db: Session, account_id: int, password_hash: str) -> None:
    """Replace an account's password hash."""
    db.execute(update(Account.__table__).where(Account.id == account_id).values(password_hash=password_hash))


def set_language(db: Session, account_id: int, language: str) -> None:
    """Remember the language an account reads."""
    db.execute(update(Account.__table__).where(Account.id == account_id).values(language=language))


def disable_account(db: Session, account_id: int, now: datetime) -> None:
    """Let an account sign in no more, and end its sessions."""
    db.execute(
        update(Account.__table__)
        .where(Account.id == account_id, Account.disabled_at.is_(None))
        .values(disabled_at=now)
    )
    revoke_sign_ins(db, account_id, now)


def enable_account(db: Session, account_id: int) -> None:
    """Let an account sign in again."""
    db.execute(update(Account.__table__).where(Account.id == account_id).values(disabled_at=None))


def add_membership(
    db: Session,
    *,
    account_id: int,
    role: str,
    project_id: int | None = None,
    area_code: str | None = None,
    project_company_id: int | None = None,
    team_id: int | None = None,
    worker_id: int | None = None,
) -> int:
    """Give an account a role; the same role again is the one it has. Returns its id."""
    # Looked up first: in a unique key two missing values are not the same.
    held = (
        select(Membership.id)
        .where(
            Membership.account_id == account_id,
            Membership.role == str(role),
            Membership.project_id.is_not_distinct_from(project_id),
            Membership.area_code.is_not_distinct_from(area_code),
            Membership.project_company_id.is_not_distinct_from(project_company_id),
            Membership.team_id.is_not_distinct_from(team_id),
            Membership.worker_id.is_not_distinct_from(worker_id),
        )
        .limit(1)
    )
    found = db.execute(held).scalar()
    if found is not None:
        return found
    return append(
        db,
        Membership.__table__,
        account_id=account_id,
        role=str(role),
        project_id=project_id,
        area_code=area_code,
        project_company_id=project_company_id,
        team_id=team_id,
        worker_id=worker_id,
    )


def memberships(db: Session, account_id: int) -> list[MembershipInfo]:
    """Return the roles of an account."""
    columns = [Membership.__table__.c[name] for name in MembershipInfo.__slots__]
    rows = db.execute(select(*columns).where(Membership.account_id == account_id).order_by(Membership.id))
    return [MembershipInfo(*row) for row in rows]


def reaching(db: Session, project_id: int, area_code: str) -> list[tuple[AccountInfo, MembershipInfo]]:
    """Return who can reach a project as staff or as a bureau, by login: accounts that are not disabled, with the role.

    Workers are not in it: each of them reaches himself.
    """
    held = [Membership.__table__.c[name] for name in MembershipInfo.__slots__]
    wanted = (
        select(*_ACCOUNT, *held)
        .join_from(Membership.__table__, Account.__table__, Account.__table__.c.id == Membership.__table__.c.account_id)
        .where(Account.disabled_at.is_(None), Membership.worker_id.is_(None))
        .order_by(Account.login, Membership.id)
    )
    of = len(_ACCOUNT)
    found = [(AccountInfo(*row[:of]), MembershipInfo(*row[of:])) for row in db.execute(wanted)]
    return [
        (account, m)
        for account, m in found
        if m.project_id == project_id or (m.project_id is None and (not m.area_code or area_code.startswith(m.area_code)))
    ]


def workers_of(db: Session, project_id: int) -> int:
    """Return how many workers of a project have signed in to see what is theirs."""
    wanted = select(func.count(Membership.account_id.distinct())).where(
        Membership.project_id == project_id, Membership.worker_id.is_not(None)
    )
    return db.execute(wanted).scalar_one()


def enabled_with(db: Session, role: str) -> set[int]:
    """Return the accounts that are not disabled and hold a role, locked until the transaction ends."""
    wanted = (
        select(Account.id)
        .join(Membership, Membership.account_id == Account.id)
        .where(Membership.role == str(role), Account.disabled_at.is_(None))
        .order_by(Account.id)
        .with_for_update()
    )
    return set(db.execute(wanted).scalars())


def remove_membership(db: Session, membership_id: int) -> None:
    """Take a role back."""
    db.execute(delete(Membership.__table__).where(Membership.id == membership_id))


# --- sign-ins ----------------------------------------------------------------------------------------------


def add_sign_in(
    db: Session, *, token_sha256: str, account_id: int, now: datetime, expires_at: datetime, address: str = "", agent: str = "",
    second: bool = False, code_by: str | None = None,
) -> None:  # fmt: skip
    """Begin a session; only the hash of its token is kept."""
    db.execute(
        insert(SignIn.__table__).values(
            token_sha256=token_sha256, account_id=account_id, created_at=now, expires_at=expires_at, seen_at=now,
            address=address[:64], agent=agent[:200], second=second, code_by=code_by,
        )
    )  # fmt: skip


def session(db: Session, token_sha256: str) -> tuple[datetime, str | None] | None:
    """Return (when a session began, who made the code it began with)."""
    row = db.execute(select(SignIn.created_at, SignIn.code_by).where(SignIn.token_sha256 == token_sha256)).first()
    return None if row is None else (row.created_at, row.code_by)


def sessions_alive(db: Session, account_id: int, now: datetime) -> int:
    """Return how many sessions of an account are neither over nor ended."""
    wanted = select(func.count()).where(SignIn.account_id == account_id, SignIn.revoked_at.is_(None), SignIn.expires_at > now)
    return db.execute(wanted).scalar_one()


# Built once: asked at every request, where putting a statement together costs more than the rows.
_HELD = [Membership.__table__.c[name] for name in MembershipInfo.__slots__]
_SIGNED_IN = (
    select(*_ACCOUNT, *_HELD, SignIn.__table__.c.second)
    .join_from(SignIn.__table__, Account.__table__, Account.__table__.c.id == SignIn.__table__.c.account_id)
    .outerjoin(Membership.__table__, Membership.__table__.c.account_id == Account.__table__.c.id)
    .where(
        SignIn.__table__.c.token_sha256 == bindparam("token_sha256"),
        SignIn.__table__.c.revoked_at.is_(None),
        SignIn.__table__.c.expires_at > bindparam("now"),
        Account.__table__.c.disabled_at.is_(None),
    )
    .order_by(Membership.__table__.c.id)
)


def signed_in(db: Session, token_sha256: str, now: datetime) -> tuple[AccountInfo, list[MembershipInfo], bool] | None:
    """Return whose session a token is, with his roles and whether it had a second step; None when it expired or was revoked,
    or his account is disabled."""
    rows = db.execute(_SIGNED_IN, {"token_sha256": token_sha256, "now": now}).all()
    if not rows:
        return None
    of = len(_ACCOUNT)
    held = [MembershipInfo(*row[of:-1]) for row in rows if row[of] is not None]
    return AccountInfo(*rows[0][:of]), held, rows[0][-1]


def revoke_sign_in(db: Session, token_sha256: str, now: datetime) -> None:
    """End a session, at once and everywhere."""
    db.execute(
        update(SignIn.__table__)
        .where(SignIn.token_sha256 == token_sha256, SignIn.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_sign_ins(db: Session, account_id: int, now: datetime, *, but: str | None = None) -> int:
    """End every session of an account, save the one whose token has the hash ``but``; return how many."""
    ended = update(SignIn.__table__).where(SignIn.account_id == account_id, SignIn.revoked_at.is_(None))
    if but is not None:
        ended = ended.where(SignIn.token_sha256 != but)
    return db.execute(ended.values(revoked_at=now)).rowcount


def purge_sign_ins(db: Session, before: datetime, known_before: datetime) -> int:
    """Forget sessions that expired and tries that failed before an instant; return how many rows went.

    Args:
        known_before: tries that succeeded are kept until then: they say where a login is known.
    """
    tried = SignInAttempt.__table__
    return sum(
        db.execute(gone).rowcount
        for gone in (
            delete(SignIn.__table__).where(SignIn.expires_at < before),
            delete(tried).where(SignInAttempt.succeeded.is_(False), SignInAttempt.at < before),
            delete(tried).where(SignInAttempt.succeeded.is_(True), SignInAttempt.at < known_before),
        )
    )


def add_attempt(db: Session, *, login_index: str, address: str, succeeded: bool, now: datetime) -> None:
    """Note a try to sign in."""
    append(db, SignInAttempt.__table__, login_index=login_index, address=address, succeeded=succeeded, at=now)


def attempts_failed(db: Session, login_index: str, since: datetime, *, address: str | None = None) -> int:
    """Return the failed tries of a login since an instant, after its last success: from one address or from all."""
    attempt = SignInAttempt
    wanted = [attempt.login_index == login_index, attempt.at >= since]
    if address is not None:
        wanted.append(attempt.address == address)
    last_success = select(func.max(attempt.id)).where(*wanted, attempt.succeeded.is_(True)).scalar_subquery()
    return db.execute(
        select(func.count())
        .select_from(attempt)
        .where(*wanted, attempt.succeeded.is_(False), attempt.id > func.coalesce(last_success, 0))
    ).scalar_one()


def address_failed(db: Session, address: str, since: datetime) -> int:
    """Return the failed tries of an address since an instant, whatever the login.

    Each success outweighs one failure: a try is noted as failed before the password is looked at and as succeeded
    after it.
    """
    weight = case((SignInAttempt.succeeded.is_(True), -1), else_=1)
    wanted = select(func.coalesce(func.sum(weight), 0)).where(SignInAttempt.address == address, SignInAttempt.at >= since)
    return int(db.execute(wanted).scalar_one())


def last_attempt_at(db: Session, login_index: str) -> datetime | None:
    """Return when somebody last tried to sign in with a login."""
    return db.execute(
        select(SignInAttempt.at)
        .where(SignInAttempt.login_index == login_index)
        .order_by(SignInAttempt.at.desc())
        .limit(1)
    ).scalar()


def signed_in_from(db: Session, login_index: str, address: str, since: datetime) -> bool:
    """True when a login has succeeded from an address since an instant."""
    wanted = select(SignInAttempt.id).where(
        SignInAttempt.login_index == login_index,
        SignInAttempt.at >= since,
        SignInAttempt.address == address,
        SignInAttempt.succeeded.is_(True),
    )
    return db.execute(wanted.limit(1)).first() is not None


# --- codes of one use ----------------------------------------------------------------------------------------


def add_code(
    db: Session, *, project_id: int, worker_id: int, code_sha256: str, by: str, now: datetime, expires_at: datetime
) -> int:
    """Keep the hash of a code; those the worker had on the project end."""
    end_codes(db, project_id, worker_id, now)
    return append(
        db, SignInCode.__table__, project_id=project_id, worker_id=worker_id, code_sha256=code_sha256, made_by=by, made_at=now,
        expires_at=expires_at, used_at=None,
    )  # fmt: skip


def end_codes(db: Session, project_id: int, worker_id: int, now: datetime) -> None:
    """Let no code of a worker be used any more."""
    db.execute(
        update(SignInCode.__table__)
        .where(SignInCode.project_id == project_id, SignInCode.worker_id == worker_id, SignInCode.used_at.is_(None))
        .values(used_at=now)
    )


def use_code(db: Session, code_sha256: str, now: datetime) -> tuple[int, int, str] | None:
    """Use a code up; return (project id, worker id, who made it), or None when it is unknown, used or over."""
    used = (
        update(SignInCode.__table__)
        .where(SignInCode.code_sha256 == code_sha256, SignInCode.used_at.is_(None), SignInCode.expires_at > now)
        .values(used_at=now)
        .returning(SignInCode.project_id, SignInCode.worker_id, SignInCode.made_by)
    )
    row = db.execute(used).first()
    return None if row is None else (row.project_id, row.worker_id, row.made_by)


# --- journal -----------------------------------------------------------------------------------------------


def journal(
    db: Session,
    *,
    at: datetime,
    actor: str,
    action: str,
    project_id: int | None,
    object: str,
    facts: dict[str, Any],
) -> None:
    """Append a line: who did or saw what. No personal data in ``facts``. It is chained when the transaction commits."""
    written = append(
        db,
        JournalEntry.__table__,
        at=at,
        actor=actor,
        action=action,
        project_id=project_id,
        object=object,
        facts=facts,
    )
    chain.note(db, written, at)


def journalled(db: Session, *, project_id: int | None, action: str, object: str, since: datetime) -> bool:
    """True when a project's journal has such a line since an instant."""
    wanted = select(JournalEntry.id).where(
        JournalEntry.project_id.is_not_distinct_from(project_id),
        JournalEntry.at >= since,
        JournalEntry.action == action,
        JournalEntry.object == object,
    )
    return db.execute(wanted.limit(1)).first() is not None


def journal_page(
    db: Session,
    project_id: int | None,
    *,
    before: int | None = None,
    actor: str | None = None,
    actions: Collection[str] | None = None,
    but: Collection[str] = (),
    limit: int = 100,
) -> list[JournalLine]:
    """Return lines of a project, or (None) those of no project, newest first.

    Args:
        before: only lines with a lower id.
        actor: only his.
        actions: only these; all for None.
        but: none of these.
    """
    columns = [JournalEntry.__table__.c[name] for name in JournalLine.__slots__]
    wanted = select(*columns).order_by(JournalEntry.id.desc()).limit(limit)
    wanted = wanted.where(JournalEntry.project_id == project_id if project_id is not None else JournalEntry.project_id.is_(None))
    if but:
        wanted = wanted.where(JournalEntry.action.not_in(sorted(but)))
    if before is not None:
        wanted = wanted.where(JournalEntry.id < before)
    if actor is not None:
        wanted = wanted.where(JournalEntry.actor == actor)
    if actions is not None:
        wanted = wanted.where(JournalEntry.action.in_(sorted(actions)))
    return [JournalLine(*row) for row in db.execute(wanted)]


def journal_lines(db: Session, project_id: int | None, limit: int = 100) -> list[JournalLine]:
    """Return the latest lines of a project, or (None) of everything; newest first."""
    columns = [JournalEntry.__table__.c[name] for name in JournalLine.__slots__]
    wanted = select(*columns).order_by(JournalEntry.id.desc()).limit(limit)
    if project_id is not None:
        wanted = wanted.where(JournalEntry.project_id == project_id)
    return [JournalLine(*row) for row in db.execute(wanted)]
