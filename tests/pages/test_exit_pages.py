"""Who left and what is owed, on the pages: settled, signed or disputed, released by another; arrears by month and age."""

from datetime import date

import pytest

from app import access
from app.store import sheets
from tests.payday import at, desk  # noqa: F401 - the fixture payday

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


@pytest.fixture
def place(payday, clock, client_of, people_on_site, database, settings):
    """(desk, project's path, login -> a client): Wang worked in March, which is closed, and a day of April, and left."""
    wang = people_on_site.wang
    payday.works(wang, 3, 4)
    payday.whole_month()
    payday.works(wang, 1, month=4)
    payday.leaves(wang, date(2026, 4, 2))
    payday.now = at(10, month=4)
    clock.advance(seconds=(payday.now - clock()).total_seconds())

    def signed_in(login):
        client = client_of(None)
        with database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=clock())
        client.cookies.set(access.COOKIE, token)
        return client

    return payday, f"/projects/{people_on_site.a.id}", signed_in


def settled(payday):
    return payday.ask(sheets.settlements, payday.site.id)


def test_who_left_is_settled_signs_and_is_released_by_somebody_else(place, people_on_site):
    payday, path, client_of = place
    wu, chen, of = client_of("wu"), client_of("chen"), {"of": people_on_site.wang.engagement_id}
    listed = wu.get(f"{path}/exits").text
    assert "王建国" in listed and "李秀英" not in listed and "¥1,200.00" in listed
    assert "结算</button>" in wu.get(f"{path}/exits", params=of).text and "结算</button>" not in chen.get(f"{path}/exits", params=of).text
    form = {"engagement_id": people_on_site.wang.engagement_id}
    assert chen.post(f"{path}/exits/settlements", data=form).status_code == 403
    for _ in range(2):
        assert wu.post(f"{path}/exits/settlements", params=of, data=form).status_code == 303
    [info] = settled(payday).values()
    assert info.owed_fen == 1200_00

    # Nothing is released unsigned; a signature needs its paper, and is for what he saw.
    early = chen.post(f"{path}/exits/releases", data={"settlement_id": info.id})
    assert early.status_code == 409 and 'role="alert"' in early.text
    word = {"settlement_id": info.id, "content_hash": info.content_hash, "verdict": "agree", "method": "paper"}
    bare = wu.post(f"{path}/exits/words", params=of, data=word)
    assert bare.status_code in (400, 422) and "请附上签字" in bare.text
    scan = {"scan": ("a.png", PNG, "image/png")}
    assert wu.post(f"{path}/exits/words", data=word | {"content_hash": "0" * 64}, files=scan).status_code == 409
    assert wu.post(f"{path}/exits/words", params=of, data=word, files=scan).status_code == 303
    assert "批准支付" not in wu.get(f"{path}/exits", params=of).text.replace("由另一人批准支付后", "")
    assert "批准支付未结账月份的工资" in chen.get(f"{path}/exits", params=of).text
    assert wu.post(f"{path}/exits/releases", data={"settlement_id": info.id}).status_code == 403
    assert chen.post(f"{path}/exits/releases", params=of, data={"settlement_id": info.id}).status_code == 303
    twice = chen.post(f"{path}/exits/releases", params=of, data={"settlement_id": info.id})
    assert twice.status_code == 409, "released once"
    assert "¥400.00" in wu.get(f"{path}/account").text, "the day of April can be paid now"


def test_he_may_dispute_his_settlement(place, people_on_site):
    payday, path, client_of = place
    wu, of = client_of("wu"), {"of": people_on_site.wang.engagement_id}
    wu.post(f"{path}/exits/settlements", data={"engagement_id": people_on_site.wang.engagement_id})
    [info] = settled(payday).values()
    word = {"settlement_id": info.id, "content_hash": info.content_hash, "verdict": "dispute", "method": "paper", "reason": "少算了两天"}
    assert wu.post(f"{path}/exits/words", data=word | {"claimed": "x"}).status_code == 400
    assert wu.post(f"{path}/exits/words", data=word | {"claimed": "2,000.50"}).status_code == 303
    shown = wu.get(f"{path}/exits", params=of).text
    assert "¥2,000.50" in shown and "少算了两天" in shown and "有异议" in shown
    assert client_of("lin").post(f"{path}/exits/words", data=word).status_code == 403


@pytest.mark.parametrize("change", [{"engagement_id": "x"}, {"engagement_id": ""}, {"engagement_id": "999999"}])
def test_an_exit_that_is_none_is_refused_on_the_page(place, change):
    _, path, client_of = place
    reply = client_of("wu").post(f"{path}/exits/settlements", data=change)
    assert reply.status_code in (400, 404) and 'role="alert"' in reply.text


def test_what_is_owed_is_told_by_the_month_it_was_earned_in_and_by_age(place, people_on_site):
    payday, path, client_of = place
    lin = client_of("lin")
    shown = lin.get(f"{path}/arrears").text
    assert "2026-03" in shown and "¥800.00" in shown and "2026-04" in shown and "¥400.00" in shown and "王建国" in shown
    option = lin.get(f"{path}/charts/arrears").json()
    assert option["xAxis"]["data"] == ["2026-03", "2026-04"]
    paid, coming, late = (series["data"] for series in option["series"])
    assert paid == [0, 0] and [a + b for a, b in zip(coming, late, strict=True)] == [800, 400]
    for side in ("team", "company", "odd"):
        assert "¥1,200.00" in lin.get(f"{path}/arrears", params={"by": side}).text
    assert client_of("ma").get(f"{path}/arrears").status_code == 403


def test_he_leaves_on_his_page_and_his_settlement_is_next(client_of, people_on_site, database):
    wang, site = people_on_site.wang, people_on_site.a
    wu, path = client_of("wu"), f"/projects/{site.id}/workers/{wang.id}"
    assert 'name="exit_on"' in wu.get(path).text and 'name="exit_on"' not in client_of("chen").get(path).text
    early = wu.post(f"{path}/exit", data={"exit_on": "2026-02-01"})
    assert early.status_code == 400 and "早于进场" in early.text
    assert wu.post(f"{path}/exit", data={"exit_on": "x"}).status_code == 400
    left = wu.post(f"{path}/exit", data={"exit_on": "2026-03-20"}).headers["location"]
    assert left == f"/projects/{site.id}/exits?of={wang.engagement_id}&done=left"
    assert "结算</button>" in wu.get(left).text
    assert wu.post(f"{path}/exit", data={"exit_on": "2026-03-21"}).status_code == 409
    shown = wu.get(path).text
    assert 'name="exit_on"' not in shown and f"/projects/{site.id}/exits?of={wang.engagement_id}" in shown
