"""Use case: the second step of a sign-in (两步验证): six digits of a telephone, or a recovery code, after the password.

    begin      make a secret; it is not asked for until a first code was right
    confirm    the first code: from now on it is asked for. Gives ten recovery codes, shown once
    renew      ten new recovery codes
    remove     its owner takes it off again, with a code
    use        for ``access``: is this code good now? It is used up

The secret is sealed by the vault, the recovery codes are kept as hashes, and a time step is good once.
"""

import hashlib
import secrets
import unicodedata
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain import totp
from app.errors import BadRequest, Conflict
from app.store import accounts
from app.store import second_steps as store
from app.vault import Vault

ISSUER = "Muster"
MEANS = frozenset({"totp", "recovery"})
RECOVERY_CODES = 10
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without what looks alike: 0 O, 1 I L. Ten of them are 49 bits."""
_LENGTH = 10


def is_on(db: Session, account_id: int) -> bool:
    """True when the account is asked for a second step."""
    found = store.step(db, account_id)
    return found is not None and found.confirmed_at is not None


def begin(db: Session, vault: Vault, *, account_id: int, login: str, now: datetime) -> bytes:
    """Make a secret and return it; one that was never confirmed is replaced.

    Raises:
        Conflict: ``second_step_on``.
    """
    if is_on(db, account_id):
        raise Conflict("second_step_on")
    secret = secrets.token_bytes(totp.SECRET_BYTES)
    store.add_step(db, account_id, vault.seal(secret, **_place(account_id)), now)
    _journal(db, now, login, account_id, "second_step_begun")
    return secret


def begun(db: Session, vault: Vault, account_id: int) -> bytes | None:
    """The secret that waits for its first code; None when there is none, or it was confirmed: it is never shown again."""
    found = store.step(db, account_id)
    return None if found is None or found.confirmed_at is not None else vault.open(found.secret_sealed, **_place(account_id))


def confirm(db: Session, vault: Vault, *, account_id: int, login: str, token_sha256: str | None, code: str, now: datetime) -> list[str]:
    """The first code of the telephone; returns the recovery codes, which are stored nowhere.

    Args:
        token_sha256: of the session this is done in: it has had its second step. None at the shell.

    Raises:
        BadRequest: ``second_wrong``, ``second_not_begun``.
        Conflict: ``second_step_on``.
    """
    found = store.step(db, account_id)
    if found is None:
        raise BadRequest("second_not_begun")
    if found.confirmed_at is not None:
        raise Conflict("second_step_on")
    if _by_digits(db, vault, found, code, now) is None:
        raise BadRequest("second_wrong")
    if token_sha256 is not None:
        store.mark_second(db, token_sha256)
    _journal(db, now, login, account_id, "second_step_on")
    return _new_codes(db, account_id)


def renew(db: Session, vault: Vault, *, account_id: int, login: str, code: str, now: datetime) -> list[str]:
    """Ten new recovery codes for one code; those of before are no longer good.

    Raises:
        BadRequest: ``second_wrong``.
    """
    if use(db, vault, account_id, code, now) is None:
        raise BadRequest("second_wrong")
    _journal(db, now, login, account_id, "recovery_codes_renewed")
    return _new_codes(db, account_id)


def remove(db: Session, vault: Vault, *, account_id: int, login: str, code: str, now: datetime) -> None:
    """Take the second step off, with one code.

    Raises:
        BadRequest: ``second_wrong``.
    """
    if use(db, vault, account_id, code, now) is None:
        raise BadRequest("second_wrong")
    store.remove_step(db, account_id)
    _journal(db, now, login, account_id, "second_step_off")


def use(db: Session, vault: Vault, account_id: int, code: str, now: datetime) -> str | None:
    """Use a code up: ``totp`` or ``recovery``; None when it is wrong, was used before, or there is no second step."""
    found = store.step(db, account_id)
    if found is None or found.confirmed_at is None:
        return None
    if is_digits(code):
        return _by_digits(db, vault, found, code, now)
    return "recovery" if store.use_recovery_code(db, account_id, _hash(account_id, code), now) else None


def is_digits(code: str) -> bool:
    """True for what may be the digits of a telephone, however they are spaced."""
    return len(plain := _plain(code)) == totp.DIGITS and plain.isdecimal()


def _by_digits(db: Session, vault: Vault, found: store.StepInfo, code: str, now: datetime) -> str | None:
    secret = vault.open(found.secret_sealed, **_place(found.account_id))
    step = totp.step_of(secret, _plain(code), now.timestamp())
    # One conditional write: of two who send the same code at once, one is let in.
    return "totp" if step is not None and store.use_step(db, found.account_id, step, now) else None


def _new_codes(db: Session, account_id: int) -> list[str]:
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(RECOVERY_CODES)]
    store.add_recovery_codes(db, account_id, [_hash(account_id, code) for code in codes])
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _hash(account_id: int, code: str) -> str:
    plain = "".join(c for c in _plain(code).upper() if c in _LETTERS)
    # 49 random bits of one account: no salt, and no slow hash, is needed.
    return hashlib.sha256(f"muster recovery code {account_id}\0{plain}".encode()).hexdigest()


def _plain(code: str) -> str:
    """Full-width digits made plain, without the spaces and the hyphen it is written with."""
    return "".join(c for c in unicodedata.normalize("NFKC", code)[:64] if c.isascii() and c.isalnum())


def _place(account_id: int) -> dict[str, str]:
    return {"table": "second_step", "column": "secret", "owner": str(account_id)}


def _journal(db: Session, now: datetime, login: str, account_id: int, action: str) -> None:
    accounts.journal(db, at=now, actor=login, action=action, project_id=None, object=f"account:{account_id}", facts={})
