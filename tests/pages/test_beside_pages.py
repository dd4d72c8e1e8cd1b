"""Advances, deductions and allowances on the worker's page: recorded with their proof, taken back with a reason, told to the worker."""

import re
from datetime import date

import pytest

from app import access, ledger, terms
from app.errors import ServiceError
from app.store import people, timekeeping
from app.store import terms as held
from tests.pages.test_exit_pages import PNG
from tests.payday import MARCH, desk  # noqa: F401 - the fixture payday

ADVANCE = {"key": "advance-01", "amount": "1,200.50", "on": "2026-03-10", "channel": "cash", "proof": "signed", "reference": ""}
DEDUCTION = {"key": "deduction-01", "amount": "300", "on": "2026-03", "kind": "damage", "basis": "3月12日赔偿协议，本人签字"}
ALLOWANCE = {"key": "allowance-01", "amount": "15", "on": "2026-03-02", "until": "", "kind": "meal", "per": "day", "note": ""}
SCAN = {"scan": ("收条.png", PNG, "image/png")}


@pytest.fixture
def place(payday, clock, client_of, people_on_site, database, settings):
    """(path of Wang's page, what stands of Wang, login -> client) on 2 April: Wang worked three days of March."""
    payday.works(people_on_site.wang, 3, 4, 5)
    clock.advance(seconds=(payday.now - clock()).total_seconds())
    site, wang = people_on_site.a, people_on_site.wang

    def signed_in(login):
        client = client_of(None)
        with database.write() as db:
            client.cookies.set(access.COOKIE, access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=clock()))
        return client

    return f"/projects/{site.id}/workers/{wang.id}", lambda: payday.ask(held.of_worker, site.id, wang.id), signed_in


def section(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index('id="h-beside"') : page.index('id="h-who"')]))


def test_an_advance_is_recorded_with_its_receipt_and_told_to_whoever_reads_wages(place, payday, people_on_site):
    path, standing, client_of = place
    wu = client_of("wu")
    assert "没有预支、扣款和津贴" in wu.get(path).text
    bare = wu.post(f"{path}/advances", data=ADVANCE)
    assert bare.status_code == 422 and "请附证据材料" in bare.text and 'value="1,200.50"' in bare.text, "signed wants the receipt"
    assert not standing().advances
    done = wu.post(f"{path}/advances", data=ADVANCE, files=SCAN)
    assert done.headers["location"].endswith("?done=advance_kept#h-beside"), done.text
    (kept,) = standing().advances
    assert (kept.amount_fen, kept.paid_on, kept.channel, kept.proof, kept.recorded_by) == (1200_50, date(2026, 3, 10), "cash", "signed", "wu")
    assert payday.ask(ledger.balances, people_on_site.a.id, "advance") == {people_on_site.wang.id: 1200_50}, "it is in the books"
    for login, writes in (("wu", True), ("chen", False), ("lin", False)):
        shown = client_of(login).get(path).text
        assert "2026-03-10" in section(shown) and "¥1,200.50" in section(shown) and "本人签收" in section(shown), login
        paper = re.search(r'href="(/v1/[^"]+/evidence/[0-9]+)"', shown)[1]
        assert client_of(login).get(paper).content == PNG
        assert (f"{path}/voidings" in shown, f"{path}/advances" in shown) == (writes, writes), login
    assert client_of("chen").post(f"{path}/advances", data=ADVANCE | {"key": "chen-00001"}, files=SCAN).status_code == 403
    assert client_of("ma").post(f"{path}/advances", data=ADVANCE).status_code == 403
    wu.cookies.set("muster_language", "en")
    assert "Signed by the worker" in section(wu.get(path).text) and "Record an advance" in section(wu.get(path).text)


def test_a_form_sent_twice_is_one_record_and_another_with_its_key_is_asked_about(place):
    path, standing, client_of = place
    wu = client_of("wu")
    for done in ("advance_kept", "sent_before"):
        assert f"done={done}#" in wu.post(f"{path}/advances", data=ADVANCE, files=SCAN).headers["location"]
    for done in ("deduction_kept", "sent_before"):
        form = DEDUCTION | {"kind": "income_tax", "key": ADVANCE["key"]}
        assert f"done={done}#" in wu.post(f"{path}/deductions", data=form).headers["location"], "forms of a page share its key"
    other = wu.post(f"{path}/advances", data=ADVANCE | {"amount": "7"}, files=SCAN)
    assert other.status_code == 409 and "再按一次" in other.text
    fresh = re.search(r'name="key" value="([^"]+)"', other.text[other.text.index("/advances") :])[1]
    assert fresh != ADVANCE["key"]
    assert "advance_kept" in wu.post(f"{path}/advances", data=ADVANCE | {"amount": "7", "key": fresh}, files=SCAN).headers["location"]
    assert [a.amount_fen for a in standing().advances] == [1200_50, 7_00] and len(standing().deductions) == 1
    assert wu.post(f"{path}/advances", data=ADVANCE | {"key": "短"}, files=SCAN).status_code == 400


WRONG = [
    ("advances", ADVANCE, {"amount": "many"}, 422), ("advances", ADVANCE, {"amount": "1e3"}, 422), ("advances", ADVANCE, {"amount": ""}, 422),
    ("advances", ADVANCE, {"on": "x"}, 400), ("advances", ADVANCE, {"on": "2026-04-03"}, 422), ("advances", ADVANCE, {"on": "2026-02-01"}, 422),
    ("advances", ADVANCE, {"proof": "bank"}, 422), ("advances", ADVANCE, {"channel": "wechat"}, 422),
    ("deductions", DEDUCTION, {"basis": "见单"}, 422), ("deductions", DEDUCTION, {"kind": "fine"}, 422),
    ("deductions", DEDUCTION, {"on": "2026-13"}, 400), ("deductions", DEDUCTION, {"on": "2026-07"}, 422),
    ("allowances", ALLOWANCE, {"per": "year"}, 422), ("allowances", ALLOWANCE, {"until": "2026-03-01"}, 422),
    ("allowances", ALLOWANCE, {"until": "x"}, 400), ("allowances", ALLOWANCE, {"amount": "0"}, 422),
    ("allowances/end", {"row_id": "1", "until": "2026-03-05"}, {}, 404), ("allowances/end", {"row_id": "x", "until": ""}, {}, 400),
    ("voidings", {"what": "advance", "row_id": "1", "reason": "登错了"}, {}, 404),
    ("voidings", {"what": "work_measure", "row_id": "1", "reason": "登错了"}, {}, 404), ("voidings", {}, {}, 400),
]  # fmt: skip


@pytest.mark.parametrize(("tail", "form", "change", "status"), WRONG)
def test_what_is_refused_comes_back_filled_in_with_its_sentence(tail, form, change, status, place):
    path, standing, client_of = place
    files = SCAN if tail in ("advances", "deductions") else None
    reply = client_of("wu").post(f"{path}/{tail}", data=form | change, files=files)
    assert reply.status_code == status, reply.text
    assert 'role="alert"' in reply.text[reply.text.index('id="h-beside"') :]
    text = form.get("basis") if "basis" not in change else change["basis"]
    assert not text or text in reply.text
    found = standing()
    assert not (found.advances or found.deductions or found.allowances)


def test_a_refused_form_keeps_no_paper(place, payday, people_on_site):
    path, _, client_of = place
    client_of("wu").post(f"{path}/deductions", data=DEDUCTION | {"amount": ""}, files=SCAN)
    with pytest.raises(ServiceError, match="evidence_unknown"):
        payday.ask(timekeeping.evidence, people_on_site.a.id, 1)


def test_a_deduction_says_what_it_rests_on_and_how_much_a_closed_month_withheld(place, payday, people_on_site):
    path, standing, client_of = place
    wu = client_of("wu")
    assert wu.post(f"{path}/deductions", data=DEDUCTION).status_code == 422, "damage wants the paper"
    tax = DEDUCTION | {"kind": "income_tax", "amount": "36.5", "basis": "3月个税申报表", "key": "tax-00001"}
    assert "deduction_kept" in wu.post(f"{path}/deductions", data=tax).headers["location"]
    assert "advance_kept" in wu.post(f"{path}/advances", data=ADVANCE | {"amount": "2000"}, files=SCAN).headers["location"]
    assert "advance_kept" in wu.post(f"{path}/advances", data=ADVANCE | {"amount": "80", "proof": "none", "key": "bare-00001"}).headers["location"]
    payday.whole_month(MARCH)
    shown = section(wu.get(path).text)
    assert "3月个税申报表" in shown and "无凭据，不从工资扣回" in shown
    # Three days of 400: the tax first, then the advance as far as the month bears it.
    assert "¥1,163.50 还剩 ¥836.50" in shown, shown
    found = standing()
    assert found.applied == {("deduction", found.deductions[0].id): 36_50, ("advance", found.advances[0].id): 1163_50}
    for what, row in (("deduction", found.deductions[0]), ("advance", found.advances[0])):
        form = {"what": what, "row_id": row.id, "reason": "登错了"}
        assert f'id="why-{what}-{row.id}"' not in wu.get(path).text
        late = wu.post(f"{path}/voidings", data=form)
        assert late.status_code == 409 and "请在下月做相反登记" in late.text
    bare = found.advances[1]
    assert "beside_voided" in wu.post(f"{path}/voidings", data={"what": "advance", "row_id": bare.id, "reason": "登错了"}).headers["location"]
    assert [a.id for a in standing().advances] == [found.advances[0].id]
    told = section(client_of("lin").get(path).text)
    assert re.search(r"已作废 1 笔 预支 现金 2026-03-10 ¥80.00 \S+ 于 \S+ \S+ 作废：登错了", told), told


def test_an_allowance_is_earned_ends_and_is_void(place, payday, people_on_site):
    path, standing, client_of = place
    wu = client_of("wu")
    assert "allowance_kept" in wu.post(f"{path}/allowances", data=ALLOWANCE).headers["location"]
    assert "¥1,245.00" in wu.get(path, params={"month": "2026-03"}).text, "three days of 400 and 15"
    twice = wu.post(f"{path}/allowances", data=ALLOWANCE | {"key": "again-0001"})
    assert twice.status_code == 409 and "时间重叠" in twice.text
    (kept,) = standing().allowances
    early = wu.post(f"{path}/allowances/end", data={"row_id": kept.id, "until": "2026-03-01"})
    assert early.status_code == 422 and 'value="2026-03-01"' in early.text
    assert "allowance_ended" in wu.post(f"{path}/allowances/end", data={"row_id": kept.id, "until": "2026-03-05"}).headers["location"]
    assert "¥1,230.00" in wu.get(path, params={"month": "2026-03"}).text, "two of them"
    (ended,) = standing().allowances
    assert not standing().voided and "已作废" not in wu.get(path).text, "ended is not void"
    bare = wu.post(f"{path}/voidings", data={"what": "allowance", "row_id": ended.id, "reason": " "})
    assert bare.status_code == 422 and f'id="why-allowance-{ended.id}"' in bare.text
    assert "beside_voided" in wu.post(f"{path}/voidings", data={"what": "allowance", "row_id": ended.id, "reason": "不该有"}).headers["location"]
    assert [word.reason for _, word in standing().voided] == ["不该有"]
    assert not standing().allowances and "¥1,200.00" in wu.get(path, params={"month": "2026-03"}).text


def test_of_two_engagements_the_date_says_which(place, payday, people_on_site):
    path, standing, client_of = place
    site, wang = people_on_site.a, people_on_site.wang
    payday.leaves(wang, date(2026, 3, 12))
    with payday.database.write() as db:
        second = people.add_engagement(
            db, worker_id=wang.id, project_id=site.id, project_company_id=site.project_company_id, team_id=site.team_id, trade=None,
            entry_on=date(2026, 3, 20), now=payday.now,
        )  # fmt: skip
    wu, bare = client_of("wu"), ADVANCE | {"proof": "none"}
    assert 'name="on" type="date" required min="2026-03-01"' in wu.get(path).text, "the first one's first day"
    for on, status in (("2026-03-10", 303), ("2026-03-15", 422), ("2026-03-20", 303)):
        assert wu.post(f"{path}/advances", data=bare | {"on": on, "key": f"on-{on}"}).status_code == status, on
    assert [a.engagement_id for a in standing().advances] == [wang.engagement_id, second]
    tax = DEDUCTION | {"kind": "income_tax"}
    assert wu.post(f"{path}/deductions", data=tax).status_code == 303
    assert [d.engagement_id for d in standing().deductions] == [second], "of two in a month the later"


def test_what_stands_of_somebody_else_is_not_touched_from_this_page(place, payday, people_on_site):
    path, _, client_of = place
    li = people_on_site.li
    other = payday.run(
        terms.record_advance, engagement_id=li.engagement_id, amount_fen=100_00, paid_on=date(2026, 3, 9), channel="cash", proof="none"
    )
    assert client_of("wu").post(f"{path}/voidings", data={"what": "advance", "row_id": other, "reason": "登错了"}).status_code == 404
    assert payday.ask(held.advance, people_on_site.a.id, other).id == other
    assert "¥100.00" not in section(client_of("wu").get(path).text)
