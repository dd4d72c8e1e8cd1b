"""Who is not compared with is said, not passed over."""

import sqlalchemy as sa
from structlog.testing import capture_logs

from app.tables import FaceTemplate
from tests.app.test_enrolment import LI, WANG, Desk, desk, site  # noqa: F401 - fixtures
from tests.app.test_permissions import client, quick_passwords  # noqa: F401 - fixtures
from tests.faces import draw_face


def opened(desk: Desk) -> list[dict]:  # noqa: F811
    with capture_logs() as lines, desk.database.read() as db:
        desk.galleries.of(db, desk.site.a.id)
    return [line for line in lines if line["event"] == "templates_left_out"]


def test_a_template_of_another_pack_or_one_that_does_not_open_is_counted_and_logged_once(desk: Desk, behind_the_walls):  # noqa: F811
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.enrol(desk.site.li.id, draw_face(LI))
    assert opened(desk) == [] and desk.galleries.left_out == {}
    first, second = desk.rows(FaceTemplate)
    with desk.database.write() as db:
        table = FaceTemplate.__table__
        db.execute(sa.update(table).where(table.c.id == first.id).values(template_sealed=second.template_sealed))
        db.execute(sa.update(table).where(table.c.id == second.id).values(contract_id="another"))
    desk.galleries.forget()
    (line,) = opened(desk)
    assert (line["project_id"], line["foreign"], line["unreadable"], line["workers"], line["compared"]) == (
        desk.site.a.id, 1, 1, [desk.site.wang.id], 0,
    )  # fmt: skip
    found = desk.galleries.left_out[desk.site.a.id]
    assert (found.foreign, found.unreadable) == (1, (desk.site.wang.id,))
    # Opened again with the same left out: it was said already.
    desk.galleries._kept.clear()
    assert opened(desk) == []


def test_the_readiness_says_so_and_the_gates_stay_open(desk: Desk, client):  # noqa: F811
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    with desk.database.write() as db:
        db.execute(sa.update(FaceTemplate.__table__).values(contract_id="another"))
    galleries = client.app.state.galleries
    with desk.database.read() as db:
        galleries.of(db, desk.site.a.id)
    answer = client.get("/readyz")
    assert answer.json()["templates_left_out"] == {str(desk.site.a.id): {"foreign": 1, "unreadable": 0}}
    assert answer.json()["ready"] is True
