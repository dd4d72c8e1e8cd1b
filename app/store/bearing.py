"""What a line of the journal bears on: wages, only the audit, or neither.

    WAGES    after such a line somebody's wages may come out otherwise; the audit's findings, too
    PAPERS   wages are what they were; the audit may find something else
    MONEY    of PAPERS: what is paid, what may be, or what the special account says comes out otherwise
    NOTHING  somebody looked, signed in, or changed what neither wages nor rules read

Every action that is written anywhere in the source stands in exactly one of the three; a new one has to be put somewhere
(``tests/app/test_bearing.py`` walks the source). Passages have their own chain and stand in no journal.
"""

WAGES = frozenset((
    # what the gates' passages come to
    "correction.requested", "correction.leader_ok", "correction.officer_ok", "correction.rejected", "correction.withdrawn",
    "passage.confirmed", "passage.rejected", "mark.added", "mark.voided", "policy.added", "policy.ended", "policy.voided",
    "calendar.imported", "gate.added", "gate.changed", "gate.retired", "project.confirm_face", "project.created", "project.area",
    # who, and for how much
    "worker.entered", "worker.left", "worker.changed", "roster.imported", "team.added", "company.added", "company.changed", "terms.changed", "terms.voided",
    "allowance.added", "allowance.ended", "allowance.voided", "measure.added", "measure.accepted", "measure.refused",
    "work_measure.voided", "measures.imported", "area_rule.written",
    # what is withheld, and what is posted already
    "advance.recorded", "advance.voided", "deduction.recorded", "deduction.voided", "period_closed", "settlement_made",
    "settlement_released", "settlement_signed", "settlement_disputed", "line_signed", "line_disputed",
))  # fmt: skip

MONEY = frozenset((
    "period_locked", "sheet_drafted", "sheet_submitted", "sheet_checked", "sheet_publicised", "sheet_approved", "sheet_returned",
    "payment_recorded", "payment_reversed", "batch.made", "batch.approved", "batch.withdrawn", "batch.sent", "batch.results",
    "special_account.opened", "special_account.voided", "funding.planned", "funding.received", "funding_plan.voided",
    "statement.imported", "statement.matched", "bank_card.set", "bank_card.voided", "bank_cards.imported",
))  # fmt: skip

PAPERS = MONEY | frozenset((
    "project_paper.recorded", "project_paper.voided", "role_given", "role_taken", "account_disabled", "face.enrolled",
    "face.erased", "face_policy.set", "identity.checked", "identity.overridden", "twin.decided",
))  # fmt: skip

SEEN = (
    "personal_data.viewed", "identity.revealed", "evidence.read", "face.viewed", "form.exported", "batch.file_taken", "batch.answer_form_taken",
    "journal_extracted",
)  # fmt: skip
"""Actions in which somebody saw or took personal data: nothing follows from them but the line itself."""

NOTHING = frozenset((
    *SEEN,
    # What is done for it has lines of its own.
    "task.ordered",
    "account_created", "account_enabled", "session_ended", "sessions_ended", "signed_out_everywhere", "worker_signed_out",
    "objection_made", "objection_answered", "second_step_begun", "second_step_on", "second_step_off",
    "second_step_reset", "recovery_codes_renewed", "screen.made", "screen.opened", "screen.revoked", "device.enabled", "consent.declined",
    # Whom a guard lets in by hand is asked for as a correction, which has a line of its own.
    "manual_passage.in", "manual_passage.out", "manual_passage.looked", "manual_passage.refused",
    "password_set", "password_changed", "sign_in", "code_issued",
    "finding_decided", "audit.run", "evidence.added", "file_template.added",
    "face.assigned", "face.confirmed", "face.discarded", "face.re_embedded", "consent.given", "consent.withdrawn",
    "credential.issued", "credential.revoked", "device.added", "device.disabled", "device.key_rotated", "gate.face_px_min",
    "gate.search", "decision_policy.set", "camera.added", "camera.changed", "camera.removed", "pack.calibrated",
    "pack_change.started", "pack_change.switched", "pack_change.rolled_back", "pack_change.abandoned", "pack_change.finished",
    "facts_sealed", "seal_broken", "chain_broken", "chains_recorded", "journal_broken", "journal_head_lost", "books_wrong",
))  # fmt: skip
