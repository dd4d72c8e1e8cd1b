"""Every setting of the service: frozen, read once, units in the names. An unknown name is refused.

Settings come from environment variables that begin with ``MUSTER_``. A secret may also be given as a file
(``MUSTER_KEY_HEX_FILE``); a file that is named but missing is a loud failure. The table in the README is
made from the fields below (``muster settings``), so a setting is described once, here.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

PREFIX = "MUSTER_"
ACTIVE_PACK = "active"
"""File in the models folder with the id of the pack that `muster pack use` chose; MUSTER_PACK_ID wins over it."""


class SettingsWrong(Exception):
    """A setting is unknown, malformed or out of range. The message names the variable."""


class Settings(BaseModel):
    """All settings with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: Literal["production", "demonstration", "test"] = Field(
        "production", description="production refuses the synthetic pack and test ID numbers"
    )
    data_dir: Path = Field(Path("var"), description="database, key file and work files live here")
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; none = SQLite file muster.db in the data folder"
    )
    key_hex: SecretStr | None = Field(
        None, description="master key, 64 hex digits; none = key file in the data folder, made at first start"
    )
    keys_previous_hex: SecretStr | None = Field(
        None, description="older master keys, comma-separated, still able to open; see muster key rotate"
    )
    models_dir: Path = Field(Path("models"), description="folder with one folder per model pack")
    pack_id: str = Field("dlib-resnet-v1", description="the model pack that recognises; not set = the one chosen with muster pack use")
    recognition_provider: Literal["auto", "onnxruntime", "openvino"] = Field(
        "auto", description="what runs the models; auto = OpenVINO where it is installed, agrees and is quicker at start-up"
    )
    host: str = Field("127.0.0.1", description="address the service listens on")
    port: int = Field(8080, ge=1, le=65535, description="port the service listens on")
    public_url: str = Field(
        "", pattern=r"^(https?://[^\s?#]+)?$", description="address at which workers reach the service, printed on wage slips; none = that of the request"
    )
    secure_cookies: bool = Field(False, description="send the session cookie over HTTPS only")
    trusted_proxies: str = Field(
        "127.0.0.1", description="addresses whose X-Forwarded-For is believed, comma-separated"
    )
    default_language: Literal["zh", "en"] = Field("zh", description="language of pages before a choice is made")

    frame_body_bytes_max: int = Field(2 * 1024**2, ge=1024, le=64 * 1024**2, description="largest posted frame body")
    frame_pixels_max: int = Field(4_194_304, ge=10_000, le=16_777_216, description="largest picture of a gate frame")
    enrolment_body_bytes_max: int = Field(
        24 * 1024**2, ge=1024, le=256 * 1024**2, description="largest enrolment request, all photographs together"
    )
    enrolment_pixels_max: int = Field(16_777_216, ge=10_000, le=16_777_216, description="largest enrolment photograph")
    roster_file_bytes_max: int = Field(8 * 1024**2, ge=1024, description="largest Excel roster")
    body_bytes_max: int = Field(256 * 1024, ge=1024, description="largest body of any other request")
    body_seconds_max: float = Field(10.0, gt=0, description="longest wait for a request's head to arrive, and for its body")

    reader_processes: int = Field(
        2, ge=0, le=16, description="processes that answer pages and reads beside the gates' own; 0 = none"
    )
    worker_beside: bool = Field(
        True, description="the service also does what needs no request: days worked out ahead, audits, seals, erasing of faces; false where `muster worker` runs by itself"
    )
    recognition_threads: int = Field(
        0, ge=0, le=64, description="frames analysed at once; 0 = one a core"
    )
    waiting_frames_max: int = Field(8, ge=1, le=1024, description="frames waiting for a thread; one more is refused with 503")
    decision_seconds_max: float = Field(3.0, gt=0, description="longest a frame may wait for its decision; then 503")
    device_frames_per_second_max: float = Field(15.0, gt=0, description="quota of one device; above it 429")
    stream_credits: int = Field(2, ge=1, le=8, description="frames a streaming gate may have under way at once")
    stream_ping_seconds: float = Field(
        20.0, gt=0, le=300, description="how often a streaming gate is asked whether it lives, and how long it may take to answer"
    )
    camera_hosts: str = Field(
        "", description="where cameras may be pulled from: addresses, networks (192.168.1.0/24), names, comma-separated; none = nowhere"
    )
    camera_ca_file: str = Field(
        "", description="certificates rtsps cameras may show, PEM; none = the system's authorities"
    )
    signature_window_seconds: int = Field(300, ge=5, le=3600, description="how far a request's time may be off")
    stranger_max: float = Field(
        0.01, ge=1e-6, le=0.2, description="greatest chance that one frame of a stranger is taken for somebody; a project may say otherwise"
    )
    votes_min: int = Field(2, ge=1, le=8, description="frames that must agree when none is sure by itself; 1 = each decides alone")
    track_seconds: float = Field(4.0, gt=0, le=30, description="how far back the frames of one person at a gate count together")
    liveness: Literal["off", "observe", "enforce"] = Field(
        "off", description="picture or live face: observe records what the model says, enforce refuses; a project may say otherwise"
    )
    replay: Literal["off", "observe", "enforce"] = Field(
        "enforce", description="the same picture at another moment: observe records it, enforce refuses; a project may say otherwise"
    )
    confirm_hold_ms: int = Field(5000, ge=0, description="how long a gate stays open after an admission")

    session_hours: float = Field(12.0, gt=0, description="how long a sign-in lasts")
    worker_session_minutes: float = Field(30.0, gt=0, le=24 * 60, description="how long a worker stays signed in on a phone that is not his own")
    worker_phone_days: float = Field(7.0, gt=0, le=31, description="how long a worker stays signed in on a phone he says is his own")
    sign_in_tries_max: int = Field(5, ge=1, description="failed sign-ins from one address within the window; a login that fails as often is slowed")
    sign_in_window_minutes: float = Field(5.0, gt=0, description="window of the sign-in limit")
    sign_in_days: int = Field(365, ge=30, le=3650, description="how long the list of sign-ins and failed tries is kept")
    second_step_roles: str = Field(
        "", description="roles that rest until their holder has set up the second step, comma-separated: administrator,inspector; none = nobody must"
    )
    stop_seconds_max: float = Field(10.0, gt=0, description="longest a graceful stop may take")
    # Every worker was read a notice that says 30 (app.wording.notices): sooner is allowed, later is not.
    template_days_after_exit: int = Field(
        30, ge=1, le=30, description="days after a worker's last day by which his template and photographs are erased"
    )
    paper_days: int = Field(3, ge=1, le=30, description="days a paper that was made without its request is kept to be taken; then it is erased")
    faces_warn_min: int = Field(
        80_000, ge=1, description="from this many enrolled workers on a warning is logged daily; 100,000 must be filed"
    )
    disk_free_bytes_min: int = Field(
        64 * 1024**2, ge=0, description="below this free space the service says it is not ready"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")

    @field_validator("camera_hosts")
    @classmethod
    def _hosts_are_hosts(cls, text: str) -> str:
        # A slip here must not be found out by the first camera: nor may it let one in.
        for entry in filter(None, (part.strip() for part in text.split(","))):
            try:
                ipaddress.ip_network(entry)
            except ValueError:
                if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", entry) or entry.replace(".", "").isdigit():
                    raise ValueError(f"{entry} is neither an address, a network (192.168.1.0/24) nor a name") from None
        return text

    @field_validator("second_step_roles")
    @classmethod
    def _roles_are_roles(cls, text: str) -> str:
        for role in _words(text):
            if role not in SECOND_STEP_ROLES:
                raise ValueError(f"{role} is none of {', '.join(sorted(SECOND_STEP_ROLES))}")
        return text

    @property
    def second_step_role_set(self) -> frozenset[str]:
        """The roles of ``second_step_roles``."""
        return _words(self.second_step_roles)

    @property
    def url(self) -> str:
        """SQLAlchemy URL actually used."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{(self.data_dir / 'muster.db').absolute()}"


@lru_cache(maxsize=8)
def _words(text: str) -> frozenset[str]:
    return frozenset(filter(None, (part.strip() for part in text.split(","))))


SECOND_STEP_ROLES = frozenset({
    "administrator", "manager", "labour_officer", "guard", "inspector", "subcontractor", "team_leader", "data_officer"
})  # fmt: skip
"""A worker has no password, so no second step."""


def read_settings(environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Read the settings from the environment.

    Args:
        environ: variables; ``os.environ`` when None.
        overrides: field values that win over the environment (command-line flags).

    Raises:
        SettingsWrong: a name under ``MUSTER_`` is not a setting, a value is malformed or out of range, or a
            ``_FILE`` cannot be read.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, object] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX):
            continue
        field = name[len(PREFIX) :].lower()
        if field.endswith("_file") and field[: -len("_file")] in Settings.model_fields:
            field = field[: -len("_file")]
            try:
                text = Path(text).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsWrong(f"{name}: the file cannot be read ({error.strerror})") from error
        if field not in Settings.model_fields:
            raise SettingsWrong(f"{name} is not a setting; `muster settings` lists them")
        if field in values:
            raise SettingsWrong(f"{PREFIX}{field.upper()} is given twice, as a value and as a file")
        values[field] = text
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        settings = Settings.model_validate(values)
        chosen = settings.models_dir / ACTIVE_PACK
        if "pack_id" not in values and chosen.is_file():
            settings = settings.model_copy(update={"pack_id": chosen.read_text(encoding="utf-8").strip()})
        return settings
    except ValidationError as error:
        # The value itself stays out of the message: it may be a secret.
        said = "; ".join(f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsWrong(said) from None


def settings_table() -> list[tuple[str, str, str]]:
    """Rows of (variable, default, meaning) for the README, in the order of the fields."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else str(field.default)
        rows.append((PREFIX + name.upper(), default, field.description or ""))
    return rows


def spoken_language(environ: Mapping[str, str] | None = None) -> str:
    """zh or en for somebody at a shell: MUSTER_DEFAULT_LANGUAGE, else the locale; Chinese when neither says English."""
    environ = os.environ if environ is None else environ
    spoken = next((environ[n] for n in (PREFIX + "DEFAULT_LANGUAGE", "LC_ALL", "LANG") if environ.get(n)), "zh")
    return "en" if spoken.startswith("en") else "zh"
