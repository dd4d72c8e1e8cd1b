"""Faces beside the gate's answer: review, comparison with identity cards, changes of the model, one face twice."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id


class FacePolicyRow(Base):
    """人脸处理规则: what a project does with faces beyond recognising them. Appended only; the latest row holds.

    Without a row nothing beyond recognising is done.
    """

    __tablename__ = "face_policy"
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    review_pictures: Mapped[str] = mapped_column(String(8))
    """off, coarse or agreed: what is kept of a face the gate did not admit."""
    review_days: Mapped[int]
    """Days such a picture is kept at most, 1 to 7."""
    identity_check: Mapped[str] = mapped_column(String(8))
    """off, observe or require: comparison with the identity card's photograph at enrolment."""
    card_and_face: Mapped[bool]
    """Who agreed to face recognition and comes by card shows his face too."""
    gate_photos: Mapped[str] = mapped_column(String(8), server_default=text("'off'"), default="off")
    """off, guard or screen: where the kept enrolment photograph of whoever agreed to that is shown as he passes."""
    ground: Mapped[str] = mapped_column(Text)
    """On what it rests: number and date of the impact assessment (个人信息保护影响评估), or the order."""
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]


class ReviewPicture(Base):
    """待认定画面: sealed, for days; erasing clears the ciphertext and keeps the row."""

    __tablename__ = "review_picture"
    __table_args__ = (Index("ix_review_picture_due", "erased_at", "erase_at"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    passage_id: Mapped[int] = mapped_column(ForeignKey("passage.id"), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    """coarse: nobody can be recognised in it. agreed: a face, of the worker it is most like, who agreed to that."""
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("worker.id"), index=True)
    """Whose consent ``agreed`` rests on; None for ``coarse``."""
    picture_sealed: Mapped[bytes | None]
    kept_at: Mapped[datetime]
    erase_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]
    erased_reason: Mapped[str | None] = mapped_column(String(32))


class FaceMatch(Base):
    """人工认定: what a person said a passage shows. Appended only; the latest word about a passage holds.

    The passage stays as it is, and no day counts for it: a correction may rest on it.
    """

    __tablename__ = "face_match"
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    passage_id: Mapped[int] = mapped_column(ForeignKey("passage.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(12))
    """assigned, confirmed or discarded."""
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("worker.id"), index=True)
    note: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]


class FaceAdvice(Base):
    """建议重新登记: a template that fits its worker less and less. Found anew every night; kept to say since when."""

    __tablename__ = "face_advice"
    __table_args__ = (UniqueConstraint("project_id", "worker_id", "code"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    code: Mapped[str] = mapped_column(String(32))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]


class IdentityCheck(Base):
    """人证核验: a live photograph against the photograph of the identity card, which is not kept. Appended only."""

    __tablename__ = "identity_check"
    __table_args__ = (Index("ix_identity_check_worker", "project_id", "worker_id"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    outcome: Mapped[str] = mapped_column(String(12))
    """same or different."""
    similarity: Mapped[float]
    similarity_min: Mapped[float]
    far: Mapped[float | None]
    """Share of pairs of different people who reach ``similarity_min``, as the pack states it; None: not measured."""
    contract_id: Mapped[str] = mapped_column(String(64))
    live_sha256: Mapped[str] = mapped_column(String(64))
    """Of the live photograph as it was sent."""
    portrait_index: Mapped[str] = mapped_column(String(64))
    """Keyed hash of the card's photograph as it was sent."""
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class IdentityOverride(Base):
    """人证核验放行: a person vouches that it is him although the comparison said otherwise. Once a check."""

    __tablename__ = "identity_override"
    id: Mapped[int] = _id()
    check_id: Mapped[int] = mapped_column(ForeignKey("identity_check.id"), unique=True)
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]


class PackChange(Base):
    """更换识别模型: templates of two contracts side by side until it is finished or abandoned."""

    __tablename__ = "pack_change"
    id: Mapped[int] = _id()
    from_contract_id: Mapped[str] = mapped_column(String(64))
    from_pack_id: Mapped[str] = mapped_column(String(128))
    to_contract_id: Mapped[str] = mapped_column(String(64))
    to_pack_id: Mapped[str] = mapped_column(String(128))
    started_by: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]


class PackChangeAct(Base):
    """What was done about a change of pack. Appended only; the latest is its state."""

    __tablename__ = "pack_change_act"
    id: Mapped[int] = _id()
    change_id: Mapped[int] = mapped_column(ForeignKey("pack_change.id"), index=True)
    act: Mapped[str] = mapped_column(String(12))
    """switched, rolled_back, finished or abandoned."""
    holds_from: Mapped[datetime]
    """The chosen moment of a switch; else when it was done."""
    done_by: Mapped[str] = mapped_column(String(64))
    done_at: Mapped[datetime]


class PackChangeFault(Base):
    """Whose kept photographs the new pack could not use: he must come again."""

    __tablename__ = "pack_change_fault"
    __table_args__ = (UniqueConstraint("change_id", "template_id"),)
    id: Mapped[int] = _id()
    change_id: Mapped[int] = mapped_column(ForeignKey("pack_change.id"))
    template_id: Mapped[int] = mapped_column(ForeignKey("face_template.id"))
    code: Mapped[str] = mapped_column(String(40))
    found_at: Mapped[datetime]


class TwinSearch(Base):
    """一人多证筛查: one run over the templates of one contract in one area. Appended only."""

    __tablename__ = "twin_search"
    __table_args__ = (Index("ix_twin_search_contract", "contract_id", "area_code"),)
    id: Mapped[int] = _id()
    contract_id: Mapped[str] = mapped_column(String(64))
    area_code: Mapped[str] = mapped_column(String(12))
    searched_to: Mapped[int]
    """Highest template id it looked at."""
    templates: Mapped[int]
    """Templates searched."""
    fresh: Mapped[int]
    """Templates that were new, each compared with all."""
    similarity_min: Mapped[float]
    far: Mapped[float | None]
    """Of one comparison, as the pack states it; None: not measured that far."""
    found: Mapped[int]
    searched_at: Mapped[datetime]


class Twin(Base):
    """疑似一人多证: two workers whose templates are more alike than two people's should be. Accuses nobody."""

    __tablename__ = "twin"
    __table_args__ = (UniqueConstraint("low_worker_id", "high_worker_id", "contract_id"),)
    id: Mapped[int] = _id()
    search_id: Mapped[int] = mapped_column(ForeignKey("twin_search.id"))
    contract_id: Mapped[str] = mapped_column(String(64))
    low_worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"), index=True)
    high_worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"), index=True)
    low_template_id: Mapped[int] = mapped_column(ForeignKey("face_template.id"))
    high_template_id: Mapped[int] = mapped_column(ForeignKey("face_template.id"))
    similarity: Mapped[float]
    similarity_min: Mapped[float]
    found_at: Mapped[datetime]


class TwinReview(Base):
    """What an inspector found out about two alike. Appended only; the latest word holds."""

    __tablename__ = "twin_review"
    id: Mapped[int] = _id()
    twin_id: Mapped[int] = mapped_column(ForeignKey("twin.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(16))
    """same_person, different_people or open."""
    note: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]
