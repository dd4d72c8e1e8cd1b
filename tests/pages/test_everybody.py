"""Every page for everybody: a table with a row for each page, and what each of them must be.

    no violation of WCAG 2.1 A and AA (axe), in both languages, on a screen and on a telephone
    no wider than the screen, nothing cut off; readable on a wall screen
    every field and button reached and seen with the keyboard alone, in order, and left again
    no Chinese in English but what was written down in Chinese
    on paper: the head of a table again on every sheet, no menu, no button

``PAGES_SHOTS=FOLDER`` keeps a screenshot and a PDF of each page.
"""

import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app import access, pages, tasks, timekeeping
from app.demo import payday
from app.settings import Settings
from app.store import accounts
from app.store import tasks as store
from tests.pages import site
from tests.pages.browser import database_of

SITE, MONTH = "/projects/{project_id:int}", "/projects/{demo}"
ROWS: dict[str, tuple[str | None, str]] = {
    "/sign-in": (None, "/sign-in"),
    "/": ("gao", "/"),
    "/county": ("lin", "/county"),
    "/county/twins": ("lin", "/county/twins"),
    "/journal": ("gao", "/journal"),
    SITE: ("wu", "/projects/1"),
    SITE + "/wall": ("wu", "/projects/1/wall"),
    SITE + "/gate": ("wu", "/projects/1/gate"),
    SITE + "/screens": ("wu", "/projects/1/screens"),
    "/projects/new": ("gao", "/projects/new"),
    SITE + "/setup": ("wu", "/projects/1/setup"),
    SITE + "/enrol": ("wu", "/projects/1/enrol"),
    SITE + "/enrol/{worker_id:int}": ("wu", "/projects/1/enrol/4"),
    SITE + "/workers/roster": ("wu", "/projects/1/workers/roster"),
    SITE + "/workers": ("wu", "/projects/1/workers?undecided=1"),
    SITE + "/workers/{worker_id:int}": ("wu", "/projects/1/workers/4"),
    SITE + "/grid": ("wu", "/projects/1/grid"),
    SITE + "/grid/{worker_id:int}": ("wu", "/projects/1/grid/4"),
    SITE + "/corrections": ("wu", "/projects/1/corrections?worker=4"),
    SITE + "/marks": (payday.OFFICER, MONTH + "/marks?month={month}"),
    SITE + "/payroll": (payday.OFFICER, MONTH + "/payroll"),
    SITE + "/payroll/{sheet_id:int}": (payday.OFFICER, MONTH + "/payroll/{sheet}"),
    SITE + "/account": (payday.OFFICER, MONTH + "/account"),
    SITE + "/account/batches/{batch_id:int}": (payday.OFFICER, MONTH + "/account/batches/{batch}"),
    SITE + "/account/statement": (payday.OFFICER, MONTH + "/account/statement"),
    SITE + "/exits": ("wu", "/projects/1/exits"),
    SITE + "/arrears": ("wu", "/projects/1/arrears"),
    SITE + "/tasks": (payday.OFFICER, MONTH + "/tasks?task={task}"),
    SITE + "/three-way": ("wu", "/projects/1/three-way"),
    SITE + "/three-way/{worker_id:int}": ("wu", "/projects/1/three-way/4"),
    SITE + "/findings": ("wu", "/projects/1/findings"),
    SITE + "/signals": ("wu", "/projects/1/signals"),
    SITE + "/journal": ("chen", "/projects/1/journal"),
    SITE + "/review": ("chen", "/projects/1/review"),
    SITE + "/settings": ("chen", "/projects/1/settings"),
    SITE + "/enrol": ("wu", "/projects/1/enrol"),
    SITE + "/enrol/{worker_id:int}": ("wu", "/projects/1/enrol/4"),
    SITE + "/rules": ("wu", "/projects/1/rules"),
    SITE + "/devices": ("chen", "/projects/1/devices"),
    SITE + "/people": ("chen", "/projects/1/people"),
    "/accounts": ("gao", "/accounts"),
    "/accounts/{account_id:int}": ("gao", "/accounts/3"),
    "/sign-ins": ("gao", "/sign-ins"),
    "/account": ("wu", "/account"),
    SITE + "/objections": (payday.OFFICER, MONTH + "/objections?show=all"),
    SITE + "/workers/{worker_id:int}/phone": (payday.OFFICER, MONTH + "/workers/{worker}/phone"),
    SITE + "/payroll/{sheet_id:int}/sign": (payday.OFFICER, MONTH + "/payroll/{sheet}/sign"),
    "/me/enter": (None, "/me/enter"),
    "/me": ("{worker}", "/me"),
    "/me/days": ("{worker}", "/me/days?month={month}"),
    "/me/wages": ("{worker}", "/me/wages?month={month}"),
    "/me/sheets": ("{worker}", "/me/sheets"),
    "/me/sheets/{line_id:int}": ("{worker}", "/me/sheets/{line}"),
    "/me/objections": ("{worker}", "/me/objections"),
    "/me/face": ("{worker}", "/me/face"),
}
"""Path of a page -> who opens it, and where. A page that is made has its row here."""
MORE = {
    "missing": ("wu", "/projects/1?show=absent&by=company"),
    "screen": (None, "/screen"),
    "put right": ("wu", "/projects/1/enrol/5?step=papers"),
    "card or code": ("wu", "/projects/1/enrol/5?step=way"),
    "terms": ("wu", "/projects/1/enrol/5?step=terms"),
    "times": ("wu", "/projects/1/grid?show=times"),
    "leave": (payday.OFFICER, MONTH + "/grid/{worker}?day={month}-10"),
}
"""Other looks of the same page."""
EVERY = {**ROWS, **MORE}
LOOKS = {"zh": (1440, 3840), "en": (390, 1440)}
"""Language -> widths, in this order; the last stays for the keyboard and the paper. English is the longer one: what fits a telephone in English fits it in Chinese."""
AXE = {("zh", 1440), ("en", 390)}
"""Where axe looks: each layout once and each language once; it is what costs most here."""
OWN = {path for path in ROWS if path.startswith("/me")}
"""A worker's own, on his phone: there is no printer, and his slip is a file."""
NOT_ON_PAPER = {"/sign-in", "screen", SITE + "/wall", *OWN}

HAN = re.compile(r"[\u3400-\u9fff]+")


def test_every_page_has_a_row_and_every_row_a_page():
    assert set(ROWS) == {page.path for page in pages.PAGES} | {"/sign-in", "/me/enter"}


def _papers_under_way(database, project_id: int) -> int:
    """A paper that is made, one that failed, one half way and one in the line; returns the one half way."""
    now = datetime.now(UTC)
    for asked in ({"form": "roster"}, {"form": "ledger", "year": 2019}, {"form": "ledger", "year": now.year}, {"form": "movement", "month": "2026-03-01"}):
        with database.write() as db:
            officer = access.person_of_login(db, payday.OFFICER)
            said = {"language": "zh", **{name: value for name, value in asked.items() if name != "form"}}
            task = tasks.order(db, officer, project_id=project_id, kind=f"form.{asked['form']}", asked=said, now=now)
        if asked["form"] == "movement":
            continue
        claimed = tasks.claim_next(database, now)
        if asked.get("year") != now.year:
            tasks.work(database, site.VAULT, *claimed, lambda: now)
            continue
        half = task.id
        with database.write() as db:
            store.tell(db, task.id, claimed[1], stage="write", done=640, total=1000)
            store.beat(db, task.id, claimed[1], until=now + timedelta(days=1))
    return half


def _marks_of(database, project_id: int, worker: int, month: object) -> None:
    """Leave of a worker, and a rain day of the whole site that was voided: of a month that is closed, and of no money."""
    tenth = date.fromisoformat(str(month)[:10]).replace(day=10)
    of = {"project_id": project_id, "by": payday.OFFICER, "now": datetime.now(UTC)}
    days = {"from_on": tenth, "to_on": tenth + timedelta(days=2), "pay_permille": 0}
    with database.write() as db:
        timekeeping.add_mark(db, kind="leave", worker_id=worker, note="回家收麦", **days, **of)
        rain = timekeeping.add_mark(db, kind="rain", note="暴雨红色预警", **days, **of)
        timekeeping.void_mark(db, mark_id=rain, reason="没有下雨", **of)


@pytest.fixture(scope="module")
def place(server):
    """The site with a month that went to the bank beside it: ``place(address)`` puts the numbers in."""
    folder = str(server.folder)
    database = database_of(folder)
    made, _ = payday.lay(database, site.VAULT, Settings(environment="test", data_dir=Path(folder)), now=datetime.now(UTC))
    with database.read() as db:
        of = {"p": made.project_id}
        numbers = {
            "demo": made.project_id,
            "sheet": db.execute(text("SELECT min(id) FROM payroll_sheet WHERE project_id = :p"), of).scalar_one(),
            "batch": db.execute(text("SELECT min(id) FROM payment_batch WHERE project_id = :p"), of).scalar_one(),
        }
        line, worker, month = db.execute(
            text("SELECT l.id, l.worker_id, s.month FROM payroll_line l JOIN payroll_sheet s ON s.id = l.sheet_id WHERE s.id = :s"),
            {"s": numbers["sheet"]},
        ).first()
        numbers |= {"line": line, "worker": worker, "month": str(month)[:7]}
    numbers["task"] = _papers_under_way(database, made.project_id)
    _marks_of(database, made.project_id, worker, month)
    with database.write() as db:
        account = accounts.add_account(
            db, login=f"worker.{worker}", name="工", password_hash=access.NO_PASSWORD, language="zh", now=datetime.now(UTC)
        )
        accounts.add_membership(db, account_id=account, role="worker", project_id=made.project_id, worker_id=worker)
    database.dispose()
    numbers["login"] = f"worker.{worker}"
    return lambda address: server.url + re.sub(r"\{(\w+)\}", lambda m: str(numbers[m[1]]), address)


@pytest.fixture
def look(again, place, server):
    """(row, language, width) -> the page, whole and with everything folded open."""

    def looked(name: str, language: str, width: int):
        login, address = EVERY[name]
        if login == "{worker}":
            login = place("{login}").removeprefix(server.url)
        page = again(login, width, language)
        page.goto(place(address), wait_until="domcontentloaded")
        page.locator("h1, .sign-in").first.wait_for()
        for chart in page.locator("[data-chart]").all():
            chart.locator("svg").wait_for()
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        return page

    return looked


def file_name(name: str) -> str:
    return re.sub(r"\W+", "_", name.replace("{project_id:int}", "").replace(":int", "")).strip("_") or "first"


def shot(page, name: str, look: str) -> None:
    if folder := os.environ.get("PAGES_SHOTS"):
        page.screenshot(path=f"{folder}/{file_name(name)}_{look}.png", full_page=True)


def violations(page, axe: str) -> list:
    # Through the debugger's own world: the page's policy refuses a script of ours, as it should.
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']})")
    return [(v["id"], v["impact"], [n["target"] for n in v["nodes"]][:3]) for v in found["violations"]]


CUT_OFF = """() => [...document.querySelectorAll('main *, header *, nav *, footer *')].filter(e => {
  if (e.closest('.unseen, svg, [hidden], [data-chart]') || !e.textContent.trim() || !e.checkVisibility()) return false;
  const s = getComputedStyle(e), hides = v => v === 'hidden' || v === 'clip';
  if (s.position === 'absolute' && s.clipPath !== 'none') return false;
  // A table that has become cards is read downwards; nobody looks for the rest of a card beside it.
  const cards = e.matches('.scroll') && e.querySelector(':scope > table.folds');
  if (cards && getComputedStyle(cards).display === 'block' && e.scrollWidth > e.clientWidth + 1) return true;
  return (hides(s.overflowX) && e.scrollWidth > e.clientWidth + 1) || (hides(s.overflowY) && e.scrollHeight > e.clientHeight + 1);
}).map(e => e.tagName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 40))"""

BEYOND = """() => [...document.querySelectorAll('main a, main button, main input, main select, main p, main h1, main h2, header a, header button')].filter(e => {
  const r = e.getBoundingClientRect();
  return e.checkVisibility() && r.width && (r.right > innerWidth + 1 || r.left < -1) && !e.closest('.scroll, .unseen, .skip, thead');
}).map(e => e.tagName + ': ' + (e.textContent || e.name || '').trim().slice(0, 40))"""

TOO_LONG = """() => [...document.querySelectorAll('main p, main li, main dd')].filter(e =>
  e.checkVisibility() && e.getBoundingClientRect().width > 1560).map(e => e.textContent.trim().slice(0, 40))"""

WALK = """() => {
  const walked = window.walked = [], stops = window.stops = [];
  // From the very beginning, wherever the page put the focus: Tab goes on from where a focused element went away.
  const start = document.createElement('span');
  start.tabIndex = -1;
  document.body.prepend(start);
  start.focus();
  start.remove();
  document.addEventListener('keyup', event => {
    if (event.key !== 'Tab') return;
    const e = document.activeElement, s = getComputedStyle(e);
    if (!e || e === document.body) { stops.push(null); return; }
    const again = walked.includes(e);
    walked.push(e);
    stops.push({
      what: e.tagName + '#' + e.id + ' ' + (e.name || e.textContent.trim().slice(0, 30)),
      again,
      seen: (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1) || e.closest('[data-chart]') !== null,
    });
  }, true);
  window.scrollTo(0, 0);
}"""
"""Writes down where each press of Tab leads to; nothing for a press that leaves the page."""

BEFORE_ITS_TURN = """() => [...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0)
  .map(e => e.tagName + '#' + e.id + ' ' + (e.name || e.textContent.trim().slice(0, 30)))"""
"""Tab goes through a page in the order it is written, but for what has a number of its own."""

WITHOUT_A_BUTTON = """() => [...document.querySelectorAll('main form')].filter(f =>
  f.querySelector('input:not([type=hidden]):not([type=checkbox]):not([type=radio]):not([type=file])') &&
  ![...f.elements].some(e => e.type === 'submit')).map(f => f.getAttribute('action') || '(itself)')"""

WORDS = """() => {
  const said = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) if (!n.parentElement.closest('script, style, main [lang="zh-CN"]')) said.push(n.data);
  for (const e of document.querySelectorAll('[title], [aria-label], [placeholder], [alt], [data-label]'))
    for (const a of ['title', 'aria-label', 'placeholder', 'alt', 'data-label']) if (e.hasAttribute(a)) said.push(e.getAttribute(a));
  return [document.title, ...said];
}"""

STEPS_MAX = 260
"""Presses of Tab that are walked through on one page; a list of a thousand names is left by its first part."""


def walk(page) -> list[dict]:
    """Every stop of the Tab key, until it leaves the page or comes where it was before."""
    page.evaluate(WALK)
    pressed = 0
    while pressed < STEPS_MAX:
        for _ in range(10):
            page.keyboard.press("Tab")
        pressed += 10
        stops = page.evaluate("window.stops")
        ended = [n for n, stop in enumerate(stops) if stop is None or stop["again"]]
        if ended:
            return stops[: ended[0]]
        if len(stops) < pressed:
            break
    return stops


def by_keyboard(page) -> list[str]:
    """What the keyboard alone cannot do: each stop seen, in order, none holds it, and each form is sent by Enter."""
    wrong = [f"no button, so Enter sends nothing: {what}" for what in page.evaluate(WITHOUT_A_BUTTON)]
    stops = walk(page)
    wrong += [f"focus not seen: {here['what']}" for here in stops if not here["seen"]]
    wrong += [f"out of order: {what}" for what in page.evaluate(BEFORE_ITS_TURN)]
    fields = page.locator("main input:visible:not([type=hidden]):not([disabled]), main select:visible, main button:visible").count()
    if len(stops) < min(fields, 3):
        wrong.append(f"the keyboard reaches {len(stops)} of {fields} fields and buttons")
    return wrong


def on_paper(page, name: str) -> list[str]:
    """What a sheet of paper must not show, and what it must; the PDF is kept beside the screenshots."""
    page.emulate_media(media="print")
    wrong = [
        f"on paper: {what}"
        for what in page.evaluate(
            """() => [...document.querySelectorAll('nav, button, input:not([type=hidden]), select, textarea, .demo')]
                 .filter(e => e.checkVisibility()).map(e => e.tagName + ' ' + (e.className || e.name || '') + ' ' + e.textContent.trim().slice(0, 30))"""
        )
    ]
    wrong += page.evaluate(
        """() => [...document.querySelectorAll('thead')].filter(e => e.checkVisibility() && getComputedStyle(e).display !== 'table-header-group')
             .map(() => 'the head of a table is not repeated')"""
    )
    head = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper')")
    if not re.search(r"20\d\d", head) or (name.startswith(SITE) and not HAN.search(head)):
        wrong.append(f"above every sheet stands {head}")
    if folder := os.environ.get("PAGES_SHOTS"):
        page.pdf(path=f"{folder}/{file_name(name)}.pdf", prefer_css_page_size=True)
    page.emulate_media(media="screen")
    return wrong


@pytest.fixture(scope="module")
def written(place, server) -> str:
    """Everything somebody wrote down: what may stand in Chinese on an English page."""
    database = database_of(str(server.folder))
    with database.read() as db:
        found = [
            str(value)
            for (table,) in db.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
            for row in db.execute(text(f'SELECT * FROM "{table}"'))
            for value in row
            if isinstance(value, str) and (HAN.search(value) or "\\u" in value)
        ]
    database.dispose()
    return "\n".join(found)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("name", EVERY)
def test_a_page_is_whole_at_every_width_and_for_everybody(name, look, axe, written):
    told = {}

    def at(language: str, width: int, page) -> None:
        if page.viewport_size["width"] != width:
            page.set_viewport_size({"width": width, "height": 900})
        shot(page, name, f"{language}_{width}")
        wrong = violations(page, axe) if (language, width) in AXE else page.evaluate(TOO_LONG)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append("the page is wider than the screen")
        wrong += [f"cut off: {what}" for what in page.evaluate(CUT_OFF)]
        wrong += [f"beyond the screen: {what}" for what in page.evaluate(BEYOND)]
        if wrong:
            told[language, width] = wrong

    for language, widths in LOOKS.items():
        page = look(name, language, widths[0])
        assert (page.locator("html").get_attribute("lang") == "zh-CN") == (language == "zh")
        for width in widths:
            at(language, width, page)
    strange = {
        run for said in page.evaluate(WORDS) for run in HAN.findall(said.replace("中文", "")) if run not in written
    }
    if strange:
        told["Chinese in English"] = sorted(strange)
    if wrong := by_keyboard(page):
        told["by keyboard"] = wrong
    if name not in NOT_ON_PAPER and (wrong := on_paper(page, name)):
        told["on paper"] = wrong
    assert not told


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_the_checks_find_what_is_planted(look, axe, written):
    """Each of them could pass for nothing: here every one has something to find."""
    page = look("/account", "en", 390)
    page.evaluate(
        """() => {
          const main = document.querySelector('main');
          main.insertAdjacentHTML('beforeend', `
            <div style="overflow: hidden; width: 40px; white-space: nowrap">a text that is cut off</div>
            <p style="width: 900px">wider than a telephone</p><img src="data:," width="5" height="5">
            <p title="鼉龘">words</p><form><input name="lonely" aria-label="lonely"></form>
            <button tabindex="3">first of all</button><button style="outline: none !important" class="dark">unseen</button>
            <nav style="display: block !important">menu</nav><table><thead style="display: table-row-group !important"><tr><th>a</th></tr></thead></table>`);
        }"""
    )
    assert "image-alt" in [id_ for id_, *_ in violations(page, axe)]
    assert page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert any("a text that is" in what for what in page.evaluate(CUT_OFF))
    assert any("wider than a" in what for what in page.evaluate(BEYOND))
    assert "鼉龘" in {run for said in page.evaluate(WORDS) for run in HAN.findall(said)} and "鼉龘" not in written
    told = by_keyboard(page)
    for wanted in ("no button", "focus not seen: BUTTON", "out of order"):
        assert any(wanted in what for what in told), (wanted, told)
    told = on_paper(page, "planted")
    assert any("NAV" in what for what in told) and any("not repeated" in what for what in told)
    page.set_viewport_size({"width": 3840, "height": 900})
    page.evaluate("document.querySelector('main').style.maxWidth = 'none'")
    page.evaluate("document.querySelectorAll('main p').forEach(p => { p.style.width = '3000px'; })")
    assert page.evaluate(TOO_LONG)
