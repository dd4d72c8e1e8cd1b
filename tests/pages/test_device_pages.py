"""Gates, devices and cameras on their page: what is wrong is seen, and what is done about it is done there."""

import re
from datetime import timedelta

import pytest

from app.lookouts import Status
from app.store import accounts, cameras, gates, health

ADDRESS = "rtsp://user:secret@192.168.1.64/Streaming/Channels/102"


@pytest.fixture
def page(people_on_site) -> str:
    return f"/projects/{people_on_site.a.id}/devices"


@pytest.fixture
def allowed(app) -> None:
    app.state.settings = app.state.settings.model_copy(update={"camera_hosts": "192.168.1.0/24"})


def row(text: str, device_id: str) -> str:
    return next(part for part in re.findall(r"<tr.*?</tr>", text, re.S) if device_id in part)


def events(database, site, now, numbers, *, ahead=timedelta(0), boot="b1", channel="face") -> None:
    with database.write() as db:
        for n in numbers:
            came = now - timedelta(minutes=60 - n)
            gates.add_passage(
                db, project_id=site.id, device_id=site.entrance.device_id, gate_id=site.entrance.gate_id, direction="in",
                event_key=f"{boot}:{n}", content_sha256="0" * 64, worker_id=None, channel=channel, verdict="refuse",
                code="face_unknown" if channel == "face" else "credential_unknown",
                captured_at=came + ahead, received_at=came, occurred_at=came,
                similarity=0.3 if channel == "face" else None,
            )  # fmt: skip


def test_a_gate_that_was_never_heard_and_one_that_is_silent_say_so(client_of, database, people_on_site, page, now):
    site = people_on_site.a
    with database.write() as db:
        gates.seen(db, site.entrance.device_id, now - timedelta(hours=13))
    told = client_of("chen").get(page).text
    assert "超过 12 小时没有联系" in row(told, site.entrance.device_id) and "从未联系" in row(told, site.exit.device_id)
    with database.write() as db:
        gates.seen(db, site.entrance.device_id, now)
    assert "有联系" in row(client_of("chen").get(page).text, site.entrance.device_id)


def test_missing_events_a_wrong_clock_and_what_is_kept_are_seen(client_of, database, people_on_site, page, now):
    site = people_on_site.a
    events(database, site, now, (1, 2, 5, 6), ahead=timedelta(seconds=90), channel="card")
    told = client_of("chen").get(page).text
    assert '<td class="number" data-label="缺号"><span class="wrong">2</span></td>' in row(told, site.entrance.device_id) and "快 90 秒" in told
    assert "准" not in row(told, site.exit.device_id) and '<td class="number" data-label="缺号">—</td>' in row(told, site.exit.device_id)


def test_a_gate_that_takes_pictures_is_not_said_to_have_lost_those_without_a_face(client_of, database, people_on_site, page, now):
    site, unknown = people_on_site.a, '<td class="number" data-label="缺号">—</td>'
    events(database, site, now, (1, 2, 5, 6))
    told = client_of("chen").get(page).text
    assert unknown in row(told, site.entrance.device_id) and "100%" in told
    # A day on which only cards were read at it so far.
    events(database, site, now + timedelta(days=2), (7, 9), channel="card")
    with database.read() as db:
        assert health.of_devices(db, site.id, now + timedelta(days=1))[site.entrance.device_id].missing is None


@pytest.mark.parametrize(("ahead_s", "said"), [(90.25, "快 90 秒"), (-1.0, "准确"), (-40.0, "最多慢 40 秒"), (None, "")])
def test_the_event_that_came_fastest_tells_the_clock(ahead_s, said, client_of, database, people_on_site, page, now):
    site = people_on_site.a
    if ahead_s is not None:
        events(database, site, now, (1, 2), ahead=timedelta(hours=-3))
        events(database, site, now, (3,), ahead=timedelta(seconds=ahead_s))
    with database.read() as db:
        clock = health.of_devices(db, site.id, now - timedelta(days=1))[site.entrance.device_id].clock
    assert (clock is None) if ahead_s is None else abs(clock - timedelta(seconds=ahead_s)) < timedelta(milliseconds=1)
    assert said in row(client_of("chen").get(page).text, site.entrance.device_id)


def test_scores_are_for_those_who_answer_for_the_gates(client_of, database, people_on_site, page, now):
    events(database, people_on_site.a, now, (1, 2))
    assert "与最像的人的相似度" in client_of("chen").get(page).text
    guards = client_of("ma").get(page).text
    assert "与最像的人的相似度" not in guards and 'method="post" action="/projects' not in guards


def test_a_key_is_shown_once_and_opens_the_service_to_the_device(client_of, database, people_on_site, page, vault):
    chen = client_of("chen")
    made = chen.post(f"{page}/new", data={"gate_id": people_on_site.a.entrance.gate_id, "name": "东门新机"})
    service, device_id, key = re.search(
        r'<dd class="code hash">(http[^<]+)</dd>.*data-copy="([^"]+)".*<dd class="code hash">([0-9a-f]{64}) <button', made.text
    ).groups()
    assert service == "http://testserver" and f'data-copy="{key}"' in made.text
    assert key not in chen.get(page).text
    with database.read() as db:
        held = gates.device(db, device_id)
    assert vault.open(held.key_sealed, table="device", column="key_sealed", owner=device_id).hex() == key
    rotated = chen.post(f"{page}/key", data={"device_id": device_id})
    assert "旧密钥继续有效" in rotated.text and key not in rotated.text and "新密钥还没有用过" in row(chen.get(page).text, device_id)


def test_a_device_is_retired_and_used_again(client_of, database, people_on_site, page):
    chen, device = client_of("chen"), people_on_site.a.entrance.device_id
    chen.post(f"{page}/switch", data={"device_id": device, "to": "off"})
    assert "已停用" in row(chen.get(page).text, device)
    chen.post(f"{page}/switch", data={"device_id": device, "to": "on"})
    assert "已停用" not in row(chen.get(page).text, device)
    with database.read() as db:
        assert [line.action for line in accounts.journal_lines(db, people_on_site.a.id)][:2] == ["device.enabled", "device.disabled"]


def test_a_camera_is_added_paused_and_removed_and_its_password_is_never_shown(client_of, database, people_on_site, page, allowed):
    chen = client_of("chen")
    form = {"gate_id": people_on_site.a.entrance.gate_id, "name": "东门摄像机", "address": ADDRESS, "frames_per_second": "3"}
    assert chen.post(f"{page}/cameras", data=form).headers["location"].endswith("done=camera_added")
    told = chen.get(page).text
    assert "rtsp://192.168.1.64" in told and "secret" not in told
    with database.read() as db:
        (camera,) = cameras.pulled(db)
    assert camera.frames_per_second == 3
    chen.post(f"{page}/switch", data={"device_id": camera.device_id, "to": "off"})
    assert "已暂停" in chen.get(page).text
    with database.read() as db:
        assert not cameras.pulled(db), "nobody looks there"
    chen.post(f"{page}/switch", data={"device_id": camera.device_id, "to": "on"})
    with database.read() as db:
        assert len(cameras.pulled(db)) == 1
    chen.post(f"{page}/cameras/remove", data={"device_id": camera.device_id})
    with database.read() as db:
        assert not cameras.cameras(db, people_on_site.a.id)


def test_a_camera_where_none_may_be_is_refused_in_words(client_of, people_on_site, page, allowed):
    form = {"gate_id": people_on_site.a.entrance.gate_id, "name": "x", "address": "rtsp://10.0.0.1/secret-path"}
    reply = client_of("chen").post(f"{page}/cameras", data=form)
    assert reply.status_code == 422 and 'role="alert"' in reply.text and "secret-path" not in reply.text


@pytest.mark.parametrize(
    ("state", "code", "said"), [("live", None, "画面正常"), ("stale", "picture_frozen", "画面静止不变"), ("backoff", "unauthorised", "用户名或密码不符")]
)
def test_a_camera_says_what_it_shows(state, code, said, client_of, app, people_on_site, page, allowed, monkeypatch, database):
    chen = client_of("chen")
    chen.post(f"{page}/cameras", data={"gate_id": people_on_site.a.entrance.gate_id, "name": "东门摄像机", "address": ADDRESS})
    with database.read() as db:
        (camera,) = cameras.pulled(db)
    status = Status(camera.device_id, people_on_site.a.id, state, code, 0.4, 1, 0, 1, 0)
    monkeypatch.setattr(app.state.lookouts, "statuses", lambda: {camera.device_id: status})
    told = chen.get(page).text
    assert said in told and "画面 0.4 秒前" in told


def test_the_devices_of_another_project_are_out_of_reach(client_of, people_on_site, page):
    for act, more in (("key", {}), ("switch", {"to": "off"}), ("cameras/remove", {})):
        reply = client_of("chen").post(f"{page}/{act}", data={"device_id": people_on_site.b.entrance.device_id, **more})
        assert reply.status_code == 404, act


def test_a_gate_is_added_once(client_of, page):
    chen = client_of("chen")
    assert chen.post(f"{page}/gates", data={"name": "西门", "direction": "both"}).status_code == 303
    again = chen.post(f"{page}/gates", data={"name": "西门", "direction": "both"})
    assert again.status_code == 409 and "西门" in chen.get(page).text
    assert chen.post(f"{page}/gates", data={"name": "北门", "direction": "sideways"}).status_code == 422


def test_a_gate_that_was_added_wrongly_is_put_right_while_nobody_passed(client_of, database, people_on_site, page):
    site, chen = people_on_site.a, client_of("chen")
    gate = site.exit.gate_id
    done = chen.post(f"{page}/gates/change", data={"gate_id": gate, "name": "东门", "direction": "both"})
    assert done.status_code == 303 and f'<h2 id="h-gate-{gate}">东门</h2>' in chen.get(page).text
    with database.read() as db:
        assert (gates.gate(db, site.id, gate).direction, gates.device(db, site.exit.device_id).direction) == ("both", "both")
        assert gates.device(db, site.exit.device_id).gate_name == "东门"
    taken = chen.post(f"{page}/gates/change", data={"gate_id": gate, "name": "大门入口", "direction": "both"})
    assert taken.status_code == 409 and "已有同名通道" in taken.text


def test_where_a_gate_leads_stays_once_somebody_passed_and_its_name_does_not(client_of, database, people_on_site, page, now):
    site, chen = people_on_site.a, client_of("chen")
    gate = site.entrance.gate_id
    events(database, site, now, (1,))
    turned = chen.post(f"{page}/gates/change", data={"gate_id": gate, "name": "大门入口", "direction": "out"})
    assert turned.status_code == 409 and "请另加一个方向对的通道" in turned.text
    assert chen.post(f"{page}/gates/change", data={"gate_id": gate, "name": "旧大门", "direction": "in"}).status_code == 303
    retired = chen.post(f"{page}/gates/retire", data={"gate_id": gate})
    assert retired.status_code == 409 and "不能撤掉" in retired.text
    # The new one may be called what the old one was.
    assert chen.post(f"{page}/gates", data={"name": "大门入口", "direction": "out"}).status_code == 303
    with database.read() as db:
        assert [g.name for g in gates.gates(db, site.id)] == ["旧大门", "大门出口", "大门入口"]


def test_a_gate_nobody_passed_is_retired_and_without_an_exit_the_page_warns(client_of, database, people_on_site, page):
    site, chen = people_on_site.a, client_of("chen")
    assert "还没有出口" not in chen.get(page).text and "还没有出口" not in client_of("wu").get(f"/projects/{site.id}/setup").text
    assert chen.post(f"{page}/gates/retire", data={"gate_id": site.exit.gate_id}).status_code == 303
    told = chen.get(page).text
    assert "还没有出口" in told and "大门出口" not in told
    assert "还没有出口" in client_of("wu").get(f"/projects/{site.id}/setup").text
    with database.read() as db:
        assert gates.device(db, site.exit.device_id).disabled_at is not None
    again = chen.post(f"{page}/switch", data={"device_id": site.exit.device_id, "to": "on"})
    assert again.status_code == 404, "nobody is to pass a gate that is retired"
    assert client_of("wu").post(f"{page}/gates/retire", data={"gate_id": site.entrance.gate_id}).status_code == 403


def test_a_new_device_is_offered_to_the_gate_that_has_none_and_the_first_day_waits_for_it(client_of, people_on_site, page):
    site, chen, wu = people_on_site.a, client_of("chen"), client_of("wu")
    assert "有通道还没有设备" not in wu.get(f"/projects/{site.id}/setup").text
    assert chen.post(f"{page}/gates", data={"name": "西门出口", "direction": "out"}).status_code == 303
    offered = re.search(r'<select id="device-gate".*?</select>', chen.get(page).text, re.S)[0]
    assert re.search(r'selected>([^<]*)<', offered)[1] == "西门出口"
    assert "有通道还没有设备" in wu.get(f"/projects/{site.id}/setup").text
