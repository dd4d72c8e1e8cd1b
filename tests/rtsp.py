"""A real RTSP server: GStreamer's, in a process that may be frozen, killed and started again.

Run by the system's Python, which has the bindings (Debian: gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi and the
plugins base and good).
"""

import os
import signal
import subprocess
from functools import cache
from pathlib import Path

PYTHON = "/usr/bin/python3"

SERVER = """
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
missing = [name for name in ("multifilesrc", "jpegdec", "videoconvert", "jpegenc", "rtpjpegpay") if Gst.ElementFactory.find(name) is None]
if missing:
    sys.exit(f"no element {missing}")
if len(sys.argv) == 1:
    sys.exit(0)
port, folder, password = sys.argv[1:4]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1"); server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f'( multifilesrc location="{folder}/%d.jpg" start-index=0 stop-index=4 loop=true '
                   'caps="image/jpeg,framerate=10/1" ! jpegdec ! videoconvert ! video/x-raw,format=I420 ! '
                   'jpegenc quality=95 ! queue max-size-buffers=1 ! rtpjpegpay name=pay0 pt=26 )')
factory.set_shared(True)
if password:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken(); token.set_string("media.factory.role", "gate")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", password), token)
    server.set_auth(auth)
    factory.add_role_from_structure(Gst.Structure.new_from_string(
        "gate, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"))
server.get_mount_points().add_factory("/gate", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


@cache
def why_not() -> str | None:
    """Why there is no RTSP server to test against; None when there is one."""
    if not Path(PYTHON).exists():
        return f"no {PYTHON}"
    tried = subprocess.run([PYTHON, "-c", SERVER], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"GStreamer's RTSP server is not installed: {tried.stderr.strip().splitlines()[-1:]}"
    return None


class Camera:
    """A camera that shows five pictures in turn, ten a second."""

    def __init__(self, folder: Path, port: int, password: str = "") -> None:
        self._folder, self.port, self._password = folder, port, password
        self._process: subprocess.Popen[str] | None = None

    def show(self, pictures: list[bytes]) -> None:
        """Put five pictures before it, while it runs."""
        for number in range(5):
            file = self._folder / f"{number}.new"
            file.write_bytes(pictures[number % len(pictures)])
            os.replace(file, self._folder / f"{number}.jpg")

    def start(self) -> None:
        """Switch it on."""
        self._process = subprocess.Popen(
            [PYTHON, "-c", SERVER, str(self.port), str(self._folder), self._password], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "ready\n"

    def freeze(self) -> None:
        """It stays connected and sends nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it stopped."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Pull its plug."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process.stdout.close()
            self._process = None
