"""Who may ask what: role x route x (his own project, another's, nobody), from one table.

The table is about the real application. A route of it that is not in ``ROUTES`` fails, whether the OpenAPI
knows it or not; whoever adds one adds its row.

A row says which roles may, as letters: ``A`` administrator, ``M`` manager, ``L`` labour officer, ``G`` guard,
``I`` inspector, ``S`` subcontractor, ``T`` team leader, ``D`` data-protection officer, ``W`` worker. A route is then tried by every role on project A (its own) and by one on project B (another's),
by nobody, and with tokens that are forged or expired:

    nobody                       401, or the sign-in page where people read pages
    another project's person     404, and never says that the project exists
    may                          the status of ``ok``
    knows it but may not         403

Which roles may open a page, do an act or see a chart of ``app.pages`` stands with it (``Page.action``): their rows
(``ELSEWHERE``) are tried by every role alike. Whoever may not is told 403; a page opens for whoever may. What an act then says
to whoever may depends on what it is sent, and is tried in tests/pages.
"""

import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app import access, cameras, oversight, pages, papers, payroll
from app.db import Database
from app.main import create_app
from app.pages import live
from app.settings import Settings
from app.store import accounts, findings, gates
from app.store import papers as kept
from app.vault import Vault
from devices.dialects import frames
from recognition.synthetic import SyntheticEngine, draw_face
from tests.cast import PASSWORD, PASSWORD_HASH, Cast, id_number, pass_through
from tests.straight import Client, living

ROLES = {
    "A": "administrator",
    "M": "manager",
    "L": "labour_officer",
    "G": "guard",
    "I": "inspector",
    "S": "subcontractor",
    "T": "team_leader",
    "D": "data_officer",
    "W": "worker",
}

OPEN = "-"
"""Nobody need sign in; the row says why."""
SIGNED_IN = "*"
ELSEWHERE = "?"
"""A page, act or chart of ``app.pages``: which roles may stands with it there."""


def roles_of_pages() -> dict[tuple[str, str], str]:
    """(method, path) -> letters of the roles that may, out of the tables of the pages."""
    actions = {("GET", p.path): p.action for p in pages.PAGES if p.of_project}
    actions |= {("POST", act.path): act.action for act in pages.ACTS}
    actions |= {("GET", path): action for path, (action, _) in (pages.CHARTS | pages.LISTS).items()}
    return {
        route: "".join(letter for letter, role in ROLES.items() if role in access.ACTIONS[action or "project.read"])
        for route, action in actions.items()
    }


class Facts:
    """What one call is about: a project of the cast and what is on it, made when it is asked for.

    Every call has a number of its own (``turn``), so that what one person did never stands in another's way.
    """

    def __init__(self, site: SimpleNamespace, project: str = "a") -> None:
        site.turn += 1
        self.turn: int = site.turn
        self._site, self._post = site, getattr(site.cast, project)
        self._worker = site.cast.wang if project == "a" else site.cast.zhao
        self.project_id, self.worker_id, self.team_id = self._post.id, self._worker.id, self._post.team_id
        self.company_id = self._post.project_company_id
        self.gate_id, self.device_id = self._post.entrance.gate_id, self._post.entrance.device_id

    on = "2026-03-05"
    table = "measures"
    month = "2026-03"
    code = "0000000000"
    mark_id = allowance_id = paper_id = policy_id = evidence_id = correction_id = terms_id = measure_id = sheet_id = 999_999
    line_id = settlement_id = batch_id = check_id = twin_id = task_id = 999_999
    session_id = "0123456789abcdef"
    account_id = 1
    """Of nothing: whoever may is told that there is no such thing, and nobody else is."""

    @property
    def spare_gate_id(self) -> int:
        """A gate of its own: what is done to it, no other row misses."""
        with self._site.database.write() as db:
            return gates.add_gate(db, project_id=self.project_id, name=f"备用门 {token_hex(4)}", direction="out")

    @property
    def engagement_id(self) -> int:
        return self._worker.engagement_id

    @property
    def payment_id(self) -> int:
        with self._site.database.write() as db:
            return self._pay(db)

    def _pay(self, db) -> int:
        return payroll.record_payment(
            db, project_id=self.project_id, worker_id=self.worker_id, amount_fen=100 + self.turn,
            paid_on=date(2026, 3, 1), for_month=date(2026, 2, 1), channel="cash",
            idempotency_key=f"seed-{self.turn:04d}", by="wu", now=self._site.now,
        ).payment.id  # fmt: skip

    @property
    def finding_id(self) -> int:
        # A payment for February, in which nobody worked: the evidence is new at every turn, so the finding is open.
        with self._site.database.write() as db:
            self._pay(db)
            oversight.run_audit(db, self.project_id, date(2026, 2, 1), self._site.now)
            return next(f.id for f in findings.findings(db, self.project_id) if f.rule == "paid_without_work")

    screen_id = 999_999
    """Of no screen: whoever may is told so."""

    @property
    def passage_id(self) -> int:
        with self._site.database.write() as db:
            return pass_through(
                db, self._post, "in", self.worker_id, self._site.now - timedelta(seconds=self.turn),
                verdict="ask", code="needs_confirmation", channel="face",
            ).id  # fmt: skip

    @property
    def credential_id(self) -> int:
        with self._site.database.write() as db:
            papers.issue_card(
                db, self._site.vault, project_id=self.project_id, worker_id=self.worker_id,
                value=f"00{self.turn:06d}", now=self._site.now, by="wu",
            )  # fmt: skip
            return kept.live_credentials(db, self.project_id, self.worker_id)[-1].id

    @property
    def camera_id(self) -> str:
        with self._site.database.write() as db:
            return cameras.add_camera(
                db, self._site.vault, Settings(camera_hosts="127.0.0.1"), project_id=self.project_id, gate_id=self.gate_id,
                name="西门摄像机", address="rtsp://127.0.0.1/x", now=self._site.now, by="wu",
            ).device_id  # fmt: skip

    @cached_property
    def _guard(self) -> tuple[str, int]:
        login = f"victim{self.turn}"
        with self._site.database.write() as db:
            account_id = accounts.add_account(db, login=login, name="某人", password_hash=PASSWORD_HASH, now=self._site.now)
            return login, accounts.add_membership(
                db, account_id=account_id, role="guard", project_id=self._site.cast.b.id
            )

    @property
    def login(self) -> str:
        return self._guard[0]

    @property
    def role_id(self) -> int:
        return self._guard[1]


@dataclass(frozen=True)
class Row:
    """One route of the table."""

    may: str
    """Letters of the roles that may, or ``OPEN``, ``SIGNED_IN``, ``ELSEWHERE``."""
    ok: int = 200
    body: Callable[[Facts], Any] | None = None
    """Sent as JSON."""
    form: Callable[[Facts], dict[str, Any]] | None = None
    """``data`` and ``files`` of a form."""
    headers: Callable[[Facts], dict[str, str]] | None = None
    tail: str = ""
    """Put at the end of the address: a query, or the name of a static file."""
    of_project: bool = True
    """False: a route of the service; whoever may not is told 403, there is nothing to hide."""
    page: bool = False
    """People read it: nobody is sent to the sign-in page."""
    why: str = ""
    """Why a route is open to everybody."""


def _open(why: str, ok: int = 200, **more: Any) -> Row:
    return Row(OPEN, ok, of_project=False, why=why, **more)


def _service(may: str, ok: int = 200, body: Callable[[Facts], Any] | None = None, **more: Any) -> Row:
    return Row(may, ok, body, of_project=False, **more)


PAGE = Row(ELSEWHERE, page=True)
CONSENT = {"scope": ["capture", "template"], "notice_version": "face-1", "method": "screen"}


def _roster(_facts: Facts) -> dict[str, Any]:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["姓名", "身份证号", "单位", "参建类型", "班组", "日工资", "进场日期"])
    book.active.append(["孙大山", id_number(date(1992, 5, 1), 11), "海盐劳务", "劳务分包", "木工一班", 380, "2026-03-10"])
    book.save(out)
    return {"files": {"file": ("roster.xlsx", out.getvalue())}}


def _faces(_facts: Facts) -> dict[str, Any]:
    return {"files": [("photographs", ("1.jpg", draw_face(1), "image/jpeg"))], "data": CONSENT}


def _two_faces(_facts: Facts) -> dict[str, Any]:
    return {"files": {"live": ("1.jpg", draw_face(1), "image/jpeg"), "portrait": ("2.jpg", draw_face(1), "image/jpeg")}}


def _forged(path: str) -> dict[str, str]:
    """The whole head of a device's request, signed with a key that is not its own."""
    at_ms = int(time.time() * 1000)
    return frames.sign_request(bytes(32), path=path, event_key="a1b2c3d4e5f60718:1", body=b"", timestamp_ms=at_ms)


def _write(may: str, ok: int, body: Callable[[Facts], Any] | None = None, **more: Any) -> Row:
    """A write with a key of its own at each call."""
    return Row(may, ok, body, headers=lambda t: {"Idempotency-Key": f"permission-{t.turn}"}, **more)


def _paper(_facts: Facts) -> dict[str, Any]:
    return {"files": {"file": ("a.pdf", b"%PDF-1.7 test", "application/pdf")}}


def _bank_file(_facts: Facts) -> dict[str, Any]:
    return {"files": {"file": ("a.csv", b"a,b", "text/csv")}, "data": {"template_id": 1}}


def _no_workbook(_facts: Facts) -> dict[str, Any]:
    return {"files": {"file": ("a.xlsx", b"PK no workbook")}, "data": {"source": "通知"}}


P = "/v1/projects/{project_id}"
W = P + "/workers/{worker_id}"
SITE = "/projects/{project_id:int}"
HMAC = "a device proves itself by HMAC, in the head of every request; a person's token means nothing there"

ROUTES: dict[tuple[str, str], Row] = {
    # --- open, and why ---
    ("GET", "/healthz"): _open("whoever keeps the process alive has no account; says nothing but ok"),
    ("GET", "/readyz"): _open("as healthz; names checks, never people or secrets"),
    ("GET", "/metrics"): _open("scraped by the site's own monitoring; counts only"),
    ("GET", "/openapi.json"): _open("how to speak to the service is no secret; the source is public"),
    ("POST", "/v1/sign-in"): _open("one becomes somebody here", body=lambda t: {"login": "wu", "password": PASSWORD}),
    ("POST", "/sign-in/second"): _open("the second half of becoming somebody: the password was right", 401, form=lambda t: {"data": {"waiting": "x", "code": "000000"}}, page=True),
    ("GET", "/sign-in"): _open("the form to become somebody", page=True),
    ("POST", "/sign-in"): _open(
        "one becomes somebody here", 303, form=lambda t: {"data": {"login": "wu", "password": PASSWORD}}, page=True
    ),
    ("POST", "/sign-out"): _open("whoever is signed out already loses nothing", 303, page=True),
    ("POST", "/language"): _open("a stranger reads the sign-in page in his language too; a cookie", 303, page=True),
    ("GET", "/v1/notices/face"): _open("a worker has no account, and reads it before he decides"),
    ("GET", "/static/own/{hash}"): _open("style and scripts, the same for everybody", tail="/muster.css"),
    # Built by ``muster assets`` and not in every checkout: that there is no such file is as open an answer.
    ("GET", "/static/vendor/{hash}"): _open("other people's scripts, the same for everybody", 404, tail="/nothing.js"),
    ("POST", "/v1/devices/{device_id}/frames"): _open(HMAC, 401, headers=lambda t: _forged(frames.frames_path(t.device_id))),
    ("POST", "/v1/devices/{device_id}/cards"): _open(HMAC, 401, headers=lambda t: _forged(frames.cards_path(t.device_id))),
    ("POST", "/v1/devices/{device_id}/heartbeats"): _open(HMAC, 401, headers=lambda t: _forged(frames.heartbeats_path(t.device_id))),
    # Asked for without an upgrade there is nothing; its handshake is tried in tests/app/test_api_streams.py.
    ("APIWebSocketRoute", "/v1/devices/{device_id}/stream"): _open(HMAC, 404),
    # --- accounts ---
    ("DELETE", "/v1/sign-in"): _service(SIGNED_IN, 204),
    ("GET", "/v1/me"): _service(SIGNED_IN),
    ("GET", "/v1/me/sessions"): _service(SIGNED_IN),
    ("DELETE", "/v1/me/sessions/{session_id}"): _service(SIGNED_IN, 404),
    ("GET", "/v1/me/sign-ins"): _service(SIGNED_IN),
    ("POST", "/v1/me/second-step"): _service(SIGNED_IN, 201),
    # He may; no secret waits for a code, and no code is right.
    ("POST", "/v1/me/second-step/confirm"): _service(SIGNED_IN, 400, lambda t: {"code": "000000"}),
    ("POST", "/v1/me/second-step/codes"): _service(SIGNED_IN, 400, lambda t: {"code": "000000"}),
    ("POST", "/v1/me/second-step/remove"): _service(SIGNED_IN, 400, lambda t: {"code": "000000"}),
    ("GET", "/v1/sign-ins"): _service("AD"),
    ("POST", "/v1/accounts/{login}/enable"): _service("A", 204),
    ("DELETE", "/v1/accounts/{login}/second-step"): _service("A", 404),
    ("GET", "/v1/accounts"): _service("A"),
    ("POST", "/v1/accounts"): _service(
        "A", 201, lambda t: {"login": f"new{t.turn}", "name": "新人", "password": "ten letters"}
    ),
    ("POST", "/v1/accounts/{login}/roles"): _service(
        "A", 201, lambda t: {"role": "guard", "project_id": t.project_id}
    ),
    ("DELETE", "/v1/accounts/{login}/roles/{role_id}"): _service("A", 204),
    ("POST", "/v1/accounts/{login}/password"): _service("A", 204, lambda t: {"password": "ten letters"}),
    ("POST", "/v1/accounts/{login}/disable"): _service("A", 204),
    # --- a worker's own ---
    ("POST", "/v1/sign-in/code"): _open("a worker becomes somebody here", 401, body=lambda t: {"code": "22222-22222"}),
    ("GET", "/v1/me/work"): _service("W"),
    ("GET", "/v1/me/days"): _service("W", tail="?month=2026-03"),
    ("GET", "/v1/me/wages"): _service("W"),
    ("GET", "/v1/me/slips"): _service("W", tail="?month=2026-03"),
    ("GET", "/v1/me/lines"): _service("W"),
    ("POST", "/v1/me/lines/{line_id}/signature"): _write(
        "W", 404, lambda t: {"line_hash": "0" * 64, "drawn": "data:image/png;base64,"}, of_project=False
    ),
    ("POST", "/v1/me/lines/{line_id}/objection"): _write(
        "W", 404, lambda t: {"line_hash": "0" * 64, "claimed_fen": 1, "text": "少算一天"}, of_project=False
    ),
    # He may; nothing is said that somebody could answer.
    ("POST", "/v1/me/days/{on}/objection"): _write("W", 422, form=lambda t: {"data": {"kind": "hours"}}, of_project=False),
    ("GET", "/v1/me/objections"): _service("W"),
    # He may; there is no consent to take back.
    ("POST", "/v1/me/face/withdraw"): _service("W", 409),
    ("GET", "/v1/me/face"): _service("W"),
    ("GET", "/v1/me/slips/{line_id}/file"): _service("W", 404),
    ("GET", "/me/enter"): _open("the form to come in by a code", page=True),
    ("POST", "/me/enter"): _open("a worker becomes somebody here", 401, form=lambda t: {"data": {"code": "22222-22222"}}, page=True),
    ("GET", "/me"): Row("W", of_project=False, page=True),
    ("GET", "/me/days"): Row("W", of_project=False, page=True, tail="?month=2026-03"),
    ("GET", "/me/wages"): Row("W", of_project=False, page=True),
    ("GET", "/me/sheets"): Row("W", of_project=False, page=True),
    ("GET", "/me/sheets/{line_id:int}"): Row("W", 404, of_project=False, page=True),
    ("GET", "/me/objections"): Row("W", of_project=False, page=True),
    ("GET", "/me/face"): Row("W", of_project=False, page=True),
    ("POST", "/me/days/objections"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/me/sheets/{line_id:int}/sign"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/me/sheets/{line_id:int}/object"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/me/face/withdraw"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/me/sign-out"): Row(ELSEWHERE, of_project=False, page=True),
    # --- the journal ---
    ("GET", P + "/journal"): Row("MID"),
    ("POST", P + "/journal/extract"): Row("MID", body=lambda t: {"first": 1}),
    ("GET", "/v1/journal"): _service("AD"),
    ("GET", "/v1/journal/head"): _service(SIGNED_IN),
    ("GET", "/journal"): Row("AD", of_project=False, page=True),
    # --- projects, companies, teams ---
    ("POST", "/v1/projects"): _service(
        "A", 201, lambda t: {"code": f"P-{t.turn}", "name": "新项目", "area_code": "330424"}
    ),
    # Everybody reads his own list; whose names are in it is tried below.
    ("GET", "/v1/projects"): _service(SIGNED_IN),
    ("GET", P): Row("AMLGISTD"),
    ("PATCH", P): Row("AM", body=lambda t: {"confirm_face": True}),
    ("GET", P + "/companies"): Row("MLI"),
    ("POST", P + "/companies"): Row(
        "L", 201, lambda t: {"name": "海盐劳务", "role": "labour_subcontractor", "entry_on": "2026-03-01"}
    ),
    ("GET", P + "/teams"): Row("MLI"),
    ("POST", P + "/teams"): Row("L", 201, lambda t: {"project_company_id": t.company_id, "name": "木工一班"}),
    # --- workers ---
    ("GET", P + "/workers"): Row("MLI"),
    ("POST", P + "/workers"): Row(
        "L",
        201,
        lambda t: {
            "name": "孙大山", "id_number": id_number(date(1992, 5, 1), 11), "team_id": t.team_id,
            "day_rate_fen": 38000, "entry_on": "2026-03-10",
        },
    ),
    # A POST that only reads: the number must not stand in an address.
    ("POST", P + "/workers/search"): Row("MLI", body=lambda t: {"id_number": "nobody's"}),
    ("PATCH", W + "/terms"): Row("L", body=lambda t: {"day_rate_fen": 41000, "valid_from": "2026-03-20"}),
    ("POST", W + "/exit"): Row("L", body=lambda t: {"exit_on": "2026-04-01"}),
    ("GET", W + "/credentials"): Row("MLI"),
    ("POST", W + "/credentials"): Row("L", 201, lambda t: {"channel": "code"}),
    ("DELETE", P + "/credentials/{credential_id}"): Row("L"),
    ("POST", P + "/roster"): Row("L", form=_roster),
    ("GET", "/v1/roster/template"): _service(SIGNED_IN),
    ("POST", W + "/sign-in-code"): Row("L", 201),
    ("POST", W + "/identity"): Row("LI", body=lambda t: {"purpose": "complaint", "note": "投诉核对本人"}),
    # --- consent and face ---
    ("GET", W + "/consent"): Row("MLI"),
    ("POST", W + "/consents"): Row("L", 201, lambda t: CONSENT),
    # He may; there is no consent to take back.
    ("POST", W + "/consents/withdraw"): Row("L", 409),
    ("POST", W + "/enrolment"): Row("L", 201, form=_faces),
    # --- gates and devices ---
    ("GET", P + "/gates"): Row("AMLGISTD"),
    ("PATCH", P + "/gates/{gate_id}"): Row("AM", 204, lambda t: {"name": f"东门 {t.turn}"}),
    ("POST", P + "/gates"): Row("AM", 201, lambda t: {"name": f"西门 {t.turn}", "direction": "both"}),
    ("GET", P + "/devices"): Row("AMLGISTD"),
    ("POST", P + "/devices"): Row("AM", 201, lambda t: {"gate_id": t.gate_id, "name": "西门机"}),
    ("GET", P + "/cameras"): Row("AMLGISTD"),
    ("POST", P + "/cameras"): Row("AM", 201, lambda t: {"gate_id": t.gate_id, "name": "西门摄像机", "address": "rtsp://127.0.0.1/x"}),
    ("PATCH", P + "/cameras/{camera_id}"): Row("AM", 200, lambda _t: {"frames_per_second": 2}),
    ("DELETE", P + "/cameras/{camera_id}"): Row("AM", 204),
    ("POST", P + "/devices/{device_id}/rotate"): Row("AM"),
    ("POST", P + "/devices/{device_id}/disable"): Row("AM", 204),
    # --- how gates decide ---
    ("GET", P + "/decisions/policy"): Row("AMLI"),
    ("PUT", P + "/decisions/policy"): Row("AM", body=lambda t: {"stranger_max": 0.005}),
    ("GET", P + "/decisions/scores"): Row("AMLI"),
    ("PUT", P + "/gates/{gate_id}/face"): Row("AM", 204, lambda t: {"face_px_min": 90}),
    # --- faces beside the gate's answer ---
    ("GET", P + "/face-policy"): Row("MLI"),
    ("PUT", P + "/face-policy"): Row("M", body=lambda t: {"review_pictures": "off"}),
    ("GET", P + "/face-review"): Row("ML"),
    # He may; the passage asks, and was not refused.
    ("POST", P + "/face-review"): Row("ML", 422, lambda t: {"passage_ids": [t.passage_id], "verdict": "discarded"}),
    ("GET", P + "/passages/{passage_id}/picture"): Row("ML", 404),
    ("GET", P + "/face-advice"): Row("MLI"),
    ("GET", W + "/identity-checks"): Row("MLI"),
    # He may; nobody has agreed to anything.
    ("POST", W + "/identity-checks"): Row("L", 422, form=_two_faces),
    ("POST", P + "/identity-checks/{check_id}/override"): Row("M", 404, lambda t: {"reason": "本人在场核对"}),
    ("GET", "/v1/pack-change"): _service("A"),
    ("POST", "/v1/pack-change"): _service("A", 422, lambda t: {"pack_id": "no-such-pack"}),
    ("POST", "/v1/pack-change/steps"): _service("A", 409, lambda t: {"step": "roll_back"}),
    ("GET", P + "/pack-change"): Row("MLI"),
    # --- papers of a project ---
    ("GET", P + "/papers"): Row("MLI"),
    ("POST", P + "/papers"): _write("L", 201, lambda t: {"kind": "deposit", "from_on": "2026-03-01", "amount_fen": 1000}),
    ("POST", P + "/papers/{paper_id}/void"): _write("L", 404, lambda t: {"reason": "录错"}),
    # --- days, wages, findings ---
    ("GET", P + "/headcount"): Row("MLGI"),
    ("GET", P + "/days"): Row("MLI", tail="?month=2026-03"),
    ("GET", P + "/wages"): Row("MLI"),
    ("GET", W + "/wages"): Row("MLI"),
    ("POST", P + "/payments"): Row(
        "L",
        201,
        lambda t: {
            "worker_id": t.worker_id, "amount_fen": 100, "paid_on": "2026-03-31", "for_month": "2026-03",
            "channel": "bank",
        },
        headers=lambda t: {"Idempotency-Key": f"payment-{t.turn}"},
    ),
    ("POST", P + "/payments/{payment_id}/reverse"): Row("L", 201),
    ("POST", P + "/audits"): Row("MLI", body=lambda t: {"month": "2026-03"}),
    ("GET", P + "/findings"): Row("MLI"),
    ("GET", P + "/findings/{finding_id}"): Row("MLI"),
    ("GET", P + "/three-way"): Row("MLI", tail="?month=2026-03"),
    ("GET", P + "/three-way/{worker_id}"): Row("MLI", tail="?month=2026-03"),
    ("GET", "/v1/county"): _service("I"),
    ("GET", "/v1/county/forms/projects"): _service("I"),
    ("GET", "/v1/twins"): _service("I"),
    ("POST", "/v1/twins/{twin_id}/reviews"): _service("I", 404, lambda t: {"verdict": "open", "note": "还在核实"}),
    ("POST", "/v1/findings/{finding_id}/decisions"): Row(
        "MLI", 201, lambda t: {"state": "explained", "note": "见附件说明"}
    ),
    # --- attendance: corrections, marks, policies, papers ---
    ("GET", W + "/days"): Row("MLI", tail="?month=2026-03"),
    ("GET", P + "/dates/{on}/days"): Row("MLI"),
    ("GET", P + "/corrections"): Row("MLIST"),
    ("POST", P + "/corrections"): _write(
        "MLST", 422, lambda t: {"worker_id": t.worker_id, "work_date": "2026-03-30", "kind": "guess", "reason": "forgot"}
    ),
    ("POST", P + "/corrections/{correction_id}/steps"): _write("MLT", 404, lambda t: {"act": "leader_ok"}),
    ("GET", P + "/marks"): Row("MLI"),
    ("POST", P + "/marks"): _write(
        "L", 201, lambda t: {"kind": "rain", "from_on": "2026-03-09", "to_on": "2026-03-10", "pay_permille": 0, "note": "暴雨"}
    ),
    ("POST", P + "/marks/{mark_id}/void"): _write("L", 404, lambda t: {"reason": "录入错误"}),
    ("GET", P + "/policies"): Row("MLI"),
    ("POST", P + "/policies"): _write("L", 422, lambda t: {"valid_from": "2026-03-01", "rules": {"guess": 1}}),
    ("POST", P + "/policies/{policy_id}/end"): _write("L", 404, lambda t: {"valid_to": "2026-05-01"}),
    ("POST", P + "/policies/{policy_id}/void"): _write("L", 404),
    ("POST", P + "/evidence"): Row("MLST", 201, form=_paper),
    ("GET", P + "/evidence/{evidence_id}"): Row("MLIST", 404),
    ("GET", "/v1/calendar"): _service(SIGNED_IN, tail="?year=2026"),
    ("POST", "/v1/calendar"): _write(
        "A", 201, lambda t: {"source": "通知", "days": [{"day_on": "2027-01-01", "kind": "statutory"}]}, of_project=False
    ),
    ("POST", "/v1/calendar/seed"): _write("A", 201, lambda t: {"years": [2026]}, of_project=False),
    ("GET", "/v1/area-rules"): _service(SIGNED_IN),
    ("POST", "/v1/area-rules"): _write(
        "A", 201,
        lambda t: {"area_code": "330424", "key": "minimum_wage_month_fen", "value": 226000, "valid_from": "2024-01-01", "source": "通知"},
        of_project=False,
    ),
    # --- what was agreed ---
    ("GET", P + "/terms"): Row("MLI"),
    ("POST", P + "/engagements/{engagement_id}/terms"): _write(
        "L", 201, lambda t: {"kind": "hour", "rate_fen": 5000, "valid_from": "2026-03-20"}
    ),
    ("POST", P + "/terms/{terms_id}/void"): _write("L", 404, lambda t: {"reason": "录入错误"}),
    ("GET", P + "/allowances"): Row("MLI"),
    ("POST", P + "/allowances"): _write(
        "L", 201,
        lambda t: {"engagement_id": t.engagement_id, "kind": "heat", "per": "day", "amount_fen": 1500, "valid_from": "2026-03-01"},
    ),
    ("GET", P + "/advances"): Row("MLI"),
    ("POST", P + "/advances"): _write(
        "L", 201,
        lambda t: {"engagement_id": t.engagement_id, "amount_fen": 1000, "paid_on": "2026-03-15", "channel": "cash", "proof": "none"},
    ),
    ("GET", P + "/deductions"): Row("MLI"),
    ("POST", P + "/deductions"): _write(
        "L", 422,
        lambda t: {"engagement_id": t.engagement_id, "month": "2026-03", "kind": "fine", "amount_fen": 100, "basis": "罚款"},
    ),
    ("GET", P + "/measures"): Row("MLIST"),
    ("POST", P + "/measures"): _write(
        "LS", 201,
        lambda t: {
            "team_id": t.team_id, "month": "2026-03", "measured_on": "2026-03-31", "item": "模板", "unit": "m2",
            "quantity_milli": 1000, "unit_price_fen": 3800,
        },
    ),
    ("POST", P + "/measures/{measure_id}/acceptance"): _write("M", 404, lambda t: {"accepted": True}),
    ("POST", P + "/voidings"): _write("L", 404, lambda t: {"kind": "advance", "row_id": 999_999, "reason": "重复录入"}),
    # --- tables that come in from Excel; what was sent is none ---
    ("POST", P + "/imports/measures"): _write("LS", 422, form=_no_workbook),
    ("POST", P + "/imports/cards"): _write("L", 422, form=_no_workbook),
    ("POST", "/v1/imports/calendar"): _write("A", 422, form=_no_workbook, of_project=False),
    ("GET", "/v1/imports/{table}/template"): _service(SIGNED_IN),
    # --- months, sheets, signatures, slips, settlements ---
    ("GET", P + "/months"): Row("MLIST"),
    ("GET", P + "/months/{month}/blockers"): Row("MLIST"),
    # He may; March is not over.
    ("POST", P + "/months/{month}/lock"): _write("L", 409),
    ("POST", P + "/months/{month}/close"): _write("M", 409),
    ("POST", P + "/months/{month}/sheets"): _write("LS", 409, lambda t: {"team_id": t.team_id}),
    ("GET", P + "/months/{month}/unsigned"): Row("MLIST"),
    ("GET", P + "/sheets"): Row("MLIST"),
    ("GET", P + "/sheets/{sheet_id}"): Row("MLIST", 404),
    ("POST", P + "/sheets/{sheet_id}/acts"): _write("LS", 404, lambda t: {"act": "submitted"}),
    ("POST", P + "/lines/{line_id}/confirmations"): _write(
        "LS", 404, lambda t: {"line_hash": "0" * 64, "verdict": "agree", "method": "screen"}
    ),
    ("GET", P + "/back-pay-proposals"): Row("MLIST"),
    ("POST", P + "/back-pay-consents"): _write(
        "LS", 404,
        lambda t: {
            "line_hash": "0" * 64, "verdict": "agree", "method": "paper", "engagement_id": 999_999, "origin_month": "2026-03",
        },
    ),
    ("GET", P + "/lines/{line_id}/slip"): Row("MLIST", 404),
    ("GET", "/v1/slips/{code}"): _open("whoever holds a printed slip asks whether it is true; he has no account", 400),
    ("GET", P + "/why"): Row("MLI", 404, tail="?line_id=999999"),
    ("GET", P + "/settlements"): Row("MLI"),
    ("POST", P + "/settlements"): _write("L", 404, lambda t: {"engagement_id": 999_999}),
    ("POST", P + "/settlements/{settlement_id}/release"): _write("M", 404),
    ("POST", P + "/settlements/{settlement_id}/confirmations"): _write(
        "L", 404, lambda t: {"content_hash": "0" * 64, "verdict": "agree", "method": "paper"}
    ),
    ("GET", P + "/arrears"): Row("MLI"),
    # --- special account, batches, statement, ledger; the project has no account yet ---
    ("GET", P + "/special-account"): Row("MLI", 404),
    ("POST", P + "/special-account"): _write(
        "L", 422, lambda t: {"company_id": 999_999, "bank_name": "某银行", "number": "3305016370420000", "opened_on": "2026-02-01"}
    ),
    ("GET", P + "/special-account/gaps"): Row("MLI"),
    ("GET", P + "/special-account/reconciliation"): Row("MLI", 404),
    ("GET", P + "/statement"): Row("MLI", 404),
    ("POST", P + "/statement"): _write("L", 404, form=_bank_file),
    ("POST", P + "/statement/{line_id}/matches"): _write("L", 404, lambda t: {"kind": "fee"}),
    ("GET", P + "/funding"): Row("MLI", 404),
    ("POST", P + "/bank-voidings"): _write("L", 404, lambda t: {"kind": "bank_card", "row_id": 999_999, "reason": "登记错人"}),
    ("POST", P + "/allowances/{allowance_id}/end"): _write("L", 404, lambda t: {"valid_to": "2026-03-31"}),
    ("POST", P + "/funding-plan"): _write("L", 404, lambda t: {"month": "2026-03", "due_on": "2026-04-12", "agreed_fen": 100}),
    ("POST", P + "/funding-receipts"): _write("L", 404, lambda t: {"received_on": "2026-03-20", "amount_fen": 100, "reference": "1"}),
    ("POST", W + "/card"): _write("L", 201, lambda t: {"number": "6217000000000000004", "bank_name": "某银行"}),
    ("GET", "/v1/file-templates"): _service(SIGNED_IN),
    ("POST", "/v1/file-templates"): _write(
        "A", 422, lambda t: {"name": "某银行", "use": "batch", "spec": {"columns": []}}, of_project=False
    ),
    ("GET", P + "/payable"): Row("MLI"),
    ("GET", P + "/batches"): Row("MLI"),
    ("POST", P + "/batches"): _write("L", 404, lambda t: {"month": "2026-03", "template_id": 1}),
    ("GET", P + "/batches/{batch_id}"): Row("MLI", 404),
    ("POST", P + "/batches/{batch_id}/acts"): _write("M", 404, lambda t: {"act": "approved"}),
    ("GET", P + "/batches/{batch_id}/file"): Row("L", 404),
    ("GET", P + "/batches/{batch_id}/answer-form"): Row("L", 404, tail="?template_id=1"),
    ("POST", P + "/batches/{batch_id}/results"): _write("L", 404, form=_bank_file),
    ("GET", P + "/ledger"): Row("MLI"),
    # --- papers ---
    ("GET", P + "/forms/attendance"): Row("MLI", 404, tail="?team_id=999999&month=2026-03"),
    ("GET", P + "/forms/payroll"): Row("MLI", 404, tail="?sheet_id=999999"),
    ("GET", P + "/forms/slips"): Row("MLI", 404, tail="?sheet_id=999999"),
    ("GET", P + "/forms/roster"): Row("MLI"),
    ("GET", P + "/forms/moves"): Row("MLI", tail="?from_on=2026-03-01&to_on=2026-04-01"),
    ("GET", P + "/forms/movement"): Row("MLI", tail="?month=2026-03"),
    ("GET", P + "/forms/ledger"): Row("MLI", 409, tail="?year=2019"),
    ("GET", P + "/forms/account"): Row("MLI", 404),
    ("GET", P + "/forms/findings"): Row("MLI"),
    ("GET", P + "/forms/three-way"): Row("MLI", tail="?month=2026-03"),
    ("GET", P + "/forms/settlement"): Row("MLI", 404, tail="?settlement_id=999999"),
    # --- long work ---
    ("GET", P + "/tasks"): Row("AMLGISTD"),
    ("GET", P + "/tasks/{task_id}"): Row("AMLGISTD", 404),
    ("GET", P + "/tasks/{task_id}/file"): Row("AMLGISTD", 404),
    ("POST", P + "/tasks/{task_id}/again"): _write("AMLGISTD", 404),
    # --- pages, acts, charts, and the stream ---
    # Whoever has one project goes on to it.
    ("GET", "/"): Row(SIGNED_IN, 303, of_project=False, page=True),
    ("GET", "/county"): Row("I", of_project=False, page=True),
    ("GET", "/county/twins"): Row("I", of_project=False, page=True),
    ("POST", "/county/twins/{twin_id:int}"): Row(ELSEWHERE, of_project=False, page=True),
    ("GET", SITE): PAGE,
    ("GET", SITE + "/gate"): PAGE,
    ("GET", SITE + "/gate/stream"): Row("MLGI", page=True),
    ("POST", SITE + "/gate/look"): PAGE,
    ("POST", SITE + "/gate/let"): PAGE,
    ("GET", SITE + "/today/stream"): Row("MLI", page=True),
    ("GET", SITE + "/wall"): PAGE,
    ("GET", SITE + "/tasks"): PAGE,
    ("GET", SITE + "/tasks/piece"): Row("AMLGISTD", page=True),
    ("POST", SITE + "/tasks/{task_id:int}/again"): PAGE,
    # Of a passage whose worker agreed: tests/pages/test_gate_screens.py.
    ("GET", SITE + "/passages/{passage_id:int}/photo"): Row("MLG", 404, page=True),
    ("GET", SITE + "/screens"): PAGE,
    ("POST", SITE + "/screens"): PAGE,
    ("POST", SITE + "/screens/{screen_id:int}/revoke"): PAGE,
    ("GET", "/screen"): _open("a screen has a key of its own, for what everybody before the gate sees; without one it is a form", page=True),
    ("POST", "/screen"): _open("a code of one use becomes a screen's key", 401, page=True),
    ("GET", "/screen/stream"): _open("a screen has a key of its own", 401),
    ("GET", "/screen/photo/{passage_id:int}"): _open("a screen has a key of its own", 404, page=True),
    ("GET", SITE + "/workers"): PAGE,
    ("GET", SITE + "/workers/{worker_id:int}"): PAGE,
    ("GET", "/projects/new"): Row("A", of_project=False, page=True),
    ("POST", "/projects/new"): Row(ELSEWHERE, of_project=False, page=True),
    ("GET", SITE + "/setup"): PAGE,
    ("POST", SITE + "/setup/companies"): PAGE,
    ("POST", SITE + "/setup/companies/change"): PAGE,
    ("POST", SITE + "/setup/teams"): PAGE,
    ("GET", SITE + "/workers/roster"): PAGE,
    ("POST", SITE + "/workers/roster"): PAGE,
    ("GET", SITE + "/enrol"): PAGE,
    ("POST", SITE + "/enrol"): PAGE,
    ("POST", SITE + "/enrol/number"): PAGE,
    ("GET", SITE + "/enrol/{worker_id:int}"): PAGE,
    ("POST", SITE + "/enrol/{worker_id:int}/papers"): PAGE,
    ("POST", SITE + "/enrol/{worker_id:int}/word"): PAGE,
    ("POST", SITE + "/enrol/{worker_id:int}/advice"): PAGE,
    ("POST", SITE + "/enrol/{worker_id:int}/enrolment"): PAGE,
    ("POST", SITE + "/enrol/{worker_id:int}/way"): PAGE,
    ("POST", SITE + "/enrol/{worker_id:int}/terms"): PAGE,
    ("GET", SITE + "/grid"): PAGE,
    ("GET", SITE + "/grid/{worker_id:int}"): PAGE,
    ("GET", SITE + "/account/batches/{batch_id:int}"): PAGE,
    ("GET", SITE + "/account/statement"): PAGE,
    ("POST", SITE + "/account/statement"): PAGE,
    ("POST", SITE + "/account/statement/{line_id:int}/matches"): PAGE,
    ("POST", SITE + "/account/batches"): PAGE,
    ("POST", SITE + "/account/plan"): PAGE,
    ("POST", SITE + "/account/plan/void"): PAGE,
    ("POST", SITE + "/account/receipts"): PAGE,
    ("POST", SITE + "/account/open"): PAGE,
    ("POST", SITE + "/account/batches/{batch_id:int}/approve"): PAGE,
    ("POST", SITE + "/account/batches/{batch_id:int}/send"): PAGE,
    ("POST", SITE + "/account/batches/{batch_id:int}/withdraw"): PAGE,
    ("POST", SITE + "/account/batches/{batch_id:int}/again"): PAGE,
    ("POST", SITE + "/account/batches/{batch_id:int}/results"): PAGE,
    ("GET", SITE + "/arrears"): PAGE,
    ("GET", SITE + "/charts/arrears"): PAGE,
    ("GET", SITE + "/charts/owing"): PAGE,
    ("GET", SITE + "/exits"): PAGE,
    ("POST", SITE + "/exits/settlements"): PAGE,
    ("POST", SITE + "/exits/words"): PAGE,
    ("POST", SITE + "/exits/releases"): PAGE,
    ("GET", SITE + "/corrections"): PAGE,
    ("POST", SITE + "/corrections/requests"): PAGE,
    ("POST", SITE + "/corrections/words"): PAGE,
    ("GET", SITE + "/marks"): PAGE,
    ("POST", SITE + "/marks/new"): PAGE,
    ("POST", SITE + "/marks/void"): PAGE,
    ("GET", SITE + "/payroll"): PAGE,
    ("GET", SITE + "/payroll/{sheet_id:int}"): PAGE,
    ("GET", SITE + "/account"): PAGE,
    ("POST", SITE + "/payroll/lock"): PAGE,
    ("POST", SITE + "/payroll/draft"): PAGE,
    ("POST", SITE + "/payroll/close"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/submit"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/check"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/publicise"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/approve"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/send-back"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/words"): PAGE,
    ("GET", SITE + "/three-way"): PAGE,
    ("POST", SITE + "/three-way/{worker_id:int}/identity"): PAGE,
    ("POST", SITE + "/three-way/{worker_id:int}/code"): PAGE,
    ("GET", SITE + "/signals"): PAGE,
    ("GET", SITE + "/journal"): PAGE,
    ("GET", SITE + "/people"): PAGE,
    ("GET", SITE + "/rules"): PAGE,
    ("POST", SITE + "/rules"): PAGE,
    ("POST", SITE + "/rules/end"): PAGE,
    ("POST", SITE + "/settings/deciding"): PAGE,
    ("GET", SITE + "/devices"): PAGE,
    ("POST", SITE + "/devices/gates"): PAGE,
    ("POST", SITE + "/devices/gates/change"): PAGE,
    ("POST", SITE + "/devices/gates/retire"): PAGE,
    ("POST", SITE + "/devices/new"): PAGE,
    ("POST", SITE + "/devices/cameras"): PAGE,
    ("POST", SITE + "/devices/cameras/remove"): PAGE,
    ("POST", SITE + "/devices/key"): PAGE,
    ("POST", SITE + "/devices/switch"): PAGE,
    ("POST", SITE + "/people/give"): PAGE,
    ("POST", SITE + "/people/take"): PAGE,
    ("GET", "/account"): Row(SIGNED_IN, of_project=False, page=True),
    ("POST", "/account/password"): Row(SIGNED_IN, 400, of_project=False, page=True),
    ("POST", "/account/sessions"): Row(SIGNED_IN, 404, of_project=False, page=True),
    ("POST", "/account/second-step"): Row(SIGNED_IN, 303, of_project=False, page=True),
    ("POST", "/account/second-step/confirm"): Row(SIGNED_IN, 400, of_project=False, page=True),
    ("POST", "/account/second-step/codes"): Row(SIGNED_IN, 400, of_project=False, page=True),
    ("POST", "/account/second-step/remove"): Row(SIGNED_IN, 400, of_project=False, page=True),
    ("GET", "/accounts"): Row("A", of_project=False, page=True),
    ("POST", "/accounts"): Row(ELSEWHERE, of_project=False, page=True),
    ("GET", "/accounts/{account_id:int}"): Row("A", of_project=False, page=True),
    ("POST", "/accounts/{account_id:int}/roles"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/accounts/{account_id:int}/roles/take"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/accounts/{account_id:int}/password"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/accounts/{account_id:int}/switch"): Row(ELSEWHERE, of_project=False, page=True),
    ("POST", "/accounts/{account_id:int}/second-step/reset"): Row(ELSEWHERE, of_project=False, page=True),
    ("GET", "/sign-ins"): Row("AD", of_project=False, page=True),
    ("POST", SITE + "/journal/verify"): PAGE,
    ("GET", SITE + "/three-way/{worker_id:int}"): PAGE,
    ("GET", SITE + "/findings"): PAGE,
    ("GET", SITE + "/review"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/identity"): PAGE,
    ("POST", SITE + "/review/words"): PAGE,
    ("POST", SITE + "/review/policy"): PAGE,
    ("GET", SITE + "/settings"): PAGE,
    ("GET", SITE + "/today/lists"): PAGE,
    ("GET", SITE + "/charts/teams"): PAGE,
    ("GET", SITE + "/charts/week"): PAGE,
    ("POST", SITE + "/passages/{passage_id:int}/review"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/payments"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/card"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/exit"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/advances"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/deductions"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/allowances"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/allowances/end"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/voidings"): PAGE,
    ("POST", SITE + "/findings/run"): PAGE,
    ("POST", SITE + "/findings/{finding_id:int}/decisions"): PAGE,
    ("POST", SITE + "/settings/confirm-face"): PAGE,
    ("POST", SITE + "/settings/area"): PAGE,
    ("GET", SITE + "/objections"): PAGE,
    ("POST", SITE + "/objections/answers"): PAGE,
    ("GET", SITE + "/workers/{worker_id:int}/phone"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/phone/code"): PAGE,
    ("POST", SITE + "/workers/{worker_id:int}/phone/end"): PAGE,
    ("GET", SITE + "/payroll/{sheet_id:int}/sign"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/sign/drawn"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/sign/face"): PAGE,
    ("POST", SITE + "/payroll/{sheet_id:int}/sign/objection"): PAGE,
    ("POST", P + "/gates/{gate_id}/retire"): Row("AM", 204),
}  # fmt: skip

CODES = {401: {"sign_in_needed"}, 403: {"not_allowed"}, 404: {"project_unknown", "finding_unknown"}}
"""What a refusal of this table says to a machine."""


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route, in the schema or not; HEAD goes with GET, a hash is written ``{hash}``."""
    found = []
    for route in iter_route_contexts(app.routes):
        plain = route.original_route
        if isinstance(plain, Mount) and isinstance(plain.app, StaticFiles):
            found.append(("GET", re.sub(r"/[0-9a-f]{12}$", "/{hash}", plain.path)))
        elif isinstance(plain, Route) or route.methods:
            found += [(method, route.path) for method in route.methods if (method, "GET") != ("HEAD", "GET")]
        else:
            # A web socket, another application: nothing this table knows how to try.
            found.append((type(plain).__name__, route.path))
    return found


@pytest.fixture
def quick_passwords(monkeypatch) -> None:
    """Hash with the effort of the cast's own hash: the full one is a fifth of a second each time."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(access, "PASSWORDS", quick)
    monkeypatch.setattr(access, "_nobody_hash", None)


@pytest.fixture
def client(
    database: Database, settings: Settings, vault: Vault, clock, people_on_site, quick_passwords, monkeypatch
) -> Iterator[Client]:
    async def no_events(*_args: object) -> Any:
        """The guard stands before the first event; a stream that never ends would hold the test up."""
        return
        yield

    monkeypatch.setattr(live.Live, "events", no_events)
    app = create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)
    app.state.clock = clock
    # No exception is raised through: a 500 is an answer like any other, and a wrong one.
    with living(app), Client(app, raises=False) as client:
        yield client


@pytest.fixture
def every_role(staged: Callable[..., Any], settings: Settings, now, people_on_site: Cast) -> dict[tuple[str, str], str]:
    """(``own`` or ``foreign``, letter) -> token: a person of every role on B beside those on A."""

    def come(db) -> dict[tuple[str, str], str]:
        tokens: dict[tuple[str, str], str] = {}
        for where, project, area in (("own", people_on_site.a, "330424"), ("foreign", people_on_site.b, "330411")):
            for letter, role in ROLES.items():
                if letter in "AD":
                    if where == "foreign":
                        # Of no project: the same person as above.
                        continue
                    reach = {}
                else:
                    reach = {"area_code": area} if letter == "I" else {"project_id": project.id}
                    if letter == "S":
                        reach["project_company_id"] = project.project_company_id
                    if letter == "T":
                        reach["team_id"] = project.team_id
                    if letter == "W":
                        reach["worker_id"] = people_on_site.wang.id if where == "own" else people_on_site.zhao.id
                account_id = accounts.add_account(
                    db, login=f"{role}.{where}", name="某人", password_hash=PASSWORD_HASH, now=now
                )
                accounts.add_membership(db, account_id=account_id, role=role, **reach)
                tokens[where, letter] = access.begin_session(db, settings, account_id=account_id, now=now)
        return tokens

    return staged("every_role", come)


@pytest.fixture
def site(database: Database, vault: Vault, now, people_on_site: Cast, every_role) -> SimpleNamespace:
    """The cast, with tokens of every role."""
    return SimpleNamespace(cast=people_on_site, tokens=every_role, turn=0, database=database, vault=vault, now=now)


def ask(
    client: Client, site: SimpleNamespace, method: str, path: str, token: str | None, things_of: str = "a"
):
    """Make the call of a row about project A as the holder of a token, or as nobody.

    Args:
        things_of: ``b`` puts ids of the other project's things behind A's id.
    """
    row, facts = ROUTES[method, path], Facts(site)
    things = facts if things_of == "a" else Facts(site, things_of)

    def value(match: re.Match[str]) -> str:
        if match[1] == "gate_id" and path.endswith("/retire"):
            return str(things.spare_gate_id)
        if match[1] == "hash":
            mounted = path.removesuffix("{hash}")
            return next(r.path for r in client.app.routes if isinstance(r, Mount) and r.path.startswith(mounted)).removeprefix(mounted)
        return str(getattr(facts if match[1] == "project_id" else things, match[1]))

    address = re.sub(r"\{(\w+)(?::int)?\}", value, path) + row.tail
    headers = dict(row.headers(facts)) if row.headers else {}
    if row.page:
        headers["Accept"] = "text/html"
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    sent = row.form(facts) if row.form else {"json": row.body(facts)} if row.body else {}
    client.cookies.clear()
    return client.request(method, address, headers=headers, **sent)


def outcome(row: Row, response) -> int | str:
    """The status, or ``sign in`` for somebody who is sent there; also looks at what a refusal says."""
    if row.page and response.status_code == 303 and response.headers["location"].startswith(("/sign-in", "/me/enter")):
        return "sign in"
    if response.status_code in CODES and response.status_code != row.ok:
        assert "嘉禾" not in response.text
        assert row.page or response.json()["error"]["code"] in CODES[response.status_code]
    return response.status_code


def test_every_route_has_a_row_and_every_row_a_route(client):
    routes = routes_of(client.app)
    assert sorted(routes) == sorted(set(routes)), "the second of two alike is never reached"
    assert set(routes) == set(ROUTES)
    described = {(m.upper(), path) for path, methods in client.app.openapi()["paths"].items() for m in methods}
    assert described <= set(ROUTES)


def test_an_open_route_says_why():
    assert [route for route, row in ROUTES.items() if bool(row.why) != (row.may == OPEN)] == []


def test_rows_tried_elsewhere_are_pages_acts_and_charts():
    tried = {("GET", p.path) for p in pages.PAGES if p.of_project}
    tried |= {("POST", act.path) for act in pages.ACTS if act.action is not None} | {("GET", path) for path in pages.CHARTS | pages.LISTS}
    assert {route for route, row in ROUTES.items() if row.may == ELSEWHERE} == tried


TRIED = [route for route, row in ROUTES.items() if row.may != OPEN]


@pytest.mark.parametrize(("method", "path"), TRIED, ids=[" ".join(route) for route in TRIED])
def test_a_route_answers_those_who_may_and_nobody_else(client, site, clock, method, path):
    row = ROUTES[method, path]
    refused = "sign in" if row.page else 401
    answered = {
        "nobody": outcome(row, ask(client, site, method, path, None)),
        "a forger": outcome(row, ask(client, site, method, path, "forged")),
    }
    expected: dict[str, int | str] = {"nobody": refused, "a forger": refused}
    for (where, letter), token in site.tokens.items():
        # An administrator knows every project, but findings are found among one's own: 403 either way.
        known = where == "own" or letter in "AD" or not row.of_project
        may = roles_of_pages()[method, path] if row.may == ELSEWHERE else row.may
        if row.may == ELSEWHERE and method == "POST" and known and letter in may:
            continue
        who = f"{where} {ROLES[letter]}"
        answered[who] = outcome(row, ask(client, site, method, path, token))
        if row.may == ELSEWHERE and known and letter in may:
            # A page about a thing that is not there says so, the first page leads on to the reader's own; neither refuses.
            expected[who] = answered[who] if answered[who] in (200, 303, 404) else "opens"
            continue
        if row.may == SIGNED_IN or (letter in row.may and known):
            # An administrator and a data-protection officer know every project, so "/" is a list for them.
            expected[who] = 200 if path == "/" and letter in "AD" else row.ok
        else:
            expected[who] = 403 if known else 404
    clock.advance(hours=13)
    answered["yesterday's token"] = outcome(row, ask(client, site, method, path, site.tokens["own", "L"]))
    expected["yesterday's token"] = refused
    assert answered == expected


def test_an_open_route_answers_everybody_alike(client, site, clock):
    strange, wanted = {}, {}
    for (method, path), row in ROUTES.items():
        if row.may != OPEN:
            continue
        # Wrong codes of one route are none of the next one's.
        clock.advance(minutes=6)
        for who, token in {"nobody": None, "a forger": "forged", "a guard": site.tokens["foreign", "G"]}.items():
            key = f"{method} {path}, {who}"
            strange[key], wanted[key] = ask(client, site, method, path, token).status_code, row.ok
    assert strange == wanted


OF_THINGS = [
    route
    for route in ROUTES
    if "{project_id" in route[1] and len(re.findall(r"\{(?!month|on)\w+", route[1])) > 1
]
"""A month or a date is nobody's: those are not tried."""


@pytest.mark.parametrize(("method", "path"), OF_THINGS, ids=[" ".join(route) for route in OF_THINGS])
def test_the_things_of_another_project_are_not_reached_through_ones_own(client, site, method, path):
    """Worker, card, device, payment, passage or finding of B, asked for under A by people of A."""
    answered = {}
    for letter, role in ROLES.items():
        response = ask(client, site, method, path, site.tokens["own", letter], things_of="b")
        assert "赵铁柱" not in response.text
        nothing = method == "GET" and response.status_code == 200 and response.json() in (None, [])
        answered[role] = "nothing" if nothing else response.status_code
    assert set(answered.values()) <= {403, 404, "nothing"}, answered
    assert set(answered.values()) & {404, "nothing"}, answered


def test_a_project_that_does_not_exist_and_one_of_others_answer_alike(client, site):
    foreign = {"Authorization": f"Bearer {site.tokens['foreign', 'L']}"}
    hidden = client.get(f"/v1/projects/{site.cast.a.id}/wages", headers=foreign)
    missing = client.get("/v1/projects/999/wages", headers=foreign)
    assert (hidden.status_code, hidden.json()) == (missing.status_code, missing.json())


def test_a_list_of_projects_holds_the_readers_own(client, site):
    listed = {}
    for (where, letter), token in site.tokens.items():
        answer = client.get("/v1/projects", headers={"Authorization": f"Bearer {token}"}).json()
        listed[where, letter] = [project["code"] for project in answer]
    for (where, letter), codes in listed.items():
        assert codes == (["A", "B"] if letter in "AD" else ["A"] if where == "own" else ["B"])
