"""Sealing of what must not be readable from a stolen disk: ID numbers, telephones, templates, device keys.

    seal, open      AES-256-GCM; a ciphertext belongs to one table, column and owner and opens nowhere else
    index           a keyed blind index: the same ID number is found again without being readable
    rotate          re-seals everything with the newest key

Master keys stand in the key file or the environment, **newest first**. The newest seals; every listed one
opens; the *oldest* is the root of the blind index and must stay in the list for ever, or a worker entered
twice would become two workers. ``check`` says so before that can happen.

A vault of the key file reads it again when it meets a key it does not know and the file is another than it read:
a running service goes on through ``rotate``. A file that lacks a key which was listed is never taken over.

    ver  1 byte   0x01
    alg  1 byte   0x01 AES-256-GCM (0x02 is kept for SM4-GCM, which a Chinese audit may ask for)
    kid  4 bytes  which key: the first bytes of a hash of it, so nobody has to number keys
    nonce 12, ciphertext, tag 16
"""

import contextlib
import hmac
import os
import secrets
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Session

from app.db import Database
from app.settings import Settings
from app.tables import (
    BankCard,
    Base,
    Camera,
    Device,
    EvidenceFile,
    FacePhoto,
    FaceTemplate,
    PaymentBatch,
    ReviewPicture,
    SecondStep,
    SpecialAccount,
    TaskFile,
    Worker,
    WorkerChange,
)

KEY_BYTES = 32
KEY_FILE = "muster.key"
_VERSION_AND_ALGORITHM = b"\x01\x01"
_KID_BYTES = 4
_HEAD_BYTES = len(_VERSION_AND_ALGORITHM) + _KID_BYTES
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_FILE_HEAD = (
    "# Master keys of Muster, newest first. Keep a copy apart from the database's backups.\n"
    "# Never delete a line: the last one is the root of the index of ID numbers.\n"
)
_HOW_TO_ROTATE = (
    "the keys come from the environment: move MUSTER_KEY_HEX to the front of MUSTER_KEYS_PREVIOUS_HEX, give "
    "MUSTER_KEY_HEX 64 new hex digits, restart the services, and run muster key rotate"
)


class VaultError(Exception):
    """A key is missing or unfit, or a ciphertext is not what it claims. Never quotes a key or a plain text."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """One set of keys, taken over whole."""

    ciphers: Mapping[bytes, AESGCM] = field(repr=False)
    active: bytes
    index: bytes = field(repr=False)


class Vault:
    """Seals and opens with one set of keys. Safe to share between threads.

    Args:
        keys: kid (4 bytes) -> sealing key (32 bytes).
        active: the kid that seals.
        index_key: 32 bytes of the blind index.
        reread: the vault of the key file as it is now, or None when it is the one read last.
    """

    def __init__(
        self,
        keys: Mapping[bytes, bytes],
        active: bytes,
        index_key: bytes,
        *,
        reread: "Callable[[], Vault | None] | None" = None,
    ) -> None:
        if active not in keys:
            raise VaultError("the active key is not among the keys")
        if any(len(kid) != _KID_BYTES for kid in keys) or any(len(key) != KEY_BYTES for key in keys.values()):
            raise VaultError("a key has the wrong length")
        if len(index_key) != KEY_BYTES:
            raise VaultError("the index key has the wrong length")
        self._keys = _Keys({kid: AESGCM(key) for kid, key in keys.items()}, active, index_key)
        self._reread = reread
        self._rereading = threading.Lock()

    @classmethod
    def of(cls, masters: Sequence[bytes], *, reread: "Callable[[], Vault | None] | None" = None) -> "Vault":
        """Make the vault of master keys, newest first.

        Raises:
            VaultError: no key, or one that is not 32 bytes, or the same one twice.
        """
        if not masters:
            raise VaultError("there is no master key")
        if any(len(master) != KEY_BYTES for master in masters):
            raise VaultError("a master key is not 32 bytes (64 hex digits)")
        if len(set(masters)) != len(masters):
            raise VaultError("the same master key is listed twice")
        # One purpose a key: what seals never indexes, though both come from one master.
        keys = {sha256(b"muster kid" + master).digest()[:_KID_BYTES]: _derive(master, b"muster seal") for master in masters}
        if len(keys) != len(masters):
            raise VaultError("two master keys share their short name; make another one")
        return cls(keys, next(iter(keys)), _derive(masters[-1], b"muster index"), reread=reread)

    def __repr__(self) -> str:
        return f"Vault({len(self._keys.ciphers)} keys, active {self._keys.active.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is not written down")

    @property
    def active_kid(self) -> bytes:
        """Name of the key that seals now."""
        return self._keys.active

    def seal(self, plain: bytes, *, table: str, column: str, owner: str) -> bytes:
        """Seal ``plain`` for one place; 34 bytes longer than it.

        ``column`` may be given with or without its ``_sealed``: ``key`` and ``key_sealed`` are one place.
        """
        keys, nonce = self._keys, secrets.token_bytes(_NONCE_BYTES)
        head = _VERSION_AND_ALGORITHM + keys.active
        return head + nonce + keys.ciphers[keys.active].encrypt(nonce, plain, _bound(head, table, column, owner))

    def open(self, sealed: bytes, *, table: str, column: str, owner: str) -> bytes:
        """Open what was sealed for this table, column and owner.

        Raises:
            VaultError: sealed for another place, changed since, or with a key that is not listed; or the key file
                is another now and lacks a key which was listed.
        """
        sealed = bytes(sealed)
        if len(sealed) < _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_VERSION_AND_ALGORITHM):
            raise VaultError(f"{table}.{column}: not a ciphertext of this vault")
        head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        kid = head[len(_VERSION_AND_ALGORITHM) :]
        cipher = self._keys.ciphers.get(kid) or self._keys_read_again().ciphers.get(kid)
        if cipher is None:
            raise VaultError(f"{table}.{column}: sealed with key {head[2:].hex()}, which is not listed")
        try:
            return cipher.decrypt(nonce, sealed[_HEAD_BYTES + _NONCE_BYTES :], _bound(head, table, column, owner))
        except InvalidTag:
            raise VaultError(f"{table}.{column}: changed since it was sealed, or moved from another row") from None

    def _keys_read_again(self) -> _Keys:
        """The keys, after a look at the key file: somebody may have rotated while this process ran."""
        if self._reread is None:
            return self._keys
        with self._rereading:
            found = self._reread()
            if found is not None:
                kept, fresh = self._keys, found._keys
                # With another root the same worker would be somebody else; with a key less something does not open.
                if fresh.index != kept.index or not kept.ciphers.keys() <= fresh.ciphers.keys():
                    raise VaultError("the key file lacks a key which was listed when this process began")
                self._keys = fresh
                self._reread = found._reread
        return self._keys

    def is_current(self, sealed: bytes) -> bool:
        """True when ``sealed`` was made with the newest key."""
        return bytes(sealed[:_HEAD_BYTES]) == _VERSION_AND_ALGORITHM + self._keys.active

    def index(self, kind: str, text: str) -> str:
        """Return the blind index of ``text``: 64 hex digits, the same for the same kind and text.

        The caller normalises ``text``. ``kind`` keeps apart what must not be compared: an ID number and a card
        of the same digits have different indexes.
        """
        return hmac.new(self._keys.index, f"{kind}\0{text}".encode(), sha256).hexdigest()

    def rotate(self, database: Database, *, batch: int = 500) -> dict[str, int]:
        """Re-seal everything that an older key sealed; the service may go on meanwhile.

        Each batch is a transaction, so it may be stopped and run again at any point.

        Returns:
            ``table.column`` -> values re-sealed by this call.

        Raises:
            VaultError: a value does not open; batches before it stay re-sealed.
        """
        return {
            f"{place.table}.{place.column}": self._rotate_column(
                database, place, min(batch, _ROWS_AT_ONCE.get(place.table, batch))
            )
            for place in sealed_places()
        }

    def _rotate_column(self, database: Database, place: "_Place", batch: int) -> int:
        table = Base.metadata.tables[place.table]
        key, column = table.c.id, table.c[place.column]
        done, last = 0, None
        while True:
            with database.write() as db:
                rows = place.rows(key, column).where(column.is_not(None)).order_by(key).limit(batch)
                if last is not None:
                    rows = rows.where(key > last)
                # Locked, so that a key given to a gate in this moment is not overwritten by the old one.
                found = db.execute(rows.with_for_update(of=table)).all()
                for row_id, sealed, *owner in found:
                    if self.is_current(sealed):
                        continue
                    bound = {"table": place.table, "column": place.bound_as, "owner": ":".join(map(str, owner))}
                    fresh = self.seal(self.open(sealed, **bound), **bound)
                    db.execute(sa.update(table).where(key == row_id).values({column.name: fresh}))
                    done += 1
            if len(found) < batch:
                return done
            last = found[-1][0]


class _Place:
    """A sealed column and whose it is: the select gives (id, sealed, parts of the owner ...)."""

    def __init__(self, table: str, column: str, rows: Callable[[Any, Any], sa.Select]) -> None:
        self.table, self.column, self.rows = table, column, rows
        # A device's former key keeps the ciphertext it had as the live one.
        self.bound_as = "key_sealed" if column == "key_previous_sealed" else column


_OWNERS: dict[str, Callable[[Any, Any], sa.Select]] = {
    "worker": lambda key, column: sa.select(key, column, Worker.id_number_index),
    "worker_change": lambda key, column: sa.select(key, column, Worker.id_number_index).join(
        Worker, Worker.id == WorkerChange.worker_id
    ),
    "device": lambda key, column: sa.select(key, column, Device.id),
    "second_step": lambda key, column: sa.select(key, column, SecondStep.account_id),
    "camera": lambda key, column: sa.select(key, column, Camera.id),
    "face_template": lambda key, column: sa.select(key, column, FaceTemplate.project_id, FaceTemplate.worker_id),
    "evidence_file": lambda key, column: sa.select(key, column, EvidenceFile.project_id, EvidenceFile.sha256),
    "special_account": lambda key, column: sa.select(key, column, SpecialAccount.number_index),
    "bank_card": lambda key, column: sa.select(key, column, BankCard.worker_id, BankCard.number_index),
    "payment_batch": lambda key, column: sa.select(key, column, PaymentBatch.batch_no),
    "task_file": lambda key, column: sa.select(key, column, TaskFile.task_id),
    "review_picture": lambda key, column: sa.select(key, column, ReviewPicture.project_id, ReviewPicture.passage_id),
    "face_photo": lambda key, column: sa.select(key, column, FaceTemplate.project_id, FacePhoto.worker_id).join(
        FaceTemplate, FaceTemplate.id == FacePhoto.template_id
    ),
}


_ROWS_AT_ONCE = {"evidence_file": 8, "payment_batch": 8, "task_file": 8}
"""Tables whose ciphertexts are whole files of megabytes: that many are in memory at a time."""


def sealed_places() -> list[_Place]:
    """Every ``*_sealed`` column there is.

    Raises:
        KeyError: a table has one and ``_OWNERS`` does not say whose it is.
    """
    return [
        _Place(table.name, column.name, _OWNERS[table.name])
        for table in Base.metadata.sorted_tables
        for column in table.c
        if column.name.endswith("_sealed")
    ]


def check(db: Session, vault: Vault, normalise: Callable[[str], str] = str) -> None:
    """Make sure these are the keys the database was filled with. Cheap: looks at one worker, or without any at one device.

    Args:
        normalise: what ``index("id_number", ...)`` is given for a stored ID number.

    Raises:
        VaultError: the newest worker's ID number does not open, or has another index; or the device's key does not.
    """
    row = db.execute(
        sa.select(Worker.id_number_sealed, Worker.id_number_index).order_by(Worker.id.desc()).limit(1)
    ).first()
    if row is None:
        device = db.execute(sa.select(Device.id, Device.key_sealed).limit(1)).first()
        if device is not None:
            vault.open(device[1], table="device", column="key_sealed", owner=device[0])
        return
    plain = vault.open(row[0], table="worker", column="id_number_sealed", owner=row[1]).decode()
    if not hmac.compare_digest(vault.index("id_number", normalise(plain)), row[1]):
        raise VaultError("the oldest master key is missing: ID numbers would not be recognised any more")


# --- where keys come from ----------------------------------------------------------------------------------


def open_vault(settings: Settings) -> Vault:
    """Open the vault with the keys of the environment or of the key file, which is made when there is none.

    Raises:
        VaultError: a key is not 64 hex digits, or the key file can be read by others.
    """
    if settings.key_hex is not None:
        texts = [settings.key_hex.get_secret_value()]
        if settings.keys_previous_hex is not None:
            texts += [text for text in settings.keys_previous_hex.get_secret_value().split(",") if text.strip()]
        return Vault.of([_unhex(text, "MUSTER_KEY_HEX or MUSTER_KEYS_PREVIOUS_HEX") for text in texts])
    if settings.keys_previous_hex is not None:
        raise VaultError("MUSTER_KEYS_PREVIOUS_HEX is given without MUSTER_KEY_HEX")
    path = settings.data_dir / KEY_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # A loser of the race reads the winner's key.
        _place(path, [secrets.token_bytes(KEY_BYTES)], replace=False)
    return _of_key_file(path, None)


def _of_key_file(path: Path, known: tuple[int, ...] | None) -> Vault | None:
    """The vault of the key file; None when it is still the ``known`` one."""
    masters, stamp = _read_key_file(path, known)
    return None if masters is None else Vault.of(masters, reread=lambda: _of_key_file(path, stamp))


def add_key(settings: Settings) -> Vault:
    """Put a fresh key in front of the key file and return the vault; ``rotate`` comes next.

    Running services read the key file again when they meet what the new key sealed.

    Raises:
        VaultError: the keys come from the environment, where only the operator can change them.
    """
    if settings.key_hex is not None:
        raise VaultError(_HOW_TO_ROTATE)
    open_vault(settings)
    path = settings.data_dir / KEY_FILE
    _place(path, [secrets.token_bytes(KEY_BYTES), *_read_key_file(path)[0]], replace=True)
    return open_vault(settings)


def rotate_key(settings: Settings, database: Database) -> dict[str, int]:
    """Seal everything with the newest key, after making one where the keys are in the key file.

    Returns:
        ``table.column`` -> values re-sealed.

    Raises:
        VaultError: see ``add_key`` and ``Vault.rotate``.
    """
    if settings.key_hex is None:
        return add_key(settings).rotate(database)
    if settings.keys_previous_hex is None:
        raise VaultError(_HOW_TO_ROTATE)
    return open_vault(settings).rotate(database)


def _read_key_file(path: Path, known: tuple[int, ...] | None = None) -> tuple[list[bytes] | None, tuple[int, ...]]:
    """Returns the master keys, or None when the file is the ``known`` one, and what tells it from another."""
    try:
        with path.open(encoding="ascii") as file:
            about = os.fstat(file.fileno())
            stamp = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
            if stamp == known:
                return None, stamp
            if os.name == "posix" and stat.S_IMODE(about.st_mode) & 0o077:
                raise VaultError(f"{path}: others may read the key file; chmod 600 it")
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise VaultError(f"{path}: the key file cannot be read ({type(error).__name__})") from None
    return [_unhex(line, str(path)) for line in lines if line and not line.startswith("#")], stamp


def _place(path: Path, masters: Sequence[bytes], *, replace: bool) -> None:
    """Write a key file that is whole or not there; never readable by others, not even for a moment."""
    # mkstemp opens with O_EXCL and mode 0600.
    number, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(_KEY_FILE_HEAD + "".join(f"{master.hex()}\n" for master in masters))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(part, path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _unhex(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        # The text itself stays out of the message: it is nearly a key.
        raise VaultError(f"{where}: a key is not 64 hex digits") from None
    return key


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(master)


def _bound(head: bytes, table: str, column: str, owner: str) -> bytes:
    # Lengths first: no two places may write the same bytes.
    parts = [head, table.encode(), column.removesuffix("_sealed").encode(), owner.encode()]
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
