"""The house of the first Muster: projects, people, gates, passages, findings, accounts."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id


class Project(Base):
    """项目: the unit a roster, gates and a payroll belong to."""

    __tablename__ = "project"
    id: Mapped[int] = _id()
    code: Mapped[str] = mapped_column(String(64), unique=True)
    """Project code, unique in the county (项目编码)."""
    name: Mapped[str] = mapped_column(String(200))
    area_code: Mapped[str] = mapped_column(String(12))
    """Administrative division code (行政区划代码), 6 to 12 digits; inspectors see by prefix."""
    address: Mapped[str | None] = mapped_column(String(300))
    time_zone: Mapped[str] = mapped_column(String(64), default="Asia/Shanghai")
    language: Mapped[str] = mapped_column(String(8), default="zh")
    """Language of the gate's display text: zh or en."""
    pay_day: Mapped[int] = mapped_column(server_default=text("15"), default=15)
    """发薪日: day of the following month on which wages are due, 1 to 31."""
    confirm_face: Mapped[bool] = mapped_column(default=False)
    """A person must confirm each face passage while a weak pack is active."""
    is_demonstration: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Company(Base):
    """企业. A company without a credit code is known by name until its papers come."""

    __tablename__ = "company"
    id: Mapped[int] = _id()
    uscc: Mapped[str | None] = mapped_column(String(18), unique=True)
    """Unified social credit code (统一社会信用代码, GB 32100)."""
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class ProjectCompany(Base):
    """参建单位: a company in a role on a project."""

    __tablename__ = "project_company"
    __table_args__ = (UniqueConstraint("project_id", "company_id", "role"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    role: Mapped[str] = mapped_column(String(32))
    """owner 建设单位, general_contractor 总承包, labour_subcontractor 劳务分包, ... see wording."""
    entry_on: Mapped[date]
    exit_on: Mapped[date | None]


class Team(Base):
    """班组."""

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("project_company_id", "name"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    project_company_id: Mapped[int] = mapped_column(ForeignKey("project_company.id"))
    name: Mapped[str] = mapped_column(String(100))
    trade: Mapped[str | None] = mapped_column(String(50))
    """工种 the team mainly does."""


class Worker(Base):
    """务工人员: a person, known once however many projects he works on."""

    __tablename__ = "worker"
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(String(100))
    id_number_sealed: Mapped[bytes]
    id_number_index: Mapped[str] = mapped_column(String(64), unique=True)
    """Blind index of the normalised ID number: the same person is never two workers."""
    sex: Mapped[str] = mapped_column(String(1))
    birth_on: Mapped[date]
    phone_sealed: Mapped[bytes | None]
    created_at: Mapped[datetime]


class Engagement(Base):
    """进退场: a worker's time with one company and team on one project. Overlaps are refused by trigger."""

    __tablename__ = "engagement"
    __table_args__ = (
        CheckConstraint("exit_on IS NULL OR exit_on > entry_on", name="exit_after_entry"),
        Index("ix_engagement_project_worker", "project_id", "worker_id"),
        Index("ix_engagement_worker", "worker_id"),
    )
    id: Mapped[int] = _id()
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    project_company_id: Mapped[int] = mapped_column(ForeignKey("project_company.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    trade: Mapped[str | None] = mapped_column(String(50))
    entry_on: Mapped[date]
    exit_on: Mapped[date | None]
    """First day no longer on the project."""
    created_at: Mapped[datetime]


class WorkerChange(Base):
    """更正: something that was entered about a worker, put right. The row it was entered in says what holds, this one what it said."""

    __tablename__ = "worker_change"
    __table_args__ = (
        CheckConstraint("field IN ('name', 'phone', 'team', 'entry_on')", name="field_known"),
        CheckConstraint("(engagement_id IS NULL) = (field IN ('name', 'phone'))", name="of_his_time"),
        Index("ix_worker_change_worker", "worker_id"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    """Where it was put right: a name and a telephone are the person's, on every project."""
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    engagement_id: Mapped[int | None] = mapped_column(ForeignKey("engagement.id"))
    field: Mapped[str] = mapped_column(String(8))
    was: Mapped[str | None] = mapped_column(String(100))
    became: Mapped[str | None] = mapped_column(String(100))
    """A name, the number of a team, a date; of a telephone None: it is sealed here as it is there."""
    was_sealed: Mapped[bytes | None]
    became_sealed: Mapped[bytes | None]
    reason: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]


class CompanyChange(Base):
    """更正: something that was entered about a company, put right. The row it was entered in says what holds, this one what it said."""

    __tablename__ = "company_change"
    __table_args__ = (
        CheckConstraint("field IN ('name', 'uscc', 'role', 'entry_on')", name="field_known"),
        CheckConstraint("(project_company_id IS NULL) = (field IN ('name', 'uscc'))", name="of_its_role"),
        Index("ix_company_change_company", "company_id"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    """Where it was put right: a name and a credit code are the company's, on every project."""
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    project_company_id: Mapped[int | None] = mapped_column(ForeignKey("project_company.id"))
    field: Mapped[str] = mapped_column(String(8))
    was: Mapped[str | None] = mapped_column(String(200))
    became: Mapped[str | None] = mapped_column(String(200))
    """A name, a credit code (None: without one), a role, a date."""
    reason: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]


class WageTerm(Base):
    """工资约定: rate from when to when. Never edited: voided and superseded. Overlaps refused by trigger."""

    __tablename__ = "wage_term"
    __table_args__ = (
        CheckConstraint("rate_fen > 0", name="rate_positive"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="to_after_from"),
        Index("ix_wage_term_engagement", "engagement_id"),
    )
    id: Mapped[int] = _id()
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"))
    kind: Mapped[str] = mapped_column(String(8))
    rate_fen: Mapped[int]
    """Fen per man-day, hour, month, or unit of measured work."""
    unit: Mapped[str | None] = mapped_column(String(16))
    """Of measured work, for ``piece``: m2, m3, t, ..."""
    minutes_per_day: Mapped[int] = mapped_column(server_default=text("480"), default=480)
    """Length of one man-day (一个工) in minutes."""
    overtime_rule: Mapped[str] = mapped_column(String(8), server_default=text("'none'"), default="none")
    """law, units or none."""
    overtime_unit_minutes: Mapped[int] = mapped_column(server_default=text("480"), default=480)
    """For ``units``: minutes of overtime that make one man-day."""
    relation: Mapped[str] = mapped_column(String(16), server_default=text("'work_agreement'"), default="work_agreement")
    """labour_contract 劳动合同 or work_agreement 用工书面协议."""
    hours_system: Mapped[str] = mapped_column(String(16), server_default=text("'standard'"), default="standard")
    """standard, comprehensive or irregular."""
    month_method: Mapped[str] = mapped_column(String(8), server_default=text("'auto'"), default="auto")
    """deduct, forward or auto, for ``month``."""
    hour_floor_fen: Mapped[int | None]
    """保底: guaranteed fen per hour on site, for ``piece``."""
    paper_id: Mapped[int | None] = mapped_column(BigInteger)
    """The signed agreement (evidence_file), when it was scanned."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))
    voided_at: Mapped[datetime | None]
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("wage_term.id"))


class Gate(Base):
    """闸机通道."""

    __tablename__ = "gate"
    __table_args__ = (UniqueConstraint("project_id", "name"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str] = mapped_column(String(100))
    direction: Mapped[str] = mapped_column(String(4))
    called: Mapped[str | None] = mapped_column(String(100))
    """What it is called since somebody put it right; None: as it was added. The first words stay under their seal."""
    leads: Mapped[str | None] = mapped_column(String(4))
    """Likewise where it leads; only before anybody passed."""
    retired_at: Mapped[datetime | None]
    """Nobody ever passed, and nobody will."""
    face_px_min: Mapped[int | None]
    """Least side of a face in pixels: who stands further off is asked to step closer. None: the pack's."""
    search_region: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    """Left, top, right, bottom as shares of the frame: only there faces are looked for. None: everywhere."""
    search_side: Mapped[int | None]
    """Pixels of the longer side in which faces are looked for. None: as the pack does."""


class DecisionPolicy(Base):
    """识别判定规则: how strictly the gates of one project decide. A project without a row has the service's."""

    __tablename__ = "decision_policy"
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True, autoincrement=False)
    stranger_max: Mapped[float | None]
    """Greatest chance that one frame of a stranger is taken for somebody."""
    votes_min: Mapped[int | None]
    """Frames that must agree when none is sure by itself; 1 = each frame decides alone."""
    track_seconds: Mapped[float | None]
    """How far back the votes of one person count."""
    liveness: Mapped[str | None] = mapped_column(String(8))
    """活体检测: enforce, observe or off."""
    replay: Mapped[str | None] = mapped_column(String(8))
    """重放检测: enforce, observe or off."""


class Device(Base):
    """设备: what posts frames for a gate; its key proves it."""

    __tablename__ = "device"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    gate_id: Mapped[int] = mapped_column(ForeignKey("gate.id"))
    name: Mapped[str] = mapped_column(String(100))
    key_sealed: Mapped[bytes]
    key_previous_sealed: Mapped[bytes | None]
    """Still accepted while the gate is given its new key."""
    disabled_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    complete_to: Mapped[datetime | None]
    """Every event of this gate until then has been delivered; moved by its heartbeats."""
    stored_events: Mapped[int | None]
    """Events the gate says it still keeps."""
    created_at: Mapped[datetime]


class Camera(Base):
    """摄像机: where a device is pulled from, when it does not push. Its passages are the device's."""

    __tablename__ = "camera"
    id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    """Of the device."""
    address_sealed: Mapped[bytes]
    """With user and password, and a path that may hold them too."""
    shown: Mapped[str] = mapped_column(String(300))
    """Scheme, host and port: all that is ever shown of the address."""
    region: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    """Left, top, width, height of the part that is looked at, in shares of the picture; None for all of it."""
    frames_per_second: Mapped[float]
    """Pictures analysed a second, at most."""
    changed_at: Mapped[datetime]


class DeviceNonce(Base):
    """Nonces of the last minutes: a signed request is good once."""

    __tablename__ = "device_nonce"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(index=True)


class Consent(Base):
    """单独同意: given or withdrawn, one row an act, appended only. The latest act is the worker's word."""

    __tablename__ = "consent"
    __table_args__ = (Index("ix_consent_worker", "worker_id", "project_id"),)
    id: Mapped[int] = _id()
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    act: Mapped[str] = mapped_column(String(8))
    """give or withdraw."""
    scope: Mapped[list[str]] = mapped_column(JSON)
    """Words of capture, template, site_storage, net_transfer, image_retention (domain.md 6.1)."""
    notice_version: Mapped[str] = mapped_column(String(32))
    method: Mapped[str] = mapped_column(String(32))
    """paper, screen, spoken: how the consent was given."""
    at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]
    evidence_id: Mapped[int | None] = mapped_column(BigInteger)
    """What he signed it with (evidence_file): the signature written on screen, or a scan."""


class FaceTemplate(Base):
    """人脸特征: sealed, bound to one contract; erasing clears the ciphertext and keeps the row."""

    __tablename__ = "face_template"
    __table_args__ = (Index("ix_face_template_project", "project_id", "contract_id"),)
    id: Mapped[int] = _id()
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"), index=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    consent_id: Mapped[int] = mapped_column(ForeignKey("consent.id"))
    contract_id: Mapped[str] = mapped_column(String(64))
    pack_id: Mapped[str] = mapped_column(String(128))
    template_sealed: Mapped[bytes | None]
    photographs: Mapped[int]
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]
    erased_reason: Mapped[str | None] = mapped_column(String(32))


class FacePhoto(Base):
    """Enrolment photograph, kept only when the consent's scope has image_retention."""

    __tablename__ = "face_photo"
    id: Mapped[int] = _id()
    template_id: Mapped[int] = mapped_column(ForeignKey("face_template.id"), index=True)
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    photo_sealed: Mapped[bytes | None]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class Credential(Base):
    """The non-face way in: a card or a code. The value itself is not stored, only its blind index."""

    __tablename__ = "credential"
    __table_args__ = (
        Index(
            "uq_credential_live",
            "project_id",
            "channel",
            "value_index",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )
    id: Mapped[int] = _id()
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    channel: Mapped[str] = mapped_column(String(8))
    value_index: Mapped[str] = mapped_column(String(64))
    issued_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class PassageRow(Base):
    """通行记录: one answer of a gate, for ever. Appended only; each linked by hash to the one before it."""

    __tablename__ = "passage"
    __table_args__ = (
        UniqueConstraint("device_id", "event_key", name="uq_passage_event"),
        UniqueConstraint("project_id", "seq", name="uq_passage_seq"),
        Index("ix_passage_project_time", "project_id", "occurred_at"),
        # All that days and wages are worked out from: a month is read in the index's own order, not row by row from as many
        # pages as it has passages (DECISIONS 68).
        Index(
            "ix_passage_worker_time",
            "project_id", "worker_id", "occurred_at", "id", "gate_id", "direction", "channel", "verdict", "code",
        ),
        Index("ix_passage_frame", "project_id", "frame_sha256"),
        # A few in a million: a screen asks for them every second.
        Index("ix_passage_asking", "project_id", "seq", sqlite_where=text("verdict = 'ask'"), postgresql_where=text("verdict = 'ask'")),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    seq: Mapped[int]
    """1, 2, 3 ... without a gap within the project."""
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    gate_id: Mapped[int] = mapped_column(ForeignKey("gate.id"))
    direction: Mapped[str] = mapped_column(String(4))
    event_key: Mapped[str] = mapped_column(String(96))
    content_sha256: Mapped[str] = mapped_column(String(64))
    """Of the posted body; the frame itself is not kept."""
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("worker.id"))
    channel: Mapped[str] = mapped_column(String(8))
    verdict: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(40))
    captured_at: Mapped[datetime | None]
    """What the device said, untouched."""
    received_at: Mapped[datetime]
    occurred_at: Mapped[datetime]
    """What attendance uses."""
    similarity: Mapped[float | None]
    margin: Mapped[float | None]
    similarity_min: Mapped[float | None]
    margin_min: Mapped[float | None]
    contract_id: Mapped[str | None] = mapped_column(String(64))
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    frame_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the picture alone: the same picture in another envelope has the same."""
    liveness: Mapped[float | None]
    """活体分数: probability that it is a face and not a picture of one, as the model says; 0 to 1."""
    liveness_min: Mapped[float | None]
    basis: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What else the decision rested on: roster, rates, votes, liveness and replay; see ``app.gate``."""
    salt: Mapped[bytes]
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ChainHead(Base):
    """Where a project's chain of passages ends; its row lock puts writers in a line."""

    __tablename__ = "chain_head"
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True, autoincrement=False)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class GateScreen(Base):
    """闸机屏: a screen that stands unattended and shows one gate, or (without one) the project's counts, and nothing else.

    A code of one use makes it: the browser that opens it gets a key of its own. Neither is stored, their digests are.
    """

    __tablename__ = "gate_screen"
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    gate_id: Mapped[int | None] = mapped_column(ForeignKey("gate.id"))
    """None: the wall of the project, counts only."""
    name: Mapped[str] = mapped_column(String(60))
    code_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    code_until: Mapped[datetime]
    key_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    """None until the code was used."""
    opened_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    """When it last connected."""
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    revoked_by: Mapped[str | None] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None]


class PassageReview(Base):
    """What a person decided about a passage that asked (人工确认). Appended only, once a passage."""

    __tablename__ = "passage_review"
    id: Mapped[int] = _id()
    passage_id: Mapped[int] = mapped_column(ForeignKey("passage.id"), unique=True)
    confirmed: Mapped[bool]
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]


class PaymentRow(Base):
    """工资支付. Appended only; a returned transfer is a negative row that names the first."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
        CheckConstraint(
            "(amount_fen > 0 AND reverses_id IS NULL) OR (amount_fen < 0 AND reverses_id IS NOT NULL)",
            name="negative_reverses",
        ),
        UniqueConstraint("project_id", "idempotency_key", name="uq_payment_key"),
        Index("ix_payment_project_month", "project_id", "for_month"),
        Index("ix_payment_sums", "project_id", "worker_id", "for_month", "channel", "paid_on", "amount_fen"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"), index=True)
    amount_fen: Mapped[int]
    paid_on: Mapped[date]
    for_month: Mapped[date]
    channel: Mapped[str] = mapped_column(String(8))
    reference: Mapped[str | None] = mapped_column(String(100))
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("payment.id"), unique=True)
    item_id: Mapped[int | None] = mapped_column(BigInteger)
    """The item of a bank batch this row follows from; None for money paid outside the special account."""
    idempotency_key: Mapped[str] = mapped_column(String(96))
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class FindingRow(Base):
    """问题线索: kept between runs so that decisions stay attached. One that stops firing is cleared, not gone."""

    __tablename__ = "finding"
    __table_args__ = (UniqueConstraint("project_id", "key", name="uq_finding_key"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    key: Mapped[str] = mapped_column(String(64))
    rule: Mapped[str] = mapped_column(String(64))
    severity: Mapped[str] = mapped_column(String(8))
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[int]
    month: Mapped[date]
    evidence: Mapped[list[Any]] = mapped_column(JSON)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence_digest: Mapped[str] = mapped_column(String(64))
    """Over evidence and facts as they are now."""
    thresholds: Mapped[str | None] = mapped_column(String(40))
    """Version of the limits the rule went by; None for a finding of before there were versions."""
    amount_fen: Mapped[int | None]
    """Money at stake (涉及金额)."""
    expected_on: Mapped[date | None]
    """Last day on which it would still have been in order."""
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16), server_default=text("'open'"), default="open")
    """What its decisions come to (``domain.casework``): worked out anew with each of them and with each run."""
    in_hand: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    """The bureau has notified or escalated it."""
    due_on: Mapped[date | None]
    """By when the project answers."""
    reopened_at: Mapped[datetime | None]
    """When it fired again after it had stopped."""
    reopened_after: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    """The last decision made before that; 0 when it never stopped."""


class FindingDecision(Base):
    """What somebody decided about a finding. Appended only; ``domain.casework`` says what they come to."""

    __tablename__ = "finding_decision"
    id: Mapped[int] = _id()
    finding_id: Mapped[int] = mapped_column(ForeignKey("finding.id"), index=True)
    evidence_digest: Mapped[str] = mapped_column(String(64))
    """What the decision was made about; the finding's own may have moved on since."""
    state: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[Any] | None] = mapped_column(JSON)
    """[kind, id] of the files and facts it rests on."""
    due_on: Mapped[date | None]
    """Of a notice: by when the project answers."""
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]


class Account(Base):
    """账号: a person who signs in."""

    __tablename__ = "account"
    id: Mapped[int] = _id()
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(8), default="zh")
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Membership(Base):
    """What an account may reach: a role on one project, or in one area (inspector), or none (administrator)."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("account_id", "role", "project_id", "area_code"),)
    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    """manager, labour_officer, guard (project_id set); inspector (area_code set); administrator (neither)."""
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))
    area_code: Mapped[str | None] = mapped_column(String(12))
    project_company_id: Mapped[int | None] = mapped_column(BigInteger)
    """Set for a subcontractor: his company on the project."""
    team_id: Mapped[int | None] = mapped_column(BigInteger)
    """Set for a team leader."""
    worker_id: Mapped[int | None] = mapped_column(BigInteger)
    """Set for a worker: himself."""


class SignInCode(Base):
    """一次性登录码: lets a worker in once, within minutes. Only its SHA-256 is here."""

    __tablename__ = "sign_in_code"
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    code_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignIn(Base):
    """登录会话: the cookie's token is random; only its SHA-256 is here. Revoked at once, everywhere."""

    __tablename__ = "sign_in"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    """Last answered, to some minutes."""
    address: Mapped[str] = mapped_column(String(64), server_default=text("''"), default="")
    agent: Mapped[str] = mapped_column(String(200), server_default=text("''"), default="")
    """What the browser called itself."""
    second: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    """Begun with a second step, or the second step was set up in it."""
    code_by: Mapped[str | None] = mapped_column(String(64))
    """Of a worker's session: who made the code it began with."""


class SignInStep(Base):
    """A password was right; the second step is waited for. Only the SHA-256 of its token is here."""

    __tablename__ = "sign_in_step"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    expires_at: Mapped[datetime]


class SecondStep(Base):
    """两步验证: the secret of an account's authenticator (RFC 6238), sealed."""

    __tablename__ = "second_step"
    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), unique=True)
    secret_sealed: Mapped[bytes]
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """None until a first code was right: before that it is not asked for."""
    used_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), default=0)
    """Time step of the last code that was used: it is good once."""


class RecoveryCode(Base):
    """恢复码: lets in once without the telephone. Only its SHA-256 is here."""

    __tablename__ = "recovery_code"
    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    code_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime | None]


class SignInEvent(Base):
    """登录记录: who signed in or tried to, from where, by which means; kept for ``sign_in_days``."""

    __tablename__ = "sign_in_event"
    __table_args__ = (Index("ix_sign_in_event_account", "account_id", "at"), Index("ix_sign_in_event_at", "at"))
    id: Mapped[int] = _id()
    at: Mapped[datetime]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    """None: no account has the login that was typed; people type their password there, so it is not kept."""
    outcome: Mapped[str] = mapped_column(String(20))
    """in, wrong, disabled, second_wrong"""
    means: Mapped[str] = mapped_column(String(20))
    """password, totp, recovery, code"""
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))


class SignInAttempt(Base):
    """Tries of the last minutes, for the rate limit. The login is kept as a blind index."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_sign_in_attempt_who", "login_index", "at"),
        Index("ix_sign_in_attempt_from", "address", "at"),
    )
    id: Mapped[int] = _id()
    login_index: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    succeeded: Mapped[bool]
    at: Mapped[datetime]


class JournalEntry(Base):
    """操作日志: who did or saw what. Appended only; no personal data in it."""

    __tablename__ = "journal_entry"
    __table_args__ = (Index("ix_journal_entry_project", "project_id", "at"),)
    id: Mapped[int] = _id()
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(48))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))
    object: Mapped[str] = mapped_column(String(64))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)


class JournalLink(Base):
    """Link of the journal's chain: made when the line's transaction commits. Appended only."""

    __tablename__ = "journal_link"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 ... without a gap, in the order of commits."""
    entry_id: Mapped[int] = mapped_column(ForeignKey("journal_entry.id"), index=True)
    """Not unique: SQLite gives out the id of a last row that somebody deleted once more."""
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class JournalHead(Base):
    """Where the journal's chain ends: one row, whose lock puts committing writers in a line."""

    __tablename__ = "journal_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class FactMark(Base):
    """How far a project's facts about wages and money go; moved in the transaction of the fact. A counter, and no fact itself."""

    __tablename__ = "fact_mark"
    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0 for what concerns every project: the calendar, the county's numbers."""
    seq: Mapped[int]
    """Number of the journal's link (``journal_link``) of the last such fact."""


class Schedule(Base):
    """Jobs that run without a request; one conditional UPDATE claims a turn."""

    __tablename__ = "schedule"
    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    next_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    last_result: Mapped[str | None] = mapped_column(String(200))
