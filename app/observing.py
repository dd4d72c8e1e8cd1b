"""What operators see: JSON log lines and Prometheus metrics. Never a name, ID number, face, key or card."""

import logging
import sys
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FORBIDDEN_FIELDS = frozenset({"name", "id_number", "phone", "password", "token", "key", "value", "body", "image"})
"""Field names a log line may not carry; one that does loses them and says so."""


class Metrics:
    """Counters of one application, in a registry of their own so that tests can build many."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.frames = Counter(
            "muster_frames_total", "Frames answered, by reason code", ["code"], registry=self.registry
        )
        self.refused = Counter(
            "muster_requests_refused_total", "Requests refused, by error code", ["code"], registry=self.registry
        )
        self.passages = Counter(
            "muster_passages_total", "Passages recorded, by verdict", ["verdict"], registry=self.registry
        )
        self.stage_seconds = Histogram(
            "muster_frame_stage_seconds",
            "Time of each stage of a frame",
            ["stage"],
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "muster_request_seconds",
            "Time of a request, by route and status class",
            ["route", "status"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
            registry=self.registry,
        )
        self.waiting = Gauge("muster_frames_waiting", "Frames in the waiting line", registry=self.registry)
        self.running = Gauge("muster_frames_running", "Frames in a thread", registry=self.registry)
        self.streams = Gauge("muster_streams_open", "Gates that stream over a WebSocket now", registry=self.registry)
        self.streams_closed = Counter(
            "muster_streams_closed_total", "Streams that ended, by reason code", ["code"], registry=self.registry
        )
        self.cameras = Gauge("muster_cameras", "Cameras that are pulled, by state", ["state"], registry=self.registry)
        self.camera_frames = Counter(
            "muster_camera_frames_total", "Pictures of pulled cameras, by what became of them", ["outcome"], registry=self.registry
        )
        self.camera_failures = Counter(
            "muster_camera_failures_total", "Camera connections that ended, by reason code", ["code"], registry=self.registry
        )
        self.views = Gauge("muster_views_waiting", "Looks at workers' data that are not in the journal yet", registry=self.registry)
        self.readers = Gauge("muster_readers", "Processes that answer pages and reads", registry=self.registry)
        self.faces_enrolled = Gauge(
            "muster_faces_enrolled",
            "Workers with a stored face template; 100,000 must be filed with the authority",
            registry=self.registry,
        )


def _without_personal_data(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    dropped = sorted(FORBIDDEN_FIELDS & event.keys())
    for field in dropped:
        del event[field]
    if dropped:
        event["dropped_fields"] = dropped
    return event


class _ToStructlog(logging.Handler):
    """Send the libraries' log records (uvicorn, sqlalchemy, alembic) the same way, message only."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno,
            record.getMessage(),
            **({"error": record.exc_info[0].__name__} if record.exc_info and record.exc_info[0] else {}),
        )


class Undisturbed:
    """A stream for log lines that never disturbs what is logged: a full disk costs the line, not the passage."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0
        """Lines, or parts of one, that could not be written."""

    def write(self, text: str) -> None:
        """Write, or count the loss."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            self.lost += 1

    def flush(self) -> None:
        """Flush, or count the loss."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1


def configure_logs(level: str = "info", *, stream: Any = None) -> None:
    """One JSON object a line on stderr, for our own lines and for those of the libraries.

    Args:
        level: least level logged: debug, info, warning or error.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_personal_data,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=Undisturbed(stream or sys.stderr)),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    # The libraries speak up only when something is wrong: our own access line says what they would.
    root.setLevel(max(number, logging.WARNING))
    for quiet in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(quiet)
        library.handlers = []
        library.propagate = True
        library.setLevel(logging.WARNING)


log = structlog.get_logger("muster")
