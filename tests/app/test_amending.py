"""What was entered about a worker is put right, and what it said before is kept."""

from datetime import date, timedelta

import pytest

from app import amending, bank, desk, papers, seals, terms
from app.errors import BadRequest, Conflict, NotFound, Unusable
from app.settings import Settings
from app.store import accounts, changes, people
from app.vault import Vault
from tests import cast
from tests.books import JANUARY, Books, Earned
from tests.cast import id_number

NEW = id_number(date(1991, 3, 4), 91)
CODE = "91330424MA2800001Q"


class Office:
    def __init__(self, database, vault, site, now) -> None:
        self.database, self.vault, self.site, self.now, self.on = database, vault, site, now, now.date()
        with database.write() as db:
            self.worker = papers.enter_worker(
                db, vault, Settings(environment="test"), project_id=site.a.id, team_id=site.a.team_id, name="石大勇", id_number=NEW,
                day_rate_fen=350_00, entry_on=self.on, now=now, by="wu",
            ).worker_id  # fmt: skip

    def row(self, worker: int | None = None):
        with self.database.read() as db:
            return people.workers(db, self.site.a.id, today=self.on, worker_id=worker or self.worker)[-1]

    def right(self, worker: int | None = None, reason: str = "录错了", **said):
        row = self.row(worker)
        told = {"name": row.name, "phone": None, "team_id": row.team_id, "entry_on": row.entry_on, **said}
        with self.database.write() as db:
            return amending.put_right(
                db, self.vault, project_id=self.site.a.id, worker_id=row.worker_id, reason=reason, now=self.now, by="wu", **told
            )

    def passes(self, **how) -> None:
        with self.database.write() as db:
            cast.pass_through(db, self.site.a, "in", self.worker, self.now - timedelta(hours=1), **how)

    def second_team(self) -> int:
        with self.database.write() as db:
            home = people.project_companies(db, self.site.a.id)[0].id
            return papers.add_team(db, project_id=self.site.a.id, project_company_id=home, name="木工二班", now=self.now, by="wu")

    def journal(self, project: int) -> list[dict]:
        with self.database.read() as db:
            return [line.facts for line in accounts.journal_lines(db, project) if line.action == "worker.changed"]


@pytest.fixture
def at(database, vault, people_on_site, now) -> Office:
    return Office(database, vault, people_on_site, now)


def phone_of(at: Office, worker: int | None = None) -> str | None:
    row = at.row(worker)
    if row.phone_sealed is None:
        return None
    return at.vault.open(row.phone_sealed, table="worker", column="phone_sealed", owner=row.id_number_index).decode()


def test_a_misspelt_name_and_a_wrong_telephone_are_put_right_and_kept(at):
    assert at.right(name="石大永", phone="13800000001", reason="照身份证改") == ("name", "phone")
    assert (at.row().name, phone_of(at)) == ("石大永", "13800000001")
    at.right(phone="13800000002", reason="换号")
    with at.database.read() as db:
        found = changes.of_worker(db, at.site.a.id, at.worker)
        person = people.worker(db, at.worker)
    assert [(one.field, one.was, one.became, one.reason) for one in found] == [
        ("phone", None, None, "换号"), ("phone", None, None, "照身份证改"), ("name", "石大勇", "石大永", "照身份证改"),
    ]  # fmt: skip
    assert amending.phones(at.vault, person, found[0]) == ("13800000001", "13800000002")
    assert "石大" not in str(at.journal(at.site.a.id)) and "1380" not in str(at.journal(at.site.a.id))
    assert [facts["changed"] for facts in at.journal(at.site.a.id)] == ["phone", "phone", "name"]
    assert "石大" not in repr(found[-1])


def test_a_name_is_the_persons_own_on_every_project_and_each_journal_says_so(at):
    with at.database.write() as db:
        papers.enter_worker(
            db, at.vault, Settings(environment="test"), project_id=at.site.b.id, team_id=at.site.b.team_id, name="石大勇",
            id_number=NEW, day_rate_fen=None, entry_on=at.on, phone="13800000009", now=at.now, by="wu",
        )  # fmt: skip
    assert phone_of(at) == "13800000009", "the telephone nobody had recorded was taken"
    at.right(name="石大永")
    assert [facts["changed"] for facts in at.journal(at.site.b.id)] == ["name", "phone"]
    with at.database.read() as db:
        assert people.workers(db, at.site.b.id, today=at.on, worker_id=at.worker)[-1].name == "石大永"


def test_what_is_the_same_or_has_no_reason_is_refused(at):
    with pytest.raises(Conflict, match="nothing_changed"):
        at.right()
    with pytest.raises(Unusable, match="change_reason_needed"):
        at.right(name="石大永", reason=" ")
    with pytest.raises(Unusable, match="phone_wrong"):
        at.right(phone="123")
    with pytest.raises(NotFound, match="team_unknown"):
        at.right(team_id=at.site.b.team_id)
    assert at.row().name == "石大勇" and at.journal(at.site.a.id) == []


def test_a_wrong_team_is_put_right_before_he_worked_there(at):
    other = at.second_team()
    assert at.right(team_id=other) == ("team",)
    assert at.row().team_id == other
    [said] = at.journal(at.site.a.id)
    assert (said["changed"], said["from"], said["to"]) == ("team", at.site.a.team_id, other)


def test_a_team_he_worked_in_stays(at):
    other = at.second_team()
    at.passes(verdict="refuse", code="not_engaged", event_key="refused")
    assert at.right(team_id=other) == ("team",), "a gate that refused him is no work"
    at.right(team_id=at.site.a.team_id)
    at.passes()
    with pytest.raises(Conflict, match="team_rests"):
        at.right(team_id=other)
    assert at.row().team_id == at.site.a.team_id


def test_leave_and_an_advance_rest_on_the_team_too(at):
    engagement = at.row().engagement_id
    with at.database.write() as db:
        terms.record_advance(
            db, project_id=at.site.a.id, engagement_id=engagement, amount_fen=100_00, paid_on=at.on, channel="cash", proof="none",
            by="wu", now=at.now,
        )  # fmt: skip
    with pytest.raises(Conflict, match="team_rests"):
        at.right(team_id=at.second_team())


def test_a_first_day_moves_with_the_pay_that_was_agreed_for_it(at):
    for entry_on in (at.on - timedelta(days=3), at.on + timedelta(days=2)):
        assert at.right(entry_on=entry_on) == ("entry_on",)
        assert at.row().entry_on == entry_on
        with at.database.read() as db:
            [agreed] = people.terms(db, at.site.a.id, worker_id=at.worker)
        assert (agreed.valid_from, agreed.valid_to, agreed.rate_fen) == (entry_on, None, 350_00)


def test_pay_that_rose_before_the_new_first_day_is_what_holds_from_it(at):
    at.right(entry_on=at.on - timedelta(days=9))
    with at.database.write() as db:
        papers.change_terms(
            db, project_id=at.site.a.id, worker_id=at.worker, rate_fen=400_00, valid_from=at.on - timedelta(days=5), now=at.now, by="wu"
        )
    at.right(entry_on=at.on)
    with at.database.read() as db:
        [agreed] = people.terms(db, at.site.a.id, worker_id=at.worker)
    assert (agreed.valid_from, agreed.rate_fen) == (at.on, 400_00)


def test_a_first_day_never_comes_after_a_day_he_was_there(at):
    at.passes()
    with pytest.raises(Conflict, match="entry_rests") as refused:
        at.right(entry_on=at.on + timedelta(days=1))
    assert refused.value.facts["on"] == at.on.isoformat()
    assert at.right(entry_on=at.on - timedelta(days=1)) == ("entry_on",), "an earlier one may"


def test_a_first_day_lies_before_his_exit_and_after_the_time_before(at):
    with at.database.write() as db:
        papers.exit_worker(db, project_id=at.site.a.id, worker_id=at.worker, exit_on=at.on + timedelta(days=2), now=at.now, by="wu")
    with pytest.raises(BadRequest, match="exit_before_entry"):
        at.right(entry_on=at.on + timedelta(days=2))
    with at.database.write() as db:
        desk.enter(
            db, at.vault, Settings(environment="test"), project_id=at.site.a.id, id_number=NEW, name="石大勇", team_id=at.site.a.team_id,
            entry_on=at.on + timedelta(days=5), now=at.now + timedelta(days=4), by="wu",
        )  # fmt: skip
    with pytest.raises(Conflict, match="engagement_overlaps"):
        at.right(entry_on=at.on + timedelta(days=1))
    assert at.right(entry_on=at.on + timedelta(days=2)) == ("entry_on",)


def test_nobody_joins_or_leaves_the_roster_of_a_month_that_is_closed(at):
    books = Books(at.site, at.now)
    with at.database.write() as db:
        books.close(db, JANUARY, [Earned(at.site.wang, 5_000)])
    with pytest.raises(Conflict, match="change_month_locked") as refused:
        at.right(entry_on=JANUARY)
    assert refused.value.facts["month"] == f"{JANUARY:%Y-%m}"


def test_what_was_put_right_breaks_no_seal_and_what_was_not_does(at, behind_the_walls):
    seals.seal(at.database, at.vault, at.now)
    at.right(name="石大永", phone="13800000001", team_id=at.second_team(), entry_on=at.on - timedelta(days=1))
    at.right(name="石永")
    at.now += timedelta(minutes=1)
    seals.seal(at.database, at.vault, at.now)

    def broken() -> set[str]:
        with at.database.read() as db:
            return {one.table for one in seals.broken(db, at.vault)}

    assert broken() == set()
    behind_the_walls(f"UPDATE worker SET name = '石大永' WHERE id = {at.worker}")
    assert broken() == {"worker"}
    behind_the_walls(f"UPDATE worker SET name = '石永' WHERE id = {at.worker}")
    behind_the_walls("UPDATE worker_change SET became = '石永' WHERE became = '石大永'")
    assert broken() == {"worker_change"}


def test_a_new_master_key_seals_the_old_telephones_too(at):
    at.right(phone="13800000001")
    at.right(phone="13800000002")
    fresh = Vault.of([bytes(range(1, 33)), bytes(range(32))])
    counts = fresh.rotate(at.database, batch=2)
    assert (counts["worker_change.was_sealed"], counts["worker_change.became_sealed"]) == (1, 2)
    with at.database.read() as db:
        newest = changes.of_worker(db, at.site.a.id, at.worker)[0]
        person = people.worker(db, at.worker)
    assert amending.phones(Vault.of([bytes(range(1, 33))]), person, newest) == ("13800000001", "13800000002")


# --- companies ----------------------------------------------------------------------------------------------------


def company_of(at: Office, project: int | None = None) -> people.ProjectCompanyInfo:
    with at.database.read() as db:
        return people.project_companies(db, project or at.site.a.id)[0]


def company_right(at: Office, reason: str = "照营业执照改", **said):
    one = company_of(at)
    told = {"name": one.name, "uscc": one.uscc, "role": one.role, "entry_on": one.entry_on, **said}
    with at.database.write() as db:
        return amending.put_company_right(
            db, project_id=at.site.a.id, project_company_id=one.id, reason=reason, now=at.now, by="wu", **told
        )


def add_company(at: Office, project: int, **said) -> int:
    told = {"name": "恒远劳务", "uscc": None, "role": "labour_subcontractor", "entry_on": at.on, **said}
    with at.database.write() as db:
        return papers.add_company_to_project(db, project_id=project, now=at.now, by="wu", **told)


def test_a_companys_name_code_role_and_first_day_are_put_right_and_kept(at):
    before = company_of(at)
    said = {"name": "海盐建设总包有限责任公司", "uscc": CODE, "role": "professional_subcontractor", "entry_on": date(2026, 2, 1)}
    assert company_right(at, **said) == ("name", "uscc", "role", "entry_on")
    after = company_of(at)
    assert (after.id, after.company_id, {each: getattr(after, each) for each in said}) == (before.id, before.company_id, said)
    with at.database.read() as db:
        found = changes.of_companies(db, at.site.a.id)
        lines = [line for line in accounts.journal_lines(db, at.site.a.id) if line.action == "company.changed"]
    assert [(one.field, one.was, one.became, one.reason, one.changed_by) for one in reversed(found)] == [
        (each, str(getattr(before, each)), str(getattr(after, each)), "照营业执照改", "wu") for each in said
    ]
    assert {line.object for line in lines} == {f"project_company:{before.id}"}
    assert {line.facts["changed"] for line in lines} == set(said) and "海盐" not in str(lines) and CODE not in str(lines)


def test_a_companys_name_is_its_own_on_every_project_and_its_role_is_not(at):
    one = company_of(at)
    add_company(at, at.site.b.id, name=one.name, uscc=one.uscc, role="owner")
    company_right(at, name="海盐建设总包有限责任公司", role="professional_subcontractor")
    with at.database.read() as db:
        there = next(c for c in people.project_companies(db, at.site.b.id) if c.company_id == one.company_id)
        said = [line.facts for line in accounts.journal_lines(db, at.site.b.id) if line.action == "company.changed"]
        told = [change.field for change in changes.of_companies(db, at.site.b.id)]
    assert (there.name, there.role) == ("海盐建设总包有限责任公司", "owner")
    assert said == [{"changed": "name"}] and told == ["name"]


def test_a_company_that_would_be_another_one_is_refused(at):
    add_company(at, at.site.a.id)
    add_company(at, at.site.a.id, name=company_of(at).name, uscc=company_of(at).uscc, role="owner")
    elsewhere = company_of(at, at.site.b.id)
    for code, said in {
        "nothing_changed": {}, "company_name_taken": {"name": "恒远劳务"}, "company_uscc_taken": {"uscc": elsewhere.uscc},
        "company_role_taken": {"role": "owner"},
    }.items():  # fmt: skip
        with pytest.raises(Conflict, match=code):
            company_right(at, **said)
    for code, said in {
        "company_role_unknown": {"role": "friend"}, "uscc_length": {"uscc": "123"}, "change_reason_needed": {"name": "新", "reason": " "},
    }.items():  # fmt: skip
        with pytest.raises(Unusable, match=code):
            company_right(at, **said)
    with at.database.write() as db, pytest.raises(NotFound, match="project_company_unknown"):
        amending.put_company_right(
            db, project_id=at.site.a.id, project_company_id=elsewhere.id, name="新", uscc=None, role="owner", entry_on=at.on,
            reason="照营业执照改", now=at.now, by="wu",
        )  # fmt: skip
    with at.database.read() as db:
        assert changes.of_companies(db, at.site.a.id) == ()


def test_whose_special_account_it_is_stays_the_general_contractor(at):
    one = company_of(at)
    with at.database.write() as db:
        account = bank.open_account(
            db, at.vault, project_id=at.site.a.id, company_id=one.company_id, number="6222020200112230", bank_name="中国工商银行海盐支行",
            opened_on=at.on, opening_fen=0, parties=[], by="wu", now=at.now,
        )  # fmt: skip
    with pytest.raises(Conflict, match="company_role_rests"):
        company_right(at, role="professional_subcontractor")
    assert company_right(at, name="海盐建设总包有限责任公司") == ("name",)
    with at.database.write() as db:
        bank.void(db, project_id=at.site.a.id, kind="special_account", row_id=account, reason="开错", by="wu", now=at.now)
    assert company_right(at, role="professional_subcontractor") == ("role",)


def test_a_company_put_right_breaks_no_seal_and_one_changed_otherwise_does(at, behind_the_walls):
    other = add_company(at, at.site.a.id)
    seals.seal(at.database, at.vault, at.now)
    company_right(at, name="海盐建设总包有限责任公司", uscc=None, role="professional_subcontractor", entry_on=date(2026, 2, 1))
    company_right(at, name="海盐总包", uscc=CODE)
    with at.database.write() as db:
        amending.put_company_right(
            db, project_id=at.site.a.id, project_company_id=other, name="恒远劳务", uscc="91330424MA2800002U", role="labour_subcontractor",
            entry_on=at.on, reason="补代码", now=at.now, by="wu",
        )  # fmt: skip
    at.now += timedelta(minutes=1)
    seals.seal(at.database, at.vault, at.now)

    def broken() -> set[str]:
        with at.database.read() as db:
            return {one.table for one in seals.broken(db, at.vault)}

    assert broken() == set()
    home = company_of(at)
    for table, row_id, column, wrong, right in (
        ("company", home.company_id, "name", "海盐建设总包有限责任公司", home.name), ("company", home.company_id, "uscc", "X", home.uscc),
        ("project_company", home.id, "role", "owner", home.role),
    ):  # fmt: skip
        behind_the_walls(f"UPDATE {table} SET {column} = '{wrong}' WHERE id = {row_id}")
        assert broken() == {table}, column
        behind_the_walls(f"UPDATE {table} SET {column} = '{right}' WHERE id = {row_id}")
    behind_the_walls("UPDATE company_change SET became = '海盐' WHERE became = '海盐总包'")
    assert "company_change" in broken()
