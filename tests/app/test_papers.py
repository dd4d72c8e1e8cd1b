"""Projects, people and their papers: what is entered, what is refused, and what the journal remembers."""

import ast
import json
from datetime import date, datetime
from pathlib import Path

import pytest

from app import papers
from app import roster as rosters
from app.db import Database
from app.domain.identity import id_check_digit
from app.errors import BadRequest, Conflict, NotFound, ServiceError, Unusable
from app.settings import Settings
from app.store import accounts, gates, people
from app.store import papers as kept
from app.vault import Vault
from app.wording import NAMES, SENTENCES
from tests.cast import LI_ID, WANG_ID, ZHAO_ID, Cast, code_is_sound, id_number

ROOT = Path(__file__).resolve().parents[2]
SUN_ID = id_number(date(1992, 5, 1), 11)
ENTRY = date(2026, 3, 10)


@pytest.fixture
def site(people_on_site: Cast) -> Cast:
    return people_on_site


@pytest.fixture
def desk(database: Database, vault: Vault, settings: Settings, now: datetime, site: Cast) -> "Desk":
    return Desk(database, vault, settings, now, site)


class Desk:
    """The labour officer's desk on project A."""

    def __init__(self, database: Database, vault: Vault, settings: Settings, now: datetime, site: Cast) -> None:
        self.database, self.vault, self.settings, self.now, self.site = database, vault, settings, now, site

    def enter(self, **changed: object) -> papers.Entered:
        worker = {
            "project_id": self.site.a.id, "team_id": self.site.a.team_id, "name": "孙大山", "id_number": SUN_ID,
            "day_rate_fen": 380_00, "entry_on": ENTRY,
        }
        with self.database.write() as db:
            return papers.enter_worker(
                db, self.vault, self.settings, **{**worker, **changed}, now=self.now, by="wu"
            )

    def terms(self, worker_id: int) -> list[tuple[int, date, date | None]]:
        with self.database.read() as db:
            return sorted(
                ((t.rate_fen, t.valid_from, t.valid_to) for t in people.terms(db, self.site.a.id) if t.worker_id == worker_id),
                key=lambda t: t[1],
            )

    def change(self, rate_fen: int, valid_from: date, worker_id: int | None = None) -> int:
        with self.database.write() as db:
            return papers.change_terms(
                db, project_id=self.site.a.id, worker_id=worker_id or self.site.wang.id, rate_fen=rate_fen,
                valid_from=valid_from, now=self.now, by="wu",
            )

    def leave(self, exit_on: date, worker_id: int | None = None) -> int:
        with self.database.write() as db:
            return papers.exit_worker(
                db, project_id=self.site.a.id, worker_id=worker_id or self.site.wang.id, exit_on=exit_on, now=self.now, by="wu"
            )

    def ways(self, worker_id: int) -> list[str]:
        with self.database.read() as db:
            return [one.channel for one in kept.live_credentials(db, self.site.a.id, worker_id)]

    def holder(self, channel: str, value: str) -> int | None:
        with self.database.read() as db:
            return people.worker_by_credential(db, self.site.a.id, channel, self.vault.index(f"credential.{channel}", value))


# --- entering -------------------------------------------------------------------------------------------------


def test_a_worker_is_entered_with_his_identity_his_team_his_rate_and_a_code(desk: Desk):
    entered = desk.enter(phone="+86 139-0000-0002", trade="钢筋工")
    with desk.database.read() as db:
        line = next(one for one in people.workers(db, desk.site.a.id, today=ENTRY) if one.worker_id == entered.worker_id)
        worker = people.worker(db, entered.worker_id)
    assert (line.name, line.sex, line.trade, line.rate_fen, line.entry_on) == ("孙大山", "M", "steel_fixer", 380_00, ENTRY)
    assert not entered.known and code_is_sound(entered.code)
    opened = desk.vault.open(worker.id_number_sealed, table="worker", column="id_number_sealed", owner=worker.id_number_index)
    assert opened.decode() == SUN_ID
    assert desk.holder("code", entered.code) == entered.worker_id


def test_a_worker_with_a_card_is_given_no_code(desk: Desk):
    entered = desk.enter(card=" 00 1234 ")
    assert entered.code is None
    assert desk.holder("card", "001234") == entered.worker_id


def test_a_worker_known_from_another_project_stays_one_person(desk: Desk):
    entered = desk.enter(name="赵铁柱", id_number=ZHAO_ID)
    assert entered.known and entered.worker_id == desk.site.zhao.id


def test_the_same_number_under_another_name_is_for_a_person_to_decide(desk: Desk):
    with pytest.raises(Conflict, match="worker_name_differs"):
        desk.enter(name="赵铁住", id_number=ZHAO_ID)


def test_nobody_is_entered_twice_on_one_project(desk: Desk):
    with pytest.raises(Conflict, match="engagement_overlaps"):
        desk.enter(name="王建国", id_number=WANG_ID)


def test_somebody_who_left_may_come_back_with_the_card_he_has(desk: Desk):
    first = desk.enter(card="778899")
    desk.leave(date(2026, 3, 20), first.worker_id)
    again = desk.enter(entry_on=date(2026, 3, 25))
    assert again.known and again.code is None and again.engagement_id != first.engagement_id


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"id_number": SUN_ID[:-1] + ("0" if SUN_ID[-1] != "0" else "1")}, "id_check_digit"),
        ({"id_number": "123"}, "id_length"),
        ({"id_number": id_number(date(2010, 3, 31), 1)}, None),
        ({"id_number": id_number(date(2010, 4, 1), 1)}, "id_under_age"),
        ({"name": "  "}, "text_missing"),
        ({"name": "孙\x00山"}, "text_malformed"),
        ({"name": "孙\ud800"}, "text_malformed"),
        ({"name": "孙" * 101}, "text_long"),
        ({"name": "12345"}, "name_wrong"),
        ({"phone": "12345"}, "phone_wrong"),
        ({"card": "卡"}, "card_wrong"),
        ({"day_rate_fen": 0}, "day_rate_wrong"),
        ({"day_rate_fen": -1}, "day_rate_wrong"),
        ({"day_rate_fen": 10_000_001}, "day_rate_wrong"),
        ({"trade": "工" * 51}, "text_long"),
    ],
)
def test_a_wrong_field_is_refused_by_its_own_code(desk: Desk, changed: dict, code: str | None):
    if code is None:
        desk.enter(**changed)  # sixteen today
        return
    with pytest.raises(Unusable) as error:
        desk.enter(**changed)
    assert error.value.code == code
    assert SUN_ID not in str(error.value) + str(error.value.facts)
    with desk.database.read() as db:
        assert {line.name for line in people.workers(db, desk.site.a.id, today=ENTRY)} == {"王建国", "李秀英"}


def test_a_test_id_number_is_refused_in_production(desk: Desk):
    desk.settings = Settings(environment="production")
    with pytest.raises(Unusable, match="id_region"):
        desk.enter()
    real_shape = "33042419920501001"
    desk.enter(id_number=real_shape + id_check_digit(real_shape))


def test_a_team_of_another_project_is_unknown_here(desk: Desk):
    with pytest.raises(NotFound, match="team_unknown"):
        desk.enter(team_id=desk.site.b.team_id)


def test_an_exit_before_the_entry_is_refused(desk: Desk):
    with pytest.raises(BadRequest, match="exit_before_entry"):
        desk.enter(exit_on=ENTRY)


# --- terms and leaving ----------------------------------------------------------------------------------------


def test_a_rise_holds_from_its_day_and_leaves_the_past_alone(desk: Desk):
    desk.change(450_00, date(2026, 3, 16))
    assert desk.terms(desk.site.wang.id) == [(400_00, date(2026, 3, 1), date(2026, 3, 16)), (450_00, date(2026, 3, 16), None)]


def test_a_correction_from_the_first_day_takes_the_place_of_the_old_rate(desk: Desk):
    desk.change(450_00, date(2026, 3, 1))
    assert desk.terms(desk.site.wang.id) == [(450_00, date(2026, 3, 1), None)]


def test_a_correction_of_the_past_does_not_undo_a_later_rise(desk: Desk):
    desk.change(500_00, date(2026, 4, 1))
    desk.change(450_00, date(2026, 3, 16))
    desk.change(420_00, date(2026, 3, 10))
    assert desk.terms(desk.site.wang.id) == [
        (400_00, date(2026, 3, 1), date(2026, 3, 10)),
        (420_00, date(2026, 3, 10), date(2026, 3, 16)),
        (450_00, date(2026, 3, 16), date(2026, 4, 1)),
        (500_00, date(2026, 4, 1), None),
    ]


def test_terms_outside_his_time_on_the_project_are_refused(desk: Desk):
    with pytest.raises(Unusable, match="terms_before_entry"):
        desk.change(450_00, date(2026, 2, 28))
    desk.leave(date(2026, 3, 20))
    with pytest.raises(Unusable, match="terms_after_exit"):
        desk.change(450_00, date(2026, 3, 20))
    with pytest.raises(Conflict, match="terms_same"):
        desk.change(400_00, date(2026, 3, 5))
    with pytest.raises(NotFound, match="worker_not_on_project"):
        desk.change(450_00, date(2026, 3, 5), desk.site.zhao.id)


def test_leaving_twice_on_one_date_is_leaving_once(desk: Desk):
    assert desk.leave(date(2026, 3, 20)) == desk.leave(date(2026, 3, 20)) == desk.site.wang.engagement_id
    with pytest.raises(Conflict, match="exit_recorded"):
        desk.leave(date(2026, 3, 21))
    with pytest.raises(BadRequest, match="exit_before_entry"):
        desk.leave(date(2026, 3, 1), desk.site.li.id)


def test_leaving_does_not_touch_what_he_earned(desk: Desk):
    before = desk.terms(desk.site.wang.id)
    desk.leave(date(2026, 3, 20))
    assert desk.terms(desk.site.wang.id) == before


# --- the way in without a face --------------------------------------------------------------------------------


def test_a_new_code_ends_the_one_before_and_leaves_the_card(desk: Desk):
    entered = desk.enter()
    about = {"project_id": desk.site.a.id, "worker_id": entered.worker_id, "now": desk.now, "by": "wu"}
    with desk.database.write() as db:
        papers.issue_card(db, desk.vault, value="556677", **about)
        fresh = papers.issue_code(db, desk.vault, **about)
    assert desk.holder("code", entered.code) is None
    assert desk.holder("code", fresh) == desk.holder("card", "556677") == entered.worker_id


def test_a_code_tells_a_slip_of_the_finger(desk: Desk):
    code = desk.enter().code
    assert code_is_sound(code)
    for at in range(len(code)):
        assert not code_is_sound(code[:at] + str((int(code[at]) + 1) % 10) + code[at + 1 :])


def test_a_card_belongs_to_one_worker_until_he_leaves(desk: Desk):
    desk.enter(card="445566")
    card = {"project_id": desk.site.a.id, "worker_id": desk.site.li.id, "value": "445566", "now": desk.now, "by": "wu"}
    with pytest.raises(Conflict, match="credential_taken"), desk.database.write() as db:
        papers.issue_card(db, desk.vault, **card)
    sun = desk.holder("card", "445566")
    desk.leave(date(2026, 3, 31), sun)
    with desk.database.write() as db:
        papers.issue_card(db, desk.vault, **card)
    assert desk.holder("card", "445566") == desk.site.li.id


def test_a_lost_card_stops_working_and_its_owner_is_not_left_outside(desk: Desk):
    sun = desk.enter(card="445566").worker_id
    with desk.database.write() as db:
        [card] = kept.live_credentials(db, desk.site.a.id, sun)
        revoke = {"project_id": desk.site.a.id, "credential_id": card.id, "now": desk.now, "by": "wu"}
        code = papers.revoke_credential(db, desk.vault, **revoke)
        assert papers.revoke_credential(db, desk.vault, **revoke) is None, "taking it back twice gives no second code"
    assert desk.holder("card", "445566") is None and desk.holder("code", code) == sun


def test_a_card_of_another_project_cannot_be_taken_back_here(desk: Desk):
    sun = desk.enter(card="445566").worker_id
    with desk.database.write() as db:
        [card] = kept.live_credentials(db, desk.site.a.id, sun)
        with pytest.raises(NotFound, match="credential_missing"):
            papers.revoke_credential(db, desk.vault, project_id=desk.site.b.id, credential_id=card.id, now=desk.now, by="zhou")


def test_card_and_code_are_stored_only_as_an_index(desk: Desk, behind_the_walls):
    entered = desk.enter(card="98765432")
    del entered
    with desk.database.read() as db:
        raw = db.connection().exec_driver_sql("SELECT value_index FROM credential").scalars().all()
        lines = accounts.journal_lines(db, None, 100)
    assert raw and all("98765432" not in value for value in raw)
    assert "98765432" not in json.dumps([line.facts for line in lines])


# --- the frame ------------------------------------------------------------------------------------------------


def create(desk: Desk, **changed: object) -> int:
    project = {"code": "330424-2026-009", "name": "新项目", "area_code": "330424"}
    with desk.database.write() as db:
        return papers.create_project(db, **{**project, **changed}, now=desk.now, by="gao")


def test_a_project_is_created_and_its_code_is_its_own(desk: Desk):
    project_id = create(desk)
    with desk.database.read() as db:
        assert people.project(db, project_id).time_zone == "Asia/Shanghai"
    with pytest.raises(Conflict, match="project_code_taken"):
        create(desk)


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"code": "a b"}, "project_code_malformed"), ({"code": ""}, "text_missing"), ({"area_code": "33"}, "project_area_malformed"),
     ({"area_code": "33042x"}, "project_area_malformed"), ({"time_zone": "Mars/Base"}, "time_zone_unknown"),
     ({"time_zone": "../etc/passwd"}, "time_zone_unknown"), ({"time_zone": ""}, "time_zone_unknown"),
     ({"language": "fr"}, "language_unknown"), ({"name": " "}, "text_missing")],
)
def test_a_project_with_a_wrong_field_is_refused(desk: Desk, changed: dict, code: str):
    with pytest.raises(Unusable) as error:
        create(desk, **changed)
    assert error.value.code == code


def company(desk: Desk, **changed: object) -> int:
    given = {"name": "海盐建筑劳务有限公司", "uscc": "9144030071526726XG", "role": "labour_subcontractor"}
    with desk.database.write() as db:
        return papers.add_company_to_project(
            db, project_id=desk.site.a.id, entry_on=ENTRY, now=desk.now, by="wu", **{**given, **changed}
        )


def test_a_company_added_twice_in_one_role_is_there_once(desk: Desk):
    assert company(desk) == company(desk) != company(desk, role="supervisor")


def test_a_company_with_a_wrong_code_or_role_or_name_is_refused(desk: Desk):
    company(desk)
    for changed, code in (
        ({"uscc": "9144030071526726XX"}, "uscc_check_digit"), ({"role": "friend"}, "company_role_unknown"),
        ({"name": "另一家公司"}, "company_differs"), ({"name": ""}, "text_missing"),
    ):
        with pytest.raises(ServiceError) as error:
            company(desk, **changed)
        assert error.value.code == code


def test_a_device_is_given_a_key_once_and_a_new_one_on_demand(desk: Desk):
    about = {"project_id": desk.site.a.id, "now": desk.now, "by": "chen"}
    with desk.database.write() as db:
        gate_id = papers.add_gate(db, name="西门", direction="both", **about)
        added = papers.add_device(db, desk.vault, gate_id=gate_id, name="西门机", **about)
        fresh = papers.rotate_device_key(db, desk.vault, device_id=added.device_id, **about)
        device = gates.device(db, added.device_id)

        def opened(sealed: bytes) -> bytes:
            return desk.vault.open(sealed, table="device", column="key_sealed", owner=added.device_id)

        assert (opened(device.key_sealed), opened(device.key_previous_sealed)) == (fresh, added.key)
        assert len(fresh) == 32 and fresh != added.key
        assert repr(added) == f"AddedDevice(device_id={added.device_id!r})"


def test_gates_and_devices_of_another_project_are_unknown_here(desk: Desk):
    about = {"now": desk.now, "by": "chen"}
    with desk.database.write() as db:
        for code, refused in (
            ("gate_unknown", lambda: papers.add_device(db, desk.vault, project_id=desk.site.a.id, gate_id=desk.site.b.entrance.gate_id, name="x", **about)),
            ("device_unknown", lambda: papers.rotate_device_key(db, desk.vault, project_id=desk.site.a.id, device_id=desk.site.b.entrance.device_id, **about)),
            ("device_unknown", lambda: papers.disable_device(db, project_id=desk.site.a.id, device_id=desk.site.b.entrance.device_id, **about)),
            ("device_id_malformed", lambda: papers.add_device(db, desk.vault, project_id=desk.site.a.id, gate_id=desk.site.a.entrance.gate_id, device_id="a/b", name="x", **about)),
            ("device_id_taken", lambda: papers.add_device(db, desk.vault, project_id=desk.site.a.id, gate_id=desk.site.a.entrance.gate_id, device_id="gate-b-in", name="x", **about)),
            ("direction_unknown", lambda: papers.add_gate(db, project_id=desk.site.a.id, name="x", direction="up", **about)),
            ("gate_name_taken", lambda: papers.add_gate(db, project_id=desk.site.a.id, name="大门入口", direction="in", **about)),
        ):
            with pytest.raises(ServiceError) as error:
                refused()
            assert error.value.code == code


# --- what is shown --------------------------------------------------------------------------------------------


def shown(desk: Desk, view: str, **wanted: object) -> rosters.RosterPage:
    with desk.database.read() as db:
        return rosters.roster(db, desk.vault, project_id=desk.site.a.id, view=view, now=desk.now, **wanted)


def test_each_role_reads_only_as_much_of_a_number_as_it_needs(desk: Desk):
    staff, bureau, guard = (shown(desk, view).lines[0] for view in ("staff", "bureau", "guard"))
    assert (staff.name, staff.id_number, staff.phone) == ("王建国", f"99{'*' * 14}{WANG_ID[-2:]}", "139****0001")
    assert bureau.id_number == f"{WANG_ID[:6]}********{WANG_ID[-4:]}"
    assert (guard.name, guard.id_number, guard.phone, guard.day_rate_fen) == ("王**", "", "", None)


def test_a_worker_is_found_by_his_whole_number_and_by_no_part_of_it(desk: Desk):
    assert [line.name for line in shown(desk, "staff", id_number=f" {LI_ID.lower()} ").lines] == ["李秀英"]
    assert shown(desk, "staff", id_number=LI_ID[:-1]).total == 0
    assert shown(desk, "staff", id_number=ZHAO_ID).total == 0, "he is on another project"


def test_the_roster_is_filtered_by_name_and_turned_page_by_page(desk: Desk):
    assert [line.name for line in shown(desk, "staff", name="建").lines] == ["王建国"]
    page = shown(desk, "staff", page=2, size=1)
    assert (page.total, [line.name for line in page.lines]) == (2, ["李秀英"])
    assert shown(desk, "staff", page=9, size=50).lines == ()


def test_who_has_left_can_be_left_out(desk: Desk):
    desk.leave(date(2026, 3, 31))
    assert [line.name for line in shown(desk, "staff", present_only=True).lines] == ["李秀英"]


# --- the journal and the words --------------------------------------------------------------------------------


def test_every_write_leaves_a_line_without_personal_data(desk: Desk):
    entered = desk.enter(phone="13900000009", card="11223344")
    desk.change(450_00, date(2026, 3, 16))
    desk.leave(date(2026, 3, 30))
    company(desk)
    with desk.database.read() as db:
        lines = accounts.journal_lines(db, desk.site.a.id, 100)
    assert {"worker.entered", "terms.changed", "worker.left", "company.added"} <= {line.action for line in lines}
    assert f"worker:{entered.worker_id}" in {line.object for line in lines}
    said = json.dumps([[line.object, line.facts] for line in lines], ensure_ascii=False)
    for private in ("孙大山", SUN_ID, SUN_ID[-6:], "13900000009", "11223344"):
        assert private not in said


@pytest.mark.parametrize("module", ["app/papers.py", "app/enrolment.py", "app/forms/roster.py", "app/store/people.py"])
def test_every_refusal_has_a_sentence(module: str):
    raised = {"BadRequest", "Conflict", "Forbidden", "NotFound", "TooLarge", "Unusable", "Busy", "_Wrong", "CellFault", "differs"}
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in raised:
            codes = [a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str) and "_" in a.value]
            for code in codes:
                if code not in ("entry_on", "exit_on", "day_rate", "id_number"):
                    assert code in SENTENCES, code


def test_every_role_trade_and_scope_has_a_name_in_both_languages():
    from app import enrolment
    from app.wording import papers as words

    keys = [f"company_role.{r}" for r in words.COMPANY_ROLES] + [f"trade.{t}" for t in words.TRADES_COMMON]
    keys += [f"consent_scope.{s}" for s in enrolment.SCOPES] + [f"consent_method.{m}" for m in enrolment.METHODS]
    for key in keys:
        assert all(NAMES[key]), key
