"""Build the application: settings, database, keys, recogniser, galleries, routers, and the one error handler.

May import anything; nobody imports it but the command line and the server.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app import __version__, access, deciding, pages, repack, sheets
from app.access import SameOrigin
from app.api import access as access_api
from app.api import bank as bank_api
from app.api import cameras as cameras_api
from app.api import decisions as decisions_api
from app.api import enrolment as enrolment_api
from app.api import exports as exports_api
from app.api import findings as findings_api
from app.api import frames as frames_api
from app.api import imports as imports_api
from app.api import inspection as inspection_api
from app.api import journal as journal_api
from app.api import own as own_api
from app.api import papers as papers_api
from app.api import project_papers as project_papers_api
from app.api import repack as repack_api
from app.api import review as review_api
from app.api import sheets as sheets_api
from app.api import streams as streams_api
from app.api import tasks as tasks_api
from app.api import terms as terms_api
from app.api import timekeeping as timekeeping_api
from app.api import twins as twins_api
from app.api import wages as wages_api
from app.bank import FILE_BYTES_MAX
from app.db import Database, make_engine, migration_state, reading, storage_error, transaction, whole
from app.engines import AtWork, load_engine
from app.errors import BadRequest, Busy, NotFound, ServiceError, Unusable
from app.galleries import Galleries
from app.house import House
from app.intake import Intake
from app.lookouts import STATES, Lookouts
from app.observing import Metrics, configure_logs, log
from app.readers import ByReaders, Readers
from app.settings import Settings
from app.sharing import Sharing
from app.store import decisions
from app.store import papers as kept
from app.timekeeping import EVIDENCE_BYTES_MAX
from app.vault import Vault, open_vault
from app.views import LeaveTrace, Views
from app.web import AccessLine, BodyLimit, language_of, refusal

DESCRIPTION = """
Who was on site, what each worker is owed, and who has not been paid.

Gates prove themselves by HMAC (see *gates*); people by a session token from `POST /v1/sign-in`, sent as
`Authorization: Bearer <token>`. Every refusal is `{"error": {"code", "message"}}`: the code never changes,
the message is in the reader's language.
"""


FORM_BYTES = 64 * 1024
"""What a form adds around its file."""


def load_the_liveness(settings: Settings, database: Database) -> Any:
    """The liveness model, or None when there is none and nobody needs one.

    Raises:
        deciding.LivenessNotReady: it is to be enforced, and there is no model or it cannot be used.
    """
    import recognition

    try:
        liveness = recognition.load_liveness(settings.models_dir)
    except recognition.LivenessError as error:
        log.error("liveness_not_loaded", code=error.code, detail=error.detail)
        liveness = None
    try:
        with database.read() as db:
            enforcing = decisions.enforcing(db, "liveness")
    except (SQLAlchemyError, ServiceError):
        # Nothing of a project can be read, and so no frame can be decided either; ``/readyz`` says so.
        enforcing = []
    deciding.check_liveness(settings, enforcing, ready=liveness is not None)
    return liveness


def create_app(
    settings: Settings,
    *,
    engine: Any = None,
    database: Database | None = None,
    vault: Vault | None = None,
    readers: Readers | None = None,
) -> FastAPI:
    """The application.

    Args:
        engine: a recogniser to use instead of loading the active pack (tests).
        database: an open database to use instead of the settings' (tests); it is not closed.
        vault: keys to use instead of the settings'.
        readers: answer pages and reads where they can.

    A pack that cannot be loaded does not stop the service: cards, codes, pages and wages go on; ``/readyz``
    says so and frames are refused with ``pack_missing``.
    """
    configure_logs(settings.log_level)
    metrics = Metrics()
    own_database = database is None
    database = database or Database(make_engine(settings))
    vault = vault or open_vault(settings)
    given = engine is not None
    if engine is None:
        engine = _loaded(settings, settings.pack_id)
    liveness = load_the_liveness(settings, database)
    intake = Intake(
        threads=settings.recognition_threads,
        waiting_max=settings.waiting_frames_max,
        wait_seconds_max=settings.decision_seconds_max,
        ahead=1,
    )
    house = House(
        settings=settings,
        database=database,
        vault=vault,
        engine=engine,
        galleries=(galleries := Galleries(vault, engine.pack if engine else None)),
        intake=intake,
        metrics=metrics,
        at_work=AtWork(vault, engine, galleries),
        liveness=liveness,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch_pack(app)) if not given else None
        log.info("started", version=__version__, database=database.engine.dialect.name, pack=settings.pack_id)
        if readers is not None:
            readers.open()
        state.lookouts.start()
        state.views.start()
        yield
        if watching is not None:
            watching.cancel()
        await state.lookouts.stop()
        if readers is not None:
            # Before the database: the last to leave an SQLite file tidies it.
            await readers.close()
        await state.views.close()
        await intake.close()
        if own_database:
            database.engine.dispose()
        log.info("stopped")

    app = FastAPI(
        title="Muster", version=__version__, description=DESCRIPTION, lifespan=lifespan,
        docs_url=None, redoc_url=None, openapi_url="/openapi.json",
    )
    state = app.state
    state.house, state.settings, state.database, state.vault = house, settings, database, vault
    state.packs_failed = {} if engine is not None else {settings.pack_id: datetime.now(UTC)}
    state.engine, state.galleries, state.metrics = engine, house.galleries, metrics
    state.months = sheets.Months(Sharing(readers.help, os.cpu_count() or 1) if readers is not None else None)
    state.quota = frames_api.Quota(settings.device_frames_per_second_max)
    state.streams = streams_api.Streams()
    state.lookouts = Lookouts(house)
    state.views = Views(database, lambda: getattr(state, "clock", now_utc)())

    _add_routes(app)
    _add_operation(app, house, state.streams, state.lookouts, readers)
    answer = _add_error_handlers(app)

    # Added last is met first: the access line sees everything, then the cap on the body.
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=GZIP_LEVEL)
    if readers is not None:
        app.add_middleware(
            ByReaders, readers=readers, routes=list(app.router.routes), reads=reads, metrics=metrics,
            refuse=lambda scope, error: answer(Request(scope), error),
        )  # fmt: skip
    app.add_middleware(
        LeaveTrace, views=state.views, refuse=lambda scope, error: answer(Request(scope), error), session_of=_session_of
    )
    app.add_middleware(SameOrigin)
    app.add_middleware(BodyLimit, limit_of=body_limit_of(settings), seconds_max=settings.body_seconds_max,
        stranger_max=settings.body_bytes_max,
    )
    app.add_middleware(AccessLine, metrics=metrics)
    return app


def _session_of(scope: Scope) -> str | None:
    token = access.token_of_request(Request(scope))
    return None if token is None else access.token_sha256(token)


def now_utc() -> datetime:
    """The instant."""
    return datetime.now(UTC)


GZIP_LEVEL = 4
"""A page of 80 kB is a tenth larger than at zlib's best, in a quarter of the time."""


def create_reader(settings: Settings, *, database: Database | None = None, vault: Vault | None = None) -> FastAPI:
    """The application of a process that only reads: the routes of ``reads``, without recogniser, gates or metrics.

    What a request passes before its route (access line, caps, other sites' forms) it has passed in the gates' process.

    Args:
        database, vault: as for ``create_app``.
    """
    configure_logs(settings.log_level)
    app = FastAPI(title="Muster", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    state = app.state
    state.settings = settings
    state.database, state.vault = database or Database(make_engine(settings)), vault or open_vault(settings)
    _add_routes(app)
    app.router.routes[:] = [route for route in app.router.routes if reads(route)]
    _add_error_handlers(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=GZIP_LEVEL)
    return app


AT_HOME = frozenset(
    {
        pages.gate.PAGE.path, pages.devices.PAGE.path, pages.settings.PAGE.path, pages.payrolls.PAGE.path, pages.twins.PAGE.path,
        pages.enrol.PAGE_WORKER.path, pages.setup.PAGE.path,
        "/v1/projects/{project_id}/cameras", "/v1/projects/{project_id}/decisions/policy",
    }
)  # fmt: skip
"""Reads that show what only the gates' process has: the models it loaded, the cameras it watches, a month it worked out."""


def reads(route: Any) -> bool:
    """True for a route that asks for a snapshot of the database and for nothing that writes."""
    if "GET" not in (getattr(route, "methods", None) or ()) or route.path in AT_HOME:
        return False
    asks: set[Any] = set()
    waiting = [getattr(route, "dependant", None)]
    while waiting:
        dependant = waiting.pop()
        if dependant is not None:
            asks.add(dependant.call)
            waiting += dependant.dependencies
    return reading in asks and not asks & {transaction, whole}


def _add_routes(app: FastAPI) -> None:
    for router in (
        frames_api.router, streams_api.router, cameras_api.router, access_api.router, papers_api.router, enrolment_api.router, wages_api.router,
        timekeeping_api.router, terms_api.router, sheets_api.router, bank_api.router, exports_api.router,
        imports_api.router, findings_api.router, review_api.router, repack_api.router, twins_api.router, inspection_api.router, decisions_api.router,
        project_papers_api.router,
        journal_api.router, own_api.router, tasks_api.router,
    ):
        # Not include_router: that makes every route anew, at the first request, which then takes a third of a second.
        app.router.routes.extend(router.routes)
    pages.mount(app)


PACK_LOOK_SECONDS = 5.0
"""How soon a running service follows a switch of the pack."""
PACK_RETRY = timedelta(minutes=1)
"""A pack that did not load is not tried again sooner."""


def _loaded(settings: Settings, pack_id: str) -> Any:
    try:
        return load_engine(settings, pack_id)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a pack, wages must go on
        log.error("pack_not_loaded", pack=pack_id, error=type(error).__name__, detail=str(error))
        return None


def follow_pack(app: FastAPI, now: datetime) -> bool:
    """Put the pack to work that is in force now, and load the one beside it; True when the gates have another than before.

    A pack that cannot be loaded changes nothing: the gates go on with the one they have.
    """
    house: House = app.state.house
    at_work = house.at_work
    with house.database.read() as db:
        wanted = repack.in_force(db, house.settings, now)
    engine, beside = at_work.pair[0], at_work.beside
    held = {e.pack.pack_id: e for e in (engine, beside) if e is not None}
    failed: dict[str, datetime] = app.state.packs_failed

    def engine_of(pack_id: str | None) -> Any:
        if pack_id is None or pack_id in held:
            return held.get(pack_id)
        if now - failed.get(pack_id, datetime.min.replace(tzinfo=UTC)) < PACK_RETRY:
            return None
        loaded = _loaded(house.settings, pack_id)
        if loaded is None:
            failed[pack_id] = now
        return loaded

    one, other = engine_of(wanted.pack_id), engine_of(wanted.beside)
    if one is None:
        return False
    changed = at_work.set(one, other)
    app.state.engine, app.state.galleries = at_work.pair
    if changed:
        log.info("pack_switched", pack=wanted.pack_id, contract=one.pack.contract_id)
    return changed


async def _watch_pack(app: FastAPI) -> None:
    while True:
        try:
            await run_in_threadpool(follow_pack, app, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - no database at this moment: the next look tries again
            log.warning("pack_not_looked_for", error=type(error).__name__)
        await asyncio.sleep(PACK_LOOK_SECONDS)


def body_limit_of(settings: Settings):
    """Path -> largest body in bytes."""

    def limit(path: str) -> int:
        if path.startswith("/v1/devices/"):
            return settings.frame_body_bytes_max if path.endswith("/frames") else 4096
        if path.endswith(("/enrolment", "/identity-checks")):
            return settings.enrolment_body_bytes_max
        if path.endswith("/roster"):
            return settings.roster_file_bytes_max
        if "/imports/" in path:
            return settings.roster_file_bytes_max + FORM_BYTES
        # A scan may come with a signature and with a decision about a finding.
        if path.endswith(("/evidence", "/words", "/decisions", "/corrections/requests", "/marks/new", "/me/days/objections", "/objection", "/sign/face")):
            return EVIDENCE_BYTES_MAX + FORM_BYTES
        if path.endswith(("/results", "/statement")):
            return FILE_BYTES_MAX + FORM_BYTES
        return settings.body_bytes_max

    return limit


def _add_operation(
    app: FastAPI, house: House, streams: streams_api.Streams, lookouts: Lookouts, readers: Readers | None
) -> None:
    @app.get("/healthz", tags=["operation"], summary="The process answers")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz", tags=["operation"], summary="Migrated, pack loaded, disk writable",
        responses={503: {"description": "Something is missing; `checks` says what."}},
    )
    async def readyz() -> JSONResponse:
        checks = await run_in_threadpool(readiness, house)
        ready = all(check == "ok" for check in checks.values())
        left_out = {
            str(project_id): {"foreign": found.foreign, "unreadable": len(found.unreadable)}
            for project_id, found in house.now().galleries.left_out.items()
        }
        # Whoever is left out passes by card: no reason to take the gates away from everybody.
        # A camera that is away is told here and stops nobody either: its gate has cards.
        cameras = {
            device_id: {"state": status.state, "code": status.code, "picture_age_s": status.picture_age_s}
            for device_id, status in lookouts.statuses().items()
        }
        said = {"ready": ready, "checks": checks, "templates_left_out": left_out, "cameras": cameras}
        return JSONResponse(said, status_code=200 if ready else 503)

    @app.get("/metrics", tags=["operation"], summary="Prometheus metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        house.metrics.waiting.set(house.intake.waiting)
        house.metrics.running.set(house.intake.running)
        house.metrics.streams.set(streams.open)
        house.metrics.views.set(app.state.views.waiting)
        found = [status.state for status in lookouts.statuses().values()]
        for camera_state in STATES:
            house.metrics.cameras.labels(camera_state).set(found.count(camera_state))
        house.metrics.readers.set(readers.running if readers is not None else 0)
        await run_in_threadpool(count_faces, house)
        return PlainTextResponse(generate_latest(house.metrics.registry))


def count_faces(house: House) -> None:
    """Set the gauge of enrolled faces; a database that is away leaves it as it was."""
    try:
        with house.database.read() as db:
            house.metrics.faces_enrolled.set(kept.faces_enrolled(db))
    except (SQLAlchemyError, ServiceError, OSError) as error:
        log.warning("faces_not_counted", error=type(error).__name__)


def readiness(house: House) -> dict[str, str]:
    """Each check by name: ``ok`` or what is wrong, without personal data."""
    checks = {"pack": "ok" if house.now().engine is not None else "not loaded"}
    try:
        with house.database.read() as db:
            db.execute(text("SELECT 1"))
        current, head = migration_state(house.database.engine)
        checks["database"] = "ok"
        checks["migrations"] = "ok" if current == head else f"at {current or 'nothing'}, expected {head}"
    except (SQLAlchemyError, ServiceError) as error:
        checks["database"] = type(error).__name__
    free = shutil.disk_usage(_existing(house.settings.data_dir)).free
    checks["disk"] = "ok" if free >= house.settings.disk_free_bytes_min else f"only {free} bytes free"
    if "database" in checks and checks["database"] == "ok":
        try:
            house.database.check_writable()
            checks["writable"] = "ok"
        except (SQLAlchemyError, ServiceError, OSError) as error:
            checks["writable"] = type(error).__name__
    return checks


def _existing(folder):
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _add_error_handlers(app: FastAPI) -> Callable[[Request, ServiceError], Awaitable[Response]]:
    """Put the one error handler in; returns what says a refusal."""

    async def answer(request: Request, error: ServiceError) -> Response:
        metrics: Metrics | None = getattr(app.state, "metrics", None)
        if metrics is None:
            # A reader's: counted where the access line is written.
            request.scope["muster_refused"] = error.code
        else:
            metrics.refused.labels(error.code).inc()
        page = pages.error_page(request, error)
        if page is not None:
            return page
        status, body, headers = refusal(error, language_of(request))
        return JSONResponse(body, status_code=status, headers=headers)

    @app.exception_handler(ServiceError)
    async def refused(request: Request, error: ServiceError) -> Response:
        if error.status >= 500 or error.detail:
            log.info("refused", code=error.code, detail=error.detail)
        return await answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        # Where and what kind, never the value: it may be an ID number.
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return await answer(request, Unusable("request_invalid", first["type"], field=field))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        known = {404: NotFound("page_unknown"), 405: BadRequest("method_wrong"), 400: BadRequest("request_malformed", field="body")}
        refused_as = known.get(error.status_code) or BadRequest("request_malformed", field=str(error.status_code))
        refused_as.status = error.status_code
        return await answer(request, refused_as)

    @app.exception_handler(SQLAlchemyError)
    async def storage(request: Request, error: SQLAlchemyError) -> Response:
        try:
            busy: ServiceError = storage_error(error)
        except Exception:  # noqa: BLE001 - not a storage trouble: a programmer's error
            return await unforeseen(request, error)
        log.error("storage_unavailable", error=type(error).__name__)
        return await answer(request, busy)

    @app.exception_handler(OSError)
    async def disk(request: Request, error: OSError) -> Response:
        log.error("storage_unavailable", error=type(error).__name__, errno=error.errno)
        return await answer(request, Busy("storage_unavailable", retry_after_s=5))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        # The traceback's frames, not its message: a message may quote what was sent.
        log.error("internal_error", error=type(error).__name__, where=_where(error))
        return await answer(request, ServiceError("internal_error"))

    return answer


def _where(error: BaseException) -> list[str]:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return frames[-12:]
