"""Writes that may be sent again: the same ``Idempotency-Key`` is the same write.

    def lock(person: Someone, db: Tx, key: WriteKey, now: Now, ...):
        access.require_on(db, person, "periods.write", project_id)
        return key.once(db, now, lambda: MonthOut(...))

The answer is kept in the transaction of the write itself, so neither is there without the other. Keys belong to the
account that made them. A key that comes back with another request is 409 ``key_reused``; two at the same instant: one
is done, the other is told to send again (409 ``write_running``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from app.api.access import Someone
from app.errors import BadRequest, Conflict
from app.store import requests

LENGTH_MIN, LENGTH_MAX = 8, 96


@dataclass(frozen=True, slots=True)
class OnceKey:
    """The key of one write and what it stands for."""

    actor: str
    key: str
    request_sha256: str

    def once(self, db: Session, now: datetime, work: Callable[[], Any], *, status: int = 201) -> JSONResponse:
        """Do ``work`` unless it was done by this key before; give its answer, or the answer it had then.

        Ask whether the person may before this: a right that was taken back does not come back with a key.

        Raises:
            Conflict: ``key_reused``, ``write_running``; or what ``work`` raises.
        """
        before = requests.answered(db, self.actor, self.key)
        if before is not None:
            if before.request_sha256 != self.request_sha256:
                raise Conflict("key_reused")
            return JSONResponse(before.answer, before.status, headers={"Idempotency-Replayed": "true"})
        answer = jsonable_encoder(work())
        kept = requests.add_answer(
            db,
            actor=self.actor,
            key=self.key,
            request_sha256=self.request_sha256,
            status=status,
            answer=answer,
            now=now,
        )
        if not kept:
            # Somebody sent it twice at once and the other one is done; this transaction is undone.
            raise Conflict("write_running")
        return JSONResponse(answer, status)


async def _key(
    request: Request,
    person: Someone,
    idempotency_key: Annotated[
        str,
        Header(
            description="Made by the caller before the first try; the same key is the same write",
            examples=["lock-2026-03-0001"],
        ),
    ],
) -> OnceKey:
    if not LENGTH_MIN <= len(idempotency_key) <= LENGTH_MAX or not (
        idempotency_key.isascii() and idempotency_key.isprintable()
    ):
        raise BadRequest("key_malformed")
    digest = sha256(f"{request.method}\n{request.url.path}\n{request.url.query}\n".encode())
    if request.headers.get("content-type", "").startswith("multipart/"):
        # The form was read before this is asked; its boundary differs at each try, its content does not.
        for name, value in sorted((await request.form()).multi_items(), key=lambda item: item[0]):
            if isinstance(value, str):
                digest.update(f"{name}={value}\n".encode())
            else:
                digest.update(f"{name}:{value.filename}\n".encode())
                digest.update(await value.read())
                await value.seek(0)
    else:
        digest.update(await request.body())
    # Keyed: a card number is few enough digits to be tried out against the bare hash of its request.
    return OnceKey(person.login, idempotency_key, request.app.state.vault.index("request", digest.hexdigest()))


WriteKey = Annotated[OnceKey, Depends(_key)]
"""Every write of money and attendance asks for one."""
