"""Use case: a screen stands at a gate, unattended, and shows that gate and nothing else (闸机屏); or the project's counts (大屏).

    issue     a code of one use, made by the labour officer or the manager, good for an hour
    open_     the code, typed on the screen itself, becomes a key that this browser keeps
    screen_of the screen a key stands for, as long as nobody took it back
    revoke    it shows nothing more, within seconds

A screen is no account: it reads no page, writes nothing, and whoever takes its key away sees what everybody before the gate
sees. Somebody who signs in on a wall's computer would leave his own session there instead.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.db import Database
from app.errors import NotFound, TooMany, Unauthorised
from app.fields import check_text
from app.settings import Settings
from app.store import accounts, gates, people
from app.store import screens as held
from app.store.people import ProjectInfo
from app.store.screens import ScreenInfo

COOKIE = "muster_screen"
"""Holds the key in the screen's browser: HttpOnly, for ``/screen`` alone."""
COOKIE_DAYS = 400
"""As long as browsers keep any; asked for anew at each visit."""
CODE_MINUTES = 60
"""Time to walk to the gate with it."""
NAME_MAX = 60
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without what looks alike: 0 O, 1 I L."""
_LENGTH = 10
_ATTEMPTS = hashlib.sha256(b"muster screen code").hexdigest()


@dataclass(frozen=True, slots=True)
class Issued:
    """A screen to be, and the code that is shown this once."""

    id: int
    code: str
    until: datetime


def issue(db: Session, *, project_id: int, gate_id: int | None, name: str, by: str, now: datetime) -> Issued:
    """Make the code of a new screen.

    Args:
        gate_id: the gate it shows; None: the wall, counts only.

    Raises:
        NotFound: ``gate_unknown`` on this project.
        Unusable: the name is missing or too long.
    """
    if gate_id is not None and gate_id not in {gate.id for gate in gates.gates(db, project_id)}:
        raise NotFound("gate_unknown")
    name = check_text(name, "name", NAME_MAX)
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    until = now + timedelta(minutes=CODE_MINUTES)
    added = held.add_screen(
        db, project_id=project_id, gate_id=gate_id, name=name, code_sha256=_digest("code", letters), code_until=until,
        made_by=by, made_at=now,
    )
    _journal(db, now, by, "screen.made", project_id, added, **({} if gate_id is None else {"gate": gate_id}))
    return Issued(added, f"{letters[:5]}-{letters[5:]}", until)


def open_(database: Database, settings: Settings, *, code: str, address: str, now: datetime) -> str:
    """A code becomes the key of the browser it was typed in; it is used up. Returns the key, which is stored nowhere.

    Wrong codes of an address count like wrong passwords, and are kept although the request is refused.

    Raises:
        TooMany: ``sign_in_too_often``.
        Unauthorised: ``screen_code_wrong``: no such code, used, over or taken back.
    """
    window = timedelta(minutes=settings.sign_in_window_minutes)
    address = address[:64]
    with database.write() as db:
        if accounts.attempts_failed(db, _ATTEMPTS, now - window, address=address) >= settings.sign_in_tries_max:
            raise TooMany("sign_in_too_often", minutes=settings.sign_in_window_minutes, retry_after_s=int(window.total_seconds()))
        accounts.add_attempt(db, login_index=_ATTEMPTS, address=address, succeeded=False, now=now)
    key = secrets.token_urlsafe(32)
    with database.write() as db:
        plain = "".join(letter for letter in code[:40].upper() if letter in _LETTERS)
        screen = held.use_code(db, _digest("code", plain), _digest("key", key), now)
        if screen is None:
            raise Unauthorised("screen_code_wrong")
        accounts.add_attempt(db, login_index=_ATTEMPTS, address=address, succeeded=True, now=now)
        _journal(db, now, actor(screen.id), "screen.opened", screen.project_id, screen.id)
    return key


def screen_of(db: Session, key: str | None) -> ScreenInfo | None:
    """The screen a key stands for; None for no key, an unknown one, and one that was taken back."""
    return held.screen_by_key(db, _digest("key", key)) if key and len(key) <= 200 else None


def note(db: Session, screen: ScreenInfo, now: datetime) -> None:
    """Note that a screen has connected."""
    held.seen(db, screen.id, now)


def place_of(db: Session, screen: ScreenInfo) -> tuple[ProjectInfo, gates.GateInfo | None]:
    """The project of a screen, and its gate."""
    project = people.project(db, screen.project_id)
    return project, next((gate for gate in gates.gates(db, project.id) if gate.id == screen.gate_id), None)


def revoke(db: Session, *, project_id: int, screen_id: int, by: str, now: datetime) -> None:
    """Take a screen back. Twice is once.

    Raises:
        NotFound: ``screen_unknown`` on this project.
    """
    if held.screen(db, project_id, screen_id) is None:
        raise NotFound("screen_unknown")
    if held.revoke(db, screen_id, by, now):
        _journal(db, now, by, "screen.revoked", project_id, screen_id)


def actor(screen_id: int) -> str:
    """What the journal calls a screen; no login looks like that."""
    return f"screen:{screen_id}"


def _digest(what: str, secret: str) -> str:
    # A key has 256 random bits; a code has 50, lives an hour and is asked for under a limit: neither needs a salt.
    return hashlib.sha256(f"muster screen {what}\0{secret}".encode("utf-8", "replace")).hexdigest()


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int, screen_id: int, **facts: int) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=f"screen:{screen_id}", facts=facts)
