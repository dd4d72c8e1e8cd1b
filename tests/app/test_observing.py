"""What is logged, and what never is."""

import io
import json
import logging

import structlog

from app.observing import FORBIDDEN_FIELDS, Undisturbed, configure_logs, log


class FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_line_that_cannot_be_written_disturbs_nobody():
    lines = Undisturbed(FullDisk())
    lines.write("a line")
    lines.flush()
    assert lines.lost == 2
    configure_logs("info", stream=FullDisk())
    log.info("passage", code="admitted")
    logging.getLogger("uvicorn.error").warning("something")


def test_a_field_that_names_somebody_is_dropped_and_said_so():
    said = io.StringIO()
    configure_logs("info", stream=said)
    log.info("entered", id_number="990000199001010017", name="王建国", code="ok")
    line = json.loads(said.getvalue())
    assert line["dropped_fields"] == ["id_number", "name"] and line["code"] == "ok"
    assert "王建国" not in said.getvalue() and "9900" not in said.getvalue()
    assert {"password", "token", "key"} <= FORBIDDEN_FIELDS


def test_a_library_speaks_json_too_and_its_exception_is_named_only():
    said = io.StringIO()
    configure_logs("info", stream=said)
    try:
        raise ValueError("990000199001010017")
    except ValueError:
        logging.getLogger("some.library").error("it failed", exc_info=True)
    line = json.loads(said.getvalue())
    assert (line["event"], line["error"], line["level"]) == ("it failed", "ValueError", "error")
    assert "9900" not in said.getvalue()
    structlog.reset_defaults()
