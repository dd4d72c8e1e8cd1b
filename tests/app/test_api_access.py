"""Signing in and keeping accounts, over HTTP."""

import pytest

from tests.app.test_permissions import client, quick_passwords  # noqa: F401 - fixtures
from tests.cast import PASSWORD


@pytest.fixture
def bearer(client):  # noqa: F811
    def of(login: str, password: str = PASSWORD) -> dict[str, str]:
        token = client.post("/v1/sign-in", json={"login": login, "password": password}).json()["token"]
        return {"Authorization": f"Bearer {token}"}

    return of


def code(response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_a_token_says_who_one_is_and_what_one_may_reach(client, bearer, people_on_site):  # noqa: F811
    me = client.get("/v1/me", headers=bearer("wu")).json()
    assert (me["login"], me["name"], me["language"]) == ("wu", "吴劳资", "zh")
    assert me["roles"] == [
        {
            "id": None, "role": "labour_officer", "project_id": people_on_site.a.id, "area_code": None, "project_company_id": None,
            "team_id": None,
        }
    ]  # fmt: skip
    assert [p["code"] for p in me["projects"]] == ["A"]


def test_a_sign_in_says_when_it_ends_and_sets_no_cookie(client):  # noqa: F811
    response = client.post("/v1/sign-in", json={"login": "wu", "password": PASSWORD})
    assert response.json()["expires_at"] == "2026-04-01T00:00:00Z"
    assert "set-cookie" not in response.headers


def test_a_wrong_password_is_refused_in_the_readers_language(client):  # noqa: F811
    wrong = {"login": "wu", "password": "wrong boot"}
    zh = client.post("/v1/sign-in", json=wrong, headers={"Accept-Language": "zh"})
    en = client.post("/v1/sign-in", json=wrong, headers={"Accept-Language": "en"})
    assert code(zh) == code(en) == (401, "sign_in_wrong")
    assert (zh.json()["error"]["message"], en.json()["error"]["message"]) == (
        "账号或密码不正确", "The login or the password is not right",
    )  # fmt: skip


def test_the_sixth_try_is_told_how_long_to_wait(client):  # noqa: F811
    for _ in range(5):
        assert code(client.post("/v1/sign-in", json={"login": "wu", "password": "wrong boot"}))[0] == 401
    refused = client.post("/v1/sign-in", json={"login": "wu", "password": PASSWORD})
    assert code(refused) == (429, "sign_in_too_often")
    assert refused.headers["retry-after"] == "300"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"login": "wu"}', b'{"login": 7, "password": []}', b'{"login": "\\ud800", "password": "\\ud800"}',
     b'{"login": "w\\u0000u", "password": "x"}', b"\xff\xfe", b'{"login": "' + b"x" * 300 + b'", "password": "x"}'],
)  # fmt: skip
def test_rubbish_instead_of_a_password_is_refused_not_a_crash(client, body):  # noqa: F811
    response = client.post("/v1/sign-in", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 401, 422)
    assert response.json()["error"]["code"]


def test_a_refusal_does_not_repeat_what_was_sent(client):  # noqa: F811
    response = client.post("/v1/sign-in", json={"login": ["secret-word"], "password": "secret-word"})
    assert response.status_code == 422 and "secret-word" not in response.text


def test_signing_out_ends_the_token(client, bearer):  # noqa: F811
    wu = bearer("wu")
    assert client.delete("/v1/sign-in", headers=wu).status_code == 204
    assert code(client.get("/v1/me", headers=wu)) == (401, "sign_in_needed")


def test_the_cookie_of_the_pages_works_for_the_api_and_is_dropped_at_sign_out(client, bearer):  # noqa: F811
    client.cookies.set("muster_session", bearer("wu")["Authorization"].removeprefix("Bearer "))
    assert client.get("/v1/me").json()["login"] == "wu"
    signed_out = client.delete("/v1/sign-in")
    assert signed_out.status_code == 204
    assert 'muster_session=""' in signed_out.headers["set-cookie"]


def test_a_bearer_header_wins_over_a_cookie(client, bearer):  # noqa: F811
    client.cookies.set("muster_session", bearer("wu")["Authorization"].removeprefix("Bearer "))
    assert client.get("/v1/me", headers=bearer("chen")).json()["login"] == "chen"
    assert client.get("/v1/me", headers={"Authorization": "Bearer forged"}).status_code == 401


def test_a_form_of_another_site_is_refused(client, bearer):  # noqa: F811
    client.cookies.set("muster_session", bearer("gao")["Authorization"].removeprefix("Bearer "))
    foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Accept-Language": "en"}
    assert code(client.post("/v1/accounts/wu/disable", headers=foreign)) == (403, "cross_site")
    assert client.post("/v1/accounts/wu/disable", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204


def test_an_account_is_made_given_a_role_and_used(client, bearer, people_on_site):  # noqa: F811
    gao = bearer("gao")
    made = client.post("/v1/accounts", json={"login": "sun", "name": "孙芳", "password": "ten letters"}, headers=gao)
    assert (made.status_code, made.json()["roles"]) == (201, [])
    sun = bearer("sun", "ten letters")
    wages = f"/v1/projects/{people_on_site.a.id}/wages"
    assert client.get(wages, headers=sun).status_code == 404
    given = client.post(
        "/v1/accounts/sun/roles", json={"role": "manager", "project_id": people_on_site.a.id}, headers=gao
    )
    assert given.status_code == 201
    assert client.get(wages, headers=sun).status_code == 200
    role_id = given.json()["roles"][0]["id"]
    assert client.delete(f"/v1/accounts/sun/roles/{role_id}", headers=gao).status_code == 204
    assert client.get(wages, headers=sun).status_code == 404


def test_a_subcontractor_and_a_team_leader_reach_their_part_and_no_more(client, bearer, people_on_site):  # noqa: F811
    gao, site = bearer("gao"), people_on_site.a
    client.post("/v1/accounts", json={"login": "liu", "name": "刘", "password": "ten letters"}, headers=gao)

    def give(**role):
        return client.post("/v1/accounts/liu/roles", json={"project_id": site.id, **role}, headers=gao)

    assert code(give(role="subcontractor")) == (400, "role_part_wrong")
    assert code(give(role="team_leader", project_company_id=site.project_company_id)) == (400, "role_part_wrong")
    assert code(give(role="team_leader", team_id=people_on_site.b.team_id)) == (404, "team_unknown")
    assert give(role="subcontractor", project_company_id=site.project_company_id).status_code == 201
    given = give(role="team_leader", team_id=site.team_id).json()["roles"]
    told = [(r["role"], r["project_company_id"], r["team_id"]) for r in given]
    assert told == [("subcontractor", site.project_company_id, None), ("team_leader", None, site.team_id)]
    liu = bearer("liu", "ten letters")
    assert [(r["role"], r["team_id"]) for r in client.get("/v1/me", headers=liu).json()["roles"]] == [(r[0], r[2]) for r in told]
    at = f"/v1/projects/{site.id}"
    assert client.get(at + "/sheets", headers=liu).status_code == 200
    assert client.get(at + "/wages", headers=liu).status_code == 403


def test_the_list_of_accounts_holds_no_password_and_no_hash(client, bearer):  # noqa: F811
    listed = client.get("/v1/accounts", headers=bearer("gao"))
    assert [a["login"] for a in listed.json()] == ["chen", "gao", "lin", "ma", "wu", "zhou"]
    assert "argon2" not in listed.text and "password" not in listed.text


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/v1/accounts", {"login": "wu", "name": "某人", "password": "ten letters"}, (409, "login_taken")),
        ("POST", "/v1/accounts", {"login": "sun", "name": "某人", "password": "short"}, (400, "password_too_short")),
        ("POST", "/v1/accounts/nobody/roles", {"role": "administrator"}, (404, "account_unknown")),
        ("POST", "/v1/accounts/wu/roles", {"role": "manager", "project_id": 999}, (404, "project_unknown")),
        ("POST", "/v1/accounts/wu/roles", {"role": "manager", "project_id": 2**70}, (422, "request_invalid")),
        ("POST", "/v1/accounts/wu%00/password", {"password": "ten letters"}, (404, "account_unknown")),
        ("DELETE", "/v1/accounts/wu/roles/999", None, (404, "role_not_held")),
        ("DELETE", "/v1/accounts/wu/roles/99999999999999999999", None, (422, "request_invalid")),
        ("POST", "/v1/accounts/gao/disable", None, (409, "own_account")),
    ],
)
def test_what_an_administrator_is_refused(client, bearer, method, path, body, expected):  # noqa: F811
    assert code(client.request(method, path, json=body, headers=bearer("gao"))) == expected


def test_every_route_says_what_it_may_refuse(client):  # noqa: F811
    answers_everybody = {"/healthz", "/readyz", "/metrics", "/v1/notices/face"}
    for path, methods in client.app.openapi()["paths"].items():
        if path in answers_everybody:
            continue
        for method, told in methods.items():
            assert told["summary"], (method, path)
            assert {"401", "403", "404"} & told["responses"].keys(), (method, path)
