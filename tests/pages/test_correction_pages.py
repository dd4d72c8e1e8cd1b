"""Corrections on the pages: asked for out of a day, agreed to by two others, never by who asked."""

import re

import pytest
import sqlalchemy as sa

from app import access
from app.store import accounts, timekeeping
from app.tables import Device
from tests.payday import at, desk  # noqa: F401 - the fixture payday

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


@pytest.fixture
def place(payday, clock, client_of, people_on_site, database, settings):
    """(desk, path, login -> a client); ma leads a team of his own, without workers."""
    payday.works(people_on_site.wang, 3, 4)
    payday.works(people_on_site.wang, 5, go=None)
    payday.now = at(6)
    clock.advance(seconds=(payday.now - clock()).total_seconds())
    other = payday.team("木工班")
    with database.write() as db:
        accounts.add_membership(db, account_id=people_on_site.ma, role="team_leader", project_id=people_on_site.a.id, team_id=other)

    def signed_in(login):
        client = client_of(None)
        with database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=clock())
        client.cookies.set(access.COOKIE, token)
        return client

    return payday, f"/projects/{people_on_site.a.id}/corrections", signed_in


def asked(payday):
    return payday.ask(timekeeping.pending_corrections, payday.site.id)


def missing_out(payday, **more):
    return {
        "worker": payday.cast.wang.id, "work_date": "2026-03-05", "kind": "missing_out", "out": "17:30", "reason": "forgot",
        "note": "班长在场", **more,
    }  # fmt: skip


def test_a_missed_exit_is_asked_for_and_agreed_by_two_others(place, people_on_site):
    payday, path, client_of = place
    wu, chen = client_of("wu"), client_of("chen")
    day = wu.get(f"/projects/{payday.site.id}/workers/{people_on_site.wang.id}", params={"month": "2026-03", "day": "2026-03-05"}).text
    assert f'{path}?worker={people_on_site.wang.id}&amp;day=2026-03-05#ask' in day
    form = chen.get(path, params={"worker": people_on_site.wang.id, "day": "2026-03-05"}).text
    assert "末次出场 —" in form and 'value="missing_out" selected' in form and 'name="out"' in form and 'name="in"' not in form

    assert chen.post(f"{path}/requests", data=missing_out(payday), files={"scan": ("a.png", PNG, "image/png")}).status_code == 303
    again = chen.post(f"{path}/requests", data=missing_out(payday))
    assert again.status_code == 409 and len(asked(payday)) == 1, "pressed twice is asked once"
    [one] = asked(payday)
    said = {"id": one.id, "act": "agree"}
    # Who asked agrees to nothing; the officer is not ahead of the leader.
    assert 'value="leader_ok"' not in chen.get(path).text and 'value="withdrawn"' in chen.get(path).text
    assert chen.post(f"{path}/words", data=said).status_code == 403
    assert wu.post(f"{path}/words", data={"id": one.id, "act": "officer_ok"}).status_code == 409
    assert client_of("lin").post(f"{path}/words", data=said).status_code == 403
    assert wu.post(f"{path}/words", data={"id": one.id, "act": "leader_ok"}).status_code == 303, "there is no other leader: she stands in"
    assert "劳资专管员代班组长确认" in wu.get(path).text


@pytest.mark.parametrize(("days", "late"), [(3, False), (4, True)])
def test_once_it_is_too_late_for_a_punch_the_form_says_so_and_proposes_the_whole_day(days, late, place, clock, people_on_site):
    _, path, client_of = place
    clock.advance(days=5 + days - 6)
    chen, day = client_of("chen"), {"worker": people_on_site.wang.id, "day": "2026-03-05"}
    form = chen.get(path, params=day).text
    assert (f'value="{"set_day" if late else "missing_out"}" selected' in form) and 'name="scan"' in form
    # Who chooses the exit all the same reads why it is refused before he has filled in anything.
    form = chen.get(path, params={**day, "kind": "missing_out"}).text
    assert ("3 天内申请" in form) is late and ('name="out"' in form) is not late


def test_the_leader_agrees_then_the_officer_and_the_day_counts(place, database, people_on_site):
    payday, path, client_of = place
    with database.write() as db:
        accounts.add_membership(
            db, account_id=people_on_site.ma, role="subcontractor", project_id=payday.site.id,
            project_company_id=payday.site.project_company_id,
        )
    ma, chen, wu = client_of("ma"), client_of("chen"), client_of("wu")
    assert ma.post(f"{path}/requests", data=missing_out(payday)).status_code == 303
    [one] = asked(payday)
    assert "轮到您 1 条" in chen.get(path).text and "轮到您" not in wu.get(path).text
    assert chen.post(f"{path}/words", data={"id": one.id, "act": "agree"}).status_code == 303
    assert "轮到您 1 条" in (page := wu.get(path).text) and "待劳资专管员确认" in page and "17:30" in page
    assert wu.post(f"{path}/words", data={"id": one.id, "act": "officer_ok"}).status_code == 303
    assert "没有待办的补卡" in wu.get(path).text
    assert "17:30" in wu.get(path, params={"state": "approved", "month": "2026-03"}).text
    assert "17:30" in wu.get(f"/projects/{payday.site.id}/grid", params={"month": "2026-03", "show": "times"}).text


def test_one_officer_and_one_manager_finish_what_she_asked_for(place):
    payday, path, client_of = place
    wu, chen = client_of("wu"), client_of("chen")
    assert wu.post(f"{path}/requests", data=missing_out(payday)).status_code == 303
    [one] = asked(payday)
    assert "待项目经理确认" in wu.get(path).text
    assert chen.post(f"{path}/words", data={"id": one.id, "act": "leader_ok"}).status_code == 303
    assert "待项目经理（代劳资专管员）确认" in wu.get(path).text
    assert wu.post(f"{path}/words", data={"id": one.id, "act": "officer_ok"}).status_code == 403
    page = chen.get(path).text
    assert "轮到您 1 条" in page and 'name="act" value="agree"' in page
    assert chen.post(f"{path}/words", data={"id": one.id, "act": "agree"}).status_code == 303
    done = chen.get(path, params={"state": "approved", "month": "2026-03"}).text
    assert "项目经理代劳资专管员确认" in done and "班组长确认" in done


def test_a_refusal_needs_a_reason_and_of_several_all_or_nothing_is_said(place):
    payday, path, client_of = place
    chen, wu = client_of("chen"), client_of("wu")
    assert wu.post(f"{path}/requests", data=missing_out(payday)).status_code == 303
    assert wu.post(f"{path}/requests", data=missing_out(payday, out="18:00")).status_code == 303
    first, second = asked(payday)
    bare = chen.post(f"{path}/words", data={"id": first.id, "act": "rejected"})
    assert bare.status_code == 422 and 'role="alert"' in bare.text
    gone = chen.post(f"{path}/words", data={"id": [first.id, 999_999], "act": "agree"})
    assert gone.status_code == 404 and {c.state for c in asked(payday)} == {"requested"}
    assert chen.post(f"{path}/words", data={"id": [first.id, second.id], "act": "agree"}).status_code == 303
    assert {c.state for c in asked(payday)} == {"leader_ok"}
    assert chen.post(f"{path}/words", data={"id": first.id, "act": "rejected", "note": "当天没有来"}).status_code == 303
    assert "当天没有来" in wu.get(path, params={"state": "rejected", "month": "2026-03"}).text
    for odd in ("x", "", "１", "9" * 30):
        assert chen.post(f"{path}/words", data={"id": odd, "act": "agree"}).status_code == 400


def test_a_leader_sees_his_own_team_only(place):
    payday, path, client_of = place
    assert client_of("wu").post(f"{path}/requests", data=missing_out(payday)).status_code == 303
    [one] = asked(payday)
    ma = client_of("ma")
    assert "王建国" not in ma.get(path, params={"worker": payday.cast.wang.id}).text
    assert ma.post(f"{path}/words", data={"id": one.id, "act": "agree"}).status_code == 403
    assert ma.post(f"{path}/requests", data=missing_out(payday)).status_code == 403


@pytest.mark.parametrize(
    ("change", "status"),
    [({"out": "25:00"}, 400), ({"out": ""}, 400), ({"work_date": "x"}, 400), ({"kind": "odd"}, 422), ({"reason": "odd"}, 422),
     ({"worker": "x"}, 400), ({"worker": "999999"}, 404), ({"kind": "set_day", "hours": "8", "days": "1"}, 422),
     ({"kind": "set_day", "hours": "x", "days": "1"}, 400), ({"kind": "wrong_person", "seq": "999999"}, 400)],
)  # fmt: skip
def test_what_is_filled_in_wrongly_is_told_and_kept_in_the_form(place, change, status):
    payday, path, client_of = place
    reply = client_of("wu").post(
        f"{path}/requests", params={"worker": payday.cast.wang.id, "day": "2026-03-05"}, data=missing_out(payday, **change)
    )
    assert reply.status_code == status and 'role="alert"' in reply.text and "班长在场" in reply.text
    assert asked(payday) == ()


@pytest.mark.parametrize(("show", "inside", "missing"), [("marks", ["在"], ["?"]), ("hours", ["在"], ["?"]), ("times", ["08:00", "在"], ["08:00", "?"])])
def test_the_grid_says_who_is_still_on_site_and_asks_only_what_must_be_decided(show, inside, missing, place, clock, people_on_site):
    payday, _, signed_in = place
    payday.works(people_on_site.wang, 6, go=None)
    payday.now = at(6, "10:00")
    clock.advance(seconds=(payday.now - clock()).total_seconds())
    text = signed_in("wu").get(f"/projects/{payday.site.id}/grid", params={"month": "2026-03", "team": payday.site.team_id, "show": show}).text
    cell = {
        day: re.search(rf'<td class="(\w+)[^"]*"><a href="/projects/{payday.site.id}/grid/{people_on_site.wang.id}\?day=2026-03-0{day}"[^>]*>(.*?)</a>', text)
        for day in (5, 6)
    }  # fmt: skip
    assert {day: (found[1], re.sub(r"<[^>]+>", " ", found[2]).split()) for day, found in cell.items()} == {5: ("ask", missing), 6: ("work", inside)}


def test_before_the_first_gate_nobody_was_absent_and_today_is_counted_while_it_runs(place, clock, people_on_site, database):
    payday, _, signed_in = place
    with database.write() as db:
        db.execute(sa.update(Device).values(created_at=at(3, "06:00")))
    payday.works(people_on_site.wang, 6, go=None)
    payday.now = at(6, "10:00")
    clock.advance(seconds=(payday.now - clock()).total_seconds())
    text = signed_in("wu").get(f"/projects/{payday.site.id}/grid", params={"month": "2026-03", "team": payday.site.team_id}).text

    def cell(day):
        found = re.search(rf'/grid/{people_on_site.li.id}\?day=2026-03-0{day}" title="([^"]*)">(.*?)</a>', text)
        return found[1].split()[-1], found[2]

    assert cell(2) == ("闸机未启用", "–") and cell(4) == ("无通行", "×")
    foot = re.findall(r"<td[^>]*>(.*?)</td>", re.search(r"<tfoot>(.*?)</tfoot>", text, re.S)[1])
    assert foot[5] == "1" and foot[6] == "", "he is inside now; tomorrow is nobody's yet"
    assert "没有导入法定日历" in text or "按法定日历" in text
