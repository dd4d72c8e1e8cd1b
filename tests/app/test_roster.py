"""An Excel roster becomes workers: good rows are entered, bad ones named, none lost, none entered twice."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app import roster as rosters
from app.db import Database
from app.forms.roster import CellFault, Roster, RosterRow
from app.settings import Settings
from app.store import accounts, people
from app.vault import Vault
from tests.cast import LI_ID, WANG_ID, ZHAO_ID, Cast, code_is_sound, id_number

COMPANY = "海盐建设总包有限公司"
SUN = RosterRow(
    sheet="花名册", number=2, name="孙大山", id_number=id_number(date(1992, 5, 1), 11), phone="13900000005",
    company="海盐劳务", role="labour_subcontractor", team="木工一班", trade="carpenter", day_rate_fen=380_00,
    entry_on=date(2026, 3, 10),
)
WANG = RosterRow(
    sheet="花名册", number=3, name="王建国", id_number=WANG_ID, company=COMPANY, team="钢筋一班", day_rate_fen=400_00,
    entry_on=date(2026, 3, 1),
)
FAULTY = RosterRow(sheet="花名册", number=4, name="周小明", faults=(CellFault("id_number", "cell_missing"),))


class Office:
    def __init__(self, database: Database, vault: Vault, settings: Settings, site: Cast, now: datetime) -> None:
        self.database, self.vault, self.settings, self.site, self.now = database, vault, settings, site, now

    def take(self, *rows: RosterRow, dry_run: bool = False) -> rosters.RosterReport:
        with self.database.write() as db:
            report = rosters.import_roster(
                db, self.vault, self.settings, project_id=self.site.a.id, sheet=Roster(rows, ("花名册",), ()),
                dry_run=dry_run, now=self.now, by="wu",
            )
        assert report.rows_total == report.entered + report.already_there + report.faulty == len(rows)
        return report

    def names(self) -> set[str]:
        with self.database.read() as db:
            return {line.name for line in people.workers(db, self.site.a.id, today=self.now.date())}

    def frame(self) -> tuple[set[str], set[str]]:
        with self.database.read() as db:
            companies = {c.name for c in people.project_companies(db, self.site.a.id)}
            return companies, {team.name for team in people.teams(db, self.site.a.id)}


@pytest.fixture
def office(database: Database, vault: Vault, settings: Settings, people_on_site: Cast, now: datetime) -> Office:
    return Office(database, vault, settings, people_on_site, now)


def faults(report: rosters.RosterReport) -> list[tuple[int, str, str]]:
    return [(fault.row, fault.column, fault.code) for fault in report.faults]


def differences(report: rosters.RosterReport) -> list[tuple[str, str]]:
    return [(difference.column, difference.code) for difference in report.differences]


def test_good_rows_are_entered_and_bad_ones_named_by_number_and_reason(office: Office):
    report = office.take(SUN, WANG, FAULTY)
    assert (report.entered, report.already_there, report.faulty) == (1, 1, 1)
    assert faults(report) == [(4, "id_number", "cell_missing")]
    assert office.names() == {"王建国", "李秀英", "孙大山"}
    said = report.as_json("zh")["faults"][0]
    assert said == {"sheet": "花名册", "row": 4, "column": "id_number", "code": "cell_missing", "sentence": "必填栏目为空"}


def test_the_same_file_again_enters_nobody(office: Office):
    office.take(SUN, WANG, FAULTY)
    again = office.take(SUN, WANG, FAULTY)
    assert (again.entered, again.already_there, again.faulty) == (0, 2, 1)
    assert differences(again) == [] and again.codes == ()


def test_a_dry_run_reports_the_same_and_changes_nothing(office: Office):
    before = office.names(), office.frame()
    tried = office.take(SUN, WANG, FAULTY, dry_run=True)
    assert (office.names(), office.frame()) == before and tried.codes == ()
    done = office.take(SUN, WANG, FAULTY)
    assert replace(tried, dry_run=False, codes=done.codes) == done


def test_a_company_and_a_team_are_added_with_their_first_worker(office: Office):
    office.take(SUN)
    companies, teams = office.frame()
    assert "海盐劳务" in companies and "木工一班" in teams


def test_a_row_that_is_refused_leaves_no_company_or_team_behind(office: Office):
    taken = replace(SUN, name="赵铁住", id_number=ZHAO_ID)
    before = office.frame()
    assert faults(office.take(taken)) == [(2, "name", "worker_name_differs")]
    assert office.frame() == before
    assert office.take(SUN).entered == 1, "and the next row finds the frame as it is"


def test_a_new_company_needs_its_role_and_one_with_two_needs_to_say_which(office: Office):
    assert faults(office.take(replace(SUN, role=None))) == [(2, "role", "company_role_needed")]
    office.take(SUN, replace(SUN, number=3, id_number=id_number(date(1991, 1, 1), 1), name="钱一", role="supervisor"))
    third = replace(SUN, number=4, id_number=id_number(date(1991, 1, 1), 3), name="钱二", role=None)
    assert faults(office.take(third)) == [(4, "role", "company_role_ambiguous")]


def test_a_credit_code_known_under_another_name_is_a_fault(office: Office):
    with office.database.read() as db:
        [company] = people.project_companies(db, office.site.a.id)
    wrong = replace(SUN, company="另一公司", uscc=company.uscc)
    assert faults(office.take(wrong)) == [(2, "company", "company_differs")]


@pytest.mark.parametrize(
    ("number", "code"),
    [("99042419920501011", "id_length"), (SUN.id_number[:-1] + "0" if SUN.id_number[-1] != "0" else SUN.id_number[:-1] + "1", "id_check_digit"),
     (id_number(date(2012, 1, 1), 1), "id_under_age"), (id_number(date(1992, 1, 1), 1, region="000000"), "id_region")],
)
def test_a_wrong_id_number_is_a_fault_of_its_row(office: Office, number: str, code: str):
    report = office.take(replace(SUN, id_number=number))
    assert faults(report) == [(2, "id_number", code)]
    assert number not in json.dumps(report.as_json("zh"))


def test_a_sex_that_does_not_agree_with_the_number_is_a_fault(office: Office):
    assert faults(office.take(replace(SUN, sex="F"))) == [(2, "sex", "sex_differs")]
    assert office.take(replace(SUN, sex="M")).entered == 1


def test_a_row_that_says_nothing_of_overtime_is_never_a_finding_on_the_first_long_day(office: Office):
    office.take(SUN)
    with office.database.read() as db:
        worker = people.find_worker(db, office.vault.index("id_number", SUN.id_number))
        [agreed] = people.terms(db, office.site.a.id, worker_id=worker)
    assert (str(agreed.overtime_rule), str(agreed.relation)) == ("law", "labour_contract")


def test_a_row_says_how_overtime_is_paid_and_what_was_signed(office: Office):
    office.take(replace(SUN, overtime_rule="units", relation="work_agreement"))
    with office.database.read() as db:
        worker = people.find_worker(db, office.vault.index("id_number", SUN.id_number))
        [agreed] = people.terms(db, office.site.a.id, worker_id=worker)
    assert (str(agreed.overtime_rule), str(agreed.relation)) == ("units", "work_agreement")
    assert differences(office.take(SUN)) == [], "a row that does not say differs from nothing"
    told = differences(office.take(replace(SUN, overtime_rule="law", relation="labour_contract")))
    assert told == [("overtime_rule", "overtime_differs"), ("relation", "relation_differs")]
    wrong = office.take(replace(SUN, number=9, name="钱一", id_number=id_number(date(1991, 1, 1), 1), overtime_rule="x"))
    assert faults(wrong) == [(9, "overtime_rule", "overtime_rule_unknown")]


def test_a_telephone_that_is_missing_is_taken_from_the_file_and_another_one_is_told(office: Office):
    office.take(SUN if SUN.phone is None else replace(SUN, phone=None))
    first = office.take(replace(SUN, phone="13800000001"), dry_run=True)
    assert differences(first) == [("phone", "phone_taken")]
    assert differences(office.take(replace(SUN, phone="13800000001"))) == [("phone", "phone_taken")], "a try takes nothing"
    assert differences(office.take(replace(SUN, phone="13800000001"))) == []
    assert differences(office.take(replace(SUN, phone="13800000002"))) == [("phone", "phone_differs")]


def test_whoever_is_there_is_not_changed_but_every_difference_is_told(office: Office):
    other = replace(
        WANG, name="王建业", team="木工一班", day_rate_fen=380_00, entry_on=date(2026, 3, 5), exit_on=date(2026, 5, 1), card="445566"
    )
    report = office.take(other)
    assert (report.entered, report.already_there, report.faulty) == (0, 1, 0)
    assert differences(report) == [
        ("name", "name_differs"), ("team", "team_differs"), ("entry_on", "entry_differs"), ("exit_on", "exit_differs"),
        ("day_rate", "rate_differs"), ("card", "card_differs"),
    ]
    assert "400.00" in report.as_json("zh")["differences"][4]["sentence"]
    assert differences(office.take(WANG)) == [], "nothing was changed"


def test_a_card_somebody_else_has_is_a_fault(office: Office):
    office.take(replace(SUN, card="445566"))
    report = office.take(replace(SUN, number=9, name="钱一", id_number=id_number(date(1991, 1, 1), 1), card="445566"))
    assert faults(report) == [(9, "card", "credential_taken")]
    assert "钱一" not in office.names()


def test_everybody_without_a_card_is_given_a_code_once(office: Office):
    report = office.take(SUN, replace(SUN, number=3, name="钱一", id_number=id_number(date(1991, 1, 1), 1), card="445566"))
    assert [(code.row, code_is_sound(code.code)) for code in report.codes] == [(2, True)]
    assert report.codes[0].code not in repr(report)


def test_somebody_who_left_and_comes_back_is_entered_again(office: Office):
    first = replace(SUN, exit_on=date(2026, 3, 15))
    assert office.take(first).entered == 1
    assert office.take(first).already_there == 1
    assert office.take(replace(SUN, entry_on=date(2026, 3, 20))).entered == 1


def test_a_large_file_in_parts_is_one_report(office: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rosters, "IMPORT_PART_ROWS", 2)
    crowd = [
        replace(SUN, number=at + 2, name=f"钱{chr(0x4E00 + at)}", id_number=id_number(date(1990, 1, 1), at)) for at in range(1, 8)
    ]
    rows = (*crowd, WANG, FAULTY)
    report = rosters.import_roster_in_parts(
        office.database.write, office.vault, office.settings, project_id=office.site.a.id,
        sheet=Roster(rows, ("花名册",), ("旧",)), now=office.now, by="wu",
    )
    assert (report.rows_total, report.entered, report.already_there, report.faulty) == (9, 7, 1, 1)
    assert (len(report.codes), report.sheets_left_out) == (7, ("旧",))


def in_parts(office: Office, rows: Sequence[RosterRow], *, dry_run: bool, inside: Session | None = None) -> rosters.RosterReport:
    return rosters.import_roster_in_parts(
        office.database.write if inside is None else lambda: nullcontext(inside), office.vault, office.settings,
        project_id=office.site.a.id, sheet=Roster(tuple(rows), ("花名册",), ()), dry_run=dry_run, now=office.now, by="wu",
    )  # fmt: skip


def test_a_trial_of_many_rows_knows_the_companies_and_teams_of_the_rows_before(office: Office):
    crowd = [
        replace(SUN, number=at + 2, name=f"钱{chr(0x4E00 + at)}", id_number=id_number(date(1990, 1, 1), at), role=SUN.role if at == 1 else None)
        for at in range(1, 2 * rosters.IMPORT_PART_ROWS + 11)
    ]
    before = office.names(), office.frame()
    tried = in_parts(office, crowd, dry_run=True)
    assert (tried.entered, faults(tried)) == (210, []) and (office.names(), office.frame()) == before
    done = in_parts(office, crowd, dry_run=False)
    assert replace(tried, dry_run=False, codes=done.codes) == done


FRAME_CELLS = {
    "company": st.sampled_from([COMPANY, "海盐建设总承包有限公司", "海盐劳务", "海盐劳务有限公司", "新公司"]),
    "uscc": st.sampled_from([None, None, "91330424MA2800001Q", "91330424MA2800002U"]),
    "role": st.sampled_from([None, "general_contractor", "labour_subcontractor"]),
    "team": st.sampled_from(["钢筋一班", "钢筋1班", "木工一班", "木工1班"]),
    "entry_on": st.sampled_from([date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 10)]),
    "card": st.sampled_from([None, None, "11"]),
}


@example_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.fixed_dictionaries(FRAME_CELLS), min_size=3, max_size=9))
def test_a_trial_in_parts_tells_what_the_import_tells(office: Office, rows: list[dict]):
    sheet = [
        replace(SUN, number=at, id_number=id_number(date(1990, 1, 1), at), name=f"钱{chr(0x4E00 + at)}", **row)
        for at, row in enumerate(rows, start=2)
    ]
    with pytest.MonkeyPatch.context() as patched, office.database.write() as db, db.begin_nested() as everything:
        patched.setattr(rosters, "IMPORT_PART_ROWS", 2)
        before = people.project_companies(db, office.site.a.id), people.teams(db, office.site.a.id)
        tried = in_parts(office, sheet, dry_run=True, inside=db)
        assert (people.project_companies(db, office.site.a.id), people.teams(db, office.site.a.id)) == before
        done = in_parts(office, sheet, dry_run=False, inside=db)
        everything.rollback()
    assert replace(tried, dry_run=False, codes=done.codes) == done


def test_the_journal_tells_how_many_and_not_who(office: Office):
    office.take(SUN, WANG, FAULTY)
    with office.database.read() as db:
        lines = accounts.journal_lines(db, office.site.a.id, 100)
    [line] = [line for line in lines if line.action == "roster.imported"]
    assert line.facts == {"rows": 3, "entered": 1, "already_there": 1, "faulty": 1}


CELLS = {
    "name": st.sampled_from(["孙大山", "钱一", "王建国", None]),
    "id_number": st.sampled_from([SUN.id_number, WANG_ID, LI_ID, ZHAO_ID, "123", None]),
    "company": st.sampled_from([COMPANY, "海盐劳务", "新公司"]),
    "role": st.sampled_from([None, "general_contractor", "labour_subcontractor"]),
    "team": st.sampled_from(["钢筋一班", "木工一班"]),
    "day_rate_fen": st.sampled_from([400_00, 380_00]),
    "entry_on": st.sampled_from([date(2026, 3, 1), date(2026, 3, 10)]),
    "card": st.sampled_from([None, "1111", "2222"]),
}


@example_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.fixed_dictionaries(CELLS), max_size=6))
def test_whatever_a_file_holds_no_row_is_lost_and_a_second_import_enters_nobody(office: Office, rows: list[dict]):
    sheet = tuple(
        RosterRow(
            sheet="花名册", number=at,
            faults=tuple(CellFault(c, "cell_missing") for c in ("name", "id_number") if row[c] is None), **row,
        )
        for at, row in enumerate(rows, start=2)
    )
    first = office.take(*sheet)  # asserts that the sums agree
    assert len({fault.row for fault in first.faults}) == first.faulty
    again = office.take(*sheet)
    assert again.entered == 0
    assert again.already_there >= first.entered


def test_a_man_is_entered_as_he_is_paid_and_a_row_that_contradicts_itself_is_named(office: Office):
    wrong = replace(SUN, number=5, id_number=id_number(date(1992, 5, 2), 11))
    report = office.take(
        replace(SUN, pay_kind="piece", unit="t"), replace(wrong, pay_kind="piece"), replace(wrong, number=6, unit="t"),
        replace(wrong, number=7, pay_kind="hour", day_rate_fen=5_000_000),
    )  # fmt: skip
    assert report.entered == 1
    assert faults(report) == [
        (5, "unit", "terms_unit_needed"), (6, "unit", "terms_unit_unused"), (7, "day_rate", "rate_wrong"),
    ]  # fmt: skip
    with office.database.read() as db:
        assert [(t.kind, t.unit) for t in people.terms(db, office.site.a.id)][-1] == ("piece", "t")


def test_another_kind_of_pay_is_reported_and_not_changed(office: Office):
    assert differences(office.take(replace(WANG, pay_kind="month", day_rate_fen=8000_00))) == [("pay_kind", "pay_kind_differs")]
    assert differences(office.take(WANG)) == []


# --- what was perhaps not meant ---------------------------------------------------------------------------------


def warnings(report: rosters.RosterReport) -> list[tuple[str, str]]:
    return [(warning.column, warning.code) for warning in report.warnings]


def test_a_months_pay_a_year_too_late_and_a_man_of_sixty_two_are_asked_about_and_come_in(office: Office):
    old = replace(SUN, id_number=id_number(date(1964, 1, 5), 12))
    dear = replace(SUN, number=3, id_number=id_number(date(1992, 5, 1), 13), day_rate_fen=9_000_00)
    late = replace(SUN, number=4, id_number=id_number(date(1992, 5, 1), 15), entry_on=office.now.date() + timedelta(days=300))
    young = replace(SUN, number=5, id_number=id_number(date(2009, 1, 5), 17))
    hourly = replace(SUN, number=6, id_number=id_number(date(1992, 5, 1), 19), pay_kind="hour", day_rate_fen=380_00)
    monthly = replace(SUN, number=7, id_number=id_number(date(1992, 5, 1), 21), pay_kind="month", day_rate_fen=9_000_00)
    report = office.take(SUN, old, dear, late, young, hourly, monthly)
    assert report.entered == 7 and not report.faults
    assert [(w.row, w.column, w.code) for w in report.warnings] == [
        (2, "id_number", "age_over"), (3, "day_rate", "day_rate_high"), (4, "entry_on", "entry_ahead"), (5, "id_number", "age_minor"),
        (6, "day_rate", "hour_rate_high"),
    ]  # fmt: skip
    assert "300 天" in report.as_json("zh")["warnings"][2]["sentence"]


def test_a_team_or_company_that_is_nearly_a_known_one_is_asked_about_once_and_added(office: Office):
    rows = [
        replace(SUN, number=n, id_number=id_number(date(1992, 5, 1), 20 + 2 * n), company="海盐建设总承包有限公司", role="general_contractor")
        for n in (2, 3)
    ]
    assert warnings(office.take(*rows, dry_run=True)) == [("company", "company_new_near")]
    in_team = [
        replace(SUN, number=n, id_number=id_number(date(1992, 5, 1), 40 + 2 * n), company=COMPANY, role=None, team="钢筋1班") for n in (2, 3)
    ]
    assert warnings(office.take(*in_team, dry_run=True)) == [("team", "team_new_near")]
    report = office.take(*in_team)
    assert report.entered == 2 and warnings(report) == [("team", "team_new_near")] and "钢筋1班" in office.frame()[1]
    other = replace(SUN, id_number=id_number(date(1992, 5, 1), 61), company=COMPANY, role=None, team="钢筋三班")
    assert warnings(office.take(other)) == [], "another number is another team"


def test_a_misspelt_company_is_asked_about_instead_of_being_made_a_second_time(office: Office):
    report = office.take(replace(SUN, company="海盐建设总承包有限公司", role=None))
    assert faults(report) == [(2, "company", "company_near")]
    assert COMPANY in report.as_json("zh")["faults"][0]["sentence"]


def test_everything_wrong_with_a_row_is_said_at_once_and_by_name_on_the_page_only(office: Office):
    report = office.take(replace(SUN, company="海盐建设总承包有限公司", role=None, phone=None, faults=(CellFault("phone", "phone_wrong"),)))
    assert faults(report) == [(2, "phone", "phone_wrong"), (2, "company", "company_near")]
    assert {fault.name for fault in report.faults} == {"孙大山"}
    assert "孙大山" not in json.dumps(report.as_json("zh"), ensure_ascii=False) and "孙大山" not in repr(report)


def test_a_new_team_is_asked_about_once_however_many_parts_a_file_has(office: Office, monkeypatch):
    monkeypatch.setattr(rosters, "IMPORT_PART_ROWS", 1)
    rows = tuple(
        replace(SUN, number=n, id_number=id_number(date(1992, 5, 1), 70 + 2 * n), company=COMPANY, role=None, team="钢筋1班") for n in (2, 3)
    )
    report = rosters.import_roster_in_parts(
        office.database.write, office.vault, office.settings, project_id=office.site.a.id, sheet=Roster(rows, ("花名册",), ()),
        dry_run=True, now=office.now, by="wu",
    )  # fmt: skip
    assert warnings(report) == [("team", "team_new_near")]


def test_who_is_there_before_his_company_is_asked_about(office: Office):
    row = replace(SUN, company=COMPANY, role=None, team="钢筋一班", entry_on=date(2026, 2, 20))
    report = office.take(row)
    assert report.entered == 1 and warnings(report) == [("entry_on", "entry_before_company")]
    assert "2026-03-01" in report.as_json("zh")["warnings"][0]["sentence"]
