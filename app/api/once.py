"""Writes that may be sent again: the same ``Idempotency-Key`` is the same write.

    def lock(person: Someone, db: Tx, key: WriteKey, now: Now, ...):
        access.require_on(db, person, "periods.write", project_id)
        return key.once(db, now, lambda: MonthOut(...))

Writes of papers and accounts take the header, too, and do without it (``keyed``):

    @router.post("/v1/projects/{project_id}/teams", ...)
    @keyed("papers.write")
    def add_team(person: Someone, db: Tx, now: Now, project_id: ProjectId, ...): ...

The answer is kept in the transaction of the write itself, so neither is there without the other. Keys belong to the
account that made them. A key that comes back with another request is 409 ``key_reused``; two at the same instant: one
is done, the other is told to send again (409 ``write_running``).
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app import access
from app.api.who import Someone
from app.errors import BadRequest, Conflict
from app.store import requests

LENGTH_MIN, LENGTH_MAX = 8, 96


@dataclass(frozen=True, slots=True)
class OnceKey:
    """The key of one write and what it stands for."""

    actor: str
    key: str
    request_sha256: str

    def once(self, db: Session, now: datetime, work: Callable[[], Any], *, status: int = 201) -> Response:
        """Do ``work`` unless it was done by this key before; give its answer, or the answer it had then.

        Ask whether the person may before this: a right that was taken back does not come back with a key.

        Raises:
            Conflict: ``key_reused``, ``write_running``; or what ``work`` raises.
        """
        told = self.told(db)
        if told is not None:
            return told
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
        return _reply(answer, status)

    def told(self, db: Session) -> Response | None:
        """Return the answer this key had; None when it had none.

        Raises:
            Conflict: ``key_reused``.
        """
        before = requests.answered(db, self.actor, self.key)
        if before is None:
            return None
        if before.request_sha256 != self.request_sha256:
            raise Conflict("key_reused")
        return _reply(before.answer, before.status, {"Idempotency-Replayed": "true"})


def _reply(answer: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    # 204 has no body.
    return Response(status_code=status, headers=headers) if status == 204 else JSONResponse(answer, status, headers=headers)


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
    if request.headers.get("content-type", "").startswith(("multipart/", "application/x-www-form-urlencoded")):
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


async def _sent_key(
    request: Request,
    person: Someone,
    idempotency_key: Annotated[
        str | None,
        Header(description="Made by the caller before the first try; the same key is the same write", examples=["team-0001"]),
    ] = None,
) -> OnceKey | None:
    return None if idempotency_key is None else await _key(request, person, idempotency_key)


SentKey = Annotated[OnceKey | None, Depends(_sent_key)]
"""The key of a write that may come without one."""


def keyed(action: str | None = None, *, status: int = 200) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a route take an ``Idempotency-Key``; without one it is as it was.

    Args:
        action: the right the route asks for, of the project when it names one; None where a dependency asks.
        status: of its answer.
    """

    def around(route: Callable[..., Any]) -> Callable[..., Any]:
        told = inspect.signature(route)

        @functools.wraps(route)
        def once(*, once_key: OnceKey | None, **values: Any) -> Any:
            if once_key is None:
                return route(**values)
            # Before the key: a right that was taken back does not come back with it.
            if action is not None and "project_id" in values:
                access.require_on(values["db"], values["person"], action, values["project_id"])
            elif action is not None:
                access.require(values["person"], action)
            return once_key.once(values["db"], values["now"], lambda: route(**values), status=status)

        key = inspect.Parameter("once_key", inspect.Parameter.KEYWORD_ONLY, annotation=SentKey)
        once.__signature__ = told.replace(parameters=[*told.parameters.values(), key])  # type: ignore[attr-defined]
        return once

    return around
