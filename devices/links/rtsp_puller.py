"""The process that looks at one camera: connects once, decodes, and hands over the newest picture when it is asked.

Started by ``devices.links.rtsp.Puller``; ends when the stream does, when nobody reads it any more, or when it is killed.

    main thread     answers questions, says every second that it lives
    reader          libav: receives and decodes everything, keeps the newest picture
    relay           the only way out: libav connects to a port of this machine, and the relay to the one camera it was told

The relay is there because libav follows a redirection of RTSP to wherever the camera says, and because its own timeout takes
twice as long as it is set. The relay lets no answer pass that redirects, ends a silent connection in time, and speaks TLS for
rtsps, with a certificate that is checked.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from fractions import Fraction
from typing import Any, BinaryIO
from urllib.parse import quote

import av

from devices.links.rtsp import MESSAGE, PICTURE

ALIVE_S = 1.0
DRIFT = 200e-6
"""How much faster than ours a camera's clock may run: twice what quartz does. More than that is delay."""
NO_FRAMES_S = 5.0
SETTLE_S = 0.5
"""A camera may begin with what it has in store: pictures are believed when their delay has been measured for that long."""
MEMORY_BYTES_MAX = 2 * 1024**3
SAMPLES = 4096
"""Pixels of a picture that are compared with those of the one before."""


class Newest:
    """The newest picture, and what became of the connection.

    Of a codec whose pictures stand alone it is the packet, decoded when somebody asks; of any other the decoded frame, because
    each is needed for the next.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.frame: av.VideoFrame | av.Packet | None = None
        self.taken = 0.0
        self.number = 0
        self.ended: str | None = None

    def put(self, frame: av.VideoFrame | av.Packet, taken: float) -> None:
        with self.changed:
            self.frame, self.taken = frame, taken
            self.number += 1
            self.changed.notify_all()

    def end(self, reason: str) -> None:
        with self.changed:
            # The relay knows why it hung up; libav only sees the end.
            self.ended = self.ended or reason
            self.changed.notify_all()


class Relay:
    """Between libav and the one camera: a port of this machine that takes one connection."""

    def __init__(self, told: dict[str, Any], newest: Newest) -> None:
        self._told, self._newest = told, newest
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port = self._listener.getsockname()[1]

    def connect(self) -> str | None:
        """Connect to the camera; the reason if that failed."""
        told, context = self._told, None
        if told["scheme"] == "rtsps":
            try:
                context = ssl.create_default_context(cafile=told["ca_file"] or None)
            except OSError:  # no such file, or none of certificates
                return "certificate_wrong"
            # A camera's own certificate rarely names it; one that was put into our file is trusted as itself.
            context.check_hostname = not told["ca_file"]
        try:
            self._camera = socket.create_connection((told["ip"], told["port"]), timeout=told["open_s"])
            if context is not None:
                self._camera = context.wrap_socket(self._camera, server_hostname=told["host"])
        except TimeoutError:
            return "timed_out"
        except ssl.SSLCertVerificationError:
            return "certificate_wrong"
        except OSError:
            return "refused"
        self._camera.settimeout(None)
        return None

    def run(self) -> None:
        """Carry bytes both ways until one side is gone, silent, or says what it may not."""
        self._listener.settimeout(self._told["open_s"])
        try:
            libav, _ = self._listener.accept()
        except OSError:
            return
        finally:
            self._listener.close()
        with libav, self._camera:
            self._newest.end(self._carried(libav, self._camera))
            for end in (libav, self._camera):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _carried(self, libav: socket.socket, camera: socket.socket) -> str:
        answers = Answers()
        silent_at = time.monotonic() + self._told["open_s"]
        while True:
            pending = camera.pending() if isinstance(camera, ssl.SSLSocket) else 0
            ready = [camera] if pending else select.select([libav, camera], [], [], max(0.0, silent_at - time.monotonic()))[0]
            if not ready:
                return "timed_out" if not answers.playing else "no_frames"
            try:
                for end in ready:
                    said = _heard(end)
                    if not said:
                        return answers.why or "ended"
                    if end is camera:
                        silent_at = time.monotonic() + (self._told["read_s"] if answers.playing else self._told["open_s"])
                        if answers.forbids(said):
                            return "redirected"
                        libav.sendall(said)
                    else:
                        camera.sendall(said)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                continue
            except OSError:
                return answers.why or "ended"


def _heard(end: socket.socket) -> bytes:
    """What one side said, without waiting for it.

    A camera that speaks TLS 1.3 sends tickets of its own accord: there is something to read, and yet not a word. Whoever waited for
    one here would keep back what libav has to say first, and both would wait until somebody gives up.

    Raises:
        ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError: not a word yet.
    """
    end.settimeout(0)
    try:
        return end.recv(262_144)
    finally:
        end.settimeout(None)


class Answers:
    """Reads along in what a camera says until it plays: the status of each answer."""

    HEAD_BYTES_MAX = 64 * 1024

    def __init__(self) -> None:
        self.playing = False
        self.why: str | None = None
        self._kept = b""
        self._skip = 0

    def forbids(self, said: bytes) -> bool:
        """True when one of the answers redirects, or the camera says what is no answer."""
        if self.playing:
            return False
        self._kept += said
        while self._kept:
            if self._skip:
                skipped = min(self._skip, len(self._kept))
                self._kept, self._skip = self._kept[skipped:], self._skip - skipped
                continue
            if self._kept.startswith(b"$"):
                # Media between the lines: from here on there are pictures.
                self.playing, self._kept = True, b""
                return False
            head, found, rest = self._kept.partition(b"\r\n\r\n")
            if not found:
                return len(self._kept) > self.HEAD_BYTES_MAX
            lines = head.split(b"\r\n")
            words = lines[0].split(b" ", 2)
            if not words[0].startswith(b"RTSP/") or len(words) < 2:
                return True
            if words[1].startswith(b"3"):
                return True
            self.why = {b"401": "unauthorised", b"403": "unauthorised", b"404": "not_found"}.get(words[1])
            lengths = [line.split(b":", 1)[1].strip() for line in lines[1:] if line.lower().startswith(b"content-length:")]
            self._skip = int(lengths[0]) if lengths and lengths[0].isdigit() else 0
            self._kept = rest
        return False


class Age:
    """How late a frame is, from its place in the stream and the moment it arrived.

    The quickest frame so far was on its way for no time; whatever comes later than that quickest one is delayed. The
    measure may creep up as fast as a camera's clock may drift, and no faster: a line that fills up slowly is seen.
    """

    def __init__(self) -> None:
        self._least: float | None = None
        self._at = 0.0

    def taken(self, arrived: float, place: float | None) -> float:
        """When the frame was taken, on the clock of ``arrived``.

        Args:
            place: seconds from the stream's beginning; None when the frame does not say, then it is as old as its arrival.
        """
        if place is None:
            return arrived
        lead = arrived - place
        crept = lead if self._least is None else self._least + DRIFT * (arrived - self._at)
        self._least, self._at = min(lead, crept), arrived
        return place + self._least


class Still:
    """Whether the picture has been the same for seconds: a live one has noise, and mostly a clock burnt in.

    An empty gate at night may look so too. Whatever comes into the picture ends it, so nobody is overlooked.
    """

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._samples = b""
        self._since = 0.0

    def frozen(self, frame: av.VideoFrame, now: float) -> bool:
        """True when no sampled pixel has changed by more than encoding the same picture again would change it."""
        luma = memoryview(frame.planes[0]).cast("B")
        samples = bytes(luma[:: max(1, len(luma) // SAMPLES)])
        if len(samples) != len(self._samples) or changed(self._samples, samples):
            self._samples, self._since = samples, now
        return now - self._since >= self._frozen_s


def changed(one: bytes, other: bytes) -> bool:
    """True when two pictures of one size are not the same one, encoded twice."""
    if one == other:
        return False
    return sum(abs(a - b) > 3 for a, b in zip(one, other, strict=True)) > len(one) // 500


class Developer:
    """Makes a JPEG of a decoded frame: its region only, no larger than is read."""

    def __init__(self, region: list[float] | None, pixels_max: int) -> None:
        self._region, self._pixels_max = region, pixels_max
        self._for: tuple[int, int, str] | None = None

    def jpeg(self, frame: av.VideoFrame) -> bytes:
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._for:
            self._set_up(frame)
            self._for = shape
        frame.pts = None
        self._source.push(frame)
        developed = self._sink.pull()
        developed.pts = self._count = self._count + 1
        developed.time_base = Fraction(1, 25)
        return b"".join(bytes(packet) for packet in self._encoder.encode(developed))

    def _set_up(self, frame: av.VideoFrame) -> None:
        left, top, width, height = self._region or (0.0, 0.0, 1.0, 1.0)
        # Even numbers: the colours have half the resolution.
        x, y = int(left * frame.width) // 2 * 2, int(top * frame.height) // 2 * 2
        w, h = max(2, int(width * frame.width) // 2 * 2), max(2, int(height * frame.height) // 2 * 2)
        w, h = min(w, (frame.width - x) // 2 * 2), min(h, (frame.height - y) // 2 * 2)
        smaller = min(1.0, (self._pixels_max / (w * h)) ** 0.5)
        wide, high = int(w * smaller) // 2 * 2, int(h * smaller) // 2 * 2
        graph = av.filter.Graph()
        self._source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
        )
        steps = [graph.add("crop", f"{w}:{h}:{x}:{y}"), graph.add("scale", f"{wide}:{high}:out_range=pc"), graph.add("format", "yuvj420p")]
        self._sink = graph.add("buffersink")
        graph.link_nodes(self._source, *steps, self._sink).configure()
        self._graph = graph
        encoder = av.CodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = wide, high, "yuvj420p"
        encoder.time_base, encoder.qmin, encoder.qmax, encoder.thread_count = Fraction(1, 25), 2, 3, 1
        self._encoder, self._count = encoder, 0


def read_stream(told: dict[str, Any], port: int, newest: Newest) -> None:
    """Receive and decode until the stream ends."""
    user = f"{quote(told['user'], safe='')}:{quote(told['password'], safe='')}@" if told["user"] else ""
    options = {
        # Interleaved in the one connection there is: no other socket is ever opened.
        "rtsp_transport": "tcp", "timeout": str(int(told["open_s"] * 1e6)), "probesize": "65536", "analyzeduration": "200000",
        "fflags": "nobuffer", "flags": "low_delay", "protocol_whitelist": "tcp,rtp,rtsp", "allowed_media_types": "video",
    }  # fmt: skip
    try:
        with av.open(f"rtsp://{user}127.0.0.1:{port}{told['target']}", options=options, timeout=(told["open_s"], told["open_s"])) as container:
            if not container.streams.video:
                newest.end("no_video")
                return
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            age, whole, first = Age(), False, 0.0
            alone = stream.codec_context.name == "mjpeg"
            for packet in container.demux(stream):
                if alone and packet.size:
                    arrived = time.monotonic()
                    first = first or arrived
                    taken = age.taken(arrived, None if packet.pts is None else float(packet.pts * packet.time_base))
                    if not packet.is_corrupt and arrived - first >= SETTLE_S:
                        newest.put(packet, taken)
                    continue
                for frame in packet.decode():
                    # Before the first key frame, and after a loss, a picture is made of what the decoder guessed.
                    whole = bool(frame.key_frame) or (whole and not frame.is_corrupt)
                    arrived = time.monotonic()
                    first = first or arrived
                    taken = age.taken(arrived, frame.time)
                    if whole and not frame.is_corrupt and arrived - first >= SETTLE_S:
                        newest.put(frame, taken)
        newest.end("ended")
    except av.HTTPUnauthorizedError:
        newest.end("unauthorised")
    except av.HTTPNotFoundError:
        newest.end("not_found")
    except (av.FFmpegError, OSError, ValueError):
        newest.end("unreadable")


def decoded(singles: av.CodecContext, packet: av.Packet) -> av.VideoFrame | None:
    """The picture of a packet that stands alone; None when it is broken."""
    try:
        frames = singles.decode(packet)
    except av.FFmpegError:
        return None
    return frames[0] if frames and not frames[0].is_corrupt else None


def answer(told: dict[str, Any], newest: Newest, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the connection ends or nobody asks any more."""
    singles = av.CodecContext.create("mjpeg", "r")
    developer, still = Developer(told["region"], told["pixels_max"]), Still(told["frozen_s"])
    asked, given, began = False, 0, time.monotonic()

    def something() -> bool:
        return bool(newest.ended) or (asked and newest.number > given)

    def say(kind: bytes, content: bytes) -> None:
        answers.write(MESSAGE.pack(kind, len(content)) + content)
        answers.flush()

    def listen() -> None:
        nonlocal asked
        while questions.read(1):
            with newest.changed:
                asked = True
                newest.changed.notify_all()
        newest.end("ended")

    threading.Thread(target=listen, daemon=True).start()
    while True:
        with newest.changed:
            newest.changed.wait_for(something, timeout=ALIVE_S)
            frame, taken, number, ended = newest.frame, newest.taken, newest.number, newest.ended
        if ended:
            say(b"s", json.dumps({"ended": ended}).encode())
            return
        if asked and number > given:
            given = number
            frame = frame if isinstance(frame, av.VideoFrame) else decoded(singles, frame)
            if frame is None:
                continue
            frozen = still.frozen(frame, time.monotonic())
            say(b"p", PICTURE.pack(number, taken, frozen) + developer.jpeg(frame))
            asked = False
            continue
        if time.monotonic() - max(taken, began) > NO_FRAMES_S + (0 if number else told["open_s"]):
            newest.end("no_frames")
            continue
        # Also finds out that nobody reads any more.
        say(b"s", json.dumps({"age_s": round(time.monotonic() - taken, 3) if number else None}).encode())


def main() -> None:
    """Read what to look at, look, answer."""
    os.nice(5)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.set_level(av.logging.PANIC)
    questions = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    answers = sys.stdout.buffer
    told = json.loads(_line(questions))
    newest = Newest()
    relay = Relay(told, newest)
    failed = relay.connect()
    if failed:
        newest.end(failed)
    else:
        for work in (relay.run, lambda: read_stream(told, relay.port, newest)):
            threading.Thread(target=work, daemon=True).start()
    with suppress(BrokenPipeError, ConnectionResetError):
        answer(told, newest, questions, answers)
    # Whatever libav is doing is of no interest any more, and it may never end.
    os._exit(0)


def _line(source: BinaryIO) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = source.read(1)
        if not piece:
            os._exit(0)
        line += piece
    return line


if __name__ == "__main__":
    main()
