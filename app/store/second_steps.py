"""The second step of a sign-in (两步验证), what waits for one, the sessions somebody has, and what came of each try."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.store import append
from app.tables import Account, RecoveryCode, SecondStep, SignIn, SignInEvent, SignInStep


@dataclass(frozen=True, slots=True)
class StepInfo:
    """The authenticator of an account."""

    account_id: int
    secret_sealed: bytes
    made_at: datetime
    confirmed_at: datetime | None
    used_step: int

    def __repr__(self) -> str:
        return f"StepInfo(account_id={self.account_id})"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One session of an account."""

    token_sha256: str
    created_at: datetime
    expires_at: datetime
    seen_at: datetime | None
    address: str
    agent: str
    second: bool

    @property
    def id(self) -> str:
        """Names the session in a form: the beginning of a hash, of no use to sign in with."""
        return self.token_sha256[:16]


@dataclass(frozen=True, slots=True)
class EventInfo:
    """One try to sign in, and what came of it."""

    id: int
    at: datetime
    account_id: int | None
    login: str | None
    outcome: str
    means: str
    address: str
    agent: str


def step(db: Session, account_id: int) -> StepInfo | None:
    """Return the authenticator of an account, confirmed or not."""
    columns = [SecondStep.__table__.c[name] for name in StepInfo.__slots__]
    row = db.execute(select(*columns).where(SecondStep.account_id == account_id)).first()
    return None if row is None else StepInfo(*row)


def add_step(db: Session, account_id: int, secret_sealed: bytes, now: datetime) -> None:
    """Keep a secret that waits for its first code; one that was begun before is replaced."""
    remove_step(db, account_id)
    append(db, SecondStep.__table__, account_id=account_id, secret_sealed=secret_sealed, made_at=now, confirmed_at=None, used_step=0)


def use_step(db: Session, account_id: int, used_step: int, now: datetime) -> bool:
    """Use a time step up, for the first time that confirms the secret; False when it, or a later one, was used before."""
    done = (
        update(SecondStep.__table__)
        .where(SecondStep.account_id == account_id, SecondStep.used_step < used_step)
        .values(used_step=used_step, confirmed_at=func.coalesce(SecondStep.__table__.c.confirmed_at, now))
    )
    return db.execute(done).rowcount == 1


def remove_step(db: Session, account_id: int) -> bool:
    """Forget the secret and the recovery codes; False when there was no secret."""
    db.execute(delete(RecoveryCode.__table__).where(RecoveryCode.account_id == account_id))
    return db.execute(delete(SecondStep.__table__).where(SecondStep.account_id == account_id)).rowcount == 1


def confirmed(db: Session) -> set[int]:
    """Return the accounts whose second step is set up."""
    return set(db.execute(select(SecondStep.account_id).where(SecondStep.confirmed_at.is_not(None))).scalars())


def add_recovery_codes(db: Session, account_id: int, hashes: Sequence[str]) -> None:
    """Keep the hashes of new codes; those of before are no longer good."""
    db.execute(delete(RecoveryCode.__table__).where(RecoveryCode.account_id == account_id))
    db.execute(insert(RecoveryCode.__table__), [{"account_id": account_id, "code_sha256": h, "used_at": None} for h in hashes])


def use_recovery_code(db: Session, account_id: int, code_sha256: str, now: datetime) -> bool:
    """Use a recovery code up; False for an unknown or used one."""
    used = (
        update(RecoveryCode.__table__)
        .where(RecoveryCode.account_id == account_id, RecoveryCode.code_sha256 == code_sha256, RecoveryCode.used_at.is_(None))
        .values(used_at=now)
    )
    return db.execute(used).rowcount == 1


def recovery_codes_left(db: Session, account_id: int) -> int:
    """Return how many recovery codes are still good."""
    wanted = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return db.execute(wanted).scalar_one()


# --- between the two steps -------------------------------------------------------------------------------------


def add_waiting(db: Session, token_sha256: str, account_id: int, expires_at: datetime) -> None:
    """Note that a password was right; what waited for the account before is over."""
    db.execute(delete(SignInStep.__table__).where(SignInStep.account_id == account_id))
    db.execute(insert(SignInStep.__table__).values(token_sha256=token_sha256, account_id=account_id, expires_at=expires_at))


def waiting(db: Session, token_sha256: str, now: datetime) -> int | None:
    """Return the account that waits for its second step; None when nobody does, or it is over."""
    wanted = select(SignInStep.account_id).where(SignInStep.token_sha256 == token_sha256, SignInStep.expires_at > now)
    return db.execute(wanted).scalar()


def end_waiting(db: Session, token_sha256: str) -> None:
    """The second step was done, or is over."""
    db.execute(delete(SignInStep.__table__).where(SignInStep.token_sha256 == token_sha256))


# --- sessions --------------------------------------------------------------------------------------------------


def sessions(db: Session, account_id: int, now: datetime) -> list[SessionInfo]:
    """Return the sessions of an account that are still good, the newest first."""
    columns = [SignIn.__table__.c[name] for name in SessionInfo.__slots__]
    wanted = (
        select(*columns)
        .where(SignIn.account_id == account_id, SignIn.revoked_at.is_(None), SignIn.expires_at > now)
        .order_by(SignIn.created_at.desc())
    )
    return [SessionInfo(*row) for row in db.execute(wanted)]


def mark_second(db: Session, token_sha256: str) -> None:
    """The second step was set up in this session: it is as good as one that began with it."""
    db.execute(update(SignIn.__table__).where(SignIn.token_sha256 == token_sha256).values(second=True))


def seen(db: Session, at: dict[str, datetime]) -> None:
    """Note when sessions, by the hash of their tokens, were last answered."""
    for token_sha256, when in at.items():
        db.execute(update(SignIn.__table__).where(SignIn.token_sha256 == token_sha256).values(seen_at=when))


# --- what came of each try -------------------------------------------------------------------------------------


def add_event(
    db: Session, *, at: datetime, account_id: int | None, outcome: str, means: str, address: str, agent: str
) -> None:
    """Note a try to sign in."""
    append(
        db, SignInEvent.__table__, at=at, account_id=account_id, outcome=outcome, means=means, address=address[:64], agent=agent[:200]
    )


def events(
    db: Session, *, account_id: int | None = None, outcomes: Collection[str] = (), before: int | None = None, limit: int = 50
) -> list[EventInfo]:
    """Return tries, newest first: of one account or of everybody."""
    columns = [Account.login if name == "login" else SignInEvent.__table__.c[name] for name in EventInfo.__slots__]
    wanted = (
        select(*columns)
        .select_from(SignInEvent.__table__.outerjoin(Account.__table__, Account.id == SignInEvent.__table__.c.account_id))
        .order_by(SignInEvent.id.desc())
        .limit(limit)
    )
    if account_id is not None:
        wanted = wanted.where(SignInEvent.account_id == account_id)
    if outcomes:
        wanted = wanted.where(SignInEvent.outcome.in_(sorted(outcomes)))
    if before is not None:
        wanted = wanted.where(SignInEvent.id < before)
    return [EventInfo(*row) for row in db.execute(wanted)]


def count_events(db: Session, account_id: int, outcome: str, since: datetime) -> int:
    """Return how often something came of an account's tries since an instant."""
    wanted = select(func.count()).where(
        SignInEvent.account_id == account_id, SignInEvent.outcome == outcome, SignInEvent.at >= since
    )
    return db.execute(wanted).scalar_one()


def last_in(db: Session) -> dict[int, datetime]:
    """Return account -> when it last signed in."""
    wanted = select(SignInEvent.account_id, func.max(SignInEvent.at)).where(SignInEvent.outcome == "in").group_by(SignInEvent.account_id)
    return {account_id: at for account_id, at in db.execute(wanted) if account_id is not None}


def purge(db: Session, now: datetime, events_before: datetime) -> int:
    """Forget steps that nobody took and tries of long ago; return how many rows went."""
    gone = (
        delete(SignInStep.__table__).where(SignInStep.expires_at < now),
        delete(SignInEvent.__table__).where(SignInEvent.at < events_before),
    )
    return sum(db.execute(each).rowcount for each in gone)
