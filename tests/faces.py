"""Enrolling drawn faces, past the desk: for tests that are about the gate."""

from datetime import datetime

from app import enrolment
from app.db import Database
from app.settings import Settings
from app.vault import Vault
from app.wording import notices
from recognition.synthetic import SyntheticEngine, draw_face

CONSENT_SCOPE = ("capture", "template", "site_storage")


def enrol_drawn(
    database: Database,
    vault: Vault,
    engine: SyntheticEngine,
    project_id: int,
    worker_id: int,
    person: int,
    now: datetime,
    *,
    allow_alike: bool = False,
    **drawn: object,
) -> None:
    """Enrol a worker with the face ``draw_face(person, **drawn)``.

    Args:
        allow_alike: enrol even if another worker of the roster looks alike, as two desks at the same moment can.
    """
    examined = enrolment.examine(engine, Settings(environment="test"), [draw_face(person, **drawn)])
    consent = enrolment.ConsentGiven(scope=CONSENT_SCOPE, notice_version=notices.FACE_CURRENT, method="screen", at=now)
    keep = enrolment.keep_template if allow_alike else enrolment.enrol
    with database.write() as db:
        keep(db, vault, examined, project_id=project_id, worker_id=worker_id, consent=consent, now=now, by="wu")
