"""Use case: papers of a project that an inspector asks for (项目资料). Recorded, never edited; a mistake is voided.

    record      works contract, wage deposit or guarantee, notice board, key post
    void        one of them was a mistake
    listed      those that hold, and those that did

The rules read them (``domain.audit.process``, ``.people``): a project without a deposit, with a board that does not show what it
must, whose key people are not there.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.audit.beside import Paper
from app.errors import Conflict, NotFound, Unusable
from app.fields import check_dates, check_note, check_number
from app.store import accounts, audit, people, timekeeping
from app.store import terms as held

AMOUNT_FEN_MAX = 10**13
"""A hundred thousand million yuan; no contract is dearer."""

KINDS: dict[str, frozenset[str]] = {
    "works_contract": frozenset({"amount_fen"}),
    "deposit": frozenset({"amount_fen"}),
    "deposit_guarantee": frozenset({"amount_fen", "to_on"}),
    "notice_board": frozenset({"detail"}),
    "key_post": frozenset({"worker_id", "post"}),
}
"""Kind -> what it must say beside its first day.

施工合同 (dated; ``to_on`` the planned completion), 工资保证金, 保函, 维权信息告示牌 (the day its photograph was taken), 关键岗位.
"""

POSTS = (
    "project_manager", "technical_lead", "site_engineer", "quality_officer", "safety_officer", "labour_officer",
    "chief_supervisor", "special_supervisor",
)  # fmt: skip
"""Key posts (domain.md 3.7): 项目经理, 技术负责人, 施工员, 质量员, 安全员, 劳资专管员; 总监, 专监."""

BOARD_FLAGS = ("parties", "pay", "contacts")
"""What a board shows (domain.md 1.7): who is responsible; pay day and minimum wage; where to complain."""


def record(
    db: Session,
    *,
    project_id: int,
    kind: str,
    from_on: date,
    to_on: date | None = None,
    amount_fen: int | None = None,
    worker_id: int | None = None,
    post: str | None = None,
    board: dict[str, Any] | None = None,
    evidence: Sequence[int] = (),
    now: datetime,
    by: str,
) -> int:
    """Record a paper; return its id.

    Args:
        from_on: the date of the contract; the first day a deposit, guarantee, board or post holds.
        to_on: the first day it no longer holds; for a works contract the planned completion.
        worker_id: who holds the post; he is, or was, engaged on the project.
        board: ``parties``, ``pay``, ``contacts``: whether the board shows them; ``pay_day`` and ``minimum_wage_fen`` as it shows them.
        evidence: ids of files: the contract, the bank's letter, a photograph of the board.

    Raises:
        NotFound: ``project_unknown``, ``worker_unknown``, ``evidence_unknown``.
        Unusable: ``project_paper_kind_unknown``, ``paper_fields_wrong``, ``post_unknown``, ``board_wrong``, ``number_wrong``, ``dates_wrong``.
    """
    people.project(db, project_id)
    if kind not in KINDS:
        raise Unusable("project_paper_kind_unknown")
    check_dates(from_on, to_on)
    given = {"amount_fen": amount_fen, "to_on": to_on, "worker_id": worker_id, "post": post, "detail": board}
    needed = KINDS[kind]
    unused = {"worker_id", "post"} if kind != "key_post" else {"amount_fen"}
    unused |= {"detail"} if kind != "notice_board" else {"amount_fen"}
    if any(given[name] is None for name in needed) or any(given[name] is not None for name in unused - needed):
        raise Unusable("paper_fields_wrong")
    if amount_fen is not None:
        check_number(amount_fen, "amount_fen", 1, AMOUNT_FEN_MAX)
    detail: dict[str, Any] = {}
    if kind == "key_post":
        if post not in POSTS:
            raise Unusable("post_unknown")
        detail = {"post": post}
        if not people.engagements_of(db, project_id, worker_id or 0):
            raise NotFound("worker_unknown")
    if board is not None:
        detail = _board(board)
    files = timekeeping.check_evidence(db, project_id, evidence)
    added = audit.add_paper(
        db, project_id=project_id, kind=kind, from_on=from_on, to_on=to_on, amount_fen=amount_fen, worker_id=worker_id, detail=detail,
        evidence=files, recorded_by=by, recorded_at=now,
    )  # fmt: skip
    accounts.journal(
        db, at=now, actor=by, action="project_paper.recorded", project_id=project_id, object=f"project_paper:{added}", facts={"kind": kind}
    )
    return added


def _board(board: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in board.items():
        if name in BOARD_FLAGS and type(value) is bool:
            said[name] = value
        elif name == "pay_day" and value is not None:
            check_number(value, name, 1, 31)
            said[name] = value
        elif name == "minimum_wage_fen" and value is not None:
            check_number(value, name, 1, 10**7)
            said[name] = value
        elif value is not None:
            raise Unusable("board_wrong")
    return said


def void(db: Session, *, project_id: int, paper_id: int, reason: str, now: datetime, by: str) -> None:
    """Take a paper back that was a mistake; it stays, and does not count.

    Raises:
        NotFound: ``project_paper_unknown``.
        Conflict: ``row_voided`` already.
        Unusable: no reason, or one too long.
    """
    said = check_note(reason, "reason")
    if not said:
        raise Unusable("text_missing", field="reason")
    known = audit.paper_standing(db, project_id, paper_id)
    if known is None:
        raise NotFound("project_paper_unknown")
    if not known:
        raise Conflict("row_voided")
    held.void(db, "project_paper", paper_id, said, by, now)
    accounts.journal(
        db, at=now, actor=by, action="project_paper.voided", project_id=project_id, object=f"project_paper:{paper_id}", facts={}
    )


def listed(db: Session, project_id: int) -> tuple[Paper, ...]:
    """Return the papers of a project that were not voided, in the order they were recorded."""
    return audit.papers(db, project_id)
