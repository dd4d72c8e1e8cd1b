"""The pages: ``mount(app)`` puts them in, ``error_page`` says a refusal in the house's look.

    PAGES    every page; the menu, the routes and the tests of roles and templates read it
    ACTS     everything a form does
    CHARTS   the options the charts fetch
    LISTS    what a page that is open fetches again, by itself

Every page and act passes the same guard: nobody goes to the sign-in page, a project one may not know of does
not exist (404), one knows of but may not touch is refused (403).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from app import access, wording
from app.db import Database, Reading
from app.errors import NotFound, ServiceError
from app.pages import (
    account,
    accounts,
    arrears,
    batches,
    corrections,
    county,
    devices,
    display,
    enrol,
    exits,
    findings,
    gate,
    grid,
    inspection,
    journal,
    live,
    marks,
    me,
    objections,
    page,
    payrolls,
    phone,
    projects,
    reconciliation,
    review,
    roster,
    rules,
    screen,
    settings,
    setup,
    sign_in,
    signals,
    signing,
    tasks,
    today,
    twins,
    workers,
)
from app.pages.page import HEADERS, Act, Again, Ask, Page, shown
from app.pages.shell import STATIC, MenuItem, own_hash, shell, vendor
from app.pages.words import marked, tr

PAGES: tuple[Page, ...] = (
    projects.PAGE,
    setup.PAGE_NEW,
    county.PAGE,
    twins.PAGE,
    today.PAGE,
    today.PAGE_WALL,
    gate.PAGE,
    display.PAGE,
    enrol.PAGE,
    enrol.PAGE_WORKER,
    roster.PAGE,
    roster.PAGE_IMPORT,
    workers.PAGE_WORKER,
    grid.PAGE,
    grid.PAGE_DAY,
    corrections.PAGE,
    marks.PAGE,
    payrolls.PAGE,
    payrolls.PAGE_SHEET,
    signing.PAGE,
    objections.PAGE,
    phone.PAGE,
    account.PAGE,
    batches.PAGE,
    exits.PAGE,
    arrears.PAGE,
    tasks.PAGE,
    reconciliation.PAGE,
    inspection.PAGE,
    inspection.PAGE_STRIP,
    findings.PAGE,
    signals.PAGE,
    journal.PAGE,
    journal.PAGE_SERVICE,
    review.PAGE,
    devices.PAGE,
    setup.PAGE,
    rules.PAGE,
    settings.PAGE,
    accounts.PAGE_PEOPLE,
    accounts.PAGE_LIST,
    accounts.PAGE_ACCOUNT,
    accounts.PAGE_SIGN_INS,
    accounts.PAGE_OWN,
    *me.PAGES,
)

ACTS: tuple[Act, ...] = (
    *gate.ACTS, display.ISSUE, display.REVOKE, workers.PAY, workers.VOUCH, workers.CARD, workers.LEAVE, *workers.BESIDE, findings.RUN, findings.DECIDE, journal.VERIFY, inspection.REVEAL, inspection.CODE, settings.CONFIRM_FACE, settings.DECIDE, settings.PLACE,
    review.DECIDE, review.POLICY, twins.DECIDE, corrections.REQUEST, corrections.DECIDE, marks.ADD, marks.VOID,
    *payrolls.ACTS,
    *account.ACTS,
    *batches.ACTS,
    *reconciliation.ACTS,
    *exits.ACTS,
    *enrol.ACTS,
    *accounts.ACTS,
    *devices.ACTS,
    roster.IMPORT,
    *setup.ACTS,
    *rules.ACTS,
    objections.ANSWER,
    *phone.ACTS,
    *signing.ACTS,
    *tasks.ACTS,
    *me.ACTS,
)  # fmt: skip

CHARTS: dict[str, tuple[str, Callable[[Ask], dict]]] = {
    "/projects/{project_id:int}/charts/teams": ("attendance.read", today.chart_teams),
    "/projects/{project_id:int}/charts/arrears": ("wages.read", arrears.chart),
    "/projects/{project_id:int}/charts/owing": ("wages.read", arrears.waterfall),
    "/projects/{project_id:int}/charts/week": ("attendance.read", today.chart_week),
}

LISTS: dict[str, tuple[str, Callable[[Ask], dict]]] = {"/projects/{project_id:int}/today/lists": ("attendance.read", today.lists_of)}
"""Lists that a page which is open fetches again."""


@dataclass(frozen=True)
class ErrorContext:
    """What an error page shows."""

    status: int = shown("HTTP status, small: somebody may be asked for it on the telephone")
    says: str = shown("The sentence of the refusal")
    advice: str = shown("What to do now; empty when there is nothing")


ADVICE = {
    403: marked("您的角色不能查看或办理这一项；需要时请联系项目经理或管理员。"),
    404: marked("地址可能已变，或者您不在这个项目里。"),
    409: marked("别人可能刚刚办理过；请返回上一页，刷新后再看。"),
    422: marked("请返回上一页，改正后重新提交。"),
    500: marked("已记入日志；请稍后再试，仍不行请联系管理员。"),
    503: marked("没有丢失任何记录；请稍候刷新。"),
}


class Kept(StaticFiles):
    """Files whose address has their hash: a browser never asks twice."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, to be kept for ever."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def mount(app: FastAPI) -> None:
    """Add pages, acts, charts, the stream and the static files to the application."""
    app.mount(f"/static/own/{own_hash()}", Kept(directory=STATIC / "own"), name="own")
    app.mount(vendor(), Kept(directory=STATIC / vendor().removeprefix("/static/"), check_dir=False), name="vendor")
    app.router.routes.extend(_routes())


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """The routes of pages, acts and charts: no application's own, and most of what building one takes."""
    router = APIRouter(include_in_schema=False)
    for method, path, answer in (
        ("GET", "/sign-in", sign_in.show),
        ("POST", "/sign-in", sign_in.enter),
        ("POST", "/sign-in/second", sign_in.enter_second),
        ("POST", "/sign-out", sign_in.leave),
        ("GET", "/me/enter", me.entrance),
        ("POST", "/me/enter", me.enter),
        ("POST", "/language", sign_in.switch),
        ("GET", "/projects/{project_id:int}/gate/stream", live.stream),
        ("GET", "/projects/{project_id:int}/today/stream", live.counts),
        ("GET", "/projects/{project_id:int}/passages/{passage_id:int}/photo", gate.photo),
        ("GET", "/projects/{project_id:int}/tasks/piece", tasks.piece_of),
        ("GET", "/screen", screen.show),
        ("POST", "/screen", screen.enter),
        ("GET", "/screen/stream", live.of_screen),
        ("GET", "/screen/photo/{passage_id:int}", screen.photo),
        *(("GET", each.path, _opens(each)) for each in PAGES),
        *(("POST", act.path, _does(act)) for act in ACTS),
        *(("GET", path, _draws(action, option)) for path, (action, option) in (CHARTS | LISTS).items()),
    ):
        router.add_api_route(path, answer, methods=[method])
    return tuple(router.routes)


def _guarded(request: Request, db: Any, action: str | None, now: Any) -> Ask | Response:
    """Who asks, about what; or where to go instead.

    Raises:
        NotFound, Forbidden: as ``access.require``.
    """
    person = access.person_of_request(request, db, now)
    if person is None:
        return page.to_sign_in(request)
    if person.resting and not request.url.path.startswith(accounts.PAGE_OWN.path + "/") and request.url.path != accounts.PAGE_OWN.path:
        # A role that wants a second step rests until there is one: here it is set up.
        return page.go(accounts.PAGE_OWN.path)
    project = None
    if "project_id" in request.path_params:
        project_id = int(request.path_params["project_id"])
        if project_id > page.ID_MAX:
            raise NotFound("project_unknown")
        project = access.require_on(db, person, action or "project.read", project_id)
    elif action is not None:
        access.require(person, action)
    return Ask(request, db, person, project, page.language(request), now)


def _opens(each: Page) -> Callable[..., Response]:
    def open_page(request: Request, db: Reading) -> Response:
        ask = _guarded(request, db, each.action, page.now_of(request))
        if isinstance(ask, Response):
            return ask
        context = each.gather(ask)
        if isinstance(context, Response):
            return context
        return page.render(each.template, ask.language, _shell(ask, each), context, camera=each.camera)

    return open_page


def _does(act: Act) -> Callable[..., Any]:
    async def do_act(request: Request) -> Response:
        values = await request.form()
        return await run_in_threadpool(_done, act, request, values)

    return do_act


def _done(act: Act, request: Request, values: Any) -> Response:
    database: Database = request.app.state.database
    now = page.now_of(request)
    # The transaction ends here, before the reply is sent: what a person is told was saved is saved.
    with database.read() if act.alone else database.write() as db:
        ask = _guarded(request, db, act.action, now)
        answer = ask if isinstance(ask, Response) else act.do(ask, values)
        if isinstance(answer, Again):
            request.scope["muster_shown"] = answer.page.path
            frame = _shell(ask, answer.page)
            answer = page.render(
                answer.page.template, ask.language, frame, answer.context, answer.status, camera=answer.page.camera
            )
    if isinstance(answer, str) and request.headers.get("x-muster-stay"):
        # A script sent the form: it goes on by itself, and what is refused is no page of the browser's history.
        return Response(status_code=204, headers={**HEADERS, "X-Muster-Next": answer})
    return page.go(answer) if isinstance(answer, str) else answer


def _draws(action: str, option: Callable[[Ask], dict]) -> Callable[..., Response]:
    def draw(request: Request, db: Reading) -> Response:
        ask = _guarded(request, db, action, page.now_of(request))
        return ask if isinstance(ask, Response) else JSONResponse(option(ask), headers=HEADERS)

    return draw


def _shell(ask: Ask, each: Page):
    return shell(
        ask.request,
        title=each.title,
        language=ask.language,
        person=ask.person,
        project=ask.project,
        menu=menu(ask, each.path),
    )


PARENTS = {
    display.PAGE.path: gate.PAGE.path,
    today.PAGE_WALL.path: today.PAGE.path,
    workers.PAGE_WORKER.path: roster.PAGE.path,
    enrol.PAGE_WORKER.path: enrol.PAGE.path,
    roster.PAGE_IMPORT.path: roster.PAGE.path,
    payrolls.PAGE_SHEET.path: payrolls.PAGE.path,
    signing.PAGE.path: payrolls.PAGE.path,
    phone.PAGE.path: roster.PAGE.path,
    grid.PAGE_DAY.path: grid.PAGE.path,
    inspection.PAGE_STRIP.path: inspection.PAGE.path,
    batches.PAGE.path: account.PAGE.path,
    reconciliation.PAGE.path: account.PAGE.path,
    accounts.PAGE_ACCOUNT.path: accounts.PAGE_LIST.path,
}
"""A page without a word of its own in the menu -> the page whose word is lit."""


GROUPS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    (marked("现场"), (today.PAGE, gate.PAGE, review.PAGE)),
    (marked("人员"), (enrol.PAGE, roster.PAGE)),
    (marked("考勤"), (grid.PAGE, corrections.PAGE, marks.PAGE, objections.PAGE)),
    (marked("工资"), (payrolls.PAGE, account.PAGE, arrears.PAGE, exits.PAGE, tasks.PAGE)),
    (marked("核查"), (inspection.PAGE, findings.PAGE, signals.PAGE, journal.PAGE)),
    (marked("项目设置"), (setup.PAGE, devices.PAGE, rules.PAGE, settings.PAGE, accounts.PAGE_PEOPLE)),
)
"""The words of a project's menu, and the pages behind each; every page with a word of its own stands behind one."""


def menu(ask: Ask, path: str) -> tuple[MenuItem, ...]:
    """The project's menu as this reader has it; ``path`` is of the page he is on.

    A word leads to the first of its pages that he may open; of the word he is at the other pages are told, too.
    """
    if ask.project is None:
        return service_menu(ask, path)
    at = PARENTS.get(path, path)
    groups = []
    for label, pages in GROUPS:
        items = tuple(
            MenuItem(ask.say(each.menu), each.path.replace("{project_id:int}", str(ask.project.id)), each.path == at)
            for each in pages
            if ask.may(READERS.get(each.path, each.action))
        )
        if items:
            groups.append(MenuItem(ask.say(label), items[0].url, any(each.current for each in items), items))
    up = (MenuItem(ask.say("本地区"), county.PAGE.path, False),) if access.may(ask.person, "county.read") else ()
    # Who keeps the service finds its pages from every project; with one project he sees no list of them.
    keeps = [each for each in (accounts.PAGE_LIST, journal.PAGE_SERVICE) if access.may(ask.person, each.action)]
    return (*up, *groups, *(MenuItem(ask.say(each.title), each.path, False) for each in keeps))


READERS = {today.PAGE.path: "attendance.read"}
"""A page that opens to more people than have a use for it -> who finds it in the menu."""


SERVICE = (projects.PAGE, accounts.PAGE_LIST, accounts.PAGE_SIGN_INS, journal.PAGE_SERVICE)
"""Pages of the service, for those who keep it."""


def service_menu(ask: Ask, path: str) -> tuple[MenuItem, ...]:
    """The words of the service as this reader has them; none for who has but the list of projects."""
    open_to = [each for each in SERVICE if each.action is None or ask.may(each.action)]
    if len(open_to) == 1:
        return ()
    return tuple(
        MenuItem(ask.say(each.title), each.path, each.path == path or PARENTS.get(path) == each.path) for each in open_to
    )


def error_page(request: Request, error: ServiceError) -> Response | None:
    """A refusal as a page, for somebody who reads pages; None for machines, who get JSON."""
    if request.url.path.startswith(("/v1/", "/static/")) or "text/html" not in request.headers.get("accept", ""):
        return None
    if error.status == 401:
        return page.to_sign_in(request)
    language = page.language(request)
    says = wording.sentence(error.code, language, **error.facts)
    advice = tr(language, ADVICE[error.status]) if error.status in ADVICE else ""
    frame = shell(request, title=TITLE_WRONG, language=language, person=None)
    response = page.render("error.html", language, frame, ErrorContext(error.status, says, advice), error.status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


TITLE_WRONG = marked("没有办成")
