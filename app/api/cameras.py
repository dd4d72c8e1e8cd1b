"""Cameras that are pulled over RTSP: where they are, and what each of them shows now.

    POST, GET       /v1/projects/{id}/cameras
    PATCH, DELETE   /v1/projects/{id}/cameras/{camera_id}

The address goes in whole and never comes out: scheme, host and port are all that is ever answered.
"""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app import access, cameras
from app.api.access import Now, Someone, refusals
from app.api.papers import OF_PROJECT, DeviceId, ProjectId, RowId, _example
from app.db import Reading, Tx
from app.store import cameras as kept

router = APIRouter(tags=["gates"])

SETTINGS_WRONG = ((422, "camera_address_malformed"), (422, "camera_host_not_allowed"), (422, "region_malformed"),
                  (422, "frames_per_second_wrong"))  # fmt: skip
ADDRESS = "rtsp:// or rtsps://, with user and password; a host of MUSTER_CAMERA_HOSTS. Sealed, never answered"
REGION = "Left, top, width, height of the part that is looked at, in shares of the picture; null for all of it"


class CameraIn(BaseModel):
    """A new camera of a gate."""

    model_config = _example(gate_id=1, name="东门摄像机", address="rtsp://user:password@192.168.1.64:554/Streaming/Channels/102")
    gate_id: RowId
    name: str = Field(max_length=200)
    address: str = Field(max_length=500, description=ADDRESS)
    device_id: str | None = Field(None, max_length=40, description="Made up when absent")
    region: tuple[float, float, float, float] | None = Field(None, description=REGION)
    frames_per_second: float = Field(5.0, description="Pictures analysed a second, at most; 0.2 to 15")


class CameraChange(BaseModel):
    """What of a camera is to be different; what is left out stays."""

    model_config = _example(frames_per_second=3.0, region=[0.2, 0.1, 0.6, 0.9])
    address: str | None = Field(None, max_length=500, description=ADDRESS)
    region: tuple[float, float, float, float] | None = Field(None, description=REGION)
    frames_per_second: float | None = None


class CameraOut(BaseModel):
    """A camera and what it shows now."""

    model_config = _example(
        device_id="dev-3f2a1b4c5d", address="rtsp://192.168.1.64:554", region=None, frames_per_second=5.0, state="live",
        code=None, picture_age_s=0.12, analysed=5310, late=2, connections=1, unsettled=0,
    )  # fmt: skip
    device_id: str
    address: str = Field(description="Scheme, host and port")
    region: tuple[float, float, float, float] | None
    frames_per_second: float
    state: str | None = Field(description="connecting, live, stale or backoff; null when this service does not pull it (yet)")
    code: str | None = Field(description="Why it is not live")
    picture_age_s: float | None
    analysed: int
    late: int = Field(description="Pictures that were too old to decide on")
    connections: int
    unsettled: int = Field(description="Passages decided and not yet written")


@router.post(
    "/v1/projects/{project_id}/cameras", status_code=201, summary="Add a camera that is pulled",
    responses=refusals(*OF_PROJECT, (404, "gate_unknown"), (409, "device_id_taken"), (409, "cameras_too_many"), (422, "device_id_malformed"), *SETTINGS_WRONG),
)  # fmt: skip
def add_camera(request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, body: CameraIn) -> CameraOut:
    """The service begins to look within seconds; its passages are those of a device of the gate."""
    access.require_on(db, person, "devices.write", project_id)
    state = request.app.state
    added = cameras.add_camera(
        db, state.vault, state.settings, project_id=project_id, **body.model_dump(), now=now, by=person.login
    )
    return _out(request, added)


@router.get("/v1/projects/{project_id}/cameras", summary="Cameras", responses=refusals(*OF_PROJECT))
def list_cameras(request: Request, person: Someone, db: Reading, project_id: ProjectId) -> list[CameraOut]:
    """With what each of them shows now."""
    access.require_on(db, person, "project.read", project_id)
    return [_out(request, camera) for camera in kept.cameras(db, project_id)]


@router.patch(
    "/v1/projects/{project_id}/cameras/{camera_id}", summary="Change where a camera is or what is looked at",
    responses=refusals(*OF_PROJECT, (404, "camera_unknown"), *SETTINGS_WRONG),
)  # fmt: skip
def change_camera(
    request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, camera_id: DeviceId, body: CameraChange
) -> CameraOut:
    """The service looks there within seconds."""
    access.require_on(db, person, "devices.write", project_id)
    state = request.app.state
    changed = cameras.change_camera(
        db, state.vault, state.settings, project_id=project_id, device_id=camera_id, **body.model_dump(exclude_unset=True),
        now=now, by=person.login,
    )  # fmt: skip
    return _out(request, changed)


@router.delete(
    "/v1/projects/{project_id}/cameras/{camera_id}", status_code=204, summary="Remove a camera",
    responses=refusals(*OF_PROJECT, (404, "camera_unknown")),
)  # fmt: skip
def remove_camera(person: Someone, db: Tx, now: Now, project_id: ProjectId, camera_id: DeviceId) -> None:
    """Its address is forgotten; what it recorded stays."""
    access.require_on(db, person, "devices.write", project_id)
    cameras.remove_camera(db, project_id=project_id, device_id=camera_id, now=now, by=person.login)


def _out(request: Request, camera: kept.CameraInfo) -> CameraOut:
    status: Any = request.app.state.lookouts.statuses().get(camera.device_id)
    return CameraOut(
        device_id=camera.device_id, address=camera.shown, region=camera.region, frames_per_second=camera.frames_per_second,
        **{name: getattr(status, name, None) for name in ("state", "code", "picture_age_s")},
        **{name: getattr(status, name, 0) for name in ("analysed", "late", "connections", "unsettled")},
    )  # fmt: skip
